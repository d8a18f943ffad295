/*
 * What the programs that make one lookup each (loss_client.c) have in common with the benchmark that starts
 * them (loss.c).  They are compiled with other C libraries, too: nothing but fixed widths in here.
 */
#ifndef BENCH_LOSS_CLIENT_H
#define BENCH_LOSS_CLIENT_H

#include <stdint.h>

/* Of the stage (tools/tour/place.c), so that there is a route to both, as a machine that is online has. */
#define LOSS_IPV4 "192.0.2.1"
#define LOSS_IPV6 "2001:db8::1"

#define LOSS_DOMAIN "test"

enum {
  LOSS_FOUND_IPV4 = 1,
  LOSS_FOUND_IPV6 = 2,
  LOSS_FOUND_OTHER = 4, /* an address that no server gave */
};

/* Written to standard output in one piece: below PIPE_BUF, so that many can share a pipe. */
struct loss_result {
  int64_t time_ns;
  uint32_t cell, lookup; /* as the arguments say */
  uint32_t found;        /* LOSS_FOUND_... */
  uint32_t unused;
};

#endif
