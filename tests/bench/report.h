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
  double ratio;           /* ours to glibc's; below 1 ours takes less */
  double spread;          /* half the interquartile range of the rounds' ratios: how far to trust the ratio */
  double cpu_us[BENCH_SIDES]; /* a lookup, user and system; the median of the blocks' means */
  double cpu_ratio;
  double calls[BENCH_SIDES]; /* system calls, with glibc's own around the module; negative: not counted */
};

void bench_report_begin(bool json, const char *module);
/* A new table, for these two hosts lines. */
void bench_report_pair(bool json, const char *const hosts[BENCH_SIDES]);
void bench_report_row(bool json, const char *const hosts[BENCH_SIDES], const struct bench_result *result);
void bench_report_end(bool json);

#endif
