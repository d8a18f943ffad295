#include "lists.h"

#include "in_force.h"
#include "pattern.h"

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

void aiodns_lists_look(struct aiodns_moment *moment)
{
  if (moment->lists)
    return;
  aiodns_in_force_look(moment);
  moment->lists = lists_said(moment->said);
  if (!aiodns_filestate_at(AIODNS_HOSTS_PATH, &moment->hosts))
    moment->hosts = 0;
  aiodns_moment_put(moment);
}

bool aiodns_lists_are_steady(const struct aiodns_moment *moment)
{
  if (moment->lists & AIODNS_LISTS_INDEX)
    return true;
  return !(moment->lists & (AIODNS_LISTS_HOSTS | AIODNS_LISTS_BLOCKS)) &&
         aiodns_filter_relies_on(&etc_hosts.filter, moment->hosts);
}

/* ---- The files themselves ---- */

/* The files that one kind of item means, one after the other. */
struct walk {
  enum aiodns_item_kind kind;
  uint32_t at;
  struct aiodns_item item;
  char path[AIODNS_PATTERN_PATH_MAX];
  struct aiodns_items items;
};

static void walk_begin(struct walk *walk, enum aiodns_item_kind kind)
{
  walk->kind = kind;
  walk->at = 0;
  walk->item.data = NULL;
  walk->path[0] = '\0';
  aiodns_in_force_items(&walk->items);
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

static APART bool read_file_by_name(const char *path, const char *name, int family,
                                    struct aiodns_answer answer[2], struct aiodns_hosts_count *count)
{
  struct aiodns_lines lines;

  if (!aiodns_lines_open(&lines, path))
    return true;
  bool good = aiodns_hosts_read_name(&lines, name, strlen(name), family, answer, count);
  aiodns_lines_close(&lines);
  return good;
}

static APART void read_files_by_name(const char *name, int family, struct aiodns_answer answer[2],
                                     struct aiodns_hosts_count *count)
{
  struct walk walk;

  if (strlen(name) >= AIODNS_NAME_TEXT_MAX)
    return;
  walk_begin(&walk, AIODNS_ITEM_HOSTS_FILE);
  while (walk_next(&walk) && read_file_by_name(walk.path, name, family, answer, count))
    ;
}

static APART bool read_file_by_address(const char *path, int family, const void *address,
                                       struct aiodns_answer *answer)
{
  struct aiodns_lines lines;

  if (!aiodns_lines_open(&lines, path))
    return false;
  bool found = aiodns_hosts_read_address(&lines, family, address, answer);
  aiodns_lines_close(&lines);
  return found;
}

static APART bool read_files_by_address(int family, const void *address, struct aiodns_answer *answer)
{
  struct walk walk;

  walk_begin(&walk, AIODNS_ITEM_HOSTS_FILE);
  while (walk_next(&walk))
    if (read_file_by_address(walk.path, family, address, answer))
      return true;
  return false;
}

static APART unsigned read_file_rules(const char *path, const struct aiodns_name *name)
{
  struct aiodns_blocklist list;
  struct aiodns_rule rule;
  unsigned says = 0;

  if (!aiodns_blocklist_open(&list, path))
    return 0;
  while (!(says & AIODNS_RULE_ALLOW) && aiodns_blocklist_next(&list, &rule))
    says = aiodns_rules_join(says, aiodns_rule_says(&rule, name));
  aiodns_blocklist_close(&list);
  return says;
}

static APART unsigned read_rules(const struct aiodns_moment *moment, const struct aiodns_name *name)
{
  struct walk walk;

  walk_begin(&walk, AIODNS_ITEM_BLOCK_FILE);
  unsigned says = aiodns_items_rules(&walk.items, name);
  while (moment->lists & AIODNS_LISTS_BLOCKS && !(says & AIODNS_RULE_ALLOW) && walk_next(&walk))
    says = aiodns_rules_join(says, read_file_rules(walk.path, name));
  return says;
}

/* ---- What is said ---- */

unsigned aiodns_lists_by_name(struct aiodns_moment *moment, const char *name, int family,
                              struct aiodns_answer answer[2], unsigned *ret_first)
{
  struct aiodns_hosts_count count = {.first = *ret_first};

  count.lines = aiodns_hosts_by_name(&etc_hosts, name, family, answer, &count.first, &moment->hosts);
  if (moment->lists & AIODNS_LISTS_HOSTS)
    read_files_by_name(name, family, answer, &count);
  *ret_first = count.first;
  return count.lines;
}

bool aiodns_lists_by_address(struct aiodns_moment *moment, int family, const void *address,
                             struct aiodns_answer *answer)
{
  if (aiodns_hosts_by_address(&etc_hosts, family, address, answer, &moment->hosts))
    return true;
  return moment->lists & AIODNS_LISTS_HOSTS && answer->outcome == AIODNS_PENDING &&
         read_files_by_address(family, address, answer);
}

unsigned aiodns_lists_rules(const struct aiodns_moment *moment, const struct aiodns_name *name)
{
  return read_rules(moment, name);
}
