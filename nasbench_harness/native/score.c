/* Scoring of many architectures with a trained supernet, a few blocks of images at a time.
 *
 * What a cell waits for is memory: nodes are written once and read by each of their uses. Here a node stays a list of
 * terms, outputs of convolutions before normalisation among them, until something reads it; then it is added up for as
 * many images as the caches hold, and all its uses run on these before the next images' turn. Only convolutions' outputs
 * go to memory, because a normalisation has to see all images first. The first cell remembers what its edges gave.
 */
#include <string.h>
#include "kernels.h"
#include "network.h"
#include "pool.h"

/* An activation as it is, or the output of a convolution with its channels' means and inverse deviations. */
typedef struct {
    real *numbers, *factors;
} Term;

/* The sum of its terms; without any, nothing comes in. */
typedef struct {
    Term term[TERMS];
    int terms;
    int64_t channels, side;
} Node;

/* What the edges of a cell gave, kept until the node that they start from changes. */
typedef struct {
    Term output[6][5];
    int64_t used[6][5]; /* when last; 0: not kept */
    int64_t kept, clock;
    uint8_t code[6];
    int known; /* whether `code` made the nodes */
    Node node[3];
} FirstCell;

typedef struct {
    Pool pool;
    Network network;
    real **packed; /* weights in the order in which tiles read them, when they were first asked for */
    FirstCell *first;
    int64_t copies, images, blocks;
    Node stem;
    int64_t near;       /* bytes of a node's images that are worked on at once by each thread */
    int64_t far;        /* bytes from which on outputs are written past the caches */
    int64_t remembered; /* bytes of the first cell's outputs that are kept */
    real times[6];      /* how often each edge counts */
} Scoring;

enum { CONVOLUTION, POOLING, SHORTCUT };

/* Something that reads a node, block by block. `tile`: side of a convolution's tiles; 0: it is summed directly. */
typedef struct {
    int kind, tile;
    const Weight *weight;
    int64_t stride;
    const real *packed;
    real *out, *statistics;
} Use;

static int64_t size_of(int64_t blocks, int64_t channels, int64_t side)
{
    return blocks * channels * side * side * (int64_t)sizeof(vec);
}

static void let_go(Scoring *s, Term term)
{
    drop(&s->pool, term.numbers), drop(&s->pool, term.factors);
}

static Term held(Term term)
{
    hold(term.numbers);
    if (term.factors) hold(term.factors);
    return term;
}

static void release(Scoring *s, Node *node)
{
    for (int n = 0; n < node->terms; n++) let_go(s, node->term[n]);
    node->terms = 0;
}

/* For tiles of this side; 0: for the direct sum. A weight is asked for in one way only. */
static const real *packed_of(Scoring *s, const Weight *w, int tile)
{
    real **found = &s->packed[w - s->network.weight];
    const int64_t k = w->kernel, so = k * k * w->inputs, sy = k * w->inputs, sx = w->inputs;
    if (*found) return *found;
    *found = take(&s->pool, w->outputs * w->inputs * (tile ? (tile + 2) * (tile + 2) : k * k) * (int64_t)sizeof(real));
    if (tile == 4) pack_winograd_4x4(1, w->outputs, w->inputs, w->numbers, so, 1, sy, sx, 0, *found);
    else if (tile == 2) pack_winograd(1, w->outputs, w->inputs, w->numbers, so, 1, sy, sx, 0, *found);
    else pack(1, w->outputs, w->inputs, k, w->numbers, so, 1, sy, sx, 0, *found);
    return *found;
}

/* Room for what a use makes of an activation, and its weights as it reads them. */
static void prepare(Scoring *s, Use *use, int64_t channels, int64_t side)
{
    const Weight *w = use->weight;
    const int64_t made = side / use->stride, outputs = w ? w->outputs : channels;
    use->out = take(&s->pool, size_of(s->blocks, outputs, made));
    if (use->kind == CONVOLUTION) {
        use->statistics = take(&s->pool, s->blocks * outputs * 3 * (int64_t)sizeof(vec));
        use->tile = tile_of(&s->network, w, use->stride, side);
    }
    if (w) use->packed = packed_of(s, w, use->tile);
}

