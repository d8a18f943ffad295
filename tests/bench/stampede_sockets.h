/*
 * How many sockets there are at once, by the kernel's own tables: from time to time all of this namespace
 * that are connected to a DNS server are read in one go (/proc/net/udp), and then which process has which of
 * them
 * (/proc/PID/fd).
 *
 * What counts is a socket from which the server has had a question (loss_server.h): one that only looks which
 * address a server is reached from, or which of two addresses getaddrinfo() is to put first, sends nothing,
 * is gone in microseconds, and would be met by chance.  One that asked is there for the delay of its reply,
 * so that a sample every few milliseconds cannot miss it; and it counts for as long as it is open, with or
 * without a reply.  Counting source ports at the server would not show those that are left open.
 */
#ifndef BENCH_STAMPEDE_SOCKETS_H
#define BENCH_STAMPEDE_SOCKETS_H

#include "stampede.h"

struct stampede_sockets {
  unsigned most, most_of_one; /* of all processes together; of one */
  int64_t last_us;            /* when it was looked last */
};

void stampede_sockets_begin(struct stampede_sockets *sockets);

/* Looks now; to be called more often than replies are delayed. */
void stampede_sockets_look(struct stampede_sockets *sockets, const struct stampede_run *run);

#endif
