/* Which record takes whose place, and that the last one stored is the one that is read. */
#include "cachefile.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static int finish(void **state)
{
  (void)state;
  cachefile_done();
  return 0;
}

static void must_store(const struct said *said, uint64_t now_ns, uint64_t life_ns)
{
  assert_in_range(said_store(said, now_ns, life_ns), AIODNS_CACHE_STORED, AIODNS_CACHE_STORED_EVICTING);
}

/* ---- One question ---- */

static struct said stale_of(struct said said)
{
  said.flags |= AIODNS_RECORD_STALE;
  return said;
}

static struct said answer_of(uint16_t addresses, uint32_t salt)
{
  return (struct said){.text = "www.example",
                       .type = AIODNS_TYPE_A,
                       .outcome = AIODNS_ANSWER,
                       .addresses = addresses,
                       .salt = salt};
}

static void the_older_record_never_comes_back(void **state)
{
  static const uint16_t addresses[] = {1, 200, 2, 150, 3, 3, 199, 198, 1};
  (void)state;
  cachefile_begin(2, 2);
  for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
    struct said said = answer_of(addresses[i], i + 1);
    uint64_t now = START + i * SECOND;
    /* Each lives for a shorter time than all before it. */
    must_store(&said, now, SECOND * (100 - 10 * i));
    assert_true(said_holds(&said, now));
    assert_true(said_holds(&said, now + SECOND * (100 - 10 * i) - 1));
    for (unsigned s = 100 - 10 * i; s < 120; s++)
      assert_false(said_holds(&said, now + s * SECOND));
  }
}

/* Two processes that store at the same moment may each take a slot of the set. */
static void a_second_record_of_a_question_goes_too(void **state)
{
  struct said old = answer_of(1, 1), new = answer_of(2, 2);
  uint64_t buf[AIODNS_CACHE_SMALL / sizeof(uint64_t)];
  struct aiodns_slot *slot = (void *)buf;
  (void)state;
  for (uint32_t way = 0; way < AIODNS_CACHE_WAYS; way++) {
    cachefile_begin(2, 2);
    must_store(&old, START, 100 * SECOND);
    uint32_t number = (uint32_t)said_slot(&old), twin = number / AIODNS_CACHE_WAYS * AIODNS_CACHE_WAYS + way;
    memcpy(slot, cachefile_slot(number), AIODNS_CACHE_SMALL);
    slot->checksum = aiodns_cache_checksum(&cache, twin, slot);
    cachefile_put(twin, 0, slot, AIODNS_CACHE_SMALL);
    must_store(&new, START + SECOND, SECOND);
    assert_true(said_holds(&new, START + SECOND));
    assert_false(said_holds(&new, START + 2 * SECOND));
  }
}

static void no_two_records_of_a_slot_have_the_same_time(void **state)
{
  struct said said = answer_of(1, 0);
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  (void)state;
  cachefile_begin(2, 2);
  for (unsigned i = 0; i < 10; i++) {
    said.salt = i;
    must_store(&said, START, SECOND);
    assert_true(said_read(&said, said.text, START + 100, &answer, &facts));
    assert_true(said_is(&said, said.text, &answer));
    assert_int_equal(facts.stored_ns, START + i);
    assert_int_equal(facts.expires_ns, START + i + SECOND);
    aiodns_answer_done(&answer);
  }
}

/* A time that no clock of this boot has shown yet is damage, and in nobody's way. */
static void a_slot_from_the_future_is_free(void **state)
{
  struct said said = answer_of(1, 1);
  (void)state;
  cachefile_begin(2, 2);
  must_store(&said, START + 5 * SECOND, 100 * SECOND);
  must_store(&said, START, SECOND);
  assert_true(said_holds(&said, START));
  assert_false(said_holds(&said, START + 5 * SECOND));
}

/* ---- Which goes first ---- */

/* Questions of one set: the first of two. */
static struct said crowd(unsigned which)
{
  static char texts[200][32];
  static unsigned made, tried;
  struct aiodns_name name;
  struct aiodns_question question;
  assert_true(which < 200);
  while (made <= which) {
    struct said said = {.text = texts[made], .type = AIODNS_TYPE_A};
    snprintf(texts[made], sizeof texts[made], "h%u.example", tried++);
    said_question(&said, &name, &question);
    if (aiodns_cache_set(&cache, aiodns_cache_hash(&cache, &question), false) == 0)
      made++;
  }
  return (struct said){
      .text = texts[which], .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER, .addresses = 1, .salt = which};
}

static bool crowd_holds(unsigned which, uint64_t now_ns)
{
  struct said said = crowd(which);
  return said_holds(&said, now_ns);
}

