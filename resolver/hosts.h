/*
 * hosts(5), read in place where it may have what is looked for, so that a change counts at once.  That costs
 * an open, a read for every 2 KiB, and a close; the usual lookup, of a name that is not there, one stat(2)
 * (filter.h).  The meaning of each line is that of glibc's nss_files with `multi on`; malformed lines are
 * passed over.
 */
#ifndef AIODNS_HOSTS_H
#define AIODNS_HOSTS_H

#include "answer.h"
#include "filter.h"
#include "lines.h"

#define AIODNS_HOSTS_PATH "/etc/hosts"

/* What is read into has gone from the stack again before servers are asked. */
#define AIODNS_HOSTS_APART __attribute__((noinline))

/* One file, for all threads. */
struct aiodns_hosts {
  const char *path;
  struct aiodns_filter filter;
};

#define AIODNS_HOSTS_AT(at)                                                                                  \
  {                                                                                                          \
    .path = (at), .filter.settle_ns = AIODNS_FILESTATE_SETTLE_NS                                             \
  }

/*
 * Adds to answer[0] what the file has for `name`, as family says: AF_INET takes ::ffff:a.b.c.d and ::1, too,
 * AF_INET6 takes no IPv4 line; AF_UNSPEC gives IPv6 addresses to answer[1].  Each answer that got an address
 * becomes ANSWER. Returns how many lines counted; *ret_first is the index of the answer that the first of
 * them went to.  *state is as in filter.h.
 */
AIODNS_HOSTS_APART unsigned aiodns_hosts_by_name(struct aiodns_hosts *hosts, const char *name, int family,
                                                 struct aiodns_answer answer[2], unsigned *ret_first,
                                                 uint64_t *state);

/* How many lines have counted so far, and to which answer the first of them went. */
struct aiodns_hosts_count {
  unsigned lines, first;
};

/* The same for what is left of some lines, from the next one on; false where memory has run out. */
bool aiodns_hosts_read_name(struct aiodns_lines *lines, const char *name, size_t name_len, int family,
                            struct aiodns_answer answer[2], struct aiodns_hosts_count *count);

/* The names of the first line with this address; false where there is none. */
bool aiodns_hosts_read_address(struct aiodns_lines *lines, int family, const void *address,
                               struct aiodns_answer *answer);

/* The address that a word is to a lookup of `family`: its own family, or 0 where it is not for this lookup.
 */
int aiodns_hosts_parse_address(const char *text, int family, uint8_t ret[16]);

/* The names of the first line with this address; false where there is none. */
AIODNS_HOSTS_APART bool aiodns_hosts_by_address(struct aiodns_hosts *hosts, int family, const void *address,
                                                struct aiodns_answer *answer, uint64_t *state);

#endif
