#include "blocklist_zone.h"

#include "blocklist_text.h"

#include <string.h>

static const enum aiodns_blocklist_line BAD = AIODNS_BLOCKLIST_LINE_BAD, EMPTY = AIODNS_BLOCKLIST_LINE_EMPTY;

/* The words of a record; `;` ends them. */
struct record {
  const char *word, *behind; /* the present one */
  const char *end;           /* of the line */
};

static bool next_word(struct record *record)
{
  record->word = aiodns_text_skip_space(record->behind, record->end);
  record->behind = record->word;
  if (record->word < record->end && *record->word == '#')
    return false;
  while (record->behind < record->end && !aiodns_text_is_space(*record->behind) && *record->behind != ';')
    record->behind++;
  return record->behind > record->word;
}

static bool is(const struct record *record, const char *word)
{
  return aiodns_text_is(record->word, record->behind, word);
}

/* 3600, or 1h30m. */
static bool is_ttl(const struct record *record)
{
  const char *text = record->word;

  if (text == record->behind || *text < '0' || *text > '9')
    return false;
  while (text < record->behind && memchr("0123456789smhdwSMHDW", *text, 20))
    text++;
  return text == record->behind;
}

/* ---- Names ---- */

/* Takes the zone's name off the end of one that is below it. */
static bool take_off_origin(const struct aiodns_blocklist_zone *zone, struct aiodns_name *name)
{
  if (zone->origin.len == 0 || name->len <= zone->origin.len || !aiodns_name_within(name, &zone->origin))
    return false;
  name->len = (uint8_t)(name->len - zone->origin.len + 1);
  name->wire[name->len - 1] = 0;
  return true;
}

/* From a name as it stands in the zone to the one that its rule is about; false: there is none. */
static bool make_relative(const struct aiodns_blocklist_zone *zone, struct aiodns_name *name, bool absolute)
{
  if (!absolute)
    return zone->inside.len == 0 || aiodns_name_append(name, &zone->inside);
  take_off_origin(zone, name);
  return zone->origin.len == 0 || !aiodns_name_equal(name, &zone->origin);
}

/* Whether it ends with rpz-ip or its like: the rule is about addresses or servers. */
static bool is_trigger(const struct aiodns_name *name)
{
  const uint8_t *label = aiodns_text_last_label(name);

  return *label > 4 && memcmp(label + 1, "rpz-", 4) == 0;
}

/* ---- Lines ---- */

static enum aiodns_blocklist_line read_origin(struct aiodns_blocklist_zone *zone, struct record *record)
{
  struct aiodns_name name;
  const char *behind;

  if (!next_word(record))
    return BAD;
  if (is(record, ".")) { /* below the root is everything: nothing is to be taken off */
    if (next_word(record))
      return BAD;
    zone->origin.len = zone->inside.len = 0;
    return EMPTY;
  }
  behind = aiodns_text_name(&name, record->word, record->behind);
  if (!behind || behind != record->behind || next_word(record))
    return BAD;
  bool absolute = behind[-1] == '.';
  if (!absolute && !make_relative(zone, &name, false))
    return BAD;
  if (!absolute || take_off_origin(zone, &name)) {
    zone->inside = name;
  } else {
    zone->origin = name;
    zone->inside.len = 0;
  }
  return EMPTY;
}

/* A record other than a rule: a zone has SOA and NS.  `owner` is absolute, or NULL. */
static enum aiodns_blocklist_line read_apex(struct aiodns_blocklist_zone *zone, struct record *record,
                                            const struct aiodns_name *owner)
{
  if (!is(record, "soa"))
    return is(record, "ns") ? EMPTY : BAD;
  if (owner) {
    zone->origin = *owner;
    zone->inside.len = 0;
  }
  while (next_word(record))
    for (const char *c = record->word; c < record->behind; c++)
      if (*c == '(' || *c == ')')
        zone->in_soa = *c == '(';
  return EMPTY;
}

/* A rule about policy->name; the record is at its type, CNAME. */
static enum aiodns_blocklist_line read_policy(struct record *record, struct aiodns_blocklist_policy *policy)
{
  next_word(record);
  policy->allow = is(record, "rpz-passthru.");
  if (!policy->allow && !is(record, ".") && !is(record, "*.") && !is(record, "rpz-drop."))
    return BAD;
  if (next_word(record) || is_trigger(policy->name) || aiodns_text_is_numeric(policy->name))
    return BAD;
  return AIODNS_BLOCKLIST_LINE_RULE;
}

/* Goes to the record's type. */
static bool find_type(struct record *record)
{
  for (int i = 0; i < 3 && next_word(record); i++) /* a TTL, a class, in either order */
    if (!is(record, "in") && !is_ttl(record))
      return true;
  return false;
}

/* A record whose own name is left out, and is the one of the record before: SOA and NS can do without. */
static enum aiodns_blocklist_line read_unnamed(struct aiodns_blocklist_zone *zone, struct record *record)
{
  return find_type(record) ? read_apex(zone, record, NULL) : BAD;
}

/* A record of `@` or `*`, which are about what $ORIGIN has in front of the zone: alone the zone is no name.
 */
static enum aiodns_blocklist_line read_here(struct aiodns_blocklist_zone *zone, struct record *record,
                                            struct aiodns_blocklist_policy *policy)
{
  policy->below = is(record, "*");
  if (!find_type(record))
    return BAD;
  if (!is(record, "cname"))
    return read_apex(zone, record, NULL);
  if (zone->inside.len == 0)
    return BAD;
  *policy->name = zone->inside;
  return read_policy(record, policy);
}

enum aiodns_blocklist_line aiodns_blocklist_zone_read(struct aiodns_blocklist_zone *zone, const char *text,
                                                      const char *end, bool indented,
                                                      struct aiodns_blocklist_policy *policy)
{
  struct record record = {.behind = text, .end = end};

  if (indented)
    return read_unnamed(zone, &record);
  next_word(&record);
  if (is(&record, "$origin"))
    return read_origin(zone, &record);
  if (is(&record, "$ttl"))
    return EMPTY;
  return is(&record, "@") || is(&record, "*") ? read_here(zone, &record, policy) : BAD;
}

enum aiodns_blocklist_line aiodns_blocklist_zone_record(struct aiodns_blocklist_zone *zone,
                                                        const char *behind, const char *end,
                                                        struct aiodns_blocklist_policy *policy)
{
  struct record record = {.behind = behind, .end = end};
  bool absolute = behind[-1] == '.';

  if (!find_type(&record))
    return BAD;
  if (!is(&record, "cname"))
    return read_apex(zone, &record, absolute && !policy->below ? policy->name : NULL);
  return make_relative(zone, policy->name, absolute) ? read_policy(&record, policy) : BAD;
}

bool aiodns_blocklist_zone_goes_on(struct aiodns_blocklist_zone *zone, const char *text, const char *end)
{
  struct record record = {.behind = text, .end = end};
  bool open = zone->in_soa, numbers = zone->in_soa;

  while (open && numbers && next_word(&record)) {
    open = record.behind[-1] != ')';
    if (!open)
      record.behind--;
    numbers = record.behind == record.word || is_ttl(&record);
  }
  zone->in_soa = open && numbers;
  if (open || !numbers)
    return numbers;
  record.behind++;
  return !next_word(&record);
}
