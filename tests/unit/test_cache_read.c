/* What a lookup is told: one name, two types, of which each record counts or does not. */
#include "alloc.h"
#include "cachefile.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int begin(void **state)
{
  (void)state;
  cachefile_begin(16, 16);
  return 0;
}

static int finish(void **state)
{
  (void)state;
  alloc_fail_after(-1);
  cachefile_done();
  return 0;
}

static const struct said four = {.text = "www.example",
                                 .type = AIODNS_TYPE_A,
                                 .outcome = AIODNS_ANSWER,
                                 .addresses = 3,
                                 .salt = 4},
                         six = {.text = "www.example",
                                .type = AIODNS_TYPE_AAAA,
                                .outcome = AIODNS_ANSWER,
                                .addresses = 2,
                                .salt = 6},
                         no_six = {
                             .text = "www.example", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_NO_DATA};

static void must_store(const struct said *said, uint64_t now_ns, uint64_t life_ns)
{
  assert_int_equal(said_store(said, now_ns, life_ns), AIODNS_CACHE_STORED);
}

/* ---- Both families ---- */

static struct aiodns_answer answer[2];
static struct aiodns_record_facts facts[2];

/* Both, or one of them; the caller is done with the answers. */
static unsigned read_both(uint64_t now_ns, uint8_t wanted)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  said_wish(&four, four.text, now_ns, &name, &wish);
  wish.type[1] = AIODNS_TYPE_AAAA;
  wish.wanted = wanted;
  memset(facts, 0x55, sizeof facts);
  aiodns_answer_init(&answer[0], 4);
  aiodns_answer_init(&answer[1], 16);
  return aiodns_cache_read(&cache, &wish, answer, facts);
}

static void both_done(void)
{
  aiodns_answer_done(&answer[0]);
  aiodns_answer_done(&answer[1]);
}

static void each_type_is_found_or_not(void **state)
{
  (void)state;
  for (unsigned stored = 0; stored < 4; stored++)
    for (uint8_t wanted = 0; wanted < 4; wanted++) {
      cachefile_begin(16, 16);
      if (stored & 1)
        must_store(&four, START, SECOND);
      if (stored & 2)
        must_store(wanted & 1 ? &six : &no_six, START, SECOND);
      assert_int_equal(read_both(START, wanted), stored & wanted);
      for (unsigned i = 0; i < 2; i++)
        if (stored & wanted & 1u << i) {
          assert_true(said_is(i ? wanted & 1 ? &six : &no_six : &four, four.text, &answer[i]));
          assert_int_equal(facts[i].stored_ns, START);
          assert_false(facts[i].expired);
        } else {
          assert_int_equal(answer[i].outcome, AIODNS_PENDING);
          assert_int_equal(facts[i].stored_ns, wanted & 1u << i ? 0 : 0x5555555555555555);
        }
      both_done();
    }
}

static void what_has_expired_is_told(void **state)
{
  (void)state;
  must_store(&four, START, SECOND);
  assert_int_equal(read_both(START + SECOND - 1, 3), 1);
  assert_false(facts[0].expired || facts[1].expired);
  both_done();
  assert_int_equal(read_both(START + SECOND, 3), 0);
  assert_true(facts[0].expired);
  assert_int_equal(facts[0].stored_ns + facts[0].expires_ns, 0);
  assert_false(facts[1].expired);
  assert_int_equal(answer[0].outcome, AIODNS_PENDING);
  both_done();
  must_store(&six, START + SECOND, SECOND);
  assert_int_equal(read_both(START + SECOND, 3), 2);
  assert_true(facts[0].expired);
  assert_false(facts[1].expired);
  both_done();
  /* One from the future is no record, not even an expired one. */
  assert_int_equal(read_both(START - AIODNS_CACHE_TICK_NS - 1, 3), 0);
  assert_false(facts[0].expired || facts[1].expired);
  both_done();
}

/* ---- TTL 0 ---- */

