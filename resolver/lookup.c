#include "lookup_cache.h"

#include <string.h>

static bool is_good(enum aiodns_outcome outcome)
{
  return outcome == AIODNS_ANSWER || outcome == AIODNS_NO_NAME;
}

/* The query that a channel of the lookup belongs to. */
static struct aiodns_query *query_of(struct aiodns_lookup *lookup, unsigned channel)
{
  return &lookup->query[channel / AIODNS_QUERY_CHANNELS];
}

static void init(struct aiodns_lookup *lookup, const struct aiodns_conf *conf,
                 const struct aiodns_sources *sources, struct aiodns_answer *answer)
{
  lookup->conf = conf;
  lookup->answer = answer;
  lookup->sources = *sources;
  lookup->entropy.fill = sources->random;
  lookup->entropy.source = sources->source;
  lookup->entropy.left = 0;
  lookup->first_server = 0;
  lookup->time_us = aiodns_conf_deadline_us(conf);
  lookup->round_trip_us = 0;
  lookup->plain = lookup->probing = lookup->hide_data = lookup->first_round = lookup->ended = false;
  lookup->recalled = lookup->waiting = lookup->doubted = lookup->stale = 0;
  lookup->lapsed[0] = lookup->lapsed[1] = AIODNS_PENDING;
  lookup->followed = false;
  lookup->asked = lookup->timed_out = 0;
  lookup->outcome = AIODNS_PENDING;
  lookup->error = 0;
}

static void init_answers(struct aiodns_lookup *lookup)
{
  lookup->query_count = lookup->wanted_count;
  memset(lookup->observed, 0, sizeof lookup->observed);
  for (unsigned i = 0; i < lookup->wanted_count; i++) {
    uint16_t type = lookup->type[i];
    uint8_t address_len = type == AIODNS_TYPE_A ? 4 : type == AIODNS_TYPE_AAAA ? 16 : 0;
    aiodns_answer_init(&lookup->answer[i], address_len);
    aiodns_query_init(&lookup->query[i], lookup->conf, &lookup->entropy, &lookup->answer[i],
                      lookup->observed);
  }
}

unsigned aiodns_lookup_types(const struct aiodns_conf *conf, int family, uint16_t type[2])
{
  type[0] = family == AF_INET6 && !conf->no_aaaa ? AIODNS_TYPE_AAAA : AIODNS_TYPE_A;
  type[1] = AIODNS_TYPE_AAAA;
  return family == AF_UNSPEC && !conf->no_aaaa ? 2 : 1;
}

void aiodns_lookup_init(struct aiodns_lookup *lookup, const struct aiodns_conf *conf,
                        const struct aiodns_sources *sources, int family, const char *text,
                        const struct aiodns_name *name, bool as_is, struct aiodns_answer *answer)
{
  init(lookup, conf, sources, answer);
  lookup->wanted_count = (uint8_t)aiodns_lookup_types(conf, family, lookup->type);
  lookup->hide_data = family == AF_INET6 && conf->no_aaaa;
  aiodns_search_init(&lookup->search, conf, sources->search_more, sources->source, text, name, as_is);
  init_answers(lookup);
}

void aiodns_lookup_init_ptr(struct aiodns_lookup *lookup, const struct aiodns_conf *conf,
                            const struct aiodns_sources *sources, const struct aiodns_name *name,
                            struct aiodns_answer *answer)
{
  init(lookup, conf, sources, answer);
  lookup->type[0] = lookup->type[1] = AIODNS_TYPE_PTR;
  lookup->wanted_count = 1;
  aiodns_search_init(&lookup->search, conf, NULL, NULL, ".", name, true);
  init_answers(lookup);
}

void aiodns_lookup_done(struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->wanted_count; i++)
    aiodns_query_done(&lookup->query[i]);
}

static void end(struct aiodns_lookup *lookup, enum aiodns_outcome outcome)
{
  lookup->outcome = outcome;
  lookup->ended = true;
}

/* ---- One candidate after the other ---- */

