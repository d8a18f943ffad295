#include "shared.h"

#include "holder.h"
#include "thread.h"

#include <string.h>

enum {
  AGAIN_NS = 1000000000,    /* for a folder that was not there, or a file that could not be made */
  WAIT_FOR_MAKER_US = 1000, /* another process is making the file: looked for so often */
  WAITS_FOR_MAKER = 10,
  WAIT_FOR_HOLDER_US = 250, /* another thread is at it: tried so often */
  WAITS_FOR_HOLDER = 40,
};

/* What readers get. */
struct mapped {
  struct aiodns_tier_map map; /* cache.base NULL: nothing is mapped */
  uint64_t uid;
};

/* And who looks, once a tick. */
struct found {
  struct aiodns_shared_own own;
  struct aiodns_kernel_file file; /* the one that is mapped, as it was then; inode 0: none */
};

_Static_assert(sizeof(struct mapped) % sizeof(aiodns_word) == 0, "copied by words");
_Static_assert(sizeof(struct found) % sizeof(aiodns_word) == 0, "copied by words");

struct state {
  AIODNS_SHARED_WORDS(struct mapped) public_map;
  AIODNS_SHARED_WORDS(struct found) public_found; /* with a path, once there is a folder */
  _Atomic bool stuck;                             /* the holder was waited for in vain */
  aiodns_holder holder;                           /* all else is the holder's */
  /* For whom it was looked at, and for whom a folder would have been made: the uid, and 1. 0: nobody */
  _Atomic uint32_t looked_for, made_for;
  uint32_t found_for; /* the same, of the folder */
  uint64_t find_again_ns, make_again_ns;
  enum aiodns_tier_verdict folder, verdict;
  struct mapped now;
  struct found found;
  struct aiodns_tier_map place;      /* memory that is ours, mapped or not; size 0: none yet */
  struct aiodns_kernel_file refused; /* a file that was looked at, and is no use; inode 0: none */
};

static struct state states[AIODNS_TIER_KINDS];

bool aiodns_shared_get(enum aiodns_tier_kind kind, uint32_t uid, struct aiodns_tier_map *ret)
{
  struct mapped seen;

  if (!aiodns_words_read(&states[kind].public_map.sequence, states[kind].public_map.word, &seen,
                         sizeof seen) ||
      !seen.map.cache.base || (kind == AIODNS_TIER_USER && seen.uid != uid))
    return false;
  *ret = seen.map;
  return true;
}

static bool get_found(const struct state *state, uint32_t uid, struct found *ret)
{
  return aiodns_words_read(&state->public_found.sequence, state->public_found.word, ret, sizeof *ret) &&
         ret->own.path[0] && ret->own.tier.uid == uid;
}

/* Only the holder writes; a former one may have died in the middle. */
static void publish(_Atomic uint32_t *sequence, aiodns_word *word, const void *from, size_t len)
{
  if (aiodns_words_write(sequence, word, from, len))
    return;
  atomic_fetch_add(sequence, 1);
  aiodns_words_write(sequence, word, from, len);
}

static void publish_map(struct state *state)
{
  publish(&state->public_map.sequence, state->public_map.word, &state->now, sizeof state->now);
}

static void publish_found(struct state *state)
{
  publish(&state->public_found.sequence, state->public_found.word, &state->found, sizeof state->found);
}

static bool is_for(const _Atomic uint32_t *whom, uint32_t uid)
{
  return atomic_load_explicit(whom, memory_order_acquire) == uid + 1;
}

/*
 * For those who have nothing to go on with: what the holder finds is there in a moment.  One that stands
 * still is waited for once.
 */
static bool hold_or_wait(struct state *state)
{
  for (unsigned i = 0; !aiodns_hold(&state->holder); i++) {
    if (atomic_load_explicit(&state->stuck, memory_order_relaxed))
      return false;
    if (i == WAITS_FOR_HOLDER) {
      atomic_store_explicit(&state->stuck, true, memory_order_relaxed);
      return false;
    }
    aiodns_kernel_sleep(WAIT_FOR_HOLDER_US);
  }
  atomic_store_explicit(&state->stuck, false, memory_order_relaxed);
  return true;
}

/* ---- Looking ---- */

static uint64_t now_ns(void)
{
  return aiodns_kernel_clock_ns(CLOCK_MONOTONIC_COARSE);
}

