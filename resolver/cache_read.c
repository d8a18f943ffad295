#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Slots ---- */

static uint32_t small_slots(const struct aiodns_cache *cache)
{
  return cache->small_sets * AIODNS_CACHE_WAYS;
}

uint32_t aiodns_cache_slots(const struct aiodns_cache *cache)
{
  return small_slots(cache) + cache->large_sets * AIODNS_CACHE_WAYS;
}

uint32_t aiodns_cache_set(const struct aiodns_cache *cache, uint64_t hash, bool large)
{
  if (large)
    return small_slots(cache) + (uint32_t)(hash & (cache->large_sets - 1)) * AIODNS_CACHE_WAYS;
  return (uint32_t)(hash & (cache->small_sets - 1)) * AIODNS_CACHE_WAYS;
}

size_t aiodns_cache_slot_size(const struct aiodns_cache *cache, uint32_t number)
{
  return number < small_slots(cache) ? AIODNS_CACHE_SMALL : AIODNS_CACHE_LARGE;
}

uint64_t aiodns_cache_offset(const struct aiodns_cache *cache, uint32_t number)
{
  uint32_t small = small_slots(cache);

  if (number < small)
    return AIODNS_CACHE_PAGE + (uint64_t)number * AIODNS_CACHE_SMALL;
  return AIODNS_CACHE_PAGE + (uint64_t)small * AIODNS_CACHE_SMALL +
         (uint64_t)(number - small) * AIODNS_CACHE_LARGE;
}

static const struct aiodns_slot *slot_at(const struct aiodns_cache *cache, uint32_t number)
{
  return (const struct aiodns_slot *)(const void *)(cache->base + aiodns_cache_offset(cache, number));
}

/* Octets of an address in an answer of this type; 0: it has none. */
static size_t address_len_of(uint16_t type)
{
  return type == AIODNS_TYPE_A ? 4 : type == AIODNS_TYPE_AAAA || type == AIODNS_TYPE_SERVERS ? 16 : 0;
}

/* An answer has what was asked for, and whatever else came has nothing. */
static bool is_whole(const struct aiodns_slot *slot, size_t address_len)
{
  switch (slot->outcome) {
  case AIODNS_ANSWER:
    return address_len > 0 ? slot->address_count > 0 : slot->address_count == 0 && slot->name_count > 0;
  case AIODNS_NO_NAME:
  case AIODNS_NO_DATA:
  case AIODNS_FAILED:
    return (slot->names_len | slot->name_count | slot->address_count) == 0;
  default:
    return false;
  }
}

/* Its times are some that a writer would have put there. */
static bool is_timely(const struct aiodns_slot *slot)
{
  uint64_t life_ns = slot->expires_ns - slot->stored_ns;

  if (slot->flags & AIODNS_RECORD_STALE)
    return slot->expires_ns <= slot->stored_ns &&
           slot->stored_ns - slot->expires_ns <= AIODNS_CACHE_STALE_MAX_NS &&
           !(slot->flags & AIODNS_RECORD_ONCE) && slot->outcome != AIODNS_FAILED;
  return life_ns - 1 < AIODNS_CACHE_LIFE_MAX_NS &&
         (!(slot->flags & AIODNS_RECORD_ONCE) || life_ns == AIODNS_CACHE_ONCE_NS);
}

/* The lengths say where everything is, and that is inside the payload. */
static bool is_consistent(const struct aiodns_slot *slot)
{
  size_t address_len = address_len_of(slot->type);
  size_t fixed = (size_t)slot->name_len + slot->names_len + slot->address_count * address_len;

  return slot->hash != 0 && fixed == slot->payload_len && slot->name_len > 0 &&
         slot->canonical <= slot->name_count && (slot->flags & ~AIODNS_RECORD_FLAGS) == 0 &&
         is_timely(slot) && is_whole(slot, address_len);
}

/* The length of the payload, in the one word that has it. */
static uint16_t payload_len_of(const struct aiodns_slot *slot)
{
  const size_t at = offsetof(struct aiodns_slot, payload_len);
  const uint64_t word = aiodns_cache_load(&slot->checksum + at / sizeof word);
  uint16_t payload_len;

  memcpy(&payload_len, (const uint8_t *)&word + at % sizeof word, sizeof payload_len);
  return payload_len;
}

