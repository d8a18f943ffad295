#include "mounts.h"
#include "unit.h"

#include "counters.h"
#include "tier.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ADDITIONS = 10000 };

#define LATER_NS  INT64_C(2000000000)
#define FILE_NAME "/run/aiodns/counters.1"

static struct aiodns_tier tier;

/* Nanoseconds by which clocks are ahead, as the code under test sees them: it looks for its file once a
 * second. */
static int64_t ahead_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
  int result = __real_clock_gettime(clock, ret);
  ret->tv_sec += ahead_ns / 1000000000;
  return result;
}

static int setup(void **state)
{
  (void)state;
  aiodns_counters_use(NULL);
  ahead_ns += LATER_NS;
  mounts_fresh();
  assert_int_equal(aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, true), AIODNS_TIER_GOOD);
  return 0;
}

static uint64_t in_file(enum aiodns_counter counter)
{
  static uint8_t page[AIODNS_COUNTERS_SIZE];
  uint64_t sum[AIODNS_COUNTERS];
  int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd >= 0 ? read(fd, page, sizeof page) : 0;
  if (fd >= 0)
    close(fd);
  aiodns_counters_sum(page, (uint64_t)len, sum);
  return sum[counter];
}

static void additions_go_to_the_file(void **state)
{
  (void)state;
  aiodns_count(AIODNS_COUNT_HIT, 5); /* for nobody yet */
  aiodns_counters_use(&tier);
  aiodns_count(AIODNS_COUNT_HIT, 2);
  aiodns_count(AIODNS_COUNT_HIT, 1);
  aiodns_count(AIODNS_COUNT_TCP, 1);
  assert_int_equal(in_file(AIODNS_COUNT_HIT), 3);
  assert_int_equal(in_file(AIODNS_COUNT_TCP), 1);
  assert_int_equal(in_file(AIODNS_COUNT_MISS), 0);
}

static void nothing_is_added_once_nobody_is_named(void **state)
{
  (void)state;
  aiodns_counters_use(&tier);
  aiodns_counters_use(NULL);
  aiodns_count(AIODNS_COUNT_HIT, 1);
  assert_int_equal(in_file(AIODNS_COUNT_HIT), 0);
}

static void child_adds_nothing_until_it_names_the_tier(void **state)
{
  (void)state;
  int status;
  aiodns_counters_use(&tier);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    aiodns_count(AIODNS_COUNT_HIT, 100);
    aiodns_counters_use(&tier);
    aiodns_count(AIODNS_COUNT_HIT, 1);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  aiodns_count(AIODNS_COUNT_HIT, 1);
  assert_int_equal(in_file(AIODNS_COUNT_HIT), 2);
}

static void *adding_thread(void *unused)
{
  for (int i = 0; i < ADDITIONS; i++)
    aiodns_count(AIODNS_COUNT_STORED, 1);
  return unused;
}

static void no_addition_of_many_threads_is_lost(void **state)
{
  (void)state;
  pthread_t thread[THREADS];
  aiodns_counters_use(&tier);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, adding_thread, NULL), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  assert_int_equal(in_file(AIODNS_COUNT_STORED), THREADS * ADDITIONS);
}

static void short_file_is_summed_as_far_as_it_goes(void **state)
{
  (void)state;
  uint64_t page[AIODNS_COUNTERS_SIZE / 8], sum[AIODNS_COUNTERS];
  for (size_t i = 0; i < sizeof page / sizeof page[0]; i++)
    page[i] = 1;
  aiodns_counters_sum(page, 0, sum);
  assert_int_equal(sum[AIODNS_COUNT_HIT], 0);
  aiodns_counters_sum(page, 8 * AIODNS_COUNTERS_STRIPE + 15, sum); /* one stripe, one word and a half */
  assert_int_equal(sum[AIODNS_COUNT_HIT], 2);
  assert_int_equal(sum[AIODNS_COUNT_TCP], 1);
  aiodns_counters_sum(page, sizeof page, sum);
  assert_int_equal(sum[AIODNS_COUNT_HIT], AIODNS_COUNTERS_STRIPES);
}

static void every_counter_has_a_name_of_its_own(void **state)
{
  (void)state;
  for (int i = 0; i < AIODNS_COUNTERS; i++) {
    assert_non_null(aiodns_counter_name((enum aiodns_counter)i));
    for (int k = 0; k < i; k++)
      assert_string_not_equal(aiodns_counter_name((enum aiodns_counter)i),
                              aiodns_counter_name((enum aiodns_counter)k));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(additions_go_to_the_file, setup),
      cmocka_unit_test_setup(nothing_is_added_once_nobody_is_named, setup),
      cmocka_unit_test_setup(child_adds_nothing_until_it_names_the_tier, setup),
      cmocka_unit_test_setup(no_addition_of_many_threads_is_lost, setup),
      cmocka_unit_test(short_file_is_summed_as_far_as_it_goes),
      cmocka_unit_test(every_counter_has_a_name_of_its_own),
  };
  return mounts_begin() ? cmocka_run_group_tests(tests, NULL, NULL) : MOUNTS_SKIPPED;
}
