/*
 * What the cache has to hold up to: comparisons with a bound each.  With the null module, whose answers cost
 * nothing, for hits; with glibc's files and dns; and with dns again for misses.  A bound that is missed is
 * shown; only a wrong answer is an error.
 */
#ifndef BENCH_CACHED_H
#define BENCH_CACHED_H

#include "client.h"
#include "measure.h"

enum { BENCH_CACHED_WORLDS = 6 };

struct bench_cached {
  bool json;
  struct bench_effort effort, first; /* of a comparison of weight 1; of one of first lookups */
  int cpu[2];                        /* as of bench_stage_processors() */
  bool unbound;                      /* it answers at BENCH_UNBOUND */
  struct bench_client client[BENCH_CACHED_WORLDS];
};

/* The comparisons by number; NULL: there is none of that number any more. */
const char *bench_cached_name(size_t number);
/* How much of the time it gets: none where nothing is timed. */
unsigned bench_cached_weight(size_t number);

/* Writes the files of its worlds, before anything is started. */
bool bench_cached_prepare(void);
/* Starts the clients; false and errno on failure.  What the caller knows is filled in before. */
bool bench_cached_start(struct bench_cached *cached);
void bench_cached_stop(struct bench_cached *cached);

/* Measures one and reports it; false, with a message, if an answer was wrong. */
bool bench_cached_show(struct bench_cached *cached, size_t number);

#endif