static bool waiting_finds(const struct said *said, uint64_t began_ns, uint64_t now_ns)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  struct aiodns_answer found;
  struct aiodns_record_facts of;
  said_wish(said, said->text, now_ns, &name, &wish);
  wish.began_ns = began_ns;
  bool finds = said_read_wish(&wish, &found, &of);
  if (finds) {
    assert_true(said_is(said, said->text, &found));
    assert_int_equal(found.ttl_s, 0);
    assert_int_equal(of.flags, said->flags | AIODNS_RECORD_ONCE);
    assert_int_equal(of.stored_ns, START);
  } else {
    assert_int_equal(of.expired, now_ns >= START);
  }
  aiodns_answer_done(&found);
  return finds;
}

static void ttl_0_is_for_those_who_wait(void **state)
{
  struct said aliased = four;
  const struct said *const said[] = {&four, &no_six, &aliased};
  (void)state;
  aliased.text = "alias.example", aliased.flags = AIODNS_RECORD_ALIASED, aliased.names = 1;
  aliased.canonical = 1;
  for (int i = 0; i < 3; i++) {
    must_store(said[i], START, 0);
    assert_true(waiting_finds(said[i], 0, START));
    assert_true(waiting_finds(said[i], START - SECOND, START + SECOND - 1));
    assert_false(waiting_finds(said[i], START, START));
    assert_false(waiting_finds(said[i], START + 1, START + 1));
    assert_false(waiting_finds(said[i], START + 1, START + 2));
    assert_false(waiting_finds(said[i], START - SECOND, START + SECOND));
    assert_false(waiting_finds(said[i], 0, START - AIODNS_CACHE_TICK_NS - 1));
  }
}

/* A reader's clock may be a tick behind the writer's: the record has its whole life then, and not more. */
static void a_clock_that_is_behind_adds_nothing(void **state)
{
  (void)state;
  must_store(&four, START, 300 * SECOND);
  assert_int_equal(read_both(START - AIODNS_CACHE_TICK_NS, 1), 1);
  assert_int_equal(answer[0].ttl_s, 300);
  both_done();
}

/* A record that stays asks nobody when they began. */
static void other_ttls_are_for_all(void **state)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  struct aiodns_answer found;
  struct aiodns_record_facts of;
  struct said flagged = four;
  (void)state;
  flagged.flags = AIODNS_RECORD_ONCE; /* not the caller's to say */
  must_store(&flagged, START, 2 * SECOND);
  said_wish(&four, four.text, START + 1, &name, &wish);
  for (wish.began_ns = START - 1; wish.began_ns <= START + 1; wish.began_ns++) {
    assert_true(said_read_wish(&wish, &found, &of));
    assert_int_equal(found.ttl_s, 2);
    assert_int_equal(of.flags, 0);
    aiodns_answer_done(&found);
  }
}

/* ---- Beyond their time ---- */

enum { LIMIT_S = 100 };

static struct aiodns_answer late;
static struct aiodns_record_facts late_facts;

/* What a lookup is told that may give what expired so long ago; `expired`: whose servers have failed. */
static bool read_late(const struct said *said, uint64_t now_ns, uint64_t stale_s, bool expired)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  said_wish(said, said->text, now_ns, &name, &wish);
  wish.stale_ns = stale_s * SECOND;
  wish.expired = expired;
  bool found = said_read_wish(&wish, &late, &late_facts);
  if (found)
    assert_true(said_is(said, said->text, &late));
  aiodns_answer_done(&late); /* its numbers stay */
  return found;
}

/* By one that asks only for what is valid; and it is told the same of what has expired then, or nothing. */
static bool is_told(const struct said *said, uint64_t now_ns, uint64_t stale_s)
{
  assert_false(read_late(said, now_ns, stale_s, false));
  assert_true(late_facts.expired);
  if (!late_facts.lapsed) {
    assert_int_equal(late_facts.lapsed_ns, 0);
    return false;
  }
  assert_int_equal(late_facts.lapsed, said->outcome);
  return true;
}

