/*
 * What this host itself says of names: /etc/hosts, the further hosts files of aiodns.conf, its block lists,
 * and its `block` and `allow` lines.  Answered from the index (index.h) where there is one of these very
 * files; else the files are read, in place.
 *
 * Invariants: whatever is said is of the files as they were in this tick of the clock (moment.h).  The index
 * changes nothing but the time that it takes.  Hosts come first, then what is allowed, then what is blocked.
 *
 * Costs: in a new tick a stat(2) of /etc/hosts and aiodns.conf, and, where that names files, of the index and
 * each of them; without an index each lookup reads all of them.
 */
#ifndef AIODNS_LISTS_H
#define AIODNS_LISTS_H

#include "hosts.h"
#include "moment.h"

/* Where moment->lists says that something is to be found; 0: not looked at yet. */
enum {
  AIODNS_LISTS_LOOKED = 1,
  AIODNS_LISTS_INDEX = 2,   /* all that follows is in the index */
  AIODNS_LISTS_HOSTS = 4,   /* there are hosts files beside /etc/hosts */
  AIODNS_LISTS_RULES = 8,   /* `block` or `allow` lines */
  AIODNS_LISTS_BLOCKS = 16, /* block lists */
};

/* Looks at aiodns.conf and at all these files, once a tick. */
void aiodns_lists_look(struct aiodns_moment *moment);

/* As aiodns_hosts_by_name(), _by_address(), of all hosts files in their order. */
AIODNS_HOSTS_APART unsigned aiodns_lists_by_name(struct aiodns_moment *moment, const char *name, int family,
                                                 struct aiodns_answer answer[2], unsigned *ret_first);
AIODNS_HOSTS_APART bool aiodns_lists_by_address(struct aiodns_moment *moment, int family, const void *address,
                                                struct aiodns_answer *answer);

/* Whether moment->hosts and moment->settings tell when any of this changes. */
bool aiodns_lists_are_steady(const struct aiodns_moment *moment);

/* Whether there is any rule that names are to be looked for in. */
static inline bool aiodns_lists_have_rules(const struct aiodns_moment *moment)
{
  return moment->lists & (AIODNS_LISTS_RULES | AIODNS_LISTS_BLOCKS);
}

/* AIODNS_RULE_ALLOW if the name is allowed, AIODNS_RULE_ITSELF if it is blocked, else 0. */
AIODNS_HOSTS_APART unsigned aiodns_lists_rules(const struct aiodns_moment *moment,
                                               const struct aiodns_name *name);

#endif
