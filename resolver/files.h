/* The two small things that glibc keeps to itself: the rest of a long search list, and HOSTALIASES. */
#ifndef AIODNS_FILES_H
#define AIODNS_FILES_H

#include "search.h"

#define AIODNS_RESOLV_CONF_PATH "/etc/resolv.conf"

/*
 * `_res` shows at most 6 domains, or fewer where they do not fit 256 octets; the whole list is in LOCALDOMAIN
 * (not where AT_SECURE is set), else in the last `search` or `domain` line of resolv.conf(5).  It is believed
 * only if it begins with what `_res` shows.  An aiodns_search_more; `source` is not used.
 */
bool aiodns_files_search_more(void *source, const struct aiodns_conf *conf, unsigned index, char *buf);

/* The same, from the file at `path` or, where that is NULL, from the text of LOCALDOMAIN. */
bool aiodns_files_search_in(const char *path, const char *text, const struct aiodns_conf *conf,
                            unsigned index, char *buf);

/* hostname(7): what the file named by HOSTALIASES has for a name without dots; false where it has nothing. */
bool aiodns_files_alias(const char *name, char *buf, size_t room);

#endif
