#include "filter.h"

#include "filestate.h"
#include "mix.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* ---- Entries ---- */

enum { FNV_PRIME_LOW = 0x1b3 };
static const uint64_t fnv_basis = 0xcbf29ce484222325u, fnv_prime = ((uint64_t)1 << 40) + FNV_PRIME_LOW;

uint64_t aiodns_filter_hash_name(const char *name, size_t len)
{
  const uint64_t each = 0x0101010101010101,
                 lower = 0x20 * each; /* folds more than letters, which does no harm */
  uint64_t hash = fnv_basis + len, all = 0, word;

  for (; len >= sizeof word; name += sizeof word, len -= sizeof word) {
    memcpy(&word, name, sizeof word);
    all |= word;
    hash = aiodns_mix((hash ^ (word | lower)) * fnv_prime);
  }
  if (len > 0) {
    word = 0;
    memcpy(&word, name, len);
    all |= word;
    hash = (hash ^ (word | lower)) * fnv_prime;
  }
  /* strcasecmp(3) folds what is not ASCII by the program's locale. */
  return all & 0x80 * each ? 0 : aiodns_mix(hash) | 1;
}

uint64_t aiodns_filter_hash_address(const void *address, size_t len)
{
  const uint8_t *octet = address;
  uint64_t hash = fnv_basis + len;

  for (size_t i = 0; i < len; i++)
    hash = (hash ^ octet[i]) * fnv_prime;
  return aiodns_mix(hash) | 1;
}

static unsigned first_bit(uint64_t hash)
{
  return (hash >> 8) % AIODNS_FILTER_BITS;
}

static unsigned second_bit(uint64_t hash)
{
  return (hash >> 40) % AIODNS_FILTER_BITS;
}

/* ---- Asking ---- */

/*
 * Every load is an acquire, so that the sequence is looked at again after all of them; whoever sees a word of
 * a later state also sees that state's odd sequence, stored before it.
 */
static bool has_bit(const struct aiodns_filter *filter, unsigned bit)
{
  return atomic_load_explicit(&filter->bits[bit / 32], memory_order_acquire) >> bit % 32 & 1;
}

static bool knows(const struct aiodns_filter *filter, uint64_t state)
{
  return atomic_load_explicit(&filter->state[0], memory_order_acquire) == (uint32_t)state &&
         atomic_load_explicit(&filter->state[1], memory_order_acquire) == (uint32_t)(state >> 32);
}

bool aiodns_filter_relies_on(const struct aiodns_filter *filter, uint64_t state)
{
  uint32_t sequence = atomic_load_explicit(&filter->sequence, memory_order_acquire);
  return sequence != 0 && sequence % 2 == 0 && knows(filter, state) &&
         atomic_load_explicit(&filter->sequence, memory_order_relaxed) == sequence;
}

enum aiodns_filter_word aiodns_filter_ask(const struct aiodns_filter *filter, const char *path, uint64_t hash,
                                          uint64_t *state)
{
  uint32_t sequence = atomic_load_explicit(&filter->sequence, memory_order_acquire);

  if (sequence % 2 == 1 || (sequence == 0 && *state == 0) ||
      (*state == 0 && !aiodns_filestate_at(path, state)))
    return AIODNS_FILTER_UNKNOWN;
  if (*state == AIODNS_FILESTATE_ABSENT)
    return AIODNS_FILTER_LACKS;
  bool known = sequence != 0 && knows(filter, *state);
  bool perhaps = hash == 0 || (has_bit(filter, first_bit(hash)) && has_bit(filter, second_bit(hash)));
  if (!known || atomic_load_explicit(&filter->sequence, memory_order_relaxed) != sequence)
    return AIODNS_FILTER_UNKNOWN;
  return perhaps ? AIODNS_FILTER_PERHAPS : AIODNS_FILTER_LACKS;
}

/* ---- Learning ---- */

bool aiodns_filter_begin(const struct aiodns_filter *filter, struct aiodns_filter_draft *draft, int fd)
{
  struct aiodns_kernel_file file;

  /* Of what is no regular file (a pipe, a device) no state can be told. */
  if (aiodns_kernel_stat(fd, "", &file) != 0 || !S_ISREG(file.mode) ||
      !aiodns_filestate_is_settled(&file, filter->settle_ns))
    return false;
  draft->state = aiodns_filestate_of(&file);
  draft->entries = 0;
  memset(draft->bits, 0, sizeof draft->bits);
  return true;
}

static void set_bit(struct aiodns_filter_draft *draft, unsigned bit)
{
  draft->bits[bit / 32] |= (uint32_t)1 << bit % 32;
}

void aiodns_filter_add(struct aiodns_filter_draft *draft, uint64_t hash)
{
  draft->entries += draft->entries <= AIODNS_FILTER_ENTRIES_MAX;
  set_bit(draft, first_bit(hash));
  set_bit(draft, second_bit(hash));
}

void aiodns_filter_share(struct aiodns_filter *filter, const struct aiodns_filter_draft *draft)
{
  uint32_t sequence = atomic_load_explicit(&filter->sequence, memory_order_relaxed);
  bool full = draft->entries > AIODNS_FILTER_ENTRIES_MAX;

  if (sequence % 2 == 1 ||
      !atomic_compare_exchange_strong_explicit(&filter->sequence, &sequence, sequence + 1,
                                               memory_order_acquire, memory_order_relaxed))
    return; /* another thread is at it */
  /* Release: whoever sees one of these sees the odd sequence before it. */
  atomic_store_explicit(&filter->state[0], (uint32_t)draft->state, memory_order_release);
  atomic_store_explicit(&filter->state[1], (uint32_t)(draft->state >> 32), memory_order_release);
  for (unsigned i = 0; i < AIODNS_FILTER_WORDS; i++)
    atomic_store_explicit(&filter->bits[i], full ? UINT32_MAX : draft->bits[i], memory_order_release);
  /* 0 would be "nothing learnt", which costs no more than to learn it again. */
  atomic_store_explicit(&filter->sequence, sequence + 2, memory_order_release);
}
