#include "file.h"
#include "unit.h"

#include "files.h"

#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What `_res` shows of a list. */
static struct aiodns_conf shown(const char *const *list)
{
  struct aiodns_conf conf = {.search = list};
  while (list[conf.search_count])
    conf.search_count++;
  return conf;
}

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

static void assert_entry(const char *file, const char *const *list, unsigned index, const char *expected)
{
  struct aiodns_conf conf = shown(list);
  char buf[AIODNS_NAME_TEXT_MAX];
  bool found = aiodns_files_search_in(file_of(file, strlen(file)), NULL, &conf, index, buf);
  if (expected ? !found || strcmp(buf, expected) : found)
    fail_msg("%s: entry %u is %s, not %s", file, index, found ? buf : "none", expected ? expected : "none");
}

static const char *const ab[] = {"a", "b", NULL};

static void the_list_goes_on_where_res_ends(void **state)
{
  (void)state;
  assert_entry("nameserver 192.0.2.1\nsearch a b c d\n", ab, 2, "c");
  assert_entry("nameserver 192.0.2.1\nsearch a b c d\n", ab, 3, "d");
  assert_entry("nameserver 192.0.2.1\nsearch a b c d\n", ab, 4, NULL);
  assert_entry("search\ta\t \tb c", ab, 2, "c");
  assert_entry("search a b\n", ab, 2, NULL);
  assert_entry("", ab, 2, NULL);
}

static void a_list_that_does_not_begin_as_res_is_not_believed(void **state)
{
  (void)state;
  assert_entry("search a x c\n", ab, 2, NULL);
  assert_entry("search b a c\n", ab, 2, NULL);
  assert_entry("search a bb c\n", ab, 2, NULL);
  assert_entry("search a B c\n", ab, 2, NULL);
  assert_entry("search a\n", ab, 2, NULL);
}

static void the_last_search_or_domain_line_counts(void **state)
{
  (void)state;
  assert_entry("search x y z\nsearch a b c\n", ab, 2, "c");
  assert_entry("search a b c\nsearch a b d\n", ab, 2, "d");
  assert_entry("search a b c\nsearch x y z\n", ab, 2, NULL);
  assert_entry("search a b c\ndomain a\n", ab, 2, NULL);
  assert_entry("domain x\nsearch a b c\n", ab, 2, "c");
  assert_entry("search a b c\noptions ndots:2\n# search x\n; search x\n", ab, 2, "c");
}

static void only_a_line_that_begins_so_is_a_search_line(void **state)
{
  (void)state; /* as glibc has it */
  assert_entry(" search a b c\n", ab, 2, NULL);
  assert_entry("search a b c\n search x y z\n", ab, 2, "c");
  assert_entry("search a b c\nsearching x y z\n", ab, 2, "c");
  assert_entry("search a b c\nSEARCH x y z\n", ab, 2, "c");
  assert_entry("search a b c\nsortlist 192.0.2.0\n", ab, 2, "c");
}

static void a_search_line_without_a_domain_changes_nothing(void **state)
{
  (void)state; /* glibc passes it over */
  assert_entry("search a b c\nsearch\n", ab, 2, "c");
  assert_entry("search a b c\nsearch \t \n", ab, 2, "c");
  assert_entry("search a b c\ndomain\n", ab, 2, "c");
}

static void a_file_that_is_not_there_has_no_entry(void **state)
{
  struct aiodns_conf conf = shown(ab);
  char buf[AIODNS_NAME_TEXT_MAX];
  (void)state;
  assert_false(aiodns_files_search_in("/nonexistent/resolv.conf", NULL, &conf, 2, buf));
}

static void a_domain_that_is_too_long_is_none(void **state)
{
  char file[2000] = "search a b ";
  (void)state;
  memset(file + 11, 'x', 1500);
  strcpy(file + 1511, " d\n");
  assert_entry(file, ab, 2, NULL);
  assert_entry(file, ab, 3, "d");
}

static const char *entry_of_text(const char *text, unsigned index)
{
  static char buf[AIODNS_NAME_TEXT_MAX];
  struct aiodns_conf conf = shown(ab);
  return aiodns_files_search_in(NULL, text, &conf, index, buf) ? buf : NULL;
}

static void the_environments_list_is_cut_at_blanks_and_ends_with_its_line(void **state)
{
  (void)state; /* as glibc does */
  assert_string_equal(entry_of_text("a b c d", 2), "c");
  assert_string_equal(entry_of_text("a\t b   c\td ", 3), "d");
  assert_null(entry_of_text("a b c d", 4));
  assert_null(entry_of_text("a b", 2));
  assert_null(entry_of_text("", 2));
  assert_null(entry_of_text("a x c", 2));
  assert_null(entry_of_text("a b\nc", 2));
}

/* In a process of its own, since glibc reads the environment once: each domain of the list in turn. */
static int child_sees_whole_list(const char *text, const char *const *domains, unsigned count)
{
  struct __res_state resolver;
  struct aiodns_conf conf;
  memset(&resolver, 0, sizeof resolver);
  setenv("LOCALDOMAIN", text, 1);
  if (res_ninit(&resolver) || !aiodns_conf_from_state(&conf, &resolver))
    return 1;
  for (unsigned i = 0; i <= count; i++) {
    char buf[AIODNS_NAME_TEXT_MAX];
    const char *got = NULL;
    if (i < conf.search_count)
      got = conf.search[i];
    else if (aiodns_files_search_more(NULL, &conf, i, buf))
      got = buf;
    if (i < count ? !got || strcmp(got, domains[i]) : got != NULL)
      return 2;
  }
  res_nclose(&resolver);
  return conf.search_count < count ? 42 : 0;
}

