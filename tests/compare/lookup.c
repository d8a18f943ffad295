#include "lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool call_is_reverse(enum call call)
{
  return call >= CALL_BYADDR;
}

bool call_is_reentrant(enum call call)
{
  return call == CALL_BYNAME_R || call == CALL_BYNAME2_R || call == CALL_BYADDR_R;
}

/* ---- Results ---- */

void result_clear(struct result *result)
{
  result->found = false;
  result->error = result->status = 0;
  result->name[0] = '\0';
  result->alias_count = result->address_count = 0;
}

void result_add_alias(struct result *result, const char *name)
{
  if (result->alias_count < ALIASES_MAX)
    snprintf(result->alias[result->alias_count++], HOST_NAME_MAX_LEN, "%s", name);
}

void result_add_address(struct result *result, int family, const void *octets)
{
  if (result->address_count == ADDRESSES_MAX)
    return;
  struct address *address = &result->address[result->address_count++];
  *address = (struct address){.family = family};
  memcpy(address->octets, octets, family == AF_INET ? 4 : 16);
}

static int compare_addresses(const void *a, const void *b)
{
  return memcmp(a, b, sizeof(struct address));
}

static bool same_addresses(const struct result *a, const struct result *b, bool in_order)
{
  struct address sorted_a[ADDRESSES_MAX], sorted_b[ADDRESSES_MAX];
  size_t size = a->address_count * sizeof *sorted_a;

  if (a->address_count != b->address_count)
    return false;
  if (in_order || a->address_count == 0)
    return memcmp(a->address, b->address, size) == 0;
  memcpy(sorted_a, a->address, size);
  memcpy(sorted_b, b->address, size);
  qsort(sorted_a, a->address_count, sizeof *sorted_a, compare_addresses);
  qsort(sorted_b, a->address_count, sizeof *sorted_b, compare_addresses);
  return memcmp(sorted_a, sorted_b, size) == 0;
}

bool result_same(const struct result *a, const struct result *b, bool in_order)
{
  if (a->found != b->found || a->error != b->error || a->status != b->status ||
      strcmp(a->name, b->name) != 0 || a->alias_count != b->alias_count)
    return false;
  for (unsigned i = 0; i < a->alias_count; i++)
    if (strcmp(a->alias[i], b->alias[i]) != 0)
      return false;
  return same_addresses(a, b, in_order);
}

static const char *error_name(enum call call, int error)
{
  static const char *const h_name[] = {"0", "HOST_NOT_FOUND", "TRY_AGAIN", "NO_RECOVERY", "NO_DATA"};
  static char number[32];

  if (call != CALL_GETADDRINFO && call != CALL_NAMEINFO) {
    if (error >= 0 && error < 5)
      return h_name[error];
    snprintf(number, sizeof number, "h_errno %d", error);
    return number;
  }
  switch (error) {
  case EAI_AGAIN:
    return "EAI_AGAIN";
  case EAI_FAIL:
    return "EAI_FAIL";
  case EAI_NONAME:
    return "EAI_NONAME";
  case EAI_NODATA:
    return "EAI_NODATA";
  case EAI_SYSTEM:
    return "EAI_SYSTEM";
  default:
    snprintf(number, sizeof number, "EAI %d", error);
    return number;
  }
}

void result_print(const struct lookup *lookup, const struct result *result, FILE *out)
{
  char text[INET6_ADDRSTRLEN];

  if (!result->found)
    fprintf(out, "%s", error_name(lookup->call, result->error));
  else
    fprintf(out, "name \"%s\"", result->name);
  if (call_is_reentrant(lookup->call))
    fprintf(out, ", returns %d", result->status);
  for (unsigned i = 0; i < result->alias_count; i++)
    fprintf(out, "%s %s", i ? "" : ", aliases", result->alias[i]);
  for (unsigned i = 0; i < result->address_count; i++)
    fprintf(out, "%s %s", i ? "" : ", addresses",
            inet_ntop(result->address[i].family, result->address[i].octets, text, sizeof text));
  fputc('\n', out);
}

void lookup_print(const struct lookup *lookup, FILE *out)
{
  static const char *const call[] = {"getaddrinfo",      "gethostbyname", "gethostbyname_r", "gethostbyname2",
                                     "gethostbyname2_r", "gethostbyaddr", "gethostbyaddr_r", "getnameinfo"};
  static const struct {
    int flag;
    const char *name;
  } flags[] = {{AI_CANONNAME, "AI_CANONNAME"},     {AI_ADDRCONFIG, "AI_ADDRCONFIG"},
               {AI_V4MAPPED, "AI_V4MAPPED"},       {AI_ALL, "AI_ALL"},
               {AI_NUMERICHOST, "AI_NUMERICHOST"}, {AI_IDN, "AI_IDN"}};
  char text[INET6_ADDRSTRLEN];

  fprintf(out, "%s(", call[lookup->call]);
  if (call_is_reverse(lookup->call))
    fprintf(out, "%s", inet_ntop(lookup->address.family, lookup->address.octets, text, sizeof text));
  else
    fprintf(out, "\"%s\"", lookup->name);
  if (!call_is_reverse(lookup->call) && lookup->call != CALL_BYNAME && lookup->call != CALL_BYNAME_R)
    fprintf(out, ", %s",
            lookup->family == AF_INET    ? "AF_INET"
            : lookup->family == AF_INET6 ? "AF_INET6"
                                         : "AF_UNSPEC");
  if (lookup->call == CALL_GETADDRINFO)
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
      if (lookup->flags & flags[i].flag)
        fprintf(out, ", %s", flags[i].name);
  fprintf(out, ")");
}

