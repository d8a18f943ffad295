#include "lists.h"

#include "in_force.h"
#include "index_file.h"
#include "pattern.h"
#include "self.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Has gone from the stack again before the next one comes. */
#define APART __attribute__((noinline))

/* All that outlives a lookup; it only says what need not be read. */
static struct aiodns_hosts etc_hosts = AIODNS_HOSTS_AT(AIODNS_HOSTS_PATH);

static uint32_t lists_said(uint32_t said)
{
  uint32_t lists = AIODNS_LISTS_LOOKED;

  if (said >> AIODNS_KEYWORD_HOSTS_FILE & 1)
    lists |= AIODNS_LISTS_HOSTS;
  if (said & (1u << AIODNS_KEYWORD_BLOCK | 1u << AIODNS_KEYWORD_ALLOW))
    lists |= AIODNS_LISTS_RULES;
  if (said >> AIODNS_KEYWORD_BLOCK_FILE & 1)
    lists |= AIODNS_LISTS_BLOCKS;
  return lists;
}

/* ---- The index ---- */

enum {
  SMALL = 2048,          /* octets of /etc/hosts that are read in no more time than an index takes */
  BUILD_NS = 400000000,  /* that a lookup may take for making one; what is left of it is for the end */
  AGAIN_NS = 1000000000, /* after it could not be made, */
  LEAST_MS = 1000,       /* between two that are made: two containers may have one /run, and other files */
  LEFT_OUT_MS = 60000,   /* after somebody found that it would take too long: perhaps it was a busy moment */
  SETTLED_NS = 2 * AIODNS_FILESTATE_SETTLE_NS, /* or was of files that had just changed */
  TRIES = 3,
};

/* When this process may try again to make one. */
static _Atomic uint32_t again_ms;

enum held { HOLDS, LEFT_OUT, NOTHING };

static enum held find_index(struct aiodns_moment *moment)
{
  struct aiodns_index index;
  uint32_t turn;
  uint64_t state;

  aiodns_index_file_look();
  for (int i = 0; i < TRIES && aiodns_index_file_get(&index, &turn); i++) {
    bool current = aiodns_index_is_current(&index, moment->settings, &state);
    if (!aiodns_index_file_same(turn))
      continue;
    if (!current)
      return NOTHING;
    if (index.flags & AIODNS_INDEX_LEFT_OUT)
      return LEFT_OUT;
    moment->hosts = state > AIODNS_FILESTATE_UNKNOWN ? state : ~state;
    return HOLDS;
  }
  return NOTHING;
}

/* By a process that is root through and through. False: not now. */
static APART bool make_index(const struct aiodns_moment *moment)
{
  struct aiodns_items items = {0};
  uint32_t uid, ms = (uint32_t)(aiodns_moment_boot_ns() / 1000000), not_before = atomic_load(&again_ms);

  if ((not_before != 0 && (int32_t)(ms - not_before) < 0) || aiodns_self_now(&uid) != AIODNS_SELF_ROOT)
    return false;
  if (moment->said)
    aiodns_in_force_items(&items);
  enum aiodns_index_made made = aiodns_index_file_make(moment->settings, &items, BUILD_NS);
  if (made == AIODNS_INDEX_UNSETTLED || made == AIODNS_INDEX_FAILED) {
    uint32_t pause_ns = made == AIODNS_INDEX_UNSETTLED ? SETTLED_NS : AGAIN_NS;
    atomic_store(&again_ms, (ms + pause_ns / 1000000) | 1);
    return false;
  }
  return true;
}

/* Whether the index is to be used: whoever finds none that is current, and may, makes it. */
static bool has_index(struct aiodns_moment *moment)
{
  if (moment->said & AIODNS_SETTINGS_LAST_GOOD || moment->settings == AIODNS_FILESTATE_UNKNOWN)
    return false;
  enum held held = find_index(moment);
  if (held == HOLDS)
    return true;
  uint64_t age_ms = aiodns_index_file_age_ms();
  if (age_ms < (held == LEFT_OUT ? LEFT_OUT_MS : LEAST_MS) || !make_index(moment))
    return false;
  return find_index(moment) == HOLDS;
}

void aiodns_lists_look(struct aiodns_moment *moment)
{
  uint64_t size = 0;

  if (moment->lists)
    return;
  aiodns_in_force_look(moment);
  moment->lists = lists_said(moment->said);
  if (!aiodns_filestate_and_size(AIODNS_HOSTS_PATH, &moment->hosts, &size))
    moment->hosts = 0;
  if ((size > SMALL || moment->lists & (AIODNS_LISTS_HOSTS | AIODNS_LISTS_BLOCKS)) && has_index(moment))
    moment->lists |= AIODNS_LISTS_INDEX;
  aiodns_moment_put(moment);
}

