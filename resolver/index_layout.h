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
  AIODNS_INDEX_RULE_END = 0x80, /* no label has this length */
  AIODNS_INDEX_RULE_BITS = AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW,
};

struct aiodns_index_bucket {
  uint32_t at[AIODNS_INDEX_WAYS]; /* in LINES or RULES; 0: free, and nothing is there */
  uint8_t tag[AIODNS_INDEX_WAYS]; /* some of the hash */
  uint32_t passed_le;             /* bits of the hashes of keys that were not put here for want of room */
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
  return (uint8_t)hash;
}

/* The bit of a bucket's `passed`. */
static inline uint32_t aiodns_index_passing(uint32_t hash)
{
  return (hash >> 8) % 32;
}

/* ---- Hashes: chains of products, as in cache_sum.c ---- */

/* Two words of a key. */
static inline uint64_t aiodns_index_step(const uint64_t key[2], uint64_t state, uint64_t a, uint64_t b)
{
  return aiodns_hash_multiply(a ^ key[0], b ^ state);
}

static inline uint64_t aiodns_index_begin(const uint64_t key[2], uint64_t len)
{
  return key[1] + len;
}

/*
 * The hash.  Short keys are one step alone, and a product by one unknown factor keeps the distances of words
 * that are as far from each other as those of numbered names; a second product does not.
 */
static inline uint32_t aiodns_index_end(const uint64_t key[2], uint64_t state)
{
  return (uint32_t)(aiodns_hash_multiply(state ^ key[1], 0x9e3779b97f4a7c15) >> 32);
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
  return aiodns_index_end(key, aiodns_index_step(key, state, a, b));
}

/* Of an address, 4 or 16 octets. */
static inline uint32_t aiodns_index_hash_address(const uint64_t key[2], const void *address, size_t len)
{
  uint64_t word[2] = {0};

  memcpy(word, address, len == 4 ? 4 : sizeof word);
  return aiodns_index_end(key, aiodns_index_step(key, aiodns_index_begin(key, len), word[0], word[1]));
}

/* A name in lower case, with room to be read behind it. */
struct aiodns_index_folded {
  uint8_t unused, wire[AIODNS_NAME_MAX + 16];
};

static inline void aiodns_index_fold_word(const struct aiodns_name *name, size_t at,
                                          struct aiodns_index_folded *ret)
{
  uint64_t word;

  memcpy(&word, (const uint8_t *)name + at, sizeof word);
  word = aiodns_hash_lower(word);
  memcpy((uint8_t *)ret + at, &word, sizeof word);
}

/*
 * Word by word, and with the octet in front, its length: so no read is behind its end, and a word stands in
 * the copy as in the name.  Most names are done with the first four.
 */
static inline void aiodns_index_fold(const struct aiodns_name *name, struct aiodns_index_folded *ret)
{
  enum { WORD = sizeof(uint64_t), FIRST = 4 * WORD };
  _Static_assert(sizeof *name % WORD == 0 && sizeof *ret >= sizeof *name + 16, "whole words");

  aiodns_index_fold_word(name, 0, ret);
  aiodns_index_fold_word(name, WORD, ret);
  aiodns_index_fold_word(name, (size_t)2 * WORD, ret);
  aiodns_index_fold_word(name, (size_t)3 * WORD, ret);
  size_t at = FIRST;
  for (; __builtin_expect(at <= name->len, false); at += WORD)
    aiodns_index_fold_word(name, at, ret);
  memset((uint8_t *)ret + at, 0, 16);
}

/*
 * One more label in front of what `state` is of: `len` octets of it, 2 to 64, its length with it.  Up to 16
 * octets behind it are read, whatever they are.
 */
static inline uint64_t aiodns_index_hash_label(const uint64_t key[2], uint64_t state, const uint8_t *label,
                                               size_t len)
{
  static const uint8_t ones[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                   255, 255, 255, 255, 255, 255, 255, 255};

  for (; __builtin_expect(len > 16, false); len -= 16, label += 16)
    state = aiodns_index_step(key, state, aiodns_index_word(label), aiodns_index_word(label + 8));
  const uint8_t *mask = ones + 16 - len;
  return aiodns_index_step(key, state, aiodns_index_word(label) & aiodns_index_word(mask),
                           aiodns_index_word(label + 8) & aiodns_index_word(mask + 8));
}

/* Where the labels of a name begin, without the root's; returns the end of what was written. */
static inline uint8_t *aiodns_index_labels(const struct aiodns_name *name, uint8_t ret[AIODNS_NAME_MAX])
{
  const size_t end = name->len;

  for (size_t at = 1; at < end; at += 1 + (size_t)name->wire[at - 1])
    *ret++ = (uint8_t)(at - 1);
  return ret;
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
