#include "alloc.h"
#include "unit.h"

#include "answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct aiodns_answer answer;

static int begin(void **state)
{
  (void)state;
  aiodns_answer_init(&answer, 4);
  return 0;
}

static int finish(void **state)
{
  (void)state;
  alloc_fail_after(-1);
  aiodns_answer_done(&answer);
  return alloc_live();
}

static bool add_name(const char *text, bool canonical)
{
  return aiodns_answer_add_name(&answer, text, strlen(text), canonical);
}

static void a_new_answer_is_empty_and_pending(void **state)
{
  (void)state;
  assert_int_equal(answer.outcome, AIODNS_PENDING);
  assert_int_equal(answer.error, 0);
  assert_int_equal(answer.ttl_s, 0);
  assert_int_equal(answer.name_count, 0);
  assert_int_equal(answer.address_count, 0);
  assert_int_equal(answer.address_len, 4);
  assert_null(aiodns_answer_canonical(&answer));
  assert_false(aiodns_answer_has_name(&answer, ""));
}

static void short_answers_need_no_memory(void **state)
{
  char text[AIODNS_INLINE_NAMES];
  (void)state;
  alloc_fail_after(0);
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_true(add_name(text, true));
  for (uint32_t i = 0; i < AIODNS_INLINE_ADDRESSES / 4; i++)
    assert_true(aiodns_answer_add_address(&answer, &i));
  assert_int_equal(alloc_live(), 0);
  assert_string_equal(aiodns_answer_canonical(&answer), text);
}

static void what_was_added_stays_while_it_grows(void **state)
{
  char text[32];
  const char *at;
  (void)state;
  for (uint32_t i = 0; i < 3000; i++) {
    snprintf(text, sizeof text, "name-%u.example", i);
    assert_true(add_name(text, i == 5));
    assert_true(aiodns_answer_add_address(&answer, &i));
    assert_int_equal(answer.name_count, i + 1);
    assert_int_equal(answer.address_count, i + 1);
  }
  at = (const char *)answer.names.data;
  for (uint32_t i = 0; i < 3000; i++, at += strlen(at) + 1) {
    snprintf(text, sizeof text, "name-%u.example", i);
    assert_string_equal(at, text);
    assert_memory_equal(answer.addresses.data + 4 * i, &i, 4);
  }
  assert_string_equal(aiodns_answer_canonical(&answer), "name-5.example");
  assert_int_equal(answer.outcome, AIODNS_PENDING);
  assert_int_equal(alloc_live(), 2); /* one allocation for names and one for addresses */
}

static void names_that_just_fit_do_not_grow(void **state)
{
  (void)state;
  for (size_t len = AIODNS_INLINE_NAMES - 3; len < AIODNS_INLINE_NAMES + 3; len++) {
    char text[AIODNS_INLINE_NAMES + 3];
    memset(text, 'x', len);
    text[len] = '\0';
    aiodns_answer_init(&answer, 4);
    assert_true(add_name(text, true));
    assert_string_equal(aiodns_answer_canonical(&answer), text);
    assert_int_equal(alloc_live(), len + 1 > AIODNS_INLINE_NAMES);
    aiodns_answer_done(&answer);
  }
}

