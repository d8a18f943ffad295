#include "cached.h"

#include "calls.h"
#include "server.h"
#include "stage.h"

#include <stdio.h>
#include <string.h>

enum {
  WORLD_NUMBER = 100,  /* of the first of these worlds */
  MEMORY_COUNT = 1000, /* hits, and misses of each kind, before the memory is looked at */
  CALLS_BATCHES = 32,  /* of direct calls whose system calls are counted: 1,024 calls */
  CALLS_LOOKUPS = 200, /* by getaddrinfo */
  HITS_PER_MISS = 100, /* more queries than that, and they were no hits */
  WEIGHT_LONG = 3,     /* of what starts processes and threads */
};

enum world { OURS, NOTHING, FILES, DNS, OURS_UNBOUND, DNS_UNBOUND };

#define HOSTS_FOUR_LINES                                                                                     \
  "127.0.0.1 localhost\n"                                                                                    \
  "::1 localhost\n"                                                                                          \
  "192.0.2.50 router.home router\n"                                                                          \
  "192.0.2.10 www.example\n"
#define ASKS_UNBOUND "nameserver " BENCH_UNBOUND "\n"

static const struct bench_world worlds[BENCH_CACHED_WORLDS] = {
    [OURS] = {WORLD_NUMBER, "aiodns", NULL, NULL, true},
    [NOTHING] = {WORLD_NUMBER + 1, "null", NULL, NULL, false},
    [FILES] = {WORLD_NUMBER + 2, "files", HOSTS_FOUR_LINES, NULL, false},
    [DNS] = {WORLD_NUMBER + 3, "dns", NULL, NULL, false},
    [OURS_UNBOUND] = {WORLD_NUMBER + 4, "aiodns", NULL, ASKS_UNBOUND, true},
    [DNS_UNBOUND] = {WORLD_NUMBER + 5, "dns", NULL, ASKS_UNBOUND, false},
};

enum kind { TIMES, FIRST, THREADS, MEMORY, CALLS };

static const struct comparison {
  const char *name;
  enum kind kind;
  const char *row;
  enum world ours, other;
  const char *against;
  enum bench_limit limit;
  double bound;
} comparisons[] = {
    {"direct-one", TIMES, "direct-one", OURS, NOTHING, "null", BENCH_AT_MOST, 5},
    {"direct-both", TIMES, "direct-both", OURS, NOTHING, "null", BENCH_AT_MOST, 5},
    {"direct-name", TIMES, "direct-name", OURS, NOTHING, "null", BENCH_AT_MOST, 5},
    {"hit-one", TIMES, "hit-one", OURS, NOTHING, "null", BENCH_AT_MOST, 1.4},
    {"hit-ipv4", TIMES, "hit-ipv4", OURS, NOTHING, "null", BENCH_AT_MOST, 1.4},
    {"hit-both", TIMES, "hit-both", OURS, NOTHING, "null", BENCH_AT_MOST, 1.05},
    {"hit-files", TIMES, "hit-one", OURS, FILES, "files", BENCH_BELOW, 1},
    {"hit-dns", TIMES, "hit-one", OURS, DNS_UNBOUND, "unbound", BENCH_AT_MOST, 1 / 25.0},
    {"threads", THREADS, "direct-one", OURS, NOTHING, "null", BENCH_AT_LEAST, 0.95},
    {"first-hit", FIRST, "hit-one", OURS, NOTHING, "null", BENCH_AT_MOST, 1.25},
    {"miss-one", TIMES, "miss-one", OURS, DNS, "dns", BENCH_AT_MOST, 1.25},
    {"miss-both", TIMES, "miss-both", OURS, DNS, "dns", BENCH_AT_MOST, 1.25},
    {"unbound-one", TIMES, "miss-one", OURS_UNBOUND, DNS_UNBOUND, "unbound", BENCH_AT_MOST, 1.25},
    {"unbound-both", TIMES, "miss-both", OURS_UNBOUND, DNS_UNBOUND, "unbound", BENCH_AT_MOST, 1.25},
    {"memory", MEMORY, "hit-both", OURS, NOTHING, "null", BENCH_BELOW, 64},
    {"calls-direct", CALLS, "direct-one", OURS, NOTHING, "null", BENCH_BELOW, 0.5},
    {"calls-hit", CALLS, "hit-one", OURS, NOTHING, "null", BENCH_BELOW, 0.5},
};
enum { COMPARISONS = sizeof comparisons / sizeof comparisons[0] };

const char *bench_cached_name(size_t number)
{
  return number < COMPARISONS ? comparisons[number].name : NULL;
}

unsigned bench_cached_weight(size_t number)
{
  enum kind kind = comparisons[number].kind;

  return kind == TIMES ? 1 : kind == FIRST || kind == THREADS ? WEIGHT_LONG : 0;
}

bool bench_cached_prepare(void)
{
  for (size_t i = 0; i < BENCH_CACHED_WORLDS; i++)
    if (!bench_world_write(&worlds[i]))
      return false;
  return true;
}

bool bench_cached_start(struct bench_cached *cached)
{
  for (size_t i = 0; i < BENCH_CACHED_WORLDS; i++)
    if (!bench_client_start(&cached->client[i], &worlds[i], cached->cpu[1]))
      return false; /* those that were started end with this process */
  return true;
}

void bench_cached_stop(struct bench_cached *cached)
{
  for (size_t i = 0; i < BENCH_CACHED_WORLDS; i++)
    bench_client_stop(&cached->client[i]);
}

/* -- One comparison */

