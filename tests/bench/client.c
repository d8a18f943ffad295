#include "client.h"

#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NSSWITCH "nsswitch.conf"

enum {
  FIRST_FD = 3, /* where a process that makes one lookup writes what it took */
};

enum order_kind {
  ASK,
  RUN,
  FIRST,
};

struct order {
  enum order_kind kind;
  unsigned row, count;
};

struct first {
  int64_t time_ns, cpu_ns;
};

bool bench_pin(int cpu)
{
  cpu_set_t set;

  if (cpu < 0)
    return true;
  CPU_ZERO(&set);
  CPU_SET((size_t)cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

bool bench_nsswitch_write(const char *hosts_line, unsigned number)
{
  char name[32], text[256];

  snprintf(name, sizeof name, NSSWITCH ".%u", number);
  snprintf(text, sizeof text, "passwd: files\ngroup: files\nservices: files\nhosts: %s\n", hosts_line);
  return tour_place_write(name, text);
}

bool bench_nsswitch_enter(unsigned number)
{
  char path[PATH_MAX];

  snprintf(path, sizeof path, "/etc/" NSSWITCH ".%u", number);
  return unshare(CLONE_NEWNS) == 0 && mount(path, "/etc/" NSSWITCH, "none", MS_BIND, NULL) == 0;
}

/* -- In the client */

static bool has_module(void)
{
  char *line = NULL;
  size_t room = 0;
  bool found = false;
  FILE *maps = fopen("/proc/self/maps", "re");

  while (maps && !found && getline(&line, &room, maps) > 0)
    found = strstr(line, "/libnss_aiodns.so.2") != NULL;
  free(line);
  if (maps)
    (void)fclose(maps);
  return found;
}

static void run(struct bench_block *block, const struct bench_row *row, unsigned count)
{
  int64_t begin_ns = bench_cpu_ns();

  for (unsigned i = 0; i < count; i++)
    block->time_ns[i] = bench_look_up(row, NULL);
  block->cpu_ns = bench_cpu_ns() - begin_ns;
}

static int64_t children_cpu_ns(void)
{
  struct rusage usage;

  getrusage(RUSAGE_CHILDREN, &usage);
  return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
         ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* A new process with one lookup; false if that was not right. */
static bool start_one(const struct bench_row *row, struct first *ret, int64_t *ret_wall_ns)
{
  char program[] = "/proc/self/exe", option[] = BENCH_FIRST_LOOKUP, name[16], none[] = "";
  char *arguments[] = {program, option, name, NULL}, *environment[] = {none, NULL};
  posix_spawn_file_actions_t actions;
  int fd[2], status = -1;
  pid_t pid;

  snprintf(name, sizeof name, "%s", row->name);
  environment[0] = NULL;
  if (pipe2(fd, O_CLOEXEC) != 0)
    return false;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd[1], FIRST_FD);
  int64_t begin = bench_now_ns();
  bool right = posix_spawn(&pid, program, &actions, NULL, arguments, environment) == 0;
  if (right)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
  *ret_wall_ns = bench_now_ns() - begin;
  posix_spawn_file_actions_destroy(&actions);
  right = right && status == 0 && read(fd[0], ret, sizeof *ret) == (ssize_t)sizeof *ret;
  close(fd[0]);
  close(fd[1]);
  return right;
}

static void first(struct bench_block *block, const struct bench_row *row, unsigned count)
{
  int64_t begin_ns = children_cpu_ns();

  block->cpu_ns = 0;
  for (unsigned i = 0; i < count; i++) {
    struct first result = {.time_ns = -1};
    if (!start_one(row, &result, &block->wall_ns[i]))
      result.time_ns = -1;
    block->time_ns[i] = result.time_ns;
    block->cpu_ns += result.cpu_ns;
  }
  block->wall_cpu_ns = children_cpu_ns() - begin_ns;
}

int bench_first_lookup(const char *name)
{
  for (size_t i = 0; i < bench_row_count; i++)
    if (strcmp(bench_rows[i].name, name) == 0) {
      int64_t begin_ns = bench_cpu_ns();
      struct first result = {.time_ns = bench_look_up(&bench_rows[i], NULL)};
      result.cpu_ns = bench_cpu_ns() - begin_ns;
      return result.time_ns < 0 || write(FIRST_FD, &result, sizeof result) != (ssize_t)sizeof result;
    }
  return EXIT_FAILURE;
}

static void serve(const struct bench_client *client)
{
  struct order order;

  while (read(client->from, &order, sizeof order) == (ssize_t)sizeof order) {
    const struct bench_row *row = &bench_rows[order.row];
    switch (order.kind) {
    case ASK:
      (void)bench_look_up(row, client->block->text);
      client->block->module = has_module();
      break;
    case RUN:
      run(client->block, row, order.count);
      break;
    case FIRST:
      first(client->block, row, order.count);
      break;
    }
    if (write(client->to, "", 1) != 1)
      break;
  }
}

/* -- In the benchmark */

bool bench_client_start(struct bench_client *ret, unsigned nsswitch, int cpu)
{
  pid_t parent = getpid();
  int down[2] = {-1, -1}, up[2] = {-1, -1};

  *ret = (struct bench_client){.pid = -1, .to = -1, .from = -1};
  ret->block = mmap(NULL, sizeof *ret->block, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (ret->block == MAP_FAILED || pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
    return false;
  ret->pid = fork();
  if (ret->pid == 0) {
    ret->from = down[0];
    ret->to = up[1];
    close(down[1]);
    close(up[0]);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && bench_pin(cpu) &&
        bench_nsswitch_enter(nsswitch))
      serve(ret);
    _exit(1);
  }
  close(down[0]);
  close(up[1]);
  ret->to = down[1];
  ret->from = up[0];
  return ret->pid > 0;
}

void bench_client_stop(struct bench_client *client)
{
  close(client->to);
  close(client->from);
  /* Killed, since those that were started later have copies of the pipe, and it would wait for more. */
  if (client->pid > 0 && kill(client->pid, SIGKILL) == 0)
    while (waitpid(client->pid, NULL, 0) < 0 && errno == EINTR)
      ;
  munmap(client->block, sizeof *client->block);
}

static bool give(struct bench_client *client, enum order_kind kind, const struct bench_row *row,
                 unsigned count)
{
  const struct order order = {.kind = kind, .row = (unsigned)(row - bench_rows), .count = count};
  char done;

  return write(client->to, &order, sizeof order) == (ssize_t)sizeof order &&
         read(client->from, &done, 1) == 1;
}

bool bench_client_ask(struct bench_client *client, const struct bench_row *row)
{
  return give(client, ASK, row, 1);
}

bool bench_client_run(struct bench_client *client, const struct bench_row *row, unsigned count)
{
  return give(client, RUN, row, count);
}

bool bench_client_first(struct bench_client *client, const struct bench_row *row, unsigned count)
{
  return give(client, FIRST, row, count);
}
