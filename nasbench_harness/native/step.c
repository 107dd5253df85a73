/* Whole training steps of a supernet, many in one call: images out of the set, forward, loss, backward, moved weights.
 *
 * The kernels and their order are those of `supernet/native_engine/tape.py`; what that file says of activations holds
 * here. Head and loss are written out, and no object outlives its use: buffers go back to a pool.
 */
#include <math.h>
#include <string.h>
#include "kernels.h"
#include "network.h"
#include "pool.h"

enum { FREEZE, DECAY, DECAY_ONLY, MOMENTUM_ONLY };

#define RETURNS 8 /* gradients that wait for one activation; an edge of each kind, and the reduction's */

typedef struct {
    const uint8_t *pixels; /* [images][side][side][channels] */
    const int64_t *labels; /* [images] */
    const real *values;    /* [channels][256]: normalised value of a pixel */
    int64_t padding, border_is_black;
    const int64_t *order;          /* positions of the images in the order of this pass */
    const uint8_t *flips;          /* for each place in the order; or none */
    const int64_t *rows, *columns; /* offsets of the crop for each place in the order; or none */
} Images;

typedef struct Activation Activation;

typedef struct {
    Activation *source;
    Weight *weight;
    int64_t stride;
    real *raw, *mean, *scale;
} Convolved;

enum { GIVEN, TOTAL, POOLED, SHORTCUT };

struct Activation {
    int origin;
    int64_t channels, side;
    real *plain, *padded; /* as it is; rectified, with a border */
    int convolutions, terms, returns;
    Convolved convolved[TERMS];
    Activation *term[TERMS];
    real *gradient[RETURNS], *behind; /* what came back to the plain form; to the rectified one, summed */
    Weight *weight;                   /* of a shortcut */
    real *halved;
};

typedef struct {
    Pool *pool;
    const Network *network;
    int64_t images, blocks;
    real *statistics, *packed;
    Activation *tape;
    int64_t length, room;
} Run;

static int64_t bytes(const Run *run, int64_t channels, int64_t height, int64_t width)
{
    return run->blocks * channels * height * width * (int64_t)sizeof(vec);
}

static Activation *note(Run *run, int origin, int64_t channels, int64_t side)
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

static void convolution(Run *run, int64_t side, int64_t stride, const real *x, const Weight *w, int transposed, int padded,
                        int mode, real *out, real *statistics)
{
    const Network *network = run->network;
    const int threads = (int)network->threads, winograd = saves_products(network, w, stride, side) && padded;
    const int64_t inputs = transposed ? w->outputs : w->inputs, outputs = transposed ? w->inputs : w->outputs;
    const int64_t k = w->kernel, so = k * k * w->inputs, sy = k * w->inputs, sx = w->inputs;
    const int64_t row = side + (padded ? 2 : 0), plane = row * row, made = side / stride;
    if (padded && k == 1) x += (row + 1) * LANES;
    if (winograd) {
        pack_winograd(threads, w->outputs, w->inputs, w->numbers, so, 1, sy, sx, transposed, run->packed);
        convolve_winograd(threads, run->blocks, inputs, outputs, made, made, x, inputs * plane, plane, row, run->packed,
                          out, mode, statistics);
    } else {
        pack(threads, w->outputs, w->inputs, k, w->numbers, so, 1, sy, sx, transposed, run->packed);
        convolve(threads, run->blocks, inputs, outputs, made, made, k, stride, x, inputs * plane, plane, row,
                 run->packed, out, mode, statistics);
    }
}

static void convolve_into(Run *run, Convolved *to, Activation *source, Weight *w, int64_t stride)
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
static void settle(Run *run, Activation *x, int plain, int padded)
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

typedef struct {
    int plain, padded;
} Reads;

/* How operations read a node of a cell: as it is (skip, pooling), rectified (convolutions). */
static Reads reads_of(const uint8_t *code, int node)
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
static Activation *cell(Run *run, Activation *source, const uint8_t *code, Weight *weights, Reads last)
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
static Activation *reduction(Run *run, Activation *source, Weight *weights, Reads last)
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

static void give(Activation *x, real *gradient)
{
    x->gradient[x->returns++] = gradient;
}

