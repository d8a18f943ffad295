#include "filter.h"

#include "module.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  FILTER_MAX = 128,
  KIND_MASK = 0xf, /* what is no flag in socket's second argument */
#if __BYTE_ORDER == __BIG_ENDIAN
  LOW_WORD = 4,
#else
  LOW_WORD = 0,
#endif
};

/* What C functions come to; which of them exist depends on the processor. */
static const struct {
  const char *name;
  int number;
} calls[] = {
    {"socket", SYS_socket},
    {"connect", SYS_connect},
    {"send", SYS_sendto},
    {"recv", SYS_recvfrom},
    {"recvmsg", SYS_recvmsg},
    {"setsockopt", SYS_setsockopt},
    {"getrandom", SYS_getrandom},
    {"open", SYS_openat},
    {"read", SYS_read},
    {"lseek", SYS_lseek},
    {"close", SYS_close},
    {"fcntl", SYS_fcntl},
    {"uname", SYS_uname},
    {"clock", SYS_clock_gettime},
    /* of the cache */
    {"users", SYS_getresuid},
    {"groups", SYS_getresgid},
    {"capget", SYS_capget},
    {"fstatfs", SYS_fstatfs},
    {"mkdir", SYS_mkdirat},
    {"fchmod", SYS_fchmod},
    {"fallocate", SYS_fallocate},
    {"unlink", SYS_unlinkat},
    {"prlimit", SYS_prlimit64},
    {"getsockopt", SYS_getsockopt},
    {"getsockname", SYS_getsockname},
    {"pwrite", SYS_pwrite64},
    {"nanosleep", SYS_nanosleep},
    {"futex", SYS_futex},
    {"gettid", SYS_gettid},
    {"getpid", SYS_getpid},
    {"statfs", SYS_statfs},
    {"fchmod", SYS_fchmodat},
    {"tgkill", SYS_tgkill},
    {"mmap", SYS_mmap},
#ifdef SYS_renameat
    {"rename", SYS_renameat},
#endif
    {"rename", SYS_renameat2},
#ifdef SYS_newfstatat
    {"fstat", SYS_newfstatat},
#endif
#ifdef SYS_fstat
    {"fstat", SYS_fstat},
#endif
#ifdef SYS_statx
    {"fstat", SYS_statx},
#endif
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
 * none; fstat and lseek are for the hosts file, uname for a name that DNS does not know, fcntl for programs
 * without standard streams.
 */
static const int needed[] = {
    SYS_socket,     SYS_connect, SYS_sendto, SYS_recvfrom, SYS_openat,        SYS_read,  SYS_recvmsg,
    SYS_setsockopt, SYS_lseek,   SYS_close,  SYS_fcntl,    SYS_clock_gettime, SYS_uname, SYS_getrandom,
#ifdef SYS_poll
    SYS_poll,
#else
    SYS_ppoll,
#endif
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
/* With a cache these, too; a lookup does without each of them. */
static const int of_cache[] = {
    SYS_statfs,    SYS_fchmodat, SYS_getresuid,  SYS_getresgid,   SYS_capget,    SYS_fstatfs,
    SYS_mkdirat,   SYS_fchmod,   SYS_fallocate,  SYS_unlinkat,    SYS_prlimit64, SYS_pwrite64,
    SYS_nanosleep, SYS_gettid,   SYS_getsockopt, SYS_getsockname, SYS_getpid,    SYS_tgkill,
#ifdef SYS_renameat
    SYS_renameat,
#else
    SYS_renameat2,
#endif
};
static const int of_memory[] = {SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect};
/* This program's own: to say what was wrong, and to end. */
static const int own[] = {SYS_write, SYS_exit_group, SYS_rt_sigreturn};

struct filter {
  struct sock_filter code[FILTER_MAX];
  unsigned short len;
};

static void add(struct filter *filter, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
  CHECK(filter->len < FILTER_MAX, "the filter is full");
  filter->code[filter->len++] = (struct sock_filter){code, jt, jf, k};
}

static void begin(struct filter *filter)
{
  filter->len = 0;
  add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

static void add_call(struct filter *filter, int number, uint32_t action)
{
  add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
  add(filter, BPF_RET | BPF_K, action, 0, 0);
}

static void add_calls(struct filter *filter, const int *number, size_t count, uint32_t action)
{
  for (size_t i = 0; i < count; i++)
    add_call(filter, number[i], action);
}

/* As seccomp(2). */
static int install(struct filter *filter, uint32_t otherwise, unsigned flags)
{
  add(filter, BPF_RET | BPF_K, otherwise, 0, 0);
  struct sock_fprog program = {.len = filter->len, .filter = filter->code};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs: %s", strerror(errno));
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

bool filter_lists(const char *list, const char *name)
{
  size_t len = strlen(name);

  for (const char *at = list; (at = strstr(at, name)) != NULL; at++)
    if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
      return true;
  return false;
}

/* A call whose second argument has these bits. */
static void add_kind(struct filter *filter, int number, uint32_t mask, uint32_t bits, uint32_t action)
{
  add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
  add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args[1]) + LOW_WORD), 0, 0);
  add(filter, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
  add(filter, BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1);
  add(filter, BPF_RET | BPF_K, action, 0, 0);
  add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

void filter_refuse(const char *list, int error)
{
  struct filter filter;
  unsigned short empty;

  begin(&filter);
  empty = filter.len;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (filter_lists(list, calls[i].name))
      add_call(&filter, calls[i].number, SECCOMP_RET_ERRNO | (uint32_t)error);
  if (filter_lists(list, "stream"))
    add_kind(&filter, SYS_socket, KIND_MASK, SOCK_STREAM, SECCOMP_RET_ERRNO | (uint32_t)error);
  CHECK(filter.len > empty, "no such calls: %s", list);
  CHECK(install(&filter, SECCOMP_RET_ALLOW, 0) == 0, "seccomp: %s", strerror(errno));
}

void filter_allow_needed(void)
{
  struct filter filter;

  begin(&filter);
  add_calls(&filter, needed, sizeof needed / sizeof needed[0], SECCOMP_RET_ALLOW);
  add_calls(&filter, of_cache, sizeof of_cache / sizeof of_cache[0], SECCOMP_RET_ALLOW);
  add_call(&filter, SYS_futex, SECCOMP_RET_ALLOW);
  add_calls(&filter, of_memory, sizeof of_memory / sizeof of_memory[0], SECCOMP_RET_ALLOW);
  add_calls(&filter, own, sizeof own / sizeof own[0], SECCOMP_RET_ALLOW);
  CHECK(install(&filter, SECCOMP_RET_TRAP, 0) == 0, "seccomp: %s", strerror(errno));
}

int filter_notify_needed(void)
{
  struct filter filter;

  begin(&filter);
  add_calls(&filter, needed, sizeof needed / sizeof needed[0], SECCOMP_RET_USER_NOTIF);
  add_calls(&filter, of_cache, sizeof of_cache / sizeof of_cache[0], SECCOMP_RET_USER_NOTIF);
  /* Between processes; those between threads are libc's, and this program's own. */
  add_kind(&filter, SYS_futex, FUTEX_PRIVATE_FLAG, 0, SECCOMP_RET_USER_NOTIF);
  return install(&filter, SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}
