/*
 * What stands behind this module in the `hosts` line of nsswitch.conf(5), as far as lookups depend on it.
 *
 * The line that is recommended ends with our NOTFOUND.  There are modules that know names without dots which
 * no server knows (containers of mymachines, virtual machines of libvirt, NetBIOS's of wins), and packages
 * put them behind us where they find us.  So such a name is theirs where there is one of them: "not mine".
 *
 * The file is looked at by lookups that have come to such a name, once a tick of the clock and thread
 * (moment.h), and read where it has changed.  What was read is a static table for all threads (thread.h).  A
 * process that has a line of its own, by __nss_configure_lookup(), keeps that to itself.
 */
#ifndef AIODNS_BEHIND_H
#define AIODNS_BEHIND_H

#include "moment.h"
#include "nsswitch.h"

/* What becomes of a name without dots that the servers do not know, at a service behind this module. */
enum aiodns_behind {
  AIODNS_BEHIND_PASSES, /* it knows no such names, or none but ours */
  AIODNS_BEHIND_ENDS,   /* as well, and its NOTFOUND ends the lookup */
  AIODNS_BEHIND_KNOWS,  /* it may know it */
};

enum aiodns_behind aiodns_behind_of(const struct aiodns_nsswitch_service *service);

/* Whether the file at `path` sends a name that this module does not know to a service that may. */
bool aiodns_behind_read(const char *path);

/* The same of /etc/nsswitch.conf, in this tick; false where that cannot be told. */
bool aiodns_behind_knows(struct aiodns_moment *moment);

#endif
