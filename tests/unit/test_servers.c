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

/* ---- How a server is to be asked ---- */

/* Another process, which knows only what was stored if there was reason to. */
static bool learn_and_store(uint64_t now_ns)
{
  struct aiodns_servers before = servers;
  bool stored = learn(now_ns);
  if (!stored)
    servers = before;
  for (unsigned i = 0; i < AIODNS_SERVERS_MAX; i++) {
    uint8_t octets[AIODNS_SERVERS_FACT_LEN];
    aiodns_servers_write(&servers.server[i], octets);
    aiodns_servers_read(&servers.server[i], octets);
  }
  return stored;
}

static unsigned known_at(uint64_t now_ns)
{
  apply(1, now_ns);
  return conf.server[0].known;
}

/* An answer by TCP has shown this. */
static bool shows(unsigned shown, uint64_t now_ns)
{
  apply(1, now_ns);
  seen[0] = (struct aiodns_observed){.answered = true, .shown = (uint8_t)shown};
  return learn_and_store(now_ns);
}

/* An answer by UDP, with what it has shown. */
static bool shows_by_udp(unsigned shown, uint64_t now_ns)
{
  apply(1, now_ns);
  answers(0, MS);
  seen[0].shown = (uint8_t)shown;
  return learn_and_store(now_ns);
}

static void guesses(unsigned near_misses, uint64_t now_ns)
{
  apply(1, now_ns);
  answers(0, MS);
  seen[0].near_misses = (uint8_t)near_misses;
  learn_and_store(now_ns);
}

static void eight_guesses_within_a_minute_lead_to_tcp_for_a_minute(void **state)
{
  (void)state;
  for (unsigned each = 1; each <= AIODNS_NEAR_MISSES_MAX; each *= 2) {
    unsigned lookups = AIODNS_NEAR_MISSES_MAX / each;
    uint64_t last_ns = 0;
    start(state);
    for (unsigned i = 0; i < lookups; i++) {
      assert_int_equal(known_at(NOW + i * 7 * S), 0);
      last_ns = NOW + i * 7 * S;
      guesses(each, last_ns);
    }
    assert_int_equal(known_at(last_ns), AIODNS_KNOWN_TCP);
    assert_int_equal(known_at(last_ns + (AIODNS_GUESSING_S - 1) * S), AIODNS_KNOWN_TCP);
    assert_int_equal(known_at(last_ns + AIODNS_GUESSING_S * S), 0);
    guesses(AIODNS_NEAR_MISSES_MAX - 1, last_ns); /* they count anew */
    assert_int_equal(known_at(last_ns + AIODNS_GUESSING_S * S), 0);
  }
}

static void guesses_that_are_far_between_lead_nowhere(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 10 * AIODNS_NEAR_MISSES_MAX; i++) {
    guesses(1, NOW + 10 * i * S); /* six a minute */
    assert_int_equal(known_at(NOW + 10 * i * S), 0);
  }
}

/* What begins anew is stored as that, though there are as many as before. */
static void guesses_that_begin_anew_are_counted_from_then_on(void **state)
{
  (void)state;
  guesses(3, NOW);
  guesses(3, NOW + 100 * S);
  guesses(AIODNS_NEAR_MISSES_MAX - 3, NOW + 110 * S);
  assert_int_equal(known_at(NOW + 110 * S), AIODNS_KNOWN_TCP);
}

static void guesses_at_several_servers_are_counted_apart(void **state)
{
  (void)state;
  for (unsigned i = 0; i < AIODNS_NEAR_MISSES_MAX; i++) {
    apply(2, NOW);
    answers(1, MS);
    seen[1].near_misses = 1;
    seen[0].near_misses = i == 0;
    learn_and_store(NOW);
  }
  apply(2, NOW);
  assert_int_equal(conf.server[0].known, 0);
  assert_int_equal(conf.server[1].known, AIODNS_KNOWN_TCP);
}

static void one_lookup_may_see_any_number_of_guesses(void **state)
{
  (void)state;
  for (unsigned n = 0; n <= UINT8_MAX; n++) {
    start(state);
    guesses(n, NOW);
    assert_int_equal(known_at(NOW), n < AIODNS_NEAR_MISSES_MAX ? 0 : AIODNS_KNOWN_TCP);
  }
}

