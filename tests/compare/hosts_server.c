#include "hosts_server.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TYPE_AND_CLASS = 4 };

/* Makes the question the reply; returns its length, 0: it is none. */
static size_t reply_to(uint8_t *message, size_t len)
{
  size_t at = NS_HFIXEDSZ;

  while (at < len && message[at] > 0 && message[at] <= NS_MAXLABEL)
    at += 1u + message[at];
  at += 1 + TYPE_AND_CLASS;
  if (at > len)
    return 0;
  HEADER header;
  memcpy(&header, message, sizeof header);
  header.qr = header.ra = 1;
  header.rcode = ns_r_nxdomain;
  header.ancount = header.nscount = header.arcount = 0;
  memcpy(message, &header, sizeof header);
  return at;
}

static void serve(int fd)
{
  uint8_t message[NS_PACKETSZ];

  for (;;) {
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t got = recvfrom(fd, message, sizeof message, 0, (struct sockaddr *)&from, &from_len);
    size_t len = got > 0 ? reply_to(message, (size_t)got) : 0;
    if (len > 0)
      (void)sendto(fd, message, len, 0, (struct sockaddr *)&from, from_len);
  }
}

pid_t hosts_server_start(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(NS_DEFAULTPORT)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  pid_t pid = -1;

  if (fd >= 0 && inet_pton(AF_INET, HOSTS_SERVER, &at.sin_addr) == 1 &&
      bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
    pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    serve(fd);
  }
  if (pid > 0)
    setpgid(pid, pid);
  if (pid < 0)
    perror("compare: server");
  if (fd >= 0)
    close(fd);
  return pid;
}

void hosts_server_stop(pid_t pid)
{
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}
