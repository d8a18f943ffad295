#include "blocklists.h"

#include "pattern.h"
#include "settings.h"

#include <stdlib.h>
#include <string.h>

static bool has_file(const char *pattern, const char *path)
{
  char each[AIODNS_PATTERN_PATH_MAX] = "";

  while (aiodns_pattern_next(pattern, each))
    if (strcmp(each, path) == 0)
      return true;
  return false;
}

/* Whether a `block-file` line of the configuration brings this file to lookups. */
static bool is_in_force(const char *path)
{
  static struct aiodns_settings settings;
  static struct aiodns_items items;
  struct aiodns_item item;

  aiodns_settings_read(&settings, &items, AIODNS_SETTINGS_PATH, NULL, NULL, NULL);
  for (uint32_t at = 0; aiodns_items_next(&items, &at, &item);)
    if (item.kind == AIODNS_ITEM_BLOCK_FILE && has_file((const char *)item.data, path))
      return true;
  return false;
}

static void mention_settings(const struct blocklist_store *store, const char *name)
{
  char *path = blocklist_store_path(store, name), *all = blocklist_store_path(store, "*");

  if (!is_in_force(path)) {
    char *text = command_printable(all);
    command_say("lookups do not go by it yet: put this line into " AIODNS_SETTINGS_PATH ": block-file %s",
                text);
    free(text);
  }
  free(path);
  free(all);
}

/* The list with that URL and a file; NULL: none. */
static char *find_url(const struct blocklist_store *store, const char *url)
{
  size_t count;
  char **names = blocklist_store_names(store, &count), *found = NULL;

  for (size_t i = 0; i < count && !found; i++) {
    struct blocklist_known known;
    struct stat file;
    char *reason;
    if (blocklist_known_read(store, names[i], &known, &reason) == BLOCKLIST_GOOD &&
        strcmp(known.url, url) == 0 && blocklist_store_stat(store, names[i], &file)) {
      found = names[i];
      names[i] = NULL;
    }
    free(reason);
    blocklist_known_free(&known);
  }
  blocklist_names_free(names, count);
  return found;
}

/* Whether a list may get that name: nobody has it, or one with the same URL whose file is gone. */
static bool is_free(const struct blocklist_store *store, const char *name, const char *url)
{
  struct blocklist_known known;
  struct stat file;
  char *reason;
  enum blocklist_verdict verdict = blocklist_known_read(store, name, &known, &reason);
  bool is_there = blocklist_store_stat(store, name, &file);

  bool free_name = !is_there && (verdict == BLOCKLIST_ABSENT ||
                                 (verdict == BLOCKLIST_GOOD && strcmp(known.url, url) == 0));
  free(reason);
  blocklist_known_free(&known);
  return free_name;
}

/* A name that was derived may be had by another list: NAME-2 then, NAME-3, ... */
static bool make_unique(const struct blocklist_store *store, struct blocklist_source *source)
{
  char base[BLOCKLIST_NAME_MAX + 1];
  size_t count;
  char **names = blocklist_store_names(store, &count);

  blocklist_names_free(names, count);
  memcpy(base, source->name, sizeof base);
  /* One more than there are lists is enough. */
  for (size_t i = 2; !is_free(store, source->name, source->url); i++) {
    char tail[COMMAND_NUMBER_MAX];
    int len = snprintf(tail, sizeof tail, "-%zu", i);
    if (i > count + 2)
      return false;
    snprintf(source->name, sizeof source->name, "%.*s%s", BLOCKLIST_NAME_MAX - len, base, tail);
  }
  return true;
}

static bool choose_name(const struct blocklist_store *store, const char *wanted,
                        struct blocklist_source *source)
{
  if (wanted)
    snprintf(source->name, sizeof source->name, "%s", wanted);
  else if (!source->is_known)
    return make_unique(store, source);
  if (is_free(store, source->name, source->url))
    return true;
  command_say("%s: there is another list of this name: remove it first, or say another one by --name",
              source->name);
  return false;
}

int blocklist_add_source(const struct blocklist_store *store, struct blocklist_source *source,
                         const char *wanted, const struct blocklist_request *request)
{
  char *there = find_url(store, source->url);

  if (there) {
    bool is_it = !wanted || strcmp(wanted, there) == 0;
    if (is_it)
      printf("%s: is there already\n", there);
    else
      command_say("this list is there already: %s", there);
    free(there);
    return is_it ? COMMAND_GOOD : COMMAND_FAILED;
  }
  if (!choose_name(store, wanted, source))
    return COMMAND_FAILED;
  struct blocklist_known known = {.url = source->url};
  source->url = NULL;
  bool good = blocklist_add(store, source->name, &known, request);
  blocklist_known_free(&known);
  if (!good)
    return COMMAND_FAILED;
  mention_settings(store, source->name);
  return COMMAND_GOOD;
}
