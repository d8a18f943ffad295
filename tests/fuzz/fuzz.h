/* The one function of a fuzz target: `data` ends where its block ends. */
#ifndef AIODNS_FUZZ_H
#define AIODNS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline void must(int holds)
{
  if (!holds)
    abort();
}

#endif
