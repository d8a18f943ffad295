#include "index_file.h"

#include "filestate.h"
#include "holder.h"
#include "hosts.h"
#include "index_build.h"
#include "mix.h"
#include "pattern.h"
#include "random.h"
#include "settings.h"
#include "thread.h"
#include "tier.h"

#include <string.h>

#define APART __attribute__((noinline))

/* ---- The map ---- */

enum {
  PAGE = 4096,
  AGAIN_MS = 1000, /* after no folder was found that could have one */
};

struct mapped {
  struct aiodns_index index; /* of base NULL: nothing is mapped */
  struct aiodns_tier_id id;  /* which file that is; */
  int64_t changed_ns;        /* or which one is none */
  char path[AIODNS_TIER_PATH_MAX];
};

static AIODNS_SHARED_WORDS(struct mapped) shared;

/* What was mapped before, for the next one; both belong to whoever holds. */
static struct {
  uint8_t *base;
  uint64_t size;
} room[2]; /* of the present map, of the one before */
static aiodns_holder holder;
static _Atomic uint32_t again_ms; /* 0: at once */

_Static_assert(sizeof(struct mapped) % sizeof(aiodns_word) == 0, "copied by words");

static bool read_mapped(struct mapped *ret)
{
  return aiodns_words_read(&shared.sequence, shared.word, ret, sizeof *ret);
}

bool aiodns_index_file_get(struct aiodns_index *ret, uint32_t *ret_turn)
{
  *ret_turn = atomic_load_explicit(&shared.sequence, memory_order_acquire);
  return aiodns_words_read(&shared.sequence, shared.word, ret, sizeof *ret) && ret->base &&
         aiodns_index_file_same(*ret_turn);
}

/* ThreadSanitizer does not know fences, nor what else could order loads from a map that others may change. */
#if defined __SANITIZE_THREAD__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wtsan"
#endif

bool aiodns_index_file_same(uint32_t turn)
{
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&shared.sequence, memory_order_relaxed) == turn;
}

/* Nobody who still reads there finds anything; the room stays ours. */
static void clear_room(unsigned i)
{
  if (room[i].base && aiodns_kernel_map(room[i].base, room[i].size, PROT_READ,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1) == MAP_FAILED)
    room[i].base = NULL; /* left as it is */
}

/* Maps an open file into the room that is not in use, or a new one; NULL: it cannot be. */
static const uint8_t *map_file(int fd, uint64_t size)
{
  uint64_t whole = (size + PAGE - 1) / PAGE * PAGE;
  void *over = room[1].base && room[1].size >= whole ? room[1].base : NULL;
  void *base = aiodns_kernel_map(over, whole, PROT_READ, MAP_SHARED, fd);

  if (base == MAP_FAILED)
    return NULL;
  if (!over) {
    room[1].base = base;
    room[1].size = whole;
  }
  return base;
}

/* What is published takes the place of what was, whose room is free then. */
static void publish(const struct mapped *mapped)
{
  aiodns_words_write(&shared.sequence, shared.word, mapped, sizeof *mapped);
  if (mapped->index.base) {
    uint8_t *base = room[0].base;
    uint64_t size = room[0].size;
    room[0] = room[1];
    room[1].base = base;
    room[1].size = size;
  }
  clear_room(mapped->index.base ? 1 : 0);
}

static uint32_t now_ms(void)
{
  return (uint32_t)(aiodns_kernel_clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000);
}

static bool open_index(struct mapped *ret, int *ret_fd, uint64_t *ret_size)
{
  struct aiodns_tier tier;

  if (aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, false) != AIODNS_TIER_GOOD) {
    atomic_store_explicit(&again_ms, (now_ms() + AGAIN_MS) | 1, memory_order_relaxed);
    return false;
  }
  aiodns_tier_path(&tier, AIODNS_TIER_INDEX, ret->path);
  return aiodns_tier_open(&tier, AIODNS_TIER_INDEX, O_RDONLY, ret_fd, &ret->id, ret_size) == AIODNS_TIER_GOOD;
}

/* Maps what is there now, if that is an index. */
static APART void map_new(const struct aiodns_kernel_file *seen)
{
  struct mapped mapped = {0};
  struct aiodns_kernel_file file;
  uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  uint64_t size;
  int fd;

  if (open_index(&mapped, &fd, &size)) {
    bool good = aiodns_kernel_stat(fd, "", &file) == 0 && aiodns_tier_boot(boot);
    const uint8_t *base = good ? map_file(fd, size) : NULL;
    aiodns_kernel_close(fd);
    if (good)
      seen = &file;
    if (base && aiodns_index_attach(&mapped.index, base, size, boot) != AIODNS_CACHE_GOOD) {
      mapped.index.base = NULL;
      clear_room(1);
    }
  }
  if (seen) { /* good or not, it need not be looked at again */
    mapped.id = (struct aiodns_tier_id){seen->device, seen->inode};
    mapped.changed_ns = seen->changed_ns;
  }
  publish(&mapped);
}

/* Whether there was no folder just now. */
static bool is_in_vain(void)
{
  uint32_t again = atomic_load_explicit(&again_ms, memory_order_relaxed);
  return again != 0 && (int32_t)(now_ms() - again) < 0;
}

