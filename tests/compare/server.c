#include "server.h"

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 53 };

void servers_address(unsigned worker, enum reach reach, unsigned server, char buf[INET_ADDRSTRLEN])
{
  uint8_t octets[4] = {127, (uint8_t)(16 + worker / 200), (uint8_t)(1 + worker % 200),
                       (uint8_t)(1 + reach * 10 + server)};
  inet_ntop(AF_INET, octets, buf, INET_ADDRSTRLEN);
}

static int open_socket(unsigned worker, enum reach reach, unsigned server, int type)
{
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  const int on = 1;
  char text[INET_ADDRSTRLEN];

  servers_address(worker, reach, server, text);
  inet_pton(AF_INET, text, &in.sin_addr);
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr *)&in, sizeof in) != 0 || (type == SOCK_STREAM && listen(fd, 64) != 0)) {
    fprintf(stderr, "compare: %s: %s\n", text, strerror(errno));
    exit(1);
  }
  return fd;
}

void servers_open(struct servers *servers, unsigned worker)
{
  servers->worker = worker;
  servers->trace = NULL;
  for (unsigned reach = 0; reach < REACHES; reach++)
    for (unsigned s = 0; s < SERVERS_MAX; s++) {
      bool udp = reach != REACH_NOTHING, tcp = reach == REACH_BOTH || reach == REACH_HANGS_UP;
      servers->udp[reach][s] = udp ? open_socket(worker, (enum reach)reach, s, SOCK_DGRAM) : -1;
      servers->tcp[reach][s] = tcp ? open_socket(worker, (enum reach)reach, s, SOCK_STREAM) : -1;
    }
  for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
    servers->connection[i].fd = -1;
}

/* ---- Answers ---- */

static void trace(const struct servers *servers, unsigned s, const struct query *query,
                  const struct reply *reply)
{
  static const char *const rcode[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  const struct question *question = &query->question;
  char text[INET6_ADDRSTRLEN];

  if (!servers->trace)
    return;
  fprintf(servers->trace, "    server %u: %s %s%s%s: ", s, question->name,
          question->type == ns_t_a      ? "A"
          : question->type == ns_t_aaaa ? "AAAA"
                                        : "PTR",
          question->tcp ? " TCP" : "", question->edns ? " EDNS" : "");
  fprintf(servers->trace, "%s%s%s%s%s%s", reply->silent ? "silent " : "", rcode[reply->rcode],
          reply->truncated ? " TC" : "", reply->bare ? " bare" : "", reply->soa ? " SOA " : "",
          reply->soa ? reply->soa : "");
  if (reply->junk)
    fprintf(servers->trace, " after junk %u", reply->junk);
  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    fprintf(servers->trace, "%s %s/%u", i ? "," : " |", record->owner ? record->owner : "-", record->type);
    if (record->target)
      fprintf(servers->trace, " %s", record->target);
    else if (record->data_len == 4 || record->data_len == 16)
      fprintf(servers->trace, " %s",
              inet_ntop(record->data_len == 4 ? AF_INET : AF_INET6, record->data, text, sizeof text));
  }
  fputc('\n', servers->trace);
}

static void serve_datagram(struct servers *servers, int fd, unsigned s)
{
  static uint8_t in[1500], out[MESSAGE_MAX];
  static struct query query;
  static struct reply reply;
  struct sockaddr_in peer;
  socklen_t peer_len = sizeof peer;

  ssize_t len = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&peer, &peer_len);
  if (len < 0 || s >= servers->world->server_count || !wire_parse(&query, in, (size_t)len, false))
    return;
  world_reply(servers->world, s, &query.question, &reply);
  trace(servers, s, &query, &reply);
  if (reply.silent)
    return;
  for (unsigned junk = 1; junk <= JUNK_SHORT; junk <<= 1)
    if (reply.junk & junk)
      sendto(fd, out, wire_junk(&query, (enum junk)junk, out), 0, (struct sockaddr *)&peer, peer_len);
  sendto(fd, out, wire_reply(&query, &reply, out), 0, (struct sockaddr *)&peer, peer_len);
}

