/*
 * buffers every|ends NAME|ADDRESS COUNT: one lookup by each entry point, with buffers of many lengths.
 *
 * A buffer ends up to 15 octets before a page that cannot be touched, and another one begins so many octets
 * behind such a page, so that each has every alignment at every length; around it is a pattern that must
 * stay. "every": all lengths from 0 until it fits, and some more.  "ends": the least length that fits, and
 * those just below.  COUNT is the number of addresses, or of names, in the answer.
 */
#include "module.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROOM = 1 << 17, PATTERN = 0x5a, SHIFTS = 16, MORE = 40, STALE = 12345, NUMBER_MAX = 256 };

/* Which of the outputs that may be NULL are not. */
enum { WITH_TTL = 1, WITH_CANONICAL = 2, WITH_BOTH = 3 };

enum entry { NAME4, NAME4_OWN, NAME3_INET, NAME3_INET6, NAME2_INET, NAME2_INET6, NAME, ADDR2, ADDR, ENTRIES };

struct request {
  const char *text;
  unsigned count;
  bool reverse;
  int family; /* of the address */
  uint8_t address[16];
};

/* What an entry point may write to. */
struct outputs {
  struct gaih_addrtuple *list, own;
  struct hostent host;
  int32_t ttl;
  char *canonical;
  int error, h_error;
};

static struct module module;
static char *room; /* ROOM octets between two pages that cannot be touched */

static enum nss_status call(enum entry entry, const struct request *request, char *buffer, size_t len,
                            struct outputs *out, unsigned with)
{
  int32_t *ttl = with & WITH_TTL ? &out->ttl : NULL;
  char **canonical = with & WITH_CANONICAL ? &out->canonical : NULL;
  socklen_t address_len = request->family == AF_INET ? 4 : 16;

  switch (entry) {
  case NAME4:
  case NAME4_OWN:
    return module.byname4(request->text, &out->list, buffer, len, &out->error, &out->h_error, ttl);
  case NAME3_INET:
  case NAME3_INET6:
    return module.byname3(request->text, entry == NAME3_INET ? AF_INET : AF_INET6, &out->host, buffer, len,
                          &out->error, &out->h_error, ttl, canonical);
  case NAME2_INET:
  case NAME2_INET6:
    return module.byname2(request->text, entry == NAME2_INET ? AF_INET : AF_INET6, &out->host, buffer, len,
                          &out->error, &out->h_error);
  case NAME:
    return module.byname(request->text, &out->host, buffer, len, &out->error, &out->h_error);
  case ADDR2:
    return module.byaddr2(request->address, address_len, request->family, &out->host, buffer, len,
                          &out->error, &out->h_error, ttl);
  default:
    return module.byaddr(request->address, address_len, request->family, &out->host, buffer, len, &out->error,
                         &out->h_error);
  }
}

/* ---- Is what came back right, and inside the buffer? ---- */

struct extent {
  const char *start;
  size_t len;
};

static void check_inside(struct extent extent, const void *at, size_t len, size_t alignment)
{
  const char *first = at;
  CHECK(first >= extent.start && first + len <= extent.start + extent.len, "%zu octets at %td of %zu", len,
        first - extent.start, extent.len);
  CHECK((uintptr_t)at % alignment == 0, "at %p, alignment %zu", at, alignment);
}

static void check_string(struct extent extent, const char *text)
{
  check_inside(extent, text, 1, 1);
  check_inside(extent, text, strnlen(text, (size_t)(extent.start + extent.len - text)) + 1, 1);
}

static unsigned check_address(struct extent extent, int family, const void *address)
{
  char text[INET6_ADDRSTRLEN], wanted[INET6_ADDRSTRLEN];
  const uint8_t *octets = address;
  unsigned number = octets[family == AF_INET ? 3 : 15];

  check_inside(extent, address, family == AF_INET ? 4 : 16, 1);
  inet_ntop(family, address, text, sizeof text);
  snprintf(wanted, sizeof wanted, family == AF_INET ? "198.18.0.%u" : "2001:db8::%x", number);
  CHECK(strcmp(text, wanted) == 0, "%s", text);
  return number;
}

static void check_all_seen(const bool seen[NUMBER_MAX], unsigned count)
{
  for (unsigned number = 1; number <= count; number++)
    CHECK(seen[number], "address %u is missing", number);
}

