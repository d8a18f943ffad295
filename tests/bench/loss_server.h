/*
 * The servers, and the loss on the way to and from them: two addresses for each rate, one process for all.
 * They answer at once, whatever is asked below LOSS_DOMAIN; nothing is lost on TCP.
 *
 * What is lost follows from the seed: the nth datagram of a lookup to one server for one type has the same
 * fate, there and back, in all columns.  So their numbers differ by what they do, not by their luck.
 */
#ifndef BENCH_LOSS_SERVER_H
#define BENCH_LOSS_SERVER_H

#include "loss.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loss_serving {
  uint64_t seed;
  bool trace; /* each query goes to standard error */
  bool tcp;   /* false: connections are refused */
};

void loss_server_address(unsigned rate, unsigned server, char ret[INET_ADDRSTRLEN]);

/* -1 and errno: there can be none.  It ends with this process, or by tour_server_stop. */
pid_t loss_server_start(const struct loss_serving *serving);

#endif
