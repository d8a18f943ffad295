/*
 * threads MODE COUNT LOOKUP...: lookups in threads that are small, many or cancelled, in a program that
 * forks, and how the heap fares.  A LOOKUP is three arguments: how and name as for ask(), and what glibc then
 * gives.
 */
#include "module.h"

#include <errno.h>
#include <malloc.h>
#include <nss.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ONE     "one.test"
#define ONE_HAS "198.18.0.1 2001:db8::1"

enum {
  STACK_SPARE = 16 * 1024,
  PAINT = 0xa5,
  BUSY_THREADS = 4,
  HEAP_SPARE = 65536,
  ROUNDS = 40,
  LEAST_LEAK = 16,
  HAS_WRITERS = 2,
};

struct lookup {
  const char *how, *name, *wanted;
};

static struct module module;
static struct lookup *lookups;
static size_t lookup_count;

static void start(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
  int error = pthread_create(thread, attributes, body, argument);
  CHECK(error == 0, "%s", strerror(error));
}

static void ask_all(void)
{
  for (size_t i = 0; i < lookup_count; i++)
    CHECK_ASK(lookups[i].how, lookups[i].name, lookups[i].wanted);
}

/* ---- Small stacks ---- */

enum way { BY_HAND, BY_HAND_ALONE, BY_GLIBC }; /* ALONE: `_res` is not ready */

struct stacked {
  const struct lookup *lookup;
  enum way way;
  volatile uint8_t *bottom;
  char *buffer;
  struct outcome outcome;
  size_t depth;
};

static __attribute__((noinline)) void do_stacked(struct stacked *stacked)
{
  if (stacked->way == BY_GLIBC)
    CHECK_ASK(stacked->lookup->how, stacked->lookup->name, stacked->lookup->wanted);
  else
    stacked->outcome =
        call_by_hand(&module, stacked->lookup->how, stacked->lookup->name, stacked->buffer, BUFFER_LEN);
}

static void *stacked_thread(void *argument)
{
  struct stacked *stacked = argument;
  volatile uint8_t *here = __builtin_frame_address(0), *at;

  if (stacked->way == BY_HAND)
    CHECK(res_init() == 0, "res_init");
  for (at = stacked->bottom; at < here - 256; at++) /* this function's own frame stays */
    *at = PAINT;
  do_stacked(stacked);
  for (at = stacked->bottom; at < here && *at == PAINT; at++)
    ;
  stacked->depth = (size_t)(here - at);
  return NULL;
}

/* As on a host where nobody has looked anything up since it was booted. */
static void forget_caches(void)
{
  static const char *const files[] = {"/run/aiodns/cache.1", "/run/aiodns/claims.1",
                                      "/run/aiodns/counters.1"};

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    CHECK(unlink(files[i]) == 0 || errno == ENOENT, "%s: %s", files[i], strerror(errno));
}

/* How deep one lookup goes, in a thread with the least stack and STACK_SPARE more, above a page that faults.
 */
static size_t depth_of(const struct lookup *lookup, enum way way)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
  size_t len = (least + STACK_SPARE + page - 1) / page * page;
  uint8_t *stack =
      mmap(NULL, page + len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  pthread_attr_t attributes;
  pthread_t thread;

  CHECK(stack != MAP_FAILED && mprotect(stack, page, PROT_NONE) == 0, "mmap");
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstack(&attributes, stack + page, len) == 0, "setstack");
  struct stacked stacked = {
      .lookup = lookup, .way = way, .bottom = stack + page, .buffer = malloc(BUFFER_LEN)};
  start(&thread, &attributes, stacked_thread, &stacked);
  pthread_join(thread, NULL);
  if (way != BY_GLIBC && strchr("0123456789abcdef", lookup->wanted[0]))
    CHECK(stacked.outcome.status == NSS_STATUS_SUCCESS, "%s %s: %d", lookup->how, lookup->name,
          stacked.outcome.status);
  free(stacked.buffer);
  munmap(stack, page + len);
  pthread_attr_destroy(&attributes);
  return stacked.depth;
}

static void test_stacks(bool anew)
{
  size_t deepest = 0;

  for (size_t i = 0; i < lookup_count; i++) {
    size_t depth[BY_GLIBC + 1];
    for (enum way way = BY_HAND; way <= BY_GLIBC; way++) {
      if (anew)
        forget_caches();
      depth[way] = depth_of(&lookups[i], way);
    }
    size_t ready = depth[BY_HAND], alone = depth[BY_HAND_ALONE], glibc = depth[BY_GLIBC];
    printf("%s %s: %zu octets of stack, with res_ninit %zu, with glibc's part %zu\n", lookups[i].how,
           lookups[i].name, ready, alone, glibc);
    deepest = ready > deepest ? ready : deepest;
    deepest = alone > deepest ? alone : deepest;
  }
  printf("the deepest: %zu\n", deepest);
  CHECK(deepest < STACK_SPARE, "%zu octets", deepest);
}

