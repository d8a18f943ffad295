#include "unit.h"

#include "cache.h"
#include "lookup_cache.h"

#include <stdio.h>
#include <string.h>

enum {
  ROWS_MAX = 32,
  RANDOM_TABLES = 20000,
  MS = 1000,
  START_US = 1000000,
  NEVER = 1000000, /* looks */
};

/* What the scripted cache knows: AIODNS_PENDING is nothing. */
struct row {
  const char *name;
  uint16_t type;
  enum aiodns_outcome outcome;
  uint8_t flags;
};

static struct row rows[ROWS_MAX];
static unsigned row_count;

/* What others do: the claims are theirs for so many looks; with the last one the answer may be there. */
static int taken_for[2];
static struct row comes[2]; /* when it is over; name NULL: nothing */
static unsigned claims, settled, kept, vain;

static struct aiodns_conf conf;
static struct aiodns_lookup lookup;
static struct aiodns_answer answer[AIODNS_LOOKUP_QUERIES];
static unsigned opened;
static int64_t now_us;

/* ---- The script ---- */

static struct row *row_of(const struct aiodns_name *name, uint16_t type)
{
  struct aiodns_name wire;

  for (unsigned i = 0; i < row_count; i++)
    if (rows[i].type == type && aiodns_name_from_text(&wire, rows[i].name) && aiodns_name_equal(&wire, name))
      return &rows[i];
  return NULL;
}

static void know(const char *name, uint16_t type, enum aiodns_outcome outcome, uint8_t flags)
{
  assert_true(row_count < ROWS_MAX);
  rows[row_count++] = (struct row){name, type, outcome, flags};
}

static unsigned recall(void *source, const struct aiodns_name *name, const uint16_t type[2], unsigned wanted,
                       struct aiodns_answer to[2], uint8_t flags[2])
{
  unsigned found = 0;

  (void)source;
  for (unsigned i = 0; i < 2; i++) {
    const struct row *row = wanted >> i & 1 ? row_of(name, type[i]) : NULL;
    if (!row || row->outcome == AIODNS_PENDING)
      continue;
    assert_int_equal(to[i].outcome, AIODNS_PENDING);
    to[i].outcome = row->outcome;
    to[i].ttl_s = 60;
    if (row->outcome == AIODNS_ANSWER) {
      static const uint8_t address[16] = {192, 0, 2, 1};
      assert_true(to[i].address_len == 0 ? aiodns_answer_add_name(&to[i], "host.test", 9, true)
                                         : aiodns_answer_add_address(&to[i], address));
    }
    flags[i] = row->flags;
    found |= 1u << i;
  }
  return found;
}

static enum aiodns_claim claim(void *source, const struct aiodns_name *name, uint16_t type, bool waited)
{
  unsigned i = type == AIODNS_TYPE_AAAA;

  (void)source;
  (void)name;
  claims++;
  if (waited) {
    vain++;
    return AIODNS_CLAIM_NONE;
  }
  if (taken_for[i] > 0) {
    if (--taken_for[i] == 0 && comes[i].name)
      rows[row_count++] = comes[i];
    return AIODNS_CLAIM_OTHERS;
  }
  return AIODNS_CLAIM_MINE;
}

static void keep(void *source, const struct aiodns_name *name, uint16_t type,
                 const struct aiodns_answer *what, uint8_t flags)
{
  (void)source;
  (void)name;
  (void)type;
  (void)what;
  (void)flags;
  kept++;
}

static bool settle(void *source)
{
  (void)source;
  settled++;
  return false; /* no descriptor was given back */
}

static bool no_surprise(void *source, uint8_t *buf, size_t len)
{
  (void)source;
  memset(buf, 7, len);
  return true;
}

static const struct aiodns_sources sources = {
    .random = no_surprise,
    .cache = {.recall = recall, .claim = claim, .keep = keep, .settle = settle},
};

