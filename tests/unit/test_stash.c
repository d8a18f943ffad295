#include "unit.h"

#include "stash.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { LONG_NAME = 200 }; /* an answer whose names have an allocation of their own */

/* Nanoseconds by which the coarse clock is ahead, as the code under test sees it. */
static int64_t ahead_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
  int result = __real_clock_gettime(clock, ret);
  int64_t at_ns = (int64_t)ret->tv_sec * 1000000000 + ret->tv_nsec + ahead_ns;
  ret->tv_sec = at_ns / 1000000000;
  ret->tv_nsec = at_ns % 1000000000;
  return result;
}

static const struct aiodns_stash_key host = {.name = "host.test", .family = AF_INET};

/* As after a lookup; `n` tells one from another. */
static void make(struct aiodns_result *result, uint8_t n)
{
  const uint8_t address[4] = {192, 0, 2, n};

  memset(result, 0, sizeof *result);
  result->outcome = AIODNS_ANSWER;
  aiodns_answer_init(&result->answer[0], 4);
  aiodns_answer_init(&result->answer[1], 16);
  result->answer[0].outcome = AIODNS_ANSWER;
  for (int i = 0; i < 3; i++) {
    char name[LONG_NAME];
    memset(name, 'a' + i, sizeof name);
    assert_true(aiodns_answer_add_name(&result->answer[0], name, sizeof name, i == 0));
  }
  assert_true(aiodns_answer_add_address(&result->answer[0], address));
}

static void keep(const struct aiodns_stash_key *key, uint8_t n)
{
  struct aiodns_result result;

  make(&result, n);
  aiodns_stash_keep(&result, key);
  aiodns_result_done(&result); /* empty, or still whole where there was no place */
}

/* The number of what is taken; -1: nothing. */
static int take(const struct aiodns_stash_key *key)
{
  struct aiodns_result result;

  if (!aiodns_stash_take(&result, key))
    return -1;
  assert_int_equal(result.outcome, AIODNS_ANSWER);
  assert_int_equal(result.answer[0].address_count, 1);
  assert_int_equal(result.answer[0].name_count, 3);
  assert_int_equal(strspn(aiodns_answer_canonical(&result.answer[0]), "a"), LONG_NAME);
  int n = result.answer[0].addresses.data[3];
  aiodns_result_done(&result);
  return n;
}

static int setup(void **state)
{
  (void)state;
  ahead_ns += 10 * (int64_t)AIODNS_STASH_NS; /* what a former test has left is over */
  return 0;
}

static void what_is_kept_is_taken_once(void **state)
{
  (void)state;
  assert_int_equal(take(&host), -1);
  keep(&host, 1);
  assert_int_equal(take(&host), 1);
  assert_int_equal(take(&host), -1);
}

static void only_the_same_question_has_it(void **state)
{
  (void)state;
  static const uint8_t address[16] = {192, 0, 2, 1}, other[16] = {192, 0, 2, 2};
  static const struct {
    struct aiodns_stash_key kept, asked;
    int got;
  } rows[] = {
      {{"host.test", NULL, AF_INET}, {"host.test", NULL, AF_INET6}, -1},
      {{"host.test", NULL, AF_INET}, {"host.test", NULL, AF_UNSPEC}, -1},
      {{"host.test", NULL, AF_INET}, {"host.tes", NULL, AF_INET}, -1},
      {{"host.tes", NULL, AF_INET}, {"host.test", NULL, AF_INET}, -1},
      {{"host.test", NULL, AF_INET}, {"Host.test", NULL, AF_INET}, -1}, /* the answer has the letters asked */
      {{NULL, address, AF_INET}, {NULL, address, AF_INET}, 9},
      {{NULL, address, AF_INET6}, {NULL, address, AF_INET6}, 9},
      {{NULL, address, AF_INET}, {NULL, other, AF_INET}, -1},
      {{NULL, address, AF_INET}, {NULL, address, AF_INET6}, -1},
      {{NULL, "host.test", AF_INET}, {"host", NULL, AF_INET}, -1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    keep(&rows[i].kept, 9);
    assert_int_equal(take(&rows[i].asked), rows[i].got);
    assert_int_equal(take(&rows[i].kept), -1); /* another question of the thread ends it, too */
  }
}

static void it_is_over_after_a_second(void **state)
{
  (void)state;
  keep(&host, 1);
  ahead_ns += (int64_t)AIODNS_STASH_NS;
  assert_int_equal(take(&host), -1);
}

static void *take_in_a_thread(void *key)
{
  static int got;
  got = take(key);
  return &got;
}

static void another_thread_does_not_get_it(void **state)
{
  (void)state;
  struct aiodns_stash_key key = host;
  pthread_t thread;
  void *got;
  keep(&host, 1);
  assert_int_equal(pthread_create(&thread, NULL, take_in_a_thread, &key), 0);
  assert_int_equal(pthread_join(thread, &got), 0);
  assert_int_equal(*(int *)got, -1);
  assert_int_equal(take(&host), 1);
}

/* One after the other: of two at the same moment one may find no place. */
static void *keep_in_a_thread(void *barrier)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

  pthread_mutex_lock(&mutex);
  keep(&host, 2);
  pthread_mutex_unlock(&mutex);
  pthread_barrier_wait(barrier); /* all live, so that no two have the same address */
  return NULL;
}

static void leave_in_threads(unsigned count)
{
  pthread_t thread[AIODNS_STASH_PLACES];
  pthread_barrier_t barrier;

  assert_int_equal(pthread_barrier_init(&barrier, NULL, count), 0);
  for (unsigned i = 0; i < count; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, keep_in_a_thread, &barrier), 0);
  for (unsigned i = 0; i < count; i++)
    pthread_join(thread[i], NULL);
  pthread_barrier_destroy(&barrier);
}

static void without_a_place_nothing_is_kept(void **state)
{
  (void)state;
  leave_in_threads(AIODNS_STASH_PLACES);
  keep(&host, 1);
  assert_int_equal(take(&host), -1);
  ahead_ns += (int64_t)AIODNS_STASH_NS; /* their time is over */
  keep(&host, 3);
  assert_int_equal(take(&host), 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_is_kept_is_taken_once, setup),
      cmocka_unit_test_setup(only_the_same_question_has_it, setup),
      cmocka_unit_test_setup(it_is_over_after_a_second, setup),
      cmocka_unit_test_setup(another_thread_does_not_get_it, setup),
      cmocka_unit_test_setup(without_a_place_nothing_is_kept, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
