#include "stampede_table.h"

#include "loss_server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAMILIES = 2, NEVER = -1 };

static bool make_room(struct stampede_cell *cell, size_t more)
{
  if (cell->count + more <= cell->room)
    return true;
  size_t room = 2 * (cell->count + more);
  double *ms = realloc(cell->ms, room * sizeof *ms);
  if (!ms)
    return false;
  cell->ms = ms;
  cell->room = room;
  return true;
}

unsigned stampede_cell_need(const struct stampede_size *size, enum stampede_order order)
{
  unsigned threads = stampede_threads(size);

  if (order == STAMPEDE_SAME) /* nobody gets on to a name before the one in front of it is known to all */
    return FAMILIES;
  return FAMILIES * (threads < size->names ? threads : size->names);
}

void stampede_seen_take(struct stampede_seen *ret, const struct stampede_run *run,
                        const struct stampede_sockets *sockets)
{
  const struct stampede_size *size = &run->size;

  *ret = (struct stampede_seen){.fewest = UINT_MAX,
                                .in_flight = loss_server_most_delayed(),
                                .sockets = sockets->most,
                                .sockets_of_one = sockets->most_of_one,
                                .late_us = loss_server_late_us()};
  for (unsigned i = 0; i < size->names; i++)
    for (unsigned ipv6 = 0; ipv6 < FAMILIES; ipv6++) {
      const struct loss_asked asked = loss_server_asked(run->cell, run->first_lookup + i, ipv6);
      ret->fewest = asked.sockets < ret->fewest ? asked.sockets : ret->fewest;
      ret->most = asked.sockets > ret->most ? asked.sockets : ret->most;
      ret->again += asked.again;
    }
  for (unsigned thread = 0; thread < stampede_threads(size); thread++)
    for (unsigned i = 0; i < size->names; i++)
      ret->failed += run->time_ns[thread][i] < 0;
}

bool stampede_seen_is_right(const struct stampede_seen *seen, const struct stampede_size *size,
                            enum stampede_order order, bool disturbed)
{
  unsigned most = stampede_cell_need(size, order);

  if (order == STAMPEDE_SAME) /* and whoever stored the last answer may not have come to close its sockets */
    most += FAMILIES;
  return seen->failed == 0 && seen->fewest == 1 && seen->most == 1 &&
         ((seen->again == 0 && seen->sockets <= most) || disturbed);
}

static void more_of(unsigned *most, unsigned value)
{
  *most = value > *most ? value : *most;
}

static void merge(struct stampede_cell *cell, const struct stampede_seen *seen)
{
  struct stampede_seen *all = &cell->seen;

  if (cell->runs++ == 0) {
    *all = *seen;
    return;
  }
  all->fewest = seen->fewest < all->fewest ? seen->fewest : all->fewest;
  more_of(&all->most, seen->most);
  all->again += seen->again;
  more_of(&all->in_flight, seen->in_flight);
  more_of(&all->sockets, seen->sockets);
  more_of(&all->sockets_of_one, seen->sockets_of_one);
  all->failed += seen->failed;
  all->late_us = seen->late_us > all->late_us ? seen->late_us : all->late_us;
}

bool stampede_cell_add(struct stampede_cell *cell, const struct stampede_run *run,
                       const struct stampede_seen *seen, bool timed)
{
  const struct stampede_size *size = &run->size;
  size_t lookups = (size_t)stampede_threads(size) * size->names;

  merge(cell, seen);
  if (!timed)
    return true;
  if (!make_room(cell, lookups))
    return false;
  cell->lookups += lookups;
  cell->cpu_us += (double)run->cpu_ns / 1000;
  for (unsigned thread = 0; thread < stampede_threads(size); thread++) {
    double all_ms = 0;
    for (unsigned i = 0; i < size->names; i++) {
      double ms = (double)run->time_ns[thread][i] / 1e6;
      if (ms < 0)
        continue;
      cell->ms[cell->count++] = ms;
      all_ms += ms;
    }
    cell->through_ms = all_ms > cell->through_ms ? all_ms : cell->through_ms;
  }
  return true;
}