static void tcp_for_ten_minutes_is_not_cut_short_by_guesses(void **state)
{
  (void)state;
  for (unsigned i = 0; i < AIODNS_SERVERS_TCP_ONLY; i++)
    shows(AIODNS_SHOWN_HELPED | AIODNS_SHOWN_HELPED_EDNS, NOW);
  guesses(AIODNS_NEAR_MISSES_MAX, NOW + S);
  assert_true(known_at(NOW + (AIODNS_SERVERS_TCP_ONLY_S - 1) * S) & AIODNS_KNOWN_TCP);
  guesses(AIODNS_NEAR_MISSES_MAX, NOW + (AIODNS_SERVERS_TCP_ONLY_S - 1) * S); /* but made longer */
  assert_true(known_at(NOW + (AIODNS_SERVERS_TCP_ONLY_S + 50) * S) & AIODNS_KNOWN_TCP);
}

static void what_is_shown_once_is_known_for_an_hour(void **state)
{
  static const struct {
    unsigned shown, known;
  } rows[] = {{AIODNS_SHOWN_ECHOES, AIODNS_KNOWN_ECHOES},
              {AIODNS_SHOWN_FOLDS, AIODNS_KNOWN_NO_LETTERS},
              {AIODNS_SHOWN_NO_EDNS, AIODNS_KNOWN_NO_EDNS},
              {AIODNS_SHOWN_FOLDS | AIODNS_SHOWN_NO_EDNS, AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_EDNS},
              {AIODNS_SHOWN_COOKIE, AIODNS_KNOWN_COOKIES},
              {AIODNS_SHOWN_COOKIE | AIODNS_SHOWN_FOLDS, AIODNS_KNOWN_COOKIES | AIODNS_KNOWN_NO_LETTERS}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    start(state);
    assert_true(shows(rows[i].shown, NOW));
    assert_int_equal(known_at(NOW), rows[i].known);
    assert_false(shows(rows[i].shown, NOW + 10 * S)); /* nothing new */
    assert_int_equal(known_at(NOW + (AIODNS_SERVERS_KNOWN_S - 1) * S), rows[i].known);
    assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), 0);
    assert_true(shows(rows[i].shown, NOW + AIODNS_SERVERS_KNOWN_S * S));
    assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), rows[i].known);
  }
}

static void what_is_learnt_later_ends_with_what_was_known(void **state)
{
  (void)state;
  shows(AIODNS_SHOWN_FOLDS, NOW);
  shows(AIODNS_SHOWN_COOKIE, NOW + (AIODNS_SERVERS_KNOWN_S - 1) * S);
  assert_int_equal(known_at(NOW + (AIODNS_SERVERS_KNOWN_S - 1) * S),
                   AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_COOKIES);
  assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), 0);
}

/* What was known of it an hour ago is none of what is learnt now. */
static void what_has_lapsed_does_not_come_back(void **state)
{
  (void)state;
  shows(AIODNS_SHOWN_FOLDS, NOW);
  shows(AIODNS_SHOWN_COOKIE, NOW + AIODNS_SERVERS_KNOWN_S * S);
  assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), AIODNS_KNOWN_COOKIES);
}

enum { SILENT_BUT_BY_TCP = AIODNS_SHOWN_HELPED | AIODNS_SHOWN_HELPED_EDNS };

