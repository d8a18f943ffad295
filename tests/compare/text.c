#include "text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void lower_text(char *buf, const char *name)
{
  size_t i = 0;
  for (; i < NS_MAXDNAME - 1 && name[i]; i++)
    buf[i] = (char)tolower((unsigned char)name[i]);
  buf[i] = '\0';
}

bool has_capitals(const char *name)
{
  for (; *name; name++)
    if (*name >= 'A' && *name <= 'Z')
      return true;
  return false;
}

bool same_text(const char *a, const char *b)
{
  return strcasecmp(a, b) == 0;
}

bool within_text(const char *name, const char *top)
{
  size_t name_len = strlen(name), top_len = strlen(top);
  if (strcmp(top, ".") == 0)
    return true;
  return name_len >= top_len && same_text(name + name_len - top_len, top) &&
         (name_len == top_len || name[name_len - top_len - 1] == '.');
}

void reverse_name(const struct address *address, char buf[NS_MAXDNAME])
{
  const uint8_t *octet = address->octets;
  size_t len = 0;

  if (address->family == AF_INET) {
    snprintf(buf, NS_MAXDNAME, "%u.%u.%u.%u.in-addr.arpa", octet[3], octet[2], octet[1], octet[0]);
    return;
  }
  for (int i = 15; i >= 0; i--, len += 4)
    snprintf(buf + len, NS_MAXDNAME - len, "%x.%x.", octet[i] & 15u, (unsigned)octet[i] >> 4);
  strcpy(buf + len, "ip6.arpa");
}

bool wire_text(const char *text, char buf[NS_MAXDNAME])
{
  uint8_t name[NS_MAXCDNAME];
  return ns_name_pton(text, name, sizeof name) >= 0 && ns_name_ntop(name, buf, NS_MAXDNAME) >= 0;
}
