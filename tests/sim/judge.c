/*
 * What the lookup may have come to, given the script and what the driver saw arrive.  For each question of
 * each candidate a set of outcomes; over both families a set for the candidate; through res_search()'s rules
 * the outcomes of the lookup.
 */
#include "message.h"
#include "sure.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* How a question can end; in this order the better word wins over both families. */
enum end {
  NO_DATA,
  UNUSABLE,
  UNREACHABLE, /* the three kinds of AIODNS_FAILED */
  SILENT,
  SERVER_FAILED,
  LOCAL,
  NO_NAME,
  ANSWER,
  ENDS,
};

static const char *const end_name[ENDS] = {"NO_DATA",  "UNUSABLE", "UNREACHABLE", "SILENT",
                                           "SERVFAIL", "LOCAL",    "NO_NAME",     "ANSWER"};

static unsigned bit(enum end end)
{
  return 1u << end;
}

static enum aiodns_outcome outcome_of(enum end end)
{
  static const enum aiodns_outcome outcome[ENDS] = {
      [NO_DATA] = AIODNS_NO_DATA, [UNUSABLE] = AIODNS_UNUSABLE,    [UNREACHABLE] = AIODNS_FAILED,
      [SILENT] = AIODNS_FAILED,   [SERVER_FAILED] = AIODNS_FAILED, [LOCAL] = AIODNS_LOCAL,
      [NO_NAME] = AIODNS_NO_NAME, [ANSWER] = AIODNS_ANSWER,
  };
  return outcome[end];
}

/* ---- One question ---- */

static bool started(const struct sim_candidate *c)
{
  return c->fact[0].start_us >= 0 || c->fact[1].start_us >= 0;
}

