#include "loss_server.h"

#include "loss_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  DNS_PORT = 53,
  HEADER_LEN = 12,
  MESSAGE_MAX = 512, /* no query of ours is longer, nor an answer */
  TYPE_A = 1,
  TYPE_AAAA = 28,
  TYPE_OPT = 41,
  TYPES = 2,
  TTL_S = 300,
  PAYLOAD = 1232, /* that it takes by EDNS */
  UDP_SOCKETS = LOSS_RATES * LOSS_SERVERS,
  LISTENERS_END = 2 * UDP_SOCKETS,
  STREAMS_MAX = 1000, /* at a time; one more is closed at once */
  SOCKETS_MAX = LISTENERS_END + STREAMS_MAX,
  DELAYED_MAX = 4096,       /* replies at a time; one more is lost */
  RECEIVE_OCTETS = 1 << 20, /* for questions that come all at once; the kernel may allow less */
  PORTS = 65536,
  AGAIN_DELAYS = 5, /* within so many a socket is found to ask again */
};

/* What a query asks, and which of its kind it is. */
struct question {
  unsigned cell, lookup, type;
  size_t end; /* behind it */
  bool edns;
};

struct stream {
  uint8_t octets[2 + MESSAGE_MAX];
  size_t len;
};

static struct pollfd sockets[SOCKETS_MAX]; /* datagrams, listeners, streams */
static struct stream streams[STREAMS_MAX];
static nfds_t socket_count;

/* Replies that wait, in the order in which they are due: a ring. */
struct delayed {
  int64_t due_us;
  unsigned socket;
  struct sockaddr_in to;
  size_t len;
  uint8_t octets[MESSAGE_MAX];
};

static struct delayed delayed[DELAYED_MAX];
static unsigned first_delayed, delayed_count;

/* What the process that started the servers can see, too. */
static struct seen {
  _Atomic uint16_t datagrams[LOSS_CELLS][LOSS_LOOKUPS_MAX][LOSS_SERVERS][TYPES];
  _Atomic uint16_t streams[LOSS_CELLS][LOSS_LOOKUPS_MAX][TYPES];
  _Atomic uint16_t again[LOSS_CELLS][LOSS_LOOKUPS_MAX][TYPES]; /* of the datagrams: by the same socket */
  _Atomic unsigned most_delayed;
  _Atomic int64_t late_us;
  _Atomic int64_t port_us[PORTS]; /* of the last question from it */
} * seen;

/* The last question of each type that came from a port, by number, and 1. */
static uint32_t last_question[PORTS][TYPES];

static struct loss_serving how;
static int64_t started_us;

/* -- Messages */

static unsigned read_16(const uint8_t *octets)
{
  return (unsigned)octets[0] << 8 | octets[1];
}

static uint8_t *put_16(uint8_t *to, unsigned value)
{
  to[0] = (uint8_t)(value >> 8);
  to[1] = (uint8_t)value;
  return to + 2;
}

/* nCELL-LOOKUP.test; false: something else. */
static bool read_question(struct question *ret, const uint8_t *query, size_t len)
{
  static const uint8_t domain[] = "\4" LOSS_DOMAIN;
  char label[64] = "", lower[sizeof domain];
  size_t first = len > HEADER_LEN ? query[HEADER_LEN] : 0, at = HEADER_LEN + 1 + first;

  if (first == 0 || first >= sizeof label || len < at + sizeof domain + 4 || query[2] & 0x80 ||
      read_16(query + 4) != 1)
    return false;
  memcpy(label, query + HEADER_LEN + 1, first);
  for (size_t i = 0; i < sizeof domain; i++) /* letter case is the asker's */
    lower[i] = (char)(query[at + i] >= 'A' && query[at + i] <= 'Z' ? query[at + i] | 0x20 : query[at + i]);
  if (sscanf(label, "%*[nN]%u-%u", &ret->cell, &ret->lookup) != 2 || ret->cell >= LOSS_CELLS ||
      ret->lookup >= LOSS_LOOKUPS_MAX || memcmp(lower, domain, sizeof domain) != 0)
    return false;
  at += sizeof domain;
  ret->type = read_16(query + at);
  ret->end = at + 4;
  /* The root's name and the type OPT: nobody asks with anything else behind the question. */
  ret->edns = read_16(query + 10) > 0 && len >= ret->end + 3 && query[ret->end] == 0 &&
              read_16(query + ret->end + 1) == TYPE_OPT;
  return ret->type == TYPE_A || ret->type == TYPE_AAAA;
}

