#include "file.h"
#include "unit.h"

#include "behind.h"

#include <stdio.h>
#include <string.h>

enum {
  S = AIODNS_NSSWITCH_SUCCESS,
  N = AIODNS_NSSWITCH_NOTFOUND,
  U = AIODNS_NSSWITCH_UNAVAIL,
  T = AIODNS_NSSWITCH_TRYAGAIN
};

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

/* `name/returns` of each service, and how the line ends. */
static void tell_services(struct aiodns_lines *lines, char *text, size_t room)
{
  static const char *const ends[] = {[AIODNS_NSSWITCH_END] = ".",
                                     [AIODNS_NSSWITCH_STRAY] = "stray",
                                     [AIODNS_NSSWITCH_CUT] = "cut",
                                     [AIODNS_NSSWITCH_BAD] = "bad"};
  struct aiodns_nsswitch_service service;
  enum aiodns_nsswitch found;
  size_t len = 0;

  while ((found = aiodns_nsswitch_service(lines, &service)) == AIODNS_NSSWITCH_SERVICE)
    len += (size_t)snprintf(text + len, room - len, "%s/%d ", service.name, service.returns);
  snprintf(text + len, room - len, "%s", ends[found]);
}

/* All hosts lines, with their numbers. */
static void expect(const char *content, const char *expected)
{
  struct aiodns_lines lines;
  char text[1024] = "", line[512];
  unsigned number = 0;

  assert_true(aiodns_lines_open(&lines, file_of(content, strlen(content))));
  for (size_t len = 0; aiodns_nsswitch_next(&lines, &number);) {
    tell_services(&lines, line, sizeof line);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%u: %s", len ? "; " : "", number, line);
  }
  aiodns_lines_close(&lines);
  if (strcmp(text, expected) != 0)
    fail_msg("%s: `%s', not `%s'", content, text, expected);
}

