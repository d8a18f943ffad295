/* One row of the table: both sides take turns in blocks, A B B A, so that what drifts harms neither. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "client.h"
#include "report.h"

struct bench_effort {
  int64_t time_ns; /* a row; at least two rounds are made anyway */
  unsigned block;  /* lookups in a row, at most BENCH_BLOCK_MAX */
};

/* Both are false if a lookup went wrong, which should not happen. */
bool bench_measure(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                   const struct bench_effort *effort, struct bench_result *ret);
/* The first lookup of new processes, and those processes as a whole. */
bool bench_measure_first(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                         const struct bench_effort *effort, struct bench_result *ret_lookup,
                         struct bench_result *ret_process);

/*
 * How much faster two threads are than one (1 to 2) and the ratio of that, ours to the other's: their
 * processors may have parts in common.  *ret has the factors as `us`.
 */
bool bench_measure_threads(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                           const int cpu[2], const struct bench_effort *effort, struct bench_result *ret);

#endif
