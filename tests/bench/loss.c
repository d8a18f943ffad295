/*
 * aiodns-loss MODULE: how long lookups take where datagrams are lost, through this module and by others, with
 * the two servers of loss_server.h in resolv.conf.
 *
 * Each lookup is of a name that nobody has asked for, in a process of its own, started evenly over some time
 * while the others of its cell and of all other cells wait.  A lookup that fails has no time: where a
 * percentile falls among those it says "never".  Times are shown, never judged; the exit status says whether
 * every client told what it found, no address was wrong, and each column had some.
 */
#include "loss.h"

#include "loss_client.h"
#include "loss_server.h"
#include "loss_table.h"
#include "rows.h"
#include "server.h"
#include "stage.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const unsigned loss_percent[LOSS_RATES] = {5, 20, 50};
const char *const loss_column_names[LOSS_COLUMNS] = {"aiodns", "aiodns, bare", "glibc's dns", "c-ares",
                                                     "musl"};

enum {
  SKIPPED = 77, /* the exit status where there can be no namespaces, as ctest wants it */
  LOOKUPS_DEFAULT = 400,
  SPREAD_DEFAULT_S = 80,
  SEED_DEFAULT = 1,
};

static const struct {
  const char *hosts;
  const char *program; /* beside this one */
  bool cache;
} columns[LOSS_COLUMNS] = {
    [LOSS_OURS] = {"aiodns", "loss-client-glibc", true},
    [LOSS_OURS_BARE] = {"aiodns", "loss-client-glibc", false},
    [LOSS_GLIBC] = {"dns", "loss-client-glibc", false},
    [LOSS_CARES] = {"dns", "loss-client-cares", false},
    [LOSS_MUSL] = {"dns", "loss-client-musl", false},
};

struct options {
  unsigned lookups;
  double spread_s;
  bool wanted[LOSS_COLUMNS];
  struct loss_serving serving;
  char module[PATH_MAX];
};

static const char usage[] = "usage: aiodns-loss [OPTION]... MODULE\n"
                            "  --lookups N  of each cell, up to 1000; 400 by default\n"
                            "  --spread S   seconds over which they are started; 80 by default\n"
                            "  --only NAME  this column (aiodns, bare, dns, cares, musl); may be repeated\n"
                            "  --seed N     what decides which datagrams are lost; 1 by default\n"
                            "  --no-tcp     the servers refuse TCP\n"
                            "  --trace      tells of each query on standard error\n";

static bool failed(const char *what)
{
  fprintf(stderr, "aiodns-loss: cannot %s: %s\n", what, strerror(errno));
  return false;
}

static bool want_only(struct options *options, const char *name)
{
  static const char *const names[LOSS_COLUMNS] = {"aiodns", "bare", "dns", "cares", "musl"};

  for (unsigned i = 0; i < LOSS_COLUMNS; i++)
    if (strcmp(names[i], name) == 0)
      return options->wanted[i] = true;
  return false;
}

static void tell(const struct loss_event *event)
{
  const struct loss_cell cell = loss_cell_of(event->cell);

  fprintf(stderr, "%.3f ms: %s, %u %%, %s, lookup %u, server %u, %s: %s\n", event->at_ms,
          loss_column_names[cell.column], loss_percent[cell.rate], cell.family ? "both" : "A", event->lookup,
          event->server, event->type, event->what);
}