static void check_tuples(struct extent extent, const struct request *request, const struct outputs *out,
                         bool own)
{
  bool seen[2][NUMBER_MAX] = {{false}};
  const struct gaih_addrtuple *tuple = out->list;
  unsigned count = 0;

  CHECK(!own || tuple == &out->own, "the caller's tuple is not the first");
  for (; tuple && count <= 2 * request->count; tuple = tuple->next, count++) {
    if (!own || count > 0)
      check_inside(extent, tuple, sizeof *tuple, _Alignof(struct gaih_addrtuple));
    if (count == 0) {
      check_string(extent, tuple->name);
      CHECK(strcmp(tuple->name, request->text) == 0, "%s", tuple->name);
    }
    uint32_t address[4];
    memcpy(address, tuple->addr, sizeof address);
    unsigned number =
        check_address((struct extent){(const char *)address, sizeof address}, tuple->family, address);
    seen[tuple->family == AF_INET6][number] = true;
  }
  CHECK(count == 2 * request->count, "%u tuples", count);
  check_all_seen(seen[0], request->count);
  check_all_seen(seen[1], request->count);
}

static unsigned check_list(struct extent extent, char *const *list, size_t alignment)
{
  unsigned count = 0;

  do
    check_inside(extent, list + count, sizeof list[0], alignment);
  while (list[count++]);
  return count - 1;
}

static void check_host(struct extent extent, const struct request *request, int family,
                       const struct outputs *out)
{
  const struct hostent *host = &out->host;
  bool seen[NUMBER_MAX] = {false};
  unsigned aliases = check_list(extent, host->h_aliases, _Alignof(char *));
  unsigned addresses = check_list(extent, host->h_addr_list, _Alignof(char *));

  check_string(extent, host->h_name);
  for (unsigned i = 0; i < aliases; i++)
    check_string(extent, host->h_aliases[i]);
  CHECK(host->h_addrtype == family && host->h_length == (family == AF_INET ? 4 : 16), "family %d, length %d",
        host->h_addrtype, host->h_length);
  if (request->reverse) {
    CHECK(addresses == 1 && aliases + 1 == request->count, "%u addresses, %u aliases", addresses, aliases);
    check_inside(extent, host->h_addr_list[0], (size_t)host->h_length, 4);
    CHECK(memcmp(host->h_addr_list[0], request->address, (size_t)host->h_length) == 0, "another address");
    return;
  }
  CHECK(strcmp(host->h_name, request->text) == 0 && addresses == request->count, "%s, %u addresses",
        host->h_name, addresses);
  for (unsigned i = 0; i < addresses; i++)
    seen[check_address(extent, family, host->h_addr_list[i])] = true;
  check_all_seen(seen, request->count);
}

static void check_success(struct extent extent, enum entry entry, const struct request *request,
                          const struct outputs *out, unsigned with)
{
  bool has_ttl = entry != NAME2_INET && entry != NAME2_INET6 && entry != NAME && entry != ADDR;

  CHECK(out->error == STALE, "errno was changed to %d on success", out->error);
  CHECK(out->h_error == 0, "h_errno %d", out->h_error);
  if ((with & WITH_TTL) && has_ttl)
    CHECK(out->ttl >= 0 && out->ttl <= 604800, "ttl %d", out->ttl);
  if ((with & WITH_CANONICAL) && (entry == NAME3_INET || entry == NAME3_INET6))
    CHECK(out->canonical && strcmp(out->canonical, out->host.h_name) == 0, "*canonp");
  if (entry == NAME4 || entry == NAME4_OWN)
    check_tuples(extent, request, out, entry == NAME4_OWN);
  else
    check_host(extent, request,
               request->reverse                               ? request->family
               : entry == NAME3_INET6 || entry == NAME2_INET6 ? AF_INET6
                                                              : AF_INET,
               out);
}

/* ---- The lengths ---- */

/* Where a buffer lies, and how much of what is around it belongs to nobody. */
struct place {
  char *buffer;
  size_t before, behind;
};

static struct place place_of(size_t len, size_t shift, bool at_end)
{
  size_t rest = len + shift + 64 < ROOM ? 64 : ROOM - len - shift;

  return at_end ? (struct place){room + ROOM - shift - len, rest, shift}
                : (struct place){room + shift, shift, rest};
}

/* Whether the answer fits into `len` octets, `shift` octets from a page that faults; all that has to hold is
 * checked. */