/* One use of some blocks of a node: `plain` as they are, `padded` rectified with a border; `halved` is room. */
static void run_use(const Scoring *s, int threads, const Use *use, int64_t first, int64_t blocks, const Node *node,
                    const real *plain, const real *padded, real *halved)
{
    const int64_t channels = node->channels, side = node->side, row = side + 2, plane = row * row;
    if (use->kind == POOLING) {
        pool(threads, blocks * channels, side, side, plain, 0, use->out + first * channels * side * side * LANES);
        return;
    }
    const Weight *w = use->weight;
    const int64_t made = side / use->stride;
    real *out = use->out + first * w->outputs * made * made * LANES;
    if (use->kind == SHORTCUT) {
        halve(threads, blocks * channels, made, made, plain, 0, halved);
        convolve(threads, blocks, channels, w->outputs, made, made, 1, 1, halved, channels * made * made, made * made, made,
                 use->packed, out, WRITE, 0);
        return;
    }
    const int mode = size_of(s->blocks, w->outputs, made) < s->far ? GATHER : GATHER_PAST;
    real *statistics = use->statistics + first * w->outputs * 3 * LANES;
    const real *x = w->kernel == 1 ? padded + (row + 1) * LANES : padded;
    if (use->tile)
        (use->tile == 4 ? convolve_winograd_4x4 : convolve_winograd)(threads, blocks, channels, w->outputs, made, made, x,
                                                                     channels * plane, plane, row, use->packed, out, mode,
                                                                     statistics);
    else
        convolve(threads, blocks, channels, w->outputs, made, made, w->kernel, use->stride, x, channels * plane, plane, row,
                 use->packed, out, mode, statistics);
}

static void sum_up(const Node *node, int64_t first, int64_t blocks, real *plain, real *padded)
{
    const real *raws[TERMS], *means[TERMS], *scales[TERMS], *plains[TERMS];
    const int64_t at = first * node->channels * node->side * node->side * LANES;
    int convolutions = 0, terms = 0;
    for (int n = 0; n < node->terms; n++) {
        const Term *term = &node->term[n];
        if (!term->factors) plains[terms++] = term->numbers + at;
        else {
            raws[convolutions] = term->numbers + at, means[convolutions] = term->factors;
            scales[convolutions++] = term->factors + node->channels;
        }
    }
    add_up(1, blocks, node->channels, node->side, node->side, convolutions, raws, means, scales, terms, plains, plain, padded);
}

/* Runs all uses of a node; with `written` the node is written as well, and returned. Each thread takes its share of the
 * blocks through all of them, a few at a time, and waits for the others at the end only. */
static real *read_node(Scoring *s, const Node *node, Use *uses, int count, int written)
{
    const int64_t channels = node->channels, side = node->side, threads = s->network.threads, size = side * side;
    const int64_t near = s->near / size_of(1, channels, side + 2), share = (s->blocks + threads - 1) / threads;
    const int64_t step = near > share ? share : near > 1 ? near : 1, at_once = threads * step;
    const int single = node->terms == 1 && !node->term[0].factors;
    int as_it_is = 0, rectified = 0, shortcut = 0;
    for (int n = 0; n < count; n++) {
        prepare(s, &uses[n], channels, side);
        *(uses[n].kind == CONVOLUTION ? &rectified : &as_it_is) = 1;
        shortcut |= uses[n].kind == SHORTCUT;
    }
    real *whole = written ? take(&s->pool, size_of(s->blocks, channels, side)) : 0;
    real *padded = rectified ? take(&s->pool, size_of(at_once, channels, side + 2)) : 0;
    real *plain = as_it_is && !written && !(single && !rectified) ? take(&s->pool, size_of(at_once, channels, side)) : 0;
    real *halved = shortcut ? take(&s->pool, size_of(at_once, channels, side / 2)) : 0;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        const int64_t begin = part * s->blocks / threads, end = (part + 1) * s->blocks / threads;
        const int64_t mine = part * step * channels * LANES; /* where its rooms begin, times pixels */
        real *rectified_to = padded ? padded + mine * (side + 2) * (side + 2) : 0;
        real *halved_to = halved ? halved + mine * size / 4 : 0;
        for (int64_t first = begin; first < end; first += step) {
            const int64_t blocks = end - first < step ? end - first : step, at = first * channels * size * LANES;
            real *to = whole ? whole + at : plain ? plain + mine * size : 0;
            if (to || padded) sum_up(node, first, blocks, to, rectified_to);
            const real *from = to ? to : node->term[0].numbers + at;
            for (int n = 0; n < count; n++) run_use(s, 1, &uses[n], first, blocks, node, from, rectified_to, halved_to);
        }
        SEEN_BY_ALL();
    }
    drop(&s->pool, padded), drop(&s->pool, plain), drop(&s->pool, halved);
    return whole;
}

