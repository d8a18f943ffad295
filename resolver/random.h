/* Random octets from the kernel, without ever waiting for them. */
#ifndef AIODNS_RANDOM_H
#define AIODNS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* By getrandom(2), or /dev/urandom where the kernel or a filter has it not; false: there are none to be had.
 */
bool aiodns_random_fill(void *buf, size_t len);

#endif
