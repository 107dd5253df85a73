/* The kernels that `step.c` and `score.c` put together; each is described where it is. */
#ifndef KERNELS_H
#define KERNELS_H
#include "lanes.h"

void convolve(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
              int64_t kernel, int64_t stride, const real *in, int64_t in_block, int64_t plane, int64_t row,
              const real *weights, real *out, int mode, real *statistics);
void convolve_winograd(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                       const real *in, int64_t in_block, int64_t plane, int64_t row, const real *weights, real *out,
                       int mode, real *statistics);
void convolve_winograd_4x4(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                           const real *in, int64_t in_block, int64_t plane, int64_t row, const real *weights, real *out,
                           int mode, real *statistics);
void pack(int threads, int64_t outputs, int64_t inputs, int64_t kernel, const real *w, int64_t so, int64_t si, int64_t sy,
          int64_t sx, int transposed, real *packed);
void pack_winograd(int threads, int64_t outputs, int64_t inputs, const real *w, int64_t so, int64_t si, int64_t sy,
                   int64_t sx, int transposed, real *packed);
void pack_winograd_4x4(int threads, int64_t outputs, int64_t inputs, const real *w, int64_t so, int64_t si, int64_t sy,
                       int64_t sx, int transposed, real *packed);
void weight_gradient(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                     int64_t kernel, int64_t stride, const real *in, int64_t in_block, int64_t in_plane,
                     int64_t in_row, const real *out, int64_t out_block, int64_t out_plane, int64_t out_row, real *dw,
                     int64_t so, int64_t si, int64_t sy, int64_t sx, real *sums);
int64_t gradient_room(int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
                      int64_t stride);
void winograd_gradient(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                       const real *in, int64_t in_block, int64_t in_plane, int64_t in_row, const real *out,
                       int64_t out_block, int64_t out_plane, int64_t out_row, real *dw, int64_t so, int64_t si, int64_t sy,
                       int64_t sx, real *sums);
int64_t winograd_gradient_room(int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width);
void finalise(int threads, int64_t channels, int64_t pixels, int64_t images, const real *statistics, double epsilon,
              real *mean, real *scale);
void gather_statistics(int threads, int64_t planes, int64_t height, int64_t width, const real *x, real *statistics);
void add_up(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int convs,
            const real *const *raws, const real *const *means, const real *const *scales, int plains,
            const real *const *terms, real *plain, real *padded);
void add_up_backward(int threads, int64_t planes, int64_t height, int64_t width, int plains, const real *const *terms,
                     const real *behind, const real *padded, real *out);
void normalise_backward(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int64_t images,
                        const real *gradient, const real *raw, const real *mean, const real *scale, int64_t spacing,
                        real *padded);
void pool(int threads, int64_t planes, int64_t height, int64_t width, const real *x, int transposed, real *out);
void lay_out(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int64_t images, const real *x,
             int64_t sn, int64_t sc, int64_t sy, int64_t sx, real *padded);
void halve(int threads, int64_t planes, int64_t height, int64_t width, const real *x, int transposed, real *out);

#endif