static void crowd_store(unsigned which, uint64_t now_ns, uint64_t life_ns)
{
  struct said said = crowd(which);
  must_store(&said, now_ns, life_ns);
  assert_true(crowd_holds(which, now_ns));
}

/* Eight records, a second apart; the time after the last. */
static uint64_t fill(void)
{
  cachefile_begin(2, 2);
  for (unsigned i = 0; i < AIODNS_CACHE_WAYS; i++)
    crowd_store(i, START + i * SECOND, 1000 * SECOND);
  uint64_t now = START + AIODNS_CACHE_WAYS * SECOND;
  for (unsigned i = 0; i < AIODNS_CACHE_WAYS; i++)
    assert_true(crowd_holds(i, now));
  return now;
}

static void what_has_expired_goes_first(void **state)
{
  (void)state;
  uint64_t now = fill();
  crowd_store(5, now, SECOND); /* the youngest, and it had been there before */
  crowd_store(8, now + SECOND, 1000 * SECOND);
  for (unsigned i = 0; i < 9; i++)
    assert_int_equal(crowd_holds(i, now + SECOND), i != 5);
}

static void then_the_oldest(void **state)
{
  (void)state;
  uint64_t now = fill();
  for (unsigned gone = 0; gone < 50; gone++, now += SECOND) {
    crowd_store(gone + 8, now, 1000 * SECOND);
    for (unsigned i = 0; i < gone + 9; i++)
      assert_int_equal(crowd_holds(i, now), i > gone);
  }
}

static void what_comes_back_is_wanted_and_stays_longer(void **state)
{
  (void)state;
  uint64_t now = fill();
  crowd_store(8, now += SECOND, 1000 * SECOND);
  assert_false(crowd_holds(0, now));
  crowd_store(0, now += SECOND, 1000 * SECOND);
  assert_false(crowd_holds(1, now));
  unsigned next = 9;
  for (; next < 9 + 40; next++) {
    crowd_store(next, now += SECOND, 1000 * SECOND);
    assert_true(crowd_holds(0, now));
    assert_true(crowd_holds(next - 6, now)); /* of eight places seven go round */
  }
  /* Not for ever. */
  for (; next < 9 + 70; next++)
    crowd_store(next, now += SECOND, 1000 * SECOND);
  assert_false(crowd_holds(0, now));
}

static void what_is_stored_again_after_its_time_is_wanted(void **state)
{
  (void)state;
  uint64_t now = fill();
  crowd_store(3, now, SECOND);
  crowd_store(3, now += SECOND, 1000 * SECOND);
  for (unsigned next = 8; next < 8 + 40; next++) {
    crowd_store(next, now += SECOND, 1000 * SECOND);
    assert_true(crowd_holds(3, now));
  }
}

static void what_had_to_go_is_told(void **state)
{
  struct said said = crowd(8);
  (void)state;
  uint64_t now = fill();
  for (unsigned i = 0; i < AIODNS_CACHE_WAYS; i++) {
    struct said same = crowd(i);
    same.salt = 77;
    assert_int_equal(said_store(&same, now + i, SECOND * (1 + i)), AIODNS_CACHE_STORED);
  }
  assert_int_equal(said_store(&said, now + SECOND / 2, 100 * SECOND), AIODNS_CACHE_STORED_EVICTING);
  said = crowd(9);
  assert_int_equal(said_store(&said, now + 5 * SECOND, 100 * SECOND), AIODNS_CACHE_STORED);
}

/* Where nothing is lost by it, readers find it at the first look. */
static void the_slot_that_is_looked_at_first_is_taken_first(void **state)
{
  (void)state;
  fill();
  for (unsigned i = 0; i < AIODNS_CACHE_WAYS; i++) {
    struct said said = crowd(i);
    uint32_t number = (uint32_t)said_slot(&said);
    const struct aiodns_slot *slot = cachefile_slot(number);
    uint32_t way = aiodns_cache_way(slot->hash), set = number - number % AIODNS_CACHE_WAYS;
    /* All on the way there were taken before. */
    for (; set + way != number; way = (way + 1) % AIODNS_CACHE_WAYS) {
      const struct aiodns_slot *other = cachefile_slot(set + way);
      assert_true(other->stored_ns < slot->stored_ns);
    }
  }
}

/* ---- Failures ---- */

