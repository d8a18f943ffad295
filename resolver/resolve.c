#include "resolve.h"

#include "behind.h"
#include "drive.h"
#include "files.h"
#include "in_force.h"
#include "left.h"
#include "lists.h"
#include "lookup_cache.h"
#include "recent.h"
#include "special.h"

#include <stdlib.h>

/* Has gone from the stack where the cache has answered. */
#define AIODNS_APART __attribute__((noinline))

static const struct aiodns_sources sources = {
    .random = aiodns_drive_random,
    .search_more = aiodns_files_search_more,
    .reaches = aiodns_drive_reaches,
    .cache = {.recall = aiodns_memory_recall,
              .claim = aiodns_memory_claim,
              .keep = aiodns_memory_keep,
              .screen = aiodns_memory_screen,
              .settle = aiodns_memory_settle,
              .learn = aiodns_memory_learn},
};

static void result_init(struct aiodns_result *result, uint8_t first_len, uint8_t second_len)
{
  result->outcome = AIODNS_PENDING;
  result->error = 0;
  result->source = AIODNS_SOURCE_NONE;
  result->server = -1;
  result->blocked = false;
  result->first = 0;
  aiodns_answer_init(&result->answer[0], first_len);
  aiodns_answer_init(&result->answer[1], second_len);
}

void aiodns_result_fail(struct aiodns_result *ret, int error)
{
  result_init(ret, 0, 0);
  ret->outcome = AIODNS_LOCAL;
  ret->error = error;
}

void aiodns_result_done(struct aiodns_result *result)
{
  aiodns_answer_done(&result->answer[0]);
  aiodns_answer_done(&result->answer[1]);
}

void aiodns_result_move(struct aiodns_result *ret, struct aiodns_result *result)
{
  *ret = *result;
  for (unsigned i = 0; i < 2; i++)
    aiodns_answer_move(&ret->answer[i], &result->answer[i]);
  result->outcome = AIODNS_PENDING;
}

uint32_t aiodns_result_ttl_s(const struct aiodns_result *result)
{
  uint32_t ttl_s = UINT32_MAX;
  for (unsigned i = 0; i < 2; i++)
    if (result->answer[i].outcome == AIODNS_ANSWER && result->answer[i].ttl_s < ttl_s)
      ttl_s = result->answer[i].ttl_s;
  return ttl_s == UINT32_MAX ? 0 : ttl_s;
}

static void end(struct aiodns_result *result, enum aiodns_source source, enum aiodns_outcome outcome)
{
  result->source = source;
  result->outcome = outcome;
}

static bool out_of_memory(struct aiodns_result *result)
{
  for (unsigned i = 0; i < 2; i++)
    if (result->answer[i].outcome == AIODNS_LOCAL) {
      result->error = result->answer[i].error;
      end(result, AIODNS_SOURCE_NONE, AIODNS_LOCAL);
      return true;
    }
  return false;
}

/* RFC 6761 section 6.3, in whichever families are wanted. */
static void resolve_localhost(struct aiodns_result *result, const char *name, int family)
{
  static const uint8_t ipv4[4] = {127, 0, 0, 1};
  static const struct in6_addr ipv6 = IN6ADDR_LOOPBACK_INIT;

  size_t len = strlen(name);

  len -= len > 1 && name[len - 1] == '.';
  for (unsigned i = 0; i < (family == AF_UNSPEC ? 2u : 1u); i++) {
    struct aiodns_answer *answer = &result->answer[i];
    if (aiodns_answer_add_name(answer, name, len, true) &&
        aiodns_answer_add_address(answer, answer->address_len == 4 ? (const void *)ipv4 : &ipv6))
      answer->outcome = AIODNS_ANSWER;
  }
  if (!out_of_memory(result))
    end(result, AIODNS_SOURCE_SPECIAL, AIODNS_ANSWER);
}

/* Of a server in the order of its asking; -1: none. */
static int place_of(const struct aiodns_conf *conf, int16_t server)
{
  return server < 0 ? server : conf->server[server].place;
}

