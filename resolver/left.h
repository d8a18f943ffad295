/*
 * Sockets that a lookup left open because it never came back: an alarm's handler may siglongjmp() out of
 * getaddrinfo(), as programs do that want a timeout of their own.  The next lookup of the same thread closes
 * them.
 *
 * Invariants: a descriptor is closed only if it still is the very socket that was noted, by its inode, so
 * that one which the program has closed and opened anew as something else is never touched.  Lookups that end
 * within AIODNS_FIRST_WAIT_US note nothing and pay one load.  The table is static and bounded: with all
 * places taken a lookup notes nothing.
 */
#ifndef AIODNS_LEFT_H
#define AIODNS_LEFT_H

enum {
  AIODNS_LEFT_PLACES = 8, /* threads that wait at the same moment, or have left something */
  AIODNS_LEFT_NONE = -1,
};

/* Closes what the calling thread has left. Before its next lookup opens anything. */
void aiodns_left_close(void);

/*
 * Notes these descriptors (-1: none) as the calling thread's, at `place`, which is AIODNS_LEFT_NONE the first
 * time; returns the place.
 */
int aiodns_left_note(int place, const int *fd, unsigned count);

/* The lookup has come back, and closed them itself. */
void aiodns_left_forget(int place);

#endif
