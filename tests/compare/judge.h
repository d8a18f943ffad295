/* Whether two results may differ. */
#ifndef COMPARE_JUDGE_H
#define COMPARE_JUDGE_H

#include "model.h"

enum verdict { VERDICT_SAME, VERDICT_INTENDED, VERDICT_WRONG };

/* *ret_rule: with VERDICT_INTENDED the first of the rules that both models came across. */
enum verdict judge(const struct world *world, const struct lookup *lookup, const struct result *ours,
                   const struct result *theirs, enum rule *ret_rule);

/* The lookup, the results, and what the models would have had come. */
void judge_explain(const struct world *world, const struct lookup *lookup, const struct result *ours,
                   const struct result *theirs, FILE *out);

#endif
