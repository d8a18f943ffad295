/*
 * The processes that look names up, one for each hosts line of nsswitch.conf(5).  Each has a mount namespace
 * of its own, in which that file has this line; so they are as any program is, and live through the whole
 * run.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "rows.h"

#include <sys/types.h>

enum {
  BENCH_BLOCK_MAX = 256, /* lookups, or processes, between two changes of side */
};

/* Of one block, in memory that both processes share. */
struct bench_block {
  int64_t time_ns[BENCH_BLOCK_MAX]; /* -1: it went wrong */
  int64_t cpu_ns;                   /* of all of them */
  int64_t
      wall_ns[BENCH_BLOCK_MAX]; /* first lookups only: of the whole process, from before fork to its end */
  int64_t wall_cpu_ns;
  char text[BENCH_TEXT_MAX]; /* the answer, where it was asked for */
  bool module;               /* whether ours is in this process */
};

struct bench_client {
  pid_t pid;
  int to, from; /* pipes */
  struct bench_block *block;
};

/* Writes the nsswitch.conf with this line; those of all clients may be written at any time. */
bool bench_nsswitch_write(const char *hosts_line, unsigned number);
/* A mount namespace in which it is the one that counts. */
bool bench_nsswitch_enter(unsigned number);

/* On this processor; -1: on any.  False and errno where there can be none. */
bool bench_client_start(struct bench_client *ret, unsigned nsswitch, int cpu);
void bench_client_stop(struct bench_client *client);

/* Each waits for the end of it, and is false if the client died.  The first gets the answer as text. */
bool bench_client_ask(struct bench_client *client, const struct bench_row *row);
bool bench_client_run(struct bench_client *client, const struct bench_row *row, unsigned count);
bool bench_client_first(struct bench_client *client, const struct bench_row *row, unsigned count);

/* What each process that bench_client_first starts has to do: this option and the row's name are its
 * arguments. */
#define BENCH_FIRST_LOOKUP "--first-lookup"
int bench_first_lookup(const char *row);

/* Keeps this process on a processor, or on any if that is -1. */
bool bench_pin(int cpu);

#endif
