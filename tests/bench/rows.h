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
  /* An entry point of the service that is in the hosts line, called without glibc (direct.h). */
  BENCH_DIRECT_4R, /* _nss_SERVICE_gethostbyname4_r */
  BENCH_DIRECT_2R, /* _nss_SERVICE_gethostbyname2_r */
};

struct bench_row {
  const char *name, *shows;
  enum bench_call call;
  const char *asked; /* with a dot in front: names below it, another one each time */
  int family;        /* of the addresses wanted */
  bool canonical;    /* AI_CANONNAME */
  bool hosts;        /* it is in /etc/hosts: asked where `files` is among both sides' services */
  const char *right; /* the answer as text */
};

extern const struct bench_row bench_rows[];
extern const size_t bench_row_count;

/* Those of cached.c, which are about the cache. */
extern const struct bench_row bench_cache_rows[];
extern const size_t bench_cache_row_count;

/* By its name, among all of them; NULL: there is none. */
const struct bench_row *bench_row_find(const char *name);

/* How many calls one bench_look_up() makes and times: some take less time than reading the clock does. */
unsigned bench_row_batch(const struct bench_row *row);

/* For each new process: the names that differ each time are its own from here on. */
void bench_names_renew(void);

extern const char bench_hosts[], bench_resolv_conf[];

int64_t bench_now_ns(void);
int64_t bench_cpu_ns(void); /* that this process has used, in user and system mode */

/*
 * One lookup, or a batch.  The time that the call took, clean-up left out; -1 if it failed where it should
 * not have, or the other way round.  What came back goes to `text`, of BENCH_TEXT_MAX, unless that is NULL.
 */
int64_t bench_look_up(const struct bench_row *row, char *text);

#endif
