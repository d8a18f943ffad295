#include "memory.h"

#include "cache_write.h"
#include "counters.h"
#include "filter.h"
#include "in_force.h"
#include "kernel.h"
#include "left.h"
#include "lists.h"
#include "shared.h"

#include <string.h>

/* ---- Where it looks ---- */

/* Whose process it is, and which files there are. */
static void look_at_tiers(struct aiodns_memory *memory)
{
  struct aiodns_moment *moment = memory->moment;
  uint32_t uid;

  moment->self = aiodns_self_now(&uid);
  moment->uid = uid;
  aiodns_shared_look(AIODNS_TIER_HOST, 0);
  if (moment->self == AIODNS_SELF_USER)
    aiodns_shared_look(AIODNS_TIER_USER, uid);
  memory->writes = aiodns_shared_own((enum aiodns_self)moment->self, uid, &memory->own);
  if (memory->writes)
    aiodns_counters_use(&memory->own.tier);
  else if (moment->self == AIODNS_SELF_MIXED)
    aiodns_counters_use(NULL);
}

/* And at the view. */
static void look(struct aiodns_memory *memory, uint64_t conf_key)
{
  struct aiodns_moment *moment = memory->moment;

  look_at_tiers(memory);
  moment->conf = aiodns_view_look(&moment->view, memory->conf, conf_key) ? conf_key : 0;
  moment->boot_ns = aiodns_moment_boot_ns();
  aiodns_moment_put(moment);
  memory->looked = true;
}

__attribute__((noinline)) void
aiodns_memory_init(struct aiodns_memory *memory, const struct aiodns_conf *conf, struct aiodns_moment *moment)
{
  memory->conf = conf;
  memory->moment = moment;
  memory->foreign = memory->writes = false;
  memory->fd = -1;
  memory->place = AIODNS_LEFT_NONE;
  aiodns_flight_init(&memory->flight);

  memory->looked = memory->missed = memory->blocked = false;
  memory->recalls = 0;
  memory->waits = memory->expired = memory->wakes = 0;
  memory->waits_for = memory->rings = 0;
  memory->hearers = 0;
  memory->lapsed[0] = memory->lapsed[1] = memory->given = 0;
  memory->ruled = 0;
  memory->ruled_hash = 0;
  uint64_t conf_key = aiodns_view_of_conf(conf);
  if (moment->conf != conf_key)
    look(memory, conf_key);
  memory->usable = moment->conf == conf_key;
  /* The time of the tick; a record of TTL 0 is for those alone that have waited for it. */
  memory->now_ns = moment->boot_ns;
  memory->began_ns = UINT64_MAX;
}

void aiodns_memory_look(struct aiodns_memory *memory)
{
  if (!memory->looked) {
    look_at_tiers(memory);
    memory->looked = false; /* at the tiers, not at the view */
  }
  memory->now_ns = 0;
  memory->began_ns = aiodns_moment_boot_ns();
}

void aiodns_memory_sees(struct aiodns_memory *memory, unsigned server, int fd)
{
  if (memory->usable && memory->writes && !memory->foreign)
    memory->foreign =
        aiodns_view_origin(fd) != memory->moment->view.origin[memory->conf->server[server].place];
}

/* ---- Recalling ---- */

static uint64_t now_of(const struct aiodns_memory *memory)
{
  return memory->now_ns ? memory->now_ns : aiodns_moment_boot_ns();
}

/* Once a type and candidate. */
static void count_once(uint8_t *counted, uint16_t type, enum aiodns_counter counter)
{
  uint8_t bit = type == AIODNS_TYPE_A ? 1 : 2;

  if (!(*counted & bit))
    aiodns_count(counter, 1);
  *counted |= bit;
}

