/*
 * points MODE GLIBC HOW NAME: something happens to a lookup at each of its system calls in turn.
 *
 * The lookup is in a thread whose system calls stop until the main thread, which the kernel tells of each,
 * lets them go on.  So what befalls a lookup does so at every place where it can be found, not where chance
 * has it.  GLIBC is 1 for a lookup through glibc, 0 for one by hand.  Ends with status 77 and a reason where
 * the kernel has no such filters.
 *
 *   cancel, cancel-asynchronously   the thread is cancelled
 *   jump        a signal handler jumps out of the lookup, and the thread does another
 *   interrupt   a signal handler runs, and the call is interrupted
 *   fork        the process forks, and the child does a lookup
 *   exec        a child is started, and must find no descriptor of ours
 *   fail        the call fails, with one errno after the other
 */
#include "filter.h"
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <nss.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SKIPPED = 77, HUNG_S = 60, POINTS_MAX = 500, LEAST_POINTS = 3, FIRST_OWN_FD = 3, HAS_WRITERS = 2 };

enum mode { CANCEL, CANCEL_ASYNC, JUMP, INTERRUPT, FORK, EXEC, FAIL, MODES };

static const char *const mode_name[MODES] = {
    "cancel", "cancel-asynchronously", "jump", "interrupt", "fork", "exec", "fail"};

/* What sandboxes refuse with, what a lack of something looks like, and what has no meaning at all. */
static const int failures[] = {EPERM,  ENOSYS, EACCES, EINTR,  EAGAIN,
                               EMFILE, ENOMEM, EIO,    ERANGE, ECONNREFUSED};

struct target {
  pthread_t thread;
  pthread_barrier_t ready;
  int listener;
  volatile bool jumped;
  char buffer[BUFFER_LEN], text[TEXT_MAX];
};

static struct module module;
static enum mode mode;
static bool by_glibc;
static const char *how, *name;
static char wanted[TEXT_MAX]; /* what an undisturbed lookup gives */
static char **program;
static sigjmp_buf away;

static void on_signal(int number)
{
  (void)number;
  if (mode == JUMP)
    siglongjmp(away, 1);
}

/* ---- The lookup ---- */

static void look_up(struct target *target)
{
  if (by_glibc) {
    ask(how, name, target->text);
    return;
  }
  struct outcome outcome = call_by_hand(&module, how, name, target->buffer, sizeof target->buffer);
  put_outcome(outcome, target->text);
}

static void *target_thread(void *argument)
{
  struct target *target = argument;
  int old;

  CHECK(res_init() == 0, "res_init");
  pthread_setcanceltype(mode == CANCEL_ASYNC ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, &old);
  target->listener = filter_notify_needed();
  if (target->listener < 0) {
    printf("no listeners for system calls here: %s\n", strerror(errno));
    exit(SKIPPED);
  }
  pthread_barrier_wait(&target->ready);
  if (sigsetjmp(away, 1) != 0)
    target->jumped = true; /* and once more */
  look_up(target);
  pthread_testcancel();
  return target; /* to whoever is not cancelled */
}

/*
 * A process of its own that is as this one is now does a lookup by hand.  It could drop privileges next, and
 * must have nothing that can write to a cache; unless the lookup stands still where it has opened such a file
 * and not yet noted it, for longer than a fork waits for it.
 */
static void fork_child(bool is_opening)
{
  static char buffer[BUFFER_LEN];
  int status;
  pid_t child = fork();

  CHECK(child >= 0, "fork: %s", strerror(errno));
  if (child == 0) {
    if (writers() > is_opening)
      _exit(HAS_WRITERS);
    signal(SIGALRM, SIG_DFL);
    alarm(HUNG_S);
    _exit(call_by_hand(&module, how, name, buffer, sizeof buffer).status == NSS_STATUS_SUCCESS ? 0 : 1);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with status %#x",
        (unsigned)status);
}

static void exec_child(void)
{
  extern char **environ;
  char *arguments[] = {program[0], (char[]){"descriptors"}, NULL};
  int status;
  pid_t child;

  CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) == 0, "posix_spawn");
  CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with status %#x",
        (unsigned)status);
}

