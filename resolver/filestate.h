/*
 * In which state a file is, as one number, so that what was read from it need not be read again.
 *
 * A state says nothing as long as its last change is younger than AIODNS_FILESTATE_SETTLE_NS: a second change
 * within one tick of the kernel's clock would not show.
 */
#ifndef AIODNS_FILESTATE_H
#define AIODNS_FILESTATE_H

#include "kernel.h"

enum {
  AIODNS_FILESTATE_ABSENT = 1,  /* there is no such file */
  AIODNS_FILESTATE_UNKNOWN = 2, /* it could not be looked at; for callers that keep what they have then */
  /* Two ticks of the slowest kernel clock, of 100 Hz, which time stamps are taken from. */
  AIODNS_FILESTATE_SETTLE_NS = 20000000,
};

/* Never 0, ABSENT or UNKNOWN. */
uint64_t aiodns_filestate_of(const struct aiodns_kernel_file *file);

/* Of what is at `path`: one system call.  False: it cannot be told. */
bool aiodns_filestate_at(const char *path, uint64_t *ret);

/* The same, with its size in octets; 0 of what is not there. */
bool aiodns_filestate_and_size(const char *path, uint64_t *ret, uint64_t *ret_size);

/* `state`, which the file was just seen in, if that will not be its state after another change; else 0. */
uint64_t aiodns_filestate_reliable(const char *path, uint64_t state);

/* Whether a change that is to come will give another state; `settle_ns` as above. */
bool aiodns_filestate_is_settled(const struct aiodns_kernel_file *file, int64_t settle_ns);

#endif
