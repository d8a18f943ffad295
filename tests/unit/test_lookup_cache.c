#include "unit.h"

#include "cache.h"
#include "lookup_cache.h"

#include <stdio.h>
#include <string.h>

enum {
  ROWS_MAX = 32,
  RANDOM_TABLES = 20000,
  START_US = 1000000,
  NEVER = 1000000, /* looks */
};

#define MS ((int64_t)1000)

/* What the scripted cache knows: AIODNS_PENDING is nothing. */
struct row {
  const char *name;
  enum aiodns_outcome outcome;
  uint16_t type;
  uint8_t flags;
  bool lapsed; /* found only where what has expired is wanted */
};

static struct row rows[ROWS_MAX];
static unsigned row_count;

/* What others do: the claims are theirs for so many looks; with the last one the answer may be there. */
static int taken_for[2];
static struct row comes[2]; /* when it is over; name NULL: nothing */
static unsigned claims, settled, kept, vain;
static struct row last_kept;

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
  rows[row_count++] = (struct row){.name = name, .type = type, .outcome = outcome, .flags = flags};
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
    if (wanted & AIODNS_RECALL_EXPIRED && row->outcome == AIODNS_FAILED)
      continue;
    if (row->lapsed && !(wanted & AIODNS_RECALL_EXPIRED)) {
      flags[i] = (uint8_t)row->outcome;
      continue;
    }
    assert_int_equal(to[i].outcome, AIODNS_PENDING);
    to[i].outcome = row->outcome;
    to[i].ttl_s = 60;
    if (row->outcome == AIODNS_ANSWER) {
      static const uint8_t address[16] = {192, 0, 2, 1};
      assert_true(to[i].address_len == 0 ? aiodns_answer_add_name(&to[i], "host.test", 9, true)
                                         : aiodns_answer_add_address(&to[i], address));
    }
    flags[i] = row->lapsed ? row->flags | AIODNS_RECORD_STALE : row->flags;
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
  last_kept = (struct row){.type = type, .outcome = what->outcome, .flags = flags};
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

