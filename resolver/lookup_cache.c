#include "lookup_cache.h"

#include "cache.h"

#include <string.h>

/* ---- What is known ---- */

void aiodns_lookup_recall(struct aiodns_lookup *lookup, unsigned wanted)
{
  const struct aiodns_sources *sources = &lookup->sources;
  uint8_t flags[2] = {0};

  if (!sources->cache.recall)
    return;
  unsigned found =
      sources->cache.recall(sources->source, &lookup->candidate, lookup->type, wanted, lookup->answer, flags);
  for (unsigned i = 0; i < lookup->query_count; i++) {
    if (found >> i & 1) {
      aiodns_query_recalled(&lookup->query[i], flags[i] & AIODNS_RECORD_ALIASED,
                            flags[i] & AIODNS_RECORD_SERVFAIL);
      lookup->stale |= (uint8_t)(flags[i] & AIODNS_RECORD_STALE ? 1u << i : 0);
    } else if (wanted >> i & 1) {
      lookup->lapsed[i] = flags[i];
    }
  }
  lookup->recalled |= (uint8_t)found;
}

/* ---- What others ask ---- */

static enum aiodns_claim claim(struct aiodns_lookup *lookup, unsigned i, bool waited)
{
  const struct aiodns_sources *sources = &lookup->sources;
  return sources->cache.claim(sources->source, &lookup->candidate, lookup->type[i], waited);
}

/* Whose claim it is may have come between our look into the cache and the claim. */
static bool is_known_by_now(struct aiodns_lookup *lookup, unsigned i)
{
  aiodns_lookup_recall(lookup, 1u << i);
  return lookup->recalled >> i & 1;
}

/*
 * Claims are made in one order, and none while an earlier one is waited for: else two lookups could have one
 * each, and wait for the other's.
 */
static bool is_behind_a_wait(const struct aiodns_lookup *lookup, unsigned i)
{
  return lookup->waiting & ((1u << i) - 1);
}

bool aiodns_lookup_may_ask(struct aiodns_lookup *lookup, unsigned i, int64_t now_us)
{
  uint8_t bit = (uint8_t)(1u << i);

  if (!lookup->sources.cache.claim || lookup->flight_left_us <= 0)
    return true;
  bool behind = is_behind_a_wait(lookup, i);
  enum aiodns_claim got = behind ? AIODNS_CLAIM_OTHERS : claim(lookup, i, false);
  if (got != AIODNS_CLAIM_OTHERS)
    return got == AIODNS_CLAIM_NONE || !is_known_by_now(lookup, i);
  if (!lookup->waiting) {
    lookup->flight_until_us = now_us + lookup->flight_left_us;
    lookup->pause_us = AIODNS_FLIGHT_PAUSE_US;
    lookup->look_us = now_us + lookup->pause_us;
    lookup->claim_us = now_us + AIODNS_FLIGHT_CLAIM_US;
    lookup->behind = 0;
    lookup->woken = lookup->deaf = false;
  }
  lookup->waiting |= bit;
  lookup->behind |= behind ? bit : 0;
  return false;
}

/* Whether query i, which waits, is to be started; else it still waits, or is known. */
static bool has_waited(struct aiodns_lookup *lookup, unsigned i, int64_t now_us)
{
  bool over = now_us >= lookup->flight_until_us;
  bool claims = over || now_us >= lookup->claim_us || lookup->woken || lookup->behind >> i & 1;

  if (is_known_by_now(lookup, i) || is_behind_a_wait(lookup, i) || !claims)
    return false;
  lookup->behind &= (uint8_t) ~(1u << i);
  enum aiodns_claim got = claim(lookup, i, over);
  return got == AIODNS_CLAIM_NONE || (got == AIODNS_CLAIM_MINE && !is_known_by_now(lookup, i));
}

/* Who waits for a server beside is not woken. */
static bool is_deaf(const struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->query[i].started && !lookup->query[i].done)
      return true;
  return lookup->deaf;
}

static void pause_again(struct aiodns_lookup *lookup, int64_t now_us)
{
  bool deaf = is_deaf(lookup);
  int64_t most_us = deaf ? AIODNS_FLIGHT_PAUSE_DEAF_US : AIODNS_FLIGHT_PAUSE_MAX_US;

  lookup->pause_us *= deaf ? 2 : 4;
  if (lookup->pause_us > most_us)
    lookup->pause_us = most_us;
  lookup->look_us = now_us + lookup->pause_us;
  if (lookup->look_us > lookup->flight_until_us && lookup->flight_until_us > now_us)
    lookup->look_us = lookup->flight_until_us;
  if (now_us >= lookup->claim_us)
    lookup->claim_us = now_us + AIODNS_FLIGHT_CLAIM_US;
  lookup->woken = false;
}

