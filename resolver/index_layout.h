/*
 * How the octets of an index lie (index.h): for index.c and index_build.c alone.
 *
 *   header       one struct, and zeros to where the first part begins
 *   SOURCES      struct aiodns_index_source_entry, as many as the header says, and their paths behind them
 *   LINES        four octets that are no line; then for each line: its length, its text with '\n' at the end,
 *                zeros to the next word, and the entries of the names and addresses that it has as keys
 *   NAMES        a table, of entries of names in LINES
 *   ADDRESSES    a table, of entries of addresses in LINES
 *   RULES        an octet that is no rule; then for each rule its name in lower case as on the wire, but with
 *                AIODNS_INDEX_RULE_END and the rule's bits in the place of the root's octet
 *   RULES_TABLE  a table, of rules in RULES
 *
 * Each part begins at the next multiple of AIODNS_INDEX_ALIGN behind the one before it, with zeros between.
 *
 * A table is an array of buckets, each a line of a processor's cache.  A key's hash says in which bucket it
 * is, or, where that was full, which one comes before it; each bucket remembers, in 32 bits, which keys went
 * past it.  So whoever looks for a key that is not there nearly always has to look at one bucket alone.
 *
 * The lines of one name are a ring: the table has the last one's entry, whose next one is the first.  So a
 * line is added without walking, and the ring need not be turned at the end.
 */
#ifndef AIODNS_INDEX_LAYOUT_H
#define AIODNS_INDEX_LAYOUT_H

#include "hash.h"
#include "index.h"

#include <endian.h>
#include <string.h>

#define AIODNS_INDEX_MAGIC "aioidx\r\n"

struct aiodns_index_header {
  char magic[8];
  uint32_t layout, flags;
  uint64_t size; /* of the whole file, octets */
  uint64_t key[2];
  uint8_t boot[AIODNS_CACHE_BOOT_LEN]; /* the states of the sources were seen in this boot */
  uint64_t rule_labels;
  uint32_t rule_count, source_count;
  struct aiodns_index_span part[AIODNS_INDEX_PARTS];
  uint64_t unused;
  uint64_t checksum; /* of all before it */
};

struct aiodns_index_source_entry {
  uint64_t state;
  uint32_t kind;
  uint32_t path, path_len; /* in SOURCES; without a NUL */
  uint32_t unused;
};

enum {
  AIODNS_INDEX_ALIGN = 64,
  AIODNS_INDEX_WAYS = 12,
  AIODNS_INDEX_LOAD = 10,   /* of them in use, on average: more would save little, and fill many buckets */
  AIODNS_INDEX_PROBES = 64, /* no key is further from its bucket */
  AIODNS_INDEX_LABELS = 127,
  AIODNS_INDEX_RULE_END = 0x80, /* no label has this length */
  AIODNS_INDEX_RULE_BITS = AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW,
};

struct aiodns_index_bucket {
  uint32_t at[AIODNS_INDEX_WAYS]; /* in LINES or RULES */
  uint8_t tag[AIODNS_INDEX_WAYS]; /* some of the hash; 0: free */
  uint32_t passed;                /* bits of the hashes of keys that were not put here for want of room */
};

/* What a line has behind its text.  All are offsets in LINES. */
struct aiodns_index_name_entry {
  uint32_t line; /* its length */
  uint32_t next; /* entry of the same name in a later line; in the last one, of the first */
  uint32_t word; /* the name as the line has it */
};

struct aiodns_index_address_entry {
  uint32_t line;
  uint32_t len; /* 4 or 16 octets of the address follow */
};

_Static_assert(sizeof(struct aiodns_index_header) == 136 &&
                   offsetof(struct aiodns_index_header, checksum) % AIODNS_CACHE_BLOCK == 0,
               "the same in every process; whole blocks are summed");
_Static_assert(sizeof(struct aiodns_index_source_entry) == 24, "the same in every process");
_Static_assert(sizeof(struct aiodns_index_bucket) == AIODNS_INDEX_ALIGN, "one line of a processor's cache");
_Static_assert(offsetof(struct aiodns_index_bucket, tag) % sizeof(uint64_t) == 0, "loaded as a word");

static inline uint64_t aiodns_index_align(uint64_t offset)
{
  return (offset + AIODNS_INDEX_ALIGN - 1) / AIODNS_INDEX_ALIGN * AIODNS_INDEX_ALIGN;
}

static inline uint64_t aiodns_index_header_sum(const struct aiodns_index_header *header)
{
  uint64_t first;
  memcpy(&first, header->magic, sizeof first);
  return aiodns_cache_sum(header->key, first, header, offsetof(struct aiodns_index_header, checksum), NULL);
}

/* ---- Where a hash leads ---- */

static inline uint32_t aiodns_index_place(uint32_t hash, uint32_t places)
{
  return (uint32_t)((uint64_t)hash * places >> 32);
}

static inline uint8_t aiodns_index_tag(uint32_t hash)
{
  uint8_t tag = (uint8_t)hash;
  return tag ? tag : 1;
}

/* The bit of a bucket's `passed`. */
static inline uint32_t aiodns_index_passing(uint32_t hash)
{
  return (uint32_t)1 << (hash >> 8) % 32;
}