/* What a use has made, when all blocks are done. */
static Term outcome(Scoring *s, Use *use, int64_t side)
{
    Term term = {use->out, 0};
    if (use->kind != CONVOLUTION) return term;
    const int64_t outputs = use->weight->outputs, made = side / use->stride;
    term.factors = take(&s->pool, 2 * outputs * (int64_t)sizeof(real));
    finalise((int)s->network.threads, outputs, made * made, s->images, use->statistics, s->network.epsilon, term.factors,
             term.factors + outputs);
    drop(&s->pool, use->statistics);
    return term;
}

/* A term that counts so often: read as a convolution's output is, whose scale says it. */
static Term counted(Scoring *s, Term term, int64_t channels, real times)
{
    const Term made = {term.numbers, take(&s->pool, 2 * channels * (int64_t)sizeof(real))};
    for (int64_t c = 0; c < channels; c++) {
        made.factors[c] = term.factors ? term.factors[c] : 0;
        made.factors[channels + c] = times * (term.factors ? term.factors[channels + c] : 1);
    }
    drop(&s->pool, term.factors);
    return made;
}

/* What the operations on the edges out of a node make of it, in one reading; `ops` 0: nothing is asked of an edge. */
static void outputs_of(Scoring *s, const Node *node, const uint8_t *ops, const Weight *weights, Term made[6])
{
    Use uses[6];
    int edge_of[6], count = 0, skips = 0;
    for (int e = 0; e < 6; e++) {
        if (ops[e] == NONE_OP) continue;
        if (ops[e] == SKIP_OP) {
            skips++;
            continue;
        }
        Use use = {.kind = ops[e] == POOL_OP ? POOLING : CONVOLUTION, .stride = 1};
        use.weight = weights + (ops[e] == CONV_3X3_OP ? 6 : 0) + e;
        edge_of[count] = e, uses[count++] = use;
    }
    const int written = skips && node->terms > 1;
    real *whole = count || written ? read_node(s, node, uses, count, written) : 0;
    for (int n = 0; n < count; n++) made[edge_of[n]] = outcome(s, &uses[n], node->side);
    const Term handed_on = written ? (Term){whole, 0} : node->term[0];
    for (int e = 0; e < 6; e++)
        if (ops[e] == SKIP_OP) made[e] = held(handed_on);
    for (int e = 0; e < 6; e++)
        if (ops[e] != NONE_OP && s->times[e] != 1) made[e] = counted(s, made[e], node->channels, s->times[e]);
    drop(&s->pool, whole);
}

static void add_term(Node *node, Term term)
{
    node->term[node->terms++] = term;
}

/* What a cell without a path makes of its input. */
static void nothing(Scoring *s, Node *node)
{
    const int64_t size = size_of(s->blocks, node->channels, node->side);
    const Term zeros = {take(&s->pool, size), 0};
    memset(zeros.numbers, 0, (size_t)size);
    add_term(node, zeros);
}

/* A cell whose dead edges are `none`. The source is used up. */
static Node cell_of(Scoring *s, Node source, const uint8_t *code, const Weight *weights)
{
    Node nodes[4] = {source};
    for (int n = 1; n < 4; n++) nodes[n] = (Node){.channels = source.channels, .side = source.side};
    for (int start = 0; start < 3; start++) {
        uint8_t ops[6] = {0};
        Term made[6];
        int any = 0;
        for (int e = 0; e < 6; e++)
            if (edges[e][0] == start && nodes[start].terms) ops[e] = code[e], any |= code[e] != NONE_OP;
        if (any) outputs_of(s, &nodes[start], ops, weights, made);
        for (int e = 0; e < 6; e++)
            if (ops[e] != NONE_OP) add_term(&nodes[edges[e][1]], made[e]);
        release(s, &nodes[start]);
    }
    if (!nodes[3].terms) nothing(s, &nodes[3]);
    return nodes[3];
}

static void forget(Scoring *s, FirstCell *cell, int e, int op)
{
    if (!cell->used[e][op]) return;
    let_go(s, cell->output[e][op]);
    cell->used[e][op] = 0, cell->kept--;
}

/* Forgets what was not used for longest until so many more outputs fit. */
static void make_room(Scoring *s, FirstCell *cell, int64_t coming)
{
    const int64_t size = size_of(s->blocks, s->stem.channels, s->stem.side);
    while (cell->kept && (cell->kept + coming) * size > s->remembered) {
        int edge = 0, oldest = 0;
        int64_t when = INT64_MAX;
        for (int e = 0; e < 6; e++)
            for (int op = 1; op < 5; op++)
                if (cell->used[e][op] && cell->used[e][op] < when) when = cell->used[e][op], edge = e, oldest = op;
        forget(s, cell, edge, oldest);
    }
}