static const struct said failure = {.text = "www.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_FAILED};

static uint64_t failure_ends(uint64_t now_ns, uint64_t life_ns)
{
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  must_store(&failure, now_ns, life_ns);
  assert_true(said_read(&failure, failure.text, now_ns, &answer, &facts));
  aiodns_answer_done(&answer);
  assert_int_equal(facts.stored_ns, now_ns);
  return facts.expires_ns;
}

static void a_failure_that_comes_again_stays_for_longer(void **state)
{
  (void)state;
  cachefile_begin(2, 2);
  uint64_t now = START;
  assert_int_equal(failure_ends(now, SECOND), now + SECOND);
  now += SECOND / 2; /* the last one is still valid */
  assert_int_equal(failure_ends(now, SECOND), now + 2 * SECOND);
  now += 2 * SECOND + 10 * SECOND - 1; /* it ended just less than 10 s ago */
  assert_int_equal(failure_ends(now, SECOND), now + 4 * SECOND);
  now += 4 * SECOND;
  assert_int_equal(failure_ends(now, SECOND), now + 5 * SECOND);
  now += 5 * SECOND;
  assert_int_equal(failure_ends(now, SECOND), now + 5 * SECOND);
  now += 5 * SECOND + 10 * SECOND; /* long ago */
  assert_int_equal(failure_ends(now, SECOND), now + SECOND);
  now += SECOND;
  assert_int_equal(failure_ends(now, 3 * SECOND), now + 3 * SECOND); /* more than twice as long by itself */
  now += 3 * SECOND;
  assert_int_equal(failure_ends(now, 60 * SECOND), now + 5 * SECOND);
}

static void only_the_same_failure_makes_it_longer(void **state)
{
  struct said other = failure;
  (void)state;
  cachefile_begin(2, 2);
  for (int i = 0; i < 4; i++) {
    other = failure;
    if (i == 0)
      other.text = "ww.example";
    else if (i == 1)
      other.type = AIODNS_TYPE_AAAA;
    else if (i == 2)
      other.view = 1;
    else
      other.outcome = AIODNS_NO_DATA; /* the same question, another answer */
    uint64_t now = START + (uint64_t)i * 100 * SECOND;
    must_store(&other, now, SECOND);
    assert_int_equal(failure_ends(now + 1, SECOND), now + 1 + SECOND);
  }
}

/* ---- What cannot be written, and what is emptied ---- */

static void a_record_that_is_cut_is_told(void **state)
{
  struct said said = answer_of(20, 1);
  struct rlimit was, cut;
  (void)state;
  cachefile_begin(2, 2);
  must_store(&said, START, SECOND);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  cut = was;
  cut.rlim_cur = (rlim_t)aiodns_cache_offset(&cache, (uint32_t)said_slot(&said)) + 80;
  said.salt = 2;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &cut), 0);
  errno = 0;
  enum aiodns_cache_stored stored = said_store(&said, START + 1, SECOND);
  int error = errno;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  assert_int_equal(stored, AIODNS_CACHE_NOT_WRITTEN);
  assert_int_equal(error, ENOSPC);
  assert_false(said_holds(&said, START + 1));
}

static void an_emptied_slot_keeps_nothing(void **state)
{
  static const uint8_t nothing[AIODNS_CACHE_LARGE];
  (void)state;
  cachefile_begin(64, 64);
  for (unsigned i = 0; i < SAID_SAMPLES; i++)
    must_store(&said_samples[i], START, SECOND);
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    uint32_t number = (uint32_t)said_slot(&said_samples[i]);
    assert_true(said_holds(&said_samples[i], START));
    assert_true(aiodns_cache_erase(&cache, cache_fd, number));
    assert_memory_equal(cachefile_slot(number), nothing, aiodns_cache_slot_size(&cache, number));
    for (unsigned other = 0; other < SAID_SAMPLES; other++)
      assert_int_equal(said_holds(&said_samples[other], START), other > i);
  }
  errno = 0;
  assert_false(aiodns_cache_erase(&cache, -1, 0));
  assert_int_equal(errno, EBADF);
  must_store(&said_samples[0], START, SECOND);
  assert_true(said_holds(&said_samples[0], START));
}

/* ---- Against a model ---- */

enum { QUESTIONS = 60, STEPS = 30000 };

struct memory {
  struct said said;
  uint64_t stored_ns, expires_ns; /* 0: never stored */
};

