/*
 * A module for the hosts line that knows the names "web", "web.test" and "lost", and two link-local
 * addresses: what a module for containers, or one for multicast DNS, is to ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define EXPORT __attribute__((visibility("default")))

static const char *const names[] = {"web", "web.test", "lost"};
static const struct {
  int family;
  const char *text;
} addresses[] = {{AF_INET, "198.18.7.7"}, {AF_INET6, "2001:db8:7::7"}},
  links[] = {{AF_INET, "169.254.1.2"}, {AF_INET6, "fe80::7"}};

/* What a result is made of, at the start of the caller's buffer. */
struct room {
  char *aliases[1], *list[2];
  uint8_t address[16];
  char name[32];
};

static enum nss_status not_found(int *errnop, int *h_errnop)
{
  *errnop = ENOENT;
  *h_errnop = HOST_NOT_FOUND;
  return NSS_STATUS_NOTFOUND;
}

static enum nss_status put(const char *name, int family, const void *address, struct hostent *host,
                           char *buffer, size_t buflen, int *errnop, int *h_errnop)
{
  size_t skip = -(uintptr_t)buffer % _Alignof(struct room);
  struct room *room = (struct room *)(void *)(buffer + skip);

  if (buflen < skip + sizeof *room) {
    *errnop = ERANGE;
    *h_errnop = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
  }
  *room = (struct room){.list = {(char *)room->address}};
  strncpy(room->name, name, sizeof room->name - 1);
  int len = family == AF_INET ? 4 : 16;
  memcpy(room->address, address, (size_t)len);
  *host = (struct hostent){.h_name = room->name,
                           .h_aliases = room->aliases,
                           .h_addrtype = family,
                           .h_length = len,
                           .h_addr_list = room->list};
  *h_errnop = 0;
  return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_known_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                                   char *buffer, size_t buflen, int *errnop, int *h_errnop);
EXPORT enum nss_status _nss_known_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                                                  size_t buflen, int *errnop, int *h_errnop);
EXPORT enum nss_status _nss_known_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                                  struct hostent *host, char *buffer, size_t buflen,
                                                  int *errnop, int *h_errnop);

enum nss_status _nss_known_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer,
                                            size_t buflen, int *errnop, int *h_errnop)
{
  uint8_t address[16];

  bool known = false;
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    known |= strcasecmp(name, names[i]) == 0;
  if (!known)
    return not_found(errnop, h_errnop);
  for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
    if (addresses[i].family == family && inet_pton(family, addresses[i].text, address) == 1)
      return put(name, family, address, host, buffer, buflen, errnop, h_errnop);
  return not_found(errnop, h_errnop);
}

enum nss_status _nss_known_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                                           size_t buflen, int *errnop, int *h_errnop)
{
  return _nss_known_gethostbyname2_r(name, AF_INET, host, buffer, buflen, errnop, h_errnop);
}

enum nss_status _nss_known_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                           struct hostent *host, char *buffer, size_t buflen, int *errnop,
                                           int *h_errnop)
{
  uint8_t link[16];

  for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++)
    if (links[i].family == family && inet_pton(family, links[i].text, link) == 1 &&
        memcmp(address, link, len) == 0)
      return put("printer.local", family, address, host, buffer, buflen, errnop, h_errnop);
  return not_found(errnop, h_errnop);
}