static void hang_up(struct connection *connection)
{
  close(connection->fd);
  connection->fd = -1;
}

/* False: it is to be closed. */
static bool serve_message(struct servers *servers, struct connection *connection, const uint8_t *message,
                          size_t len)
{
  static uint8_t out[2 + MESSAGE_MAX];
  static struct query query;
  static struct reply reply;

  if (connection->hangs_up || connection->server >= servers->world->server_count ||
      !wire_parse(&query, message, len, true))
    return false;
  world_reply(servers->world, connection->server, &query.question, &reply);
  trace(servers, connection->server, &query, &reply);
  if (reply.silent)
    return false;
  size_t out_len = wire_reply(&query, &reply, out + 2);
  out[0] = (uint8_t)(out_len >> 8);
  out[1] = (uint8_t)out_len;
  return send(connection->fd, out, out_len + 2, MSG_NOSIGNAL) == (ssize_t)out_len + 2;
}

static void serve_connection(struct servers *servers, struct connection *connection)
{
  ssize_t got =
      recv(connection->fd, connection->data + connection->len, sizeof connection->data - connection->len, 0);
  size_t at = 0;

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    hang_up(connection);
    return;
  }
  connection->len += (size_t)got;
  while (connection->len - at >= 2) {
    size_t len = (size_t)connection->data[at] << 8 | connection->data[at + 1];
    if (connection->len - at - 2 < len)
      break;
    if (!serve_message(servers, connection, connection->data + at + 2, len)) {
      hang_up(connection);
      return;
    }
    at += 2 + len;
  }
  memmove(connection->data, connection->data + at, connection->len - at);
  connection->len -= at;
}

static void accept_connection(struct servers *servers, int listener, unsigned s, bool hangs_up)
{
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (fd < 0)
    return;
  for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
    struct connection *connection = &servers->connection[i];
    if (connection->fd >= 0)
      continue;
    connection->fd = fd;
    connection->server = (uint8_t)s;
    connection->hangs_up = hangs_up;
    connection->len = 0;
    return;
  }
  fprintf(stderr, "compare: more connections than both services can have\n");
  exit(1);
}

/* ---- poll(2) ---- */

/* What is late for another case waits there until its server is in use again, and is answered to nobody. */
unsigned servers_watch(const struct servers *servers, struct pollfd *poll, unsigned count)
{
  for (unsigned s = 0; s < servers->world->server_count; s++) {
    enum reach reach = servers->world->server[s].reach;
    if (servers->udp[reach][s] >= 0)
      poll[count++] = (struct pollfd){.fd = servers->udp[reach][s], .events = POLLIN};
    if (servers->tcp[reach][s] >= 0)
      poll[count++] = (struct pollfd){.fd = servers->tcp[reach][s], .events = POLLIN};
  }
  for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
    if (servers->connection[i].fd >= 0)
      poll[count++] = (struct pollfd){.fd = servers->connection[i].fd, .events = POLLIN};
  return count;
}

static void serve_socket(struct servers *servers, int fd)
{
  for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
    if (servers->connection[i].fd == fd) {
      serve_connection(servers, &servers->connection[i]);
      return;
    }
  for (unsigned reach = 0; reach < REACHES; reach++)
    for (unsigned s = 0; s < SERVERS_MAX; s++) {
      if (servers->udp[reach][s] == fd)
        serve_datagram(servers, fd, s);
      if (servers->tcp[reach][s] == fd)
        accept_connection(servers, fd, s, reach == REACH_HANGS_UP);
    }
}

void servers_serve(struct servers *servers, const struct pollfd *poll, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    if (poll[i].revents)
      serve_socket(servers, poll[i].fd);
}
