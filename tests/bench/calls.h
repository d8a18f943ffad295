/* How many system calls a lookup makes, counted by ptrace(2): in a pass of its own, since that takes time. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "rows.h"

/*
 * Of the row's lookup in a process whose first it is, and of later ones (the mean of some).  False: this
 * kernel does not let us see.
 */
bool bench_calls_count(const struct bench_row *row, unsigned nsswitch, double *ret_first, double *ret_later);

#endif