static bool is_mapped(const struct mapped *mapped, const struct aiodns_kernel_file *file)
{
  return mapped->id.device == file->device && mapped->id.inode == file->inode &&
         mapped->changed_ns == file->changed_ns;
}

void aiodns_index_file_look(void)
{
  struct mapped mapped;
  struct aiodns_kernel_file file;
  bool known = read_mapped(&mapped) && mapped.path[0];
  bool there = known && aiodns_kernel_stat_link(mapped.path, &file) == 0;

  if (there ? is_mapped(&mapped, &file) : known && errno == ENOENT && mapped.id.inode == 0)
    return;
  if ((!known && is_in_vain()) || !aiodns_hold(&holder))
    return;
  map_new(there ? &file : NULL);
  aiodns_let_go(&holder);
}

uint64_t aiodns_index_file_age_ms(void)
{
  struct mapped mapped;

  if (!read_mapped(&mapped) || !mapped.index.base)
    return UINT64_MAX;
  int64_t age_ns = (int64_t)aiodns_kernel_clock_ns(CLOCK_REALTIME) - mapped.changed_ns;
  return age_ns > 0 ? (uint64_t)age_ns / 1000000 : 0;
}

APART bool aiodns_index_is_current(const struct aiodns_index *index, uint64_t settings, uint64_t *ret_state)
{
  char path[AIODNS_PATTERN_PATH_MAX];
  enum aiodns_index_kind kind;
  uint64_t was, is, all = index->key[0];

  for (uint32_t i = 0; i < index->source_count; i++) {
    if (!aiodns_index_source(index, i, &kind, &was, path, sizeof path))
      return false;
    if (kind == AIODNS_INDEX_SETTINGS && settings != 0)
      is = settings;
    else if (!aiodns_filestate_at(path, &is))
      is = AIODNS_FILESTATE_UNKNOWN;
    if (is != was)
      return false;
    all = aiodns_mix(all + is);
  }
  if (ret_state)
    *ret_state = all;
  return index->source_count > 0;
}

/* ---- Making ---- */

/* What is being made. */
struct making {
  struct aiodns_index_draft *draft;
  const struct aiodns_items *items;
  uint64_t settings;
  uint64_t most_ns, start_ns, spent_ns; /* what it may take; where its clocks stood at the start */
  enum aiodns_index_made result;
  bool reads; /* the second time round: the first time the sources are looked at */
};

enum { LINES_A_LOOK = 1024 };

static uint64_t now_ns(void)
{
  return aiodns_kernel_clock_ns(CLOCK_MONOTONIC);
}

/* On a busy machine the clock says little of what it has cost. */
static uint64_t spent_ns(void)
{
  struct timespec spent;

  return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) == 0
             ? (uint64_t)aiodns_kernel_in_ns(spent.tv_sec, spent.tv_nsec)
             : now_ns();
}

static void look_at_time(struct making *making)
{
  if (making->most_ns == UINT64_MAX)
    return;
  if (spent_ns() - making->spent_ns > making->most_ns)
    making->result = AIODNS_INDEX_TOO_LONG;
  else if (now_ns() - making->start_ns > 2 * making->most_ns)
    making->result = AIODNS_INDEX_FAILED; /* others were at work: that says nothing of the next time */
}

/* False: it has just changed. */
static bool add_source(struct making *making, enum aiodns_index_kind kind, const char *path)
{
  struct aiodns_kernel_file file;
  uint64_t state = AIODNS_FILESTATE_ABSENT;

  if (aiodns_kernel_stat(AT_FDCWD, path, &file) == 0) {
    state = aiodns_filestate_of(&file);
    if (!aiodns_filestate_is_settled(&file, AIODNS_FILESTATE_SETTLE_NS))
      making->result = AIODNS_INDEX_UNSETTLED;
  } else if (errno != ENOENT) {
    state = AIODNS_FILESTATE_UNKNOWN;
  }
  aiodns_index_add_source(making->draft, kind, path, state);
  return making->result == AIODNS_INDEX_MADE;
}

static APART bool read_hosts(struct making *making, const char *path)
{
  struct aiodns_lines lines;
  unsigned count = 0;

  if (!aiodns_lines_open(&lines, path))
    return true;
  while (making->result == AIODNS_INDEX_MADE && aiodns_lines_next(&lines)) {
    aiodns_index_add_hosts_line(making->draft, &lines);
    if (++count % LINES_A_LOOK == 0)
      look_at_time(making);
  }
  aiodns_lines_close(&lines);
  return making->result == AIODNS_INDEX_MADE;
}

static APART bool read_blocks(struct making *making, const char *path)
{
  struct aiodns_blocklist list;
  struct aiodns_rule rule;
  unsigned count = 0;

  if (!aiodns_blocklist_open(&list, path))
    return true;
  while (making->result == AIODNS_INDEX_MADE && aiodns_blocklist_next(&list, &rule)) {
    aiodns_index_add_rule(making->draft, &rule);
    if (++count % LINES_A_LOOK == 0)
      look_at_time(making);
  }
  aiodns_blocklist_close(&list);
  return making->result == AIODNS_INDEX_MADE;
}