static void a_name_longer_than_twice_the_room_fits(void **state)
{
  char text[4000];
  (void)state;
  memset(text, 'y', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_true(add_name("first", false));
  assert_true(add_name(text, true));
  assert_string_equal(aiodns_answer_canonical(&answer), text);
  assert_true(aiodns_answer_has_name(&answer, "first"));
}

static void the_last_canonical_name_is_the_canonical_one(void **state)
{
  (void)state;
  assert_true(add_name("a", true));
  assert_string_equal(aiodns_answer_canonical(&answer), "a");
  assert_true(add_name("b", false));
  assert_string_equal(aiodns_answer_canonical(&answer), "a");
  assert_true(add_name("c", true));
  assert_string_equal(aiodns_answer_canonical(&answer), "c");
}

static void names_are_found_in_any_letter_case_and_whole(void **state)
{
  (void)state;
  assert_true(add_name("Www.Example.COM", true));
  assert_true(add_name("b", false));
  assert_true(aiodns_answer_has_name(&answer, "www.example.com"));
  assert_true(aiodns_answer_has_name(&answer, "WWW.EXAMPLE.COM"));
  assert_true(aiodns_answer_has_name(&answer, "B"));
  assert_false(aiodns_answer_has_name(&answer, "www.example"));
  assert_false(aiodns_answer_has_name(&answer, "example.com"));
  assert_false(aiodns_answer_has_name(&answer, ""));
}

static void ipv6_addresses_take_16_octets(void **state)
{
  uint8_t address[16];
  (void)state;
  aiodns_answer_init(&answer, 16);
  for (unsigned i = 0; i < 100; i++) {
    memset(address, (int)i, sizeof address);
    assert_true(aiodns_answer_add_address(&answer, address));
  }
  for (unsigned i = 0; i < 1600; i++)
    assert_int_equal(answer.addresses.data[i], i / 16);
}

static void no_memory_is_a_local_failure_and_keeps_what_was_there(void **state)
{
  (void)state;
  alloc_fail_after(0);
  uint32_t count = 0;
  while (aiodns_answer_add_address(&answer, &count))
    count++;
  assert_int_equal(count, AIODNS_INLINE_ADDRESSES / 4);
  assert_int_equal(answer.address_count, count);
  assert_int_equal(answer.outcome, AIODNS_LOCAL);
  assert_int_equal(answer.error, ENOMEM);
  for (uint32_t i = 0; i < count; i++)
    assert_memory_equal(answer.addresses.data + 4 * i, &i, 4);
  alloc_fail_after(-1);
  assert_true(aiodns_answer_add_address(&answer, &count));
}

static void no_memory_for_a_name_keeps_the_canonical_one(void **state)
{
  char text[200];
  (void)state;
  memset(text, 'z', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_true(add_name("www.example.com", true));
  assert_true(add_name(text, false));
  alloc_fail_after(0);
  assert_false(add_name(text, true));
  assert_int_equal(answer.outcome, AIODNS_LOCAL);
  assert_int_equal(answer.error, ENOMEM);
  assert_int_equal(answer.name_count, 2);
  assert_string_equal(aiodns_answer_canonical(&answer), "www.example.com");
}

static void each_later_growth_may_fail_without_a_leak(void **state)
{
  bool whole = false;
  int failures = 0;
  (void)state;
  for (int successes = 0; !whole; successes++) {
    aiodns_answer_init(&answer, 4);
    alloc_fail_after(successes);
    whole = true;
    for (uint32_t i = 0; i < 1000 && whole; i++)
      whole = add_name("host.example", true) && aiodns_answer_add_address(&answer, &i);
    failures += !whole;
    aiodns_answer_done(&answer);
    assert_int_equal(alloc_live(), 0);
  }
  assert_true(failures > 4);
}

static void counts_do_not_overflow(void **state)
{
  uint32_t address = 7;
  (void)state;
  for (unsigned i = 0; i < UINT16_MAX; i++) {
    assert_true(aiodns_answer_add_address(&answer, &address));
    assert_true(add_name("", false));
  }
  assert_false(aiodns_answer_add_address(&answer, &address));
  assert_int_equal(answer.outcome, AIODNS_LOCAL);
  assert_int_equal(answer.error, ENOMEM);
  assert_false(add_name("", false));
  assert_int_equal(answer.address_count, UINT16_MAX);
  assert_int_equal(answer.name_count, UINT16_MAX);
}

static void done_may_be_called_twice(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 100; i++)
    assert_true(add_name("www.example.com", true));
  aiodns_answer_done(&answer);
  aiodns_answer_done(&answer);
  assert_int_equal(alloc_live(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_new_answer_is_empty_and_pending),
      TEST(short_answers_need_no_memory),
      TEST(what_was_added_stays_while_it_grows),
      TEST(names_that_just_fit_do_not_grow),
      TEST(a_name_longer_than_twice_the_room_fits),
      TEST(the_last_canonical_name_is_the_canonical_one),
      TEST(names_are_found_in_any_letter_case_and_whole),
      TEST(ipv6_addresses_take_16_octets),
      TEST(no_memory_is_a_local_failure_and_keeps_what_was_there),
      TEST(no_memory_for_a_name_keeps_the_canonical_one),
      TEST(each_later_growth_may_fail_without_a_leak),
      TEST(counts_do_not_overflow),
      TEST(done_may_be_called_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