static unsigned recall_from(struct aiodns_memory *memory, enum aiodns_tier_kind kind,
                            const struct aiodns_cache_wish *wish, struct aiodns_answer answer[2],
                            uint8_t flags[2])
{
  struct aiodns_tier_map map;
  struct aiodns_record_facts *facts = memory->facts;

  if (wish->wanted == 0 || !aiodns_shared_get(kind, memory->moment->uid, &map))
    return 0;
  unsigned found = aiodns_cache_read(&map.cache, wish, answer, facts);
  for (unsigned i = 0; i < 2; i++) {
    if (found >> i & 1) {
      flags[i] = facts[i].flags;
    } else if (wish->wanted >> i & 1 && facts[i].expired) {
      if (memory->now_ns == 0)
        count_once(&memory->expired, wish->type[i], AIODNS_COUNT_EXPIRED);
      if (memory->lapsed[i] != AIODNS_ANSWER)
        memory->lapsed[i] = facts[i].lapsed;
    }
  }
  return found;
}

/* Whoever is waited for may make the cache; a new one in place of this process's is looked for beside a
 * claim. */
static void look_for_new(const struct aiodns_memory *memory)
{
  struct aiodns_tier_map map;
  enum aiodns_tier_kind kind = memory->own.tier.kind;

  if (memory->now_ns == 0 && memory->writes && !aiodns_shared_get(kind, memory->moment->uid, &map))
    aiodns_shared_look(kind, memory->moment->uid);
}

static struct aiodns_cache_wish wish_of(const struct aiodns_memory *memory, const struct aiodns_name *name,
                                        const uint16_t type[2], unsigned wanted)
{
  return (struct aiodns_cache_wish){.name = name,
                                    .view = memory->moment->view.key,
                                    .now_ns = now_of(memory),
                                    .began_ns = memory->began_ns,
                                    .stale_ns = (uint64_t)memory->conf->serve_stale_s * 1000000000,
                                    .turn = aiodns_moment_turn(),
                                    .type = {type[0], type[1]},
                                    .wanted = (uint8_t)(wanted & 3)};
}

_Static_assert((uint64_t)AIODNS_SETTINGS_STALE_MAX_S * 1000000000 <= AIODNS_CACHE_STALE_MAX_NS,
               "what may be given may be stored again");

static void tell_lapsed(const struct aiodns_memory *memory, unsigned wanted, uint8_t flags[2])
{
  for (unsigned i = 0; i < 2 && memory->conf->serve_stale_s > 0; i++)
    if (wanted >> i & 1)
      flags[i] = memory->lapsed[i];
}

/* Whether a tier has something that is valid, and no failure: somebody has learnt it meanwhile. */
static bool has_learnt(struct aiodns_memory *memory, enum aiodns_tier_kind kind,
                       const struct aiodns_cache_wish *wish, unsigned i, struct aiodns_answer answer[2],
                       uint8_t flags[2])
{
  uint8_t address_len = answer[i].address_len;

  memory->lapsed[i] = 0;
  memory->facts[i].lapsed_ns = 0;
  if (!recall_from(memory, kind, wish, answer, flags))
    return false;
  if (answer[i].outcome != AIODNS_FAILED)
    return true;
  aiodns_answer_done(&answer[i]);
  aiodns_answer_init(&answer[i], address_len);
  return false;
}

/* Not where a query has shown that this is another network than that of the records. */
static __attribute__((noinline)) unsigned recall_expired(struct aiodns_memory *memory,
                                                         const struct aiodns_name *name,
                                                         const uint16_t type[2], unsigned wanted,
                                                         struct aiodns_answer answer[2], uint8_t flags[2])
{
  unsigned tiers = memory->moment->self == AIODNS_SELF_USER ? 2 : 1, i = wanted & 1 ? 0 : 1;
  struct aiodns_cache_wish wish = wish_of(memory, name, type, wanted);
  enum aiodns_tier_kind from = AIODNS_TIER_HOST;
  uint64_t latest_ns = 0;
  bool found = false;

