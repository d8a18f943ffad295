/* What came of the runs of each cell, and the table of it. */
#ifndef BENCH_STAMPEDE_TABLE_H
#define BENCH_STAMPEDE_TABLE_H

#include "stampede.h"
#include "stampede_sockets.h"

/* What a run, or all of them, came to besides times. */
struct stampede_seen {
  unsigned fewest, most;   /* sockets from which the server had one and the same question */
  unsigned again;          /* questions sent again by the same socket, of all */
  unsigned in_flight;      /* the most questions at once that the server had not replied to yet */
  unsigned sockets;        /* the most at once that have asked, of all processes */
  unsigned sockets_of_one; /* of one process */
  size_t failed;           /* lookups */
  int64_t late_us;         /* the server's reply that was the furthest behind its time */
};

/* Of all runs of a cell. */
struct stampede_cell {
  unsigned runs;
  bool wrong; /* one of them */
  struct stampede_seen seen;
  double *ms; /* of the timed lookups that gave the right answer */
  size_t count, room;
  size_t lookups;    /* that were timed */
  double cpu_us;     /* of those, user and system */
  double through_ms; /* what they took the thread that had to wait longest for all of its own */
};

/* Of a run that has ended; what is seen at once is from the last time on that this was called. */
void stampede_seen_take(struct stampede_seen *ret, const struct stampede_run *run,
                        const struct stampede_sockets *sockets);

/*
 * Whether it is what single flight is to make of a stampede.  `disturbed`: processes had to wait for a
 * processor, so that replies came late, and may have been asked for again, and sockets were closed late.
 */
bool stampede_seen_is_right(const struct stampede_seen *seen, const struct stampede_size *size,
                            enum stampede_order order, bool disturbed);

/* `timed`: its times, too.  False: no memory. */
bool stampede_cell_add(struct stampede_cell *cell, const struct stampede_run *run,
                       const struct stampede_seen *seen, bool timed);

/* Of how many sockets lookups in flight have need: one for each question that is wanted and not known. */
unsigned stampede_cell_need(const struct stampede_size *size, enum stampede_order order);

void stampede_table_print(struct stampede_cell cell[STAMPEDE_CELLS], const struct stampede_size *size);

#endif
