#include "settings_value.h"

#include "kernel.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

enum { PORT_DEFAULT = 53 };

const char aiodns_settings_expected_time[] = "expected a time such as 300ms or 2s";

static const char expected_unit[] = "expected a unit directly behind the number: ms, s, m, h or d",
                  expected_address[] =
                      "expected a server such as 192.0.2.53, 2001:db8::53@5353 or fe80::1%eth0",
                  expected_port[] = "expected a port from 1 to 65535 behind the @",
                  expected_no_scope[] = "expected no scope (%) but behind a link-local IPv6 address",
                  expected_scope[] = "expected a scope behind a link-local address, such as fe80::1%eth0",
                  expected_interface[] = "expected an interface that exists, or its number, behind the %",
                  expected_size[] = "expected a size such as 4M, with K, M or G behind the number",
                  expected_name[] =
                      "expected a domain name of letters, digits, - and _, such as corp.example",
                  expected_path[] = "expected a path from / on, of at most 255 characters",
                  expected_wildcards[] = "expected * and ? behind the last / of the path only";

/* A run of decimal digits, as far as it goes; what is too large for `limit` stays above it. */
static const char *parse_number(const char *text, uint64_t limit, uint64_t *ret)
{
  for (*ret = 0; *text >= '0' && *text <= '9'; text++)
    if (*ret <= limit)
      *ret = *ret * 10 + (uint64_t)(*text - '0');
  return text;
}

const char *aiodns_settings_time(const char *word, size_t len, uint64_t *ret_ms)
{
  static const struct {
    char text[3];
    uint32_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  const uint64_t limit = UINT64_C(10000000000); /* ten times that in days still fits */
  const char *unit = parse_number(word, limit, ret_ms);

  if (unit == word || len >= AIODNS_SETTINGS_WORD_ROOM)
    return aiodns_settings_expected_time;
  if (!*unit)
    return expected_unit;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(unit, units[i].text) == 0) {
      *ret_ms *= units[i].ms;
      return NULL;
    }
  return aiodns_settings_expected_time;
}

static bool parse_port(const char *text, in_port_t *ret)
{
  uint64_t port;
  const char *end = parse_number(text, UINT16_MAX, &port);

  if (*end || port < 1 || port > UINT16_MAX)
    return false;
  *ret = htons((uint16_t)port);
  return true;
}

/* By the kernel (netdevice(7)); 0: there is none of this name. */
static uint32_t interface_by_name(const char *name, int *ret_error)
{
  struct ifreq request = {0};
  size_t len = strlen(name);

  if (len >= sizeof request.ifr_name)
    return 0;
  memcpy(request.ifr_name, name, len);
  int fd = aiodns_kernel_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC);
  if (fd < 0) {
    *ret_error = errno;
    return 0;
  }
  if (syscall(SYS_ioctl, fd, SIOCGIFINDEX, &request) != 0) {
    *ret_error = errno;
    request.ifr_ifindex = 0;
  }
  aiodns_kernel_close(fd);
  return (uint32_t)request.ifr_ifindex;
}

static uint32_t parse_scope(const char *text, int *ret_error)
{
  uint64_t number;
  const char *end = parse_number(text, UINT32_MAX, &number);

  if (!*text)
    return 0;
  if (*end)
    return interface_by_name(text, ret_error);
  return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static const char *parse_ipv6(const char *address, const char *scope, struct sockaddr_in6 *ret,
                              int *ret_error)
{
  if (inet_pton(AF_INET6, address, &ret->sin6_addr) != 1)
    return expected_address;
  ret->sin6_family = AF_INET6;
  if (scope && !IN6_IS_ADDR_LINKLOCAL(&ret->sin6_addr) && !IN6_IS_ADDR_MC_LINKLOCAL(&ret->sin6_addr))
    return expected_no_scope;
  if (scope)
    return (ret->sin6_scope_id = parse_scope(scope, ret_error)) ? NULL : expected_interface;
  return IN6_IS_ADDR_LINKLOCAL(&ret->sin6_addr) ? expected_scope : NULL;
}

const char *aiodns_settings_server(const char *word, size_t len, struct aiodns_server *ret, int *ret_error)
{
  char text[AIODNS_SETTINGS_WORD_ROOM];
  in_port_t port = htons(PORT_DEFAULT);
  char *at, *scope;

  memset(ret, 0, sizeof *ret);
  if (len >= sizeof text)
    return expected_address;
  memcpy(text, word, len + 1);
  if ((at = strrchr(text, '@')) != NULL)
    *at = '\0';
  if ((scope = strchr(text, '%')) != NULL)
    *scope++ = '\0';
  if (inet_pton(AF_INET, text, &ret->address.in.sin_addr) == 1) {
    if (scope)
      return expected_no_scope;
    ret->address.in.sin_family = AF_INET;
    ret->address_len = sizeof ret->address.in;
  } else {
    const char *expected = parse_ipv6(text, scope, &ret->address.in6, ret_error);
    if (expected)
      return expected;
    ret->address_len = sizeof ret->address.in6;
  }
  if (at && !parse_port(at + 1, &port))
    return expected_port;
  if (ret->address_len == sizeof ret->address.in)
    ret->address.in.sin_port = port;
  else
    ret->address.in6.sin6_port = port;
  return NULL;
}

const char *aiodns_settings_size(const char *word, size_t len, uint64_t *ret)
{
  static const char units[] = "KMG";
  const char *unit = parse_number(word, UINT64_C(1) << 30, ret); /* ten times that in G still fits */

  if (unit == word || len >= AIODNS_SETTINGS_WORD_ROOM)
    return expected_size;
  if (!*unit)
    return NULL;
  const char *found = strchr(units, *unit);
  if (!found || unit[1])
    return expected_size;
  *ret <<= 10 * (found - units + 1);
  return NULL;
}

const char *aiodns_settings_name(const char *word, size_t len, struct aiodns_name *ret)
{
  if (len >= AIODNS_SETTINGS_WORD_ROOM || !aiodns_name_from_text(ret, word) || ret->len < 2 ||
      !aiodns_name_is_host_part(ret))
    return expected_name;
  for (unsigned i = 0; i < ret->len; i++) /* lengths of labels are below the letters */
    ret->wire[i] = aiodns_name_lower(ret->wire[i]);
  return NULL;
}

const char *aiodns_settings_pattern(const char *word, size_t len)
{
  if (len >= AIODNS_SETTINGS_WORD_ROOM - 1 || word[0] != '/' || word[len - 1] == '/')
    return expected_path;
  const char *wildcard = strpbrk(word, "*?");
  return wildcard && strchr(wildcard, '/') ? expected_wildcards : NULL;
}
