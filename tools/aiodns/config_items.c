#include "config_items.h"

#include "command.h"
#include "hosts.h"
#include "pattern.h"
#include "sources.h"
#include "tier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the item stands that is being printed. */
struct place {
  const char *file;
  unsigned line;
};

/* ---- Files ---- */

static void warn(const struct place *place, const char *about, const char *what, const char *reason)
{
  char *printable = command_printable(about);

  (void)fflush(stdout); /* so that both come in order */
  fprintf(stderr, "%s:%u: %s%s: %s\n", place->file, place->line, what, printable, reason);
  free(printable);
}

/* `# PATH: 7 names, 2 lines not understood, the first is 3: TEXT` */
static void print_source(const char *path, const struct command_source *source)
{
  char count[64];
  char *printable = command_printable(path);

  printf("# %s: ", printable);
  free(printable);
  if (source->error) {
    printf("%s\n", strerror(source->error));
    return;
  }
  command_count(source->names, "name", "names", count);
  printf("%s", count);
  if (source->not_understood > 0) {
    char *text = command_printable(source->first_text);
    command_count(source->not_understood, "line", "lines", count);
    printf(", %s not understood, the first is %llu: %s", count, (unsigned long long)source->first_line, text);
    free(text);
  }
  putchar('\n');
}

static bool print_file(const struct place *place, enum aiodns_item_kind kind, const char *path)
{
  struct command_source source;
  bool good = command_source_read(kind, path, &source);

  print_source(path, &source);
  if (!good)
    warn(place, path, "", strerror(source.error));
  return good;
}

/* One that is not there may come; until then the pattern means nothing. */
static bool look_at_folder(const struct place *place, const char *pattern)
{
  char folder[AIODNS_PATTERN_PATH_MAX];

  if (!aiodns_pattern_folder(pattern, folder))
    return true;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    return true;
  }
  bool absent = errno == ENOENT;
  warn(place, folder, absent ? "warning: " : "", strerror(errno));
  return absent;
}

static bool print_pattern(const struct place *place, const struct aiodns_item *item)
{
  const char *pattern = (const char *)item->data;
  char path[AIODNS_PATTERN_PATH_MAX] = "", count[64];
  uint64_t files = 0;

  while (aiodns_pattern_next(pattern, path))
    files++;
  command_count(files, "file", "files", count);
  char *printable = command_printable(pattern);
  printf("%s %s # %s:%u, %s\n", item->kind == AIODNS_ITEM_HOSTS_FILE ? "hosts-file" : "block-file", printable,
         place->file, place->line, count);
  free(printable);
  bool good = look_at_folder(place, pattern);
  path[0] = '\0';
  while (aiodns_pattern_next(pattern, path))
    if (!print_file(place, item->kind, path))
      good = false;
  return good;
}

bool config_print_hosts(void)
{
  struct command_source source;

  bool good =
      command_source_read(AIODNS_ITEM_HOSTS_FILE, AIODNS_HOSTS_PATH, &source) || source.error == ENOENT;
  print_source(AIODNS_HOSTS_PATH, &source);
  if (!good)
    command_say("%s: %s", AIODNS_HOSTS_PATH, strerror(source.error));
  return good;
}

/* ---- Names ---- */

static void print_name(const char *keyword, const char *head, const struct aiodns_name *name)
{
  char text[AIODNS_NAME_TEXT_MAX];

  aiodns_name_to_text(name, text);
  printf("%s %s%s", keyword, head, text);
}

static void print_domain(const struct place *place, const struct aiodns_item *item)
{
  struct aiodns_domain domain;

  if (!aiodns_items_domain(item, &domain))
    return;
  print_name("domain", "", &domain.name);
  for (unsigned i = 0; i < domain.server_count; i++) {
    char *text = command_server(&domain.server[i]);
    printf(" %s", text);
    free(text);
  }
  printf(" # %s:%u%s\n", place->file, place->line, domain.server_count == 0 ? ", no server" : "");
}

static void print_rule(const struct place *place, const struct aiodns_item *item)
{
  struct aiodns_rule rule;

  if (!aiodns_items_rule(item, &rule))
    return;
  bool allows = rule.is & AIODNS_RULE_ALLOW, wide = !allows && rule.is & AIODNS_RULE_BELOW;
  print_name(allows ? "allow" : "block", wide ? "*." : "", &rule.name);
  printf(" # %s:%u\n", place->file, place->line);
}

bool config_print_items(const struct aiodns_items *items, const unsigned *item_line, const char *file)
{
  struct aiodns_item item;
  bool good = true;

  for (uint32_t at = 0; aiodns_items_next(items, &at, &item); item_line++) {
    struct place place = {file, *item_line};
    switch (item.kind) {
    case AIODNS_ITEM_DOMAIN:
      print_domain(&place, &item);
      break;
    case AIODNS_ITEM_HOSTS_FILE:
    case AIODNS_ITEM_BLOCK_FILE:
      if (!print_pattern(&place, &item))
        good = false;
      break;
    case AIODNS_ITEM_RULE:
      print_rule(&place, &item);
    }
  }
  return good;
}

/* ---- The index ---- */

void config_print_index(bool needed)
{
  struct aiodns_tier tier;
  struct aiodns_index index;
  char path[AIODNS_TIER_PATH_MAX], number[COMMAND_NUMBER_MAX];

  aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, false);
  aiodns_tier_path(&tier, AIODNS_TIER_INDEX, path);
  enum command_index_state state = command_index_look(&index);
  if (state == COMMAND_INDEX_NONE && !needed)
    return;
  printf("# %s: ", path);
  switch (state) {
  case COMMAND_INDEX_NONE:
    puts("none yet: files are read; root's lookups make it, or `aiodns index'");
    return;
  case COMMAND_INDEX_OLD:
    puts("of other files than there are now, and not used; root's lookups make it anew, or `aiodns index'");
    return;
  case COMMAND_INDEX_LEFT_OUT:
    puts("empty: making it takes too long for a lookup; `aiodns index' makes it");
    return;
  case COMMAND_INDEX_CURRENT:
    printf("current, %s octets\n", command_number(index.size, number));
  }
}
