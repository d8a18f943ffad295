/*
 * calls SERVICE HOW NAME STATUS...: lookups straight through a service's own functions, without glibc's part
 * around them, for strace(1) to watch.  Before and after each a descriptor that cannot be is closed, so that
 * the calls in between can be told from this program's own.
 *
 * HOW is `both`, `inet`, `inet6`, `addr` or, with a buffer that is too small at first, `inet-small`; STATUS
 * is what must come of it.  `closed - -` is no lookup: it closes the standard streams.  `tick - -` waits for
 * the next tick of the clock by which the module decides when to look again; `still - -` ends the process
 * with status 3 unless that tick lasts, and so does a process that is slower than all it waits for.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  TOO_SLOW = 3,
  TOO_SLOW_MS = 900,
  MARKER = -4242,
  BUFFER_LEN = 65536,
  BUFFER_SMALL_LEN = 16,
};

struct gaih_addrtuple;

static struct service {
  enum nss_status (*by_name)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *, int32_t *);
  enum nss_status (*by_family)(const char *, int, struct hostent *, char *, size_t, int *, int *);
  enum nss_status (*by_address)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *);
} service;

/* Of our module, or of glibc's services, which are in libc itself. */
static void *function_of(const char *name, const char *function)
{
  bool ours = strcmp(name, "aiodns") == 0;
  char symbol[64];
  void *module = ours ? dlopen("libnss_aiodns.so.2", RTLD_NOW) : NULL;

  snprintf(symbol, sizeof symbol, "_nss_%s_%s", name, function);
  void *found = ours ? module ? dlsym(module, symbol) : NULL : dlvsym(RTLD_DEFAULT, symbol, "GLIBC_PRIVATE");
  if (!found) {
    fprintf(stderr, "calls: %s\n", dlerror());
    exit(2);
  }
  return found;
}

static enum nss_status look_up_once(const char *how, const char *name, size_t buffer_len)
{
  static char buffer[BUFFER_LEN];
  struct gaih_addrtuple *tuples = NULL;
  struct hostent host;
  struct in_addr address;
  int error = 0, h_error = 0;

  if (strcmp(how, "both") == 0)
    return service.by_name(name, &tuples, buffer, buffer_len, &error, &h_error, NULL);
  if (strcmp(how, "addr") == 0 && inet_pton(AF_INET, name, &address) == 1)
    return service.by_address(&address, sizeof address, AF_INET, &host, buffer, buffer_len, &error, &h_error);
  return service.by_family(name, strcmp(how, "inet6") == 0 ? AF_INET6 : AF_INET, &host, buffer, buffer_len,
                           &error, &h_error);
}

static enum nss_status look_up(const char *how, const char *name)
{
  enum nss_status status = NSS_STATUS_TRYAGAIN;

  (void)syscall(SYS_close, MARKER);
  if (strcmp(how, "inet-small") == 0)
    status = look_up_once(how, name, BUFFER_SMALL_LEN);
  if (status == NSS_STATUS_TRYAGAIN)
    status = look_up_once(how, name, BUFFER_LEN);
  (void)syscall(SYS_close, MARKER);
  return status;
}

static int64_t now_ns(clockid_t clock)
{
  struct timespec now = {0};

  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t next_tick(void)
{
  int64_t before = now_ns(CLOCK_MONOTONIC_COARSE), now;

  do
    now = now_ns(CLOCK_MONOTONIC_COARSE);
  while (now == before);
  return now;
}

static const char *status_name(enum nss_status status)
{
  switch (status) {
  case NSS_STATUS_SUCCESS:
    return "SUCCESS";
  case NSS_STATUS_NOTFOUND:
    return "NOTFOUND";
  case NSS_STATUS_TRYAGAIN:
    return "TRYAGAIN";
  default:
    return "UNAVAIL";
  }
}

int main(int argc, char **argv)
{
  if (argc < 5 || argc % 3 != 2 || res_init() != 0)
    return 2;
  *(void **)&service.by_name = function_of(argv[1], "gethostbyname4_r");
  *(void **)&service.by_family = function_of(argv[1], "gethostbyname2_r");
  *(void **)&service.by_address = function_of(argv[1], "gethostbyaddr_r");
  int64_t start_ns = now_ns(CLOCK_MONOTONIC), tick_ns = 0;
  for (char **at = argv + 2; *at; at += 3) {
    if (strcmp(at[0], "tick") == 0) {
      tick_ns = next_tick();
      continue;
    }
    if (strcmp(at[0], "still") == 0) {
      if (now_ns(CLOCK_MONOTONIC_COARSE) != tick_ns)
        return TOO_SLOW;
      continue;
    }
    if (strcmp(at[0], "closed") == 0) {
      for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        close(fd);
      continue;
    }
    const char *status = status_name(look_up(at[0], at[1]));
    if (strcmp(status, at[2]) != 0) {
      fprintf(stderr, "calls: %s %s gives %s\n", at[0], at[1], status);
      return 1;
    }
  }
  return now_ns(CLOCK_MONOTONIC) - start_ns < TOO_SLOW_MS * INT64_C(1000000) ? 0 : TOO_SLOW;
}
