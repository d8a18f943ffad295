#include "drive.h"

#include "counters.h"
#include "kernel.h"
#include "left.h"
#include "lookup_cache.h"
#include "random.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
  RECEIVE_MAX = AIODNS_UDP_MAX, /* of a datagram; a longer one is not taken whole anyway */
  BURST_MAX = 16, /* datagrams read at one wake-up, so that a flood does not keep others waiting */
};

_Static_assert((int)AIODNS_LOOKUP_CHANNELS <= (int)AIODNS_LEFT_DESCRIPTORS,
               "all sockets of a lookup can be noted");

struct driver {
  struct aiodns_lookup *lookup;
  struct aiodns_memory *memory;
  int64_t now_us;                 /* at the start, or behind the last wait */
  bool late;                      /* some wait ended without a reply */
  unsigned opened, noted;         /* sockets so far; at the time when they were noted (left.h) */
  unsigned connections;           /* of those, by TCP */
  int place;                      /* where */
  unsigned used;                  /* channels from here on were never opened */
  int fd[AIODNS_LOOKUP_CHANNELS]; /* -1: none */
  bool tcp[AIODNS_LOOKUP_CHANNELS];
  bool connecting[AIODNS_LOOKUP_CHANNELS]; /* TCP: the query is sent once it is writable */
  bool tells[AIODNS_LOOKUP_CHANNELS];      /* UDP: what came in fragments */
};

static int64_t now_us(void)
{
  struct timespec now = {0}; /* where there is no clock, all waits are whole */
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool aiodns_drive_random(void *source, uint8_t *buf, size_t len)
{
  (void)source;
  return aiodns_random_fill(buf, len);
}

static void close_channel(struct driver *driver, unsigned c)
{
  aiodns_kernel_close(driver->fd[c]);
  driver->fd[c] = -1;
  driver->connecting[c] = false;
}

static bool send_payload(struct driver *driver, unsigned c)
{
  uint8_t payload[AIODNS_PAYLOAD_MAX];
  size_t len = aiodns_lookup_payload(driver->lookup, c, payload);
  ssize_t sent = aiodns_kernel_send(driver->fd[c], payload, len, MSG_NOSIGNAL);
  /* An ICMP error that an earlier datagram met is told once, in place of sending. */
  if (sent < 0 && errno == ECONNREFUSED && !driver->tcp[c])
    sent = aiodns_kernel_send(driver->fd[c], payload, len, MSG_NOSIGNAL);
  return sent == (ssize_t)len;
}

/* A socket that is connected, or connecting; else -1 and errno. */
static int open_socket(const struct aiodns_server *server, bool tcp)
{
  int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = aiodns_kernel_above_standard(aiodns_kernel_socket(server->address.any.sa_family, type));
  if (fd < 0)
    return -1;
  if (aiodns_kernel_connect(fd, &server->address.any, server->address_len) == 0 || errno == EINPROGRESS)
    return fd;
  int error = errno;
  aiodns_kernel_close(fd);
  errno = error;
  return -1;
}

bool aiodns_drive_reaches(void *source, const struct aiodns_answer *answer)
{
  (void)source;
  for (unsigned i = 0; i < answer->address_count; i++) {
    const uint8_t *address = answer->addresses.data + (size_t)i * answer->address_len;
    struct aiodns_server to = {.address.any.sa_family = answer->address_len == 4 ? AF_INET : AF_INET6};
    to.address_len = answer->address_len == 4 ? sizeof to.address.in : sizeof to.address.in6;
    memcpy(answer->address_len == 4 ? (void *)&to.address.in.sin_addr : &to.address.in6.sin6_addr, address,
           answer->address_len);
    int fd = open_socket(&to, false); /* connecting a datagram socket sends nothing */
    if (fd < 0)
      continue;
    aiodns_kernel_close(fd);
    return true;
  }
  return false;
}

/* The channels up to here may be looked at. */
static void use_channel(struct driver *driver, unsigned c)
{
  for (; driver->used <= c; driver->used++) {
    driver->fd[driver->used] = -1;
    driver->tcp[driver->used] = driver->connecting[driver->used] = driver->tells[driver->used] = false;
  }
}

static void open_channel(struct driver *driver, const struct aiodns_task *task)
{
  unsigned c = task->channel;
  int fd = open_socket(task->server, task->tcp);

  if (fd < 0 && (errno == EMFILE || errno == ENFILE) && aiodns_memory_settle(driver->memory))
    fd = open_socket(task->server, task->tcp); /* a claim is worth less than a socket */
  if (fd < 0) {
    aiodns_lookup_not_opened(driver->lookup, c, errno, now_us());
    return;
  }
  aiodns_memory_sees(driver->memory, (unsigned)(task->server - driver->lookup->conf->server), fd);
  use_channel(driver, c);
  driver->opened++;
  driver->connections += task->tcp;
  driver->fd[c] = fd;
  driver->tcp[c] = driver->connecting[c] = task->tcp;
  driver->tells[c] = !task->tcp && !aiodns_server_is_loopback(task->server) &&
                     aiodns_kernel_tell_fragments(fd, task->server->address.any.sa_family);
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
      if (task.channel < driver->used && driver->fd[task.channel] >= 0)
        close_channel(driver, task.channel);
      break;
    }
  }
}