  for (unsigned kind = 0; kind < tiers && !found && !memory->foreign; kind++) {
    found = has_learnt(memory, (enum aiodns_tier_kind)(AIODNS_TIER_HOST + kind), &wish, i, answer, flags);
    if (!found && memory->lapsed[i] && memory->facts[i].lapsed_ns > latest_ns) {
      latest_ns = memory->facts[i].lapsed_ns;
      from = (enum aiodns_tier_kind)(AIODNS_TIER_HOST + kind);
    }
  }
  wish.expired = true;
  memory->given = (uint8_t)i;
  if (!found && (latest_ns == 0 || !recall_from(memory, from, &wish, answer, flags)))
    return 0;
  aiodns_count(flags[i] & AIODNS_RECORD_STALE ? AIODNS_COUNT_STALE : AIODNS_COUNT_HIT, 1);
  return wish.wanted;
}

static __attribute__((noinline)) unsigned recall_valid(struct aiodns_memory *memory,
                                                       const struct aiodns_name *name, const uint16_t type[2],
                                                       unsigned wanted, struct aiodns_answer answer[2],
                                                       uint8_t flags[2])
{
  if (!memory->usable || memory->missed) {
    memory->missed = false; /* by the lookup that asks again at its start */
    tell_lapsed(memory, wanted, flags);
    return 0;
  }
  look_for_new(memory);
  struct aiodns_cache_wish wish = wish_of(memory, name, type, wanted);
  memory->lapsed[0] = memory->lapsed[1] = 0;
  unsigned found = recall_from(memory, AIODNS_TIER_HOST, &wish, answer, flags);
  if (memory->moment->self == AIODNS_SELF_USER) {
    wish.wanted &= (uint8_t)~found;
    found |= recall_from(memory, AIODNS_TIER_USER, &wish, answer, flags);
  }
  /* The first thing that a lookup does next, if it was looked for by itself, is to look for it again. */
  memory->missed = memory->now_ns != 0 && !found && memory->recalls++ == 0;
  if (found)
    aiodns_count(AIODNS_COUNT_HIT, (found & 1) + (found >> 1));
  tell_lapsed(memory, wanted & ~found, flags);
  return found;
}

/* ---- What is blocked ---- */

/* A lookup asks this of one name many times, and without an index it takes long. */
static bool is_blocked(struct aiodns_memory *memory, const struct aiodns_name *name)
{
  if (!aiodns_lists_have_rules(memory->moment))
    return false;
  uint64_t hash = aiodns_filter_hash_name((const char *)name->wire, name->len);
  if (hash == 0 || hash != memory->ruled_hash) {
    memory->ruled = (uint8_t)aiodns_lists_rules(memory->moment, name);
    memory->ruled_hash = hash;
  }
  bool blocked = memory->ruled == AIODNS_RULE_ITSELF;
  memory->blocked |= blocked;
  return blocked;
}

/* What is said of a blocked name, in place of any other answer. */
static void say_blocked(const struct aiodns_conf *conf, const struct aiodns_name *name,
                        struct aiodns_answer *answer)
{
  static const uint8_t nowhere[16];
  uint8_t address_len = answer->address_len;
  char text[AIODNS_NAME_TEXT_MAX];

  aiodns_answer_done(answer);
  aiodns_answer_init(answer, address_len);
  answer->outcome = conf->block_answer == AIODNS_BLOCK_NODATA ? AIODNS_NO_DATA : AIODNS_NO_NAME;
  answer->ttl_s = AIODNS_BLOCKED_TTL_S;
  if (conf->block_answer != AIODNS_BLOCK_NULL || address_len == 0)
    return;
  size_t len = aiodns_name_to_text(name, text);
  if (aiodns_answer_add_name(answer, text, len, true) && aiodns_answer_add_address(answer, nowhere))
    answer->outcome = AIODNS_ANSWER;
}

