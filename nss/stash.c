#include "stash.h"

#include "kernel.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

struct stash {
  uintptr_t thread;
  uint64_t kept_ns;
  struct aiodns_result result;
  int family;
  bool by_name;
  uint8_t key[AIODNS_NAME_TEXT_MAX]; /* text with its NUL, or octets of an address */
};

static struct stash *_Atomic places[AIODNS_STASH_PLACES];
static _Atomic unsigned kept; /* how often something was; 0 in nearly all processes */

static uint64_t now_ns(void)
{
  return aiodns_kernel_clock_ns(CLOCK_MONOTONIC_COARSE);
}

static size_t key_len(const struct aiodns_stash_key *key)
{
  return key->name ? strlen(key->name) + 1 : key->family == AF_INET ? 4 : 16;
}

static const void *key_data(const struct aiodns_stash_key *key)
{
  return key->name ? (const void *)key->name : key->address;
}

static bool is_for(const struct stash *stash, const struct aiodns_stash_key *key)
{
  size_t len = key_len(key);
  return stash->family == key->family && stash->by_name == (key->name != NULL) && len <= sizeof stash->key &&
         memcmp(stash->key, key_data(key), len) == 0;
}

static void drop(struct stash *stash)
{
  if (stash)
    aiodns_result_done(&stash->result);
  free(stash);
}

bool aiodns_stash_take(struct aiodns_result *ret, const struct aiodns_stash_key *key)
{
  if (atomic_load_explicit(&kept, memory_order_relaxed) == 0)
    return false;
  for (unsigned i = 0; i < AIODNS_STASH_PLACES; i++) {
    if (!atomic_load_explicit(&places[i], memory_order_relaxed))
      continue;
    /* Out of the table first: nobody else may free it while it is looked at. */
    struct stash *stash = atomic_exchange(&places[i], NULL);
    if (stash && stash->thread == aiodns_thread_self()) {
      bool mine = is_for(stash, key) && now_ns() - stash->kept_ns < AIODNS_STASH_NS;
      if (mine)
        aiodns_result_move(ret, &stash->result);
      drop(stash);
      return mine;
    }
    struct stash *nothing = NULL;
    if (stash && !atomic_compare_exchange_strong(&places[i], &nothing, stash))
      drop(stash);
  }
  return false;
}

/* A free place, or one whose thread has had its time. */
static void put(struct stash *stash)
{
  for (unsigned i = 0; i < AIODNS_STASH_PLACES; i++) {
    struct stash *there = atomic_exchange(&places[i], NULL), *nothing = NULL;
    if (there && stash->kept_ns - there->kept_ns >= AIODNS_STASH_NS) {
      drop(there);
      there = NULL;
    }
    struct stash *to_put = there ? there : stash;
    if (!atomic_compare_exchange_strong(&places[i], &nothing, to_put)) {
      drop(there);
      continue;
    }
    if (to_put == stash)
      return;
  }
  drop(stash);
}

void aiodns_stash_keep(struct aiodns_result *result, const struct aiodns_stash_key *key)
{
  size_t len = key_len(key);
  struct stash *stash = len <= sizeof stash->key ? malloc(sizeof *stash) : NULL;

  if (!stash)
    return;
  stash->thread = aiodns_thread_self();
  stash->kept_ns = now_ns();
  stash->family = key->family;
  stash->by_name = key->name != NULL;
  memcpy(stash->key, key_data(key), len);
  aiodns_result_move(&stash->result, result);
  atomic_fetch_add_explicit(&kept, 1, memory_order_relaxed);
  put(stash);
}
