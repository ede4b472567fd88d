/* Memory that is divided into what one encoding works in. */
#pragma once

#include <stddef.h>

/* The next n_bytes of it; `from` is moved behind them, to a multiple of 64. */
static inline void *taken(char **from, size_t n_bytes) {
    void *room = *from;
    *from += (n_bytes + 63) / 64 * 64;
    return room;
}
