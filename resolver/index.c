#include "index_layout.h"

/*
 * What is mapped may change at any moment into any octets.  So each number is loaded once, looked at, and
 * then used; what was compared is not taken to be so any more.
 */

typedef uint32_t __attribute__((may_alias)) mapped32;
typedef uint64_t __attribute__((may_alias)) mapped64;

static inline uint32_t load(const uint8_t *at)
{
  return *(const volatile mapped32 *)(const void *)at;
}

/* Half of it may be older than the other half where words are shorter. */
static inline uint64_t load64(const uint8_t *at)
{
  return *(const volatile mapped64 *)(const void *)at;
}

/* ---- Attaching ---- */

/* One behind the other, with nothing between, to the end. */
static bool has_good_parts(const struct aiodns_index_header *header)
{
  uint64_t end = sizeof *header;

  for (unsigned i = 0; i < AIODNS_INDEX_PARTS; i++) {
    const struct aiodns_index_span *part = &header->part[i];
    if (part->offset != aiodns_index_align(end))
      return false;
    end = (uint64_t)part->offset + part->len;
  }
  return end <= header->size && aiodns_index_align(end) == header->size;
}

static bool has_good_numbers(const struct aiodns_index_header *header)
{
  const struct aiodns_index_span *part = header->part;

  return header->size <= UINT32_MAX && header->unused == 0 && has_good_parts(header) &&
         part[AIODNS_INDEX_PART_SOURCES].len / sizeof(struct aiodns_index_source_entry) >=
             header->source_count &&
         part[AIODNS_INDEX_PART_NAMES].len % sizeof(struct aiodns_index_bucket) == 0 &&
         part[AIODNS_INDEX_PART_ADDRESSES].len % sizeof(struct aiodns_index_bucket) == 0 &&
         part[AIODNS_INDEX_PART_RULES_TABLE].len % sizeof(struct aiodns_index_bucket) == 0;
}

static enum aiodns_cache_check check(const struct aiodns_index_header *header, uint64_t size,
                                     const uint8_t boot[AIODNS_CACHE_BOOT_LEN])
{
  if (memcmp(header->magic, AIODNS_INDEX_MAGIC, sizeof header->magic) != 0)
    return AIODNS_CACHE_NO_MAGIC;
  if (header->layout != AIODNS_INDEX_LAYOUT)
    return AIODNS_CACHE_OTHER_LAYOUT;
  if (header->checksum != aiodns_index_header_sum(header) || !has_good_numbers(header))
    return AIODNS_CACHE_BROKEN;
  if (header->size != size)
    return AIODNS_CACHE_WRONG_SIZE;
  if (memcmp(header->boot, boot, sizeof header->boot) != 0)
    return AIODNS_CACHE_OTHER_BOOT;
  return AIODNS_CACHE_GOOD;
}

enum aiodns_cache_check aiodns_index_attach(struct aiodns_index *ret, const void *base, uint64_t size,
                                            const uint8_t boot[AIODNS_CACHE_BOOT_LEN])
{
  struct aiodns_index_header header;

  if (size < sizeof header)
    return AIODNS_CACHE_WRONG_SIZE;
  for (size_t at = 0; at < sizeof header; at += sizeof(uint64_t)) {
    uint64_t word = load64((const uint8_t *)base + at);
    memcpy((uint8_t *)&header + at, &word, sizeof word);
  }
  enum aiodns_cache_check verdict = check(&header, size, boot);
  if (verdict != AIODNS_CACHE_GOOD)
    return verdict;
  *ret = (struct aiodns_index){.base = base,
                               .size = size,
                               .key = {header.key[0], header.key[1]},
                               .flags = header.flags,
                               .source_count = header.source_count,
                               .rule_count = header.rule_count,
                               .rule_labels = header.rule_labels};
  memcpy(ret->part, header.part, sizeof ret->part);
  return AIODNS_CACHE_GOOD;
}

/* ---- Reading ---- */

/* The `len` octets from `at` on of a part; NULL: it has them not all. */
static inline const uint8_t *octets_at(const struct aiodns_index *index, enum aiodns_index_part part,
                                       uint32_t at, size_t len)
{
  const struct aiodns_index_span *span = &index->part[part];

  if (at > span->len || len > span->len - at)
    return NULL;
  return index->base + span->offset + at;
}

