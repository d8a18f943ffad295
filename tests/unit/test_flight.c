#include "mounts.h"
#include "unit.h"

#include "flight.h"
#include "kernel.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  VIEW = 77,
  OCTET = 1000,
  OTHER_OCTET = 2000,
  NAMES = 1000,
  BELL = 500,
  PAUSE_US = 900000, /* so long that nothing but a bell or a signal ends it as a rule; it may */
  WOKEN = 42,        /* an exit status */
};

static struct aiodns_tier tier;
static struct aiodns_flight flight;

static int setup(void **state)
{
  (void)state;
  mounts_fresh();
  assert_int_equal(aiodns_tier_find(&tier, AIODNS_TIER_HOST, 0, true), AIODNS_TIER_GOOD);
  aiodns_flight_init(&flight);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  aiodns_flight_land(&flight);
  return 0;
}

static int32_t octet_of(const char *text, uint16_t type, uint64_t view)
{
  struct aiodns_name name;
  assert_true(aiodns_name_from_text(&name, text));
  return aiodns_flight_octet(&name, type, view);
}

/* Another process that claims this and then waits to be killed; the descriptor is ready to be read once it
 * has tried. */
static pid_t another_claims(int32_t octet, char *ret_got)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct aiodns_flight own;
    aiodns_flight_init(&own);
    char got = (char)('0' + aiodns_flight_claim(&own, &tier, octet));
    if (write(ends[1], &got, 1) == 1)
      for (;;)
        pause();
    _exit(1);
  }
  assert_int_equal(read(ends[0], ret_got, 1), 1);
  close(ends[0]);
  close(ends[1]);
  return child;
}

static void is_killed(pid_t child)
{
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
}

static enum aiodns_claim claim(int32_t octet)
{
  return aiodns_flight_claim(&flight, &tier, octet);
}

static void octet_follows_from_the_question(void **state)
{
  (void)state;
  int32_t octet = octet_of("Host.Example", AIODNS_TYPE_A, VIEW);
  assert_int_equal(octet_of("hOST.eXAMPLE.", AIODNS_TYPE_A, VIEW), octet);
  assert_int_not_equal(octet_of("host.example", AIODNS_TYPE_AAAA, VIEW), octet);
  assert_int_not_equal(octet_of("host.example", AIODNS_TYPE_A, VIEW + 1), octet);
  assert_int_not_equal(octet_of("hosu.example", AIODNS_TYPE_A, VIEW), octet);
}

static void octets_are_spread(void **state)
{
  (void)state;
  static int32_t seen[NAMES];
  for (int i = 0; i < NAMES; i++) {
    char text[32];
    snprintf(text, sizeof text, "host%d.example", i);
    seen[i] = octet_of(text, AIODNS_TYPE_A, VIEW);
    assert_true(seen[i] >= 0 && seen[i] < INT32_MAX);
    for (int k = 0; k < i; k++)
      assert_int_not_equal(seen[k], seen[i]);
  }
}

static void what_nobody_asks_is_mine(void **state)
{
  (void)state;
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_MINE);
  assert_true(flight.fd > STDERR_FILENO);
  assert_int_equal(fcntl(flight.fd, F_GETFD), FD_CLOEXEC);
  int fd = flight.fd;
  assert_int_equal(claim(OTHER_OCTET), AIODNS_CLAIM_MINE); /* both by the same descriptor */
  assert_int_equal(flight.fd, fd);
  aiodns_flight_land(&flight);
  assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void another_process_waits_for_mine(void **state)
{
  (void)state;
  char got;
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_MINE);
  is_killed(another_claims(OCTET, &got));
  assert_int_equal(got, '0' + AIODNS_CLAIM_OTHERS);
  is_killed(another_claims(OTHER_OCTET, &got));
  assert_int_equal(got, '0' + AIODNS_CLAIM_MINE);
  aiodns_flight_land(&flight);
  is_killed(another_claims(OCTET, &got));
  assert_int_equal(got, '0' + AIODNS_CLAIM_MINE);
}

static void claim_goes_with_its_holder(void **state)
{
  (void)state;
  char got;
  pid_t holder = another_claims(OCTET, &got);
  assert_int_equal(got, '0' + AIODNS_CLAIM_MINE);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_OTHERS);
  assert_int_equal(flight.fd, -1); /* who holds nothing keeps nothing open */
  is_killed(holder);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_MINE);
}

