/*
 * signals MODE COUNT LOOKUP...: lookups that signals interrupt, stop or end by a jump.  A LOOKUP is three
 * arguments: how and name as for ask(), and what glibc then gives.  "jumps-leave-HOW-WHEN" jumps out of
 * lookups of that kind.
 */
#include "module.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { SIGNALS_WANTED = 100, OWN_MAX = 16 };

static struct module module;
static char **lookups; /* three words each */
static char text[TEXT_MAX], buffer[BUFFER_LEN];
static sigjmp_buf away;
static volatile sig_atomic_t signals;

static void ask_all(void)
{
  for (char **word = lookups; word[0]; word += 3)
    CHECK_ASK(word[0], word[1], word[2]);
}

static void jump(int number)
{
  (void)number;
  siglongjmp(away, 1);
}

static void count_signal(int number)
{
  (void)number;
  signals = signals + 1;
}

static void handle(int number, void (*handler)(int))
{
  struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART */
  CHECK(sigaction(number, &action, NULL) == 0, "sigaction");
}

/* The server keeps silent, and sends SIGALRM when it has got the query; `when` is "late": got it once more.
 */
static void jump_out(const char *how, const char *when, unsigned number)
{
  char name[64];

  snprintf(name, sizeof name, "%s-%d-%u.test", when, getpid(), number);
  if (sigsetjmp(away, 1) != 0)
    return;
  if (strcmp(how, "by hand") == 0)
    call_by_hand(&module, "byname", name, buffer, sizeof buffer);
  else
    ask(how, name, text);
  CHECK(false, "%s: the lookup ended", name);
}

static void test_jumps(unsigned count)
{
  static const char *const ways[] = {"gai", "by hand", "byname6", "by hand"};

  handle(SIGALRM, jump);
  for (unsigned i = 0; i < count; i++) {
    jump_out(ways[i % 4], "alrm", i);
    ask_all();
  }
}

/* What jumps leave open, by any service: prints it. */
static void test_jumps_leave(unsigned count, const char *how, const char *when)
{
  handle(SIGALRM, jump);
  ask_all();
  unsigned before = descriptors();
  for (unsigned i = 0; i < count; i++)
    jump_out(how, when, i);
  printf("%u descriptors were left behind\n", descriptors() - before);
  ask_all();
  printf("%u after the next lookup\n", descriptors() - before);
}

/* What the program opens in the place of what a jump has left, or of what it might have, is the program's. */
static void test_jumps_and_own(unsigned count)
{
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};

  inet_pton(AF_INET, "127.0.3.1", &server.sin_addr);
  handle(SIGALRM, jump);
  ask_all();
  unsigned before = descriptors();
  for (unsigned i = 0; i < count; i++) {
    jump_out("gai", "late", i);
    unsigned left = descriptors() - before;
    CHECK(close_range(before, ~0U, 0) == 0, "close_range");
    struct stat mine[OWN_MAX], now;
    for (unsigned own = 0; own < OWN_MAX; own++) {
      int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      CHECK(fd == (int)(before + own), "socket");
      CHECK(connect(fd, (const void *)&server, sizeof server) == 0 && fstat(fd, &mine[own]) == 0, "connect");
    }
    CHECK(left < OWN_MAX, "%u descriptors", left);
    ask_all();
    for (unsigned own = 0; own < OWN_MAX; own++)
      CHECK(fstat((int)(before + own), &now) == 0 && now.st_ino == mine[own].st_ino,
            "descriptor %u of the program's is not what it was", before + own);
    CHECK_DESCRIPTORS(before + OWN_MAX);
    CHECK(close_range(before, ~0U, 0) == 0, "close_range");
  }
}

static void test_signals(void)
{
  struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};

  handle(SIGALRM, count_signal);
  setitimer(ITIMER_REAL, &often, NULL);
  while (signals < SIGNALS_WANTED)
    ask_all();
  setitimer(ITIMER_REAL, &never, NULL);
}

/* The server stops this process when it has got the query, and lets it go on before or after it answers. */
static void test_stops(unsigned count)
{
  char name[64], got[OUTCOME_MAX];

  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof name, "stop-%d-%u.test", getpid(), i);
    put_outcome(call_by_hand(&module, "byname", name, buffer, sizeof buffer), got);
    CHECK(strcmp(got, "SUCCESS 0 0") == 0, "%s: %s", name, got);
    ask_all();
  }
}

int main(int argc, char **argv)
{
  CHECK(argc >= 3 && argc % 3 == 0, "%d arguments", argc - 1);
  const char *mode = argv[1];
  unsigned count = (unsigned)atoi(argv[2]);
  char how[16], when[16];

  lookups = argv + 3;
  ask_all(); /* loads the module through glibc */
  module_load(&module, MODULE, 0);
  if (strcmp(mode, "jumps") == 0)
    test_jumps(count);
  else if (sscanf(mode, "jumps-leave-%15[a-z0-9]-%15s", how, when) == 2)
    test_jumps_leave(count, how, when);
  else if (strcmp(mode, "jumps-and-own") == 0)
    test_jumps_and_own(count);
  else if (strcmp(mode, "signals") == 0)
    test_signals();
  else if (strcmp(mode, "stops") == 0)
    test_stops(count);
  else
    CHECK(false, "no such mode: %s", mode);
  return 0;
}