static void what_res_shows_and_the_rest_are_the_whole_list(void **state)
{
  static const char *const pool[] = {
      "a", "example.com", "a-domain-of-some-length.in-a-zone.of-some-length.example",
      "0123456789012345678901234567890123456789.0123456789012345678901234567890123456789.example"};
  unsigned cut = 0;
  (void)state;
  for (int run = 0; run < 60; run++) {
    const char *domains[12];
    char text[2000];
    size_t len = 0;
    unsigned count = 1 + unit_random(12);
    int status;
    for (unsigned i = 0; i < count; i++) {
      domains[i] = pool[unit_random(4)];
      len += (size_t)sprintf(text + len, "%s%s", domains[i], unit_random(3) ? " " : " \t ");
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
      _exit(child_sees_whole_list(text, domains, count));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    cut += WEXITSTATUS(status) == 42;
    if (WEXITSTATUS(status) != 42 && WEXITSTATUS(status) != 0)
      fail_msg("LOCALDOMAIN='%s': %d", text, WEXITSTATUS(status));
  }
  assert_true(cut > 10); /* else `_res` showed all and nothing was tested */
}

static const char *alias(const char *file, const char *name)
{
  static char buf[256];
  setenv("HOSTALIASES", file_of(file, strlen(file)), 1);
  return aiodns_files_alias(name, buf, sizeof buf) ? buf : NULL;
}

static void an_alias_is_the_second_word_of_its_line(void **state)
{
  static const char file[] = "one first.example\nTwo\t second.example third\nthree \t third.example\nfour\n";
  (void)state;
  assert_string_equal(alias(file, "one"), "first.example");
  assert_string_equal(alias(file, "ONE"), "first.example");
  assert_string_equal(alias(file, "two"), "second.example");
  assert_string_equal(alias(file, "three"), "third.example");
  assert_null(alias(file, "four"));
  assert_null(alias(file, "five"));
  assert_null(alias(file, "first.example"));
  assert_null(alias("", "one"));
}

static void without_the_file_there_is_no_alias(void **state)
{
  char buf[256];
  (void)state;
  unsetenv("HOSTALIASES");
  assert_false(aiodns_files_alias("one", buf, sizeof buf));
  setenv("HOSTALIASES", "/nonexistent/aliases", 1);
  assert_false(aiodns_files_alias("one", buf, sizeof buf));
}

static void an_alias_that_does_not_fit_is_none(void **state)
{
  char buf[8];
  static const char file[] = "one 1234567\ntwo 12345678\n";
  (void)state;
  setenv("HOSTALIASES", file_of(file, strlen(file)), 1);
  assert_true(aiodns_files_alias("one", buf, sizeof buf));
  assert_string_equal(buf, "1234567");
  assert_false(aiodns_files_alias("two", buf, sizeof buf));
}

/* Deprecated for programs, and the only thing to compare with. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static const char *alias_by_libresolv(const char *name)
{
  return hostalias(name);
}
#pragma GCC diagnostic pop

static void random_alias_files_are_read_as_libresolv_reads_them(void **state)
{
  static const char *const pieces[] = {
      "one ",           "one\t", "ONE ", "one. ", "two ", "target.example",
      "other.example ", "x\n",   "\n",   "\n",    " ",    "\none target.example\n"};
  unsigned found = 0;
  (void)state;
  for (int run = 0; run < 5000; run++) {
    char file[512] = "";
    for (unsigned i = unit_random(12); i > 0; i--)
      strcat(file, pieces[unit_random(sizeof pieces / sizeof *pieces)]);
    strcat(file, "\n"); /* else libresolv does not see the last line if it is one word */
    const char *ours = alias(file, "one"), *theirs = alias_by_libresolv("one");
    found += theirs != NULL;
    if ((ours == NULL) != (theirs == NULL) || (ours && strcmp(ours, theirs)))
      fail_msg("in\n%s\n%s here, %s by hostalias", file, ours ? ours : "none", theirs ? theirs : "none");
  }
  assert_true(found > 500);
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_list_goes_on_where_res_ends),
      TEST(a_list_that_does_not_begin_as_res_is_not_believed),
      TEST(the_last_search_or_domain_line_counts),
      TEST(only_a_line_that_begins_so_is_a_search_line),
      TEST(a_search_line_without_a_domain_changes_nothing),
      TEST(a_file_that_is_not_there_has_no_entry),
      TEST(a_domain_that_is_too_long_is_none),
      TEST(the_environments_list_is_cut_at_blanks_and_ends_with_its_line),
      TEST(what_res_shows_and_the_rest_are_the_whole_list),
      TEST(an_alias_is_the_second_word_of_its_line),
      TEST(without_the_file_there_is_no_alias),
      TEST(an_alias_that_does_not_fit_is_none),
      TEST(random_alias_files_are_read_as_libresolv_reads_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