/* `ret` is NULL, or gets how the only candidate has ended. */
static void drive(struct aiodns_result *result, struct aiodns_lookup *lookup, struct aiodns_memory *memory,
                  struct aiodns_verdict *ret)
{
  aiodns_drive(lookup, memory);
  if (ret) {
    *ret = lookup->search.last;
    ret->outcome = lookup->outcome;
  }
  result->error = lookup->error;
  for (unsigned i = 0; i < lookup->query_count; i++)
    if (lookup->outcome != AIODNS_ANSWER || result->answer[i].outcome == AIODNS_ANSWER)
      result->server = place_of(lookup->conf, lookup->query[i].answered_by);
  end(result, AIODNS_SOURCE_SERVERS, lookup->outcome);
  aiodns_lookup_done(lookup);
}

/*
 * The candidates of a search list together; returns what is left of it, which is to be gone through one by
 * one, and freed: NULL if nothing is.
 */
static AIODNS_APART struct aiodns_fan *ask_together(struct aiodns_result *result, struct aiodns_fan *fan,
                                                    const struct aiodns_conf *conf,
                                                    struct aiodns_memory *memory)
{
  aiodns_drive_fan(fan, memory);
  if (fan->rest)
    return fan;
  if (fan->winner) {
    const struct aiodns_lookup *lookup = &fan->winner->lookup;
    for (unsigned i = 0; i < lookup->query_count; i++) {
      aiodns_answer_move(&result->answer[i], &fan->winner->answer[i]);
      if (result->answer[i].outcome == AIODNS_ANSWER)
        result->server = place_of(conf, lookup->query[i].answered_by);
    }
  }
  result->error = fan->error;
  end(result, AIODNS_SOURCE_SERVERS, fan->outcome);
  aiodns_fan_free(fan);
  return NULL;
}

/* The candidates one by one, behind those of `rest`, which may be NULL. */
static AIODNS_APART void ask_one_by_one(struct aiodns_result *result, const struct aiodns_conf *conf,
                                        const struct aiodns_sources *from, const char *text,
                                        const struct aiodns_name *name, int family, bool as_is,
                                        struct aiodns_fan *rest, struct aiodns_verdict *ret)
{
  struct aiodns_lookup lookup;

  if (text)
    aiodns_lookup_init(&lookup, conf, from, family, text, name, as_is, result->answer);
  else
    aiodns_lookup_init_ptr(&lookup, conf, from, name, result->answer);
  if (rest) {
    lookup.search = rest->search;
    lookup.time_us -= rest->spent_us;
    aiodns_fan_free(rest);
  }
  drive(result, &lookup, from->source, ret);
}

/* The servers, where the cache does not know; `text` is NULL for the names of an address. */
static AIODNS_APART void ask_servers(struct aiodns_result *result, struct aiodns_conf *conf,
                                     const struct aiodns_sources *from, const char *text,
                                     const struct aiodns_name *name, int family, bool as_is,
                                     struct aiodns_verdict *ret)
{
  struct aiodns_fan *fan = NULL;

  aiodns_left_close();
  aiodns_memory_look(from->source);
  aiodns_memory_order(from->source, conf);
  if (text && !as_is && aiodns_fan_is_wanted(conf)) {
    fan = aiodns_fan_new(conf, from, family, text, name);
    if (fan && !(fan = ask_together(result, fan, conf, from->source)))
      return;
  }
  ask_one_by_one(result, conf, from, text, name, family, as_is, fan, ret);
}

/* What a server has said, as aiodns.conf wants it. */
static void bound_ttl(struct aiodns_result *result, const struct aiodns_moment *moment,
                      const struct aiodns_conf *conf)
{
  if (!(moment->said & (1u << AIODNS_KEYWORD_MIN_TTL | 1u << AIODNS_KEYWORD_MAX_TTL)))
    return;
  for (unsigned i = 0; i < 2; i++)
    if (result->answer[i].outcome == AIODNS_ANSWER)
      result->answer[i].ttl_s = aiodns_memory_ttl_s(conf, &result->answer[i]);
}

