#include "blocklists.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum result {
  RESULT_CHANGED,
  RESULT_UNCHANGED,
  RESULT_PASSED_OVER, /* asked for less than a day ago */
  RESULT_FAILED,      /* said why; the list that is here stays */
};
enum { RESULTS = RESULT_FAILED + 1 };

struct update {
  const struct blocklist_store *store;
  const char *name;
  struct blocklist_known *known;
  const struct blocklist_request *request;
  bool is_new;      /* nothing is known of it on the disk */
  struct stat file; /* the list that is here */
  bool has_file;
  struct blocklist_rules before, now;
  char *reason; /* why not; NULL: it was said, or nothing is wrong */
};

static void replace(char **text, char *by)
{
  free(*text);
  *text = by;
}

/* ---- What is said ---- */

static const char *rules_text(size_t count, char buf[COMMAND_NUMBER_MAX + 8])
{
  char number[COMMAND_NUMBER_MAX];

  snprintf(buf, COMMAND_NUMBER_MAX + 8, "%s %s", command_number(count, number),
           count == 1 ? "rule" : "rules");
  return buf;
}

static void print_changed(const struct update *update)
{
  char now[COMMAND_NUMBER_MAX + 8], before[COMMAND_NUMBER_MAX], added[COMMAND_NUMBER_MAX],
      removed[COMMAND_NUMBER_MAX];
  const struct aiodns_blocklist_counts *counts = &update->now.counts;

  printf("%s: %s", update->name, rules_text(update->now.count, now));
  if (update->has_file)
    printf(", %s before: %s added, %s removed", command_number(update->before.count, before),
           command_number(blocklist_rules_added(&update->before, &update->now), added),
           command_number(blocklist_rules_added(&update->now, &update->before), removed));
  if (counts->not_understood > 0) {
    char *text = command_printable(counts->first_text);
    printf("; %s %s not understood, the first is line %" PRIu64 ": %s",
           command_number(counts->not_understood, added),
           counts->not_understood == 1 ? "line is" : "lines are", counts->first_line, text);
    free(text);
  }
  putchar('\n');
}

static void print_failure(const struct update *update)
{
  char age[COMMAND_NUMBER_MAX];
  int64_t now = time(NULL);

  if (!update->has_file)
    command_say("%s: %s", update->name, update->reason);
  else if (update->known->checked > 0 && update->known->checked <= now)
    command_say("%s: %s; the list stays that was good %s ago", update->name, update->reason,
                command_duration((uint64_t)(now - update->known->checked), age));
  else
    command_say("%s: %s; the list that is here stays", update->name, update->reason);
}

/* ---- A list that came ---- */

static bool ends_in_line(int fd)
{
  struct stat file;
  char last = '\n';

  return fstat(fd, &file) == 0 && file.st_size > 0 && pread(fd, &last, 1, file.st_size - 1) == 1 &&
         last != '\n';
}

/* NULL, or why what came is not to be taken. */
static char *look_at(struct update *update, const struct blocklist_fetch *fetch, const char *path)
{
  char before[COMMAND_NUMBER_MAX + 8], now[COMMAND_NUMBER_MAX];

  /* A connection that broke looks as one that was closed (RFC 9112 section 8): the list has to tell. */
  if (fetch->is_open_ended && ends_in_line(fetch->fd))
    return blocklist_text(
        "it seems to be cut off: its last line has no end, and the server did not say how long it is");
  const char *wrong = blocklist_rules_read(&update->now, path);
  if (wrong)
    return blocklist_text("what came cannot be used: %s", wrong);
  char *reason = blocklist_rules_refuse(&update->now, path);
  if (reason || !update->has_file)
    return reason;
  char *old = blocklist_store_path(update->store, update->name);
  (void)blocklist_rules_read(&update->before, old); /* what cannot be read any more had no rules */
  free(old);
  if (update->now.count * 2 < update->before.count && !update->request->force)
    return blocklist_text("it has shrunk by more than half, from %s to %s (--force takes it)",
                          rules_text(update->before.count, before), command_number(update->now.count, now));
  return NULL;
}

