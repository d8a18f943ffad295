/*
 * Filters of system calls by name, as sandboxes install them.
 */
#ifndef AIODNS_TEST_FILTER_H
#define AIODNS_TEST_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Whether `list`, words with commas between them, has this one. */
bool filter_lists(const char *list, const char *name);

/*
 * For good, in the calling thread and those it starts: the calls of these names fail with this errno.
 * "stream" is socket(2) where it is asked for a TCP socket.
 */
void filter_refuse(const char *list, int error);

/* All calls that a lookup does not need raise SIGSYS; a program without a handler for it is killed. */
void filter_allow_needed(void);

/*
 * The calls that a lookup needs ask the listener, whose descriptor this returns, what becomes of them
 * (seccomp_unotify(2)); all others are allowed.  -1 and errno where the kernel cannot do that.
 */
int filter_notify_needed(void);

#endif
