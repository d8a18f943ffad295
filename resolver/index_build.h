/*
 * Builds an index (index.h) in private memory: first its sources, then, in their order, the lines of hosts
 * files and the rules of block lists; then it is put together.  Memory comes from mmap(2) and goes back to
 * it: at the most three times the index's size at any moment.
 */
#ifndef AIODNS_INDEX_BUILD_H
#define AIODNS_INDEX_BUILD_H

#include "index.h"

struct aiodns_index_draft; /* in index_draft.h */

/* NULL: no memory.  Then ENOMEM of any of the others is remembered, and told by _finish(). */
struct aiodns_index_draft *aiodns_index_draft_new(const uint64_t key[2]);
void aiodns_index_draft_free(struct aiodns_index_draft *draft);

void aiodns_index_add_source(struct aiodns_index_draft *draft, enum aiodns_index_kind kind, const char *path,
                             uint64_t state);

/*
 * One line of a hosts file: the words of `lines`' current line, an address (anything else is left out) and
 * its names.  As hosts.c reads them: words of AIODNS_NAME_TEXT_MAX and more are left out; names that are not
 * ASCII are in the text but have no key.
 */
void aiodns_index_add_hosts_line(struct aiodns_index_draft *draft, struct aiodns_lines *lines);

/* A name that is there already keeps what both say. */
void aiodns_index_add_rule(struct aiodns_index_draft *draft, const struct aiodns_rule *rule);

/* Octets that the index would take as it is now, about. */
uint64_t aiodns_index_draft_size(const struct aiodns_index_draft *draft);

/*
 * The whole file, *ret_size octets, until the draft is freed; NULL where memory ran out, or where it would
 * be beyond 4 GiB (errno).  `flags` are AIODNS_INDEX_...; with LEFT_OUT it has the sources alone.
 */
const void *aiodns_index_finish(struct aiodns_index_draft *draft, uint32_t flags,
                                const uint8_t boot[AIODNS_CACHE_BOOT_LEN], uint64_t *ret_size);

#endif
