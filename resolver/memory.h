/*
 * The cache as one lookup sees it: what is known, who asks, and where what was learnt is kept.  The life of
 * it:
 *
 *   aiodns_memory_init()    at the start, with what the thread knows of this moment: no system call
 *   aiodns_memory_recall()  from the maps as they are; if that answers the lookup, that was all
 *   aiodns_memory_look()    else: who is this process, which files are there, what is the time?
 *   aiodns_memory_claim(), _recall(), _keep(), _settle()   by the lookup's machine (struct aiodns_sources)
 *   aiodns_memory_done()
 *
 * A name that is blocked is recalled as what aiodns.conf says of such names, so that no server hears of it,
 * and an answer that a blocked name has led to is recalled as that, too (lists.h).
 *
 * Invariants: what is recalled was stored by root, by root's daemon or by this user, for this view.  What is
 * kept is kept under the view that the query's own sockets showed (aiodns_memory_sees), else nowhere.  Claims
 * and descriptors are gone when it is done, or by left.h.
 */
#ifndef AIODNS_MEMORY_H
#define AIODNS_MEMORY_H

#include "flight.h"
#include "moment.h"
#include "servers.h"
#include "shared.h"

/* For how long a blocked name's answer is said to hold: rules may change. */
enum { AIODNS_BLOCKED_TTL_S = 10 };

/* A received failure: at least so long (RFC 9520 section 3.2); then twice that each time (cache_write.h). */
#define AIODNS_FAILED_LIFE_NS ((uint64_t)1000000000)

struct aiodns_memory {
  const struct aiodns_conf *conf; /* borrowed; in resolv.conf's order until its servers are known */
  struct aiodns_moment *moment;   /* borrowed; gets what is looked at */
  bool usable;                    /* there is a view: without, nothing is recalled or kept */
  bool looked;                    /* at tiers and view, by this lookup itself */
  bool foreign;                   /* a query left from somewhere else than the view says */
  bool blocked;                   /* a name that this lookup came to is */
  bool writes;                    /* `own` can be claimed in, and stored into */
  uint64_t now_ns, began_ns;      /* as in struct aiodns_cache_wish; now_ns 0: to be read each time */
  struct aiodns_servers servers;
  struct aiodns_shared_own own;
  struct aiodns_flight flight;
  struct aiodns_record_facts facts[2]; /* of what was recalled last, by type */
  /* Types that were found to be asked by others, and to have expired: of this candidate, as in count_once()
   */
  uint8_t waits, expired;
  /* By place: the outcome of what was not found because it has expired, but may be given if servers fail. */
  uint8_t lapsed[2];
  uint8_t given; /* the place, in `facts`, of what AIODNS_RECALL_EXPIRED has found last */
  bool missed;   /* the only look so far has found nothing */
  uint8_t ruled; /* what the rules say of the name with this hash; 0 is none yet */
  uint64_t ruled_hash;
  uint16_t recalls; /* without having looked at files and claims */
  int fd, place;    /* of the own cache, while records are being stored; -1 */
  /* Bells: what is waited for; what others may wait for, and how many of them are to hear when claims go. */
  uint16_t waits_for, rings;
  uint8_t hearers;
  uint8_t wakes; /* so often was it woken, for this candidate */
};

void aiodns_memory_init(struct aiodns_memory *memory, const struct aiodns_conf *conf,
                        struct aiodns_moment *moment);
void aiodns_memory_look(struct aiodns_memory *memory);
void aiodns_memory_done(struct aiodns_memory *memory);

/* Puts the servers of *conf, which it was initialised with, into the order in which they are to be asked. */
void aiodns_memory_order(struct aiodns_memory *memory, struct aiodns_conf *conf);

/*
 * What a lookup of this process would know of conf's servers, by their places in resolv.conf; all 0 of those
 * of which nothing is known.  For one who only looks: nothing is made, stored or counted.
 */
void aiodns_memory_known(const struct aiodns_conf *conf, struct aiodns_servers *ret);

/* A query to conf->server[server] leaves by this socket, which is connected. */
void aiodns_memory_sees(struct aiodns_memory *memory, unsigned server, int fd);

/*
 * What is known of a name: bit i is for type[i].  Returns which of the wanted ones are found; flags[i] then
 * gets AIODNS_RECORD_..., answer[i], which was initialised, the answer.  `memory` is a struct aiodns_memory.
 * Where conf->serve_stale_s is not 0, flags[i] of the others gets the outcome of what has expired, and
 * AIODNS_RECALL_EXPIRED (with one type) finds that, of the tiers' the one that was right for longer.
 */
unsigned aiodns_memory_recall(void *memory, const struct aiodns_name *name, const uint16_t type[2],
                              unsigned wanted, struct aiodns_answer answer[2], uint8_t flags[2]);

/* As in struct aiodns_sources_cache, and for conf->follow. */
bool aiodns_memory_screen(void *memory, const struct aiodns_name *name, unsigned count,
                          struct aiodns_answer answer[2]);
enum aiodns_follow aiodns_memory_follow(void *memory, const struct aiodns_name *target);

/* Whether somebody else asks this; waited: it was waited for, and is not to be any more. */
enum aiodns_claim aiodns_memory_claim(void *memory, const struct aiodns_name *name, uint16_t type,
                                      bool waited);

/* Waits for what somebody else asks, for so long at the most; `hears`: for nothing else. */
enum aiodns_pause aiodns_memory_pause(struct aiodns_memory *memory, bool hears, uint32_t us);

/* Stores an answer, under its name and type; with AIODNS_RECORD_STALE what was recalled last, where it is not
 * stored as such already. */
void aiodns_memory_keep(void *memory, const struct aiodns_name *name, uint16_t type,
                        const struct aiodns_answer *answer, uint8_t flags);

/* For how long an ANSWER, or a negative one, holds as aiodns.conf wants it, by what its ttl_s says. */
uint32_t aiodns_memory_ttl_s(const struct aiodns_conf *conf, const struct aiodns_answer *answer);

/* What a candidate's questions have shown of conf's servers. */
void aiodns_memory_learn(void *memory, const struct aiodns_observed observed[AIODNS_SERVERS_MAX]);

/* The questions of one candidate are over: claims are given back. Whether there was anything to give. */
bool aiodns_memory_settle(void *memory);

#endif