static Node sum_in_first(Scoring *s, FirstCell *cell, const uint8_t *code, const Weight *weights, int node)
{
    Node total = {.channels = s->stem.channels, .side = s->stem.side};
    Term terms[6];
    int there[6] = {0}, wanted = 0;
    for (int e = 0; e < 6; e++) {
        if (edges[e][1] != node || code[e] == NONE_OP || !cell->node[edges[e][0]].terms) continue;
        wanted++;
        if (cell->used[e][code[e]]) there[e] = 1, terms[e] = held(cell->output[e][code[e]]), forget(s, cell, e, code[e]);
    }
    make_room(s, cell, wanted);
    for (int start = 0; start < node; start++) {
        uint8_t missing[6] = {0};
        Term made[6];
        int any = 0;
        for (int e = 0; e < 6; e++)
            if (edges[e][1] == node && edges[e][0] == start && cell->node[start].terms && !there[e])
                missing[e] = code[e], any |= code[e] != NONE_OP;
        if (any) outputs_of(s, &cell->node[start], missing, weights, made);
        for (int e = 0; e < 6; e++)
            if (missing[e] != NONE_OP) there[e] = 1, terms[e] = made[e];
    }
    for (int e = 0; e < 6; e++)
        if (there[e]) {
            add_term(&total, held(terms[e]));
            cell->output[e][code[e]] = terms[e], cell->used[e][code[e]] = ++cell->clock, cell->kept++;
        }
    make_room(s, cell, 0);
    return total;
}

static Node first_cell(Scoring *s, FirstCell *cell, const uint8_t *code, const Weight *weights)
{
    static const int decided_by[3] = {0, 1, 3};
    for (int node = 1; node < 3; node++) {
        if (cell->known && !memcmp(cell->code, code, (size_t)decided_by[node])) continue;
        for (int e = 0; e < 6; e++)
            for (int op = 1; edges[e][0] == node && op < 5; op++) forget(s, cell, e, op);
        release(s, &cell->node[node]);
        cell->node[node] = sum_in_first(s, cell, code, weights, node);
    }
    memcpy(cell->code, code, 6), cell->known = 1;
    Node output = sum_in_first(s, cell, code, weights, 3);
    if (!output.terms) nothing(s, &output);
    return output;
}

/* The residual block that halves the image and doubles the channels; the source is used up. */
static Node reduction_of(Scoring *s, Node source, const Weight *weights)
{
    Use uses[2] = {{.kind = CONVOLUTION, .weight = &weights[0], .stride = 2}, {.kind = SHORTCUT, .weight = &weights[2], .stride = 2}};
    read_node(s, &source, uses, 2, 0);
    Node inner = {.channels = 2 * source.channels, .side = source.side / 2}, made = inner;
    add_term(&inner, outcome(s, &uses[0], source.side));
    release(s, &source);
    Use second = {.kind = CONVOLUTION, .weight = &weights[1], .stride = 1};
    read_node(s, &inner, &second, 1, 0);
    add_term(&made, outcome(s, &second, inner.side));
    add_term(&made, (Term){uses[1].out, 0});
    release(s, &inner);
    return made;
}

/* Normalisation, ReLU, mean over pixels and linear layer. */
static void head_of(Scoring *s, Node *node, real *logits)
{
    const Network *network = &s->network;
    const int64_t channels = node->channels, side = node->side, pixels = side * side;
    const int threads = (int)network->threads;
    const Weight *matrix = &network->weight[network->classifier], *bias = matrix + 1;
    const int single = node->terms == 1 && !node->term[0].factors;
    real *x = single ? hold(node->term[0].numbers) : read_node(s, node, 0, 0, 1);
    real *statistics = take(&s->pool, s->blocks * channels * 3 * (int64_t)sizeof(vec));
    real *mean = take(&s->pool, 2 * channels * (int64_t)sizeof(real)), *scale = mean + channels;
    vec *features = take(&s->pool, s->blocks * channels * (int64_t)sizeof(vec));
    gather_statistics(threads, s->blocks * channels, side, side, x, statistics);
    finalise(threads, channels, pixels, s->images, statistics, network->epsilon, mean, scale);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < s->blocks * channels; p++) {
        const vec *from = (const vec *)x + p * pixels;
        const real centre = mean[p % channels];
        vec total = ZERO;
        for (int64_t y = 0; y < side; y++) {
            vec sum = ZERO;
            for (int64_t i = 0; i < side; i++) {
                const vec distance = from[y * side + i] - centre;
                sum += SELECT(~(distance < ZERO), distance);
            }
            total += sum;
        }
        features[p] = total * (scale[p % channels] / (real)pixels);
    }
    for (int64_t block = 0; block < s->blocks; block++)
        for (int64_t k = 0; k < network->classes; k++) {
            vec sum = ZERO + bias->numbers[k];
            for (int64_t c = 0; c < channels; c++) sum += features[block * channels + c] * matrix->numbers[k * channels + c];
            for (int64_t lane = 0; lane < LANES && block * LANES + lane < s->images; lane++)
                logits[(block * LANES + lane) * network->classes + k] = sum[lane];
        }
    drop(&s->pool, x), drop(&s->pool, statistics), drop(&s->pool, mean), drop(&s->pool, features);
}