static void a_server_that_answers_by_tcp_alone(void **state)
{
  (void)state;
  for (unsigned i = 1; i <= AIODNS_SERVERS_TCP_ONLY; i++) {
    assert_true(shows(SILENT_BUT_BY_TCP, NOW + i * S));
    unsigned both = i < AIODNS_SERVERS_HELPED ? 0 : AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_EDNS;
    unsigned tcp = i < AIODNS_SERVERS_TCP_ONLY ? 0 : AIODNS_KNOWN_TCP;
    assert_int_equal(known_at(NOW + i * S), both | tcp);
  }
  uint64_t since_ns = NOW + AIODNS_SERVERS_TCP_ONLY * S;
  assert_true(known_at(since_ns + (AIODNS_SERVERS_TCP_ONLY_S - 1) * S) & AIODNS_KNOWN_TCP);
  uint64_t then_ns = since_ns + AIODNS_SERVERS_TCP_ONLY_S * S;
  assert_false(known_at(then_ns) & AIODNS_KNOWN_TCP);
  /* Then UDP gets as many chances as at first. */
  for (unsigned i = 1; i < AIODNS_SERVERS_TCP_ONLY; i++)
    shows(SILENT_BUT_BY_TCP, then_ns);
  assert_false(known_at(then_ns) & AIODNS_KNOWN_TCP);
  shows(SILENT_BUT_BY_TCP, then_ns);
  assert_true(known_at(then_ns) & AIODNS_KNOWN_TCP);
}

/* What it has shown that it stands is not to blame: somebody behind it answers for some names. */
static void silence_teaches_nothing_that_it_has_disproved(void **state)
{
  static const struct {
    unsigned before, shown, known;
    bool tcp;
  } rows[] = {
      {0, AIODNS_SHOWN_HELPED, AIODNS_KNOWN_NO_LETTERS, false}, /* it was lower case with EDNS */
      {AIODNS_SHOWN_ECHOES, AIODNS_SHOWN_HELPED, 0, false},
      {AIODNS_SHOWN_ECHOES, SILENT_BUT_BY_TCP, AIODNS_KNOWN_NO_EDNS, true},
      /* Cookies come by EDNS: it may be those that are in the way. */
      {AIODNS_SHOWN_COOKIE, SILENT_BUT_BY_TCP, AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_COOKIES, true},
      {AIODNS_SHOWN_COOKIE | AIODNS_SHOWN_ECHOES, SILENT_BUT_BY_TCP, AIODNS_KNOWN_NO_COOKIES, true},
  };
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    start(state);
    shows_by_udp(rows[i].before, NOW);
    unsigned before = known_at(NOW);
    for (unsigned n = 1; n <= AIODNS_SERVERS_TCP_ONLY; n++) {
      shows(rows[i].shown, NOW);
      unsigned learnt = n < AIODNS_SERVERS_HELPED ? 0 : rows[i].known;
      unsigned tcp = rows[i].tcp && n >= AIODNS_SERVERS_TCP_ONLY ? AIODNS_KNOWN_TCP : 0;
      /* Where none are sent, it means nothing that it once returned them. */
      unsigned counts = ~(learnt & AIODNS_KNOWN_NO_COOKIES ? (unsigned)AIODNS_KNOWN_COOKIES : 0);
      assert_int_equal(known_at(NOW) & counts, (before & counts) | learnt | tcp);
    }
  }
}

static void an_answer_by_udp_ends_that_row(void **state)
{
  (void)state;
  for (unsigned i = 1; i <= 4 * AIODNS_SERVERS_TCP_ONLY; i++) {
    if (i % AIODNS_SERVERS_HELPED == 0)
      shows_by_udp(0, NOW);
    else
      shows(SILENT_BUT_BY_TCP, NOW);
    assert_int_equal(known_at(NOW), 0);
  }
}

/* One by TCP says nothing of UDP: it may have been truncated. */
static void an_answer_by_tcp_does_not_end_that_row(void **state)
{
  (void)state;
  for (unsigned i = 0; i < AIODNS_SERVERS_HELPED; i++) {
    assert_int_equal(known_at(NOW), 0);
    shows(0, NOW);
    shows(SILENT_BUT_BY_TCP, NOW);
  }
  assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_EDNS);
}

/* A forwarder that has answers of its own, say: it is not asked by TCP for each of them. */
static void a_server_that_returns_cookies_no_longer_is_asked_for_none(void **state)
{
  (void)state;
  shows_by_udp(AIODNS_SHOWN_COOKIE, NOW);
  shows(AIODNS_SHOWN_FOLDS, NOW);
  assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_COOKIES);
  assert_true(shows(AIODNS_SHOWN_COOKIELESS | AIODNS_SHOWN_COOKIE, NOW)); /* one family came without */
  assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_COOKIES);
  assert_false(shows(AIODNS_SHOWN_COOKIE, NOW)); /* by who did not know yet */
  assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_NO_COOKIES);
  shows_by_udp(AIODNS_SHOWN_COOKIE, NOW + AIODNS_SERVERS_KNOWN_S * S);
  assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), AIODNS_KNOWN_COOKIES);
}

