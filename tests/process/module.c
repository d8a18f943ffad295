#include "module.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ADDRESSES_MAX = 512, DESCRIPTORS_SHOWN = 256, ASKED_AGAIN_MAX = 20 };

/* From when on a lookup that has one family's answer may go without the other's; resolver/lookup.h. */
enum { PATIENCE_MS = 900 };

int fail_fd = STDERR_FILENO;

void fail(const char *file, int line, const char *condition, const char *format, ...)
{
  va_list arguments;
  const char *base = strrchr(file, '/');

  dprintf(fail_fd, "%s:%d: %s: ", base ? base + 1 : file, line, condition);
  va_start(arguments, format);
  vdprintf(fail_fd, format, arguments);
  va_end(arguments);
  dprintf(fail_fd, "\n");
  fflush(stdout); /* how far it came */
  _exit(1);
}

static void *entry(const struct module *module, const char *name)
{
  void *found = dlsym(module->handle, name);
  CHECK(found, "%s", name);
  return found;
}

void module_load(struct module *ret, const char *path, int flags)
{
  ret->handle = dlopen(path, RTLD_NOW | flags);
  CHECK(ret->handle, "%s", dlerror());
  *(void **)&ret->byname4 = entry(ret, "_nss_aiodns_gethostbyname4_r");
  *(void **)&ret->byname3 = entry(ret, "_nss_aiodns_gethostbyname3_r");
  *(void **)&ret->byname2 = entry(ret, "_nss_aiodns_gethostbyname2_r");
  *(void **)&ret->byname = entry(ret, "_nss_aiodns_gethostbyname_r");
  *(void **)&ret->byaddr2 = entry(ret, "_nss_aiodns_gethostbyaddr2_r");
  *(void **)&ret->byaddr = entry(ret, "_nss_aiodns_gethostbyaddr_r");
}

/* ---- Results as text ---- */

static const char *eai_name(int code)
{
  switch (code) {
  case EAI_AGAIN:
    return "EAI_AGAIN";
  case EAI_FAIL:
    return "EAI_FAIL";
  case EAI_NONAME:
    return "EAI_NONAME";
  case EAI_NODATA:
    return "EAI_NODATA";
  case EAI_MEMORY:
    return "EAI_MEMORY";
  case EAI_SYSTEM:
    return "EAI_SYSTEM";
  default:
    return "EAI_other";
  }
}

static const char *h_name(int code)
{
  static const char *const name[] = {"-1", "0", "HOST_NOT_FOUND", "TRY_AGAIN", "NO_RECOVERY", "NO_DATA"};
  return code < -1 || code > 4 ? "h_other" : code < 0 ? "NETDB_INTERNAL" : name[code + 1];
}

static const char *error_name(int code)
{
  return code == 0 ? "0" : strerrorname_np(code) ? strerrorname_np(code) : "errno_other";
}

static int by_text(const void *a, const void *b)
{
  return strcmp(a, b);
}

static void put_sorted(char text[][INET6_ADDRSTRLEN], size_t count, char *ret, size_t room)
{
  qsort(text, count, sizeof text[0], by_text);
  char *at = ret;
  *at = '\0';
  for (size_t i = 0; i < count; i++)
    at += snprintf(at, (size_t)(ret + room - at), "%s%s", i ? " " : "", text[i]);
}

static void put_eai(int code, char ret[TEXT_MAX])
{
  snprintf(ret, TEXT_MAX, "%s%s%s", eai_name(code), code == EAI_SYSTEM ? " " : "",
           code == EAI_SYSTEM ? error_name(errno) : "");
}

/* On the heap: threads with little stack ask, too, and thread-local variables take their room from it. */
struct scratch {
  char buffer[BUFFER_LEN];
  char text[ADDRESSES_MAX][INET6_ADDRSTRLEN];
};

static struct scratch *new_scratch(void)
{
  struct scratch *ret = malloc(sizeof *ret);
  CHECK(ret, "no memory");
  return ret;
}

static void ask_gai(const char *name, int family, int flags, char ret[TEXT_MAX])
{
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list;
  size_t count = 0, len = 0;
  int code = getaddrinfo(name, NULL, &hints, &list);

  if (code != 0) {
    put_eai(code, ret);
    return;
  }
  struct scratch *scratch = new_scratch();
  for (struct addrinfo *at = list; at && count < ADDRESSES_MAX; at = at->ai_next, count++) {
    const struct sockaddr_in *in = (const void *)at->ai_addr;
    const struct sockaddr_in6 *in6 = (const void *)at->ai_addr;
    inet_ntop(at->ai_family, at->ai_family == AF_INET ? (const void *)&in->sin_addr : &in6->sin6_addr,
              scratch->text[count], sizeof scratch->text[count]);
  }
  if (flags & AI_CANONNAME)
    len = (size_t)snprintf(ret, TEXT_MAX, "%s: ", list->ai_canonname ? list->ai_canonname : "no name");
  freeaddrinfo(list);
  put_sorted(scratch->text, count, ret + len, TEXT_MAX - len);
  free(scratch);
}

