/* The processes of a stampede. */
#ifndef BENCH_STAMPEDE_CROWD_H
#define BENCH_STAMPEDE_CROWD_H

#include "stampede.h"
#include "world.h"

struct stampede_crowd {
  pid_t world; /* the parent of all of them, with a namespace of their own */
  int go;      /* they wait until it is closed */
  int alive;   /* closed by the last one that ends */
};

/*
 * Starts them; they have threads and have loaded the module, and wait.  False, with a message, if they do not
 * get that far.
 */
bool stampede_crowd_start(struct stampede_crowd *ret, struct stampede_run *run,
                          const struct bench_world *world);

void stampede_crowd_release(struct stampede_crowd *crowd);

/* Waits for the end of them, so long at most; whether it has come. */
bool stampede_crowd_wait(struct stampede_crowd *crowd, int64_t wait_us);

/* After the end, or else ends them.  Whether all went well. */
bool stampede_crowd_done(struct stampede_crowd *crowd);

#endif
