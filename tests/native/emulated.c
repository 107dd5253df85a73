/* Trains and scores a small network with all kernels and prints the numbers, for comparison between processors. */
#include "step.c"
#include <stdio.h>

void *new_scoring(const Network *network, int64_t copies, int64_t near, int64_t far, int64_t remembered, const double *times);
int score_batch(void *scoring, int threads, int64_t images, const real *x, int64_t sn, int64_t sc, int64_t sy, int64_t sx);
int score_one(void *scoring, int threads, const uint8_t *code, const int64_t *route, real *logits);

enum { CHANNELS = 10, SIDE = 8, CLASSES = 5, IMAGES = 19, STEPS = 6, PIXELS = 3 * SIDE * SIDE };

static uint64_t state = 1;

static double drawn(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(state >> 40) / (1 << 24) - 0.5;
}

static Weight weight(int64_t outputs, int64_t inputs, int64_t kernel)
{
    const int64_t size = outputs * inputs * kernel * kernel;
    Weight made = {.outputs = outputs, .inputs = inputs, .kernel = kernel};
    made.numbers = malloc(size * sizeof(real)), made.gradient = malloc(size * sizeof(real));
    made.momentum = calloc(size, sizeof(real));
    for (int64_t n = 0; n < size; n++) made.numbers[n] = (real)drawn();
    return made;
}

int main(void)
{
    static Weight weights[64];
    static uint8_t pixels[IMAGES * PIXELS];
    static real values[3 * 256], x[IMAGES * PIXELS], logits[IMAGES * CLASSES];
    int64_t labels[IMAGES], order[IMAGES], rows[IMAGES], columns[IMAGES], bounds[2], cell_weights[3], count = 0;
    uint8_t flips[IMAGES];
    weights[count++] = weight(CHANNELS, 3, 3);
    for (int cell = 0; cell < 3; cell++) {
        const int64_t c = CHANNELS << cell;
        cell_weights[cell] = count;
        for (int e = 0; e < 6; e++) weights[count++] = weight(c, c, 1);
        for (int e = 0; e < 6; e++) weights[count++] = weight(c, c, 3);
    }
    const int64_t reductions = count;
    for (int stage = 0; stage < 2; stage++) {
        const int64_t c = CHANNELS << stage;
        weights[count++] = weight(2 * c, c, 3), weights[count++] = weight(2 * c, 2 * c, 3), weights[count++] = weight(2 * c, c, 1);
    }
    weights[count++] = weight(CLASSES, 4 * CHANNELS, 1), weights[count++] = weight(CLASSES, 1, 1);
    const Network network = {
        .threads = 1, .image_channels = 3, .side = SIDE, .channels = CHANNELS, .cells = 1, .classes = CLASSES,
        .winograd_from = 10, .weights = count, .reductions = reductions, .classifier = count - 2,
        .cell_weights = cell_weights, .weight = weights, .rule = DECAY, .nesterov = 1, .epsilon = 1e-5, .momentum = 0.9,
        .decay = 1e-3,
    };
    for (int n = 0; n < IMAGES * PIXELS; n++) pixels[n] = (uint8_t)(256 * (drawn() + 0.5)), x[n] = (real)drawn();
    for (int n = 0; n < 3 * 256; n++) values[n] = (real)(n % 256) / 128 - 1;
    for (int n = 0; n < IMAGES; n++) {
        labels[n] = n % CLASSES, order[n] = (7 * n) % IMAGES, flips[n] = n % 2;
        rows[n] = n % 3, columns[n] = n % 2;
    }
    const Images images = {pixels, labels, values, 1, 1, order, flips, rows, columns};
    static const uint8_t codes[STEPS][6] = {{3, 2, 4, 1, 3, 2}, {1, 3, 3, 4, 2, 1}, {4, 4, 4, 4, 4, 4},
                                            {3, 3, 3, 3, 3, 3}, {1, 1, 1, 1, 1, 1}, {0, 2, 0, 3, 0, 3}};
    const double rate = 0.05;
    const int64_t route[3] = {0};
    void *memory = new_pool();
    bounds[0] = 0;
    for (int s = 0; s < STEPS; s++) {
        double loss;
        bounds[1] = s % 2 ? 16 : IMAGES;
        if (training_steps(memory, &network, &images, 1, 1, bounds, codes[s], codes[s], 0, &rate, &loss)) return 1;
        printf("%.9g\n", loss);
    }
    void *scoring = new_scoring(&network, 1, 1 << 14, 1 << 23, 1 << 26, (const double[6]){1, 1, 1, 1, 1, 1});
    score_batch(scoring, 1, IMAGES, x, PIXELS, SIDE * SIDE, SIDE, 1);
    for (int s = 0; s < STEPS; s++) {
        score_one(scoring, 1, codes[s], route, logits);
        for (int n = 0; n < IMAGES * CLASSES; n += 7) printf("%.9g\n", (double)logits[n]);
    }
    return 0;
}
