/* The model of nss_dns, of glibc 2.36 as Debian ships it: res_search() and nss_dns/dns-host.c. */
#include "glibc_query.h"

#include <errno.h>
#include <resolv.h>
#include <string.h>

enum { SORTED_MAX = 48 };

/* res_search(): 0, or h_errno. */
static int search(const struct world *world, const char *name, struct heard *heard, struct notes *notes)
{
  size_t len = strlen(name);
  unsigned dots = 0;
  int first = -1, h_error = HOST_NOT_FOUND;
  bool no_data = false, servfail = false, root = false, searched = false, tried = false;
  char text[GIVEN_MAX + DOMAIN_TEXT_MAX];

  heard->error = 0;
  for (size_t i = 0; i < len; i++)
    dots += name[i] == '.';
  bool absolute = len > 0 && name[len - 1] == '.';
  if (dots == 0 && find_alias(world, name))
    return glibc_query(world, find_alias(world, name), heard, notes);
  if (dots >= world->options.ndots || absolute) {
    first = len - 1 >= NS_MAXDNAME - 1 ? NO_RECOVERY : glibc_query(world, name, heard, notes);
    if (first == 0 || absolute)
      return first;
    tried = true;
    h_error = first;
  }
  for (unsigned i = 0; i < world->domain_count && !absolute; i++) {
    const char *domain = world->domain[i];
    domain += *domain == '.';
    searched = true;
    root |= *domain == '\0';
    snprintf(text, sizeof text, "%s.%s", name, domain);
    h_error = strlen(text) >= NS_MAXDNAME ? NO_RECOVERY : glibc_query(world, text, heard, notes);
    if (h_error == 0)
      return 0;
    if (heard->error == ECONNREFUSED)
      return TRY_AGAIN;
    bool failed = h_error == TRY_AGAIN && heard->rcode == RCODE_SERVFAIL;
    no_data |= h_error == NO_DATA;
    servfail |= failed;
    if (h_error != NO_DATA && h_error != HOST_NOT_FOUND && !failed)
      break;
  }
  if ((dots || !searched || !world->options.no_tld_query) && !tried && !root) {
    h_error = len - 1 >= NS_MAXDNAME - 1 ? NO_RECOVERY : glibc_query(world, name, heard, notes);
    if (h_error == 0)
      return 0;
  }
  notes->rule[RULE_SEARCH_SERVFAIL] |= servfail || first == TRY_AGAIN;
  return first != -1 ? first : no_data ? NO_DATA : servfail ? TRY_AGAIN : h_error;
}

static void fail_search(struct found *ret, const struct heard *heard, int h_error)
{
  bool gone = heard->error == ECONNREFUSED || heard->error == ETIMEDOUT;
  found_fail(ret, gone ? NSS_STATUS_UNAVAIL : NSS_STATUS_NOTFOUND, h_error,
             h_error == TRY_AGAIN ? EAGAIN : 0);
}

/* ---- Messages ---- */

static void add_alias(struct result *result, const char *name)
{
  if (res_hnok(name))
    result_add_alias(result, name);
}

/* The name in the question section of the reply. */
static void echoed_name(const struct reply *reply, const char *name, char buf[NS_MAXDNAME])
{
  if (reply->lower)
    lower_text(buf, name);
  else
    snprintf(buf, NS_MAXDNAME, "%s", name);
}

/* There is one: the question's. */
static const char *last_alias(const struct result *result)
{
  return result->alias[result->alias_count > 0 ? result->alias_count - 1 : 0];
}

/* Whether the CNAME stands beside another one, or beside what was asked for. */
static bool is_odd(const struct reply *reply, const struct record *alias, uint16_t type, const char *name)
{
  const char *owner = alias->owner ? alias->owner : name;

  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    if (record != alias && (record->type == type || record->type == ns_t_cname) &&
        same_text(record->owner ? record->owner : name, owner))
      return true;
  }
  return false;
}

