/*
 * trust_client: does what its standard input says, a line each, and answers with a line: what a program does
 * that changes who it is.
 *
 *   HOW NAME      a lookup, as for ask()
 *   become UID    all its users and groups, in all threads; of no supplementary groups
 *   become-apart UID   the same, by a thread of its own
 *   effective UID  the effective user and group alone
 *   start COUNT   so many threads, whose first lookups begin at the same moment
 *   busy COUNT    so many threads, that resolve new names and old ones until there is a `rest`
 *   rest -        the threads have ended: "calm", or what one of them got
 *   forks COUNT:UID   children, one after the other, that become that user (if they can) and look at what
 * they have of ours: "clean", or how many of them had what
 *
 * A line that takes too long ends it.
 */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HUNG_S = 60, THREADS_MAX = 16, FDS_LOOKED_AT = 512, SHOWN_MAX = 256 };

#define TRUTH "198.18.0.1"

static pthread_t threads[THREADS_MAX];
static unsigned thread_count;
static pthread_barrier_t barrier;
static atomic_bool resting;
static char seen_wrong[TEXT_MAX];
static atomic_flag is_wrong = ATOMIC_FLAG_INIT;

/* ---- Who it is ---- */

static void become(unsigned id)
{
  CHECK(setgroups(0, NULL) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0, "become %u: %s",
        id, strerror(errno));
}

static void *become_apart(void *id)
{
  become(*(unsigned *)id);
  return NULL;
}

/* Down or up again: the one that is allowed to change the other goes last. */
static void become_effective(unsigned id)
{
  CHECK(id == 0 ? seteuid(0) == 0 && setegid(0) == 0 : setegid(id) == 0 && seteuid(id) == 0,
        "effective %u: %s", id, strerror(errno));
}

/* ---- Threads ---- */

static void ask_for_truth(const char *name)
{
  char text[TEXT_MAX];

  ask("gai4", name, text);
  if (strcmp(text, TRUTH) != 0 && !atomic_flag_test_and_set(&is_wrong))
    memcpy(seen_wrong, text, TEXT_MAX);
}

static void *start_thread(void *number)
{
  (void)number;
  pthread_barrier_wait(&barrier);
  ask_for_truth("start.trust.test");
  return NULL;
}

static void *busy_thread(void *number)
{
  char name[64];

  for (unsigned i = 0; !atomic_load(&resting); i++) {
    snprintf(name, sizeof name, "n%u-%lu-%d.trust.test", i / 4, (unsigned long)(uintptr_t)number,
             (int)getpid());
    ask_for_truth(name);
  }
  return NULL;
}

static void begin(unsigned count, void *(*run)(void *))
{
  CHECK(count <= THREADS_MAX && thread_count == 0, "threads: %u", count);
  atomic_store(&resting, false);
  for (thread_count = 0; thread_count < count; thread_count++)
    CHECK(pthread_create(&threads[thread_count], NULL, run, (void *)(uintptr_t)thread_count) == 0,
          "pthread_create");
}

static const char *end(void)
{
  atomic_store(&resting, true);
  while (thread_count)
    pthread_join(threads[--thread_count], NULL);
  return *seen_wrong ? seen_wrong : "calm";
}

/* ---- Children ---- */

/* An open descriptor of a file of ours. */
static bool has_descriptor(char shown[SHOWN_MAX])
{
  char link[64];

  for (int fd = 0; fd < FDS_LOOKED_AT; fd++) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, shown, SHOWN_MAX - 1);
    shown[len > 0 ? len : 0] = '\0';
    if (strstr(shown, "aiodns") && !strstr(shown, "libnss"))
      return true;
  }
  return false;
}

/* A mapping of such a file that can be written to. */
static bool has_mapping(char shown[SHOWN_MAX])
{
  char line[SHOWN_MAX + 256];
  bool found = false;
  FILE *maps = fopen("/proc/self/maps", "re");

  CHECK(maps, "/proc/self/maps: %s", strerror(errno));
  while (!found && fgets(line, sizeof line, maps)) {
    char *mode = strchr(line, ' ');
    found = mode && mode[2] == 'w' && mode[4] == 's' && strstr(line, "aiodns");
  }
  fclose(maps);
  snprintf(shown, SHOWN_MAX, "%.*s", SHOWN_MAX - 1, found ? line : "");
  return found;
}

enum { CLEAN, DESCRIPTOR, MAPPING, STATES };

/*
 * It does not resolve through glibc: whoever is born while another thread has a lock of glibc's (of
 * nsswitch.conf, of resolv.conf) waits for that for ever.
 */
static _Noreturn void be_child(unsigned uid)
{
  char shown[SHOWN_MAX];

  alarm(HUNG_S);
  if (geteuid() == 0)
    become(uid);
  int state = has_descriptor(shown) ? DESCRIPTOR : has_mapping(shown) ? MAPPING : CLEAN;
  if (state != CLEAN)
    dprintf(STDERR_FILENO, "a child has %s\n", shown);
  _exit(state);
}

static void fork_often(const char *what, char ret[TEXT_MAX])
{
  unsigned count, uid, ends[STATES] = {0};

  CHECK(sscanf(what, "%u:%u", &count, &uid) == 2, "forks %s", what);
  for (unsigned i = 0; i < count; i++) {
    int status;
    pid_t child = fork();
    if (child == 0)
      be_child(uid);
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork: %s", strerror(errno));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) < STATES, "a child ended with %#x", (unsigned)status);
    ends[WEXITSTATUS(status)]++;
  }
  if (ends[CLEAN] == count)
    snprintf(ret, TEXT_MAX, "clean");
  else
    snprintf(ret, TEXT_MAX, "%u descriptors, %u mappings", ends[DESCRIPTOR], ends[MAPPING]);
}

/* ---- Lines ---- */

static void obey(const char *how, const char *what, char ret[TEXT_MAX])
{
  unsigned number = (unsigned)strtoul(what, NULL, 10);
  const char *answer = "done";

  if (strcmp(how, "become") == 0) {
    become(number);
  } else if (strcmp(how, "become-apart") == 0) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, become_apart, &number) == 0, "pthread_create");
    pthread_join(thread, NULL);
  } else if (strcmp(how, "effective") == 0) {
    become_effective(number);
  } else if (strcmp(how, "start") == 0) {
    CHECK(pthread_barrier_init(&barrier, NULL, number) == 0, "pthread_barrier_init");
    begin(number, start_thread);
    answer = end();
    pthread_barrier_destroy(&barrier);
  } else if (strcmp(how, "busy") == 0) {
    begin(number, busy_thread);
  } else if (strcmp(how, "rest") == 0) {
    answer = end();
  } else {
    if (strcmp(how, "forks") == 0)
      fork_often(what, ret);
    else
      ask(how, what, ret);
    return;
  }
  snprintf(ret, TEXT_MAX, "%s", answer);
}

int main(void)
{
  static char line[4096], how[64], what[1024], text[TEXT_MAX];

  while (fgets(line, sizeof line, stdin)) {
    CHECK(sscanf(line, "%63s %1023s", how, what) == 2, "%s", line);
    alarm(HUNG_S);
    obey(how, what, text);
    puts(text);
    fflush(stdout);
    alarm(0);
  }
  return 0;
}