static int64_t start_of(const struct sim_candidate *c)
{
  int64_t a = c->fact[0].start_us, b = c->fact[1].start_us;
  return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Without what candidates that were answered give back. */
static int64_t deadline_of(const struct sim_world *world)
{
  return world->start_us + (int64_t)world->conf.timeout_ms * 1000 * world->conf.attempts;
}

/* The question was never put to anybody. */
static unsigned ends_unasked(const struct sim_world *world, const struct sim_candidate *c, unsigned query)
{
  unsigned ends = 0;
  const struct sim_fact *first = &c->fact[0];
  int64_t share_us = (deadline_of(world) - first->start_us) / 4 * 3;
  bool in_time = first->settled && first->settled_us < first->start_us + share_us - world->late_us;
  bool second = query == 1 && world->conf.single_request && first->start_us >= 0 && !in_time;

  if (world->entropy_failed)
    ends |= bit(UNUSABLE);
  if (second || world->end_us >= deadline_of(world))
    ends |= bit(SILENT);
  return ends;
}

/* What this word leaves to be said; ENDS: it does not end the question. */
static unsigned ends_by(const struct sim_world *world, const struct sim_candidate *c, unsigned query,
                        unsigned word)
{
  switch (word) {
  case SIM_SAYS_ANSWER:
    return bit(ANSWER);
  case SIM_SAYS_NO_NAME:
  case SIM_SAYS_DOUBT:
    return bit(NO_NAME);
  case SIM_SAYS_NO_DATA:
    return bit(NO_DATA);
  case SIM_SAYS_BLANK: /* right only where it happens to be the truth */
    return sim_count(c, world->lookup.type[query]) > 0 || c->kind == SIM_NXDOMAIN ? 0 : bit(NO_DATA);
  default:
    return bit(ENDS);
  }
}

static unsigned ends_of(const struct sim_world *world, const struct sim_candidate *c, unsigned query)
{
  const struct sim_fact *fact = &c->fact[query];
  unsigned ends = ends_by(world, c, query, fact->settled);

  if (ends != bit(ENDS))
    return ends;
  ends = fact->hinted ? ends_by(world, c, query, fact->hinted) : 0;
  if (fact->start_us < 0)
    return ends_unasked(world, c, query);
  if (world->entropy_failed)
    ends |= bit(UNUSABLE);
  if (fact->opened == 0 && !fact->matched)
    return ends | (fact->lacks ? bit(LOCAL) : fact->denials ? bit(UNUSABLE) : bit(UNREACHABLE));
  if (!sim_is_sure(world, c, query)) {
    ends |= bit(SILENT);
    if (fact->servfail || c->kind == SIM_LOOP || c->hops > SIM_CNAMES_MAX)
      ends |= bit(SERVER_FAILED);
    if (!fact->matched && (fact->refusals || fact->opened < fact->opens))
      ends |= bit(UNREACHABLE);
  }
  if (fact->lacks)
    ends |= bit(LOCAL);
  if (fact->denials)
    ends |= bit(UNUSABLE);
  return ends;
}

/* ---- One candidate ---- */

/* No data for one family and no answer for the other: the list goes on, as behind SERVFAIL. */
static enum end better(enum end a, enum end b, bool both)
{
  enum end ret = a > b ? a : b;
  return both && a != b && (a == NO_DATA || b == NO_DATA) && (ret == SILENT || ret == UNREACHABLE)
             ? SERVER_FAILED
             : ret;
}

static unsigned combine(const struct sim_world *world, unsigned a, unsigned b, bool both)
{
  unsigned ends = 0;
  for (unsigned i = 0; i < ENDS; i++)
    for (unsigned j = 0; j < ENDS; j++)
      if ((a & 1u << i) && (b & 1u << j))
        ends |= bit(better((enum end)i, (enum end)j, both));
  if (world->lookup.hide_data && (ends & bit(ANSWER)))
    ends = (ends & ~bit(ANSWER)) | bit(NO_DATA);
  return ends;
}

static bool both_wanted(const struct sim_world *world)
{
  return !world->ptr && world->family == AF_UNSPEC && !world->conf.no_aaaa;
}

/* Enough of them end a probe without an answer. */
static bool near_misses_come(const struct sim_world *world)
{
  for (unsigned s = 0; s < world->conf.server_count; s++)
    if (world->server[s].path[0].fate == SIM_MALFORMED || world->server[s].path[1].fate == SIM_MALFORMED)
      return true;
  return world->attack.forgeries > 0;
}

/* In the round that confirms NXDOMAIN, only a reply that knows the name can change anything. */
static unsigned ends_of_confirmation(const struct sim_world *world, const struct sim_candidate *c)
{
  bool over = world->entropy_failed || world->end_us >= deadline_of(world);

  switch (c->fact[0].settled) {
  case SIM_SAYS_ANSWER:
  case SIM_SAYS_NO_DATA:
    return over ? bit(SILENT) | bit(UNUSABLE) : 0; /* it would have been asked once more, to be believed */
  case SIM_SAYS_NO_NAME:
    return bit(NO_NAME);
  default:
    if (c->fact[0].matched) /* an error: the same; or an alias that was not followed to its end */
      return over ? bit(SILENT) | bit(UNUSABLE) | (world->entropy_failed ? bit(NO_NAME) : 0) : 0;
    if (over && near_misses_come(world))
      return bit(SILENT) | bit(UNUSABLE) | bit(NO_NAME);
    return c->kind != SIM_NXDOMAIN && sim_is_sure(world, c, 0) ? 0 : bit(NO_NAME);
  }
}

static unsigned ends_of_candidate(const struct sim_world *world, const struct sim_candidate *c)
{
  if (c->round == SIM_CONFIRMING)
    return ends_of_confirmation(world, c);
  unsigned ends = combine(world, ends_of(world, c, 0),
                          both_wanted(world) ? ends_of(world, c, 1) : bit(NO_DATA), both_wanted(world));
  bool over = world->entropy_failed || world->end_us >= deadline_of(world);
  if (c->kind != SIM_NXDOMAIN && !over) /* a lie, and there was time to ask again */
    ends &= ~bit(NO_NAME);
  return ends;
}

/* ---- The search ---- */

struct walk {
  const struct sim_world *world;
  unsigned ends[SIM_CANDIDATES_MAX];
  unsigned asked; /* candidates that were */
};

struct state {
  unsigned visited; /* asked and visited */
  int first;        /* how the name as it is ended; -1: not tried first */
  int last;
  bool no_data, servfail;
  bool last_one; /* the list was left early: the name as it is comes now, and nothing after it */
};

static bool agrees(const struct walk *walk, const struct state *state, enum aiodns_outcome outcome)
{
  return walk->world->lookup.outcome == outcome && state->visited == walk->asked;
}

static bool at_the_end(const struct walk *walk, const struct state *state)
{
  enum aiodns_outcome outcome = AIODNS_NO_NAME;
  if (state->first >= 0)
    outcome = outcome_of((enum end)state->first);
  else if (state->no_data)
    outcome = AIODNS_NO_DATA;
  else if (state->servfail)
    outcome = AIODNS_FAILED;
  else if (state->last >= 0)
    outcome = outcome_of((enum end)state->last);
  return agrees(walk, state, outcome);
}

static bool visit(const struct walk *walk, unsigned i, struct state state);

/* The list is left: the name as it is, which may stand in the list as the root, is the last to be asked. */
static bool visit_as_is(const struct walk *walk, unsigned i, struct state state)
{
  const struct sim_world *world = walk->world;
  bool alone = world->conf.no_tld_query && !strchr(world->given, '.'); /* never asked as it is */
  while (i < world->candidate_count && world->candidate[i].role == SIM_LISTED &&
         (alone || !world->candidate[i].root))
    i++;
  state.last_one = true;
  return visit(walk, i, state);
}

/* Goes on behind candidate i, which ended so. */
static bool ended(const struct walk *walk, unsigned i, enum end end, struct state state)
{
  const struct sim_world *world = walk->world;
  enum sim_role role = world->candidate[i].role;

  state.last = (int)end;
  /* The same where following it failed; whether it had come to that is not known here. */
  bool perhaps_alias = world->candidate[i].hops > 0 || world->candidate[i].kind == SIM_LOOP;
  if (perhaps_alias && outcome_of(end) == AIODNS_FAILED && agrees(walk, &state, AIODNS_FAILED))
    return true;
  switch (end) {
  case ANSWER:
  case UNREACHABLE: /* no server: nothing is to be hoped for from the next name */
  case LOCAL:
  case UNUSABLE:
    return agrees(walk, &state, outcome_of(end));
  case SILENT:
    if (role == SIM_LISTED && !state.last_one)
      return visit_as_is(walk, i + 1, state);
    break;
  case NO_DATA:
    if (world->candidate[i].hops > 0 && !world->lookup.hide_data) /* an alias is an answer, if an empty one */
      return agrees(walk, &state, AIODNS_NO_DATA);
    state.no_data |= role == SIM_LISTED && !state.last_one;
    break;
  case SERVER_FAILED:
    state.servfail |= role == SIM_LISTED && !state.last_one;
    break;
  default:
    break;
  }
  if (role == SIM_AS_IS_FIRST || role == SIM_AS_IS_ONLY)
    state.first = (int)end;
  return visit(walk, state.last_one ? world->candidate_count : i + 1, state);
}

static bool visit(const struct walk *walk, unsigned i, struct state state)
{
  if (i == walk->world->candidate_count)
    return at_the_end(walk, &state);
  state.visited |= walk->asked & 1u << i;
  for (unsigned end = 0; end < ENDS; end++)
    if ((walk->ends[i] & 1u << end) && ended(walk, i, (enum end)end, state))
      return true;
  return false;
}

/* ---- What came out ---- */

static void judge_names(struct sim_world *world, const struct sim_candidate *c,
                        const struct aiodns_answer *answer)
{
  char text[SIM_TEXT_MAX + 200];
  const char *name = (const char *)answer->names.data;
  bool ptr = world->ptr;
  unsigned count = ptr ? 1 : c->hops + 1u; /* of several PTRs the first */

  if (answer->name_count != count) {
    sim_complain(world, "%u names, not %u", answer->name_count, count);
    return;
  }
  for (unsigned i = 0; i < count; i++, name += strlen(name) + 1) {
    if (ptr)
      sim_ptr_text(c, i, text);
    else
      sim_hop_text(c, i, text);
    if (strcmp(name, text) != 0)
      sim_complain(world, "name %u is %s, not %s", i, name, text);
    if (i == (ptr ? 0 : count - 1) && strcmp(aiodns_answer_canonical(answer), text) != 0)
      sim_complain(world, "the canonical name is %s, not %s", aiodns_answer_canonical(answer), text);
  }
}

static void judge_answer(struct sim_world *world, const struct sim_candidate *c, unsigned query)
{
  const struct aiodns_answer *answer = &world->answer[query];
  uint16_t type = world->lookup.type[query];
  unsigned count = sim_count(c, type), len = 0;
  uint8_t address[16];

  for (unsigned i = 0; !world->ptr && i < answer->address_count; i++)
    if (sim_is_marked(answer->addresses.data + i * answer->address_len, answer->address_len))
      sim_complain(world, "a forged address came out");
  if (answer->address_count != (world->ptr ? 0 : count))
    sim_complain(world, "%u addresses of type %u, not %u", answer->address_count, type, count);
  for (unsigned i = 0; !world->ptr && !world->failed && i < count; i++) {
    len = sim_address(c, type, i, address);
    if (answer->address_len != len || memcmp(answer->addresses.data + i * len, address, len) != 0)
      sim_complain(world, "address %u of type %u is wrong", i, type);
  }
  if (answer->ttl_s != sim_ttl(c))
    sim_complain(world, "a TTL of %u s, not %u s", answer->ttl_s, sim_ttl(c));
  judge_names(world, c, answer);
}

/* Each family on its own, where the lookup ended with an answer. */
static void judge_answers(struct sim_world *world, const struct sim_candidate *c)
{
  for (unsigned query = 0; query < world->lookup.query_count; query++) {
    unsigned ends = ends_of(world, c, query);
    enum aiodns_outcome outcome = world->answer[query].outcome;
    bool allowed = false;
    for (unsigned end = 0; end < ENDS; end++)
      allowed |= (ends & 1u << end) && outcome_of((enum end)end) == outcome;
    if (!allowed)
      sim_complain(world, "type %u ended with %d, allowed is the set %#x", world->lookup.type[query], outcome,
                   ends);
    if (outcome == AIODNS_ANSWER && !world->failed)
      judge_answer(world, c, query);
  }
}

/* Once one family has ended well the other may take until 0.9 s after the candidate's start, or 0.3 s more.
 */
static void judge_patience(struct sim_world *world, const struct sim_candidate *c, int64_t end_us)
{
  int64_t latest_us = INT64_MAX;
  if (c->round == SIM_CONFIRMING)
    latest_us = start_of(c) + sim_confirm_us(c);
  for (unsigned query = 0; query < 2 && c->round != SIM_CONFIRMING; query++) {
    const struct sim_fact *fact = &c->fact[query];
    if (fact->settled == SIM_SAYS_NOTHING || fact->settled == SIM_SAYS_NO_DATA ||
        fact->settled == SIM_SAYS_BLANK)
      continue;
    int64_t patience_us = start_of(c) + SIM_PATIENCE_US, grace_us = sim_grace_us(world, c, fact);
    int64_t until_us = patience_us > grace_us ? patience_us : grace_us;
    latest_us = until_us < latest_us ? until_us : latest_us;
  }
  if (latest_us != INT64_MAX && end_us > latest_us + world->late_us)
    sim_complain(world, "%s took until %lld us, allowed are %lld us", c->text,
                 (long long)(end_us - start_of(c)), (long long)(latest_us - start_of(c)));
}

static bool was_answered(const struct sim_candidate *c)
{
  const struct sim_fact *fact = c->fact;
  /* What the last round heard; an earlier one was about an NXDOMAIN. */
  return c->kind == SIM_LOOP || c->hops > SIM_CNAMES_MAX || c->round > SIM_FIRST_ROUND || fact[0].settled ||
         fact[1].settled || fact[0].hinted || fact[1].hinted || fact[0].servfail || fact[1].servfail;
}

static int64_t latest_deadline_of(const struct sim_world *world)
{
  int64_t ret_us = deadline_of(world);

  for (unsigned i = 0; i < world->candidate_count; i++) {
    const struct sim_candidate *c = &world->candidate[i];
    unsigned next = i + 1;
    while (next < world->candidate_count && !started(&world->candidate[next]))
      next++;
    if (started(c) && next < world->candidate_count && was_answered(c))
      ret_us += world->candidate[next].began_us - c->began_us;
  }
  return ret_us;
}

static void judge_times(struct sim_world *world)
{
  int64_t before_us = world->start_us, deadline_us = latest_deadline_of(world);

  if (world->end_us > deadline_us + world->late_us)
    sim_complain(world, "ended %lld us after its deadline", (long long)(world->end_us - deadline_us));
  for (unsigned i = 0; i < world->candidate_count; i++) {
    const struct sim_candidate *c = &world->candidate[i];
    if (!started(c))
      continue;
    if (c->began_us < before_us)
      sim_complain(world, "%s was asked before its turn", c->text);
    before_us = c->began_us;
    unsigned next = i + 1;
    while (next < world->candidate_count && !started(&world->candidate[next]))
      next++;
    judge_patience(world, c, next < world->candidate_count ? world->candidate[next].began_us : world->end_us);
  }
}

void sim_judge_round(struct sim_world *world, const struct sim_candidate *c)
{
  const struct sim_fact *fact = c->fact;
  bool no_name = false, found = false;

  for (unsigned query = 0; query < 2; query++) {
    no_name |= fact[query].settled == SIM_SAYS_NO_NAME || fact[query].settled == SIM_SAYS_DOUBT ||
               fact[query].hinted == SIM_SAYS_NO_NAME || fact[query].hinted == SIM_SAYS_DOUBT;
    found |= fact[query].settled == SIM_SAYS_ANSWER;
  }
  if (c->round == SIM_FIRST_ROUND && (found || !no_name))
    sim_complain(world, "%s is asked again, though nobody said that it did not exist", c->text);
  if (c->round == SIM_CONFIRMING && fact[0].settled != SIM_SAYS_ANSWER &&
      fact[0].settled != SIM_SAYS_NO_DATA && !fact[0].perhaps && !fact[0].matched && !near_misses_come(world))
    sim_complain(world, "%s is asked a third time, though nobody knows it", c->text);
  judge_patience(world, c, world->now_us);
}

static void complain_of_outcome(struct sim_world *world, const struct walk *walk)
{
  char text[640];
  int len = 0;

  text[0] = '\0';
  for (unsigned i = 0; i < world->candidate_count && len < 500; i++) {
    len +=
        snprintf(text + len, sizeof text - (size_t)len, " %s%u{", walk->asked & 1u << i ? "" : "unasked ", i);
    for (unsigned end = 0; end < ENDS; end++)
      if (walk->ends[i] & 1u << end)
        len += snprintf(text + len, sizeof text - (size_t)len, " %s", end_name[end]);
    len += snprintf(text + len, sizeof text - (size_t)len, " }");
  }
  sim_complain(world, "outcome %d cannot come from%s", world->lookup.outcome, text);
}

void sim_judge(struct sim_world *world)
{
  struct walk walk = {.world = world};
  struct state state = {.first = -1, .last = -1};
  const struct sim_candidate *last = NULL;

  judge_times(world);
  if (world->abandoned) {
    if (world->lookup.outcome != AIODNS_LOCAL || world->lookup.error == 0)
      sim_complain(world, "abandoned, but outcome %d, errno %d", world->lookup.outcome, world->lookup.error);
    return;
  }
  for (unsigned i = 0; i < world->candidate_count; i++) {
    walk.ends[i] = ends_of_candidate(world, &world->candidate[i]);
    if (started(&world->candidate[i])) {
      walk.asked |= 1u << i;
      last = &world->candidate[i];
    }
  }
  if (!visit(&walk, 0, state))
    complain_of_outcome(world, &walk);
  if (world->lookup.outcome == AIODNS_LOCAL && world->lookup.error == 0)
    sim_complain(world, "AIODNS_LOCAL without errno");
  if (world->lookup.outcome == AIODNS_ANSWER && last && !world->failed)
    judge_answers(world, last);
}
