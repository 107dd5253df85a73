/* 3 x 3 convolutions with stride 1 in 16 instead of 36 multiplications for each 2 x 2 outputs (Winograd, F(2x2, 3x3)).
 *
 * A tile of 4 x 4 inputs and the 3 x 3 weights are turned into 16 numbers each, multiplied one by one and summed over the
 * inputs, and 16 sums turn into 2 x 2 outputs. The turning costs additions for each input and each output, the rest for
 * each pair of them, so it pays from some width on (`tile_of` in `network.h`). */
#include <string.h>
#include "products.h"
#include "turned.h"

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

/* All outputs, number by number: the inputs of one number stay in the first-level cache meanwhile. */
static void multiply_all(int64_t inputs, int64_t outputs, const vec *seen, const real *w, vec *sums)
{
    for (int number = 0; number < 16; number++, seen += (inputs + 1) * TILES, sums += TILES)
        for (int64_t o = 0; o < outputs;) {
            const int group = group_of((int)(outputs - o), (int)outputs);
            switch (group) {
            case 1: multiply(1, TILES, inputs, seen, w, sums); break;
            case 2: multiply(2, TILES, inputs, seen, w, sums); break;
            case 3: multiply(3, TILES, inputs, seen, w, sums); break;
            case 4: multiply(4, TILES, inputs, seen, w, sums); break;
            default: multiply(5, TILES, inputs, seen, w, sums);
            }
            o += group, w += group * inputs, sums += group * TILES;
        }
}

/* As `convolve` with kernel 3 and stride 1; height and width are even. Tiles are taken in reading order, so that a small
 * image leaves few places empty; what the same tiles two rows below read and write is asked for in advance. */
void convolve_winograd(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                       const real *in_, int64_t in_block, int64_t plane, int64_t row, const real *weights,
                       real *out_, int mode, real *statistics_)
{
    const int64_t all = height * width / 4, apart = (inputs + 1) * TILES, sums_apart = (outputs + 1) * TILES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        const vec *in = (const vec *)in_ + b * in_block;
        vec *out = (vec *)out_ + b * outputs * height * width, *statistics = (vec *)statistics_ + b * outputs * 3;
        /* one vector more than needed between numbers: a power of two would put them all in one set of the cache */
        vec seen[16 * apart], sums[16 * sums_apart];
        for (int64_t first = 0; first < all; first += TILES) {
            const int64_t tiles = all - first < TILES ? all - first : TILES;
            int64_t from_at[TILES], to_at[TILES];
            int below[TILES];
            for (int64_t t = 0; t < TILES; t++) {
                const int64_t y = (first + t) / (width / 2) * 2, x = (first + t) % (width / 2) * 2;
                from_at[t] = y * row + x, to_at[t] = y * width + x, below[t] = y + 2 < height;
            }
            for (int64_t i = 0; i < inputs; i++)
                for (int64_t t = 0; t < TILES; t++) {
                    const vec *from = in + i * plane + from_at[t];
                    vec *to = seen + i * TILES + t;
                    if (t >= tiles) {
                        for (int number = 0; number < 16; number++) to[number * apart] = ZERO;
                        continue;
                    }
                    if (below[t])
                        for (int n = 2; n < 4; n++)
                            __builtin_prefetch(from + 4 * row + n, 0, 2), __builtin_prefetch(from + 5 * row + n, 0, 2);
                    turn_input(from, row, to, apart);
                }
            multiply_all(inputs, outputs, seen, weights, sums);
            for (int64_t o = 0; o < outputs; o++) {
                vec sum = ZERO, square = ZERO;
                for (int64_t t = 0; t < tiles; t++) {
                    vec found[4], *to = out + o * height * width + to_at[t];
                    turn_back(sums + o * TILES + t, sums_apart, found);
                    if (below[t] && mode != GATHER_PAST)
                        for (int n = 0; n < 2; n++)
                            __builtin_prefetch(to + 2 * width + n, 1, 3), __builtin_prefetch(to + 3 * width + n, 1, 3);
                    if (mode == ADD)
                        found[0] += to[0], found[1] += to[1], found[2] += to[width], found[3] += to[width + 1];
                    if (mode == GATHER_PAST) {
                        WRITE_PAST(to, found[0]), WRITE_PAST(to + 1, found[1]);
                        WRITE_PAST(to + width, found[2]), WRITE_PAST(to + width + 1, found[3]);
                    } else to[0] = found[0], to[1] = found[1], to[width] = found[2], to[width + 1] = found[3];
                    if (mode < GATHER) continue;
                    if (first + t == 0)
                        statistics[3 * o] = found[0], statistics[3 * o + 1] = statistics[3 * o + 2] = ZERO;
                    UNROLL for (int n = 0; n < 4; n++) {
                        const vec distance = found[n] - statistics[3 * o];
                        sum += distance;
                        square += distance * distance;
                    }
                }
                if (mode >= GATHER) statistics[3 * o + 1] += sum, statistics[3 * o + 2] += square;
            }
        }
        if (mode == GATHER_PAST) SEEN_BY_ALL();
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

/* As `pack`, of weights 3 x 3. The numbers of a group of filters are put together first: written one by one they would be
 * a power of two apart and push each other out of the caches. */
void pack_winograd(int threads, int64_t outputs, int64_t inputs, const real *w, int64_t so, int64_t si, int64_t sy, int64_t sx,
                   int transposed, real *packed)
{
    const int64_t first = transposed ? inputs : outputs, second = transposed ? outputs : inputs;
    const int64_t sf = transposed ? si : so, ss = transposed ? so : si;
    const int widest = group_of((int)first, (int)first);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t begin = 0; begin < first; begin += widest) {
        const int group = group_of((int)(first - begin), (int)first);
        const int64_t run = second * group, apart = run + 16;
        real numbers[16 * apart];
        for (int64_t i = 0; i < second; i++)
            for (int g = 0; g < group; g++) {
                const real *tap = w + (begin + g) * sf + i * ss;
                const int64_t down = transposed ? -sy : sy, right = transposed ? -sx : sx;
                real half[4][3], full[4][4];
                if (transposed) tap += 2 * sy + 2 * sx;
                for (int x = 0; x < 3; x++, tap += right)
                    SPREAD(tap[0], tap[down], tap[2 * down], half[0][x], half[1][x], half[2][x], half[3][x]);
                for (int y = 0; y < 4; y++)
                    SPREAD(half[y][0], half[y][1], half[y][2], full[y][0], full[y][1], full[y][2], full[y][3]);
                real *to = numbers + i * group + g;
                UNROLL for (int number = 0; number < 16; number++) to[number * apart] = full[number / 4][number % 4];
            }
        for (int number = 0; number < 16; number++)
            memcpy(packed + (number * first + begin) * second, numbers + number * apart, (size_t)run * sizeof(real));
    }
}