static void renew(struct aiodns_answer *answer)
{
  uint8_t address_len = answer->address_len;

  aiodns_answer_done(answer);
  aiodns_answer_init(answer, address_len);
}

static void read_lines_by_name(const struct aiodns_index *index, const char *name, int family,
                               struct aiodns_answer answer[2], struct aiodns_hosts_count *count)
{
  struct aiodns_index_lines walk;
  struct aiodns_lines lines;
  const char *text;
  uint32_t len;
  size_t name_len = strlen(name);

  aiodns_index_name(index, name, name_len, &walk);
  while (aiodns_index_line(index, &walk, &text, &len)) {
    aiodns_lines_of_text(&lines, text, len);
    if (!aiodns_hosts_read_name(&lines, name, name_len, family, answer, count))
      return;
  }
}

/* False: the index cannot tell. */
static APART bool index_by_name(const struct aiodns_moment *moment, const char *name, int family,
                                struct aiodns_answer answer[2], struct aiodns_hosts_count *count)
{
  struct aiodns_hosts_count none = *count;
  struct aiodns_index index;
  uint32_t turn;

  if (!(moment->lists & AIODNS_LISTS_INDEX) || aiodns_filter_hash_name(name, strlen(name)) == 0)
    return false;
  for (int i = 0; i < TRIES && aiodns_index_file_get(&index, &turn); i++) {
    read_lines_by_name(&index, name, family, answer, count);
    if (aiodns_index_file_same(turn))
      return true;
    *count = none;
    renew(&answer[0]);
    renew(&answer[1]);
  }
  return false;
}

static bool read_lines_by_address(const struct aiodns_index *index, int family, const void *address,
                                  struct aiodns_answer *answer)
{
  struct aiodns_index_lines walk;
  struct aiodns_lines lines;
  const char *text;
  uint32_t len;

  aiodns_index_address(index, address, family == AF_INET ? 4 : 16, &walk);
  while (answer->outcome == AIODNS_PENDING && aiodns_index_line(index, &walk, &text, &len)) {
    aiodns_lines_of_text(&lines, text, len);
    aiodns_hosts_read_address(&lines, family, address, answer);
  }
  return answer->outcome == AIODNS_ANSWER;
}

static APART bool index_by_address(const struct aiodns_moment *moment, int family, const void *address,
                                   struct aiodns_answer *answer, bool *ret_found)
{
  struct aiodns_index index;
  uint32_t turn;

  for (int i = 0; moment->lists & AIODNS_LISTS_INDEX && i < TRIES && aiodns_index_file_get(&index, &turn);
       i++) {
    *ret_found = read_lines_by_address(&index, family, address, answer);
    if (aiodns_index_file_same(turn))
      return true;
    renew(answer);
  }
  return false;
}

static bool index_rules(const struct aiodns_moment *moment, const struct aiodns_name *name, unsigned *ret)
{
  struct aiodns_index index;
  uint32_t turn;

  for (int i = 0; moment->lists & AIODNS_LISTS_INDEX && i < TRIES && aiodns_index_file_get(&index, &turn);
       i++) {
    *ret = aiodns_index_rules(&index, name);
    if (aiodns_index_file_same(turn))
      return true;
  }
  return false;
}

bool aiodns_lists_are_steady(const struct aiodns_moment *moment)
{
  if (moment->lists & AIODNS_LISTS_INDEX)
    return true;
  return !(moment->lists & (AIODNS_LISTS_HOSTS | AIODNS_LISTS_BLOCKS)) &&
         aiodns_filter_relies_on(&etc_hosts.filter, moment->hosts);
}

/* ---- The files themselves ---- */

/* The files that one kind of item means, one after the other; too large for the stack of a lookup. */
struct walk {
  enum aiodns_item_kind kind;
  uint32_t at;
  struct aiodns_item item;
  char path[AIODNS_PATTERN_PATH_MAX];
  struct aiodns_items items;
  union {
    struct aiodns_lines lines;
    struct aiodns_blocklist list;
  } file; /* that is being read */
};

/* NULL: no memory. */
static struct walk *walk_new(enum aiodns_item_kind kind)
{
  struct walk *walk = malloc(sizeof *walk);

  if (!walk)
    return NULL;
  walk->kind = kind;
  walk->at = 0;
  walk->item.data = NULL;
  walk->path[0] = '\0';
  aiodns_in_force_items(&walk->items);
  return walk;
}

static bool walk_next(struct walk *walk)
{
  while (!walk->item.data || !aiodns_pattern_next((const char *)walk->item.data, walk->path)) {
    do
      if (!aiodns_items_next(&walk->items, &walk->at, &walk->item))
        return false;
    while (walk->item.kind != walk->kind);
    walk->path[0] = '\0';
  }
  return true;
}

