/*
 * One family's answer, or one PTR answer, in the form in which it leaves the core: names as text, addresses
 * in network order.  Short answers stay inside the object; longer ones take one allocation for names and one
 * for addresses.
 */
#ifndef AIODNS_ANSWER_H
#define AIODNS_ANSWER_H

#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  AIODNS_INLINE_NAMES = 320,     /* octets: a name of any length, or a chain of a few usual ones */
  AIODNS_INLINE_ADDRESSES = 128, /* octets: 32 IPv4 or 8 IPv6 addresses */
};

/* Octets that grow; `data` is `inside` until they no longer fit. */
struct aiodns_store {
  uint8_t *data;
  uint32_t len, room;
  uint8_t *inside;
};

struct aiodns_answer {
  enum aiodns_outcome outcome;
  int error; /* errno, for AIODNS_LOCAL */
  /* Seconds, the least along the chain; of a negative answer by its SOA (RFC 2308); 0: not to be kept. */
  uint32_t ttl_s;
  uint16_t address_count, name_count;
  uint8_t address_len;       /* 4 or 16; 0 for PTR */
  uint32_t canonical_offset; /* of the canonical name in names.data */
  struct aiodns_store names; /* NUL-terminated, one after the other; all but the canonical one are aliases */
  struct aiodns_store addresses;
  uint8_t inside_names[AIODNS_INLINE_NAMES];
  uint8_t inside_addresses[AIODNS_INLINE_ADDRESSES];
};

/* An empty answer, PENDING.  It points into itself: it must not be copied or moved, but by _move(). */
void aiodns_answer_init(struct aiodns_answer *answer, uint8_t address_len);

/* *ret, which held nothing, gets all that *answer holds; that is empty then. */
void aiodns_answer_move(struct aiodns_answer *ret, struct aiodns_answer *answer);
void aiodns_answer_done(struct aiodns_answer *answer);

/* Both return false, with AIODNS_LOCAL and ENOMEM in the answer, where memory or a count is used up. */
bool aiodns_answer_add_name(struct aiodns_answer *answer, const char *text, size_t len, bool canonical);
bool aiodns_answer_add_address(struct aiodns_answer *answer, const void *address);

/* The canonical name; valid until the answer changes.  NULL where it has no name. */
const char *aiodns_answer_canonical(const struct aiodns_answer *answer);

/* Whether it has this name, in any letter case. */
bool aiodns_answer_has_name(const struct aiodns_answer *answer, const char *text);

#endif
