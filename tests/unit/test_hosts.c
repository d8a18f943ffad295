#include "alloc.h"
#include "file.h"
#include "unit.h"

#include "hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct aiodns_answer answer[2];
static unsigned first, count;

/* The file at the path, of which nothing is known yet. */
static struct aiodns_hosts *hosts_at(const char *path)
{
  static struct aiodns_hosts hosts;
  hosts = (struct aiodns_hosts)AIODNS_HOSTS_AT(path);
  return &hosts;
}

static struct aiodns_hosts *hosts_of(const char *file, size_t len)
{
  return hosts_at(file_of(file, len));
}

static int finish(void **state)
{
  (void)state;
  alloc_fail_after(-1);
  file_done();
  aiodns_answer_done(&answer[0]);
  aiodns_answer_done(&answer[1]);
  return alloc_live();
}

static void begin(int family)
{
  aiodns_answer_done(&answer[0]);
  aiodns_answer_done(&answer[1]);
  aiodns_answer_init(&answer[0], family == AF_INET6 ? 16 : 4);
  aiodns_answer_init(&answer[1], 16);
  first = 99;
}

static void look_up(const char *file, const char *name, int family)
{
  begin(family);
  count = aiodns_hosts_by_name(hosts_of(file, strlen(file)), name, family, answer, &first, &(uint64_t){0});
}

/* All of an answer as text: "canonical alias alias = address address". */
static const char *text_of(const struct aiodns_answer *from)
{
  static char text[4096];
  const char *name = (const char *)from->names.data, *canonical = aiodns_answer_canonical(from);
  size_t len = (size_t)snprintf(text, sizeof text, "%s", canonical ? canonical : "");
  for (unsigned i = 0; i < from->name_count; i++, name += strlen(name) + 1)
    if (name != canonical)
      len += (size_t)snprintf(text + len, sizeof text - len, " %s", name);
  len += (size_t)snprintf(text + len, sizeof text - len, " =");
  for (unsigned i = 0; i < from->address_count; i++) {
    char address[INET6_ADDRSTRLEN];
    inet_ntop(from->address_len == 4 ? AF_INET : AF_INET6,
              from->addresses.data + (size_t)i * from->address_len, address, sizeof address);
    len += (size_t)snprintf(text + len, sizeof text - len, " %s", address);
  }
  return text;
}

static void assert_answer(unsigned index, const char *expected)
{
  assert_int_equal(answer[index].outcome, AIODNS_ANSWER);
  assert_string_equal(text_of(&answer[index]), expected);
}

static void assert_none(void)
{
  assert_int_equal(count, 0);
  assert_int_equal(answer[0].outcome, AIODNS_PENDING);
  assert_int_equal(answer[1].outcome, AIODNS_PENDING);
}

static void a_name_has_the_address_of_its_line(void **state)
{
  static const char file[] =
      "127.0.0.1 localhost\n192.0.2.1\thost.example  host www # web\n192.0.2.2 other\n";
  (void)state;
  look_up(file, "host.example", AF_INET);
  assert_int_equal(count, 1);
  assert_int_equal(first, 0);
  assert_answer(0, "host.example host www = 192.0.2.1");
  look_up(file, "WWW", AF_INET);
  assert_answer(0, "host.example host www = 192.0.2.1");
  look_up(file, "web", AF_INET);
  assert_none();
  look_up(file, "hos", AF_INET);
  assert_none();
  look_up(file, "192.0.2.1", AF_INET);
  assert_none();
}

static void both_families_have_an_answer_each(void **state)
{
  static const char file[] = "2001:db8::1 host six\n192.0.2.1 host four\n2001:db8::2 host\n";
  (void)state;
  look_up(file, "host", AF_UNSPEC);
  assert_int_equal(count, 3);
  assert_int_equal(first, 1); /* the first line is IPv6 */
  assert_answer(0, "host four = 192.0.2.1");
  assert_answer(1, "host six = 2001:db8::1 2001:db8::2");
  look_up(file, "host", AF_INET);
  assert_int_equal(first, 0);
  assert_answer(0, "host four = 192.0.2.1");
  look_up(file, "host", AF_INET6);
  assert_int_equal(first, 0);
  assert_answer(0, "host six = 2001:db8::1 2001:db8::2");
  look_up(file, "four", AF_UNSPEC);
  assert_int_equal(first, 0);
  assert_int_equal(answer[1].outcome, AIODNS_PENDING);
}

