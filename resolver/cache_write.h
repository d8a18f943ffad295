/*
 * Putting a record into a cache file (cache.h): which slot of its set it takes, and the one pwrite(2) that
 * stores it.
 *
 * What goes first: what has expired, then the oldest, where the age of what was wanted again counts as an
 * eighth.  Readers cannot mark what they read, so "wanted" is known of a record that is stored anew after it
 * had expired or been driven out: each slot remembers the hash of the record that the present one drove out.
 * tests/bench/cache_trace.c measures it: 0.97 of the hits of a true LRU, and more.
 */
#ifndef AIODNS_CACHE_WRITE_H
#define AIODNS_CACHE_WRITE_H

#include "cache.h"

enum aiodns_cache_stored {
  AIODNS_CACHE_STORED,
  AIODNS_CACHE_STORED_EVICTING, /* and a valid record of another question had to go */
  AIODNS_CACHE_TOO_LARGE,       /* no slot is that large */
  AIODNS_CACHE_NOT_WRITTEN,     /* errno says why */
};

/* No failure is kept for longer (RFC 9520 allows five minutes). */
#define AIODNS_CACHE_FAILED_MAX_NS ((uint64_t)5 * 1000000000)

/*
 * Stores what `answer` says: ANSWER, NO_NAME, NO_DATA or FAILED, with its names but the question's own.  It
 * holds for life_ns, AIODNS_CACHE_LIFE_MAX_NS at the most, from now_ns (CLOCK_BOOTTIME) on; 0 is TTL 0
 * (AIODNS_RECORD_ONCE).  FAILED holds for twice as long as the last time, where it takes the place of a
 * FAILED that ended less than 10 s ago, and for AIODNS_CACHE_FAILED_MAX_NS at the most.  Of `flags` those of
 * the answer count: AIODNS_RECORD_ALIASED, _SERVFAIL, and _STALE for what has expired and was given all the
 * same, no FAILED; then life_ns says how long ago it expired, AIODNS_CACHE_STALE_MAX_NS at the most.  `fd` is
 * the file that `cache` maps, open for writing; the caller has looked at RLIMIT_FSIZE, beyond which writing
 * would kill the process.  Any number of processes may store at once.
 */
enum aiodns_cache_stored aiodns_cache_store(const struct aiodns_cache *cache, int fd,
                                            const struct aiodns_question *question,
                                            const struct aiodns_answer *answer, uint8_t flags,
                                            uint64_t now_ns, uint64_t life_ns);

/* Empties one slot, so that not even its octets stay.  False: errno says why. */
bool aiodns_cache_erase(const struct aiodns_cache *cache, int fd, uint32_t number);

#endif
