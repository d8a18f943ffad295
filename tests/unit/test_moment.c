#include "unit.h"

#include "moment.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { THREADS = 2 * AIODNS_MOMENT_PLACES, ROUNDS = 2000 };

#define TICK_NS INT64_C(4000000)

/* The clocks, as the code under test sees them: they stand still until told. */
static _Atomic int64_t clock_ns = INT64_C(1000000000000);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
  (void)clock;
  ret->tv_sec = clock_ns / 1000000000;
  ret->tv_nsec = clock_ns % 1000000000;
  return 0;
}

/* All that a lookup has learnt is this number. */
static void put(uint64_t number)
{
  struct aiodns_moment moment;

  aiodns_moment_get(&moment);
  moment.boot_ns = moment.hosts = moment.conf = moment.view.key = number;
  moment.uid = (uint32_t)number;
  aiodns_moment_put(&moment);
}

/* It; 0 where nothing is known. */
static uint64_t get(void)
{
  struct aiodns_moment moment;

  aiodns_moment_get(&moment);
  assert_int_equal(moment.tick_ns, clock_ns);
  assert_true(moment.boot_ns == moment.hosts && moment.hosts == moment.conf &&
              moment.conf == moment.view.key && moment.uid == (uint32_t)moment.conf);
  return moment.conf;
}

/* So late that every place may be taken. */
static int setup(void **state)
{
  (void)state;
  clock_ns += 1000 * TICK_NS;
  return 0;
}

static void what_was_learnt_holds_for_the_tick(void **state)
{
  (void)state;
  assert_int_equal(get(), 0);
  put(7);
  assert_int_equal(get(), 7);
  assert_int_equal(get(), 7);
  clock_ns += TICK_NS;
  assert_int_equal(get(), 0);
  put(8);
  assert_int_equal(get(), 8);
}

static void *get_in_a_thread(void *ret)
{
  *(uint64_t *)ret = get();
  put(99);
  return NULL;
}

static void threads_have_their_own(void **state)
{
  (void)state;
  pthread_t thread;
  uint64_t got = 1;
  put(7);
  assert_int_equal(pthread_create(&thread, NULL, get_in_a_thread, &got), 0);
  pthread_join(thread, NULL);
  assert_int_equal(got, 0);
  assert_int_equal(get(), 7);
}

static void turns_follow_each_other(void **state)
{
  (void)state;
  put(7);
  uint32_t first = aiodns_moment_turn();
  for (uint32_t i = 1; i < 100; i++)
    assert_int_equal(aiodns_moment_turn(), first + i);
  clock_ns += TICK_NS; /* the place stays */
  assert_int_equal(aiodns_moment_turn(), first + 100);
}

struct crowd {
  pthread_barrier_t all;
  _Atomic unsigned known;
};

static void *crowd_thread(void *argument)
{
  struct crowd *crowd = argument;
  uint64_t number = 1 + (uintptr_t)&number % 1000000;

  put(number);
  pthread_barrier_wait(&crowd->all); /* all are alive, and have tried */
  uint64_t got = get();
  aiodns_moment_turn();
  crowd->known += got == number;
  return got == 0 || got == number ? NULL : argument;
}

/* More threads than places: those without one look each time, and none sees what another has learnt. */
static void without_a_place_nothing_is_remembered(void **state)
{
  (void)state;
  pthread_t thread[THREADS];
  struct crowd crowd = {.known = 0};
  void *wrong;

  assert_int_equal(pthread_barrier_init(&crowd.all, NULL, THREADS), 0);
  for (unsigned i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, crowd_thread, &crowd), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], &wrong), 0);
    assert_null(wrong);
  }
  assert_in_range(crowd.known, AIODNS_MOMENT_PLACES / 2, AIODNS_MOMENT_PLACES);
  /* Their places are free for others once their tick is over. */
  clock_ns += 100 * TICK_NS;
  put(7);
  assert_int_equal(get(), 7);
}

static _Atomic bool stop;

static void *looking_thread(void *argument)
{
  while (!stop) {
    struct aiodns_moment moment;
    aiodns_moment_get(&moment);
    if (moment.hosts != moment.conf || moment.conf != moment.view.key)
      return argument;
    moment.hosts = moment.conf = moment.view.key = moment.boot_ns = moment.tick_ns;
    aiodns_moment_put(&moment);
  }
  return NULL;
}

/* While the clock goes on, and threads take each other's places. */
static void nothing_is_seen_half(void **state)
{
  (void)state;
  pthread_t thread[8];
  void *wrong;

  for (unsigned i = 0; i < 8; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, looking_thread, thread), 0);
  for (int i = 0; i < ROUNDS; i++) {
    clock_ns += 10 * TICK_NS;
    for (volatile int spin = 0; spin < 1000; spin++)
      ;
  }
  stop = true;
  for (unsigned i = 0; i < 8; i++) {
    assert_int_equal(pthread_join(thread[i], &wrong), 0);
    assert_null(wrong);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_was_learnt_holds_for_the_tick, setup),
      cmocka_unit_test_setup(threads_have_their_own, setup),
      cmocka_unit_test_setup(turns_follow_each_other, setup),
      cmocka_unit_test_setup(without_a_place_nothing_is_remembered, setup),
      cmocka_unit_test_setup(nothing_is_seen_half, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