/* ---- Hashes: chains of products, as in cache_sum.c ---- */

/* Two words of a key. */
static inline uint64_t aiodns_index_step(const uint64_t key[2], uint64_t state, uint64_t a, uint64_t b)
{
  return aiodns_hash_multiply(a ^ key[0] ^ 0x9e3779b97f4a7c15, b ^ state);
}

static inline uint64_t aiodns_index_begin(const uint64_t key[2], uint64_t len)
{
  return (key[1] ^ 0xc2b2ae3d27d4eb4f) + len;
}

/* Octets as a word, the first one in its lowest octet on every processor. */
static inline uint64_t aiodns_index_word(const void *octets)
{
  uint64_t word;
  memcpy(&word, octets, sizeof word);
  return le64toh(word);
}

/* 1 to 8 octets at the end of `len`, of which no more are read. */
static inline uint64_t aiodns_index_last_word(const uint8_t *octets, size_t len, size_t count)
{
  uint64_t word = 0;

  if (len >= sizeof word)
    return aiodns_index_word(octets + len - sizeof word) >> (64 - 8 * count);
  memcpy(&word, octets + len - count, count);
  return le64toh(word);
}

/* Of a name as text, folded: 1 or more octets. */
static inline uint32_t aiodns_index_hash_text(const uint64_t key[2], const void *text, size_t len)
{
  const uint8_t *octets = text;
  uint64_t state = aiodns_index_begin(key, len), a, b;
  size_t left = len;

  for (; left > 16; left -= 16, octets += 16)
    state = aiodns_index_step(key, state, aiodns_hash_lower(aiodns_index_word(octets)),
                              aiodns_hash_lower(aiodns_index_word(octets + 8)));
  if (left > 8) {
    a = aiodns_hash_lower(aiodns_index_word(octets));
    b = aiodns_hash_lower(aiodns_index_last_word(octets, left, left - 8));
  } else {
    a = aiodns_hash_lower(aiodns_index_last_word((const uint8_t *)text, len, left));
    b = 0;
  }
  return (uint32_t)(aiodns_index_step(key, state, a, b) >> 32);
}

/* Of an address, 4 or 16 octets. */
static inline uint32_t aiodns_index_hash_address(const uint64_t key[2], const void *address, size_t len)
{
  uint64_t word[2] = {0};

  memcpy(word, address, len == 4 ? 4 : sizeof word);
  return (uint32_t)(aiodns_index_step(key, aiodns_index_begin(key, len), word[0], word[1]) >> 32);
}

/*
 * One more label in front of what `state` is of: `len` octets of it, 2 to 64, its length with it.  `room`
 * octets from there on may be read.
 */
static inline uint64_t aiodns_index_hash_label(const uint64_t key[2], uint64_t state, const uint8_t *label,
                                               size_t len, size_t room)
{
  uint8_t copy[AIODNS_LABEL_MAX + 1 + 16];

  if (__builtin_expect(room < sizeof copy && room < len + 16, false)) {
    memcpy(copy, label, len);
    label = copy;
  }
  for (; len > 16; len -= 16, label += 16)
    state = aiodns_index_step(key, state, aiodns_hash_lower(aiodns_index_word(label)),
                              aiodns_hash_lower(aiodns_index_word(label + 8)));
  if (len <= 8)
    return aiodns_index_step(key, state,
                             aiodns_hash_lower(aiodns_index_word(label) & UINT64_MAX >> (64 - 8 * len)), 0);
  return aiodns_index_step(key, state, aiodns_hash_lower(aiodns_index_word(label)),
                           aiodns_hash_lower(aiodns_index_word(label + 8) & UINT64_MAX >> (128 - 8 * len)));
}

/* Where the labels of a name begin, without the root's; returns their number. */
static inline unsigned aiodns_index_labels(const struct aiodns_name *name, uint8_t ret[AIODNS_INDEX_LABELS])
{
  unsigned count = 0;

  for (unsigned at = 0; at + 1 < name->len && count < AIODNS_INDEX_LABELS; at += 1u + name->wire[at])
    ret[count++] = (uint8_t)at;
  return count;
}

/* The bit of rule_labels for so many. */
static inline uint64_t aiodns_index_label_bit(unsigned labels)
{
  return (uint64_t)1 << (labels < 63 ? labels : 63);
}

/* ---- Comparing ---- */

/* Whether two runs of octets are the same in lower case; no other octet is read. */
static inline bool aiodns_index_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
  if (len < sizeof(uint64_t)) {
    for (size_t i = 0; i < len; i++)
      if (aiodns_name_lower(a[i]) != aiodns_name_lower(b[i]))
        return false;
    return true;
  }
  for (size_t at = 0;;
       at = at + 2 * sizeof(uint64_t) <= len ? at + sizeof(uint64_t) : len - sizeof(uint64_t)) {
    if (aiodns_hash_lower(aiodns_index_word(a + at)) != aiodns_hash_lower(aiodns_index_word(b + at)))
      return false;
    if (at + sizeof(uint64_t) == len)
      return true;
  }
}

#endif