/* By the names that a chain has led through, all of which it has. */
static bool has_blocked_name(struct aiodns_memory *memory, const struct aiodns_answer *answer)
{
  struct aiodns_name name;

  if (answer->outcome != AIODNS_ANSWER || answer->name_count < 2 || answer->address_len == 0)
    return false;
  for (size_t at = 0; at < answer->names.len;) {
    const char *text = (const char *)answer->names.data + at;
    if (aiodns_name_from_text(&name, text) && is_blocked(memory, &name))
      return true;
    at += strlen(text) + 1;
  }
  return false;
}

__attribute__((noinline)) bool aiodns_memory_screen(void *source, const struct aiodns_name *name,
                                                    unsigned count, struct aiodns_answer answer[2])
{
  struct aiodns_memory *memory = source;
  bool blocked = false;

  if (!aiodns_lists_have_rules(memory->moment))
    return false;
  for (unsigned i = 0; i < count && !blocked; i++)
    blocked = has_blocked_name(memory, &answer[i]);
  for (unsigned i = 0; i < count && blocked; i++)
    say_blocked(memory->conf, name, &answer[i]);
  return blocked;
}

/* A blocked name: all that is wanted of it. */
static __attribute__((noinline)) unsigned recall_blocked(struct aiodns_memory *memory,
                                                         const struct aiodns_name *name, unsigned wanted,
                                                         struct aiodns_answer answer[2], uint8_t flags[2])
{
  for (unsigned i = 0; i < 2; i++) {
    if (!(wanted >> i & 1))
      continue;
    say_blocked(memory->conf, name, &answer[i]);
    memory->facts[i] = (struct aiodns_record_facts){0};
    flags[i] = 0;
  }
  aiodns_count(AIODNS_COUNT_BLOCKED, 1);
  return wanted & 3;
}

/* What was recalled may have come by a blocked name; of the families both or none. */
static unsigned screen_recalled(struct aiodns_memory *memory, const struct aiodns_name *name, unsigned wanted,
                                unsigned found, struct aiodns_answer answer[2], uint8_t flags[2])
{
  bool blocked = false;

  if (found == 0 || !aiodns_lists_have_rules(memory->moment))
    return found;
  for (unsigned i = 0; i < 2; i++)
    blocked |= found >> i & 1 && has_blocked_name(memory, &answer[i]);
  return blocked ? recall_blocked(memory, name, wanted, answer, flags) : found;
}

enum aiodns_follow aiodns_memory_follow(void *source, const struct aiodns_name *target)
{
  struct aiodns_memory *memory = source;

  if (is_blocked(memory, target))
    return AIODNS_FOLLOW_BLOCKED;
  return aiodns_in_force_is_elsewhere(memory->moment, target, memory->conf) ? AIODNS_FOLLOW_ELSEWHERE
                                                                            : AIODNS_FOLLOW_ASK;
}

/* Each with its own part of the stack. */
unsigned aiodns_memory_recall(void *source, const struct aiodns_name *name, const uint16_t type[2],
                              unsigned wanted, struct aiodns_answer answer[2], uint8_t flags[2])
{
  unsigned found;

  if (is_blocked(source, name))
    return recall_blocked(source, name, wanted, answer, flags);
  if (wanted & AIODNS_RECALL_EXPIRED)
    found = recall_expired(source, name, type, wanted, answer, flags);
  else
    found = recall_valid(source, name, type, wanted, answer, flags);
  return screen_recalled(source, name, wanted, found, answer, flags);
}

/* ---- Asking ---- */

static void ring(struct aiodns_memory *memory)
{
  struct aiodns_tier_map map;

  if (memory->hearers > 0 && aiodns_shared_get(memory->own.tier.kind, memory->moment->uid, &map))
    aiodns_flight_ring(&map, memory->rings, memory->hearers);
  memory->hearers = 0;
}

/* When the claims go; lookups that are under way together have names of their own. */
static void ring_later(struct aiodns_memory *memory, uint16_t bell, uint8_t hearers)
{
  if (bell != memory->rings)
    ring(memory);
  memory->rings = bell;
  if (hearers > memory->hearers)
    memory->hearers = hearers;
}

