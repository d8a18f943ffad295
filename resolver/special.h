/* Special-use names (RFC 6761, 6762, 7686): those that no server is asked about. */
#ifndef AIODNS_SPECIAL_H
#define AIODNS_SPECIAL_H

#include "name.h"

enum aiodns_special {
  AIODNS_SPECIAL_NONE,      /* a name like any other */
  AIODNS_SPECIAL_LOCALHOST, /* localhost and below: loopback */
  AIODNS_SPECIAL_NOWHERE,   /* invalid, onion and below: they do not exist */
  AIODNS_SPECIAL_NOT_MINE,  /* below local, _gateway, _outbound: another service's */
};

enum aiodns_special aiodns_special_of(const struct aiodns_name *name);

/* Whether an address is link-local: its names are mDNS's (RFC 6762 section 4).  family is AF_INET or
 * AF_INET6. */
bool aiodns_special_is_link_local(int family, const void *address);

/* Whether it is this machine's own name: not ours to deny, since nss_myhostname may come after us. */
bool aiodns_special_is_own(const char *name);

#endif
