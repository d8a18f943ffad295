/*
 * One lookup, done in two ways: through glibc, as any program does it, in a process of its own; and by the
 * core directly, which knows what glibc does not pass on: who answered, and for how long that holds.
 */
#ifndef TOUR_LOOKUP_H
#define TOUR_LOOKUP_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tour_lookup {
  const char *asked; /* a name, or an IPv4 address whose name is wanted */
  int family;        /* of the addresses wanted; AF_UNSPEC: both */
  bool canonical;    /* the canonical name is wanted, too */
};

enum {
  TOUR_TEXT_MAX = 80, /* octets of an answer as it is printed; longer ones are cut */
};

/* Through glibc. */
struct tour_answer {
  int64_t time_ns; /* of one lookup, the median */
  /* The addresses, IPv4 first, behind the canonical name if wanted; or the name; or why there is none. */
  char text[TOUR_TEXT_MAX];
  char module[PATH_MAX]; /* our module's file, if glibc loaded it, else empty */
};

/* A lookup under way; it must be finished. */
struct tour_asking {
  pid_t pid;
  int fd;
};

/*
 * Starts it, once and then `repeat` times with the clock running.  `services` stands in place of the hosts
 * line of nsswitch.conf(5); NULL: that line itself counts.
 */
struct tour_asking tour_lookup_start(const struct tour_lookup *lookup, const char *services, unsigned repeat);

/* Waits for its end; false, with the reason as *ret's text, where the process did not live to see it. */
bool tour_lookup_finish(struct tour_asking *asking, struct tour_answer *ret);

/* By the core. */
struct tour_origin {
  char by[INET6_ADDRSTRLEN]; /* an address, `hosts`, `rule` (RFC 6761) or `nobody` */
  uint32_t ttl_s;
};

void tour_lookup_origin(const struct tour_lookup *lookup, struct tour_origin *ret);

#endif
