/*
 * resolv LOOKUP...: the module beside libresolv, in threads that each have a `_res` of their own.  Neither
 * may notice the other: `_res` stays as it is octet by octet, sockets that libresolv keeps stay its own, and
 * what it finds stays the same.  A LOOKUP is three arguments: how and name as for ask(), and what glibc then
 * gives.
 */
#include "module.h"

#include <arpa/nameser.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE "one.test"

enum { REPLY_MAX = 4096, THREADS = 4 };

static const unsigned long modes[] = {0, RES_STAYOPEN, RES_USEVC, RES_USEVC | RES_STAYOPEN, RES_USE_EDNS0};
enum { MODES = sizeof modes / sizeof modes[0] };

static struct module module;
static char **lookups; /* three words each */

/* one.test's address. */
static void check_reply(const uint8_t *reply, int len)
{
  static const uint8_t address[4] = {198, 18, 0, 1};
  ns_msg message;
  ns_rr record;

  CHECK(len > 0 && ns_initparse(reply, len, &message) == 0, "%d octets", len);
  CHECK(ns_parserr(&message, ns_s_an, 0, &record) == 0 && ns_rr_type(record) == ns_t_a, "no address");
  CHECK(memcmp(ns_rr_rdata(record), address, sizeof address) == 0, "another address");
}

/* By every way into libresolv. */
static void check_libresolv(struct __res_state *mine)
{
  uint8_t reply[REPLY_MAX];

  check_reply(reply, res_query(ONE, ns_c_in, ns_t_a, reply, sizeof reply));
  check_reply(reply, res_search(ONE, ns_c_in, ns_t_a, reply, sizeof reply));
  check_reply(reply, res_nquery(mine, ONE, ns_c_in, ns_t_a, reply, sizeof reply));
  check_reply(reply, res_nsearch(mine, ONE, ns_c_in, ns_t_a, reply, sizeof reply));
}

static void check_same(const char *what, const char *how, const void *before, const void *after)
{
  const uint8_t *a = before, *b = after;

  for (size_t i = 0; i < sizeof(struct __res_state); i++)
    CHECK(a[i] == b[i], "%s changed %s at octet %zu: %u, before it was %u", how, what, i, b[i], a[i]);
}

static void check_lookups(struct __res_state *mine, bool by_hand, char *buffer)
{
  struct __res_state *theirs = __res_state();

  for (char **word = lookups; word[0]; word += 3) {
    /* memcpy: with the octets between the members */
    struct __res_state *before = malloc(2 * sizeof *before);
    CHECK(before, "no memory");
    memcpy(&before[0], theirs, sizeof *theirs);
    memcpy(&before[1], mine, sizeof *mine);
    if (by_hand)
      call_by_hand(&module, word[0], word[1], buffer, BUFFER_LEN);
    else
      CHECK_ASK(word[0], word[1], word[2]);
    check_same("_res", word[0], &before[0], theirs);
    check_same("another state", word[0], &before[1], mine);
    free(before);
  }
}

static void *beside_libresolv(void *alone)
{
  char *buffer = malloc(BUFFER_LEN);

  for (size_t i = 0; i < MODES; i++) {
    struct __res_state mine;
    memset(&mine, 0, sizeof mine);
    CHECK(res_init() == 0 && res_ninit(&mine) == 0, "res_init");
    _res.options |= modes[i];
    mine.options |= modes[i];
    check_libresolv(&mine);
    unsigned before = alone ? descriptors() : 0;
    check_lookups(&mine, true, buffer);
    check_lookups(&mine, false, buffer);
    if (alone)
      CHECK_DESCRIPTORS(before);
    check_libresolv(&mine);
    if (alone)
      CHECK_DESCRIPTORS(before);
    res_nclose(&mine);
    res_nclose(&_res);
  }
  free(buffer);
  return NULL;
}

int main(int argc, char **argv)
{
  pthread_t thread[THREADS];

  CHECK(argc > 1 && argc % 3 == 1, "%d arguments", argc - 1);
  lookups = argv + 1;
  CHECK_ASK(lookups[0], lookups[1], lookups[2]); /* loads the module through glibc */
  module_load(&module, MODULE, 0);
  beside_libresolv(&module);
  for (size_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&thread[i], NULL, beside_libresolv, NULL) == 0, "pthread_create");
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  return 0;
}