static uint16_t bell_of(const struct aiodns_memory *memory, const struct aiodns_name *name)
{
  return aiodns_flight_bell(name, memory->moment->view.key);
}

enum aiodns_claim aiodns_memory_claim(void *source, const struct aiodns_name *name, uint16_t type,
                                      bool waited)
{
  struct aiodns_memory *memory = source;

  if (!memory->usable || !memory->writes)
    return AIODNS_CLAIM_NONE;
  int32_t octet = aiodns_flight_octet(name, type, memory->moment->view.key);
  if (waited) {
    aiodns_flight_gave_up(octet);
    aiodns_count(AIODNS_COUNT_WAITED_VAIN, 1);
    return AIODNS_CLAIM_NONE;
  }
  enum aiodns_claim got = aiodns_flight_claim(&memory->flight, &memory->own.tier, octet);
  if (memory->waits && got != AIODNS_CLAIM_NONE)
    aiodns_shared_look(memory->own.tier.kind, memory->moment->uid);
  if (got == AIODNS_CLAIM_MINE)
    ring_later(memory, bell_of(memory, name), 1);
  if (got != AIODNS_CLAIM_OTHERS)
    return got;
  count_once(&memory->waits, type, AIODNS_COUNT_WAITED);
  memory->waits_for = bell_of(memory, name);
  return got;
}

enum aiodns_pause aiodns_memory_pause(struct aiodns_memory *memory, bool hears, uint32_t us)
{
  struct aiodns_tier_map map;

  hears = hears && memory->wakes < AIODNS_FLIGHT_WAKES_MAX &&
          aiodns_shared_get(memory->own.tier.kind, memory->moment->uid, &map);
  enum aiodns_pause pause = aiodns_flight_pause(hears ? &map : NULL, memory->waits_for, us);

  memory->wakes = (uint8_t)(memory->wakes + (pause == AIODNS_PAUSE_WOKEN));
  return pause;
}

/* ---- Keeping ---- */

/*
 * Opens the own cache to be written, the very file that is mapped.  Whether this process still may is the
 * kernel's to say: the file is its owner's alone to write.
 */
static bool open_own(struct aiodns_memory *memory, struct aiodns_tier_map *ret)
{
  enum aiodns_self self = (enum aiodns_self)memory->moment->self;
  uint32_t uid = memory->moment->uid;
  enum aiodns_tier_kind kind = memory->own.tier.kind;

  if (memory->fd >= 0)
    return aiodns_shared_get(kind, uid, ret);
  struct aiodns_shared_wish wish = {.size = memory->conf->cache_size,
                                    .closed = memory->conf->host_private && kind == AIODNS_TIER_HOST};
  bool fits = memory->moment->said & AIODNS_SETTINGS_LAST_GOOD || aiodns_shared_fits(kind, uid, &wish);
  if ((!fits || !aiodns_shared_get(kind, uid, ret)) &&
      !(aiodns_shared_make(self, uid, &wish) && aiodns_shared_get(kind, uid, ret)))
    return false;
  if (aiodns_kernel_file_limit() < ret->size)
    return false;
  aiodns_left_know(ret->id.device, ret->id.inode);
  memory->place = aiodns_left_reserve();
  if (memory->place == AIODNS_LEFT_NONE)
    return false;
  if (aiodns_tier_open_again(memory->own.path, ret->id, ret->size, &memory->fd)) {
    aiodns_left_note_file(memory->place, memory->fd, ret->id.device, ret->id.inode);
    return true;
  }
  aiodns_left_forget(memory->place);
  return false;
}

