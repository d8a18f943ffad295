/*
 * The lines of a response policy zone, as it stands in a block list (blocklist.h).
 */
#ifndef AIODNS_BLOCKLIST_ZONE_H
#define AIODNS_BLOCKLIST_ZONE_H

#include "name.h"

#include <stdbool.h>

/* What is known of the zone from the lines before; all 0 in the beginning. */
struct aiodns_blocklist_zone {
  struct aiodns_name origin; /* the zone's name; len 0: none was said */
  struct aiodns_name inside; /* what the last $ORIGIN has in front of that; len 0: nothing */
  bool in_soa;               /* between its parentheses */
};

enum aiodns_blocklist_line {
  AIODNS_BLOCKLIST_LINE_BAD,
  AIODNS_BLOCKLIST_LINE_EMPTY, /* it is what a zone has around its rules */
  AIODNS_BLOCKLIST_LINE_RULE,
};

/* What a rule is about, and what it says. */
struct aiodns_blocklist_policy {
  struct aiodns_name *name; /* the caller's: relative to the zone, in lower case, never the root */
  bool below;               /* about what is below it; else itself */
  bool allow;
};

/*
 * A record of policy->name, as it stands there, or of what is below; `behind` is what follows the name up to
 * the line's end.  *policy is of use with AIODNS_BLOCKLIST_LINE_RULE alone.
 */
enum aiodns_blocklist_line aiodns_blocklist_zone_record(struct aiodns_blocklist_zone *zone,
                                                        const char *behind, const char *end,
                                                        struct aiodns_blocklist_policy *policy);

/* Any other line, which has no white space at its ends; `indented`: it had some in front. */
enum aiodns_blocklist_line aiodns_blocklist_zone_read(struct aiodns_blocklist_zone *zone, const char *text,
                                                      const char *end, bool indented,
                                                      struct aiodns_blocklist_policy *policy);

/* Whether the line is numbers between the parentheses of an SOA record. */
bool aiodns_blocklist_zone_goes_on(struct aiodns_blocklist_zone *zone, const char *text, const char *end);

#endif
