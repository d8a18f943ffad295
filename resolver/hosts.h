/*
 * hosts(5), read in place at each lookup, so that a change counts at once.  Costs an open, a read for every 4
 * KiB, and a close.  The meaning of each line is that of glibc's nss_files with `multi on`; malformed lines
 * are passed over.
 */
#ifndef AIODNS_HOSTS_H
#define AIODNS_HOSTS_H

#include "answer.h"

#define AIODNS_HOSTS_PATH "/etc/hosts"

/*
 * Adds to answer[0] what the file has for `name`, as family says: AF_INET takes ::ffff:a.b.c.d and ::1, too,
 * AF_INET6 takes no IPv4 line; AF_UNSPEC gives IPv6 addresses to answer[1].  Each answer that got an address
 * becomes ANSWER. Returns how many lines counted; *ret_first is the index of the answer that the first of
 * them went to.
 */
unsigned aiodns_hosts_by_name(const char *path, const char *name, int family, struct aiodns_answer answer[2],
                              unsigned *ret_first);

/* The names of the first line with this address; false where there is none. */
bool aiodns_hosts_by_address(const char *path, int family, const void *address, struct aiodns_answer *answer);

#endif
