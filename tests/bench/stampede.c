/*
 * aiodns-stampede MODULE: 200 threads of 20 processes look the same names up, all of them released at the
 * same moment, with a server that replies 50 ms after it was asked; through this module with a cache that
 * knows none of the names, and through glibc's `dns`, which has no cache.
 *
 * Both sides take turns.  In the first round of each the sockets are counted, which takes processor time; the
 * others are timed.  The exit status says whether, through this module, every lookup had its answer, the
 * server had each question once, and there were no more sockets than that takes.  Times are shown, never
 * judged.
 *
 * Where the machine stands still a question is rightly put again: by the socket that asked, if the reply is
 * later than usual; by another process, if the one that asked does nothing for half a second.  So a round
 * that is not right is made anew if this process or the server had to wait for a processor in it.
 */
#include "stampede.h"

#include "loss_server.h"
#include "server.h"
#include "stage.h"
#include "stampede_crowd.h"
#include "stampede_sockets.h"
#include "stampede_table.h"
#include "world.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  SKIPPED = 77, /* the exit status where there can be no namespaces, as ctest wants it */
  PROCESSES_DEFAULT = 20,
  THREADS_DEFAULT = 10,
  NAMES_DEFAULT = 50,
  ROUNDS_DEFAULT = 3,
  DELAY_DEFAULT_MS = 50,
  DELAY_LEAST_MS = 20, /* some samples of it must be possible */
  LOOK_US = 5000,
  STILL_US = 15000,
  AGAIN_MAX = 4, /* of each round */
  SERVER_PRIORITY = -20,
};

struct options {
  struct stampede_size size;
  unsigned rounds;
  struct loss_serving serving;
  char module[PATH_MAX];
};

static const struct {
  const char *hosts;
  bool cache;
} sides[BENCH_SIDES] = {{"aiodns", true}, {"dns", false}};

static const char usage[] = "usage: aiodns-stampede [OPTION]... MODULE\n"
                            "  --processes N  20 by default\n"
                            "  --threads N    of each process; 10 by default\n"
                            "  --names N      that each thread looks up; 50 by default\n"
                            "  --rounds N     that are timed; 3 by default\n"
                            "  --delay MS     of the server's replies; 50 by default, 20 at least\n"
                            "  --cold         processes have looked nothing up before\n"
                            "  --trace        tells of each query on standard error\n";

static bool failed(const char *what)
{
  fprintf(stderr, "aiodns-stampede: cannot %s: %s\n", what, strerror(errno));
  return false;
}

static void tell(const struct loss_event *event)
{
  if (event->cell >= STAMPEDE_CELLS)
    return;
  fprintf(stderr, "%.3f ms: %s, order %u, lookup %u, %s: %s\n", event->at_ms,
          sides[event->cell % BENCH_SIDES].hosts, event->cell / BENCH_SIDES, event->lookup, event->type,
          event->what);
}

static bool in_range(const struct options *options)
{
  const struct stampede_size *size = &options->size;

  return size->processes > 0 && size->processes <= STAMPEDE_PROCESSES_MAX && size->threads > 0 &&
         size->threads <= STAMPEDE_THREADS_MAX && stampede_threads(size) <= STAMPEDE_THREADS_MAX &&
         size->names > 0 && size->names <= STAMPEDE_NAMES_MAX && options->rounds > 0 &&
         options->rounds < LOSS_LOOKUPS_MAX / size->names &&
         options->serving.delay_us >= DELAY_LEAST_MS * 1000;
}

static bool read_options(struct options *ret, int argc, char **argv)
{
  static const struct option known[] = {
      {"processes", required_argument, NULL, 'p'}, {"threads", required_argument, NULL, 't'},
      {"names", required_argument, NULL, 'n'},     {"rounds", required_argument, NULL, 'r'},
      {"delay", required_argument, NULL, 'd'},     {"cold", no_argument, NULL, 'c'},
      {"trace", no_argument, NULL, 'v'},           {NULL, 0, NULL, 0}};
  int option;

  *ret = (struct options){
      .size = {.processes = PROCESSES_DEFAULT, .threads = THREADS_DEFAULT, .names = NAMES_DEFAULT},
      .rounds = ROUNDS_DEFAULT,
      .serving = {.delay_us = DELAY_DEFAULT_MS * 1000, .tcp = true}};
  while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
    unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
    switch (option) {
    case 'p':
      ret->size.processes = number;
      break;
    case 't':
      ret->size.threads = number;
      break;
    case 'n':
      ret->size.names = number;
      break;
    case 'r':
      ret->rounds = number;
      break;
    case 'd':
      ret->serving.delay_us = (int64_t)number * 1000;
      break;
    case 'c':
      ret->size.cold = true;
      break;
    case 'v':
      ret->serving.trace = tell;
      break;
    default:
      return false;
    }
  }
  return in_range(ret) && optind + 1 == argc && realpath(argv[optind], ret->module);
}

