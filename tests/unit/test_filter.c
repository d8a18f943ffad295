#include "file.h"
#include "unit.h"

#include "hosts.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NOW = AIODNS_FILTER_ENTRIES_MAX }; /* more entries than any file here but the large ones */

static struct aiodns_hosts hosts;
static struct aiodns_answer answer[2];

/* The file is the test's own: its state can be relied on at once. */
static void begin(const char *path)
{
  hosts = (struct aiodns_hosts)AIODNS_HOSTS_AT(path);
  hosts.filter.settle_ns = INT64_MIN / 2;
}

static void begin_with(const char *text)
{
  begin(file_of(text, strlen(text)));
}

static unsigned look_up(const char *name, int family)
{
  unsigned first;
  aiodns_answer_init(&answer[0], family == AF_INET6 ? 16 : 4);
  aiodns_answer_init(&answer[1], 16);
  unsigned count = aiodns_hosts_by_name(&hosts, name, family, answer, &first, &(uint64_t){0});
  aiodns_answer_done(&answer[0]);
  aiodns_answer_done(&answer[1]);
  return count;
}

static bool look_up_address(int family, const char *text)
{
  uint8_t address[16];
  assert_int_equal(inet_pton(family, text, address), 1);
  aiodns_answer_init(&answer[0], 0);
  bool found = aiodns_hosts_by_address(&hosts, family, address, &answer[0], &(uint64_t){0});
  aiodns_answer_done(&answer[0]);
  return found;
}

static enum aiodns_filter_word ask(const char *name)
{
  return aiodns_filter_ask(&hosts.filter, hosts.path, aiodns_filter_hash_name(name, strlen(name)),
                           &(uint64_t){0});
}

static enum aiodns_filter_word ask_address(int family, const char *text)
{
  uint8_t address[16];
  assert_int_equal(inet_pton(family, text, address), 1);
  return aiodns_filter_ask(&hosts.filter, hosts.path,
                           aiodns_filter_hash_address(address, family == AF_INET ? 4 : 16), &(uint64_t){0});
}

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

static void nothing_is_known_before_the_first_reading(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  assert_int_equal(ask("host"), AIODNS_FILTER_UNKNOWN);
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
}

