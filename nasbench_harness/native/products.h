/* What convolutions by tiles of either size have in common: products of turned inputs and turned weights. */
#ifndef PRODUCTS_H
#define PRODUCTS_H
#include "lanes.h"

/* Tiles whose sums are in registers at once. */
#ifdef __AVX512F__
#define TILES 4
#else
#define TILES 2
#endif

/* Products of G outputs at some tiles, summed over the inputs, for one of a tile's numbers; `apart`: from channel to
 * channel, in `seen` and in `sums`. */
INLINE void multiply(const int G, const int64_t apart, int64_t inputs, const vec *seen, const real *w, vec *sums)
{
    vec acc[WIDEST][TILES];
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int t = 0; t < TILES; t++) acc[g][t] = ZERO;
    for (int64_t i = 0; i < inputs; i++, w += G, seen += apart) {
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
    UNROLL for (int g = 0; g < G; g++) UNROLL for (int t = 0; t < TILES; t++) sums[g * apart + t] = acc[g][t];
}

#endif
