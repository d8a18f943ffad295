#include "file.h"
#include "unit.h"

#include "settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERRORS_MAX = 64 };

static struct aiodns_settings settings;
static struct aiodns_items items;
static unsigned item_line[AIODNS_ITEMS_MAX];
static struct aiodns_settings_place place[AIODNS_KEYWORDS];
static struct aiodns_settings_error error[ERRORS_MAX];
static unsigned errors;
static int errno_then; /* when the last error was told */
static char context;   /* its address */

static void note(void *to, const struct aiodns_settings_error *told)
{
  errno_then = errno;
  assert_ptr_equal(to, &context);
  assert_non_null(told->expected);
  assert_memory_equal(told->expected, "expected ", 9);
  assert_true(strnlen(told->word, sizeof told->word) < sizeof told->word);
  if (errors < ERRORS_MAX)
    error[errors] = *told;
  errors++;
}

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

/* What was in all these before must not matter. */
static enum aiodns_settings_read read_at(const char *path)
{
  errors = 0;
  memset(&settings, 0xa5, sizeof settings);
  memset(&items, 0xa5, sizeof items);
  memset(item_line, 0xa5, sizeof item_line);
  memset(place, 0xa5, sizeof place);
  errno = EDOM;
  return aiodns_settings_read_items(&settings, &items, item_line, path, place, note, &context);
}

static enum aiodns_settings_read read_octets(const void *octets, size_t len)
{
  return read_at(file_of(octets, len));
}

static enum aiodns_settings_read read_text(const char *text)
{
  return read_octets(text, strlen(text));
}

static void good(const char *text)
{
  if (read_text(text) != AIODNS_SETTINGS_GOOD)
    fail_msg("%s: %u:%u: %s: %s", text, error[0].at.line, error[0].at.column, error[0].word,
             error[0].expected);
  assert_int_equal(errors, 0);
  assert_int_equal(errno, 0);
}

/* The text has one error, and this one. */
static void bad(const char *text, unsigned line, unsigned column, const char *word, const char *expected)
{
  assert_int_equal(read_text(text), AIODNS_SETTINGS_BAD);
  assert_int_equal(errno, strcmp(expected, "an interface that may come") == 0 ? ENODEV : 0);
  if (errno)
    expected = "an interface that exists";
  if (errors != 1 || error[0].at.line != line || error[0].at.column != column ||
      strcmp(error[0].word, word) != 0 || !strstr(error[0].expected, expected))
    fail_msg("%s: %u errors, %u:%u: %s: %s", text, errors, error[0].at.line, error[0].at.column,
             error[0].word, error[0].expected);
}

/* All else of it is 0. */
static struct aiodns_server server_of(const char *address, uint32_t scope, uint16_t port, uint8_t index)
{
  struct aiodns_server server;
  memset(&server, 0, sizeof server);
  if (inet_pton(AF_INET, address, &server.address.in.sin_addr) == 1) {
    server.address.in.sin_family = AF_INET;
    server.address.in.sin_port = htons(port);
    server.address_len = sizeof server.address.in;
  } else {
    assert_int_equal(inet_pton(AF_INET6, address, &server.address.in6.sin6_addr), 1);
    server.address.in6.sin6_family = AF_INET6;
    server.address.in6.sin6_port = htons(port);
    server.address.in6.sin6_scope_id = scope;
    server.address_len = sizeof server.address.in6;
  }
  server.place = index;
  return server;
}

static void assert_server(unsigned index, const char *address, uint32_t scope, uint16_t port)
{
  struct aiodns_server server = server_of(address, scope, port, (uint8_t)index);
  assert_in_range(index, 0, settings.server_count - 1);
  assert_memory_equal(&settings.server[index], &server, sizeof server);
}

/* Every item as a line "2: block *.name", the number being its line in the file. */
static void assert_items(const char *expected)
{
  static const char *const kinds[] = {[AIODNS_ITEM_DOMAIN] = "domain",
                                      [AIODNS_ITEM_HOSTS_FILE] = "hosts-file",
                                      [AIODNS_ITEM_BLOCK_FILE] = "block-file"};
  static char got[16384];
  char name[AIODNS_NAME_TEXT_MAX], address[INET6_ADDRSTRLEN];
  struct aiodns_domain domain;
  struct aiodns_rule rule;
  struct aiodns_item item;
  unsigned index = 0;
  size_t len = 0;

  got[0] = '\0';
  for (uint32_t at = 0; aiodns_items_next(&items, &at, &item); index++) {
    len += (size_t)sprintf(got + len, "%u: ", item_line[index]);
    if (aiodns_items_domain(&item, &domain)) {
      aiodns_name_to_text(&domain.name, name);
      len += (size_t)sprintf(got + len, "domain %s", name);
      for (unsigned i = 0; i < domain.server_count; i++) {
        assert_int_equal(domain.server[i].place, i);
        inet_ntop(domain.server[i].address.any.sa_family,
                  domain.server[i].address.any.sa_family == AF_INET
                      ? (const void *)&domain.server[i].address.in.sin_addr
                      : (const void *)&domain.server[i].address.in6.sin6_addr,
                  address, sizeof address);
        len += (size_t)sprintf(got + len, " %s@%u", address, ntohs(domain.server[i].address.in.sin_port));
      }
    } else if (aiodns_items_rule(&item, &rule)) {
      aiodns_name_to_text(&rule.name, name);
      assert_in_range(rule.is, 1, 7);
      len += (size_t)sprintf(got + len, "%s %s%s", rule.is & AIODNS_RULE_ALLOW ? "allow" : "block",
                             rule.is == (AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW) ? "*." : "", name);
    } else {
      len += (size_t)sprintf(got + len, "%s %s", kinds[item.kind], (const char *)item.data);
    }
    len += (size_t)sprintf(got + len, "\n");
  }
  assert_int_equal(items.reading, 0);
  if (strcmp(got, expected) != 0)
    fail_msg("%s, not %s", got, expected);
}

static void assert_defaults(void)
{
  struct aiodns_settings defaults;
  assert_items("");
  memset(&defaults, 0xff, sizeof defaults);
  aiodns_settings_init(&defaults);
  assert_memory_equal(&settings, &defaults, sizeof defaults);
  for (unsigned i = 0; i < AIODNS_KEYWORDS; i++)
    assert_int_equal(place[i].line, 0);
}

/* ---- Files that say nothing ---- */

static void nothing_is_said_by_init(void **state)
{
  struct aiodns_settings defaults;
  (void)state;
  aiodns_settings_init(&defaults);
  assert_int_equal(defaults.schedule.step_count, 0);
  assert_int_equal(defaults.server_count, 0);
  assert_int_equal(defaults.letters, AIODNS_LETTERS_AUTO);
  assert_true(defaults.parallel_search);
  assert_int_equal(defaults.said, 0);
  assert_int_equal(defaults.deadline_ms, 0);
  assert_int_equal(defaults.serve_stale_s, 0);
  assert_int_equal(defaults.block_answer, AIODNS_BLOCK_NXDOMAIN);
  assert_false(defaults.host_private);
  assert_int_equal(defaults.cache_size, 0);
  assert_int_equal(defaults.ttls.min_s, 0);
  assert_int_equal(defaults.ttls.max_s, 86400);
  assert_int_equal(defaults.ttls.max_negative_s, 3600);
}

static void a_file_that_is_not_there_says_nothing(void **state)
{
  (void)state;
  assert_int_equal(read_at("/nowhere/aiodns.conf"), AIODNS_SETTINGS_ABSENT);
  assert_int_equal(errors, 0);
  assert_defaults();
  assert_int_equal(read_at("/dev/null/aiodns.conf"), AIODNS_SETTINGS_ABSENT);
  assert_defaults();
}

static void nor_does_an_empty_one(void **state)
{
  static const char *texts[] = {
      "", "\n", "\n\n \t\r\v\f\n", "#", "# deadline x", " \t# x\n#\n##\n", "#\xff\xc3\xbc\n"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    good(texts[i]);
    assert_defaults();
  }
}

/* ---- Keywords ---- */

static void attempts_are_steps_in_order(void **state)
{
  (void)state;
  good("# whom to ask\n"
       "attempt 300ms 192.0.2.1\n"
       "\tattempt 1s 192.0.2.2@5353 192.0.2.1 # both\n"
       "attempt 1m 2001:db8::53@65535 192.0.2.2@5353#\n"
       "attempt 10ms 192.0.2.1@53\n");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_ATTEMPT);
  assert_int_equal(place[AIODNS_KEYWORD_ATTEMPT].line, 2);
  assert_int_equal(place[AIODNS_KEYWORD_ATTEMPT].column, 1);
  assert_int_equal(settings.server_count, 3);
  assert_server(0, "192.0.2.1", 0, 53);
  assert_server(1, "192.0.2.2", 0, 5353);
  assert_server(2, "2001:db8::53", 0, 65535);
  static const struct aiodns_step steps[] = {{300, 1}, {1000, 3}, {60000, 6}, {10, 1}};
  assert_int_equal(settings.schedule.step_count, 4);
  assert_memory_equal(settings.schedule.step, steps, sizeof steps);
}

static void servers_are_told_apart_by_all_of_their_address(void **state)
{
  (void)state;
  good("attempt 1s 192.0.2.1 192.0.2.1@54 192.0.2.2\n");
  assert_int_equal(settings.server_count, 3);
  good("attempt 1s fe80::1%1 fe80::1%2 fe80::1%1@54\nattempt 1s FE80:0::1%01@00053\n");
  assert_int_equal(settings.server_count, 3);
  assert_server(0, "fe80::1", 1, 53);
  assert_server(1, "fe80::1", 2, 53);
  assert_server(2, "fe80::1", 1, 54);
  assert_int_equal(settings.schedule.step[1].servers, 1);
  good("attempt 1s ::ffff:192.0.2.1 192.0.2.1");
  assert_int_equal(settings.server_count, 2);
}

