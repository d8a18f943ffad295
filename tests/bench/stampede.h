/*
 * A stampede: many threads of many processes want the same names at the same moment, and nobody has asked for
 * them before.  What is measured: both sides, with all threads going through the names in the same order, and
 * with each in an order of its own.
 */
#ifndef BENCH_STAMPEDE_H
#define BENCH_STAMPEDE_H

#include "loss.h"
#include "report.h"
#include "rows.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum stampede_order {
  STAMPEDE_SAME, /* all want one name at a time */
  STAMPEDE_OWN,  /* all want all names */
  STAMPEDE_ORDERS,
};

enum {
  STAMPEDE_CELLS = STAMPEDE_ORDERS * BENCH_SIDES, /* numbers of loss.h's, to the server */
  STAMPEDE_CELL_WARM = STAMPEDE_CELLS,            /* of what each process asks before */
  STAMPEDE_PROCESSES_MAX = 100,
  STAMPEDE_THREADS_MAX = 1000, /* of all processes */
  STAMPEDE_NAMES_MAX = 200,
};

_Static_assert((int)STAMPEDE_CELL_WARM < (int)LOSS_CELLS, "the server knows no more");

static inline unsigned stampede_cell_of(enum stampede_order order, unsigned side)
{
  return order * BENCH_SIDES + side;
}

struct stampede_size {
  unsigned processes, threads; /* threads of each */
  unsigned names;
  bool cold; /* the first lookup of the processes is one of those that count */
};

static inline unsigned stampede_threads(const struct stampede_size *size)
{
  return size->processes * size->threads;
}

/* One run of one cell; in memory that its processes share. */
struct stampede_run {
  struct stampede_size size;
  enum stampede_order order;
  unsigned cell;
  unsigned first_lookup; /* of the names, to the server */

  pid_t pid[STAMPEDE_PROCESSES_MAX];
  _Atomic int64_t cpu_ns;                                    /* of all threads, user and system, in lookups */
  int64_t time_ns[STAMPEDE_THREADS_MAX][STAMPEDE_NAMES_MAX]; /* negative: a lookup without the right answer */
  char failure[BENCH_TEXT_MAX];                              /* what came of one of these */
};

#endif
