/* Convolutions: forward, and with transposed weights the gradient of the input. */
#include "lanes.h"

#ifdef __AVX512F__
#define PIXELS 4
#else
#define PIXELS 2
#endif

typedef struct {
    int64_t inputs, plane, row, stride, kernel;
} Source;

/* G outputs at X neighbouring pixels; `in` points at the first tap of the first pixel. */
INLINE void tile(const int G, const int X, const int K, const int S, const Source *s, const vec *in, const real *w,
                 vec acc[WIDEST][PIXELS])
{
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int x = 0; x < X; x++) acc[g][x] = ZERO;
    for (int64_t i = 0; i < s->inputs; i++)
        for (int ky = 0; ky < K; ky++) {
            const vec *taps = in + i * s->plane + ky * s->row;
            UNROLL for (int kx = 0; kx < K; kx++, w += G) {
                vec pixel[PIXELS];
                UNROLL for (int x = 0; x < X; x++) {
                    pixel[x] = taps[x * S + kx];
                    IN_REGISTER(pixel[x]);
                }
                UNROLL for (int g = 0; g < G; g++) {
                    const real weight = w[g];
                    UNROLL for (int x = 0; x < X; x++) acc[g][x] += weight * pixel[x];
                }
            }
        }
}

INLINE void store(const int G, const int X, const int mode, vec acc[WIDEST][PIXELS], vec *out, int64_t out_plane,
                  const vec *shift, vec *sum, vec *square)
{
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int x = 0; x < X; x++) {
        vec *to = out + g * out_plane + x;
        if (mode == ADD) acc[g][x] += *to;
        *to = acc[g][x];
        if (mode >= GATHER) {
            const vec distance = acc[g][x] - shift[g];
            sum[g] += distance;
            square[g] += distance * distance;
        }
    }
}

/* One row of G outputs. Sums are taken by rows first, so that rounding grows with the side and not with the area. What is
 * written past the caches is put together first: between the loads of a tile each of its writes would have to wait. */
INLINE void row_of(const int G, const int K, const int S, const int mode, int width, const Source *s, const vec *in,
                   const real *w, vec *out, int64_t out_plane, int first, vec *statistics)
{
    vec acc[WIDEST][PIXELS], sum[WIDEST], square[WIDEST], shift[WIDEST], line[mode == GATHER_PAST ? G * width : 1];
    vec *const to = mode == GATHER_PAST ? line : out;
    const int64_t to_plane = mode == GATHER_PAST ? width : out_plane;
    if (mode >= GATHER) {
        if (first) {
            tile(G, 1, K, S, s, in, w, acc);
            UNROLL for (int g = 0; g < G; g++) {
                statistics[3 * g] = acc[g][0];
                statistics[3 * g + 1] = statistics[3 * g + 2] = ZERO;
            }
        }
        UNROLL for (int g = 0; g < G; g++) shift[g] = statistics[3 * g], sum[g] = square[g] = ZERO;
    }
    int x = 0;
    for (; x + PIXELS <= width; x += PIXELS) {
        tile(G, PIXELS, K, S, s, in + x * S, w, acc);
        store(G, PIXELS, mode, acc, to + x, to_plane, shift, sum, square);
    }
    for (; x < width; x++) {
        tile(G, 1, K, S, s, in + x * S, w, acc);
        store(G, 1, mode, acc, to + x, to_plane, shift, sum, square);
    }
    if (mode == GATHER_PAST)
        for (int g = 0; g < G; g++)
            for (x = 0; x < width; x++) WRITE_PAST(out + g * out_plane + x, line[g * width + x]);
    if (mode >= GATHER)
        UNROLL for (int g = 0; g < G; g++) statistics[3 * g + 1] += sum[g], statistics[3 * g + 2] += square[g];
}

#define BY_MODE(G, K, S)                                                                                              \
    static void rows_##G##_##K##_##S(int mode, int width, const Source *s, const vec *in, const real *w, vec *out,    \
                                     int64_t out_plane, int first, vec *statistics)                                   \
    {                                                                                                                 \
        switch (mode) {                                                                                               \
        case WRITE: row_of(G, K, S, WRITE, width, s, in, w, out, out_plane, first, statistics); break;                \
        case ADD: row_of(G, K, S, ADD, width, s, in, w, out, out_plane, first, statistics); break;                    \
        case GATHER: row_of(G, K, S, GATHER, width, s, in, w, out, out_plane, first, statistics); break;              \
        default: row_of(G, K, S, GATHER_PAST, width, s, in, w, out, out_plane, first, statistics);                    \
        }                                                                                                             \
    }