static bool is_same_file(const char *a, const char *b)
{
  char left[4096], right[4096];
  FILE *first = fopen(a, "re"), *second = fopen(b, "re");
  bool same = first && second;
  size_t len = sizeof left;

  while (same && len == sizeof left) {
    len = fread(left, 1, sizeof left, first);
    same = fread(right, 1, sizeof right, second) == len && memcmp(left, right, len) == 0;
  }
  same = same && !ferror(first) && !ferror(second);
  if (first)
    (void)fclose(first);
  if (second)
    (void)fclose(second);
  return same;
}

static void learn(struct update *update, const struct blocklist_fetch *fetch)
{
  struct blocklist_known *known = update->known;

  replace(&known->etag, *fetch->new_etag ? blocklist_text("%s", fetch->new_etag) : NULL);
  replace(&known->last_modified,
          *fetch->new_last_modified ? blocklist_text("%s", fetch->new_last_modified) : NULL);
  known->rules = update->now.count;
  known->size = update->file.st_size;
  known->time_ns = (int64_t)update->file.st_mtim.tv_sec * 1000000000 + update->file.st_mtim.tv_nsec;
}

static void note(struct blocklist_known *known, char *outcome)
{
  known->tried = time(NULL);
  if (!outcome)
    known->checked = known->tried;
  replace(&known->outcome, outcome);
}

/*
 * The knowledge goes first: after a crash between the two it is about no file that is here, and the list is
 * asked for again; a new list whose name nothing is known of would be taken for somebody else's file.
 */
static enum result take(struct update *update, const struct blocklist_fetch *fetch)
{
  char *path = blocklist_store_new_path(update->store);
  char *old = blocklist_store_path(update->store, update->name);
  int64_t checked = update->known->checked;
  enum result result = RESULT_FAILED;

  update->reason = look_at(update, fetch, path);
  if (!update->reason && update->has_file && is_same_file(old, path)) {
    learn(update, fetch);
    result = RESULT_UNCHANGED;
  } else if (!update->reason && blocklist_store_sync_new(update->store, fetch->fd) &&
             fstat(fetch->fd, &update->file) == 0) {
    learn(update, fetch);
    note(update->known, NULL);
    update->known->changed = update->known->tried;
    if (blocklist_known_write(update->store, update->name, update->known) &&
        blocklist_store_install(update->store, update->name))
      result = RESULT_CHANGED;
    else
      update->known->checked = checked;
  }
  free(path);
  free(old);
  return result;
}

/* ---- Asking for it ---- */

static enum result ask(struct update *update)
{
  const struct blocklist_known *known = update->known;
  bool is_known = update->has_file && blocklist_known_is_of(known, &update->file);
  struct blocklist_fetch fetch = {
      .name = update->name,
      .url = known->url,
      .etag = is_known ? known->etag : NULL,
      .last_modified = is_known ? known->last_modified : NULL,
      .timeout_ms = update->request->timeout_ms,
      .fd = blocklist_store_new(update->store),
  };
  enum result result = RESULT_FAILED;

  if (fetch.fd < 0)
    return result;
  switch (blocklist_fetch_apart(&fetch)) {
  case BLOCKLIST_FAILED:
    update->reason = blocklist_text("%s", fetch.reason);
    break;
  case BLOCKLIST_SAME:
    result = RESULT_UNCHANGED;
    break;
  case BLOCKLIST_CAME:
    result = take(update, &fetch);
    break;
  }
  close(fetch.fd);
  blocklist_store_drop_new(update->store);
  return result;
}

/* What has not come is remembered of a list that is known, unless it was called off; nothing of a new one. */
static void remember_failure(struct update *update)
{
  char *reason = update->reason;

  if (reason)
    print_failure(update);
  else
    reason = blocklist_text("it cannot be stored");
  update->reason = NULL;
  note(update->known, reason);
  if (update->is_new)
    blocklist_known_forget(update->store, update->name);
  else if (!blocklist_interrupted)
    (void)blocklist_known_write(update->store, update->name, update->known); /* it failed anyway */
}

static enum result bring(struct update *update)
{
  char rules[COMMAND_NUMBER_MAX + 8];

  update->has_file = blocklist_store_stat(update->store, update->name, &update->file);
  enum result result = ask(update);
  if (result == RESULT_UNCHANGED) {
    note(update->known, NULL);
    if (!blocklist_known_write(update->store, update->name, update->known))
      result = RESULT_FAILED;
  } else if (result == RESULT_FAILED) {
    remember_failure(update);
  }
  if (result == RESULT_CHANGED)
    print_changed(update);
  else if (result == RESULT_UNCHANGED)
    printf("%s: not changed, %s\n", update->name, rules_text(update->known->rules, rules));
  blocklist_rules_done(&update->before);
  blocklist_rules_done(&update->now);
  return result;
}

