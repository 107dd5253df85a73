/* 3 x 3 convolutions with stride 1 in 16 instead of 36 multiplications for each 2 x 2 outputs (Winograd, F(2x2, 3x3)).
 *
 * A tile of 4 x 4 inputs and the 3 x 3 weights are turned into 16 numbers each, multiplied one by one and summed over the
 * inputs, and 16 sums turn into 2 x 2 outputs. The turning costs additions for each input and each output, the rest for
 * each pair of them, so it pays from some width on (`Kernels.saves_products`). */
#include "lanes.h"

#ifdef __AVX512F__
#define TILES 4
#else
#define TILES 2
#endif

/* Differences and sums of four values that a tile is seen through, along one side. */
#define SEEN(a, b, c, d, to0, to1, to2, to3)                                                                          \
    do {                                                                                                              \
        to0 = (a) - (c);                                                                                              \
        to1 = (b) + (c);                                                                                              \
        to2 = (c) - (b);                                                                                              \
        to3 = (b) - (d);                                                                                              \
    } while (0)

/* One input's tile at `in` as 16 numbers, `apart` vectors from each other. */
INLINE void turn_input(const vec *in, int64_t row, vec *out, int64_t apart)
{
    vec half[4][4];
    UNROLL for (int x = 0; x < 4; x++)
        SEEN(in[x], in[row + x], in[2 * row + x], in[3 * row + x], half[0][x], half[1][x], half[2][x], half[3][x]);
    UNROLL for (int y = 0; y < 4; y++) {
        vec *to = out + 4 * y * apart;
        SEEN(half[y][0], half[y][1], half[y][2], half[y][3], to[0], to[apart], to[2 * apart], to[3 * apart]);
    }
}

/* 16 sums as 2 x 2 outputs. */
INLINE void turn_back(const vec *sums, int64_t apart, vec out[4])
{
    vec half[2][4];
    UNROLL for (int x = 0; x < 4; x++) {
        const vec a = sums[x * apart], b = sums[(4 + x) * apart], c = sums[(8 + x) * apart], d = sums[(12 + x) * apart];
        half[0][x] = a + b + c;
        half[1][x] = b - c - d;
    }
    UNROLL for (int y = 0; y < 2; y++) {
        out[2 * y] = half[y][0] + half[y][1] + half[y][2];
        out[2 * y + 1] = half[y][1] - half[y][2] - half[y][3];
    }
}

/* Products of G outputs at the tiles, summed over the inputs, for one of the 16 numbers. */
INLINE void multiply(const int G, int64_t inputs, const vec *seen, const real *w, vec *sums)
{
    vec acc[WIDEST][TILES];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int t = 0; t < TILES; t++) acc[g][t] = ZERO;
    for (int64_t i = 0; i < inputs; i++, w += G, seen += TILES) {
        vec value[TILES];
        UNROLL for (int t = 0; t < TILES; t++) {
            value[t] = seen[t];
            IN_REGISTER(value[t]);
        }
        UNROLL for (int g = 0; g < G; g++) {
            const real weight = w[g];
            UNROLL for (int t = 0; t < TILES; t++) acc[g][t] += weight * value[t];
        }
    }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int t = 0; t < TILES; t++) sums[g * TILES + t] = acc[g][t];
}

/* All outputs, number by number: the inputs of one number stay in the first-level cache meanwhile. */
static void multiply_all(int64_t inputs, int64_t outputs, const vec *seen, const real *w, vec *sums)
{
    for (int number = 0; number < 16; number++, seen += (inputs + 1) * TILES, sums += TILES)
        for (int64_t o = 0; o < outputs;) {
            const int group = group_of((int)(outputs - o), (int)outputs);
            switch (group) {
            case 1: multiply(1, inputs, seen, w, sums); break;
            case 2: multiply(2, inputs, seen, w, sums); break;
            case 3: multiply(3, inputs, seen, w, sums); break;
            case 4: multiply(4, inputs, seen, w, sums); break;
            default: multiply(5, inputs, seen, w, sums);
            }
            o += group, w += group * inputs, sums += group * TILES;
        }
}

