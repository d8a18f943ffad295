#include "rows.h"

#include "direct.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  BUFFER_LEN = 1024,    /* of gethostbyname_r: what glibc begins with */
  FEW = 2,              /* addresses that are shown one by one */
  NO_NAME = EAI_NONAME, /* the one error that a row expects */
  BATCH = 32,           /* direct calls: some 30 ns each, as long as reading the clock takes */
  NAME_MAX_LEN = 64,    /* octets of a name that differs each time */
  NAMES_MAX = 10000000, /* of one process */
};

/* Names of tools/tour/zone.c. */
const struct bench_row bench_rows[] = {
    {"one", "AF_INET, one address", BENCH_GETADDRINFO, "www.example", AF_INET, false, false, "192.0.2.10"},
    {"ipv6", "AF_INET6, one address", BENCH_GETADDRINFO, "dual.example", AF_INET6, false, false,
     "2001:db8::20"},
    {"both", "AF_UNSPEC, one of each", BENCH_GETADDRINFO, "dual.example", AF_UNSPEC, false, false,
     "192.0.2.20 2001:db8::20"},
    {"alias", "AF_INET, canonical name", BENCH_GETADDRINFO, "shop.example", AF_INET, true, false,
     "web.example 192.0.2.30"},
    {"byname", "gethostbyname_r", BENCH_GETHOSTBYNAME, "www.example", AF_INET, false, false, "192.0.2.10"},
    {"reverse", "getnameinfo", BENCH_GETNAMEINFO, "192.0.2.20", AF_INET, false, false, "dual.example"},
    /* With a dot at the end: the search list is not gone through. */
    {"nobody", "AF_INET, no such name", BENCH_GETADDRINFO, "nobody.example.", AF_INET, false, false,
     "no such name"},
    {"search", "AF_INET, 3rd of search", BENCH_GETADDRINFO, "printer", AF_INET, false, false, "192.0.2.40"},
    {"many", "AF_INET, 30 addresses", BENCH_GETADDRINFO, "many.example", AF_INET, false, false,
     "30 from 192.0.2.100"},
    {"hosts", "AF_INET, in /etc/hosts", BENCH_GETADDRINFO, "router.home", AF_INET, false, true, "192.0.2.50"},
};
const size_t bench_row_count = sizeof bench_rows / sizeof bench_rows[0];

const struct bench_row bench_cache_rows[] = {
    {"direct-one", "4_r itself, one address", BENCH_DIRECT_4R, "www.example", AF_UNSPEC, false, false,
     "192.0.2.10"},
    {"direct-both", "4_r itself, one of each", BENCH_DIRECT_4R, "dual.example", AF_UNSPEC, false, false,
     "192.0.2.20 2001:db8::20"},
    {"direct-name", "2_r itself, one address", BENCH_DIRECT_2R, "www.example", AF_INET, false, false,
     "192.0.2.10"},
    {"hit-one", "AF_UNSPEC, one address", BENCH_GETADDRINFO, "www.example", AF_UNSPEC, false, false,
     "192.0.2.10"},
    {"hit-ipv4", "AF_INET, one address", BENCH_GETADDRINFO, "www.example", AF_INET, false, false,
     "192.0.2.10"},
    {"hit-both", "AF_UNSPEC, one of each", BENCH_GETADDRINFO, "dual.example", AF_UNSPEC, false, false,
     "192.0.2.20 2001:db8::20"},
    {"miss-one", "AF_INET, new names", BENCH_GETADDRINFO, ".new.example", AF_INET, false, false,
     "192.0.2.70"},
    {"miss-both", "AF_UNSPEC, new names", BENCH_GETADDRINFO, ".new.example", AF_UNSPEC, false, false,
     "192.0.2.70 2001:db8::70"},
};
const size_t bench_cache_row_count = sizeof bench_cache_rows / sizeof bench_cache_rows[0];

const char bench_hosts[] = "127.0.0.1 localhost\n"
                           "::1 localhost\n"
                           "192.0.2.50 router.home router\n";
const char bench_resolv_conf[] = "nameserver " TOUR_SERVER "\n"
                                 "search branch.example depot.example office.example\n";

static uint64_t next_name;

const struct bench_row *bench_row_find(const char *name)
{
  for (size_t i = 0; i < bench_row_count; i++)
    if (strcmp(bench_rows[i].name, name) == 0)
      return &bench_rows[i];
  for (size_t i = 0; i < bench_cache_row_count; i++)
    if (strcmp(bench_cache_rows[i].name, name) == 0)
      return &bench_cache_rows[i];
  return NULL;
}

unsigned bench_row_batch(const struct bench_row *row)
{
  return row->call == BENCH_DIRECT_4R || row->call == BENCH_DIRECT_2R ? BATCH : 1;
}

void bench_names_renew(void)
{
  next_name = (uint64_t)getpid() * NAMES_MAX;
}