/* For buf of `size` octets, which is the slot's size. */
static inline bool copy_slot(const struct aiodns_cache *cache, uint32_t number,
                             const struct aiodns_slot *slot, size_t size, struct aiodns_slot *copy)
{
  uint16_t payload_len = payload_len_of(slot);
  size_t len = aiodns_cache_record_len(payload_len);

  if (len > size)
    return false;
  uint64_t sum = aiodns_cache_sum(cache->key, number, slot, len, copy);
  /* Behind all of the copy: whoever began to replace the record has changed its time, or will have failed the
   * sum.  The length was loaded twice. */
  return aiodns_cache_load(&slot->stored_ns) == copy->stored_ns && copy->checksum == sum &&
         copy->payload_len == payload_len && is_consistent(copy);
}

bool aiodns_cache_copy(const struct aiodns_cache *cache, uint32_t number, void *buf)
{
  return copy_slot(cache, number, slot_at(cache, number), aiodns_cache_slot_size(cache, number), buf);
}

/* ---- What a record says ---- */

/* One of the names, which end with a NUL inside `len` octets; NULL: they do not. */
static const char *next_name(const char *text, size_t len)
{
  const char *end = memchr(text, '\0', len);
  return end ? end + 1 : NULL;
}

/* The text of a long name, which may need more room than an answer has inside. */
static bool __attribute__((noinline))
put_long_name(const struct aiodns_name *name, bool canonical, struct aiodns_answer *answer)
{
  char text[AIODNS_NAME_TEXT_MAX];
  size_t len = aiodns_name_to_text(name, text);
  return aiodns_answer_add_name(answer, text, len, canonical);
}

/* The first octets of a word as they stand in memory, 1 to 8 of them; zeros in the place of the others. */
static inline uint64_t first_octets(uint64_t word, size_t count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return word & UINT64_MAX >> (64 - 8 * count);
#else
  return word & UINT64_MAX << (64 - 8 * count);
#endif
}

#define EACH ((uint64_t)0x0101010101010101)

/* 1 for each of eight octets that is a letter, a digit or a hyphen, which a text has as it is. */
static inline uint64_t plain_octets(uint64_t word)
{
  uint64_t low = word & 0x7f * EACH, folded = low | 0x20 * EACH;
  /* The top bit of each octet: it is at least the first, but not beyond the last. */
  uint64_t letter = (folded + (0x80 - 'a') * EACH) ^ (folded + (0x7f - 'z') * EACH);
  uint64_t digit = (low + (0x80 - '0') * EACH) ^ (low + (0x7f - '9') * EACH);
  uint64_t hyphen = ~((low ^ '-' * EACH) + 0x7f * EACH);
  return ((letter | digit | hyphen) & ~word) >> 7 & EACH;
}

/*
 * What aiodns_name_to_text() writes of a name that has no other octets in its labels, nor a label so long
 * that its length looks like one: the name itself with dots for lengths, made eight octets at a time.  0: of
 * any other name.  Up to seven octets more are written.
 */
static size_t plain_text(const struct aiodns_name *name, char *text)
{
  size_t len = name->len - (size_t)2, lengths = 0, at = 0;
  uint64_t word, plain = 0; /* eight counts, of at most 31 words */

  if (name->len <= 2 || name->len > AIODNS_NAME_MAX - sizeof word)
    return 0;
  for (; len - at > sizeof word; at += sizeof word) {
    memcpy(&word, name->wire + 1 + at, sizeof word);
    memcpy(text + at, &word, sizeof word);
    plain += plain_octets(word);
  }
  memcpy(&word, name->wire + 1 + at, sizeof word);
  word = first_octets(word, len - at);
  memcpy(text + at, &word, sizeof word);
  plain += plain_octets(word);
  for (at = 1 + (size_t)name->wire[0]; at <= len; at += 1 + (size_t)name->wire[at], lengths++)
    text[at - 1] = '.';
  text[len] = '\0';
  return (plain * EACH >> 56) + lengths == len ? len : 0;
}

/* As aiodns_answer_add_name(), but written where it is to stand: each octet becomes four characters at most.
 */