uint32_t aiodns_memory_ttl_s(const struct aiodns_conf *conf, const struct aiodns_answer *answer)
{
  const struct aiodns_ttls *ttls = &conf->ttls;
  bool good = answer->outcome == AIODNS_ANSWER;
  uint32_t most_s = good ? ttls->max_s : ttls->max_negative_s, ttl_s = answer->ttl_s;

  if (good && ttl_s < ttls->min_s)
    ttl_s = ttls->min_s;
  return ttl_s < most_s ? ttl_s : most_s;
}

static uint64_t life_of(const struct aiodns_memory *memory, const struct aiodns_answer *answer)
{
  if (answer->outcome == AIODNS_FAILED)
    return AIODNS_FAILED_LIFE_NS;
  return (uint64_t)aiodns_memory_ttl_s(memory->conf, answer) * 1000000000;
}

void aiodns_memory_keep(void *source, const struct aiodns_name *name, uint16_t type,
                        const struct aiodns_answer *answer, uint8_t flags)
{
  struct aiodns_memory *memory = source;
  struct aiodns_tier_map map;
  bool stale = flags & AIODNS_RECORD_STALE;
  uint64_t lapsed_ns = stale ? memory->facts[memory->given].lapsed_ns : 0;

  if (stale && lapsed_ns == 0)
    return; /* it is in the cache as such already */
  if (!memory->usable || !memory->writes || memory->foreign || !open_own(memory, &map)) {
    aiodns_count(AIODNS_COUNT_DROPPED, 1);
    return;
  }
  struct aiodns_question question = {.name = name, .type = type, .view = memory->moment->view.key};
  uint64_t now_ns = aiodns_moment_boot_ns();
  uint64_t life_ns = stale ? now_ns - lapsed_ns : life_of(memory, answer);
  enum aiodns_cache_stored stored =
      aiodns_cache_store(&map.cache, memory->fd, &question, answer, flags, now_ns, life_ns);
  bool good = stored == AIODNS_CACHE_STORED || stored == AIODNS_CACHE_STORED_EVICTING;
  aiodns_count(good ? AIODNS_COUNT_STORED : AIODNS_COUNT_DROPPED, 1);
  if (stored == AIODNS_CACHE_STORED_EVICTING)
    aiodns_count(AIODNS_COUNT_EVICTED, 1);
  if (good)
    ring_later(memory, bell_of(memory, name), AIODNS_FLIGHT_HEARERS);
}

/* ---- Servers ---- */

static const struct aiodns_name root = {.len = 1};

static bool read_servers(struct aiodns_memory *memory, enum aiodns_tier_kind kind,
                         struct aiodns_answer ret[2], uint64_t *stored_ns)
{
  struct aiodns_cache_wish wish = {.name = &root,
                                   .view = memory->moment->view.key,
                                   .now_ns = aiodns_moment_boot_ns(),
                                   .type = {AIODNS_TYPE_SERVERS, 0},
                                   .wanted = 1};
  struct aiodns_record_facts facts[2];
  struct aiodns_tier_map map;

  if (!aiodns_shared_get(kind, memory->moment->uid, &map) ||
      !aiodns_cache_read(&map.cache, &wish, ret, facts))
    return false;
  *stored_ns = facts[0].stored_ns;
  return ret[0].addresses.len == (size_t)memory->conf->server_count * AIODNS_SERVERS_FACT_LEN;
}

/* Of the two tiers' what was learnt last. */
static void recall_servers(struct aiodns_memory *memory)
{
  uint64_t newest_ns = 0, stored_ns;

  for (unsigned kind = AIODNS_TIER_HOST; kind <= AIODNS_TIER_USER; kind++) {
    struct aiodns_answer answer[2]; /* the second one is of no type */
    if (kind == AIODNS_TIER_USER && memory->moment->self != AIODNS_SELF_USER)
      continue;
    aiodns_answer_init(&answer[0], AIODNS_SERVERS_UNIT);
    if (read_servers(memory, (enum aiodns_tier_kind)kind, answer, &stored_ns) && stored_ns > newest_ns) {
      newest_ns = stored_ns;
      for (unsigned i = 0; i < memory->conf->server_count; i++)
        aiodns_servers_read(&memory->servers.server[i],
                            answer[0].addresses.data + (size_t)i * AIODNS_SERVERS_FACT_LEN);
    }
    aiodns_answer_done(&answer[0]);
  }
}

