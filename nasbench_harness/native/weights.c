/* Gradients of weights: for each pair of an output and an input the sum over images and pixels, tap by tap. */
#include "lanes.h"

#define OUTPUTS 4
#define INPUTS 3

INLINE real across(const vec *v)
{
    real total = 0;
    UNROLL for (int lane = 0; lane < LANES; lane++) total += (*v)[lane];
    return total;
}

/* Rows y0 .. y1 of G outputs against one row of taps of one input. */
INLINE void taps(const int G, const int S, int64_t y0, int64_t y1, int64_t width, const vec *in, int64_t in_row,
                 const vec *out, int64_t out_plane, int64_t out_row, vec sum[OUTPUTS][3])
{
    vec acc[OUTPUTS][3];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int k = 0; k < 3; k++) acc[g][k] = ZERO;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < width; x++) {
            const vec *pixel = in + y * S * in_row + x * S;
            UNROLL for (int g = 0; g < G; g++) {
                const vec gradient = out[g * out_plane + y * out_row + x];
                UNROLL for (int k = 0; k < 3; k++) acc[g][k] += gradient * pixel[k];
            }
        }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int k = 0; k < 3; k++) sum[g][k] += acc[g][k];
}

/* Pixels side by side: G outputs against I inputs, no neighbours. */
INLINE void points(const int G, const int I, int64_t y0, int64_t y1, int64_t width, const vec *in, int64_t in_plane,
                   int64_t in_row, const vec *out, int64_t out_plane, int64_t out_row, vec sum[OUTPUTS][3])
{
    vec acc[OUTPUTS][3];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) acc[g][i] = ZERO;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < width; x++)
            UNROLL for (int g = 0; g < G; g++) {
                const vec gradient = out[g * out_plane + y * out_row + x];
                UNROLL for (int i = 0; i < I; i++) acc[g][i] += gradient * in[i * in_plane + y * in_row + x];
            }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) sum[g][i] += acc[g][i];
}

#define CASES(CALL, ...)                                                                                              \
    switch (g) {                                                                                                      \
    case 1: CALL(1, __VA_ARGS__); break;                                                                              \
    case 2: CALL(2, __VA_ARGS__); break;                                                                              \
    case 3: CALL(3, __VA_ARGS__); break;                                                                              \
    default: CALL(4, __VA_ARGS__);                                                                                    \
    }

static void taps_of(int g, int stride, int64_t y0, int64_t y1, int64_t width, const vec *in, int64_t in_row,
                    const vec *out, int64_t out_plane, int64_t out_row, vec sum[OUTPUTS][3])
{
    if (stride == 1) CASES(taps, 1, y0, y1, width, in, in_row, out, out_plane, out_row, sum)
    else CASES(taps, 2, y0, y1, width, in, in_row, out, out_plane, out_row, sum)
}

static void points_of(int g, int i, int64_t y0, int64_t y1, int64_t width, const vec *in, int64_t in_plane,
                      int64_t in_row, const vec *out, int64_t out_plane, int64_t out_row, vec sum[OUTPUTS][3])
{
    if (i == 1) CASES(points, 1, y0, y1, width, in, in_plane, in_row, out, out_plane, out_row, sum)
    else if (i == 2) CASES(points, 2, y0, y1, width, in, in_plane, in_row, out, out_plane, out_row, sum)
    else CASES(points, 3, y0, y1, width, in, in_plane, in_row, out, out_plane, out_row, sum)
}

/* `in` points at the first tap of the first output pixel, `out` at the gradient's first pixel; both by strides.
 * dw: [outputs, inputs, k, k] by its strides in numbers. Every weight is summed by one thread in one order. */
void weight_gradient(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                     int64_t kernel, int64_t stride, const real *in_, int64_t in_block, int64_t in_plane,
                     int64_t in_row, const real *out_, int64_t out_block, int64_t out_plane, int64_t out_row, real *dw,
                     int64_t so, int64_t si, int64_t sy, int64_t sx)
{
    const int64_t groups = (outputs + OUTPUTS - 1) / OUTPUTS, step = kernel == 1 ? INPUTS : 1;
    const int64_t sets = (inputs + step - 1) / step;
    int64_t chunk = 24576 / (int64_t)(sizeof(vec) * (OUTPUTS + INPUTS) * width);
    chunk = chunk < 1 ? 1 : chunk;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < groups * sets; task++) {
        const int64_t o = task / sets * OUTPUTS, i = task % sets * step;
        const int g = (int)(outputs - o < OUTPUTS ? outputs - o : OUTPUTS);
        const int n = (int)(inputs - i < step ? inputs - i : step);
        vec sum[3][OUTPUTS][3];
        for (int k = 0; k < 3; k++) for (int p = 0; p < OUTPUTS; p++) for (int q = 0; q < 3; q++) sum[k][p][q] = ZERO;
        for (int64_t b = 0; b < blocks; b++) {
            const vec *in = (const vec *)in_ + b * in_block + i * in_plane;
            const vec *out = (const vec *)out_ + b * out_block + o * out_plane;
            for (int64_t y = 0; y < height; y += chunk) {
                const int64_t end = height - y < chunk ? height : y + chunk;
                if (kernel == 1) points_of(g, n, y, end, width, in, in_plane, in_row, out, out_plane, out_row, sum[0]);
                else for (int k = 0; k < 3; k++)
                    taps_of(g, (int)stride, y, end, width, in + k * in_row, in_row, out, out_plane, out_row, sum[k]);
            }
        }
        for (int p = 0; p < g; p++)
            if (kernel == 1) for (int q = 0; q < n; q++) dw[(o + p) * so + (i + q) * si] = across(&sum[0][p][q]);
            else for (int k = 0; k < 3; k++) for (int q = 0; q < 3; q++)
                dw[(o + p) * so + i * si + k * sy + q * sx] = across(&sum[k][p][q]);
    }
}
