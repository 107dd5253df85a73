/* The way back over the tape: gradients of weights and activations. */
#include "tape.h"

/* The sum of what came back to an activation; null where nothing did. The caller holds it. */
static real *gradient_of(Run *run, Activation *x)
{
    const int threads = (int)run->network->threads;
    const int64_t planes = run->blocks * x->channels, size = bytes(run, x->channels, x->side, x->side);
    while (x->returns > TERMS || (x->returns > 1 && !x->behind) || x->behind) {
        const int whole = x->returns <= TERMS, terms = whole ? x->returns : TERMS;
        real *sum = take(run->pool, size);
        add_up_backward(threads, planes, x->side, x->side, terms, (const real *const *)x->gradient, whole ? x->behind : 0,
                        whole ? x->padded : 0, sum);
        for (int n = 0; n < terms; n++) drop(run->pool, x->gradient[n]);
        x->gradient[0] = sum;
        for (int n = terms; n < x->returns; n++) x->gradient[n - terms + 1] = x->gradient[n];
        x->returns -= terms - 1;
        if (whole) drop(run->pool, x->behind), x->behind = 0;
    }
    return x->returns ? x->gradient[0] : 0;
}

void give(Activation *x, real *gradient)
{
    x->gradient[x->returns++] = gradient;
}

static void weight_back(Run *run, Weight *w, int64_t side, int64_t stride, const real *x, const real *gradient, int padded)
{
    const int64_t k = w->kernel, row = side + (padded ? 2 : 0), made = side / stride, gradient_row = made + (padded ? 2 : 0);
    const real *begin = padded ? gradient + (gradient_row + 1) * LANES : gradient;
    if (padded && k == 1) x += (row + 1) * LANES;
    real *to = w->reached ? take(run->pool, numbers_of(w) * (int64_t)sizeof(real)) : w->gradient;
    real *sums = take(run->pool, gradient_room(run->blocks, w->inputs, w->outputs, made, made, k, stride) * (int64_t)sizeof(vec));
    weight_gradient((int)run->network->threads, run->blocks, w->inputs, w->outputs, made, made, k, stride, x,
                    w->inputs * row * row, row * row, row, begin, w->outputs * gradient_row * gradient_row,
                    gradient_row * gradient_row, gradient_row, to, k * k * w->inputs, 1, k * w->inputs, w->inputs, sums);
    drop(run->pool, sums);
    if (w->reached) {
        for (int64_t n = 0; n < numbers_of(w); n++) w->gradient[n] += to[n];
        drop(run->pool, to);
    }
    w->reached = 1;
}

static void convolved_back(Run *run, Convolved *c, const real *gradient)
{
    const int threads = (int)run->network->threads;
    Activation *source = c->source;
    Weight *w = c->weight;
    const int64_t side = source->side / c->stride;
    real *back = take(run->pool, bytes(run, w->outputs, side + 2, side + 2));
    normalise_backward(threads, run->blocks, w->outputs, side, side, run->images, gradient, c->raw, c->mean, c->scale, 1, back);
    weight_back(run, w, source->side, c->stride, source->padded, back, 1);
    if (source->origin != GIVEN) {
        if (c->stride > 1) {
            drop(run->pool, back);
            back = take(run->pool, bytes(run, w->outputs, source->side + 2, source->side + 2));
            normalise_backward(threads, run->blocks, w->outputs, side, side, run->images, gradient, c->raw, c->mean,
                               c->scale, c->stride, back);
        }
        const int mode = source->behind ? ADD : WRITE;
        if (!source->behind) source->behind = take(run->pool, bytes(run, source->channels, source->side, source->side));
        convolution(run, source->side, 1, back, w, 1, 1, mode, source->behind, 0);
    }
    drop(run->pool, back), drop(run->pool, c->raw), drop(run->pool, c->mean);
}

void back(Run *run, Activation *x)
{
    real *gradient = gradient_of(run, x);
    const int threads = (int)run->network->threads;
    Activation *source = x->term[0];
    if (x->origin == TOTAL) {
        for (int n = 0; n < x->convolutions; n++) convolved_back(run, &x->convolved[n], gradient);
        for (int n = 0; n < x->terms; n++) give(x->term[n], hold(gradient));
    } else if (x->origin == POOLED) {
        real *spread = take(run->pool, bytes(run, x->channels, x->side, x->side));
        pool(threads, run->blocks * x->channels, x->side, x->side, gradient, 1, spread);
        give(source, spread);
    } else if (x->origin == SHORTCUT) {
        weight_back(run, x->weight, x->side, 1, x->halved, gradient, 0);
        real *half = take(run->pool, bytes(run, source->channels, x->side, x->side));
        real *spread = take(run->pool, bytes(run, source->channels, source->side, source->side));
        convolution(run, x->side, 1, gradient, x->weight, 1, 0, WRITE, half, 0);
        halve(threads, run->blocks * source->channels, x->side, x->side, half, 1, spread);
        drop(run->pool, half), drop(run->pool, x->halved);
        give(source, spread);
    }
    drop(run->pool, gradient), drop(run->pool, x->plain), drop(run->pool, x->padded);
}
