/*
 * The whole life of a lookup for a caller that waits: valid name? hosts(5)? special-use? else the servers.
 *
 * Any thread; what outlives a call, beside what the caller holds, are small static tables (filter.h,
 * moment.h, recent.h, left.h), read-only maps of the caches (shared.h), and a page of counters.  Uses 15.5
 * KiB of stack at the most, of the 16 that a thread must have for the module; allocates only for what a usual
 * answer does not need (answer.h, TCP, fan.h, domains and lists of aiodns.conf, records of more than 256
 * octets).
 */
#ifndef AIODNS_RESOLVE_H
#define AIODNS_RESOLVE_H

#include "answer.h"
#include "conf.h"

enum aiodns_source {
  AIODNS_SOURCE_NONE,    /* nobody was asked */
  AIODNS_SOURCE_HOSTS,   /* hosts(5) */
  AIODNS_SOURCE_SPECIAL, /* RFC 6761 */
  AIODNS_SOURCE_CACHE,
  AIODNS_SOURCE_SERVERS,
};

struct aiodns_result {
  enum aiodns_outcome outcome;
  int error; /* errno, for AIODNS_LOCAL */
  enum aiodns_source source;
  int server;     /* index of the one that answered, as in `_res`; -1 where no single one did */
  bool blocked;   /* one of the names that the lookup came to is */
  unsigned first; /* index of the answer that comes first */
  /* Those with outcome ANSWER count, others are not to be read.  By name: IPv4, or the one family wanted;
   * then IPv6. */
  struct aiodns_answer answer[2];
};

/*
 * `state` is initialised and not changed by others during the call: `_res` in a module that glibc has called,
 * a state of one's own elsewhere.  family is AF_INET, AF_INET6 or AF_UNSPEC.  *ret is always initialised, and
 * the caller's to finish.
 */
void aiodns_resolve_name(struct aiodns_result *ret, const struct __res_state *state, const char *name,
                         int family);

/* The names of an address; family is AF_INET or AF_INET6. */
void aiodns_resolve_address(struct aiodns_result *ret, const struct __res_state *state, int family,
                            const void *address);

/* Whether it is an IPv6 address whose names are those of the IPv4 address in its end, as in glibc:
 * ::ffff:a.b.c.d and ::a.b.c.d, but not ::1. */
bool aiodns_resolve_embeds_ipv4(const void *address);

/* A result for a lookup that could not even begin: AIODNS_LOCAL with this errno.  The caller's to finish,
 * too. */
void aiodns_result_fail(struct aiodns_result *ret, int error);

void aiodns_result_done(struct aiodns_result *result);

/* *ret gets all that *result holds, which is empty then. */
void aiodns_result_move(struct aiodns_result *ret, struct aiodns_result *result);

/* Seconds for which all addresses or names of an ANSWER hold; 0 for any other outcome. */
uint32_t aiodns_result_ttl_s(const struct aiodns_result *result);

#endif