static void a_server_that_thrice_answers_without_a_cookie_alone_gets_none(void **state)
{
  (void)state;
  for (unsigned i = 1; i <= AIODNS_SERVERS_HELPED; i++) {
    assert_int_equal(known_at(NOW), 0);
    assert_true(shows_by_udp(AIODNS_SHOWN_UNANSWERED, NOW));
  }
  assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_COOKIES);
  assert_int_equal(known_at(NOW + (AIODNS_SERVERS_KNOWN_S - 1) * S), AIODNS_KNOWN_NO_COOKIES);
  assert_int_equal(known_at(NOW + AIODNS_SERVERS_KNOWN_S * S), 0);
}

/* Datagrams are lost now and then. */
static void an_answer_at_once_ends_that_row(void **state)
{
  (void)state;
  for (unsigned i = 1; i <= 10 * AIODNS_SERVERS_HELPED; i++) {
    shows_by_udp(i % AIODNS_SERVERS_HELPED == 0 ? 0 : AIODNS_SHOWN_UNANSWERED, NOW);
    assert_int_equal(known_at(NOW), 0);
  }
}

/* Whoever is asked, and in which order: by its place. */
static void what_is_shown_is_of_the_server_that_showed_it(void **state)
{
  (void)state;
  first_is_silent();
  apply(2, NOW);
  assert_order(10);
  answers(0, MS);
  seen[0].shown = AIODNS_SHOWN_COOKIE;
  learn(NOW);
  apply(2, NOW);
  assert_order(10);
  assert_int_equal(conf.server[0].known, AIODNS_KNOWN_COOKIES);
  assert_int_equal(conf.server[1].known, 0);
}

/* The clock starts anew with the machine, and so may a record that somebody has copied. */
static void times_that_are_far_away_mean_nothing(void **state)
{
  static const uint32_t far_s[] = {
      0, 1, NOW / S - 1, NOW / S, NOW / S + AIODNS_SERVERS_KNOWN_S + 1, UINT32_MAX / 2, UINT32_MAX};
  for (unsigned i = 0; i < sizeof far_s / sizeof *far_s; i++) {
    start(state);
    servers.server[0] = (struct aiodns_server_facts){
        .known = UINT8_MAX, .known_s = far_s[i], .tcp_s = far_s[i], .guessed_s = far_s[i], .near_misses = 7};
    assert_int_equal(known_at(NOW), 0);
    shows(AIODNS_SHOWN_FOLDS, NOW);
    assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS);
    guesses(AIODNS_NEAR_MISSES_MAX, NOW);
    assert_int_equal(known_at(NOW), AIODNS_KNOWN_NO_LETTERS | AIODNS_KNOWN_TCP);
  }
}

static void assert_same_facts(const struct aiodns_server_facts *a, const struct aiodns_server_facts *b)
{
  assert_int_equal(a->round_trip_us, b->round_trip_us);
  assert_int_equal(a->spread_us, b->spread_us);
  assert_int_equal(a->probe_s, b->probe_s);
  assert_int_equal(a->down, b->down);
  assert_int_equal(a->probes, b->probes);
  assert_int_equal(a->errors, b->errors);
  assert_int_equal(a->known, b->known);
  assert_int_equal(a->known_s, b->known_s);
  assert_int_equal(a->tcp_s, b->tcp_s);
  assert_int_equal(a->guessed_s, b->guessed_s);
  assert_int_equal(a->near_misses, b->near_misses);
  assert_int_equal(a->helped, b->helped);
  assert_int_equal(a->unanswered, b->unanswered);
}

