/*
 * aiodns-bench MODULE: what a lookup costs that no cache answers, through this module and through glibc's own
 * services, which ask the same server; and what the cache makes of it (cached.h).
 *
 * Everything happens in a network and a mount namespace of its own.  The servers have a processor for
 * themselves, the clients share another.  Before anything is timed both sides' answers are compared with what
 * is right; the exit status says whether all were.  Times are shown, never judged.
 */
#include "cached.h"
#include "calls.h"
#include "client.h"
#include "measure.h"
#include "report.h"
#include "server.h"
#include "stage.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  ONLY_MAX = 16,
  SKIPPED = 77, /* the exit status where there can be no namespaces, as ctest wants it */
  BLOCK = 100,
  FIRST_BLOCK = 10,
  FIRST_WEIGHT = 3, /* rows' time that first lookups get */
  TIME_DEFAULT_S = 36,
  TIME_QUICK_S = 3,
  CALLS = 10, /* lookups whose system calls are counted */
};

/* The hosts lines that are compared. */
static const struct pair {
  const char *name;
  const char *hosts[BENCH_SIDES];
  bool files; /* /etc/hosts counts for both */
} pairs[] = {
    {"bare", {"aiodns", "dns"}, false},
    {"installed", {"aiodns [!UNAVAIL=return] files dns", "files dns"}, true},
    {"behind", {"files aiodns [!UNAVAIL=return] dns", "files dns"}, true},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

#define CACHE "cache" /* as if it were one of them: those of cached.h */

struct options {
  bool json, quick;
  double time_s;
  const char *only[ONLY_MAX]; /* names of rows and pairs; none: all */
  unsigned only_count;
  char module[PATH_MAX];
  const char *servers;
};

static const char usage[] =
    "usage: aiodns-bench [OPTION]... MODULE\n"
    "  --quick      some seconds only: rough numbers\n"
    "  --time S     how long all of it may take, about; 36 by default\n"
    "  --only NAME  this row, or this table (bare, installed, behind, cache); may be repeated\n"
    "  --servers D  where tests/servers/fetch put unbound; else an installed one is used\n"
    "  --json       for programs\n";

static bool read_options(struct options *ret, int argc, char **argv)
{
  static const struct option known[] = {
      {"quick", no_argument, NULL, 'q'},      {"time", required_argument, NULL, 't'},
      {"only", required_argument, NULL, 'o'}, {"servers", required_argument, NULL, 's'},
      {"json", no_argument, NULL, 'j'},       {NULL, 0, NULL, 0}};
  int option;

  *ret = (struct options){.time_s = TIME_DEFAULT_S};
  while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
    switch (option) {
    case 'q':
      ret->quick = true;
      ret->time_s = TIME_QUICK_S;
      break;
    case 't':
      ret->time_s = strtod(optarg, NULL);
      break;
    case 'o':
      if (ret->only_count == ONLY_MAX)
        return false;
      ret->only[ret->only_count++] = optarg;
      break;
    case 's':
      ret->servers = optarg;
      break;
    case 'j':
      ret->json = true;
      break;
    default:
      return false;
    }
  return optind + 1 == argc && realpath(argv[optind], ret->module);
}

static bool failed(const char *what)
{
  fprintf(stderr, "aiodns-bench: cannot %s: %s\n", what, strerror(errno));
  return false;
}

static bool is_row(const char *name)
{
  for (size_t i = 0; i < bench_row_count; i++)
    if (strcmp(bench_rows[i].name, name) == 0)
      return true;
  for (size_t i = 0; bench_cached_name(i); i++)
    if (strcmp(bench_cached_name(i), name) == 0)
      return true;
  return strcmp(name, "first") == 0;
}

static bool is_pair(const char *name)
{
  for (size_t i = 0; i < PAIRS; i++)
    if (strcmp(pairs[i].name, name) == 0)
      return true;
  return strcmp(name, CACHE) == 0;
}

/* Names of the same kind restrict it; those of the other kind do not matter. */
static bool wanted(const struct options *options, const char *name, bool (*is_kind)(const char *))
{
  bool restricted = false;

  for (unsigned i = 0; i < options->only_count; i++) {
    if (strcmp(options->only[i], name) == 0)
      return true;
    restricted |= is_kind(options->only[i]);
  }
  return !restricted;
}

static bool wants_row(const struct options *options, const struct pair *pair, const struct bench_row *row)
{
  return (pair->files || !row->hosts) && wanted(options, row->name, is_row);
}

static bool wants_cached(const struct options *options, size_t number)
{
  return wanted(options, CACHE, is_pair) && wanted(options, bench_cached_name(number), is_row);
}

/* The rows of a table, as parts of the time. */
static unsigned parts_of_pair(const struct options *options, size_t p)
{
  unsigned parts = 0;

  if (!wanted(options, pairs[p].name, is_pair))
    return 0;
  for (size_t r = 0; r < bench_row_count; r++)
    parts += wants_row(options, &pairs[p], &bench_rows[r]);
  return parts + (wanted(options, "first", is_row) ? FIRST_WEIGHT : 0);
}

/* How long each row may take. */
static int64_t share_ns(const struct options *options)
{
  unsigned parts = 0;

  for (size_t p = 0; p < PAIRS; p++)
    parts += parts_of_pair(options, p);
  for (size_t i = 0; bench_cached_name(i); i++)
    parts += wants_cached(options, i) ? bench_cached_weight(i) : 0;
  return parts ? (int64_t)(options->time_s * 1e9) / parts : 0;
}

static struct bench_world world_of(size_t pair, unsigned side)
{
  return (struct bench_world){.number = (unsigned)pair * BENCH_SIDES + side,
                              .hosts = pairs[pair].hosts[side]};
}

static bool make_place(const struct options *options)
{
  if (!bench_stage_enter(options->module) || !bench_cached_prepare())
    return false;
  for (size_t p = 0; p < PAIRS; p++)
    for (unsigned side = 0; side < BENCH_SIDES; side++) {
      const struct bench_world world = world_of(p, side);
      if (!bench_world_write(&world))
        return false;
    }
  return true;
}

/* -- The rows */

static void count_calls(const struct bench_row *row, size_t pair, struct bench_result *later,
                        struct bench_result *first)
{
  for (unsigned side = 0; side < BENCH_SIDES; side++) {
    const struct bench_world world = world_of(pair, side);
    double calls[2];
    if (!bench_calls_count(row, &world, CALLS, &calls[0], &calls[1]))
      continue;
    if (later)
      later->calls[side] = calls[1];
    if (first)
      first->calls[side] = calls[0];
  }
}

static bool went_wrong(const struct bench_row *row)
{
  fprintf(stderr, "aiodns-bench: WRONG: a lookup of `%s` failed while it was timed\n", row->asked);
  return false;
}

static bool show_row(const struct options *options, size_t p, struct bench_client client[BENCH_SIDES],
                     const struct bench_row *row)
{
  const struct bench_effort effort = {share_ns(options), options->quick ? BLOCK / 4 : BLOCK};
  struct bench_result result;

  for (unsigned side = 0; side < BENCH_SIDES; side++) {
    const struct bench_world world = world_of(p, side);
    if (!bench_client_check(&client[side], &world, row, side == BENCH_OURS))
      return false;
  }
  uint32_t asked = tour_server_asked();
  if (!bench_measure(client, row, &effort, &result))
    return went_wrong(row);
  if (!row->hosts && tour_server_asked() - asked < BENCH_SIDES * result.count) {
    fprintf(stderr, "aiodns-bench: WRONG: lookups of `%s` were answered without asking\n", row->asked);
    return false;
  }
  count_calls(row, p, &result, NULL);
  bench_report_row(options->json, pairs[p].hosts, &result);
  return true;
}

static bool show_first(const struct options *options, size_t p, struct bench_client client[BENCH_SIDES],
                       const struct bench_row *row)
{
  const struct bench_effort effort = {FIRST_WEIGHT * share_ns(options), options->quick ? 2 : FIRST_BLOCK};
  struct bench_result lookup, process;

  if (!bench_measure_first(client, row, &effort, &lookup, &process))
    return went_wrong(row);
  count_calls(row, p, NULL, &lookup);
  bench_report_row(options->json, pairs[p].hosts, &lookup);
  bench_report_row(options->json, pairs[p].hosts, &process);
  return true;
}

static bool show_pair(const struct options *options, size_t p, int cpu)
{
  struct bench_client client[BENCH_SIDES];
  bool right = true;

  for (unsigned side = 0; side < BENCH_SIDES; side++) {
    const struct bench_world world = world_of(p, side);
    if (!bench_client_start(&client[side], &world, cpu))
      return failed("start a client"); /* one that was started ends with this process */
  }
  bench_report_pair(options->json, pairs[p].hosts);
  for (size_t r = 0; r < bench_row_count; r++)
    if (wants_row(options, &pairs[p], &bench_rows[r]))
      right &= show_row(options, p, client, &bench_rows[r]);
  if (wanted(options, "first", is_row))
    right &= show_first(options, p, client, &bench_rows[0]);
  for (unsigned side = 0; side < BENCH_SIDES; side++)
    bench_client_stop(&client[side]);
  return right;
}

/* The table of the cache. */
static bool show_cache(const struct options *options, const int cpu[2])
{
  const int64_t share = share_ns(options);
  struct bench_cached cached = {.json = options->json,
                                .effort = {share, options->quick ? BLOCK / 4 : BLOCK},
                                .first = {share, options->quick ? 2 : FIRST_BLOCK},
                                .cpu = {cpu[0], cpu[1]}};
  bool right = true, any = false;

  for (size_t i = 0; bench_cached_name(i); i++)
    any |= wants_cached(options, i);
  if (!any)
    return true;
  pid_t unbound = bench_stage_unbound(options->servers);
  cached.unbound = unbound > 0;
  if (!bench_cached_start(&cached))
    return failed("start a client");
  bench_report_cache(options->json);
  for (size_t i = 0; bench_cached_name(i); i++)
    if (wants_cached(options, i))
      right &= bench_cached_show(&cached, i);
  bench_cached_stop(&cached);
  tour_server_stop(unbound);
  return right;
}

static bool show_all(const struct options *options, const int cpu[2])
{
  bool right = true;

  bench_report_begin(options->json, options->module);
  for (size_t p = 0; p < PAIRS; p++)
    if (parts_of_pair(options, p))
      right &= show_pair(options, p, cpu[1]);
  right &= show_cache(options, cpu);
  bench_report_end(options->json);
  return right;
}

int main(int argc, char **argv)
{
  struct options options;
  int cpu[2];

  int task = bench_client_task(argc, argv);
  if (task >= 0)
    return task;
  if (!read_options(&options, argc, argv)) {
    (void)fputs(usage, stderr);
    return 2;
  }
  for (unsigned i = 0; i < options.only_count; i++)
    if (!is_row(options.only[i]) && !is_pair(options.only[i])) {
      fprintf(stderr, "aiodns-bench: there is no row `%s`\n", options.only[i]);
      return 2;
    }
  clearenv(); /* RES_OPTIONS, LOCALDOMAIN, HOSTALIASES and others change what lookups cost */
  if (!make_place(&options))
    return SKIPPED;
  bench_stage_processors(cpu);
  (void)bench_pin(cpu[0]); /* the servers inherit it */
  pid_t server = tour_server_start();
  if (server < 0) {
    failed("start its DNS server");
    return EXIT_FAILURE;
  }
  bool right = show_all(&options, cpu);
  tour_server_stop(server);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("aiodns-bench: cannot write");
    return EXIT_FAILURE;
  }
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
