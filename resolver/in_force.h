/*
 * Which settings of /etc/aiodns.conf are in force in this process: those of the file as it is, or, where that
 * has an error, the last ones that had none.
 *
 * The file is looked at once a tick of the clock and thread (moment.h), and read where it has changed.  What
 * was read is one static table for all threads, read and written without a lock (thread.h); a writer that
 * never comes back leaves a table that nobody reads any more, and then each thread reads the file for itself.
 */
#ifndef AIODNS_IN_FORCE_H
#define AIODNS_IN_FORCE_H

#include "moment.h"
#include "settings.h"

/*
 * Puts what is in force into a configuration that is resolv.conf's so far.  moment->settings gets the state
 * of the file that this is by.  Costs a stat(2) in a new tick, and nothing else where there is no file.
 */
void aiodns_in_force_apply(struct aiodns_moment *moment, struct aiodns_conf *conf);

#endif
