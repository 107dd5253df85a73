/* Batches out of the set of images. */
#include <string.h>
#include "tape.h"

/* The images at `first` and behind in the order of the pass, flipped, cropped and normalised, padded for the stem. */
void gather_images(const Run *run, const Images *set, int64_t first, real *padded_, int64_t *labels)
{
    const Network *network = run->network;
    const int64_t channels = network->image_channels, side = network->side, row = side + 2, plane = row * row;
    for (int64_t n = 0; n < run->images; n++) labels[n] = set->labels[set->order[first + n]];
    memset(padded_, 0, (size_t)(run->blocks * channels * plane) * sizeof(vec));
#pragma omp parallel for num_threads((int)network->threads) schedule(static)
    for (int64_t block = 0; block < run->blocks; block++) {
        vec *padded = (vec *)padded_ + block * channels * plane;
        for (int64_t y = 0; y < side; y++)
            for (int lane = 0; lane < LANES; lane++) {
                const int64_t n = block * LANES + lane, place = first + n;
                if (n >= run->images) continue;
                const int64_t down = set->rows ? set->rows[place] - set->padding : 0;
                const int64_t right = set->columns ? set->columns[place] - set->padding : 0;
                const int inside = y + down >= 0 && y + down < side, flip = set->flips && set->flips[place];
                const uint8_t *line = set->pixels + (set->order[place] * side + (inside ? y + down : 0)) * side * channels;
                for (int64_t x = 0; x < side; x++) {
                    const int64_t at = flip ? side - 1 - (x + right) : x + right;
                    const int seen = inside && at >= 0 && at < side;
                    for (int64_t c = 0; c < channels; c++) {
                        const real *value = set->values + 256 * c;
                        ((real *)&padded[c * plane + (y + 1) * row + x + 1])[lane] =
                            seen ? value[line[at * channels + c]] : set->border_is_black ? value[0] : 0;
                    }
                }
            }
    }
}
