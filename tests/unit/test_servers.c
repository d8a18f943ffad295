#include "unit.h"

#include "servers.h"

#include <string.h>

#define S   ((uint64_t)1000000000)
#define NOW (1000 * S)

enum { MS = 1000 };

static struct aiodns_servers servers;
static struct aiodns_conf conf;
static struct aiodns_observed seen[AIODNS_SERVERS_MAX];

/* As a lookup finds them: servers in resolv.conf's order, which the port tells. */
static bool apply(unsigned count, uint64_t now_ns)
{
  memset(&conf, 0, sizeof conf);
  conf.server_count = (uint8_t)count;
  for (unsigned i = 0; i < count; i++) {
    conf.server[i].place = (uint8_t)i;
    conf.server[i].address.in.sin_port = (in_port_t)(100 + i);
  }
  memset(seen, 0, sizeof seen);
  return aiodns_servers_apply(&servers, &conf, now_ns);
}

static int start(void **state)
{
  (void)state;
  memset(&servers, 0, sizeof servers);
  return 0;
}

/* Asks in this order: the places, as digits. */
static void assert_order(unsigned expected)
{
  unsigned order = 0;
  for (unsigned i = 0; i < conf.server_count; i++) {
    assert_int_equal(conf.server[i].address.in.sin_port, 100 + conf.server[i].place);
    order = order * 10 + conf.server[i].place;
  }
  assert_int_equal(order, expected);
}

static bool learn(uint64_t now_ns)
{
  return aiodns_servers_learn(&servers, &conf, seen, now_ns);
}

/* The server at this place of the present order has answered, after so long. */
static void answers(unsigned at, int64_t round_trip_us)
{
  seen[at] =
      (struct aiodns_observed){.answered = true, .round_trip_us = round_trip_us, .longest_us = round_trip_us};
}

static void nothing_known(void **state)
{
  (void)state;
  assert_false(apply(3, NOW));
  assert_order(12);
  assert_int_equal(conf.up_count, 0);
  for (unsigned i = 0; i < 3; i++)
    assert_int_equal(conf.server[i].late_us, 0);
}

static void round_trip_decides_when_it_is_late(void **state)
{
  (void)state;
  apply(1, NOW);
  answers(0, 30 * MS);
  assert_true(learn(NOW));
  apply(1, NOW);
  assert_int_equal(conf.server[0].late_us, 90 * MS); /* RFC 6298 (2.2): 30 + 4 * 15 */
  answers(0, 70 * MS);
  assert_true(learn(NOW));
  apply(1, NOW);
  /* (2.3): spread 3/4 * 15 + 1/4 * 40 = 21.25; round trip 7/8 * 30 + 1/8 * 70 = 35 */
  assert_int_equal(conf.server[0].late_us, 120 * MS);
}

static void late_is_bounded(void **state)
{
  static const struct {
    int64_t round_trip_us;
    uint32_t late_us;
  } rows[] = {{1, AIODNS_LATE_MIN_US},
              {200, AIODNS_LATE_MIN_US},
              {900 * MS, AIODNS_LATE_MAX_US},
              {INT64_MAX, AIODNS_LATE_MAX_US}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    start(state);
    apply(1, NOW);
    answers(0, rows[i].round_trip_us);
    learn(NOW);
    apply(1, NOW);
    assert_int_equal(conf.server[0].late_us, rows[i].late_us);
  }
}

static void small_changes_are_not_stored(void **state)
{
  (void)state;
  apply(2, NOW);
  answers(0, 400);
  assert_true(learn(NOW));
  for (unsigned i = 0; i < 100; i++) {
    apply(2, NOW);
    answers(0, 300 + 5 * i);
    assert_false(learn(NOW));
  }
  answers(0, 40 * MS);
  assert_true(learn(NOW));
}

static void a_slow_drift_is_followed(void **state)
{
  (void)state;
  apply(1, NOW);
  answers(0, 20 * MS);
  learn(NOW);
  struct aiodns_servers stored = servers;
  for (unsigned i = 0; i < 100; i++) {
    servers = stored; /* another process, which knows only what was stored */
    apply(1, NOW);
    answers(0, 40 * MS);
    if (learn(NOW))
      stored = servers;
  }
  assert_in_range(stored.server[0].round_trip_us, 32 * MS, 40 * MS);
}

