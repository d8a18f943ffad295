/*
 * One lookup: the candidates of the search list in turn, for each the questions of the family or families
 * wanted, at the same time, under one deadline.  As query.h: no descriptors, no clock, no entropy of its own.
 *
 *   aiodns_lookup_init(...), aiodns_lookup_start(...)
 *   until .ended:
 *     do every aiodns_lookup_task()
 *     wait until something arrives or aiodns_lookup_due()
 *     tell it: _received(), _refused(), _not_opened(); behind all of them, or just so, _elapsed()
 *   do every aiodns_lookup_task() that is left (they close sockets), aiodns_lookup_done()
 *
 * Invariants: it ends no later than its deadline (conf.h) after its start, not counting the time of
 * search candidates that were answered (it is silence that is bounded, not a long list); once one family has
 * an answer the other may take until 0.9 s after the candidate's start, or 0.3 s more, unless this machine
 * cannot reach what is in hand; a family that failed never spoils one that answered.
 *
 * NXDOMAIN in reply to mixed letter case is believed only when the same question in lower case gets it, too:
 * container engines' embedded servers compare letter case, and pass on to others what they do not know.  A
 * probe finds that out; where it does not get NXDOMAIN, the candidate's questions are put once more, in plain
 * (enum aiodns_manner).
 *
 * With a cache (struct aiodns_sources_cache) what is known is not asked.  What somebody else is asking at
 * this moment is waited for, within AIODNS_FLIGHT_WAIT_US; then it is asked all the same.
 *
 * Where servers fail to answer a question whose answer has expired, and conf->serve_stale_s allows it, that
 * is the answer (RFC 8767), and a candidate that has such an answer waits for servers for
 * AIODNS_STALE_WAIT_US. Addresses and names alone are given so.  What has expired and was negative gives no
 * verdict: it takes a search list to its next candidate, as SERVFAIL does, and stands beside the addresses of
 * the other family. What a server said for this candidate, NXDOMAIN too, always comes first.
 */
#ifndef AIODNS_LOOKUP_H
#define AIODNS_LOOKUP_H

#include "query.h"
#include "search.h"

enum {
  AIODNS_LOOKUP_QUERIES = 2,
  AIODNS_LOOKUP_CHANNELS = AIODNS_LOOKUP_QUERIES * AIODNS_QUERY_CHANNELS,
  AIODNS_PATIENCE_US = 900000, /* from a candidate's start, with one family answered */
  /* The least that the probe of an NXDOMAIN may take; without an answer it is believed as it is. */
  AIODNS_PROBE_US = 900000,
  AIODNS_GRACE_US = 300000, /* the least that the other family gets from then on */
  /* For what somebody else asks: at most so long, and a quarter of the deadline, over the whole lookup. */
  AIODNS_FLIGHT_WAIT_US = 500000,
  AIODNS_FLIGHT_PAUSE_US = 250, /* before the first look; four times that each time */
  AIODNS_FLIGHT_PAUSE_MAX_US = 16000,
  AIODNS_FLIGHT_PAUSE_DEAF_US = 4000, /* at most, and twice that each time, where nobody can wake who waits */
  AIODNS_FLIGHT_CLAIM_US = 16000,     /* a look is a memory read, a claim takes four system calls */
  AIODNS_STALE_WAIT_US = 1800000,     /* the client response timer of RFC 8767 section 5 */
};

/* Whether a question is to be asked. */
enum aiodns_claim {
  AIODNS_CLAIM_MINE,   /* ask, and store */
  AIODNS_CLAIM_OTHERS, /* somebody else asks, and will store what it learns */
  AIODNS_CLAIM_NONE,   /* it cannot be told, or not waited for: ask */
};

/* How a pause ended that was made for what somebody else asks. */
enum aiodns_pause {
  AIODNS_PAUSE_OVER,  /* it took its time, or a signal came */
  AIODNS_PAUSE_SLEPT, /* so it may be, but it was short: nobody can wake who waits here */
  AIODNS_PAUSE_WOKEN, /* who asks says that there is an answer, or that there will be none */
};

/* Beside the one type that is wanted: servers have failed, so that what has expired will do, and failures
 * will not. */
