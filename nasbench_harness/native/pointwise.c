/* What lies between convolutions: normalisation, sums of edges, ReLU, pooling, and their gradients. */
#include <math.h>
#include "lanes.h"

#define TERMS 3
/* How many vectors ahead sums of nodes ask for what they will read: half a page, where the processor itself stops. */
#define AHEAD 32

/* Mean and 1 / sqrt(variance + epsilon) of each channel over the first `images` lanes, from what `convolve` gathered.
 * Means of images are taken as distances from that of the first, so that little cancels. */
void finalise(int threads, int64_t channels, int64_t pixels, int64_t images, const real *statistics, double epsilon,
            real *mean, real *scale)
{
    const double share = 1.0 / (double)pixels;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < channels; c++) {
        const real *s = statistics + 3 * c * LANES;
        const double first = s[0] + s[LANES] * share;
        double total = 0, squares = 0, between = 0;
        for (int64_t start = 0; start < images; start += LANES, s += 3 * channels * LANES)
            for (int64_t lane = 0; lane < LANES && start + lane < images; lane++) {
                const double sum = s[LANES + lane], own = s[lane] + sum * share - first;
                total += own;
                between += own * own;
                squares += s[2 * LANES + lane] - sum * sum * share;
            }
        const double centre = total / images, spread = between - total * centre;
        mean[c] = (real)(first + centre);
        scale[c] = (real)(1.0 / sqrt((squares + spread * pixels) / ((double)pixels * images) + epsilon));
    }
}

/* Statistics as `convolve` gathers them, of an activation [blocks][channels][height][width]. */
void gather_statistics(int threads, int64_t planes, int64_t height, int64_t width, const real *x_, real *statistics_)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < planes; p++) {
        const vec *x = (const vec *)x_ + p * height * width;
        vec *s = (vec *)statistics_ + 3 * p, shift = x[0], sums = ZERO, squares = ZERO;
        for (int64_t y = 0; y < height; y++) {
            vec sum = ZERO, square = ZERO;
            for (int64_t i = 0; i < width; i++) {
                const vec distance = x[y * width + i] - shift;
                sum += distance;
                square += distance * distance;
            }
            sums += sum, squares += square;
        }
        s[0] = shift, s[1] = sums, s[2] = squares;
    }
}

/* ReLU; what is not a number stays so, and a network that diverged shows it. */
#define RECTIFIED(v) SELECT(~((v) < ZERO), v)

INLINE void clear_row(vec *row, int64_t width)
{
    for (int64_t x = 0; x < width; x++) row[x] = ZERO;
}

/* Sum of normalised convolutions and of plain terms; written to `plain` and, rectified with a border, to `padded`. */
INLINE void sum_plane(const int N, const int M, const int to_plain, const int to_padded, int64_t height, int64_t width,
                      const vec *const *raws, const real *factors, real shift, const vec *const *terms, vec *plain,
                      vec *padded)
{
    const vec *raw[TERMS], *term[TERMS]; /* of its own, or each pixel would read the pointers again */
    real factor[TERMS];
    UNROLL for (int n = 0; n < N; n++) raw[n] = raws[n], factor[n] = factors[n];
    UNROLL for (int m = 0; m < M; m++) term[m] = terms[m];
    if (to_padded) clear_row(padded, width + 2), clear_row(padded + (height + 1) * (width + 2), width + 2);
    for (int64_t y = 0; y < height; y++) {
        vec *const to = padded + (y + 1) * (width + 2) + 1;
        if (to_padded) to[-1] = to[width] = ZERO;
        for (int64_t x = 0; x < width; x++) {
            const int64_t at = y * width + x;
            vec total = ZERO + shift;
            UNROLL for (int n = 0; n < N; n++) __builtin_prefetch(raw[n] + at + AHEAD, 0, 2);
            UNROLL for (int m = 0; m < M; m++) __builtin_prefetch(term[m] + at + AHEAD, 0, 2);
            UNROLL for (int n = 0; n < N; n++) total += raw[n][at] * factor[n];
            UNROLL for (int m = 0; m < M; m++) total += term[m][at];
            if (to_plain) plain[at] = total;
            if (to_padded) to[x] = RECTIFIED(total);
        }
    }
}

#define SUM(N, M)                                                                                                     \
    case (N) * 4 + (M):                                                                                               \
        if (!padded) sum_plane(N, M, 1, 0, height, width, raw, factor, shift, term, plain, padded);                   \
        else if (!plain) sum_plane(N, M, 0, 1, height, width, raw, factor, shift, term, plain, padded);               \
        else sum_plane(N, M, 1, 1, height, width, raw, factor, shift, term, plain, padded);                           \
        break;