/* Each row was tried with glibc 2.36. */
static void hosts_lines_are_read_as_glibc_reads_them(void **state)
{
  static const struct {
    const char *content, *expected;
  } rows[] = {
      {"hosts: files dns\n", "1: files/1 dns/1 ."},
      {"passwd: files\n\n# hosts: x\n \thosts:files\tdns \n", "4: files/1 dns/1 ."},
      {"hosts files\n", "1: files/1 ."},
      {"hosts ::: files\n", "1: files/1 ."},
      {"hosts:\n", "1: ."},
      {"hosts\n", "1: ."},
      {"Hosts: files\nhostsx: files\nhost: files\nhosts.allow: x\n", ""},
      {"hosts: files\nhosts: dns\n", "1: files/1 .; 2: dns/1 ."},
      {"hosts: files\nhosts: dns", "1: files/1 .; 2: dns/1 cut"},
      {"hosts: files", "1: files/1 cut"},
      {"hosts: files\nhosts: dns [x", "1: files/1 .; 2: cut"},
      {"hosts: files # dns\n", "1: files/1 #/1 dns/1 ."},
      {"hosts: files#dns\n", "1: files#dns/1 ."},
      {"hosts: files\r\n", "1: files/1 ."},
      {"hosts: files files\n", "1: files/1 files/1 ."},
      {"", ""},
      {"\n\n", ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    expect(rows[i].content, rows[i].expected);
}

static void actions_say_what_ends_a_lookup(void **state)
{
  static const struct {
    const char *text;
    int returns; /* -1: a mistake */
  } rows[] = {
      {"", S},
      {"[NOTFOUND=return]", S | N},
      {" [NOTFOUND=return]", S | N},
      {"[notfound=Return]", S | N},
      {"[ !UNAVAIL = return ]", S | N | T},
      {"[!UNAVAIL=return]", S | N | T},
      {"[! UNAVAIL=return]", -1},
      {"[NOTFOUND=return TRYAGAIN=return]", S | N | T},
      {"[NOTFOUND=return UNAVAIL=return SUCCESS=continue]", N | U},
      {"[SUCCESS=merge]", 0},
      {"[!SUCCESS=merge]", S},
      {"[!SUCCESS=return]", S | N | U | T},
      {"[SUCCESS=continue !SUCCESS=return]", N | U | T},
      {"[NOTFOUND=return NOTFOUND=continue]", S},
      {"[]", -1},
      {"[ ]", -1},
      {"[", -1},
      {"[NOTFOUND", -1},
      {"[NOTFOUND]", -1},
      {"[NOTFOUND return]", -1},
      {"[NOTFOUND=]", -1},
      {"[NOTFOUND=stop]", -1},
      {"[NOTFOUND=return", -1},
      {"[NOTFOUNDS=return]", -1},
      {"[NOTFOUNDNOTFOUND=return]", -1},
      {"[NOTFOUND=returnreturn]", -1},
      {"[NOTFOUND==return]", -1},
      {"[NOTFOUND=return=]", -1},
  };
  char content[128], expected[128];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    snprintf(content, sizeof content, "hosts: aiodns%s dns\n", rows[i].text);
    snprintf(expected, sizeof expected, rows[i].returns < 0 ? "1: bad" : "1: aiodns/%d dns/1 .",
             rows[i].returns);
    expect(content, expected);
  }
  expect("hosts: aiodns[!UNAVAIL=return]dns\n", "1: aiodns/11 dns/1 .");
  expect("hosts: [NOTFOUND=return] files\n", "1: stray");
  expect("hosts: x[NOTFOUND=return][NOTFOUND=return] files\nhosts:y\n", "1: x/3 stray; 2: y/1 .");
}

static void long_words_are_cut_and_passed_over(void **state)
{
  static char content[5 * AIODNS_LINES_BUFFER], expected[256];
  char name[AIODNS_NSSWITCH_NAME_MAX];
  (void)state;
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  for (int len = 60; len < 2 * AIODNS_LINES_BUFFER; len += len < 70 ? 1 : 509) {
    snprintf(content, sizeof content, "%*s: y\nhosts: %*s dns\n", len, "hosts", len, "");
    memset(content + strlen(content) - 5 - (size_t)len, 'x', (size_t)len);
    snprintf(expected, sizeof expected, "1: y/1 .; 2: %.*s/1 dns/1 .", len, name);
    expect(content, expected);
  }
}

static bool knows(const char *content)
{
  return aiodns_behind_read(file_of(content, strlen(content)));
}

static void who_may_know_names_without_dots_is_found(void **state)
{
  static const struct {
    const char *line;
    bool knows;
  } rows[] = {
      {"files aiodns [!UNAVAIL=return] dns", false},
      {"files aiodns [!UNAVAIL=return]", false},
      {"files dns mymachines", false},
      {"files mymachines aiodns [!UNAVAIL=return] dns", false},
      {"files aiodns [!UNAVAIL=return] mymachines dns", true},
      {"files aiodns[!UNAVAIL=return]dns wins", true},
      {"files aiodns [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns", false},
      {"files aiodns [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns mdns4", false},
      {"files aiodns [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns wins", true},
      {"aiodns [!UNAVAIL=return] files myhostname dns", false},
      {"files aiodns [!UNAVAIL=return] resolve [!UNAVAIL=return] dns", false},
      {"files aiodns [!UNAVAIL=return] resolve [!UNAVAIL=return] mymachines dns", true},
      {"files aiodns [!UNAVAIL=return] dns [NOTFOUND=return] wins", false},
      {"files aiodns [!UNAVAIL=return] dns [!UNAVAIL=return] wins", false},
      {"files aiodns [!UNAVAIL=return] dns [TRYAGAIN=return] wins", true},
      {"files aiodns [!UNAVAIL=return] libvirt libvirt_guest dns", true},
      {"files aiodns [!SUCCESS=return] wins", false}, /* our UNAVAIL ends it, too */
      {"files aiodns wins", true},
      {"files wins aiodns [!UNAVAIL=return] dns aiodns", false},
      {"files aiodns [!UNAVAIL=return] dnsx", true},
      {"files aiodns [!UNAVAIL=return] wins [NOTFOUND return]", false}, /* glibc reads nothing then */
      {"files aiodns [!UNAVAIL=return] [!UNAVAIL=return] wins", false},
      {"files AIODNS [!UNAVAIL=return] wins", false},
      {"", false},
  };
  char content[256];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    snprintf(content, sizeof content, "passwd: files\nhosts: %s\nnetworks: wins\n", rows[i].line);
    if (knows(content) != rows[i].knows)
      fail_msg("%s", rows[i].line);
  }
}

static void the_last_line_that_counts_decides(void **state)
{
  (void)state;
  assert_false(knows("hosts: aiodns wins\nhosts: files aiodns dns\n"));
  assert_true(knows("hosts: files aiodns dns\nhosts: aiodns wins\n"));
  assert_false(knows("hosts: files aiodns dns\nhosts: aiodns wins"));
  assert_true(knows("hosts: aiodns wins\nhosts: files aiodns dns"));
  assert_true(knows("hosts: aiodns wins\nhosts: files [dns"));
  assert_false(knows("hosts: aiodns wins\nhosts: files [x] dns\n")); /* a line without services */
  assert_false(knows("hosts: files [x=y]\nhosts: aiodns wins\n"));
  assert_false(aiodns_behind_read("/nonexistent/nsswitch.conf"));
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(hosts_lines_are_read_as_glibc_reads_them), TEST(actions_say_what_ends_a_lookup),
      TEST(long_words_are_cut_and_passed_over),       TEST(who_may_know_names_without_dots_is_found),
      TEST(the_last_line_that_counts_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
