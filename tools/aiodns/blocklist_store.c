#include "blocklists.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LISTS     "blocklists"
#define KNOWN     "blocklists.d"
#define LOCK      "lock"
#define NEW_LIST  "download.new"
#define NEW_KNOWN "known.new"
#define KNOWN_END ".json"

char *blocklist_text(const char *format, ...)
{
  char *text = NULL;
  va_list args;

  va_start(args, format);
  int len = vasprintf(&text, format, args);
  va_end(args);
  if (len < 0)
    command_die("out of memory");
  return text;
}

/* ---- Folders ---- */

/* Of a folder that others may write to, nothing is believed: its files come to block names for everybody. */
static bool is_ours(int fd, const char *printable)
{
  struct stat folder;

  if (fstat(fd, &folder) != 0) {
    command_say("%s: %s", printable, strerror(errno));
    return false;
  }
  if ((folder.st_uid == 0 || folder.st_uid == geteuid()) && !(folder.st_mode & (S_IWGRP | S_IWOTH)))
    return true;
  command_say("%s may be written to by others: it has to be root's, or the caller's, and theirs alone "
              "(chown root, chmod 755)",
              printable);
  return false;
}

/* -1: it has said why, unless it may be absent and is. */
static int open_folder(int at, const char *path, const char *printable, bool to_write)
{
  bool made = to_write && mkdirat(at, path, 0755) == 0;
  int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW));

  if (fd < 0) {
    int error = errno;
    if (to_write || error != ENOENT)
      command_say("%s: %s", printable, strerror(error));
    errno = error;
    return -1;
  }
  if (made)
    (void)fchmod(fd, 0755); /* whatever the umask; a failure is a stricter folder */
  if (is_ours(fd, printable))
    return fd;
  close(fd);
  errno = EPERM;
  return -1;
}

static bool take_lock(struct blocklist_store *store)
{
  store->lock = openat(store->known, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (store->lock < 0) {
    command_say("%s/" KNOWN "/" LOCK ": %s", store->text, strerror(errno));
    return false;
  }
  int result = flock(store->lock, LOCK_EX | LOCK_NB);
  if (result != 0 && errno == EWOULDBLOCK) {
    command_say("another `aiodns blocklist' is at work; waiting until it is done");
    do
      result = flock(store->lock, LOCK_EX);
    while (result != 0 && errno == EINTR && !blocklist_interrupted);
  }
  if (result != 0 && !blocklist_interrupted)
    command_say("%s/" KNOWN "/" LOCK ": %s", store->text, strerror(errno));
  return result == 0;
}

static bool open_both(struct blocklist_store *store, int top, bool to_write)
{
  char *lists = blocklist_text("%s/%s", store->directory, LISTS),
       *known = blocklist_text("%s/%s", store->directory, KNOWN);
  char *lists_text = command_printable(lists), *known_text = command_printable(known);

  store->lists = open_folder(top, LISTS, lists_text, to_write);
  bool good = store->lists >= 0 || (!to_write && errno == ENOENT);
  if (good) {
    store->known = open_folder(top, KNOWN, known_text, to_write);
    good = store->known >= 0 || (!to_write && errno == ENOENT);
  }
  free(lists);
  free(known);
  free(lists_text);
  free(known_text);
  return good;
}

bool blocklist_store_open(struct blocklist_store *store, const char *directory, bool to_write)
{
  *store =
      (struct blocklist_store){.text = command_printable(directory), .lists = -1, .known = -1, .lock = -1};
  int top = open_folder(AT_FDCWD, directory, store->text, to_write);
  bool good = top >= 0 || (!to_write && errno == ENOENT);
  store->directory = realpath(directory, NULL); /* `block-file` takes no other */
  if (!store->directory)
    store->directory = blocklist_text("%s", directory);
  if (top >= 0) {
    good = open_both(store, top, to_write);
    close(top);
  }
  if (good && to_write)
    good = take_lock(store);
  if (good && to_write) {
    (void)unlinkat(store->known, NEW_LIST, 0);
    (void)unlinkat(store->known, NEW_KNOWN, 0);
  }
  if (!good)
    blocklist_store_close(store);
  return good;
}

void blocklist_store_close(struct blocklist_store *store)
{
  int *all[] = {&store->lists, &store->known, &store->lock};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (*all[i] >= 0)
      close(*all[i]);
    *all[i] = -1;
  }
  free(store->directory);
  free(store->text);
  store->directory = store->text = NULL;
}

/* ---- Names ---- */

struct names {
  char **name;
  size_t count, room;
};

