#include "server.h"

#include "zone.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  DNS_PORT = 53,
  STREAM_QUERIES_MAX = 16, /* on one connection */
  STREAM_WAIT_S = 1,       /* for each part of one: the others wait meanwhile */
};

struct sockets {
  int datagram, listener;
  int dead; /* never read */
};

/* Queries so far, in memory that the server's process and its parent's share. */
static _Atomic uint32_t *asked;

static size_t reply_to(const uint8_t *query, size_t len, uint8_t *reply)
{
  atomic_fetch_add_explicit(asked, 1, memory_order_relaxed); /* the reply itself orders it for who asked */
  return tour_zone_reply(query, len, reply);
}

static int bound_socket(const char *address, int type)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return -1;
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
      bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
      (type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0)) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

static void close_sockets(const struct sockets *sockets)
{
  const int fd[] = {sockets->datagram, sockets->listener, sockets->dead};

  for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++)
    if (fd[i] >= 0)
      close(fd[i]);
}

static void answer_datagram(int fd)
{
  struct sockaddr_in from;
  socklen_t from_len = sizeof from;
  uint8_t query[TOUR_MESSAGE_MAX], reply[TOUR_MESSAGE_MAX];

  ssize_t got = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_len);
  if (got < 0)
    return;
  size_t len = reply_to(query, (size_t)got, reply);
  if (len)
    (void)sendto(fd, reply, len, 0, (const struct sockaddr *)&from, from_len); /* lost: it asks again */
}

/* RFC 1035 section 4.2.2: two octets of length in front of each message. */
static bool answer_message(int fd)
{
  uint8_t query[TOUR_MESSAGE_MAX], reply[2 + TOUR_MESSAGE_MAX], prefix[2];

  if (recv(fd, prefix, sizeof prefix, MSG_WAITALL) != (ssize_t)sizeof prefix)
    return false;
  size_t len = (size_t)prefix[0] << 8 | prefix[1];
  if (len == 0 || len > sizeof query || recv(fd, query, len, MSG_WAITALL) != (ssize_t)len)
    return false;
  len = reply_to(query, len, reply + 2);
  reply[0] = (uint8_t)(len >> 8);
  reply[1] = (uint8_t)len;
  return len && send(fd, reply, 2 + len, MSG_NOSIGNAL) == (ssize_t)(2 + len);
}

static void answer_stream(int listener)
{
  const struct timeval wait = {.tv_sec = STREAM_WAIT_S};
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    return;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0)
    for (int i = 0; i < STREAM_QUERIES_MAX && answer_message(fd); i++)
      ;
  close(fd);
}

/* Until it is killed. */
static void serve(const struct sockets *sockets)
{
  struct pollfd ready[] = {{.fd = sockets->datagram, .events = POLLIN},
                           {.fd = sockets->listener, .events = POLLIN}};

  while (poll(ready, sizeof ready / sizeof ready[0], -1) > 0 || errno == EINTR) {
    if (ready[0].revents)
      answer_datagram(sockets->datagram);
    if (ready[1].revents)
      answer_stream(sockets->listener);
  }
}

pid_t tour_server_start(void)
{
  const struct sockets sockets = {
      .datagram = bound_socket(TOUR_SERVER, SOCK_DGRAM),
      .listener = bound_socket(TOUR_SERVER, SOCK_STREAM),
      .dead = bound_socket(TOUR_DEAD_SERVER, SOCK_DGRAM),
  };
  pid_t parent = getpid(), pid = -1;

  asked = mmap(NULL, sizeof *asked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (asked != MAP_FAILED && sockets.datagram >= 0 && sockets.listener >= 0 && sockets.dead >= 0)
    pid = fork();
  if (pid == 0) {
    /* However the tour ends, its server does not stay. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
      serve(&sockets);
    _exit(1);
  }
  int error = errno;
  close_sockets(&sockets);
  errno = error;
  return pid;
}

uint32_t tour_server_asked(void)
{
  return atomic_load_explicit(asked, memory_order_relaxed);
}

void tour_server_stop(pid_t pid)
{
  if (pid > 0 && kill(pid, SIGKILL) == 0)
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
      ;
}