static struct said random_said(unsigned which)
{
  static const uint8_t outcomes[] = {AIODNS_ANSWER,  AIODNS_ANSWER,  AIODNS_ANSWER,
                                     AIODNS_NO_NAME, AIODNS_NO_DATA, AIODNS_FAILED};
  static const uint16_t types[] = {AIODNS_TYPE_A, AIODNS_TYPE_AAAA, AIODNS_TYPE_PTR};
  static char texts[QUESTIONS / 6][32];
  struct said said = {.text = texts[which / 6],
                      .type = types[which % 3],
                      .view = which / 3 % 2,
                      .outcome = outcomes[unit_random(6)],
                      .flags = (uint8_t)unit_random(2),
                      .salt = unit_random(1u << 31)};
  snprintf(texts[which / 6], sizeof texts[0], "q%u.example", which / 6);
  if (said.outcome != AIODNS_ANSWER)
    return said;
  said.names = (uint8_t)(unit_random(4) ? unit_random(3) : unit_random(20));
  if (said.type != AIODNS_TYPE_PTR)
    said.addresses = (uint16_t)(1 + (unit_random(4) ? unit_random(5) : unit_random(200)));
  else if (said.names == 0)
    said.names = 1;
  said.canonical = said.names ? (uint8_t)(1 + unit_random(said.names)) : 0;
  return said;
}

/* How long a failure that has just been stored lives: twice as long as the last one, unless that was driven
 * out. */
static uint64_t failed_life(const struct memory *last, const struct said *said, uint64_t now_ns,
                            uint64_t life_ns, bool room)
{
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  uint64_t once = life_ns < 5 * SECOND ? life_ns : 5 * SECOND, again = once;
  if (last && now_ns < last->expires_ns + 10 * SECOND) {
    again = 2 * (last->expires_ns - last->stored_ns);
    again = again < once ? once : again < 5 * SECOND ? again : 5 * SECOND;
  }
  assert_true(said_read(said, said->text, now_ns, &answer, &facts));
  aiodns_answer_done(&answer);
  uint64_t life = facts.expires_ns - facts.stored_ns;
  assert_true(life == again || (!room && life == once));
  return life;
}

/* With `room` for all a record that is alive must be there. */
static void as_the_model_says(bool room)
{
  static struct memory model[QUESTIONS];
  uint64_t now = START;
  unsigned hits = 0, misses = 0;
  memset(model, 0, sizeof model);
  for (unsigned step = 0; step < STEPS; step++) {
    unsigned which = unit_random(QUESTIONS);
    struct memory *memory = &model[which];
    now += 1 + (unit_random(50) ? unit_random(100000000) : 0);
    if (unit_random(3) == 0) {
      uint64_t life = 1 + (uint64_t)unit_random(20) * unit_random(1000000000);
      struct said last = memory->said;
      memory->said = random_said(which);
      must_store(&memory->said, now, life);
      if (memory->said.outcome == AIODNS_FAILED)
        life = failed_life(last.outcome == AIODNS_FAILED ? memory : NULL, &memory->said, now, life, room);
      memory->stored_ns = now;
      memory->expires_ns = now + life;
    }
    struct said asked = memory->expires_ns ? memory->said : random_said(which);
    struct aiodns_answer answer;
    struct aiodns_record_facts facts;
    bool alive = now < memory->expires_ns, found = said_read(&asked, asked.text, now, &answer, &facts);
    assert_true(alive || !found);
    assert_true(found || !alive || !room);
    if (found) {
      assert_true(said_is(&asked, asked.text, &answer));
      assert_int_equal(facts.flags, asked.flags);
      assert_int_equal(facts.stored_ns, memory->stored_ns);
      assert_int_equal(facts.expires_ns, memory->expires_ns);
      assert_int_equal(answer.ttl_s, (memory->expires_ns - now + SECOND - 1) / SECOND);
    }
    aiodns_answer_done(&answer);
    hits += found;
    misses += alive && !found;
  }
  print_message("%u hits, %u driven out\n", hits, misses);
  assert_true(hits > STEPS / 20);
  assert_true(room || misses > STEPS / 100);
}

static void with_room_all_is_there(void **state)
{
  (void)state;
  cachefile_begin(64, 64);
  as_the_model_says(true);
}

static void without_room_all_that_is_there_is_right(void **state)
{
  (void)state;
  cachefile_begin(2, 1);
  as_the_model_says(false);
}

/* ---- What was given beyond its time ---- */

static const struct aiodns_slot *head_of(const struct said *said)
{
  static struct aiodns_slot head;
  memcpy(&head, cachefile_slot((uint32_t)said_slot(said)), sizeof head);
  return &head;
}