/* `code` is what the function returned: 0 where there is no such host. */
static void put_h_error(int h_error, int code, char ret[TEXT_MAX])
{
  snprintf(ret, TEXT_MAX, "%s%s%s", h_name(h_error), code ? " " : "", code ? error_name(code) : "");
}

static void ask_byname(const char *name, int family, char ret[TEXT_MAX])
{
  struct scratch *scratch = new_scratch();
  struct hostent host, *found;
  size_t count = 0;
  int h_error = 0;
  int code = gethostbyname2_r(name, family, &host, scratch->buffer, sizeof scratch->buffer, &found, &h_error);

  if (found) {
    for (; count < ADDRESSES_MAX && host.h_addr_list[count]; count++)
      inet_ntop(host.h_addrtype, host.h_addr_list[count], scratch->text[count], sizeof scratch->text[count]);
    put_sorted(scratch->text, count, ret, TEXT_MAX);
  } else {
    put_h_error(h_error, code, ret);
  }
  free(scratch);
}

static int parse_address(const char *text, uint8_t ret[16])
{
  if (inet_pton(AF_INET, text, ret) == 1)
    return AF_INET;
  CHECK(inet_pton(AF_INET6, text, ret) == 1, "%s", text);
  return AF_INET6;
}

static void ask_byaddr(const char *address, char ret[TEXT_MAX])
{
  struct scratch *scratch = new_scratch();
  uint8_t octets[16];
  struct hostent host, *found;
  int family = parse_address(address, octets), h_error = 0;
  int code = gethostbyaddr_r(octets, family == AF_INET ? 4 : 16, family, &host, scratch->buffer,
                             sizeof scratch->buffer, &found, &h_error);

  if (found)
    snprintf(ret, TEXT_MAX, "%s", host.h_name);
  else
    put_h_error(h_error, code, ret);
  free(scratch);
}

static void ask_nameinfo(const char *address, char ret[TEXT_MAX])
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  uint8_t octets[16];
  bool is4 = parse_address(address, octets) == AF_INET;

  memcpy(&in.sin_addr, octets, 4);
  memcpy(&in6.sin6_addr, octets, 16);
  int code = getnameinfo(is4 ? (void *)&in : &in6, is4 ? sizeof in : sizeof in6, ret, NI_MAXHOST, NULL, 0,
                         NI_NAMEREQD);
  if (code != 0)
    put_eai(code, ret);
}

void ask(const char *how, const char *name, char ret[TEXT_MAX])
{
  static const struct {
    const char *how;
    int family, flags;
  } gai[] = {
      {"gai", AF_UNSPEC, 0},
      {"gai4", AF_INET, 0},
      {"gai6", AF_INET6, 0},
      {"canon", AF_UNSPEC, AI_CANONNAME},
      {"canon4", AF_INET, AI_CANONNAME},
      {"canon6", AF_INET6, AI_CANONNAME},
  };

  for (size_t i = 0; i < sizeof gai / sizeof gai[0]; i++)
    if (strcmp(how, gai[i].how) == 0) {
      ask_gai(name, gai[i].family, gai[i].flags, ret);
      return;
    }
  if (strcmp(how, "byname") == 0)
    ask_byname(name, AF_INET, ret);
  else if (strcmp(how, "byname6") == 0)
    ask_byname(name, AF_INET6, ret);
  else if (strcmp(how, "byaddr") == 0)
    ask_byaddr(name, ret);
  else if (strcmp(how, "nameinfo") == 0)
    ask_nameinfo(name, ret);
  else
    CHECK(false, "no such lookup: %s", how);
}

static int64_t now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void check_ask(const char *file, int line, const char *how, const char *name, const char *wanted)
{
  char *got = malloc(TEXT_MAX);

  CHECK(got, "no memory");
  /*
   * One family alone is right where the lookup has lost its patience with the other, as on a machine so busy
   * that the server did not get to answer; then it is asked again.  Sooner than that it is a failure.
   */
  for (int i = 0;; i++) {
    int64_t start = now_ms();
    ask(how, name, got);
    if (strcmp(got, wanted) == 0)
      break;
    int64_t took = now_ms() - start;
    if (i >= ASKED_AGAIN_MAX || took < PATIENCE_MS || !strstr(wanted, got))
      fail(file, line, "the answer", "%s %s: wanted %s, got %s, the %d. time, after %d ms", how, name, wanted,
           got, i + 1, (int)took);
  }
  free(got);
}

