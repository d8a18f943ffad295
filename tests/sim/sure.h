/* When a lookup has no excuse: some server would have answered in time whatever the others and the attacker
 * did. */
#ifndef SIM_SURE_H
#define SIM_SURE_H

#include "world.h"

bool sim_is_sure(const struct sim_world *world, const struct sim_candidate *c, unsigned query);

#endif
