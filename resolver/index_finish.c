#include "index_draft.h"

static uint64_t buckets_of(const struct aiodns_keys *keys)
{
  return (keys->count + AIODNS_INDEX_LOAD - 1) / AIODNS_INDEX_LOAD;
}

enum { SPARE_MAX = 256 };

/* The parts' lengths; of tables with `spare` 64ths more buckets. */
static void lengths_of(const struct aiodns_index_draft *draft, uint32_t flags, unsigned spare,
                       uint64_t ret[AIODNS_INDEX_PARTS])
{
  const struct aiodns_keys *tables[AIODNS_INDEX_PARTS] = {
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
static bool put_key(struct aiodns_index_bucket *table, uint32_t buckets, const struct aiodns_keys_slot *slot)
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

static bool put_table(uint8_t *whole, const struct aiodns_index_span *part, const struct aiodns_keys *keys)
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
                     const struct aiodns_area *area)
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
  draft->whole =
      (struct aiodns_area){.base = aiodns_area_map(header->size), .len = header->size, .room = header->size};
  if (!draft->whole.base)
    return false;
  if (!put_tables(draft, header)) {
    aiodns_area_done(&draft->whole);
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
    aiodns_index_draft_settle(draft);
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
      aiodns_index_draft_fail(draft);
  }
  if (!done) {
    errno = draft->error != 0 ? draft->error : ENOMEM;
    return NULL;
  }
  aiodns_index_draft_drop(draft);
  draft->error = EALREADY;
  *ret_size = header.size;
  return draft->whole.base;
}
