/*
 * What block lists say of names, by the index and by the files themselves: blocklist_says index|files FILE...
 *
 * Each line of stdin is a name; for each a line: "blocked", "allowed", or "-".
 */
#include "index_build.h"
#include "items.h"

#include <stdio.h>
#include <string.h>

static const uint64_t key[2] = {0x5ca1ab1e, 0xb10c};
static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {7};

static bool make(char **paths, struct aiodns_index *ret)
{
  static struct aiodns_blocklist list;
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  struct aiodns_rule rule;
  uint64_t size;

  for (; draft && *paths; paths++) {
    if (!aiodns_blocklist_open(&list, *paths))
      return false;
    while (aiodns_blocklist_next(&list, &rule))
      aiodns_index_add_rule(draft, &rule);
    aiodns_blocklist_close(&list);
  }
  const void *data = draft ? aiodns_index_finish(draft, 0, boot, &size) : NULL;
  return data && aiodns_index_attach(ret, data, size, boot) == AIODNS_CACHE_GOOD;
}

/* As lookups do that find no index. */
static unsigned read_files(char **paths, const struct aiodns_name *name)
{
  static struct aiodns_blocklist list;
  struct aiodns_rule rule;
  unsigned says = 0;

  for (; *paths; paths++) {
    if (!aiodns_blocklist_open(&list, *paths))
      continue;
    while (aiodns_blocklist_next(&list, &rule))
      says = aiodns_rules_join(says, aiodns_rule_says(&rule, name));
    aiodns_blocklist_close(&list);
  }
  return says;
}

int main(int argc, char **argv)
{
  struct aiodns_index index;
  struct aiodns_name name;
  char line[2 * AIODNS_NAME_TEXT_MAX];

  if (argc < 3)
    return 2;
  bool by_index = strcmp(argv[1], "index") == 0;
  if (by_index && !make(argv + 2, &index))
    return 1;
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    if (!aiodns_name_from_text(&name, line))
      return 1;
    unsigned says = by_index ? aiodns_index_rules(&index, &name) : read_files(argv + 2, &name);
    puts(says == AIODNS_RULE_ALLOW ? "allowed" : says ? "blocked" : "-");
  }
  return 0;
}