/* Two lookups of one process, in two threads, say: locks are of open files. */
static void two_lookups_of_a_process_are_told_apart(void **state)
{
  (void)state;
  struct aiodns_flight second;
  aiodns_flight_init(&second);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_MINE);
  assert_int_equal(aiodns_flight_claim(&second, &tier, OCTET), AIODNS_CLAIM_OTHERS);
  assert_int_equal(aiodns_flight_claim(&second, &tier, OTHER_OCTET), AIODNS_CLAIM_MINE);
  assert_int_equal(aiodns_flight_claim(&second, &tier, OCTET), AIODNS_CLAIM_OTHERS);
  assert_true(second.fd >= 0); /* it holds the other one */
  aiodns_flight_land(&second);
}

static void what_was_waited_for_in_vain_is_not_waited_for_again(void **state)
{
  (void)state;
  char got;
  pid_t holder = another_claims(OCTET, &got);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_OTHERS);
  aiodns_flight_gave_up(OCTET);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_NONE);
  is_killed(holder);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_MINE); /* it is free: all is forgiven */
  aiodns_flight_land(&flight);
  holder = another_claims(OCTET, &got);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_OTHERS);
  is_killed(holder);
}

/* ---- Bells ---- */

static void bell_follows_from_the_name(void **state)
{
  (void)state;
  struct aiodns_name name, same, other;
  unsigned rung[AIODNS_FLIGHT_BELLS] = {0};
  assert_true(aiodns_name_from_text(&name, "Host.Example"));
  assert_true(aiodns_name_from_text(&same, "hOST.eXAMPLE."));
  uint16_t bell = aiodns_flight_bell(&name, VIEW);
  assert_int_equal(aiodns_flight_bell(&same, VIEW), bell);
  assert_int_not_equal(aiodns_flight_bell(&name, VIEW + 1), bell);
  for (unsigned i = 0; i < NAMES; i++) {
    char text[32];
    snprintf(text, sizeof text, "host%u.example", i);
    assert_true(aiodns_name_from_text(&other, text));
    bell = aiodns_flight_bell(&other, VIEW);
    assert_true(bell < AIODNS_FLIGHT_BELLS);
    assert_true(++rung[bell] < 10);
  }
}

static void cache_is_mapped(struct aiodns_tier_map *ret)
{
  assert_int_equal(aiodns_tier_create(&tier, 2, 1), AIODNS_TIER_GOOD);
  assert_int_equal(aiodns_tier_map(&tier, NULL, ret), AIODNS_TIER_GOOD);
}

/* Another process, with a map of its own, that waits for this bell until it is woken. */
static pid_t another_pauses(uint16_t bell)
{
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct aiodns_tier_map own;
    enum aiodns_pause pause = AIODNS_PAUSE_OVER;
    if (aiodns_tier_map(&tier, NULL, &own) != AIODNS_TIER_GOOD)
      _exit(1);
    while (pause == AIODNS_PAUSE_OVER)
      pause = aiodns_flight_pause(&own, bell, PAUSE_US);
    _exit(pause == AIODNS_PAUSE_WOKEN ? WOKEN : 1);
  }
  return child;
}

static void has_woken(pid_t child)
{
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), WOKEN);
}

/* Until somebody is there to hear it. */
static void ring_until_heard(const struct aiodns_tier_map *map, uint16_t bell, unsigned by)
{
  unsigned heard = 0;
  while (heard < by) {
    unsigned woken = aiodns_flight_ring(map, bell, by - heard);
    assert_true(woken <= by - heard);
    heard += woken;
    sched_yield();
  }
}

/* By maps that can only be read. */
static void another_process_is_woken(void **state)
{
  (void)state;
  struct aiodns_tier_map map;
  cache_is_mapped(&map);
  pid_t child = another_pauses(BELL);
  ring_until_heard(&map, BELL, 1);
  has_woken(child);
  assert_int_equal(aiodns_flight_ring(&map, BELL, 5), 0);
}

static void several_are_woken(void **state)
{
  (void)state;
  struct aiodns_tier_map map;
  pid_t child[5];
  cache_is_mapped(&map);
  for (unsigned i = 0; i < 5; i++)
    child[i] = another_pauses(BELL);
  ring_until_heard(&map, BELL, 5);
  for (unsigned i = 0; i < 5; i++)
    has_woken(child[i]);
}