bool blocklist_add(const struct blocklist_store *store, const char *name, struct blocklist_known *known,
                   const struct blocklist_request *request)
{
  struct update update = {.store = store, .name = name, .known = known, .request = request, .is_new = true};

  return bring(&update) != RESULT_FAILED;
}

static bool is_fresh(const struct blocklist_known *known, int64_t now)
{
  /* A clock that was set back makes nothing fresh. */
  return known->checked > 0 && known->checked <= now && now - known->checked < BLOCKLIST_INTERVAL_S;
}

static enum result update_one(const struct blocklist_store *store, const char *name,
                              const struct blocklist_request *request)
{
  struct blocklist_known known;
  struct stat file;
  struct update update = {.store = store, .name = name, .known = &known, .request = request};
  char *reason, age[COMMAND_NUMBER_MAX];
  enum result result = RESULT_FAILED;
  int64_t now = time(NULL);

  enum blocklist_verdict verdict = blocklist_known_read(store, name, &known, &reason);
  if (verdict != BLOCKLIST_GOOD || !blocklist_name_is_good(name)) {
    char *printable = command_printable(name);
    command_say("%s: %s", printable,
                verdict == BLOCKLIST_BAD ? reason
                : blocklist_store_stat(store, name, &file)
                    ? "it was put there by others, and is theirs to update"
                    : "there is no such list");
    free(printable);
    free(reason);
  } else if (!request->force && is_fresh(&known, now) && blocklist_store_stat(store, name, &file) &&
             blocklist_known_is_of(&known, &file)) {
    printf("%s: passed over, asked for %s ago (--force asks again)\n", name,
           command_duration((uint64_t)(now - known.checked), age));
    result = RESULT_PASSED_OVER;
  } else {
    result = bring(&update);
  }
  blocklist_known_free(&known);
  return result;
}

/* ---- All of them ---- */

/* How many of each result; nothing where that is said by the one line before. */
static void print_total(const size_t counts[RESULTS])
{
  static const char *const words[] = {[RESULT_CHANGED] = "updated",
                                      [RESULT_UNCHANGED] = "not changed",
                                      [RESULT_PASSED_OVER] = "passed over",
                                      [RESULT_FAILED] = "failed"};
  size_t all = 0;
  const char *between = ": ";

  for (unsigned i = 0; i < RESULTS; i++)
    all += counts[i];
  if (all < 2)
    return;
  printf("%zu lists", all);
  for (unsigned i = 0; i < RESULTS; i++) {
    if (counts[i] == 0)
      continue;
    printf("%s%zu %s", between, counts[i], words[i]);
    between = ", ";
  }
  putchar('\n');
}

/* All that were downloaded: what else lies in the folder is somebody else's. */
static char **find_all(const struct blocklist_store *store, size_t *ret_count)
{
  size_t all;
  char **names = blocklist_store_names(store, &all);

  *ret_count = 0;
  for (size_t i = 0; i < all; i++) {
    struct blocklist_known known = {0};
    char *reason = NULL;
    if (blocklist_name_is_good(names[i]) &&
        blocklist_known_read(store, names[i], &known, &reason) != BLOCKLIST_ABSENT)
      names[(*ret_count)++] = names[i];
    else
      free(names[i]);
    free(reason);
    blocklist_known_free(&known);
  }
  return names;
}

int blocklist_update(const struct blocklist_store *store, char *const *names, size_t count,
                     const struct blocklist_request *request)
{
  size_t counts[RESULTS] = {0}, all_count = 0;
  char **all = count == 0 ? find_all(store, &all_count) : NULL;

  if (count == 0) {
    names = all;
    count = all_count;
  }
  for (size_t i = 0; i < count && !blocklist_interrupted; i++)
    counts[update_one(store, names[i], request)]++;
  if (count == 0)
    printf("there are no lists\n");
  print_total(counts);
  blocklist_names_free(all, all_count);
  return counts[RESULT_FAILED] > 0 ? COMMAND_FAILED : COMMAND_GOOD;
}
