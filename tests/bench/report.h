/* What was measured, as a table for people or as JSON for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_OURS, BENCH_GLIBC, BENCH_SIDES };

struct bench_result {
  const char *name, *shows;
  size_t count;           /* lookups of each side */
  double us[BENCH_SIDES]; /* the median of all */
  double ratio;           /* ours to glibc's, the median of the rounds'; below 1 ours takes less */
  double spread;          /* half the interquartile range of the rounds' ratios: how far to trust the ratio */
  double cpu_us[BENCH_SIDES]; /* a lookup, user and system; the median of the blocks' means */
  double cpu_ratio;
  double calls[BENCH_SIDES]; /* system calls, with glibc's own around the module; negative: not counted */
};

enum bench_limit { BENCH_AT_MOST, BENCH_BELOW, BENCH_AT_LEAST };

/* A comparison that has a bound. */
struct bench_judged {
  const char *name, *shows, *against;
  const char *unit; /* of the next two */
  double ours, other;
  double value, spread; /* the ratio, or the difference; 0: there is no spread */
  enum bench_limit limit;
  double bound; /* of the value */
  bool met;
  const char *missing; /* why it was not measured; NULL: it was */
  size_t lookups;      /* of each side; of threads: rounds */
  char note[160];      /* what else is to be said */
};

void bench_report_begin(bool json, const char *module);
/* A new table, for these two hosts lines. */
void bench_report_pair(bool json, const char *const hosts[BENCH_SIDES]);
void bench_report_row(bool json, const char *const hosts[BENCH_SIDES], const struct bench_result *result);
/* A new table, of comparisons that have a bound; no rows come after it. */
void bench_report_cache(bool json);
void bench_report_judged(bool json, const struct bench_judged *judged);
void bench_report_end(bool json);

#endif