#define BY_GROUP(K, S) BY_MODE(1, K, S) BY_MODE(2, K, S) BY_MODE(3, K, S) BY_MODE(4, K, S) BY_MODE(5, K, S)
BY_GROUP(1, 1)
BY_GROUP(3, 1)
BY_GROUP(3, 2)
#define ROWS(K, S) {rows_1_##K##_##S, rows_2_##K##_##S, rows_3_##K##_##S, rows_4_##K##_##S, rows_5_##K##_##S}
typedef void (*Rows)(int, int, const Source *, const vec *, const real *, vec *, int64_t, int, vec *);
static const Rows rows[3][WIDEST] = {ROWS(1, 1), ROWS(3, 1), ROWS(3, 2)};

/* Columns of a strip: the taps of a row's strip stay in the first-level cache for all outputs. */
static int strip_of(int64_t inputs, int kernel, int64_t width)
{
    const int64_t room = 24576 / (int64_t)(inputs * kernel * sizeof(vec));
    const int64_t strip = room - kernel + 1 > 8 ? (room - kernel + 1) / PIXELS * PIXELS : 8;
    return (int)(strip < width ? strip : width);
}

/* Asks for the taps that the next row adds and for the room of its outputs: a strip is too short, and there are too many
 * planes, for the processor to see where this goes on. Rows of 1 x 1 taps follow each other, and it does. */
INLINE void fetch(const Source *s, int64_t first, int64_t last, const vec *in, int64_t columns, const vec *out,
                  int64_t out_plane, int64_t group, int64_t out_columns)
{
    for (int64_t i = first; i < last; i++)
        for (int64_t x = 0; x < columns; x++) __builtin_prefetch(in + i * s->plane + x, 0, 2);
    for (int64_t g = 0; g < group; g++)
        for (int64_t x = 0; x < out_columns; x++) __builtin_prefetch(out + g * out_plane + x, 1, 3);
}

/* out[b][o] = sum over inputs and taps of weight * in; `out` is not padded, [blocks][outputs][height][width].
 * `in` points at the first tap of the first output pixel; `in_block` is the distance of blocks.
 * statistics: [blocks][outputs][3] of shift, sum and sum of squares around the shift, lane by lane (with GATHER). */
void convolve(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
              int64_t kernel, int64_t stride, const real *in_, int64_t in_block, int64_t plane, int64_t row,
              const real *weights, real *out_, int mode, real *statistics_)
{
    const Source s = {inputs, plane, row, stride, kernel};
    const Rows *by_group = rows[kernel == 1 ? 0 : stride];
    const int strip = strip_of(inputs, (int)kernel, width);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        const vec *in = (const vec *)in_ + b * in_block;
        vec *out = (vec *)out_ + b * outputs * height * width;
        vec *statistics = (vec *)statistics_ + b * outputs * 3;
        for (int64_t x = 0; x < width; x += strip) {
            const int columns = (int)(width - x < strip ? width - x : strip);
            for (int64_t y = 0; y < height; y++)
                for (int64_t o = 0; o < outputs;) {
                    const int group = group_of((int)(outputs - o), (int)outputs);
                    if (y + 1 < height && kernel > 1)
                        fetch(&s, o * inputs / outputs, (o + group) * inputs / outputs,
                              in + ((y + 1) * stride + kernel - 1) * row + x * stride, columns * stride + kernel - stride,
                              out + (o * height + y + 1) * width + x, height * width,
                              mode == GATHER_PAST ? 0 : group, columns);
                    by_group[group - 1](mode, columns, &s, in + y * stride * row + x * stride,
                                        weights + o * inputs * kernel * kernel,
                                        out + (o * height + y) * width + x, height * width, x == 0 && y == 0,
                                        statistics + 3 * o);
                    o += group;
                }
        }
        if (mode == GATHER_PAST) SEEN_BY_ALL();
    }
}

/* Weights in the order in which tiles read them. `transposed`: of the gradient of the input, so outputs and inputs change
 * places and the taps are read backwards. Strides are those of the weight [outputs, inputs, k, k], in numbers. */
void pack(int threads, int64_t outputs, int64_t inputs, int64_t kernel, const real *w, int64_t so, int64_t si, int64_t sy,
          int64_t sx, int transposed, real *packed)
{
    const int64_t first = transposed ? inputs : outputs, second = transposed ? outputs : inputs;
    const int widest = group_of((int)first, (int)first);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < first; o += widest) {
        const int group = group_of((int)(first - o), (int)first);
        real *to = packed + o * second * kernel * kernel;
        for (int64_t i = 0; i < second; i++)
            for (int64_t y = 0; y < kernel; y++)
                for (int64_t x = 0; x < kernel; x++)
                    for (int g = 0; g < group; g++)
                        *to++ = transposed ? w[i * so + (o + g) * si + (kernel - 1 - y) * sy + (kernel - 1 - x) * sx]
                                       : w[(o + g) * so + i * si + y * sy + x * sx];
    }
}