/* ---- What happens at the chosen call ---- */

static bool is_stat(int number)
{
  static const int stats[] = {
#ifdef SYS_newfstatat
      SYS_newfstatat,
#endif
#ifdef SYS_fstat
      SYS_fstat,
#endif
#ifdef SYS_statx
      SYS_statx,
#endif
  };

  for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++)
    if (stats[i] == number)
      return true;
  return false;
}

/* What is asked of a file that has just been opened. */
static bool is_look(int number)
{
  return is_stat(number) || number == SYS_fstatfs;
}

static void disturb(struct target *target, const struct seccomp_notif *call,
                    struct seccomp_notif_resp *response, int error)
{
  switch (mode) {
  case CANCEL:
  case CANCEL_ASYNC:
    CHECK(pthread_cancel(target->thread) == 0, "pthread_cancel");
    break;
  case JUMP:
  case INTERRUPT:
    CHECK(pthread_kill(target->thread, SIGALRM) == 0, "pthread_kill");
    break;
  case FORK:
    fork_child(is_look(call->data.nr));
    break;
  case EXEC:
    exec_child();
    break;
  default:
    response->flags = 0;
    response->error = -error;
  }
}

static bool can_be_disturbed(const struct seccomp_notif *call)
{
  if (mode != FAIL && mode != INTERRUPT)
    return true;
  /* A close that does not take place would leave a descriptor behind that nobody can close; glibc looks at
   * files of its own, and tells of failures there in its own way. */
  return call->data.nr != SYS_close && !(by_glibc && is_stat(call->data.nr));
}