static void addresses(void **state)
{
  char text[64];
  (void)state;
  good("attempt 1s 0.0.0.0 :: 255.255.255.255");
  assert_server(0, "0.0.0.0", 0, 53);
  assert_server(1, "::", 0, 53);
  assert_server(2, "255.255.255.255", 0, 53);
  good("attempt 1s ff02::fb ff02::fb%4294967295 fe80::1%1@1");
  assert_server(0, "ff02::fb", 0, 53);
  assert_server(1, "ff02::fb", 4294967295, 53);
  assert_server(2, "fe80::1", 1, 1);
  unsigned lo = if_nametoindex("lo");
  if (lo == 0)
    return;
  good("attempt 1s fe80::1%lo@5353");
  assert_server(0, "fe80::1", lo, 5353);
  snprintf(text, sizeof text, "attempt 1s fe80::1%%lo fe80::1%%%u", lo);
  bad(text, 1, 23, strrchr(text, ' ') + 1, "once");
}

static void deadline(void **state)
{
  (void)state;
  good("deadline 100ms");
  assert_int_equal(settings.deadline_ms, 100);
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_DEADLINE);
  good("deadline 5m");
  assert_int_equal(settings.deadline_ms, 300000);
  good("\n  deadline 300s\n\ndeadline 00002s");
  assert_int_equal(settings.deadline_ms, 2000);
  assert_int_equal(place[AIODNS_KEYWORD_DEADLINE].line, 4);
  assert_int_equal(place[AIODNS_KEYWORD_DEADLINE].column, 1);
}

static void parallel_search(void **state)
{
  (void)state;
  good("parallel-search off");
  assert_false(settings.parallel_search);
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_PARALLEL_SEARCH);
  good("parallel-search off\n parallel-search on");
  assert_true(settings.parallel_search);
  assert_int_equal(place[AIODNS_KEYWORD_PARALLEL_SEARCH].line, 2);
  assert_int_equal(place[AIODNS_KEYWORD_PARALLEL_SEARCH].column, 2);
}

static void serve_stale(void **state)
{
  static const struct {
    const char *text;
    uint32_t s;
  } rows[] = {{"serve-stale off", 0},
              {"serve-stale on", AIODNS_SETTINGS_STALE_ON_S},
              {"serve-stale 1s", 1},
              {"serve-stale 1000ms", 1},
              {"serve-stale 90m", 5400},
              {"serve-stale 6h", 21600},
              {"serve-stale 7d", 604800},
              {"serve-stale 604800000ms", 604800},
              {"serve-stale 2h\nserve-stale off", 0}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    good(rows[i].text);
    assert_int_equal(settings.serve_stale_s, rows[i].s);
    assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_SERVE_STALE);
  }
}

static void letter_case(void **state)
{
  (void)state;
  good("0x20 off");
  assert_int_equal(settings.letters, AIODNS_LETTERS_OFF);
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_0X20);
  good("0x20 on");
  assert_int_equal(settings.letters, AIODNS_LETTERS_ON);
  good("0x20 on\n0x20 auto\n");
  assert_int_equal(settings.letters, AIODNS_LETTERS_AUTO);
  assert_int_equal(place[AIODNS_KEYWORD_0X20].line, 2);
}

static void domains_with_their_servers(void **state)
{
  (void)state;
  good("# split\n"
       "domain Corp.EXAMPLE 10.1.1.1 10.1.1.2@5353 2001:db8::1 # three\n"
       "\n"
       "domain deep.corp.example. ::1 10.1.1.1\n"
       "domain local 224.0.0.251@5353\n"
       "domain 10.in-addr.arpa 10.1.1.1\n"
       "domain _tcp.a-b.test 10.1.1.1");
  assert_items("2: domain corp.example 10.1.1.1@53 10.1.1.2@5353 2001:db8::1@53\n"
               "4: domain deep.corp.example ::1@53 10.1.1.1@53\n"
               "5: domain local 224.0.0.251@5353\n"
               "6: domain 10.in-addr.arpa 10.1.1.1@53\n"
               "7: domain _tcp.a-b.test 10.1.1.1@53\n");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_DOMAIN);
  assert_int_equal(place[AIODNS_KEYWORD_DOMAIN].line, 2);
  assert_int_equal(settings.server_count, 0); /* those of no step */
}

static void files_and_patterns_of_them(void **state)
{
  (void)state;
  good("hosts-file /etc/hosts.d/*.hosts /a /etc/hosts\n"
       "block-file /var/lib/x/?*\n"
       "  hosts-file /[b] /etc/hosts#/c\n"
       "block-file /var/lib/x/?* /\xc3\xa4/..\n");
  assert_items("1: hosts-file /etc/hosts.d/*.hosts\n"
               "1: hosts-file /a\n"
               "1: hosts-file /etc/hosts\n"
               "2: block-file /var/lib/x/?*\n"
               "3: hosts-file /[b]\n"
               "3: hosts-file /etc/hosts\n"
               "4: block-file /var/lib/x/?*\n"
               "4: block-file /\xc3\xa4/..\n");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_HOSTS_FILE | 1 << AIODNS_KEYWORD_BLOCK_FILE);
  assert_int_equal(place[AIODNS_KEYWORD_HOSTS_FILE].line, 1);
  assert_int_equal(place[AIODNS_KEYWORD_BLOCK_FILE].line, 2);
}

static void names_to_block_and_to_allow(void **state)
{
  (void)state;
  good("block Good-Riddance.example *.ads.example. _x\n"
       "allow needed.ads.example other.test.\n"
       "block *.test test\n"
       "block test\n");
  assert_items("1: block good-riddance.example\n"
               "1: block *.ads.example\n"
               "1: block _x\n"
               "2: allow needed.ads.example\n"
               "2: allow other.test\n"
               "3: block *.test\n"
               "3: block test\n"
               "4: block test\n");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_BLOCK | 1 << AIODNS_KEYWORD_ALLOW);
  assert_int_equal(place[AIODNS_KEYWORD_BLOCK].line, 1);
  assert_int_equal(place[AIODNS_KEYWORD_ALLOW].line, 2);
  struct aiodns_item item;
  struct aiodns_rule rule;
  uint32_t at = 0;
  for (unsigned i = 0; i < 4; i++)
    assert_true(aiodns_items_next(&items, &at, &item) && aiodns_items_rule(&item, &rule));
  assert_int_equal(rule.is, AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW);
}

static void lines_of_items_add_up_among_others(void **state)
{
  (void)state;
  good("block a.test\ndomain b.test ::1\nmin-ttl 1s\nblock-file /c\nallow d.test\n\nhosts-file /e\nblock "
       "f.test");
  assert_items(
      "1: block a.test\n2: domain b.test ::1@53\n4: block-file /c\n5: allow d.test\n7: hosts-file /e\n"
      "8: block f.test\n");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_BLOCK | 1 << AIODNS_KEYWORD_DOMAIN |
                                      1 << AIODNS_KEYWORD_MIN_TTL | 1 << AIODNS_KEYWORD_BLOCK_FILE |
                                      1 << AIODNS_KEYWORD_ALLOW | 1 << AIODNS_KEYWORD_HOSTS_FILE);
}

static void block_answer(void **state)
{
  (void)state;
  good("block-answer null");
  assert_int_equal(settings.block_answer, AIODNS_BLOCK_NULL);
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_BLOCK_ANSWER);
  good("block-answer null\nblock-answer nodata");
  assert_int_equal(settings.block_answer, AIODNS_BLOCK_NODATA);
  assert_int_equal(place[AIODNS_KEYWORD_BLOCK_ANSWER].line, 2);
  good("block-answer null\n\nblock-answer nxdomain\n");
  assert_int_equal(settings.block_answer, AIODNS_BLOCK_NXDOMAIN);
}

static void cache_size(void **state)
{
  static const struct {
    const char *text;
    uint32_t size;
  } rows[] = {{"cache-size 256K", 262144},
              {"cache-size 262144", 262144},
              {"cache-size 262145", 262145},
              {"cache-size 16M", 16777216},
              {"cache-size 1G", 1073741824},
              {"cache-size 1073741824", 1073741824},
              {"cache-size 1048576K", 1073741824},
              {"cache-size 0004M", 4194304},
              {"cache-size 1G\ncache-size 1M", 1048576}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    good(rows[i].text);
    assert_int_equal(settings.cache_size, rows[i].size);
    assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_CACHE_SIZE);
  }
}

static void host_cache(void **state)
{
  (void)state;
  good("host-cache private");
  assert_true(settings.host_private);
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_HOST_CACHE);
  good("host-cache private\nhost-cache shared");
  assert_false(settings.host_private);
  assert_int_equal(place[AIODNS_KEYWORD_HOST_CACHE].line, 2);
}

static void ttls(void **state)
{
  static const struct {
    const char *text;
    struct aiodns_ttls ttls;
  } rows[] = {{"min-ttl 0", {0, 86400, 3600}},
              {"min-ttl 0s", {0, 86400, 3600}},
              {"min-ttl 1h", {3600, 86400, 3600}},
              {"min-ttl 30000ms", {30, 86400, 3600}},
              {"max-ttl 1s", {0, 1, 3600}},
              {"max-ttl 1d", {0, 86400, 3600}},
              {"max-ttl 24h", {0, 86400, 3600}},
              {"max-negative-ttl 0", {0, 86400, 0}},
              {"max-negative-ttl 1d", {0, 86400, 86400}},
              {"min-ttl 5m\nmax-ttl 5m", {300, 300, 3600}},
              {"max-ttl 5m\nmin-ttl 5m\nmax-negative-ttl 10s", {300, 300, 10}},
              {"min-ttl 1h\nmax-ttl 5m\nmin-ttl 1m", {60, 300, 3600}},
              {"max-ttl 1s\nmin-ttl 2s\nmax-ttl 1m", {2, 60, 3600}},
              {"min-ttl 1m\nmax-negative-ttl 1s", {60, 86400, 1}}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    good(rows[i].text);
    assert_memory_equal(&settings.ttls, &rows[i].ttls, sizeof settings.ttls);
  }
  good("max-ttl 1m\nmin-ttl 1s\nmax-negative-ttl 2s");
  assert_int_equal(settings.said, 1 << AIODNS_KEYWORD_MAX_TTL | 1 << AIODNS_KEYWORD_MIN_TTL |
                                      1 << AIODNS_KEYWORD_MAX_NEGATIVE_TTL);
  assert_int_equal(place[AIODNS_KEYWORD_MIN_TTL].line, 2);
}

/* ---- Errors ---- */

