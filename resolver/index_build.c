#include "index_build.h"

#include "index_draft.h"

#include <arpa/inet.h>

/* Whether there is room for `more` octets in an area of it. */
static bool reserve(struct aiodns_index_draft *draft, struct aiodns_area *area, uint64_t more)
{
  if (draft->error != 0)
    return false;
  if (aiodns_area_reserve(area, more))
    return true;
  aiodns_index_draft_fail(draft);
  return false;
}

/* Whether what is at `at` has this key. */
typedef bool is_same(const struct aiodns_index_draft *draft, uint32_t at, const uint8_t *key, size_t len);

/* The key's place, or one for it; NULL: there is no room. */
static inline struct aiodns_keys_slot *seek(struct aiodns_index_draft *draft, struct aiodns_keys *keys,
                                            uint32_t hash, is_same *is, const uint8_t *key, size_t len)
{
  if (!aiodns_keys_reserve(keys)) {
    aiodns_index_draft_fail(draft);
    return NULL;
  }
  uint32_t place = aiodns_index_place(hash, keys->places);
  for (;; place = place + 1 < keys->places ? place + 1 : 0) {
    struct aiodns_keys_slot *slot = &keys->slot[place];
    if (slot->at == 0 || (slot->hash == hash && is(draft, slot->at, key, len)))
      return slot;
  }
}

static void fill(struct aiodns_keys *keys, struct aiodns_keys_slot *slot, uint32_t hash, uint32_t at)
{
  *slot = (struct aiodns_keys_slot){hash, at};
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
  aiodns_area_put(&draft->sources, &entry, sizeof entry);
  aiodns_area_put(&draft->paths, path, len);
  draft->source_count++;
}

/* ---- Lines of hosts files ---- */

/* What a line can be looked for by, and how many those are.  As in hosts.c, for IPv4 some addresses of IPv6
 * count, too. */
static unsigned parse_address(const char *text, struct aiodns_draft_address ret[2])
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

static void put_name(struct aiodns_index_draft *draft, const struct aiodns_draft_pending *one)
{
  struct aiodns_index_name_entry entry = {.line = one->line, .word = one->word}, last;

  if (!reserve(draft, &draft->lines, sizeof entry))
    return;
  uint32_t at = (uint32_t)draft->lines.len;
  struct aiodns_keys_slot *slot =
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
  aiodns_area_put(&draft->lines, &entry, sizeof entry);
}

/* Of the lines of an address the first one counts. */
static void put_address(struct aiodns_index_draft *draft, const struct aiodns_draft_pending *one)
{
  const struct aiodns_draft_address *address = &one->address;
  struct aiodns_index_address_entry entry = {.line = one->line, .len = address->len};

  if (!reserve(draft, &draft->lines, sizeof entry + address->len))
    return;
  struct aiodns_keys_slot *slot =
      seek(draft, &draft->addresses, one->hash, has_address, address->octets, address->len);
  if (!slot || slot->at != 0)
    return;
  fill(&draft->addresses, slot, one->hash, (uint32_t)draft->lines.len);
  aiodns_area_put(&draft->lines, &entry, sizeof entry);
  aiodns_area_put(&draft->lines, address->octets, address->len);
}

void aiodns_index_draft_settle(struct aiodns_index_draft *draft)
{
  const struct aiodns_draft_pending *one = &draft->pending[draft->first];

  draft->first = (draft->first + 1) % AIODNS_DRAFT_PENDING;
  draft->waiting--;
  if (one->word_len > 0)
    put_name(draft, one);
  else
    put_address(draft, one);
}

/* A key of the last line. */
static void add_key(struct aiodns_index_draft *draft, const struct aiodns_keys *keys,
                    const struct aiodns_draft_pending *one)
{
  if (draft->waiting == AIODNS_DRAFT_PENDING)
    aiodns_index_draft_settle(draft);
  if (keys->places > 0)
    __builtin_prefetch(&keys->slot[aiodns_index_place(one->hash, keys->places)], 1);
  draft->pending[(draft->first + draft->waiting++) % AIODNS_DRAFT_PENDING] = *one;
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
              &(struct aiodns_draft_pending){.hash = aiodns_index_hash_text(draft->key, word, len),
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
    aiodns_area_put(&draft->lines, word, 1 + len);
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
  aiodns_area_put(&draft->lines, end, 4 - draft->lines.len % 4);
  return true;
}

void aiodns_index_add_hosts_line(struct aiodns_index_draft *draft, struct aiodns_lines *lines)
{
  char text[INET6_ADDRSTRLEN + 1];
  struct aiodns_draft_address address[2];
  uint32_t length = 0;
  size_t len = aiodns_lines_word(lines, '#', text, sizeof text);
  unsigned count = len > 0 && len < sizeof text ? parse_address(text, address) : 0;

  if (count == 0 || !reserve(draft, &draft->lines, 2 * sizeof length + len))
    return;
  if (draft->lines.len == 0)
    aiodns_area_put(&draft->lines, &length, sizeof length); /* offset 0 is that of no entry */
  uint32_t line = (uint32_t)draft->lines.len, names = line + (uint32_t)(sizeof length + len + 1);
  aiodns_area_put(&draft->lines, &length, sizeof length);
  aiodns_area_put(&draft->lines, text, len);
  if (!put_words(draft, lines)) {
    draft->lines.len = draft->error == 0 ? line : 0;
    return;
  }
  uint32_t end = (uint32_t)draft->lines.len + 1;
  if (!end_line(draft, line))
    return;
  add_names(draft, line, names, end);
  for (unsigned i = 0; i < count && draft->error == 0; i++)
    add_key(draft, &draft->addresses,
            &(struct aiodns_draft_pending){
                .hash = aiodns_index_hash_address(draft->key, address[i].octets, address[i].len),
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
    aiodns_area_put(&draft->rules, "", 1); /* offset 0 is that of no rule */
  aiodns_index_fold(&rule->name, &folded);
  for (unsigned i = count; i-- > 0;)
    state = aiodns_index_hash_label(draft->key, state, name + label[i], 1 + (size_t)name[label[i]]);
  uint32_t hash = aiodns_index_end(draft->key, state);
  struct aiodns_keys_slot *slot = seek(draft, &draft->rule_names, hash, has_rule, name, len);
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
  aiodns_area_put(&draft->rules, name, len);
}