static void start_query(struct aiodns_lookup *lookup, unsigned i, int64_t now_us)
{
  enum aiodns_manner manner = lookup->probing ? AIODNS_MANNER_PROBE
                              : lookup->plain ? AIODNS_MANNER_PLAIN
                                              : AIODNS_MANNER_MIXED;

  uint16_t type = lookup->probing ? lookup->probe_type : lookup->type[i];

  if (lookup->first_round)
    lookup->asked++;
  lookup->query[i].beside = lookup->first_round && (i == 0 || lookup->recalled & 1);
  aiodns_query_start(&lookup->query[i], &lookup->candidate, type, lookup->candidate_server, manner, now_us);
}

/*
 * A candidate that nobody answers for must leave something to those behind it: glibc gives each of them the
 * whole time, we give the first three quarters of what is left.
 */
static int64_t share_of(const struct aiodns_lookup *lookup, int64_t now_us)
{
  int64_t left_us = lookup->deadline_us - now_us;
  return aiodns_search_has_more(&lookup->search) ? now_us + left_us / 4 * 3 : lookup->deadline_us;
}

/* Closes what the queries still have open and makes them new; their sockets stay known to the driver by task.
 */
static void renew_queries(struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->wanted_count; i++) {
    uint8_t address_len = lookup->answer[i].address_len;
    aiodns_answer_done(&lookup->answer[i]);
    aiodns_answer_init(&lookup->answer[i], address_len);
    aiodns_query_renew(&lookup->query[i]);
  }
}

static void begin_query(struct aiodns_lookup *lookup, unsigned i, int64_t now_us)
{
  if (lookup->recalled >> i & 1 || (lookup->first_round && !aiodns_lookup_may_ask(lookup, i, now_us)))
    return;
  start_query(lookup, i, now_us);
}

/*
 * Servers are waited for until then at the most, where the cache has something to give in their place: an
 * answer, or what leads to the next candidate.  Where that would leave nothing but a failure they get all the
 * time there is.  Has gone from the stack again before anything is asked.
 */
static __attribute__((noinline)) void wait_no_longer(struct aiodns_lookup *lookup, int64_t until_us)
{
  bool followed = lookup->followed || aiodns_search_has_more(&lookup->search);

  for (unsigned i = 0; i < lookup->query_count; i++) {
    uint8_t lapsed = lookup->recalled >> i & 1 ? AIODNS_PENDING : lookup->lapsed[i];
    bool helps = lapsed == AIODNS_ANSWER || (lapsed == AIODNS_NO_NAME && followed);
    if (helps && until_us < lookup->candidate_deadline_us)
      lookup->candidate_deadline_us = until_us;
  }
}

/* Puts the candidate's questions, the first `count` of them, to this server first. */
static void ask_candidate(struct aiodns_lookup *lookup, uint8_t count, uint8_t server, int64_t deadline_us,
                          int64_t now_us)
{
  if (lookup->query[0].started)
    renew_queries(lookup);
  lookup->query_count = count;
  lookup->candidate_server = server;
  lookup->candidate_start_us = now_us;
  lookup->candidate_deadline_us = deadline_us < lookup->deadline_us ? deadline_us : lookup->deadline_us;
  lookup->grace_us = INT64_MAX;
  for (unsigned i = 0; i < count; i++)
    lookup->query[i].round_trip_us = lookup->round_trip_us;
  lookup->recalled = lookup->waiting = lookup->stale = 0;
  if (lookup->first_round)
    aiodns_lookup_recall(lookup, (1u << count) - 1);
  if (lookup->conf->serve_stale_s > 0 && !lookup->probing)
    wait_no_longer(lookup, now_us + AIODNS_STALE_WAIT_US);
  begin_query(lookup, 0, now_us);
  if (count == 2 && !lookup->conf->single_request)
    begin_query(lookup, 1, now_us);
}

static void next_candidate(struct aiodns_lookup *lookup, int64_t now_us)
{
  if (!aiodns_search_next(&lookup->search, &lookup->candidate)) {
    end(lookup, aiodns_search_verdict(&lookup->search));
    return;
  }
  lookup->turn_us = now_us;
  lookup->first_round = true;
  ask_candidate(lookup, lookup->wanted_count, lookup->first_server, share_of(lookup, now_us), now_us);
}

void aiodns_lookup_learn(struct aiodns_lookup *lookup)
{
  if (lookup->sources.cache.learn)
    lookup->sources.cache.learn(lookup->sources.source, lookup->observed);
  memset(lookup->observed, 0, sizeof lookup->observed);
}

