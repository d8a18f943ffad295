/*
 * What this process is, as far as it decides which caches it may write and which it believes: real, effective
 * and saved IDs, AT_SECURE, and permitted capabilities (credentials(7), capabilities(7)).  Three or four
 * system calls; nothing is remembered, since programs change what they are.
 */
#ifndef AIODNS_SELF_H
#define AIODNS_SELF_H

#include <stdbool.h>
#include <stdint.h>

enum aiodns_self {
  AIODNS_SELF_ROOT,  /* root through and through: all IDs are 0, AT_SECURE is not set */
  AIODNS_SELF_USER,  /* one user and nothing else: equal IDs that are not 0, no AT_SECURE, no capability */
  AIODNS_SELF_MIXED, /* anything else: reads the host tier, writes nothing */
};

/*
 * Which it is now; *ret_uid is the user's for AIODNS_SELF_USER, else 0.  The overflow uid, which every
 * stranger of a user namespace looks like, is nobody's: MIXED.  So is whoever cannot find out.
 */
enum aiodns_self aiodns_self_now(uint32_t *ret_uid);

/* What strangers look like: /proc/sys/kernel/overflowuid, 65534 where that cannot be read. */
uint32_t aiodns_self_overflow_uid(void);

#endif
