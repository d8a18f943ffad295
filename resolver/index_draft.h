/* An index that is being built: what index_build.c fills and index_finish.c puts together.  Nobody else's
 * business. */
#ifndef AIODNS_INDEX_DRAFT_H
#define AIODNS_INDEX_DRAFT_H

#include "index_area.h"
#include "index_build.h"
#include "index_layout.h"

/*
 * Each with its hash, so that neither a larger table nor that of the file has to look at the keys again:
 * those are filled in the order of this one, which is nearly that of the hashes.
 */
struct aiodns_keys_slot {
  uint32_t hash;
  uint32_t at; /* 0: free */
};

struct aiodns_keys {
  struct aiodns_keys_slot *slot;
  uint32_t count, places;
};

/* Room for one more; false: errno. */
bool aiodns_keys_reserve(struct aiodns_keys *keys);
void aiodns_keys_done(struct aiodns_keys *keys);

struct aiodns_draft_address {
  uint8_t len;
  uint8_t octets[16];
};

/*
 * A key of a line that has its turn a little later: what its place is in is being loaded meanwhile, which
 * takes most of the time where there are many.
 */
struct aiodns_draft_pending {
  uint32_t hash, line;
  uint32_t word, word_len; /* of a name; word_len 0: an address */
  struct aiodns_draft_address address;
};

enum { AIODNS_DRAFT_PENDING = 32 };

struct aiodns_index_draft {
  uint64_t key[2];
  int error; /* the first one; then there is nothing more to be added to */
  uint32_t source_count;
  uint64_t rule_labels;
  struct aiodns_area sources, paths, lines, rules;
  struct aiodns_keys names, addresses, rule_names;
  unsigned first, waiting;
  struct aiodns_draft_pending pending[AIODNS_DRAFT_PENDING]; /* from `first` on, in a ring */
  struct aiodns_area whole;
};

/* All but what was put together goes. */
void aiodns_index_draft_drop(struct aiodns_index_draft *draft);

/* By errno: nothing more is added to it. */
void aiodns_index_draft_fail(struct aiodns_index_draft *draft);

/* The first of the keys that wait has its turn. */
void aiodns_index_draft_settle(struct aiodns_index_draft *draft);

#endif
