#include "pattern.h"

#include "kernel.h"

#include <dirent.h>
#include <string.h>

enum { BUFFER = 1024 };

static bool matches(const char *pattern, const char *name)
{
  const char *star = NULL, *from = NULL; /* the last `*`, and what it takes so far ends there */

  if (*name == '.' && *pattern != '.')
    return false;
  while (*name) {
    if (*pattern == '*') {
      star = pattern++;
      from = name;
    } else if (*pattern == '?' || *pattern == *name) {
      pattern++;
      name++;
    } else if (star) {
      pattern = star + 1;
      name = ++from;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return !*pattern;
}

bool aiodns_pattern_folder(const char *pattern, char ret[AIODNS_PATTERN_PATH_MAX])
{
  const char *last = strrchr(pattern, '/');
  size_t len = last ? (size_t)(last - pattern) : 0;

  if (!last || !strpbrk(last, "*?") || len + 2 > AIODNS_PATTERN_PATH_MAX)
    return false;
  memcpy(ret, len ? pattern : "/", len ? len : 1);
  ret[len ? len : 1] = '\0';
  return true;
}

/* The folder and the one above it; and what a kernel allows a file system of a user's own, beyond all others.
 */
static bool is_no_file(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strnlen(name, NAME_MAX + 1) > NAME_MAX;
}

/* Of one entry: whether it is nearer than `best` ("" is nothing yet) behind `last`. */
static bool is_nearer(const char *pattern, const char *name, const char *last, const char *best)
{
  return !is_no_file(name) && matches(pattern, name) && strcmp(name, last) > 0 &&
         (!*best || strcmp(name, best) < 0);
}

/* The first name behind `last` in an open folder that matches; into `best`, which is "" where none does. */
static void find(int fd, const char *pattern, const char *last, char best[NAME_MAX + 1])
{
  union {
    struct dirent64 entry; /* for its alignment */
    char octets[BUFFER];
  } buf;
  ssize_t got;

  *best = '\0';
  while ((got = aiodns_kernel_entries(fd, buf.octets, sizeof buf.octets)) > 0)
    for (ssize_t at = 0; at < got;) {
      const struct dirent64 *entry = (const void *)(buf.octets + at);
      if (is_nearer(pattern, entry->d_name, last, best))
        memcpy(best, entry->d_name, strlen(entry->d_name) + 1);
      at += entry->d_reclen;
    }
}

bool aiodns_pattern_next(const char *pattern, char path[AIODNS_PATTERN_PATH_MAX])
{
  char folder[AIODNS_PATTERN_PATH_MAX], best[NAME_MAX + 1];

  if (!aiodns_pattern_folder(pattern, folder)) {
    size_t len = strlen(pattern) + 1;
    if (*path || len > AIODNS_PATTERN_PATH_MAX)
      return false;
    memcpy(path, pattern, len);
    return true;
  }
  const char *name = strrchr(pattern, '/') + 1;
  size_t head = (size_t)(name - pattern);
  int fd = aiodns_kernel_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return false;
  find(fd, name, *path ? path + head : "", best);
  aiodns_kernel_close(fd);
  if (!*best || head + strlen(best) >= AIODNS_PATTERN_PATH_MAX)
    return false;
  memcpy(path, pattern, head);
  memcpy(path + head, best, strlen(best) + 1);
  return true;
}
