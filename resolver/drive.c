#include "drive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef GRND_INSECURE
#define GRND_INSECURE 0x0004 /* Linux 5.6: never waits */
#endif

enum {
  RECEIVE_MAX = AIODNS_UDP_MAX, /* of a datagram; a longer one is not taken whole anyway */
  BURST_MAX = 16, /* datagrams read at one wake-up, so that a flood does not keep others waiting */
};

struct driver {
  struct aiodns_lookup *lookup;
  int fd[AIODNS_LOOKUP_CHANNELS]; /* -1: none */
  bool tcp[AIODNS_LOOKUP_CHANNELS];
  bool connecting[AIODNS_LOOKUP_CHANNELS]; /* TCP: the query is sent once it is writable */
};

static int64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool read_urandom(uint8_t *buf, size_t len)
{
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return false;
  ssize_t got = read(fd, buf, len);
  close(fd);
  return got == (ssize_t)len;
}

bool aiodns_drive_random(void *source, uint8_t *buf, size_t len)
{
  (void)source;
  /* Before the kernel's generator is ready, early at boot, waiting would hang the boot. */
  return getrandom(buf, len, GRND_NONBLOCK) == (ssize_t)len ||
         getrandom(buf, len, GRND_INSECURE) == (ssize_t)len || read_urandom(buf, len);
}

/* A program that closed its standard streams must not find our socket in their place. */
static int above_standard(int fd)
{
  if (fd < 0 || fd > STDERR_FILENO)
    return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int error = errno;
  close(fd);
  errno = error;
  return moved;
}

static void close_channel(struct driver *driver, unsigned c)
{
  close(driver->fd[c]);
  driver->fd[c] = -1;
  driver->connecting[c] = false;
}

static bool send_payload(struct driver *driver, unsigned c)
{
  uint8_t payload[AIODNS_PAYLOAD_MAX];
  size_t len = aiodns_lookup_payload(driver->lookup, c, payload);
  ssize_t sent = send(driver->fd[c], payload, len, MSG_NOSIGNAL);
  /* An ICMP error that an earlier datagram met is told once, in place of sending. */
  if (sent < 0 && errno == ECONNREFUSED && !driver->tcp[c])
    sent = send(driver->fd[c], payload, len, MSG_NOSIGNAL);
  return sent == (ssize_t)len;
}

/* A socket that is connected, or connecting; else -1 and errno. */
static int open_socket(const struct aiodns_server *server, bool tcp)
{
  int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = above_standard(socket(server->address.any.sa_family, type, 0));
  if (fd < 0)
    return -1;
  if (connect(fd, &server->address.any, server->address_len) == 0 || errno == EINPROGRESS)
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static void open_channel(struct driver *driver, const struct aiodns_task *task)
{
  unsigned c = task->channel;
  int fd = open_socket(task->server, task->tcp);

  if (fd < 0) {
    aiodns_lookup_not_opened(driver->lookup, c, errno, now_us());
    return;
  }
  driver->fd[c] = fd;
  driver->tcp[c] = driver->connecting[c] = task->tcp;
  if (!task->tcp && !send_payload(driver, c)) {
    int error = errno;
    close_channel(driver, c);
    aiodns_lookup_not_opened(driver->lookup, c, error, now_us());
  }
}

static void do_tasks(struct driver *driver)
{
  struct aiodns_task task;

  while (aiodns_lookup_task(driver->lookup, &task)) {
    switch (task.kind) {
    case AIODNS_TASK_OPEN:
      open_channel(driver, &task);
      break;
    case AIODNS_TASK_SEND:
      if (!driver->connecting[task.channel] && !send_payload(driver, task.channel))
        aiodns_lookup_refused(driver->lookup, task.channel, now_us());
      break;
    case AIODNS_TASK_CLOSE:
      if (driver->fd[task.channel] >= 0)
        close_channel(driver, task.channel);
      break;
    }
  }
}

static void receive(struct driver *driver, unsigned c, int64_t now)
{
  uint8_t buf[RECEIVE_MAX];

  for (int i = 0; i < BURST_MAX && aiodns_lookup_listens(driver->lookup, c); i++) {
    /* MSG_TRUNC: the datagram's real length. */
    ssize_t got = recv(driver->fd[c], buf, sizeof buf, driver->tcp[c] ? 0 : MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got < 0 || (got == 0 && driver->tcp[c])) {
      aiodns_lookup_refused(driver->lookup, c, now);
      return;
    }
    aiodns_lookup_received(driver->lookup, c, buf, (size_t)got, sizeof buf, now);
  }
}

static void look_at(struct driver *driver, unsigned c, int64_t now)
{
  if (!driver->connecting[c]) {
    receive(driver, c, now);
    return;
  }
  driver->connecting[c] = false;
  if (send_payload(driver, c))
    aiodns_lookup_connected(driver->lookup, c);
  else
    aiodns_lookup_refused(driver->lookup, c, now);
}

static int milliseconds_until(int64_t due_us)
{
  int64_t left_ms = (due_us - now_us() + 999) / 1000;
  return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* Waits once, and tells the lookup what happened; false: this process cannot wait. */
static bool wait_once(struct driver *driver)
{
  struct pollfd ready[AIODNS_LOOKUP_CHANNELS];
  uint8_t channel[AIODNS_LOOKUP_CHANNELS];
  nfds_t count = 0;

  for (unsigned c = 0; c < AIODNS_LOOKUP_CHANNELS; c++) {
    if (driver->fd[c] < 0)
      continue;
    ready[count] = (struct pollfd){.fd = driver->fd[c], .events = driver->connecting[c] ? POLLOUT : POLLIN};
    channel[count++] = (uint8_t)c;
  }
  int found = poll(ready, count, milliseconds_until(aiodns_lookup_due(driver->lookup)));
  if (found < 0 && errno != EINTR && errno != EAGAIN)
    return false;
  int64_t now = now_us();
  for (nfds_t i = 0; i < count && found > 0; i++)
    if (ready[i].revents)
      look_at(driver, channel[i], now);
  aiodns_lookup_elapsed(driver->lookup, now);
  return true;
}

void aiodns_drive(struct aiodns_lookup *lookup)
{
  struct driver driver = {.lookup = lookup};

  for (unsigned c = 0; c < AIODNS_LOOKUP_CHANNELS; c++)
    driver.fd[c] = -1;
  aiodns_lookup_start(lookup, now_us());
  while (!lookup->ended) {
    do_tasks(&driver);
    if (!lookup->ended && !wait_once(&driver))
      aiodns_lookup_abandon(lookup, errno);
  }
  for (unsigned c = 0; c < AIODNS_LOOKUP_CHANNELS; c++)
    if (driver.fd[c] >= 0)
      close_channel(&driver, c);
}
