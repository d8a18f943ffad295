/*
 * hosts-client: looks names up and says how long that took, by the orders of hosts.py, one a line:
 *
 *   names FILE            the names that "@" stands for, one of them at random each time
 *   ask KIND NAME         what the answer is
 *   run KIND NAME N B     N times B lookups: "median of a lookup in ns, processor time of one in ns"
 *   first KIND NAME N     N new processes with one lookup each: "median of the lookup in ns, of the whole
 * process in ns, most memory of any in KiB"
 *
 * KIND: any (getaddrinfo, AF_UNSPEC), inet (AF_INET), address (getnameinfo), direct (gethostbyname4_r of the
 * module itself).
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <nss.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 512, SAMPLES_MAX = 100000, RESULT_FD = 3, BUFFER_LEN = 1024 };

static char **names;
static size_t name_count;
static uint64_t chance = 1;

static int64_t now_ns(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const char *choose(const char *name)
{
  if (strcmp(name, "@") != 0 || name_count == 0)
    return name;
  chance = chance * 6364136223846793005u + 1442695040888963407u;
  return names[(chance >> 33) % name_count];
}

/* ---- One lookup; `text`, where it is not NULL, gets the answer ---- */

static void by_name(const char *name, int family, char *text)
{
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
  int error = getaddrinfo(name, NULL, &hints, &list);

  if (text)
    *text = '\0';
  if (error) {
    if (text)
      snprintf(text, TEXT_MAX, "%s", error == EAI_NONAME ? "no such name" : gai_strerror(error));
    return;
  }
  for (const struct addrinfo *at = list; text && at; at = at->ai_next) {
    size_t len = strlen(text);
    if (len > 0 && len + 1 < TEXT_MAX)
      text[len++] = ' ';
    (void)getnameinfo(at->ai_addr, at->ai_addrlen, text + len, (socklen_t)(TEXT_MAX - len), NULL, 0,
                      NI_NUMERICHOST);
  }
  freeaddrinfo(list);
}

static void by_address(const char *address, char *text)
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  char host[NI_MAXHOST] = "";

  inet_pton(AF_INET, address, &in.sin_addr);
  int error = getnameinfo((struct sockaddr *)&in, sizeof in, host, sizeof host, NULL, 0, NI_NAMEREQD);
  if (text)
    snprintf(text, TEXT_MAX, "%.*s", TEXT_MAX - 1, error ? gai_strerror(error) : host);
}

static void directly(const char *name, char *text)
{
  static enum nss_status (*function)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *,
                                     int32_t *);
  _Alignas(max_align_t) char buffer[BUFFER_LEN];
  struct gaih_addrtuple *tuple = NULL;
  int error, h_error;

  if (!function) {
    void *module = dlopen("libnss_aiodns.so.2", RTLD_NOW);
    *(void **)&function = module ? dlsym(module, "_nss_aiodns_gethostbyname4_r") : NULL;
    by_name(name, AF_UNSPEC, NULL); /* glibc makes `_res` ready */
  }
  if (!function)
    exit(1);
  enum nss_status status = function(name, &tuple, buffer, sizeof buffer, &error, &h_error, NULL);
  if (text && status == NSS_STATUS_SUCCESS)
    inet_ntop(tuple->family, tuple->addr, text, TEXT_MAX);
  else if (text)
    snprintf(text, TEXT_MAX, "status %d", status);
}

static void look_up(const char *kind, const char *name, char *text)
{
  switch (*kind) {
  case 'a':
    if (strcmp(kind, "address") == 0)
      by_address(name, text);
    else
      by_name(name, AF_UNSPEC, text);
    break;
  case 'i':
    by_name(name, AF_INET, text);
    break;
  default:
    directly(name, text);
    break;
  }
}

/* ---- Orders ---- */

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

static int64_t median(int64_t *samples, size_t count)
{
  qsort(samples, count, sizeof *samples, compare);
  return samples[count / 2];
}

static int64_t samples[SAMPLES_MAX], processes[SAMPLES_MAX];

static void run(const char *kind, const char *name, size_t count, size_t batch)
{
  int64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);

  for (size_t i = 0; i < count; i++) {
    int64_t begin_ns = now_ns(CLOCK_MONOTONIC);
    for (size_t k = 0; k < batch; k++)
      look_up(kind, choose(name), NULL);
    samples[i] = (now_ns(CLOCK_MONOTONIC) - begin_ns) / (int64_t)batch;
  }
  cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
  printf("%" PRId64 " %" PRId64 "\n", median(samples, count), cpu_ns / (int64_t)(count * batch));
}

