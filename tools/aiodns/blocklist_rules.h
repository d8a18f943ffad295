/*
 * The rules of a block list as a set, to count them and to compare two lists.  Of each there is a hash of 64
 * bits: two rules in a million that share one are one in 10^7 lists, and then a count is off by one.
 */
#ifndef BLOCKLIST_RULES_H
#define BLOCKLIST_RULES_H

#include "blocklist.h" /* of resolver/ */

#include <stddef.h>

enum { BLOCKLIST_RULES_MAX = 16 << 20 }; /* 128 MiB of hashes; the largest lists have two million */

struct blocklist_rules {
  struct aiodns_blocklist_counts counts;
  uint64_t *hash; /* in order, each once */
  size_t count, room;
};

/* Reads the file at `path`.  NULL, or what is wrong with it: a static text, or that of errno. */
const char *blocklist_rules_read(struct blocklist_rules *ret, const char *path);
void blocklist_rules_done(struct blocklist_rules *rules);

/* How many of `now` are not in `before`. */
size_t blocklist_rules_added(const struct blocklist_rules *before, const struct blocklist_rules *now);

/*
 * NULL, or why no file like this one is taken for a block list: a sentence that the caller frees.  `path` is
 * where `rules` are from.
 */
char *blocklist_rules_refuse(const struct blocklist_rules *rules, const char *path);

#endif