/* A reply this long after the last datagram, and that long after the first. */
static void answers_again(int64_t round_trip_us, int64_t longest_us)
{
  seen[0] =
      (struct aiodns_observed){.answered = true, .round_trip_us = round_trip_us, .longest_us = longest_us};
}

/* Half of the datagrams are lost; a round trip is 2 ms. */
static void lost_datagrams_do_not_make_a_server_slow(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 200; i++) {
    apply(1, NOW);
    int64_t late_us = conf.server[0].late_us ? conf.server[0].late_us : AIODNS_FIRST_WAIT_US;
    if (i % 4 == 3)
      answers(0, 2 * MS);
    else
      answers_again(2 * MS, late_us * (i % 4 + 1) + 2 * MS);
    learn(NOW);
    if (i > 3)
      assert_int_equal(conf.server[0].late_us, AIODNS_LATE_MIN_US);
  }
}

/* Of a reply after `takes_us`, how long the last datagram had been under way: the pauses double. */
static int64_t since_last(int64_t takes_us, int64_t pause_us)
{
  for (; takes_us > pause_us; pause_us *= 2)
    takes_us -= pause_us;
  return takes_us;
}

/* Each query is sent again before its answer comes, until it is known how long that takes. */
static void a_slow_server_is_found_out(void **state)
{
  static const int64_t takes_us[] = {210 * MS, 450 * MS, 700 * MS, 1500 * MS};
  (void)state;
  for (unsigned known = 0; known < 2; known++)
    for (unsigned k = 0; k < sizeof takes_us / sizeof *takes_us; k++) {
      start(state);
      if (known) {
        apply(1, NOW);
        answers(0, MS);
        learn(NOW);
      }
      int64_t late_us = 0;
      for (unsigned i = 0; i < 12; i++) {
        apply(1, NOW);
        late_us = conf.server[0].late_us ? conf.server[0].late_us : AIODNS_FIRST_WAIT_US;
        if (late_us > takes_us[k])
          answers(0, takes_us[k]);
        else
          answers_again(since_last(takes_us[k], late_us), takes_us[k]);
        learn(NOW);
      }
      assert_true(late_us >= takes_us[k]);
    }
}

/* The first server keeps silent, the second answers. */
static void first_is_silent(void)
{
  apply(2, NOW);
  seen[0].silent = true;
  answers(1, MS);
  assert_true(learn(NOW));
}

static void silence_beside_an_answer_puts_it_last(void **state)
{
  (void)state;
  first_is_silent();
  assert_true(apply(2, NOW));
  assert_order(10);
  assert_int_equal(conf.up_count, 1);
  assert_int_equal(conf.server[0].probe_ms, 0);
  assert_int_equal(conf.server[1].probe_ms, AIODNS_LINGER_MS);
}

static void silence_of_all_means_nothing(void **state)
{
  (void)state;
  apply(2, NOW);
  seen[0].silent = seen[1].silent = true;
  assert_false(learn(NOW));
  apply(2, NOW);
  assert_order(1);
}

static void errors_in_a_row_put_it_last(void **state)
{
  (void)state;
  for (unsigned i = 1; i <= AIODNS_SERVERS_ERRORS; i++) {
    apply(2, NOW);
    assert_order(1);
    seen[0].erred = true;
    answers(1, MS);
    assert_true(learn(NOW));
  }
  apply(2, NOW);
  assert_order(10);
}

static void an_answer_ends_the_row(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 3 * AIODNS_SERVERS_ERRORS; i++) {
    apply(2, NOW);
    assert_order(1);
    if (i % 2)
      answers(0, MS);
    else
      seen[0].erred = true;
    answers(1, MS);
    learn(NOW);
  }
}

static void probes_are_rare_and_go_on(void **state)
{
  (void)state;
  uint64_t last_ns = NOW, longest_ns = 0;
  unsigned probes = 0, far = 0;

  first_is_silent();
  for (uint64_t now_ns = NOW; now_ns < NOW + 600 * S; now_ns += S / 10) {
    if (!apply(2, now_ns))
      continue;
    longest_ns = now_ns - last_ns > longest_ns ? now_ns - last_ns : longest_ns;
    last_ns = now_ns;
    probes++;
    far += conf.server[1].probe_ms == AIODNS_LINGER_FAR_MS;
    assert_order(10);
  }
  assert_in_range(probes, 20, 30);
  assert_in_range(far, 2, 4);
  assert_in_range(longest_ns, 30 * S, 31 * S);
}