unsigned aiodns_lookup_look(struct aiodns_lookup *lookup, int64_t now_us)
{
  unsigned go = 0;

  if (now_us < lookup->look_us)
    return 0;
  for (unsigned i = 0; i < lookup->query_count; i++) {
    if (!(lookup->waiting >> i & 1))
      continue;
    if (has_waited(lookup, i, now_us))
      go |= 1u << i;
    lookup->waiting &= (uint8_t) ~(go | lookup->recalled);
  }
  if (!lookup->waiting)
    lookup->flight_left_us = lookup->flight_until_us - now_us;
  else
    pause_again(lookup, now_us);
  return go;
}

void aiodns_lookup_paused(struct aiodns_lookup *lookup, enum aiodns_pause how, int64_t now_us)
{
  if (how == AIODNS_PAUSE_OVER)
    return;
  lookup->deaf |= how == AIODNS_PAUSE_SLEPT;
  lookup->woken |= how == AIODNS_PAUSE_WOKEN;
  if (lookup->look_us > now_us)
    lookup->look_us = now_us;
}

/* ---- What is kept ---- */

static void renew(struct aiodns_answer *answer)
{
  uint8_t address_len = answer->address_len;

  aiodns_answer_done(answer);
  aiodns_answer_init(answer, address_len);
}

static void keep(struct aiodns_lookup *lookup, uint16_t type, const struct aiodns_answer *answer,
                 uint8_t flags)
{
  const struct aiodns_sources *sources = &lookup->sources;

  if (sources->cache.keep)
    sources->cache.keep(sources->source, &lookup->candidate, type, answer, flags);
}

static bool is_timed_out(const struct aiodns_query *query)
{
  return !query->got_reply && query->was_silent;
}

/* What servers have said is everybody's; what only this process has met (silence, a lack, a rule) is not. */
static bool is_received_failure(const struct aiodns_query *query)
{
  return query->got_servfail ||
         (query->got_reply && !query->was_silent && !query->local_error && !query->not_permitted);
}

void aiodns_lookup_keep(struct aiodns_lookup *lookup, bool sure)
{
  for (unsigned i = 0; i < lookup->query_count; i++) {
    const struct aiodns_query *query = &lookup->query[i];
    const struct aiodns_answer *answer = &lookup->answer[i];
    uint8_t flags = query->chain.aliased ? AIODNS_RECORD_ALIASED : 0;
    if (lookup->recalled >> i & 1 || query->blocked)
      continue;
    switch (answer->outcome) {
    case AIODNS_ANSWER:
    case AIODNS_NO_DATA:
      keep(lookup, lookup->type[i], answer, flags);
      break;
    case AIODNS_NO_NAME:
      if (sure)
        keep(lookup, lookup->type[i], answer, flags);
      break;
    case AIODNS_FAILED:
      lookup->timed_out += is_timed_out(query);
      if (is_received_failure(query))
        keep(lookup, lookup->type[i], answer, flags | (query->got_servfail ? AIODNS_RECORD_SERVFAIL : 0));
      break;
    default:
      break;
    }
  }
}

void aiodns_lookup_keep_nobody(struct aiodns_lookup *lookup)
{
  uint8_t flags = lookup->query[0].chain.aliased ? AIODNS_RECORD_ALIASED : 0;

  for (unsigned i = 0; i < lookup->wanted_count; i++)
    if (lookup->doubted >> i & 1)
      keep(lookup, lookup->type[i], &lookup->answer[0], flags);
}

/* ---- What servers do not say ---- */

/* Whether some server has just said, or the cache knows, that there is no such name. */
static bool is_nobody(const struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->answer[i].outcome == AIODNS_NO_NAME && !(lookup->stale >> i & 1))
      return true;
  return false;
}

/*
 * Not for others where this process was kept from asking: no route, no descriptor, a rule.  Each of its
 * lookups finds that out at once, and asks again as soon as it may.  Silence is for others here, or each of
 * them would wait; what is kept is true of a while ago, and for 30 s.
 */
static bool is_for_all(const struct aiodns_query *query)
{
  return is_received_failure(query) || (query->was_silent && !query->local_error && !query->not_permitted);
}

static void serve_stale(struct aiodns_lookup *lookup, unsigned i)
{
  const struct aiodns_query *query = &lookup->query[i];
  struct aiodns_answer *answer = &lookup->answer[i];
  bool timed_out = is_timed_out(query), for_all = is_for_all(query);

  renew(answer); /* a chain may have begun in it */
  aiodns_lookup_recall(lookup, 1u << i | AIODNS_RECALL_EXPIRED);
  if (answer->outcome == AIODNS_PENDING || answer->outcome == AIODNS_LOCAL) {
    renew(answer);
    answer->outcome = AIODNS_FAILED;
    return;
  }
  lookup->timed_out += timed_out;
  if (for_all && lookup->stale >> i & 1)
    keep(lookup, lookup->type[i], answer,
         AIODNS_RECORD_STALE | (query->chain.aliased ? AIODNS_RECORD_ALIASED : 0));
}

