/* Whole training steps of a supernet, many in one call: images out of the set (`batch.c`), forward (`forward.c`), loss
 * (`head.c`), backward (`backward.c`), moved weights (`descent.c`). No object outlives its use: buffers go back to a pool.
 */
#include "tape.h"

static double architecture(Run *run, Activation *images, const int64_t *labels, const uint8_t *code, const int64_t *route)
{
    const Network *network = run->network;
    const int64_t cells = 3 * network->cells;
    run->length = 0;
    Activation *x = note(run, TOTAL, network->channels, network->side);
    const Reads first = reads_of(code, 0);
    x->convolutions = 1;
    convolve_into(run, &x->convolved[0], images, &network->weight[0], 1);
    settle(run, x, first.plain, first.padded);
    for (int64_t position = 0; position < cells; position++) {
        const int64_t next = position + 1;
        const Reads both = {1, 1}, plain = {1, 0};
        if (position && position % network->cells == 0)
            x = reduction(run, x, &network->weight[network->reductions + 3 * (position / network->cells - 1)], first);
        Weight *weights = &network->weight[network->cell_weights[position]] + 12 * (route ? route[position] : 0);
        x = cell(run, x, code, weights, next == cells ? plain : next % network->cells ? first : both);
    }
    const double loss = head(run, x, labels);
    while (run->length) back(run, &run->tape[--run->length]);
    return loss;
}

void *new_pool(void)
{
    return calloc(1, sizeof(Pool));
}

void end_pool(void *pool)
{
    clear(pool);
    free(pool);
}

/* `steps` steps, each on the images between two `bounds` [steps + 1] in the order of the pass and on `at_once`
 * architectures, whose gradients add up. codes, sampled: [steps][at_once][6], of live edges and with dead ones left in;
 * routes: [steps][at_once][cells], or none; rates: [steps]; losses: [steps][at_once], out. Returns 0, or 1 when there was
 * not enough memory: then the step at hand was not made. */
int training_steps(void *pool, const Network *network, const Images *set, int64_t steps, int64_t at_once,
                   const int64_t *bounds, const uint8_t *codes, const uint8_t *sampled, const int64_t *routes,
                   const double *rates, double *losses)
{
    const int64_t cells = 3 * network->cells;
    Run run = {.pool = pool, .network = network};
    if (setjmp(run.pool->without_memory)) {
        clear(pool);
        return 1;
    }
    int64_t most = 0;
    for (int64_t s = 0; s < steps; s++)
        if (bounds[s + 1] - bounds[s] > most) most = bounds[s + 1] - bounds[s];
    const int64_t widest = 4 * network->channels > network->image_channels ? 4 * network->channels : network->image_channels;
    const int64_t blocks = (most + LANES - 1) / LANES;
    run.statistics = take(pool, blocks * widest * 3 * (int64_t)sizeof(vec));
    run.packed = take(pool, 36 * widest * widest * (int64_t)sizeof(real));
    run.room = 16 + 9 * cells;
    run.tape = take(pool, run.room * (int64_t)sizeof(Activation));
    int64_t *labels = take(pool, most * (int64_t)sizeof(int64_t));
    for (int64_t s = 0; s < steps; s++) {
        run.images = bounds[s + 1] - bounds[s], run.blocks = (run.images + LANES - 1) / LANES;
        Activation images = {.origin = GIVEN, .channels = network->image_channels, .side = network->side};
        images.padded = take(pool, bytes(&run, images.channels, images.side + 2, images.side + 2));
        gather_images(&run, set, bounds[s], images.padded, labels);
        for (int64_t n = s * at_once; n < (s + 1) * at_once; n++) {
            const int64_t *route = routes ? routes + n * cells : 0;
            losses[n] = architecture(&run, &images, labels, codes + 6 * n, route);
            for (int64_t position = 0; position < cells; position++) {
                Weight *weights = &network->weight[network->cell_weights[position]] + 12 * (route ? route[position] : 0);
                for (int e = 0; e < 6; e++)
                    if (sampled[6 * n + e] == CONV_1X1_OP || sampled[6 * n + e] == CONV_3X3_OP)
                        weights[(sampled[6 * n + e] == CONV_3X3_OP ? 6 : 0) + e].sampled = 1;
            }
        }
        drop(pool, images.padded);
        move(network, rates[s]);
    }
    drop(pool, run.statistics), drop(pool, run.packed), drop(pool, run.tape), drop(pool, labels);
    return 0;
}