static void facts_survive_the_record(void **state)
{
  (void)state;
  uint8_t octets[AIODNS_SERVERS_FACT_LEN + 1];
  struct aiodns_server_facts facts = {.round_trip_us = 1234,
                                      .spread_us = 567,
                                      .probe_s = 89,
                                      .down = true,
                                      .probes = 10,
                                      .errors = 2,
                                      .known = AIODNS_KNOWN_NO_EDNS | AIODNS_KNOWN_COOKIES,
                                      .known_s = 0x12345678,
                                      .tcp_s = 0x23456789,
                                      .guessed_s = 0x3456789a,
                                      .near_misses = 7,
                                      .helped = 5,
                                      .unanswered = 1},
                             read;
  memset(&read, 0xaa, sizeof read);
  memset(octets, 0x55, sizeof octets);
  aiodns_servers_write(&facts, octets);
  assert_int_equal(octets[AIODNS_SERVERS_FACT_LEN], 0x55);
  aiodns_servers_read(&read, octets);
  assert_same_facts(&read, &facts);
}

/* Every octet is written, so that a record says nothing of what was in memory before. */
static void every_octet_of_the_record_is_written(void **state)
{
  struct aiodns_server_facts facts = {.round_trip_us = 1};
  uint8_t octets[2][AIODNS_SERVERS_FACT_LEN];
  (void)state;
  memset(octets[0], 0, sizeof octets[0]);
  memset(octets[1], 0xff, sizeof octets[1]);
  for (unsigned i = 0; i < 2; i++)
    aiodns_servers_write(&facts, octets[i]);
  assert_memory_equal(octets[0], octets[1], sizeof octets[0]);
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
      assert_true(!(conf.server[i].known & AIODNS_KNOWN_TCP) ||
                  (facts->tcp_s > NOW / S && facts->tcp_s <= NOW / S + AIODNS_SERVERS_TCP_ONLY_S));
      assert_true(!(conf.server[i].known & (AIODNS_KNOWN_TCP - 1)) ||
                  (facts->known_s > NOW / S && facts->known_s <= NOW / S + AIODNS_SERVERS_KNOWN_S));
      answers(i, INT64_MAX);
      seen[i].shown = (uint8_t)(random >> 16);
      seen[i].near_misses = (uint8_t)(random >> 8);
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
      cmocka_unit_test_setup(eight_guesses_within_a_minute_lead_to_tcp_for_a_minute, start),
      cmocka_unit_test_setup(guesses_that_are_far_between_lead_nowhere, start),
      cmocka_unit_test_setup(guesses_that_begin_anew_are_counted_from_then_on, start),
      cmocka_unit_test_setup(guesses_at_several_servers_are_counted_apart, start),
      cmocka_unit_test_setup(one_lookup_may_see_any_number_of_guesses, start),
      cmocka_unit_test_setup(tcp_for_ten_minutes_is_not_cut_short_by_guesses, start),
      cmocka_unit_test_setup(what_is_shown_once_is_known_for_an_hour, start),
      cmocka_unit_test_setup(what_is_learnt_later_ends_with_what_was_known, start),
      cmocka_unit_test_setup(what_has_lapsed_does_not_come_back, start),
      cmocka_unit_test_setup(a_server_that_answers_by_tcp_alone, start),
      cmocka_unit_test_setup(silence_teaches_nothing_that_it_has_disproved, start),
      cmocka_unit_test_setup(an_answer_by_udp_ends_that_row, start),
      cmocka_unit_test_setup(an_answer_by_tcp_does_not_end_that_row, start),
      cmocka_unit_test_setup(a_server_that_returns_cookies_no_longer_is_asked_for_none, start),
      cmocka_unit_test_setup(a_server_that_thrice_answers_without_a_cookie_alone_gets_none, start),
      cmocka_unit_test_setup(an_answer_at_once_ends_that_row, start),
      cmocka_unit_test_setup(what_is_shown_is_of_the_server_that_showed_it, start),
      cmocka_unit_test_setup(times_that_are_far_away_mean_nothing, start),
      cmocka_unit_test_setup(facts_survive_the_record, start),
      cmocka_unit_test_setup(every_octet_of_the_record_is_written, start),
      cmocka_unit_test_setup(any_octets_will_do, start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
