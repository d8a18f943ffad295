#include "command.h"
#include "filestate.h"
#include "hosts.h"
#include "index_file.h"
#include "pattern.h"
#include "self.h"
#include "settings.h"
#include "sources.h"
#include "tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char doc[] =
    "Makes the index of /etc/hosts and of the hosts files and block lists of " AIODNS_SETTINGS_PATH ", which "
    "all processes look names up in. Lookups of root's processes make one themselves where it takes them "
    "less "
    "than half a second; this takes as long as it takes. For root alone.";

enum {
  PAUSE_NS = AIODNS_FILESTATE_SETTLE_NS,
  SETTLE_TRIES = 50, /* a second of changes */
  OTHER_TRIES = 600, /* another process that makes one: 10 s if it has died of it (tier.h) */
};

static void pause_a_moment(void)
{
  nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

/* ---- What it is to be of ---- */

struct wanted {
  struct aiodns_settings settings;
  struct aiodns_items items;
  uint64_t state;
};

enum reading { READ, CHANGING, BROKEN };

/* False: a change of the file might not show yet. */
static bool look_at_settings(uint64_t *ret)
{
  struct aiodns_kernel_file file;

  *ret = AIODNS_FILESTATE_ABSENT;
  if (aiodns_kernel_stat(AT_FDCWD, AIODNS_SETTINGS_PATH, &file) != 0)
    return errno == ENOENT;
  *ret = aiodns_filestate_of(&file);
  return aiodns_filestate_is_settled(&file, AIODNS_FILESTATE_SETTLE_NS);
}

static enum reading read_wanted(struct wanted *ret)
{
  bool settled = look_at_settings(&ret->state);

  if (aiodns_settings_read(&ret->settings, &ret->items, AIODNS_SETTINGS_PATH, NULL, NULL, NULL) ==
      AIODNS_SETTINGS_BAD) {
    command_say("%s has an error, and no index is made before it is put right: `aiodns config' shows it",
                AIODNS_SETTINGS_PATH);
    return BROKEN;
  }
  return settled ? READ : CHANGING;
}

/* ---- Making it ---- */

static bool fail(const char *path)
{
  const char *reason = errno == EEXIST ? "another process is making it"
                       : errno         ? strerror(errno)
                                       : "it cannot be written";
  command_say("%s: %s", path, reason);
  return false;
}

/* Until the files keep still, and no other process is at it. *ret_ns is for the last time. */
static bool make(struct wanted *wanted, const char *path, uint64_t *ret_ns)
{
  for (int changes = 0, others = 0;; pause_a_moment()) {
    enum reading reading = read_wanted(wanted);
    if (reading == BROKEN)
      return false;
    uint64_t start_ns = command_now_ns();
    errno = 0;
    enum aiodns_index_made made = reading == CHANGING
                                      ? AIODNS_INDEX_UNSETTLED
                                      : aiodns_index_file_make(wanted->state, &wanted->items, UINT64_MAX);
    switch (made) {
    case AIODNS_INDEX_MADE:
      *ret_ns = command_now_ns() - start_ns;
      return true;
    case AIODNS_INDEX_UNSETTLED:
      if (++changes < SETTLE_TRIES)
        continue;
      command_say("%s: not made: its files do not stop changing", path);
      return false;
    default:
      if (errno != EEXIST || ++others == OTHER_TRIES)
        return fail(path);
    }
  }
}

/* ---- What it is of ---- */

struct counted {
  uint64_t names, hosts_files, block_files;
};

/* The index tells of its rules, but not of the names of hosts files. */
static void count(const struct aiodns_index *index, struct counted *ret)
{
  struct command_source source;
  char path[AIODNS_PATTERN_PATH_MAX];
  enum aiodns_index_kind kind;
  uint64_t state;

  for (uint32_t i = 0; aiodns_index_source(index, i, &kind, &state, path, sizeof path); i++) {
    if (kind == AIODNS_INDEX_BLOCKS && state != AIODNS_FILESTATE_ABSENT)
      ret->block_files++;
    if (kind != AIODNS_INDEX_HOSTS || !command_source_read(AIODNS_ITEM_HOSTS_FILE, path, &source))
      continue;
    ret->hosts_files++;
    ret->names += source.names;
  }
}

static void print(const struct aiodns_index *index, const char *path, uint64_t ns)
{
  struct counted counted = {0};
  char names[64], files[64], rules[64], lists[64], size[COMMAND_NUMBER_MAX];

  count(index, &counted);
  command_count(counted.names, "name", "names", names);
  command_count(counted.hosts_files, "hosts file", "hosts files", files);
  command_count(aiodns_index_rule_count(index), "name", "names", rules);
  command_count(counted.block_files, "block list", "block lists", lists);
  printf("%s: %s in %s; %s to block or to allow, of %s and %s; %s octets; made in %llu ms\n", path, names,
         files, rules, lists, AIODNS_SETTINGS_PATH, command_number(index->size, size),
         (unsigned long long)(ns / 1000000));
}

/* False, and said so: this process cannot, or may not. */
static bool find_place(char path[AIODNS_TIER_PATH_MAX])
{
  struct aiodns_tier tier;
  uint32_t uid;

  if (aiodns_self_now(&uid) != AIODNS_SELF_ROOT) {
    command_say("all processes believe the index, so only root can make it: call this as root");
    return false;
  }
  errno = 0;
  enum aiodns_tier_verdict verdict = aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, true);
  aiodns_tier_path(&tier, AIODNS_TIER_INDEX, path);
  if (verdict == AIODNS_TIER_GOOD)
    return true;
  command_say("%s: %s", tier.folder,
              verdict == AIODNS_TIER_ERROR && errno ? strerror(errno) : aiodns_tier_explain(verdict));
  return false;
}

void command_index_renew(void)
{
  static struct wanted wanted;
  struct aiodns_tier tier;
  char path[AIODNS_TIER_PATH_MAX];
  uint32_t uid;
  uint64_t ns;

  if (aiodns_self_now(&uid) != AIODNS_SELF_ROOT || read_wanted(&wanted) == BROKEN ||
      !(wanted.settings.said >> AIODNS_KEYWORD_BLOCK_FILE & 1) ||
      aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, true) != AIODNS_TIER_GOOD)
    return;
  aiodns_tier_path(&tier, AIODNS_TIER_INDEX, path);
  make(&wanted, path, &ns);
}

int command_index(int argc, char **argv)
{
  static struct wanted wanted;
  struct command_request request;
  struct aiodns_index index;
  char path[AIODNS_TIER_PATH_MAX];
  uint64_t ns;

  command_parse(argc, argv, 0, doc, &request);
  if (!find_place(path))
    return COMMAND_FAILED;
  if (!make(&wanted, path, &ns))
    return COMMAND_FAILED;
  if (command_index_look(&index) == COMMAND_INDEX_NONE) {
    command_say("%s: it was made, but cannot be used", path);
    return COMMAND_FAILED;
  }
  print(&index, path, ns);
  return COMMAND_GOOD;
}
