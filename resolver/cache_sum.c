/*
 * The cache's hashes, which say where a record is, and its sums, which say whether it, or the header, is
 * whole.
 *
 * Both are chains of one step: the product, 128 bits long, of two words that each carry an unknown of 64 bits
 * (the file's random key, and in the chain what came of it so far), folded to 64.  What a difference in the
 * words does to a product depends on the unknown factor, so that
 * - who chooses names without knowing the key does not choose their places: of two names, whatever they are,
 * one word differs first, and what it changes, and all that follows, is as good as random.  No hash is ever
 * shown to anybody, so there is nothing to learn the key from.  A user who can read the file knows the key,
 * which no keyed hash would survive; what that can do is to drive records out.
 * - what is a mix of two records has the sum of neither, but by a chance of 2^-64.  Who knows the key can
 * look for such mixes, at the price of 2^64 trials each, and then there is the second look (cache.h).
 */
#include "cache.h"
#include "hash.h"
#include "thread.h"

#include <string.h>

/* A word that another process may be writing: loaded once, so that what was looked at is what is used. */
static inline uint64_t load(const uint64_t *from)
{
  enum { WORDS = sizeof(uint64_t) / sizeof(aiodns_word) }; // NOLINT
  const aiodns_word *word = (const void *)from;
  aiodns_word copy[WORDS];
  uint64_t ret;

  for (size_t i = 0; i < WORDS; i++)
    copy[i] = __atomic_load_n(&word[i], __ATOMIC_ACQUIRE);
  memcpy(&ret, copy, sizeof ret);
  return ret;
}

uint64_t aiodns_cache_load(const uint64_t *word)
{
  return load(word);
}

/* The unknowns, four words made of the key. */
struct secret {
  uint64_t a, b, c, d;
};

static inline struct secret secret_of(const uint64_t key[2])
{
  return (struct secret){.a = key[0] ^ 0x9e3779b97f4a7c15,
                         .b = key[1] ^ 0xc2b2ae3d27d4eb4f,
                         .c = key[0] ^ 0x2545f4914f6cdd1d,
                         .d = key[1] ^ 0xd6e8feb86659fd93};
}

/* ---- Hashes ---- */

/* The octets of a name's last word, fewer than eight of them, with zeros behind them. */
static inline uint64_t last_word(const struct aiodns_name *name)
{
  const size_t count = name->len % sizeof(uint64_t);
  uint64_t word = 0;

  if (name->len < sizeof word) {
    memcpy(&word, name->wire, count);
    return word;
  }
  if (count == 0)
    return 0;
  memcpy(&word, name->wire + name->len - sizeof word, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return word >> (64 - 8 * count);
#else
  return word << (64 - 8 * count);
#endif
}

/*
 * View and length, then the name two words at a time, and at last the type.  Words are loaded from where the
 * name stands: a copy that is just being written would have to be waited for.
 */
void aiodns_cache_ask(const struct aiodns_cache *cache, const struct aiodns_name *name, uint64_t view,
                      struct aiodns_cache_asked *ret)
{
  const struct secret secret = secret_of(cache->key);
  uint64_t state = aiodns_hash_multiply(view ^ secret.a, name->len ^ secret.b), pair[2];
  size_t at = 0, i = 0;

  for (; name->len - at >= sizeof pair; at += sizeof pair, i += 2) {
    memcpy(pair, name->wire + at, sizeof pair);
    pair[0] = ret->words[i] = aiodns_hash_lower(pair[0]),
    pair[1] = ret->words[i + 1] = aiodns_hash_lower(pair[1]);
    state = aiodns_hash_multiply(pair[0] ^ secret.c, pair[1] ^ state);
  }
  pair[1] = aiodns_hash_lower(last_word(name));
  pair[0] = pair[1];
  if (name->len - at >= sizeof(uint64_t)) {
    memcpy(pair, name->wire + at, sizeof(uint64_t));
    pair[0] = aiodns_hash_lower(pair[0]);
  } else {
    pair[1] = 0;
  }
  ret->words[i] = pair[0], ret->words[i + 1] = pair[1];
  ret->state = aiodns_hash_multiply(pair[0] ^ secret.c, pair[1] ^ state);
  ret->view = view;
  ret->len = name->len;
}

uint64_t aiodns_cache_asked_hash(const struct aiodns_cache *cache, const struct aiodns_cache_asked *asked,
                                 uint16_t type)
{
  const struct secret secret = secret_of(cache->key);
  uint64_t hash = aiodns_hash_multiply(asked->state ^ secret.d, type ^ secret.a);
  return hash ? hash : 1;
}

uint64_t aiodns_cache_hash(const struct aiodns_cache *cache, const struct aiodns_question *question)
{
  struct aiodns_cache_asked asked;
  aiodns_cache_ask(cache, question->name, question->view, &asked);
  return aiodns_cache_asked_hash(cache, &asked, question->type);
}

/* ---- Sums ---- */

/* One word of the record; it goes to its place in `to`, where there is one. */
static inline uint64_t take(const uint64_t *from, uint8_t *to, size_t i)
{
  uint64_t word = load(from + i);
  if (to)
    memcpy(to + i * sizeof word, &word, sizeof word);
  return word;
}

/*
 * A step of a sum.  One factor is in the result, too: whoever knows the key can make the other one 0 and the
 * chain forget what came before.  There are words that still do that; so the second word, a record's time of
 * storing, is part of the result once more: no mix of two records has it.
 */
static inline uint64_t chain(uint64_t state, uint64_t word)
{
  return aiodns_hash_multiply(state, word) ^ state;
}

/* Two lanes, each with two words of a block, so that their multiplications overlap. */
static inline uint64_t sum(const uint64_t key[2], uint64_t first, const uint64_t *from, size_t len,
                           uint8_t *to)
{
  const struct secret secret = secret_of(key);
  uint64_t x = secret.c, y = secret.d;

  take(from, to, 0);
  const uint64_t second = take(from, to, 1);
  for (size_t i = 0;;) {
    x = chain(x ^ first, (i == 0 ? second : take(from, to, i + 1)) ^ secret.a);
    y = chain(y ^ take(from, to, i + 2), take(from, to, i + 3) ^ secret.b);
    i += AIODNS_CACHE_BLOCK / sizeof *from;
    if (i >= len / sizeof *from)
      return chain(x ^ secret.b, y ^ secret.a) ^ y ^ second;
    first = take(from, to, i);
  }
}

uint64_t aiodns_cache_sum(const uint64_t key[2], uint64_t first, const void *octets, size_t len, void *copy)
{
  return sum(key, first, octets, len, copy);
}

uint64_t aiodns_cache_checksum(const struct aiodns_cache *cache, uint32_t number,
                               const struct aiodns_slot *slot)
{
  return sum(cache->key, number, &slot->checksum, aiodns_cache_record_len(slot->payload_len), NULL);
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

enum { HEADER_SUMMED = offsetof(struct aiodns_cache_header, checksum) };
_Static_assert(HEADER_SUMMED % AIODNS_CACHE_BLOCK == 0, "whole blocks");

static uint64_t header_sum(const struct aiodns_cache_header *header)
{
  uint64_t first;
  memcpy(&first, header->magic, sizeof first);
  return aiodns_cache_sum(header->key, first, header, HEADER_SUMMED, NULL);
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
  for (size_t i = 0; i < sizeof header / sizeof(uint64_t); i++)
    take(base, (uint8_t *)&header, i);
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
