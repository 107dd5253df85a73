/* Gradients of 3 x 3 weights with stride 1 in 16 instead of 36 multiplications for each 2 x 2 outputs: the way back of
 * `winograd.c`. Tiles of inputs and of the output's gradient are turned into 16 numbers each, and what is summed over
 * tiles and images are 16 products for each pair of an output and an input, which turn into 3 x 3 at the end. */
#include "kernels.h"
#include "turned.h"

#define RUN 16  /* tiles that are turned before they are multiplied */

/* Outputs, and inputs, of a piece of work: its sums stay in the second-level cache. */
#define WIDE 20
INLINE int64_t side_of(int64_t channels) { return channels % WIDE == 0 ? WIDE : 16; }

/* From number to number of a tile; one vector more than needed: a power of two would put all into one set of the cache. */
#define APART (WIDE * RUN + 1)

/* Sums that stay in registers. */
#ifdef __AVX512F__
#define INPUTS 5
INLINE int inputs_at_once(int left, int group) { return (void)group, left < INPUTS ? left : INPUTS; }
#else
#define INPUTS 3
INLINE int inputs_at_once(int left, int group) { return left == 4 || (group == 5 && left > 2) ? 2 : left < 3 ? left : 3; }
#endif

/* A 2 x 2 tile of the output's gradient as 16 numbers, `apart` vectors from each other. */
INLINE void turn_gradient(const vec *in, int64_t row, vec *out, int64_t apart)
{
    vec half[4][2];
    UNROLL for (int x = 0; x < 2; x++) {
        half[0][x] = in[x], half[1][x] = in[x] + in[row + x];
        half[2][x] = in[x] - in[row + x], half[3][x] = -in[row + x];
    }
    UNROLL for (int y = 0; y < 4; y++) {
        vec *to = out + 4 * y * apart;
        to[0] = half[y][0], to[apart] = half[y][0] + half[y][1];
        to[2 * apart] = half[y][0] - half[y][1], to[3 * apart] = -half[y][1];
    }
}

/* Four sums along one side as those of three taps. */
#define TAPS(a, b, c, d, to0, to1, to2)                                                                               \
    do {                                                                                                              \
        const vec both = ((b) + (c)) * (real)0.5;                                                                     \
        to0 = (a) + both;                                                                                             \
        to1 = ((b) - (c)) * (real)0.5;                                                                                \
        to2 = both + (d);                                                                                             \
    } while (0)

/* The sum of all lanes, by halves. */
INLINE real across(vec v)
{
    UNROLL for (int half = LANES / 2; half; half /= 2)
        UNROLL for (int lane = 0; lane < half; lane++) v[lane] += v[lane + half];
    return v[0];
}

/* Products of G outputs and I inputs at the tiles, added to their sums, for one of the 16 numbers. */
INLINE void multiply(const int G, const int I, int64_t tiles, const vec *out, const vec *in, vec *sums, int64_t inputs)
{
    vec acc[WIDEST][INPUTS];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) acc[g][i] = ZERO;
    for (int64_t t = 0; t < tiles; t++) {
        vec seen[INPUTS];
        UNROLL for (int i = 0; i < I; i++) {
            seen[i] = in[i * RUN + t];
            IN_REGISTER(seen[i]);
        }
        UNROLL for (int g = 0; g < G; g++) {
            vec gradient = out[g * RUN + t];
            IN_REGISTER(gradient);
            UNROLL for (int i = 0; i < I; i++) acc[g][i] += gradient * seen[i];
        }
    }
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int i = 0; i < I; i++) sums[g * inputs + i] += acc[g][i];
}

#define BY(G, I) multiply(G, I, tiles, out, in, sums, inputs)
INLINE void multiply_by(const int G, int i, int64_t tiles, const vec *out, const vec *in, vec *sums, int64_t inputs)
{
    switch (i) {
    case 1: BY(G, 1); break;
    case 2: BY(G, 2); break;
    case 3: BY(G, 3); break;
#if INPUTS == 5
    case 4: BY(G, 4); break;
    default: BY(G, 5);
#endif
    }
}

static void multiply_all(int64_t outputs, int64_t inputs, int64_t tiles, const vec *turned, const vec *seen, vec *sums)
{
    for (int number = 0; number < 16; number++, turned += APART, seen += APART)
        for (int64_t o = 0; o < outputs;) {
            const int group = group_of((int)(outputs - o), (int)outputs);
            const vec *out = turned + o * RUN;
            for (int64_t i = 0; i < inputs;) {
                const int step = inputs_at_once((int)(inputs - i), group);
                const vec *in = seen + i * RUN;
                switch (group) {
                case 1: multiply_by(1, step, tiles, out, in, sums + i, inputs); break;
                case 2: multiply_by(2, step, tiles, out, in, sums + i, inputs); break;
                case 3: multiply_by(3, step, tiles, out, in, sums + i, inputs); break;
                case 4: multiply_by(4, step, tiles, out, in, sums + i, inputs); break;
                default: multiply_by(5, step, tiles, out, in, sums + i, inputs);
                }
                i += step;
            }
            o += group, sums += group * inputs;
        }
}