static void what_has_expired_is_given_until_the_limit(void **state)
{
  static const struct said none = {.text = "none.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_NAME},
                           large = {.text = "b.example",
                                    .type = AIODNS_TYPE_AAAA,
                                    .outcome = AIODNS_ANSWER,
                                    .addresses = 200,
                                    .salt = 5};
  const struct said *const said[] = {&four, &no_six, &none, &large};
  const uint64_t end = START + SECOND;
  (void)state;
  for (int i = 0; i < 4; i++) {
    must_store(said[i], START, SECOND);
    assert_true(read_late(said[i], end - 1, LIMIT_S, true));
    assert_int_equal(late_facts.flags, 0);
    assert_int_equal(late_facts.lapsed_ns, 0);
    assert_int_equal(late.ttl_s, 1);
    const uint64_t ages[] = {0, 1, SECOND, 70 * SECOND - 1, 70 * SECOND, 99 * SECOND, LIMIT_S * SECOND - 1};
    for (unsigned k = 0; k < sizeof ages / sizeof ages[0]; k++) {
      uint64_t now = end + ages[k], left = LIMIT_S * SECOND - ages[k];
      assert_true(is_told(said[i], now, LIMIT_S));
      assert_int_equal(late_facts.lapsed_ns, end);
      assert_true(read_late(said[i], now, LIMIT_S, true));
      assert_int_equal(late_facts.flags, AIODNS_RECORD_STALE);
      assert_false(late_facts.expired);
      assert_int_equal(late_facts.lapsed, 0);
      assert_int_equal(late_facts.lapsed_ns, end);
      assert_int_equal(late_facts.expires_ns, now + (left < 30 * SECOND ? left : 30 * SECOND));
      assert_int_equal(late.ttl_s, left < 30 * SECOND ? (left + SECOND - 1) / SECOND : 30);
    }
    assert_false(read_late(said[i], end + LIMIT_S * SECOND, LIMIT_S, true));
    assert_false(is_told(said[i], end + LIMIT_S * SECOND, LIMIT_S));
  }
}

static void nothing_that_has_expired_is_given_where_that_is_off(void **state)
{
  (void)state;
  must_store(&four, START, SECOND);
  assert_false(read_late(&four, START + SECOND, 0, true));
  assert_false(is_told(&four, START + SECOND, 0));
}

static void failures_and_ttl_0_are_not_given_again(void **state)
{
  static const struct said failed = {
      .text = "failed.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_FAILED};
  (void)state;
  must_store(&failed, START, SECOND);
  assert_false(read_late(&failed, START + SECOND, LIMIT_S, true));
  assert_false(is_told(&failed, START + SECOND, LIMIT_S));
  must_store(&four, START, 0);
  for (uint64_t age = 0; age < 5; age++) {
    assert_false(read_late(&four, START + age * SECOND, LIMIT_S, true));
    assert_false(is_told(&four, START + age * SECOND, LIMIT_S));
  }
}

/* Stored at START, for a second; and again as stale. */
static void store_again(const struct said *said, uint64_t now_ns)
{
  struct said again = *said;
  again.flags |= AIODNS_RECORD_STALE;
  must_store(&again, now_ns, now_ns - (START + SECOND));
}

static void what_was_given_holds_for_half_a_minute(void **state)
{
  const uint64_t given = START + 10 * SECOND, end = given + 30 * SECOND;
  (void)state;
  must_store(&four, START, SECOND);
  store_again(&four, given);
  for (int expired = 0; expired < 2; expired++) {
    assert_true(read_late(&four, given, LIMIT_S, expired));
    assert_int_equal(late.ttl_s, 30);
    assert_int_equal(late_facts.flags, AIODNS_RECORD_STALE);
    assert_int_equal(late_facts.stored_ns, given);
    assert_int_equal(late_facts.expires_ns, end);
    assert_int_equal(late_facts.lapsed_ns, 0); /* it needs not be stored again */
    assert_true(read_late(&four, given - AIODNS_CACHE_TICK_NS, LIMIT_S, expired));
    assert_int_equal(late.ttl_s, 30);
    assert_true(read_late(&four, end - 1, LIMIT_S, expired));
    assert_int_equal(late.ttl_s, 1);
  }
  assert_true(is_told(&four, end, LIMIT_S));
  assert_true(read_late(&four, end, LIMIT_S, true));
  assert_int_equal(late.ttl_s, 30);
  assert_int_equal(late_facts.lapsed_ns, START + SECOND); /* as at first */
  assert_false(read_late(&four, given - AIODNS_CACHE_TICK_NS - 1, LIMIT_S, true));
}

static void what_was_given_ends_with_the_limit(void **state)
{
  const uint64_t given = START + 10 * SECOND, limit = START + SECOND + 20 * SECOND;
  (void)state;
  must_store(&four, START, SECOND);
  store_again(&four, given);
  assert_true(read_late(&four, given, 20, false));
  assert_int_equal(late.ttl_s, 11);
  assert_int_equal(late_facts.expires_ns, limit);
  assert_true(read_late(&four, limit - 1, 20, false));
  assert_false(read_late(&four, limit, 20, true));
  assert_false(is_told(&four, limit, 20));
}

static void what_was_given_is_expired_where_that_is_off(void **state)
{
  (void)state;
  must_store(&four, START, SECOND);
  store_again(&four, START + 10 * SECOND);
  assert_false(read_late(&four, START + 10 * SECOND, 0, true));
  assert_false(is_told(&four, START + 10 * SECOND, 0));
  assert_false(said_holds(&four, START + 10 * SECOND));
}

/* ---- Whose turn it is ---- */

static void must_begin_with(const struct said *said, uint32_t turn, unsigned first)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  struct aiodns_answer all, found;
  struct aiodns_record_facts of;
  size_t len = said->type == AIODNS_TYPE_A ? 4 : 16;
  said_wish(said, said->text, START + SECOND, &name, &wish);
  wish.turn = turn;
  said_answer(said, said->text, &all);
  assert_true(said_read_wish(&wish, &found, &of));
  assert_int_equal(found.address_count, said->addresses);
  assert_int_equal(found.addresses.len, said->addresses * len);
  for (unsigned i = 0; i < said->addresses; i++)
    assert_memory_equal(found.addresses.data + i * len,
                        all.addresses.data + (first + i) % said->addresses * len, len);
  assert_int_equal(found.name_count, all.name_count);
  aiodns_answer_done(&found);
  aiodns_answer_done(&all);
}

static void each_address_comes_first_in_turn(void **state)
{
  static const uint16_t counts[] = {1, 2, 3, 7, 8, 9, 31, 32, 33, 200};
  (void)state;
  for (unsigned i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
    struct said said = i % 2 ? six : four;
    said.addresses = counts[i / 2];
    said.salt = i;
    must_store(&said, START + i, 2 * SECOND);
    for (uint32_t turn = 0; turn < said.addresses; turn++)
      must_begin_with(&said, turn, turn);
    must_begin_with(&said, said.addresses, 0);
    must_begin_with(&said, UINT32_MAX, UINT32_MAX % said.addresses);
  }
}

/* ---- The name ---- */

/* Whatever octets it has, its text is the one that all answers have. */
static void the_name_is_as_in_all_answers(void **state)
{
  static const char octets[] = "aZ09-mN_.@`[/:;{\\\"$ ~\177\200\377";
  (void)state;
  for (unsigned round = 0; round < 20000; round++) {
    struct aiodns_name name = {.len = 0};
    struct aiodns_answer stored, found[2];
    struct aiodns_record_facts of[2];
    char text[AIODNS_NAME_TEXT_MAX];
    size_t len = 0, wanted = unit_random(3) ? unit_random(40) : unit_random(254);
    uint32_t kinds = unit_random(3) ? 7 : sizeof octets; /* mostly ordinary ones; the NUL is one of all */
    while (len + 2 < wanted) {
      size_t label = 1 + (unit_random(2) ? unit_random(5) : unit_random(63));
      if (label > wanted - len - 1)
        label = wanted - len - 1;
      name.wire[len++] = (uint8_t)label;
      for (; label > 0; label--)
        name.wire[len++] = (uint8_t)octets[unit_random(kinds)];
    }
    name.wire[len++] = 0;
    name.len = (uint8_t)len;
    struct aiodns_question question = {.name = &name, .type = AIODNS_TYPE_A};
    struct aiodns_cache_wish wish = {
        .name = &name, .now_ns = START + round, .type = {0, AIODNS_TYPE_A}, .wanted = 2};
    aiodns_answer_init(&stored, 4);
    stored.outcome = AIODNS_ANSWER;
    assert_true(aiodns_answer_add_address(&stored, "\1\2\3\4"));
    assert_in_range(aiodns_cache_store(&cache, cache_fd, &question, &stored, 0, wish.now_ns, SECOND),
                    AIODNS_CACHE_STORED, AIODNS_CACHE_STORED_EVICTING);
    aiodns_answer_init(&found[1], 4);
    assert_int_equal(aiodns_cache_read(&cache, &wish, found, of), 2);
    assert_int_equal(found[1].names.len, aiodns_name_to_text(&name, text) + 1);
    assert_int_equal(found[1].name_count, 1);
    assert_string_equal((const char *)found[1].names.data, text);
    aiodns_answer_done(&found[1]);
  }
}

/* ---- What goes wrong ---- */

static void memory_that_runs_out_is_told(void **state)
{
  struct said many = four;
  (void)state;
  many.addresses = 200, many.names = 20; /* more than an answer has room for inside */
  must_store(&many, START, SECOND);
  must_store(&six, START, SECOND);
  int live = alloc_live();
  for (int successes = 0; successes < 100; successes++) {
    alloc_fail_after(successes);
    unsigned found = read_both(START, 3);
    alloc_fail_after(-1);
    if (found == 3) {
      assert_in_range(successes, 2, 10);
      assert_true(said_is(&many, many.text, &answer[0]));
      both_done();
      break;
    }
    assert_int_equal(found, 2);
    assert_int_equal(answer[0].outcome, AIODNS_LOCAL);
    assert_int_equal(facts[0].stored_ns, 0);
    assert_false(facts[0].expired);
    assert_true(said_is(&six, six.text, &answer[1]));
    both_done();
  }
  assert_int_equal(alloc_live(), live);
}

/* Another thread may do so at any time, with a newer file; this one then knows the wrong key. */
static void of_a_file_mapped_over_this_one_nothing_is_found(void **state)
{
  const uint64_t key[2] = {5, 6};
  struct aiodns_cache_header header;
  size_t size = (size_t)aiodns_cache_size(16, 16);
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  (void)state;
  must_store(&four, START, SECOND);
  must_store(&six, START, SECOND);
  assert_int_equal(read_both(START, 3), 3);
  both_done();
  struct aiodns_cache old = cache;
  int old_fd = cache_fd;
  int fd = memfd_create("other", MFD_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, (off_t)size), 0);
  aiodns_cache_header_make(&header, 16, 16, key, cache_boot);
  assert_int_equal(pwrite(fd, &header, sizeof header, 0), sizeof header);
  assert_true(mmap((void *)(uintptr_t)old.base, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == old.base);
  /* Its own records, and those of the old file as they were. */
  assert_int_equal(aiodns_cache_attach(&cache, old.base, size, cache_boot), AIODNS_CACHE_GOOD);
  cache_fd = fd;
  must_store(&four, START, SECOND);
  must_store(&six, START, SECOND);
  assert_int_equal(read_both(START, 3), 3);
  both_done();
  cache = old;
  assert_int_equal(read_both(START, 3), 0);
  assert_false(facts[0].expired || facts[1].expired);
  both_done();
  for (uint32_t number = 0; number < aiodns_cache_slots(&cache); number++)
    assert_false(aiodns_cache_copy(&cache, number, buf));
  /* Even where the hash is the one that is looked for. */
  for (uint32_t number = 0; number < aiodns_cache_slots(&cache); number++) {
    struct aiodns_name name;
    struct aiodns_question question;
    said_question(&four, &name, &question);
    uint64_t hash = aiodns_cache_hash(&cache, &question);
    cachefile_put(number, offsetof(struct aiodns_slot, hash), &hash, sizeof hash);
  }
  assert_int_equal(read_both(START, 3), 0);
  both_done();
  close(old_fd);
}

/* ---- Looking into it ---- */

static void what_is_shown_is_what_was_stored(void **state)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  (void)state;
  unsigned seen = 0;
  cachefile_begin(64, 64);
  for (unsigned i = 0; i < SAID_SAMPLES; i++)
    must_store(&said_samples[i], START, 3 * SECOND);
  for (uint32_t number = 0; number < aiodns_cache_slots(&cache); number++) {
    struct aiodns_answer shown;
    struct aiodns_name name, asked;
    const struct aiodns_slot *slot = (const void *)buf;
    if (!aiodns_cache_copy(&cache, number, buf))
      continue;
    assert_true(aiodns_cache_show(slot, START + SECOND, &shown, &name));
    unsigned which = 0;
    while (which < SAID_SAMPLES && said_slot(&said_samples[which]) != number)
      which++;
    assert_true(which < SAID_SAMPLES);
    assert_true(aiodns_name_from_text(&asked, said_samples[which].text));
    assert_true(aiodns_name_equal(&name, &asked));
    assert_true(said_is(&said_samples[which], said_samples[which].text, &shown));
    assert_int_equal(shown.ttl_s, 2);
    aiodns_answer_done(&shown);
    /* What is over is shown, too. */
    assert_true(aiodns_cache_show(slot, START + 3 * SECOND, &shown, &name));
    assert_int_equal(shown.ttl_s, 0);
    aiodns_answer_done(&shown);
    assert_true(aiodns_cache_show(slot, 0, &shown, &name));
    assert_int_equal(shown.ttl_s, 0);
    aiodns_answer_done(&shown);
    seen++;
  }
  assert_int_equal(seen, SAID_SAMPLES);
}

