/*
 * outcome HOW NAME WANTED...: what the entry points leave in errno and h_errno, which they are given the
 * addresses of, as glibc does, and in variables of the caller's own.  WANTED is as put_outcome() writes it,
 * for an errno of 0.
 */
#include "module.h"

#include <arpa/inet.h>
#include <errno.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STALE_ERROR = EDOM, STALE_H_ERROR = NO_RECOVERY };

static struct module module;
static char buffer[BUFFER_LEN];

static void check(const char *name, struct outcome outcome, const char *wanted)
{
  char got[OUTCOME_MAX];

  if (outcome.status == NSS_STATUS_SUCCESS) {
    CHECK(outcome.error == STALE_ERROR, "%s: a success changed errno to %d", name, outcome.error);
    outcome.error = 0;
  }
  put_outcome(outcome, got);
  CHECK(strcmp(got, wanted) == 0, "%s: wanted %s, got %s", name, wanted, got);
}

static void ask_into(const char *how, const char *name, int *error, int *h_error, const char *wanted)
{
  struct gaih_addrtuple *list = NULL;
  struct hostent host;
  uint8_t octets[16];
  int status;

  errno = *error = STALE_ERROR;
  h_errno = *h_error = STALE_H_ERROR;
  if (strcmp(how, "gai") == 0)
    status = module.byname4(name, &list, buffer, sizeof buffer, error, h_error, NULL);
  else if (strcmp(how, "gai4") == 0)
    status = module.byname3(name, AF_INET, &host, buffer, sizeof buffer, error, h_error, NULL, NULL);
  else if (strcmp(how, "byname6") == 0)
    status = module.byname2(name, AF_INET6, &host, buffer, sizeof buffer, error, h_error);
  else if (strcmp(how, "byname") == 0)
    status = module.byname(name, &host, buffer, sizeof buffer, error, h_error);
  else if (inet_pton(AF_INET, name, octets) == 1)
    status = module.byaddr(octets, 4, AF_INET, &host, buffer, sizeof buffer, error, h_error);
  else if (inet_pton(AF_INET6, name, octets) == 1)
    status = module.byaddr2(octets, 16, AF_INET6, &host, buffer, sizeof buffer, error, h_error, NULL);
  else if (strcmp(how, "family") == 0)
    status = module.byname2(name, AF_UNIX, &host, buffer, sizeof buffer, error, h_error);
  else /* an address whose length is not its family's */
    status = module.byaddr(octets, 5, AF_INET, &host, buffer, sizeof buffer, error, h_error);
  check(name, (struct outcome){status, *error, *h_error}, wanted);
}

int main(int argc, char **argv)
{
  CHECK(argc > 1 && argc % 3 == 1, "%d arguments", argc - 1);
  module_load(&module, MODULE, 0);
  for (int ready = 0; ready < 2; ready++) {
    for (int i = 1; i < argc; i += 3) {
      int error, h_error;
      ask_into(argv[i], argv[i + 1], &errno, &h_errno, argv[i + 2]);
      ask_into(argv[i], argv[i + 1], &error, &h_error, argv[i + 2]);
    }
    CHECK(res_init() == 0, "res_init"); /* once without, once with */
  }
  return 0;
}
