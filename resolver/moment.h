/*
 * What a thread has looked at in the present tick of the kernel's coarse clock (1 to 10 ms): its namespace
 * and addresses, /etc/hosts, whose process it is, what time it is.  Lookups in the same tick believe it, so
 * that a busy program's hits need no system call and are exact to a tick; whoever comes in a new tick looks
 * again.
 *
 * Why not exact: telling the namespace of the calling thread takes at least three system calls (a socket,
 * SO_NETNS_COOKIE, close), ten times as long as a hit takes; a setns(2) therefore counts for hits from the
 * next tick on.  Nothing is ever stored by what was believed: a query's own socket is looked at then.
 *
 * The table is static and bounded, without thread-local storage: that a module loaded late cannot rely on.  A
 * thread that finds no place, because others have all it could take or one died in the middle of a change,
 * looks each time.
 */
#ifndef AIODNS_MOMENT_H
#define AIODNS_MOMENT_H

#include "self.h"
#include "view.h"

enum { AIODNS_MOMENT_PLACES = 64 };

struct aiodns_moment {
  uint64_t tick_ns;  /* CLOCK_MONOTONIC_COARSE */
  uint64_t thread;   /* whose it is */
  uint64_t boot_ns;  /* CLOCK_BOOTTIME when the tick was first seen */
  uint64_t hosts;    /* the state of /etc/hosts (filestate.h); 0: not looked at */
  uint64_t settings; /* the same of /etc/aiodns.conf */
  uint32_t said;     /* what that says: in_force.h */
  uint32_t lists;    /* where hosts and rules are to be looked for: lists.h; 0: not looked at */
  uint64_t behind;   /* who stands behind us in nsswitch.conf: behind.c; 0: not looked at */
  uint64_t conf;     /* the configuration that `view` was looked at for; 0: for none */
  struct aiodns_view view;
  uint32_t self; /* enum aiodns_self; it, uid and the tiers were looked at together with `view` */
  uint32_t uid;
};

/* What this thread knows at this moment: all but tick_ns and thread is 0 where it has to look anew. */
void aiodns_moment_get(struct aiodns_moment *ret);

/* Remembers what it has learnt since. */
void aiodns_moment_put(const struct aiodns_moment *moment);

/* Another number each time, one more than the last as long as the thread keeps its place. */
uint32_t aiodns_moment_turn(void);

/* CLOCK_BOOTTIME, exactly. */
uint64_t aiodns_moment_boot_ns(void);

#endif