typedef struct {
    const vec *at;
    int64_t block, plane, row;
} Planes;

/* Tiles `first` to `last` of all blocks: the sums [16][outputs][inputs] of some outputs and inputs. */
static void sum_tiles(int64_t first, int64_t last, int64_t height, int64_t width, Planes in, Planes out, int64_t inputs,
                      int64_t outputs, vec *sums)
{
    const int64_t across = width / 2;
    vec seen[16 * APART], turned[16 * APART];
    for (int64_t n = 0; n < 16 * outputs * inputs; n++) sums[n] = ZERO;
    for (int64_t begin = first; begin < last; begin += RUN) {
        const int64_t tiles = last - begin < RUN ? last - begin : RUN;
        int64_t from[RUN], back[RUN];
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t block = (begin + t) / (across * height / 2), tile = (begin + t) % (across * height / 2);
            const int64_t y = tile / across * 2, x = tile % across * 2;
            from[t] = block * in.block + y * in.row + x, back[t] = block * out.block + y * out.row + x;
        }
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t t = 0; t < tiles; t++)
                turn_input(in.at + i * in.plane + from[t], in.row, seen + i * RUN + t, APART);
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t t = 0; t < tiles; t++)
                turn_gradient(out.at + o * out.plane + back[t], out.row, turned + o * RUN + t, APART);
        multiply_all(outputs, inputs, tiles, turned, seen, sums);
    }
}

/* Parts that tiles are divided in: as many as keep some threads busy and are worth a set of sums, by shape alone, so that
 * sums are in the same order for any number of threads. */
static int64_t shares_of(int64_t tiles, int64_t pieces)
{
    const int64_t wanted = 8 / pieces, worth = tiles / 32, least = wanted < worth ? wanted : worth;
    return least > 1 ? least : 1;
}

INLINE int64_t pieces_along(int64_t channels)
{
    return (channels + side_of(channels) - 1) / side_of(channels);
}

int64_t winograd_gradient_room(int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width)
{
    return 16 * outputs * inputs * shares_of(blocks * height * width / 4, pieces_along(inputs) * pieces_along(outputs));
}

/* As `weight_gradient` with kernel 3 and stride 1; height and width are even. sums: as many vectors as above. */
void winograd_gradient(int threads, int64_t blocks, int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                       const real *in_, int64_t in_block, int64_t in_plane, int64_t in_row, const real *out_,
                       int64_t out_block, int64_t out_plane, int64_t out_row, real *dw, int64_t so, int64_t si, int64_t sy,
                       int64_t sx, real *sums_)
{
    const int64_t along = pieces_along(inputs), pieces = along * pieces_along(outputs), tiles = blocks * height * width / 4;
    const int64_t shares = shares_of(tiles, pieces), all = 16 * outputs * inputs;
    const int64_t high = side_of(outputs), wide = side_of(inputs);
    vec *sums = (vec *)sums_;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < shares * pieces; task++) {
        const int64_t share = task / pieces, o = task % pieces / along * high, i = task % along * wide;
        const int64_t some = outputs - o < high ? outputs - o : high, few = inputs - i < wide ? inputs - i : wide;
        const Planes in = {(const vec *)in_ + i * in_plane, in_block, in_plane, in_row};
        const Planes out = {(const vec *)out_ + o * out_plane, out_block, out_plane, out_row};
        sum_tiles(tiles * share / shares, tiles * (share + 1) / shares, height, width, in, out, few, some,
                  sums + share * all + 16 * (o * inputs + some * i));
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < outputs; o++) {
        const int64_t begin = o / high * high, some = outputs - begin < high ? outputs - begin : high;
        for (int64_t i = 0; i < inputs; i++) {
            const int64_t start = i / wide * wide, few = inputs - start < wide ? inputs - start : wide;
            const vec *sum = sums + 16 * (begin * inputs + some * start) + (o - begin) * few + i - start;
            vec s[4][4], half[3][4], taps[3][3];
            UNROLL for (int number = 0; number < 16; number++) {
                vec total = sum[number * some * few];
                for (int64_t share = 1; share < shares; share++) total += sum[share * all + number * some * few];
                s[number / 4][number % 4] = total;
            }
            UNROLL for (int x = 0; x < 4; x++)
                TAPS(s[0][x], s[1][x], s[2][x], s[3][x], half[0][x], half[1][x], half[2][x]);
            UNROLL for (int y = 0; y < 3; y++)
                TAPS(half[y][0], half[y][1], half[y][2], half[y][3], taps[y][0], taps[y][1], taps[y][2]);
            UNROLL for (int y = 0; y < 3; y++) UNROLL for (int x = 0; x < 3; x++)
                dw[o * so + i * si + y * sy + x * sx] = across(taps[y][x]);
        }
    }
}
