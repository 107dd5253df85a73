/* Gradients of weights: for each pair of an output and an input the sum over images and pixels, tap by tap. */
#include "kernels.h"

/* Sums that stay in registers: OUTPUTS x INPUTS pairs of one row of three taps, or OUTPUTS x POINTS pairs of one. */
#ifdef __AVX512F__
#define OUTPUTS 5
#define POINTS 5
INLINE int outputs_at_once(int left, int outputs) { return group_of(left, outputs); }
INLINE int inputs_at_once(int group) { return group == 5 ? 1 : 2; }
#else
#define OUTPUTS 4
#define POINTS 3
INLINE int outputs_at_once(int left, int outputs) { return (void)outputs, left < 4 ? left : 4; }
INLINE int inputs_at_once(int group) { return (void)group, 1; }
#endif
#define INPUTS 2

typedef struct {
    int64_t plane, row;
} Plane;

INLINE real across(const vec *v)
{
    real total = 0;
    UNROLL for (int lane = 0; lane < LANES; lane++) total += (*v)[lane];
    return total;
}

/* One block of images: G outputs against one row of taps of I inputs. */
INLINE void taps(const int G, const int I, const int S, int64_t height, int64_t width, const vec *in, Plane from,
                 const vec *out, Plane to, vec sum[OUTPUTS][INPUTS][3])
{
    vec acc[OUTPUTS][INPUTS][3];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++)
        UNROLL for (int k = 0; k < 3; k++) acc[g][i][k] = ZERO;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const vec *pixel = in + y * S * from.row + x * S;
            vec gradient[OUTPUTS];
            UNROLL for (int g = 0; g < G; g++) gradient[g] = out[g * to.plane + y * to.row + x];
            UNROLL for (int i = 0; i < I; i++) UNROLL for (int k = 0; k < 3; k++) {
                vec tap = pixel[i * from.plane + k];
                IN_REGISTER(tap);
                UNROLL for (int g = 0; g < G; g++) acc[g][i][k] += gradient[g] * tap;
            }
        }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++)
        UNROLL for (int k = 0; k < 3; k++) sum[g][i][k] += acc[g][i][k];
}

/* Rows y0 .. y1 of one block, no neighbours: G outputs against I inputs, added to what `sum` holds. */
INLINE void points(const int G, const int I, int64_t y0, int64_t y1, int64_t width, const vec *in, Plane from,
                   const vec *out, Plane to, vec *sum, int64_t inputs)
{
    vec acc[OUTPUTS][POINTS];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) acc[g][i] = ZERO;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < width; x++) {
            vec gradient[OUTPUTS];
            UNROLL for (int g = 0; g < G; g++) gradient[g] = out[g * to.plane + y * to.row + x];
            UNROLL for (int i = 0; i < I; i++) {
                vec pixel = in[i * from.plane + y * from.row + x];
                IN_REGISTER(pixel);
                UNROLL for (int g = 0; g < G; g++) acc[g][i] += gradient[g] * pixel;
            }
        }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) sum[g * inputs + i] += acc[g][i];
}

#define TAPS(G, I) taps(G, I, S, height, width, in, from, out, to, sum)
INLINE void taps_by(const int S, int g, int i, int64_t height, int64_t width, const vec *in, Plane from,
                    const vec *out, Plane to, vec sum[OUTPUTS][INPUTS][3])
{
    switch (g * 2 + i - 1) {
    case 2: TAPS(1, 1); break;
    case 3: TAPS(1, 2); break;
    case 4: TAPS(2, 1); break;
    case 5: TAPS(2, 2); break;
    case 6: TAPS(3, 1); break;
    case 7: TAPS(3, 2); break;
    case 8: TAPS(4, 1); break;
#if OUTPUTS == 5
    case 9: TAPS(4, 2); break;
    default: TAPS(5, 1);
#endif
    }
}

static void taps_of(int stride, int g, int i, int64_t height, int64_t width, const vec *in, Plane from,
                    const vec *out, Plane to, vec sum[OUTPUTS][INPUTS][3])
{
    if (stride == 1) taps_by(1, g, i, height, width, in, from, out, to, sum);
    else taps_by(2, g, i, height, width, in, from, out, to, sum);
}

#define POINT(G, I) points(G, I, y0, y1, width, in, from, out, to, sum, inputs)
INLINE void points_by(const int G, int i, int64_t y0, int64_t y1, int64_t width, const vec *in, Plane from,
                      const vec *out, Plane to, vec *sum, int64_t inputs)
{
    switch (i) {
    case 1: POINT(G, 1); break;
    case 2: POINT(G, 2); break;
    case 3: POINT(G, 3); break;
#if POINTS == 5
    case 4: POINT(G, 4); break;
    default: POINT(G, 5);
#endif
    }
}

static void points_of(int g, int i, int64_t y0, int64_t y1, int64_t width, const vec *in, Plane from, const vec *out,
                      Plane to, vec *sum, int64_t inputs)
{
    switch (g) {
    case 1: points_by(1, i, y0, y1, width, in, from, out, to, sum, inputs); break;
    case 2: points_by(2, i, y0, y1, width, in, from, out, to, sum, inputs); break;
    case 3: points_by(3, i, y0, y1, width, in, from, out, to, sum, inputs); break;
    case 4: points_by(4, i, y0, y1, width, in, from, out, to, sum, inputs); break;
#if OUTPUTS == 5
    default: points_by(5, i, y0, y1, width, in, from, out, to, sum, inputs);
#endif
    }
}

