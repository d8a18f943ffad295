/*
 * seccomp refuse CALLS ERROR HOW NAME...: lookups by hand in a process whose system calls of these names
 * (with commas between them) fail with this errno; prints what comes back, a line each.
 *
 * seccomp only HOW NAME...: the same where all calls that a lookup does not need are fatal.
 */
#include "filter.h"
#include "module.h"

#include <fcntl.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTORS = 64 };

/* SIGSYS can say which call it was; a program without a handler is killed.  With nothing but write(2): what
 * fail() does is not in the list. */
static void tell(int number, siginfo_t *info, void *context)
{
  char text[64];

  (void)number;
  (void)context;
  int len = snprintf(text, sizeof text, "system call %d is not in the list\n", info->si_syscall);
  if (len > 0)
    number = (int)write(STDERR_FILENO, text, (size_t)len);
  _exit(1);
}

static void install_list(void)
{
  struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};

  CHECK(sigaction(SIGSYS, &action, NULL) == 0, "sigaction");
  filter_allow_needed();
}

static unsigned open_descriptors(void)
{
  unsigned count = 0;

  for (int fd = 0; fd < DESCRIPTORS; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

int main(int argc, char **argv)
{
  static char buffer[BUFFER_LEN], got[OUTCOME_MAX];
  struct module module;
  bool only = argc > 1 && strcmp(argv[1], "only") == 0;
  int at = only ? 2 : 4;

  CHECK(argc > at && (argc - at) % 2 == 0, "%d arguments", argc - 1);
  module_load(&module, MODULE, 0);
  CHECK(res_init() == 0, "res_init");
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  puts("the process, its errors and its lookups:"); /* stdout has its buffer, and has looked at its file */
  unsigned before = open_descriptors();
  if (only)
    install_list();
  else
    filter_refuse(argv[2], atoi(argv[3]));
  for (; at < argc; at += 2) {
    put_outcome(call_by_hand(&module, argv[at], argv[at + 1], buffer, sizeof buffer), got);
    puts(got);
  }
  if (only || !(filter_lists(argv[2], "fcntl") || filter_lists(argv[2], "close")))
    CHECK(open_descriptors() == before, "%u descriptors, before it were %u", open_descriptors(), before);
  _exit(0);
}