static struct bench_world world_of(unsigned side, char resolv_conf[static 64])
{
  char address[INET_ADDRSTRLEN];

  loss_server_address(0, 0, address);
  snprintf(resolv_conf, 64, "nameserver %s\n", address);
  return (struct bench_world){
      .number = side, .hosts = sides[side].hosts, .resolv_conf = resolv_conf, .cache = sides[side].cache};
}

static bool make_place(const struct options *options)
{
  char resolv_conf[64];

  if (geteuid() != 0) {
    /* In a user namespace of its own it has capabilities, and no cache is its own. */
    fprintf(stderr, "aiodns-stampede: only root can have both namespaces and a cache in them\n");
    return false;
  }
  if (!bench_stage_enter(options->module))
    return false;
  /* A domain in the host's name would be a search list. */
  if (unshare(CLONE_NEWUTS) != 0 || sethostname("stampede", 8) != 0)
    return failed("set the host's name");
  for (unsigned side = 0; side < BENCH_SIDES; side++) {
    const struct bench_world world = world_of(side, resolv_conf);
    if (!bench_world_write(&world))
      return false;
  }
  return true;
}

/* -- Rounds */

struct round {
  struct stampede_run *run;
  bool timed;                      /* else sockets are counted */
  struct stampede_sockets sockets; /* of that */
  int64_t still_us;                /* the longest time that this process did not get a processor */
};

/* From the release to the end of all processes. */
static bool follow(struct round *round, struct stampede_crowd *crowd)
{
  int64_t before_us = bench_now_ns() / 1000;

  stampede_sockets_begin(&round->sockets);
  (void)loss_server_most_delayed(); /* those of before */
  (void)loss_server_late_us();
  stampede_crowd_release(crowd);
  while (!stampede_crowd_wait(crowd, LOOK_US)) {
    if (!round->timed)
      stampede_sockets_look(&round->sockets, round->run);
    int64_t now_us = bench_now_ns() / 1000;
    if (now_us - before_us > round->still_us)
      round->still_us = now_us - before_us;
    before_us = now_us;
  }
  if (stampede_crowd_done(crowd))
    return true;
  fprintf(stderr, "aiodns-stampede: WRONG: a process did not come to its end\n");
  return false;
}

static bool was_disturbed(const struct round *round, const struct stampede_seen *seen)
{
  return round->still_us > STILL_US || seen->late_us > STILL_US;
}

/* One cell's part of a round; `place`: of its names among those of other rounds. */
static bool run_cell(const struct options *options, struct round *round, unsigned cell, unsigned place)
{
  char resolv_conf[64];
  unsigned side = cell % BENCH_SIDES;
  const struct bench_world world = world_of(side, resolv_conf);
  struct stampede_crowd crowd;

  *round->run = (struct stampede_run){.size = options->size,
                                      .order = (enum stampede_order)(cell / BENCH_SIDES),
                                      .cell = cell,
                                      .first_lookup = place * options->size.names};
  round->still_us = 0;
  if (!stampede_crowd_start(&crowd, round->run, &world) || !follow(round, &crowd))
    return false;
  if (*round->run->failure)
    fprintf(stderr, "aiodns-stampede: %s: a lookup came to `%s`\n", world.hosts, round->run->failure);
  return true;
}

/* Ours may be made again.  False: it did not come to an end. */
static bool run_part(const struct options *options, struct round *round, unsigned number, unsigned *place,
                     struct stampede_cell *cell)
{
  unsigned places = LOSS_LOOKUPS_MAX / options->size.names;
  struct stampede_seen seen;
  bool right, disturbed;