static const char expected_keywords[] =
    "expected one of attempt, deadline, parallel-search, serve-stale, 0x20";

static void each_error_is_said_where_it_is(void **state)
{
  static const struct {
    const char *text;
    unsigned line, column;
    const char *word, *expected;
  } rows[] = {
      {"nameserver 192.0.2.1", 1, 1, "nameserver", expected_keywords},
      {"\n# x\n\t Deadline 2s", 3, 3, "Deadline", expected_keywords},
      {"deadlines 2s", 1, 1, "deadlines", expected_keywords},
      {"\xef\xbb\xbf"
       "0x20 on",
       1, 1,
       "\xef\xbb\xbf"
       "0x20",
       expected_keywords},
      {";0x20 on", 1, 1, ";0x20", expected_keywords},
      {"deadline", 1, 9, "", "a time such as 300ms or 2s"},
      {"  deadline \t # 2s", 1, 11, "", "a time such as 300ms or 2s"},
      {"deadline 2s 3s", 1, 13, "3s", "nothing more in this line"},
      {"deadline 2s 3s 4s", 1, 13, "3s", "nothing more in this line"},
      {"deadline 2", 1, 10, "2", "a unit directly behind the number: ms, s, m, h or d"},
      {"deadline s", 1, 10, "s", "a time such as"},
      {"deadline -2s", 1, 10, "-2s", "a time such as"},
      {"deadline +2s", 1, 10, "+2s", "a time such as"},
      {"deadline 0x2s", 1, 10, "0x2s", "a time such as"},
      {"deadline 0.5s", 1, 10, "0.5s", "a time such as"},
      {"deadline 2S", 1, 10, "2S", "a time such as"},
      {"deadline 2sec", 1, 10, "2sec", "a time such as"},
      {"deadline 2w", 1, 10, "2w", "a time such as"},
      {"deadline 99ms", 1, 10, "99ms", "from 100ms to 300s"},
      {"deadline 0s", 1, 10, "0s", "from 100ms to 300s"},
      {"deadline 300001ms", 1, 10, "300001ms", "from 100ms to 300s"},
      {"deadline 1h", 1, 10, "1h", "from 100ms to 300s"},
      {"deadline 18446744073709551617s", 1, 10, "18446744073709551617s", "from 100ms to 300s"},
      {"deadline 213503982335d", 1, 10, "213503982335d", "from 100ms to 300s"}, /* 2^64 ms and a bit */
      {"deadline 4294967297ms", 1, 10, "4294967297ms", "from 100ms to 300s"},
      {"deadline 4294967396ms", 1, 10, "4294967396ms", "from 100ms to 300s"},
      {"parallel-search", 1, 16, "", "on or off"},
      {"parallel-search yes", 1, 17, "yes", "on or off"},
      {"parallel-search ON", 1, 17, "ON", "on or off"},
      {"parallel-search on off", 1, 20, "off", "nothing more"},
      {"serve-stale", 1, 12, "", "off, on, or a time such as 6h"},
      {"serve-stale never", 1, 13, "never", "off, on, or a time such as 6h"},
      {"serve-stale 60", 1, 13, "60", "a unit"},
      {"serve-stale 0s", 1, 13, "0s", "from 1s to 7d, in whole seconds"},
      {"serve-stale 1500ms", 1, 13, "1500ms", "from 1s to 7d, in whole seconds"},
      {"serve-stale 604801s", 1, 13, "604801s", "from 1s to 7d, in whole seconds"},
      {"serve-stale 8d", 1, 13, "8d", "from 1s to 7d, in whole seconds"},
      {"0x20", 1, 5, "", "auto, on or off"},
      {"0x20 onn", 1, 6, "onn", "auto, on or off"},
      {"0x20 on #\n0x20 off x", 2, 10, "x", "nothing more"},
      {"attempt", 1, 8, "", "a time such as"},
      {"attempt # 2s 192.0.2.1", 1, 8, "", "a time such as"},
      {"attempt 2s", 1, 11, "", "at least one server"},
      {"attempt 2s # 192.0.2.1", 1, 11, "", "at least one server"},
      {"attempt 192.0.2.1 192.0.2.2", 1, 9, "192.0.2.1", "a time such as"},
      {"attempt 9ms 192.0.2.1", 1, 9, "9ms", "from 10ms to 60s"},
      {"attempt 60001ms 192.0.2.1", 1, 9, "60001ms", "from 10ms to 60s"},
      {"attempt 2 192.0.2.1", 1, 9, "2", "a unit"},
      {"attempt 2s 192.0.2.1 192.0.2.1@53", 1, 22, "192.0.2.1@53", "once"},
      {"attempt 2s 1.2.3.4 5.6.7.8 9.10.11.12 13.14.15.16", 1, 39, "13.14.15.16", "at most 3 different"},
      {"attempt 2s 192.0.2", 1, 12, "192.0.2", "a server such as"},
      {"attempt 2s 192.0.2.256", 1, 12, "192.0.2.256", "a server such as"},
      {"attempt 2s 0300.0.2.1", 1, 12, "0300.0.2.1", "a server such as"},
      {"attempt 2s 3221225985", 1, 12, "3221225985", "a server such as"},
      {"attempt 2s 192.0.2.1:53", 1, 12, "192.0.2.1:53", "a server such as"},
      {"attempt 2s [2001:db8::1]", 1, 12, "[2001:db8::1]", "a server such as"},
      {"attempt 2s 2001:db8::1::2", 1, 12, "2001:db8::1::2", "a server such as"},
      {"attempt 2s 192.0.2.1,192.0.2.2", 1, 12, "192.0.2.1,192.0.2.2", "a server such as"},
      {"attempt 2s dns.example.net", 1, 12, "dns.example.net", "a server such as"},
      {"attempt 2s @53", 1, 12, "@53", "a server such as"},
      {"attempt 2s %1", 1, 12, "%1", "a server such as"},
      {"attempt 2s 192.0.2.1@", 1, 12, "192.0.2.1@", "a port from 1 to 65535"},
      {"attempt 2s 192.0.2.1@0", 1, 12, "192.0.2.1@0", "a port from 1 to 65535"},
      {"attempt 2s 192.0.2.1@65536", 1, 12, "192.0.2.1@65536", "a port from 1 to 65535"},
      {"attempt 2s ::1@4294967349", 1, 12, "::1@4294967349", "a port from 1 to 65535"},
      {"attempt 2s ::1@18446744073709551669", 1, 12, "::1@18446744073709551669", "a port from 1 to 65535"},
      {"attempt 2s 192.0.2.1@-1", 1, 12, "192.0.2.1@-1", "a port from 1 to 65535"},
      {"attempt 2s 192.0.2.1@domain", 1, 12, "192.0.2.1@domain", "a port from 1 to 65535"},
      {"attempt 2s 192.0.2.1@53@53", 1, 12, "192.0.2.1@53@53", "a server such as"},
      {"attempt 2s 192.0.2.1%1", 1, 12, "192.0.2.1%1", "no scope"},
      {"attempt 2s 2001:db8::1%1", 1, 12, "2001:db8::1%1", "no scope"},
      {"attempt 2s ::1%lo", 1, 12, "::1%lo", "no scope"},
      {"attempt 2s ff05::1%1", 1, 12, "ff05::1%1", "no scope"},
      {"attempt 2s fe80::1", 1, 12, "fe80::1", "a scope behind a link-local address"},
      {"attempt 2s fe80::1%", 1, 12, "fe80::1%", "an interface that exists"},
      {"attempt 2s fe80::1%0", 1, 12, "fe80::1%0", "an interface that exists"},
      {"attempt 2s fe80::1%4294967296", 1, 12, "fe80::1%4294967296", "an interface that exists"},
      {"attempt 2s fe80::1%no-such-if", 1, 12, "fe80::1%no-such-if", "an interface that may come"},
      {"attempt 2s fe80::1%a-name-too-long-for", 1, 12, "fe80::1%a-name-too-long-for",
       "an interface that exists"},
      {"attempt 2s fe80::1%lo%lo", 1, 12, "fe80::1%lo%lo", "an interface that may come"},
      {"attempt 2s fe80::1@53%lo", 1, 12, "fe80::1@53%lo", "a scope"},
      {"0x20 a\x1b[2J", 1, 6, "a\x1b[2J", "text without control characters"},
      {"deadline\x08 2s", 1, 1, "deadline\x08", "text without control characters"},
      {"deadline 2s\x7f", 1, 10, "2s\x7f", "text without control characters"},
      {"attempt 2s fe80::1%\x01lo", 1, 12, "fe80::1%\x01lo", "text without control characters"},
      {"0x20 on # \x1b", 1, 11, "\x1b", "text without control characters"},
      {"#\x01\x02", 1, 2, "\x01", "text without control characters"},
      {"domain a.test", 1, 14, "", "at least one server behind the name"},
      {"domain a.test # ::1", 1, 14, "", "at least one server behind the name"},
      {"domain a..test ::1", 1, 8, "a..test", "a domain name of letters, digits, - and _"},
      {"domain . ::1", 1, 8, ".", "a domain name of letters, digits, - and _"},
      {"domain *.test ::1", 1, 8, "*.test", "a domain name of letters, digits, - and _"},
      {"domain b\xc3\xbc"
       "cher.test ::1",
       1, 8,
       "b\xc3\xbc"
       "cher.test",
       "a domain name of letters"},
      {"domain ::1 ::2", 1, 8, "::1", "a domain name of letters"},
      {"domain a.test 10.0.0", 1, 15, "10.0.0", "a server such as"},
      {"domain a.test ::1 x ::2", 1, 19, "x", "a server such as"},
      {"domain a.test ::1@0", 1, 15, "::1@0", "a port from 1 to 65535"},
      {"domain a.test fe80::1", 1, 15, "fe80::1", "a scope behind"},
      {"domain a.test fe80::1%no-such-if", 1, 15, "fe80::1%no-such-if", "an interface that may come"},
      {"domain a.test ::1 ::2 ::1@53", 1, 23, "::1@53", "each server once in a line"},
      {"domain a.test ::1 ::2 ::3 ::4", 1, 27, "::4", "at most 3 servers for a domain"},
      {"domain a.test ::1\ndomain b.a.test ::1\ndomain A.TEST. ::2", 3, 8, "A.TEST.",
       "one line for each domain"},
      {"domain a\x01.test ::1", 1, 8, "a\x01.test", "text without control characters"},
      {"domain a.test ::1\x02", 1, 15, "::1\x02", "text without control characters"},
      {"hosts-file", 1, 11, "", "the path of a file, such as /etc/hosts.d/*.hosts"},
      {"block-file # /x", 1, 11, "", "the path of a file, such as /etc/hosts.d/*.hosts"},
      {"hosts-file hosts", 1, 12, "hosts", "a path from / on, of at most 255 characters"},
      {"hosts-file ./hosts /x", 1, 12, "./hosts", "a path from / on"},
      {"hosts-file ~/hosts", 1, 12, "~/hosts", "a path from / on"},
      {"hosts-file /x /etc/hosts.d/", 1, 15, "/etc/hosts.d/", "a path from / on"},
      {"block-file /", 1, 12, "/", "a path from / on"},
      {"block-file /x/*/list", 1, 12, "/x/*/list", "* and ? behind the last / of the path only"},
      {"block-file /?/list", 1, 12, "/?/list", "* and ? behind the last /"},
      {"block-file /x/\x1b[2J", 1, 12, "/x/\x1b[2J", "text without control characters"},
      {"block", 1, 6, "", "a name, or *. and a name"},
      {"block *", 1, 7, "*", "a domain name of letters"},
      {"block *.", 1, 7, "*.", "a domain name of letters"},
      {"block .", 1, 7, ".", "a domain name of letters"},
      {"block *.*.test", 1, 7, "*.*.test", "a domain name of letters"},
      {"block a.*.test", 1, 7, "a.*.test", "a domain name of letters"},
      {"block ||a.test^", 1, 7, "||a.test^", "a domain name of letters"},
      {"block a.test, b.test", 1, 7, "a.test,", "a domain name of letters"},
      {"block a.test b/c d.test", 1, 14, "b/c", "a domain name of letters"},
      {"block a\x01", 1, 7, "a\x01", "text without control characters"},
      {"allow", 1, 6, "", "a name; what is below it is allowed with it"},
      {"allow *.a.test", 1, 7, "*.a.test", "a name; what is below it is allowed with it"},
      {"allow a.test *", 1, 14, "*", "a domain name of letters"},
      {"block-answer", 1, 13, "", "nxdomain, nodata or null"},
      {"block-answer NXDOMAIN", 1, 14, "NXDOMAIN", "nxdomain, nodata or null"},
      {"block-answer 0.0.0.0", 1, 14, "0.0.0.0", "nxdomain, nodata or null"},
      {"block-answer null ::", 1, 19, "::", "nothing more in this line"},
      {"cache-size", 1, 11, "", "a size such as 4M, with K, M or G behind the number"},
      {"cache-size M", 1, 12, "M", "a size such as 4M"},
      {"cache-size 4m", 1, 12, "4m", "a size such as 4M"},
      {"cache-size 4MB", 1, 12, "4MB", "a size such as 4M"},
      {"cache-size -4M", 1, 12, "-4M", "a size such as 4M"},
      {"cache-size 0", 1, 12, "0", "from 256K to 1G"},
      {"cache-size 255K", 1, 12, "255K", "from 256K to 1G"},
      {"cache-size 262143", 1, 12, "262143", "from 256K to 1G"},
      {"cache-size 1073741825", 1, 12, "1073741825", "from 256K to 1G"},
      {"cache-size 2G", 1, 12, "2G", "from 256K to 1G"},
      {"cache-size 4294967296", 1, 12, "4294967296", "from 256K to 1G"},
      {"cache-size 4295229440", 1, 12, "4295229440", "from 256K to 1G"},           /* 2^32 and 256K */
      {"cache-size 17179869185G", 1, 12, "17179869185G", "from 256K to 1G"},       /* 2^64 and 1G */
      {"cache-size 17592186044420M", 1, 12, "17592186044420M", "from 256K to 1G"}, /* 2^64 and 4M */
      {"cache-size 18446744073709813760", 1, 12, "18446744073709813760", "from 256K to 1G"},
      {"cache-size 1M 2M", 1, 15, "2M", "nothing more in this line"},
      {"host-cache", 1, 11, "", "shared or private"},
      {"host-cache public", 1, 12, "public", "shared or private"},
      {"host-cache shared x", 1, 19, "x", "nothing more in this line"},
      {"min-ttl", 1, 8, "", "a time such as"},
      {"min-ttl 5", 1, 9, "5", "a unit directly behind the number"},
      {"min-ttl 00", 1, 9, "00", "a unit directly behind the number"},
      {"min-ttl 1500ms", 1, 9, "1500ms", "from 0 to 1h, in whole seconds"},
      {"min-ttl 3601s", 1, 9, "3601s", "from 0 to 1h, in whole seconds"},
      {"min-ttl 4294967296s", 1, 9, "4294967296s", "from 0 to 1h, in whole seconds"},
      {"min-ttl 1s 2s", 1, 12, "2s", "nothing more in this line"},
      {"max-ttl 0", 1, 9, "0", "from 1s to 1d, in whole seconds"},
      {"max-ttl 0s", 1, 9, "0s", "from 1s to 1d, in whole seconds"},
      {"max-ttl 999ms", 1, 9, "999ms", "from 1s to 1d, in whole seconds"},
      {"max-ttl 86401s", 1, 9, "86401s", "from 1s to 1d, in whole seconds"},
      {"max-ttl x", 1, 9, "x", "a time such as"},
      {"max-negative-ttl off", 1, 18, "off", "a time such as"},
      {"max-negative-ttl 25h", 1, 18, "25h", "from 0 to 1d, in whole seconds"},
      {"max-negative-ttl 1ms", 1, 18, "1ms", "from 0 to 1d, in whole seconds"},
      {"min-ttl 2s\nmax-ttl 1s", 1, 9, "", "no more than max-ttl"},
      {"max-ttl 1s\n\n  min-ttl 2s # more\n", 3, 11, "", "no more than max-ttl"},
      {"min-ttl 2s\nmin-ttl 3s\nmax-ttl 1s\n", 2, 9, "", "no more than max-ttl"},
      {"min-ttl 1h\nmax-ttl x\nmax-ttl 1s\n", 2, 9, "x", "a time such as"}, /* one thing after the other */
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    bad(rows[i].text, rows[i].line, rows[i].column, rows[i].word, rows[i].expected);
}

static void a_nul_is_an_error_wherever_it_is(void **state)
{
  static const struct {
    char octets[16];
    unsigned line, column;
  } rows[] = {{"\0"
               "0x20 on\n",
               1, 1},
              {"\n0x20 on\0x\n", 2, 8},
              {"# x\0\n", 1, 4},
              {"\n\n0x20 on \0", 3, 9}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(read_octets(rows[i].octets, sizeof rows[i].octets - 1), AIODNS_SETTINGS_BAD);
    assert_true(errors >= 1); /* what fills the row is another line, of NULs, where the row's ended */
    assert_int_equal(error[0].at.line, rows[i].line);
    assert_int_equal(error[0].at.column, rows[i].column);
    assert_string_equal(error[0].word, "");
    assert_non_null(strstr(error[0].expected, "text"));
  }
}

static void all_errors_are_said_in_order(void **state)
{
  (void)state;
  assert_int_equal(read_text("option 1\n"
                             "0x20 on\n"
                             "attempt 30 x   [::] 192.0.2.1\n"
                             "attempt\n"
                             "deadline 1 2s #\x01\n"
                             "# all\n"
                             "options"),
                   AIODNS_SETTINGS_BAD);
  static const struct {
    struct aiodns_settings_place at;
    const char *word;
  } rows[] = {{{1, 1}, "option"}, {{3, 9}, "30"},  {{3, 12}, "x"},    {{3, 16}, "[::]"},  {{4, 8}, ""},
              {{5, 10}, "1"},     {{5, 12}, "2s"}, {{5, 16}, "\x01"}, {{7, 1}, "options"}};
  assert_int_equal(errors, sizeof rows / sizeof *rows);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(error[i].at.line, rows[i].at.line);
    assert_int_equal(error[i].at.column, rows[i].at.column);
    assert_string_equal(error[i].word, rows[i].word);
  }
}

