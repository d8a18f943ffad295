/* The core's results as glibc's structures, all of whose memory is in the caller's buffer. */
#ifndef AIODNS_NSS_HOSTENT_H
#define AIODNS_NSS_HOSTENT_H

#include "buffer.h"
#include "resolve.h"

#include <netdb.h>
#include <nss.h>

/* These return false where the buffer is too small; *pat or *host is then as it was. */

/*
 * All addresses of both families, each with the canonical name.  *pat is NULL, or (glibc 2.34 and 2.35) the
 * caller's own first tuple, which is then filled in.
 */
bool aiodns_hostent_put_tuples(struct aiodns_buffer *buffer, const struct aiodns_result *result,
                               struct gaih_addrtuple **pat);

/* The first answer: canonical name, aliases, addresses. */
bool aiodns_hostent_put(struct aiodns_buffer *buffer, const struct aiodns_result *result,
                        struct hostent *host);

/* The names of `address`. */
bool aiodns_hostent_put_reverse(struct aiodns_buffer *buffer, const struct aiodns_result *result, int family,
                                const void *address, struct hostent *host);

/* `sortlist` of resolv.conf(5), for IPv4 addresses. */
void aiodns_hostent_sort(struct hostent *host, const struct __res_state *state);

#endif
