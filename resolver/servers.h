/*
 * What is learnt of servers: how long their answers take, which are down, and in which way each is to be
 * asked. It decides in which order a lookup asks them, how long it waits for each, and what a query carries
 * that its reply must return (letter case, a cookie); it never keeps a server from being asked.
 *
 * It is one record of the cache, under the root's name, for one view (network namespace, servers, source
 * address), so that whatever is said there of who may write and who believes holds here, too.
 *
 * - Round trip: smoothed, with its spread, as RFC 6298 does.  Where a datagram was sent twice the reply may
 * be to either: to the last, if that is the round trip known so far (datagrams are lost), else to the first
 * (the server is slow).  While nothing is known the wait is doubled each time, as Karn's algorithm does,
 * until one reply is clear.  A server is late after the smoothed round trip and four times its spread, that
 * 30 ms and both 50 ms at the least; one of which nothing is known after AIODNS_FIRST_WAIT_US.
 * - Down: it was silent for so long while another one answered the same question; or it has refused, or
 *   answered with an error, AIODNS_SERVERS_ERRORS times in a row where another one had the answer.  It is
 * then asked last.  Beside other lookups, 1 to 30 s apart, it gets their question, too, and is no longer down
 *   once it answers.  Such a lookup waits AIODNS_LINGER_MS for it when all else is done, every eighth one
 *   AIODNS_LINGER_FAR_MS, so that a server further away than the others is found, too.
 *
 * - How it is to be asked, for an hour each.  Without random letter case: a reply by TCP had other letters
 *   than its query, or only lower case was answered, three times in a row, by a server that has not returned
 *   random letters within the hour (else whoever answers for some names upstream could say so of all).
 *   Without EDNS: that was an error or silence, and TCP without had the answer.  With cookies (RFC 7873) or
 * without: by its replies.  By TCP, for a minute: somebody is guessing at its replies, AIODNS_NEAR_MISSES_MAX
 * times in AIODNS_GUESSING_S; for ten: nothing but TCP is ever answered.
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
  AIODNS_SERVERS_FACT_LEN = 32, /* octets of one server in the record, */
  AIODNS_SERVERS_UNIT = 16,     /* which takes them as addresses of this length */
  AIODNS_SERVERS_KNOWN_S = 3600,
  AIODNS_SERVERS_HELPED = 3, /* times in a row that only lower case was answered, or only without a cookie */
  AIODNS_SERVERS_TCP_ONLY = 6, /* times in a row that only TCP was */
  AIODNS_SERVERS_TCP_ONLY_S = 600,
  AIODNS_GUESSING_S = 60,
  AIODNS_NEAR_MISSES_MAX = 8, /* datagrams on the right port with a wrong ID or question */
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
  uint8_t probes;      /* without an answer, since it is down */
  uint8_t errors;      /* in a row */
  uint8_t known;       /* enum aiodns_known but KNOWN_TCP, */
  uint32_t known_s;    /* until then */
  uint32_t tcp_s;      /* until then it is asked by TCP; 0: by UDP */
  uint32_t guessed_s;  /* since then somebody has guessed */
  uint8_t near_misses; /* so often */
  uint8_t helped;      /* lower case by TCP, in a row */
  uint8_t unanswered;  /* the datagram with a cookie, in a row */
};

/* By their places in resolv.conf. */
struct aiodns_servers {
  struct aiodns_server_facts server[AIODNS_SERVERS_MAX];
};

/* What of its ways a reply has shown; 1 << these. */
enum aiodns_shown {
  AIODNS_SHOWN_ECHOES = 1,       /* by UDP, an answer to random letters */
  AIODNS_SHOWN_FOLDS = 2,        /* by TCP, another one */
  AIODNS_SHOWN_NO_EDNS = 4,      /* by TCP, an answer behind an error to EDNS */
  AIODNS_SHOWN_HELPED = 8,       /* by TCP, an answer to lower case alone, */
  AIODNS_SHOWN_HELPED_EDNS = 16, /* and without EDNS */
  AIODNS_SHOWN_COOKIE = 32,      /* the query's cookie */
  AIODNS_SHOWN_COOKIELESS = 64,  /* by TCP, no cookie */
  AIODNS_SHOWN_UNANSWERED = 128, /* an answer only once it was asked without a cookie, too */
};

/* What one candidate's questions showed of a server; by places in the configuration of the lookup. */
struct aiodns_observed {
  int64_t round_trip_us; /* from the last datagram on; 0: none could be told */
  int64_t longest_us;    /* from the first one on, which may be the one that was answered */
  bool answered;         /* what was asked */
  bool erred;            /* refused, or answered with an error */
  bool silent;           /* it had as much time as it needs, while another one answered */
  uint8_t near_misses;
  uint8_t shown; /* enum aiodns_shown */
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
