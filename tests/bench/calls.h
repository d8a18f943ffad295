/* How many system calls a lookup makes, counted by ptrace(2): in a pass of its own, since that takes time. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "rows.h"
#include "world.h"

/*
 * Of the row's lookup in a process whose first it is, and of `later` others (their mean; a batch counts as
 * that many).  False: this kernel does not let us see.
 */
bool bench_calls_count(const struct bench_row *row, const struct bench_world *world, unsigned later,
                       double *ret_first, double *ret_later);

#endif