static void add_name(struct names *names, const char *name, size_t len)
{
  if (names->count == names->room) {
    names->room = names->room ? names->room * 2 : 16;
    names->name = command_allocate(names->name, names->room * sizeof *names->name);
  }
  char *copy = command_allocate(NULL, len + 1);
  memcpy(copy, name, len);
  copy[len] = '\0';
  names->name[names->count++] = copy;
}

/* Those that end so, without the ending.  `block-file .../\*` does not see what begins with a dot either. */
static void add_folder(struct names *names, int folder, const char *ending)
{
  int fd = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  const struct dirent *entry;

  if (!stream) {
    if (fd >= 0)
      close(fd);
    return;
  }
  while ((entry = readdir(stream))) {
    size_t len = strlen(entry->d_name), tail = strlen(ending);
    if (entry->d_name[0] != '.' && len > tail && strcmp(entry->d_name + len - tail, ending) == 0)
      add_name(names, entry->d_name, len - tail);
  }
  closedir(stream);
}

static int in_order(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

char **blocklist_store_names(const struct blocklist_store *store, size_t *ret_count)
{
  struct names names = {0};
  size_t kept = 0;

  add_folder(&names, store->lists, "");
  add_folder(&names, store->known, KNOWN_END);
  if (names.count > 0)
    qsort(names.name, names.count, sizeof *names.name, in_order);
  for (size_t i = 0; i < names.count; i++) {
    if (kept > 0 && strcmp(names.name[i], names.name[kept - 1]) == 0)
      free(names.name[i]);
    else
      names.name[kept++] = names.name[i];
  }
  *ret_count = kept;
  return names.name;
}

void blocklist_names_free(char **names, size_t count)
{
  for (size_t i = 0; i < count; i++)
    free(names[i]);
  free(names);
}

/* ---- Files ---- */

/* What somebody has typed may be a path to anywhere. */
static bool is_file_name(const char *name)
{
  return *name && *name != '.' && !strchr(name, '/') && strlen(name) < NAME_MAX - sizeof KNOWN_END;
}

char *blocklist_store_path(const struct blocklist_store *store, const char *name)
{
  return blocklist_text("%s/" LISTS "/%s", store->directory, name);
}

char *blocklist_store_new_path(const struct blocklist_store *store)
{
  return blocklist_text("%s/" KNOWN "/%s", store->directory, NEW_LIST);
}

bool blocklist_store_stat(const struct blocklist_store *store, const char *name, struct stat *ret)
{
  return store->lists >= 0 && is_file_name(name) && fstatat(store->lists, name, ret, 0) == 0 &&
         S_ISREG(ret->st_mode);
}

static int create(const struct blocklist_store *store, const char *name)
{
  if (unlinkat(store->known, name, 0) == 0 || errno == ENOENT) {
    int fd = openat(store->known, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
      return fd;
  }
  command_say("%s/" KNOWN "/%s: %s", store->text, name, strerror(errno));
  return -1;
}

static bool sync_file(const struct blocklist_store *store, int fd, mode_t mode)
{
  if (fchmod(fd, mode) == 0 && fsync(fd) == 0)
    return true;
  command_say("%s/" KNOWN ": cannot write: %s", store->text, strerror(errno));
  return false;
}

/* The new name on the disk as well. */
static bool rename_into(const struct blocklist_store *store, const char *from, int folder, const char *to)
{
  if (renameat(store->known, from, folder, to) == 0 && fsync(folder) == 0)
    return true;
  command_say("%s: %s: cannot replace it: %s", store->text, to, strerror(errno));
  return false;
}

int blocklist_store_new(const struct blocklist_store *store)
{
  return create(store, NEW_LIST);
}

void blocklist_store_drop_new(const struct blocklist_store *store)
{
  (void)unlinkat(store->known, NEW_LIST, 0);
}

bool blocklist_store_sync_new(const struct blocklist_store *store, int fd)
{
  return sync_file(store, fd, 0644);
}

bool blocklist_store_install(const struct blocklist_store *store, const char *name)
{
  return rename_into(store, NEW_LIST, store->lists, name) && fsync(store->known) == 0;
}

static bool unlink_if_there(int folder, const char *name, bool *ret_was_there)
{
  if (unlinkat(folder, name, 0) != 0)
    return errno == ENOENT;
  *ret_was_there = true;
  return fsync(folder) == 0;
}

bool blocklist_store_remove(const struct blocklist_store *store, const char *name, bool *ret_was_there)
{
  *ret_was_there = false;
  if (!is_file_name(name))
    return true;
  char *known = blocklist_text("%s%s", name, KNOWN_END);
  bool good = unlink_if_there(store->known, known, ret_was_there) &&
              unlink_if_there(store->lists, name, ret_was_there);
  free(known);
  return good;
}

/* ---- What is known ---- */

static char *copy_text(const json_t *value)
{
  const char *text = json_string_value(value);

  return text ? blocklist_text("%s", text) : NULL;
}

static bool from_json(json_t *object, struct blocklist_known *ret)
{
  json_int_t tried = 0, checked = 0, changed = 0, rules = 0, size = 0, time_ns = 0;
  const json_t *url = json_object_get(object, "url");

  /* What is missing is not known; the URL has to be. */
  if (!json_is_string(url) ||
      json_unpack(object, "{s?I s?I s?I s?I s?I s?I}", "tried", &tried, "checked", &checked, "changed",
                  &changed, "rules", &rules, "size", &size, "time_ns", &time_ns) != 0)
    return false;
  *ret = (struct blocklist_known){
      .url = copy_text(url),
      .etag = copy_text(json_object_get(object, "etag")),
      .last_modified = copy_text(json_object_get(object, "last_modified")),
      .outcome = copy_text(json_object_get(object, "outcome")),
      .tried = tried,
      .checked = checked,
      .changed = changed,
      .rules = rules > 0 ? (uint64_t)rules : 0,
      .size = size,
      .time_ns = time_ns,
  };
  return true;
}

enum blocklist_verdict blocklist_known_read(const struct blocklist_store *store, const char *name,
                                            struct blocklist_known *ret, char **ret_reason)
{
  *ret = (struct blocklist_known){0};
  *ret_reason = NULL;
  if (!is_file_name(name))
    return BLOCKLIST_ABSENT;
  char *file = blocklist_text("%s%s", name, KNOWN_END);
  int fd = store->known < 0 ? -1 : openat(store->known, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  enum blocklist_verdict verdict = BLOCKLIST_GOOD;
  json_error_t error;

  if (fd < 0) {
    verdict = store->known < 0 || errno == ENOENT ? BLOCKLIST_ABSENT : BLOCKLIST_BAD;
    if (verdict == BLOCKLIST_BAD)
      *ret_reason = blocklist_text("what is known of it cannot be read: %s", strerror(errno));
  } else {
    json_t *object = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (!object || !from_json(object, ret)) {
      verdict = BLOCKLIST_BAD;
      *ret_reason = blocklist_text(
          "what is known of it, " KNOWN "/%s, is damaged: remove the list, and add it again", file);
    }
    json_decref(object);
    close(fd);
  }
  free(file);
  return verdict;
}

static json_t *text_or_null(const char *text)
{
  return text ? json_string(text) : json_null();
}

static json_t *to_json(const struct blocklist_known *known)
{
  json_t *object = json_object();

  command_json_put(object, "url", json_string(known->url));
  command_json_put(object, "etag", text_or_null(known->etag));
  command_json_put(object, "last_modified", text_or_null(known->last_modified));
  command_json_put(object, "tried", json_integer(known->tried));
  command_json_put(object, "checked", json_integer(known->checked));
  command_json_put(object, "changed", json_integer(known->changed));
  command_json_put(object, "outcome", text_or_null(known->outcome));
  command_json_put(object, "rules", command_json_count(known->rules));
  command_json_put(object, "size", json_integer(known->size));
  command_json_put(object, "time_ns", json_integer(known->time_ns));
  return object;
}

bool blocklist_known_write(const struct blocklist_store *store, const char *name,
                           const struct blocklist_known *known)
{
  json_t *object = to_json(known);
  char *file = blocklist_text("%s%s", name, KNOWN_END);
  int fd = create(store, NEW_KNOWN);
  bool good = false;

  if (fd >= 0) {
    good = json_dumpfd(object, fd, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0;
    if (!good)
      command_say("%s/" KNOWN "/" NEW_KNOWN ": %s", store->text, strerror(errno));
    good = good && sync_file(store, fd, blocklist_url_is_secret(known->url) ? 0600 : 0644);
    good = close(fd) == 0 && good && rename_into(store, NEW_KNOWN, store->known, file);
    if (!good)
      (void)unlinkat(store->known, NEW_KNOWN, 0);
  }
  json_decref(object);
  free(file);
  return good;
}

void blocklist_known_forget(const struct blocklist_store *store, const char *name)
{
  char *file = blocklist_text("%s%s", name, KNOWN_END);

  (void)unlinkat(store->known, file, 0);
  free(file);
}

void blocklist_known_free(struct blocklist_known *known)
{
  free(known->url);
  free(known->etag);
  free(known->last_modified);
  free(known->outcome);
  *known = (struct blocklist_known){0};
}

bool blocklist_known_is_of(const struct blocklist_known *known, const struct stat *file)
{
  return known->size == file->st_size &&
         known->time_ns == (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
}
