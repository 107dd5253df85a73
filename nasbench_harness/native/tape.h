/* What training steps keep of their way there, until the way back has passed. */
#ifndef TAPE_H
#define TAPE_H
#include "kernels.h"
#include "network.h"
#include "pool.h"

#pragma GCC visibility push(hidden)

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

typedef struct {
    int plain, padded;
} Reads;

INLINE int64_t bytes(const Run *run, int64_t channels, int64_t height, int64_t width)
{
    return run->blocks * channels * height * width * (int64_t)sizeof(vec);
}

/* forward.c */
Activation *note(Run *run, int origin, int64_t channels, int64_t side);
void convolution(Run *run, int64_t side, int64_t stride, const real *x, const Weight *w, int transposed, int padded, int mode,
                 real *out, real *statistics);
void convolve_into(Run *run, Convolved *to, Activation *source, Weight *w, int64_t stride);
void settle(Run *run, Activation *x, int plain, int padded);
Reads reads_of(const uint8_t *code, int node);
Activation *cell(Run *run, Activation *source, const uint8_t *code, Weight *weights, Reads last);
Activation *reduction(Run *run, Activation *source, Weight *weights, Reads last);

/* head.c, backward.c */
double head(Run *run, Activation *output, const int64_t *labels);
void give(Activation *x, real *gradient);
void back(Run *run, Activation *x);

/* batch.c, descent.c */
void gather_images(const Run *run, const Images *set, int64_t first, real *padded, int64_t *labels);
void move(const Network *network, double rate);

#pragma GCC visibility pop
#endif
