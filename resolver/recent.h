/*
 * Answers that the cache has given more than once, ready to be given again: what a hit puts together of
 * /etc/hosts, the configuration, and one or two records, in this process's own memory.
 *
 * Such an answer holds as long as nothing that it was made of has changed: the text of the name, `_res`, the
 * thread's moment (/etc/hosts' state, view, user), the maps, the very records (their time and sum, looked at
 * in the map), and the time.  So it is never older or more than what the cache itself would say; it is only
 * put together already.  Only the usual kind is kept: a name with a dot, asked as it is, without aliases,
 * with some addresses.
 *
 * The table is static and bounded; nothing in it is waited for.  A name gets a place when it comes for the
 * second time.
 */
#ifndef AIODNS_RECENT_H
#define AIODNS_RECENT_H

#include "cache.h"
#include "moment.h"
#include "resolve.h"

enum {
  AIODNS_RECENT_PLACES = 64,
  AIODNS_RECENT_TEXT_MAX = 64,      /* with its NUL */
  AIODNS_RECENT_ADDRESSES_MAX = 64, /* octets of a family */
};

/* Each has gone from the stack again before servers are asked. */
#define AIODNS_RECENT_APART __attribute__((noinline))

/* Whether the answer is known and still holds; *ret is initialised, with nothing in it. */
AIODNS_RECENT_APART bool aiodns_recent_get(const struct aiodns_moment *moment,
                                           const struct __res_state *state, const char *text, int family,
                                           struct aiodns_result *ret);

/* *result is an ANSWER that the cache has just given in this moment, each family by the record of facts[i].
 */
void aiodns_recent_put(const struct aiodns_moment *moment, const struct __res_state *state, const char *text,
                       int family, const struct aiodns_result *result,
                       const struct aiodns_record_facts facts[2]);

#endif
