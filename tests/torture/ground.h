/* The files, without a name: all that a test leaves behind goes with its processes. */
#ifndef AIODNS_TORTURE_GROUND_H
#define AIODNS_TORTURE_GROUND_H

#include "cache_write.h"

extern const uint8_t ground_boot[AIODNS_CACHE_BOOT_LEN];

/* A file of tmpfs with a header, and all of it allocated; each has another key. */
int ground_make(uint32_t small_sets, uint32_t large_sets);

/* The same in a file that is there and empty. */
void ground_fill(int fd, uint32_t small_sets, uint32_t large_sets);

/* Maps it, to be read only, in the place of `over` or anywhere. */
struct aiodns_cache ground_map(int fd, void *over);

/* The file behind the descriptor of another process, by a descriptor of one's own. */
int ground_open(pid_t pid, int fd, int flags);

/* CLOCK_BOOTTIME */
uint64_t ground_now_ns(void);

#endif
