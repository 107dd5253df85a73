/* 3 x 3 convolutions with stride 1 in 36 instead of 144 multiplications for each 4 x 4 outputs (Winograd, F(4x4, 3x3)).
 *
 * As in `winograd.c` with larger tiles: 6 x 6 inputs and the 3 x 3 weights are turned into 36 numbers each. Along one side
 * these are values of polynomials at 0, +-LOW, +-HIGH and infinity. LOW = 1 / sqrt 2 and HIGH = sqrt 2 round less than the
 * usual 1 and 2 (points and their inverses: Barabasz et al., ACM TOMS 46 (4), 2020). */
#include <string.h>
#include "products.h"

#define BATCH 4 /* tiles whose numbers are in the caches at once */
#define NUMBERS 36
#define GROUP 4 /* outputs whose sums are in registers: five and six at two tiles were slower */
#define LOW ((real)0.70710678118654752440)
#define HIGH ((real)1.41421356237309504880)

/* Inlined together, these steps leave too few registers for each other. */
#define STEP static __attribute__((noinline))

/* Where a tile reads and writes; `begins`: its first tile in this row. */
typedef struct {
    const vec *in;
    vec *out, *statistics;
    int begins, first_of_block;
} Place;

/* Six values along one side as six numbers, `apart` from each other. */
INLINE void see(vec a, vec b, vec c, vec d, vec e, vec f, vec *to, int64_t apart)
{
    const vec even_low = e - 2 * c, odd_low = d - 2 * b, even_high = e - (real)0.5 * c, odd_high = d - (real)0.5 * b;
    to[0] = a + e - (real)2.5 * c;
    to[apart] = even_low + LOW * odd_low;
    to[2 * apart] = even_low - LOW * odd_low;
    to[3 * apart] = even_high + HIGH * odd_high;
    to[4 * apart] = even_high - HIGH * odd_high;
    to[5 * apart] = b + f - (real)2.5 * d;
}

/* One input's tiles, neighbours in a row, as 36 numbers each: columns first, which neighbours share. */
STEP void turn_input(const vec *in, int64_t row, int tiles, vec *seen, int64_t apart)
{
    enum { COLUMNS = 4 * BATCH + 2 };
    vec half[6 * COLUMNS];
    for (int x = 0; x < 4 * tiles + 2; x++)
        see(in[x], in[row + x], in[2 * row + x], in[3 * row + x], in[4 * row + x], in[5 * row + x], half + x, COLUMNS);
    for (int t = 0; t < tiles; t++)
        for (int y = 0; y < 6; y++) {
            const vec *from = half + y * COLUMNS + 4 * t;
            see(from[0], from[1], from[2], from[3], from[4], from[5], seen + t + 6 * y * apart, apart);
        }
}

/* Six sums along one side as four outputs. */
INLINE void back(const vec *sums, int64_t apart, vec *to, int64_t to_apart)
{
    const vec low = sums[apart], low_minus = sums[2 * apart], high = sums[3 * apart], high_minus = sums[4 * apart];
    const vec even_low = low + low_minus, odd_low = low - low_minus, even_high = high + high_minus;
    const vec odd_high = high - high_minus;
    to[0] = sums[0] + even_low + even_high;
    to[to_apart] = LOW * odd_low + HIGH * odd_high;
    to[2 * to_apart] = (real)0.5 * even_low + 2 * even_high;
    to[3 * to_apart] = sums[5 * apart] + (LOW / 2) * odd_low + (2 * HIGH) * odd_high;
}

INLINE void turn_back(const vec *sums, int64_t apart, vec out[16])
{
    vec half[4 * 6];
    UNROLL for (int x = 0; x < 6; x++) back(sums + x * apart, 6 * apart, half + x, 6);
    UNROLL for (int y = 0; y < 4; y++) back(half + 6 * y, 1, out + 4 * y, 1);
}

/* All outputs, number by number: the inputs of one number stay in the first-level cache meanwhile. */
STEP void multiply_all(int64_t inputs, int64_t outputs, int tiles, const vec *seen, const real *w, vec *sums)
{
    for (int number = 0; number < NUMBERS; number++, seen += (inputs + 1) * BATCH, sums += BATCH)
        for (int64_t o = 0; o < outputs;) {
            const int group = outputs - o < GROUP ? (int)(outputs - o) : GROUP;
            for (int t = 0; t < tiles; t += TILES)
                switch (group) {
                case 1: multiply(1, BATCH, inputs, seen + t, w, sums + t); break;
                case 2: multiply(2, BATCH, inputs, seen + t, w, sums + t); break;
                case 3: multiply(3, BATCH, inputs, seen + t, w, sums + t); break;
                default: multiply(GROUP, BATCH, inputs, seen + t, w, sums + t);
                }
            o += group, w += group * inputs, sums += group * BATCH;
        }
}