enum { AIODNS_RECALL_EXPIRED = 4 };

/* The cache, as a lookup uses it; each function may be NULL. */
struct aiodns_sources_cache {
  /*
   * Which of the wanted types (bit i: type[i]) are known of a name.  For those answer[i], which was
   * initialised, gets the answer, and flags[i] AIODNS_RECORD_... .
   * Of the others that are wanted flags[i] may get the outcome of what AIODNS_RECALL_EXPIRED would find.
   */
  unsigned (*recall)(void *source, const struct aiodns_name *name, const uint16_t type[2], unsigned wanted,
                     struct aiodns_answer answer[2], uint8_t flags[2]);
  /* `waited`: patience is over; then it is not OTHERS. */
  enum aiodns_claim (*claim)(void *source, const struct aiodns_name *name, uint16_t type, bool waited);
  /* With AIODNS_RECORD_STALE: it is what was recalled last, beyond its time. */
  void (*keep)(void *source, const struct aiodns_name *name, uint16_t type,
               const struct aiodns_answer *answer, uint8_t flags);
  /*
   * Behind keep(): whether a name that led to these answers, of all questions of a candidate, is blocked;
   * then they have become what is said of such names.
   */
  bool (*screen)(void *source, const struct aiodns_name *name, unsigned count,
                 struct aiodns_answer answer[2]);
  /* All claims so far are given back; whether there were any. */
  bool (*settle)(void *source);
  /* What the questions of a candidate have shown of the servers, by their places in the configuration. */
  void (*learn)(void *source, const struct aiodns_observed observed[AIODNS_SERVERS_MAX]);
};

/* Where a lookup gets what it may not take for itself. */
struct aiodns_sources {
  bool (*random)(void *source, uint8_t *buf, size_t len); /* as struct aiodns_entropy's fill */
  aiodns_search_more *search_more;                        /* NULL: the list ends with _res's */
  struct aiodns_sources_cache cache;
  /* Whether this machine has a route to one of the addresses, without sending anything. NULL: it has. */
  bool (*reaches)(void *source, const struct aiodns_answer *answer);
  void *source;
};

struct aiodns_lookup {
  const struct aiodns_conf *conf;
  struct aiodns_answer *answer; /* AIODNS_LOOKUP_QUERIES of them, borrowed */
  struct aiodns_entropy entropy;
  struct aiodns_sources sources;
  struct aiodns_search search;
  uint16_t type[AIODNS_LOOKUP_QUERIES];
  uint16_t probe_type;
  uint8_t query_count;                    /* of those, how many this candidate is asked for */
  uint8_t first_server, candidate_server; /* asked first: in general; for the questions that are out */
  uint8_t wanted_count;
  bool plain;       /* a server here errs on letter case: everything is asked in lower case */
  bool first_round; /* of this candidate: the questions as usual */
  bool probing;     /* NXDOMAIN was received, and a probe is out to learn whether it stands */
  bool hide_data;   /* no-aaaa: A is asked in place of AAAA, to tell NXDOMAIN from no data */
  bool followed;    /* others ask for more candidates, should there be none by this one */
  uint8_t recalled; /* bit i: query[i] was answered by the cache */
  uint8_t waiting;  /* bit i: somebody else asks what query[i] is to */
  uint8_t behind;   /* bit i: so it may be, but query[i] has not been claimed yet, behind the other one */
  bool woken, deaf; /* by what the pauses were: AIODNS_PAUSE_WOKEN just now, _SLEPT in this wait */
  uint8_t doubted;  /* bit i: query[i] had the NXDOMAIN that the probe is about */
  uint8_t stale;    /* bit i: query[i] was answered by the cache, beyond its time */
  /* By query, what the cache could say if servers failed: enum aiodns_outcome, AIODNS_PENDING is nothing. */
  uint8_t lapsed[AIODNS_LOOKUP_QUERIES];
  bool ended;
  enum aiodns_outcome outcome; /* with ANSWER, at least one element of `answer` has that outcome */
  int error;                   /* errno, for AIODNS_LOCAL */
  struct aiodns_name candidate;
  uint16_t asked, timed_out; /* questions put to servers; of those, how many nobody answered */
  int64_t round_trip_us;     /* what a server that said NXDOMAIN took; 0: none did */
  int64_t time_us; /* from the start to the deadline; aiodns_conf_deadline_us where nobody says less */
  int64_t deadline_us, candidate_start_us, candidate_deadline_us;
  int64_t turn_us;  /* when the candidate was first asked; its later rounds begin at candidate_start_us */
  int64_t grace_us; /* when the query that is left is given up; INT64_MAX while none has ended well */
  int64_t flight_left_us;    /* how long others may still be waited for */
  int64_t flight_until_us;   /* the end of the present wait */
  int64_t look_us, pause_us; /* when the cache is looked into again, and how long after the last time */
  int64_t claim_us;          /* when the claim is tried again */
  struct aiodns_observed observed[AIODNS_SERVERS_MAX];
  struct aiodns_query query[AIODNS_LOOKUP_QUERIES];
};