/* The server that said NXDOMAIN gets the same question in lower case, for one family. */
static void probe(struct aiodns_lookup *lookup, int64_t now_us)
{
  unsigned i = lookup->answer[0].outcome == AIODNS_NO_NAME && !(lookup->stale & 1) ? 0 : 1;
  int64_t window_us;

  /* What it has just taken is at least a round trip; one datagram may be lost. */
  lookup->round_trip_us = lookup->query[i].took_us;
  window_us = 4 * lookup->round_trip_us > AIODNS_PROBE_US ? 4 * lookup->round_trip_us : AIODNS_PROBE_US;
  lookup->probing = true;
  lookup->first_round = false;
  lookup->doubted = lookup->stale; /* in place of those it would be kept, too */
  for (unsigned k = 0; k < lookup->query_count; k++)
    lookup->doubted |= (uint8_t)((lookup->answer[k].outcome == AIODNS_NO_NAME) << k);
  lookup->probe_type = lookup->type[i];
  ask_candidate(lookup, 1, (uint8_t)lookup->query[i].answered_by, now_us + window_us, now_us);
}

static struct aiodns_verdict candidate_verdict(struct aiodns_lookup *lookup)
{
  struct aiodns_finding finding[AIODNS_LOOKUP_QUERIES];

  for (unsigned i = 0; i < lookup->query_count; i++) {
    finding[i] = (struct aiodns_finding){.outcome = lookup->answer[i].outcome,
                                         .failure = aiodns_query_failure(&lookup->query[i]),
                                         .aliased = lookup->query[i].chain.aliased};
    if (finding[i].outcome == AIODNS_LOCAL)
      lookup->error = lookup->answer[i].error;
  }
  return aiodns_lookup_judge(lookup->conf, finding, lookup->query_count, lookup->hide_data, lookup->stale);
}

/* A query that has ended shortens what the other one gets. */
static void look_at_ended(struct aiodns_lookup *lookup, int64_t now_us)
{
  if (lookup->conf->strict_error)
    return; /* half an answer will not do */
  for (unsigned i = 0; i < lookup->query_count; i++) {
    const struct aiodns_query *query = &lookup->query[i];
    struct aiodns_query *other = &lookup->query[1 - i];
    if (!query->done || !is_good(query->answer->outcome) || lookup->grace_us != INT64_MAX)
      continue;
    int64_t patience_us = lookup->candidate_start_us + AIODNS_PATIENCE_US;
    int64_t grace_us = now_us + AIODNS_GRACE_US;
    if (!other->started && !lookup->waiting) { /* single-request: its time begins only now */
      int64_t took_us = now_us - lookup->candidate_start_us;
      grace_us = now_us + (2 * took_us > AIODNS_PATIENCE_US ? 2 * took_us : AIODNS_PATIENCE_US);
    }
    lookup->grace_us = patience_us > grace_us ? patience_us : grace_us;
    if (query->round_trip_us > 0)
      aiodns_query_hurry(other, query->round_trip_us, now_us);
  }
}

static bool all_done(const struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (!lookup->query[i].done)
      return false;
  return true;
}

/* Patience is over; whether with something that the program can use. */
static bool in_hand(struct aiodns_lookup *lookup)
{
  const struct aiodns_sources *sources = &lookup->sources;

  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->query[i].done && lookup->answer[i].outcome == AIODNS_ANSWER && sources->reaches &&
        !sources->reaches(sources->source, &lookup->answer[i])) {
      lookup->grace_us = INT64_MAX - 1; /* the addresses of the other family alone are of use here */
      return false;
    }
  return true;
}

static bool candidate_ended(struct aiodns_lookup *lookup, int64_t now_us)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    aiodns_query_elapsed(&lookup->query[i], now_us);
  if (lookup->waiting) {
    unsigned go = aiodns_lookup_look(lookup, now_us);
    for (unsigned i = 0; i < lookup->query_count; i++)
      if (go >> i & 1)
        start_query(lookup, i, now_us);
  }
  if (lookup->query_count == 2) {
    look_at_ended(lookup, now_us);
    if (lookup->query[0].done && !lookup->query[1].started && !lookup->waiting)
      begin_query(lookup, 1, now_us);
  }
  if (!all_done(lookup) &&
      (now_us >= lookup->candidate_deadline_us || (now_us >= lookup->grace_us && in_hand(lookup)))) {
    for (unsigned i = 0; i < lookup->query_count; i++)
      aiodns_query_give_up(&lookup->query[i]);
  }
  return all_done(lookup);
}