/* Some octets of a stream, or the front of a datagram, whose real length is returned. */
static ssize_t receive_once(struct driver *driver, unsigned c, uint8_t buf[RECEIVE_MAX], bool *ret_fragments)
{
  *ret_fragments = false;
  if (driver->tells[c]) {
    ssize_t got = aiodns_kernel_receive_told(driver->fd[c], buf, RECEIVE_MAX, ret_fragments);
    if (got >= 0 || !aiodns_error_is_refusal(errno))
      return got;
    driver->tells[c] = false; /* this process may not call recvmsg(2) */
  }
  return aiodns_kernel_receive(driver->fd[c], buf, RECEIVE_MAX, driver->tcp[c] ? 0 : MSG_TRUNC);
}

static void receive(struct driver *driver, unsigned c, int64_t now)
{
  uint8_t buf[RECEIVE_MAX];
  bool fragments;

  for (int i = 0; i < BURST_MAX && aiodns_lookup_listens(driver->lookup, c); i++) {
    ssize_t got = receive_once(driver, c, buf, &fragments);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got < 0 && aiodns_error_is_refusal(errno)) {
      int error = errno;
      close_channel(driver, c);
      aiodns_lookup_not_opened(driver->lookup, c, error, now);
      return;
    }
    if (got < 0 || (got == 0 && driver->tcp[c])) {
      aiodns_lookup_refused(driver->lookup, c, now);
      return;
    }
    size_t len = (size_t)got, room = len < sizeof buf ? len : sizeof buf;
    /* All behind the first fragment can be forged without a guess: no better than if it were not there. */
    aiodns_lookup_received(driver->lookup, c, buf, fragments ? room + 1 : len, room, now);
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

static int milliseconds_until(int64_t due_us, int64_t now)
{
  int64_t left_ms = (due_us - now + 999) / 1000;
  return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* What is waited for longer than a reply usually takes may be jumped out of. */
static void note_sockets(struct driver *driver)
{
  if (!driver->late || driver->noted == driver->opened)
    return;
  driver->place = aiodns_left_note(driver->place, driver->fd, driver->used);
  driver->noted = driver->opened;
}

/* What is waited for at once: channels of one lookup, or of several. */
struct channel {
  uint8_t driver, number;
};

struct waiting {
  struct pollfd *ready;
  struct channel *of;
};

static unsigned gather(const struct driver *driver, unsigned number, const struct waiting *waiting,
                       unsigned at)
{
  for (unsigned c = 0; c < driver->used; c++) {
    if (driver->fd[c] < 0)
      continue;
    waiting->ready[at] =
        (struct pollfd){.fd = driver->fd[c], .events = driver->connecting[c] ? POLLOUT : POLLIN};
    waiting->of[at++] = (struct channel){.driver = (uint8_t)number, .number = (uint8_t)c};
  }
  return at;
}

static int64_t due_of(const struct driver *driver, unsigned count)
{
  int64_t due_us = INT64_MAX;

  for (unsigned i = 0; i < count; i++) {
    int64_t each_us = aiodns_lookup_due(driver[i].lookup);
    due_us = each_us < due_us ? each_us : due_us;
  }
  return due_us;
}

static bool is_waiting(const struct driver *driver, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    if (!driver[i].lookup->ended && driver[i].lookup->waiting)
      return true;
  return false;
}

/* For nothing but what others ask; whoever wakes does so for one name. */
static void pause_until(struct driver *driver, unsigned drivers, int64_t due_us)
{
  uint32_t left_us = (uint32_t)(due_us - driver->now_us); /* there is a pause at the end */
  enum aiodns_pause how = aiodns_memory_pause(driver->memory, drivers == 1, left_us);
  int64_t now = now_us();

  for (unsigned i = 0; i < drivers; i++)
    aiodns_lookup_paused(driver[i].lookup, how, now);
}

/* Waits once, and tells the lookups what happened; false: this process cannot wait. */
static bool wait_once(struct driver *driver, unsigned drivers, const struct waiting *waiting)
{
  unsigned count = 0;

  for (unsigned i = 0; i < drivers; i++)
    count = gather(&driver[i], i, waiting, count);
  int64_t due_us = due_of(driver, drivers);
  int found = 0;
  if (count == 0 && due_us > driver->now_us && is_waiting(driver, drivers))
    pause_until(driver, drivers, due_us);
  else
    found = aiodns_kernel_poll(waiting->ready, count, milliseconds_until(due_us, driver->now_us));
  if (found < 0 && errno != EINTR && errno != EAGAIN)
    return false;
  int64_t now = now_us();
  for (unsigned i = 0; i < drivers; i++) {
    driver[i].late |= found == 0;
    driver[i].now_us = now;
  }
  for (unsigned i = 0; i < count && found > 0; i++)
    if (waiting->ready[i].revents)
      look_at(&driver[waiting->of[i].driver], waiting->of[i].number, now);
  for (unsigned i = 0; i < drivers; i++)
    if (!driver[i].lookup->ended)
      aiodns_lookup_elapsed(driver[i].lookup, now);
  return true;
}

/* For a server that may be back: by its reply to a question that others have answered. */
static void linger(struct driver *driver)
{
  uint8_t buf[RECEIVE_MAX];
  unsigned c, wait_ms = aiodns_lookup_linger_ms(driver->lookup, &c);

  if (wait_ms == 0 || c >= driver->used || driver->fd[c] < 0)
    return;
  struct pollfd ready = {.fd = driver->fd[c], .events = POLLIN};
  if (aiodns_kernel_poll(&ready, 1, (int)wait_ms) <= 0)
    return;
  ssize_t got = aiodns_kernel_receive(driver->fd[c], buf, sizeof buf, MSG_TRUNC);
  if (got <= 0)
    return;
  aiodns_lookup_probed(driver->lookup, c, buf, (size_t)got < sizeof buf ? (size_t)got : sizeof buf);
  aiodns_lookup_learn(driver->lookup);
}

static void count(const struct driver *driver)
{
  const struct aiodns_lookup *lookup = driver->lookup;
  unsigned guesses = 0;

  for (unsigned i = 0; i < lookup->wanted_count; i++)
    guesses += lookup->query[i].guesses;
  aiodns_count(AIODNS_COUNT_MISS, lookup->asked);
  if (guesses + lookup->timed_out + driver->connections == 0)
    return;
  aiodns_count(AIODNS_COUNT_NEAR_MISS, guesses);
  aiodns_count(AIODNS_COUNT_TIMEOUT, lookup->timed_out);
  aiodns_count(AIODNS_COUNT_TCP, driver->connections);
}

static void begin(struct driver *driver, struct aiodns_lookup *lookup, struct aiodns_memory *memory)
{
  driver->lookup = lookup;
  driver->memory = memory;
  driver->used = driver->opened = driver->noted = driver->connections = 0;
  driver->late = false;
  driver->place = AIODNS_LEFT_NONE;
  driver->now_us = now_us();
  aiodns_lookup_start(lookup, driver->now_us);
}

static void finish(struct driver *driver)
{
  for (unsigned c = 0; c < driver->used; c++)
    if (driver->fd[c] >= 0)
      close_channel(driver, c);
  aiodns_left_forget(driver->place);
  count(driver);
}

static void act(struct driver *driver)
{
  do_tasks(driver);
  note_sockets(driver);
}

void aiodns_drive(struct aiodns_lookup *lookup, struct aiodns_memory *memory)
{
  struct pollfd ready[AIODNS_LOOKUP_CHANNELS];
  struct channel of[AIODNS_LOOKUP_CHANNELS];
  struct waiting waiting = {.ready = ready, .of = of};
  struct driver driver;

  begin(&driver, lookup, memory);
  while (!lookup->ended) {
    act(&driver);
    if (!lookup->ended && !wait_once(&driver, 1, &waiting))
      aiodns_lookup_abandon(lookup, errno);
  }
  linger(&driver);
  finish(&driver);
}

void aiodns_drive_fan(struct aiodns_fan *fan, struct aiodns_memory *memory)
{
  struct pollfd ready[AIODNS_FAN_MAX * AIODNS_LOOKUP_CHANNELS];
  struct channel of[AIODNS_FAN_MAX * AIODNS_LOOKUP_CHANNELS];
  struct waiting waiting = {.ready = ready, .of = of};
  struct driver driver[AIODNS_FAN_MAX] = {0};
  const unsigned members = fan->count;

  fan->started_us = now_us();
  for (unsigned i = 0; i < members; i++) {
    begin(&driver[i], &fan->member[i].lookup, memory);
    act(&driver[i]);
  }
  for (aiodns_fan_judge(fan, fan->started_us); !fan->ended; aiodns_fan_judge(fan, driver->now_us)) {
    if (!wait_once(driver, members, &waiting))
      for (unsigned i = 0; i < members; i++)
        if (!driver[i].lookup->ended)
          aiodns_lookup_abandon(driver[i].lookup, errno);
    for (unsigned i = 0; i < members; i++)
      act(&driver[i]);
  }
  for (unsigned i = 0; i < members; i++)
    finish(&driver[i]);
  aiodns_memory_settle(memory);
}