static void several_lines_are_one_answer_and_the_first_is_canonical(void **state)
{
  (void)state;
  look_up("192.0.2.1 one host\n192.0.2.9 else\n192.0.2.2 two host extra\n192.0.2.3 HOST\n", "host", AF_INET);
  assert_int_equal(count, 3);
  assert_answer(0, "one host two extra = 192.0.2.1 192.0.2.2 192.0.2.3");
}

static void ipv4_takes_mapped_addresses_and_the_loopback_of_ipv6(void **state)
{
  (void)state; /* as nss_files does for AF_INET */
  look_up("::ffff:192.0.2.1 host\n", "host", AF_INET);
  assert_answer(0, "host = 192.0.2.1");
  look_up("::1 host\n", "host", AF_INET);
  assert_answer(0, "host = 127.0.0.1");
  look_up("::2 host\n2001:db8::1 host\n::192.0.2.1 host\n", "host", AF_INET);
  assert_none();
  look_up("::ffff:192.0.2.1 host\n::1 host\n", "host", AF_UNSPEC);
  assert_int_equal(answer[0].outcome, AIODNS_PENDING);
  assert_answer(1, "host = ::ffff:192.0.2.1 ::1");
  look_up("::ffff:192.0.2.1 host\n", "host", AF_INET6);
  assert_answer(0, "host = ::ffff:192.0.2.1");
  look_up("192.0.2.1 host\n", "host", AF_INET6);
  assert_none();
}

static void malformed_lines_are_passed_over(void **state)
{
  (void)state;
  look_up("host\nnonsense host\n192.0.2.256 host\n192.0.2 host\n192.0.2.01 host\n:::1 host\nfe80::1%lo host\n"
          "192.0.2.1/24 host\n192.0.2.1x host\n-1 host\n0x7f000001 host\n"
          "192.0.2.3\n192.0.2.4#host\n#192.0.2.5 host\n"
          "111111111111111111111111111111111111111111111111111111111 host\n"
          "192.0.2.7 host\n",
          "host", AF_INET);
  assert_int_equal(count, 1);
  assert_answer(0, "host = 192.0.2.7");
}

static void layout_of_a_line_does_not_matter(void **state)
{
  (void)state;
  look_up("  \t192.0.2.1 \t host\r\n\n\n \n192.0.2.2\vhost\f\n#\n192.0.2.3 host#comment\n192.0.2.4 host",
          "host", AF_INET);
  assert_answer(0, "host = 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4");
}

static void a_line_of_any_length_is_read_to_its_end(void **state)
{
  static char file[200000];
  size_t len = 0;
  (void)state;
  len += (size_t)sprintf(file + len, "192.0.2.1");
  for (unsigned i = 0; i < 8000; i++)
    len += (size_t)sprintf(file + len, " name-%u.example", i);
  len += (size_t)sprintf(file + len, " last\n192.0.2.2 last\n");
  assert_true(len < sizeof file);
  look_up(file, "last", AF_INET);
  assert_int_equal(count, 2);
  assert_int_equal(answer[0].name_count, 8001);
  assert_int_equal(answer[0].address_count, 2);
  assert_string_equal(aiodns_answer_canonical(&answer[0]), "name-0.example");
}

static void names_that_cannot_be_names_do_not_match_by_their_beginning(void **state)
{
  static char file[8192];
  char name[2000];
  (void)state;
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  snprintf(file, sizeof file, "192.0.2.1 %s host\n", name);
  name[1024] = '\0';
  look_up(file, name, AF_INET); /* 1,024 characters of 1,999 */
  assert_none();
  look_up(file, "host", AF_INET);
  assert_int_equal(count, 1);
  assert_answer(0, "host = 192.0.2.1"); /* the long word is no name that a program could use */
  memset(name, 'x', sizeof name - 1);
  look_up(file, name, AF_INET);
  assert_none();
}