static void what_the_file_lacks_is_known_after_it(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host alias # comment\n2001:db8::1 six\nnonsense here\n");
  assert_int_equal(look_up("other", AF_INET), 0);
  assert_int_equal(ask("other"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask("comment"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask("hos"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask_address(AF_INET, "192.0.2.2"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask_address(AF_INET6, "2001:db8::2"), AIODNS_FILTER_LACKS);
}

static void what_it_has_is_never_lacking(void **state)
{
  static const char *const names[] = {"host", "HOST", "hOsT", "alias", "six", "mapped"};
  (void)state;
  begin_with("192.0.2.1 host alias\n2001:db8::1 six\n::ffff:192.0.2.3 mapped\n::1 loop");
  look_up("other", AF_UNSPEC);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    assert_int_equal(ask(names[i]), AIODNS_FILTER_PERHAPS);
  assert_int_equal(ask_address(AF_INET, "192.0.2.1"), AIODNS_FILTER_PERHAPS);
  assert_int_equal(ask_address(AF_INET6, "2001:db8::1"), AIODNS_FILTER_PERHAPS);
  /* AF_INET takes these lines, too. */
  assert_int_equal(ask_address(AF_INET, "192.0.2.3"), AIODNS_FILTER_PERHAPS);
  assert_int_equal(ask_address(AF_INET6, "::ffff:192.0.2.3"), AIODNS_FILTER_PERHAPS);
  assert_int_equal(ask_address(AF_INET, "127.0.0.1"), AIODNS_FILTER_PERHAPS);
  assert_true(look_up_address(AF_INET, "127.0.0.1"));
  assert_int_equal(look_up("Alias", AF_INET), 1);
}

static void another_locale_may_fold_other_letters(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  assert_int_equal(ask("h\xf6st"), AIODNS_FILTER_PERHAPS);
}

static void a_file_of_another_state_is_unknown(void **state)
{
  char path[64];
  (void)state;
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  assert_int_equal(ask("other"), AIODNS_FILTER_LACKS);
  snprintf(path, sizeof path, "%s", hosts.path);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("192.0.2.2 other\n", file);
  fclose(file);
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
  assert_int_equal(ask("another"), AIODNS_FILTER_UNKNOWN);
  assert_int_equal(look_up("other", AF_INET), 1);
  /* That was learnt in its place. */
  assert_int_equal(ask("another"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask("other"), AIODNS_FILTER_PERHAPS);
}

static void a_change_of_just_now_is_not_relied_on(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  hosts.filter.settle_ns = INT64_MAX / 2;
  look_up("other", AF_INET);
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
}

static void a_pipe_has_no_state(void **state)
{
  char path[64];
  int ends[2];
  (void)state;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "192.0.2.1 host\n", 15), 15);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  begin(path);
  look_up("other", AF_INET);
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
  close(ends[0]);
  close(ends[1]);
}

static void a_file_that_is_gone_has_nothing(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  hosts.path = "/nonexistent/hosts";
  assert_int_equal(ask("other"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask("host"), AIODNS_FILTER_LACKS);
}

static void a_file_that_cannot_be_looked_at_is_unknown(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  hosts.path = "/dev/null/hosts"; /* ENOTDIR: it is not said that there is none */
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
}

/* Who has looked in this tick does not look again: the state that the caller keeps is believed. */
static void a_state_that_is_known_is_not_looked_at(void **state)
{
  (void)state;
  uint64_t seen = 0, hash = aiodns_filter_hash_name("other", 5);
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  assert_int_equal(aiodns_filter_ask(&hosts.filter, hosts.path, hash, &seen), AIODNS_FILTER_LACKS);
  assert_int_not_equal(seen, 0);
  assert_int_equal(aiodns_filter_ask(&hosts.filter, "/dev/null/hosts", hash, &seen), AIODNS_FILTER_LACKS);
  seen++; /* another state than the one that was learnt */
  assert_int_equal(aiodns_filter_ask(&hosts.filter, hosts.path, hash, &seen), AIODNS_FILTER_UNKNOWN);
}

static size_t write_entries(char *text, unsigned entries)
{
  size_t len = 0;
  for (unsigned i = 0; i < entries / 2; i++)
    len += (size_t)sprintf(text + len, "198.18.%u.%u name%u\n", i >> 8, i & 255, i);
  return len;
}

static void a_large_file_is_read_each_time(void **state)
{
  static char text[AIODNS_FILTER_ENTRIES_MAX * 40];
  (void)state;
  begin(file_of(text, write_entries(text, NOW)));
  look_up("other", AF_INET);
  assert_int_equal(ask("other"), AIODNS_FILTER_LACKS);
  assert_int_equal(ask("name7"), AIODNS_FILTER_PERHAPS);
  begin(file_of(text, write_entries(text, NOW + 2)));
  look_up("other", AF_INET);
  assert_int_equal(ask("other"), AIODNS_FILTER_PERHAPS);
  assert_int_equal(look_up("name7", AF_INET), 1);
}

static void a_writer_that_never_comes_back_costs_the_filter_only(void **state)
{
  (void)state;
  begin_with("192.0.2.1 host\n");
  look_up("other", AF_INET);
  atomic_store(&hosts.filter.sequence, 3);
  assert_int_equal(ask("other"), AIODNS_FILTER_UNKNOWN);
  assert_int_equal(look_up("other", AF_INET), 0);
  assert_int_equal(look_up("host", AF_INET), 1);
  assert_int_equal(atomic_load(&hosts.filter.sequence), 3);
}

/* A name, or an address, that is in the file about every second time. */
static void random_word(char *text)
{
  static const char letters[] = "aAbB-.";
  size_t len = 1 + unit_random(3);
  for (size_t i = 0; i < len; i++)
    text[i] = letters[unit_random(sizeof letters - 1)];
  text[len] = '\0';
}

static void with_the_filter_all_is_found_as_without(void **state)
{
  (void)state;
  for (int round = 0; round < 2000; round++) {
    char text[400], name[8];
    size_t len = 0;
    for (unsigned lines = unit_random(8); lines > 0; lines--) {
      char alias[8];
      random_word(name);
      random_word(alias);
      len += (size_t)sprintf(text + len, unit_random(3) ? "192.0.2.%u %s %s\n" : "2001:db8::%u %s%s\n",
                             unit_random(8), name, alias);
    }
    begin(file_of(text, len));
    for (int i = 0; i < 20; i++) {
      static const int families[] = {AF_INET, AF_INET6, AF_UNSPEC};
      int family = families[unit_random(3)];
      char address[INET6_ADDRSTRLEN];
      random_word(name);
      unsigned with = look_up(name, family);
      snprintf(address, sizeof address, family == AF_INET ? "192.0.2.%u" : "2001:db8::%u", unit_random(8));
      bool found = look_up_address(family == AF_INET ? AF_INET : AF_INET6, address);
      struct aiodns_hosts learnt = hosts;
      hosts = (struct aiodns_hosts)AIODNS_HOSTS_AT(learnt.path);
      assert_int_equal(with, look_up(name, family));
      assert_int_equal(found, look_up_address(family == AF_INET ? AF_INET : AF_INET6, address));
      hosts = learnt;
    }
  }
}

/* ---- Threads ---- */

static struct aiodns_filter_draft drafts[2];
static const char *const only[2] = {"first", "second"};
static _Atomic bool over;

static void *writer(void *which)
{
  while (!atomic_load(&over))
    for (int i = 0; i < 2; i++)
      aiodns_filter_share(&hosts.filter, &drafts[which ? i : 1 - i]);
  return NULL;
}

static void readers_never_see_half_a_change(void **state)
{
  pthread_t threads[2];
  (void)state;
  begin_with("192.0.2.1 first\n");
  look_up("other", AF_INET);
  /* Both for this state of the file: a reader that mixes their bits finds that one of the names is lacking.
   */
  for (int i = 0; i < 2; i++) {
    drafts[i] =
        (struct aiodns_filter_draft){.state = (uint64_t)hosts.filter.state[1] << 32 | hosts.filter.state[0]};
    for (int n = 0; n < 2; n++)
      aiodns_filter_add(&drafts[i], aiodns_filter_hash_name(only[n], strlen(only[n])));
  }
  memset(drafts[1].bits, 0xff, sizeof drafts[1].bits);
  drafts[1].state ^= (uint64_t)1 << 63; /* of another state, which has everything */
  aiodns_filter_share(&hosts.filter, &drafts[0]);
  atomic_store(&over, false);
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, writer, i ? &over : NULL), 0);
  for (int i = 0; i < 200000; i++) {
    assert_int_not_equal(ask("first"), AIODNS_FILTER_LACKS);
    assert_int_not_equal(ask("second"), AIODNS_FILTER_LACKS);
    /* PERHAPS would come from the bits of the other state. */
    assert_int_not_equal(ask("neither"), AIODNS_FILTER_PERHAPS);
  }
  atomic_store(&over, true);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(nothing_is_known_before_the_first_reading, finish),
      cmocka_unit_test_teardown(what_the_file_lacks_is_known_after_it, finish),
      cmocka_unit_test_teardown(what_it_has_is_never_lacking, finish),
      cmocka_unit_test_teardown(another_locale_may_fold_other_letters, finish),
      cmocka_unit_test_teardown(a_file_of_another_state_is_unknown, finish),
      cmocka_unit_test_teardown(a_change_of_just_now_is_not_relied_on, finish),
      cmocka_unit_test_teardown(a_pipe_has_no_state, finish),
      cmocka_unit_test_teardown(a_file_that_is_gone_has_nothing, finish),
      cmocka_unit_test_teardown(a_file_that_cannot_be_looked_at_is_unknown, finish),
      cmocka_unit_test_teardown(a_state_that_is_known_is_not_looked_at, finish),
      cmocka_unit_test_teardown(a_large_file_is_read_each_time, finish),
      cmocka_unit_test_teardown(a_writer_that_never_comes_back_costs_the_filter_only, finish),
      cmocka_unit_test_teardown(with_the_filter_all_is_found_as_without, finish),
      cmocka_unit_test_teardown(readers_never_see_half_a_change, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
