/*
 * A service's entry points, called as glibc calls them but without glibc: what is left is the module itself.
 * Which service is the first word of the hosts line of this process's world.
 */
#ifndef BENCH_DIRECT_H
#define BENCH_DIRECT_H

#include "rows.h"

#include <netdb.h>
#include <nss.h>

enum { BENCH_DIRECT_BUFFER_LEN = 1024 };

struct bench_direct {
  enum nss_status (*by_4r)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *, int32_t *);
  enum nss_status (*by_2r)(const char *, int, struct hostent *, char *, size_t, int *, int *);
  const struct bench_row *row;
  struct gaih_addrtuple *tuples; /* the last answer, of either */
  struct hostent host;
  _Alignas(max_align_t) char buffer[BENCH_DIRECT_BUFFER_LEN];
};

/*
 * Finds what the row calls, and makes this thread's _res ready if it is not, as glibc does before it calls.
 * In threads: the first call of a process must have ended before there is a second.
 */
bool bench_direct_open(struct bench_direct *ret, const struct bench_row *row);

/* One call; false if it gave no answer. */
bool bench_direct_call(struct bench_direct *direct, const char *asked);

/* Appends the last answer to `text`, of BENCH_TEXT_MAX. */
void bench_direct_text(const struct bench_direct *direct, char *text);

/*
 * Calls from `threads` threads (1 or 2) at once, each on its own processor, for some milliseconds. *ret_rate:
 * calls per second of all together.  False: one gave no answer, or there could be no thread.
 */
bool bench_direct_threads(const struct bench_row *row, const int cpu[2], unsigned threads, double *ret_rate);

#endif
