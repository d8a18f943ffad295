/*
 * libnss_null.so.2: the least that a hosts service can do, to compare with.  It knows two names by heart and
 * asks nobody: what a lookup by it costs is what glibc costs.  As glibc wants it, all that it returns is in
 * the caller's buffer, aligned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { TTL_S = 300, NAME_MAX_LEN = 16 };

/* As tools/tour/zone.c has them. */
static const struct entry {
  char name[NAME_MAX_LEN];
  unsigned char ipv4[4], ipv6[16];
  bool has_ipv6;
} entries[] = {
    {"www.example", {192, 0, 2, 10}, {0}, false},
    {"dual.example", {192, 0, 2, 20}, {0x20, 0x01, 0x0d, 0xb8, [15] = 0x20}, true},
};

/* What each kind of answer looks like in the buffer. */
struct tuples {
  struct gaih_addrtuple at[2];
  char name[NAME_MAX_LEN];
};

struct host {
  char *aliases[1], *addresses[2];
  unsigned char address[16];
  char name[NAME_MAX_LEN];
};

static const struct entry *find(const char *name)
{
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
    if (strcmp(name, entries[i].name) == 0)
      return &entries[i];
  return NULL;
}

/* Room for one of the above; NULL: the buffer is too small. */
static void *take(char *buffer, size_t buflen, size_t size)
{
  size_t padding = -(uintptr_t)buffer & (_Alignof(void *) - 1);

  return padding + size <= buflen ? buffer + padding : NULL;
}

static enum nss_status too_small(int *errnop, int *h_errnop)
{
  *errnop = ERANGE;
  *h_errnop = NETDB_INTERNAL;
  return NSS_STATUS_TRYAGAIN;
}

static enum nss_status not_found(int *errnop, int *h_errnop, int h_error)
{
  *errnop = ENOENT;
  *h_errnop = h_error;
  return NSS_STATUS_NOTFOUND;
}

static enum nss_status put_host(const struct entry *entry, int family, struct hostent *ret, char *buffer,
                                size_t buflen, int *errnop, int *h_errnop)
{
  struct host *host = take(buffer, buflen, sizeof *host);

  if (!host)
    return too_small(errnop, h_errnop);
  memcpy(host->name, entry->name, sizeof host->name);
  if (family == AF_INET)
    memcpy(host->address, entry->ipv4, sizeof entry->ipv4);
  else
    memcpy(host->address, entry->ipv6, sizeof entry->ipv6);
  host->aliases[0] = NULL;
  host->addresses[0] = (char *)host->address;
  host->addresses[1] = NULL;
  *ret = (struct hostent){.h_name = host->name,
                          .h_aliases = host->aliases,
                          .h_addrtype = family,
                          .h_length = family == AF_INET ? 4 : 16,
                          .h_addr_list = host->addresses};
  return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_null_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat, char *buffer,
                                                  size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp);
EXPORT enum nss_status _nss_null_gethostbyname3_r(const char *name, int family, struct hostent *host,
                                                  char *buffer, size_t buflen, int *errnop, int *h_errnop,
                                                  int32_t *ttlp, char **canonp);
EXPORT enum nss_status _nss_null_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                                  char *buffer, size_t buflen, int *errnop, int *h_errnop);
EXPORT enum nss_status _nss_null_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                                                 size_t buflen, int *errnop, int *h_errnop);
EXPORT enum nss_status _nss_null_gethostbyaddr2_r(const void *address, socklen_t len, int family,
                                                  struct hostent *host, char *buffer, size_t buflen,
                                                  int *errnop, int *h_errnop, int32_t *ttlp);
EXPORT enum nss_status _nss_null_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                                 struct hostent *host, char *buffer, size_t buflen,
                                                 int *errnop, int *h_errnop);

enum nss_status _nss_null_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat, char *buffer,
                                           size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp)
{
  const struct entry *entry = find(name);
  struct tuples *tuples = take(buffer, buflen, sizeof *tuples);

  if (!entry)
    return not_found(errnop, h_errnop, HOST_NOT_FOUND);
  if (!tuples)
    return too_small(errnop, h_errnop);
  memcpy(tuples->name, entry->name, sizeof tuples->name);
  tuples->at[0] = (struct gaih_addrtuple){.name = tuples->name, .family = AF_INET};
  memcpy(tuples->at[0].addr, entry->ipv4, sizeof entry->ipv4);
  if (entry->has_ipv6) {
    tuples->at[1] = (struct gaih_addrtuple){.name = tuples->name, .family = AF_INET6};
    memcpy(tuples->at[1].addr, entry->ipv6, sizeof entry->ipv6);
    tuples->at[0].next = &tuples->at[1];
  }
  if (*pat)
    **pat = tuples->at[0]; /* glibc 2.34 and 2.35 */
  else
    *pat = tuples->at;
  if (ttlp)
    *ttlp = TTL_S;
  return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_null_gethostbyname3_r(const char *name, int family, struct hostent *host, char *buffer,
                                           size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp,
                                           char **canonp)
{
  const struct entry *entry = find(name);

  if (!entry)
    return not_found(errnop, h_errnop, HOST_NOT_FOUND);
  if (family != AF_INET && !(family == AF_INET6 && entry->has_ipv6))
    return not_found(errnop, h_errnop, NO_DATA);
  enum nss_status status = put_host(entry, family, host, buffer, buflen, errnop, h_errnop);
  if (status == NSS_STATUS_SUCCESS && ttlp)
    *ttlp = TTL_S;
  if (status == NSS_STATUS_SUCCESS && canonp)
    *canonp = host->h_name;
  return status;
}

enum nss_status _nss_null_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer,
                                           size_t buflen, int *errnop, int *h_errnop)
{
  return _nss_null_gethostbyname3_r(name, family, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

enum nss_status _nss_null_gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t buflen,
                                          int *errnop, int *h_errnop)
{
  return _nss_null_gethostbyname3_r(name, AF_INET, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

enum nss_status _nss_null_gethostbyaddr2_r(const void *address, socklen_t len, int family,
                                           struct hostent *host, char *buffer, size_t buflen, int *errnop,
                                           int *h_errnop, int32_t *ttlp)
{
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    const struct entry *entry = &entries[i];
    if ((family == AF_INET && len == 4 && memcmp(address, entry->ipv4, 4) == 0) ||
        (family == AF_INET6 && len == 16 && entry->has_ipv6 && memcmp(address, entry->ipv6, 16) == 0)) {
      enum nss_status status = put_host(entry, family, host, buffer, buflen, errnop, h_errnop);
      if (status == NSS_STATUS_SUCCESS && ttlp)
        *ttlp = TTL_S;
      return status;
    }
  }
  return not_found(errnop, h_errnop, HOST_NOT_FOUND);
}

enum nss_status _nss_null_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                          struct hostent *host, char *buffer, size_t buflen, int *errnop,
                                          int *h_errnop)
{
  return _nss_null_gethostbyaddr2_r(address, len, family, host, buffer, buflen, errnop, h_errnop, NULL);
}