/* ---- Many threads ---- */

static pthread_barrier_t barrier;

static void *crowd_thread(void *argument)
{
  (void)argument;
  pthread_barrier_wait(&barrier);
  ask_all();
  return NULL;
}

static void test_crowd(unsigned count)
{
  pthread_t *thread = calloc(count, sizeof *thread);
  unsigned before = descriptors();

  pthread_barrier_init(&barrier, NULL, count);
  for (unsigned i = 0; i < count; i++)
    start(&thread[i], NULL, crowd_thread, NULL);
  for (unsigned i = 0; i < count; i++)
    pthread_join(thread[i], NULL);
  CHECK_DESCRIPTORS(before);
  free(thread);
}

/* ---- Memory ---- */

/* In a thread whose `_res` nobody makes ready, and in one where it is. */
static void *measuring_thread(void *ready)
{
  char *buffer = malloc(BUFFER_LEN);
  size_t used = 0;

  if (ready)
    CHECK(res_init() == 0, "res_init");
  for (int i = 0; i < ROUNDS; i++) {
    if (i == ROUNDS / 2) /* what is allocated once is there */
      used = mallinfo2().uordblks;
    for (size_t k = 0; k < lookup_count; k++)
      call_by_hand(&module, lookups[k].how, lookups[k].name, buffer, BUFFER_LEN);
  }
  size_t now = mallinfo2().uordblks;
  CHECK(now < used + ROUNDS / 2 * LEAST_LEAK, "%s: the heap has grown from %zu to %zu",
        ready ? "ready" : "alone", used, now);
  free(buffer);
  return NULL;
}

static void test_heap(void)
{
  pthread_t thread;

  mallopt(M_ARENA_MAX, 1); /* mallinfo2() counts them all, but a thread's cache is hidden in its own */
  for (int i = 0; i < 2; i++) {
    start(&thread, NULL, measuring_thread, i ? &module : NULL);
    pthread_join(thread, NULL);
  }
}

/* ---- fork ---- */

static volatile bool stop;

static void *busy_thread(void *by_hand)
{
  char *buffer = malloc(BUFFER_LEN), got[OUTCOME_MAX];

  while (!stop)
    if (by_hand) {
      put_outcome(call_by_hand(&module, "gai", ONE, buffer, BUFFER_LEN), got);
      CHECK(strcmp(got, "SUCCESS 0 0") == 0, "by hand: %s", got);
    } else {
      CHECK_ASK("gai", ONE, ONE_HAS);
    }
  free(buffer);
  return NULL;
}

/* The children ask the module by hand: glibc's own locks are not all made new by fork. */
static void test_forks(unsigned count)
{
  pthread_t thread[BUSY_THREADS];
  static char buffer[BUFFER_LEN];

  CHECK(res_init() == 0, "res_init");
  for (size_t i = 0; i < BUSY_THREADS; i++)
    start(&thread[i], NULL, busy_thread, i % 2 ? &module : NULL);
  for (unsigned i = 0; i < count; i++) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
      alarm(60); /* ends it if it hangs */
      if (writers() > 0)
        _exit(HAS_WRITERS);
      struct outcome outcome = call_by_hand(&module, "gai", ONE, buffer, sizeof buffer);
      _exit(outcome.status == NSS_STATUS_SUCCESS ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child, "waitpid");
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != HAS_WRITERS, "child %u can write to a cache", i);
    CHECK(status == 0, "child %u of %u ended with status %#x", i, count, (unsigned)status);
  }
  stop = true;
  for (size_t i = 0; i < BUSY_THREADS; i++)
    pthread_join(thread[i], NULL);
}

/* ---- Cancellation ---- */

struct cancelled {
  bool by_glibc;
  char *buffer;
  volatile bool running;
};

static void *cancelled_thread(void *argument)
{
  struct cancelled *cancelled = argument;

  cancelled->running = true;
  while (!stop) {
    if (cancelled->by_glibc) {
      struct hostent host, *found;
      int h_error;
      gethostbyname_r(ONE, &host, cancelled->buffer, BUFFER_LEN, &found, &h_error);
    } else {
      call_by_hand(&module, "gai", ONE, cancelled->buffer, BUFFER_LEN);
    }
    pthread_testcancel();
  }
  return NULL;
}

static void cancel_once(bool by_glibc, unsigned spin)
{
  struct cancelled cancelled = {.by_glibc = by_glibc, .buffer = malloc(BUFFER_LEN)};
  pthread_t thread;
  void *result;

  start(&thread, NULL, cancelled_thread, &cancelled);
  while (!cancelled.running)
    sched_yield();
  for (volatile unsigned i = 0; i < spin; i++)
    ;
  CHECK(pthread_cancel(thread) == 0, "pthread_cancel");
  CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED, "not cancelled");
  free(cancelled.buffer);
}

