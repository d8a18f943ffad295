/*
 * What an administrator wants to know of a cache: one file for each tier beside it, of one page, which every
 * process that may write the tier keeps mapped and adds to.  It is never believed: nothing but `aiodns stats`
 * reads it.
 *
 * The page is AIODNS_COUNTERS_STRIPES stripes, each a row of AIODNS_COUNTERS_STRIPE words of 64 bits in
 * native order; a thread adds to the stripe of its own address, so that threads on different processors do
 * not fight for a line.  A value is the sum over all stripes, wrapping at 2^64.  The first stripe begins at
 * offset 0; there is no header, since there is nothing to believe.
 *
 * Costs: an addition without a system call, some 5 ns.  Where no file can be had, additions go nowhere.
 * Processes that are neither root nor one plain user count nowhere; a user's hits in the host's cache are
 * counted by the user.
 */
#ifndef AIODNS_COUNTERS_H
#define AIODNS_COUNTERS_H

#include <stdint.h>

struct aiodns_tier;

enum aiodns_counter {
  AIODNS_COUNT_HIT,         /* questions answered by a cache */
  AIODNS_COUNT_MISS,        /* questions put to servers */
  AIODNS_COUNT_EXPIRED,     /* of those, how many had a record that was no longer valid */
  AIODNS_COUNT_WAITED,      /* questions that waited for another lookup's answer */
  AIODNS_COUNT_WAITED_VAIN, /* of those, how many were asked after all */
  AIODNS_COUNT_STORED,
  AIODNS_COUNT_EVICTED,   /* valid records that a stored one took the place of */
  AIODNS_COUNT_DROPPED,   /* answers that could not be stored: too large, no room, not permitted */
  AIODNS_COUNT_NEAR_MISS, /* datagrams on the right port with a wrong ID, question or letter case */
  AIODNS_COUNT_TIMEOUT,   /* questions that nobody answered in time */
  AIODNS_COUNT_TCP,       /* connections for a query */
  AIODNS_COUNT_STALE,     /* questions that servers failed to answer, and an expired record did */
  AIODNS_COUNT_BLOCKED,   /* names that were blocked, each time they were looked for */
  AIODNS_COUNTERS,
};

enum {
  AIODNS_COUNTERS_STRIPE = 16, /* words; those from AIODNS_COUNTERS on are 0 */
  AIODNS_COUNTERS_STRIPES = 32,
  AIODNS_COUNTERS_SIZE = 4096,
};

_Static_assert((int)AIODNS_COUNTERS <= (int)AIODNS_COUNTERS_STRIPE, "a stripe has a word for each");

/* Adds to a counter of the tier that was named last. Any thread, any time. */
void aiodns_count(enum aiodns_counter counter, uint32_t add);

/*
 * Names the tier whose counters are to be used from now on, of which this process must be the owner; NULL:
 * none, and nothing that can write to them stays mapped.  A child has none until it names one itself.
 */
void aiodns_counters_use(const struct aiodns_tier *tier);

/* The sums in `size` octets of such a file; words that are not there are 0. */
void aiodns_counters_sum(const void *page, uint64_t size, uint64_t ret[AIODNS_COUNTERS]);

/* The counter's name as in `aiodns stats --json`: "hits". */
const char *aiodns_counter_name(enum aiodns_counter counter);

#endif
