#include "recent.h"

#include "counters.h"
#include "filter.h"
#include "thread.h"

#include <string.h>

/* What of `_res` decides whom a lookup asks for, as far as such answers go: its servers are IPv4. */
struct asked_by {
  uint64_t options;
  uint32_t nscount, ndots;
  uint8_t servers[MAXNS * sizeof(struct sockaddr_in)];
};

struct recent {
  uint64_t hash; /* of text and family */
  uint64_t hosts, settings, conf, view, user;
  struct asked_by by;
  struct {
    const struct aiodns_slot *slot; /* where the record is mapped; NULL: this family was not asked for */
    uint64_t stored_ns, checksum, expires_ns;
    uint32_t outcome, address_count;
    uint32_t turn, unused; /* whose address stands first */
    uint8_t addresses[AIODNS_RECENT_ADDRESSES_MAX];
  } family[2];
  char text[AIODNS_RECENT_TEXT_MAX];
};

_Static_assert(sizeof(struct recent) % sizeof(aiodns_word) == 0, "copied by words");

struct place {
  _Atomic uint32_t seen; /* of the name that came here last */
  AIODNS_SHARED_WORDS(struct recent) recent;
};

static struct place places[AIODNS_RECENT_PLACES];

/* False: it has servers that are not IPv4, or too many dots are wanted. */
static bool asked_by_of(const struct __res_state *state, struct asked_by *ret)
{
  if (state->nscount < 0 || state->nscount > MAXNS || state->ndots > 1)
    return false;
  memset(ret, 0, sizeof *ret);
  ret->options = state->options;
  ret->nscount = (uint32_t)state->nscount;
  ret->ndots = (uint32_t)state->ndots;
  for (int i = 0; i < state->nscount; i++)
    if (state->nsaddr_list[i].sin_family != AF_INET)
      return false;
  memcpy(ret->servers, state->nsaddr_list, (size_t)state->nscount * sizeof(struct sockaddr_in));
  return true;
}

static uint64_t user_of(const struct aiodns_moment *moment)
{
  return (uint64_t)moment->self << 32 | moment->uid;
}

/* 0: not of the kind that is kept. */
static uint64_t hash_of(const char *text, size_t len, int family)
{
  uint64_t hash = len < AIODNS_RECENT_TEXT_MAX ? aiodns_filter_hash_name(text, len) : 0;
  return hash ? (hash + (uint64_t)family) * 0x9e3779b97f4a7c15u | 1 : 0;
}

static struct place *place_of(uint64_t hash)
{
  return &places[hash >> 32 & (AIODNS_RECENT_PLACES - 1)];
}

static bool is_as_it_was(const struct recent *recent, const struct aiodns_moment *moment)
{
  if (recent->hosts != moment->hosts || recent->settings != moment->settings ||
      recent->conf != moment->conf || recent->view != moment->view.key || recent->user != user_of(moment))
    return false;
  for (unsigned i = 0; i < 2; i++) {
    const struct aiodns_slot *slot = recent->family[i].slot;
    if (!slot)
      continue;
    if (aiodns_cache_load(&slot->stored_ns) != recent->family[i].stored_ns ||
        aiodns_cache_load(&slot->checksum) != recent->family[i].checksum ||
        recent->family[i].expires_ns <= moment->boot_ns)
      return false;
  }
  return true;
}

static bool put_family(const struct recent *recent, unsigned i, size_t text_len, uint64_t now_ns,
                       struct aiodns_answer *answer)
{
  unsigned count = recent->family[i].address_count;
  unsigned at = count > 1 ? (aiodns_moment_turn() - recent->family[i].turn) % count : 0;
  const uint8_t *addresses = recent->family[i].addresses;

  if (recent->family[i].outcome == AIODNS_ANSWER &&
      !aiodns_answer_add_name(answer, recent->text, text_len, true))
    return false;
  for (unsigned k = 0; k < count; k++, at = at + 1 == count ? 0 : at + 1)
    if (!aiodns_answer_add_address(answer, addresses + (size_t)at * answer->address_len))
      return false;
  answer->outcome = (enum aiodns_outcome)recent->family[i].outcome;
  answer->ttl_s = (uint32_t)((recent->family[i].expires_ns - now_ns + 999999999) / 1000000000);
  return true;
}