static size_t make_reply(const struct question *question, const uint8_t *query, uint8_t ret[MESSAGE_MAX])
{
  uint8_t address[sizeof(struct in6_addr)];
  bool ipv6 = question->type == TYPE_AAAA;
  size_t len = ipv6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);

  memcpy(ret, query, question->end);
  ret[2] = (uint8_t)(0x80 | (query[2] & 0x01)); /* QR, RD */
  ret[3] = 0x80;                                /* RA */
  (void)put_16(ret + 6, 1);
  (void)put_16(ret + 8, 0);
  (void)put_16(ret + 10, question->edns);
  uint8_t *at = put_16(ret + question->end, 0xC000 | HEADER_LEN);
  at = put_16(at, question->type);
  at = put_16(at, 1);
  at = put_16(at, 0);
  at = put_16(at, TTL_S);
  at = put_16(at, (unsigned)len);
  inet_pton(ipv6 ? AF_INET6 : AF_INET, ipv6 ? LOSS_IPV6 : LOSS_IPV4, address);
  memcpy(at, address, len);
  at += len;
  if (question->edns) {
    *at++ = 0;
    at = put_16(at, TYPE_OPT);
    at = put_16(at, PAYLOAD);
    memset(at, 0, 6);
    at += 6;
  }
  return (size_t)(at - ret);
}

/* -- Loss */

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014: the mixing function. */
static uint64_t mix(uint64_t value)
{
  value += 0x9E3779B97F4A7C15;
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
  value = (value ^ value >> 27) * 0x94D049BB133111EB;
  return value ^ value >> 31;
}

static bool is_lost(const struct question *question, unsigned server, unsigned nth, bool back)
{
  const struct loss_cell cell = loss_cell_of(question->cell);
  const uint64_t parts[] = {cell.rate, cell.family, question->lookup, server, question->type, nth, back};
  uint64_t fate = how.seed;

  if (!how.percent)
    return false;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    fate = mix(fate ^ parts[i]);
  return fate % 100 < how.percent[cell.rate];
}

