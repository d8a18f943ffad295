/* What is measured: the lookups, one a row, by the calls that programs make. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  BENCH_TEXT_MAX = 128, /* octets of an answer as text; longer ones are cut */
};

enum bench_call {
  BENCH_GETADDRINFO,
  BENCH_GETHOSTBYNAME,
  BENCH_GETNAMEINFO,
};

struct bench_row {
  const char *name, *shows;
  enum bench_call call;
  const char *asked;
  int family;        /* of getaddrinfo */
  bool canonical;    /* AI_CANONNAME */
  bool hosts;        /* it is in /etc/hosts: asked where `files` is among both sides' services */
  const char *right; /* the answer as text */
};

extern const struct bench_row bench_rows[];
extern const size_t bench_row_count;

extern const char bench_hosts[], bench_resolv_conf[];

int64_t bench_now_ns(void);
int64_t bench_cpu_ns(void); /* that this process has used, in user and system mode */

/*
 * One lookup.  The time that the call took, clean-up left out; -1 if it failed where it should not have, or
 * the other way round.  What came back goes to `text`, of BENCH_TEXT_MAX, unless that is NULL.
 */
int64_t bench_look_up(const struct bench_row *row, char *text);

#endif
