/*
 * The names that a name stands for: `search`, `domain` and `ndots` of resolv.conf(5), in glibc's order, and
 * the verdict over all of them.  Pure but for one function that the caller gives.
 */
#ifndef AIODNS_SEARCH_H
#define AIODNS_SEARCH_H

#include "conf.h"
#include "outcome.h"
#include "query.h"

/*
 * Entry `index` of the whole search list, beyond those that `_res` has room for, as text of less than
 * AIODNS_NAME_TEXT_MAX; false where there is none.
 */
typedef bool aiodns_search_more(void *source, const struct aiodns_conf *conf, unsigned index, char *buf);

/* How one candidate ended. */
struct aiodns_verdict {
  enum aiodns_outcome outcome;
  enum aiodns_failure failure; /* for AIODNS_FAILED */
  bool half;                   /* FAILED for one family, no data for the other */
  bool aliased;                /* NO_DATA or FAILED behind a CNAME */
};

/* What one of its questions has come to. */
struct aiodns_finding {
  enum aiodns_outcome outcome;
  enum aiodns_failure failure;
  bool aliased; /* a CNAME was met */
};

/*
 * One word for all families that were asked: the best that can be said truthfully.  `hide_data`: they were
 * only asked to learn whether the name exists (no-aaaa).
 */
struct aiodns_verdict aiodns_search_judge(const struct aiodns_conf *conf,
                                          const struct aiodns_finding *finding, unsigned count,
                                          bool hide_data);

enum aiodns_search_step {
  AIODNS_SEARCH_AS_IS_FIRST, /* nothing tried yet; the name may be tried as it is */
  AIODNS_SEARCH_LIST,        /* the list, from `index` on */
  AIODNS_SEARCH_AS_IS_LAST,  /* the list has ended */
  AIODNS_SEARCH_END,
};

struct aiodns_search {
  const struct aiodns_conf *conf;
  aiodns_search_more *more;
  void *source;
  enum aiodns_search_step step;
  uint8_t index;
  bool dotted, absolute, many_dots;
  bool as_is_tried; /* as it is, or by a root in the list */
  bool searched;
  bool listed;                       /* the candidate given last is from the list */
  bool got_no_data, got_servfail;    /* for a candidate from the list */
  bool found_alias;                  /* the last candidate is one: that is the name that was meant */
  struct aiodns_verdict first_as_is; /* PENDING where it was not tried first */
  struct aiodns_verdict last;
  struct aiodns_name given;
};

/* `text` is the name as the program gave it, and *name the same.  `as_is`: no list is gone through at all. */
void aiodns_search_init(struct aiodns_search *search, const struct aiodns_conf *conf,
                        aiodns_search_more *more, void *source, const char *text,
                        const struct aiodns_name *name, bool as_is);

/* The next name to ask, unless there is none. */
bool aiodns_search_next(struct aiodns_search *search, struct aiodns_name *ret);

/* Whether another candidate would follow a silent one: a share of the time is kept for it. */
bool aiodns_search_has_more(const struct aiodns_search *search);

/* What became of the candidate that was given last, other than AIODNS_ANSWER. */
void aiodns_search_report(struct aiodns_search *search, struct aiodns_verdict verdict);

/* Over all candidates, when there is no further one. */
enum aiodns_outcome aiodns_search_verdict(const struct aiodns_search *search);

#endif
