/* A supernet as the calls that train and score it see it. */
#ifndef NETWORK_H
#define NETWORK_H
#include "lanes.h"

enum { NONE_OP, SKIP_OP, CONV_1X1_OP, CONV_3X3_OP, POOL_OP };
static const int edges[6][2] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}};

/* What happens to weights that a step does not use. */
enum { FREEZE, DECAY, DECAY_ONLY, MOMENTUM_ONLY };

#define TERMS 3 /* of a node at most, and what a kernel adds up at once */

/* One tensor of numbers to train; convolutions are [outputs][kernel][kernel][inputs] in memory. */
typedef struct {
    real *numbers, *momentum, *gradient;
    int64_t outputs, inputs, kernel;
    int64_t sampled; /* at this step or before: what the rules for unsampled weights look at */
    int64_t moved;   /* has been moved by a gradient, so that its momentum means something */
    int64_t reached; /* has a gradient at this step */
} Weight;

INLINE int64_t numbers_of(const Weight *weight)
{
    return weight->outputs * weight->inputs * weight->kernel * weight->kernel;
}

typedef struct {
    int64_t threads, image_channels, side, channels, cells, classes, winograd_from, weights, reductions, classifier;
    const int64_t *cell_weights; /* where the weights of each cell's first copy begin; stem is the first of all */
    Weight *weight;
    int64_t rule, nesterov;
    double epsilon, momentum, decay, clip; /* clip: bound on the norm of a step's gradients; 0: none */
} Network;

/* Side of the tiles by which a convolution is taken; 0: it is summed directly. Larger tiles need fewer products and round
 * more; their numbers have to fit the second-level cache. */
INLINE int tile_of(const Network *network, const Weight *w, int64_t stride, int64_t side)
{
    const int64_t least = w->inputs < w->outputs ? w->inputs : w->outputs;
    if (w->kernel != 3 || stride != 1) return 0;
    if (side % 4 == 0 && least >= 5 && w->inputs + w->outputs <= 192) return 4;
    return side % 2 == 0 && least >= network->winograd_from ? 2 : 0;
}

#endif