static bool put_own_name(const struct aiodns_name *name, bool canonical, struct aiodns_answer *answer)
{
  struct aiodns_store *names = &answer->names;
  char *text = (char *)names->data + names->len;

  if (names->room - names->len < (size_t)4 * name->len + sizeof(uint64_t))
    return put_long_name(name, canonical, answer);
  size_t len = plain_text(name, text);
  if (len == 0)
    len = aiodns_name_to_text(name, text);
  if (canonical)
    answer->canonical_offset = names->len;
  names->len += (uint32_t)len + 1;
  answer->name_count++;
  return true;
}

/* The names of an answer: the question's own, for types but PTR, and those that are stored. */
static bool put_names(const struct aiodns_slot *slot, const struct aiodns_name *own,
                      struct aiodns_answer *answer)
{
  const char *name = (const char *)slot->payload + slot->name_len;
  size_t left = slot->names_len;

  if (slot->type != AIODNS_TYPE_PTR && !put_own_name(own, slot->canonical == 0, answer))
    return false;
  for (unsigned i = 1; i <= slot->name_count; i++) {
    const char *next = next_name(name, left);
    if (!next)
      return false;
    size_t len = (size_t)(next - name);
    if (len == 1 || len > AIODNS_NAME_TEXT_MAX)
      return false;
    if (!aiodns_answer_add_name(answer, name, len - 1, slot->canonical == i))
      return false;
    name = next;
    left -= len;
  }
  return left == 0;
}

/* `count` addresses, from the one whose turn it is round to the one before it. */
static inline void copy_turned(uint8_t *to, const uint8_t *from, unsigned count, unsigned first, size_t len)
{
  for (unsigned i = 0, at = first; i < count; i++, at = at + 1 == count ? 0 : at + 1)
    memcpy(to + (size_t)i * len, from + (size_t)at * len, len);
}

/* As aiodns_answer_add_address(), but all at once where there is room inside, as there mostly is. */
static bool put_addresses(const struct aiodns_slot *slot, uint32_t turn, struct aiodns_answer *answer)
{
  const uint8_t *from = slot->payload + slot->name_len + slot->names_len;
  struct aiodns_store *store = &answer->addresses;
  unsigned count = slot->address_count, at = count > 1 ? turn % count : 0;

  if ((size_t)count * answer->address_len <= store->room - store->len) {
    if (answer->address_len == 4)
      copy_turned(store->data + store->len, from, count, at, 4);
    else
      copy_turned(store->data + store->len, from, count, at, 16);
    store->len += count * answer->address_len;
    answer->address_count = (uint16_t)(answer->address_count + count);
    return true;
  }
  for (unsigned i = 0; i < count; i++, at = at + 1 == count ? 0 : at + 1)
    if (!aiodns_answer_add_address(answer, from + (size_t)at * answer->address_len))
      return false;
  return true;
}

static uint32_t ttl_of(const struct aiodns_slot *slot, uint64_t end_ns, uint64_t now_ns)
{
  if (now_ns < slot->stored_ns && slot->stored_ns - now_ns <= AIODNS_CACHE_TICK_NS)
    now_ns = slot->stored_ns; /* by a clock that is behind: not more than there ever was */
  if (now_ns < slot->stored_ns || now_ns >= end_ns || (slot->flags & AIODNS_RECORD_ONCE))
    return 0;
  return (uint32_t)((end_ns - now_ns + 999999999) / 1000000000);
}

/* False: *answer is as it was, or AIODNS_LOCAL. */
static bool put_answer(const struct aiodns_slot *slot, const struct aiodns_name *own, uint64_t end_ns,
                       uint64_t now_ns, uint32_t turn, struct aiodns_answer *answer)
{
  uint8_t address_len = answer->address_len;

  if (slot->outcome == AIODNS_ANSWER &&
      (!put_names(slot, own, answer) || (address_len > 0 && !put_addresses(slot, turn, answer)))) {
    if (answer->outcome != AIODNS_LOCAL) {
      aiodns_answer_done(answer);
      aiodns_answer_init(answer, address_len);
    }
    return false;
  }
  answer->ttl_s = ttl_of(slot, end_ns, now_ns);
  answer->outcome = (enum aiodns_outcome)slot->outcome;
  return true;
}

