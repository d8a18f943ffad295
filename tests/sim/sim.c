/*
 * Lookups by the million in worlds made up from a seed.  Each lookup has a seed of its own, the first one's
 * plus its number, so that `sim --seed N --lookups 1` is any of them again.  --behaviours: how many had what.
 */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  FAILURES_SHOWN = 10,
  OUTCOMES = AIODNS_NOT_MINE + 1,
  MANY = 50000, /* lookups in which all behaviours have to turn up */
};

static struct sim_world world; /* too large for a stack */

struct totals {
  uint64_t lookups, failures, datagrams, connections, forged, delivered;
  uint64_t outcome[OUTCOMES];
  uint64_t behaviour[SIM_BEHAVIOURS], alone[SIM_BEHAVIOURS];
  int64_t *duration_us;
};

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static void count_behaviours(struct totals *totals)
{
  uint64_t behaviours = sim_behaviours(&world);

  for (unsigned i = 0; i < SIM_BEHAVIOURS; i++)
    if (behaviours >> i & 1) {
      totals->behaviour[i]++;
      totals->alone[i] += sim_is_alone(behaviours, i);
    }
}

static void run(uint64_t seed, bool trace, struct totals *totals)
{
  sim_generate(&world, seed);
  world.trace = trace;
  count_behaviours(totals);
  if (trace)
    sim_describe(&world, stdout);
  sim_world_run(&world);
  if (world.failed && totals->failures++ < FAILURES_SHOWN) {
    printf("FAILED: --seed %" PRIu64 " --lookups 1: %s\n", seed, world.complaint);
    if (!trace)
      sim_describe(&world, stdout);
  }
  totals->outcome[world.lookup.outcome]++;
  totals->datagrams += world.datagrams;
  totals->connections += world.connections;
  totals->forged += world.forged;
  totals->delivered += world.delivered;
  totals->duration_us[totals->lookups++] = world.end_us - world.start_us;
  sim_world_forget(&world);
}

static void report(struct totals *totals, double seconds)
{
  static const char *const name[OUTCOMES] = {"pending", "answer", "no name",  "no data",
                                             "failed",  "local",  "unusable", "not mine"};
  static const unsigned per_mille[] = {500, 900, 990, 999};
  uint64_t n = totals->lookups;

  for (unsigned i = 0; i < OUTCOMES; i++)
    if (totals->outcome[i])
      printf("  %-9s %9" PRIu64 "\n", name[i], totals->outcome[i]);
  printf("  %" PRIu64 " datagrams, %" PRIu64 " connections, %" PRIu64 " deliveries, %" PRIu64
         " forgeries heard\n",
         totals->datagrams, totals->connections, totals->delivered, totals->forged);
  qsort(totals->duration_us, n, sizeof *totals->duration_us, compare);
  printf("  virtual time:");
  for (unsigned i = 0; i < 4; i++)
    printf(" %g %%: %.3f s,", per_mille[i] / 10.0,
           (double)totals->duration_us[n * per_mille[i] / 1000] / 1e6);
  printf(" longest: %.3f s\n", (double)totals->duration_us[n - 1] / 1e6);
  printf("  %.0f lookups a second\n", (double)n / (seconds > 0 ? seconds : 1e-9));
}

static void report_behaviours(const struct totals *totals)
{
  printf("  %-34s %9s %9s\n", "lookups with", "all", "alone");
  for (unsigned i = 0; i < SIM_BEHAVIOURS; i++)
    printf("  %-34s %9" PRIu64 " %9" PRIu64 "\n", sim_behaviour[i], totals->behaviour[i], totals->alone[i]);
}

static bool lacks_a_behaviour(const struct totals *totals)
{
  bool ret = false;

  for (unsigned i = 0; i < SIM_BEHAVIOURS && totals->lookups >= MANY; i++)
    if (totals->alone[i] == 0 && !sim_is_left_out(i)) {
      printf("  never alone in a world: %s\n", sim_behaviour[i]);
      ret = true;
    }
  return ret;
}

static double now_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  uint64_t seed = 1, lookups = 100000;
  const char *from_environment = getenv("AIODNS_SIM_LOOKUPS");
  struct totals totals = {0};
  bool trace = false, behaviours = false;

  if (from_environment)
    lookups = strtoull(from_environment, NULL, 10);
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--trace") == 0) {
      trace = true;
    } else if (strcmp(argv[i], "--behaviours") == 0) {
      behaviours = true;
    } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      seed = strtoull(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--lookups") == 0 && i + 1 < argc) {
      lookups = strtoull(argv[++i], NULL, 10);
    } else {
      fprintf(stderr, "usage: sim [--seed N] [--lookups N] [--behaviours] [--trace]\n");
      return 2;
    }
  }
  if (lookups == 0)
    return 2;
  totals.duration_us = calloc(lookups, sizeof *totals.duration_us);
  if (!totals.duration_us)
    return 2;
  printf("seed %" PRIu64 ", %" PRIu64 " lookups\n", seed, lookups);
  double start_s = now_s();
  for (uint64_t i = 0; i < lookups; i++)
    run(seed + i, trace, &totals);
  report(&totals, now_s() - start_s);
  if (behaviours)
    report_behaviours(&totals);
  bool lacks = lacks_a_behaviour(&totals);
  if (totals.failures)
    printf("%" PRIu64 " FAILED\n", totals.failures);
  free(totals.duration_us);
  sim_world_done(&world);
  return totals.failures > 0 || lacks;
}