/* Whether NXDOMAIN may be due to the letter case that we gave the name. */
static bool is_doubtful(const struct aiodns_lookup *lookup)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->answer[i].outcome == AIODNS_NO_NAME && lookup->query[i].answered_plain &&
        !(lookup->stale >> i & 1))
      return false;
  return true;
}

/* What the candidate has come to where a name that its CNAMEs lead through is blocked. */
static struct aiodns_verdict screen(struct aiodns_lookup *lookup, struct aiodns_verdict verdict)
{
  const struct aiodns_sources *sources = &lookup->sources;

  if (verdict.outcome != AIODNS_ANSWER || !sources->cache.screen ||
      !sources->cache.screen(sources->source, &lookup->candidate, lookup->query_count, lookup->answer))
    return verdict;
  for (unsigned i = 0; i < lookup->query_count; i++)
    aiodns_query_recalled(&lookup->query[i], false, false);
  return candidate_verdict(lookup);
}

/* What follows from how the candidate's questions ended: another round for it, the next one, or the end. */
static void judge_candidate(struct aiodns_lookup *lookup, int64_t now_us)
{
  if (!lookup->probing)
    aiodns_lookup_serve_stale(lookup);
  struct aiodns_verdict verdict = candidate_verdict(lookup);
  /*
   * Who has answered behind silent servers is asked first for the next name, too: a dead server costs its
   * wait once a lookup.  One that has refused or erred, at once, may be the one that knows that name.
   */
  if (lookup->first_round && lookup->query[0].answered_by >= 0 && !lookup->query[0].erred)
    lookup->first_server = (uint8_t)lookup->query[0].answered_by;
  if (verdict.outcome == AIODNS_NO_NAME && !lookup->probing && is_doubtful(lookup)) {
    probe(lookup, now_us);
    return;
  }
  if (lookup->probing) {
    lookup->probing = false;
    bool error = verdict.outcome == AIODNS_FAILED && lookup->query[0].got_reply;
    if (verdict.outcome == AIODNS_ANSWER || verdict.outcome == AIODNS_NO_DATA || error) {
      /* The name may exist: a server here errs on letter case. The probe itself is not believed. */
      lookup->plain = true;
      lookup->first_round = false;
      ask_candidate(lookup, lookup->wanted_count, lookup->candidate_server, share_of(lookup, now_us), now_us);
      return;
    }
    if (verdict.outcome == AIODNS_NO_NAME)
      aiodns_lookup_keep_nobody(lookup);
    verdict = (struct aiodns_verdict){.outcome = AIODNS_NO_NAME}; /* nobody contradicts it */
  } else {
    aiodns_lookup_keep(lookup, !is_doubtful(lookup));
    verdict = screen(lookup, verdict);
  }
  aiodns_lookup_learn(lookup);
  if (lookup->sources.cache.settle)
    lookup->sources.cache.settle(lookup->sources.source);
  if (verdict.outcome == AIODNS_ANSWER) {
    end(lookup, AIODNS_ANSWER);
    return;
  }
  if (verdict.outcome != AIODNS_FAILED || (verdict.failure == AIODNS_FAILURE_SERVFAIL && !lookup->stale))
    lookup->deadline_us += now_us - lookup->turn_us;
  aiodns_search_report(&lookup->search, verdict);
  next_candidate(lookup, now_us);
}

/* Each round ends one candidate of a list that is finite, or is one of the two more for it in lower case. */
static void advance(struct aiodns_lookup *lookup, int64_t now_us)
{
  while (!lookup->ended && candidate_ended(lookup, now_us))
    judge_candidate(lookup, now_us);
}

void aiodns_lookup_start(struct aiodns_lookup *lookup, int64_t now_us)
{
  uint8_t random = 0;

  lookup->deadline_us = now_us + lookup->time_us;
  lookup->flight_left_us = (lookup->deadline_us - now_us) / 4;
  if (lookup->flight_left_us > AIODNS_FLIGHT_WAIT_US)
    lookup->flight_left_us = AIODNS_FLIGHT_WAIT_US;
  unsigned among = lookup->conf->up_count ? lookup->conf->up_count : lookup->conf->server_count;
  if (lookup->conf->rotate && aiodns_entropy_take(&lookup->entropy, &random, 1))
    lookup->first_server = (uint8_t)(random % among);
  next_candidate(lookup, now_us);
  advance(lookup, now_us);
}

