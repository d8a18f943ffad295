#include "stage.h"

#include "place.h"
#include "rows.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Below what tools/tour/place.c covers, but with programs allowed: the build may be in a folder that we
 * cover. */
#define LIBRARIES    "/sys/modules"
#define NULL_MODULE  "libnss_null.so.2"
#define UNBOUND      "/usr/sbin/unbound"
#define UNBOUND_CONF "aiodns-bench-unbound.conf"

enum {
  READY_TRIES = 500, /* for unbound to listen; it needs some 30 ms */
  READY_PAUSE_US = 10000,
  LIBRARY_PATH_MAX = 2 * PATH_MAX,
};

static const char unbound_conf[] =
    "server:\n"
    "  interface: " BENCH_UNBOUND "\n"
    "  access-control: 127.0.0.0/8 allow\n"
    "  username: \"\"\n  chroot: \"\"\n  directory: \"/\"\n  pidfile: \"\"\n  use-syslog: no\n  logfile: "
    "\"\"\n"
    "  module-config: \"iterator\"\n  do-not-query-localhost: no\n  num-threads: 1\n"
    "  local-zone: \"new.example.\" redirect\n"
    "  local-data: \"new.example. 300 A 192.0.2.70\"\n"
    "  local-data: \"new.example. 300 AAAA 2001:db8::70\"\n"
    "remote-control:\n  control-enable: no\n"
    "stub-zone:\n  name: \"example.\"\n  stub-addr: " TOUR_SERVER "\n";

static bool failed(const char *what)
{
  fprintf(stderr, "aiodns-bench: cannot %s: %s\n", what, strerror(errno));
  return false;
}

static bool copy_library(const char *from)
{
  char to[PATH_MAX];
  struct stat st;

  if (snprintf(to, sizeof to, LIBRARIES "/%s", strrchr(from, '/') + 1) >= (int)sizeof to)
    return false;
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  bool done = in >= 0 && out >= 0 && fstat(in, &st) == 0;
  for (off_t left = done ? st.st_size : 0; done && left > 0;) {
    ssize_t copied = sendfile(out, in, NULL, (size_t)left);
    done = copied > 0;
    left -= copied;
  }
  if (!done)
    failed(from);
  if (in >= 0)
    close(in);
  if (out >= 0)
    close(out);
  return done;
}

/* glibc finds the modules as every program does. */
static bool make_loader_cache(void)
{
  char program[] = "/sbin/ldconfig", no_links[] = "-X", old_names[] = "-i", output[] = "-C",
       cache[] = "/etc/ld.so.cache", folder[] = LIBRARIES;
  char *arguments[] = {program, no_links, old_names, output, cache, folder, NULL}, *environment[] = {NULL};
  int status = -1;
  pid_t pid;

  errno = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
  if (errno)
    return failed("start ldconfig");
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    fprintf(stderr, "aiodns-bench: ldconfig failed\n");
  return status == 0;
}

static bool find_null_module(char ret[PATH_MAX])
{
  ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - 1);

  if (len < 0)
    return failed("find the null module");
  ret[len] = '\0';
  char *name = strrchr(ret, '/') + 1;
  if ((size_t)(name - ret) + sizeof NULL_MODULE > PATH_MAX)
    return false;
  memcpy(name, NULL_MODULE, sizeof NULL_MODULE);
  return true;
}

bool bench_stage_enter(const char *module)
{
  char null_module[PATH_MAX];

  if (!find_null_module(null_module) || !tour_place_enter(bench_hosts, bench_resolv_conf) ||
      !tour_place_write("nsswitch.conf", "hosts: files\n"))
    return false;
  if (mkdir(LIBRARIES, 0755) != 0 ||
      mount("aiodns", LIBRARIES, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return failed("make a folder for the modules");
  return copy_library(module) && copy_library(null_module) && make_loader_cache() && tour_place_cover(false);
}

/* Debian's libraries among what was unpacked. */
static void find_libraries(const char *servers, char ret[LIBRARY_PATH_MAX])
{
  static const char *const kinds[] = {"usr/lib", "lib"};
  char pattern[PATH_MAX];
  size_t len = (size_t)snprintf(ret, LIBRARY_PATH_MAX, "LD_LIBRARY_PATH=");

  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/root/%s/*-linux-*", servers, kinds[kind]);
    if (glob(pattern, 0, NULL, &found) == 0)
      for (size_t i = 0; i < found.gl_pathc && len < LIBRARY_PATH_MAX; i++)
        len += (size_t)snprintf(ret + len, LIBRARY_PATH_MAX - len, "%s:", found.gl_pathv[i]);
    globfree(&found);
  }
}

static void be_unbound(const char *program, char *libraries, pid_t parent)
{
  char name[] = "unbound", foreground[] = "-d", no_pid_file[] = "-p", option[] = "-c",
       conf[] = "/etc/" UNBOUND_CONF;
  char *arguments[] = {name, foreground, no_pid_file, option, conf, NULL};
  char *environment[] = {*libraries ? libraries : NULL, NULL};
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && nowhere >= 0 && dup2(nowhere, 0) == 0 &&
      dup2(nowhere, 1) == 1 && dup2(nowhere, 2) == 2)
    execve(program, arguments, environment);
  _exit(1);
}

/* It listens for datagrams as soon as it does for connections. */
static bool is_ready(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  bool ready = fd >= 0 && inet_pton(AF_INET, BENCH_UNBOUND, &at.sin_addr) == 1 &&
               connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
  if (fd >= 0)
    close(fd);
  return ready;
}

pid_t bench_stage_unbound(const char *servers)
{
  char program[PATH_MAX] = UNBOUND, libraries[LIBRARY_PATH_MAX] = "";
  pid_t parent = getpid();

  if (servers && snprintf(program, sizeof program, "%s/root" UNBOUND, servers) < (int)sizeof program &&
      access(program, X_OK) == 0)
    find_libraries(servers, libraries);
  else
    snprintf(program, sizeof program, UNBOUND);
  if (access(program, X_OK) != 0 || !tour_place_write(UNBOUND_CONF, unbound_conf))
    return -1;
  pid_t pid = fork();
  if (pid == 0)
    be_unbound(program, libraries, parent);
  for (int i = 0; pid > 0 && i < READY_TRIES; i++) {
    if (is_ready())
      return pid;
    if (waitpid(pid, NULL, WNOHANG) == pid)
      return -1;
    usleep(READY_PAUSE_US);
  }
  tour_server_stop(pid);
  return -1;
}

void bench_stage_processors(int ret[2])
{
  unsigned found = 0;
  cpu_set_t set;

  ret[0] = ret[1] = -1;
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
    return;
  for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
    if (CPU_ISSET((size_t)cpu, &set))
      ret[found++] = cpu;
}