/*
 * For addresses: family is AF_INET, AF_INET6 or AF_UNSPEC, `text` the name as the program gave it and *name
 * the same. For PTR: aiodns_lookup_init_ptr.  `answer` has AIODNS_LOOKUP_QUERIES elements; those that are
 * used are initialised here and are the caller's to finish: the first is A or, for AF_INET6, AAAA or, for
 * PTR, PTR; the second is AAAA. *conf and `answer` must outlive the lookup.
 */
void aiodns_lookup_init(struct aiodns_lookup *lookup, const struct aiodns_conf *conf,
                        const struct aiodns_sources *sources, int family, const char *text,
                        const struct aiodns_name *name, bool as_is, struct aiodns_answer *answer);
void aiodns_lookup_init_ptr(struct aiodns_lookup *lookup, const struct aiodns_conf *conf,
                            const struct aiodns_sources *sources, const struct aiodns_name *name,
                            struct aiodns_answer *answer);
void aiodns_lookup_done(struct aiodns_lookup *lookup);

/* Which types a lookup of a family asks for; returns how many. */
unsigned aiodns_lookup_types(const struct aiodns_conf *conf, int family, uint16_t type[2]);

void aiodns_lookup_start(struct aiodns_lookup *lookup, int64_t now_us);

/*
 * Channels are numbered from 0 to AIODNS_LOOKUP_CHANNELS - 1.  These do for the lookup what their namesakes
 * in query.h do for a query.
 */
bool aiodns_lookup_task(struct aiodns_lookup *lookup, struct aiodns_task *ret);
size_t aiodns_lookup_payload(const struct aiodns_lookup *lookup, unsigned channel, uint8_t *buf);
bool aiodns_lookup_listens(const struct aiodns_lookup *lookup, unsigned channel);
void aiodns_lookup_received(struct aiodns_lookup *lookup, unsigned channel, uint8_t *data, size_t len,
                            size_t room, int64_t now_us);
void aiodns_lookup_connected(struct aiodns_lookup *lookup, unsigned channel);
void aiodns_lookup_refused(struct aiodns_lookup *lookup, unsigned channel, int64_t now_us);
void aiodns_lookup_not_opened(struct aiodns_lookup *lookup, unsigned channel, int error, int64_t now_us);

/* When aiodns_lookup_elapsed() is wanted at the latest; INT64_MAX once it has ended. */
int64_t aiodns_lookup_due(const struct aiodns_lookup *lookup);
void aiodns_lookup_elapsed(struct aiodns_lookup *lookup, int64_t now_us);

/*
 * Behind the end: the channel of a server that may be back, and how long the driver waits there for a
 * datagram; 0: for none.  What comes is told by aiodns_lookup_probed(); then, and if nothing came, _learn().
 */
unsigned aiodns_lookup_linger_ms(const struct aiodns_lookup *lookup, unsigned *ret_channel);
void aiodns_lookup_probed(struct aiodns_lookup *lookup, unsigned channel, uint8_t *data, size_t len);
void aiodns_lookup_learn(struct aiodns_lookup *lookup);

/* The driver cannot go on (it cannot wait, say): ends the lookup with AIODNS_LOCAL and this errno, or as
 * AIODNS_UNUSABLE where a rule forbids it. */
void aiodns_lookup_abandon(struct aiodns_lookup *lookup, int error);

#endif
