/* One worker: servers, an /etc and two clients of its own, and case after case. */
#ifndef COMPARE_WORKER_H
#define COMPARE_WORKER_H

#include "judge.h"

#include <stdatomic.h>

/* What all workers share. */
struct tally {
  _Atomic uint64_t next; /* case */
  _Atomic uint64_t lookups, unsteady, intended[RULES];
  _Atomic unsigned failures, shown; /* shown: of hosts files, by a rule */
};

struct plan {
  uint64_t seed, first, end; /* cases from `first` on, below `end` */
  unsigned failures;         /* as many, and all workers stop */
  bool trace;                /* prints each lookup, and what the servers say to it */
  const char *rule;          /* differences by this rule are shown; NULL: none */
  const char *module_dir;
  bool hosts;  /* hosts files are compared, not worlds of servers */
  bool shared; /* of these: processes have a place for what they share, and more files are large */
  bool split;  /* aiodns finds each in several pieces, by its configuration */
};

/* Until no case is left. Does not return. */
void worker_main(unsigned number, const struct plan *plan, struct tally *tally) __attribute__((noreturn));

#endif
