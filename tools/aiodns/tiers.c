#include "tiers.h"

#include "command.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static void add_tier(struct command_tiers *tiers, enum aiodns_tier_kind kind, bool writes)
{
  struct command_tier *tier = &tiers->tier[tiers->count++];

  tier->writes = writes;
  errno = 0;
  tier->folder = aiodns_tier_find(&tier->tier, kind, tiers->uid, false);
  tier->error = errno;
}

void command_tiers(struct command_tiers *ret)
{
  *ret = (struct command_tiers){0};
  ret->self = aiodns_self_now(&ret->uid);
  add_tier(ret, AIODNS_TIER_HOST, ret->self == AIODNS_SELF_ROOT);
  if (ret->self == AIODNS_SELF_USER)
    add_tier(ret, AIODNS_TIER_USER, true);
}

const char *command_tier_name(const struct command_tier *tier)
{
  return tier->tier.kind == AIODNS_TIER_HOST ? "host" : "user";
}

enum aiodns_tier_verdict command_tier_map(const struct command_tier *tier, struct aiodns_tier_map *ret,
                                          int *ret_error)
{
  *ret_error = tier->error;
  if (tier->folder != AIODNS_TIER_GOOD)
    return tier->folder;
  errno = 0;
  enum aiodns_tier_verdict verdict = aiodns_tier_map(&tier->tier, NULL, ret);
  *ret_error = errno;
  return verdict;
}

void command_tier_unmap(const struct aiodns_tier_map *map)
{
  void *base;

  memcpy(&base, &map->cache.base, sizeof base); /* the map is read-only, and so is the pointer to it */
  munmap(base, (size_t)map->size);
}

bool command_tier_is_absent(enum aiodns_tier_verdict verdict)
{
  return verdict == AIODNS_TIER_NO_FOLDER || verdict == AIODNS_TIER_NO_FILE;
}

bool command_tier_is_closed(const struct command_tier *tier, enum aiodns_tier_verdict verdict, int error)
{
  return verdict == AIODNS_TIER_ERROR && error == EACCES && !tier->writes;
}

char *command_tier_reason(const struct command_tier *tier, enum aiodns_tier_file file,
                          enum aiodns_tier_verdict verdict, int error)
{
  char path[AIODNS_TIER_PATH_MAX], *text = NULL;

  aiodns_tier_path(&tier->tier, file, path);
  if (asprintf(&text, "%s tier: %s: %s", command_tier_name(tier), path,
               verdict == AIODNS_TIER_ERROR && error ? strerror(error) : aiodns_tier_explain(verdict)) < 0)
    command_die("out of memory");
  return text;
}

uint64_t command_now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
