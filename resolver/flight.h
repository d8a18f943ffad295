/*
 * Single flight: of all processes and threads of a tier that want the same answer at the same moment one
 * asks, the others wait for what it stores.
 *
 * A claim is a lock on one octet of the tier's claims file, which only its owner can open: a non-blocking OFD
 * lock for writing (fcntl(2)), gone with its holder whatever becomes of that.  Which octet follows from the
 * question.  Whoever does not get it looks into the cache again after a while, and tries again; its patience
 * is the caller's.  A claim that was waited for in vain (its holder is stopped) is not waited for again by
 * this process until it has been free once.
 *
 * Costs: four system calls for a claim (open, fstat, fcntl, close); once a process, one more (left.h).
 */
#ifndef AIODNS_FLIGHT_H
#define AIODNS_FLIGHT_H

#include "lookup.h"
#include "tier.h"

/* The claims of one lookup; descriptors are open for as long as one of them is held. */
struct aiodns_flight {
  int fd; /* -1: none */
  int place;
};

/* One question's octet in the claims file. */
int32_t aiodns_flight_octet(const struct aiodns_name *name, uint16_t type, uint64_t view);

void aiodns_flight_init(struct aiodns_flight *flight);
enum aiodns_claim aiodns_flight_claim(struct aiodns_flight *flight, const struct aiodns_tier *tier,
                                      int32_t octet);

/* All that it holds is free again. */
void aiodns_flight_land(struct aiodns_flight *flight);

/* The claim was waited for in vain. */
void aiodns_flight_gave_up(int32_t octet);

#endif