static void nobody_hears_another_bell(void **state)
{
  (void)state;
  struct aiodns_tier_map map;
  cache_is_mapped(&map);
  pid_t child = another_pauses(BELL), other = another_pauses(BELL + 1);
  ring_until_heard(&map, BELL + 1, 1);
  has_woken(other);
  ring_until_heard(&map, BELL, 1); /* that one slept on, or had not begun to */
  has_woken(child);
}

static void pause_ends_without_a_bell(void **state)
{
  (void)state;
  struct aiodns_tier_map map;
  cache_is_mapped(&map);
  assert_int_equal(aiodns_flight_pause(&map, BELL, 1), AIODNS_PAUSE_OVER);
}

static void ignore(int number)
{
  (void)number;
}

static void signal_ends_a_pause_and_is_no_bell(void **state)
{
  (void)state;
  struct aiodns_tier_map map;
  cache_is_mapped(&map);
  struct sigaction before, action = {.sa_handler = ignore};
  struct itimerval often = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000}, never = {{0}, {0}};
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
  assert_int_equal(aiodns_flight_pause(&map, BELL, PAUSE_US), AIODNS_PAUSE_OVER);
  assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* What is left of a map that was given up: private zeros, where no other process can ring. */
static void without_a_file_pauses_are_slept(void **state)
{
  (void)state;
  assert_int_equal(aiodns_flight_pause(NULL, BELL, 1), AIODNS_PAUSE_SLEPT);
  struct aiodns_tier_map map;
  cache_is_mapped(&map);
  void *base;
  memcpy(&base, &map.cache.base, sizeof base);
  assert_ptr_equal(aiodns_kernel_map(base, map.size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1), base);
  assert_int_equal(aiodns_flight_pause(&map, BELL, 1), AIODNS_PAUSE_SLEPT);
  assert_int_equal(aiodns_flight_ring(&map, BELL, 5), 0);
}

static void without_a_folder_nothing_is_claimed(void **state)
{
  (void)state;
  assert_int_equal(rmdir("/run/aiodns"), 0);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_NONE);
  assert_int_equal(flight.fd, -1);
}

static void claims_of_somebody_else_are_not_locked(void **state)
{
  (void)state;
  int made = open("/run/aiodns/claims.1", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  assert_true(made >= 0);
  close(made);
  assert_int_equal(chmod("/run/aiodns/claims.1", 0666), 0);
  assert_int_equal(claim(OCTET), AIODNS_CLAIM_NONE);
  assert_int_equal(flight.fd, -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(octet_follows_from_the_question),
      cmocka_unit_test(octets_are_spread),
      cmocka_unit_test_setup_teardown(what_nobody_asks_is_mine, setup, teardown),
      cmocka_unit_test_setup_teardown(another_process_waits_for_mine, setup, teardown),
      cmocka_unit_test_setup_teardown(claim_goes_with_its_holder, setup, teardown),
      cmocka_unit_test_setup_teardown(two_lookups_of_a_process_are_told_apart, setup, teardown),
      cmocka_unit_test_setup_teardown(what_was_waited_for_in_vain_is_not_waited_for_again, setup, teardown),
      cmocka_unit_test(bell_follows_from_the_name),
      cmocka_unit_test_setup_teardown(another_process_is_woken, setup, teardown),
      cmocka_unit_test_setup_teardown(several_are_woken, setup, teardown),
      cmocka_unit_test_setup_teardown(nobody_hears_another_bell, setup, teardown),
      cmocka_unit_test_setup_teardown(pause_ends_without_a_bell, setup, teardown),
      cmocka_unit_test_setup_teardown(signal_ends_a_pause_and_is_no_bell, setup, teardown),
      cmocka_unit_test_setup_teardown(without_a_file_pauses_are_slept, setup, teardown),
      cmocka_unit_test_setup_teardown(without_a_folder_nothing_is_claimed, setup, teardown),
      cmocka_unit_test_setup_teardown(claims_of_somebody_else_are_not_locked, setup, teardown),
  };
  return mounts_begin() ? cmocka_run_group_tests(tests, NULL, NULL) : MOUNTS_SKIPPED;
}
