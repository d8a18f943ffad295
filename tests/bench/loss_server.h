/*
 * The servers, and what is on the way to and from them: two addresses for each rate of loss, one process for
 * all.  They answer whatever is asked below LOSS_DOMAIN, with a TTL of 300 s; at once, or after a while.
 * Nothing is lost or delayed on TCP.
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

/* A query. */
struct loss_event {
  double at_ms; /* since the servers were started */
  unsigned cell, lookup, server;
  const char *type, *what; /* A or AAAA; what became of it */
};

struct loss_serving {
  const unsigned *percent; /* that are lost each way, of LOSS_RATES; NULL: nothing is */
  uint64_t seed;
  int64_t delay_us;                              /* from when a datagram is read to its reply */
  void (*trace)(const struct loss_event *event); /* of each query, in the servers' process; NULL: none */
  bool tcp;                                      /* false: connections are refused */
};

void loss_server_address(unsigned rate, unsigned server, char ret[INET_ADDRSTRLEN]);

/* -1 and errno: there can be none.  It ends with this process, or by tour_server_stop. */
pid_t loss_server_start(const struct loss_serving *serving);

/* What they have seen; from when they were started on. */

/* How often one of a lookup's questions was asked, of all servers and by UDP or TCP. */
struct loss_asked {
  unsigned sockets; /* each once */
  unsigned again;   /* sent again by one of them, soon; without delay this is not told */
};

struct loss_asked loss_server_asked(unsigned cell, unsigned lookup, bool ipv6);

/* The most replies that were waiting for their time at once, since this was last asked for. */
unsigned loss_server_most_delayed(void);

/* How long after its time the latest reply was sent, since this was last asked for. */
int64_t loss_server_late_us(void);

/* When, by CLOCK_MONOTONIC, the last datagram with a question came from that port; 0: none did. */
int64_t loss_server_port_us(uint16_t port);

#endif
