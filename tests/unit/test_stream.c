#include "alloc.h"
#include "unit.h"

#include "stream.h"

#include <string.h>

static struct aiodns_stream stream;

static int finish(void **state)
{
  (void)state;
  alloc_fail_after(-1);
  aiodns_stream_next(&stream);
  return alloc_live();
}

/* Two messages of 5 and 3 octets, as they come. */
static const uint8_t two[] = {0, 5, 'a', 'b', 'c', 'd', 'e', 0, 3, 'x', 'y', 'z'};

/* Feeds one piece; returns how many messages it completed. */
static unsigned feed_piece(const uint8_t *data, size_t len, unsigned messages)
{
  static const char *const expected[] = {"abcde", "xyz"};
  const uint8_t *at = unit_on_cliff(data, len), *end = at + len;
  unsigned completed = 0;
  while (len > 0) {
    const uint8_t *before = at;
    size_t left = len;
    enum aiodns_stream_step step = aiodns_stream_feed(&stream, &at, &len);
    assert_true(at + len == end && before + left == end);
    assert_true(len < left); /* each call gets on */
    if (step == AIODNS_STREAM_MORE) {
      assert_int_equal(len, 0);
      break;
    }
    assert_int_equal(step, AIODNS_STREAM_MESSAGE);
    assert_true(messages + completed < 2);
    const char *text = expected[messages + completed];
    assert_int_equal(stream.len, strlen(text));
    assert_memory_equal(stream.message, text, strlen(text));
    aiodns_stream_next(&stream);
    completed++;
  }
  return completed;
}

static void two_messages_are_the_same_however_they_are_cut(void **state)
{
  (void)state;
  /* Each bit says whether there is a cut behind that octet. */
  for (unsigned cuts = 0; cuts < 1U << (sizeof two - 1); cuts++) {
    unsigned messages = 0;
    for (size_t start = 0, end = 1; start < sizeof two; start = end, end++) {
      while (end < sizeof two && !(cuts >> (end - 1) & 1))
        end++;
      messages += feed_piece(two + start, end - start, messages);
    }
    assert_int_equal(messages, 2);
    assert_null(stream.message);
    assert_int_equal(alloc_live(), 0);
  }
}

static void a_message_is_complete_with_its_last_octet(void **state)
{
  (void)state;
  for (size_t len = 0; len < 7; len++) {
    const uint8_t *at = unit_on_cliff(two, len);
    size_t left = len;
    assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MORE);
    assert_int_equal(left, 0);
    aiodns_stream_next(&stream);
  }
  const uint8_t *at = two;
  size_t left = sizeof two;
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MESSAGE);
  assert_int_equal(left, sizeof two - 7); /* the second one is left where it is */
  assert_ptr_equal(at, two + 7);
}

static void a_complete_message_stays_until_the_next(void **state)
{
  const uint8_t *at = two;
  size_t left = sizeof two;
  (void)state;
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MESSAGE);
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MESSAGE);
  assert_int_equal(left, sizeof two - 7);
  assert_memory_equal(stream.message, "abcde", 5);
}

static void a_message_without_octets_is_complete(void **state)
{
  static const uint8_t none[] = {0, 0, 9};
  const uint8_t *at = none;
  size_t left = sizeof none;
  (void)state;
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MESSAGE);
  assert_int_equal(stream.len, 0);
  assert_int_equal(left, 1);
}

static void the_longest_message_fits(void **state)
{
  static uint8_t data[2 + 65535];
  const uint8_t *at = data;
  size_t left = sizeof data;
  (void)state;
  data[0] = data[1] = 0xff;
  for (size_t i = 2; i < sizeof data; i++)
    data[i] = (uint8_t)i;
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MESSAGE);
  assert_int_equal(left, 0);
  assert_int_equal(stream.len, 65535);
  assert_memory_equal(stream.message, data + 2, 65535);
}

static void no_memory_fails_and_leaks_nothing(void **state)
{
  const uint8_t *at = two;
  size_t left = sizeof two;
  (void)state;
  alloc_fail_after(0);
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_FAILED);
  assert_int_equal(alloc_live(), 0);
}

static void an_unfinished_message_is_freed(void **state)
{
  const uint8_t *at = two;
  size_t left = 4;
  (void)state;
  assert_int_equal(aiodns_stream_feed(&stream, &at, &left), AIODNS_STREAM_MORE);
  assert_int_equal(alloc_live(), 1);
  aiodns_stream_next(&stream);
  assert_int_equal(alloc_live(), 0);
  aiodns_stream_next(&stream);
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(two_messages_are_the_same_however_they_are_cut),
      TEST(a_message_is_complete_with_its_last_octet),
      TEST(a_complete_message_stays_until_the_next),
      TEST(a_message_without_octets_is_complete),
      TEST(the_longest_message_fits),
      TEST(no_memory_fails_and_leaks_nothing),
      TEST(an_unfinished_message_is_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