static void forget_batch(Scoring *s)
{
    release(s, &s->stem);
    for (int64_t n = 0; n < s->copies; n++) {
        FirstCell *cell = &s->first[n];
        for (int e = 0; e < 6; e++)
            for (int op = 1; op < 5; op++) forget(s, cell, e, op);
        for (int node = 0; node < 3; node++) release(s, &cell->node[node]);
        memset(cell, 0, sizeof *cell);
    }
}

/* For a network whose weights do not change meanwhile and whose first cell has so many copies; `times` [6]: how often
 * each edge counts. Null without memory. */
void *new_scoring(const Network *network, int64_t copies, int64_t near, int64_t far, int64_t remembered, const double *times)
{
    Scoring *made = calloc(1, sizeof *made);
    if (!made) return 0;
    made->network = *network, made->copies = copies;
    made->near = near, made->far = far, made->remembered = remembered;
    for (int e = 0; e < 6; e++) made->times[e] = (real)times[e];
    made->packed = calloc((size_t)network->weights, sizeof *made->packed);
    made->first = calloc((size_t)copies, sizeof *made->first);
    if (made->packed && made->first) return made;
    free(made->packed), free(made->first), free(made);
    return 0;
}

void end_scoring(void *scoring)
{
    Scoring *s = scoring;
    clear(&s->pool);
    free(s->packed), free(s->first), free(s);
}

/* After memory was missing: nothing is kept, and what is asked for next begins anew. */
static int without_memory(Scoring *s)
{
    clear(&s->pool);
    memset(s->packed, 0, (size_t)s->network.weights * sizeof *s->packed);
    memset(s->first, 0, (size_t)s->copies * sizeof *s->first);
    s->stem = (Node){0};
    return 1;
}

/* Ready for these images [images][channels][side][side] by strides. Returns 1 when there was not enough memory. */
int score_batch(void *scoring, int threads, int64_t images, const real *x, int64_t sn, int64_t sc, int64_t sy, int64_t sx)
{
    Scoring *s = scoring;
    if (setjmp(s->pool.without_memory)) return without_memory(s);
    forget_batch(s);
    const int64_t side = s->network.side, channels = s->network.image_channels;
    s->network.threads = threads, s->images = images, s->blocks = (images + LANES - 1) / LANES;
    real *padded = take(&s->pool, size_of(s->blocks, channels, side + 2));
    lay_out(threads, s->blocks, channels, side, side, images, x, sn, sc, sy, sx, padded);
    Use stem = {.kind = CONVOLUTION, .weight = &s->network.weight[0], .stride = 1};
    const Node given = {.channels = channels, .side = side};
    prepare(s, &stem, channels, side);
    run_use(s, threads, &stem, 0, s->blocks, &given, 0, padded, 0);
    s->stem = (Node){.channels = stem.weight->outputs, .side = side};
    add_term(&s->stem, outcome(s, &stem, side));
    drop(&s->pool, padded);
    for (int64_t n = 0; n < s->copies; n++)
        s->first[n].node[0] = s->stem, s->first[n].node[0].term[0] = held(s->stem.term[0]);
    return 0;
}

/* Logits [images][classes] of one architecture whose dead edges are `none`. Returns 1 when there was not enough memory:
 * then the batch has to be given again. */
int score_one(void *scoring, int threads, const uint8_t *code, const int64_t *route, real *logits)
{
    Scoring *s = scoring;
    if (setjmp(s->pool.without_memory)) return without_memory(s);
    Network *network = &s->network;
    network->threads = threads;
    const int64_t cells = 3 * network->cells;
    Node x = first_cell(s, &s->first[route[0]], code, &network->weight[network->cell_weights[0]] + 12 * route[0]);
    for (int64_t position = 1; position < cells; position++) {
        if (position % network->cells == 0)
            x = reduction_of(s, x, &network->weight[network->reductions + 3 * (position / network->cells - 1)]);
        x = cell_of(s, x, code, &network->weight[network->cell_weights[position]] + 12 * route[position]);
    }
    head_of(s, &x, logits);
    release(s, &x);
    return 0;
}