/* The cache, then the servers of *conf. `ret` as of drive(). */
static void look_up_with(struct aiodns_result *result, struct aiodns_conf *conf,
                         const struct __res_state *state, struct aiodns_moment *moment, const char *text,
                         const struct aiodns_name *name, int family, bool as_is, struct aiodns_verdict *ret)
{
  struct aiodns_sources from = sources;
  struct aiodns_memory memory;
  struct aiodns_verdict verdict;

  aiodns_memory_init(&memory, conf, moment);
  from.source = &memory;
  if (moment->said) {
    conf->follow = aiodns_memory_follow;
    /* cppcheck-suppress autoVariables ; the configuration is not used behind this call */
    conf->follow_source = &memory;
  }
  if (aiodns_lookup_from_cache(conf, &from, family, text, name, as_is, result->answer, &verdict)) {
    end(result, AIODNS_SOURCE_CACHE, verdict.outcome);
    if (ret)
      *ret = verdict;
  } else {
    ask_servers(result, conf, &from, text, name, family, as_is, ret);
    bound_ttl(result, moment, conf);
  }
  if (result->source == AIODNS_SOURCE_CACHE && result->outcome == AIODNS_ANSWER && text && !as_is &&
      aiodns_lists_are_steady(moment))
    aiodns_recent_put(moment, state, text, family, result, memory.facts);
  conf->follow = NULL;
  result->blocked |= memory.blocked;
  aiodns_memory_done(&memory);
}

/* ---- Domains with servers of their own ---- */

/* The candidates of a search list that go to different servers, each a lookup of its own. */
struct split {
  struct aiodns_conf conf; /* of names in no domain */
  struct aiodns_conf used; /* of the present candidate */
  struct aiodns_search search;
  struct aiodns_name candidate;
};

/* A lookup of one name as it is, by the servers of the domain that it is in. */
static AIODNS_APART void look_up_candidate(struct aiodns_result *result, struct split *split,
                                           const struct __res_state *state, struct aiodns_moment *moment,
                                           int family, int64_t deadline_us, struct aiodns_verdict *ret)
{
  struct aiodns_conf *conf = &split->used;

  *conf = split->conf;
  aiodns_in_force_route(moment, &split->candidate, conf);
  conf->deadline_ms = (uint32_t)(deadline_us / 1000);
  *ret = (struct aiodns_verdict){.outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_SERVFAIL};
  if (conf->server_count > 0)
    look_up_with(result, conf, state, moment, ".", &split->candidate, family, true, ret);
}

/* As lookup.c goes through a list: who is silent leaves a quarter of the time to those behind it. */
static AIODNS_APART void look_up_split(struct aiodns_result *result, struct split *split,
                                       const struct __res_state *state, struct aiodns_moment *moment,
                                       int family)
{
  int64_t left_us = aiodns_conf_deadline_us(&split->conf);
  struct aiodns_verdict verdict;

  while (aiodns_search_next(&split->search, &split->candidate)) {
    uint64_t began_ns = aiodns_moment_boot_ns();
    bool more = aiodns_search_has_more(&split->search);
    look_up_candidate(result, split, state, moment, family, more ? left_us / 4 * 3 : left_us, &verdict);
    if (verdict.outcome == AIODNS_ANSWER)
      return;
    if (verdict.outcome == AIODNS_FAILED && verdict.failure != AIODNS_FAILURE_SERVFAIL)
      left_us -= (int64_t)(aiodns_moment_boot_ns() - began_ns) / 1000;
    if (left_us < 1000)
      left_us = 1000;
    aiodns_search_report(&split->search, verdict);
    for (unsigned i = 0; i < 2; i++) {
      uint8_t address_len = result->answer[i].address_len;
      aiodns_answer_done(&result->answer[i]);
      aiodns_answer_init(&result->answer[i], address_len);
    }
  }
  end(result, AIODNS_SOURCE_SERVERS, aiodns_search_verdict(&split->search));
}

