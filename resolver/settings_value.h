/*
 * The values of /etc/aiodns.conf that are more than one of some words: times and servers.
 *
 * A word is given as lines.h returns it: cut to AIODNS_SETTINGS_WORD_ROOM, and how long it was before.  Each
 * function returns NULL, or the static text of what was expected in the word's place.
 */
#ifndef AIODNS_SETTINGS_VALUE_H
#define AIODNS_SETTINGS_VALUE_H

#include "conf.h"

#include <stddef.h>
#include <stdint.h>

/* Longer than any word that means something: a name of 253 characters, a path of 255. */
enum { AIODNS_SETTINGS_WORD_ROOM = 257 };

extern const char aiodns_settings_expected_time[]; /* where there is no time at all */

/* A whole number and its unit.  What is too large for 64 bits is some time beyond all limits. */
const char *aiodns_settings_time(const char *word, size_t len, uint64_t *ret_ms);

/*
 * ADDRESS[%SCOPE][@PORT].  All of *ret that this does not say is 0: it is compared as octets.  Where the
 * kernel has no such interface, or cannot be asked for it now, *ret_error gets the errno, and else stays.
 */
const char *aiodns_settings_server(const char *word, size_t len, struct aiodns_server *ret, int *ret_error);

/* A whole number of octets, with K, M or G behind it for powers of 1,024. */
const char *aiodns_settings_size(const char *word, size_t len, uint64_t *ret);

/* A domain name, in lower case in *ret; not the root. */
const char *aiodns_settings_name(const char *word, size_t len, struct aiodns_name *ret);

/* The path of a file from the root on; `*` and `?` may stand in its last part. */
const char *aiodns_settings_pattern(const char *word, size_t len);

#endif