static int64_t read_clock(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_now_ns(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

int64_t bench_cpu_ns(void)
{
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static void append(char *text, const char *more)
{
  size_t len = strlen(text);

  snprintf(text + len, BENCH_TEXT_MAX - len, "%s%s", len ? " " : "", more);
}

/* Many addresses, in whichever order glibc put them: how many there are, from which on. */
static void append_range(char *text, const struct addrinfo *list)
{
  char address[INET_ADDRSTRLEN], range[64];
  uint32_t least = UINT32_MAX;
  uint64_t seen = 0;

  for (const struct addrinfo *at = list; at; at = at->ai_next) {
    struct sockaddr_in in;
    memcpy(&in, at->ai_addr, sizeof in);
    if (ntohl(in.sin_addr.s_addr) < least)
      least = ntohl(in.sin_addr.s_addr);
  }
  for (const struct addrinfo *at = list; at; at = at->ai_next) {
    struct sockaddr_in in;
    memcpy(&in, at->ai_addr, sizeof in);
    seen |= (uint64_t)1 << ((ntohl(in.sin_addr.s_addr) - least) & 63);
  }
  inet_ntop(AF_INET, &(struct in_addr){htonl(least)}, address, sizeof address);
  snprintf(range, sizeof range, "%d from %s", __builtin_popcountll(seen), address);
  append(text, range);
}

static void append_addresses(char *text, const struct addrinfo *list)
{
  char address[NI_MAXHOST];
  int count = 0;

  for (const struct addrinfo *at = list; at; at = at->ai_next)
    count++;
  if (count > FEW) {
    append_range(text, list);
    return;
  }
  for (int pass = 0; pass < 2; pass++) /* IPv4 first */
    for (const struct addrinfo *at = list; at; at = at->ai_next)
      if ((at->ai_family == AF_INET6) == pass &&
          getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
        append(text, address);
}

static int64_t by_getaddrinfo(const struct bench_row *row, char *text, int *ret_code)
{
  const struct addrinfo hints = {
      .ai_family = row->family, .ai_socktype = SOCK_STREAM, .ai_flags = row->canonical ? AI_CANONNAME : 0};
  struct addrinfo *list = NULL;

  int64_t begin = bench_now_ns();
  *ret_code = getaddrinfo(row->asked, NULL, &hints, &list);
  int64_t end = bench_now_ns();
  if (list) {
    if (text && row->canonical && list->ai_canonname)
      append(text, list->ai_canonname);
    if (text)
      append_addresses(text, list);
    freeaddrinfo(list);
  }
  return end - begin;
}

static int64_t by_gethostbyname(const struct bench_row *row, char *text, int *ret_code)
{
  struct hostent entry, *found = NULL;
  char buffer[BUFFER_LEN], address[INET_ADDRSTRLEN];
  int error = 0;

  int64_t begin = bench_now_ns();
  int status = gethostbyname_r(row->asked, &entry, buffer, sizeof buffer, &found, &error);
  int64_t end = bench_now_ns();
  *ret_code = found ? 0 : status == 0 && error == HOST_NOT_FOUND ? EAI_NONAME : EAI_FAIL;
  for (char **at = found ? found->h_addr_list : NULL; text && at && *at; at++)
    if (inet_ntop(AF_INET, *at, address, sizeof address))
      append(text, address);
  return end - begin;
}

static int64_t by_getnameinfo(const struct bench_row *row, char *text, int *ret_code)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  char name[NI_MAXHOST];

  if (inet_pton(AF_INET, row->asked, &address.sin_addr) != 1)
    return -1;
  int64_t begin = bench_now_ns();
  *ret_code =
      getnameinfo((const struct sockaddr *)&address, sizeof address, name, sizeof name, NULL, 0, NI_NAMEREQD);
  int64_t end = bench_now_ns();
  if (text && *ret_code == 0)
    append(text, name);
  return end - begin;
}

static int64_t by_direct_call(const struct bench_row *row, char *text, int *ret_code)
{
  struct bench_direct direct;
  bool right = bench_direct_open(&direct, row);

  int64_t begin = bench_now_ns();
  for (unsigned i = 0; i < BATCH && right; i++)
    right = bench_direct_call(&direct, row->asked);
  int64_t end = bench_now_ns();
  *ret_code = right ? 0 : EAI_FAIL;
  if (text && right)
    bench_direct_text(&direct, text);
  return end - begin;
}

int64_t bench_look_up(const struct bench_row *row, char *text)
{
  int64_t (*const by[])(const struct bench_row *, char *, int *) = {
      [BENCH_GETADDRINFO] = by_getaddrinfo, [BENCH_GETHOSTBYNAME] = by_gethostbyname,
      [BENCH_GETNAMEINFO] = by_getnameinfo, [BENCH_DIRECT_4R] = by_direct_call,
      [BENCH_DIRECT_2R] = by_direct_call,
  };
  char fresh[NAME_MAX_LEN];
  struct bench_row named = *row;
  bool fails = strcmp(row->right, "no such name") == 0;
  int code = 0;

  if (text)
    *text = '\0';
  if (*row->asked == '.') {
    snprintf(fresh, sizeof fresh, "n%" PRIu64 "%s", next_name++, row->asked);
    named.asked = fresh;
  }
  int64_t time_ns = by[row->call](&named, text, &code);
  if (text && code)
    append(text, code == NO_NAME      ? "no such name"
                 : code == EAI_SYSTEM ? strerror(errno)
                                      : gai_strerror(code));
  return code == (fails ? NO_NAME : 0) ? time_ns : -1;
}
