/* Memory of training steps: buffers that count who holds them and are handed out again, the last returned first. */
#ifndef POOL_H
#define POOL_H
#include <setjmp.h>
#include <stdlib.h>
#include "lanes.h"

typedef struct Buffer {
    struct Buffer *next, *made_before;
    int64_t size, holders;
} Buffer;

#define HEAD 64  /* bytes before the numbers, for the Buffer */
#define SIZES 64 /* different sizes that are handed out again: one network at two batch sizes has a few dozen */

typedef struct {
    Buffer *free[SIZES], *last_made;
    int64_t sizes[SIZES], known;
    jmp_buf without_memory; /* where to go on when there is none left */
} Pool;

INLINE Buffer *buffer_of(const void *numbers)
{
    return (Buffer *)((char *)numbers - HEAD);
}

/* Where free buffers of a size wait, or -1. */
static inline int64_t shelf_of(Pool *pool, int64_t size)
{
    for (int64_t n = 0; n < pool->known; n++)
        if (pool->sizes[n] == size) return n;
    if (pool->known == SIZES) return -1;
    pool->sizes[pool->known] = size;
    return pool->known++;
}

/* Room for so many bytes, with one holder and no meaning. */
static inline void *take(Pool *pool, int64_t size)
{
    const int64_t shelf = shelf_of(pool, size);
    Buffer *found = shelf < 0 ? 0 : pool->free[shelf];
    if (found) pool->free[shelf] = found->next;
    else {
        found = aligned_alloc(64, (size_t)(HEAD + (size + 63) / 64 * 64));
        if (!found) longjmp(pool->without_memory, 1);
        found->size = size, found->made_before = pool->last_made, pool->last_made = found;
    }
    found->holders = 1;
    return (char *)found + HEAD;
}

INLINE void *hold(void *numbers)
{
    buffer_of(numbers)->holders++;
    return numbers;
}

/* One holder less. */
static inline void drop(Pool *pool, const void *numbers)
{
    if (!numbers || --buffer_of(numbers)->holders) return;
    const int64_t shelf = shelf_of(pool, buffer_of(numbers)->size);
    if (shelf >= 0) buffer_of(numbers)->next = pool->free[shelf], pool->free[shelf] = buffer_of(numbers);
}

/* Gives all back to the system, those that are held too. */
static inline void clear(Pool *pool)
{
    while (pool->last_made) {
        Buffer *buffer = pool->last_made;
        pool->last_made = buffer->made_before;
        free(buffer);
    }
    for (int64_t n = 0; n < pool->known; n++) pool->free[n] = 0;
    pool->known = 0;
}

#endif
