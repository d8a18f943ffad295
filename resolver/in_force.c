#include "in_force.h"

#include "filestate.h"
#include "filter.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

/* Has gone from the stack before the servers are asked. */
#define APART __attribute__((noinline))

struct table {
  uint64_t state;   /* of the file; 0: one that cannot be relied on */
  uint64_t reading; /* the moment in which it was read: its items have the same */
  struct aiodns_settings settings;
};

_Static_assert(sizeof(struct table) % sizeof(aiodns_word) == 0, "copied by words");
_Static_assert(sizeof(struct aiodns_items) % sizeof(aiodns_word) == 0, "copied by words");

static AIODNS_SHARED_WORDS(struct table) shared;
static AIODNS_SHARED_WORDS(struct aiodns_items) shared_items;

static bool was_read(struct table *ret)
{
  return aiodns_words_read(&shared.sequence, shared.word, ret, sizeof *ret);
}

static void share(const struct table *table)
{
  aiodns_words_write(&shared.sequence, shared.word, table, sizeof *table);
}

/* `known`: *table is what is in force until now; what it becomes goes there. */
static APART void read_file(uint64_t state, bool known, struct table *table)
{
  struct aiodns_settings settings;
  struct aiodns_items items;
  bool first = atomic_load_explicit(&shared.sequence, memory_order_relaxed) == 0;

  table->state = aiodns_filestate_reliable(AIODNS_SETTINGS_PATH, state);
  if (aiodns_settings_read(&settings, &items, AIODNS_SETTINGS_PATH, NULL, NULL, NULL) ==
      AIODNS_SETTINGS_BAD) {
    if (errno && errno != EACCES && errno != EPERM) /* not the file's fault: next time it may be read */
      table->state = 0;
    settings.said |= AIODNS_SETTINGS_LAST_GOOD;
    if (known) {
      table->settings.said |= AIODNS_SETTINGS_LAST_GOOD;
      share(table);
      return;
    }
    if (!first) { /* another thread is just writing what is in force */
      table->settings = settings;
      return;
    }
  }
  table->settings = settings;
  table->reading = items.reading = aiodns_moment_boot_ns();
  aiodns_words_write(&shared_items.sequence, shared_items.word, &items, sizeof items);
  share(table);
}

/* False: nothing is in force beside resolv.conf.  `looked`: just now, and not before in this tick. */
static APART bool find(uint64_t state, bool looked, struct table *ret)
{
  bool known = was_read(ret);

  if (!known) {
    memset(ret, 0, sizeof *ret);
    aiodns_settings_init(&ret->settings);
  }
  if (state == AIODNS_FILESTATE_UNKNOWN)
    return known;
  if (state == AIODNS_FILESTATE_ABSENT) {
    if (known && ret->settings.said != 0 && looked) {
      memset(ret, 0, sizeof *ret);
      aiodns_settings_init(&ret->settings);
      ret->state = state;
      share(ret);
    }
    return known;
  }
  if (!known || (looked && ret->state != state))
    read_file(state, known, ret);
  return true;
}

void aiodns_in_force_look(struct aiodns_moment *moment)
{
  struct table table;

  if (moment->settings != 0)
    return;
  if (!aiodns_filestate_at(AIODNS_SETTINGS_PATH, &moment->settings))
    moment->settings = AIODNS_FILESTATE_UNKNOWN; /* in a sandbox, say: what was in force stays so */
  moment->said = 0;
  if (moment->settings <= AIODNS_FILESTATE_UNKNOWN &&
      atomic_load_explicit(&shared.sequence, memory_order_relaxed) == 0)
    return;
  if (find(moment->settings, true, &table))
    moment->said = table.settings.said;
}

void aiodns_in_force_apply(const struct aiodns_moment *moment, struct aiodns_conf *conf)
{
  struct table table;

  if (moment->settings <= AIODNS_FILESTATE_UNKNOWN && moment->said == 0)
    return;
  if (find(moment->settings, false, &table))
    aiodns_settings_apply(&table.settings, conf);
}

/* ---- Items ---- */

enum { TRIES = 8 };

/* Both tables of one reading. */
static APART bool find_items(struct aiodns_items *ret)
{
  struct table table;

  for (int i = 0; i < TRIES; i++)
    if (was_read(&table) && aiodns_words_read(&shared_items.sequence, shared_items.word, ret, sizeof *ret) &&
        ret->reading == table.reading)
      return true;
  return false;
}

/* Where another thread is at it for longer than that, or has died of it, from the file itself. */
static APART void read_items(struct aiodns_items *ret)
{
  struct aiodns_settings settings;

  aiodns_settings_read(&settings, ret, AIODNS_SETTINGS_PATH, NULL, NULL, NULL);
}

void aiodns_in_force_items(struct aiodns_items *ret)
{
  if (!find_items(ret))
    read_items(ret);
}

/* ---- Domains ---- */

/* In memory of its own: a lookup that follows a CNAME has little stack left.  Without, no server is asked. */
static APART bool domain_of(const struct aiodns_name *name, struct aiodns_domain *ret)
{
  struct aiodns_items *items = malloc(sizeof *items);

  if (!items) {
    *ret = (struct aiodns_domain){.name = *name};
    return true;
  }
  aiodns_in_force_items(items);
  bool found = aiodns_items_domain_of(items, name, ret);
  free(items);
  return found;
}

bool aiodns_in_force_route(const struct aiodns_moment *moment, const struct aiodns_name *name,
                           struct aiodns_conf *conf)
{
  struct aiodns_domain domain;

  if (!(moment->said >> AIODNS_KEYWORD_DOMAIN & 1) || !domain_of(name, &domain))
    return false;
  memcpy(conf->server, domain.server, sizeof conf->server);
  conf->server_count = domain.server_count;
  conf->up_count = 0;
  conf->rotate = false;
  conf->schedule.step_count = 0;
  return true;
}

uint64_t aiodns_in_force_domain(const struct aiodns_moment *moment, const struct aiodns_name *name)
{
  struct aiodns_domain domain;

  if (!(moment->said >> AIODNS_KEYWORD_DOMAIN & 1) || !domain_of(name, &domain))
    return 0;
  return aiodns_filter_hash_name((const char *)domain.name.wire, domain.name.len) | 1;
}

/* The order may be another one by now (servers.h); of few the addresses tell. */
static bool has_server(const struct aiodns_conf *conf, const struct aiodns_server *server)
{
  for (unsigned i = 0; i < conf->server_count; i++)
    if (conf->server[i].address_len == server->address_len &&
        memcmp(&conf->server[i].address, &server->address, server->address_len) == 0)
      return true;
  return false;
}

bool aiodns_in_force_is_elsewhere(const struct aiodns_moment *moment, const struct aiodns_name *name,
                                  const struct aiodns_conf *conf)
{
  struct aiodns_domain domain;

  if (!(moment->said >> AIODNS_KEYWORD_DOMAIN & 1) || !domain_of(name, &domain))
    return false;
  for (unsigned i = 0; i < domain.server_count; i++)
    if (has_server(conf, &domain.server[i]))
      return false;
  return true;
}
