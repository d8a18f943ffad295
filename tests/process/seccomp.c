/*
 * seccomp refuse CALLS ERROR HOW NAME...: lookups by hand in a process whose system calls of these names
 * (with commas between them) fail with this errno; prints what comes back, a line each.
 *
 * seccomp only HOW NAME...: the same where all calls that are not in the list below are fatal.
 */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <resolv.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILTER_MAX = 128, DESCRIPTORS = 64 };

/* What C functions come to; which of them exist depends on the processor. */
static const struct {
  const char *name;
  int number;
} calls[] = {
    {"socket", SYS_socket},     {"connect", SYS_connect},     {"send", SYS_sendto},
    {"recv", SYS_recvfrom},     {"getrandom", SYS_getrandom}, {"open", SYS_openat},
    {"read", SYS_read},         {"lseek", SYS_lseek},         {"close", SYS_close},
    {"fcntl", SYS_fcntl},       {"uname", SYS_uname},         {"clock", SYS_clock_gettime},
#ifdef SYS_open
    {"open", SYS_open},
#endif
#ifdef SYS_poll
    {"poll", SYS_poll},
#endif
#ifdef SYS_ppoll
    {"poll", SYS_ppoll},
#endif
#ifdef SYS_socketcall
    {"socket", SYS_socketcall},
#endif
};

/*
 * A lookup needs these.  malloc and free add those of memory; the clock is the vDSO's, unless the machine has
 * none; lseek is for lines of the hosts file that are longer than the buffer, uname for a name that DNS does
 * not know, fcntl for programs without standard streams.
 */
static const int needed[] = {
    SYS_socket, SYS_connect, SYS_sendto, SYS_recvfrom,      SYS_openat, SYS_read,
    SYS_lseek,  SYS_close,   SYS_fcntl,  SYS_clock_gettime, SYS_uname,  SYS_getrandom,
#ifdef SYS_poll
    SYS_poll,
#else
    SYS_ppoll,
#endif
};
static const int of_memory[] = {SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect};
/* This program's own: to say what was wrong, and to end. */
static const int own[] = {SYS_write, SYS_exit_group, SYS_rt_sigreturn};

static struct sock_filter filter[FILTER_MAX];
static unsigned short filter_len;

static void add(uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
  CHECK(filter_len < FILTER_MAX, "the filter is full");
  filter[filter_len++] = (struct sock_filter){code, jt, jf, k};
}

static void add_call(int number, uint32_t action)
{
  add(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
  add(BPF_RET | BPF_K, action, 0, 0);
}

static void add_calls(const int *number, size_t count, uint32_t action)
{
  for (size_t i = 0; i < count; i++)
    add_call(number[i], action);
}

static void install(uint32_t otherwise)
{
  struct sock_fprog program = {.len = 0, .filter = filter};

  add(BPF_RET | BPF_K, otherwise, 0, 0);
  program.len = filter_len;
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs: %s", strerror(errno));
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp: %s", strerror(errno));
}

static bool is_listed(const char *list, const char *name)
{
  size_t len = strlen(name);

  for (const char *at = list; (at = strstr(at, name)) != NULL; at++)
    if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
      return true;
  return false;
}

static void install_refusal(const char *list, uint32_t error)
{
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (is_listed(list, calls[i].name))
      add_call(calls[i].number, SECCOMP_RET_ERRNO | error);
  CHECK(filter_len > 1, "no such calls: %s", list);
  install(SECCOMP_RET_ALLOW);
}

/* SIGSYS can say which call it was; a program without a handler is killed. */
static void tell(int number, siginfo_t *info, void *context)
{
  (void)number;
  (void)context;
  CHECK(false, "system call %d is not in the list", info->si_syscall);
}

static void install_list(void)
{
  struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};

  CHECK(sigaction(SIGSYS, &action, NULL) == 0, "sigaction");
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  add_calls(needed, sizeof needed / sizeof needed[0], SECCOMP_RET_ALLOW);
  add_calls(of_memory, sizeof of_memory / sizeof of_memory[0], SECCOMP_RET_ALLOW);
  add_calls(own, sizeof own / sizeof own[0], SECCOMP_RET_ALLOW);
  install(SECCOMP_RET_TRAP);
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
    install_refusal(argv[2], (uint32_t)atoi(argv[3]));
  for (; at < argc; at += 2) {
    put_outcome(call_by_hand(&module, argv[at], argv[at + 1], buffer, sizeof buffer), got);
    puts(got);
  }
  if (only || !is_listed(argv[2], "fcntl"))
    CHECK(only || is_listed(argv[2], "close") || open_descriptors() == before,
          "%u descriptors, before it were %u", open_descriptors(), before);
  _exit(0);
}