/* The same of words. */
static inline const uint8_t *words_at(const struct aiodns_index *index, enum aiodns_index_part part,
                                      uint32_t at, size_t len)
{
  return at % sizeof(uint32_t) == 0 ? octets_at(index, part, at, len) : NULL;
}

bool aiodns_index_source(const struct aiodns_index *index, uint32_t i, enum aiodns_index_kind *ret_kind,
                         uint64_t *ret_state, char *path, size_t room)
{
  if (i >= index->source_count)
    return false;
  const uint8_t *entry = index->base + index->part[AIODNS_INDEX_PART_SOURCES].offset +
                         (size_t)i * sizeof(struct aiodns_index_source_entry);
  uint32_t kind = load(entry + offsetof(struct aiodns_index_source_entry, kind));
  uint32_t len = load(entry + offsetof(struct aiodns_index_source_entry, path_len));
  const uint8_t *octets = octets_at(index, AIODNS_INDEX_PART_SOURCES,
                                    load(entry + offsetof(struct aiodns_index_source_entry, path)), len);
  if (!octets || len >= room || kind > AIODNS_INDEX_BLOCKS)
    return false;
  *ret_kind = (enum aiodns_index_kind)kind;
  *ret_state = load64(entry + offsetof(struct aiodns_index_source_entry, state));
  memcpy(path, octets, len);
  path[len] = '\0';
  return true;
}

/* ---- Tables ---- */

/* What is looked for. */
struct wanted {
  const uint8_t *octets;
  size_t len;
};

/* Whether what is at `at` is wanted: something but 0. */
typedef uint32_t is_wanted(const struct aiodns_index *index, uint32_t at, const struct wanted *wanted);

#define EACH ((uint64_t)0x0101010101010101)

/* The top bit of each octet that is 0, and perhaps of some above one that is. */
static inline uint64_t zeros(uint64_t word)
{
  return (word - EACH) & ~word & 0x80 * EACH;
}

/* What a bucket says of a hash. */
struct glance {
  uint64_t first;  /* bits 7, 15, ...: of the first eight places those that may have it */
  uint32_t others; /* the same of the other four */
  uint32_t passed; /* 1: it may be in the next bucket */
};

static inline struct glance glance_at(const uint8_t *bucket, uint32_t hash)
{
  const size_t at = offsetof(struct aiodns_index_bucket, tag);
  const uint64_t tags = aiodns_index_tag(hash) * EACH;
  uint64_t first = le64toh(load64(bucket + at)), second = le64toh(load64(bucket + at + 8));

  return (struct glance){.first = zeros(first ^ tags),
                         .others = (uint32_t)zeros(second ^ tags),
                         .passed = (uint32_t)(second >> (32 + aiodns_index_passing(hash)) & 1)};
}

_Static_assert(offsetof(struct aiodns_index_bucket, passed_le) ==
                   offsetof(struct aiodns_index_bucket, tag) + 12,
               "half a word of tags, half a word of those that went past");

static uint32_t try_some(const struct aiodns_index *index, const uint8_t *bucket, uint64_t some,
                         is_wanted *is, const struct wanted *wanted)
{
  uint32_t found = 0;

  for (; some && !found; some &= some - 1)
    found = is(index, load(bucket + (unsigned)__builtin_ctzll(some) / 8 * sizeof(uint32_t)), wanted);
  return found;
}

static inline const uint8_t *bucket_of(const struct aiodns_index *index, enum aiodns_index_part part,
                                       uint32_t number)
{
  return index->base + index->part[part].offset + (size_t)number * sizeof(struct aiodns_index_bucket);
}

static inline uint32_t buckets_of(const struct aiodns_index *index, enum aiodns_index_part part)
{
  return index->part[part].len / (uint32_t)sizeof(struct aiodns_index_bucket);
}

