#include "stampede_crowd.h"

#include "loss_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_MS = 30000, NAME_MAX_LEN = 64 };

/* In the process that it is in, and those forked from it. */
static struct {
  struct stampede_run *run;
  unsigned process;
  int go, alive;
} here;

static bool failed(const char *what)
{
  fprintf(stderr, "aiodns-stampede: cannot %s: %s\n", what, strerror(errno));
  return false;
}

/* -- In a thread */

/* Its address does not matter to the caller: -1, if the answer is not the right one. */
static int64_t look_up(unsigned cell, unsigned lookup)
{
  char name[NAME_MAX_LEN], text[BENCH_TEXT_MAX];
  struct bench_row row = {
      .call = BENCH_GETADDRINFO, .asked = name, .family = AF_UNSPEC, .right = LOSS_IPV4 " " LOSS_IPV6};

  /* With a dot at the end: the search list is not gone through. */
  snprintf(name, sizeof name, "n%u-%u." LOSS_DOMAIN ".", cell, lookup);
  int64_t time_ns = bench_look_up(&row, text);
  if (time_ns >= 0 && strcmp(text, row.right) == 0)
    return time_ns;
  snprintf(here.run->failure, sizeof here.run->failure, "%s", text); /* of many, any one will do */
  return -1;
}

/* Fisher and Yates; of the same thread always the same one. */
static void shuffle(unsigned order[], unsigned count, unsigned short thread)
{
  unsigned short state[3] = {thread, 0x1234, 0x5678};

  for (unsigned i = count; i > 1; i--) {
    unsigned other = (unsigned)nrand48(state) % i, kept = order[i - 1];
    order[i - 1] = order[other];
    order[other] = kept;
  }
}

static int64_t thread_cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Says that it is there, and waits until all are. */
static void wait_for_go(void)
{
  char octet = 0;

  if (write(here.alive, &octet, 1) == 1)
    while (read(here.go, &octet, 1) < 0 && errno == EINTR)
      ;
}

static void *be_thread(void *arg)
{
  struct stampede_run *run = here.run;
  unsigned thread = here.process * run->size.threads + (unsigned)(uintptr_t)arg;
  unsigned order[STAMPEDE_NAMES_MAX];

  for (unsigned i = 0; i < run->size.names; i++)
    order[i] = i;
  if (run->order == STAMPEDE_OWN)
    shuffle(order, run->size.names, (unsigned short)thread);
  wait_for_go();
  int64_t begin_ns = thread_cpu_ns();
  for (unsigned i = 0; i < run->size.names; i++)
    run->time_ns[thread][i] = look_up(run->cell, run->first_lookup + order[i]);
  run->cpu_ns += thread_cpu_ns() - begin_ns;
  return NULL;
}

/* -- In one of the processes */

static int be_process(void)
{
  const struct stampede_size *size = &here.run->size;
  pthread_t threads[STAMPEDE_THREADS_MAX];
  unsigned started = 0;

  if (!size->cold && look_up(STAMPEDE_CELL_WARM, here.process) < 0)
    return EXIT_FAILURE;
  while (started < size->threads &&
         pthread_create(&threads[started], NULL, be_thread, (void *)(uintptr_t)started) == 0)
    started++;
  if (started < size->threads)
    return EXIT_FAILURE; /* with those that wait */
  for (unsigned i = 0; i < started; i++)
    pthread_join(threads[i], NULL);
  return EXIT_SUCCESS;
}

/* -- In the parent of them */

static void be_world(const struct bench_world *world)
{
  pid_t parent = getpid();
  bool right = bench_world_enter(world);
  int status;

  for (unsigned i = 0; i < here.run->size.processes && right; i++) {
    here.process = i;
    pid_t pid = fork();
    if (pid == 0)
      _exit(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent ? be_process() : EXIT_FAILURE);
    here.run->pid[i] = pid;
    right = pid > 0;
  }
  for (pid_t pid; right && ((pid = wait(&status)) > 0 || errno == EINTR);)
    right = pid < 0 || status == 0;
  _exit(right ? EXIT_SUCCESS : EXIT_FAILURE); /* which ends those that are left */
}

/* -- In the benchmark */

/* False: time is up, or nobody is there any more. */
static bool wait_for(int fd, int wait_ms)
{
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  int got;

  while ((got = poll(&waiting, 1, wait_ms)) < 0 && errno == EINTR)
    ;
  return got > 0;
}

static bool all_are_there(const struct stampede_crowd *crowd, unsigned count)
{
  char octets[STAMPEDE_THREADS_MAX];

  for (ssize_t got; count > 0; count -= (unsigned)got) {
    got = wait_for(crowd->alive, READY_MS) ? read(crowd->alive, octets, count) : 0;
    if (got <= 0)
      break;
  }
  if (count > 0)
    fprintf(stderr, "aiodns-stampede: %u threads did not get ready\n", count);
  return count == 0;
}

bool stampede_crowd_start(struct stampede_crowd *ret, struct stampede_run *run,
                          const struct bench_world *world)
{
  int go[2], alive[2];
  pid_t parent = getpid();

  if (pipe2(go, O_CLOEXEC) != 0)
    return failed("make a pipe");
  if (pipe2(alive, O_CLOEXEC) != 0) {
    failed("make a pipe");
    close(go[0]);
    close(go[1]);
    return false;
  }
  pid_t pid = fork();
  if (pid == 0) {
    here.run = run;
    here.go = go[0];
    here.alive = alive[1];
    close(go[1]);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
      be_world(world);
    _exit(EXIT_FAILURE);
  }
  close(go[0]);
  close(alive[1]);
  *ret = (struct stampede_crowd){.world = pid, .go = go[1], .alive = alive[0]};
  if (pid > 0 && all_are_there(ret, stampede_threads(&run->size)))
    return true;
  if (pid < 0)
    failed("start processes");
  stampede_crowd_done(ret);
  return false;
}

void stampede_crowd_release(struct stampede_crowd *crowd)
{
  close(crowd->go);
  crowd->go = -1;
}

bool stampede_crowd_wait(struct stampede_crowd *crowd, int64_t wait_us)
{
  struct pollfd waiting = {.fd = crowd->alive, .events = POLLIN};
  const struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};

  return ppoll(&waiting, 1, &wait, NULL) > 0;
}

bool stampede_crowd_done(struct stampede_crowd *crowd)
{
  int status = -1;

  if (crowd->world > 0) {
    if (crowd->go >= 0)
      kill(crowd->world, SIGKILL);
    while (waitpid(crowd->world, &status, 0) < 0 && errno == EINTR)
      ;
  }
  if (crowd->go >= 0)
    close(crowd->go);
  close(crowd->alive);
  return status == 0;
}
