#include "client.h"

#include <fcntl.h>
#include <locale.h>
#include <nss.h>
#include <resolv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int __nss_configure_lookup(const char *database, const char *services);

/* The variables are read by glibc when it reads resolv.conf, which is a new file for each case. */
struct request {
  char local_domain[1024], res_options[256];
  bool host_aliases;
  struct lookup lookup;
};

struct client client_start(const char *service, const char *module_dir)
{
  int fds[2];

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
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
    execl("/proc/self/exe", "compare", "--client", service, fd, NULL);
    perror("compare: exec");
    _exit(127);
  }
  close(fds[1]);
  return (struct client){pid, fds[0]};
}

void client_stop(struct client *client)
{
  close(client->fd);
  waitpid(client->pid, NULL, 0);
}

void client_send(const struct client *client, const struct world *world, const struct lookup *lookup)
{
  static struct request request;

  strcpy(request.local_domain, world->local_domain);
  strcpy(request.res_options, world->res_options);
  request.host_aliases = world->alias_count > 0;
  request.lookup = *lookup;
  send(client->fd, &request, sizeof request, MSG_NOSIGNAL); /* if it is dead, there is nothing to receive */
}

bool client_receive(const struct client *client, struct result *ret)
{
  return recv(client->fd, ret, sizeof *ret, 0) == (ssize_t)sizeof *ret;
}

static void set(const char *variable, const char *value)
{
  if (value && *value)
    setenv(variable, value, 1);
  else
    unsetenv(variable);
}

void client_main(const char *service, int fd)
{
  static struct request request;
  static struct result result;

  setlocale(LC_ALL, "C.UTF-8"); /* AI_IDN reads names so */
  __nss_configure_lookup("hosts", service);
  while (recv(fd, &request, sizeof request, 0) == (ssize_t)sizeof request) {
    set("LOCALDOMAIN", request.local_domain);
    set("RES_OPTIONS", request.res_options);
    set("HOSTALIASES", request.host_aliases ? CLIENT_ALIASES_PATH : NULL);
    _res._flags = 0; /* what glibc has learnt of the servers of another lookup */
    lookup_do(&request.lookup, &result);
    if (send(fd, &result, sizeof result, MSG_NOSIGNAL) != (ssize_t)sizeof result)
      break;
  }
}