static __attribute__((noinline)) uint32_t search(const struct aiodns_index *index,
                                                 enum aiodns_index_part part, uint32_t hash, is_wanted *is,
                                                 const struct wanted *wanted)
{
  uint32_t buckets = buckets_of(index, part), number = aiodns_index_place(hash, buckets), found = 0;

  for (unsigned probe = 0; probe < AIODNS_INDEX_PROBES; probe++) {
    const uint8_t *bucket = bucket_of(index, part, number);
    struct glance glance = glance_at(bucket, hash);
    if (glance.first)
      found = try_some(index, bucket, glance.first, is, wanted);
    if (glance.others && !found)
      found = try_some(index, bucket + 8 * sizeof(uint32_t), glance.others, is, wanted);
    if (found || !glance.passed)
      break;
    number = number + 1 < buckets ? number + 1 : 0;
  }
  return found;
}

/*
 * What `is` returns for the one that is wanted; 0: it is not there, as one glance mostly tells.  For tables
 * that are not empty.
 */
static inline uint32_t find(const struct aiodns_index *index, enum aiodns_index_part part, uint32_t hash,
                            is_wanted *is, const struct wanted *wanted)
{
  struct glance glance =
      glance_at(bucket_of(index, part, aiodns_index_place(hash, buckets_of(index, part))), hash);

  return glance.first | glance.others | glance.passed ? search(index, part, hash, is, wanted) : 0;
}

/* ---- Hosts files ---- */

/* The line whose length is at `at`, to its '\n'; NULL: that is none. */
static const uint8_t *line_at(const struct aiodns_index *index, uint32_t at, uint32_t *ret_len)
{
  const uint8_t *word = words_at(index, AIODNS_INDEX_PART_LINES, at, sizeof *ret_len);

  if (!word)
    return NULL;
  uint32_t len = load(word);
  const uint8_t *text = octets_at(index, AIODNS_INDEX_PART_LINES, at + (uint32_t)sizeof len, len);
  if (!text || len == 0 || text[len - 1] != '\n')
    return NULL;
  *ret_len = len;
  return text;
}

static uint32_t is_name(const struct aiodns_index *index, uint32_t at, const struct wanted *wanted)
{
  const uint8_t *entry = words_at(index, AIODNS_INDEX_PART_LINES, at, sizeof(struct aiodns_index_name_entry));
  const uint8_t *word =
      entry ? octets_at(index, AIODNS_INDEX_PART_LINES,
                        load(entry + offsetof(struct aiodns_index_name_entry, word)), wanted->len + 1)
            : NULL;

  return word && (word[wanted->len] == ' ' || word[wanted->len] == '\n') &&
                 aiodns_index_equal(word, wanted->octets, wanted->len)
             ? at
             : 0;
}

static uint32_t is_address(const struct aiodns_index *index, uint32_t at, const struct wanted *wanted)
{
  const uint8_t *entry =
      words_at(index, AIODNS_INDEX_PART_LINES, at, sizeof(struct aiodns_index_address_entry) + wanted->len);

  return entry && load(entry + offsetof(struct aiodns_index_address_entry, len)) == wanted->len &&
                 memcmp(entry + sizeof(struct aiodns_index_address_entry), wanted->octets, wanted->len) == 0
             ? at
             : 0;
}

static bool is_ascii(const char *name, size_t len)
{
  uint64_t all = 0;
  size_t at = 0;

  for (; len - at >= sizeof all; at += sizeof all)
    all |= aiodns_index_word(name + at);
  for (; at < len; at++)
    all |= (uint8_t)name[at];
  return (all & 0x80 * EACH) == 0;
}

void aiodns_index_name(const struct aiodns_index *index, const char *name, size_t len,
                       struct aiodns_index_lines *ret)
{
  const struct wanted wanted = {(const uint8_t *)name, len};
  uint32_t last = 0, next = 0;

  if (index->part[AIODNS_INDEX_PART_NAMES].len > 0 && len > 0 && len < AIODNS_NAME_TEXT_MAX &&
      is_ascii(name, len))
    last =
        find(index, AIODNS_INDEX_PART_NAMES, aiodns_index_hash_text(index->key, name, len), is_name, &wanted);
  const uint8_t *entry =
      words_at(index, AIODNS_INDEX_PART_LINES, last, sizeof(struct aiodns_index_name_entry));
  if (last > 0 && entry)
    next = load(entry + offsetof(struct aiodns_index_name_entry, next));
  *ret =
      (struct aiodns_index_lines){.next = next, .last = last, .left = next > 0 ? AIODNS_INDEX_LINES_MAX : 0};
}