static int setup(void **state)
{
  static const char *const list[] = {"a.test", "b.test"};

  (void)state;
  conf = (struct aiodns_conf){.ndots = 1,
                              .attempts = 2,
                              .timeout_ms = 5000,
                              .server_count = 1,
                              .recursion_desired = true,
                              .search_single = true,
                              .search_dotted = true,
                              .search = list,
                              .search_count = 2};
  conf.server[0].address.in.sin_family = AF_INET;
  conf.server[0].address_len = sizeof conf.server[0].address.in;
  row_count = claims = settled = kept = vain = opened = 0;
  taken_for[0] = taken_for[1] = 0;
  comes[0].name = comes[1].name = NULL;
  now_us = START_US;
  return 0;
}

static struct aiodns_name wire_of(const char *text)
{
  struct aiodns_name name;
  assert_true(aiodns_name_from_text(&name, text));
  return name;
}

/* ---- The two lookups ---- */

static bool from_cache(const char *text, int family, enum aiodns_outcome *ret)
{
  struct aiodns_name name = wire_of(text);

  aiodns_answer_init(&answer[0], family == AF_INET6 && !conf.no_aaaa ? 16 : 4);
  aiodns_answer_init(&answer[1], 16);
  return aiodns_lookup_from_cache(&conf, &sources, family, text, &name, false, answer, ret);
}

static void forget_answers(void)
{
  aiodns_answer_done(&answer[0]);
  aiodns_answer_done(&answer[1]);
}

static void do_tasks(void)
{
  struct aiodns_task task;

  while (aiodns_lookup_task(&lookup, &task))
    opened += task.kind == AIODNS_TASK_OPEN;
}

/* The machine, until it ends or asks a server. */
static void begin(const char *text, int family)
{
  struct aiodns_name name = wire_of(text);

  aiodns_answer_init(&answer[1], 16);
  aiodns_lookup_init(&lookup, &conf, &sources, family, text, &name, false, answer);
  aiodns_lookup_start(&lookup, now_us);
  do_tasks();
}

static void go_on(void)
{
  while (!lookup.ended && opened == 0) {
    int64_t due_us = aiodns_lookup_due(&lookup);
    assert_true(due_us > now_us && due_us != INT64_MAX);
    now_us = due_us;
    aiodns_lookup_elapsed(&lookup, now_us);
    do_tasks();
  }
}

static void finish(void)
{
  if (!lookup.ended)
    aiodns_lookup_abandon(&lookup, EIO);
  do_tasks();
  aiodns_lookup_done(&lookup);
  forget_answers();
}

/* ---- A lookup that the cache alone answers ---- */

