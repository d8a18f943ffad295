#include "judge.h"

#include <string.h>
#include <sys/socket.h>

const char *const rule_name[RULES] = {
    [RULE_NOT_HOST] = "not-host",
    [RULE_NOT_HOST_CANONNAME] = "not-host-canonname",
    [RULE_ODD_CHAIN] = "odd-chain",
    [RULE_CHAIN_LOOP] = "chain-loop",
    [RULE_CHAIN_ONWARD] = "chain-onward",
    [RULE_CHAIN_ORDER] = "chain-order",
    [RULE_STRAY_RECORD] = "stray-record",
    [RULE_CHAIN_NO_ADDRESS] = "chain-no-address",
    [RULE_PTR_NOT_HOST] = "ptr-not-host",
    [RULE_LONG_CANDIDATE] = "long-candidate",
    [RULE_NO_AAAA] = "no-aaaa",
    [RULE_CASE_SENSITIVE] = "case-sensitive",
    [RULE_NAME_CASE] = "name-case",
    [RULE_EDNS] = "edns",
    [RULE_SHORT_DATAGRAM] = "short-datagram",
    [RULE_OTHER_RCODE] = "other-rcode",
    [RULE_REFERRAL] = "referral",
    [RULE_TCP_SILENT] = "tcp-silent",
    [RULE_REVERSE_FAILURE] = "reverse-failure",
    [RULE_SEARCH_SERVFAIL] = "search-servfail",
    [RULE_SORTLIST_LENGTH] = "sortlist-length",
    [RULE_FAMILY_REFUSED] = "family-refused",
    [RULE_FAMILY_FAILED] = "family-failed",
    [RULE_DEAD_SERVER] = "dead-server",
    [RULE_HOSTS_ALIAS_ONCE] = "hosts-alias-once",
    [RULE_HOSTS_MAPPED] = "hosts-mapped",
    [RULE_HOSTS_NO_NAME] = "hosts-no-name",
    [RULE_HOSTS_LONG_NAME] = "hosts-long-name",
    [RULE_HOSTS_TTL] = "hosts-ttl",
    [RULE_HOSTS_FAMILIES] = "hosts-families",
    [RULE_SPECIAL] = "special",
};

/* getaddrinfo() sorts what comes of two questions, and either reply may be the first. */
static bool is_ordered(const struct lookup *lookup)
{
  return lookup->call != CALL_GETADDRINFO || lookup->family != AF_UNSPEC;
}

struct predictions {
  struct result ours, theirs;
  struct notes notes;
  bool made;
};

static void predict(const struct world *world, const struct lookup *lookup, struct predictions *ret)
{
  memset(&ret->notes, 0, sizeof ret->notes);
  ret->made = model_predict(&model_ours, world, lookup, &ret->ours, &ret->notes) &&
              model_predict(&model_glibc, world, lookup, &ret->theirs, &ret->notes);
}

enum verdict judge(const struct world *world, const struct lookup *lookup, const struct result *ours,
                   const struct result *theirs, enum rule *ret_rule)
{
  static struct predictions predictions;

  if (result_same(ours, theirs, is_ordered(lookup)))
    return VERDICT_SAME;
  bool order_alone = result_same(ours, theirs, false);
  predict(world, lookup, &predictions);
  if (!predictions.made || !result_same(ours, &predictions.ours, order_alone) ||
      !result_same(theirs, &predictions.theirs, order_alone))
    return VERDICT_WRONG;
  for (unsigned rule = 0; rule < RULES; rule++)
    if (predictions.notes.rule[rule]) {
      *ret_rule = (enum rule)rule;
      return VERDICT_INTENDED;
    }
  return VERDICT_WRONG;
}

void judge_explain(const struct world *world, const struct lookup *lookup, const struct result *ours,
                   const struct result *theirs, FILE *out)
{
  static struct predictions predictions;

  fputs("  ", out);
  lookup_print(lookup, out);
  fputs("\n  aiodns:   ", out);
  result_print(lookup, ours, out);
  fputs("  glibc:    ", out);
  result_print(lookup, theirs, out);
  predict(world, lookup, &predictions);
  if (!predictions.made)
    return;
  fputs("  of aiodns expected: ", out);
  result_print(lookup, &predictions.ours, out);
  fputs("  of glibc expected:  ", out);
  result_print(lookup, &predictions.theirs, out);
  fputs("  rules met:", out);
  for (unsigned rule = 0; rule < RULES; rule++)
    if (predictions.notes.rule[rule])
      fprintf(out, " %s", rule_name[rule]);
  fputc('\n', out);
}
