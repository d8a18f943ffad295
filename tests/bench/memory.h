/* What memory a process has for itself alone, by /proc/self/smaps, in octets. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Private are, of mappings that are not shared (smaps has `p`), the dirty pages, and the clean ones where
 * there is no file.  A shared mapping of the cache does not count: its pages are in memory once, whoever maps
 * them, though a process that is alone with them sees them as private and dirty.
 */
struct bench_memory {
  int64_t module; /* of the module's own files' mappings, and of what follows them without a file (.bss) */
  int64_t heap;   /* of [heap] and of other mappings without a file or a name */
  int64_t whole;  /* of everything, stacks and libc's own data included */
};

bool bench_memory_read(struct bench_memory *ret);

#endif
