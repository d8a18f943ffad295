/* The servers of one worker, on loopback addresses of its own: sockets, and no opinion of what is said. */
#ifndef COMPARE_SERVER_H
#define COMPARE_SERVER_H

#include "world.h"

#include <netinet/in.h>
#include <poll.h>

enum {
  CONNECTIONS_MAX = 64,
  SOCKETS_MAX = 2 * SERVERS_MAX + CONNECTIONS_MAX,
};

struct connection {
  int fd; /* -1: none */
  uint8_t server;
  bool hangs_up;
  size_t len;
  uint8_t data[1024]; /* queries so far: no more than two are on the way at once */
};

struct servers {
  unsigned worker;
  const struct world *world;
  FILE *trace;                                              /* NULL: none */
  int udp[REACHES][SERVERS_MAX], tcp[REACHES][SERVERS_MAX]; /* -1: nobody listens there */
  struct connection connection[CONNECTIONS_MAX];
};

/* The address that resolv.conf of this worker has for a server that is reached so. */
void servers_address(unsigned worker, enum reach reach, unsigned server, char buf[INET_ADDRSTRLEN]);

/* Binds all addresses of this worker; ends the process where that fails. */
void servers_open(struct servers *servers, unsigned worker);

/* For poll(2): adds the sockets that the world has in use behind the first `count` entries, and returns how
 * many there are then. */
unsigned servers_watch(const struct servers *servers, struct pollfd *poll, unsigned count);

/* Serves what poll(2) found in these entries. */
void servers_serve(struct servers *servers, const struct pollfd *poll, unsigned count);

#endif
