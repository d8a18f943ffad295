/* What the lookups of each cell took, and the table of it. */
#ifndef BENCH_LOSS_TABLE_H
#define BENCH_LOSS_TABLE_H

#include "loss.h"
#include "loss_client.h"

#include <stdbool.h>

struct loss_times {
  double ms[LOSS_LOOKUPS_MAX]; /* of those that gave an address */
  unsigned count;
  unsigned ended;    /* failures too */
  unsigned half;     /* of those: with one family, where both were wanted */
  unsigned wrong;    /* that gave another address; none should */
  double longest_ms; /* of all that have ended */
};

/* Adds one result; false: it is none of ours. */
bool loss_table_add(struct loss_times times[LOSS_CELLS], const struct loss_result *result);

/* Why a column has no numbers. */
enum loss_presence {
  LOSS_PRESENT,
  LOSS_NOT_INSTALLED,
  LOSS_NOT_WANTED, /* the column is left out */
};

/* `lookups`: of each cell; those that have given nothing failed. */
void loss_table_print(struct loss_times times[LOSS_CELLS], unsigned lookups,
                      const enum loss_presence presence[LOSS_COLUMNS]);

#endif
