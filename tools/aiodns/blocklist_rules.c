#include "blocklist_rules.h"

#include "blocklists.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* FNV-1a; and a last mixing, since its high bits of short texts are poor. */
static uint64_t hash(const struct aiodns_rule *rule)
{
  uint64_t sum = 0xcbf29ce484222325;

  sum = (sum ^ rule->is) * 0x100000001b3;
  for (unsigned i = 0; i < rule->name.len; i++)
    sum = (sum ^ rule->name.wire[i]) * 0x100000001b3;
  sum ^= sum >> 32;
  sum *= 0xd6e8feb86659fd93;
  return sum ^ sum >> 32;
}

static int in_order(const void *a, const void *b)
{
  const uint64_t *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static bool add(struct blocklist_rules *rules, uint64_t sum)
{
  if (rules->count == BLOCKLIST_RULES_MAX)
    return false;
  if (rules->count == rules->room) {
    rules->room = rules->room ? rules->room * 2 : 1 << 12;
    rules->hash = command_allocate(rules->hash, rules->room * sizeof *rules->hash);
  }
  rules->hash[rules->count++] = sum;
  return true;
}

static void sort(struct blocklist_rules *rules)
{
  size_t kept = 0;

  if (rules->count > 0)
    qsort(rules->hash, rules->count, sizeof *rules->hash, in_order);
  for (size_t i = 0; i < rules->count; i++)
    if (kept == 0 || rules->hash[i] != rules->hash[kept - 1])
      rules->hash[kept++] = rules->hash[i];
  rules->count = kept;
}

const char *blocklist_rules_read(struct blocklist_rules *ret, const char *path)
{
  struct aiodns_blocklist list;
  struct aiodns_rule rule;
  const char *wrong = NULL;

  *ret = (struct blocklist_rules){0};
  if (!aiodns_blocklist_open(&list, path))
    return strerror(errno);
  errno = 0;
  while (!wrong && aiodns_blocklist_next(&list, &rule))
    if (!add(ret, hash(&rule)))
      wrong = "it has more than 16 million rules";
  if (!wrong && list.lines.failed)
    wrong = errno ? strerror(errno) : "it cannot be read to its end";
  ret->counts = list.counts;
  aiodns_blocklist_close(&list);
  sort(ret);
  return wrong;
}

void blocklist_rules_done(struct blocklist_rules *rules)
{
  free(rules->hash);
  *rules = (struct blocklist_rules){0};
}

size_t blocklist_rules_added(const struct blocklist_rules *before, const struct blocklist_rules *now)
{
  size_t added = 0, k = 0;

  for (size_t i = 0; i < now->count; i++) {
    while (k < before->count && before->hash[k] < now->hash[i])
      k++;
    added += k == before->count || before->hash[k] != now->hash[i];
  }
  return added;
}

/* No format of block lists has lines that begin so: whatever the markup is, it is a page for people. */
static bool begins_with_markup(const char *path)
{
  char start[512];
  size_t at = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  ssize_t len = fd < 0 ? -1 : read(fd, start, sizeof start);

  if (fd >= 0)
    close(fd);
  if (len >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
    at = 3;
  while ((ssize_t)at < len && strchr(" \t\r\n\f", start[at]) && start[at])
    at++;
  return (ssize_t)at < len && start[at] == '<';
}

char *blocklist_rules_refuse(const struct blocklist_rules *rules, const char *path)
{
  const struct aiodns_blocklist_counts *counts = &rules->counts;
  char *reason = NULL;

  if (begins_with_markup(path)) {
    reason = blocklist_text("what came is HTML or XML, and no block list");
  } else if (counts->not_understood > counts->lines - counts->empty - counts->not_understood) {
    char *text = command_printable(counts->first_text);
    reason = blocklist_text("what came is no block list: %" PRIu64 " lines are not understood and %" PRIu64
                            " are; the first that is not is line %" PRIu64 ": %s",
                            counts->not_understood, counts->lines - counts->empty - counts->not_understood,
                            counts->first_line, text);
    free(text);
  } else if (rules->count == 0) {
    reason =
        blocklist_text("what came has no rule: %" PRIu64 " lines, all of them empty, comments or boilerplate",
                       counts->lines);
  }
  return reason;
}
