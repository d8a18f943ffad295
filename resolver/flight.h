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
 * Who waits can be woken.  A bell is a word of the first page of the tier's cache, by the name that is asked
 * for, and a futex: one sleeps on it (FUTEX_WAIT, with the pause as its limit).  Once its claims are given
 * back a lookup wakes a few who sleep there, if it has stored an answer, else one, who finds the claim to be
 * free.  Who was woken wakes the next one at its own end.  So they go in the order in which they came, and
 * not all at once, which would make a crowd of those who have waited longest wait for all others.
 *
 * No bell is ever written to, so that a map to be read is enough for both.  So a bell is a hint:
 * - What is rung between the claim that is not to be had and the sleep is not heard: it is looked again when
 * the pause is over.  So it is where a holder was killed, or one who was woken.
 * - Whoever may read the file may ring its bells, too, or move sleepers to another word (FUTEX_REQUEUE).  The
 * first costs a lookup AIODNS_FLIGHT_WAKES_MAX looks, behind which it does not listen any more; the second a
 * pause.
 * - Where there is no file yet, or futex(2) is refused, pauses are slept, and shorter.
 * One sleeps on bells of the own tier alone, as one waits for its claims alone.
 *
 * Costs: four system calls for a claim (open, fstat, fcntl, close); once a process, one more (left.h).  One
 * to ring.
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

enum {
  AIODNS_FLIGHT_BELLS = AIODNS_CACHE_PAGE / 4,
  AIODNS_FLIGHT_HEARERS = 4,   /* of an answer; one of them may stand still */
  AIODNS_FLIGHT_WAKES_MAX = 8, /* that a lookup follows, for one candidate */
};

/* That of all who ask for this name, whatever its type. */
uint16_t aiodns_flight_bell(const struct aiodns_name *name, uint64_t view);

/* A pause of so long at the most, less than a second; `map`, of the own tier's cache: NULL for none. */
enum aiodns_pause aiodns_flight_pause(const struct aiodns_tier_map *map, uint16_t bell, uint32_t us);

/* Wakes so many of those who wait for this bell, the first ones first; returns how many there were. */
unsigned aiodns_flight_ring(const struct aiodns_tier_map *map, uint16_t bell, unsigned hearers);

/* The claim was waited for in vain. */
void aiodns_flight_gave_up(int32_t octet);

#endif
