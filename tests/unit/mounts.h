/* The folders of the tiers as mounts of the test's own: /run and /dev/shm, on tmpfs, and nobody else's. */
#ifndef AIODNS_MOUNTS_H
#define AIODNS_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

enum { MOUNTS_SKIPPED = 77 }; /* what main() returns where it cannot be done */

/* Once, at the start.  False, having said why: only root can, and not even root everywhere. */
bool mounts_begin(void);

/* Both folders are empty, on tmpfs, and as they should be. */
void mounts_fresh(void);

/* Puts a file system of this kind ("tmpfs", "ramfs") on a folder until mounts_fresh(). */
void mounts_cover(const char *folder, const char *kind, const char *options);

/* Runs `body` in a child that is this user and group and nothing else, with nobody's groups; what it returns,
 * 0 to 255. */
int mounts_as_user(uint32_t uid, int (*body)(void));

#endif