/* raws: outputs of `convs` convolutions with `mean` and `scale` [convs][channels]; terms: `plains` activations. */
void add_up(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int convs,
            const real *const *raws, const real *const *means, const real *const *scales, int plains,
            const real *const *terms, real *plain_, real *padded_)
{
    const int64_t size = height * width, padded_size = (height + 2) * (width + 2);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < blocks * channels; p++) {
        const int64_t c = p % channels;
        const vec *raw[TERMS], *term[TERMS];
        real factor[TERMS], shift = 0;
        for (int n = 0; n < convs; n++) {
            raw[n] = (const vec *)raws[n] + p * size;
            factor[n] = scales[n][c];
            shift -= means[n][c] * factor[n];
        }
        for (int m = 0; m < plains; m++) term[m] = (const vec *)terms[m] + p * size;
        vec *plain = plain_ ? (vec *)plain_ + p * size : 0, *padded = padded_ ? (vec *)padded_ + p * padded_size : 0;
        switch (convs * 4 + plains) {
            SUM(0, 1) SUM(0, 2) SUM(0, 3) SUM(1, 0) SUM(1, 1) SUM(1, 2) SUM(2, 0) SUM(2, 1) SUM(3, 0)
        }
    }
}

/* The gradient of a sum: plain contributions, and what came back through the ReLU where the input was positive. */
INLINE void back_plane(const int M, const int through, int64_t height, int64_t width, const vec *const *terms,
                       const vec *behind, const vec *padded, vec *out)
{
    const vec *term[TERMS];
    UNROLL for (int m = 0; m < M; m++) term[m] = terms[m];
    for (int64_t y = 0; y < height; y++) {
        const vec *const relu = padded + (y + 1) * (width + 2) + 1;
        for (int64_t x = 0; x < width; x++) {
            const int64_t at = y * width + x;
            vec total = ZERO;
            if (through) total = SELECT(relu[x] > ZERO, behind[at]);
            UNROLL for (int m = 0; m < M; m++) total += term[m][at];
            out[at] = total;
        }
    }
}

#define BACK(M)                                                                                                       \
    case M:                                                                                                           \
        if (behind) back_plane(M, 1, height, width, term, behind, padded, out);                                       \
        else back_plane(M, 0, height, width, term, behind, padded, out);                                              \
        break;

void add_up_backward(int threads, int64_t planes, int64_t height, int64_t width, int plains,
                     const real *const *terms, const real *behind_, const real *padded_, real *out_)
{
    const int64_t size = height * width, padded_size = (height + 2) * (width + 2);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < planes; p++) {
        const vec *term[TERMS], *behind = behind_ ? (const vec *)behind_ + p * size : 0;
        const vec *padded = padded_ ? (const vec *)padded_ + p * padded_size : 0;
        vec *out = (vec *)out_ + p * size;
        for (int m = 0; m < plains; m++) term[m] = (const vec *)terms[m] + p * size;
        switch (plains) { BACK(0) BACK(1) BACK(2) BACK(3) }
    }
}

/* Sum of a gradient, and of its products with distances from `centre`, lane by lane. */
INLINE void sum_gradient(int64_t height, int64_t width, const vec *gradient, const vec *raw, real centre, vec *sums)
{
    vec total = ZERO, along = ZERO;
    for (int64_t y = 0; y < height; y++) {
        vec row_total = ZERO, row_along = ZERO;
        for (int64_t x = 0; x < width; x++) {
            const vec g = gradient[y * width + x];
            row_total += g;
            row_along += g * (raw[y * width + x] - centre);
        }
        total += row_total, along += row_along;
    }
    sums[0] = total, sums[1] = along;
}

/* Gradient of a normalisation, spread with `spacing` over a padded plane (2: what a stride skipped is zero).
 * gradient, raw: [blocks][channels][height][width]. Lanes beyond `images` hold no image and get no gradient. Both sweeps
 * over a channel follow each other, so that the second finds in the caches what the first has read. */
void normalise_backward(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int64_t images,
                        const real *gradient_, const real *raw_, const real *mean, const real *scale, int64_t spacing,
                        real *padded_)
{
    const int64_t size = height * width, row = width * spacing + 2, rows = height * spacing + 2;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < channels; c++) {
        double total = 0, along = 0;
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t at = (block * channels + c) * size, left = images - block * LANES;
            vec sums[2];
            sum_gradient(height, width, (const vec *)gradient_ + at, (const vec *)raw_ + at, mean[c], sums);
            for (int64_t lane = 0; lane < LANES && lane < left; lane++) total += sums[0][lane], along += sums[1][lane];
        }
        const double count = (double)size * images, factor = scale[c], turn = -factor * factor * factor * along / count;
        const real a = (real)factor, b = (real)turn, d = (real)(-factor * total / count - turn * mean[c]);
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t p = block * channels + c;
            const vec *gradient = (const vec *)gradient_ + p * size, *raw = (const vec *)raw_ + p * size;
            vec *padded = (vec *)padded_ + p * row * rows, there = ZERO + 1;
            for (int lane = 0; lane < LANES; lane++) if (block * LANES + lane >= images) there[lane] = 0;
            if (spacing > 1) clear_row(padded, row * rows);
            else clear_row(padded, row), clear_row(padded + (rows - 1) * row, row);
            for (int64_t y = 0; y < height; y++) {
                vec *to = padded + (y * spacing + 1) * row;
                to[0] = to[row - 1] = ZERO;
                for (int64_t x = 0; x < width; x++)
                    to[x * spacing + 1] = there * (a * gradient[y * width + x] + b * raw[y * width + x] + d);
            }
        }
    }
}

