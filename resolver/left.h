/*
 * Descriptors that a lookup must not leave behind where it does not come back, or where a fork() happens in
 * the middle of it.
 *
 * - An alarm's handler may siglongjmp() out of getaddrinfo(), as programs do that want a timeout of their
 * own: the thread's next lookup closes what the last one had noted here.
 * - A child must not get a descriptor that can write to a cache: it may drop privileges next.  Such a one is
 *   noted under a place that is reserved before it is opened, which is refused while a fork() is under way.
 * If a place is in use when the fork() begins, the child looks at its descriptors and closes those of the
 * files that this process is known to write (pthread_atfork(3)): some 0.1 us a descriptor.
 *
 * A child keeps the forking thread's own: it may be in the middle of a lookup, where a signal's handler
 * forks. So a program that jumped out of a lookup and then forks has one more descriptor in the child, until
 * the thread's next lookup there.
 *
 * Invariants: a descriptor is closed only if it still is the very file or socket that was noted, by its
 * device and inode, so that one which the program has closed and opened anew as something else is never
 * touched.  The table is static and bounded: with all places taken nothing is noted, and nothing that would
 * need a reserved place is opened.
 */
#ifndef AIODNS_LEFT_H
#define AIODNS_LEFT_H

#include <stdint.h>

enum {
  AIODNS_LEFT_PLACES = 512,     /* descriptors that can write at the same moment, or have been left */
  AIODNS_LEFT_LONG_PLACES = 32, /* lookups that have waited long at the same moment, or been left */
  AIODNS_LEFT_DESCRIPTORS = 12, /* of one of those */
  AIODNS_LEFT_NONE = -1,
};

/* Closes what the calling thread has left. Before its next lookup opens anything. */
void aiodns_left_close(void);

/*
 * A place for a descriptor that is to be opened and that no child may have; then aiodns_left_note_file() it,
 * or _forget() the place.  AIODNS_LEFT_NONE: none is free, a fork is under way, or there is no memory for the
 * handlers.
 */
int aiodns_left_reserve(void);

/*
 * Notes these descriptors (-1: none) as the calling thread's, at `place`, which is AIODNS_LEFT_NONE the first
 * time; returns the place.
 */
int aiodns_left_note(int place, const int *fd, unsigned count);

/* The same for one file whose identity is known, under a place that was reserved. */
void aiodns_left_note_file(int place, int fd, uint64_t device, uint64_t inode);

/* A file that will be opened for writing, before it is. */
void aiodns_left_know(uint64_t device, uint64_t inode);

/* The lookup has come back, and closed them itself. */
void aiodns_left_forget(int place);

#endif