static void know_lapsed(const char *name, uint16_t type, enum aiodns_outcome outcome)
{
  know(name, type, outcome, 0);
  rows[row_count - 1].lapsed = true;
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
  struct aiodns_verdict verdict;
  bool known = aiodns_lookup_from_cache(&conf, &sources, family, text, &name, false, answer, &verdict);
  if (known)
    *ret = verdict.outcome;
  return known;
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

/* The next thing that is due, in a process whose pauses end like this. */
static void step(enum aiodns_pause how)
{
  int64_t due_us = aiodns_lookup_due(&lookup);
  assert_true(due_us > now_us && due_us != INT64_MAX);
  now_us = due_us;
  aiodns_lookup_paused(&lookup, how, now_us);
  aiodns_lookup_elapsed(&lookup, now_us);
  do_tasks();
}

static void go_on(void)
{
  while (!lookup.ended && opened == 0)
    step(AIODNS_PAUSE_OVER);
}

/* Somebody wakes it, before it is time. */
static void wake(int64_t after_us)
{
  now_us += after_us;
  assert_true(now_us < aiodns_lookup_due(&lookup));
  aiodns_lookup_paused(&lookup, AIODNS_PAUSE_WOKEN, now_us);
  aiodns_lookup_elapsed(&lookup, now_us);
  do_tasks();
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
  struct aiodns_verdict verdict;
  know("1.2.0.192.in-addr.arpa", AIODNS_TYPE_PTR, AIODNS_ANSWER, 0);
  aiodns_answer_init(&answer[0], 0);
  aiodns_answer_init(&answer[1], 0);
  assert_true(aiodns_lookup_from_cache(&conf, &sources, AF_UNSPEC, NULL, &name, true, answer, &verdict));
  assert_int_equal(verdict.outcome, AIODNS_ANSWER);
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
    conf.serve_stale_s = table % 2 * 3600;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
      for (unsigned k = 0; k < 2; k++) {
        uint8_t flags = (uint8_t)(unit_random(4) == 0 ? AIODNS_RECORD_ALIASED : 0);
        flags |= (uint8_t)(unit_random(2) ? AIODNS_RECORD_SERVFAIL : 0);
        flags |= (uint8_t)(conf.serve_stale_s > 0 && unit_random(3) == 0 ? AIODNS_RECORD_STALE : 0);
        enum aiodns_outcome known = any_outcome();
        if (known == AIODNS_FAILED && conf.serve_stale_s > 0)
          known = AIODNS_PENDING; /* there might be something better: the machine looks for it */
        know(names[i], k ? AIODNS_TYPE_AAAA : AIODNS_TYPE_A, known, flags);
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
  taken_for[0] = 3;
  comes[0] = (struct row){.name = "host.test", .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER};
  begin("host.test.", AF_INET);
  go_on();
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(opened, 0);
  assert_int_equal(vain, 0);
  assert_int_equal(kept, 0); /* whoever asked has stored it */
  finish();
}

struct look {
  int64_t at_us; /* from the start */
  unsigned claims;
};

static void assert_looks(enum aiodns_pause how, const struct look *expected, unsigned count)
{
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  assert_int_equal(claims, 1);
  for (unsigned i = 0; i < count; i++) {
    step(how);
    assert_int_equal(now_us - START_US, expected[i].at_us);
    assert_int_equal(claims, expected[i].claims);
  }
  finish();
}

static void pauses_of_those_who_can_be_woken(void **state)
{
  (void)state;
  static const struct look expected[] = {{250, 1},   {1250, 1},  {5250, 1}, {21250, 2},
                                         {37250, 3}, {53250, 4}, {69250, 5}};
  assert_looks(AIODNS_PAUSE_OVER, expected, sizeof expected / sizeof expected[0]);
}

static void pauses_of_those_who_cannot(void **state)
{
  (void)state;
  static const struct look expected[] = {{250, 1},   {750, 1},   {1750, 1},  {3750, 1},
                                         {7750, 1},  {11750, 1}, {15750, 1}, {19750, 2},
                                         {23750, 2}, {27750, 2}, {31750, 2}, {35750, 3}};
  assert_looks(AIODNS_PAUSE_SLEPT, expected, sizeof expected / sizeof expected[0]);
}

/* Which may be while a process sleeps for want of a file that another one makes. */
static void early_end_of_a_pause_is_a_look(void **state)
{
  (void)state;
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  for (unsigned i = 0; i < 3; i++)
    step(AIODNS_PAUSE_OVER);
  now_us += 4 * MS; /* of 16 */
  aiodns_lookup_paused(&lookup, AIODNS_PAUSE_OVER, now_us);
  assert_int_equal(aiodns_lookup_due(&lookup), now_us + 12 * MS);
  aiodns_lookup_paused(&lookup, AIODNS_PAUSE_SLEPT, now_us);
  assert_int_equal(aiodns_lookup_due(&lookup), now_us);
  aiodns_lookup_elapsed(&lookup, now_us);
  assert_int_equal(aiodns_lookup_due(&lookup), now_us + 4 * MS);
  assert_int_equal(claims, 1);
  finish();
}

static void who_is_woken_finds_the_answer(void **state)
{
  (void)state;
  taken_for[0] = taken_for[1] = NEVER;
  begin("host.test.", AF_UNSPEC);
  for (unsigned i = 0; i < 3; i++)
    step(AIODNS_PAUSE_OVER);
  unsigned before = claims;
  know("host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  know("host.test", AIODNS_TYPE_AAAA, AIODNS_NO_DATA, 0);
  wake(3 * MS);
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(claims, before); /* nothing but a look */
  finish();
}

static void who_is_woken_without_an_answer_succeeds(void **state)
{
  (void)state;
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  for (unsigned i = 0; i < 4; i++)
    step(AIODNS_PAUSE_OVER);
  taken_for[0] = 0;
  wake(MS);
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 0);
  finish();
}

static void who_is_woken_for_nothing_waits_on(void **state)
{
  (void)state;
  taken_for[0] = NEVER;
  begin("host.test.", AF_INET);
  for (unsigned i = 0; i < 4; i++)
    step(AIODNS_PAUSE_OVER);
  unsigned before = claims;
  wake(MS);
  assert_int_equal(claims, before + 1);
  assert_int_equal(aiodns_lookup_due(&lookup), now_us + 16 * MS);
  step(AIODNS_PAUSE_OVER); /* 17 ms after it was tried before it was woken */
  assert_int_equal(claims, before + 2);
  go_on();
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 1);
  finish();
}

/* Its claim comes next, not when it would be tried again. */
static void family_behind_a_wait_is_claimed_at_its_end(void **state)
{
  (void)state;
  taken_for[0] = NEVER;
  begin("host.test.", AF_UNSPEC);
  assert_int_equal(claims, 1);
  step(AIODNS_PAUSE_OVER);
  assert_int_equal(claims, 1);
  know("host.test", AIODNS_TYPE_A, AIODNS_ANSWER, 0);
  step(AIODNS_PAUSE_OVER);
  assert_int_equal(claims, 2);
  assert_int_equal(opened, 1);
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
  assert_true(now_us - START_US < 40 * MS);
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
  assert_int_equal(now_us - START_US, 500 * MS);
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
  assert_int_equal(now_us - START_US, 25 * MS);
  finish();
}

/* Over the whole search list, not for each of its names. */
static void wait_is_bounded_over_all_candidates(void **state)
{
  (void)state;
  taken_for[0] = 20;
  comes[0] = (struct row){.name = "host.a.test", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_NAME};
  begin("host", AF_INET);
  while (taken_for[0] > 0) {
    now_us = aiodns_lookup_due(&lookup);
    aiodns_lookup_elapsed(&lookup, now_us);
  }
  taken_for[0] = NEVER; /* and then the second name is taken for ever */
  go_on();
  assert_int_equal(opened, 1);
  assert_int_equal(vain, 1);
  assert_int_equal(now_us - START_US, 500 * MS);
  finish();
}

static void each_family_waits_for_its_own_flight(void **state)
{
  (void)state;
  taken_for[0] = 3;
  taken_for[1] = 6;
  comes[0] = (struct row){.name = "host.test", .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER};
  comes[1] = (struct row){.name = "host.test", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_ANSWER};
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
  while (now_us < START_US + 50 * MS) { /* nobody wakes who waits for a server */
    int64_t last_us = now_us;
    step(AIODNS_PAUSE_OVER);
    assert_true(now_us - last_us <= AIODNS_FLIGHT_PAUSE_DEAF_US);
  }
  finish();
}

/* The answer may come between the look into the cache and the claim. */
static void answer_before_the_claim_is_not_asked_for(void **state)
{
  (void)state;
  taken_for[0] = 1;
  comes[0] = (struct row){.name = "host.test", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_DATA};
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

/* ---- What has expired, where servers fail ---- */

enum { STALE_MS = AIODNS_STALE_WAIT_US / MS };

static int setup_stale(void **state)
{
  setup(state);
  conf.serve_stale_s = 3600;
  conf.letters = AIODNS_LETTERS_OFF; /* NXDOMAIN needs no probe */
  return 0;
}

/* A reply to what the channel asks: with an address of its type, if it is without an error. */
static void reply(unsigned channel, uint8_t rcode, bool addresses)
{
  uint8_t message[AIODNS_PAYLOAD_MAX + 32];
  size_t len = 12;

  aiodns_lookup_payload(&lookup, channel, message);
  while (message[len] > 0)
    len += message[len] + (size_t)1;
  len += 1 + 4;
  message[2] |= 0x80;
  message[3] = 0x80 | rcode;
  memset(message + 4, 0, 8);
  message[5] = 1;
  if (addresses) {
    uint8_t type = message[len - 3], room = type == AIODNS_TYPE_A ? 4 : 16;
    const uint8_t record[] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, room};
    memcpy(message + len, record, sizeof record);
    memset(message + len + sizeof record, 9, room);
    len += sizeof record + room;
    message[7] = 1;
  }
  aiodns_lookup_received(&lookup, channel, message, len, len, now_us);
  aiodns_lookup_elapsed(&lookup, now_us);
  do_tasks();
}

static void reply_to_family(unsigned i, uint8_t rcode, bool addresses)
{
  reply(i * AIODNS_QUERY_CHANNELS, rcode, addresses);
}

/* To the end, with nothing but silence. */
static void wait_out(void)
{
  while (!lookup.ended) {
    now_us = aiodns_lookup_due(&lookup);
    aiodns_lookup_elapsed(&lookup, now_us);
    do_tasks();
  }
}

static int64_t waited_ms(void)
{
  return (now_us - START_US) / MS;
}

static void silence_is_waited_for_until_the_timer(void **state)
{
  (void)state;
  know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
  begin("host.test.", AF_INET);
  assert_int_equal(opened, 1);
  wait_out();
  assert_int_equal(waited_ms(), STALE_MS);
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(answer[0].outcome, AIODNS_ANSWER);
  assert_int_equal(answer[0].address_count, 1);
  assert_int_equal(lookup.timed_out, 1);
  assert_int_equal(kept, 1);
  assert_int_equal(last_kept.flags, AIODNS_RECORD_STALE);
  assert_int_equal(last_kept.outcome, AIODNS_ANSWER);
  finish();
}

static void off_means_off(void **state)
{
  (void)state;
  conf.serve_stale_s = 0;
  know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
  begin("host.test.", AF_INET);
  wait_out();
  assert_int_equal(waited_ms(), 10000);
  assert_int_equal(lookup.outcome, AIODNS_FAILED);
  assert_int_equal(kept, 0);
  finish();
}

/* Nothing to give, or nothing that would help: servers get all the time there is. */
static void without_an_answer_the_deadline_counts(void **state)
{
  static const enum aiodns_outcome outcomes[] = {AIODNS_PENDING, AIODNS_NO_NAME, AIODNS_NO_DATA};
  for (unsigned i = 0; i < 3; i++) {
    setup_stale(state);
    know_lapsed("host.test", AIODNS_TYPE_A, outcomes[i]);
    begin("host.test.", AF_INET);
    wait_out();
    assert_int_equal(waited_ms(), 10000);
    assert_int_equal(lookup.outcome, AIODNS_FAILED);
    finish();
  }
}

static void errors_of_servers_are_not_waited_for(void **state)
{
  static const uint8_t rcodes[] = {AIODNS_RCODE_SERVFAIL, AIODNS_RCODE_REFUSED};
  for (unsigned i = 0; i < 2; i++) {
    setup_stale(state);
    conf.attempts = 1;
    know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
    begin("host.test.", AF_INET);
    reply_to_family(0, rcodes[i], false);
    assert_true(lookup.ended);
    assert_int_equal(lookup.outcome, AIODNS_ANSWER);
    assert_int_equal(lookup.timed_out, 0);
    assert_int_equal(kept, 1); /* and no failure */
    assert_int_equal(last_kept.flags, AIODNS_RECORD_STALE);
    finish();
  }
}

static void what_a_server_says_is_the_answer(void **state)
{
  static const struct {
    uint8_t rcode;
    bool addresses;
    enum aiodns_outcome outcome;
  } rows_of[] = {{0, true, AIODNS_ANSWER}, {0, false, AIODNS_NO_DATA}, {3, false, AIODNS_NO_NAME}};
  for (unsigned i = 0; i < 3; i++) {
    setup_stale(state);
    know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
    begin("host.test.", AF_INET);
    now_us += AIODNS_STALE_WAIT_US - 1;
    reply_to_family(0, rows_of[i].rcode, rows_of[i].addresses);
    assert_true(lookup.ended);
    assert_int_equal(lookup.outcome, rows_of[i].outcome);
    assert_int_equal(lookup.stale, 0);
    if (rows_of[i].addresses)
      assert_int_equal(answer[0].addresses.data[0], 9);
    finish();
  }
}

static void a_family_that_fails_is_beside_one_that_was_answered(void **state)
{
  for (unsigned i = 0; i < 2; i++) {
    setup_stale(state);
    know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
    know_lapsed("host.test", AIODNS_TYPE_AAAA, AIODNS_ANSWER);
    begin("host.test.", AF_UNSPEC);
    reply_to_family(i, 0, true);
    assert_false(lookup.ended);
    wait_out();
    assert_int_equal(lookup.outcome, AIODNS_ANSWER);
    assert_int_equal(answer[0].outcome, AIODNS_ANSWER);
    assert_int_equal(answer[1].outcome, AIODNS_ANSWER);
    assert_int_equal(answer[i].addresses.data[0], 9);
    assert_int_equal(answer[1 - i].addresses.data[0], 192);
    assert_int_equal(lookup.stale, 2 >> i);
    assert_true(waited_ms() <= STALE_MS);
    finish();
  }
}

static void no_such_name_is_for_both_families(void **state)
{
  for (unsigned i = 0; i < 2; i++) {
    setup_stale(state);
    know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
    know_lapsed("host.test", AIODNS_TYPE_AAAA, AIODNS_ANSWER);
    begin("host.test.", AF_UNSPEC);
    reply_to_family(i, 3, false);
    wait_out();
    assert_int_equal(lookup.outcome, AIODNS_NO_NAME);
    assert_int_equal(lookup.stale, 0);
    finish();
  }
}

/* A name of IPv4 alone: that there is nothing else comes with it, and is not asked for again at once. */
static void no_data_is_given_beside_an_answer(void **state)
{
  (void)state;
  conf.strict_error = true;
  know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
  know_lapsed("host.test", AIODNS_TYPE_AAAA, AIODNS_NO_DATA);
  begin("host.test.", AF_UNSPEC);
  wait_out();
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(answer[1].outcome, AIODNS_NO_DATA);
  assert_int_equal(kept, 2);
  finish();
}

static void failure_in_the_cache_hides_nothing(void **state)
{
  enum aiodns_outcome outcome;
  (void)state;
  know("host.test", AIODNS_TYPE_A, AIODNS_FAILED, AIODNS_RECORD_SERVFAIL);
  assert_false(from_cache("host.test.", AF_INET, &outcome));
  forget_answers();
  begin("host.test.", AF_INET);
  assert_true(lookup.ended);
  assert_int_equal(opened, 0);
  assert_int_equal(lookup.outcome, AIODNS_FAILED);
  finish();
  conf.serve_stale_s = 0;
  assert_true(from_cache("host.test.", AF_INET, &outcome));
  assert_int_equal(outcome, AIODNS_FAILED);
  forget_answers();
}

/* Out of descriptors: told as such.  No way to any server: given, but nobody else's affair. */
static void what_only_this_process_suffers(void **state)
{
  static const struct {
    int error;
    enum aiodns_outcome outcome;
  } errors[] = {{EMFILE, AIODNS_LOCAL}, {EPERM, AIODNS_UNUSABLE}, {ENETUNREACH, AIODNS_ANSWER}};
  for (unsigned i = 0; i < 3; i++) {
    setup_stale(state);
    know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
    begin("host.test.", AF_INET);
    for (unsigned k = 0; k < 16 && !lookup.ended; k++) {
      aiodns_lookup_not_opened(&lookup, 0, errors[i].error, now_us);
      do_tasks();
    }
    wait_out();
    assert_int_equal(lookup.outcome, errors[i].outcome);
    assert_int_equal(kept, 0);
    finish();
  }
}

static void search_list_goes_on_behind_what_did_not_exist(void **state)
{
  (void)state;
  conf.ndots = 2;
  know_lapsed("x.y.a.test", AIODNS_TYPE_A, AIODNS_NO_NAME);
  know_lapsed("x.y.b.test", AIODNS_TYPE_A, AIODNS_ANSWER);
  begin("x.y", AF_INET);
  wait_out();
  assert_int_equal(lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(waited_ms(), 2 * STALE_MS);
  assert_int_equal(kept, 2);
  finish();
  /* Half a minute long both are known. */
  setup_stale(state);
  conf.ndots = 2;
  know("x.y.a.test", AIODNS_TYPE_A, AIODNS_NO_NAME, AIODNS_RECORD_STALE);
  know("x.y.b.test", AIODNS_TYPE_A, AIODNS_ANSWER, AIODNS_RECORD_STALE);
  enum aiodns_outcome outcome;
  assert_true(from_cache("x.y", AF_INET, &outcome));
  assert_int_equal(outcome, AIODNS_ANSWER);
  forget_answers();
}

/* What was negative is never the verdict, in the cache neither. */
static void what_was_negative_is_a_failure(void **state)
{
  static const enum aiodns_outcome outcomes[] = {AIODNS_NO_NAME, AIODNS_NO_DATA};
  for (unsigned i = 0; i < 2; i++) {
    enum aiodns_outcome outcome;
    setup_stale(state);
    know("host.test", AIODNS_TYPE_A, outcomes[i], AIODNS_RECORD_STALE);
    assert_true(from_cache("host.test.", AF_INET, &outcome));
    assert_int_equal(outcome, AIODNS_FAILED);
    forget_answers();
    begin("host.test.", AF_INET);
    assert_true(lookup.ended);
    assert_int_equal(lookup.outcome, AIODNS_FAILED);
    finish();
  }
}

/* What one server has just said of the name counts for the type that was given again, too. */
static void no_such_name_comes_before_what_was_given(void **state)
{
  (void)state;
  know("host.test", AIODNS_TYPE_A, AIODNS_ANSWER, AIODNS_RECORD_STALE);
  begin("host.test.", AF_UNSPEC);
  assert_int_equal(opened, 1);
  reply_to_family(1, 3, false);
  assert_true(lookup.ended);
  assert_int_equal(lookup.outcome, AIODNS_NO_NAME);
  finish();
}

/* With random letters, so that NXDOMAIN is doubted: the probe goes to the server that said so. */
static void no_such_name_beside_what_was_given_is_probed(void **state)
{
  static const enum aiodns_outcome outcomes[] = {AIODNS_ANSWER, AIODNS_NO_NAME};
  for (unsigned i = 0; i < 2; i++) {
    setup_stale(state);
    conf.letters = AIODNS_LETTERS_ON;
    know("host.test", AIODNS_TYPE_A, outcomes[i], AIODNS_RECORD_STALE);
    begin("host.test.", AF_UNSPEC);
    reply_to_family(1, 3, false);
    assert_false(lookup.ended);
    assert_true(lookup.probing);
    assert_int_equal(lookup.candidate_server, 0); /* whoever has said so */
    reply_to_family(0, 3, false);
    assert_true(lookup.ended);
    assert_int_equal(lookup.outcome, AIODNS_NO_NAME);
    assert_int_equal(kept, 2); /* of both types: nothing of before is left */
    assert_int_equal(last_kept.flags, 0);
    finish();
  }
}

/* While a probe is out nothing is given: that the name does not exist stands, unless a server contradicts. */
static void silence_of_a_probe_gives_nothing(void **state)
{
  (void)state;
  conf.letters = AIODNS_LETTERS_ON;
  know_lapsed("host.test", AIODNS_TYPE_A, AIODNS_ANSWER);
  begin("host.test.", AF_INET);
  reply_to_family(0, 3, false);
  assert_true(lookup.probing);
  wait_out();
  assert_int_equal(lookup.outcome, AIODNS_NO_NAME);
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
      cmocka_unit_test_setup(pauses_of_those_who_can_be_woken, setup),
      cmocka_unit_test_setup(pauses_of_those_who_cannot, setup),
      cmocka_unit_test_setup(early_end_of_a_pause_is_a_look, setup),
      cmocka_unit_test_setup(who_is_woken_finds_the_answer, setup),
      cmocka_unit_test_setup(who_is_woken_without_an_answer_succeeds, setup),
      cmocka_unit_test_setup(who_is_woken_for_nothing_waits_on, setup),
      cmocka_unit_test_setup(family_behind_a_wait_is_claimed_at_its_end, setup),
      cmocka_unit_test_setup(flight_without_an_answer_is_succeeded, setup),
      cmocka_unit_test_setup(flight_that_never_ends_is_waited_for_half_a_second, setup),
      cmocka_unit_test_setup(wait_is_a_quarter_of_a_short_deadline, setup),
      cmocka_unit_test_setup(wait_is_bounded_over_all_candidates, setup),
      cmocka_unit_test_setup(each_family_waits_for_its_own_flight, setup),
      cmocka_unit_test_setup(one_family_asks_while_the_other_waits, setup),
      cmocka_unit_test_setup(answer_before_the_claim_is_not_asked_for, setup),
      cmocka_unit_test_setup(claims_are_given_back_with_each_candidate, setup),
      cmocka_unit_test_setup(silence_is_waited_for_until_the_timer, setup_stale),
      cmocka_unit_test_setup(off_means_off, setup_stale),
      cmocka_unit_test_setup(without_an_answer_the_deadline_counts, setup_stale),
      cmocka_unit_test_setup(errors_of_servers_are_not_waited_for, setup_stale),
      cmocka_unit_test_setup(what_a_server_says_is_the_answer, setup_stale),
      cmocka_unit_test_setup(a_family_that_fails_is_beside_one_that_was_answered, setup_stale),
      cmocka_unit_test_setup(no_such_name_is_for_both_families, setup_stale),
      cmocka_unit_test_setup(no_data_is_given_beside_an_answer, setup_stale),
      cmocka_unit_test_setup(failure_in_the_cache_hides_nothing, setup_stale),
      cmocka_unit_test_setup(what_only_this_process_suffers, setup_stale),
      cmocka_unit_test_setup(search_list_goes_on_behind_what_did_not_exist, setup_stale),
      cmocka_unit_test_setup(what_was_negative_is_a_failure, setup_stale),
      cmocka_unit_test_setup(no_such_name_comes_before_what_was_given, setup_stale),
      cmocka_unit_test_setup(no_such_name_beside_what_was_given_is_probed, setup_stale),
      cmocka_unit_test_setup(silence_of_a_probe_gives_nothing, setup_stale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
