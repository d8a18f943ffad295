#include "measure.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MIN = 2, TURNS = 2 /* of each side in a round */ };

struct samples {
  double *at;
  size_t count, room;
};

/* What is measured at once, of both sides. */
struct series {
  struct samples us[BENCH_SIDES], cpu_us[BENCH_SIDES], ratio;
};

static void add(struct samples *samples, double value)
{
  if (samples->count == samples->room) {
    samples->room = samples->room ? 2 * samples->room : 1024;
    samples->at = realloc(samples->at, samples->room * sizeof *samples->at);
    if (!samples->at)
      abort();
  }
  samples->at[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* The value below which this part of them is; sorts them. */
static double quantile(double *at, size_t count, double part)
{
  qsort(at, count, sizeof *at, compare);
  return at[(size_t)((double)(count - 1) * part + 0.5)];
}

/* Of the last `count`, whose order is not needed any more. */
static double median_of_last(struct samples *samples, size_t count)
{
  return quantile(samples->at + samples->count - count, count, 0.5);
}

/* `batch`: lookups that each of the times is of. */
static bool add_block(struct series *series, int side, const int64_t *time_ns,
                      const struct bench_block *block, int64_t cpu_ns, unsigned count, unsigned batch)
{
  for (unsigned i = 0; i < count; i++) {
    if (block->time_ns[i] < 0)
      return false;
    add(&series->us[side], (double)time_ns[i] / 1000 / batch);
  }
  add(&series->cpu_us[side], (double)cpu_ns / count / 1000 / batch);
  return true;
}

static void end_round(struct series *series, unsigned block)
{
  size_t count = (size_t)TURNS * block;

  add(&series->ratio,
      median_of_last(&series->us[BENCH_OURS], count) / median_of_last(&series->us[BENCH_GLIBC], count));
}

static void conclude(struct series *series, struct bench_result *ret)
{
  struct samples *ratio = &series->ratio;

  ret->count = series->us[BENCH_OURS].count;
  for (int side = 0; side < BENCH_SIDES; side++) {
    ret->us[side] = quantile(series->us[side].at, series->us[side].count, 0.5);
    ret->cpu_us[side] = quantile(series->cpu_us[side].at, series->cpu_us[side].count, 0.5);
    ret->calls[side] = -1;
  }
  ret->ratio = quantile(ratio->at, ratio->count, 0.5);
  ret->cpu_ratio = ret->cpu_us[BENCH_OURS] / ret->cpu_us[BENCH_GLIBC];
  ret->spread = (quantile(ratio->at, ratio->count, 0.75) - quantile(ratio->at, ratio->count, 0.25)) / 2;
}

static void done(struct series *series)
{
  for (int side = 0; side < BENCH_SIDES; side++) {
    free(series->us[side].at);
    free(series->cpu_us[side].at);
  }
  free(series->ratio.at);
}

static const int turns[] = {BENCH_OURS, BENCH_GLIBC, BENCH_GLIBC, BENCH_OURS};

bool bench_measure(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                   const struct bench_effort *effort, struct bench_result *ret)
{
  struct series series = {0};
  int64_t end_ns = bench_now_ns() + effort->time_ns;
  bool right = true;

  *ret = (struct bench_result){.name = row->name, .shows = row->shows};
  for (int side = 0; side < BENCH_SIDES && right; side++) /* warms up */
    right = bench_client_run(&client[side], row, effort->block);
  for (unsigned round = 0; right && (round < ROUNDS_MIN || bench_now_ns() < end_ns); round++) {
    for (size_t i = 0; i < sizeof turns / sizeof turns[0] && right; i++) {
      struct bench_client *turn = &client[turns[i]];
      right = bench_client_run(turn, row, effort->block) &&
              add_block(&series, turns[i], turn->block->time_ns, turn->block, turn->block->cpu_ns,
                        effort->block, bench_row_batch(row));
    }
    if (right)
      end_round(&series, effort->block);
  }
  if (right)
    conclude(&series, ret);
  done(&series);
  return right;
}

bool bench_measure_first(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                         const struct bench_effort *effort, struct bench_result *ret_lookup,
                         struct bench_result *ret_process)
{
  struct series lookup = {0}, process = {0};
  int64_t end_ns = bench_now_ns() + effort->time_ns;
  bool right = true;

  *ret_lookup = (struct bench_result){.name = "first", .shows = "first of a new process"};
  *ret_process = (struct bench_result){.name = "process", .shows = "that process, fork to end"};
  for (unsigned round = 0; right && (round < ROUNDS_MIN || bench_now_ns() < end_ns); round++) {
    for (size_t i = 0; i < sizeof turns / sizeof turns[0] && right; i++) {
      const struct bench_block *block = client[turns[i]].block;
      right = bench_client_first(&client[turns[i]], row, effort->block) &&
              add_block(&lookup, turns[i], block->time_ns, block, block->cpu_ns, effort->block, 1) &&
              add_block(&process, turns[i], block->wall_ns, block, block->wall_cpu_ns, effort->block, 1);
    }
    if (right) {
      end_round(&lookup, effort->block);
      end_round(&process, effort->block);
    }
  }
  if (right) {
    conclude(&lookup, ret_lookup);
    conclude(&process, ret_process);
  }
  done(&lookup);
  done(&process);
  return right;
}

bool bench_measure_threads(struct bench_client client[BENCH_SIDES], const struct bench_row *row,
                           const int cpu[2], const struct bench_effort *effort, struct bench_result *ret)
{
  struct samples factor[BENCH_SIDES] = {0}, ratio = {0};
  int64_t end_ns = bench_now_ns() + effort->time_ns;
  bool right = true;

  for (unsigned round = 0; right && (round < ROUNDS_MIN || bench_now_ns() < end_ns); round++) {
    double rate[BENCH_SIDES][2] = {{0}};
    for (size_t i = 0; i < sizeof turns / sizeof turns[0] && right; i++)
      for (unsigned k = 0; k < 2 && right; k++) {
        unsigned more = i < TURNS ? k : 1 - k; /* 1 2, then 2 1 */
        const int from[] = {cpu[more ? 0 : i % 2], cpu[1]};
        right = bench_client_threads(&client[turns[i]], row, from, 1 + more);
        rate[turns[i]][more] += right ? client[turns[i]].block->rate : 0;
      }
    for (int side = 0; side < BENCH_SIDES && right; side++)
      add(&factor[side], rate[side][1] / rate[side][0]);
    if (right)
      add(&ratio, factor[BENCH_OURS].at[round] / factor[BENCH_GLIBC].at[round]);
  }
  *ret = (struct bench_result){.name = "threads", .shows = "two threads to one"};
  if (right) {
    size_t count = ratio.count;
    ret->count = count;
    ret->ratio = quantile(ratio.at, count, 0.5);
    ret->spread = (quantile(ratio.at, count, 0.75) - quantile(ratio.at, count, 0.25)) / 2;
  }
  for (int side = 0; side < BENCH_SIDES; side++) {
    if (right)
      ret->us[side] = quantile(factor[side].at, factor[side].count, 0.5);
    free(factor[side].at);
  }
  free(ratio.at);
  return right;
}
