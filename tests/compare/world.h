/*
 * What the servers of one case hold, how they misbehave, and what resolv.conf and the environment say.  All
 * of it follows from the seed and the number of the case, and a reply from the question alone: both services
 * meet the same world, whatever they ask and in which order.
 */
#ifndef COMPARE_WORLD_H
#define COMPARE_WORLD_H

#include "text.h"

enum {
  SERVERS_MAX = 3,
  DOMAINS_MAX = 9, /* of the search list: more than _res holds */
  DOMAIN_TEXT_MAX = 200,
  LOOKUPS_MAX = 8,
  RECORDS_MAX = 90,
  POOL_MAX = 8192,
  CLASS_IN = 1,
  CLASS_CH = 3,
};

enum rcode {
  RCODE_NOERROR = 0,
  RCODE_FORMERR = 1,
  RCODE_SERVFAIL = 2,
  RCODE_NXDOMAIN = 3,
  RCODE_NOTIMP = 4,
  RCODE_REFUSED = 5,
};

/* How a server can be reached; each has an address of its own (server.h). */
enum reach {
  REACH_BOTH,     /* UDP and TCP */
  REACH_UDP,      /* TCP is refused */
  REACH_HANGS_UP, /* TCP is accepted and closed once a query has come */
  REACH_NOTHING,  /* both are refused */
  REACHES,
};

enum fault {
  FAULT_NONE,
  FAULT_ERROR,   /* `rcode`, with the question or as a bare header */
  FAULT_LAME,    /* a referral */
  FAULT_SILENT,  /* by UDP; TCP is closed */
  FAULT_NO_EDNS, /* `rcode` to queries with an OPT record */
};

enum letters {
  LETTERS_ECHO,
  LETTERS_LOWER,     /* the question comes back in lower case */
  LETTERS_SENSITIVE, /* NXDOMAIN for names with capital letters */
};

struct dns_server {
  enum reach reach;
  enum fault fault;
  enum letters letters;
  uint16_t fault_share; /* of the names, in 1,000 */
  uint8_t rcode, view;  /* servers with the same view hold the same data */
  bool bare, truncates, oversize, opt, compresses, shouts, authoritative, recursive;
  uint16_t junk_share;
};

struct options {
  unsigned ndots, attempts;
  bool rotate, edns0, single_request, single_request_reopen, no_aaaa, use_vc, no_tld_query, trust_ad;
};

struct alias {
  char name[64], target[DOMAIN_TEXT_MAX];
};

/* Of a sortlist: the addresses from 198.18.`from`.0 to 198.18.`to`.255. */
struct net {
  uint8_t from, to;
};

struct world {
  uint64_t seed;
  unsigned server_count;
  struct dns_server server[SERVERS_MAX];
  struct options options; /* resolv.conf's and RES_OPTIONS' together */
  unsigned domain_count;
  char domain[DOMAINS_MAX][DOMAIN_TEXT_MAX]; /* the search list that counts */
  unsigned net_count;
  struct net net[2];
  unsigned alias_count;
  struct alias alias[2];
  uint16_t missing, aliased, strays, odd_types; /* shares of names, in 1,000 */
  bool soa, backwards;
  char resolv_conf[4096];                                        /* behind the nameserver lines */
  char local_domain[1024], res_options[256], host_aliases[1024]; /* empty: not set */
  unsigned lookup_count;
  struct lookup lookup[LOOKUPS_MAX];
};

void world_generate(struct world *ret, uint64_t seed, uint64_t number);

struct question {
  char name[NS_MAXDNAME]; /* as ns_name_ntop() has it, in the letter case that was sent */
  uint16_t type;
  bool edns, tcp;
};

struct record {
  const char *owner; /* NULL: the question's */
  uint16_t type, class;
  uint32_t ttl;
  const char *target; /* CNAME and PTR */
  uint8_t data[16], data_len;
};

/* What comes by UDP before the reply. */
enum junk {
  JUNK_ID = 1,
  JUNK_NAME = 2,
  JUNK_SHORT = 4, /* fewer octets than a header has; where no-aaaa is not set, since glibc then reads on */
};

struct reply {
  bool silent, truncated, bare, authoritative, recursive, opt, lower, compresses, shouts;
  const char *soa; /* owner; NULL: none */
  uint8_t rcode, junk;
  unsigned count;
  struct record record[RECORDS_MAX];
  size_t pool_len;
  char pool[POOL_MAX]; /* what the names in here point to */
};

void world_reply(const struct world *world, unsigned server, const struct question *question,
                 struct reply *ret);

/*
 * The target as a reader of the message sees it: of a server that compresses, the end that it shares with the
 * question has the question's letter case, which is `echoed`.
 */
void record_target(const struct reply *reply, const struct record *record, const char *echoed,
                   char buf[NS_MAXDNAME]);

#endif