static bool same_file(const struct aiodns_kernel_file *a, const struct aiodns_kernel_file *b)
{
  return a->inode == b->inode && a->device == b->device && a->mode == b->mode && a->owner == b->owner &&
         a->links == b->links && a->size == b->size;
}

/* Zeros in place of the file; the memory stays ours, for another of its size. */
static void give_up(struct state *state)
{
  if (!state->now.map.cache.base)
    return;
  void *base;
  memcpy(&base, &state->now.map.cache.base, sizeof base);
  memset(&state->now, 0, sizeof state->now);
  memset(&state->found.file, 0, sizeof state->found.file);
  publish_map(state);
  publish_found(state);
  aiodns_kernel_map(base, state->place.size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

static void map(struct state *state, const struct aiodns_kernel_file *file)
{
  state->verdict =
      aiodns_tier_map(&state->found.own.tier, state->place.size ? &state->place : NULL, &state->now.map);
  if (state->verdict != AIODNS_TIER_GOOD) {
    memset(&state->now, 0, sizeof state->now);
    if (state->verdict !=
        AIODNS_TIER_ERROR) /* which may pass: a fork was under way, no descriptor was left */
      state->refused = *file;
    return;
  }
  if (state->now.map.id.inode == file->inode && state->now.map.id.device == file->device)
    state->found.file = *file; /* else it was replaced just now: the next look will map again */
  state->place = state->now.map;
  state->now.uid = state->found_for - 1;
  publish_map(state);
  publish_found(state);
}

static void find(struct state *state, enum aiodns_tier_kind kind, uint32_t uid, bool make)
{
  memset(&state->found, 0, sizeof state->found);
  state->folder = aiodns_tier_find(&state->found.own.tier, kind, uid, make);
  if (state->folder == AIODNS_TIER_GOOD)
    aiodns_tier_path(&state->found.own.tier, AIODNS_TIER_CACHE, state->found.own.path);
  state->refused.inode = 0;
  state->find_again_ns = now_ns() + AGAIN_NS;
  state->found_for = uid + 1;
  publish_found(state);
}

static void look(struct state *state, enum aiodns_tier_kind kind, uint32_t uid)
{
  struct aiodns_kernel_file file;

  if (state->found_for != uid + 1 ||
      (state->folder != AIODNS_TIER_GOOD && now_ns() >= state->find_again_ns)) {
    give_up(state);
    find(state, kind, uid, false);
  }
  if (state->folder != AIODNS_TIER_GOOD)
    return;
  if (aiodns_kernel_stat_link(state->found.own.path, &file) != 0) {
    state->verdict = errno == ENOENT ? AIODNS_TIER_NO_FILE : AIODNS_TIER_ERROR;
    give_up(state);
    if (now_ns() >= state->find_again_ns) /* has its folder gone, or another one come? */
      find(state, kind, uid, false);
    return;
  }
  if (state->now.map.cache.base && same_file(&file, &state->found.file))
    return;
  give_up(state);
  if (same_file(&file, &state->refused) && file.changed_ns == state->refused.changed_ns)
    return;
  map(state, &file);
}

void aiodns_shared_look(enum aiodns_tier_kind kind, uint32_t uid)
{
  struct state *state = &states[kind];
  struct found found;
  struct aiodns_kernel_file file;

  if (get_found(state, uid, &found) && found.file.inode != 0 &&
      aiodns_kernel_stat_link(found.own.path, &file) == 0 && same_file(&file, &found.file))
    return;
  if (!(is_for(&state->looked_for, uid) ? aiodns_hold(&state->holder) : hold_or_wait(state)))
    return;
  look(state, kind, uid);
  atomic_store_explicit(&state->looked_for, uid + 1, memory_order_release);
  aiodns_let_go(&state->holder);
}

/* ---- Writing ---- */

static enum aiodns_tier_kind kind_of(enum aiodns_self self)
{
  return self == AIODNS_SELF_ROOT ? AIODNS_TIER_HOST : AIODNS_TIER_USER;
}

bool aiodns_shared_own(enum aiodns_self self, uint32_t uid, struct aiodns_shared_own *ret)
{
  struct state *state = &states[kind_of(self)];
  struct found found;

  if (self == AIODNS_SELF_MIXED)
    return false;
  if (!get_found(state, uid, &found)) {
    if (!(is_for(&state->made_for, uid) ? aiodns_hold(&state->holder) : hold_or_wait(state)))
      return false;
    if (state->found_for != uid + 1 ||
        (state->folder != AIODNS_TIER_GOOD && now_ns() >= state->make_again_ns)) {
      give_up(state);
      find(state, kind_of(self), uid, true);
      state->make_again_ns = state->folder == AIODNS_TIER_GOOD ? 0 : now_ns() + AGAIN_NS;
    }
    atomic_store_explicit(&state->made_for, uid + 1, memory_order_release);
    found = state->found;
    aiodns_let_go(&state->holder);
    if (!found.own.path[0])
      return false;
  }
  *ret = found.own;
  return true;
}

/* Whether making it anew would help. */
static bool is_replaceable(enum aiodns_tier_verdict verdict)
{
  switch (verdict) {
  case AIODNS_TIER_NO_FILE:
  case AIODNS_TIER_FILE_EMPTY:
  case AIODNS_TIER_NO_CACHE:
  case AIODNS_TIER_OTHER_LAYOUT:
  case AIODNS_TIER_OTHER_BOOT:
  case AIODNS_TIER_WRONG_SIZE:
  case AIODNS_TIER_BROKEN:
    return true;
  default:
    return false;
  }
}

/* Half of it for small records, half for large ones, as in AIODNS_TIER_SMALL_SETS and _LARGE_SETS. */
static void sets_of(const struct aiodns_shared_wish *wish, uint32_t *ret_small, uint32_t *ret_large)
{
  const uint32_t usual = AIODNS_CACHE_WAYS * (AIODNS_TIER_SMALL_SETS * AIODNS_CACHE_SMALL +
                                              AIODNS_TIER_LARGE_SETS * AIODNS_CACHE_LARGE);
  uint32_t size = wish->size ? wish->size : usual;

  *ret_small = (uint32_t)((uint64_t)size * AIODNS_TIER_SMALL_SETS / usual);
  *ret_large = (uint32_t)((uint64_t)size * AIODNS_TIER_LARGE_SETS / usual);
}

static bool is_as_wished(const struct aiodns_kernel_file *file, enum aiodns_tier_kind kind,
                         const struct aiodns_shared_wish *wish)
{
  uint32_t small, large;

  if (file->inode == 0) /* it is just being replaced */
    return true;
  sets_of(wish, &small, &large);
  return (wish->size == 0 || file->size == aiodns_cache_size(small, large)) &&
         (kind != AIODNS_TIER_HOST || ((file->mode & 07777) == 0600) == wish->closed);
}

bool aiodns_shared_fits(enum aiodns_tier_kind kind, uint32_t uid, const struct aiodns_shared_wish *wish)
{
  struct found found;

  return !get_found(&states[kind], uid, &found) || is_as_wished(&found.file, kind, wish);
}

static bool make(struct state *state, enum aiodns_tier_kind kind, uint32_t uid,
                 const struct aiodns_shared_wish *wish)
{
  const struct aiodns_tier *tier = &state->found.own.tier;
  bool exact = wish->closed || state->now.map.cache.base;
  uint32_t small, large;

  sets_of(wish, &small, &large);
  for (unsigned i = 0; i < WAITS_FOR_MAKER; i++) {
    enum aiodns_tier_verdict verdict = exact ? aiodns_tier_recreate(tier, small, large, wish->closed)
                                             : aiodns_tier_create(tier, small, large);
    if (verdict == AIODNS_TIER_GOOD) {
      state->refused.inode = 0;
      look(state, kind, uid);
      return state->now.map.cache.base != NULL;
    }
    if (errno != EEXIST)
      break;
    aiodns_kernel_sleep(WAIT_FOR_MAKER_US);
    look(state, kind, uid);
    if (state->now.map.cache.base && is_as_wished(&state->found.file, kind, wish))
      return true;
  }
  state->make_again_ns = now_ns() + AGAIN_NS;
  return state->now.map.cache.base != NULL;
}

bool aiodns_shared_make(enum aiodns_self self, uint32_t uid, const struct aiodns_shared_wish *wish)
{
  enum aiodns_tier_kind kind = kind_of(self);
  struct state *state = &states[kind];

  if (self == AIODNS_SELF_MIXED || !hold_or_wait(state))
    return false;
  look(state, kind, uid);
  bool good = state->now.map.cache.base != NULL;
  bool wanted = good ? !is_as_wished(&state->found.file, kind, wish) : is_replaceable(state->verdict);
  if (wanted && state->folder == AIODNS_TIER_GOOD && now_ns() >= state->make_again_ns)
    good = make(state, kind, uid, wish);
  aiodns_let_go(&state->holder);
  return good;
}