/* Bytes of both planes' rows that all pairs of channels go over while they lie in the second-level cache. */
#define NEAR (256 * 1024)

/* 1 x 1 weights: few products for each number read, so that all pairs go over some rows before the next rows are read.
 * sums: scratch [blocks][outputs][inputs] of vectors. */
static void gradient_of_points(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height,
                               int64_t width, const vec *in_, int64_t in_block, Plane from, const vec *out_,
                               int64_t out_block, Plane to, vec *sums, real *dw, int64_t so, int64_t si)
{
    const int widest = outputs_at_once((int)outputs, (int)outputs), step = inputs % POINTS && POINTS > 4 ? 4 : POINTS;
    int64_t rows = NEAR / (int64_t)((inputs + outputs) * width * sizeof(vec));
    rows = rows < 1 ? 1 : rows;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        vec *sum = sums + b * inputs * outputs;
        for (int64_t n = 0; n < inputs * outputs; n++) sum[n] = ZERO;
        for (int64_t y = 0; y < height; y += rows)
            for (int64_t o = 0; o < outputs; o += widest)
                for (int64_t i = 0; i < inputs; i += step)
                    points_of(outputs_at_once((int)(outputs - o), (int)outputs),
                              (int)(inputs - i < step ? inputs - i : step), y, y + rows < height ? y + rows : height,
                              width, in_ + b * in_block + i * from.plane, from, out_ + b * out_block + o * to.plane, to,
                              sum + o * inputs + i, inputs);
    }
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t i = 0; i < inputs; i++) {
            vec total = ZERO;
            for (int64_t b = 0; b < blocks; b++) total += sums[(b * outputs + o) * inputs + i];
            dw[o * so + i * si] = across(&total);
        }
}

static void gradient_of_taps(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height,
                             int64_t width, int stride, const vec *in_, int64_t in_block, Plane from, const vec *out_,
                             int64_t out_block, Plane to, real *dw, int64_t so, int64_t si, int64_t sy, int64_t sx)
{
    const int widest = outputs_at_once((int)outputs, (int)outputs), step = inputs_at_once(widest);
    const int64_t groups = (outputs + widest - 1) / widest, sets = (inputs + step - 1) / step;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t task = 0; task < groups * sets; task++) {
        const int64_t o = task / sets * widest, i = task % sets * step;
        const int g = outputs_at_once((int)(outputs - o), (int)outputs);
        const int n = (int)(inputs - i < step ? inputs - i : step);
        const vec *in = in_ + i * from.plane, *out = out_ + o * to.plane;
        vec sum[3][OUTPUTS][INPUTS][3] = {0};
        for (int64_t b = 0; b < blocks; b++)
            for (int k = 0; k < 3; k++)
                taps_of(stride, g, n, height, width, in + b * in_block + k * from.row, from, out + b * out_block, to,
                        sum[k]);
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < g; p++)
                for (int q = 0; q < n; q++)
                    for (int l = 0; l < 3; l++)
                        dw[(o + p) * so + (i + q) * si + k * sy + l * sx] = across(&sum[k][p][q][l]);
    }
}

/* Inputs and outputs from which products saved outweigh the additions they cost. */
#define TILES_FROM 5

static int by_tiles(int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel, int64_t stride)
{
    const int64_t least = inputs < outputs ? inputs : outputs;
    return kernel == 3 && stride == 1 && least >= TILES_FROM && height % 2 == 0 && width % 2 == 0;
}

/* Vectors of scratch that `weight_gradient` needs. */
int64_t gradient_room(int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
                      int64_t stride)
{
    if (by_tiles(inputs, outputs, height, width, kernel, stride))
        return winograd_gradient_room(blocks, inputs, outputs, height, width);
    return kernel == 1 ? blocks * outputs * inputs : 0;
}

/* `in` points at the first tap of the first output pixel, `out` at the gradient's first pixel; both by strides.
 * dw: [outputs, inputs, k, k] by its strides in numbers. The order of every sum is the same for any number of threads.
 * sums: `gradient_room` vectors. */
void weight_gradient(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                     int64_t kernel, int64_t stride, const real *in, int64_t in_block, int64_t in_plane,
                     int64_t in_row, const real *out, int64_t out_block, int64_t out_plane, int64_t out_row, real *dw,
                     int64_t so, int64_t si, int64_t sy, int64_t sx, real *sums)
{
    const Plane from = {in_plane, in_row}, to = {out_plane, out_row};
    if (by_tiles(inputs, outputs, height, width, kernel, stride))
        winograd_gradient(threads, blocks, inputs, outputs, height, width, in, in_block, in_plane, in_row, out, out_block,
                          out_plane, out_row, dw, so, si, sy, sx, sums);
    else if (kernel == 1)
        gradient_of_points(threads, blocks, inputs, outputs, height, width, (const vec *)in, in_block, from,
                           (const vec *)out, out_block, to, (vec *)sums, dw, so, si);
    else
        gradient_of_taps(threads, blocks, inputs, outputs, height, width, (int)stride, (const vec *)in, in_block, from,
                         (const vec *)out, out_block, to, dw, so, si, sy, sx);
}