static bool read_options(struct options *ret, int argc, char **argv)
{
  static const struct option known[] = {{"lookups", required_argument, NULL, 'l'},
                                        {"spread", required_argument, NULL, 's'},
                                        {"only", required_argument, NULL, 'o'},
                                        {"seed", required_argument, NULL, 'e'},
                                        {"no-tcp", no_argument, NULL, 'n'},
                                        {"trace", no_argument, NULL, 't'},
                                        {NULL, 0, NULL, 0}};
  bool only = false;
  int option;

  *ret = (struct options){.lookups = LOOKUPS_DEFAULT,
                          .spread_s = SPREAD_DEFAULT_S,
                          .serving = {.seed = SEED_DEFAULT, .percent = loss_percent, .tcp = true}};
  while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
    switch (option) {
    case 'l':
      ret->lookups = (unsigned)strtoul(optarg, NULL, 10);
      break;
    case 's':
      ret->spread_s = strtod(optarg, NULL);
      break;
    case 'o':
      only = true;
      if (!want_only(ret, optarg))
        return false;
      break;
    case 'e':
      ret->serving.seed = strtoull(optarg, NULL, 10);
      break;
    case 'n':
      ret->serving.tcp = false;
      break;
    case 't':
      ret->serving.trace = tell;
      break;
    default:
      return false;
    }
  for (unsigned i = 0; i < LOSS_COLUMNS && !only; i++)
    ret->wanted[i] = true;
  return ret->lookups > 0 && ret->lookups <= LOSS_LOOKUPS_MAX && ret->spread_s > 0 && optind + 1 == argc &&
         realpath(argv[optind], ret->module);
}

