#include "loss_table.h"

#include <stdio.h>
#include <stdlib.h>

/* A row of a cell's statistics: a percentile of all its lookups, or one of the others. */
static const struct {
  const char *name;
  unsigned percent;
} rows[] = {{"p50 ms", 50}, {"p90 ms", 90}, {"p99 ms", 99}, {"longest ms", 100}, {"failed", 0}};

enum { ROWS = sizeof rows / sizeof rows[0], NEVER = -1, WIDTH = 15 };

bool loss_table_add(struct loss_times times[LOSS_CELLS], const struct loss_result *result)
{
  if (result->cell >= LOSS_CELLS || times[result->cell].count == LOSS_LOOKUPS_MAX)
    return false;
  struct loss_times *cell = &times[result->cell];
  double ms = (double)result->time_ns / 1e6;
  bool both = loss_cell_of(result->cell).family == 1;

  cell->ended++;
  cell->longest_ms = ms > cell->longest_ms ? ms : cell->longest_ms;
  cell->wrong += (result->found & LOSS_FOUND_OTHER) != 0;
  if ((result->found & (LOSS_FOUND_IPV4 | LOSS_FOUND_IPV6)) == 0)
    return true;
  cell->half += both && result->found != (LOSS_FOUND_IPV4 | LOSS_FOUND_IPV6);
  cell->ms[cell->count++] = ms;
  return true;
}

static int compare(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return (a > b) - (a < b);
}

/* The time within which so many of all lookups had an address; NEVER: fewer had one at all. */
static double within_ms(const struct loss_times *cell, unsigned lookups, unsigned percent)
{
  unsigned rank = (lookups * percent + 99) / 100;

  return rank == 0 || rank > cell->count ? NEVER : cell->ms[rank - 1];
}

struct view {
  const struct loss_times *cell[LOSS_COLUMNS]; /* NULL: not installed */
  bool wanted[LOSS_COLUMNS];
  unsigned lookups;
};

/* One line; what each column has in it is told by `tell`, in 32 octets. */
static void print_line(const struct view *view, const char *title, unsigned row,
                       void (*tell)(const struct view *view, unsigned column, unsigned row, char ret[32]))
{
  char text[32];

  printf("  %-12s", title);
  for (unsigned column = 0; column < LOSS_COLUMNS; column++) {
    if (!view->wanted[column])
      continue;
    tell(view, column, row, text);
    printf(" %*s", WIDTH, text);
  }
  (void)putchar('\n');
}

static void tell_name(const struct view *view, unsigned column, unsigned row, char ret[32])
{
  (void)view, (void)row;
  snprintf(ret, 32, "%s", loss_column_names[column]);
}

static void tell_statistic(const struct view *view, unsigned column, unsigned row, char ret[32])
{
  const struct loss_times *cell = view->cell[column];

  if (!cell) {
    snprintf(ret, 32, "%s", row == 0 ? "not installed" : "");
  } else if (rows[row].percent == 0) {
    snprintf(ret, 32, "%u", view->lookups - cell->count);
  } else {
    double ms =
        rows[row].percent == 100 ? cell->longest_ms : within_ms(cell, view->lookups, rows[row].percent);
    snprintf(ret, 32, ms < 0 ? "never" : "%.1f", ms);
  }
}

static void tell_half(const struct view *view, unsigned column, unsigned row, char ret[32])
{
  (void)row;
  *ret = '\0';
  if (view->cell[column])
    snprintf(ret, 32, "%u", view->cell[column]->half);
}

void loss_table_print(struct loss_times times[LOSS_CELLS], unsigned lookups,
                      const enum loss_presence presence[LOSS_COLUMNS])
{
  struct view view = {.lookups = lookups};

  for (unsigned i = 0; i < LOSS_CELLS; i++)
    qsort(times[i].ms, times[i].count, sizeof times[i].ms[0], compare);
  for (unsigned column = 0; column < LOSS_COLUMNS; column++)
    view.wanted[column] = presence[column] != LOSS_NOT_WANTED;
  print_line(&view, "", 0, tell_name);
  for (unsigned family = 0; family < LOSS_FAMILIES; family++)
    for (unsigned rate = 0; rate < LOSS_RATES; rate++) {
      for (unsigned column = 0; column < LOSS_COLUMNS; column++)
        view.cell[column] =
            presence[column] == LOSS_PRESENT ? &times[loss_cell_number(column, rate, family)] : NULL;
      printf("%s, %u %% lost each way\n", family ? "AF_UNSPEC" : "AF_INET", loss_percent[rate]);
      for (unsigned row = 0; row < ROWS; row++)
        print_line(&view, rows[row].name, row, tell_statistic);
      if (family)
        print_line(&view, "one family", 0, tell_half);
    }
}
