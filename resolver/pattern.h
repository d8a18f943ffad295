/*
 * Which files a path of aiodns.conf means: itself, or, where its last part has `*` (any characters, or none)
 * or `?` (one), those in its folder that match, in the order of their names' octets.  As in shells, a leading
 * dot is matched by a dot alone.
 *
 * Costs: the folder is read once for each file, through a buffer on the stack; nothing is allocated.
 */
#ifndef AIODNS_PATTERN_H
#define AIODNS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum { AIODNS_PATTERN_PATH_MAX = 512 }; /* a pattern's folder, and a name of NAME_MAX octets */

/* The next file after `path`, in its place; "" for the first one.  False: there is none. */
bool aiodns_pattern_next(const char *pattern, char path[AIODNS_PATTERN_PATH_MAX]);

/* The folder that it looks into; false where it names one file. */
bool aiodns_pattern_folder(const char *pattern, char ret[AIODNS_PATTERN_PATH_MAX]);

#endif
