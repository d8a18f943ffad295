/* A block list: each rule is a name in lower case, and each line is counted once. */
#include "blocklist.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void look_at_name(const struct aiodns_name *name)
{
  size_t at = 0;

  must(name->len >= 3); /* never the root */
  while (name->wire[at]) {
    uint8_t len = name->wire[at];
    must(len <= AIODNS_LABEL_MAX && at + 1 + len < name->len);
    for (size_t i = at + 1; i <= at + len; i++)
      must((name->wire[i] >= 'a' && name->wire[i] <= 'z') || (name->wire[i] >= '0' && name->wire[i] <= '9') ||
           name->wire[i] == '-' || name->wire[i] == '_');
    at += 1 + (size_t)len;
  }
  must(at + 1 == name->len);
}

static void look_at_rule(const struct aiodns_rule *rule)
{
  struct aiodns_name again;
  char text[AIODNS_NAME_TEXT_MAX];

  must((rule->is & ~(AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW)) == 0);
  must((rule->is & (AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW)) != 0);
  look_at_name(&rule->name);
  aiodns_name_to_text(&rule->name, text);
  must(aiodns_name_from_text(&again, text) && again.len == rule->name.len &&
       memcmp(again.wire, rule->name.wire, again.len) == 0);
}

static void look_at_counts(const struct aiodns_blocklist_counts *counts, const uint8_t *data, size_t len)
{
  uint64_t lines = len > 0 && data[len - 1] != '\n';

  for (size_t i = 0; i < len; i++)
    lines += data[i] == '\n';
  must(counts->lines == lines);
  must(counts->empty + counts->not_understood <= lines);
  must(lines - counts->empty - counts->not_understood <= counts->rules + counts->skipped);
  must((counts->first_line > 0) == (counts->not_understood > 0) && counts->first_line <= lines);
  must(counts->first_line == 0 || memchr(counts->first_text, '\0', sizeof counts->first_text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static struct aiodns_blocklist list;
  struct aiodns_rule rule;
  char path[64];
  uint64_t rules = 0;
  int fd = memfd_create("blocklist", MFD_CLOEXEC);

  must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  must(aiodns_blocklist_open(&list, path));
  for (; aiodns_blocklist_next(&list, &rule); rules++)
    look_at_rule(&rule);
  must(!list.lines.failed && rules == list.counts.rules);
  look_at_counts(&list.counts, data, len);
  aiodns_blocklist_close(&list);
  close(fd);
  return 0;
}
