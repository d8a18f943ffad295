/* The blocking driver of a lookup: sockets and poll(2) under the lookup's own deadline. */
#ifndef AIODNS_DRIVE_H
#define AIODNS_DRIVE_H

#include "fan.h"
#include "memory.h"

/*
 * Takes a lookup that was initialised from its start to its end; *memory is told of each socket.  All sockets
 * are non-blocking, close-on-exec and above 2, and closed on return.  Interrupted system calls are gone on
 * with; no signal is raised.  errno is changed.
 */
void aiodns_drive(struct aiodns_lookup *lookup, struct aiodns_memory *memory);

/* The same for all members of a fan, until that has ended. */
void aiodns_drive_fan(struct aiodns_fan *fan, struct aiodns_memory *memory);

/* struct aiodns_sources' random: getrandom(2), or /dev/urandom where the kernel or a filter has it not. */
bool aiodns_drive_random(void *source, uint8_t *buf, size_t len);

/* Its reaches: by the routing table, as getaddrinfo(3) finds out itself in order to sort addresses. */
bool aiodns_drive_reaches(void *source, const struct aiodns_answer *answer);

#endif
