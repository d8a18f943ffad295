/*
 * What resolv.conf(5) says, as glibc's `struct __res_state` holds it.  The servers and the numbers are
 * copied; the search list and the state are borrowed and must not change while the object is used, which
 * holds for one call.
 */
#ifndef AIODNS_CONF_H
#define AIODNS_CONF_H

#include "name.h"

#include <resolv.h>

enum {
  AIODNS_SERVERS_MAX = MAXNS, /* glibc's own dns has no more either */
  AIODNS_STEPS_MAX = 8,
};

/* Whom to ask when, exactly: the servers of a step at once, then, where none of them has answered, the next.
 */
struct aiodns_step {
  uint32_t wait_ms;
  uint32_t servers; /* 1 << index in aiodns_conf.server */
};

struct aiodns_schedule {
  struct aiodns_step step[AIODNS_STEPS_MAX];
  uint32_t step_count; /* 0: by resolv.conf(5), hedged */
};

/* For how long answers are kept and said to hold, in seconds. */
struct aiodns_ttls {
  uint32_t min_s, max_s; /* of addresses and names */
  uint32_t max_negative_s;
};

enum {
  AIODNS_TTL_MAX_S = 86400,         /* no answer is kept for longer */
  AIODNS_NEGATIVE_TTL_MAX_S = 3600, /* unless aiodns.conf says otherwise (RFC 2308 section 5) */
};

/* What is said of a name that is blocked. */
enum aiodns_block_answer {
  AIODNS_BLOCK_NXDOMAIN, /* there is no such name */
  AIODNS_BLOCK_NODATA,   /* it has no addresses */
  AIODNS_BLOCK_NULL,     /* 0.0.0.0 and :: */
};

/* Whether names are asked for in random letter case. */
enum aiodns_letters {
  AIODNS_LETTERS_AUTO, /* but for a server that is known not to stand it */
  AIODNS_LETTERS_ON,
  AIODNS_LETTERS_OFF, /* as the program wrote them */
};

/* What is known of how a server is to be asked (servers.h); 1 << these. */
enum aiodns_known {
  AIODNS_KNOWN_NO_LETTERS = 1, /* it does not stand random letter case */
  AIODNS_KNOWN_NO_EDNS = 2,
  AIODNS_KNOWN_COOKIES = 4,    /* it returns them: a reply without is nobody's */
  AIODNS_KNOWN_NO_COOKIES = 8, /* it does not stand them */
  AIODNS_KNOWN_ECHOES = 16,    /* it stands random letter case: what helps with one name is that name's */
  AIODNS_KNOWN_TCP = 32,       /* for a while it is asked by TCP */
};

struct aiodns_server {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } address;
  socklen_t address_len;
  uint8_t place; /* in resolv.conf, from 0 */
  uint8_t
      probe_ms;  /* not 0: it is down, and asked beside others; how long it is waited for then (servers.h) */
  uint8_t known; /* enum aiodns_known */
  uint32_t late_us; /* after so long without an answer the next one is asked; 0: not known */
};

/* Whether the servers of a configuration are asked for a name that a CNAME leads to. */
enum aiodns_follow {
  AIODNS_FOLLOW_ASK,
  AIODNS_FOLLOW_BLOCKED,   /* it is blocked, and with it the name that was asked for */
  AIODNS_FOLLOW_ELSEWHERE, /* it is other servers' alone */
};

struct aiodns_conf {
  struct aiodns_server server[AIODNS_SERVERS_MAX];
  uint8_t server_count;
  uint8_t up_count; /* of those, in front of the others, which are not known to be down; 0: all */
  uint8_t letters;  /* enum aiodns_letters */
  uint8_t ndots;
  uint8_t attempts;    /* at least 1 */
  uint32_t timeout_ms; /* at least 1,000 */
  bool rotate, use_vc, single_request, no_aaaa;
  bool trust_ad, recursion_desired, ignore_truncation;
  bool search_single,
      search_dotted; /* RES_DEFNAMES: names without a dot; RES_DNSRCH: names with one, and the whole list */
  bool no_tld_query;
  bool strict_error;      /* a family that failed fails the lookup (glibc 2.41) */
  bool learns;            /* what servers show can be kept */
  bool parallel_search;   /* the candidates of a search list may be asked together */
  uint32_t deadline_ms;   /* of a lookup; 0: `timeout` times `attempts` */
  uint32_t serve_stale_s; /* an expired answer is given for so long where all servers fail; 0: never */
  struct aiodns_ttls ttls;
  uint8_t block_answer; /* enum aiodns_block_answer */
  bool host_private;    /* the host tier's cache is for root alone */
  uint32_t cache_size;  /* octets, of each tier's cache; 0: as usual (tier.h) */
  struct aiodns_schedule schedule;
  enum aiodns_follow (*follow)(void *source, const struct aiodns_name *target); /* NULL: ask */
  void *follow_source;
  const char *const *search; /* _res.dnsrch: a prefix of the search list, at most 6 entries */
  uint8_t search_count;
};

/* What a lookup may take. */
static inline int64_t aiodns_conf_deadline_us(const struct aiodns_conf *conf)
{
  return (conf->deadline_ms ? conf->deadline_ms : (int64_t)conf->timeout_ms * conf->attempts) * 1000;
}

/* False: the state is not initialised, or no server in it can be used. */
bool aiodns_conf_from_state(struct aiodns_conf *ret, const struct __res_state *state);

/*
 * 127.0.0.11, where Docker puts its embedded server.  That compares letter case, and passes on what it does
 * not know, so that random letter case gets another host's answer, or none.  It needs none either: nobody but
 * this network namespace's root can send from there.
 */
bool aiodns_server_is_docker(const struct aiodns_server *server);

/* On this machine itself: nobody else can send an ICMP error in its name. */
bool aiodns_server_is_loopback(const struct aiodns_server *server);

#endif