struct first {
  int64_t time_ns;
  int64_t kib; /* the most memory that it had */
};

/* A new process with one lookup. */
static bool start(const char *kind, const char *name, struct first *ret, int64_t *ret_process_ns)
{
  char program[] = "/proc/self/exe", option[] = "--first", kind_text[16], name_text[TEXT_MAX];
  char *arguments[] = {program, option, kind_text, name_text, NULL}, *environment[] = {NULL};
  posix_spawn_file_actions_t actions;
  int fd[2], status = -1;
  pid_t pid;

  snprintf(kind_text, sizeof kind_text, "%s", kind);
  snprintf(name_text, sizeof name_text, "%s", choose(name));
  if (pipe2(fd, O_CLOEXEC) != 0)
    return false;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd[1], RESULT_FD);
  int64_t begin_ns = now_ns(CLOCK_MONOTONIC);
  bool right = posix_spawn(&pid, program, &actions, NULL, arguments, environment) == 0;
  if (right)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
  *ret_process_ns = now_ns(CLOCK_MONOTONIC) - begin_ns;
  posix_spawn_file_actions_destroy(&actions);
  right = right && status == 0 && read(fd[0], ret, sizeof *ret) == (ssize_t)sizeof *ret;
  close(fd[0]);
  close(fd[1]);
  return right;
}

static void first(const char *kind, const char *name, size_t count)
{
  int64_t kib = 0;

  for (size_t i = 0; i < count; i++) {
    struct first result = {0};
    if (!start(kind, name, &result, &processes[i]))
      exit(1);
    samples[i] = result.time_ns;
    kib = result.kib > kib ? result.kib : kib;
  }
  printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", median(samples, count), median(processes, count), kib);
}

/* ---- In a new process ---- */

static int64_t most_memory_kib(void)
{
  FILE *file = fopen("/proc/self/status", "re");
  char line[TEXT_MAX];
  int64_t kib = 0;

  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "VmHWM:", 6) == 0)
      kib = strtoll(line + 6, NULL, 10);
  if (file)
    (void)fclose(file);
  return kib;
}

static int be_first(const char *kind, const char *name)
{
  int64_t begin_ns = now_ns(CLOCK_MONOTONIC);
  look_up(kind, name, NULL);
  struct first result = {.time_ns = now_ns(CLOCK_MONOTONIC) - begin_ns};

  result.kib = most_memory_kib();
  return write(RESULT_FD, &result, sizeof result) != (ssize_t)sizeof result;
}

/* ---- */

static void read_names(const char *path)
{
  FILE *file = fopen(path, "re");
  char line[TEXT_MAX];

  name_count = 0;
  while (file && fgets(line, sizeof line, file)) {
    char **more = realloc(names, (name_count + 1) * sizeof *names);
    line[strcspn(line, "\n")] = '\0';
    if (!more || !(more[name_count] = strdup(line)))
      abort();
    names = more;
    name_count++;
  }
  if (!file || fclose(file) != 0)
    exit(1);
  printf("%zu\n", name_count);
}

int main(int argc, char **argv)
{
  char line[2 * TEXT_MAX], order[16], kind[TEXT_MAX] = "", name[TEXT_MAX] = "", text[TEXT_MAX] = "";

  if (argc == 4 && strcmp(argv[1], "--first") == 0)
    return be_first(argv[2], argv[3]);
  while (fgets(line, sizeof line, stdin)) {
    int rest = 0;
    if (sscanf(line, "%15s %511s %511s%n", order, kind, name, &rest) < 2)
      return 2;
    char *end = line + rest;
    size_t count = strtoul(end, &end, 10), batch = strtoul(end, NULL, 10);
    count += count == 0;
    batch += batch == 0;
    if (count > SAMPLES_MAX)
      return 2;
    if (strcmp(order, "names") == 0) {
      read_names(kind);
    } else if (strcmp(order, "ask") == 0) {
      look_up(kind, choose(name), text);
      puts(text);
    } else if (strcmp(order, "run") == 0) {
      run(kind, name, count, batch);
    } else if (strcmp(order, "first") == 0) {
      first(kind, name, count);
    } else {
      return 2;
    }
    if (fflush(stdout) != 0)
      return 1;
  }
  return 0;
}