  for (unsigned again = 0;; again++) {
    if (!run_cell(options, round, number, (*place)++))
      return false;
    stampede_seen_take(&seen, round->run, &round->sockets);
    disturbed = was_disturbed(round, &seen);
    right = number % BENCH_SIDES != BENCH_OURS ||
            stampede_seen_is_right(&seen, &options->size, round->run->order, false);
    /* There must be a place for each of the rounds that are left. */
    if (right || !disturbed || again == AGAIN_MAX || *place + options->rounds >= places)
      break;
    printf("A round is made again: for %.0f ms there was no processor, and the server was %.0f ms late.\n",
           (double)round->still_us / 1000, (double)seen.late_us / 1000);
  }
  cell->wrong |= !right && !stampede_seen_is_right(&seen, &options->size, round->run->order, disturbed);
  return stampede_cell_add(cell, round->run, &seen, round->timed) || failed("keep its times");
}

static bool run_all(const struct options *options, struct stampede_run *run,
                    struct stampede_cell cells[STAMPEDE_CELLS])
{
  unsigned places[STAMPEDE_CELLS] = {0};
  bool right = true;

  for (unsigned i = 0; i <= options->rounds && right; i++)
    for (unsigned cell = 0; cell < STAMPEDE_CELLS && right; cell++) {
      struct round round = {.run = run, .timed = i > 0};
      right = run_part(options, &round, cell, &places[cell], &cells[cell]);
    }
  return right;
}

/* -- What is to hold */

static bool is_right(const struct stampede_cell cells[STAMPEDE_CELLS], const struct stampede_size *size)
{
  bool right = true, sampled = false;

  for (unsigned i = 0; i < STAMPEDE_CELLS; i++) {
    const struct stampede_seen *seen = &cells[i].seen;
    sampled |= seen->sockets > 0;
    /* The other side is no comparison if the server was not asked. */
    if (!cells[i].wrong && seen->fewest > 0)
      continue;
    right = false;
    fprintf(
        stderr,
        "aiodns-stampede: WRONG: %s: %zu lookups failed, a question was asked by %u to %u sockets, %u were "
        "sent again, up to %u sockets were open where %u are needed\n",
        sides[i % BENCH_SIDES].hosts, seen->failed, seen->fewest, seen->most, seen->again, seen->sockets,
        stampede_cell_need(size, (enum stampede_order)(i / BENCH_SIDES)));
  }
  if (!sampled)
    fprintf(stderr, "aiodns-stampede: WRONG: no socket was seen at all\n");
  return right && sampled;
}

static void print_head(const struct options *options)
{
  double load[1] = {0};

  (void)getloadavg(load, 1);
  printf(
      "%u threads in %u processes look up the same %u new names; replies come after %.0f ms. %u rounds are "
      "timed,\nand one shows the sockets. %ld processors, load before: %.1f\n",
      stampede_threads(&options->size), options->size.processes, options->size.names,
      (double)options->serving.delay_us / 1000, options->rounds, sysconf(_SC_NPROCESSORS_ONLN), load[0]);
  (void)fflush(stdout); /* not what a child has to print */
}

int main(int argc, char **argv)
{
  static struct stampede_cell cells[STAMPEDE_CELLS];
  struct options options;

  if (!read_options(&options, argc, argv)) {
    (void)fputs(usage, stderr);
    return 2;
  }
  clearenv();
  if (!make_place(&options))
    return SKIPPED;
  struct stampede_run *run =
      mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t server = run == MAP_FAILED ? -1 : loss_server_start(&options.serving);
  if (server < 0) {
    failed("start its DNS server");
    return EXIT_FAILURE;
  }
  /* It stands for another machine.  Where that is not permitted its being late is shown. */
  (void)setpriority(PRIO_PROCESS, (id_t)server, SERVER_PRIORITY);
  print_head(&options);
  bool right = run_all(&options, run, cells);
  tour_server_stop(server);
  if (right) {
    stampede_table_print(cells, &options.size);
    right = is_right(cells, &options.size);
  }
  for (unsigned i = 0; i < STAMPEDE_CELLS; i++)
    free(cells[i].ms);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("aiodns-stampede: cannot write");
    return EXIT_FAILURE;
  }
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
