/*
 * The tiers of the cache that this process reads and writes, as the module would here, and by the same rules.
 */
#ifndef COMMAND_TIERS_H
#define COMMAND_TIERS_H

#include "self.h"
#include "tier.h"

struct command_tier {
  struct aiodns_tier tier;
  bool writes;                     /* this process may */
  enum aiodns_tier_verdict folder; /* GOOD, or the files cannot be looked at */
  int error;                       /* of the folder, for AIODNS_TIER_ERROR */
};

struct command_tiers {
  enum aiodns_self self;
  uint32_t uid;
  unsigned count;
  struct command_tier tier[AIODNS_TIER_KINDS];
};

void command_tiers(struct command_tiers *ret);

const char *command_tier_name(const struct command_tier *tier);

/* Maps the tier's cache, or says in *ret_error the errno of AIODNS_TIER_ERROR. */
enum aiodns_tier_verdict command_tier_map(const struct command_tier *tier, struct aiodns_tier_map *ret,
                                          int *ret_error);
void command_tier_unmap(const struct aiodns_tier_map *map);

/* Nothing is there yet: no fault. */
bool command_tier_is_absent(enum aiodns_tier_verdict verdict);

/* It is there, and its owner keeps it from this process, which is no fault either: a host's cache that is
 * private. */
bool command_tier_is_closed(const struct command_tier *tier, enum aiodns_tier_verdict verdict, int error);

/* `host tier: PATH: reason`, for a verdict that is not GOOD. The caller frees it. */
char *command_tier_reason(const struct command_tier *tier, enum aiodns_tier_file file,
                          enum aiodns_tier_verdict verdict, int error);

/* CLOCK_BOOTTIME, in which the records count. */
uint64_t command_now_ns(void);

#endif