static void addresses_have_the_names_of_the_first_line(void **state)
{
  static const char file[] = "192.0.2.2 no\n192.0.2.1 one alias\n192.0.2.1 two\n2001:db8::1 six\n"
                             "::1 six-loopback\n127.0.0.1 loopback\n::ffff:192.0.2.5 mapped\n"
                             "192.0.2.6\n192.0.2.6 # none\n192.0.2.6 named\n";
  static const struct {
    int family;
    const char *address, *expected;
  } rows[] = {
      {AF_INET, "192.0.2.1", "one alias ="},    {AF_INET, "192.0.2.3", NULL},
      {AF_INET, "127.0.0.1", "six-loopback ="}, /* read for AF_INET, ::1 is 127.0.0.1 */
      {AF_INET, "192.0.2.5", "mapped ="},       {AF_INET6, "2001:db8::1", "six ="},
      {AF_INET6, "::1", "six-loopback ="},      {AF_INET6, "::ffff:192.0.2.5", "mapped ="},
      {AF_INET6, "::ffff:192.0.2.1", NULL},     {AF_INET6, "2001:db8::2", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    uint8_t address[16];
    begin(AF_INET);
    aiodns_answer_init(&answer[0], 0);
    assert_int_equal(inet_pton(rows[i].family, rows[i].address, address), 1);
    bool found = aiodns_hosts_by_address(hosts_of(file, sizeof file - 1), rows[i].family, address, &answer[0],
                                         &(uint64_t){0});
    assert_int_equal(found, rows[i].expected != NULL);
    assert_int_equal(answer[0].outcome, found ? AIODNS_ANSWER : AIODNS_PENDING);
    if (found)
      assert_string_equal(text_of(&answer[0]), rows[i].expected);
  }
}

static void a_file_that_is_not_there_has_nothing(void **state)
{
  (void)state;
  begin(AF_INET);
  assert_int_equal(aiodns_hosts_by_name(hosts_at("/nonexistent/hosts"), "localhost", AF_INET, answer, &first,
                                        &(uint64_t){0}),
                   0);
  assert_false(aiodns_hosts_by_address(hosts_at("/nonexistent/hosts"), AF_INET, "\x7f\0\0\1", &answer[0],
                                       &(uint64_t){0}));
  look_up("", "localhost", AF_INET);
  assert_none();
}

/* The same by another way: whole lines, cut up in memory. */
static void reference(const char *file, const char *name, int family, unsigned index, char *ret)
{
  char names[4096] = "", canonical[64] = "", addresses[2048] = "", copy[4096], *rest = copy, *line;
  snprintf(copy, sizeof copy, "%s", file);
  while ((line = strsep(&rest, "\n")) != NULL) {
    char *words[32], *at, address[INET6_ADDRSTRLEN];
    unsigned n = 0;
    bool has = false;
    uint8_t octets[16];
    line[strcspn(line, "#")] = '\0';
    for (at = strtok(line, " \t\v\f\r"); at && n < 32; at = strtok(NULL, " \t\v\f\r"))
      words[n++] = at;
    for (unsigned i = 1; i < n; i++)
      has |= strcasecmp(words[i], name) == 0;
    if (!has)
      continue;
    if (family != AF_INET6 && inet_pton(AF_INET, words[0], octets) == 1) {
      if (index == 1)
        continue;
      inet_ntop(AF_INET, octets, address, sizeof address);
    } else if (inet_pton(AF_INET6, words[0], octets) == 1) {
      if (family == AF_INET && memcmp(octets, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0)
        inet_ntop(AF_INET, octets + 12, address, sizeof address);
      else if (family == AF_INET && memcmp(octets, &in6addr_loopback, 16) == 0)
        strcpy(address, "127.0.0.1");
      else if (family == AF_INET || (family == AF_UNSPEC && index == 0))
        continue;
      else
        inet_ntop(AF_INET6, octets, address, sizeof address);
    } else {
      continue;
    }
    bool merging = *canonical;
    for (unsigned i = 1; i < n; i++) {
      char word[80];
      snprintf(word, sizeof word, " %s ", words[i]);
      if (merging && (strcasestr(names, word) || strcasecmp(canonical, words[i]) == 0))
        continue;
      if (*canonical)
        strcat(names[0] ? names : strcpy(names, " "), word + 1);
      else
        snprintf(canonical, sizeof canonical, "%s", words[i]);
    }
    strcat(addresses, " ");
    strcat(addresses, address);
  }
  names[strlen(names) ? strlen(names) - 1 : 0] = '\0';
  sprintf(ret, "%s%s =%s", canonical, names, addresses);
}

static void random_files_are_read_as_the_reference_reads_them(void **state)
{
  static const char *const pieces[] = {
      "192.0.2.1 ",   "192.0.2.2\t", "2001:db8::1 ", "::1 ",   "::ffff:192.0.2.3 ",
      "bad ",         "host ",       "HOST ",        "a ",     "b\t",
      "c ",           "host#",       "# ",           "\n",     "\n",
      "\n",           " ",           "\r\n",         "host\n", "host b\n",
      "\n192.0.2.4 ", "\n::2 "};
  static const int families[] = {AF_INET, AF_INET6, AF_UNSPEC};
  unsigned found = 0;
  (void)state;
  for (int run = 0; run < 20000; run++) {
    char file[1024] = "", expected[8192];
    int family = families[unit_random(3)];
    for (unsigned i = unit_random(40); i > 0; i--)
      strcat(file, pieces[unit_random(sizeof pieces / sizeof *pieces)]);
    look_up(file, "host", family);
    found += count > 0;
    for (unsigned index = 0; index < (family == AF_UNSPEC ? 2U : 1U); index++) {
      reference(file, "host", family, index, expected);
      if (strcmp(text_of(&answer[index]), expected) != 0)
        fail_msg("family %d in\n%s\n%s\nnot\n%s", family, file, text_of(&answer[index]), expected);
      assert_int_equal(answer[index].outcome == AIODNS_ANSWER, answer[index].address_count > 0);
    }
    assert_int_equal(count, answer[0].address_count + answer[1].address_count);
  }
  assert_true(found > 5000);
}

/* With `once` the file's later lines find memory again: what is left out must not look like a whole answer.
 */
static void run_out_of_memory(void (*fail_after)(int))
{
  static char file[20000];
  size_t len = 0;
  bool whole = false;
  unsigned failures = 0;
  for (unsigned i = 0; i < 200; i++)
    len += (size_t)sprintf(file + len, "192.0.2.%u host name-%u.example\n", i, i);
  for (int successes = 0; !whole; successes++) {
    const char *path = file_of(file, len);
    begin(AF_INET);
    fail_after(successes);
    aiodns_hosts_by_name(hosts_at(path), "host", AF_INET, answer, &first, &(uint64_t){0});
    alloc_fail_after(-1);
    whole = answer[0].error == 0;
    if (whole) {
      assert_int_equal(answer[0].outcome, AIODNS_ANSWER);
      assert_int_equal(answer[0].address_count, 200);
      assert_int_equal(answer[0].name_count, 201);
    } else {
      failures++;
      assert_int_equal(answer[0].outcome, AIODNS_LOCAL);
      assert_int_equal(answer[0].error, ENOMEM);
    }
    begin(AF_INET);
    assert_int_equal(alloc_live(), 0);
  }
  assert_true(failures > 2);
}

static void no_memory_is_a_local_failure_and_leaks_nothing(void **state)
{
  (void)state;
  run_out_of_memory(alloc_fail_after);
}

static void no_memory_for_one_line_is_a_local_failure(void **state)
{
  (void)state;
  run_out_of_memory(alloc_fail_once_after);
}

static void no_memory_for_the_names_of_an_address_is_a_local_failure(void **state)
{
  char file[1000] = "192.0.2.1";
  (void)state;
  for (int i = 0; i < 40; i++)
    strcat(file, " host.example");
  strcat(file, "\n192.0.2.1 other\n");
  aiodns_answer_init(&answer[0], 0);
  alloc_fail_once_after(0);
  assert_false(aiodns_hosts_by_address(hosts_of(file, strlen(file)), AF_INET, "\xc0\0\2\1", &answer[0],
                                       &(uint64_t){0}));
  assert_int_equal(answer[0].outcome, AIODNS_LOCAL);
  assert_int_equal(answer[0].error, ENOMEM);
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_name_has_the_address_of_its_line),
      TEST(both_families_have_an_answer_each),
      TEST(several_lines_are_one_answer_and_the_first_is_canonical),
      TEST(ipv4_takes_mapped_addresses_and_the_loopback_of_ipv6),
      TEST(malformed_lines_are_passed_over),
      TEST(layout_of_a_line_does_not_matter),
      TEST(a_line_of_any_length_is_read_to_its_end),
      TEST(names_that_cannot_be_names_do_not_match_by_their_beginning),
      TEST(addresses_have_the_names_of_the_first_line),
      TEST(a_file_that_is_not_there_has_nothing),
      TEST(random_files_are_read_as_the_reference_reads_them),
      TEST(no_memory_is_a_local_failure_and_leaks_nothing),
      TEST(no_memory_for_one_line_is_a_local_failure),
      TEST(no_memory_for_the_names_of_an_address_is_a_local_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
