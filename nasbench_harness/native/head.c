/* The end of the way there and the begin of the way back, written out. */
#include <math.h>
#include "tape.h"

/* Normalisation, ReLU, mean over pixels, linear layer and cross-entropy of the last cell's output, and the way back: the
 * loss, with the gradient of the classifier added and that of the output given. */
double head(Run *run, Activation *output, const int64_t *labels)
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
