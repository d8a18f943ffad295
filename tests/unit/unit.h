/* What every unit test needs: cmocka, reproducible random numbers, and memory with a cliff behind it. */
#ifndef AIODNS_UNIT_H
#define AIODNS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A random number below n.  The same seed each time, unless AIODNS_TEST_SEED says otherwise. */
uint32_t unit_random(uint32_t n);

/*
 * A copy whose last octet is the last one before a page that cannot be read, so that reading beyond `len` is
 * seen in every build.  One at a time: the next call reuses it.
 */
uint8_t *unit_on_cliff(const void *data, size_t len);

#endif