void aiodns_index_address(const struct aiodns_index *index, const void *address, size_t len,
                          struct aiodns_index_lines *ret)
{
  const struct wanted wanted = {address, len};
  uint32_t found = 0;

  if (index->part[AIODNS_INDEX_PART_ADDRESSES].len > 0 && (len == 4 || len == 16))
    found = find(index, AIODNS_INDEX_PART_ADDRESSES, aiodns_index_hash_address(index->key, address, len),
                 is_address, &wanted);
  *ret = (struct aiodns_index_lines){.next = found, .last = found, .left = found > 0};
}

_Static_assert(offsetof(struct aiodns_index_name_entry, line) ==
                   offsetof(struct aiodns_index_address_entry, line),
               "a walk takes them for the same");

bool aiodns_index_line(const struct aiodns_index *index, struct aiodns_index_lines *walk,
                       const char **ret_text, uint32_t *ret_len)
{
  uint32_t at = walk->next;

  if (walk->left == 0)
    return false;
  walk->left = at == walk->last ? 0 : walk->left - 1;
  const uint8_t *entry =
      words_at(index, AIODNS_INDEX_PART_LINES, at, offsetof(struct aiodns_index_name_entry, word));
  const uint8_t *text =
      entry ? line_at(index, load(entry + offsetof(struct aiodns_index_name_entry, line)), ret_len) : NULL;
  if (!text) {
    walk->left = 0;
    return false;
  }
  walk->next = load(entry + offsetof(struct aiodns_index_name_entry, next));
  *ret_text = (const char *)text;
  return true;
}

/* ---- Rules ---- */

/* The octet behind a rule's name, which has its bits. */
static uint32_t is_rule(const struct aiodns_index *index, uint32_t at, const struct wanted *wanted)
{
  const uint8_t *rule = octets_at(index, AIODNS_INDEX_PART_RULES, at, wanted->len);

  if (!rule)
    return 0;
  uint8_t end = *(const volatile uint8_t *)&rule[wanted->len - 1];
  return end & AIODNS_INDEX_RULE_END && memcmp(rule, wanted->octets, wanted->len - 1) == 0 ? end : 0;
}

/* What the rule of this very name says: its bits; 0: there is none. */
static inline uint32_t rule_of(const struct aiodns_index *index, uint64_t state, const uint8_t *name,
                               size_t len)
{
  return find(index, AIODNS_INDEX_PART_RULES_TABLE, aiodns_index_end(index->key, state), is_rule,
              &(struct wanted){name, len});
}

unsigned aiodns_index_rules(const struct aiodns_index *index, const struct aiodns_name *name)
{
  struct aiodns_index_folded folded;
  uint8_t labels[AIODNS_NAME_MAX];
  uint32_t is, blocked = 0;
  uint64_t state = aiodns_index_begin(index->key, 0);
  int64_t depths = (int64_t)index->rule_labels; /* what is moved out stands for more than 63 */

  if (index->part[AIODNS_INDEX_PART_RULES_TABLE].len == 0 || name->len < 2)
    return 0;
  aiodns_index_fold(name, &folded);
  for (const uint8_t *label = aiodns_index_labels(name, labels) - 1; label > labels; label--) {
    const uint8_t *octets = folded.wire + *label;
    state = aiodns_index_hash_label(index->key, state, octets, 1 + (size_t)*octets);
    depths >>= 1;
    if (!(depths & 1))
      continue;
    is = rule_of(index, state, octets, (size_t)name->len - *label);
    if (is & AIODNS_RULE_ALLOW)
      return AIODNS_RULE_ALLOW;
    blocked |= is & AIODNS_RULE_BELOW;
  }
  state = aiodns_index_hash_label(index->key, state, folded.wire, 1 + (size_t)folded.wire[0]);
  is = rule_of(index, state, folded.wire, name->len);
  if (is & AIODNS_RULE_ALLOW)
    return AIODNS_RULE_ALLOW;
  return blocked | (is & AIODNS_RULE_ITSELF) ? AIODNS_RULE_ITSELF : 0;
}

uint64_t aiodns_index_rule_count(const struct aiodns_index *index)
{
  return index->rule_count;
}