static void what_was_given_keeps_its_expiry(void **state)
{
  static const uint16_t addresses[] = {1, 200};
  (void)state;
  for (unsigned i = 0; i < 2; i++) {
    cachefile_begin(2, 2);
    struct said said = answer_of(addresses[i], 1), stale = stale_of(said);
    must_store(&said, START, SECOND);
    uint32_t number = (uint32_t)said_slot(&said);
    for (uint64_t now = START + 2 * SECOND; now < START + 200 * SECOND; now += 33 * SECOND) {
      must_store(&stale, now, now - START - SECOND);
      const struct aiodns_slot *head = head_of(&said);
      assert_int_equal(said_slot(&said), number);
      assert_int_equal(head->flags, AIODNS_RECORD_STALE);
      assert_int_equal(head->stored_ns, now);
      assert_int_equal(head->expires_ns, START + SECOND);
    }
    must_store(&said, START + 300 * SECOND, SECOND);
    assert_int_equal(head_of(&said)->flags, 0);
    assert_true(said_holds(&said, START + 300 * SECOND));
  }
}

/* Two that store within one nanosecond: the later time of storing changes nothing of the expiry. */
static void what_was_given_twice_at_once_keeps_its_expiry(void **state)
{
  struct said said = answer_of(1, 1), stale = stale_of(said);
  (void)state;
  cachefile_begin(2, 2);
  must_store(&said, START, SECOND);
  for (unsigned i = 0; i < 3; i++) {
    must_store(&stale, START + 2 * SECOND, SECOND);
    assert_int_equal(head_of(&said)->stored_ns, START + 2 * SECOND + i);
    assert_int_equal(head_of(&said)->expires_ns, START + SECOND);
  }
}

/* A full set: what was given holds its place for 30 s as what is valid does, then it goes before that. */
static void what_was_given_goes_when_its_half_minute_is_over(void **state)
{
  static char names[AIODNS_CACHE_WAYS + 2][32];
  (void)state;
  for (unsigned late_s = 0; late_s < 60; late_s += 29) {
    struct said said[AIODNS_CACHE_WAYS + 2];
    unsigned count = 0;
    uint32_t set = 0;
    cachefile_begin(2, 2);
    for (unsigned i = 0; count < AIODNS_CACHE_WAYS + 2; i++) {
      struct aiodns_name name;
      struct aiodns_question question;
      said[count] = answer_of(1, count + 1);
      snprintf(names[count], sizeof names[count], "n%u.example", i);
      said[count].text = names[count];
      said_question(&said[count], &name, &question);
      uint32_t first = aiodns_cache_set(&cache, aiodns_cache_hash(&cache, &question), false);
      if (count == 0)
        set = first;
      count += first == set;
    }
    must_store(&said[0], START, SECOND);
    for (unsigned i = 1; i < AIODNS_CACHE_WAYS; i++)
      must_store(&said[i], START, 1000 * SECOND);
    struct said stale = stale_of(said[0]);
    must_store(&stale, START + 10 * SECOND, 9 * SECOND);
    bool over = late_s >= 30;
    assert_int_equal(
        said_store(&said[AIODNS_CACHE_WAYS], START + (10 + (uint64_t)late_s) * SECOND, 1000 * SECOND),
        over ? AIODNS_CACHE_STORED : AIODNS_CACHE_STORED_EVICTING);
    assert_int_equal(said_slot(&said[0]) < 0, over);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(the_older_record_never_comes_back, finish),
      cmocka_unit_test_teardown(a_second_record_of_a_question_goes_too, finish),
      cmocka_unit_test_teardown(no_two_records_of_a_slot_have_the_same_time, finish),
      cmocka_unit_test_teardown(a_slot_from_the_future_is_free, finish),
      cmocka_unit_test_teardown(what_has_expired_goes_first, finish),
      cmocka_unit_test_teardown(then_the_oldest, finish),
      cmocka_unit_test_teardown(what_comes_back_is_wanted_and_stays_longer, finish),
      cmocka_unit_test_teardown(what_is_stored_again_after_its_time_is_wanted, finish),
      cmocka_unit_test_teardown(what_had_to_go_is_told, finish),
      cmocka_unit_test_teardown(the_slot_that_is_looked_at_first_is_taken_first, finish),
      cmocka_unit_test_teardown(a_failure_that_comes_again_stays_for_longer, finish),
      cmocka_unit_test_teardown(only_the_same_failure_makes_it_longer, finish),
      cmocka_unit_test_teardown(a_record_that_is_cut_is_told, finish),
      cmocka_unit_test_teardown(an_emptied_slot_keeps_nothing, finish),
      cmocka_unit_test_teardown(what_was_given_keeps_its_expiry, finish),
      cmocka_unit_test_teardown(what_was_given_twice_at_once_keeps_its_expiry, finish),
      cmocka_unit_test_teardown(what_was_given_goes_when_its_half_minute_is_over, finish),
      cmocka_unit_test_teardown(with_room_all_is_there, finish),
      cmocka_unit_test_teardown(without_room_all_that_is_there_is_right, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
