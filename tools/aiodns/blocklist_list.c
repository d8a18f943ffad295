#include "blocklists.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is said of one list. */
struct row {
  char *name; /* printable */
  char *url;  /* printable; NULL: it is not from here */
  bool has_file;
  uint64_t rules;
  int64_t size, age_s, changed_s, tried_s; /* age_s and those behind it: -1, never */
  char *outcome;                           /* why it is not as it should be; NULL: it is */
};

static int64_t since(int64_t then, int64_t now)
{
  return then <= 0 ? -1 : then > now ? 0 : now - then;
}

static void fill(const struct blocklist_store *store, const char *name, struct row *ret)
{
  struct blocklist_known known;
  struct stat file = {0};
  char *reason;
  enum blocklist_verdict verdict = blocklist_known_read(store, name, &known, &reason);
  int64_t now = time(NULL);

  *ret = (struct row){
      .name = command_printable(name),
      .url = known.url ? blocklist_url_text(known.url) : NULL,
      .has_file = blocklist_store_stat(store, name, &file),
      .rules = known.rules,
      .size = file.st_size,
      .age_s = since(known.checked, now),
      .changed_s = since(known.changed, now),
      .tried_s = since(known.tried, now),
  };
  if (verdict == BLOCKLIST_BAD)
    ret->outcome = command_printable(reason);
  else if (verdict == BLOCKLIST_GOOD && known.outcome)
    ret->outcome = command_printable(known.outcome);
  else if (!ret->has_file)
    ret->outcome = command_printable("its file is gone: update it");
  if (ret->has_file && !blocklist_known_is_of(&known, &file)) {
    struct blocklist_rules rules;
    char *path = blocklist_store_path(store, name);
    const char *wrong = blocklist_rules_read(&rules, path);
    ret->rules = rules.count;
    if (wrong && !ret->outcome)
      ret->outcome = command_printable(wrong);
    blocklist_rules_done(&rules);
    free(path);
  }
  free(reason);
  blocklist_known_free(&known);
}

static json_t *seconds(int64_t s)
{
  return s < 0 ? json_null() : json_integer(s);
}

static json_t *in_json(const struct blocklist_store *store, const char *name, const struct row *row)
{
  json_t *object = json_object();
  char *path = blocklist_store_path(store, name), *printable = command_printable(path);

  command_json_put(object, "name", json_string(row->name));
  command_json_put(object, "url", row->url ? json_string(row->url) : json_null());
  command_json_put(object, "path", row->has_file ? json_string(printable) : json_null());
  command_json_put(object, "rules", row->has_file ? command_json_count(row->rules) : json_null());
  command_json_put(object, "size", row->has_file ? json_integer(row->size) : json_null());
  command_json_put(object, "age_s", seconds(row->age_s));
  command_json_put(object, "changed_s", seconds(row->changed_s));
  command_json_put(object, "tried_s", seconds(row->tried_s));
  command_json_put(object, "error", row->outcome ? json_string(row->outcome) : json_null());
  free(path);
  free(printable);
  return object;
}

static void print(const struct row *row, int width)
{
  char rules[COMMAND_NUMBER_MAX] = "-", age[COMMAND_NUMBER_MAX] = "-", tried[COMMAND_NUMBER_MAX] = "";

  if (row->has_file)
    command_number(row->rules, rules);
  if (row->age_s >= 0)
    command_duration((uint64_t)row->age_s, age);
  printf("%-*s %12s %9s  %-6s  %s\n", width, row->name, rules, age,
         row->outcome ? "failed"
         : row->url   ? "good"
                      : "-",
         row->url ? row->url : "-");
  if (!row->outcome)
    return;
  if (row->tried_s >= 0)
    printf("  %s ago: %s\n", command_duration((uint64_t)row->tried_s, tried), row->outcome);
  else
    printf("  %s\n", row->outcome);
}

int blocklist_list(const struct blocklist_store *store, bool json)
{
  size_t count;
  char **names = blocklist_store_names(store, &count);
  struct row *rows = command_allocate(NULL, (count + 1) * sizeof *rows);
  json_t *object = json_object(), *array = json_array();
  int width = (int)strlen("NAME");

  for (size_t i = 0; i < count; i++) {
    fill(store, names[i], &rows[i]);
    if ((int)strlen(rows[i].name) > width)
      width = (int)strlen(rows[i].name);
    command_json_put(array, NULL, in_json(store, names[i], &rows[i]));
  }
  command_json_put(object, "blocklists", array);
  if (!json && count > 0)
    printf("%-*s %12s %9s  %-6s  %s\n", width, "NAME", "RULES", "AGE", "LAST", "URL");
  for (size_t i = 0; i < count; i++) {
    if (!json)
      print(&rows[i], width);
    free(rows[i].name);
    free(rows[i].url);
    free(rows[i].outcome);
  }
  if (json)
    command_json_print(object);
  else
    json_decref(object);
  free(rows);
  blocklist_names_free(names, count);
  return COMMAND_GOOD;
}
