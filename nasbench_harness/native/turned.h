/* Tiles of 4 x 4 inputs seen through the sums and differences of Winograd's F(2x2, 3x3). */
#ifndef TURNED_H
#define TURNED_H
#include "lanes.h"

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

#endif
