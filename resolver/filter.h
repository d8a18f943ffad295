/*
 * What a file of names is known not to have, so that most lookups need not read it: a Bloom filter over its
 * words, valid for one state of the file.
 *
 * Invariants:
 * - "It lacks this" is only said of the file as it stands: its device, inode, size and times are compared at
 *   each question (one stat(2)), and a state whose last change is younger than settle_ns is never learnt,
 *   since a second change within one tick of the kernel's clock would not show.
 * - Lock-free, for all threads of the process; a reader that meets a writer learns nothing.  A writer that
 *   never comes back (a fork() in another thread, a longjmp() out of a signal handler) leaves a filter that
 *   says nothing any more: slower, never wrong.
 */
#ifndef AIODNS_FILTER_H
#define AIODNS_FILTER_H

#include "filestate.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  AIODNS_FILTER_WORDS = 256,
  AIODNS_FILTER_BITS = AIODNS_FILTER_WORDS * 32,
  /* Beyond that, 2 bits for each entry answer "perhaps" too often (above one in 20) to be worth it. */
  AIODNS_FILTER_ENTRIES_MAX = AIODNS_FILTER_BITS / 8,
};

/* In words of 32 bits, which every processor loads and stores at once. */
struct aiodns_filter {
  int64_t settle_ns;         /* AIODNS_FILESTATE_SETTLE_NS, unless it is known that nobody changes the file */
  _Atomic uint32_t sequence; /* odd: being written; 0: nothing learnt yet */
  _Atomic uint32_t state[2]; /* of the file, as a hash of what stat(2) tells */
  _Atomic uint32_t bits[AIODNS_FILTER_WORDS];
};

/* What is being learnt, before it is shared. */
struct aiodns_filter_draft {
  uint64_t state;
  unsigned entries; /* beyond AIODNS_FILTER_ENTRIES_MAX: too many */
  uint32_t bits[AIODNS_FILTER_WORDS];
};

/* The same for each letter case of a name in ASCII; 0 for names with other letters, of which a filter says
 * nothing. */
uint64_t aiodns_filter_hash_name(const char *name, size_t len);
uint64_t aiodns_filter_hash_address(const void *address, size_t len);

enum aiodns_filter_word {
  AIODNS_FILTER_UNKNOWN, /* nothing is known of the file as it stands */
  AIODNS_FILTER_PERHAPS, /* only reading will tell; there is nothing to learn for the filter */
  AIODNS_FILTER_LACKS,   /* the file has nothing with this hash */
};

/*
 * What the filter says of a hash and of the file at `path` as it is now.  *state is 0, or what an earlier
 * call of the same thread in the same tick of the clock has put there: then the file is not looked at again.
 */
enum aiodns_filter_word aiodns_filter_ask(const struct aiodns_filter *filter, const char *path, uint64_t hash,
                                          uint64_t *state);

/* Whether this state is one that can be relied on: what is found in it holds until another one is seen. */
bool aiodns_filter_relies_on(const struct aiodns_filter *filter, uint64_t state);

/*
 * Begins to learn from an open file, none of which has been read yet; false: its state cannot be relied on.
 * Then every entry is added, and all are shared.
 */
bool aiodns_filter_begin(const struct aiodns_filter *filter, struct aiodns_filter_draft *draft, int fd);
void aiodns_filter_add(struct aiodns_filter_draft *draft, uint64_t hash);
void aiodns_filter_share(struct aiodns_filter *filter, const struct aiodns_filter_draft *draft);

#endif
