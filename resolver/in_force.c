#include "in_force.h"

#include "filestate.h"
#include "thread.h"

/* Has gone from the stack before the servers are asked. */
#define APART __attribute__((noinline))

struct table {
  uint64_t state; /* of the file; 0: one that cannot be relied on */
  struct aiodns_settings settings;
};

_Static_assert(sizeof(struct table) % sizeof(aiodns_word) == 0, "copied by words");

static AIODNS_SHARED_WORDS(struct table) shared;

static bool was_read(struct table *ret)
{
  return aiodns_words_read(&shared.sequence, shared.word, ret, sizeof *ret);
}

static void share(const struct table *table)
{
  aiodns_words_write(&shared.sequence, shared.word, table, sizeof *table);
}

/* What comes after the look that gave this state has another one. */
static uint64_t reliable(uint64_t state)
{
  struct aiodns_kernel_file file;

  return aiodns_kernel_stat(AT_FDCWD, AIODNS_SETTINGS_PATH, &file) == 0 &&
                 aiodns_filestate_of(&file) == state &&
                 aiodns_filestate_is_settled(&file, AIODNS_FILESTATE_SETTLE_NS)
             ? state
             : 0;
}

/* `last` is what was in force until now; NULL: it cannot be told. */
static APART void read_file(uint64_t state, const struct aiodns_settings *last, struct table *ret)
{
  ret->state = reliable(state);
  if (aiodns_settings_read(&ret->settings, AIODNS_SETTINGS_PATH, NULL, NULL, NULL) == AIODNS_SETTINGS_BAD) {
    if (!last) { /* another thread is just writing what is in force */
      aiodns_settings_init(&ret->settings);
      return;
    }
    ret->settings = *last;
    if (errno && errno != EACCES && errno != EPERM) /* not the file's fault: next time it may be read */
      ret->state = 0;
  }
  share(ret);
}

/* `looked`: just now, and not before in this tick. */
static APART void apply(uint64_t state, bool looked, struct aiodns_conf *conf)
{
  struct table table;
  bool known = was_read(&table);

  if (!known)
    aiodns_settings_init(&table.settings);
  if (state == AIODNS_FILESTATE_UNKNOWN) {
    if (!known)
      return;
  } else if (state == AIODNS_FILESTATE_ABSENT && (looked || !known)) {
    if (!known || table.settings.said == 0)
      return;
    aiodns_settings_init(&table.settings);
    table.state = state;
    share(&table);
  } else if (!known || (looked && table.state != state)) {
    struct aiodns_settings last = table.settings;
    bool first = atomic_load_explicit(&shared.sequence, memory_order_relaxed) == 0;
    read_file(state, known || first ? &last : NULL, &table);
  }
  aiodns_settings_apply(&table.settings, conf);
}

void aiodns_in_force_apply(struct aiodns_moment *moment, struct aiodns_conf *conf)
{
  bool looked = moment->settings == 0;

  if (looked && !aiodns_filestate_at(AIODNS_SETTINGS_PATH, &moment->settings))
    moment->settings = AIODNS_FILESTATE_UNKNOWN; /* in a sandbox, say: what was in force stays so */
  if (moment->settings <= AIODNS_FILESTATE_UNKNOWN &&
      atomic_load_explicit(&shared.sequence, memory_order_relaxed) == 0)
    return;
  apply(moment->settings, looked, conf);
}
