/* The model of the module: what ARCHITECTURE.md says of families, search lists and outcomes. */
#include "ours_question.h"

#include <errno.h>
#include <resolv.h>
#include <string.h>

/* ---- One candidate ---- */

static unsigned rank_of(enum outcome outcome)
{
  static const uint8_t rank[] = {[NOTHING] = 1, [FAILED] = 3, [NO_NAME] = 5, [ANSWER] = 6};
  return rank[outcome];
}

struct verdict {
  enum outcome outcome;
  enum failure failure;
  bool half;    /* FAILED for one family, NOTHING for the other */
  bool aliased; /* NOTHING or FAILED behind a CNAME */
};

static struct verdict candidate(struct walk *walk, const char *name, unsigned first)
{
  struct verdict verdict = {.outcome = NOTHING};
  bool nothing = false, aliased = false;

  for (unsigned i = 0; i < walk->count; i++) {
    struct asked *asked = &walk->asked[i];
    question_ask(walk, asked, name, first);
    if (walk->hide && asked->outcome == ANSWER)
      asked->outcome = NOTHING;
    if (i == 0 || rank_of(asked->outcome) > rank_of(verdict.outcome))
      verdict = (struct verdict){.outcome = asked->outcome, .failure = asked->failure};
    else if (asked->outcome == FAILED && verdict.outcome == FAILED && asked->failure > verdict.failure)
      verdict.failure = asked->failure;
    nothing |= asked->outcome == NOTHING;
    aliased |= asked->aliased;
  }
  verdict.half = verdict.outcome == FAILED && nothing;
  verdict.aliased = aliased && !walk->hide && (verdict.outcome == NOTHING || verdict.outcome == FAILED);
  if (walk->count == 2 && walk->asked[0].outcome != walk->asked[1].outcome && verdict.outcome != ANSWER)
    walk->notes->rule[RULE_FAMILY_REFUSED] = true;
  return verdict;
}

static bool is_sure(const struct walk *walk)
{
  for (unsigned i = 0; i < walk->count; i++)
    if (walk->asked[i].outcome == NO_NAME && walk->asked[i].plain)
      return true;
  return false;
}

/* A silent server costs its wait once a lookup. */
static void stay_with_server(struct walk *walk)
{
  const struct asked *asked = &walk->asked[0];

  if (asked->server < 0 || asked->erred)
    return;
  walk->notes->rule[RULE_DEAD_SERVER] |= asked->server > 0;
  walk->first_server = (unsigned)asked->server;
}

/* NXDOMAIN is believed once lower case gets it, too. */
static struct verdict sure_candidate(struct walk *walk, const char *name)
{
  static struct asked probe;
  struct verdict verdict = candidate(walk, name, walk->first_server);

  stay_with_server(walk);
  if (verdict.outcome != NO_NAME || is_sure(walk))
    return verdict;
  const struct asked *asked = &walk->asked[walk->asked[0].outcome == NO_NAME ? 0 : 1];
  unsigned server = (unsigned)asked->server;
  probe.type = asked->type;
  question_probe(walk, &probe, name, server);
  if (probe.outcome == NO_NAME || (probe.outcome == FAILED && !probe.heard))
    return verdict;
  walk->notes->rule[RULE_CASE_SENSITIVE] = true;
  walk->plain = true;
  return candidate(walk, name, server);
}

/* ---- The search list ---- */

struct search {
  bool no_data, servfail, searched, over;
  bool alias; /* that ends it: the name that was meant */
  struct verdict first, last;
  bool has_first, has_last;
};

/* True: that is the answer. */
static bool try_candidate(struct walk *walk, struct search *search, const char *name, bool listed)
{
  char text[NS_MAXDNAME];

  if (!wire_text(name, text) || (listed && !res_hnok(name))) {
    walk->notes->rule[RULE_LONG_CANDIDATE] = true;
    return false;
  }
  struct verdict verdict = sure_candidate(walk, text);
  search->last = verdict;
  search->has_last = true;
  if (verdict.outcome == ANSWER)
    return true;
  search->no_data |= listed && verdict.outcome == NOTHING;
  search->alias |= verdict.aliased;
  if (verdict.outcome == FAILED) {
    search->servfail |= listed && (verdict.failure == BROKEN || verdict.half);
    search->over = verdict.failure != BROKEN && !verdict.half;
    walk->notes->rule[RULE_SEARCH_SERVFAIL] |= search->servfail;
  }
  return false;
}

/* The search is at its end where nobody can be reached. */
static bool is_cut_off(const struct search *search)
{
  return search->has_last && search->last.outcome == FAILED && search->last.failure == UNREACHED &&
         !search->last.half;
}

static enum outcome search(struct walk *walk, const char *name)
{
  const struct world *world = walk->world;
  struct search state = {0};
  size_t len = strlen(name);
  unsigned dots = 0;
  char text[GIVEN_MAX + DOMAIN_TEXT_MAX];