/* ---- To and from the driver ---- */

bool aiodns_lookup_task(struct aiodns_lookup *lookup, struct aiodns_task *ret)
{
  for (unsigned i = 0; i < lookup->wanted_count; i++) /* one that is no longer asked may have to be closed */
    if (aiodns_query_task(&lookup->query[i], ret)) {
      ret->channel = (uint8_t)(ret->channel + i * AIODNS_QUERY_CHANNELS);
      return true;
    }
  return false;
}

size_t aiodns_lookup_payload(const struct aiodns_lookup *lookup, unsigned channel, uint8_t *buf)
{
  return aiodns_query_payload(&lookup->query[channel / AIODNS_QUERY_CHANNELS],
                              channel % AIODNS_QUERY_CHANNELS, buf);
}

bool aiodns_lookup_listens(const struct aiodns_lookup *lookup, unsigned channel)
{
  return aiodns_query_listens(&lookup->query[channel / AIODNS_QUERY_CHANNELS],
                              channel % AIODNS_QUERY_CHANNELS);
}

void aiodns_lookup_received(struct aiodns_lookup *lookup, unsigned channel, uint8_t *data, size_t len,
                            size_t room, int64_t now_us)
{
  aiodns_query_received(query_of(lookup, channel), channel % AIODNS_QUERY_CHANNELS, data, len, room, now_us);
}

void aiodns_lookup_connected(struct aiodns_lookup *lookup, unsigned channel)
{
  aiodns_query_connected(query_of(lookup, channel), channel % AIODNS_QUERY_CHANNELS);
}

void aiodns_lookup_refused(struct aiodns_lookup *lookup, unsigned channel, int64_t now_us)
{
  aiodns_query_refused(query_of(lookup, channel), channel % AIODNS_QUERY_CHANNELS, now_us);
  advance(lookup, now_us);
}

void aiodns_lookup_not_opened(struct aiodns_lookup *lookup, unsigned channel, int error, int64_t now_us)
{
  aiodns_query_not_opened(query_of(lookup, channel), channel % AIODNS_QUERY_CHANNELS, error, now_us);
  advance(lookup, now_us);
}

int64_t aiodns_lookup_due(const struct aiodns_lookup *lookup)
{
  if (lookup->ended)
    return INT64_MAX;
  int64_t due_us =
      lookup->grace_us < lookup->candidate_deadline_us ? lookup->grace_us : lookup->candidate_deadline_us;
  if (lookup->waiting && lookup->look_us < due_us)
    due_us = lookup->look_us;
  for (unsigned i = 0; i < lookup->query_count; i++) {
    int64_t query_us = aiodns_query_due(&lookup->query[i]);
    due_us = query_us < due_us ? query_us : due_us;
  }
  return due_us;
}

void aiodns_lookup_elapsed(struct aiodns_lookup *lookup, int64_t now_us)
{
  advance(lookup, now_us);
}

unsigned aiodns_lookup_linger_ms(const struct aiodns_lookup *lookup, unsigned *ret_channel)
{
  for (unsigned i = 0; i < lookup->query_count; i++) {
    int channel = aiodns_query_probe_channel(&lookup->query[i]);
    if (channel < 0)
      continue;
    *ret_channel = i * AIODNS_QUERY_CHANNELS + (unsigned)channel;
    return lookup->conf->server[channel / 2].probe_ms;
  }
  return 0;
}

void aiodns_lookup_probed(struct aiodns_lookup *lookup, unsigned channel, uint8_t *data, size_t len)
{
  aiodns_query_probed(query_of(lookup, channel), &lookup->candidate, data, len);
}

void aiodns_lookup_abandon(struct aiodns_lookup *lookup, int error)
{
  for (unsigned i = 0; i < lookup->query_count; i++)
    aiodns_query_give_up(&lookup->query[i]);
  lookup->error = error;
  end(lookup, aiodns_error_is_refusal(error) || error == EACCES ? AIODNS_UNUSABLE : AIODNS_LOCAL);
}
