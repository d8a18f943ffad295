/*
 * limits MODE LOOKUP...: lookups in a process that lacks descriptors, memory or files, or has lost some.
 * A LOOKUP is three arguments: how and name as for ask(), and what glibc then gives.
 */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define ONE     "one.test"
#define ONE_HAS "198.18.0.1 2001:db8::1"

enum { HIGH_FD = 500, STACK_TOUCHED = 65536 };

static struct module module;
static char **lookups; /* three words each */

static void ask_all(void)
{
  for (char **word = lookups; word[0]; word += 3)
    CHECK_ASK(word[0], word[1], word[2]);
}

static void check_by_hand(const char *how, const char *name, const char *wanted)
{
  static char buffer[BUFFER_LEN];
  char got[OUTCOME_MAX];

  put_outcome(call_by_hand(&module, how, name, buffer, sizeof buffer), got);
  CHECK(strcmp(got, wanted) == 0, "%s %s: wanted %s, got %s", how, name, wanted, got);
}

static void test_no_descriptors(void)
{
  CHECK(res_init() == 0, "res_init");
  unsigned before = descriptors();
  leave_descriptors(0);
  for (int i = 0; i < 10; i++) {
    CHECK_ASK("gai", ONE, "EAI_SYSTEM EMFILE");
    CHECK_ASK("gai4", ONE, "EAI_SYSTEM EMFILE");
    CHECK_ASK("gai6", ONE, "EAI_SYSTEM EMFILE");
    CHECK_ASK("byname", ONE, "NETDB_INTERNAL EMFILE");
    CHECK_ASK("byaddr", "198.18.1.1", "NETDB_INTERNAL EMFILE");
    check_by_hand("gai", ONE, "TRYAGAIN EMFILE NETDB_INTERNAL");
    check_by_hand("gai6", ONE, "TRYAGAIN EMFILE NETDB_INTERNAL");
    check_by_hand("byname", ONE, "TRYAGAIN EMFILE NETDB_INTERNAL");
    check_by_hand("byaddr", "198.18.1.1", "TRYAGAIN EMFILE NETDB_INTERNAL");
  }
  limit(RLIMIT_NOFILE, RLIM_INFINITY);
  CHECK_DESCRIPTORS(before);
  ask_all();
}

/* One descriptor is enough for one family, be it by UDP and then TCP, and one family better than nothing. */
static void test_one_descriptor(void)
{
  leave_descriptors(1);
  CHECK_ASK("gai4", ONE, "198.18.0.1");
  CHECK_ASK("gai6", ONE, "2001:db8::1");
  CHECK_ASK("byaddr", "198.18.1.1", ONE);
  check_by_hand("byname", "many.test", "SUCCESS 0 0");
  check_by_hand("gai", ONE, "SUCCESS 0 0");
  leave_descriptors(2);
  ask_all();
}

static void test_no_file_size(void)
{
  limit(RLIMIT_FSIZE, 0); /* SIGXFSZ would end the process */
  ask_all();
  limit(RLIMIT_FSIZE, RLIM_INFINITY);
}

static void touch_stack(void)
{
  volatile char room[STACK_TOUCHED];
  for (size_t i = 0; i < sizeof room; i += 512)
    room[i] = 0;
}

static void take_all_memory(void)
{
  void *volatile taken; /* or gcc 16 leaves the malloc() out, and the loop has no end */

  limit(RLIMIT_AS, 1); /* no more mappings; what malloc has is taken next */
  for (size_t len = 1 << 20; len >= 16; len /= 2)
    while ((taken = malloc(len)))
      ;
}

static void test_no_memory(void)
{
  CHECK(res_init() == 0, "res_init");
  ask_all();
  unsigned before = descriptors();
  touch_stack();
  take_all_memory();
  for (int i = 0; i < 5; i++) {
    check_by_hand("gai", "many.test", "TRYAGAIN ENOMEM NETDB_INTERNAL");
    check_by_hand("byname", "many.test", "TRYAGAIN ENOMEM NETDB_INTERNAL");
    check_by_hand("byname", "long.test", "TRYAGAIN ENOMEM NETDB_INTERNAL");
  }
  limit(RLIMIT_AS, RLIM_INFINITY);
  CHECK_DESCRIPTORS(before);
  ask_all();
}

/* Every amount of memory from none to enough gives the right answer or none. */
static void test_little_memory(void)
{
  static char buffer[BUFFER_LEN];
  static void *block[4096];
  unsigned good = 0;

  CHECK(res_init() == 0, "res_init");
  ask_all();
  touch_stack();
  for (size_t i = 0; i < 400; i++)
    block[i] = malloc(64 + i % 40 * 16);
  take_all_memory();
  for (size_t i = 0; i < 400; i++) {
    struct outcome outcome = call_by_hand(&module, "gai", "many.test", buffer, sizeof buffer);
    good += outcome.status == NSS_STATUS_SUCCESS;
    CHECK(outcome.status == NSS_STATUS_SUCCESS ||
              (outcome.status == NSS_STATUS_TRYAGAIN && outcome.error == ENOMEM &&
               outcome.h_error == NETDB_INTERNAL),
          "%d %d %d", outcome.status, outcome.error, outcome.h_error);
    free(block[i]);
  }
  limit(RLIMIT_AS, RLIM_INFINITY);
  printf("%u of 400 lookups had enough\n", good);
  ask_all();
}

/* The server looks at our descriptors while we wait for it. */
static void test_standard_closed(void)
{
  char name[64];

  fail_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, HIGH_FD);
  CHECK(fail_fd == HIGH_FD, "fcntl");
  for (int closed = 1; closed < 8; closed++) {
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
      saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
      if (closed >> fd & 1)
        close(fd);
    }
    /* By hand: glibc's own part opens what it likes. */
    snprintf(name, sizeof name, "look-%d-%d.test", getpid(), closed);
    check_by_hand("byname", name, "SUCCESS 0 0");
    snprintf(name, sizeof name, "look-%d-%d-too.test", getpid(), closed);
    check_by_hand("gai4", name, "SUCCESS 0 0");
    for (int fd = 0; fd < 3; fd++)
      CHECK(!(closed >> fd & 1) == (fcntl(fd, F_GETFD) >= 0), "descriptor %d after a lookup", fd);
    ask_all();
    for (int fd = 0; fd < 3; fd++) {
      dup2(saved[fd], fd);
      close(saved[fd]);
    }
  }
}

static void test_close_range(void)
{
  for (int i = 0; i < 5; i++) {
    CHECK(close_range(3, ~0U, 0) == 0, "close_range");
    ask_all();
  }
  /* Nothing of ours was open that somebody else's descriptor could now be taken for. */
  CHECK_DESCRIPTORS(3);
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test)(void);
  } modes[] = {
      {"no-descriptors", test_no_descriptors}, {"one-descriptor", test_one_descriptor},
      {"no-file-size", test_no_file_size},     {"no-memory", test_no_memory},
      {"little-memory", test_little_memory},   {"standard-closed", test_standard_closed},
      {"close-range", test_close_range},
  };

  CHECK(argc >= 2 && (argc - 2) % 3 == 0, "%d arguments", argc - 1);
  lookups = argv + 2;
  CHECK_ASK("gai", ONE, ONE_HAS); /* loads the module through glibc */
  module_load(&module, MODULE, 0);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(modes[i].name, argv[1]) == 0) {
      modes[i].test();
      return 0;
    }
  CHECK(false, "no such mode: %s", argv[1]);
}
