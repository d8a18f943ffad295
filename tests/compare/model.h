/*
 * What each service is to make of a world: two models, written from what the services document and, for
 * glibc's, from its source; they share no code with the module.  They are asked only where the results
 * differ: the difference counts as intended if both models predict exactly what came, and then has the name
 * of the rule that the models noted on their way.
 */
#ifndef COMPARE_MODEL_H
#define COMPARE_MODEL_H

#include "world.h"

#include <nss.h>

/*
 * The rules in which the services differ on purpose: each has a row of its own in docs/differences.md, which
 * says what either does and why, and is named as that row.  Where several explain one difference the first
 * counts, so the narrow ones stand first.
 */
enum rule {
  RULE_NOT_HOST,
  RULE_NOT_HOST_CANONNAME,
  RULE_ODD_CHAIN,
  RULE_CHAIN_LOOP,
  RULE_CHAIN_ONWARD,
  RULE_CHAIN_ORDER,
  RULE_STRAY_RECORD,
  RULE_CHAIN_NO_ADDRESS,
  RULE_PTR_NOT_HOST,
  RULE_LONG_CANDIDATE,
  RULE_NO_AAAA,
  RULE_CASE_SENSITIVE,
  RULE_NAME_CASE,
  RULE_EDNS,
  RULE_SHORT_DATAGRAM,
  RULE_OTHER_RCODE,
  RULE_REFERRAL,
  RULE_TCP_SILENT,
  RULE_REVERSE_FAILURE,
  RULE_SEARCH_SERVFAIL,
  RULE_SORTLIST_LENGTH,
  RULE_FAMILY_REFUSED,
  RULE_FAMILY_FAILED,
  RULE_DEAD_SERVER,
  /* Of hosts files: hosts_rules.h. */
  RULE_HOSTS_ALIAS_ONCE,
  RULE_HOSTS_MAPPED,
  RULE_HOSTS_NO_NAME,
  RULE_HOSTS_LONG_NAME,
  RULE_HOSTS_TTL,
  RULE_HOSTS_FAMILIES,
  RULE_SPECIAL,
  RULES,
};

extern const char *const rule_name[RULES];

/* What an entry point of a module is to return. */
struct found {
  enum nss_status status;
  int h_error, error; /* errno, where it reaches programs */
  struct result data; /* names and addresses */
};

struct notes {
  bool rule[RULES];
};

struct model {
  void (*both)(const struct world *, const char *name, struct found *ret, struct notes *);
  /* `checked`: gethostbyname2_r, which looks at the name first; else gethostbyname3_r */
  void (*one)(const struct world *, const char *name, int family, bool checked, struct found *ret,
              struct notes *);
  void (*reverse)(const struct world *, const struct address *, struct found *ret, struct notes *);
};

extern const struct model model_glibc, model_ours;

/* What a program gets that way through glibc. False: no module is asked for such a name. */
bool model_predict(const struct model *model, const struct world *world, const struct lookup *lookup,
                   struct result *ret, struct notes *notes);

/* ---- For the models ---- */

void found_fail(struct found *found, enum nss_status status, int h_error, int error);

/* The address whose name is asked for: an IPv4 one may be embedded. False: nobody is asked. */
bool embedded_address(const struct address *given, struct address *ret);

/* By the sortlist, the first `count` of the addresses, or all where there are fewer. */
void sort_addresses(const struct world *world, struct result *result, unsigned count);

/* The target of HOSTALIASES, or NULL. */
const char *find_alias(const struct world *world, const char *name);

#endif