void aiodns_lookup_serve_stale(struct aiodns_lookup *lookup)
{
  if (lookup->conf->serve_stale_s == 0 || !lookup->sources.cache.recall || is_nobody(lookup))
    return;
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->answer[i].outcome == AIODNS_FAILED)
      serve_stale(lookup, i);
}

struct aiodns_verdict aiodns_lookup_judge(const struct aiodns_conf *conf, struct aiodns_finding finding[2],
                                          unsigned count, bool hide_data, unsigned stale)
{
  struct aiodns_verdict verdict;
  bool nobody = false;

  for (unsigned i = 0; i < count; i++)
    nobody |= finding[i].outcome == AIODNS_NO_NAME && !(stale >> i & 1);
  for (unsigned i = 0; i < count && nobody; i++)
    if (stale >> i & 1)
      finding[i].outcome = AIODNS_NO_NAME; /* for all types */
  verdict = aiodns_search_judge(conf, finding, count, hide_data);
  if (stale && !nobody && (verdict.outcome == AIODNS_NO_NAME || verdict.outcome == AIODNS_NO_DATA)) {
    verdict.outcome = AIODNS_FAILED;
    verdict.failure = AIODNS_FAILURE_SERVFAIL;
  }
  return verdict;
}

/* ---- A lookup without servers ---- */

static enum aiodns_failure failure_of(uint8_t flags)
{
  return flags & AIODNS_RECORD_SERVFAIL ? AIODNS_FAILURE_SERVFAIL : AIODNS_FAILURE_SILENT;
}

/* Whether the name as it is comes first, as for nearly all: it has a dot, or goes through no list. */
static bool is_as_is_first(const struct aiodns_conf *conf, const char *text, bool as_is)
{
  return !text || as_is || (conf->ndots <= 1 && strchr(text, '.'));
}

/* The usual case: one of the families has an answer, the other has one or no data. */
static bool is_plain_answer(const struct aiodns_conf *conf, const struct aiodns_answer *answer,
                            unsigned count)
{
  bool any = false;

  for (unsigned i = 0; i < count; i++) {
    any |= answer[i].outcome == AIODNS_ANSWER;
    if (answer[i].outcome != AIODNS_ANSWER && answer[i].outcome != AIODNS_NO_DATA)
      return false;
  }
  return any && !conf->no_aaaa;
}

__attribute__((noinline)) bool aiodns_lookup_from_cache(const struct aiodns_conf *conf,
                                                        const struct aiodns_sources *sources, int family,
                                                        const char *text, const struct aiodns_name *name,
                                                        bool as_is, struct aiodns_answer *answer,
                                                        struct aiodns_verdict *ret)
{
  uint16_t type[2] = {AIODNS_TYPE_PTR, AIODNS_TYPE_PTR};
  unsigned count = text ? aiodns_lookup_types(conf, family, type) : 1;
  bool hide_data = text && family == AF_INET6 && conf->no_aaaa;
  struct aiodns_search search;
  struct aiodns_name candidate;
  uint8_t flags[2];

  if (is_as_is_first(conf, text, as_is)) {
    unsigned all = (1u << count) - 1;
    unsigned found = sources->cache.recall(sources->source, name, type, all, answer, flags);
    if (found == all && is_plain_answer(conf, answer, count)) {
      *ret = (struct aiodns_verdict){.outcome = AIODNS_ANSWER};
      return true;
    }
    for (unsigned i = 0; i < count; i++)
      renew(&answer[i]);
    if (found != all)
      return false;
  }
  aiodns_search_init(&search, conf, sources->search_more, sources->source, text ? text : ".", name,
                     as_is || !text);
  while (aiodns_search_next(&search, &candidate)) {
    struct aiodns_finding finding[2];
    unsigned wanted = (1u << count) - 1;
    unsigned found = sources->cache.recall(sources->source, &candidate, type, wanted, answer, flags);
    unsigned stale = 0;
    for (unsigned i = 0; i < count && found == wanted; i++) {
      finding[i] = (struct aiodns_finding){.outcome = answer[i].outcome,
                                           .failure = failure_of(flags[i]),
                                           .aliased = flags[i] & AIODNS_RECORD_ALIASED};
      stale |= (flags[i] & AIODNS_RECORD_STALE ? 1u : 0) << i;
      if (answer[i].outcome == AIODNS_FAILED && conf->serve_stale_s > 0)
        found = 0; /* there may be something better than that */
    }
    if (found == wanted) {
      struct aiodns_verdict verdict = aiodns_lookup_judge(conf, finding, count, hide_data, stale);
      if (verdict.outcome == AIODNS_ANSWER) {
        *ret = (struct aiodns_verdict){.outcome = AIODNS_ANSWER};
        return true;
      }
      aiodns_search_report(&search, verdict);
    }
    for (unsigned i = 0; i < count; i++)
      renew(&answer[i]);
    if (found != wanted)
      return false;
  }
  *ret = search.last;
  ret->outcome = aiodns_search_verdict(&search);
  return true;
}
