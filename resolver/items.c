#include "items.h"

#include <string.h>

enum { HEAD = 3 };

static void read_head(const uint8_t *at, struct aiodns_item *ret)
{
  ret->kind = (enum aiodns_item_kind)at[0];
  ret->len = (size_t)at[1] | (size_t)at[2] << 8;
  ret->data = at + HEAD;
}

bool aiodns_items_next(const struct aiodns_items *items, uint32_t *at, struct aiodns_item *ret)
{
  if (items->len > sizeof items->octets || *at + HEAD > items->len)
    return false;
  read_head(items->octets + *at, ret);
  if (ret->len > items->len - *at - HEAD)
    return false;
  *at += (uint32_t)(HEAD + ret->len);
  return true;
}

/* ---- Adding ---- */

/* Room for an item's data; NULL: there is none. */
static uint8_t *add(struct aiodns_items *items, enum aiodns_item_kind kind, size_t len)
{
  uint8_t *at = items->octets + items->len;

  if (len + HEAD > sizeof items->octets - items->len)
    return NULL;
  at[0] = (uint8_t)kind;
  at[1] = (uint8_t)len;
  at[2] = (uint8_t)(len >> 8);
  items->len += (uint32_t)(HEAD + len);
  return at + HEAD;
}

/* Of its data: the servers in front, whose number is what the name leaves. */
bool aiodns_items_add_domain(struct aiodns_items *items, const struct aiodns_domain *domain)
{
  size_t servers_len = domain->server_count * sizeof domain->server[0];
  uint8_t *at = add(items, AIODNS_ITEM_DOMAIN, 1 + servers_len + domain->name.len);

  if (!at)
    return false;
  at[0] = domain->server_count;
  memcpy(at + 1, domain->server, servers_len);
  memcpy(at + 1 + servers_len, domain->name.wire, domain->name.len);
  return true;
}

bool aiodns_items_add_pattern(struct aiodns_items *items, enum aiodns_item_kind kind, const char *pattern)
{
  size_t len = strlen(pattern) + 1;
  uint8_t *at = add(items, kind, len);

  if (at)
    memcpy(at, pattern, len);
  return at;
}

bool aiodns_items_add_rule(struct aiodns_items *items, const struct aiodns_rule *rule)
{
  uint8_t *at = add(items, AIODNS_ITEM_RULE, 1 + (size_t)rule->name.len);

  if (!at)
    return false;
  at[0] = rule->is;
  memcpy(at + 1, rule->name.wire, rule->name.len);
  return true;
}

/* ---- Asking ---- */

static bool read_name(const uint8_t *wire, size_t len, struct aiodns_name *ret)
{
  if (len == 0 || len > AIODNS_NAME_MAX)
    return false;
  ret->len = (uint8_t)len;
  memcpy(ret->wire, wire, len);
  return true;
}

bool aiodns_items_domain(const struct aiodns_item *item, struct aiodns_domain *ret)
{
  if (item->kind != AIODNS_ITEM_DOMAIN || item->len < 1 || item->data[0] > AIODNS_SERVERS_MAX)
    return false;
  size_t servers_len = item->data[0] * sizeof ret->server[0];
  if (item->len < 1 + servers_len)
    return false;
  ret->server_count = item->data[0];
  memcpy(ret->server, item->data + 1, servers_len);
  return read_name(item->data + 1 + servers_len, item->len - 1 - servers_len, &ret->name);
}

bool aiodns_items_domain_of(const struct aiodns_items *items, const struct aiodns_name *name,
                            struct aiodns_domain *ret)
{
  struct aiodns_domain domain;
  struct aiodns_item item;
  bool found = false;

  for (uint32_t at = 0; aiodns_items_next(items, &at, &item);) {
    if (!aiodns_items_domain(&item, &domain) || (found && domain.name.len <= ret->name.len) ||
        !aiodns_name_within(name, &domain.name))
      continue;
    *ret = domain;
    found = true;
  }
  return found;
}

unsigned aiodns_rule_says(const struct aiodns_rule *rule, const struct aiodns_name *name)
{
  if (!aiodns_name_within(name, &rule->name))
    return 0;
  if (rule->is & AIODNS_RULE_ALLOW)
    return AIODNS_RULE_ALLOW;
  bool itself = name->len == rule->name.len;
  return rule->is & (itself ? AIODNS_RULE_ITSELF : AIODNS_RULE_BELOW) ? AIODNS_RULE_ITSELF : 0;
}

bool aiodns_items_rule(const struct aiodns_item *item, struct aiodns_rule *ret)
{
  if (item->kind != AIODNS_ITEM_RULE || item->len < 2 ||
      !read_name(item->data + 1, item->len - 1, &ret->name))
    return false;
  ret->is = item->data[0];
  return true;
}

unsigned aiodns_items_rules(const struct aiodns_items *items, const struct aiodns_name *name)
{
  struct aiodns_rule rule;
  struct aiodns_item item;
  unsigned says = 0;

  for (uint32_t at = 0; aiodns_items_next(items, &at, &item);)
    if (aiodns_items_rule(&item, &rule))
      says = aiodns_rules_join(says, aiodns_rule_says(&rule, name));
  return says;
}
