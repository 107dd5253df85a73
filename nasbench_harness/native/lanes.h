/* Activations with LANES images side by side: [blocks][channels][rows][columns][LANES].
 *
 * One vector holds the same pixel of LANES images, so vectors are full at any number of channels, and a convolution is
 * a sum of vectors times single weights. Planes are addressed by strides, all counted in vectors: `plane` from channel
 * to channel, `row` from row to row; a padded plane has a border of zeros, and pointers into it point behind the border.
 */
#ifndef LANES_H
#define LANES_H
#include <stddef.h>
#include <stdint.h>

#ifndef LANES
#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
#endif

#ifdef DOUBLE
#define REAL_BYTES 8
typedef double real;
#else
#define REAL_BYTES 4
typedef float real;
#endif

/* Tensors start at multiples of 64 bytes. */
#define ALIGNMENT (LANES * sizeof(real) > 64 ? 64 : LANES * sizeof(real))
typedef real vec __attribute__((vector_size(LANES * sizeof(real)), aligned(ALIGNMENT), may_alias));

typedef __typeof__((vec){0} < (vec){0}) mask;

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define ZERO ((vec){0})

/* Has the compiler load `v` once: left alone it takes it from memory again for each product, and loads become the limit. */
#if defined __AVX512F__ && LANES * REAL_BYTES == 64
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#elif defined __AVX__ && LANES * REAL_BYTES == 32
#define IN_REGISTER(v) __asm__("" : "+x"(v))
#else
#define IN_REGISTER(v) (void)(v)
#endif

/* Writes past the caches: for what is read again only after more than they hold. SEEN_BY_ALL: other threads see it from
 * there on. */
#if defined __AVX512F__ && LANES * REAL_BYTES == 64
#include <immintrin.h>
#define WRITE_PAST(to, v) _mm512_stream_ps((float *)(to), (__m512)(v))
#define SEEN_BY_ALL() _mm_sfence()
#elif defined __AVX__ && LANES * REAL_BYTES == 32
#include <immintrin.h>
#define WRITE_PAST(to, v) _mm256_stream_ps((float *)(to), (__m256)(v))
#define SEEN_BY_ALL() _mm_sfence()
#else
#define WRITE_PAST(to, v) (*(to) = (v))
#define SEEN_BY_ALL() (void)0
#endif

/* What a convolution does with its sums: write them; add them to what is there; write them and take sums of their
 * differences from a shift, and squares; the same, writing past the caches. */
enum { WRITE, ADD, GATHER, GATHER_PAST };

/* `v` where `where`, else 0, lane by lane. */
#define SELECT(where, v) ((vec)((where) & (mask)(v)))

/* Output channels whose accumulators a tile keeps in registers; the packed weights are laid out by the same rule. */
#define WIDEST 5
INLINE int group_of(int channels_left, int channels)
{
    int widest = channels % 5 == 0 ? 5 : 4;
    return channels_left < widest ? channels_left : widest;
}

#endif