/* A name is octets that anybody's program may have written: a pointer, a label beyond the end, an early end.
 */
static void a_name_that_is_none_is_not_shown(void **state)
{
  static const uint8_t names[][14] = {"\3www\7example", /* as it should be */
                                      "\3www\300\0ample", "\3www\77example", "\3www\0\6xampl",
                                      "\3www\10example",  "\0\0\0\0\0",      "\3www\6exampleE"};
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  struct aiodns_slot *slot = (void *)buf;
  struct aiodns_answer shown;
  (void)state;
  must_store(&four, START, SECOND);
  assert_true(aiodns_cache_copy(&cache, (uint32_t)said_slot(&four), buf));
  assert_int_equal(slot->name_len, 13);
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct aiodns_name name = {.len = 99};
    memcpy(slot->payload, names[i], 13);
    bool good = aiodns_cache_show(slot, START, &shown, &name);
    assert_int_equal(good, i == 0);
    assert_int_equal(name.len, good ? 13 : 99);
    if (good)
      aiodns_answer_done(&shown);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_type_is_found_or_not, begin, finish),
      cmocka_unit_test_setup_teardown(what_has_expired_is_told, begin, finish),
      cmocka_unit_test_setup_teardown(ttl_0_is_for_those_who_wait, begin, finish),
      cmocka_unit_test_setup_teardown(a_clock_that_is_behind_adds_nothing, begin, finish),
      cmocka_unit_test_setup_teardown(other_ttls_are_for_all, begin, finish),
      cmocka_unit_test_setup_teardown(what_has_expired_is_given_until_the_limit, begin, finish),
      cmocka_unit_test_setup_teardown(nothing_that_has_expired_is_given_where_that_is_off, begin, finish),
      cmocka_unit_test_setup_teardown(failures_and_ttl_0_are_not_given_again, begin, finish),
      cmocka_unit_test_setup_teardown(what_was_given_holds_for_half_a_minute, begin, finish),
      cmocka_unit_test_setup_teardown(what_was_given_ends_with_the_limit, begin, finish),
      cmocka_unit_test_setup_teardown(what_was_given_is_expired_where_that_is_off, begin, finish),
      cmocka_unit_test_setup_teardown(each_address_comes_first_in_turn, begin, finish),
      cmocka_unit_test_setup_teardown(the_name_is_as_in_all_answers, begin, finish),
      cmocka_unit_test_setup_teardown(memory_that_runs_out_is_told, begin, finish),
      cmocka_unit_test_setup_teardown(of_a_file_mapped_over_this_one_nothing_is_found, begin, finish),
      cmocka_unit_test_setup_teardown(what_is_shown_is_what_was_stored, begin, finish),
      cmocka_unit_test_setup_teardown(a_name_that_is_none_is_not_shown, begin, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