/* Deferred: asynchronous cancellation that comes as a thread disables it is carried out by some releases of
 * glibc. */
static void test_cancel(unsigned count, bool by_glibc)
{
  unsigned seed = getenv("AIODNS_SEED") ? (unsigned)atoi(getenv("AIODNS_SEED")) : (unsigned)time(NULL);

  printf("AIODNS_SEED=%u\n", seed);
  /* glibc asks nscd no more then: a thread that is cancelled in there leaves glibc's own socket behind. */
  CHECK(__nss_configure_lookup("hosts", "aiodns") == 0, "__nss_configure_lookup");
  for (unsigned i = 0; i < 20; i++) /* what is allocated once for all */
    cancel_once(by_glibc, 0);
  unsigned before = descriptors();
  size_t used = mallinfo2().uordblks;
  for (unsigned i = 0; i < count; i++)
    cancel_once(by_glibc, (unsigned)rand_r(&seed) % 1000000);
  CHECK_DESCRIPTORS(before);
  CHECK(mallinfo2().uordblks < used + HEAP_SPARE, "the heap has grown from %zu to %zu", used,
        mallinfo2().uordblks);
  CHECK_ASK("gai", ONE, ONE_HAS);
}

struct waiting {
  int type;
  char name[64];
  struct outcome outcome;
  char buffer[BUFFER_LEN];
};

static void *waiting_thread(void *argument)
{
  struct waiting *waiting = argument;
  int old;

  pthread_setcanceltype(waiting->type, &old);
  waiting->outcome = call_by_hand(&module, "byname", waiting->name, waiting->buffer, sizeof waiting->buffer);
  pthread_testcancel();
  return waiting; /* to whoever is not cancelled */
}

/* The server sends SIGUSR1 when it has got the query, and answers when it gets it again. */
static void test_cancel_in_the_wait(int type)
{
  static struct waiting waiting;
  unsigned before = descriptors();
  pthread_t thread;
  sigset_t set;
  void *result;
  int got;

  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  waiting.type = type;
  waiting.outcome.status = NSS_STATUS_UNAVAIL;
  snprintf(waiting.name, sizeof waiting.name, "usr1-%d-%d.test", getpid(), type);
  start(&thread, NULL, waiting_thread, &waiting);
  CHECK(sigwait(&set, &got) == 0, "sigwait");
  pthread_cancel(thread);
  pthread_join(thread, &result);
  /* Some releases of glibc forget PTHREAD_CANCELED where asynchronous cancellation becomes possible. */
  CHECK(result != &waiting, "not cancelled after the lookup");
  CHECK_DESCRIPTORS(before);
  /* An asynchronous cancellation comes as soon as the module allows it, before the caller sees the result. */
  CHECK(type == PTHREAD_CANCEL_ASYNCHRONOUS || waiting.outcome.status == NSS_STATUS_SUCCESS, "%d",
        waiting.outcome.status);
}

int main(int argc, char **argv)
{
  CHECK(argc >= 3, "%d arguments", argc - 1);
  const char *mode = argv[1];
  unsigned count = (unsigned)atoi(argv[2]);

  lookup_count = (size_t)(argc - 3) / 3;
  lookups = calloc(lookup_count + 1, sizeof *lookups);
  for (size_t i = 0; i < lookup_count; i++)
    lookups[i] = (struct lookup){argv[3 + 3 * i], argv[4 + 3 * i], argv[5 + 3 * i]};
  CHECK_ASK("gai", ONE, ONE_HAS); /* loads the module through glibc */
  module_load(&module, MODULE, 0);
  if (strcmp(mode, "stacks") == 0)
    test_stacks(false);
  else if (strcmp(mode, "stacks-anew") == 0)
    test_stacks(true);
  else if (strcmp(mode, "crowd") == 0)
    test_crowd(count);
  else if (strcmp(mode, "heap") == 0)
    test_heap();
  else if (strcmp(mode, "forks") == 0)
    test_forks(count);
  else if (strcmp(mode, "cancel") == 0)
    test_cancel(count, false);
  else if (strcmp(mode, "cancel-by-glibc") == 0)
    test_cancel(count, true);
  else if (strcmp(mode, "cancel-in-the-wait") == 0) {
    test_cancel_in_the_wait(PTHREAD_CANCEL_DEFERRED);
    test_cancel_in_the_wait(PTHREAD_CANCEL_ASYNCHRONOUS);
  } else
    CHECK(false, "no such mode: %s", mode);
  return 0;
}