/* ---- The calls ---- */

static void do_getaddrinfo(const struct lookup *lookup, struct result *ret)
{
  struct addrinfo hints = {
      .ai_family = lookup->family, .ai_flags = lookup->flags, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list;

  ret->error = getaddrinfo(lookup->name, NULL, &hints, &list);
  if (ret->error != 0)
    return;
  ret->found = true;
  if (list->ai_canonname)
    snprintf(ret->name, sizeof ret->name, "%s", list->ai_canonname);
  for (const struct addrinfo *entry = list; entry; entry = entry->ai_next) {
    struct sockaddr_storage address;
    memcpy(&address, entry->ai_addr, entry->ai_addrlen);
    if (entry->ai_family == AF_INET)
      result_add_address(ret, AF_INET, &((struct sockaddr_in *)&address)->sin_addr);
    else
      result_add_address(ret, AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr);
  }
  freeaddrinfo(list);
}

static void put_hostent(const struct hostent *host, struct result *ret)
{
  if (!host)
    return;
  ret->found = true;
  ret->error = 0;
  snprintf(ret->name, sizeof ret->name, "%s", host->h_name);
  for (char **alias = host->h_aliases; *alias; alias++)
    result_add_alias(ret, *alias);
  for (char **address = host->h_addr_list; *address; address++)
    result_add_address(ret, host->h_addrtype, *address);
}

static void do_hostent(const struct lookup *lookup, struct result *ret)
{
  const struct address *address = &lookup->address;
  struct hostent *host;

  h_errno = 0;
  if (lookup->call == CALL_BYNAME)
    host = gethostbyname(lookup->name);
  else if (lookup->call == CALL_BYNAME2)
    host = gethostbyname2(lookup->name, lookup->family);
  else
    host = gethostbyaddr(address->octets, address->family == AF_INET ? 4 : 16, address->family);
  ret->error = h_errno;
  put_hostent(host, ret);
}

static void do_hostent_r(const struct lookup *lookup, struct result *ret)
{
  const struct address *address = &lookup->address;
  struct hostent host, *found;
  size_t len = 1024;
  char *buffer = NULL;

  do {
    free(buffer);
    buffer = malloc(len);
    errno = 0;
    ret->error = 0;
    found = NULL;
    if (!buffer)
      abort();
    if (lookup->call == CALL_BYNAME_R)
      ret->status = gethostbyname_r(lookup->name, &host, buffer, len, &found, &ret->error);
    else if (lookup->call == CALL_BYNAME2_R)
      ret->status = gethostbyname2_r(lookup->name, lookup->family, &host, buffer, len, &found, &ret->error);
    else
      ret->status = gethostbyaddr_r(address->octets, address->family == AF_INET ? 4 : 16, address->family,
                                    &host, buffer, len, &found, &ret->error);
    len *= 2;
  } while (ret->status == ERANGE);
  put_hostent(found, ret);
  free(buffer);
}

static void do_nameinfo(const struct lookup *lookup, struct result *ret)
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  const struct address *address = &lookup->address;
  char host[NI_MAXHOST];

  memcpy(&in.sin_addr, address->octets, 4);
  memcpy(&in6.sin6_addr, address->octets, 16);
  if (address->family == AF_INET)
    ret->error = getnameinfo((struct sockaddr *)&in, sizeof in, host, sizeof host, NULL, 0, NI_NAMEREQD);
  else
    ret->error = getnameinfo((struct sockaddr *)&in6, sizeof in6, host, sizeof host, NULL, 0, NI_NAMEREQD);
  ret->found = ret->error == 0;
  if (ret->found)
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)sizeof ret->name - 1, host);
}

void lookup_do(const struct lookup *lookup, struct result *ret)
{
  result_clear(ret);
  errno = 0;
  switch (lookup->call) {
  case CALL_GETADDRINFO:
    do_getaddrinfo(lookup, ret);
    break;
  case CALL_BYNAME:
  case CALL_BYNAME2:
  case CALL_BYADDR:
    do_hostent(lookup, ret);
    break;
  case CALL_NAMEINFO:
    do_nameinfo(lookup, ret);
    break;
  default:
    do_hostent_r(lookup, ret);
    break;
  }
}
