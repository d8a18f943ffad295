/*
 * What is learnt of servers: how long their answers take, and which are down.  It decides in which order a
 * lookup asks them and how long it waits for each; it never keeps one from being asked, nor has any part in
 * whether a reply is believed.
 *
 * It is one record of the cache, under the root's name, for one view (network namespace, servers, source
 * address), so that whatever is said there of who may write and who believes holds here, too.
 *
 * - Round trip: smoothed, with its spread, as RFC 6298 does.  Where a datagram was sent twice the reply may
 * be to either: to the last, if that is the round trip known so far (datagrams are lost), else to the first
 * (the server is slow).  While nothing is known the wait is doubled each time, as Karn's algorithm does,
 * until one reply is clear.  A server is late after the smoothed round trip and four times its spread, 50 ms
 * at the least; one of which nothing is known after AIODNS_FIRST_WAIT_US.
 * - Down: it was silent for so long while another one answered the same question; or it has refused, or
 *   answered with an error, AIODNS_SERVERS_ERRORS times in a row where another one had the answer.  It is
 * then asked last.  Beside other lookups, 1 to 30 s apart, it gets their question, too, and is no longer down
 *   once it answers.  Such a lookup waits AIODNS_LINGER_MS for it when all else is done, every eighth one
 *   AIODNS_LINGER_FAR_MS, so that a server further away than the others is found, too.
 *
 * Costs: a read of one record a miss, 0.1 us; a store of one only where something has changed (differs()).
 */
#ifndef AIODNS_SERVERS_H
#define AIODNS_SERVERS_H

#include "conf.h"

enum {
  /* Before the next server is asked, where nothing is known of the round trip. */
  AIODNS_FIRST_WAIT_US = 200000,
  AIODNS_SERVERS_ERRORS = 3,
  AIODNS_SERVERS_LIFE_S = 3600, /* from the last change on */
  AIODNS_SERVERS_FACT_LEN = 16, /* octets of one server in the record */
  AIODNS_LINGER_MS = 1,
  AIODNS_LINGER_FAR_MS = 20,
  AIODNS_LATE_MIN_US = 50000,
  AIODNS_LATE_SPREAD_US = 30000, /* the least that a server may be behind its usual time */
  AIODNS_LATE_MAX_US = 2000000,  /* and never longer than resolv.conf's timeout */
};

struct aiodns_server_facts {
  uint32_t round_trip_us; /* 0: not known */
  uint32_t spread_us;     /* of what is not known: a quarter of how long it is waited for; 0: as ever */
  uint32_t probe_s;       /* CLOCK_BOOTTIME: when it is asked beside others next; if it is down */
  bool down;
  uint8_t probes; /* without an answer, since it is down */
  uint8_t errors; /* in a row */
};

/* By their places in resolv.conf. */
struct aiodns_servers {
  struct aiodns_server_facts server[AIODNS_SERVERS_MAX];
};

/* What one candidate's questions showed of a server; by places in the configuration of the lookup. */
struct aiodns_observed {
  int64_t round_trip_us; /* from the last datagram on; 0: none could be told */
  int64_t longest_us;    /* from the first one on, which may be the one that was answered */
  bool answered;         /* what was asked */
  bool erred;            /* refused, or answered with an error */
  bool silent;           /* it had as much time as it needs, while another one answered */
};

/* Reads one server's facts, of AIODNS_SERVERS_FACT_LEN octets; anything is well formed. */
void aiodns_servers_read(struct aiodns_server_facts *ret, const uint8_t *octets);
void aiodns_servers_write(const struct aiodns_server_facts *facts, uint8_t *octets);

/*
 * Puts conf's servers, which are in resolv.conf's order, into that in which they are to be asked, with what
 * is known of each.  True: one of them is to be probed by this lookup, and the next probe's time has been
 * set.
 */
bool aiodns_servers_apply(struct aiodns_servers *servers, struct aiodns_conf *conf, uint64_t now_ns);

/* Learns; whether anything has changed that others should know. */
bool aiodns_servers_learn(struct aiodns_servers *servers, const struct aiodns_conf *conf,
                          const struct aiodns_observed observed[AIODNS_SERVERS_MAX], uint64_t now_ns);

#endif
