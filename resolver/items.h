/*
 * What aiodns.conf may say any number of times, in a room of fixed size without pointers, so that it is
 * copied from thread to thread as words: domains with their servers, patterns of files, names to block and to
 * allow.
 */
#ifndef AIODNS_ITEMS_H
#define AIODNS_ITEMS_H

#include "blocklist.h"
#include "conf.h"

enum {
  AIODNS_ITEMS_ROOM = 4084,
  AIODNS_ITEMS_MAX = AIODNS_ITEMS_ROOM / 6, /* "/a" is the shortest one, of 3 octets behind 3 */
};

enum aiodns_item_kind {
  AIODNS_ITEM_DOMAIN = 1, /* struct aiodns_domain, as far as it is filled */
  AIODNS_ITEM_HOSTS_FILE, /* a pattern: text with a NUL */
  AIODNS_ITEM_BLOCK_FILE, /* the same */
  AIODNS_ITEM_RULE,       /* an octet of AIODNS_RULE_..., and a name in wire form */
};

struct aiodns_items {
  uint64_t reading; /* which reading of the file they are of: in_force.c's */
  uint32_t len;
  uint8_t octets[AIODNS_ITEMS_ROOM]; /* each: its kind, the length of its data in two octets, its data */
};

struct aiodns_item {
  enum aiodns_item_kind kind;
  const uint8_t *data; /* in the items */
  size_t len;
};

/* Names at and below `name` are asked of these servers alone. */
struct aiodns_domain {
  struct aiodns_name name; /* in lower case */
  uint8_t server_count;    /* 0: of none */
  struct aiodns_server server[AIODNS_SERVERS_MAX];
};

/* Item by item, from *at = 0 on; false at the end. */
bool aiodns_items_next(const struct aiodns_items *items, uint32_t *at, struct aiodns_item *ret);

/* False, with nothing added, where there is no room. */
bool aiodns_items_add_domain(struct aiodns_items *items, const struct aiodns_domain *domain);
bool aiodns_items_add_pattern(struct aiodns_items *items, enum aiodns_item_kind kind, const char *pattern);
bool aiodns_items_add_rule(struct aiodns_items *items, const struct aiodns_rule *rule);

/* The longest domain that the name is in; false where it is in none. */
bool aiodns_items_domain_of(const struct aiodns_items *items, const struct aiodns_name *name,
                            struct aiodns_domain *ret);

/* The domain, or the rule, of an item; false where it is none. */
bool aiodns_items_domain(const struct aiodns_item *item, struct aiodns_domain *ret);
bool aiodns_items_rule(const struct aiodns_item *item, struct aiodns_rule *ret);

/* As aiodns_index_rules(). */
unsigned aiodns_items_rules(const struct aiodns_items *items, const struct aiodns_name *name);

/* What one rule says of a name: AIODNS_RULE_ALLOW, AIODNS_RULE_ITSELF (it is blocked), or 0. */
unsigned aiodns_rule_says(const struct aiodns_rule *rule, const struct aiodns_name *name);

/* Of two words about a name the one that counts. */
static inline unsigned aiodns_rules_join(unsigned one, unsigned other)
{
  return (one | other) & AIODNS_RULE_ALLOW ? AIODNS_RULE_ALLOW : one | other;
}

#endif