static void keep_servers(struct aiodns_memory *memory)
{
  struct aiodns_question question = {
      .name = &root, .type = AIODNS_TYPE_SERVERS, .view = memory->moment->view.key};
  struct aiodns_answer answer;
  struct aiodns_tier_map map;

  if (!memory->usable || !memory->writes || memory->foreign || !open_own(memory, &map))
    return;
  aiodns_answer_init(&answer, AIODNS_SERVERS_UNIT);
  for (unsigned i = 0; i < memory->conf->server_count; i++) {
    uint8_t octets[AIODNS_SERVERS_FACT_LEN];
    aiodns_servers_write(&memory->servers.server[i], octets);
    for (unsigned at = 0; at < sizeof octets; at += AIODNS_SERVERS_UNIT)
      aiodns_answer_add_address(&answer, octets + at);
  }
  answer.outcome = AIODNS_ANSWER;
  aiodns_cache_store(&map.cache, memory->fd, &question, &answer, 0, aiodns_moment_boot_ns(),
                     (uint64_t)AIODNS_SERVERS_LIFE_S * 1000000000);
  aiodns_answer_done(&answer);
}

void aiodns_memory_order(struct aiodns_memory *memory, struct aiodns_conf *conf)
{
  memset(&memory->servers, 0, sizeof memory->servers);
  conf->learns = memory->usable && memory->writes;
  if (!memory->usable)
    return;
  recall_servers(memory);
  /* Before it is probed, so that of many processes one does. */
  if (aiodns_servers_apply(&memory->servers, conf, aiodns_moment_boot_ns()))
    keep_servers(memory);
}

void aiodns_memory_known(const struct aiodns_conf *conf, struct aiodns_servers *ret)
{
  struct aiodns_moment moment = {0};
  struct aiodns_memory memory = {.conf = conf, .moment = &moment};

  moment.self = aiodns_self_now(&moment.uid);
  aiodns_shared_look(AIODNS_TIER_HOST, 0);
  if (moment.self == AIODNS_SELF_USER)
    aiodns_shared_look(AIODNS_TIER_USER, moment.uid);
  if (aiodns_view_look(&moment.view, conf, aiodns_view_of_conf(conf)))
    recall_servers(&memory);
  *ret = memory.servers;
}

void aiodns_memory_learn(void *source, const struct aiodns_observed observed[AIODNS_SERVERS_MAX])
{
  struct aiodns_memory *memory = source;
  struct aiodns_servers before = memory->servers;

  if (!memory->usable ||
      !aiodns_servers_learn(&memory->servers, memory->conf, observed, aiodns_moment_boot_ns()))
    return;
  memory->servers = before;
  recall_servers(memory); /* others may have learnt since: this goes on top of it */
  aiodns_servers_learn(&memory->servers, memory->conf, observed, aiodns_moment_boot_ns());
  keep_servers(memory);
}

bool aiodns_memory_settle(void *source)
{
  struct aiodns_memory *memory = source;
  bool had = memory->fd >= 0 || memory->flight.fd >= 0;

  if (memory->wakes > 0) /* by one who has left the others to this lookup */
    ring_later(memory, memory->waits_for, 1);
  memory->waits = memory->expired = memory->wakes = 0;
  if (memory->fd >= 0) {
    aiodns_kernel_close(memory->fd);
    aiodns_left_forget(memory->place);
    memory->fd = -1;
  }
  aiodns_flight_land(&memory->flight);
  ring(memory);
  return had;
}

void aiodns_memory_done(struct aiodns_memory *memory)
{
  aiodns_memory_settle(memory);
}
