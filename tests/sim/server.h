/* A simulated server, its network path, and what comes back from it for a query. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "truth.h"
#include "wire.h"

enum sim_fate {
  SIM_HEALTHY,
  SIM_SILENT,
  SIM_UNREACHABLE, /* ICMP, or RST */
  SIM_ERROR,       /* one RCODE for all */
  SIM_LAME,        /* referrals */
  SIM_MALFORMED,
  SIM_UNASKED, /* addresses, but the question does not come back */
  SIM_FATES,
};

enum sim_tcp {
  SIM_TCP_OK,
  SIM_TCP_REFUSED,
  SIM_TCP_SILENT,        /* nobody there: no connection comes about */
  SIM_TCP_CLOSES,        /* without a word */
  SIM_TCP_CLOSES_MIDWAY, /* in the middle of the message */
  SIM_TCP_STALLS,        /* connected; then nothing, or the front of the message and nothing more */
  SIM_TCP_PAUSES,        /* the same, but the rest comes after `pause_us` */
  SIM_TCPS,
};

enum sim_segments {
  SIM_WHOLE,
  SIM_LENGTH_IN_TWO, /* the two octets of the length in two pieces */
  SIM_OCTETS,        /* one at a time */
  SIM_TWO_IN_ONE,    /* a stranger's message in front, in the same segment */
  SIM_SEGMENTS,
};

enum sim_letters {
  SIM_ECHOES,
  SIM_LOWERS,    /* the question comes back in lower case */
  SIM_SENSITIVE, /* compares letters: knows names in lower case, and as the program gave them */
};

/* What one that compares letters makes of others: mostly what somebody else says whom it passes them on to.
 */
enum sim_misread {
  SIM_MISREAD_NXDOMAIN,
  SIM_MISREAD_NXDOMAIN_SOA, /* the root's */
  SIM_MISREAD_SERVFAIL,
  SIM_MISREAD_REFUSED,
  SIM_MISREAD_FORMERR,
  SIM_MISREAD_SILENT,
  SIM_MISREAD_NO_DATA, /* without SOA */
  SIM_MISREADS,
};

enum sim_edns {
  SIM_EDNS_OK,
  SIM_EDNS_DROPPED,      /* and TCP is closed on it */
  SIM_EDNS_BADVERS_BARE, /* an OPT record, but no question: nothing that belongs to any query */
  SIM_EDNS_FORMERR,      /* from here on errors by which it is known that EDNS is the trouble */
  SIM_EDNS_FORMERR_BARE,
  SIM_EDNS_NOTIMP,
  SIM_EDNS_NOTIMP_BARE,
  SIM_EDNS_BADVERS,
  SIM_EDNS_KINDS,
};

/* One family's way there and back. */
struct sim_path {
  enum sim_fate fate;
  uint8_t rcode;                           /* for SIM_ERROR */
  bool bare;                               /* the error is a header alone */
  uint16_t loss_to, loss_from, duplicates; /* per mille */
  int64_t delay_us, spread_us;             /* one way: delay to delay + spread */
};

struct sim_server {
  struct sim_path path[2]; /* for A and PTR, for AAAA */
  enum sim_tcp tcp;
  enum sim_segments segments;
  enum sim_letters letters;
  enum sim_misread misread;
  enum sim_edns edns;
  bool loopback;
  bool docker;     /* at 127.0.0.11, which is a loopback */
  bool udp_silent; /* or its datagrams come from another address or port, and the kernel keeps them */
  bool truncates;  /* every datagram */
  bool oversize;   /* sends datagrams larger than it was told */
  bool soa;        /* negative answers have one */
  bool authoritative;
  bool cookies;           /* it returns them */
  bool drops_cookies;     /* or the queries that have any */
  uint8_t step;           /* CNAMEs a message at the most */
  uint16_t stray_icmp;    /* per mille of datagrams that an ICMP error from elsewhere answers */
  int64_t stray_icmp_us;  /* how long after the datagram, at the most */
  int64_t pause_us;       /* of SIM_TCP_PAUSES */
  uint16_t open_failures; /* per mille of sockets */
  int open_error;
};

/* What a message tells a client that believes it. */
enum sim_word {
  SIM_SAYS_NOTHING,
  SIM_SAYS_ALIAS, /* ask for the CNAME's target, or that the chain never ends */
  SIM_SAYS_ANSWER,
  SIM_SAYS_NO_NAME,
  SIM_SAYS_NO_DATA,
  SIM_SAYS_DOUBT, /* NXDOMAIN that nothing proves */
  SIM_SAYS_BLANK, /* no data, for its letters alone: for nobody to believe */
  SIM_SAYS_SERVFAIL,
  SIM_SAYS_ERROR,
};

/* A message under way, and what is known about it. */
struct sim_about {
  enum sim_word word;
  uint8_t candidate, rcode;
  bool truncated;
  bool exact;     /* the question's letter case came back as it was sent */
  bool malformed; /* must not be believed */
};

struct sim_world;

/* A datagram or, for TCP, a connection with the query in it, has left through the channel's socket. */
void sim_server_asked(struct sim_world *world, unsigned channel, const struct sim_query *query);

/* Whether the server takes the name for what it is in these letters; hop `hop` of the candidate is meant. */
bool sim_server_reads(const struct sim_server *server, const struct sim_query *query,
                      const struct sim_candidate *c, unsigned hop);

/* A message without the question: the attacker's data, under the right name and ID, which prove nothing. */
void sim_server_unasked(struct sim_message *m, const struct sim_query *query, unsigned flags);

/* What server `s` would say to this query at best; for the oracle. */
struct sim_about sim_server_reply(const struct sim_world *world, unsigned s, const struct sim_query *query,
                                  bool tcp, struct sim_message *ret);

#endif
