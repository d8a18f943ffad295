#include "moment.h"

#include "kernel.h"
#include "thread.h"

#include <stdalign.h>

enum {
  TRIES = 4,           /* places that a thread may have */
  STALE_NS = 10000000, /* a tick so long over that its thread will look again anyway */
};

_Static_assert(sizeof(struct aiodns_moment) % sizeof(aiodns_word) == 0, "copied by words");

/* Whole lines of a processor's cache, so that threads do not disturb each other. */
struct place {
  alignas(64) _Atomic uintptr_t owner; /* whose `turn` it is, and perhaps the words */
  _Atomic uint32_t turn;
  AIODNS_SHARED_WORDS(struct aiodns_moment) seen;
};

static struct place places[AIODNS_MOMENT_PLACES];

uint64_t aiodns_moment_boot_ns(void)
{
  return aiodns_kernel_clock_ns(CLOCK_BOOTTIME);
}

static struct place *place_at(uintptr_t thread, unsigned i)
{
  return &places[(aiodns_thread_spread(thread, AIODNS_MOMENT_PLACES) + i) % AIODNS_MOMENT_PLACES];
}

static struct place *place_of(uintptr_t thread)
{
  for (unsigned i = 0; i < TRIES; i++)
    if (atomic_load_explicit(&place_at(thread, i)->owner, memory_order_relaxed) == thread)
      return place_at(thread, i);
  return NULL;
}

static bool read_place(const struct place *place, struct aiodns_moment *ret)
{
  return aiodns_words_read(&place->seen.sequence, place->seen.word, ret, sizeof *ret);
}

void aiodns_moment_get(struct aiodns_moment *ret)
{
  uintptr_t thread = aiodns_thread_self();
  uint64_t tick_ns = aiodns_kernel_clock_ns(CLOCK_MONOTONIC_COARSE);
  struct place *place = place_of(thread);

  if (!place || !read_place(place, ret) || ret->tick_ns != tick_ns || ret->thread != thread)
    *ret = (struct aiodns_moment){.tick_ns = tick_ns, .thread = thread};
}

/* One that nobody has, or whose tick is long over; NULL: all that this thread may have are in use. */
static struct place *take_place(uintptr_t thread, uint64_t tick_ns)
{
  for (unsigned i = 0; i < TRIES; i++) {
    struct aiodns_moment seen;
    struct place *place = place_at(thread, i);
    uintptr_t owner = atomic_load_explicit(&place->owner, memory_order_relaxed);
    if ((owner == 0 || (read_place(place, &seen) && tick_ns > seen.tick_ns + STALE_NS)) &&
        atomic_compare_exchange_strong(&place->owner, &owner, thread)) {
      /* Processes that ask once each must not all begin with the same address. */
      atomic_store_explicit(&place->turn, (uint32_t)(aiodns_moment_boot_ns() / 1000), memory_order_relaxed);
      return place;
    }
  }
  return NULL;
}

void aiodns_moment_put(const struct aiodns_moment *moment)
{
  uintptr_t thread = aiodns_thread_self();
  struct place *place = place_of(thread);

  if (!place)
    place = take_place(thread, moment->tick_ns);
  if (place)
    aiodns_words_write(&place->seen.sequence, place->seen.word, moment, sizeof *moment);
}

uint32_t aiodns_moment_turn(void)
{
  struct place *place = place_of(aiodns_thread_self());

  if (!place)
    return (uint32_t)(aiodns_moment_boot_ns() / 1000);
  uint32_t turn = atomic_load_explicit(&place->turn, memory_order_relaxed);
  atomic_store_explicit(&place->turn, turn + 1, memory_order_relaxed);
  return turn;
}
