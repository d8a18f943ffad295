/* What the namespaces of all clients have in them: both modules, where glibc's loader finds them, and
 * unbound. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include <stdbool.h>
#include <sys/types.h>

#define BENCH_UNBOUND "127.0.0.3"

/*
 * Enters the place of tools/tour/place.h, with `module` and the null module (which is beside this program) in
 * its ld.so.cache, and without any cache of answers.  False, with a message, where that cannot be had.
 */
bool bench_stage_enter(const char *module);

/*
 * Starts unbound at BENCH_UNBOUND, on this process's processor: the zone of tools/tour/zone.c from the tour's
 * server, the names below new.example by itself.  `servers` is a folder that tests/servers/fetch made;
 * without one it is looked for where Debian installs it.  Ended with tour_server_stop; -1 where it is not
 * there, or does not come up.
 */
pid_t bench_stage_unbound(const char *servers);

/* A processor for the servers and one for the clients; -1 twice: there are not enough for each to have its
 * own. */
void bench_stage_processors(int ret[2]);

#endif