  for (size_t i = 0; i < len; i++)
    dots += name[i] == '.';
  bool absolute = len > 0 && name[len - 1] == '.', tried = absolute || dots >= world->options.ndots;
  if (tried) {
    if (try_candidate(walk, &state, name, false))
      return ANSWER;
    state.first = state.last;
    state.has_first = state.has_last; /* none if it could not be asked */
  }
  state.over = false;
  for (unsigned i = 0;
       i < world->domain_count && !absolute && !state.over && !state.alias && !is_cut_off(&state); i++) {
    const char *domain = world->domain[i];
    domain += *domain == '.';
    state.searched = true;
    tried |= *domain == '\0';
    snprintf(text, sizeof text, "%s.%s", name, domain);
    if (try_candidate(walk, &state, text, true))
      return ANSWER;
  }
  if (!is_cut_off(&state) && !state.alias && !tried &&
      (dots > 0 || !state.searched || !world->options.no_tld_query))
    if (try_candidate(walk, &state, name, false))
      return ANSWER;
  if (is_cut_off(&state))
    return FAILED;
  if (state.alias)
    return state.last.outcome;
  if (state.has_first)
    return state.first.outcome;
  if (state.no_data)
    return NOTHING;
  if (state.servfail)
    return FAILED;
  return state.has_last ? state.last.outcome : NO_NAME;
}

/* ---- The entry points ---- */

static void tell(enum outcome outcome, struct found *ret)
{
  if (outcome == NO_NAME)
    found_fail(ret, NSS_STATUS_NOTFOUND, HOST_NOT_FOUND, ENOENT);
  else if (outcome == NOTHING)
    found_fail(ret, NSS_STATUS_NOTFOUND, NO_DATA, ENOENT);
  else if (outcome == FAILED)
    found_fail(ret, NSS_STATUS_TRYAGAIN, TRY_AGAIN, EAGAIN);
  else
    found_fail(ret, NSS_STATUS_SUCCESS, 0, 0);
}

static void last_alias_is_name(struct result *result)
{
  if (result->alias_count > 0)
    memcpy(result->name, result->alias[--result->alias_count], sizeof result->name);
}

static enum outcome resolve(struct walk *walk, const char *name)
{
  if (!res_hnok(name) || *name == '\0')
    return NO_NAME;
  const char *alias = strchr(name, '.') ? NULL : find_alias(walk->world, name);
  const char *again = alias && !strchr(alias, '.') ? find_alias(walk->world, alias) : NULL;
  char text[NS_MAXDNAME];

  if (!again)
    return search(walk, alias ? alias : name);
  size_t len = strlen(again);
  snprintf(text, sizeof text, "%s%s", again, len > 0 && again[len - 1] == '.' ? "" : "."); /* as it is */
  return search(walk, text);
}

static void ours_one(const struct world *world, const char *name, int family, bool checked, struct found *ret,
                     struct notes *notes)
{
  static struct walk walk;

  (void)checked;
  walk.hide = family == AF_INET6 && world->options.no_aaaa;
  walk.world = world;
  walk.notes = notes;
  walk.plain = false;
  walk.first_server = 0;
  walk.count = 1;
  walk.asked[0].type = family == AF_INET || walk.hide ? ns_t_a : ns_t_aaaa;
  tell(resolve(&walk, name), ret);
  if (ret->status != NSS_STATUS_SUCCESS)
    return;
  ret->data = walk.asked[0].data;
  last_alias_is_name(&ret->data);
  if (family == AF_INET)
    sort_addresses(world, &ret->data, ADDRESSES_MAX);
}

static void ours_both(const struct world *world, const char *name, struct found *ret, struct notes *notes)
{
  static struct walk walk;

  walk.world = world;
  walk.notes = notes;
  walk.hide = walk.plain = false;
  walk.first_server = 0;
  walk.count = world->options.no_aaaa ? 1 : 2;
  walk.asked[0].type = ns_t_a;
  walk.asked[1].type = ns_t_aaaa;
  tell(resolve(&walk, name), ret);
  if (ret->status != NSS_STATUS_SUCCESS)
    return;
  for (unsigned i = walk.count; i-- > 0;) {
    struct result *data = &walk.asked[i].data;
    if (walk.asked[i].outcome != ANSWER)
      continue;
    last_alias_is_name(data);
    memcpy(ret->data.name, data->name, sizeof data->name); /* A's, where it has an answer */
    for (unsigned k = 0; k < data->address_count; k++)
      result_add_address(&ret->data, data->address[k].family, data->address[k].octets);
  }
}

static void ours_reverse(const struct world *world, const struct address *given, struct found *ret,
                         struct notes *notes)
{
  static struct walk walk;
  static char name[NS_MAXDNAME];
  struct address address;

  found_fail(ret, NSS_STATUS_NOTFOUND, HOST_NOT_FOUND, 0);
  if (!embedded_address(given, &address))
    return;
  walk.world = world;
  walk.notes = notes;
  walk.hide = walk.plain = false;
  walk.first_server = 0;
  walk.count = 1;
  walk.asked[0].type = ns_t_ptr;
  reverse_name(&address, name);
  tell(sure_candidate(&walk, name).outcome, ret);
  if (ret->status != NSS_STATUS_SUCCESS)
    return;
  ret->data = walk.asked[0].data;
  last_alias_is_name(&ret->data);
  result_add_address(&ret->data, address.family, address.octets);
}

const struct model model_ours = {ours_both, ours_one, ours_reverse};