/* ---- Looking for one ---- */

/* One type of the wish. */
struct search {
  const struct aiodns_cache *cache;
  const struct aiodns_cache_wish *wish;
  const struct aiodns_cache_asked *asked;
  uint64_t hash;
  uint16_t type;
  struct aiodns_answer *answer;
  struct aiodns_record_facts *facts;
};

/* Behind both names there are octets to the end of the last word, in the record those of its block. */
static bool is_name(const struct aiodns_slot *slot, const struct aiodns_cache_asked *asked)
{
  const uint64_t *word = asked->words;
  const uint8_t *at = slot->payload;
  uint64_t stored;
  size_t len = asked->len;

  for (; len >= sizeof stored; len -= sizeof stored, at += sizeof stored, word++) {
    memcpy(&stored, at, sizeof stored);
    if (stored != *word)
      return false;
  }
  if (len == 0)
    return true;
  memcpy(&stored, at, sizeof stored);
  return first_octets(stored ^ *word, len) == 0;
}

static bool is_question(const struct aiodns_slot *slot, const struct search *search)
{
  return slot->hash == search->hash && slot->view == search->asked->view && slot->type == search->type &&
         slot->name_len == search->asked->len && is_name(slot, search->asked);
}

static bool is_for(const struct aiodns_slot *slot, const struct aiodns_cache_wish *wish)
{
  return wish->now_ns < aiodns_slot_end_ns(slot, wish->stale_ns) &&
         (!(slot->flags & AIODNS_RECORD_ONCE) || wish->began_ns < slot->stored_ns);
}

/* Whether it may be given where servers fail, its time being over. */
static bool may_be_given(const struct aiodns_slot *slot, const struct aiodns_cache_wish *wish)
{
  return wish->stale_ns > 0 && wish->now_ns >= slot->expires_ns &&
         wish->now_ns - slot->expires_ns < wish->stale_ns && slot->outcome != AIODNS_FAILED &&
         !(slot->flags & AIODNS_RECORD_ONCE);
}

/* Among the slots of one size, for which buf has room. */
static inline bool find(const struct search *search, size_t size, void *buf)
{
  const struct aiodns_cache *cache = search->cache;
  const struct aiodns_slot *copy = buf;
  uint32_t first = aiodns_cache_set(cache, search->hash, size == AIODNS_CACHE_LARGE),
           way = aiodns_cache_way(search->hash);
  const uint8_t *set = (const uint8_t *)slot_at(cache, first);

  for (uint32_t i = 0; i < AIODNS_CACHE_WAYS; i++, way = (way + 1) % AIODNS_CACHE_WAYS) {
    const struct aiodns_slot *slot = (const void *)(set + way * size);
    if (aiodns_cache_load(&slot->hash) != search->hash)
      continue;
    bool whole = false;
    for (int tries = 0; tries < 2 && !whole; tries++) /* again, where it may just have been written */
      whole = copy_slot(cache, first + way, slot, size, buf);
    if (!whole || !is_question(copy, search) || copy->stored_ns > search->wish->now_ns + AIODNS_CACHE_TICK_NS)
      continue;
    if (is_for(copy, search->wish)) {
      search->facts->slot = slot;
      return true;
    }
    search->facts->expired = true;
    if (!may_be_given(copy, search->wish))
      continue;
    search->facts->lapsed = copy->outcome;
    search->facts->lapsed_ns = copy->expires_ns;
    if (search->wish->expired) {
      search->facts->slot = slot;
      return true;
    }
  }
  return false;
}

/* Of what was stored as stale, and where something has expired: until when it is given. */
static __attribute__((noinline)) uint64_t end_of(const struct search *search, const struct aiodns_slot *copy)
{
  const struct aiodns_cache_wish *wish = search->wish;
  bool valid = is_for(copy, wish);
  uint64_t end_ns = wish->now_ns + AIODNS_CACHE_STALE_NS, limit_ns = copy->expires_ns + wish->stale_ns;

  search->facts->expired = false;
  search->facts->lapsed = 0;
  search->facts->lapsed_ns = valid ? 0 : copy->expires_ns;
  if (valid)
    return aiodns_slot_end_ns(copy, wish->stale_ns);
  search->facts->flags = AIODNS_RECORD_STALE;
  return end_ns < limit_ns ? end_ns : limit_ns;
}

