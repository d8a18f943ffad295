/*
 * The part that the cache plays in a lookup: what is known, what others ask, and what is kept.  For lookup.c;
 * and the lookup that the cache alone answers.
 */
#ifndef AIODNS_LOOKUP_CACHE_H
#define AIODNS_LOOKUP_CACHE_H

#include "lookup.h"

/* Ends the wanted queries (bits) whose answers are known for the present candidate. */
void aiodns_lookup_recall(struct aiodns_lookup *lookup, unsigned wanted);

/* The candidate's questions have ended: answers those that failed with what has expired, and keeps that. */
void aiodns_lookup_serve_stale(struct aiodns_lookup *lookup);

/*
 * aiodns_search_judge(), where the findings in `stale` (bits) are beyond their time: servers come before
 * them, and what is negative by them alone is a failure as SERVFAIL is.
 */
struct aiodns_verdict aiodns_lookup_judge(const struct aiodns_conf *conf, struct aiodns_finding finding[2],
                                          unsigned count, bool hide_data, unsigned stale);

/* Whether query i is to be started; if not, its answer has just become known, or is waited for. */
bool aiodns_lookup_may_ask(struct aiodns_lookup *lookup, unsigned i, int64_t now_us);

/* Looks, if it is time, for what is waited for; returns the queries (bits) that are to be started after all.
 */
unsigned aiodns_lookup_look(struct aiodns_lookup *lookup, int64_t now_us);

/* The driver has waited for nothing but what others ask: unless that is OVER, it is time to look now. */
void aiodns_lookup_paused(struct aiodns_lookup *lookup, enum aiodns_pause how, int64_t now_us);

/* Keeps what the candidate's queries have come to; `sure`: an NXDOMAIN among them stands. */
void aiodns_lookup_keep(struct aiodns_lookup *lookup, bool sure);

/* The probe, query 0, has shown that the candidate does not exist. */
void aiodns_lookup_keep_nobody(struct aiodns_lookup *lookup);

/*
 * A lookup without servers: true, with its verdict, of the last candidate but for its outcome, if the cache
 * knows all that it needs.  Parameters are those of aiodns_lookup_init; of aiodns_lookup_init_ptr with text
 * NULL.  The answers are initialised by the caller, and are so again after false.
 */
bool aiodns_lookup_from_cache(const struct aiodns_conf *conf, const struct aiodns_sources *sources,
                              int family, const char *text, const struct aiodns_name *name, bool as_is,
                              struct aiodns_answer *answer, struct aiodns_verdict *ret);

#endif