/* -- The table */

static int compare(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return (a > b) - (a < b);
}

/* The time within which so many of all lookups had their answer. */
static double within_ms(const struct stampede_cell *cell, unsigned percent)
{
  size_t rank = (cell->lookups * percent + 99) / 100;

  return rank == 0 || rank > cell->count ? NEVER : cell->ms[rank - 1];
}

static void print_measured(const char *title, const double value[BENCH_SIDES], int digits)
{
  printf("  %-42s", title);
  for (unsigned side = 0; side < BENCH_SIDES; side++)
    if (value[side] < 0)
      printf(" %12s", "never");
    else
      printf(" %12.*f", digits, value[side]);
  if (value[BENCH_OURS] >= 0 && value[BENCH_GLIBC] > 0)
    printf(" %9.3f", value[BENCH_OURS] / value[BENCH_GLIBC]);
  (void)putchar('\n');
}

static void print_count(const char *title, size_t ours, size_t glibc)
{
  print_measured(title, (const double[BENCH_SIDES]){(double)ours, (double)glibc}, 0);
}

static void print_order(const struct stampede_cell cell[BENCH_SIDES])
{
  static const struct {
    const char *title;
    unsigned percent;
  } rows[] = {{"p50 ms", 50}, {"p90 ms", 90}, {"p99 ms", 99}, {"longest ms", 100}};
  const struct stampede_seen *ours = &cell[BENCH_OURS].seen, *glibc = &cell[BENCH_GLIBC].seen;
  double value[BENCH_SIDES];

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (unsigned side = 0; side < BENCH_SIDES; side++)
      value[side] = within_ms(&cell[side], rows[i].percent);
    print_measured(rows[i].title, value, 1);
  }
  for (unsigned side = 0; side < BENCH_SIDES; side++)
    value[side] = cell[side].through_ms;
  print_measured("all names of one thread, longest ms", value, 1);
  for (unsigned side = 0; side < BENCH_SIDES; side++)
    value[side] = cell[side].cpu_us / (double)(cell[side].lookups ? cell[side].lookups : 1);
  print_measured("processor time a lookup, us", value, 1);
  print_count("failed", ours->failed, glibc->failed);
  print_count("sockets that asked one question, fewest", ours->fewest, glibc->fewest);
  print_count("sockets that asked one question, most", ours->most, glibc->most);
  /* With as many sockets as glibc needs, a port soon is another one's: it cannot be told there. */
  printf("  %-42s %12u %12s\n", "questions sent again by the same socket", ours->again, "-");
  print_count("questions in flight, most at once", ours->in_flight, glibc->in_flight);
  print_count("sockets that asked, most at once", ours->sockets, glibc->sockets);
  print_count("sockets that asked, most of one process", ours->sockets_of_one, glibc->sockets_of_one);
  for (unsigned side = 0; side < BENCH_SIDES; side++)
    value[side] = (double)cell[side].seen.late_us / 1000;
  print_measured("the server's latest reply, ms behind time", value, 1);
}

void stampede_table_print(struct stampede_cell cell[STAMPEDE_CELLS], const struct stampede_size *size)
{
  static const char *const titles[STAMPEDE_ORDERS] = {"all threads have the names in one order",
                                                      "each thread has an order of its own"};

  for (unsigned i = 0; i < STAMPEDE_CELLS; i++)
    if (cell[i].count > 0)
      qsort(cell[i].ms, cell[i].count, sizeof cell[i].ms[0], compare);
  printf("  %-42s %12s %12s %9s\n", "", "aiodns", "glibc's dns", "ratio");
  for (unsigned order = 0; order < STAMPEDE_ORDERS; order++) {
    printf("%s: sockets needed: %u\n", titles[order], stampede_cell_need(size, order));
    print_order(&cell[order * BENCH_SIDES]);
  }
}
