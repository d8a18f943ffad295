#include "flight.h"

#include "filter.h"
#include "kernel.h"
#include "left.h"

#include <stdatomic.h>
#include <string.h>

enum { STUCK_MAX = 16 }; /* claims that are not waited for again */

/* Octets, from 1; 0: none.  What is lost by a race is one wait more. */
static _Atomic int32_t stuck[STUCK_MAX];

static uint64_t hash_of(const struct aiodns_name *name, uint16_t type, uint64_t view)
{
  uint64_t hash = aiodns_filter_hash_name((const char *)name->wire, name->len);

  return (hash ^ view ^ (uint64_t)type << 48) * 0x9e3779b97f4a7c15u;
}

int32_t aiodns_flight_octet(const struct aiodns_name *name, uint16_t type, uint64_t view)
{
  return (int32_t)((hash_of(name, type, view) >> 33) % INT32_MAX);
}

static bool is_stuck(int32_t octet)
{
  for (unsigned i = 0; i < STUCK_MAX; i++)
    if (atomic_load_explicit(&stuck[i], memory_order_relaxed) == octet + 1)
      return true;
  return false;
}

static void forget_stuck(int32_t octet)
{
  for (unsigned i = 0; i < STUCK_MAX; i++) {
    int32_t expected = octet + 1;
    if (atomic_load_explicit(&stuck[i], memory_order_relaxed) != expected)
      continue;
    atomic_compare_exchange_strong(&stuck[i], &expected, 0);
  }
}

void aiodns_flight_gave_up(int32_t octet)
{
  static _Atomic unsigned next;

  if (!is_stuck(octet))
    atomic_store_explicit(&stuck[atomic_fetch_add(&next, 1) % STUCK_MAX], octet + 1, memory_order_relaxed);
}

void aiodns_flight_init(struct aiodns_flight *flight)
{
  flight->fd = -1;
  flight->place = AIODNS_LEFT_NONE;
}

/* Once a tier: which file the claims are, before it is opened for the first time (left.h). */
static void know_claims(const struct aiodns_tier *tier)
{
  static _Atomic uint32_t known; /* for whom, and 1 */
  struct aiodns_kernel_file file;
  char path[AIODNS_TIER_PATH_MAX];

  if (atomic_load_explicit(&known, memory_order_relaxed) == tier->uid + 1)
    return;
  aiodns_tier_path(tier, AIODNS_TIER_CLAIMS, path);
  if (aiodns_kernel_stat_link(path, &file) != 0)
    return;
  aiodns_left_know(file.device, file.inode);
  atomic_store_explicit(&known, tier->uid + 1, memory_order_relaxed);
}

static bool open_claims(struct aiodns_flight *flight, const struct aiodns_tier *tier)
{
  struct aiodns_tier_id id;

  know_claims(tier);
  flight->place = aiodns_left_reserve();
  if (flight->place == AIODNS_LEFT_NONE)
    return false;
  if (aiodns_tier_open_or_make(tier, AIODNS_TIER_CLAIMS, 0, &flight->fd, &id) == AIODNS_TIER_GOOD) {
    aiodns_left_note_file(flight->place, flight->fd, id.device, id.inode);
    return true;
  }
  aiodns_left_forget(flight->place);
  aiodns_flight_init(flight);
  return false;
}

enum aiodns_claim aiodns_flight_claim(struct aiodns_flight *flight, const struct aiodns_tier *tier,
                                      int32_t octet)
{
  bool first = flight->fd < 0;

  if (first && !open_claims(flight, tier))
    return AIODNS_CLAIM_NONE;
  if (aiodns_kernel_lock(flight->fd, F_WRLCK, octet, 1) == 0) {
    forget_stuck(octet);
    return AIODNS_CLAIM_MINE;
  }
  bool taken = errno == EAGAIN || errno == EACCES;
  if (first) /* it holds nothing: others may need the place */
    aiodns_flight_land(flight);
  return taken && !is_stuck(octet) ? AIODNS_CLAIM_OTHERS : AIODNS_CLAIM_NONE;
}

void aiodns_flight_land(struct aiodns_flight *flight)
{
  if (flight->fd < 0)
    return;
  aiodns_kernel_close(flight->fd);
  aiodns_left_forget(flight->place);
  aiodns_flight_init(flight);
}

/* ---- Bells ---- */

uint16_t aiodns_flight_bell(const struct aiodns_name *name, uint64_t view)
{
  return (uint16_t)((hash_of(name, 0, view) >> 33) % AIODNS_FLIGHT_BELLS);
}

static const uint32_t *word_of(const struct aiodns_tier_map *map, uint16_t bell)
{
  return (const uint32_t *)(const void *)map->cache.base + bell;
}

/* False: this process cannot, or the map was given up just now. */
static bool hear(const struct aiodns_tier_map *map, uint16_t bell, uint32_t us, enum aiodns_pause *ret)
{
  const uint32_t *word = word_of(map, bell);
  int got = aiodns_kernel_wait(word, __atomic_load_n(word, __ATOMIC_RELAXED), us);

  *ret = got == 0 ? AIODNS_PAUSE_WOKEN : AIODNS_PAUSE_OVER;
  return got == 0 || errno == ETIMEDOUT || errno == EINTR;
}

enum aiodns_pause aiodns_flight_pause(const struct aiodns_tier_map *map, uint16_t bell, uint32_t us)
{
  enum aiodns_pause pause;

  if (map && hear(map, bell, us, &pause))
    return pause;
  aiodns_kernel_sleep(us < AIODNS_FLIGHT_PAUSE_DEAF_US ? us : AIODNS_FLIGHT_PAUSE_DEAF_US);
  return AIODNS_PAUSE_SLEPT;
}

unsigned aiodns_flight_ring(const struct aiodns_tier_map *map, uint16_t bell, unsigned hearers)
{
  int woken = aiodns_kernel_wake(word_of(map, bell), (int)hearers);
  return woken > 0 ? (unsigned)woken : 0;
}