/* Lets the calls of the lookup go on, but for the one at `point`; false: there are not so many. */
static bool supervise(struct target *target, unsigned point, int error)
{
  unsigned count = 0;
  bool done = false;

  for (;;) {
    struct pollfd ready = {.fd = target->listener, .events = POLLIN};
    struct seccomp_notif call;
    CHECK(poll(&ready, 1, HUNG_S * 1000) == 1, "the lookup hangs");
    if (!(ready.revents & POLLIN))
      return done; /* the thread has ended */
    memset(&call, 0, sizeof call);
    if (ioctl(target->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
      continue; /* interrupted meanwhile */
    struct seccomp_notif_resp response = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (!done && can_be_disturbed(&call) && count++ == point) {
      done = true;
      disturb(target, &call, &response, error);
    }
    ioctl(target->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}

/* ---- And what it led to ---- */

static bool is_refusal(int error)
{
  return error == EPERM || error == ENOSYS || error == EACCES;
}

/*
 * What failed is no reason to say that there is no such name.  Only a lack of something is told by its errno;
 * what is refused here is nothing of the kind.
 */
static bool may_say(const char *text, int error)
{
  char lack[OUTCOME_MAX];

  if (strcmp(text, wanted) == 0)
    return true;
  if (mode != FAIL && mode != INTERRUPT)
    return false;
  if (error == 0 || error == ERANGE)
    error = ENOMEM;
  snprintf(lack, sizeof lack, by_glibc ? "NETDB_INTERNAL %s" : "TRYAGAIN %s NETDB_INTERNAL",
           strerrorname_np(error));
  return (strcmp(text, lack) == 0 && !is_refusal(error)) ||
         strcmp(text, by_glibc ? "TRY_AGAIN EAGAIN" : "TRYAGAIN EAGAIN TRY_AGAIN") == 0 ||
         strcmp(text, "UNAVAIL EAGAIN TRY_AGAIN") == 0;
}

static void close_from(unsigned first, unsigned count)
{
  unsigned left = descriptors() - count;

  /* Those that were open at the jump: each family has a socket, and the hosts file is closed by then.  With a
   * cache the lookup that came next has closed what was noted; one may not have been yet. */
  CHECK(left <= 2 + (access("/run/aiodns", W_OK) == 0), "%u descriptors were left behind", left);
  CHECK(close_range(first, ~0U, 0) == 0, "close_range");
}

/* One lookup, disturbed at this call; false: it has not so many. */
static bool try_point(unsigned point, int error)
{
  static struct target target; /* too large for a stack */
  void *result;

  memset(&target, 0, sizeof target);
  unsigned before = descriptors();
  CHECK(pthread_barrier_init(&target.ready, NULL, 2) == 0, "pthread_barrier_init");
  CHECK(pthread_create(&target.thread, NULL, target_thread, &target) == 0, "pthread_create");
  pthread_barrier_wait(&target.ready);
  bool reached = supervise(&target, point, error);
  CHECK(pthread_join(target.thread, &result) == 0, "pthread_join");
  close(target.listener);
  pthread_barrier_destroy(&target.ready);

  bool cancelled = mode == CANCEL || mode == CANCEL_ASYNC;
  /* Not PTHREAD_CANCELED: some releases of glibc forget it where asynchronous cancellation becomes possible.
   */
  CHECK((result != &target) == (reached && cancelled), "point %u: the thread is%s cancelled", point,
        result == &target ? " not" : "");
  /* A cancellation that may come at any time comes once the module allows it, before the result is seen. */
  if (!(mode == CANCEL_ASYNC && reached) && !(by_glibc && cancelled && reached))
    CHECK(may_say(target.text, error), "point %u, %s: %s", point, error ? strerrorname_np(error) : "no error",
          target.text);
  if (mode == JUMP && reached) {
    CHECK(target.jumped, "point %u: the handler did not run", point);
    close_from(before, before);
  }
  CHECK_DESCRIPTORS(before);
  CHECK(writers() <= 1, "point %u: more than the counters can be written to", point);
  return reached;
}

/* The answer of an undisturbed lookup, in the same way. */
static void learn(void)
{
  static char buffer[BUFFER_LEN];

  CHECK(res_init() == 0, "res_init");
  if (by_glibc)
    ask(how, name, wanted);
  else
    put_outcome(call_by_hand(&module, how, name, buffer, sizeof buffer), wanted);
}

/* Until what this thread has looked at counts no longer: a hit in the same tick makes no call to stop at. */
static void wait_for_tick(void)
{
  struct timespec began, now;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &began);
  do
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  while (now.tv_sec == began.tv_sec && now.tv_nsec == began.tv_nsec);
}

static bool try_next(unsigned point, int error)
{
  wait_for_tick();
  return try_point(point, error);
}

static void try_all(int error)
{
  unsigned point = 0;
  char before[TEXT_MAX];

  while (try_next(point, error)) {
    CHECK(++point < POINTS_MAX, "a lookup does not end");
    snprintf(before, sizeof before, "%s", wanted);
    learn();
    CHECK(strcmp(before, wanted) == 0, "after point %u: %s", point, wanted);
  }
  CHECK(point >= LEAST_POINTS, "only %u system calls", point);
  printf("%u points%s%s\n", point, error ? ", " : "", error ? strerrorname_np(error) : "");
}

int main(int argc, char **argv)
{
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */

  if (argc == 2 && strcmp(argv[1], "descriptors") == 0)
    return fcntl(FIRST_OWN_FD, F_GETFD) >= 0 || descriptors() > FIRST_OWN_FD;
  CHECK(argc == 5, "%d arguments", argc - 1);
  for (mode = 0; mode < MODES && strcmp(argv[1], mode_name[mode]) != 0; mode++)
    ;
  CHECK(mode < MODES, "no such mode: %s", argv[1]);
  program = argv;
  by_glibc = atoi(argv[2]);
  how = argv[3];
  name = argv[4];
  CHECK(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
  /* glibc asks nscd no more then: a thread that is cancelled there leaves glibc's own socket behind. */
  CHECK(__nss_configure_lookup("hosts", "aiodns") == 0, "__nss_configure_lookup");
  module_load(&module, MODULE, 0);
  learn();
  printf("undisturbed: %s\n", wanted);
  if (mode != FAIL)
    try_all(0);
  else
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
      try_all(failures[i]);
  return 0;
}