static void what_is_known_is_answered(void **state)
{
  (void)state;
  enum aiodns_outcome outcome;
  know("host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  know("host.test", AIODNS_TYPE_AAAA, AIODNS_NO_DATA, 0);
  assert_true(from_cache("HOST.test.", AF_UNSPEC, &outcome));
  assert_int_equal(outcome, AIODNS_ANSWER);
  assert_int_equal(answer[0].address_count, 1);
  assert_int_equal(answer[1].outcome, AIODNS_NO_DATA);
  forget_answers();
  assert_true(from_cache("host.test.", AF_INET6, &outcome));
  assert_int_equal(outcome, AIODNS_NO_DATA);
  forget_answers();
}

static void half_of_what_is_wanted_is_nothing(void **state)
{
  (void)state;
  enum aiodns_outcome outcome;
  know("host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  assert_false(from_cache("host.test.", AF_UNSPEC, &outcome));
  for (unsigned i = 0; i < 2; i++) { /* ready for servers to fill */
    assert_int_equal(answer[i].outcome, AIODNS_PENDING);
    assert_int_equal(answer[i].address_count, 0);
    assert_int_equal(answer[i].address_len, i ? 16 : 4);
  }
  forget_answers();
}

static void search_list_is_gone_through(void **state)
{
  (void)state;
  enum aiodns_outcome outcome;
  know("host.a.test", AIODNS_TYPE_A, AIODNS_NO_NAME, 0);
  assert_false(from_cache("host", AF_INET, &outcome));
  forget_answers();
  know("host.b.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  assert_true(from_cache("host", AF_INET, &outcome));
  assert_int_equal(outcome, AIODNS_ANSWER);
  forget_answers();
}

static void names_of_an_address_are_answered(void **state)
{
  (void)state;
  struct aiodns_name name = wire_of("1.2.0.192.in-addr.arpa");
  enum aiodns_outcome outcome;
  know("1.2.0.192.in-addr.arpa", AIODNS_TYPE_PTR, AIODNS_ANSWER, 0);
  aiodns_answer_init(&answer[0], 0);
  aiodns_answer_init(&answer[1], 0);
  assert_true(aiodns_lookup_from_cache(&conf, &sources, AF_UNSPEC, NULL, &name, true, answer, &outcome));
  assert_int_equal(outcome, AIODNS_ANSWER);
  assert_string_equal(aiodns_answer_canonical(&answer[0]), "host.test");
  forget_answers();
}

static enum aiodns_outcome any_outcome(void)
{
  static const enum aiodns_outcome outcomes[] = {AIODNS_PENDING, AIODNS_ANSWER,  AIODNS_NO_DATA,
                                                 AIODNS_NO_NAME, AIODNS_NO_NAME, AIODNS_FAILED};
  return outcomes[unit_random(sizeof outcomes / sizeof outcomes[0])];
}

/* Whatever the cache knows: it answers alone just if the machine asks nobody, and both say the same. */
static void both_lookups_agree(void **state)
{
  static const char *const names[] = {"host", "host.a.test", "host.b.test",
                                      "x.y",  "x.y.a.test",  "x.y.b.test"};
  static const int families[] = {AF_INET, AF_INET6, AF_UNSPEC};
  unsigned answered = 0;

  for (unsigned table = 0; table < RANDOM_TABLES; table++) {
    setup(state);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
      for (unsigned k = 0; k < 2; k++) {
        uint8_t flags = (uint8_t)(unit_random(4) == 0 ? AIODNS_RECORD_ALIASED : 0);
        flags |= (uint8_t)(unit_random(2) ? AIODNS_RECORD_SERVFAIL : 0);
        know(names[i], k ? AIODNS_TYPE_AAAA : AIODNS_TYPE_A, any_outcome(), flags);
      }
    conf.ndots = (uint8_t)(1 + unit_random(2));
    conf.no_aaaa = unit_random(8) == 0;
    int family = families[unit_random(3)];
    const char *name = unit_random(2) ? "host" : "x.y";
    enum aiodns_outcome outcome = AIODNS_PENDING;
    bool alone = from_cache(name, family, &outcome);
    forget_answers();
    begin(name, family);
    if (alone != (opened == 0) || (alone && (!lookup.ended || lookup.outcome != outcome)))
      fail_msg("table %u: alone %d with outcome %d; the machine asks %u, outcome %d", table, alone, outcome,
               opened, lookup.outcome);
    assert_int_equal(kept, 0);
    answered += alone;
    finish();
  }
  assert_true(answered > RANDOM_TABLES / 20 && answered < RANDOM_TABLES / 20 * 19);
}

/* ---- Waiting for another lookup's answer ---- */

static void what_nobody_asks_is_asked_at_once(void **state)
{
  (void)state;
  begin("host.test.", AF_INET);
  assert_int_equal(opened, 1);
  assert_int_equal(now_us, START_US);
  finish();
}

static void flight_that_ends_well_is_waited_for(void **state)
{
  (void)state;
  taken_for[0] = 4;
  comes[0] = (struct row){"host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0};
  begin("host.test.", AF_INET);
  go_on();
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(opened, 0);
  assert_int_equal(vain, 0);
  /* Looks 0.25, 0.75, 1.75 and 3.75 ms after the start; the answer is there at the last. */
  assert_int_equal(now_us - START_US, 3750);
  assert_int_equal(kept, 0); /* whoever asked has stored it */
  finish();
}

static void flight_without_an_answer_is_succeeded(void **state)
{
  (void)state;
  taken_for[0] = 2;
  begin("host.test.", AF_INET);
  go_on();
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 0);
  assert_true(now_us - START_US < 2 * MS);
  finish();
}

static void flight_that_never_ends_is_waited_for_half_a_second(void **state)
{
  (void)state;
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  go_on();
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 1);
  assert_in_range(now_us - START_US, 500 * MS, 504 * MS);
  finish();
}

static void wait_is_a_quarter_of_a_short_deadline(void **state)
{
  (void)state;
  conf.timeout_ms = 100;
  conf.attempts = 1;
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  go_on();
  assert_int_equal(opened, 1);
  assert_in_range(now_us - START_US, 25 * MS, 29 * MS);
  finish();
}

/* Over the whole search list, not for each of its names. */
static void wait_is_bounded_over_all_candidates(void **state)
{
  (void)state;
  taken_for[0] = 60;
  comes[0] = (struct row){"host.a.test", AIODNS_TYPE_A, AIODNS_NO_NAME, 0};
  begin("host", AF_INET);
  while (taken_for[0] > 0) {
    now_us = aiodns_lookup_due(&lookup);
    aiodns_lookup_elapsed(&lookup, now_us);
  }
  taken_for[0] = NEVER; /* and then the second name is taken for ever */
  go_on();
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 1);
  assert_in_range(now_us - START_US, 500 * MS, 508 * MS);
  finish();
}

static void each_family_waits_for_its_own_flight(void **state)
{
  (void)state;
  taken_for[0] = 3;
  taken_for[1] = 6;
  comes[0] = (struct row){"host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0};
  comes[1] = (struct row){"host.test", AIODNS_TYPE_AAAA, AIODNS_ANSWER, 0};
  begin("host.test.", AF_UNSPEC);
  go_on();
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(answer[0].outcome, AIODNS_ANSWER);
  assert_int_equal(answer[1].outcome, AIODNS_ANSWER);
  assert_int_equal(opened, 0);
  finish();
}

/* One family is asked at once while the other one waits. */
static void one_family_asks_while_the_other_waits(void **state)
{
  (void)state;
  taken_for[1] = NEVER;
  begin("host.test.", AF_UNSPEC);
  assert_int_equal(opened, 1);
  assert_false(lookup.ended);
  assert_true(aiodns_lookup_due(&lookup) <= START_US + AIODNS_FLIGHT_PAUSE_US);
  finish();
}

/* The answer may come between the look into the cache and the claim. */
static void answer_before_the_claim_is_not_asked_for(void **state)
{
  (void)state;
  taken_for[0] = 1;
  comes[0] = (struct row){"host.test", AIODNS_TYPE_A, AIODNS_NO_DATA, 0};
  begin("host.test.", AF_INET);
  go_on();
  assert_int_equal(lookup.outcome, AIODNS_NO_DATA);
  assert_int_equal(opened, 0);
  finish();
}

static void claims_are_given_back_with_each_candidate(void **state)
{
  (void)state;
  know("host.a.test", AIODNS_TYPE_A, AIODNS_NO_NAME, 0);
  know("host.b.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  begin("host", AF_INET);
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(settled, 2);
  assert_int_equal(claims, 0);
  finish();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_is_known_is_answered, setup),
      cmocka_unit_test_setup(half_of_what_is_wanted_is_nothing, setup),
      cmocka_unit_test_setup(search_list_is_gone_through, setup),
      cmocka_unit_test_setup(names_of_an_address_are_answered, setup),
      cmocka_unit_test_setup(both_lookups_agree, setup),
      cmocka_unit_test_setup(what_nobody_asks_is_asked_at_once, setup),
      cmocka_unit_test_setup(flight_that_ends_well_is_waited_for, setup),
      cmocka_unit_test_setup(flight_without_an_answer_is_succeeded, setup),
      cmocka_unit_test_setup(flight_that_never_ends_is_waited_for_half_a_second, setup),
      cmocka_unit_test_setup(wait_is_a_quarter_of_a_short_deadline, setup),
      cmocka_unit_test_setup(wait_is_bounded_over_all_candidates, setup),
      cmocka_unit_test_setup(each_family_waits_for_its_own_flight, setup),
      cmocka_unit_test_setup(one_family_asks_while_the_other_waits, setup),
      cmocka_unit_test_setup(answer_before_the_claim_is_not_asked_for, setup),
      cmocka_unit_test_setup(claims_are_given_back_with_each_candidate, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
