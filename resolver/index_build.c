#include "index_build.h"

#include "index_layout.h"
#include "kernel.h"

#include <arpa/inet.h>

/* ---- Memory ---- */

/* Octets that become more; never 4 GiB. */
struct area {
  uint8_t *base;
  uint64_t len, room;
};

enum { AREA_FIRST = 1 << 16 }; /* a page is too small for its system call */

static void *map(uint64_t len)
{
  if (len > SIZE_MAX) {
    errno = ENOMEM;
    return NULL;
  }
  void *base = aiodns_kernel_map(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return base == MAP_FAILED ? NULL : base;
}

static void unmap(void *base, uint64_t len)
{
  int error = errno;

  if (base)
    aiodns_kernel_unmap(base, len);
  errno = error;
}

static void area_done(struct area *area)
{
  unmap(area->base, area->room);
  *area = (struct area){0};
}

/* Moved by the kernel, page by page; where it may not do that, by copying. */
static void *move(const struct area *area, uint64_t room)
{
  void *base = room > SIZE_MAX ? MAP_FAILED : aiodns_kernel_remap(area->base, area->room, room);

  if (base != MAP_FAILED)
    return base;
  base = map(room);
  if (base) {
    memcpy(base, area->base, (size_t)area->len);
    unmap(area->base, area->room);
  }
  return base;
}

/* Room for `more` octets behind those that are there; false: errno. */
static bool area_reserve(struct area *area, uint64_t more)
{
  if (area->room - area->len >= more)
    return true;
  if (more > UINT32_MAX - area->len) {
    errno = EFBIG;
    return false;
  }
  uint64_t room = area->room + area->room / 2;
  room = room < area->len + more ? area->len + more : room;
  room = (room + AREA_FIRST - 1) / AREA_FIRST * AREA_FIRST;
  void *base = area->base ? move(area, room) : map(room);
  if (!base)
    return false;
  area->base = base;
  area->room = room;
  return true;
}

static void area_put(struct area *area, const void *octets, size_t len)
{
  memcpy(area->base + area->len, octets, len);
  area->len += len;
}

/* ---- The keys so far ---- */

/*
 * Each with its hash, so that neither a larger table nor that of the file has to look at the keys again:
 * those are filled in the order of this one, which is nearly that of the hashes.
 */
struct slot {
  uint32_t hash;
  uint32_t at; /* 0: free */
};

struct keys {
  struct slot *slot;
  uint32_t count, places;
};

enum { KEYS_FIRST = 512 };

static void keys_done(struct keys *keys)
{
  unmap(keys->slot, (uint64_t)keys->places * sizeof *keys->slot);
  *keys = (struct keys){0};
}

static struct slot *free_slot(const struct keys *keys, uint32_t hash)
{
  uint32_t place = aiodns_index_place(hash, keys->places);

  while (keys->slot[place].at != 0)
    place = place + 1 < keys->places ? place + 1 : 0;
  return &keys->slot[place];
}

/* Three quarters may be in use, at the least one half is. */
static bool keys_reserve(struct keys *keys)
{
  if (keys->count < keys->places / 4 * 3)
    return true;
  if (keys->places > UINT32_MAX / 2) {
    errno = EFBIG;
    return false;
  }
  struct keys more = {.count = keys->count, .places = keys->places == 0 ? KEYS_FIRST : keys->places / 2 * 3};
  more.slot = map((uint64_t)more.places * sizeof *more.slot);
  if (!more.slot)
    return false;
  for (uint32_t i = 0; i < keys->places; i++)
    if (keys->slot[i].at != 0)
      *free_slot(&more, keys->slot[i].hash) = keys->slot[i];
  unmap(keys->slot, (uint64_t)keys->places * sizeof *keys->slot);
  *keys = more;
  return true;
}

/* ---- The draft ---- */

struct address {
  uint8_t len;
  uint8_t octets[16];
};

/*
 * A key of a line that has its turn a little later: what its place is in is being loaded meanwhile, which
 * takes most of the time where there are many.
 */
struct pending {
  uint32_t hash, line;
  uint32_t word, word_len; /* of a name; word_len 0: an address */
  struct address address;
};

enum { PENDING = 32 };

struct aiodns_index_draft {
  uint64_t key[2];
  int error; /* the first one; then there is nothing more to be added to */
  uint32_t source_count;
  uint64_t rule_labels;
  struct area sources, paths, lines, rules;
  struct keys names, addresses, rule_names;
  unsigned first, waiting;
  struct pending pending[PENDING]; /* from `first` on, in a ring */
  struct area whole;
};

struct aiodns_index_draft *aiodns_index_draft_new(const uint64_t key[2])
{
  struct aiodns_index_draft *draft = map(sizeof *draft);

  if (draft) {
    draft->key[0] = key[0] ^ 0x9e3779b97f4a7c15; /* zeros are no key, though they may come in */
    draft->key[1] = key[1] ^ 0xc2b2ae3d27d4eb4f;
  }
  return draft;
}

static void drop_parts(struct aiodns_index_draft *draft)
{
  area_done(&draft->sources);
  area_done(&draft->paths);
  area_done(&draft->lines);
  area_done(&draft->rules);
  keys_done(&draft->names);
  keys_done(&draft->addresses);
  keys_done(&draft->rule_names);
}

void aiodns_index_draft_free(struct aiodns_index_draft *draft)
{
  if (!draft)
    return;
  drop_parts(draft);
  area_done(&draft->whole);
  unmap(draft, sizeof *draft);
}

static void fail(struct aiodns_index_draft *draft)
{
  draft->error = errno != 0 ? errno : ENOMEM;
  drop_parts(draft);
}

/* Whether there is room for `more` octets in an area of it. */
static bool reserve(struct aiodns_index_draft *draft, struct area *area, uint64_t more)
{
  if (draft->error != 0)
    return false;
  if (area_reserve(area, more))
    return true;
  fail(draft);
  return false;
}

/* Whether what is at `at` has this key. */
typedef bool is_same(const struct aiodns_index_draft *draft, uint32_t at, const uint8_t *key, size_t len);

/* The key's place, or one for it; NULL: there is no room. */
static inline struct slot *seek(struct aiodns_index_draft *draft, struct keys *keys, uint32_t hash,
                                is_same *is, const uint8_t *key, size_t len)
{
  if (!keys_reserve(keys)) {
    fail(draft);
    return NULL;
  }
  uint32_t place = aiodns_index_place(hash, keys->places);
  for (;; place = place + 1 < keys->places ? place + 1 : 0) {
    struct slot *slot = &keys->slot[place];
    if (slot->at == 0 || (slot->hash == hash && is(draft, slot->at, key, len)))
      return slot;
  }
}

static void fill(struct keys *keys, struct slot *slot, uint32_t hash, uint32_t at)
{
  *slot = (struct slot){hash, at};
  keys->count++;
}

/* ---- Sources ---- */

void aiodns_index_add_source(struct aiodns_index_draft *draft, enum aiodns_index_kind kind, const char *path,
                             uint64_t state)
{
  size_t len = strlen(path);
  struct aiodns_index_source_entry entry = {
      .state = state, .kind = kind, .path = (uint32_t)draft->paths.len, .path_len = (uint32_t)len};

  if (!reserve(draft, &draft->sources, sizeof entry) || !reserve(draft, &draft->paths, len))
    return;
  area_put(&draft->sources, &entry, sizeof entry);
  area_put(&draft->paths, path, len);
  draft->source_count++;
}

/* ---- Lines of hosts files ---- */

/* What a line can be looked for by, and how many those are.  As in hosts.c, for IPv4 some addresses of IPv6
 * count, too. */
static unsigned parse_address(const char *text, struct address ret[2])
{
  struct in6_addr in6;

  if (inet_pton(AF_INET, text, ret[0].octets) == 1) {
    ret[0].len = 4;
    return 1;
  }
  if (inet_pton(AF_INET6, text, &in6) != 1)
    return 0;
  ret[0].len = 16;
  memcpy(ret[0].octets, &in6, 16);
  ret[1].len = 4;
  if (IN6_IS_ADDR_V4MAPPED(&in6))
    memcpy(ret[1].octets, in6.s6_addr + 12, 4);
  else if (IN6_IS_ADDR_LOOPBACK(&in6))
    memcpy(ret[1].octets, &(struct in_addr){htonl(INADDR_LOOPBACK)}, 4);
  else
    return 1;
  return 2;
}

static bool has_name(const struct aiodns_index_draft *draft, uint32_t at, const uint8_t *name, size_t len)
{
  struct aiodns_index_name_entry entry;

  memcpy(&entry, draft->lines.base + at, sizeof entry);
  const uint8_t *word = draft->lines.base + entry.word;
  /* Behind each word is a blank or the end of its line. */
  return len < draft->lines.len - entry.word && (word[len] == ' ' || word[len] == '\n') &&
         aiodns_index_equal(word, name, len);
}

static bool has_address(const struct aiodns_index_draft *draft, uint32_t at, const uint8_t *address,
                        size_t len)
{
  struct aiodns_index_address_entry entry;

  memcpy(&entry, draft->lines.base + at, sizeof entry);
  return entry.len == len && memcmp(draft->lines.base + at + sizeof entry, address, len) == 0;
}

static void put_name(struct aiodns_index_draft *draft, const struct pending *one)
{
  struct aiodns_index_name_entry entry = {.line = one->line, .word = one->word}, last;

  if (!reserve(draft, &draft->lines, sizeof entry))
    return;
  uint32_t at = (uint32_t)draft->lines.len;
  struct slot *slot =
      seek(draft, &draft->names, one->hash, has_name, draft->lines.base + one->word, one->word_len);
  if (!slot)
    return;
  entry.next = at;
  if (slot->at != 0) {
    memcpy(&last, draft->lines.base + slot->at, sizeof last);
    if (last.line == one->line) /* twice in one line */
      return;
    entry.next = last.next;
    last.next = at;
    memcpy(draft->lines.base + slot->at, &last, sizeof last);
    slot->at = at;
  } else {
    fill(&draft->names, slot, one->hash, at);
  }
  area_put(&draft->lines, &entry, sizeof entry);
}

/* Of the lines of an address the first one counts. */
static void put_address(struct aiodns_index_draft *draft, const struct pending *one)
{
  const struct address *address = &one->address;
  struct aiodns_index_address_entry entry = {.line = one->line, .len = address->len};

  if (!reserve(draft, &draft->lines, sizeof entry + address->len))
    return;
  struct slot *slot = seek(draft, &draft->addresses, one->hash, has_address, address->octets, address->len);
  if (!slot || slot->at != 0)
    return;
  fill(&draft->addresses, slot, one->hash, (uint32_t)draft->lines.len);
  area_put(&draft->lines, &entry, sizeof entry);
  area_put(&draft->lines, address->octets, address->len);
}

static void put_first(struct aiodns_index_draft *draft)
{
  const struct pending *one = &draft->pending[draft->first];

  draft->first = (draft->first + 1) % PENDING;
  draft->waiting--;
  if (one->word_len > 0)
    put_name(draft, one);
  else
    put_address(draft, one);
}

/* A key of the last line. */
static void add_key(struct aiodns_index_draft *draft, const struct keys *keys, const struct pending *one)
{
  if (draft->waiting == PENDING)
    put_first(draft);
  if (keys->places > 0)
    __builtin_prefetch(&keys->slot[aiodns_index_place(one->hash, keys->places)], 1);
  draft->pending[(draft->first + draft->waiting++) % PENDING] = *one;
}

static bool is_ascii(const uint8_t *word, size_t len)
{
  uint8_t all = 0;

  for (size_t i = 0; i < len; i++)
    all |= word[i];
  return all < 0x80;
}

/* The names of the last line, whose text stands there, to its '\n'. */
static void add_names(struct aiodns_index_draft *draft, uint32_t line, uint32_t at, uint32_t end)
{
  while (draft->error == 0 && at < end) {
    const uint8_t *word = draft->lines.base + at;
    const uint8_t *blank = memchr(word, ' ', end - at);
    uint32_t len = blank ? (uint32_t)(blank - word) : end - at - 1;
    if (is_ascii(word, len))
      add_key(draft, &draft->names,
              &(struct pending){.hash = aiodns_index_hash_text(draft->key, word, len),
                                .line = line,
                                .word = at,
                                .word_len = len});
    at += len + 1;
  }
}

/* The names of a line behind its address; false: there is none, or no room for them. */
static bool put_words(struct aiodns_index_draft *draft, struct aiodns_lines *lines)
{
  char word[1 + AIODNS_NAME_TEXT_MAX];
  bool some = false;
  size_t len;

  word[0] = ' ';
  while ((len = aiodns_lines_word(lines, '#', word + 1, sizeof word - 1)) > 0) {
    if (len >= AIODNS_NAME_TEXT_MAX)
      continue;
    if (!reserve(draft, &draft->lines, 1 + len))
      return false;
    area_put(&draft->lines, word, 1 + len);
    some = true;
  }
  return some;
}

/* Its end, the zeros to the next word, and its length in front. */
static bool end_line(struct aiodns_index_draft *draft, uint32_t line)
{
  static const char end[] = {'\n', 0, 0, 0};

  if (!reserve(draft, &draft->lines, sizeof end))
    return false;
  uint32_t len = (uint32_t)draft->lines.len + 1 - line - (uint32_t)sizeof len;
  memcpy(draft->lines.base + line, &len, sizeof len);
  area_put(&draft->lines, end, 4 - draft->lines.len % 4);
  return true;
}

void aiodns_index_add_hosts_line(struct aiodns_index_draft *draft, struct aiodns_lines *lines)
{
  char text[INET6_ADDRSTRLEN + 1];
  struct address address[2];
  uint32_t length = 0;
  size_t len = aiodns_lines_word(lines, '#', text, sizeof text);
  unsigned count = len > 0 && len < sizeof text ? parse_address(text, address) : 0;

  if (count == 0 || !reserve(draft, &draft->lines, 2 * sizeof length + len))
    return;
  if (draft->lines.len == 0)
    area_put(&draft->lines, &length, sizeof length); /* offset 0 is that of no entry */
  uint32_t line = (uint32_t)draft->lines.len, names = line + (uint32_t)(sizeof length + len + 1);
  area_put(&draft->lines, &length, sizeof length);
  area_put(&draft->lines, text, len);
  if (!put_words(draft, lines)) {
    draft->lines.len = draft->error == 0 ? line : 0;
    return;
  }
  uint32_t end = (uint32_t)draft->lines.len + 1;
  if (!end_line(draft, line))
    return;
  add_names(draft, line, names, end);
  for (unsigned i = 0; i < count && draft->error == 0; i++)
    add_key(
        draft, &draft->addresses,
        &(struct pending){.hash = aiodns_index_hash_address(draft->key, address[i].octets, address[i].len),
                          .line = line,
                          .address = address[i]});
}

/* ---- Rules ---- */

static bool has_rule(const struct aiodns_index_draft *draft, uint32_t at, const uint8_t *name, size_t len)
{
  const uint8_t *rule = draft->rules.base + at;

  return len <= draft->rules.len - at && rule[len - 1] & AIODNS_INDEX_RULE_END &&
         memcmp(rule, name, len - 1) == 0;
}

void aiodns_index_add_rule(struct aiodns_index_draft *draft, const struct aiodns_rule *rule)
{
  const size_t len = rule->name.len;
  uint8_t is = rule->is & AIODNS_INDEX_RULE_BITS, label[AIODNS_NAME_MAX];
  struct aiodns_index_folded folded;
  uint8_t *name = folded.wire;
  unsigned count = (unsigned)(aiodns_index_labels(&rule->name, label) - label);
  uint64_t state = aiodns_index_begin(draft->key, 0);

  if (is == 0 || count == 0 || !reserve(draft, &draft->rules, 1 + len))
    return;
  if (draft->rules.len == 0)
    area_put(&draft->rules, "", 1); /* offset 0 is that of no rule */
  aiodns_index_fold(&rule->name, &folded);
  for (unsigned i = count; i-- > 0;)
    state = aiodns_index_hash_label(draft->key, state, name + label[i], 1 + (size_t)name[label[i]]);
  uint32_t hash = aiodns_index_end(draft->key, state);
  struct slot *slot = seek(draft, &draft->rule_names, hash, has_rule, name, len);
  if (!slot)
    return;
  if (is & (AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW))
    draft->rule_labels |= aiodns_index_label_bit(count);
  if (slot->at != 0) {
    draft->rules.base[slot->at + len - 1] |= is;
    return;
  }
  name[len - 1] = AIODNS_INDEX_RULE_END | is;
  fill(&draft->rule_names, slot, hash, (uint32_t)draft->rules.len);
  area_put(&draft->rules, name, len);
}

/* ---- Putting it together ---- */

static uint64_t buckets_of(const struct keys *keys)
{
  return (keys->count + AIODNS_INDEX_LOAD - 1) / AIODNS_INDEX_LOAD;
}

enum { SPARE_MAX = 256 };

/* The parts' lengths; of tables with `spare` 64ths more buckets. */
static void lengths_of(const struct aiodns_index_draft *draft, uint32_t flags, unsigned spare,
                       uint64_t ret[AIODNS_INDEX_PARTS])
{
  const struct keys *tables[AIODNS_INDEX_PARTS] = {
      [AIODNS_INDEX_PART_NAMES] = &draft->names,
      [AIODNS_INDEX_PART_ADDRESSES] = &draft->addresses,
      [AIODNS_INDEX_PART_RULES_TABLE] = &draft->rule_names,
  };

  for (unsigned i = 0; i < AIODNS_INDEX_PARTS; i++) {
    uint64_t buckets = tables[i] ? buckets_of(tables[i]) : 0;
    ret[i] = (buckets + buckets * spare / 64) * sizeof(struct aiodns_index_bucket);
  }
  ret[AIODNS_INDEX_PART_LINES] = draft->lines.len;
  ret[AIODNS_INDEX_PART_RULES] = draft->rules.len;
  if (flags & AIODNS_INDEX_LEFT_OUT)
    memset(ret, 0, AIODNS_INDEX_PARTS * sizeof *ret);
  ret[AIODNS_INDEX_PART_SOURCES] = draft->sources.len + draft->paths.len;
}

static uint64_t size_of(const uint64_t len[AIODNS_INDEX_PARTS])
{
  uint64_t end = aiodns_index_align(sizeof(struct aiodns_index_header));

  for (unsigned i = 0; i < AIODNS_INDEX_PARTS; i++)
    end += aiodns_index_align(len[i]);
  return end;
}

uint64_t aiodns_index_draft_size(const struct aiodns_index_draft *draft)
{
  uint64_t len[AIODNS_INDEX_PARTS];

  lengths_of(draft, 0, 0, len);
  return size_of(len);
}

static void make_header(const struct aiodns_index_draft *draft, uint32_t flags,
                        const uint8_t boot[AIODNS_CACHE_BOOT_LEN], const uint64_t len[AIODNS_INDEX_PARTS],
                        struct aiodns_index_header *ret)
{
  uint64_t end = sizeof *ret;

  *ret = (struct aiodns_index_header){.layout = AIODNS_INDEX_LAYOUT,
                                      .flags = flags,
                                      .size = size_of(len),
                                      .key = {draft->key[0], draft->key[1]},
                                      .source_count = draft->source_count};
  memcpy(ret->magic, AIODNS_INDEX_MAGIC, sizeof ret->magic);
  memcpy(ret->boot, boot, sizeof ret->boot);
  if (len[AIODNS_INDEX_PART_RULES] > 0) {
    ret->rule_labels = draft->rule_labels;
    ret->rule_count = draft->rule_names.count;
  }
  for (unsigned i = 0; i < AIODNS_INDEX_PARTS; i++) {
    ret->part[i] = (struct aiodns_index_span){(uint32_t)aiodns_index_align(end), (uint32_t)len[i]};
    end = aiodns_index_align(end) + len[i];
  }
  ret->checksum = aiodns_index_header_sum(ret);
}

/* One key more in a table of the file; false: what is near its place is full. */
static bool put_key(struct aiodns_index_bucket *table, uint32_t buckets, const struct slot *slot)
{
  uint32_t number = aiodns_index_place(slot->hash, buckets);

  for (unsigned probe = 0; probe < AIODNS_INDEX_PROBES; probe++) {
    struct aiodns_index_bucket *bucket = &table[number];
    for (unsigned way = 0; way < AIODNS_INDEX_WAYS; way++)
      if (bucket->at[way] == 0) {
        bucket->tag[way] = aiodns_index_tag(slot->hash);
        bucket->at[way] = slot->at;
        return true;
      }
    bucket->passed_le |= htole32((uint32_t)1 << aiodns_index_passing(slot->hash));
    number = number + 1 < buckets ? number + 1 : 0;
  }
  return false;
}

static bool put_table(uint8_t *whole, const struct aiodns_index_span *part, const struct keys *keys)
{
  struct aiodns_index_bucket *table = (void *)(whole + part->offset);
  uint32_t buckets = part->len / (uint32_t)sizeof *table;

  for (uint32_t i = 0; buckets > 0 && i < keys->places; i++)
    if (keys->slot[i].at != 0 && !put_key(table, buckets, &keys->slot[i]))
      return false;
  return true;
}

static bool put_tables(const struct aiodns_index_draft *draft, const struct aiodns_index_header *header)
{
  uint8_t *whole = draft->whole.base;
  const struct aiodns_index_span *part = header->part;

  return put_table(whole, &part[AIODNS_INDEX_PART_NAMES], &draft->names) &&
         put_table(whole, &part[AIODNS_INDEX_PART_ADDRESSES], &draft->addresses) &&
         put_table(whole, &part[AIODNS_INDEX_PART_RULES_TABLE], &draft->rule_names);
}

static void put_part(const struct aiodns_index_draft *draft, const struct aiodns_index_span *part,
                     const struct area *area)
{
  if (part->len > 0)
    memcpy(draft->whole.base + part->offset, area->base, part->len);
}

/* All but the tables. */
static void put_parts(const struct aiodns_index_draft *draft, const struct aiodns_index_header *header)
{
  const struct aiodns_index_span *sources = &header->part[AIODNS_INDEX_PART_SOURCES];
  uint8_t *to = draft->whole.base + sources->offset;

  memcpy(draft->whole.base, header, sizeof *header);
  for (uint64_t at = 0; at < draft->sources.len; at += sizeof(struct aiodns_index_source_entry)) {
    struct aiodns_index_source_entry entry;
    memcpy(&entry, draft->sources.base + at, sizeof entry);
    entry.path += (uint32_t)draft->sources.len;
    memcpy(to + at, &entry, sizeof entry);
  }
  if (draft->paths.len > 0)
    memcpy(to + draft->sources.len, draft->paths.base, (size_t)draft->paths.len);
  put_part(draft, &header->part[AIODNS_INDEX_PART_LINES], &draft->lines);
  put_part(draft, &header->part[AIODNS_INDEX_PART_RULES], &draft->rules);
}

/* Of this size; false: no memory (errno), or a table was too full, then another size may do. */
static bool put_together(struct aiodns_index_draft *draft, const struct aiodns_index_header *header)
{
  draft->whole = (struct area){.base = map(header->size), .len = header->size, .room = header->size};
  if (!draft->whole.base)
    return false;
  if (!put_tables(draft, header)) {
    area_done(&draft->whole);
    errno = EAGAIN;
    return false;
  }
  put_parts(draft, header);
  return true;
}

const void *aiodns_index_finish(struct aiodns_index_draft *draft, uint32_t flags,
                                const uint8_t boot[AIODNS_CACHE_BOOT_LEN], uint64_t *ret_size)
{
  struct aiodns_index_header header;
  uint64_t len[AIODNS_INDEX_PARTS];
  bool done = false;

  while (draft->error == 0 && draft->waiting > 0)
    put_first(draft);
  /* By chance a place is crowded, and stays so unless there is much more room; keys whose hashes are all the
   * same would need any. */
  for (unsigned spare = 0; draft->error == 0 && !done && spare <= SPARE_MAX; spare = spare ? 2 * spare : 4) {
    lengths_of(draft, flags, spare, len);
    errno = size_of(len) > UINT32_MAX ? EFBIG : 0;
    if (errno == 0) {
      make_header(draft, flags, boot, len, &header);
      done = put_together(draft, &header);
    }
    if (!done && errno != EAGAIN)
      fail(draft);
  }
  if (!done) {
    errno = draft->error != 0 ? draft->error : ENOMEM;
    return NULL;
  }
  drop_parts(draft);
  draft->error = EALREADY;
  *ret_size = header.size;
  return draft->whole.base;
}
