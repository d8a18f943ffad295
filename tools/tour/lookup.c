#include "lookup.h"

#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MODULE "libnss_aiodns.so.2"

enum {
  PATIENCE_S = 30, /* for a process and all its lookups: glibc's own limit is 10 s for each */
  REPEAT_MAX = 100,
};

static int64_t now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void append(char *text, const char *more)
{
  size_t len = strlen(text);

  if (len && len < TOUR_TEXT_MAX - 1)
    text[len++] = ' ';
  size_t more_len = strnlen(more, TOUR_TEXT_MAX - 1 - len);
  memcpy(text + len, more, more_len);
  text[len + more_len] = '\0';
}

static void append_addresses(char *text, const struct addrinfo *list, int family)
{
  char address[NI_MAXHOST];

  for (const struct addrinfo *at = list; at; at = at->ai_next)
    if (at->ai_family == family &&
        getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
      append(text, address);
}

static const char *reason(int code)
{
  switch (code) {
  case EAI_NONAME:
    return "no such name";
  case EAI_NODATA:
    return "no address";
  case EAI_SYSTEM:
    return strerror(errno);
  default:
    return gai_strerror(code);
  }
}

/* True: the name of an address is wanted. */
static bool is_reverse(const struct tour_lookup *lookup, struct sockaddr_in *ret)
{
  *ret = (struct sockaddr_in){.sin_family = AF_INET};
  return inet_pton(AF_INET, lookup->asked, &ret->sin_addr) == 1;
}

/* One lookup by glibc: how long it took, and what came out if `text` is not NULL. */
static int64_t look_up(const struct tour_lookup *lookup, char *text)
{
  const struct addrinfo hints = {.ai_family = lookup->family,
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_flags = lookup->canonical ? AI_CANONNAME : 0};
  struct addrinfo *list = NULL;
  struct sockaddr_in address;
  char name[NI_MAXHOST];
  bool reverse = is_reverse(lookup, &address);

  int64_t begin = now_ns();
  int code = reverse ? getnameinfo((const struct sockaddr *)&address, sizeof address, name, sizeof name, NULL,
                                   0, NI_NAMEREQD)
                     : getaddrinfo(lookup->asked, NULL, &hints, &list);
  int64_t end = now_ns();
  if (text) {
    *text = '\0';
    if (code)
      append(text, reason(code));
    else if (reverse)
      append(text, name);
    else if (lookup->canonical && list->ai_canonname)
      append(text, list->ai_canonname);
    append_addresses(text, list, AF_INET);
    append_addresses(text, list, AF_INET6);
  }
  if (list)
    freeaddrinfo(list);
  return end - begin;
}

static void find_module(char *ret)
{
  char *line = NULL;
  size_t room = 0;
  FILE *maps = fopen("/proc/self/maps", "re");

  while (maps && getline(&line, &room, maps) > 0) {
    const char *path = strchr(line, '/');
    if (path && strstr(path, "/" MODULE)) {
      snprintf(ret, PATH_MAX, "%.*s", (int)strcspn(path, "\n"), path);
      break;
    }
  }
  free(line);
  if (maps)
    (void)fclose(maps);
}

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* What the process does. */
static void ask(const struct tour_lookup *lookup, const char *services, unsigned repeat,
                struct tour_answer *ret)
{
  int64_t time_ns[REPEAT_MAX];

  alarm(PATIENCE_S);
  /* Counts only before glibc has looked anything up. */
  if (services && __nss_configure_lookup("hosts", services) != 0) {
    append(ret->text, strerror(errno));
    return;
  }
  /* The first one loads the module and reads the configuration, which all that follow have been spared. */
  ret->time_ns = look_up(lookup, ret->text);
  find_module(ret->module);
  for (unsigned i = 0; i < repeat; i++)
    time_ns[i] = look_up(lookup, NULL);
  if (repeat) {
    qsort(time_ns, repeat, sizeof time_ns[0], compare);
    ret->time_ns = time_ns[repeat / 2];
  }
}

struct tour_asking tour_lookup_start(const struct tour_lookup *lookup, const char *services, unsigned repeat)
{
  pid_t parent = getpid();
  int fd[2];

  if (pipe2(fd, O_CLOEXEC) != 0)
    return (struct tour_asking){.pid = -1, .fd = -1};
  pid_t pid = fork();
  if (pid == 0) {
    struct tour_answer answer = {0};
    close(fd[0]);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
      _exit(1);
    ask(lookup, services, repeat < REPEAT_MAX ? repeat : REPEAT_MAX, &answer);
    _exit(write(fd[1], &answer, sizeof answer) != (ssize_t)sizeof answer);
  }
  close(fd[1]);
  return (struct tour_asking){.pid = pid, .fd = fd[0]};
}

bool tour_lookup_finish(struct tour_asking *asking, struct tour_answer *ret)
{
  size_t got = 0;
  int status = 0;

  *ret = (struct tour_answer){0};
  for (ssize_t n = 1; asking->fd >= 0 && n > 0 && got<sizeof *ret; got += n> 0 ? (size_t)n : 0)
    n = read(asking->fd, (uint8_t *)ret + got, sizeof *ret - got);
  if (asking->fd >= 0)
    close(asking->fd);
  while (asking->pid > 0 && waitpid(asking->pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (got == sizeof *ret && status == 0)
    return true;
  if (asking->pid > 0 && WIFSIGNALED(status))
    snprintf(ret->text, sizeof ret->text, "killed: %s", strsignal(WTERMSIG(status)));
  else
    snprintf(ret->text, sizeof ret->text, "could not start it");
  return false;
}

static void put_by(char *ret, const struct aiodns_result *result, const struct __res_state *state)
{
  const char *by = result->source == AIODNS_SOURCE_HOSTS     ? "hosts"
                   : result->source == AIODNS_SOURCE_SPECIAL ? "rule"
                                                             : "nobody";
  int i = result->server;

  if (result->source == AIODNS_SOURCE_SERVERS && i >= 0 && i < state->nscount &&
      inet_ntop(AF_INET, &state->nsaddr_list[i].sin_addr, ret, INET6_ADDRSTRLEN))
    return; /* the tour's servers all have IPv4 addresses */
  snprintf(ret, INET6_ADDRSTRLEN, "%s", by);
}

static uint32_t ttl_of(const struct aiodns_result *result)
{
  if (result->outcome == AIODNS_ANSWER)
    return aiodns_result_ttl_s(result);
  if (result->outcome == AIODNS_NO_NAME || result->outcome == AIODNS_NO_DATA)
    return result->answer[0].ttl_s; /* by the SOA, the same for both families */
  return 0;
}

void tour_lookup_origin(const struct tour_lookup *lookup, struct tour_origin *ret)
{
  struct __res_state state = {0};
  struct aiodns_result result;
  struct sockaddr_in address;

  if (res_ninit(&state) != 0) { /* nor res_nclose(): it would close descriptor 0 */
    *ret = (struct tour_origin){.by = "no resolv.conf"};
    return;
  }
  if (is_reverse(lookup, &address))
    aiodns_resolve_address(&result, &state, AF_INET, &address.sin_addr);
  else
    aiodns_resolve_name(&result, &state, lookup->asked, lookup->family);
  put_by(ret->by, &result, &state);
  ret->ttl_s = ttl_of(&result);
  aiodns_result_done(&result);
  res_nclose(&state);
}
