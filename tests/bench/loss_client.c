/*
 * loss-client-X CELL LOOKUP FAMILY: looks nCELL-LOOKUP.test up once, in a process that has never looked
 * anything up, and writes a struct loss_result.  The time is all that such a program has to wait: reading
 * resolv.conf and loading a module are part of it.
 *
 * Compiled by the system's compiler, by musl-gcc, and with LOSS_CARES for c-ares.
 */
#include "loss_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef LOSS_CARES
#define CARES_NO_DEPRECATED /* select() is enough here */
#include <ares.h>
#include <sys/select.h>
#endif

static uint32_t what_is(const struct sockaddr *address)
{
  char text[INET6_ADDRSTRLEN] = "";
  bool ipv6 = address->sa_family == AF_INET6;

  if (ipv6) {
    struct sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
  } else {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
  }
  if (strcmp(text, ipv6 ? LOSS_IPV6 : LOSS_IPV4) != 0)
    return LOSS_FOUND_OTHER;
  return ipv6 ? LOSS_FOUND_IPV6 : LOSS_FOUND_IPV4;
}

#ifdef LOSS_CARES

struct wait {
  bool done;
  uint32_t found;
};

static void got(void *arg, int status, int timeouts, struct ares_addrinfo *list)
{
  struct wait *wait = arg;

  (void)timeouts;
  wait->done = true;
  if (status != ARES_SUCCESS || !list)
    return;
  for (const struct ares_addrinfo_node *at = list->nodes; at; at = at->ai_next)
    wait->found |= what_is(at->ai_addr);
  ares_freeaddrinfo(list);
}

static uint32_t look_up(const char *name, int family)
{
  const struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
  struct wait wait = {false, 0};
  ares_channel channel;

  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || ares_init(&channel) != ARES_SUCCESS)
    return LOSS_FOUND_OTHER;
  ares_getaddrinfo(channel, name, NULL, &hints, got, &wait);
  while (!wait.done) {
    struct timeval room, *timeout;
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    int count = ares_fds(channel, &in, &out);
    timeout = ares_timeout(channel, NULL, &room);
    if (count == 0 && !timeout)
      break;
    if (select(count, &in, &out, NULL, timeout) >= 0)
      ares_process(channel, &in, &out);
  }
  return wait.found;
}

#else

static uint32_t look_up(const char *name, int family)
{
  const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  uint32_t found = 0;

  if (getaddrinfo(name, NULL, &hints, &list) != 0)
    return 0;
  for (const struct addrinfo *at = list; at; at = at->ai_next)
    found |= what_is(at->ai_addr);
  freeaddrinfo(list);
  return found;
}

#endif

static int64_t now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
  struct loss_result result = {0};
  char name[64];

  if (argc != 4 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return 2;
  result.cell = (uint32_t)strtoul(argv[1], NULL, 10);
  result.lookup = (uint32_t)strtoul(argv[2], NULL, 10);
  /* With a dot at the end: the search list is not gone through. */
  snprintf(name, sizeof name, "n%u-%u." LOSS_DOMAIN ".", (unsigned)result.cell, (unsigned)result.lookup);
  int family = strcmp(argv[3], "both") == 0 ? AF_UNSPEC : AF_INET;
  int64_t begin = now_ns();
  result.found = look_up(name, family);
  result.time_ns = now_ns() - begin;
  return write(STDOUT_FILENO, &result, sizeof result) != (ssize_t)sizeof result;
}
