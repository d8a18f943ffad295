/*
 * The tiers as this process has them mapped: one map of each, for all threads, kept between lookups.
 *
 * Invariants:
 * - Only maps that can be read are kept, and no descriptor (but the counters': counters.h).
 * - Memory that a reader may be looking at never goes away: a newer file of the same size is mapped over the
 * older one, and what is given up is replaced by private zeros.  A reader that still has the key of the older
 * file finds nothing in it.
 * - Lock-free for readers.  One thread changes a tier at a time, others go on with what there is.
 */
#ifndef AIODNS_SHARED_H
#define AIODNS_SHARED_H

#include "self.h"
#include "tier.h"

/* Copies the map of a tier, if there is one and, of the user tier, it is this user's. No system call. */
bool aiodns_shared_get(enum aiodns_tier_kind kind, uint32_t uid, struct aiodns_tier_map *ret);

/*
 * Looks whether the file is still the one that is mapped, maps it if it is new, and gives up what is not to
 * be believed any more: one stat(2) where nothing has changed.
 */
void aiodns_shared_look(enum aiodns_tier_kind kind, uint32_t uid);

/* A tier that this process may write. */
struct aiodns_shared_own {
  struct aiodns_tier tier;
  char path[AIODNS_TIER_PATH_MAX]; /* of its cache */
};

/* That of this process, if it has one; its folder is made where it is missing. */
bool aiodns_shared_own(enum aiodns_self self, uint32_t uid, struct aiodns_shared_own *ret);

/* What aiodns.conf wants a tier's cache to be. */
struct aiodns_shared_wish {
  uint32_t size; /* octets, about; 0: any, and of a new one as usual */
  bool closed;   /* the host tier's is root's alone to read */
};

/* Whether the cache that is mapped is so. */
bool aiodns_shared_fits(enum aiodns_tier_kind kind, uint32_t uid, const struct aiodns_shared_wish *wish);

/* Makes its cache, where that is missing, of no use, or another than is wished; then aiodns_shared_get() has
 * it. */
bool aiodns_shared_make(enum aiodns_self self, uint32_t uid, const struct aiodns_shared_wish *wish);

#endif
