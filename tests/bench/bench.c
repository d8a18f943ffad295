/*
 * aiodns-bench MODULE: what a lookup costs that no cache answers, through this module and through glibc's own
 * services, which ask the same server.
 *
 * Everything happens in a network and a mount namespace of its own.  The server has a processor for itself,
 * the clients share another.  Before anything is timed both sides' answers are compared with what is right;
 * the exit status says whether all were.  Times are shown, never judged.
 */
#include "calls.h"
#include "client.h"
#include "measure.h"
#include "place.h"
#include "report.h"
#include "server.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  ONLY_MAX = 16,
  SKIPPED = 77, /* the exit status where there can be no namespaces, as ctest wants it */
  BLOCK = 100,
  FIRST_BLOCK = 10,
  FIRST_WEIGHT = 3, /* rows' time that first lookups get */
  TIME_DEFAULT_S = 24,
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

struct options {
  bool json, quick;
  double time_s;
  const char *only[ONLY_MAX]; /* names of rows and pairs; none: all */
  unsigned only_count;
  char module[PATH_MAX];
};

static const char usage[] =
    "usage: aiodns-bench [OPTION]... MODULE\n"
    "  --quick      some seconds only: rough numbers\n"
    "  --time S     how long all of it may take, about; 24 by default\n"
    "  --only NAME  this row, or these hosts lines (bare, installed, behind); may be repeated\n"
    "  --json       for programs\n";

static bool read_options(struct options *ret, int argc, char **argv)
{
  static const struct option known[] = {{"quick", no_argument, NULL, 'q'},
                                        {"time", required_argument, NULL, 't'},
                                        {"only", required_argument, NULL, 'o'},
                                        {"json", no_argument, NULL, 'j'},
                                        {NULL, 0, NULL, 0}};
  int option;

  *ret = (struct options){.time_s = TIME_DEFAULT_S};
  while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
    switch (option) {
    case 'q':
      ret->quick = true;
      ret->time_s = 2;
      break;
    case 't':
      ret->time_s = strtod(optarg, NULL);
      break;
    case 'o':
      if (ret->only_count == ONLY_MAX)
        return false;
      ret->only[ret->only_count++] = optarg;
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
  return strcmp(name, "first") == 0;
}

static bool is_pair(const char *name)
{
  for (size_t i = 0; i < PAIRS; i++)
    if (strcmp(pairs[i].name, name) == 0)
      return true;
  return false;
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

/* How long each row may take. */
static int64_t share_ns(const struct options *options)
{
  unsigned parts = 0;

  for (size_t p = 0; p < PAIRS; p++) {
    if (!wanted(options, pairs[p].name, is_pair))
      continue;
    for (size_t r = 0; r < bench_row_count; r++)
      parts += wants_row(options, &pairs[p], &bench_rows[r]);
    parts += wanted(options, "first", is_row) ? FIRST_WEIGHT : 0;
  }
  return parts ? (int64_t)(options->time_s * 1e9) / parts : 0;
}

/* -- The place */

/* glibc finds the module as every program does. */
static bool make_loader_cache(const char *module)
{
  char program[] = "/sbin/ldconfig", no_links[] = "-X", old_names[] = "-i", output[] = "-C",
       cache[] = "/etc/ld.so.cache", folder[PATH_MAX];
  char *arguments[] = {program, no_links, old_names, output, cache, folder, NULL}, *environment[] = {NULL};
  int status = -1;
  pid_t pid;

  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(module, '/') - module), module);
  errno = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
  if (errno)
    return failed("start ldconfig");
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    fprintf(stderr, "aiodns-bench: ldconfig failed\n");
  return status == 0;
}

static bool make_place(const struct options *options)
{
  if (!tour_place_enter(bench_hosts, bench_resolv_conf) ||
      !tour_place_write("nsswitch.conf", "hosts: files\n") || !make_loader_cache(options->module))
    return false;
  for (unsigned p = 0; p < PAIRS; p++)
    for (unsigned side = 0; side < BENCH_SIDES; side++)
      if (!bench_nsswitch_write(pairs[p].hosts[side], p * BENCH_SIDES + side))
        return false;
  return true;
}

/* The processors of server and clients; -1: there are not enough for each to have its own. */
static void choose_processors(int *ret_server, int *ret_clients)
{
  cpu_set_t set;

  *ret_server = *ret_clients = -1;
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
    return;
  for (int cpu = 0; cpu < CPU_SETSIZE && *ret_clients < 0; cpu++)
    if (CPU_ISSET((size_t)cpu, &set))
      *(*ret_server < 0 ? ret_server : ret_clients) = cpu;
}

/* -- The rows */

static bool check(struct bench_client *client, const char *hosts, const struct bench_row *row, bool module)
{
  if (!bench_client_ask(client, row)) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: the client died at `%s`\n", hosts, row->asked);
    return false;
  }
  if (strcmp(client->block->text, row->right) != 0) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: `%s` gives `%s`, and should give `%s`\n", hosts,
            row->asked, client->block->text, row->right);
    return false;
  }
  if (client->block->module != module) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: the module is%s loaded\n", hosts, module ? " not" : "");
    return false;
  }
  return true;
}

static void count_calls(const struct bench_row *row, size_t pair, struct bench_result *later,
                        struct bench_result *first)
{
  for (unsigned side = 0; side < BENCH_SIDES; side++) {
    double calls[2];
    if (!bench_calls_count(row, (unsigned)pair * BENCH_SIDES + side, &calls[0], &calls[1]))
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

  if (!check(&client[BENCH_OURS], pairs[p].hosts[BENCH_OURS], row, true) ||
      !check(&client[BENCH_GLIBC], pairs[p].hosts[BENCH_GLIBC], row, false))
    return false;
  if (!bench_measure(client, row, &effort, &result))
    return went_wrong(row);
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

  for (unsigned side = 0; side < BENCH_SIDES; side++)
    if (!bench_client_start(&client[side], (unsigned)p * BENCH_SIDES + side, cpu))
      return failed("start a client"); /* one that was started ends with this process */
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

static bool show_all(const struct options *options, int cpu)
{
  bool right = true;

  bench_report_begin(options->json, options->module);
  for (size_t p = 0; p < PAIRS; p++)
    if (wanted(options, pairs[p].name, is_pair))
      right &= show_pair(options, p, cpu);
  bench_report_end(options->json);
  return right;
}

int main(int argc, char **argv)
{
  struct options options;
  int server_cpu, clients_cpu;

  if (argc == 3 && strcmp(argv[1], BENCH_FIRST_LOOKUP) == 0)
    return bench_first_lookup(argv[2]);
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
  choose_processors(&server_cpu, &clients_cpu);
  (void)bench_pin(server_cpu); /* the server inherits it */
  pid_t server = tour_server_start();
  if (server < 0) {
    failed("start its DNS server");
    return EXIT_FAILURE;
  }
  bool right = show_all(&options, clients_cpu);
  tour_server_stop(server);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("aiodns-bench: cannot write");
    return EXIT_FAILURE;
  }
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