/* The items are of this very file. */
static bool take_settings(struct making *making)
{
  uint64_t state;

  if (!add_source(making, AIODNS_INDEX_SETTINGS, AIODNS_SETTINGS_PATH))
    return false;
  if (!aiodns_filestate_at(AIODNS_SETTINGS_PATH, &state) || state != making->settings)
    making->result = AIODNS_INDEX_UNSETTLED;
  return making->result == AIODNS_INDEX_MADE;
}

static bool take_file(struct making *making, enum aiodns_index_kind kind, const char *path)
{
  if (!making->reads)
    return add_source(making, kind, path);
  return kind == AIODNS_INDEX_HOSTS ? read_hosts(making, path) : read_blocks(making, path);
}

static bool take_pattern(struct making *making, enum aiodns_index_kind kind, const char *pattern)
{
  char path[AIODNS_PATTERN_PATH_MAX];

  if (!making->reads && aiodns_pattern_folder(pattern, path) &&
      !add_source(making, AIODNS_INDEX_FOLDER, path))
    return false;
  path[0] = '\0';
  while (aiodns_pattern_next(pattern, path))
    if (!take_file(making, kind, path))
      return false;
  return true;
}

static bool take_rule(struct making *making, const struct aiodns_item *item)
{
  struct aiodns_rule rule;

  if (making->reads && aiodns_items_rule(item, &rule))
    aiodns_index_add_rule(making->draft, &rule);
  return true;
}

static bool take_item(struct making *making, const struct aiodns_item *item)
{
  switch (item->kind) {
  case AIODNS_ITEM_HOSTS_FILE:
    return take_pattern(making, AIODNS_INDEX_HOSTS, (const char *)item->data);
  case AIODNS_ITEM_BLOCK_FILE:
    return take_pattern(making, AIODNS_INDEX_BLOCKS, (const char *)item->data);
  case AIODNS_ITEM_RULE:
    return take_rule(making, item);
  default:
    return true;
  }
}

/* /etc/hosts, then aiodns.conf's files in its order. */
static bool take_all(struct making *making)
{
  struct aiodns_item item;
  uint32_t at = 0;

  if (!take_file(making, AIODNS_INDEX_HOSTS, AIODNS_HOSTS_PATH))
    return false;
  while (aiodns_items_next(making->items, &at, &item))
    if (!take_item(making, &item))
      return false;
  return true;
}

static bool write_all(int fd, const uint8_t *data, uint64_t size)
{
  for (uint64_t at = 0; at < size;) {
    ssize_t put = aiodns_kernel_pwrite(fd, data + at, (size_t)(size - at), at);
    if (put <= 0)
      return false;
    at += (uint64_t)put;
  }
  return true;
}

static bool finish(struct making *making, int fd)
{
  uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  struct aiodns_index index;
  uint64_t size;
  uint32_t flags = making->result == AIODNS_INDEX_TOO_LONG ? AIODNS_INDEX_LEFT_OUT : 0;
  const void *data = aiodns_tier_boot(boot) ? aiodns_index_finish(making->draft, flags, boot, &size) : NULL;

  if (!data)
    return false;
  if (aiodns_index_attach(&index, data, size, boot) != AIODNS_CACHE_GOOD ||
      !aiodns_index_is_current(&index, 0, NULL)) {
    making->result = AIODNS_INDEX_UNSETTLED;
    return false;
  }
  if (aiodns_kernel_file_limit() < size) {
    errno = EFBIG;
    return false;
  }
  return aiodns_kernel_allocate(fd, size) == 0 && write_all(fd, data, size);
}

static bool fill(int fd, void *context)
{
  struct making *making = context;
  uint64_t key[2];

  if (!aiodns_random_fill(key, sizeof key) || !(making->draft = aiodns_index_draft_new(key)))
    return false;
  bool good = take_settings(making) && take_all(making);
  making->reads = true;
  if (good)
    good = take_all(making) || making->result == AIODNS_INDEX_TOO_LONG;
  good = good && finish(making, fd);
  aiodns_index_draft_free(making->draft);
  return good;
}

enum aiodns_index_made aiodns_index_file_make(uint64_t settings, const struct aiodns_items *items,
                                              uint64_t most_ns)
{
  struct aiodns_tier tier;
  struct making making = {.items = items,
                          .settings = settings,
                          .result = AIODNS_INDEX_MADE,
                          .most_ns = most_ns,
                          .start_ns = now_ns(),
                          .spent_ns = spent_ns()};

  if (aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, true) != AIODNS_TIER_GOOD)
    return AIODNS_INDEX_FAILED;
  bool made = aiodns_tier_replace(&tier, AIODNS_TIER_INDEX, 0, fill, &making) == AIODNS_TIER_GOOD;
  atomic_store_explicit(&again_ms, 0, memory_order_relaxed); /* there is a folder */
  if (made || making.result == AIODNS_INDEX_UNSETTLED)
    return making.result;
  return AIODNS_INDEX_FAILED;
}
