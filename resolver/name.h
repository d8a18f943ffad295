/*
 * Domain names in wire form: labels of 1 to 63 octets, 255 octets in all with the root's (RFC 1035
 * section 2.3.4). Letter case is kept and ignored in comparisons (RFC 4343).  Nothing here allocates, fails
 * halfway or keeps a pointer; all of it is safe in any thread.
 */
#ifndef AIODNS_NAME_H
#define AIODNS_NAME_H

#include "cursor.h"

#include <netinet/in.h>

enum {
  AIODNS_NAME_MAX = 255, /* octets of a name on the wire */
  AIODNS_LABEL_MAX = 63,
  /* A name has at most 127 labels, and more pointers than labels serve nobody but who wants us busy. */
  AIODNS_POINTERS_MAX = 127,
  AIODNS_NAME_TEXT_MAX = 1025, /* characters of a name as text, each octet as \DDD, with the NUL */
};

struct aiodns_name {
  uint8_t len; /* with the root's octet; 0: no name */
  uint8_t wire[AIODNS_NAME_MAX];
};

/*
 * Master file form (RFC 1035 section 5.1): `\.` and `\DDD` are escapes, a last dot is allowed and changes
 * nothing. False for the empty string, empty labels, bad escapes, and whatever is too long; *ret is untouched
 * then.
 */
bool aiodns_name_from_text(struct aiodns_name *ret, const char *text);

/* The name of the PTR record of an address (RFC 1035 section 3.5, RFC 3596 section 2.5): family is AF_INET or
 * AF_INET6. */
void aiodns_name_from_address(struct aiodns_name *ret, int family, const void *address);

/*
 * Reads a name that may be compressed (RFC 1035 section 4.1.4).  Each pointer must go further back than all
 * before it, and there may be AIODNS_POINTERS_MAX of them.  On failure the cursor is bad and *ret holds no
 * name.
 */
void aiodns_name_read(struct aiodns_cursor *c, struct aiodns_name *ret);

/* The same for a name that only has to be right. */
void aiodns_name_check(struct aiodns_cursor *c);

/* Goes past a name, wherever its pointer leads: for one that has been read before, or is not looked at. */
void aiodns_name_skip(struct aiodns_cursor *c);

/*
 * Writes the text that ns_name_ntop(3) writes, without a last dot, and a NUL.  Returns its length without the
 * NUL; buf has room for AIODNS_NAME_TEXT_MAX.
 */
size_t aiodns_name_to_text(const struct aiodns_name *name, char *buf);

/* Adds the labels of `suffix` behind those of `name`; false, with *name as it was, where that is too long. */
bool aiodns_name_append(struct aiodns_name *name, const struct aiodns_name *suffix);

bool aiodns_name_equal(const struct aiodns_name *a, const struct aiodns_name *b);

/* Whether `name` is `top` or below it. */
bool aiodns_name_within(const struct aiodns_name *name, const struct aiodns_name *top);

/* ASCII alone, whatever the locale (RFC 4343). */
static inline uint8_t aiodns_name_lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Letters, digits, `-` and `_` only, with no `-` in front: what glibc lets pass as a host name. */
bool aiodns_name_is_host(const struct aiodns_name *name);

/* The same for what stands behind other labels: it may begin with `-`. */
bool aiodns_name_is_host_part(const struct aiodns_name *name);

#endif
