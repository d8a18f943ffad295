#include "counters.h"

#include "holder.h"
#include "left.h"
#include "thread.h"
#include "tier.h"

#include <string.h>

/* Where 64 bits need not be aligned to be loaded, they must be to be added to. */
typedef uint64_t __attribute__((may_alias, aligned(8))) counter_word;

_Static_assert(sizeof(counter_word) * AIODNS_COUNTERS_STRIPES * AIODNS_COUNTERS_STRIPE ==
                   AIODNS_COUNTERS_SIZE,
               "all stripes fill the page");

enum { AGAIN_NS = 1000000000 };

/*
 * Where additions go: one page for the life of the process, so that no thread ever adds to memory that is
 * gone; what is mapped there changes.
 */
static counter_word *_Atomic page;
static _Atomic uint32_t mapped_for; /* kind and uid, as key_of(); 0: private memory that nobody reads */

static uint32_t key_of(const struct aiodns_tier *tier)
{
  return tier->kind == AIODNS_TIER_HOST ? UINT32_MAX : tier->uid;
}

void aiodns_count(enum aiodns_counter counter, uint32_t add)
{
  counter_word *base = atomic_load_explicit(&page, memory_order_acquire);

  if (base)
    __atomic_fetch_add(
        &base[aiodns_thread_spread(aiodns_thread_self(), AIODNS_COUNTERS_STRIPES) * AIODNS_COUNTERS_STRIPE +
              counter],
        add, __ATOMIC_RELAXED);
}

/* In place of what is there, at once. */
static bool map_over(void *base, int flags, int fd)
{
  return aiodns_kernel_map(base, AIODNS_COUNTERS_SIZE, PROT_READ | PROT_WRITE, flags, fd) != MAP_FAILED;
}

static void unmap(void)
{
  if (atomic_load(&mapped_for) != 0 && map_over(atomic_load(&page), MAP_PRIVATE | MAP_ANONYMOUS, -1))
    atomic_store(&mapped_for, 0);
}

/* A child may drop privileges next: it has to come here itself. */
static bool handles_forks(void)
{
  static _Atomic bool done;

  if (!atomic_load_explicit(&done, memory_order_relaxed) && aiodns_thread_at_fork(NULL, NULL, unmap) == 0)
    atomic_store_explicit(&done, true, memory_order_relaxed);
  return atomic_load_explicit(&done, memory_order_relaxed);
}

/* A page of one's own, before there is a file. */
static bool has_page(void)
{
  if (atomic_load(&page))
    return true;
  void *base =
      aiodns_kernel_map(NULL, AIODNS_COUNTERS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (base == MAP_FAILED)
    return false;
  atomic_store_explicit(&page, base, memory_order_release);
  return true;
}

/* False where it is worth trying again at once: a fork was under way. */
static bool map_file(const struct aiodns_tier *tier)
{
  struct aiodns_tier_id id;
  int fd, place = aiodns_left_reserve();

  if (place == AIODNS_LEFT_NONE)
    return false;
  if (aiodns_tier_open_or_make(tier, AIODNS_TIER_COUNTERS, AIODNS_COUNTERS_SIZE, &fd, &id) ==
      AIODNS_TIER_GOOD) {
    aiodns_left_note_file(place, fd, id.device, id.inode);
    atomic_store(&mapped_for, key_of(tier)); /* first: a fork in between finds it to be unmapped */
    if (!map_over(atomic_load(&page), MAP_SHARED, fd))
      atomic_store(&mapped_for, 0);
    aiodns_kernel_close(fd);
  }
  aiodns_left_forget(place);
  return true;
}

void aiodns_counters_use(const struct aiodns_tier *tier)
{
  static aiodns_holder holder;
  static uint64_t again_ns; /* where the file could not be had; the holder's, as is again_for */
  static uint32_t again_for;
  uint32_t wanted = tier ? key_of(tier) : 0;

  if (atomic_load_explicit(&mapped_for, memory_order_relaxed) == wanted || !aiodns_hold(&holder))
    return;
  unmap();
  uint64_t now_ns = aiodns_kernel_clock_ns(CLOCK_MONOTONIC_COARSE);
  if (tier && (now_ns >= again_ns || again_for != wanted) && handles_forks() && has_page()) {
    again_ns = map_file(tier) && atomic_load(&mapped_for) == 0 ? now_ns + AGAIN_NS : 0;
    again_for = wanted;
  }
  aiodns_let_go(&holder);
}

void aiodns_counters_sum(const void *from, uint64_t size, uint64_t ret[AIODNS_COUNTERS])
{
  const uint8_t *octets = from;
  uint64_t word;

  for (unsigned i = 0; i < AIODNS_COUNTERS; i++)
    ret[i] = 0;
  for (uint64_t at = 0; at < AIODNS_COUNTERS_SIZE && at + sizeof word <= size; at += sizeof word) {
    uint64_t counter = at / sizeof word % AIODNS_COUNTERS_STRIPE;
    if (counter >= AIODNS_COUNTERS)
      continue;
    memcpy(&word, octets + at, sizeof word);
    ret[counter] += word;
  }
}

const char *aiodns_counter_name(enum aiodns_counter counter)
{
  static const char *const name[] = {
      [AIODNS_COUNT_HIT] = "hits",
      [AIODNS_COUNT_MISS] = "misses",
      [AIODNS_COUNT_EXPIRED] = "expired",
      [AIODNS_COUNT_WAITED] = "waited",
      [AIODNS_COUNT_WAITED_VAIN] = "waited_in_vain",
      [AIODNS_COUNT_STORED] = "stored",
      [AIODNS_COUNT_EVICTED] = "evicted",
      [AIODNS_COUNT_DROPPED] = "dropped",
      [AIODNS_COUNT_NEAR_MISS] = "near_misses",
      [AIODNS_COUNT_TIMEOUT] = "timeouts",
      [AIODNS_COUNT_TCP] = "tcp",
      [AIODNS_COUNT_STALE] = "stale",
      [AIODNS_COUNT_BLOCKED] = "blocked",
  };
  return name[counter];
}