/* As `convolve` with kernel 3 and stride 1; height and width are even. */
void convolve_winograd(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                       const real *in_, int64_t in_block, int64_t plane, int64_t row, const real *weights,
                       real *out_, int mode, real *statistics_)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        const vec *in = (const vec *)in_ + b * in_block;
        vec *out = (vec *)out_ + b * outputs * height * width, *statistics = (vec *)statistics_ + b * outputs * 3;
        const int64_t apart = (inputs + 1) * TILES, sums_apart = (outputs + 1) * TILES;
        vec seen[16 * apart], sums[16 * sums_apart], row_sums[2 * outputs];
        for (int64_t y = 0; y < height; y += 2) {
            for (int64_t o = 0; o < 2 * outputs; o++) row_sums[o] = ZERO;
            for (int64_t x = 0; x < width; x += 2 * TILES) {
                const int64_t tiles = (width - x) / 2 < TILES ? (width - x) / 2 : TILES;
                for (int64_t i = 0; i < inputs; i++) {
                    if (y + 2 < height) {
                        const vec *next = in + i * plane + (y + 4) * row + x + 2;
                        for (int64_t n = 0; n < 2 * tiles; n++) 
                            __builtin_prefetch(next + n, 0, 2), __builtin_prefetch(next + row + n, 0, 2);
                    }
                    for (int64_t t = 0; t < TILES; t++)
                        if (t < tiles)
                            turn_input(in + i * plane + y * row + x + 2 * t, row, seen + i * TILES + t, apart);
                        else for (int number = 0; number < 16; number++)
                            seen[number * apart + i * TILES + t] = ZERO;
                }
                multiply_all(inputs, outputs, seen, weights, sums);
                for (int64_t o = 0; o < outputs; o++) {
                    if (y + 2 < height && mode != GATHER_PAST)
                        for (int64_t n = 0; n < 2 * tiles; n++) {
                            const vec *next = out + (o * height + y + 2) * width + x + n;
                            __builtin_prefetch(next, 1, 3), __builtin_prefetch(next + width, 1, 3);
                        }
                    for (int64_t t = 0; t < tiles; t++) {
                        vec found[4], *to = out + (o * height + y) * width + x + 2 * t;
                        turn_back(sums + o * TILES + t, sums_apart, found);
                        if (mode == ADD) found[0] += to[0], found[1] += to[1], found[2] += to[width],
                                       found[3] += to[width + 1];
                        if (mode == GATHER_PAST) {
                            WRITE_PAST(to, found[0]), WRITE_PAST(to + 1, found[1]);
                            WRITE_PAST(to + width, found[2]), WRITE_PAST(to + width + 1, found[3]);
                        } else to[0] = found[0], to[1] = found[1], to[width] = found[2], to[width + 1] = found[3];
                        if (mode < GATHER) continue;
                        if (y == 0 && x == 0 && t == 0)
                            statistics[3 * o] = found[0], statistics[3 * o + 1] = statistics[3 * o + 2] = ZERO;
                        UNROLL for (int n = 0; n < 4; n++) {
                            const vec distance = found[n] - statistics[3 * o];
                            row_sums[2 * o] += distance;
                            row_sums[2 * o + 1] += distance * distance;
                        }
                    }
                }
            }
            if (mode >= GATHER) for (int64_t o = 0; o < outputs; o++)
                statistics[3 * o + 1] += row_sums[2 * o], statistics[3 * o + 2] += row_sums[2 * o + 1];
        }
    }
}

/* Three weights along one side as four numbers. */
#define SPREAD(a, b, c, to0, to1, to2, to3)                                                                           \
    do {                                                                                                              \
        to0 = (a);                                                                                                    \
        to1 = ((a) + (b) + (c)) / 2;                                                                                  \
        to2 = ((a) - (b) + (c)) / 2;                                                                                  \
        to3 = (c);                                                                                                    \
    } while (0)

/* As `pack`, of weights 3 x 3. */
void pack_winograd(int threads, int64_t outputs, int64_t inputs, const real *w, int64_t so, int64_t si, int64_t sy, int64_t sx,
                   int turned, real *packed)
{
    const int64_t first = turned ? inputs : outputs, second = turned ? outputs : inputs;
    const int widest = group_of((int)first, (int)first);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < first; o += widest) {
        const int group = group_of((int)(first - o), (int)first);
        for (int64_t i = 0; i < second; i++)
            for (int g = 0; g < group; g++) {
                real half[4][3], full[4][4];
                for (int x = 0; x < 3; x++) {
                    real tap[3];
                    for (int y = 0; y < 3; y++)
                        tap[y] = turned ? w[i * so + (o + g) * si + (2 - y) * sy + (2 - x) * sx]
                                        : w[(o + g) * so + i * si + y * sy + x * sx];
                    SPREAD(tap[0], tap[1], tap[2], half[0][x], half[1][x], half[2][x], half[3][x]);
                }
                for (int y = 0; y < 4; y++)
                    SPREAD(half[y][0], half[y][1], half[y][2], full[y][0], full[y][1], full[y][2], full[y][3]);
                for (int number = 0; number < 16; number++)
                    packed[(number * first + o) * second + i * group + g] = full[number / 4][number % 4];
            }
    }
}