static bool is_miss(const struct comparison *c)
{
  return *bench_row_find(c->row)->asked == '.';
}

static bool asks_unbound(const struct comparison *c)
{
  return c->other == DNS_UNBOUND;
}

/* The values, from what measure.h gives. */
static void take_result(struct bench_judged *judged, const struct bench_result *result, const char *unit)
{
  judged->unit = unit;
  judged->ours = result->us[BENCH_OURS];
  judged->other = result->us[BENCH_GLIBC];
  judged->value = result->ratio;
  judged->spread = result->spread;
  judged->lookups = result->count;
}

static bool measure_memory(struct bench_client side[BENCH_SIDES], const struct bench_row *row,
                           struct bench_judged *judged)
{
  for (unsigned i = 0; i < BENCH_SIDES; i++)
    if (!bench_client_memory(&side[i], row, MEMORY_COUNT))
      return false;
  const struct bench_memory *ours = &side[BENCH_OURS].block->memory, *null = &side[BENCH_GLIBC].block->memory;
  judged->unit = "KiB";
  judged->ours = (double)(ours->module + ours->heap) / 1024;
  judged->other = (double)null->heap / 1024;
  judged->value = judged->ours - judged->other;
  snprintf(judged->note, sizeof judged->note,
           "private pages of the module's mappings %.0f, heap %.0f and %.0f; whole process %.0f and %.0f",
           (double)ours->module / 1024, (double)ours->heap / 1024, (double)null->heap / 1024,
           (double)ours->whole / 1024, (double)null->whole / 1024);
  return true;
}

static void measure_calls(const struct comparison *c, const struct bench_row *row,
                          struct bench_judged *judged)
{
  unsigned later = bench_row_batch(row) > 1 ? CALLS_BATCHES : CALLS_LOOKUPS;
  double first;

  judged->unit = "calls";
  if (!bench_calls_count(row, &worlds[c->ours], later, &first, &judged->ours) ||
      !bench_calls_count(row, &worlds[c->other], later, &first, &judged->other))
    judged->missing = "this kernel does not let us see them";
  judged->value = judged->ours - judged->other;
}

/* False: a lookup went wrong. */
static bool measure(const struct bench_cached *cached, const struct comparison *c,
                    const struct bench_row *row, struct bench_judged *judged)
{
  struct bench_client side[BENCH_SIDES] = {
      [BENCH_OURS] = cached->client[c->ours], [BENCH_GLIBC] = cached->client[c->other]};
  struct bench_effort effort = c->kind == FIRST ? cached->first : cached->effort;
  struct bench_result result = {0}, process;
  bool right = true;

  effort.time_ns *= bench_cached_weight((size_t)(c - comparisons));
  switch (c->kind) {
  case TIMES:
    right = bench_measure(side, row, &effort, &result);
    take_result(judged, &result, "us");
    break;
  case FIRST:
    right = bench_measure_first(side, row, &effort, &result, &process);
    take_result(judged, &result, "us");
    break;
  case THREADS:
    right = bench_measure_threads(side, row, cached->cpu, &effort, &result);
    take_result(judged, &result, "times");
    break;
  case MEMORY:
    right = measure_memory(side, row, judged);
    break;
  case CALLS:
    measure_calls(c, row, judged);
    break;
  }
  return right;
}

static bool is_met(const struct comparison *c, double value)
{
  switch (c->limit) {
  case BENCH_AT_MOST:
    return value <= c->bound;
  case BENCH_BELOW:
    return value < c->bound;
  case BENCH_AT_LEAST:
    return value >= c->bound;
  }
  return false;
}

static const char *shows(const struct comparison *c, const struct bench_row *row)
{
  static const char *const of_kind[] = {[FIRST] = "first of a new process",
                                        [THREADS] = "4_r, two threads to one",
                                        [MEMORY] = "private, of a process",
                                        [CALLS] = "system calls, in a row"};

  return c->kind == TIMES ? row->shows : of_kind[c->kind];
}

bool bench_cached_show(struct bench_cached *cached, size_t number)
{
  const struct comparison *c = &comparisons[number];
  const struct bench_row *row = bench_row_find(c->row);
  struct bench_judged judged = {
      .name = c->name, .shows = shows(c, row), .against = c->against, .limit = c->limit, .bound = c->bound};
  bool right = true;

  if (asks_unbound(c) && !cached->unbound)
    judged.missing = "there is no unbound: tests/servers/fetch gets it";
  else if (c->kind == THREADS && cached->cpu[1] < 0)
    judged.missing = "there are not two processors";
  if (!judged.missing) {
    right = bench_client_check(&cached->client[c->ours], &worlds[c->ours], row, true) &&
            bench_client_check(&cached->client[c->other], &worlds[c->other], row, false);
    uint32_t asked = tour_server_asked();
    if (right && !measure(cached, c, row, &judged)) {
      fprintf(stderr, "aiodns-bench: WRONG: %s: a lookup failed while it was measured\n", c->name);
      right = false;
    }
    asked = tour_server_asked() - asked;
    judged.met = right && is_met(c, judged.value);
    /* Of the hits some may be asked again, since their TTL ends. */
    if ((c->kind == TIMES || c->kind == FIRST || c->kind == THREADS) && !is_miss(c) &&
        asked > 2 + judged.lookups / HITS_PER_MISS) {
      snprintf(judged.note, sizeof judged.note, "these were no hits: the server was asked");
      judged.met = false;
    }
  }
  if (right)
    bench_report_judged(cached->json, &judged);
  return right;
}