/* Whether all candidates of a lookup go to the same servers; those are put into *conf then. */
static AIODNS_APART bool route(struct aiodns_conf *conf, const struct aiodns_moment *moment, const char *text,
                               const struct aiodns_name *name, bool as_is)
{
  static const struct aiodns_verdict nobody = {.outcome = AIODNS_NO_NAME};
  struct aiodns_search search;
  struct aiodns_name candidate = *name;
  uint64_t first = 0;

  aiodns_search_init(&search, conf, aiodns_files_search_more, NULL, text ? text : ".", name, as_is || !text);
  for (unsigned i = 0; aiodns_search_next(&search, &candidate); i++) {
    uint64_t domain = aiodns_in_force_domain(moment, &candidate);
    if (i > 0 && domain != first)
      return false;
    first = domain;
    aiodns_search_report(&search, nobody);
  }
  if (first != 0)
    aiodns_in_force_route(moment, &candidate, conf);
  return true;
}

static AIODNS_APART void split_up(struct aiodns_result *result, const struct aiodns_conf *conf,
                                  const struct __res_state *state, struct aiodns_moment *moment,
                                  const char *text, const struct aiodns_name *name, int family)
{
  struct split *split = malloc(sizeof *split); /* a lookup needs what is left of the stack */

  if (!split) {
    result->error = ENOMEM;
    end(result, AIODNS_SOURCE_NONE, AIODNS_LOCAL);
    return;
  }
  split->conf = *conf;
  aiodns_search_init(&split->search, &split->conf, aiodns_files_search_more, NULL, text, name, false);
  look_up_split(result, split, state, moment, family);
  free(split);
}

static void look_up(struct aiodns_result *result, const struct __res_state *state,
                    struct aiodns_moment *moment, const char *text, const struct aiodns_name *name,
                    int family, bool as_is)
{
  struct aiodns_conf conf;

  if (!aiodns_conf_from_state(&conf, state)) {
    end(result, AIODNS_SOURCE_NONE, AIODNS_UNUSABLE);
    return;
  }
  aiodns_in_force_apply(moment, &conf);
  if (moment->said >> AIODNS_KEYWORD_DOMAIN & 1 && !route(&conf, moment, text, name, as_is))
    split_up(result, &conf, state, moment, text, name, family);
  else if (conf.server_count == 0) /* of a domain in a bad file */
    end(result, AIODNS_SOURCE_NONE, AIODNS_FAILED);
  else
    look_up_with(result, &conf, state, moment, text, name, family, as_is, NULL);
}

static void look_up_name(struct aiodns_result *result, const struct __res_state *state,
                         struct aiodns_moment *moment, const char *text, const struct aiodns_name *name,
                         int family, bool as_is)
{
  look_up(result, state, moment, text, name, family, as_is);
  if ((result->outcome == AIODNS_NO_NAME || result->outcome == AIODNS_NO_DATA) && aiodns_special_is_own(text))
    result->outcome = AIODNS_NOT_MINE;
}

/* A name that nobody knows, or that no server could be asked of, may be known by a service behind this
 * module. */
static AIODNS_APART void leave_to_others(struct aiodns_result *result, struct aiodns_moment *moment,
                                         const char *name)
{
  if ((result->outcome != AIODNS_NO_NAME && result->outcome != AIODNS_FAILED) || result->blocked ||
      strchr(name, '.') || !aiodns_behind_knows(moment))
    return;
  result->outcome = result->outcome == AIODNS_FAILED ? AIODNS_UNUSABLE : AIODNS_NOT_MINE;
}

/* Whether the name is one that no server is asked about; then the result is complete. */
static bool resolve_special(struct aiodns_result *result, const struct aiodns_moment *moment,
                            const char *name, const struct aiodns_name *wire, int family)
{
  switch (aiodns_special_of(wire)) {
  case AIODNS_SPECIAL_NONE:
    return false;
  case AIODNS_SPECIAL_LOCALHOST:
    resolve_localhost(result, name, family);
    break;
  case AIODNS_SPECIAL_NOWHERE:
    end(result, AIODNS_SOURCE_SPECIAL, AIODNS_NO_NAME);
    break;
  case AIODNS_SPECIAL_NOT_MINE:
    if (aiodns_in_force_domain(moment, wire)) /* a `domain` line makes it ours */
      return false;
    end(result, AIODNS_SOURCE_SPECIAL, AIODNS_NOT_MINE);
    break;
  }
  return true;
}

