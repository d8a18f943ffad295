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
  memset(place, 0xa5, sizeof place);
  errno = EDOM;
  return aiodns_settings_read(&settings, &items, path, place, note, &context);
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

static void assert_defaults(void)
{
  struct aiodns_settings defaults;
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
  static const char lines[] = "attempt 300ms 192.0.2.1 2001:db8::53@5353 # one\ndeadline 2s\nserve-stale x\n";
  (void)state;
  for (size_t before = 1900; before < 2100; before++) {
    memset(text, '#', before);
    text[before - 1] = '\n';
    strcpy(text + before, lines);
    bad(text, 4, 13, "x", "off, on, or a time");
    assert_int_equal(settings.deadline_ms, 2000);
    assert_server(1, "2001:db8::53", 0, 5353);
    memset(text, ' ', before);
    bad(text, 3, 13, "x", "off, on, or a time");
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
  assert_memory_equal(&conf, &before, sizeof conf);
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
  char octets[8192];
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

static void put_line(struct text *text, struct aiodns_settings *meant, unsigned *datagrams)
{
  static const char *words[] = {"auto", "on", "off"};
  uint32_t keyword = unit_random(AIODNS_KEYWORDS + 1), value = unit_random(3);
  if (keyword == AIODNS_KEYWORD_ATTEMPT) {
    put_attempt(text, meant, datagrams);
    return;
  }
  put_space(text, false);
  switch (keyword) {
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
    put_end(text);
    return;
  }
  meant->said = (uint8_t)(meant->said | 1u << keyword);
  put_end(text);
}

static void generate(struct text *text, struct aiodns_settings *meant)
{
  unsigned datagrams = 0;
  text->len = 0;
  aiodns_settings_init(meant);
  for (uint32_t lines = unit_random(20); lines > 0; lines--)
    put_line(text, meant, &datagrams);
  if (text->len > 0 && unit_random(4) == 0)
    text->len--; /* the last line's end */
}

static void what_was_meant_is_what_is_read(void **state)
{
  static struct text text;
  (void)state;
  for (int round = 0; round < 5000; round++) {
    struct aiodns_settings meant;
    generate(&text, &meant);
    text.octets[text.len] = '\0';
    good(text.octets);
    assert_memory_equal(&settings, &meant, sizeof meant);
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
  for (unsigned i = 0; i < AIODNS_KEYWORDS; i++)
    assert_int_equal(place[i].line > 0, settings.said >> i & 1);
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
  unsigned accepted = 0, rounds = 5000;
  (void)state;
  for (unsigned round = 0; round < rounds; round++) {
    struct aiodns_settings meant;
    generate(&text, &meant);
    for (uint32_t i = unit_random(4); i < 4; i++)
      mutate(&text);
    enum aiodns_settings_read result = read_octets(text.octets, text.len);
    assert_int_equal(result == AIODNS_SETTINGS_GOOD, errors == 0);
    assert_int_not_equal(result, AIODNS_SETTINGS_ABSENT);
    if (result == AIODNS_SETTINGS_GOOD)
      assert_sane();
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
      cmocka_unit_test_teardown(each_error_is_said_where_it_is, finish),
      cmocka_unit_test_teardown(a_nul_is_an_error_wherever_it_is, finish),
      cmocka_unit_test_teardown(all_errors_are_said_in_order, finish),
      cmocka_unit_test_teardown(nobody_needs_to_listen, finish),
      cmocka_unit_test_teardown(a_long_word_is_cut, finish),
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
      cmocka_unit_test_teardown(the_deadline_is_the_files_or_gives_every_step_its_turn, finish),
      cmocka_unit_test_teardown(what_was_meant_is_what_is_read, finish),
      cmocka_unit_test_teardown(any_file_is_good_within_the_limits_or_bad_with_a_reason, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
