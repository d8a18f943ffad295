/*
 * The processes that look names up, each in a world of its own (world.h).  So they are as any program is, and
 * live through the whole run.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "memory.h"
#include "rows.h"
#include "world.h"

#include <sys/types.h>

enum {
  BENCH_BLOCK_MAX = 256, /* lookups, or processes, between two changes of side */
};

/* Of one block, in memory that both processes share. */
struct bench_block {
  int64_t time_ns[BENCH_BLOCK_MAX]; /* of a lookup or a batch; -1: it went wrong */
  int64_t cpu_ns;                   /* of all of them */
  int64_t
      wall_ns[BENCH_BLOCK_MAX]; /* first lookups only: of the whole process, from before fork to its end */
  int64_t wall_cpu_ns;
  char text[BENCH_TEXT_MAX];  /* the answer, where it was asked for */
  bool module;                /* whether ours is in this process */
  double rate;                /* of threads, by the second; 0: it went wrong */
  struct bench_memory memory; /* all 0: it went wrong */
};

struct bench_client {
  pid_t pid;
  int to, from; /* pipes */
  struct bench_block *block;
};

/* On this processor; -1: on any.  False and errno where there can be none. */
bool bench_client_start(struct bench_client *ret, const struct bench_world *world, int cpu);
void bench_client_stop(struct bench_client *client);

/*
 * Whether the answer to the row is right, and the module is loaded where it should be; false with a message.
 */
bool bench_client_check(struct bench_client *client, const struct bench_world *world,
                        const struct bench_row *row, bool module);

/* Each waits for the end of it, and is false if the client died.  The first gets the answer as text. */
bool bench_client_ask(struct bench_client *client, const struct bench_row *row);
bool bench_client_run(struct bench_client *client, const struct bench_row *row, unsigned count);
bool bench_client_first(struct bench_client *client, const struct bench_row *row, unsigned count);
/* Calls by one or two threads at once, each on one of the processors. */
bool bench_client_threads(struct bench_client *client, const struct bench_row *row, const int cpu[2],
                          unsigned threads);
/* The memory of a new process that makes `count` lookups of the row, and as many of each family of new names.
 */
bool bench_client_memory(struct bench_client *client, const struct bench_row *row, unsigned count);

/*
 * What each process that the client starts has to do: an option, the row's name and a number are its
 * arguments. -1: they are no such thing; else the exit status.
 */
int bench_client_task(int argc, char **argv);

/* Keeps this process on a processor, or on any if that is -1. */
bool bench_pin(int cpu);

#endif