static void lack_memory(struct aiodns_answer *answer)
{
  answer->outcome = AIODNS_LOCAL;
  answer->error = ENOMEM;
}

static bool read_file_by_name(struct walk *walk, const char *name, int family, struct aiodns_answer answer[2],
                              struct aiodns_hosts_count *count)
{
  struct aiodns_lines *lines = &walk->file.lines;

  if (!aiodns_lines_open(lines, walk->path))
    return true;
  bool good = aiodns_hosts_read_name(lines, name, strlen(name), family, answer, count);
  aiodns_lines_close(lines);
  return good;
}

static APART void read_files_by_name(const char *name, int family, struct aiodns_answer answer[2],
                                     struct aiodns_hosts_count *count)
{
  struct walk *walk = strlen(name) < AIODNS_NAME_TEXT_MAX ? walk_new(AIODNS_ITEM_HOSTS_FILE) : NULL;

  if (!walk) {
    if (strlen(name) < AIODNS_NAME_TEXT_MAX)
      lack_memory(&answer[0]);
    return;
  }
  while (walk_next(walk) && read_file_by_name(walk, name, family, answer, count))
    ;
  free(walk);
}

static bool read_file_by_address(struct walk *walk, int family, const void *address,
                                 struct aiodns_answer *answer)
{
  struct aiodns_lines *lines = &walk->file.lines;

  if (!aiodns_lines_open(lines, walk->path))
    return false;
  bool found = aiodns_hosts_read_address(lines, family, address, answer);
  aiodns_lines_close(lines);
  return found;
}

static APART bool read_files_by_address(int family, const void *address, struct aiodns_answer *answer)
{
  struct walk *walk = walk_new(AIODNS_ITEM_HOSTS_FILE);
  bool found = false;

  if (!walk) {
    lack_memory(answer);
    return false;
  }
  while (!found && walk_next(walk))
    found = read_file_by_address(walk, family, address, answer);
  free(walk);
  return found;
}

static unsigned read_file_rules(struct walk *walk, const struct aiodns_name *name)
{
  struct aiodns_blocklist *list = &walk->file.list;
  struct aiodns_rule rule;
  unsigned says = 0;

  if (!aiodns_blocklist_open(list, walk->path))
    return 0;
  while (!(says & AIODNS_RULE_ALLOW) && aiodns_blocklist_next(list, &rule))
    says = aiodns_rules_join(says, aiodns_rule_says(&rule, name));
  aiodns_blocklist_close(list);
  return says;
}

/* Without memory nothing is blocked. */
static APART unsigned read_rules(const struct aiodns_moment *moment, const struct aiodns_name *name)
{
  struct walk *walk = walk_new(AIODNS_ITEM_BLOCK_FILE);

  if (!walk)
    return 0;
  unsigned says = aiodns_items_rules(&walk->items, name);
  while (moment->lists & AIODNS_LISTS_BLOCKS && !(says & AIODNS_RULE_ALLOW) && walk_next(walk))
    says = aiodns_rules_join(says, read_file_rules(walk, name));
  free(walk);
  return says;
}

/* ---- What is said ---- */

/* Of /etc/hosts alone, for its filter: where there was an index, that has to be looked at anew. */
static uint64_t *state_of(struct aiodns_moment *moment, uint64_t *none)
{
  *none = 0;
  return moment->lists & AIODNS_LISTS_INDEX ? none : &moment->hosts;
}

unsigned aiodns_lists_by_name(struct aiodns_moment *moment, const char *name, int family,
                              struct aiodns_answer answer[2], unsigned *ret_first)
{
  struct aiodns_hosts_count count = {.first = *ret_first};
  uint64_t state;

  if (index_by_name(moment, name, family, answer, &count)) {
    *ret_first = count.first;
    return count.lines;
  }
  count.lines =
      aiodns_hosts_by_name(&etc_hosts, name, family, answer, &count.first, state_of(moment, &state));
  if (moment->lists & AIODNS_LISTS_HOSTS)
    read_files_by_name(name, family, answer, &count);
  *ret_first = count.first;
  return count.lines;
}

bool aiodns_lists_by_address(struct aiodns_moment *moment, int family, const void *address,
                             struct aiodns_answer *answer)
{
  bool found;
  uint64_t state;

  if (index_by_address(moment, family, address, answer, &found))
    return found;
  if (aiodns_hosts_by_address(&etc_hosts, family, address, answer, state_of(moment, &state)))
    return true;
  return moment->lists & AIODNS_LISTS_HOSTS && answer->outcome == AIODNS_PENDING &&
         read_files_by_address(family, address, answer);
}

unsigned aiodns_lists_rules(const struct aiodns_moment *moment, const struct aiodns_name *name)
{
  unsigned says;

  return index_rules(moment, name, &says) ? says : read_rules(moment, name);
}