static void nobody_needs_to_listen(void **state)
{
  static const char text[] = "deadline x\n0x20 on\n\x01\n";
  (void)state;
  assert_int_equal(aiodns_settings_read(&settings, &items, file_of(text, strlen(text)), NULL, NULL, NULL),
                   AIODNS_SETTINGS_BAD);
  assert_int_equal(aiodns_settings_read(&settings, &items, file_of("0x20 on", 7), NULL, NULL, NULL),
                   AIODNS_SETTINGS_GOOD);
  assert_int_equal(aiodns_settings_read(&settings, &items, "/dev/null", NULL, NULL, NULL),
                   AIODNS_SETTINGS_BAD);
}

static void a_long_word_is_cut(void **state)
{
  enum { LEN = 5000 };
  static char text[LEN + 32];
  (void)state;
  memset(text, 'a', LEN);
  strcpy(text + LEN, "\n0x20 x");
  assert_int_equal(read_text(text), AIODNS_SETTINGS_BAD);
  assert_int_equal(errors, 2);
  assert_string_equal(error[0].word, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  assert_int_equal(error[0].at.column, 1);
  assert_int_equal(error[1].at.line, 2);
  assert_int_equal(error[1].at.column, 6);
  /* Nothing that is cut is taken for what is left of it. */
  memset(text, '0', LEN);
  memcpy(text, "deadline ", 9);
  strcpy(text + LEN, "2s");
  bad(text, 1, 10, "0000000000000000000000000000000", "a time such as");
  memset(text, '0', LEN);
  memcpy(text, "attempt 2s 192.0.2.1@", 21);
  strcpy(text + LEN, "53");
  bad(text, 1, 12, "192.0.2.1@000000000000000000000", "a server such as");
}

/* ---- Items ---- */

static void both_a_name_and_its_servers_may_be_missing(void **state)
{
  (void)state;
  assert_int_equal(read_text("domain\n"), AIODNS_SETTINGS_BAD);
  assert_int_equal(errors, 2);
  assert_non_null(strstr(error[0].expected, "a domain name"));
  assert_non_null(strstr(error[1].expected, "at least one server"));
  assert_items("");
}

/* 253 characters, the longest there is; what is cut is not taken for what is left of it. */
static void names_of_any_length(void **state)
{
  char name[300], text[400], expected[400];
  (void)state;
  for (size_t i = 0; i < 253; i++)
    name[i] = i % 64 == 63 ? '.' : 'a';
  name[253] = '\0';
  static const char *heads[] = {"block ", "block *.", "allow ", "domain "};
  for (size_t i = 0; i < 4; i++) {
    const char *tail = i == 3 ? " ::1" : "";
    for (int dot = 0; dot < 2; dot++) {
      snprintf(text, sizeof text, "%s%s%s%s", heads[i], name, dot ? "." : "", tail);
      good(text);
      snprintf(expected, sizeof expected, "1: %s%s%s\n", heads[i], name, i == 3 ? " ::1@53" : "");
      assert_items(expected);
    }
    for (unsigned more = 1; more < 8; more++) {
      snprintf(text, sizeof text, "%s%s.%.*s%s", heads[i], name, (int)more, "bbbbbbbb", tail);
      assert_int_equal(read_text(text), AIODNS_SETTINGS_BAD);
      assert_int_equal(errors, 1);
      assert_non_null(strstr(error[0].expected, "a domain name"));
      if (i < 3)
        assert_items("");
    }
  }
}

static void paths_of_any_length(void **state)
{
  char text[400], expected[400];
  (void)state;
  for (size_t len = 250; len < 300; len++) {
    strcpy(text, "block-file /");
    memset(text + 12, 'a', len - 1);
    text[11 + len] = '\0';
    if (len > 255) {
      bad(text, 1, 12, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "at most 255 characters");
      continue;
    }
    good(text);
    snprintf(expected, sizeof expected, "1: %s\n", text);
    assert_items(expected);
  }
}

static void there_is_room_for_so_much(void **state)
{
  static const char *lines[] = {"block aaaaaa.test\n", "allow aaaaaa.test\n", "hosts-file /aaaaaaaaaa\n",
                                "block-file /aaaaaaaaaa\n", "domain %c%c%c%caa.test ::1 ::2\n"};
  static char text[16384];
  (void)state;
  for (size_t kind = 0; kind < 5; kind++) {
    /* 3 octets and 1 and 13 of a name, 12 of a path; two servers more for a domain. */
    unsigned size = kind == 2 || kind == 3 ? 3 + 12 : 3 + 1 + 13;
    if (kind == 4)
      size += 2 * (unsigned)sizeof(struct aiodns_server);
    unsigned fit = AIODNS_ITEMS_ROOM / size;
    size_t len = 0;
    for (unsigned i = 0; i < fit; i++)
      if (kind == 4) /* each another one */
        len += (size_t)sprintf(text + len, "domain %c%c%c%caa.test ::1 ::2\n", 'a' + i / 676 % 26,
                               'a' + i / 26 % 26, 'a' + i % 26, 'a');
      else
        len += (size_t)sprintf(text + len, "%s", lines[kind]);
    good(text);
    assert_int_equal(items.len, fit * size);
    strcpy(text + len, kind == 4 ? "domain zzzzzz.test ::1 ::2\n" : lines[kind]);
    assert_int_equal(read_text(text), AIODNS_SETTINGS_BAD);
    assert_int_equal(errors, 1);
    assert_int_equal(error[0].at.line, fit + 1);
    assert_non_null(strstr(error[0].expected, "have 4084 octets of room together"));
    assert_int_equal(items.len, kind == 4 ? fit * size : 0);
    if (kind == 4)
      assert_int_equal(item_line[fit - 1], fit);
  }
}

/* The shortest ones: so many may a caller be told the lines of. */
static void as_many_items_as_there_can_be(void **state)
{
  static char text[AIODNS_ITEMS_MAX * 4 + 16] = "hosts-file\n";
  (void)state;
  strcpy(text, "hosts-file");
  for (unsigned i = 0; i < AIODNS_ITEMS_MAX; i++)
    strcat(text, " /a");
  good(text);
  for (unsigned i = 0; i < AIODNS_ITEMS_MAX; i++)
    assert_int_equal(item_line[i], 1);
}

static void of_a_bad_file_domains_are_kept_alone(void **state)
{
  (void)state;
  assert_int_equal(read_text("block a.test\n"
                             "domain one.test ::1\n"
                             "attempt 1s ::5\n"
                             "hosts-file /a /b\n"
                             "domain two.test ::1 x ::2 ::3 ::4\n"
                             "deadline 2s\n"
                             "allow c.test\n"
                             "domain three.test\n"
                             "domain f..our.test ::1\n"
                             "domain one.test ::9\n"
                             "block-answer null\n"
                             "max-ttl 1m\n"
                             "block-file /b\n"
                             "domain five.test 10.0.0.1\n"
                             "min-ttl 2m\n"),
                   AIODNS_SETTINGS_BAD);
  assert_int_equal(errors, 5);
  assert_items("2: domain one.test ::1@53\n"
               "5: domain two.test ::1@53 ::2@53 ::3@53\n"
               "8: domain three.test\n"
               "14: domain five.test 10.0.0.1@53\n");
  struct aiodns_settings kept;
  memset(&kept, 0xff, sizeof kept);
  aiodns_settings_init(&kept);
  kept.said = 1 << AIODNS_KEYWORD_DOMAIN;
  assert_memory_equal(&settings, &kept, sizeof kept);
  for (uint32_t i = items.len; i < AIODNS_ITEMS_ROOM; i++)
    assert_int_equal(items.octets[i], 0);
}

static void a_bad_file_without_domains_says_nothing(void **state)
{
  struct aiodns_settings defaults;
  (void)state;
  memset(&defaults, 0xff, sizeof defaults);
  aiodns_settings_init(&defaults);
  bad("block a.test\nhosts-file /a\n0x20 on\ncache-size 1M\nhost-cache private\nx", 6, 1, "x",
      expected_keywords);
  assert_memory_equal(&settings, &defaults, sizeof defaults);
  assert_items("");
}

/* Their order in one file is no matter, nor is who asks for lines. */
static void lines_of_items_are_told_to_those_who_ask(void **state)
{
  static struct aiodns_items others;
  static const char text[] = "block a.test\ndomain a.test ::1\nallow b.test\n";
  struct aiodns_settings other;
  (void)state;
  good(text);
  assert_int_equal(aiodns_settings_read(&other, &others, file_of(text, strlen(text)), NULL, NULL, NULL),
                   AIODNS_SETTINGS_GOOD);
  assert_memory_equal(&other, &settings, sizeof other);
  assert_memory_equal(&others, &items, sizeof others);
  assert_int_equal(
      aiodns_settings_read_items(&other, &others, NULL, file_of(text, strlen(text)), NULL, NULL, NULL),
      AIODNS_SETTINGS_GOOD);
  assert_memory_equal(&others, &items, sizeof others);
}

/* ---- Limits ---- */

static void at_most_8_steps(void **state)
{
  char text[512] = "";
  (void)state;
  for (int i = 0; i < AIODNS_STEPS_MAX; i++)
    strcat(text, "attempt 2s 192.0.2.1 \n");
  good(text);
  assert_int_equal(settings.schedule.step_count, AIODNS_STEPS_MAX);
  strcat(text, "  attempt 2s 192.0.2.1\n");
  bad(text, 9, 3, "attempt", "at most 8 lines of attempt");
}

static void at_most_16_datagrams(void **state)
{
  char text[512] = "";
  (void)state;
  for (int i = 0; i < 5; i++)
    strcat(text, "attempt 2s 192.0.2.1 192.0.2.2 192.0.2.3\n");
  strcat(text, "attempt 2s 192.0.2.1");
  good(text);
  assert_int_equal(settings.schedule.step_count, 6);
  strcat(text, " 192.0.2.2");
  bad(text, 6, 22, "192.0.2.2", "at most 16 servers");
}

static void at_most_3_servers_in_all_steps(void **state)
{
  (void)state;
  good("attempt 2s ::1\nattempt 2s ::2\nattempt 2s ::3\nattempt 2s ::3 ::1 ::2\n");
  assert_int_equal(settings.server_count, 3);
  assert_int_equal(settings.schedule.step[3].servers, 7);
  bad("attempt 2s ::1\nattempt 2s ::2\nattempt 2s ::3\nattempt 2s ::1 ::4\n", 4, 16, "::4",
      "at most 3 different servers");
}

static void at_most_1_MiB(void **state)
{
  static char text[AIODNS_SETTINGS_FILE_MAX + 2];
  (void)state;
  memset(text, '#', sizeof text - 1);
  memcpy(text + AIODNS_SETTINGS_FILE_MAX - 8, "\n0x20 on", 8);
  assert_int_equal(read_octets(text, AIODNS_SETTINGS_FILE_MAX), AIODNS_SETTINGS_GOOD);
  assert_int_equal(settings.letters, AIODNS_LETTERS_ON);
  assert_int_equal(place[AIODNS_KEYWORD_0X20].line, 2);
  assert_int_equal(read_octets(text, AIODNS_SETTINGS_FILE_MAX + 1), AIODNS_SETTINGS_BAD);
  assert_int_equal(errors, 1);
  assert_int_equal(error[0].at.line, 0);
  assert_non_null(strstr(error[0].expected, "1 MiB"));
}

/* Words, lines and comments on both sides of where a buffer ends. */
static void the_buffer_ends_anywhere(void **state)
{
  static char text[8192];
  static const char lines[] =
      "attempt 300ms 192.0.2.1 2001:db8::53@5353 # one\ndomain corp.example 192.0.2.1\ndeadline "
      "2s\nserve-stale x\n";
  (void)state;
  for (size_t before = 1900; before < 2100; before++) {
    memset(text, '#', before);
    text[before - 1] = '\n';
    strcpy(text + before, lines);
    bad(text, 5, 13, "x", "off, on, or a time");
    assert_items("3: domain corp.example 192.0.2.1@53\n");
    *strstr(text, "serve-stale") = '#';
    good(text);
    assert_int_equal(settings.deadline_ms, 2000);
    assert_server(1, "2001:db8::53", 0, 5353);
    assert_items("3: domain corp.example 192.0.2.1@53\n");
    memset(text, ' ', before);
    good(text);
    assert_int_equal(place[AIODNS_KEYWORD_ATTEMPT].column, before + 1);
    memset(text, '#', before - 1);
    text[before - 1] = '\x01';
    assert_int_equal(read_text(text), AIODNS_SETTINGS_BAD);
    assert_int_equal(error[0].at.column, before);
  }
}

/* ---- What is no file ---- */

static void refused(const char *path, const char *expected, int because)
{
  assert_int_equal(read_at(path), AIODNS_SETTINGS_BAD);
  assert_int_equal(errno, because);
  assert_int_equal(errno_then, because);
  assert_int_equal(errors, 1);
  assert_int_equal(error[0].at.line, 0);
  assert_int_equal(error[0].at.column, 0);
  assert_string_equal(error[0].word, "");
  assert_non_null(strstr(error[0].expected, expected));
}

static void what_is_no_file_is_refused_at_once(void **state)
{
  char folder[] = "/tmp/aiodns-unit-XXXXXX", path[64], loop[64];
  (void)state;
  refused("/dev/zero", "a regular file", 0);
  refused("/dev/null", "a regular file", 0);
  assert_non_null(mkdtemp(folder));
  refused(folder, "a regular file", 0);
  snprintf(path, sizeof path, "%s/fifo", folder);
  snprintf(loop, sizeof loop, "%s/loop", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(symlink("loop", loop), 0);
  refused(path, "a regular file", 0);
  refused(loop, "a file that can be read", ELOOP);
  unlink(loop);
  assert_int_equal(symlink("gone", loop), 0);
  assert_int_equal(read_at(loop), AIODNS_SETTINGS_ABSENT);
  unlink(path);
  unlink(loop);
  rmdir(folder);
}

static void a_file_of_unknown_size_is_bounded(void **state)
{
  (void)state;
  assert_int_equal(read_at("/proc/self/maps"), AIODNS_SETTINGS_BAD); /* its size is said to be 0 */
  assert_true(errors > 0);
  assert_non_null(strstr(error[0].expected, "expected one of"));
}

static void nothing_stays_open(void **state)
{
  static const char *texts[] = {"0x20 on", "0x20 x", "attempt 2s fe80::1%lo", "attempt 2s fe80::1%none"};
  (void)state;
  file_of("", 0);
  int before = dup(0);
  close(before);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    read_text(texts[i]);
  read_at("/dev/zero");
  int after = dup(0);
  close(after);
  assert_int_equal(after, before);
}

/* The file's own descriptor, and that of the question for an interface. */
static void what_cannot_be_found_out_now_is_told_by_errno(void **state)
{
  struct rlimit before, few;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  const char *path = file_of("attempt 2s fe80::1%eth0 # \n", 27);
  int lowest = dup(0);
  close(lowest);
  for (int more = 0; more < 2; more++) {
    few = (struct rlimit){.rlim_cur = (rlim_t)lowest + (rlim_t)more, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    enum aiodns_settings_read result = read_at(path);
    int because = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, AIODNS_SETTINGS_BAD);
    assert_int_equal(because, EMFILE);
    assert_int_equal(errors, 1);
    assert_int_equal(error[0].at.line, more);
  }
}

/* ---- What it does ---- */

/* As resolv.conf(5) may have left it. */
static struct aiodns_conf some_conf(void)
{
  struct aiodns_conf conf;
  memset(&conf, 0x5a, sizeof conf);
  conf.server[0] = server_of("198.51.100.1", 0, 53, 0);
  conf.server_count = conf.up_count = 1;
  conf.rotate = true;
  conf.use_vc = conf.no_aaaa = false;
  conf.parallel_search = false;
  conf.timeout_ms = 5000;
  conf.attempts = 2;
  conf.deadline_ms = 0; /* so 10 s */
  conf.schedule.step_count = 0;
  return conf;
}

static void a_schedule_takes_the_place_of_resolv_conf(void **state)
{
  struct aiodns_conf conf = some_conf();
  (void)state;
  good("attempt 300ms 192.0.2.1 192.0.2.2\nattempt 1s fe80::1%3@54\n0x20 on\nserve-stale 6h\n");
  aiodns_settings_apply(&settings, &conf);
  assert_int_equal(conf.server_count, 3);
  assert_int_equal(conf.up_count, 0);
  assert_false(conf.rotate);
  for (unsigned i = 0; i < 3; i++) {
    assert_memory_equal(&conf.server[i], &settings.server[i], sizeof conf.server[i]);
    assert_int_equal(conf.server[i].place, i);
    assert_int_equal(conf.server[i].probe_ms, 0);
    assert_int_equal(conf.server[i].late_us, 0);
  }
  assert_memory_equal(&conf.schedule, &settings.schedule, sizeof conf.schedule);
  assert_int_equal(conf.letters, AIODNS_LETTERS_ON);
  assert_true(conf.parallel_search);
  assert_int_equal(conf.serve_stale_s, 21600);
  assert_int_equal(conf.deadline_ms, 0);
}

static void all_else_stays(void **state)
{
  struct aiodns_conf conf = some_conf(), before = conf;
  (void)state;
  conf.schedule.step_count = 2;
  aiodns_settings_init(&settings);
  aiodns_settings_apply(&settings, &conf);
  before.letters = AIODNS_LETTERS_AUTO;
  before.parallel_search = true;
  before.serve_stale_s = 0;
  before.ttls = settings.ttls;
  before.block_answer = AIODNS_BLOCK_NXDOMAIN;
  before.host_private = false;
  before.cache_size = 0;
  assert_memory_equal(&conf, &before, sizeof conf);
}

static void blocking_and_caches_go_into_it(void **state)
{
  struct aiodns_conf conf = some_conf();
  (void)state;
  good("block-answer nodata\ncache-size 16M\nhost-cache private\nmin-ttl 1m\nmax-ttl 1h\nmax-negative-ttl "
       "2m\n");
  aiodns_settings_apply(&settings, &conf);
  assert_int_equal(conf.block_answer, AIODNS_BLOCK_NODATA);
  assert_int_equal(conf.cache_size, 16777216);
  assert_true(conf.host_private);
  assert_int_equal(conf.ttls.min_s, 60);
  assert_int_equal(conf.ttls.max_s, 3600);
  assert_int_equal(conf.ttls.max_negative_s, 120);
  struct aiodns_server server = server_of("198.51.100.1", 0, 53, 0); /* resolv.conf's stay */
  assert_int_equal(conf.server_count, 1);
  assert_memory_equal(&conf.server[0], &server, sizeof server);
}

static void the_deadline_is_the_files_or_gives_every_step_its_turn(void **state)
{
  static const struct {
    const char *text;
    uint32_t ms;
  } rows[] = {{"", 10000},
              {"0x20 on", 10000},
              {"deadline 2s", 2000},
              {"deadline 2s\nattempt 30s 192.0.2.1\n", 2000},
              {"attempt 30s 192.0.2.1\ndeadline 1m\n", 60000},
              {"attempt 9s 192.0.2.1\nattempt 1s 192.0.2.1\n", 10000},
              {"attempt 9s 192.0.2.1\nattempt 1001ms 192.0.2.1\n", 10001},
              {"attempt 30s 192.0.2.1\nattempt 250ms 192.0.2.1\n", 30250}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct aiodns_conf conf = some_conf();
    good(rows[i].text);
    aiodns_settings_apply(&settings, &conf);
    assert_int_equal(aiodns_conf_deadline_us(&conf), (int64_t)rows[i].ms * 1000);
  }
}

/* ---- Random files ---- */

struct text {
  char octets[16384];
  size_t len;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text->octets + text->len, sizeof text->octets - text->len, format, args);
  va_end(args);
  assert_in_range(len, 0, sizeof text->octets - text->len - 1);
  text->len += (size_t)len;
}

static void put_space(struct text *text, bool at_least_one)
{
  static const char space[] = {' ', ' ', ' ', '\t', '\r', '\v', '\f'};
  for (uint32_t i = unit_random(3) + at_least_one; i > 0; i--)
    put(text, "%c", space[unit_random(sizeof space)]);
}

static void put_end(struct text *text)
{
  static const char *comments[] = {"#", "# attempt 1s x", "##\xc3\xa9", "#deadline"};
  put_space(text, false);
  if (unit_random(4) == 0)
    put(text, "%s", comments[unit_random(4)]);
  put(text, "\n");
}

/* In any unit that says it exactly. */
static void put_time(struct text *text, uint64_t ms)
{
  static const struct {
    const char *text;
    uint32_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  uint32_t unit;
  do
    unit = unit_random(5);
  while (ms % units[unit].ms);
  put(text, "%s%llu%s", unit_random(8) == 0 ? "000" : "", (unsigned long long)(ms / units[unit].ms),
      units[unit].text);
}

/* More often a limit than chance alone would have it. */
static uint32_t random_from(uint32_t least, uint32_t most)
{
  uint32_t kind = unit_random(8);
  return kind == 0 ? least : kind == 1 ? most : least + unit_random(most - least + 1);
}

static void put_server(struct text *text, const struct aiodns_server *server)
{
  char address[INET6_ADDRSTRLEN];
  bool four = server->address.any.sa_family == AF_INET;
  const void *from =
      four ? (const void *)&server->address.in.sin_addr : (const void *)&server->address.in6.sin6_addr;
  unsigned port = ntohs(four ? server->address.in.sin_port : server->address.in6.sin6_port);
  assert_non_null(inet_ntop(four ? AF_INET : AF_INET6, from, address, sizeof address));
  put(text, "%s", address);
  if (!four && server->address.in6.sin6_scope_id)
    put(text, "%%%u", server->address.in6.sin6_scope_id);
  if (port != 53 || unit_random(4) == 0)
    put(text, "@%u", port);
}

static struct aiodns_server random_server(uint8_t index)
{
  char address[64];
  uint16_t port = unit_random(2) ? 53 : (uint16_t)random_from(1, 65535);
  uint32_t scope = 0;
  switch (unit_random(4)) {
  case 0:
    snprintf(address, sizeof address, "2001:db8::%x:%x", unit_random(65536), index);
    break;
  case 1:
    snprintf(address, sizeof address, "fe80::%x:%x", unit_random(65536), index);
    scope = random_from(1, UINT32_MAX - 1);
    break;
  default:
    snprintf(address, sizeof address, "192.0.%u.%u", unit_random(256), index);
  }
  return server_of(address, scope, port, index);
}

static void put_attempt(struct text *text, struct aiodns_settings *meant, unsigned *datagrams)
{
  struct aiodns_step *step = &meant->schedule.step[meant->schedule.step_count];
  if (meant->schedule.step_count == AIODNS_STEPS_MAX || *datagrams == 16)
    return;
  *step =
      (struct aiodns_step){.wait_ms = random_from(AIODNS_SETTINGS_STEP_MIN_MS, AIODNS_SETTINGS_STEP_MAX_MS)};
  meant->schedule.step_count++;
  put_space(text, false);
  put(text, "attempt");
  put_space(text, true);
  put_time(text, step->wait_ms);
  uint32_t count = 1 + unit_random(AIODNS_SERVERS_MAX);
  while (count > 0 && *datagrams < 16) {
    unsigned index = unit_random(AIODNS_SERVERS_MAX);
    if (index >= meant->server_count) {
      index = meant->server_count++;
      meant->server[index] = random_server((uint8_t)index);
    }
    count--;
    if (step->servers & 1u << index)
      continue;
    step->servers |= 1u << index;
    ++*datagrams;
    put_space(text, true);
    put_server(text, &meant->server[index]);
  }
  put_end(text);
  meant->said |= 1 << AIODNS_KEYWORD_ATTEMPT;
}

/* In any letter case; what is meant is the lower one. Each another one. */
static struct aiodns_name put_name(struct text *text)
{
  static const char *const ends[] = {"test", "corp.example", "a-b._c.test", "x"};
  static unsigned count;
  struct aiodns_name name;
  char lower[64];
  snprintf(lower, sizeof lower, "n%u.%s", count++, ends[unit_random(4)]);
  assert_true(aiodns_name_from_text(&name, lower));
  bool upper = unit_random(2);
  for (const char *at = lower; *at; at++)
    put(text, "%c", upper && *at >= 'a' && *at <= 'z' ? *at - 32 : *at);
  if (unit_random(4) == 0)
    put(text, ".");
  return name;
}

static bool put_domain(struct text *text, struct aiodns_items *meant)
{
  struct aiodns_domain domain = {.server_count = (uint8_t)(1 + unit_random(AIODNS_SERVERS_MAX))};
  put(text, "domain ");
  domain.name = put_name(text);
  for (uint8_t i = 0; i < domain.server_count; i++) {
    domain.server[i] = random_server(i);
    put_space(text, true);
    put_server(text, &domain.server[i]);
  }
  return aiodns_items_add_domain(meant, &domain);
}

static bool put_patterns(struct text *text, struct aiodns_items *meant, enum aiodns_item_kind kind)
{
  static const char *const patterns[] = {"/etc/hosts.d/*.hosts", "/a", "/x/?", "/var/lib/x/y/z", "/[*]"};
  bool room = true;
  put(text, kind == AIODNS_ITEM_HOSTS_FILE ? "hosts-file" : "block-file");
  for (uint32_t i = unit_random(3) + 1; i > 0; i--) {
    const char *pattern = patterns[unit_random(5)];
    put_space(text, true);
    put(text, "%s", pattern);
    room = aiodns_items_add_pattern(meant, kind, pattern) && room;
  }
  return room;
}

static bool put_rules(struct text *text, struct aiodns_items *meant, bool allows)
{
  bool room = true;
  put(text, allows ? "allow" : "block");
  for (uint32_t i = unit_random(3) + 1; i > 0; i--) {
    bool wide = !allows && unit_random(2);
    put_space(text, true);
    put(text, wide ? "*." : "");
    unsigned is = allows ? AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW
                  : wide ? AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW
                         : AIODNS_RULE_ITSELF;
    struct aiodns_rule rule = {.is = (uint8_t)is, .name = put_name(text)};
    room = aiodns_items_add_rule(meant, &rule) && room;
  }
  return room;
}

/* False where there is no room for it: then the line is to be forgotten, with what was meant. */
static bool put_items(struct text *text, struct aiodns_items *meant, uint32_t keyword)
{
  switch (keyword) {
  case AIODNS_KEYWORD_DOMAIN:
    return put_domain(text, meant);
  case AIODNS_KEYWORD_HOSTS_FILE:
    return put_patterns(text, meant, AIODNS_ITEM_HOSTS_FILE);
  case AIODNS_KEYWORD_BLOCK_FILE:
    return put_patterns(text, meant, AIODNS_ITEM_BLOCK_FILE);
  default:
    return put_rules(text, meant, keyword == AIODNS_KEYWORD_ALLOW);
  }
}

static uint32_t put_ttl(struct text *text, const char *keyword, uint32_t least_s, uint32_t most_s)
{
  uint32_t s = random_from(least_s, most_s);
  put(text, "%s ", keyword);
  if (s == 0 && unit_random(2))
    put(text, "0");
  else
    put_time(text, (uint64_t)s * 1000);
  return s;
}

static uint32_t put_size(struct text *text)
{
  static const char units[] = "KMG";
  uint32_t size = random_from(AIODNS_SETTINGS_CACHE_MIN, AIODNS_SETTINGS_CACHE_MAX);
  uint32_t unit = unit_random(3), shift = 10 * (unit + 1);
  if (size >> shift == 0 || unit_random(2)) {
    put(text, "cache-size %u", size);
    return size;
  }
  size = size >> shift << shift;
  if (size < AIODNS_SETTINGS_CACHE_MIN)
    size = 1u << shift;
  put(text, "cache-size %u%c", size >> shift, units[unit]);
  return size;
}

/* False: it is of those with items. */
static bool put_new(struct text *text, struct aiodns_settings *meant, uint32_t keyword, uint32_t value)
{
  static const char *const answers[] = {"nxdomain", "nodata", "null"};
  switch (keyword) {
  case AIODNS_KEYWORD_BLOCK_ANSWER:
    put(text, "block-answer %s", answers[value]);
    meant->block_answer = (uint8_t)value; /* in the order of enum aiodns_block_answer */
    return true;
  case AIODNS_KEYWORD_CACHE_SIZE:
    meant->cache_size = put_size(text);
    return true;
  case AIODNS_KEYWORD_HOST_CACHE:
    meant->host_private = value > 0;
    put(text, "host-cache %s", value > 0 ? "private" : "shared");
    return true;
  case AIODNS_KEYWORD_MIN_TTL:
    meant->ttls.min_s = put_ttl(text, "min-ttl", 0, value == 0 ? AIODNS_SETTINGS_MIN_TTL_MAX_S : 60);
    return true;
  case AIODNS_KEYWORD_MAX_TTL: /* more than any min-ttl, or as little as one may be */
    meant->ttls.max_s =
        put_ttl(text, "max-ttl", value == 0 ? 60 : AIODNS_SETTINGS_MIN_TTL_MAX_S, AIODNS_TTL_MAX_S);
    return true;
  case AIODNS_KEYWORD_MAX_NEGATIVE_TTL:
    meant->ttls.max_negative_s = put_ttl(text, "max-negative-ttl", 0, AIODNS_TTL_MAX_S);
    return true;
  default:
    return false;
  }
}

static void put_line(struct text *text, struct aiodns_settings *meant, struct aiodns_items *meant_items,
                     unsigned *datagrams)
{
  static const char *words[] = {"auto", "on", "off"};
  uint32_t keyword = unit_random(AIODNS_KEYWORDS + 1), value = unit_random(3);
  if (keyword == AIODNS_KEYWORD_ATTEMPT) {
    put_attempt(text, meant, datagrams);
    return;
  }
  struct text before = *text;
  struct aiodns_items items_before = *meant_items;
  put_space(text, false);
  switch (keyword) {
  case AIODNS_KEYWORD_DOMAIN:
  case AIODNS_KEYWORD_HOSTS_FILE:
  case AIODNS_KEYWORD_BLOCK_FILE:
  case AIODNS_KEYWORD_BLOCK:
  case AIODNS_KEYWORD_ALLOW:
    if (put_items(text, meant_items, keyword))
      break;
    *text = before;
    *meant_items = items_before;
    return;
  case AIODNS_KEYWORD_DEADLINE:
    put(text, "deadline ");
    meant->deadline_ms = random_from(AIODNS_SETTINGS_DEADLINE_MIN_MS, AIODNS_SETTINGS_DEADLINE_MAX_MS);
    put_time(text, meant->deadline_ms);
    break;
  case AIODNS_KEYWORD_PARALLEL_SEARCH:
    meant->parallel_search = value > 0;
    put(text, "parallel-search\t%s", value > 0 ? "on" : "off");
    break;
  case AIODNS_KEYWORD_SERVE_STALE:
    put(text, "serve-stale ");
    meant->serve_stale_s = value == 0   ? 0
                           : value == 1 ? AIODNS_SETTINGS_STALE_ON_S
                                        : random_from(1, AIODNS_SETTINGS_STALE_MAX_S);
    if (value < 2)
      put(text, "%s", value == 0 ? "off" : "on");
    else
      put_time(text, (uint64_t)meant->serve_stale_s * 1000);
    break;
  case AIODNS_KEYWORD_0X20:
    put(text, "0x20  %s", words[value]);
    meant->letters = (uint8_t)value; /* in the order of enum aiodns_letters */
    break;
  default:
    if (put_new(text, meant, keyword, value))
      break;
    put_end(text);
    return;
  }
  meant->said |= 1u << keyword;
  put_end(text);
}

static void generate(struct text *text, struct aiodns_settings *meant, struct aiodns_items *meant_items)
{
  unsigned datagrams;
  do {
    text->len = datagrams = 0;
    aiodns_settings_init(meant);
    memset(meant_items, 0, sizeof *meant_items);
    for (uint32_t lines = unit_random(40); lines > 0; lines--)
      put_line(text, meant, meant_items, &datagrams);
  } while (meant->ttls.min_s > meant->ttls.max_s);
  if (text->len > 0 && unit_random(4) == 0)
    text->len--; /* the last line's end */
}

static void what_was_meant_is_what_is_read(void **state)
{
  static struct text text;
  static struct aiodns_items meant_items;
  (void)state;
  for (int round = 0; round < 5000; round++) {
    struct aiodns_settings meant;
    generate(&text, &meant, &meant_items);
    text.octets[text.len] = '\0';
    good(text.octets);
    assert_memory_equal(&settings, &meant, sizeof meant);
    assert_memory_equal(&items, &meant_items, sizeof items);
  }
}

/* Whatever it is, what is called good is within all limits. */
static void assert_sane(void)
{
  unsigned datagrams = 0, used = 0;
  assert_in_range(settings.server_count, 0, AIODNS_SERVERS_MAX);
  assert_in_range(settings.schedule.step_count, 0, AIODNS_STEPS_MAX);
  for (unsigned i = 0; i < settings.schedule.step_count; i++) {
    const struct aiodns_step *step = &settings.schedule.step[i];
    assert_in_range(step->wait_ms, AIODNS_SETTINGS_STEP_MIN_MS, AIODNS_SETTINGS_STEP_MAX_MS);
    assert_in_range(step->servers, 1, (1u << settings.server_count) - 1);
    datagrams += (unsigned)__builtin_popcount(step->servers);
    used |= step->servers;
  }
  assert_in_range(datagrams, 0, 16);
  assert_int_equal(used, (1u << settings.server_count) - 1);
  assert_int_equal((settings.said & 1 << AIODNS_KEYWORD_ATTEMPT) != 0, settings.schedule.step_count > 0);
  assert_int_equal((settings.said & 1 << AIODNS_KEYWORD_DEADLINE) != 0, settings.deadline_ms > 0);
  if (settings.deadline_ms)
    assert_in_range(settings.deadline_ms, AIODNS_SETTINGS_DEADLINE_MIN_MS, AIODNS_SETTINGS_DEADLINE_MAX_MS);
  assert_in_range(settings.serve_stale_s, 0, AIODNS_SETTINGS_STALE_MAX_S);
  assert_in_range(settings.letters, AIODNS_LETTERS_AUTO, AIODNS_LETTERS_OFF);
  assert_in_range(settings.block_answer, AIODNS_BLOCK_NXDOMAIN, AIODNS_BLOCK_NULL);
  if (settings.cache_size)
    assert_in_range(settings.cache_size, AIODNS_SETTINGS_CACHE_MIN, AIODNS_SETTINGS_CACHE_MAX);
  assert_in_range(settings.ttls.min_s, 0, AIODNS_SETTINGS_MIN_TTL_MAX_S);
  assert_in_range(settings.ttls.max_s, settings.ttls.min_s, AIODNS_TTL_MAX_S);
  assert_in_range(settings.ttls.max_negative_s, 0, AIODNS_TTL_MAX_S);
  for (unsigned i = 0; i < AIODNS_KEYWORDS; i++)
    assert_int_equal(place[i].line > 0, settings.said >> i & 1);
}

/* Their lines are in order; of a bad file there are domains alone. */
static void assert_items_sane(bool is_good)
{
  static const enum aiodns_keyword keywords[] = {[AIODNS_ITEM_DOMAIN] = AIODNS_KEYWORD_DOMAIN,
                                                 [AIODNS_ITEM_HOSTS_FILE] = AIODNS_KEYWORD_HOSTS_FILE,
                                                 [AIODNS_ITEM_BLOCK_FILE] = AIODNS_KEYWORD_BLOCK_FILE};
  struct aiodns_domain domain;
  struct aiodns_rule rule;
  struct aiodns_item item;
  uint32_t at = 0, said = 0;
  unsigned index = 0;
  for (; aiodns_items_next(&items, &at, &item); index++) {
    assert_true(item_line[index] > 0 && (index == 0 || item_line[index] >= item_line[index - 1]));
    if (aiodns_items_rule(&item, &rule))
      said |= 1u << (rule.is & AIODNS_RULE_ALLOW ? AIODNS_KEYWORD_ALLOW : AIODNS_KEYWORD_BLOCK);
    else
      said |= 1u << keywords[item.kind];
    if (item.kind == AIODNS_ITEM_DOMAIN)
      assert_true(aiodns_items_domain(&item, &domain) && (!is_good || domain.server_count > 0));
  }
  const uint32_t with_items = 1u << AIODNS_KEYWORD_DOMAIN | 1u << AIODNS_KEYWORD_HOSTS_FILE |
                              1u << AIODNS_KEYWORD_BLOCK_FILE | 1u << AIODNS_KEYWORD_BLOCK |
                              1u << AIODNS_KEYWORD_ALLOW;
  assert_int_equal(at, items.len);
  assert_int_equal(said, is_good ? settings.said & with_items : settings.said);
}

static void mutate(struct text *text)
{
  static const char odd[] = "\0\n\r\t #@%:.-0129afmshdx\x01\x1b\x7f\x80\xff";
  size_t at = unit_random((uint32_t)text->len + 1), len = unit_random(12);
  if (at + len > text->len)
    len = text->len - at;
  switch (unit_random(4)) {
  case 0: /* others */
    for (size_t i = 0; i < len; i++)
      text->octets[at + i] = odd[unit_random(sizeof odd - 1)];
    return;
  case 1: /* fewer */
    memmove(text->octets + at, text->octets + at + len, text->len - at - len);
    text->len -= len;
    return;
  case 2: /* twice */
    memmove(text->octets + at + len, text->octets + at, text->len - at);
    text->len += len;
    return;
  default: /* any */
    if (at < text->len)
      text->octets[at] = (char)unit_random(256);
  }
}

static void any_file_is_good_within_the_limits_or_bad_with_a_reason(void **state)
{
  static struct text text;
  static struct aiodns_items meant_items;
  unsigned accepted = 0, rounds = 5000;
  (void)state;
  for (unsigned round = 0; round < rounds; round++) {
    struct aiodns_settings meant;
    generate(&text, &meant, &meant_items);
    for (uint32_t i = unit_random(4); i < 4; i++)
      mutate(&text);
    enum aiodns_settings_read result = read_octets(text.octets, text.len);
    assert_int_equal(result == AIODNS_SETTINGS_GOOD, errors == 0);
    assert_int_not_equal(result, AIODNS_SETTINGS_ABSENT);
    if (result == AIODNS_SETTINGS_GOOD)
      assert_sane();
    assert_items_sane(result == AIODNS_SETTINGS_GOOD);
    accepted += result == AIODNS_SETTINGS_GOOD;
    for (unsigned i = 0; i < errors && i < ERRORS_MAX; i++) {
      assert_true(error[i].at.line > 0 && error[i].at.column > 0);
      assert_true(i == 0 || error[i].at.line > error[i - 1].at.line ||
                  (error[i].at.line == error[i - 1].at.line && error[i].at.column >= error[i - 1].at.column));
    }
  }
  assert_in_range(accepted, rounds / 100, rounds - rounds / 100); /* both were seen */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_said_by_init),
      cmocka_unit_test_teardown(a_file_that_is_not_there_says_nothing, finish),
      cmocka_unit_test_teardown(nor_does_an_empty_one, finish),
      cmocka_unit_test_teardown(attempts_are_steps_in_order, finish),
      cmocka_unit_test_teardown(servers_are_told_apart_by_all_of_their_address, finish),
      cmocka_unit_test_teardown(addresses, finish),
      cmocka_unit_test_teardown(deadline, finish),
      cmocka_unit_test_teardown(parallel_search, finish),
      cmocka_unit_test_teardown(serve_stale, finish),
      cmocka_unit_test_teardown(letter_case, finish),
      cmocka_unit_test_teardown(domains_with_their_servers, finish),
      cmocka_unit_test_teardown(files_and_patterns_of_them, finish),
      cmocka_unit_test_teardown(names_to_block_and_to_allow, finish),
      cmocka_unit_test_teardown(lines_of_items_add_up_among_others, finish),
      cmocka_unit_test_teardown(block_answer, finish),
      cmocka_unit_test_teardown(cache_size, finish),
      cmocka_unit_test_teardown(host_cache, finish),
      cmocka_unit_test_teardown(ttls, finish),
      cmocka_unit_test_teardown(each_error_is_said_where_it_is, finish),
      cmocka_unit_test_teardown(a_nul_is_an_error_wherever_it_is, finish),
      cmocka_unit_test_teardown(all_errors_are_said_in_order, finish),
      cmocka_unit_test_teardown(nobody_needs_to_listen, finish),
      cmocka_unit_test_teardown(a_long_word_is_cut, finish),
      cmocka_unit_test_teardown(both_a_name_and_its_servers_may_be_missing, finish),
      cmocka_unit_test_teardown(names_of_any_length, finish),
      cmocka_unit_test_teardown(paths_of_any_length, finish),
      cmocka_unit_test_teardown(there_is_room_for_so_much, finish),
      cmocka_unit_test_teardown(as_many_items_as_there_can_be, finish),
      cmocka_unit_test_teardown(of_a_bad_file_domains_are_kept_alone, finish),
      cmocka_unit_test_teardown(a_bad_file_without_domains_says_nothing, finish),
      cmocka_unit_test_teardown(lines_of_items_are_told_to_those_who_ask, finish),
      cmocka_unit_test_teardown(at_most_8_steps, finish),
      cmocka_unit_test_teardown(at_most_16_datagrams, finish),
      cmocka_unit_test_teardown(at_most_3_servers_in_all_steps, finish),
      cmocka_unit_test_teardown(at_most_1_MiB, finish),
      cmocka_unit_test_teardown(the_buffer_ends_anywhere, finish),
      cmocka_unit_test(what_is_no_file_is_refused_at_once),
      cmocka_unit_test(a_file_of_unknown_size_is_bounded),
      cmocka_unit_test_teardown(nothing_stays_open, finish),
      cmocka_unit_test_teardown(what_cannot_be_found_out_now_is_told_by_errno, finish),
      cmocka_unit_test_teardown(a_schedule_takes_the_place_of_resolv_conf, finish),
      cmocka_unit_test(all_else_stays),
      cmocka_unit_test_teardown(blocking_and_caches_go_into_it, finish),
      cmocka_unit_test_teardown(the_deadline_is_the_files_or_gives_every_step_its_turn, finish),
      cmocka_unit_test_teardown(what_was_meant_is_what_is_read, finish),
      cmocka_unit_test_teardown(any_file_is_good_within_the_limits_or_bad_with_a_reason, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
