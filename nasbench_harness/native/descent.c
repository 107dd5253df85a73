/* The optimiser. */
#include "tape.h"

/* SGD with momentum and weight decay, as torch's, under one of the rules for weights that this step did not use. */
void move(const Network *network, double rate_)
{
    const real rate = (real)rate_, momentum = (real)network->momentum, decay = (real)network->decay;
    const real shrink = (real)(1 - rate_ * network->decay);
#pragma omp parallel for num_threads((int)network->threads) schedule(dynamic, 1)
    for (int64_t n = 0; n < network->weights; n++) {
        Weight *weight = &network->weight[n];
        const int64_t size = weight->outputs * weight->inputs * weight->kernel * weight->kernel;
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
