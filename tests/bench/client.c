#include "client.h"

#include "direct.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Options of the processes that a client starts. */
#define FIRST_LOOKUP "--first-lookup"
#define MEMORY_OF    "--memory-of"

enum {
  RESULT_FD = 3, /* where they write what they found */
};

enum order_kind {
  ASK,
  RUN,
  FIRST,
  THREADS,
  MEMORY,
};

struct order {
  enum order_kind kind;
  struct bench_row row; /* its strings are in both processes, since one was forked from the other */
  unsigned count;
  int cpu[2];
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

/* A new process for one task; false if that did not go right.  *ret: what it found. */
static bool start_one(char *option, const char *row, unsigned count, void *ret, size_t len,
                      int64_t *ret_wall_ns)
{
  char program[] = "/proc/self/exe", name[16], number[16];
  char *arguments[] = {program, option, name, number, NULL}, *environment[] = {NULL};
  posix_spawn_file_actions_t actions;
  int fd[2], status = -1;
  pid_t pid;

  snprintf(name, sizeof name, "%s", row);
  snprintf(number, sizeof number, "%u", count);
  if (pipe2(fd, O_CLOEXEC) != 0)
    return false;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd[1], RESULT_FD);
  int64_t begin = bench_now_ns();
  bool right = posix_spawn(&pid, program, &actions, NULL, arguments, environment) == 0;
  if (right)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
  *ret_wall_ns = bench_now_ns() - begin;
  posix_spawn_file_actions_destroy(&actions);
  right = right && status == 0 && read(fd[0], ret, len) == (ssize_t)len;
  close(fd[0]);
  close(fd[1]);
  return right;
}

static void first(struct bench_block *block, const struct bench_row *row, unsigned count)
{
  char option[] = FIRST_LOOKUP;
  int64_t begin_ns = children_cpu_ns();

  block->cpu_ns = 0;
  for (unsigned i = 0; i < count; i++) {
    struct first result = {.time_ns = -1};
    if (!start_one(option, row->name, 1, &result, sizeof result, &block->wall_ns[i]))
      result.time_ns = -1;
    block->time_ns[i] = result.time_ns;
    block->cpu_ns += result.cpu_ns;
  }
  block->wall_cpu_ns = children_cpu_ns() - begin_ns;
}

static void memory(struct bench_block *block, const struct bench_row *row, unsigned count)
{
  char option[] = MEMORY_OF;
  int64_t wall_ns;

  if (!start_one(option, row->name, count, &block->memory, sizeof block->memory, &wall_ns))
    block->memory = (struct bench_memory){0};
}

/* -- In a process that the client starts */

static int first_lookup(const struct bench_row *row)
{
  int64_t begin_ns = bench_cpu_ns();
  struct first result = {.time_ns = bench_look_up(row, NULL)};

  result.cpu_ns = bench_cpu_ns() - begin_ns;
  return result.time_ns < 0 || write(RESULT_FD, &result, sizeof result) != (ssize_t)sizeof result;
}

static int memory_of(const struct bench_row *row, unsigned count)
{
  static const char *const misses[] = {"miss-one", "miss-both"};
  struct bench_memory result;
  bool right = true;

  for (unsigned i = 0; i < count && right; i++) {
    right = bench_look_up(row, NULL) >= 0;
    for (unsigned k = 0; k < 2; k++) /* the null module knows none of them */
      (void)bench_look_up(bench_row_find(misses[k]), NULL);
  }
  return !right || !bench_memory_read(&result) ||
         write(RESULT_FD, &result, sizeof result) != (ssize_t)sizeof result;
}

int bench_client_task(int argc, char **argv)
{
  const struct bench_row *row = argc == 4 ? bench_row_find(argv[2]) : NULL;

  if (!row)
    return -1;
  bench_names_renew();
  if (strcmp(argv[1], FIRST_LOOKUP) == 0)
    return first_lookup(row);
  if (strcmp(argv[1], MEMORY_OF) == 0)
    return memory_of(row, (unsigned)strtoul(argv[3], NULL, 10));
  return -1;
}

/* -- In the client */

static void serve(const struct bench_client *client)
{
  struct order order;

  while (read(client->from, &order, sizeof order) == (ssize_t)sizeof order) {
    const struct bench_row *row = &order.row;
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
    case THREADS:
      if (!bench_direct_threads(row, order.cpu, order.count, &client->block->rate))
        client->block->rate = 0;
      break;
    case MEMORY:
      memory(client->block, row, order.count);
      break;
    }
    if (write(client->to, "", 1) != 1)
      break;
  }
}

/* -- In the benchmark */

bool bench_client_start(struct bench_client *ret, const struct bench_world *world, int cpu)
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
    bench_names_renew();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && bench_pin(cpu) &&
        bench_world_enter(world))
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

static bool give(struct bench_client *client, struct order order)
{
  char done;

  return write(client->to, &order, sizeof order) == (ssize_t)sizeof order &&
         read(client->from, &done, 1) == 1;
}

bool bench_client_ask(struct bench_client *client, const struct bench_row *row)
{
  return give(client, (struct order){.kind = ASK, .row = *row, .count = 1});
}

bool bench_client_run(struct bench_client *client, const struct bench_row *row, unsigned count)
{
  return give(client, (struct order){.kind = RUN, .row = *row, .count = count});
}

bool bench_client_first(struct bench_client *client, const struct bench_row *row, unsigned count)
{
  return give(client, (struct order){.kind = FIRST, .row = *row, .count = count});
}

bool bench_client_threads(struct bench_client *client, const struct bench_row *row, const int cpu[2],
                          unsigned threads)
{
  return give(client,
              (struct order){.kind = THREADS, .row = *row, .count = threads, .cpu = {cpu[0], cpu[1]}}) &&
         client->block->rate > 0;
}

bool bench_client_memory(struct bench_client *client, const struct bench_row *row, unsigned count)
{
  return give(client, (struct order){.kind = MEMORY, .row = *row, .count = count}) &&
         client->block->memory.whole > 0;
}

bool bench_client_check(struct bench_client *client, const struct bench_world *world,
                        const struct bench_row *row, bool module)
{
  const char *hosts = world->hosts;

  if (!bench_client_ask(client, row)) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: the client died at `%s`\n", hosts, row->asked);
    return false;
  }
  if (strcmp(client->block->text, row->right) != 0) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: `%s` gives `%s`, and should give `%s`\n", hosts,
            row->asked, client->block->text, row->right);
    return false;
  }
  if (client->block->module != module) {
    fprintf(stderr, "aiodns-bench: WRONG: hosts: %s: the module is%s loaded\n", hosts, module ? " not" : "");
    return false;
  }
  return true;
}
