#include "hosts_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STUCK_MS = 120000, ANSWER_MAX = 1 << 24 };

int __nss_configure_lookup(const char *database, const char *services);

/* ---- Pipes ---- */

static bool write_all(int fd, const void *data, size_t len)
{
  for (const char *at = data; len > 0;) {
    ssize_t written = send(fd, at, len, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    at += written;
    len -= (size_t)written;
  }
  return true;
}

static bool read_all(int fd, void *data, size_t len, int patience_ms)
{
  for (char *at = data; len > 0;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, patience_ms) == 0)
      return false;
    ssize_t got = read(fd, at, len);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    len -= (size_t)got;
  }
  return true;
}

/* ---- On the worker's side ---- */

struct hosts_client hosts_client_start(const char *service, const char *view, const char *module_dir)
{
  int fds[2];

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    perror("compare: socketpair");
    exit(1);
  }
  pid_t pid = fork();
  if (pid == 0) {
    char fd[16];
    snprintf(fd, sizeof fd, "%d", fds[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(fds[1], F_SETFD, 0);
    setenv("LD_LIBRARY_PATH", module_dir, 1);
    if (unshare(CLONE_NEWNS) == 0 && mount(view, "/etc/view", "none", MS_BIND, NULL) == 0)
      execl("/proc/self/exe", "compare", HOSTS_CLIENT_OPTION, service, fd, NULL);
    perror("compare: client");
    _exit(127);
  }
  close(fds[1]);
  return (struct hosts_client){pid, fds[0]};
}

void hosts_client_stop(struct hosts_client *client)
{
  close(client->fd);
  waitpid(client->pid, NULL, 0);
}

bool hosts_client_send(const struct hosts_client *client, const struct hosts_question *questions,
                       unsigned count)
{
  uint32_t number = count;

  return write_all(client->fd, &number, sizeof number) &&
         write_all(client->fd, questions, count * sizeof *questions);
}

bool hosts_client_receive(const struct hosts_client *client, struct hosts_answer *ret)
{
  uint32_t len;

  ret->len = 0;
  if (!read_all(client->fd, &len, sizeof len, STUCK_MS) || len > ANSWER_MAX)
    return false;
  if (ret->room <= len) {
    free(ret->text);
    ret->room = 2 * (size_t)len + 1;
    ret->text = malloc(ret->room);
    if (!ret->text)
      abort();
  }
  ret->len = len;
  ret->text[len] = '\0';
  return read_all(client->fd, ret->text, len, STUCK_MS);
}

/* ---- In the client ---- */

static void answer_all(const char *service, int fd, const struct hosts_question *questions, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
      abort();
    hosts_ask(&questions[i], service, out);
    if (fclose(out) != 0)
      abort();
    uint32_t sent = (uint32_t)len;
    if (!write_all(fd, &sent, sizeof sent) || !write_all(fd, text, len))
      _exit(1);
    free(text);
  }
}

void hosts_client_main(const char *service, int fd)
{
  struct hosts_question *questions;
  uint32_t count;

  __nss_configure_lookup("hosts", service);
  /* glibc's module heeds host.conf(5) once a lookup function of libc has read it. */
  if (strcmp(service, "files") == 0)
    (void)gethostbyname("nothing.test");
  while (read_all(fd, &count, sizeof count, -1)) {
    questions = calloc(count, sizeof *questions);
    if (!questions || !read_all(fd, questions, count * sizeof *questions, -1))
      exit(1);
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      answer_all(service, fd, questions, count);
      _exit(0);
    }
    free(questions);
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
      exit(1); /* so that the other end is closed */
  }
}
