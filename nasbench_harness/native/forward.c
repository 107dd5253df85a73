/* The way there: convolutions, nodes, cells and reductions, noted on the tape. The kernels and their order are those of
 * `supernet/native_engine/tape.py`; what that file says of activations holds here. */
#include <string.h>
#include "tape.h"

Activation *note(Run *run, int origin, int64_t channels, int64_t side)
{
    Activation *made = &run->tape[run->length++];
    memset(made, 0, sizeof *made);
    made->origin = origin, made->channels = channels, made->side = side;
    return made;
}

static real *rectified(Run *run, Activation *x)
{
    if (!x->padded) {
        const real *term[TERMS] = {x->plain};
        x->padded = take(run->pool, bytes(run, x->channels, x->side + 2, x->side + 2));
        add_up((int)run->network->threads, run->blocks, x->channels, x->side, x->side, 0, 0, 0, 0, 1, term, 0, x->padded);
    }
    return x->padded;
}

void convolution(Run *run, int64_t side, int64_t stride, const real *x, const Weight *w, int transposed, int padded, int mode,
                 real *out, real *statistics)
{
    const Network *network = run->network;
    const int threads = (int)network->threads, tile = padded ? tile_of(network, w, stride, side) : 0;
    const int64_t inputs = transposed ? w->outputs : w->inputs, outputs = transposed ? w->inputs : w->outputs;
    const int64_t k = w->kernel, so = k * k * w->inputs, sy = k * w->inputs, sx = w->inputs;
    const int64_t row = side + (padded ? 2 : 0), plane = row * row, made = side / stride;
    if (padded && k == 1) x += (row + 1) * LANES;
    if (tile) {
        (tile == 4 ? pack_winograd_4x4 : pack_winograd)(threads, w->outputs, w->inputs, w->numbers, so, 1, sy, sx, transposed,
                                                        run->packed);
        (tile == 4 ? convolve_winograd_4x4 : convolve_winograd)(threads, run->blocks, inputs, outputs, made, made, x,
                                                                inputs * plane, plane, row, run->packed, out, mode,
                                                                statistics);
    } else {
        pack(threads, w->outputs, w->inputs, k, w->numbers, so, 1, sy, sx, transposed, run->packed);
        convolve(threads, run->blocks, inputs, outputs, made, made, k, stride, x, inputs * plane, plane, row,
                 run->packed, out, mode, statistics);
    }
}

void convolve_into(Run *run, Convolved *to, Activation *source, Weight *w, int64_t stride)
{
    const int64_t side = source->side / stride;
    const real *x = rectified(run, source);
    to->source = source, to->weight = w, to->stride = stride;
    to->raw = take(run->pool, bytes(run, w->outputs, side, side));
    to->mean = take(run->pool, 2 * w->outputs * (int64_t)sizeof(real));
    to->scale = to->mean + w->outputs;
    convolution(run, source->side, stride, x, w, 0, 1, GATHER, to->raw, run->statistics);
    finalise((int)run->network->threads, w->outputs, side * side, run->images, run->statistics, run->network->epsilon,
             to->mean, to->scale);
}

/* Adds up what a TOTAL consists of; `plain`, `padded`: which of its forms will be read. */
void settle(Run *run, Activation *x, int plain, int padded)
{
    const real *raws[TERMS], *means[TERMS], *scales[TERMS], *terms[TERMS];
    for (int n = 0; n < x->convolutions; n++)
        raws[n] = x->convolved[n].raw, means[n] = x->convolved[n].mean, scales[n] = x->convolved[n].scale;
    for (int n = 0; n < x->terms; n++) terms[n] = x->term[n]->plain;
    if (plain || !padded) x->plain = take(run->pool, bytes(run, x->channels, x->side, x->side));
    if (padded) x->padded = take(run->pool, bytes(run, x->channels, x->side + 2, x->side + 2));
    add_up((int)run->network->threads, run->blocks, x->channels, x->side, x->side, x->convolutions, raws, means, scales,
           x->terms, terms, x->plain, x->padded);
}