bool aiodns_recent_get(const struct aiodns_moment *moment, const struct __res_state *state, const char *text,
                       int family, struct aiodns_result *ret)
{
  struct recent recent;
  struct asked_by by;
  size_t len = strlen(text);
  uint64_t hash = moment->conf && moment->hosts ? hash_of(text, len, family) : 0;
  struct place *place = place_of(hash);

  if (hash == 0 || !aiodns_words_read(&place->recent.sequence, place->recent.word, &recent, sizeof recent) ||
      recent.hash != hash || memcmp(recent.text, text, len + 1) != 0 || !asked_by_of(state, &by) ||
      memcmp(&recent.by, &by, sizeof by) != 0 || !is_as_it_was(&recent, moment))
    return false;
  unsigned given = 0;
  for (unsigned i = 0; i < 2; i++) {
    if (!recent.family[i].slot)
      continue;
    uint64_t life_end_ns =
        moment->boot_ns > recent.family[i].stored_ns ? moment->boot_ns : recent.family[i].stored_ns;
    if (!put_family(&recent, i, len, life_end_ns, &ret->answer[i]))
      return false; /* no memory: the answer says so, and whoever goes on meets it */
    given++;
  }
  ret->outcome = AIODNS_ANSWER;
  ret->source = AIODNS_SOURCE_CACHE;
  aiodns_count(AIODNS_COUNT_HIT, given);
  return true;
}

/* False: more than is kept. */
static bool take_family(struct recent *recent, unsigned i, const struct aiodns_answer *answer,
                        const struct aiodns_record_facts *facts)
{
  if (!facts->slot || facts->flags & (AIODNS_RECORD_ONCE | AIODNS_RECORD_ALIASED) ||
      answer->addresses.len > AIODNS_RECENT_ADDRESSES_MAX ||
      (answer->outcome != AIODNS_ANSWER && answer->outcome != AIODNS_NO_DATA))
    return false;
  if (answer->outcome == AIODNS_ANSWER &&
      (answer->name_count != 1 || strcmp(aiodns_answer_canonical(answer), recent->text) != 0))
    return false;
  recent->family[i].slot = facts->slot;
  recent->family[i].stored_ns = facts->stored_ns;
  recent->family[i].checksum = facts->checksum;
  recent->family[i].turn = facts->turn;
  recent->family[i].expires_ns = facts->expires_ns;
  recent->family[i].outcome = (uint32_t)answer->outcome;
  recent->family[i].address_count = answer->address_count;
  memcpy(recent->family[i].addresses, answer->addresses.data, answer->addresses.len);
  return true;
}

__attribute__((noinline)) void aiodns_recent_put(const struct aiodns_moment *moment,
                                                 const struct __res_state *state, const char *text,
                                                 int family, const struct aiodns_result *result,
                                                 const struct aiodns_record_facts facts[2])
{
  struct recent recent;
  size_t len = strlen(text);
  uint64_t hash = moment->hosts ? hash_of(text, len, family) : 0;

  if (hash == 0 || !memchr(text, '.', len))
    return;
  struct place *place = place_of(hash);
  if (atomic_exchange_explicit(&place->seen, (uint32_t)hash, memory_order_relaxed) != (uint32_t)hash)
    return;
  memset(&recent, 0, sizeof recent);
  memcpy(recent.text, text, len + 1);
  recent.hash = hash;
  recent.hosts = moment->hosts;
  recent.settings = moment->settings;
  recent.conf = moment->conf;
  recent.view = moment->view.key;
  recent.user = user_of(moment);
  if (!asked_by_of(state, &recent.by) || !take_family(&recent, 0, &result->answer[0], &facts[0]) ||
      (family == AF_UNSPEC && !take_family(&recent, 1, &result->answer[1], &facts[1])))
    return;
  aiodns_words_write(&place->recent.sequence, place->recent.word, &recent, sizeof recent);
}