/* Opened before anything is covered: the build may be in a folder that is. */
static bool open_programs(int ret[LOSS_COLUMNS])
{
  char path[PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

  if (len < 0)
    return failed("find its clients");
  path[len] = '\0';
  char *name = strrchr(path, '/') + 1;
  for (unsigned i = 0; i < LOSS_COLUMNS; i++) {
    size_t room = sizeof path - (size_t)(name - path);
    if (snprintf(name, room, "%s", columns[i].program) >= (int)room)
      return false;
    ret[i] = open(path, O_PATH | O_CLOEXEC);
  }
  return true;
}

static struct bench_world world_of(unsigned number, char resolv_conf[static 128])
{
  const struct loss_cell cell = loss_cell_of(number);
  char address[LOSS_SERVERS][INET_ADDRSTRLEN];

  for (unsigned i = 0; i < LOSS_SERVERS; i++)
    loss_server_address(cell.rate, i, address[i]);
  snprintf(resolv_conf, 128, "nameserver %s\nnameserver %s\n", address[0], address[1]);
  return (struct bench_world){.number = number,
                              .hosts = columns[cell.column].hosts,
                              .resolv_conf = resolv_conf,
                              .cache = columns[cell.column].cache};
}

static bool make_place(const struct options *options)
{
  char resolv_conf[128];

  if (!bench_stage_enter(options->module))
    return false;
  /* A domain in the host's name would be a search list. */
  if (unshare(CLONE_NEWUTS) != 0 || sethostname("loss", 4) != 0)
    return failed("set the host's name");
  for (unsigned i = 0; i < LOSS_CELLS; i++) {
    const struct bench_world world = world_of(i, resolv_conf);
    if (!bench_world_write(&world))
      return false;
  }
  return true;
}

/* -- In a process for each cell */

static bool start_one(const char *path, unsigned number, unsigned lookup, int results)
{
  char program[32], cell[16], name[16], family[8];
  char *arguments[] = {program, cell, name, family, NULL}, *environment[] = {NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;

  snprintf(program, sizeof program, "%s", path);
  snprintf(cell, sizeof cell, "%u", number);
  snprintf(name, sizeof name, "%u", lookup);
  snprintf(family, sizeof family, "%s", loss_cell_of(number).family ? "both" : "one");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, results, STDOUT_FILENO);
  errno = posix_spawn(&pid, path, &actions, NULL, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  return errno == 0 || failed("start a client");
}

static void run_cell(const struct options *options, unsigned number, int program, int results,
                     int64_t begin_ns)
{
  char path[32];
  double pace_ns = options->spread_s * 1e9 / options->lookups;

  snprintf(path, sizeof path, "/proc/self/fd/%d", program);
  begin_ns += (int64_t)(pace_ns * number / LOSS_CELLS); /* never two cells at once */
  for (unsigned i = 0; i < options->lookups; i++) {
    const int64_t when_ns = begin_ns + (int64_t)(pace_ns * i);
    const struct timespec when = {.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
      ;
    if (!start_one(path, number, i, results))
      break;
    while (waitpid(-1, NULL, WNOHANG) > 0)
      ;
  }
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
    ;
}

static bool start_cell(const struct options *options, unsigned number, int program, int results,
                       int64_t begin_ns)
{
  char resolv_conf[128];
  const struct bench_world world = world_of(number, resolv_conf);
  pid_t parent = getpid(), pid = fork();

  if (pid == 0) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && bench_world_enter(&world))
      run_cell(options, number, program, results, begin_ns);
    _exit(0);
  }
  return pid > 0 || failed("start a cell");
}

/* -- In the benchmark */

static bool run_all(const struct options *options, const int program[LOSS_COLUMNS],
                    struct loss_times times[LOSS_CELLS])
{
  const int64_t begin_ns = bench_now_ns() + 100000000; /* when all of them are there */
  struct loss_result result;
  bool right = true;
  int fd[2];

  if (pipe2(fd, O_CLOEXEC) != 0)
    return failed("make a pipe");
  for (unsigned i = 0; i < LOSS_CELLS && right; i++) {
    unsigned column = loss_cell_of(i).column;
    if (options->wanted[column] && program[column] >= 0)
      right = start_cell(options, i, program[column], fd[1], begin_ns);
  }
  close(fd[1]);
  /* Until the last client, and the last process that starts some, is gone. */
  for (ssize_t got;
       right && ((got = read(fd[0], &result, sizeof result)) > 0 || (got < 0 && errno == EINTR));)
    if (got == (ssize_t)sizeof result)
      right = loss_table_add(times, &result);
  close(fd[0]);
  return right;
}

static bool is_right(const struct options *options, unsigned column,
                     const struct loss_times times[LOSS_CELLS])
{
  unsigned wrong = 0, ended = 0, found = 0, lookups = options->lookups * LOSS_RATES * LOSS_FAMILIES;

  for (unsigned i = 0; i < LOSS_CELLS; i++)
    if (loss_cell_of(i).column == column) {
      wrong += times[i].wrong;
      ended += times[i].ended;
      found += times[i].count;
    }
  if (wrong == 0 && ended == lookups && found > 0)
    return true;
  fprintf(
      stderr,
      "aiodns-loss: WRONG: %s: of %u clients %u told what they found, %u of those an address, %u an address "
      "that no server has\n",
      loss_column_names[column], lookups, ended, found, wrong);
  return false;
}

int main(int argc, char **argv)
{
  static struct loss_times times[LOSS_CELLS];
  struct options options;
  int program[LOSS_COLUMNS];
  enum loss_presence presence[LOSS_COLUMNS];

  if (!read_options(&options, argc, argv)) {
    (void)fputs(usage, stderr);
    return 2;
  }
  clearenv();
  if (!open_programs(program) || !make_place(&options))
    return SKIPPED;
  pid_t server = loss_server_start(&options.serving);
  if (server < 0) {
    failed("start its DNS servers");
    return EXIT_FAILURE;
  }
  printf("Time until an address is there, in ms: %u new names in each cell, each by a new process, two "
         "servers.\n"
         "%s\n",
         options.lookups,
         options.serving.tcp ? "Datagrams are lost, independently and both ways; TCP loses nothing."
                             : "Datagrams are lost, independently and both ways; TCP is refused.");
  (void)fflush(stdout);
  bool right = run_all(&options, program, times);
  tour_server_stop(server);
  for (unsigned i = 0; i < LOSS_COLUMNS; i++) {
    presence[i] = !options.wanted[i] ? LOSS_NOT_WANTED : program[i] < 0 ? LOSS_NOT_INSTALLED : LOSS_PRESENT;
    if (presence[i] == LOSS_PRESENT)
      right = is_right(&options, i, times) && right;
  }
  loss_table_print(times, options.lookups, presence);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("aiodns-loss: cannot write");
    return EXIT_FAILURE;
  }
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
