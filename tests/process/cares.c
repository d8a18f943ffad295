/*
 * cares LOOKUP...: a program that asks by c-ares as well as by glibc, first in turn, then in threads at once.
 * A LOOKUP is three arguments: how and name as for ask(), and what glibc then gives.
 */
#define CARES_NO_DEPRECATED /* select() is enough here */
#include "module.h"

#include <ares.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>

enum { TURNS = 50, PAIRS = 4 };

static char **lookups; /* three words each */

/* Both addresses of one.test, or the error. */
static void heard(void *argument, int status, int timeouts, struct ares_addrinfo *result)
{
  char *text = argument, four[INET6_ADDRSTRLEN] = "", six[INET6_ADDRSTRLEN] = "";

  (void)timeouts;
  if (status != ARES_SUCCESS) {
    snprintf(text, TEXT_MAX, "%s", ares_strerror(status));
    return;
  }
  for (struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
    const struct sockaddr_in *in = (const void *)node->ai_addr;
    const struct sockaddr_in6 *in6 = (const void *)node->ai_addr;
    if (node->ai_family == AF_INET)
      inet_ntop(AF_INET, &in->sin_addr, four, sizeof four);
    else
      inet_ntop(AF_INET6, &in6->sin6_addr, six, sizeof six);
  }
  snprintf(text, TEXT_MAX, "%s %s", four, six);
  ares_freeaddrinfo(result);
}

static void ask_cares(ares_channel channel)
{
  struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  char text[TEXT_MAX] = "";

  ares_getaddrinfo(channel, "one.test", NULL, &hints, heard, text);
  for (;;) {
    fd_set reading, writing;
    struct timeval wait;
    FD_ZERO(&reading);
    FD_ZERO(&writing);
    int count = ares_fds(channel, &reading, &writing);
    if (count == 0)
      break;
    select(count, &reading, &writing, NULL, ares_timeout(channel, NULL, &wait));
    ares_process(channel, &reading, &writing);
  }
  CHECK(strcmp(text, "198.18.0.1 2001:db8::1") == 0, "c-ares: %s", text);
}

static void ask_all(void)
{
  for (char **word = lookups; word[0]; word += 3)
    CHECK_ASK(word[0], word[1], word[2]);
}

static void *cares_thread(void *argument)
{
  ares_channel channel;

  (void)argument;
  CHECK(ares_init(&channel) == ARES_SUCCESS, "ares_init");
  for (int i = 0; i < TURNS; i++)
    ask_cares(channel);
  ares_destroy(channel);
  return NULL;
}

static void *glibc_thread(void *argument)
{
  (void)argument;
  for (int i = 0; i < TURNS / 5; i++)
    ask_all();
  return NULL;
}

int main(int argc, char **argv)
{
  pthread_t thread[2 * PAIRS];
  ares_channel channel;

  CHECK(argc > 1 && argc % 3 == 1, "%d arguments", argc - 1);
  lookups = argv + 1;
  CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS && ares_init(&channel) == ARES_SUCCESS,
        "ares_init");
  unsigned before = 0;
  for (int i = 0; i < TURNS / 5; i++) {
    ask_cares(channel);
    if (i == 0)
      before = descriptors(); /* c-ares may keep its sockets */
    ask_all();
    CHECK_DESCRIPTORS(before);
  }
  ares_destroy(channel);
  for (size_t i = 0; i < 2 * PAIRS; i++)
    CHECK(pthread_create(&thread[i], NULL, i % 2 ? cares_thread : glibc_thread, NULL) == 0, "pthread_create");
  for (size_t i = 0; i < 2 * PAIRS; i++)
    pthread_join(thread[i], NULL);
  ares_library_cleanup();
  return 0;
}
