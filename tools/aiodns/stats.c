#include "command.h"
#include "counters.h"
#include "tiers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char doc[] =
    "Shows what the processes of this machine have counted since the caches were made.\v"
    "A user's hits in the host's cache are counted by the user.";

/* In the order in which they are read; what begins with blanks is a part of the line before. */
static const struct line {
  enum aiodns_counter counter;
  const char *text;
} lines[] = {
    {AIODNS_COUNT_HIT, "answered by a cache"},
    {AIODNS_COUNT_MISS, "asked of servers"},
    {AIODNS_COUNT_EXPIRED, "  of these, known before and expired"},
    {AIODNS_COUNT_STALE, "  of these, answered by what had expired"},
    {AIODNS_COUNT_WAITED, "waited for another lookup's answer"},
    {AIODNS_COUNT_WAITED_VAIN, "  of these, asked after all"},
    {AIODNS_COUNT_BLOCKED, "blocked"},
    {AIODNS_COUNT_STORED, "answers stored"},
    {AIODNS_COUNT_EVICTED, "valid answers driven out by them"},
    {AIODNS_COUNT_DROPPED, "answers that could not be stored"},
    {AIODNS_COUNT_TIMEOUT, "questions that nobody answered"},
    {AIODNS_COUNT_TCP, "connections by TCP"},
    {AIODNS_COUNT_NEAR_MISS, "replies dropped as possibly forged"},
};

enum { LINES = sizeof lines / sizeof *lines };
_Static_assert((int)LINES == (int)AIODNS_COUNTERS, "a line for each counter");

struct column {
  const char *head;
  uint64_t counts[AIODNS_COUNTERS];
};

/* What is there of the file; whatever is behind its usual size counts nothing. */
static bool read_page(int fd, uint8_t page[AIODNS_COUNTERS_SIZE], size_t *ret_len)
{
  *ret_len = 0;
  while (*ret_len < AIODNS_COUNTERS_SIZE) {
    ssize_t len = pread(fd, page + *ret_len, AIODNS_COUNTERS_SIZE - *ret_len, (off_t)*ret_len);
    if (len < 0)
      return false;
    if (len == 0)
      break;
    *ret_len += (size_t)len;
  }
  return true;
}

static enum aiodns_tier_verdict read_counters(const struct command_tier *tier, uint64_t ret[AIODNS_COUNTERS],
                                              int *ret_error)
{
  _Alignas(uint64_t) uint8_t page[AIODNS_COUNTERS_SIZE];
  struct aiodns_tier_id id;
  uint64_t size;
  size_t len;
  int fd;

  *ret_error = tier->error;
  if (tier->folder != AIODNS_TIER_GOOD)
    return tier->folder;
  errno = 0;
  enum aiodns_tier_verdict verdict =
      aiodns_tier_open(&tier->tier, AIODNS_TIER_COUNTERS, O_RDONLY, &fd, &id, &size);
  *ret_error = errno;
  if (verdict != AIODNS_TIER_GOOD)
    return verdict;
  bool is_read = read_page(fd, page, &len);
  *ret_error = errno;
  close(fd);
  if (!is_read)
    return AIODNS_TIER_ERROR;
  aiodns_counters_sum(page, len, ret);
  return AIODNS_TIER_GOOD;
}

/* Of the questions that had to be answered; false: there were none. */
static bool hit_rate(const uint64_t counts[AIODNS_COUNTERS], double *ret)
{
  double hits = (double)counts[AIODNS_COUNT_HIT], all = hits + (double)counts[AIODNS_COUNT_MISS];

  *ret = all > 0 ? hits / all : 0;
  return all > 0;
}

static json_t *in_json(const uint64_t counts[AIODNS_COUNTERS])
{
  json_t *object = json_object();
  double rate;

  for (unsigned i = 0; i < LINES; i++)
    command_json_put(object, aiodns_counter_name(lines[i].counter),
                     command_json_count(counts[lines[i].counter]));
  command_json_put(object, "hit_rate", hit_rate(counts, &rate) ? json_real(rate) : json_null());
  return object;
}

static void print_in_words(const struct column *columns, unsigned count)
{
  char number[COMMAND_NUMBER_MAX];
  double rate;

  printf("%-36s", "");
  for (unsigned i = 0; i < count; i++)
    printf(" %16s", columns[i].head);
  printf("\n%-36s", "hit rate");
  for (unsigned i = 0; i < count; i++) {
    if (hit_rate(columns[i].counts, &rate))
      printf(" %14.1f %%", rate * 100);
    else
      printf(" %16s", "-");
  }
  putchar('\n');
  for (unsigned line = 0; line < LINES; line++) {
    printf("%-36s", lines[line].text);
    for (unsigned i = 0; i < count; i++)
      printf(" %16s", command_number(columns[i].counts[lines[line].counter], number));
    putchar('\n');
  }
}

int command_stats(int argc, char **argv)
{
  struct command_request request;
  struct command_tiers tiers;
  struct column columns[AIODNS_TIER_KINDS + 1] = {{0}}, total = {.head = "in all"};
  unsigned count = 0;
  int status = COMMAND_GOOD;

  command_parse(argc, argv, COMMAND_TAKES_JSON, doc, &request);
  command_tiers(&tiers);
  json_t *object = json_object(), *by_tier = json_object(), *errors = json_array();
  for (unsigned i = 0; i < tiers.count; i++) {
    const struct command_tier *tier = &tiers.tier[i];
    struct column *column = &columns[count];
    int error;
    enum aiodns_tier_verdict verdict = read_counters(tier, column->counts, &error);
    if (verdict != AIODNS_TIER_GOOD && !command_tier_is_absent(verdict)) {
      char *reason = command_tier_reason(tier, AIODNS_TIER_COUNTERS, verdict, error);
      command_json_put(errors, NULL, json_string(reason));
      command_say("%s", reason);
      free(reason);
      if (!command_tier_is_closed(tier, verdict, error))
        status = COMMAND_FAILED;
      continue;
    }
    column->head = command_tier_name(tier);
    command_json_put(by_tier, column->head, in_json(column->counts));
    for (unsigned counter = 0; counter < AIODNS_COUNTERS; counter++)
      total.counts[counter] += column->counts[counter];
    count++;
  }
  command_json_put(object, "tiers", by_tier);
  command_json_put(object, "total", in_json(total.counts));
  command_json_put(object, "errors", errors);
  if (request.json) {
    command_json_print(object);
    return status;
  }
  json_decref(object);
  if (count > 1)
    columns[count++] = total;
  if (count > 0)
    print_in_words(columns, count);
  return status;
}