static bool fits(enum entry entry, const struct request *request, size_t len, size_t shift, bool at_end,
                 unsigned with)
{
  struct place place = place_of(len, shift, at_end);
  struct outputs out, before;
  char *buffer = place.buffer;

  memset(buffer - place.before, PATTERN, place.before + len + place.behind);
  memset(&out, 0x77, sizeof out);
  out.list = entry == NAME4_OWN ? &out.own : NULL;
  out.error = out.h_error = STALE;
  errno = STALE;
  memcpy(&before, &out, sizeof out);
  enum nss_status status = call(entry, request, buffer, len, &out, with);
  for (size_t i = 0; i < place.before; i++)
    CHECK(buffer[-1 - (ptrdiff_t)i] == PATTERN, "entry %d, length %zu: wrote before the buffer", entry, len);
  for (size_t i = 0; i < place.behind; i++)
    CHECK(buffer[len + i] == PATTERN, "entry %d, length %zu: wrote behind the buffer", entry, len);
  if (status == NSS_STATUS_SUCCESS) {
    check_success((struct extent){buffer, len}, entry, request, &out, with);
    return true;
  }
  CHECK(status == NSS_STATUS_TRYAGAIN && out.error == ERANGE && out.h_error == NETDB_INTERNAL,
        "entry %d, length %zu, shift %zu: %d %s %d", entry, len, shift, status, strerrorname_np(out.error),
        out.h_error);
  before.error = out.error;
  before.h_error = out.h_error;
  if (entry == NAME4_OWN)
    CHECK(out.list == &out.own, "*pat was changed");
  else
    CHECK(out.list == before.list, "*pat was changed");
  before.list = out.list;
  CHECK(memcmp(&before, &out, sizeof out) == 0, "entry %d, length %zu: a failure changed the outputs", entry,
        len);
  return false;
}

static size_t try_every(enum entry entry, const struct request *request, size_t shift, bool at_end)
{
  size_t least = SIZE_MAX;

  for (size_t len = 0; least == SIZE_MAX || len < least + MORE; len++) {
    CHECK(len < 4096, "does not fit into %zu octets", len);
    bool good = fits(entry, request, len, shift, at_end, (unsigned)(len + shift) % 4);
    CHECK(good || least == SIZE_MAX, "%zu octets were enough, %zu are not", least, len);
    if (good && least == SIZE_MAX)
      least = len;
  }
  return least;
}

static size_t try_ends(enum entry entry, const struct request *request, size_t shift, bool at_end)
{
  size_t too_small = 0, enough = ROOM - SHIFTS;

  CHECK(fits(entry, request, enough, shift, at_end, WITH_BOTH), "does not fit");
  CHECK(!fits(entry, request, 0, shift, at_end, 0), "fits into nothing");
  while (enough - too_small > 1) {
    size_t middle = too_small + (enough - too_small) / 2;
    if (fits(entry, request, middle, shift, at_end, (unsigned)middle % 4))
      enough = middle;
    else
      too_small = middle;
  }
  for (size_t less = 2; less < 10; less++)
    CHECK(!fits(entry, request, enough - less, shift, at_end, (unsigned)less % 4),
          "%zu fits, %zu less does, too", enough, less);
  return enough;
}

/* The length depends on where the buffer begins only by the alignment of what is in it. */
static size_t try_entry(enum entry entry, const struct request *request, bool every)
{
  size_t least = SIZE_MAX;

  for (size_t shift = 0; shift < SHIFTS; shift++)
    for (int at_end = 0; at_end < 2; at_end++) {
      size_t needed =
          every ? try_every(entry, request, shift, at_end) : try_ends(entry, request, shift, at_end);
      least = needed < least ? needed : least;
      CHECK(needed < least + SHIFTS, "%zu octets at shift %zu, elsewhere %zu", needed, shift, least);
    }
  return least;
}

int main(int argc, char **argv)
{
  CHECK(argc == 4, "%d arguments", argc - 1);
  struct request request = {.text = argv[2], .count = (unsigned)atoi(argv[3])};
  bool every = strcmp(argv[1], "every") == 0;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);

  module_load(&module, MODULE, 0);
  room = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(room != MAP_FAILED, "mmap");
  room += page;
  CHECK(mprotect(room, ROOM, PROT_READ | PROT_WRITE) == 0, "mprotect");
  request.family = inet_pton(AF_INET, argv[2], request.address) == 1    ? AF_INET
                   : inet_pton(AF_INET6, argv[2], request.address) == 1 ? AF_INET6
                                                                        : AF_UNSPEC;
  request.reverse = request.family != AF_UNSPEC;
  for (enum entry entry = request.reverse ? ADDR2 : NAME4; entry < (request.reverse ? ENTRIES : ADDR2);
       entry++)
    printf("%s: entry %d needs %zu octets\n", request.text, entry, try_entry(entry, &request, every));
  return 0;
}
