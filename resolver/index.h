/*
 * The index of what this host itself says of names: hosts files and block lists of any size, in one file that
 * every process maps, so that a lookup reads some lines of memory in place of some million lines of text.
 *
 *   header | sources | lines | names' table | addresses' table | rules | rules' table
 *
 * Invariants:
 * - Made whole in private memory, written under another name, renamed: what has the name is complete.  Its
 *   header has a checksum, the boot, and the layout's number, and all offsets in it are checked when it is
 *   attached; nothing inside is trusted beyond that: every offset is checked where it is followed, each walk
 *   is bounded, and whatever octets stand there no read leaves the map.
 * - It is of its sources: each with its path and the state that it was in (filestate.h).  Whoever uses it
 *   compares them first; that is not done here.
 * - The same in 32-bit and 64-bit processes.  Never changed in place.
 * - Hashes are keyed by a random key, so that nobody's names pile up in one place of a table.
 *
 * Costs: a lookup is one hash and mostly one line of a processor's cache in a table, whatever the number of
 * names; a hit reads what was found, too.  A rule is looked up by one hash over the name, from its end, with
 * a probe for the name and for each number of labels that some rule for what is below it has.  A rule takes
 * its name as it is on the wire and 6.4 octets; a line of a hosts file its text, 5 to 8 octets, and 18.4 for
 * each name and for each address that no line before it had.
 *
 * A map that is read may be replaced by another one under the reader's feet: it copies what it needs, and the
 * caller looks afterwards whether it was the same all the time.  So all loads from the map may see any
 * octets.
 */
#ifndef AIODNS_INDEX_H
#define AIODNS_INDEX_H

#include "blocklist.h"
#include "cache.h"

enum { AIODNS_INDEX_LAYOUT = 1 };

/* What a source is for. */
enum aiodns_index_kind {
  AIODNS_INDEX_SETTINGS, /* /etc/aiodns.conf */
  AIODNS_INDEX_FOLDER,   /* that a pattern looks into: its state changes with the names in it */
  AIODNS_INDEX_HOSTS,
  AIODNS_INDEX_BLOCKS,
};

/* Private: the parts of the file, in their order. */
enum aiodns_index_part {
  AIODNS_INDEX_PART_SOURCES,
  AIODNS_INDEX_PART_LINES,
  AIODNS_INDEX_PART_NAMES,
  AIODNS_INDEX_PART_ADDRESSES,
  AIODNS_INDEX_PART_RULES,
  AIODNS_INDEX_PART_RULES_TABLE,
  AIODNS_INDEX_PARTS,
};

struct aiodns_index_span {
  uint32_t offset, len; /* octets */
};

/* A file that was found good, mapped to be read. */
struct aiodns_index {
  const uint8_t *base;
  uint64_t size;
  uint64_t key[2];
  uint32_t flags; /* AIODNS_INDEX_... below */
  uint32_t source_count;
  /* Private, and the header's: copied when attached, so that a walk never reads it again. */
  uint32_t rule_count;
  uint64_t rule_labels; /* bit n: some rule that reaches below itself has n labels (63: or more) */
  struct aiodns_index_span part[AIODNS_INDEX_PARTS];
};

enum {
  /* It says nothing of names: building it would take too long for a lookup.  Of the same sources the command
   * makes a whole one. */
  AIODNS_INDEX_LEFT_OUT = 1,
};

/* Whether `size` octets mapped at `base` are an index of this boot; *ret is changed only if they are. */
enum aiodns_cache_check aiodns_index_attach(struct aiodns_index *ret, const void *base, uint64_t size,
                                            const uint8_t boot[AIODNS_CACHE_BOOT_LEN]);

/* Source i, copied: its path with a NUL into `path`; false: there is none, or there is no room for it. */
bool aiodns_index_source(const struct aiodns_index *index, uint32_t i, enum aiodns_index_kind *ret_kind,
                         uint64_t *ret_state, char *path, size_t room);

/*
 * The lines of hosts files that have a key, in the order of the sources and of their lines, each once; at
 * most AIODNS_INDEX_LINES_MAX for a name (more is nobody's hosts file, but bounds a walk), one for an
 * address: the first that has names, too.  `text` is "address name...\n", a single blank between words,
 * comments gone, malformed lines left out; it stands in the map, and *ret_len counts its '\n'.
 *
 * That the first of them has the key was looked at.  Whether they all do the caller looks at, in the copy
 * that it uses, since the map may be changing.
 *
 *   struct aiodns_index_lines walk;
 *   for (aiodns_index_name(index, name, len, &walk); aiodns_index_line(index, &walk, &text, &len); )
 */
enum { AIODNS_INDEX_LINES_MAX = 65535 };

struct aiodns_index_lines { /* private */
  uint32_t next, last;
  uint32_t left;
};

/*
 * `name` is as a program gives it, in any letter case of ASCII.  One with other letters has no lines here,
 * nor has the empty one: strcasecmp(3) folds those by the program's locale, and so only it can tell.
 */
void aiodns_index_name(const struct aiodns_index *index, const char *name, size_t len,
                       struct aiodns_index_lines *ret);
/* len is 4 or 16.  For 4, lines with ::ffff:a.b.c.d and ::1 count, too, as in hosts.h. */
void aiodns_index_address(const struct aiodns_index *index, const void *address, size_t len,
                          struct aiodns_index_lines *ret);
bool aiodns_index_line(const struct aiodns_index *index, struct aiodns_index_lines *walk,
                       const char **ret_text, uint32_t *ret_len);

/*
 * What the rules say of a name, in any letter case: AIODNS_RULE_ALLOW if it or a name above it is allowed,
 * whatever else is said; else AIODNS_RULE_ITSELF if it is blocked, else 0.
 */
unsigned aiodns_index_rules(const struct aiodns_index *index, const struct aiodns_name *name);

/* The number of different names among the rules, for those who look into a file. */
uint64_t aiodns_index_rule_count(const struct aiodns_index *index);

#endif
