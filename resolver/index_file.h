/*
 * The index (index.h) of this host, /run/aiodns/index.1: this process's map of it, and how it is made.
 *
 * Invariants:
 * - It is believed by its place, owner and mode as the host tier's cache is (tier.h), and mapped to be read.
 *   Where the file is another one the new one is mapped, somewhere else, before the old one is given up:
 *   that becomes zeros, which nobody follows anywhere.  So a reader looks behind its reading whether the map
 *   was the same all the time, and is never led out of one.
 * - It is made by a process that is root through and through, from the files as they were: each is looked at
 *   before and behind the reading, and none may have changed within the last 20 ms (filestate.h).
 */
#ifndef AIODNS_INDEX_FILE_H
#define AIODNS_INDEX_FILE_H

#include "index.h"
#include "items.h"

#include <stdint.h>

/* Maps the file if it is a new one: one lstat(2) where nothing has changed. */
void aiodns_index_file_look(void);

/* Copies what is mapped; false: nothing is.  _same() tells whether it still was. */
bool aiodns_index_file_get(struct aiodns_index *ret, uint32_t *ret_turn);
bool aiodns_index_file_same(uint32_t turn);

/* How long ago the file was made that is mapped, in milliseconds; UINT64_MAX: none is. */
uint64_t aiodns_index_file_age_ms(void);

/*
 * Whether it is of all its sources as they are: a stat(2) of each.  `settings` is the state of aiodns.conf,
 * or 0 for that to be looked at, too.  *ret_state is one number for the state of all, or NULL.
 */
bool aiodns_index_is_current(const struct aiodns_index *index, uint64_t settings, uint64_t *ret_state);

enum aiodns_index_made {
  AIODNS_INDEX_MADE,
  AIODNS_INDEX_TOO_LONG,  /* made, as one that says so */
  AIODNS_INDEX_UNSETTLED, /* a file is changing, or just has */
  AIODNS_INDEX_FAILED,    /* errno; EEXIST: another process is at it; or the machine is busy */
};

/*
 * Makes the index of aiodns.conf as it is at `settings` (its state, and its items) and of all files that it
 * names.  Takes about most_ns of the thread's processor time at the most, and twice that by the clock;
 * UINT64_MAX: as long as it takes.
 */
enum aiodns_index_made aiodns_index_file_make(uint64_t settings, const struct aiodns_items *items,
                                              uint64_t most_ns);

#endif
