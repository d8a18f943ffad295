/*
 * Where the tour and the benchmark take place: a network namespace with nothing in it but loopback, and a
 * mount namespace with an /etc/hosts and an /etc/resolv.conf of its own.  Both are made here and entered by
 * this process alone, so nothing that happens later can reach the machine, and nothing has to be cleaned up.
 */
#ifndef TOUR_PLACE_H
#define TOUR_PLACE_H

#include <stdbool.h>

/* All print what went wrong, and are false then. */
bool tour_place_enter(const char *hosts, const char *resolv_conf);
bool tour_place_write(const char *name,
                      const char *text); /* another file of its /etc, in place of the one there */

/*
 * Empty folders in memory over /run and /dev/shm, where the module has its cache.  Where they cannot be
 * written there is none, and every lookup asks.  In this process's mount namespace, over what an earlier call
 * made.
 */
bool tour_place_cover(bool writable);

#endif
