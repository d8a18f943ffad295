#include "cache_write.h"
#include "command.h"
#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char doc[] =
    "Empties the cache that this process may write: root's processes the host's, others their user's. With "
    "NAME only the records of that name and of what is below it go, of every type and view.";

struct flush {
  const struct command_request *request;
  const struct aiodns_cache *cache;
  int fd; /* -1: nothing is erased, only counted */
  uint64_t valid, expired;
  int error; /* of the first record that could not be erased */
};

static void erase(const struct command_record *record, void *context)
{
  struct flush *flush = context;

  if (flush->request->named && !aiodns_name_within(&record->name, &flush->request->name))
    return;
  errno = 0;
  if (flush->fd >= 0 && !aiodns_cache_erase(flush->cache, flush->fd, record->number)) {
    if (!flush->error)
      flush->error = errno ? errno : EIO;
    return;
  }
  if (record->type == AIODNS_TYPE_SERVERS)
    return; /* what was learnt of servers is no answer */
  if (record->valid)
    flush->valid++;
  else
    flush->expired++;
}

/* Opens the very file that is mapped: it may be replaced in between, hence the tries. */
static enum aiodns_tier_verdict open_mapped(const struct command_tier *tier, struct aiodns_tier_map *ret_map,
                                            int *ret_fd, int *ret_error)
{
  for (int tries = 0; tries < 16; tries++) {
    struct aiodns_tier_id id;
    uint64_t size;
    enum aiodns_tier_verdict verdict = command_tier_map(tier, ret_map, ret_error);
    if (verdict != AIODNS_TIER_GOOD)
      return verdict;
    errno = 0;
    verdict = aiodns_tier_open(&tier->tier, AIODNS_TIER_CACHE, O_RDWR, ret_fd, &id, &size);
    *ret_error = errno;
    if (verdict == AIODNS_TIER_GOOD && id.device == ret_map->id.device && id.inode == ret_map->id.inode)
      return AIODNS_TIER_GOOD;
    command_tier_unmap(ret_map);
    if (verdict != AIODNS_TIER_GOOD)
      return verdict;
    close(*ret_fd);
  }
  *ret_error = EBUSY;
  return AIODNS_TIER_ERROR;
}

static const char *records_text(uint64_t count, char buf[COMMAND_NUMBER_MAX])
{
  char number[COMMAND_NUMBER_MAX];

  snprintf(buf, COMMAND_NUMBER_MAX, "%.20s %s", command_number(count, number),
           count == 1 ? "record" : "records");
  return buf;
}

static int flush_own(const struct command_tier *tier, const struct command_request *request)
{
  struct aiodns_tier_map map;
  struct flush flush = {.request = request, .cache = &map.cache, .fd = -1};
  char path[AIODNS_TIER_PATH_MAX], text[COMMAND_NUMBER_MAX], number[COMMAND_NUMBER_MAX];
  int error;

  aiodns_tier_path(&tier->tier, AIODNS_TIER_CACHE, path);
  enum aiodns_tier_verdict verdict = open_mapped(tier, &map, &flush.fd, &error);
  if (command_tier_is_absent(verdict)) {
    printf("%s tier: nothing to remove: there is no %s\n", command_tier_name(tier), path);
    return COMMAND_GOOD;
  }
  if (verdict != AIODNS_TIER_GOOD) {
    char *reason = command_tier_reason(tier, AIODNS_TIER_CACHE, verdict, error);
    command_say("%s; nothing was removed", reason);
    free(reason);
    return COMMAND_FAILED;
  }
  command_records_each(&map.cache, command_now_ns(), erase, &flush);
  close(flush.fd);
  command_tier_unmap(&map);
  printf("%s tier: %s removed", command_tier_name(tier), records_text(flush.valid, text));
  if (flush.expired)
    printf(", and %s that had expired", command_number(flush.expired, number));
  printf(" (%s)\n", path);
  if (flush.error) {
    command_say("%s tier: %s: cannot remove a record: %s", command_tier_name(tier), path,
                strerror(flush.error));
    return COMMAND_FAILED;
  }
  return COMMAND_GOOD;
}

/* What a user cannot remove still answers the user's programs. */
static void mention_other(const struct command_tier *tier, const struct command_request *request)
{
  struct aiodns_tier_map map;
  struct flush flush = {.request = request, .cache = &map.cache, .fd = -1};
  char text[COMMAND_NUMBER_MAX];
  int error;

  if (command_tier_map(tier, &map, &error) != AIODNS_TIER_GOOD)
    return;
  command_records_each(&map.cache, command_now_ns(), erase, &flush);
  command_tier_unmap(&map);
  if (flush.valid > 0)
    command_say("%s %s in the %s tier, which only root may write", records_text(flush.valid, text),
                flush.valid == 1 ? "stays" : "stay", command_tier_name(tier));
}

int command_flush(int argc, char **argv)
{
  struct command_request request;
  struct command_tiers tiers;
  int status = COMMAND_GOOD;

  command_parse(argc, argv, COMMAND_TAKES_NAME, doc, &request);
  command_tiers(&tiers);
  if (tiers.self == AIODNS_SELF_MIXED) {
    command_say("this process is neither root nor one plain user (its IDs differ, or it has capabilities), "
                "and may write no cache: nothing was removed");
    return COMMAND_FAILED;
  }
  for (unsigned i = 0; i < tiers.count; i++) {
    if (!tiers.tier[i].writes)
      mention_other(&tiers.tier[i], &request);
    else if (flush_own(&tiers.tier[i], &request) != COMMAND_GOOD)
      status = COMMAND_FAILED;
  }
  return status;
}