/* One output at one tile. What statistics add up is a tile's, so that it does not matter which tiles go together. */
STEP void write_tile(const vec *sums, int64_t apart, int64_t width, int mode, int first, vec *to, vec *statistics)
{
    vec found[16];
    turn_back(sums, apart, found);
    if (mode == ADD) UNROLL for (int n = 0; n < 16; n++) found[n] += to[n / 4 * width + n % 4];
    if (mode == GATHER_PAST) UNROLL for (int n = 0; n < 16; n++) WRITE_PAST(to + n / 4 * width + n % 4, found[n]);
    else UNROLL for (int n = 0; n < 16; n++) to[n / 4 * width + n % 4] = found[n];
    if (mode < GATHER) return;
    if (first) statistics[0] = found[0], statistics[1] = statistics[2] = ZERO;
    const vec shift = statistics[0];
    vec sum = ZERO, square = ZERO;
    UNROLL for (int n = 0; n < 16; n++) {
        const vec distance = found[n] - shift;
        sum += distance;
        square += distance * distance;
    }
    statistics[1] += sum, statistics[2] += square;
}

/* As `convolve` with kernel 3 and stride 1; height and width are multiples of four. Tiles are taken in reading order, from
 * one image block to the next, so that a small image leaves no place empty. */
void convolve_winograd_4x4(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                           const real *in_, int64_t in_block, int64_t plane, int64_t row, const real *weights,
                           real *out_, int mode, real *statistics_)
{
    const int64_t across = width / 4, all = height / 4 * across, size = height * width;
    /* one place more than needed between numbers: a power of two would put them all in one set of the cache */
    const int64_t apart = (inputs + 1) * BATCH, sums_apart = (outputs + 1) * BATCH;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        const int64_t end = (part + 1) * blocks / threads * all;
        vec seen[NUMBERS * apart], sums[NUMBERS * sums_apart];
        for (int64_t first = part * blocks / threads * all; first < end; first += BATCH) {
            const int tiles = end - first < BATCH ? (int)(end - first) : BATCH;
            Place place[BATCH];
            for (int t = 0; t < tiles; t++) {
                const int64_t b = (first + t) / all, tile = (first + t) % all, y = tile / across * 4, x = tile % across * 4;
                place[t].in = (const vec *)in_ + b * in_block + y * row + x;
                place[t].out = (vec *)out_ + b * outputs * size + y * width + x;
                place[t].statistics = (vec *)statistics_ + b * outputs * 3;
                place[t].begins = x == 0, place[t].first_of_block = tile == 0;
            }
            for (int t = tiles; t % TILES; t++)
                for (int64_t n = 0; n < NUMBERS * apart; n += BATCH) seen[n + t] = ZERO;
            for (int t = 0, last; t < tiles; t = last) {
                for (last = t + 1; last < tiles && !place[last].begins;) last++;
                for (int64_t i = 0; i < inputs; i++)
                    turn_input(place[t].in + i * plane, row, last - t, seen + i * BATCH + t, apart);
            }
            multiply_all(inputs, outputs, tiles, seen, weights, sums);
            for (int64_t o = 0; o < outputs; o++)
                for (int t = 0; t < tiles; t++)
                    write_tile(sums + o * BATCH + t, sums_apart, width, mode, place[t].first_of_block,
                               place[t].out + o * size, place[t].statistics + 3 * o);
        }
        if (mode == GATHER_PAST) SEEN_BY_ALL();
    }
}

/* Three weights along one side as six numbers. */
INLINE void spread(real a, real b, real c, real to[6])
{
    to[0] = a;
    to[1] = (a + LOW * b + c / 2) * (real)(-2. / 3);
    to[2] = (a - LOW * b + c / 2) * (real)(-2. / 3);
    to[3] = (a + HIGH * b + c * 2) / 6;
    to[4] = (a - HIGH * b + c * 2) / 6;
    to[5] = c;
}

/* As `pack`, of weights 3 x 3. The numbers of a group of filters are put together first: written one by one they would be
 * a power of two apart and push each other out of the caches. */
void pack_winograd_4x4(int threads, int64_t outputs, int64_t inputs, const real *w, int64_t so, int64_t si, int64_t sy,
                       int64_t sx, int transposed, real *packed)
{
    const int64_t first = transposed ? inputs : outputs, second = transposed ? outputs : inputs;
    const int64_t sf = transposed ? si : so, ss = transposed ? so : si;
    const int64_t down = transposed ? -sy : sy, right = transposed ? -sx : sx;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t begin = 0; begin < first; begin += GROUP) {
        const int group = first - begin < GROUP ? (int)(first - begin) : GROUP;
        const int64_t run = second * group, apart = run + 16;
        real numbers[NUMBERS * apart];
        for (int64_t i = 0; i < second; i++)
            for (int g = 0; g < group; g++) {
                const real *tap = w + (begin + g) * sf + i * ss + (transposed ? 2 * sy + 2 * sx : 0);
                real half[3][6], full[6];
                for (int x = 0; x < 3; x++, tap += right) spread(tap[0], tap[down], tap[2 * down], half[x]);
                real *to = numbers + i * group + g;
                for (int y = 0; y < 6; y++) {
                    spread(half[0][y], half[1][y], half[2][y], full);
                    for (int x = 0; x < 6; x++) to[(6 * y + x) * apart] = full[x];
                }
            }
        for (int number = 0; number < NUMBERS; number++)
            memcpy(packed + (number * first + begin) * second, numbers + number * apart, (size_t)run * sizeof(real));
    }
}