/* 1 / pixels of a window that has so many rows and columns inside the image. */
static const real share_of[4][4] = {{0}, {0, 1, 1. / 2, 1. / 3}, {0, 1. / 2, 1. / 4, 1. / 6}, {0, 1. / 3, 1. / 6, 1. / 9}};

INLINE int rows_inside(int64_t y, int64_t height)
{
    return 1 + (y > 0) + (y + 1 < height);
}

/* `line` holds sums of three rows, a zero before and behind. `transposed`: what is added up has its share first. */
INLINE void pool_plane(const int transposed, int64_t height, int64_t width, const vec *x, vec *line, vec *out)
{
    const int beside = rows_inside(0, width);
    line[0] = line[width + 1] = ZERO;
    for (int64_t y = 0; y < height; y++, out += width) {
        const int above = y > 0, below = y + 1 < height;
        const vec *here = x + y * width, *over = above ? here - width : here, *under = below ? here + width : here;
        const real *shares[3] = {share_of[rows_inside(y - 1, height)], share_of[rows_inside(y, height)],
                                 share_of[rows_inside(y + 1, height)]};
        const real inner[3] = {above ? (transposed ? shares[0][3] : 1) : 0, transposed ? shares[1][3] : 1,
                               below ? (transposed ? shares[2][3] : 1) : 0};
        for (int64_t i = 0; i < width; i++) line[i + 1] = inner[0] * over[i] + inner[1] * here[i] + inner[2] * under[i];
        if (transposed)
            for (int64_t i = 0; i < width; i += width > 1 ? width - 1 : 1)
                line[i + 1] = above * shares[0][beside] * over[i] + shares[1][beside] * here[i]
                    + below * shares[2][beside] * under[i];
        const real share = transposed ? 1 : shares[1][3], edge = transposed ? 1 : shares[1][beside];
        for (int64_t i = 0; i < width; i++) out[i] = (line[i] + line[i + 1] + line[i + 2]) * share;
        if (!transposed)
            for (int64_t i = 0; i < width; i += width > 1 ? width - 1 : 1)
                out[i] = (line[i] + line[i + 1] + line[i + 2]) * edge;
    }
}

/* 3 x 3 average pooling, stride 1, outside does not count; `transposed`: its gradient, where the counting comes first. */
void pool(int threads, int64_t planes, int64_t height, int64_t width, const real *x_, int transposed, real *out_)
{
    const int64_t size = height * width;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < planes; p++) {
        const vec *x = (const vec *)x_ + p * size;
        vec *out = (vec *)out_ + p * size, line[width + 2];
        if (transposed) pool_plane(1, height, width, x, line, out);
        else pool_plane(0, height, width, x, line, out);
    }
}

/* 2 x 2 average pooling with stride 2 of planes [2 * height][2 * width]; `transposed`: its gradient, into `out` as large. */
void halve(int threads, int64_t planes, int64_t height, int64_t width, const real *x_, int transposed, real *out_)
{
    const int64_t size = height * width;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < planes; p++) {
        const vec *x = (const vec *)x_ + p * size * (transposed ? 1 : 4);
        vec *out = (vec *)out_ + p * size * (transposed ? 4 : 1);
        for (int64_t y = 0; y < height; y++)
            for (int64_t i = 0; i < width; i++) {
                const int64_t at = y * width + i, corner = 4 * y * width + 2 * i, below = corner + 2 * width;
                if (transposed) out[corner] = out[corner + 1] = out[below] = out[below + 1] = x[at] * (real)0.25;
                else out[at] = (x[corner] + x[corner + 1] + x[below] + x[below + 1]) * (real)0.25;
            }
    }
}

/* Images [images][channels][height][width] by strides in numbers, into padded planes; missing lanes are zero. */
void lay_out(int threads, int64_t blocks, int64_t channels, int64_t height, int64_t width, int64_t images,
             const real *x, int64_t sn, int64_t sc, int64_t sy, int64_t sx, real *padded_)
{
    const int64_t row = width + 2, size = row * (height + 2);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < blocks * channels; p++) {
        const int64_t b = p / channels, c = p % channels;
        vec *padded = (vec *)padded_ + p * size;
        clear_row(padded, size);
        for (int64_t y = 0; y < height; y++)
            for (int64_t i = 0; i < width; i++) {
                real *to = (real *)(padded + (y + 1) * row + i + 1);
                for (int64_t lane = 0; lane < LANES && b * LANES + lane < images; lane++)
                    to[lane] = x[(b * LANES + lane) * sn + c * sc + y * sy + i * sx];
            }
    }
}

int lanes(void) { return LANES; }
