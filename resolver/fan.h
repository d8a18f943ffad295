/*
 * The candidates of a search list, asked together and judged in the list's order, so that a list costs about
 * one round trip in place of one a candidate (Kubernetes: ndots:5 and five domains).
 *
 * Each candidate is a lookup (lookup.h) of its own, of that name as it is.  What one-by-one would have said
 * is said here, because search.h goes through the list as it does there: a candidate's verdict is only looked
 * at when its turn comes, and the others are given up once nothing depends on them any more.
 *
 * Where it is used: the name is gone through the list first, at least two of its domains make a candidate,
 * and nothing is known that speaks against it (aiodns_fan_is_wanted).  A name without a dot is never asked as
 * it is before all others have failed: it would be a question to the root about somebody's host.
 *
 * One deadline holds for all of it, as in lookup.h: where some candidates are no members, those that are may
 * take three quarters of it, and silence counts against the rest.
 *
 * Costs: about 4 KiB of malloc(3) a candidate, eight at the most; without memory one is asked after the
 * other, and so are those behind the eighth.
 */
#ifndef AIODNS_FAN_H
#define AIODNS_FAN_H

#include "lookup.h"

enum { AIODNS_FAN_MAX = 8 };

struct aiodns_fan_member {
  struct aiodns_lookup lookup;
  struct aiodns_answer answer[AIODNS_LOOKUP_QUERIES];
};

struct aiodns_fan {
  struct aiodns_search search;      /* where the judgement has come to */
  struct aiodns_sources sources;    /* of all members */
  struct aiodns_entropy entropy;    /* the same */
  unsigned count;                   /* members */
  bool ended;                       /* all that depended on members has been decided */
  bool rest;                        /* candidates that are no members are to be asked: from `search` on */
  int64_t started_us;               /* by the driver */
  int64_t spent_us;                 /* of the time that the rest may take: in vain */
  enum aiodns_outcome outcome;      /* once it has ended, without a rest */
  struct aiodns_fan_member *winner; /* whose answer it is, for AIODNS_ANSWER */
  int error;                        /* errno, for AIODNS_LOCAL */
  struct aiodns_fan_member member[];
};

/* Whether these servers are near enough, and do as they are asked. */
bool aiodns_fan_is_wanted(const struct aiodns_conf *conf);

/* NULL: there are not two candidates to be asked together, or there is no memory.  Parameters as of
 * aiodns_lookup_init. */
struct aiodns_fan *aiodns_fan_new(const struct aiodns_conf *conf, const struct aiodns_sources *sources,
                                  int family, const char *text, const struct aiodns_name *name);
void aiodns_fan_free(struct aiodns_fan *fan);

/* Behind anything that happened to a member: judges what can be. */
void aiodns_fan_judge(struct aiodns_fan *fan, int64_t now_us);

#endif