static void an_answer_brings_it_back(void **state)
{
  (void)state;
  first_is_silent();
  apply(2, NOW);
  answers(1, 0); /* the one that is down, which is second now */
  assert_true(learn(NOW));
  apply(2, NOW);
  assert_order(1);
}

static void order_of_those_that_are_up_and_of_those_that_are_down(void **state)
{
  (void)state;
  /* Bit i of the index: server i is down. With all of them down the order is as if none were. */
  static const unsigned expected[] = {12, 120, 21, 201, 12, 102, 12, 12};

  for (unsigned down = 0; down < sizeof expected / sizeof *expected; down++) {
    start(state);
    for (unsigned i = 0; i < 3; i++)
      servers.server[i].down = down >> i & 1;
    apply(3, NOW);
    assert_order(expected[down]);
  }
}

static void only_one_is_probed_at_a_time(void **state)
{
  (void)state;
  servers.server[0].down = servers.server[1].down = true;
  assert_true(apply(3, NOW));
  assert_int_equal((conf.server[1].probe_ms > 0) + (conf.server[2].probe_ms > 0), 1);
}

static void facts_survive_the_record(void **state)
{
  (void)state;
  uint8_t octets[AIODNS_SERVERS_FACT_LEN];
  struct aiodns_server_facts facts = {.round_trip_us = 1234,
                                      .spread_us = 567,
                                      .probe_s = 89,
                                      .down = true,
                                      .probes = 10,
                                      .errors = 2},
                             read = {0};
  aiodns_servers_write(&facts, octets);
  aiodns_servers_read(&read, octets);
  assert_int_equal(read.round_trip_us, facts.round_trip_us);
  assert_int_equal(read.spread_us, facts.spread_us);
  assert_int_equal(read.probe_s, facts.probe_s);
  assert_int_equal(read.down, facts.down);
  assert_int_equal(read.probes, facts.probes);
  assert_int_equal(read.errors, facts.errors);
}

/* Whatever stands in a record: nobody waits for ever, a probe is not put off for ever, no sum overflows. */
static void any_octets_will_do(void **state)
{
  (void)state;
  uint32_t random = 1;
  for (unsigned n = 0; n < 100000; n++) {
    for (unsigned i = 0; i < 3; i++) {
      uint8_t octets[AIODNS_SERVERS_FACT_LEN];
      for (unsigned k = 0; k < sizeof octets; k++) {
        random = random * 1664525 + 1013904223;
        octets[k] = (uint8_t)(random >> 30 == 0 ? 0xff : random >> 24);
      }
      aiodns_servers_read(&servers.server[i], octets);
    }
    apply(3, NOW);
    for (unsigned i = 0; i < 3; i++) {
      const struct aiodns_server_facts *facts = &servers.server[conf.server[i].place];
      assert_true(conf.server[i].late_us == 0 || conf.server[i].late_us >= AIODNS_LATE_MIN_US);
      assert_true(conf.server[i].late_us <= AIODNS_LATE_MAX_US);
      assert_true(conf.server[i].probe_ms <= AIODNS_LINGER_FAR_MS);
      if (conf.server[i].probe_ms > 0)
        assert_true(facts->probe_s <= NOW / S + 30);
      answers(i, INT64_MAX);
    }
    learn(NOW);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(nothing_known, start),
      cmocka_unit_test_setup(round_trip_decides_when_it_is_late, start),
      cmocka_unit_test_setup(late_is_bounded, start),
      cmocka_unit_test_setup(small_changes_are_not_stored, start),
      cmocka_unit_test_setup(a_slow_drift_is_followed, start),
      cmocka_unit_test_setup(lost_datagrams_do_not_make_a_server_slow, start),
      cmocka_unit_test_setup(a_slow_server_is_found_out, start),
      cmocka_unit_test_setup(silence_beside_an_answer_puts_it_last, start),
      cmocka_unit_test_setup(silence_of_all_means_nothing, start),
      cmocka_unit_test_setup(errors_in_a_row_put_it_last, start),
      cmocka_unit_test_setup(an_answer_ends_the_row, start),
      cmocka_unit_test_setup(probes_are_rare_and_go_on, start),
      cmocka_unit_test_setup(an_answer_brings_it_back, start),
      cmocka_unit_test_setup(order_of_those_that_are_up_and_of_those_that_are_down, start),
      cmocka_unit_test_setup(only_one_is_probed_at_a_time, start),
      cmocka_unit_test_setup(facts_survive_the_record, start),
      cmocka_unit_test_setup(any_octets_will_do, start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
