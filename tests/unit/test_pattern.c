#include "unit.h"

#include "pattern.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[32];

/* ---- A folder of one's own, and one that no file system of this machine has ---- */

static int begin(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/aiodns-unit-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int finish(void **state)
{
  struct dirent *entry;
  DIR *open = opendir(folder);
  (void)state;
  if (!open)
    return -1;
  while ((entry = readdir(open)) != NULL)
    unlinkat(dirfd(open), entry->d_name, 0);
  closedir(open);
  return rmdir(folder);
}

static void make(const char *name)
{
  char path[AIODNS_PATTERN_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  close(fd);
}

/* What getdents64 returns in place of the kernel's entries, once. */
static const char *entry_name;
static bool entry_given;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
  if (number != SYS_getdents64 || !entry_name)
    return __real_syscall(number, a, b, c, d, e, f);
  if (entry_given)
    return 0;
  entry_given = true;
  struct dirent64 *entry = (void *)b; /* NOLINT(performance-no-int-to-ptr) */
  size_t len = strlen(entry_name) + 1, need = (offsetof(struct dirent64, d_name) + len + 7) / 8 * 8;
  if (need > (size_t)c) {
    errno = EINVAL;
    return -1;
  }
  memset(entry, 0, need);
  entry->d_ino = 1;
  entry->d_reclen = (unsigned short)need;
  memcpy((char *)entry + offsetof(struct dirent64, d_name), entry_name, len);
  return (long)need;
}

/* All files of the folder that a pattern means, blanks between them. */
static void assert_files(const char *pattern, const char *expected)
{
  char whole[AIODNS_PATTERN_PATH_MAX], path[AIODNS_PATTERN_PATH_MAX] = "", got[8192] = "";
  size_t head = strlen(folder) + 1;
  snprintf(whole, sizeof whole, "%s/%s", folder, pattern);
  while (aiodns_pattern_next(whole, path)) {
    assert_memory_equal(path, whole, head);
    assert_in_range(strlen(got) + strlen(path), 0, sizeof got - 2);
    sprintf(got + strlen(got), "%s%s", *got ? " " : "", path + head);
  }
  if (strcmp(got, expected) != 0)
    fail_msg("%s: %s, not %s", pattern, got, expected);
}

/* ---- Tests ---- */

static void without_a_wildcard_it_is_itself(void **state)
{
  static const char *patterns[] = {"/etc/hosts", "/nowhere/x", "/a",           "/a*/b",
                                   "/[a]",       "/a\\",       "/etc/hosts.d/"};
  char path[AIODNS_PATTERN_PATH_MAX], none[AIODNS_PATTERN_PATH_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    path[0] = '\0';
    assert_true(aiodns_pattern_next(patterns[i], path));
    assert_string_equal(path, patterns[i]);
    assert_false(aiodns_pattern_next(patterns[i], path));
    assert_false(aiodns_pattern_folder(patterns[i], none));
  }
}

static void the_folder_is_what_is_before_the_last_part(void **state)
{
  char got[AIODNS_PATTERN_PATH_MAX];
  (void)state;
  assert_true(aiodns_pattern_folder("/etc/hosts.d/*.hosts", got));
  assert_string_equal(got, "/etc/hosts.d");
  assert_true(aiodns_pattern_folder("/a/?", got));
  assert_string_equal(got, "/a");
  assert_true(aiodns_pattern_folder("/*", got));
  assert_string_equal(got, "/");
}

static void files_of_the_root(void **state)
{
  char path[AIODNS_PATTERN_PATH_MAX] = "";
  (void)state;
  assert_true(aiodns_pattern_next("/et?", path));
  assert_string_equal(path, "/etc");
}

static void what_matches(void **state)
{
  static const struct {
    const char *pattern, *files;
  } rows[] = {
      {"*", "a a.hosts aa ab.hosts b ba.hosts.old c[d] x*y"},
      {"*.hosts", "a.hosts ab.hosts"},
      {"*.hosts*", "a.hosts ab.hosts ba.hosts.old"},
      {"a*", "a a.hosts aa ab.hosts"},
      {"*a", "a aa"},
      {"a*a", "aa"},
      {"*a*a*", "aa"},
      {"**", "a a.hosts aa ab.hosts b ba.hosts.old c[d] x*y"},
      {"?", "a b"},
      {"??", "aa"},
      {"?*?.hosts", "ab.hosts"},
      {"*?", "a a.hosts aa ab.hosts b ba.hosts.old c[d] x*y"},
      {"?????????????*", ""},
      {"*hosts*old*", "ba.hosts.old"},
      {"*o*o*d", "ba.hosts.old"},
      {"*o*o*o*", ""},
      {"A*", ""},
      {"c[*", "c[d]"},
      {"[a-c]*", ""},
      {"x*y*", "x*y"},
      {"nothing*", ""},
  };
  static const char *files[] = {"b",   "ba.hosts.old", "aa",   "a",       "ab.hosts",
                                "x*y", "a.hosts",      "c[d]", ".hidden", ".a.hosts"};
  (void)state;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    make(files[i]);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_files(rows[i].pattern, rows[i].files);
}

static void a_leading_dot_is_matched_by_a_dot_alone(void **state)
{
  (void)state;
  make(".hidden");
  make("..x");
  make("seen.");
  assert_files("*", "seen.");
  assert_files("?hidden", "");
  assert_files("*hidden", "");
  assert_files(".*", "..x .hidden"); /* but not the folder, and the one above */
  assert_files("..*", "..x");
  assert_files(".h*", ".hidden");
  assert_files(".?*", "..x .hidden");
}

/* As unsigned octets, whatever the locale, and whatever the order of the folder. */
static void the_order_is_that_of_octets(void **state)
{
  static const char *files[] = {"\xc3\xa4", "b", "B", "10", "2", "a-", "a", "a_", "~", "\xff"};
  (void)state;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    make(files[i]);
  assert_files("*", "10 2 B a a- a_ b ~ \xc3\xa4 \xff");
}

static void many_files_each_once(void **state)
{
  enum { FILES = 300 };
  char expected[FILES * 16] = "", name[32];
  (void)state;
  for (unsigned i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "file-%03u", (i * 7 + 3) % FILES);
    make(name);
    sprintf(expected + strlen(expected), "%sfile-%03u", i > 0 ? " " : "", i);
  }
  make("other");
  assert_files("file-*", expected);
}