struct outcome call_by_hand(const struct module *module, const char *how, const char *name, char *buffer,
                            size_t len)
{
  struct gaih_addrtuple *list = NULL;
  struct outcome ret = {0};
  struct hostent host;
  uint8_t octets[16];
  char *canonical;
  int32_t ttl;

  errno = 0; /* a success restores it, to wherever errnop points */
  if (strcmp(how, "gai") == 0)
    ret.status = module->byname4(name, &list, buffer, len, &ret.error, &ret.h_error, &ttl);
  else if (strcmp(how, "gai4") == 0)
    ret.status =
        module->byname3(name, AF_INET, &host, buffer, len, &ret.error, &ret.h_error, &ttl, &canonical);
  else if (strcmp(how, "gai6") == 0)
    ret.status =
        module->byname3(name, AF_INET6, &host, buffer, len, &ret.error, &ret.h_error, &ttl, &canonical);
  else if (strcmp(how, "byname6") == 0)
    ret.status = module->byname2(name, AF_INET6, &host, buffer, len, &ret.error, &ret.h_error);
  else if (strcmp(how, "byname") == 0)
    ret.status = module->byname(name, &host, buffer, len, &ret.error, &ret.h_error);
  else if (parse_address(name, octets) == AF_INET)
    ret.status = module->byaddr(octets, 4, AF_INET, &host, buffer, len, &ret.error, &ret.h_error);
  else
    ret.status = module->byaddr2(octets, 16, AF_INET6, &host, buffer, len, &ret.error, &ret.h_error, &ttl);
  return ret;
}

void put_outcome(struct outcome outcome, char ret[OUTCOME_MAX])
{
  static const char *const status_name[] = {"TRYAGAIN", "UNAVAIL", "NOTFOUND", "SUCCESS"};

  CHECK(outcome.status >= -2 && outcome.status <= 1, "status %d", outcome.status);
  snprintf(ret, OUTCOME_MAX, "%s %s %s", status_name[outcome.status + 2], error_name(outcome.error),
           h_name(outcome.h_error));
}

unsigned descriptors(void)
{
  DIR *folder = opendir("/proc/self/fd");
  unsigned count = 0;

  CHECK(folder, "no /proc");
  while (readdir(folder))
    count++;
  closedir(folder);
  return count - 3; /* ".", "..", and the folder's own */
}

void check_descriptors(const char *file, int line, unsigned wanted)
{
  unsigned count = descriptors();

  if (count == wanted)
    return;
  for (int fd = 0; fd < DESCRIPTORS_SHOWN; fd++) {
    char link[64], target[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, target, sizeof target);
    if (len >= 0)
      dprintf(fail_fd, "%d: %.*s\n", fd, (int)len, target);
  }
  fail(file, line, "the descriptors", "%u are open, before it were %u", count, wanted);
}

static bool is_of_cache(const char *path)
{
  return strstr(path, "/run/aiodns/") || strstr(path, "/aiodns/cache.") || strstr(path, "/dev/shm/aiodns.");
}

unsigned writers(void)
{
  static char text[131072];
  char target[256], link[64];
  unsigned count = 0;
  size_t len = 0;
  ssize_t got;
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

  /* No stdio, which a child of a busy program must not rely on. */
  CHECK(maps >= 0, "no /proc");
  while ((got = read(maps, text + len, sizeof text - 1 - len)) > 0)
    len += (size_t)got;
  close(maps);
  text[len] = '\0';
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    const char *rights = strchr(line, ' ');
    count += rights && rights[2] == 'w' && rights[4] == 's' && is_of_cache(line);
  }
  for (int fd = 0; fd < DESCRIPTORS_SHOWN; fd++) {
    int flags = fcntl(fd, F_GETFL);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    got = flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? -1 : readlink(link, target, sizeof target - 1);
    target[got < 0 ? 0 : got] = '\0';
    count += is_of_cache(target);
  }
  return count;
}

void limit(__rlimit_resource_t resource, rlim_t value)
{
  struct rlimit limits;

  CHECK(getrlimit(resource, &limits) == 0, "getrlimit");
  limits.rlim_cur = value < limits.rlim_max ? value : limits.rlim_max;
  CHECK(setrlimit(resource, &limits) == 0, "setrlimit: %s", strerror(errno));
}

void leave_descriptors(unsigned spare)
{
  int lowest = dup(STDERR_FILENO);

  CHECK(lowest >= 0, "dup");
  close(lowest);
  limit(RLIMIT_NOFILE, (rlim_t)lowest + spare);
}