static void weight_back(Run *run, Weight *w, int64_t side, int64_t stride, const real *x, const real *gradient, int padded)
{
    const int64_t k = w->kernel, row = side + (padded ? 2 : 0), made = side / stride, gradient_row = made + (padded ? 2 : 0);
    const real *begin = padded ? gradient + (gradient_row + 1) * LANES : gradient;
    if (padded && k == 1) x += (row + 1) * LANES;
    real *to = w->reached ? take(run->pool, w->outputs * w->inputs * k * k * (int64_t)sizeof(real)) : w->gradient;
    real *sums = take(run->pool, gradient_room(run->blocks, w->inputs, w->outputs, made, made, k, stride) * (int64_t)sizeof(vec));
    weight_gradient((int)run->network->threads, run->blocks, w->inputs, w->outputs, made, made, k, stride, x,
                    w->inputs * row * row, row * row, row, begin, w->outputs * gradient_row * gradient_row,
                    gradient_row * gradient_row, gradient_row, to, k * k * w->inputs, 1, k * w->inputs, w->inputs, sums);
    drop(run->pool, sums);
    if (w->reached) {
        for (int64_t n = 0; n < w->outputs * w->inputs * k * k; n++) w->gradient[n] += to[n];
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

static void back(Run *run, Activation *x)
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

/* Normalisation, ReLU, mean over pixels, linear layer and cross-entropy of the last cell's output, and the way back: the
 * loss, with the gradient of the classifier added and that of the output given. */
static double head(Run *run, Activation *output, const int64_t *labels)
{
    const Network *network = run->network;
    const int threads = (int)network->threads;
    const int64_t channels = output->channels, pixels = output->side * output->side, images = run->images;
    const int64_t lanes = run->blocks * LANES, classes = network->classes;
    Weight *matrix = &network->weight[network->classifier], *bias = matrix + 1;
    real *mean = take(run->pool, 2 * channels * (int64_t)sizeof(real)), *scale = mean + channels;
    gather_statistics(threads, run->blocks * channels, output->side, output->side, output->plain, run->statistics);
    finalise(threads, channels, pixels, images, run->statistics, network->epsilon, mean, scale);
    /* of each image and channel: sum of rectified distances from the mean, and how many pixels are above it */
    const int64_t size = channels * lanes;
    double *above = take(run->pool, (2 * size + 2 * images * classes + size) * (int64_t)sizeof(double));
    double *count = above + size, *logits = count + size, *back = logits + images * classes, *features_back = back + images * classes;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < run->blocks * channels; p++) {
        const vec *x = (const vec *)output->plain + p * pixels;
        const real centre = mean[p % channels];
        vec sum = ZERO, number = ZERO;
        for (int64_t n = 0; n < pixels; n++) {
            const vec distance = x[n] - centre;
            const mask positive = distance > ZERO;
            /* not a number stays so */
            sum += SELECT(~(distance <= ZERO), distance), number += SELECT(positive, ZERO + 1);
        }
        const int64_t block = p / channels, c = p % channels;
        for (int64_t lane = 0; lane < LANES; lane++) {
            above[c * lanes + block * LANES + lane] = sum[lane];
            count[c * lanes + block * LANES + lane] = number[lane];
        }
    }
    double loss = 0;
    for (int64_t n = 0; n < images; n++) {
        double *z = logits + n * classes, most = -INFINITY, total = 0;
        for (int64_t k = 0; k < classes; k++) {
            double sum = bias->numbers[k];
            for (int64_t c = 0; c < channels; c++)
                sum += matrix->numbers[k * channels + c] * (above[c * lanes + n] * scale[c] / (double)pixels);
            z[k] = sum;
            most = !(sum <= most) ? sum : most;
        }
        for (int64_t k = 0; k < classes; k++) total += exp(z[k] - most);
        loss += most + log(total) - z[labels[n]];
        for (int64_t k = 0; k < classes; k++)
            back[n * classes + k] = (exp(z[k] - most) / total - (k == labels[n])) / (double)images;
    }
    for (int64_t k = 0; k < classes; k++) {
        double total = 0;
        for (int64_t n = 0; n < images; n++) total += back[n * classes + k];
        bias->gradient[k] = (real)((bias->reached ? bias->gradient[k] : 0) + total);
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0;
            for (int64_t n = 0; n < images; n++) sum += back[n * classes + k] * above[c * lanes + n];
            real *to = &matrix->gradient[k * channels + c];
            *to = (real)((matrix->reached ? *to : 0) + sum * scale[c] / (double)pixels);
        }
    }
    matrix->reached = bias->reached = 1;
    real *gradient = take(run->pool, bytes(run, channels, output->side, output->side));
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < channels; c++) {
        double total = 0, along = 0, *mine = features_back + c * lanes;
        for (int64_t n = 0; n < lanes; n++) {
            mine[n] = 0;
            for (int64_t k = 0; n < images && k < classes; k++)
                mine[n] += back[n * classes + k] * matrix->numbers[k * channels + c] / (double)pixels;
            if (n < images) total += mine[n] * count[c * lanes + n], along += mine[n] * above[c * lanes + n];
        }
        const double all = (double)pixels * (double)images, factor = scale[c], turn = -factor * factor * factor * along / all;
        const real b = (real)turn, d = (real)(-factor * total / all);
        for (int64_t block = 0; block < run->blocks; block++) {
            const vec *x = (const vec *)output->plain + (block * channels + c) * pixels;
            vec *to = (vec *)gradient + (block * channels + c) * pixels, a, there = ZERO + 1;
            for (int lane = 0; lane < LANES; lane++) {
                a[lane] = (real)(factor * mine[block * LANES + lane]);
                if (block * LANES + lane >= images) there[lane] = 0;
            }
            for (int64_t n = 0; n < pixels; n++) {
                const vec distance = x[n] - mean[c];
                to[n] = there * (SELECT(distance > ZERO, a) + b * distance + d);
            }
        }
    }
    give(output, gradient);
    drop(run->pool, above), drop(run->pool, mean);
    return loss / (double)images;
}

/* The images at `first` and behind in the order of the pass, flipped, cropped and normalised, padded for the stem. */
static void gather_images(const Run *run, const Images *set, int64_t first, real *padded_, int64_t *labels)
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

/* SGD with momentum and weight decay, as torch's, under one of the rules for weights that this step did not use. */
static void move(const Network *network, double rate_)
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
    run.packed = take(pool, 16 * widest * widest * (int64_t)sizeof(real));
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
