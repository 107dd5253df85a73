/* The optimiser. */
#include <math.h>

#include "tape.h"

/* Make the gradients of this step smaller, all by one factor, where their norm is above the bound: as torch's
 * `clip_grad_norm_`. One thread does it: the numbers are few, and their order is always the same. */
static void clip(const Network *network)
{
    double total = 0;
    for (int64_t n = 0; n < network->weights; n++) {
        const Weight *weight = &network->weight[n];
        if (!weight->reached) continue;
        const int64_t size = numbers_of(weight);
        double square = 0;
        for (int64_t i = 0; i < size; i++) square += (double)weight->gradient[i] * weight->gradient[i];
        total += square;
    }
    const double factor = network->clip / (sqrt(total) + 1e-6);
    if (factor >= 1) return;
    for (int64_t n = 0; n < network->weights; n++) {
        const Weight *weight = &network->weight[n];
        const int64_t size = weight->reached ? numbers_of(weight) : 0;
        for (int64_t i = 0; i < size; i++) weight->gradient[i] *= (real)factor;
    }
}

/* SGD with momentum and weight decay, as torch's, under one of the rules for weights that this step did not use. */
void move(const Network *network, double rate_)
{
    const real rate = (real)rate_, momentum = (real)network->momentum, decay = (real)network->decay;
    const real shrink = (real)(1 - rate_ * network->decay);
    if (network->clip > 0) clip(network);
#pragma omp parallel for num_threads((int)network->threads) schedule(dynamic, 1)
    for (int64_t n = 0; n < network->weights; n++) {
        Weight *weight = &network->weight[n];
        const int64_t size = numbers_of(weight);
        real *w = weight->numbers, *m = weight->momentum;
        const real *g = weight->gradient;
        if (weight->reached) weight->sampled = 1;
        else if (network->rule == FREEZE || !weight->sampled) continue;
        else if (network->rule == DECAY_ONLY) {
            for (int64_t i = 0; i < size; i++) w[i] *= shrink;
            continue;
        }
        const real keep = network->rule == MOMENTUM_ONLY && !weight->reached ? 0 : decay;
        weight->moved = 1;
        if (weight->reached)
            for (int64_t i = 0; i < size; i++) {
                const real d = g[i] + keep * w[i];
                m[i] = momentum * m[i] + d;
                w[i] -= rate * (network->nesterov ? d + momentum * m[i] : m[i]);
            }
        else
            for (int64_t i = 0; i < size; i++) {
                const real d = keep * w[i];
                m[i] = momentum * m[i] + d;
                w[i] -= rate * (network->nesterov ? d + momentum * m[i] : m[i]);
            }
        weight->reached = 0;
    }
}