static int64_t now_us(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void trace(const struct question *question, unsigned server, const char *what)
{
  if (how.trace)
    how.trace(&(struct loss_event){.at_ms = (double)(now_us() - started_us) / 1000,
                                   .cell = question->cell,
                                   .lookup = question->lookup,
                                   .server = server,
                                   .type = question->type == TYPE_A ? "A" : "AAAA",
                                   .what = what});
}

/* -- Delay */

static void delay(unsigned number, const struct sockaddr_in *to, const uint8_t *reply, size_t len)
{
  if (delayed_count == DELAYED_MAX)
    return;
  struct delayed *last = &delayed[(first_delayed + delayed_count++) % DELAYED_MAX];
  *last = (struct delayed){.due_us = now_us() + how.delay_us, .socket = number, .to = *to, .len = len};
  memcpy(last->octets, reply, len);
  if (delayed_count > atomic_load(&seen->most_delayed))
    atomic_store(&seen->most_delayed, delayed_count);
}

static void send_delayed(void)
{
  for (; delayed_count > 0; delayed_count--) {
    const struct delayed *next = &delayed[first_delayed];
    int64_t late_us = now_us() - next->due_us;
    if (late_us < 0)
      break;
    if (late_us > atomic_load(&seen->late_us))
      atomic_store(&seen->late_us, late_us);
    (void)sendto(sockets[next->socket].fd, next->octets, next->len, 0, (const struct sockaddr *)&next->to,
                 sizeof next->to);
    first_delayed = (first_delayed + 1) % DELAYED_MAX;
  }
}

/* Until there is something to do. */
static int wait_for_sockets(void)
{
  int64_t left_us = delayed_count > 0 ? delayed[first_delayed].due_us - now_us() : 0;
  const struct timespec left = {.tv_sec = left_us > 0 ? left_us / 1000000 : 0,
                                .tv_nsec = left_us > 0 ? left_us % 1000000 * 1000 : 0};

  return ppoll(sockets, socket_count, delayed_count > 0 ? &left : NULL, NULL);
}

/* -- Sockets */

/* Which of its kind a datagram is. */
static unsigned note_datagram(const struct question *question, unsigned server, uint16_t port)
{
  unsigned cell = question->cell, lookup = question->lookup, ipv6 = question->type == TYPE_AAAA;
  uint32_t *last = &last_question[port][ipv6], number = cell * LOSS_LOOKUPS_MAX + lookup + 1;
  int64_t now = now_us(), before = atomic_exchange(&seen->port_us[port], now);

  /* Much later the port would be another socket's. */
  if (*last == number && now - before < AGAIN_DELAYS * how.delay_us)
    atomic_fetch_add(&seen->again[cell][lookup][ipv6], 1);
  *last = number;
  return atomic_fetch_add(&seen->datagrams[cell][lookup][server][ipv6], 1);
}

static void answer_datagram(unsigned number)
{
  struct sockaddr_in from;
  socklen_t from_len = sizeof from;
  uint8_t query[MESSAGE_MAX], reply[MESSAGE_MAX];
  struct question question;
  unsigned server = number % LOSS_SERVERS;

  ssize_t got =
      recvfrom(sockets[number].fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
  if (got < 0 || !read_question(&question, query, (size_t)got))
    return;
  unsigned nth = note_datagram(&question, server, ntohs(from.sin_port));
  if (is_lost(&question, server, nth, false)) {
    trace(&question, server, "query lost");
    return;
  }
  if (is_lost(&question, server, nth, true)) {
    trace(&question, server, "reply lost");
    return;
  }
  trace(&question, server, "answered");
  size_t len = make_reply(&question, query, reply);
  if (how.delay_us > 0)
    delay(number, &from, reply, len);
  else
    (void)sendto(sockets[number].fd, reply, len, 0, (const struct sockaddr *)&from, from_len);
}

static void open_stream(unsigned number)
{
  int fd = accept4(sockets[number].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    return;
  if (socket_count == SOCKETS_MAX) {
    close(fd);
    return;
  }
  streams[socket_count - LISTENERS_END].len = 0;
  sockets[socket_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void close_stream(nfds_t number)
{
  close(sockets[number].fd);
  socket_count--;
  sockets[number] = sockets[socket_count];
  streams[number - LISTENERS_END] = streams[socket_count - LISTENERS_END];
}

/* RFC 1035 section 4.2.2.  One question at a time, as all of them ask; false: it is to be closed. */
static bool read_stream(nfds_t number)
{
  struct stream *stream = &streams[number - LISTENERS_END];
  uint8_t reply[2 + MESSAGE_MAX];
  struct question question;

  ssize_t got =
      recv(sockets[number].fd, stream->octets + stream->len, sizeof stream->octets - stream->len, 0);
  if (got <= 0)
    return got < 0 && errno == EAGAIN;
  stream->len += (size_t)got;
  if (stream->len < 2 || stream->len < 2 + read_16(stream->octets))
    return stream->len < sizeof stream->octets;
  if (!read_question(&question, stream->octets + 2, stream->len - 2))
    return false;
  atomic_fetch_add(&seen->streams[question.cell][question.lookup][question.type == TYPE_AAAA], 1);
  trace(&question, 0, "answered by TCP");
  size_t len = make_reply(&question, stream->octets + 2, reply + 2);
  (void)put_16(reply, (unsigned)len);
  stream->len = 0;
  return send(sockets[number].fd, reply, 2 + len, MSG_NOSIGNAL) == (ssize_t)(2 + len);
}

/* Until it is killed. */
static void serve(void)
{
  while (wait_for_sockets() >= 0 || errno == EINTR) {
    send_delayed();
    for (unsigned i = 0; i < UDP_SOCKETS; i++)
      if (sockets[i].revents)
        answer_datagram(i);
    for (nfds_t i = socket_count;
         i-- > LISTENERS_END;) /* from the end: the last one takes a closed one's place */
      if (sockets[i].revents && !read_stream(i))
        close_stream(i);
    for (unsigned i = UDP_SOCKETS; i < LISTENERS_END; i++)
      if (sockets[i].revents)
        open_stream(i);
  }
}

void loss_server_address(unsigned rate, unsigned server, char ret[INET_ADDRSTRLEN])
{
  snprintf(ret, INET_ADDRSTRLEN, "127.0.%u.%u", rate + 1, server + 1);
}

static bool open_socket(unsigned number)
{
  unsigned server = number % LOSS_SERVERS, rate = number / LOSS_SERVERS % LOSS_RATES;
  bool tcp = number >= UDP_SOCKETS;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
  char address[INET_ADDRSTRLEN];
  const int on = 1, room = RECEIVE_OCTETS;

  sockets[number].fd = -1;
  if (tcp && !how.tcp)
    return true; /* nobody listens: whoever connects is refused */
  int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockets[number] = (struct pollfd){.fd = fd, .events = POLLIN};
  loss_server_address(rate, server, address);
  return fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1 &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         (tcp || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0) &&
         bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && (!tcp || listen(fd, SOMAXCONN) == 0);
}

pid_t loss_server_start(const struct loss_serving *serving)
{
  pid_t parent = getpid(), pid = -1;
  bool open = true;

  how = *serving;
  started_us = now_us();
  seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (seen == MAP_FAILED)
    return -1;
  for (socket_count = 0; socket_count < LISTENERS_END && open; socket_count++)
    open = open_socket((unsigned)socket_count);
  if (open)
    pid = fork();
  if (pid == 0) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
      serve();
    _exit(1);
  }
  int error = errno;
  for (nfds_t i = 0; i < socket_count; i++)
    if (sockets[i].fd >= 0)
      close(sockets[i].fd);
  errno = error;
  return pid;
}

struct loss_asked loss_server_asked(unsigned cell, unsigned lookup, bool ipv6)
{
  struct loss_asked ret = {.again = atomic_load(&seen->again[cell][lookup][ipv6])};

  ret.sockets = atomic_load(&seen->streams[cell][lookup][ipv6]);
  for (unsigned server = 0; server < LOSS_SERVERS; server++)
    ret.sockets += atomic_load(&seen->datagrams[cell][lookup][server][ipv6]);
  ret.sockets -= ret.again;
  return ret;
}

unsigned loss_server_most_delayed(void)
{
  return atomic_exchange(&seen->most_delayed, 0);
}

int64_t loss_server_late_us(void)
{
  return atomic_exchange(&seen->late_us, 0);
}

int64_t loss_server_port_us(uint16_t port)
{
  return atomic_load(&seen->port_us[port]);
}