/* HOSTALIASES, for a name without dots; `name` may be what is in `alias`. */
static bool try_alias(const struct __res_state *state, const char *name, char alias[AIODNS_NAME_TEXT_MAX],
                      struct aiodns_name *wire)
{
  return !strchr(name, '.') && !(state->options & RES_NOALIASES) &&
         aiodns_files_alias(name, alias, AIODNS_NAME_TEXT_MAX) && aiodns_name_from_text(wire, alias);
}

void aiodns_resolve_name(struct aiodns_result *ret, const struct __res_state *state, const char *name,
                         int family)
{
  struct aiodns_name wire;
  char alias[AIODNS_NAME_TEXT_MAX];
  struct aiodns_moment moment;

  aiodns_moment_get(&moment);
  result_init(ret, family == AF_INET6 ? 16 : 4, 16);
  if (aiodns_recent_get(&moment, state, name, family, ret))
    return;
  aiodns_lists_look(&moment);
  unsigned found = aiodns_lists_by_name(&moment, name, family, ret->answer, &ret->first);
  if (found > 0) {
    if (!out_of_memory(ret))
      end(ret, AIODNS_SOURCE_HOSTS, AIODNS_ANSWER);
    return;
  }
  if (out_of_memory(ret))
    return;
  if (!aiodns_name_from_text(&wire, name) || !aiodns_name_is_host(&wire)) {
    end(ret, AIODNS_SOURCE_NONE, AIODNS_NO_NAME);
    return;
  }
  if (resolve_special(ret, &moment, name, &wire, family))
    return;
  bool aliased = try_alias(state, name, alias, &wire);
  /* An alias may lead to another one; that is asked as it is. */
  bool twice = aliased && try_alias(state, alias, alias, &wire);
  if (aliased && resolve_special(ret, &moment, alias, &wire, family))
    return;
  look_up_name(ret, state, &moment, aliased ? alias : name, &wire, family, twice);
  leave_to_others(ret, &moment, name);
}

bool aiodns_resolve_embeds_ipv4(const void *address)
{
  struct in6_addr in6;
  memcpy(&in6, address, sizeof in6);
  return IN6_IS_ADDR_V4MAPPED(&in6) || IN6_IS_ADDR_V4COMPAT(&in6) || IN6_IS_ADDR_UNSPECIFIED(&in6);
}

/* What hosts files have of an address.  The names of an IPv4-mapped one are those of the IPv4 address: that
 * is how a server that listens for both families sees its clients. */
static bool in_lists(struct aiodns_moment *moment, int family, const void *address,
                     struct aiodns_answer *answer)
{
  struct in6_addr in6;

  if (family == AF_INET6) {
    memcpy(&in6, address, sizeof in6);
    if (IN6_IS_ADDR_V4MAPPED(&in6))
      return aiodns_lists_by_address(moment, AF_INET, in6.s6_addr + 12, answer);
  }
  return aiodns_lists_by_address(moment, family, address, answer);
}

void aiodns_resolve_address(struct aiodns_result *ret, const struct __res_state *state, int family,
                            const void *address)
{
  struct aiodns_moment moment;
  struct aiodns_name name;

  aiodns_moment_get(&moment);
  result_init(ret, 0, 0);
  aiodns_lists_look(&moment);
  bool found = in_lists(&moment, family, address, &ret->answer[0]);
  if (found) {
    end(ret, AIODNS_SOURCE_HOSTS, AIODNS_ANSWER);
    return;
  }
  if (out_of_memory(ret))
    return;
  if (family == AF_INET6 && aiodns_resolve_embeds_ipv4(address)) {
    family = AF_INET;
    address = (const uint8_t *)address + 12;
  }
  aiodns_name_from_address(&name, family, address);
  if (aiodns_special_is_link_local(family, address) && !aiodns_in_force_domain(&moment, &name)) {
    end(ret, AIODNS_SOURCE_SPECIAL, AIODNS_NOT_MINE);
    return;
  }
  look_up(ret, state, &moment, NULL, &name, AF_UNSPEC, true);
}