/* Whether this CNAME stands behind what it leads to. */
static bool is_late(const struct reply *reply, unsigned alias)
{
  for (unsigned i = 0; i < alias; i++)
    if (reply->record[i].owner && same_text(reply->record[i].owner, reply->record[alias].target))
      return true;
  return false;
}

/*
 * Collects addresses, and the names in the order in which they come, the question's first; the name is the
 * last one before the addresses.
 */
static void read_reply(const struct reply *reply, const char *name, uint16_t type, bool any_class,
                       struct result *ret, struct notes *notes)
{
  char echoed[NS_MAXDNAME], expected[NS_MAXDNAME], owner[NS_MAXDNAME];
  bool aliased = false;

  echoed_name(reply, name, echoed);
  notes->rule[RULE_NAME_CASE] |= reply->lower && has_capitals(name);
  strcpy(expected, echoed);
  add_alias(ret, echoed);
  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    notes->rule[RULE_STRAY_RECORD] |= record->class != CLASS_IN;
    if (record->class != CLASS_IN && !any_class)
      continue;
    snprintf(owner, sizeof owner, "%s", record->owner ? record->owner : echoed);
    if (record->type == ns_t_cname) {
      notes->rule[RULE_ODD_CHAIN] |= is_odd(reply, record, type, echoed);
      notes->rule[RULE_CHAIN_ORDER] |= is_late(reply, i);
      notes->rule[RULE_STRAY_RECORD] |= !same_text(owner, expected);
      notes->rule[RULE_CHAIN_LOOP] |= same_text(record->target, owner);
      record_target(reply, record, echoed, expected);
      add_alias(ret, expected);
      aliased = true;
    } else if (record->type == type && same_text(owner, expected)) {
      if (record->data_len != (type == ns_t_a ? 4 : 16))
        continue;
      if (ret->address_count == 0)
        memcpy(ret->name, last_alias(ret), sizeof ret->name);
      result_add_address(ret, type == ns_t_a ? AF_INET : AF_INET6, record->data);
    }
  }
  if (ret->address_count == 0 && reply->count > 0)
    notes->rule[aliased ? RULE_CHAIN_NO_ADDRESS : RULE_STRAY_RECORD] = true;
}

static void last_alias_is_name(struct result *result)
{
  if (result->alias_count > 0)
    memcpy(result->name, result->alias[--result->alias_count], sizeof result->name);
}

static void glibc_one(const struct world *world, const char *name, int family, bool checked,
                      struct found *ret, struct notes *notes)
{
  static struct heard heard;

  found_fail(ret, NSS_STATUS_NOTFOUND, HOST_NOT_FOUND, 0);
  notes->rule[RULE_NOT_HOST] = *name == '\0';
  if (!res_hnok(name)) {
    notes->rule[RULE_NOT_HOST_CANONNAME] = true;
    if (checked)
      return;
  }
  if (!strchr(name, '.') && find_alias(world, name))
    name = find_alias(world, name);
  heard.count = 1;
  heard.type[0] = family == AF_INET ? ns_t_a : ns_t_aaaa;
  int h_error = search(world, name, &heard, notes);
  if (h_error != 0) {
    fail_search(ret, &heard, h_error);
    return;
  }
  if (!res_hnok(heard.name)) {
    notes->rule[RULE_NOT_HOST_CANONNAME] = true;
    return;
  }
  read_reply(&heard.reply[0], heard.name, heard.type[0], false, &ret->data, notes);
  if (ret->data.address_count == 0) {
    found_fail(ret, NSS_STATUS_TRYAGAIN, NO_RECOVERY, ENOENT);
    return;
  }
  ret->status = NSS_STATUS_SUCCESS;
  last_alias_is_name(&ret->data);
  if (family == AF_INET)
    sort_addresses(world, &ret->data, SORTED_MAX);
  notes->rule[RULE_SORTLIST_LENGTH] = world->net_count > 0 && ret->data.address_count > SORTED_MAX;
}

