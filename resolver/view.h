/*
 * A view: for whom an answer is right.  The network namespace, the servers, the address that queries leave
 * from, and the options that can change an answer: two lookups share answers only if all of them are equal,
 * so that neither a container nor the time before a VPN came up answers for another.
 *
 * A namespace is told by SO_NETNS_COOKIE of a socket, which is never used again; before Linux 5.14 by the
 * inode of /proc/thread-self/ns/net.
 */
#ifndef AIODNS_VIEW_H
#define AIODNS_VIEW_H

#include "conf.h"

struct aiodns_view {
  uint64_t key; /* never 0 */
  /* From which namespace and address each server is reached; 0 where it is not. */
  uint64_t origin[AIODNS_SERVERS_MAX];
};

/* What of a configuration is part of a view, as one number, never 0. No system call. */
uint64_t aiodns_view_of_conf(const struct aiodns_conf *conf);

/*
 * Looks: a socket for each server, connected, which sends nothing; four or five system calls each.  False:
 * this process cannot tell, and must not use a cache.
 */
bool aiodns_view_look(struct aiodns_view *ret, const struct aiodns_conf *conf, uint64_t conf_key);

/* The origin of a connected socket; 0: it cannot be told. Two system calls. */
uint64_t aiodns_view_origin(int fd);

#endif