/* How operations read a node of a cell: as it is (skip, pooling), rectified (convolutions). */
Reads reads_of(const uint8_t *code, int node)
{
    Reads reads = {0, 0};
    for (int e = 0; e < 6; e++) {
        if (edges[e][0] != node) continue;
        if (code[e] == SKIP_OP || code[e] == POOL_OP) reads.plain = 1;
        if (code[e] == CONV_1X1_OP || code[e] == CONV_3X3_OP) reads.padded = 1;
    }
    return reads;
}

static Activation *pooled(Run *run, Activation *source)
{
    Activation *made = note(run, POOLED, source->channels, source->side);
    made->terms = 1, made->term[0] = source;
    made->plain = take(run->pool, bytes(run, source->channels, source->side, source->side));
    pool((int)run->network->threads, run->blocks * source->channels, source->side, source->side, source->plain, 0, made->plain);
    return made;
}

/* A cell whose dead edges are `none` and which has a path; `last`: how its output is read. */
Activation *cell(Run *run, Activation *source, const uint8_t *code, Weight *weights, Reads last)
{
    Activation *nodes[4] = {source, 0, 0, 0};
    const int64_t begin = run->length;
    for (int node = 1; node < 4; node++) {
        Convolved convolved[TERMS];
        Activation *term[TERMS];
        int convolutions = 0, terms = 0;
        for (int e = 0; e < 6; e++) {
            Activation *x = nodes[edges[e][0]];
            if (edges[e][1] != node || code[e] == NONE_OP || !x) continue;
            if (code[e] == SKIP_OP) term[terms++] = x;
            else if (code[e] == POOL_OP) term[terms++] = pooled(run, x);
            else convolve_into(run, &convolved[convolutions++], x, weights + (code[e] == CONV_3X3_OP ? 6 : 0) + e, 1);
        }
        if (!convolutions && terms < 2) {
            nodes[node] = terms ? term[0] : 0;
            continue;
        }
        const Reads reads = node == 3 ? last : reads_of(code, node);
        Activation *made = nodes[node] = note(run, TOTAL, source->channels, source->side);
        made->convolutions = convolutions, made->terms = terms;
        memcpy(made->convolved, convolved, sizeof convolved), memcpy(made->term, term, sizeof term);
        settle(run, made, reads.plain, reads.padded);
    }
    /* the way back reads rectified forms alone */
    for (int64_t n = begin; n < run->length; n++)
        if (&run->tape[n] != nodes[3]) drop(run->pool, run->tape[n].plain), run->tape[n].plain = 0;
    if (source != nodes[3]) drop(run->pool, source->plain), source->plain = 0;
    return nodes[3];
}

/* The residual block that halves the image and doubles the channels. */
Activation *reduction(Run *run, Activation *source, Weight *weights, Reads last)
{
    const int64_t channels = 2 * source->channels, side = source->side / 2;
    const int threads = (int)run->network->threads;
    Activation *shortcut = note(run, SHORTCUT, channels, side);
    shortcut->terms = 1, shortcut->term[0] = source, shortcut->weight = &weights[2];
    shortcut->halved = take(run->pool, bytes(run, source->channels, side, side));
    halve(threads, run->blocks * source->channels, side, side, source->plain, 0, shortcut->halved);
    shortcut->plain = take(run->pool, bytes(run, channels, side, side));
    convolution(run, side, 1, shortcut->halved, &weights[2], 0, 0, WRITE, shortcut->plain, 0);
    Activation *inner = note(run, TOTAL, channels, side);
    inner->convolutions = 1;
    convolve_into(run, &inner->convolved[0], source, &weights[0], 2);
    settle(run, inner, 0, 1);
    Activation *made = note(run, TOTAL, channels, side);
    made->convolutions = 1, made->terms = 1, made->term[0] = shortcut;
    convolve_into(run, &made->convolved[0], inner, &weights[1], 1);
    settle(run, made, last.plain, last.padded);
    drop(run->pool, source->plain), drop(run->pool, shortcut->plain);
    source->plain = shortcut->plain = 0;
    return made;
}
