/*
 * Which settings of /etc/aiodns.conf are in force in this process: those of the file as it is, or, where that
 * has an error, the last ones that had none.
 *
 * The file is looked at once a tick of the clock and thread (moment.h), and read where it has changed.  What
 * was read are two static tables for all threads, settings and items, read and written without a lock
 * (thread.h); a writer that never comes back leaves tables that nobody reads any more, and then each thread
 * reads the file for itself.
 */
#ifndef AIODNS_IN_FORCE_H
#define AIODNS_IN_FORCE_H

#include "moment.h"
#include "settings.h"

/*
 * Looks at the file, once a tick: moment->settings gets its state, moment->said what it says (bits as in
 * struct aiodns_settings).  Costs a stat(2) in a new tick, and nothing else where there is no file.
 */
void aiodns_in_force_look(struct aiodns_moment *moment);

/* Puts what is in force into a configuration that is resolv.conf's so far. Behind _look(). */
void aiodns_in_force_apply(const struct aiodns_moment *moment, struct aiodns_conf *conf);

/* The items that belong to it, whatever moment->said; none where they cannot be read now. Some KiB. */
void aiodns_in_force_items(struct aiodns_items *ret);

/*
 * What becomes of a configuration for one name: where that is in a domain of aiodns.conf, that one's servers
 * take the place of all others.  False: it is in none.  With moment->said alone.
 */
bool aiodns_in_force_route(const struct aiodns_moment *moment, const struct aiodns_name *name,
                           struct aiodns_conf *conf);

/* Which domain of aiodns.conf a name is in, as a number; 0: none. */
uint64_t aiodns_in_force_domain(const struct aiodns_moment *moment, const struct aiodns_name *name);

/* Whether the name is in a domain whose servers are not those of this configuration. */
bool aiodns_in_force_is_elsewhere(const struct aiodns_moment *moment, const struct aiodns_name *name,
                                  const struct aiodns_conf *conf);

#endif