static void names_of_any_length(void **state)
{
  char name[NAME_MAX + 1], pattern[NAME_MAX + 1];
  (void)state;
  memset(name, 'a', NAME_MAX);
  name[NAME_MAX] = '\0';
  make(name);
  assert_files("*", name);
  assert_files("a*a", name);
  memset(pattern, '?', NAME_MAX);
  pattern[NAME_MAX] = '\0';
  assert_files(pattern, name);
  memset(pattern, '*', NAME_MAX);
  assert_files(pattern, name);
  make("b");
  assert_files("b*", "b");
}

/* FUSE may give longer names than NAME_MAX: nothing can be opened by them, and there is no room for them. */
static void names_that_no_file_can_have_are_passed_over(void **state)
{
  static char name[900];
  (void)state;
  memset(name, 'a', sizeof name - 1);
  entry_name = name;
  for (size_t len = sizeof name - 1; len >= NAME_MAX; len -= len > NAME_MAX + 1 ? 322 : 1) {
    name[len] = '\0';
    entry_given = false;
    char pattern[64], path[AIODNS_PATTERN_PATH_MAX] = "";
    snprintf(pattern, sizeof pattern, "%s/a*", folder);
    assert_int_equal(aiodns_pattern_next(pattern, path), len == NAME_MAX);
    if (len == NAME_MAX)
      break;
  }
  entry_name = NULL;
  assert_files("*", "");
}

static void files_that_come_and_go_on_the_way(void **state)
{
  char pattern[64], path[AIODNS_PATTERN_PATH_MAX] = "", gone[AIODNS_PATTERN_PATH_MAX];
  (void)state;
  make("a");
  make("c");
  snprintf(pattern, sizeof pattern, "%s/*", folder);
  assert_true(aiodns_pattern_next(pattern, path));
  memcpy(gone, path, sizeof gone);
  unlink(gone);
  make("b");
  assert_true(aiodns_pattern_next(pattern, path));
  assert_string_equal(strrchr(path, '/'), "/b");
  assert_true(aiodns_pattern_next(pattern, path));
  assert_string_equal(strrchr(path, '/'), "/c");
  make("bb");
  assert_false(aiodns_pattern_next(pattern, path));
}

static void no_such_folder_no_files(void **state)
{
  static const char *patterns[] = {"/nowhere/*", "/dev/null/*", "/nowhere/at/all/?"};
  char path[AIODNS_PATTERN_PATH_MAX] = "";
  (void)state;
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    assert_false(aiodns_pattern_next(patterns[i], path));
    assert_string_equal(path, "");
    assert_true(aiodns_pattern_folder(patterns[i], path));
    path[0] = '\0';
  }
}

static void nothing_stays_open(void **state)
{
  char pattern[64], path[AIODNS_PATTERN_PATH_MAX] = "";
  (void)state;
  make("a");
  int before = dup(0);
  close(before);
  snprintf(pattern, sizeof pattern, "%s/*", folder);
  while (aiodns_pattern_next(pattern, path))
    ;
  assert_non_null(strstr(path, "/a"));
  int after = dup(0);
  close(after);
  assert_int_equal(after, before);
}

static void what_is_longer_than_the_room_is_no_file(void **state)
{
  static char pattern[AIODNS_PATTERN_PATH_MAX + 8];
  char path[AIODNS_PATTERN_PATH_MAX] = "";
  (void)state;
  memset(pattern, 'a', sizeof pattern - 1);
  pattern[0] = '/';
  assert_false(aiodns_pattern_next(pattern, path));
  strcpy(pattern + AIODNS_PATTERN_PATH_MAX, "/*");
  assert_false(aiodns_pattern_folder(pattern, path));
  path[0] = '\0';
  assert_false(aiodns_pattern_next(pattern, path));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_wildcard_it_is_itself),
      cmocka_unit_test(the_folder_is_what_is_before_the_last_part),
      cmocka_unit_test(files_of_the_root),
      cmocka_unit_test_setup_teardown(what_matches, begin, finish),
      cmocka_unit_test_setup_teardown(a_leading_dot_is_matched_by_a_dot_alone, begin, finish),
      cmocka_unit_test_setup_teardown(the_order_is_that_of_octets, begin, finish),
      cmocka_unit_test_setup_teardown(many_files_each_once, begin, finish),
      cmocka_unit_test_setup_teardown(names_of_any_length, begin, finish),
      cmocka_unit_test_setup_teardown(names_that_no_file_can_have_are_passed_over, begin, finish),
      cmocka_unit_test_setup_teardown(files_that_come_and_go_on_the_way, begin, finish),
      cmocka_unit_test(no_such_folder_no_files),
      cmocka_unit_test_setup_teardown(nothing_stays_open, begin, finish),
      cmocka_unit_test(what_is_longer_than_the_room_is_no_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
