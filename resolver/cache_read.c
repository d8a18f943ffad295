#include "cache.h"

#include <string.h>

/* ---- Hashes ---- */

static uint64_t rotate(uint64_t word, unsigned bits)
{
  return word << bits | word >> (64 - bits);
}

struct sip {
  uint64_t v[4];
};

static void sip_round(struct sip *sip)
{
  uint64_t *v = sip->v;

  v[0] += v[1], v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32);
  v[2] += v[1], v[0] += v[3];
  v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
  v[2] = rotate(v[2], 32);
}

static void sip_word(struct sip *sip, uint64_t word)
{
  sip->v[3] ^= word;
  sip_round(sip);
  sip->v[0] ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein), over whole words: a chosen name finds no place that its chooser
 * wants. */
static struct sip sip_begin(const uint64_t key[2])
{
  return (struct sip){{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                       key[1] ^ 0x7465646279746573}};
}

static uint64_t sip_end(struct sip *sip)
{
  sip->v[2] ^= 0xff;
  for (int i = 0; i < 3; i++)
    sip_round(sip);
  return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

/* The name in lower case, with zeros to the end of its last word. */
struct folded {
  size_t len;
  uint64_t words[(AIODNS_NAME_MAX + 7) / 8];
};

/* aiodns_name_lower() of eight octets at once. */
static uint64_t lower(uint64_t word)
{
  const uint64_t each = 0x0101010101010101;
  uint64_t low = word & 0x7f * each;
  /* The top bit of each octet: it is at least 'A'; it is beyond 'Z'; it is no ASCII. */
  uint64_t from_a = low + (0x80 - 'A') * each, beyond_z = low + (0x7f - 'Z') * each;
  return word | (((from_a ^ beyond_z) & ~word & 0x80 * each) >> 2);
}

static void fold(struct folded *ret, const struct aiodns_name *name)
{
  size_t count = (name->len + (size_t)7) / 8;

  ret->len = name->len;
  if (count == 0)
    return;
  ret->words[count - 1] = 0;
  memcpy(ret->words, name->wire, name->len);
  for (size_t i = 0; i < count; i++)
    ret->words[i] = lower(ret->words[i]);
}

static uint64_t hash_of(const struct aiodns_cache *cache, const struct aiodns_question *question,
                        const struct folded *name)
{
  struct sip sip = sip_begin(cache->key);

  sip_word(&sip, question->view);
  sip_word(&sip, (uint64_t)question->type << 8 | name->len);
  for (size_t i = 0; i < (name->len + 7) / 8; i++)
    sip_word(&sip, name->words[i]);
  uint64_t hash = sip_end(&sip);
  return hash ? hash : 1;
}

uint64_t aiodns_cache_hash(const struct aiodns_cache *cache, const struct aiodns_question *question)
{
  struct folded name;
  fold(&name, question->name);
  return hash_of(cache, question, &name);
}

static size_t record_len(const struct aiodns_slot *slot)
{
  return sizeof *slot + slot->payload_len;
}

/* Two lanes of multiplications; what it has to tell apart are mixes of two records. */
struct lanes {
  uint64_t a, b;
};

static void add(struct lanes *lanes, const uint64_t words[2])
{
  lanes->a = (rotate(lanes->a, 29) ^ words[0]) * 0x9e3779b97f4a7c15;
  lanes->b = (rotate(lanes->b, 31) ^ words[1]) * 0xc2b2ae3d27d4eb4f;
}

static uint64_t sum(const uint64_t key[2], const uint8_t *octets, size_t len)
{
  struct lanes lanes = {key[0] ^ len, key[1]};
  uint64_t words[2];

  for (; len >= sizeof words; octets += sizeof words, len -= sizeof words) {
    memcpy(words, octets, sizeof words);
    add(&lanes, words);
  }
  if (len > 0) {
    words[0] = words[1] = 0;
    memcpy(words, octets, len);
    add(&lanes, words);
  }
  struct sip sip = sip_begin(key);
  sip_word(&sip, lanes.a);
  sip_word(&sip, lanes.b);
  return sip_end(&sip);
}

uint64_t aiodns_cache_checksum(const struct aiodns_cache *cache, uint32_t number,
                               const struct aiodns_slot *slot)
{
  const uint64_t key[2] = {cache->key[0] + number, cache->key[1]};
  return sum(key, (const uint8_t *)slot + sizeof slot->checksum, record_len(slot) - sizeof slot->checksum);
}

/* ---- The header ---- */

static bool is_power_of_two(uint32_t n)
{
  return n > 0 && (n & (n - 1)) == 0;
}

uint64_t aiodns_cache_size(uint32_t small_sets, uint32_t large_sets)
{
  return AIODNS_CACHE_PAGE + (uint64_t)small_sets * AIODNS_CACHE_WAYS * AIODNS_CACHE_SMALL +
         (uint64_t)large_sets * AIODNS_CACHE_WAYS * AIODNS_CACHE_LARGE;
}

static uint64_t header_sum(const struct aiodns_cache_header *header)
{
  return sum(header->key, (const uint8_t *)header, offsetof(struct aiodns_cache_header, checksum));
}

void aiodns_cache_header_make(struct aiodns_cache_header *ret, uint32_t small_sets, uint32_t large_sets,
                              const uint64_t key[2], const uint8_t boot[AIODNS_CACHE_BOOT_LEN])
{
  *ret = (struct aiodns_cache_header){
      .layout = AIODNS_CACHE_LAYOUT,
      .page = AIODNS_CACHE_PAGE,
      .small_sets = small_sets,
      .large_sets = large_sets,
      .size = aiodns_cache_size(small_sets, large_sets),
      .key = {key[0], key[1]},
  };
  memcpy(ret->magic, AIODNS_CACHE_MAGIC, sizeof ret->magic);
  memcpy(ret->boot, boot, sizeof ret->boot);
  ret->checksum = header_sum(ret);
}

enum aiodns_cache_check aiodns_cache_attach(struct aiodns_cache *ret, const void *base, uint64_t size,
                                            const uint8_t boot[AIODNS_CACHE_BOOT_LEN])
{
  struct aiodns_cache_header header;

  if (size < AIODNS_CACHE_PAGE)
    return AIODNS_CACHE_WRONG_SIZE;
  memcpy(&header, base, sizeof header);
  if (memcmp(header.magic, AIODNS_CACHE_MAGIC, sizeof header.magic) != 0)
    return AIODNS_CACHE_NO_MAGIC;
  if (header.layout != AIODNS_CACHE_LAYOUT)
    return AIODNS_CACHE_OTHER_LAYOUT;
  if (header.checksum != header_sum(&header) || header.page != AIODNS_CACHE_PAGE ||
      !is_power_of_two(header.small_sets) || !is_power_of_two(header.large_sets) ||
      header.small_sets < AIODNS_CACHE_SMALL_SETS_MIN || header.small_sets > AIODNS_CACHE_SETS_MAX ||
      header.large_sets > AIODNS_CACHE_SETS_MAX)
    return AIODNS_CACHE_BROKEN;
  if (header.size != size || size != aiodns_cache_size(header.small_sets, header.large_sets))
    return AIODNS_CACHE_WRONG_SIZE;
  if (memcmp(header.boot, boot, sizeof header.boot) != 0)
    return AIODNS_CACHE_OTHER_BOOT;
  *ret = (struct aiodns_cache){.base = base,
                               .key = {header.key[0], header.key[1]},
                               .small_sets = header.small_sets,
                               .large_sets = header.large_sets};
  return AIODNS_CACHE_GOOD;
}

/* ---- Slots ---- */

static uint32_t small_slots(const struct aiodns_cache *cache)
{
  return cache->small_sets * AIODNS_CACHE_WAYS;
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

/* What every processor loads at once; 64 bits would need a lock where words are shorter. */
typedef unsigned long __attribute__((may_alias)) machine_word;

/*
 * Whole words that another process may be writing.  Each is loaded once, so that what was looked at is what
 * is used, and acquired, so that all that is loaded later is loaded behind it.
 */
static void load_words(void *to, const void *from, size_t len)
{
  const machine_word *word = from;
  machine_word *copy = to;

  for (size_t i = 0; i < (len + sizeof *word - 1) / sizeof *word; i++)
    copy[i] = __atomic_load_n(&word[i], __ATOMIC_ACQUIRE);
}

static uint64_t load(const uint64_t *word)
{
  uint64_t copy;
  load_words(&copy, word, sizeof copy);
  return copy;
}

/* Octets of an address in an answer of this type; 0: it has none. */
static size_t address_len_of(uint16_t type)
{
  return type == AIODNS_TYPE_A ? 4 : type == AIODNS_TYPE_AAAA ? 16 : 0;
}

/* An answer has what was asked for, and whatever else came has nothing. */
static bool is_whole(const struct aiodns_slot *slot)
{
  switch (slot->outcome) {
  case AIODNS_ANSWER:
    if (address_len_of(slot->type) > 0)
      return slot->address_count > 0;
    return slot->address_count == 0 && slot->name_count > 0;
  case AIODNS_NO_NAME:
  case AIODNS_NO_DATA:
  case AIODNS_FAILED:
    return slot->names_len == 0 && slot->name_count == 0 && slot->address_count == 0;
  default:
    return false;
  }
}

/* The lengths say where everything is, and that is inside. */
static bool is_consistent(const struct aiodns_slot *slot, size_t size)
{
  size_t fixed = (size_t)slot->name_len + slot->names_len + slot->address_count * address_len_of(slot->type);

  return record_len(slot) <= size && fixed == slot->payload_len && slot->name_len > 0 &&
         slot->canonical <= slot->name_count && (slot->flags & ~AIODNS_RECORD_FLAGS) == 0 &&
         slot->expires_ns > slot->stored_ns &&
         slot->expires_ns - slot->stored_ns <= AIODNS_CACHE_LIFE_MAX_NS && is_whole(slot);
}

bool aiodns_cache_copy(const struct aiodns_cache *cache, uint32_t number, void *buf)
{
  const struct aiodns_slot *slot = slot_at(cache, number);
  struct aiodns_slot *copy = buf;
  size_t size = aiodns_cache_slot_size(cache, number);

  load_words(copy, slot, sizeof *slot);
  size_t len = record_len(copy);
  if (copy->hash == 0 || len > size)
    return false;
  load_words(copy->payload, slot->payload, copy->payload_len);
  /* Behind all of the copy: whoever began to replace the record has changed its time, or will have failed the
   * sum. */
  return load(&slot->stored_ns) == copy->stored_ns &&
         copy->checksum == aiodns_cache_checksum(cache, number, copy) && is_consistent(copy, size);
}

static bool is_question(const struct aiodns_slot *slot, const struct aiodns_question *question,
                        const struct folded *name)
{
  return slot->view == question->view && slot->type == question->type && slot->name_len == name->len &&
         memcmp(slot->payload, name->words, name->len) == 0;
}

static bool is_alive(const struct aiodns_slot *slot, uint64_t now_ns)
{
  return slot->stored_ns <= now_ns && now_ns < slot->expires_ns;
}

/* One of the names, which end with a NUL inside `len` octets; NULL: they do not. */
static const char *next_name(const char *text, size_t len)
{
  const char *end = memchr(text, '\0', len);
  return end ? end + 1 : NULL;
}

static bool put_names(const struct aiodns_slot *slot, const char *text, struct aiodns_answer *answer)
{
  const char *name = (const char *)slot->payload + slot->name_len;
  size_t left = slot->names_len;

  if (text && slot->outcome == AIODNS_ANSWER &&
      !aiodns_answer_add_name(answer, text, strlen(text), slot->canonical == 0))
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

static bool put_answer(const struct aiodns_slot *slot, const char *text, uint64_t now_ns,
                       struct aiodns_answer *answer)
{
  const uint8_t *address = slot->payload + slot->name_len + slot->names_len;

  if (!put_names(slot, text, answer))
    return false;
  for (unsigned i = 0; i < slot->address_count; i++, address += answer->address_len)
    if (!aiodns_answer_add_address(answer, address))
      return false;
  answer->ttl_s = (uint32_t)((slot->expires_ns - now_ns + 999999999) / 1000000000);
  answer->outcome = (enum aiodns_outcome)slot->outcome;
  return true;
}

/* Once more, where it may just have been written. */
static bool copy_whole(const struct aiodns_cache *cache, uint32_t number, void *buf)
{
  for (int tries = 0; tries < 2; tries++)
    if (aiodns_cache_copy(cache, number, buf))
      return true;
  return false;
}

/* In the set of one size; copies the record to buf. */
static bool find(const struct aiodns_cache *cache, const struct aiodns_question *question,
                 const struct folded *name, uint64_t hash, bool large, uint64_t now_ns, void *buf)
{
  const struct aiodns_slot *copy = buf;
  uint32_t first = aiodns_cache_set(cache, hash, large);

  for (uint32_t way = 0; way < AIODNS_CACHE_WAYS; way++) {
    if (load(&slot_at(cache, first + way)->hash) != hash)
      continue;
    if (copy_whole(cache, first + way, buf) && copy->hash == hash && is_question(copy, question, name) &&
        is_alive(copy, now_ns))
      return true;
  }
  return false;
}

bool aiodns_cache_read(const struct aiodns_cache *cache, const struct aiodns_question *question,
                       const char *text, uint64_t now_ns, struct aiodns_answer *answer,
                       struct aiodns_record_facts *ret)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  const struct aiodns_slot *copy = (const void *)buf;
  struct folded name;

  fold(&name, question->name);
  uint64_t hash = hash_of(cache, question, &name);
  if (!find(cache, question, &name, hash, false, now_ns, buf) &&
      !find(cache, question, &name, hash, true, now_ns, buf))
    return false;
  if (answer->address_len != address_len_of(question->type))
    return false;
  uint8_t address_len = answer->address_len;
  if (put_answer(copy, text, now_ns, answer)) {
    *ret = (struct aiodns_record_facts){
        .flags = copy->flags, .stored_ns = copy->stored_ns, .expires_ns = copy->expires_ns};
    return true;
  }
  bool lack = answer->outcome == AIODNS_LOCAL;
  if (!lack) {
    aiodns_answer_done(answer);
    aiodns_answer_init(answer, address_len);
  }
  return false;
}
