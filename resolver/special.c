#include "special.h"

#include "kernel.h"

#include <string.h>
#include <strings.h>

enum special_scope {
  ITSELF = 1,
  BELOW = 2,
};

static const struct {
  char name[10];
  uint8_t len;
  uint8_t scope;
  uint8_t is; /* enum aiodns_special */
} special[] = {
    {"localhost", 9, ITSELF | BELOW, AIODNS_SPECIAL_LOCALHOST}, /* RFC 6761 section 6.3 */
    {"invalid", 7, ITSELF | BELOW, AIODNS_SPECIAL_NOWHERE},     /* RFC 6761 section 6.4 */
    {"onion", 5, ITSELF | BELOW, AIODNS_SPECIAL_NOWHERE},       /* RFC 7686 section 2 */
    {"local", 5, BELOW, AIODNS_SPECIAL_NOT_MINE},               /* RFC 6762 section 3: mDNS's */
    {"_gateway", 8, ITSELF, AIODNS_SPECIAL_NOT_MINE},           /* nss-myhostname(8)'s */
    {"_outbound", 9, ITSELF, AIODNS_SPECIAL_NOT_MINE},
};

static const char first_letters[] = "lio_"; /* of those names; a NUL in a label is looked at, too */

enum aiodns_special aiodns_special_of(const struct aiodns_name *name)
{
  size_t last = 0; /* the label in front of the root */

  if (name->wire[0] == 0)
    return AIODNS_SPECIAL_NONE;
  for (size_t at = 0; name->wire[at]; at += 1 + (size_t)name->wire[at])
    last = at;
  if (!strchr(first_letters, aiodns_name_lower(name->wire[last + 1])))
    return AIODNS_SPECIAL_NONE; /* as for nearly all names */
  uint8_t scope = last == 0 ? ITSELF : BELOW;
  for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
    if (special[i].len == name->wire[last] && (special[i].scope & scope) &&
        strncasecmp(special[i].name, (const char *)name->wire + last + 1, name->wire[last]) == 0)
      return (enum aiodns_special)special[i].is;
  return AIODNS_SPECIAL_NONE;
}

bool aiodns_special_is_link_local(int family, const void *address)
{
  const uint8_t *octet = address;

  if (family == AF_INET)
    return octet[0] == 169 && octet[1] == 254;          /* 169.254.0.0/16 */
  return octet[0] == 0xfe && (octet[1] & 0xc0) == 0x80; /* fe80::/10 */
}

bool aiodns_special_is_own(const char *name)
{
  struct utsname own;
  size_t len = strlen(name);

  if (aiodns_kernel_uname(&own) != 0)
    return false;
  len -= len > 0 && name[len - 1] == '.';
  return strlen(own.nodename) == len && strncasecmp(own.nodename, name, len) == 0;
}