static void glibc_both(const struct world *world, const char *name, struct found *ret, struct notes *notes)
{
  static struct heard heard;
  static struct result part;

  found_fail(ret, NSS_STATUS_NOTFOUND, HOST_NOT_FOUND, 0);
  notes->rule[RULE_NOT_HOST] = *name == '\0';
  if (!res_hnok(name))
    return;
  if (!strchr(name, '.') && find_alias(world, name))
    name = find_alias(world, name);
  heard.count = world->options.no_aaaa ? 1 : 2;
  heard.type[0] = ns_t_a;
  heard.type[1] = ns_t_aaaa;
  heard.present[1] = false;
  int h_error = search(world, name, &heard, notes);
  if (h_error != 0) {
    fail_search(ret, &heard, h_error);
    return;
  }
  for (unsigned i = 0; i < heard.count && res_hnok(heard.name); i++) {
    if (!heard.present[i] || heard.reply[i].count == 0)
      continue;
    result_clear(&part);
    read_reply(&heard.reply[i], heard.name, heard.type[i], true, &part, notes);
    if (part.address_count == 0)
      continue;
    if (ret->status != NSS_STATUS_SUCCESS)
      memcpy(ret->data.name, part.name, sizeof part.name);
    ret->status = NSS_STATUS_SUCCESS;
    for (unsigned k = 0; k < part.address_count; k++)
      result_add_address(&ret->data, part.address[k].family, part.address[k].octets);
  }
}

static void read_ptr(const struct heard *heard, struct found *ret, struct notes *notes)
{
  const struct reply *reply = &heard->reply[0];
  char expected[NS_MAXDNAME];

  found_fail(ret, NSS_STATUS_TRYAGAIN, NO_RECOVERY, ENOENT);
  strcpy(expected, heard->name);
  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    const char *owner = record->owner ? record->owner : heard->name;
    if (record->class != CLASS_IN)
      continue;
    if (record->type == ns_t_cname) {
      notes->rule[RULE_ODD_CHAIN] |= is_odd(reply, record, ns_t_ptr, heard->name);
      notes->rule[RULE_CHAIN_ORDER] |= is_late(reply, i);
      notes->rule[RULE_STRAY_RECORD] |= !same_text(owner, expected);
      notes->rule[RULE_CHAIN_NO_ADDRESS] = true;
      notes->rule[RULE_CHAIN_LOOP] |= same_text(record->target, owner);
      record_target(reply, record, heard->name, expected);
    } else if (record->type == ns_t_ptr && same_text(owner, expected)) {
      notes->rule[RULE_PTR_NOT_HOST] |= !res_hnok(record->target);
      if (!res_hnok(record->target)) {
        found_fail(ret, NSS_STATUS_UNAVAIL, NO_RECOVERY, 0);
        return;
      }
      ret->status = NSS_STATUS_SUCCESS;
      record_target(reply, record, heard->name, expected);
      snprintf(ret->data.name, sizeof ret->data.name, "%.*s", HOST_NAME_MAX_LEN - 1, expected);
      return;
    }
  }
  notes->rule[RULE_STRAY_RECORD] = true;
}

static void glibc_reverse(const struct world *world, const struct address *given, struct found *ret,
                          struct notes *notes)
{
  static struct heard heard;
  static char name[NS_MAXDNAME];
  struct address address;

  found_fail(ret, NSS_STATUS_NOTFOUND, HOST_NOT_FOUND, 0);
  if (!embedded_address(given, &address))
    return;
  reverse_name(&address, name);
  heard.count = 1;
  heard.type[0] = ns_t_ptr;
  int h_error = glibc_query(world, name, &heard, notes);
  if (h_error != 0) {
    notes->rule[RULE_REVERSE_FAILURE] = h_error == TRY_AGAIN;
    found_fail(ret, NSS_STATUS_NOTFOUND, h_error, 0);
    return;
  }
  read_ptr(&heard, ret, notes);
  if (ret->status == NSS_STATUS_SUCCESS)
    result_add_address(&ret->data, address.family, address.octets);
}

const struct model model_glibc = {glibc_both, glibc_one, glibc_reverse};
