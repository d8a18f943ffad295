/*
 * The result that did not fit the caller's buffer, kept for the call with a larger one that follows: so that
 * question is not asked twice, whatever its TTL and wherever nothing can be stored.
 *
 * A few places for all threads; a result stays for AIODNS_STASH_NS, and then until somebody needs its place
 * or its thread comes again. Where there is no place, or no memory, the second call asks anew.
 */
#ifndef AIODNS_NSS_STASH_H
#define AIODNS_NSS_STASH_H

#include "resolve.h"

enum { AIODNS_STASH_PLACES = 8 };

#define AIODNS_STASH_NS ((uint64_t)1000000000)

/* What was looked up: a name, or, where that is NULL, an address of the family. */
struct aiodns_stash_key {
  const char *name;
  const void *address;
  int family;
};

/* Whether this thread has just had the answer: it is then in *ret, which is the caller's to finish. */
bool aiodns_stash_take(struct aiodns_result *ret, const struct aiodns_stash_key *key);

/* Takes all that *result holds, and leaves an empty one. */
void aiodns_stash_keep(struct aiodns_result *result, const struct aiodns_stash_key *key);

#endif
