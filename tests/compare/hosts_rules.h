/*
 * In what aiodns and nss_files differ on purpose.  Each rule rewrites the file, or glibc's answer, such that
 * the difference goes away: it explains one if glibc's answer to the rewritten file, rewritten, is aiodns's
 * answer to the file as it is, to the letter.
 */
#ifndef COMPARE_HOSTS_RULES_H
#define COMPARE_HOSTS_RULES_H

#include "hosts_client.h"
#include "model.h"

/* glibc's answer to the question of that file; false: there is none. */
typedef bool hosts_ask_glibc(void *context, const char *text, size_t len,
                             const struct hosts_question *question, struct hosts_answer *ret);

/* Which rule explains the difference; RULES: none does. */
enum rule hosts_rule_of(const char *text, size_t len, const struct hosts_question *question,
                        const struct hosts_answer *ours, const struct hosts_answer *theirs,
                        hosts_ask_glibc *ask, void *context);

#endif