static bool put_found(const struct search *search, const struct aiodns_slot *copy)
{
  const struct aiodns_cache_wish *wish = search->wish;
  uint64_t end_ns = copy->expires_ns;

  if (__builtin_expect(search->facts->expired || (copy->flags & AIODNS_RECORD_STALE), false))
    end_ns = end_of(search, copy);
  if (!put_answer(copy, wish->name, end_ns, wish->now_ns, wish->turn, search->answer))
    return false;
  search->facts->flags |= copy->flags;
  search->facts->stored_ns = copy->stored_ns;
  search->facts->expires_ns = end_ns;
  search->facts->checksum = copy->checksum;
  search->facts->turn = wish->turn;
  return true;
}

/* Whether it is worth looking among the large slots, which takes a large buffer. */
static bool may_be_large(const struct search *search)
{
  uint32_t first = aiodns_cache_set(search->cache, search->hash, true);

  for (uint32_t i = 0; i < AIODNS_CACHE_WAYS; i++)
    if (aiodns_cache_load(&slot_at(search->cache, first + i)->hash) == search->hash)
      return true;
  return false;
}

/* Each with its own buffer: most records are small, and so are stacks. */
static bool __attribute__((noinline)) read_large(const struct search *search)
{
  void *buf = malloc(AIODNS_CACHE_LARGE);

  if (!buf) {
    search->answer->outcome = AIODNS_LOCAL;
    search->answer->error = ENOMEM;
    return false;
  }
  bool found = find(search, AIODNS_CACHE_LARGE, buf) && put_found(search, buf);
  free(buf);
  return found;
}

static bool __attribute__((noinline)) read_small(const struct search *search)
{
  uint64_t buf[AIODNS_CACHE_SMALL / sizeof(uint64_t)];
  return find(search, AIODNS_CACHE_SMALL, buf) && put_found(search, (const void *)buf);
}

/* Behind a small one that could not be put there is no large one, unless that is about to take its place. */
static bool read_one(const struct search *search)
{
  return read_small(search) ||
         (search->answer->outcome == AIODNS_PENDING && may_be_large(search) && read_large(search));
}

unsigned aiodns_cache_read(const struct aiodns_cache *cache, const struct aiodns_cache_wish *wish,
                           struct aiodns_answer answer[2], struct aiodns_record_facts facts[2])
{
  struct aiodns_cache_asked asked;
  unsigned found = 0;

  aiodns_cache_ask(cache, wish->name, wish->view, &asked);
  for (unsigned i = 0; i < 2; i++) {
    if (!(wish->wanted & 1u << i))
      continue;
    facts[i] = (struct aiodns_record_facts){0};
    struct search search = {.cache = cache,
                            .wish = wish,
                            .asked = &asked,
                            .hash = aiodns_cache_asked_hash(cache, &asked, wish->type[i]),
                            .type = wish->type[i],
                            .answer = &answer[i],
                            .facts = &facts[i]};
    if (answer[i].address_len == address_len_of(wish->type[i]) && read_one(&search))
      found |= 1u << i;
  }
  return found;
}

/* ---- Looking into a file ---- */

bool aiodns_cache_show(const struct aiodns_slot *copy, uint64_t now_ns, struct aiodns_answer *answer,
                       struct aiodns_name *ret_name)
{
  struct aiodns_cursor c = {.data = copy->payload, .len = copy->name_len};
  struct aiodns_name name;

  aiodns_answer_init(answer, (uint8_t)address_len_of(copy->type));
  aiodns_name_read(&c, &name);
  /* Any name but a whole one without pointers differs from itself read. */
  if (c.bad || name.len != copy->name_len || memcmp(name.wire, copy->payload, name.len) != 0)
    return false;
  if (!put_answer(copy, &name, aiodns_slot_end_ns(copy, AIODNS_CACHE_STALE_MAX_NS), now_ns, 0, answer)) {
    aiodns_answer_done(answer);
    return false;
  }
  memcpy(ret_name, &name, 1 + (size_t)name.len);
  return true;
}
