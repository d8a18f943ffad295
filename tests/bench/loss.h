/* What is measured: each column in each row is a cell, with lookups, servers and losses of its own. */
#ifndef BENCH_LOSS_H
#define BENCH_LOSS_H

enum loss_column {
  LOSS_OURS,
  LOSS_OURS_BARE, /* without a cache, so that nothing is learnt of servers */
  LOSS_GLIBC,
  LOSS_CARES,
  LOSS_MUSL,
  LOSS_COLUMNS,
};

enum {
  LOSS_RATES = 3,
  LOSS_FAMILIES = 2, /* AF_INET, AF_UNSPEC */
  LOSS_SERVERS = 2,  /* in resolv.conf */
  LOSS_CELLS = LOSS_COLUMNS * LOSS_RATES * LOSS_FAMILIES,
  LOSS_LOOKUPS_MAX = 1000, /* of a cell */
};

extern const unsigned loss_percent[LOSS_RATES]; /* in each direction */
extern const char *const loss_column_names[LOSS_COLUMNS];

struct loss_cell {
  unsigned column, rate, family;
};

static inline struct loss_cell loss_cell_of(unsigned number)
{
  return (struct loss_cell){number / (LOSS_RATES * LOSS_FAMILIES), number / LOSS_FAMILIES % LOSS_RATES,
                            number % LOSS_FAMILIES};
}

static inline unsigned loss_cell_number(unsigned column, unsigned rate, unsigned family)
{
  return (column * LOSS_RATES + rate) * LOSS_FAMILIES + family;
}

#endif
