#include "fan.h"

#include <stdlib.h>
#include <string.h>

/* A round trip that is longer says that the server, or the way to it, has enough to do. */
enum { SLOW_US = 1000000 };

static const struct aiodns_verdict nobody = {.outcome = AIODNS_NO_NAME};

bool aiodns_fan_is_wanted(const struct aiodns_conf *conf)
{
  return conf->parallel_search && conf->server[0].late_us < SLOW_US && !conf->single_request && !conf->use_vc;
}

/* The candidates that may be asked together; returns how many, and whether those may be all. */
static unsigned candidates(const struct aiodns_search *from, struct aiodns_name ret[AIODNS_FAN_MAX],
                           bool *ret_all)
{
  struct aiodns_search search = *from;
  unsigned count = 0;

  search.more = NULL; /* what is behind the entries of `_res` is rare, and takes a file to be read */
  while (count < AIODNS_FAN_MAX && aiodns_search_next(&search, &ret[count])) {
    bool as_is = aiodns_name_equal(&ret[count], &search.given); /* by a root in the list, too */
    if (as_is && (count == 0 || !search.dotted))
      break;
    *ret_all = as_is;
    count++;
    aiodns_search_report(&search, nobody);
  }
  return count;
}

struct aiodns_fan *aiodns_fan_new(const struct aiodns_conf *conf, const struct aiodns_sources *sources,
                                  int family, const char *text, const struct aiodns_name *name)
{
  struct aiodns_name candidate[AIODNS_FAN_MAX];
  struct aiodns_search search;

  aiodns_search_init(&search, conf, sources->search_more, sources->source, text, name, false);
  bool all = false;
  unsigned count = candidates(&search, candidate, &all);
  if (count < 2)
    return NULL;
  struct aiodns_fan *fan = malloc(sizeof *fan + count * sizeof fan->member[0]);
  if (!fan)
    return NULL;
  memset(fan, 0, sizeof *fan);
  fan->search = search;
  fan->sources = *sources;
  fan->sources.cache.settle = NULL; /* claims are held until all is over */
  fan->count = count;
  fan->outcome = AIODNS_PENDING;
  fan->entropy = (struct aiodns_entropy){.fill = sources->random, .source = sources->source};
  for (unsigned i = 0; i < count; i++) {
    struct aiodns_lookup *lookup = &fan->member[i].lookup;
    aiodns_lookup_init(lookup, conf, &fan->sources, family, ".", &candidate[i], true, fan->member[i].answer);
    lookup->followed = i + 1 < count || !all;
    if (!all)
      lookup->time_us = lookup->time_us / 4 * 3;
    for (unsigned k = 0; k < lookup->wanted_count; k++)
      lookup->query[k].entropy = &fan->entropy; /* one system call for many */
  }
  return fan;
}

void aiodns_fan_free(struct aiodns_fan *fan)
{
  for (unsigned i = 0; i < fan->count; i++) {
    struct aiodns_fan_member *member = &fan->member[i];
    aiodns_lookup_done(&member->lookup);
    for (unsigned k = 0; k < member->lookup.wanted_count; k++)
      aiodns_answer_done(&member->answer[k]);
  }
  free(fan);
}

static void end(struct aiodns_fan *fan, enum aiodns_outcome outcome)
{
  fan->outcome = outcome;
  fan->ended = true;
}

/* How a member ended that has no answer. */
static struct aiodns_verdict verdict_of(const struct aiodns_lookup *lookup)
{
  if (lookup->search.last.outcome != AIODNS_PENDING)
    return lookup->search.last;
  return (struct aiodns_verdict){.outcome = lookup->outcome}; /* it was abandoned */
}

/* The member that asks this; the list may pass over some, as it would not have if nobody existed. */
static struct aiodns_fan_member *member_of(struct aiodns_fan *fan, const struct aiodns_name *name)
{
  for (unsigned i = 0; i < fan->count; i++)
    if (aiodns_name_equal(&fan->member[i].lookup.candidate, name))
      return &fan->member[i];
  return NULL;
}

/* The deadline bounds silence: what was answered gives its time back. */
static void leave_rest(struct aiodns_fan *fan, int64_t now_us)
{
  const struct aiodns_verdict *last = &fan->search.last;

  fan->rest = fan->ended = true;
  if (last->outcome == AIODNS_FAILED && last->failure != AIODNS_FAILURE_SERVFAIL)
    fan->spent_us = now_us - fan->started_us;
}

void aiodns_fan_judge(struct aiodns_fan *fan, int64_t now_us)
{
  while (!fan->ended) {
    struct aiodns_search before = fan->search;
    struct aiodns_name name;
    if (!aiodns_search_next(&fan->search, &name)) {
      end(fan, aiodns_search_verdict(&fan->search));
      return;
    }
    struct aiodns_fan_member *member = member_of(fan, &name);
    if (!member || !member->lookup.ended) {
      fan->search = before;
      if (!member)
        leave_rest(fan, now_us);
      return;
    }
    if (member->lookup.outcome == AIODNS_ANSWER) {
      fan->winner = member;
      end(fan, AIODNS_ANSWER);
      return;
    }
    if (member->lookup.error)
      fan->error = member->lookup.error;
    aiodns_search_report(&fan->search, verdict_of(&member->lookup));
  }
}
