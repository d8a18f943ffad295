/* The format: what is stored is read again, and nothing else. */
#include "cachefile.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

static int begin(void **state)
{
  (void)state;
  cachefile_begin(16, 16);
  return 0;
}

static int finish(void **state)
{
  (void)state;
  cachefile_done();
  return 0;
}

static void what_is_stored_is_read(void **state)
{
  (void)state;
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    assert_false(said_holds(&said_samples[i], START));
    assert_int_equal(said_store(&said_samples[i], START, 60 * SECOND), AIODNS_CACHE_STORED);
    assert_true(said_holds(&said_samples[i], START));
  }
  for (unsigned i = 0; i < SAID_SAMPLES; i++)
    assert_true(said_holds(&said_samples[i], START + SECOND));
}

static void any_number_of_addresses(void **state)
{
  struct said said = {.text = "www.example", .outcome = AIODNS_ANSWER, .salt = 77};
  (void)state;
  for (int six = 0; six < 2; six++)
    for (said.addresses = 1; said.addresses <= 200; said.addresses++) {
      uint64_t now = START + said.addresses;
      said.type = six ? AIODNS_TYPE_AAAA : AIODNS_TYPE_A;
      assert_int_equal(said_store(&said, now, SECOND), AIODNS_CACHE_STORED);
      assert_true(said_holds(&said, now));
      size_t payload = strlen(said.text) + 2 + said.addresses * (six ? 16u : 4u);
      size_t slot = aiodns_cache_slot_size(&cache, (uint32_t)said_slot(&said));
      assert_int_equal(slot, sizeof(struct aiodns_slot) + payload <= 256 ? 256 : 4096);
    }
}

/* The longest record there is room for, and one octet more. */
static void what_is_too_large_is_not_stored(void **state)
{
  struct said said = {.text = "1.2.0.192.in-addr.arpa",
                      .type = AIODNS_TYPE_PTR,
                      .outcome = AIODNS_ANSWER,
                      .names = 4,
                      .canonical = 1};
  (void)state;
  assert_int_equal((AIODNS_CACHE_LARGE - sizeof(struct aiodns_slot) - 24) % 4, 0);
  said.name_len = (uint16_t)((AIODNS_CACHE_LARGE - sizeof(struct aiodns_slot) - 24) / 4 - 1);
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_STORED);
  assert_true(said_holds(&said, START));
  said.text = "11.2.0.192.in-addr.arpa";
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_TOO_LARGE);
  assert_false(said_holds(&said, START));
  said.names = 200;
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_TOO_LARGE);
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
  (void)state;
  int fd = cache_fd;
  cache_fd = -1;
  assert_int_equal(said_store(&said_samples[0], START, SECOND), AIODNS_CACHE_NOT_WRITTEN);
  cache_fd = fd;
  assert_false(said_holds(&said_samples[0], START));
}

static uint32_t ttl_at(const struct said *said, uint64_t now_ns)
{
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  assert_true(said_read(said, said->text, now_ns, &answer, &facts));
  assert_int_equal(facts.stored_ns, START);
  assert_int_equal(facts.expires_ns, START + 3 * SECOND);
  aiodns_answer_done(&answer);
  return answer.ttl_s;
}

static void time_goes_down_and_ends_at_the_nanosecond(void **state)
{
  (void)state;
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    const struct said *said = &said_samples[i];
    assert_int_equal(said_store(said, START, 3 * SECOND), AIODNS_CACHE_STORED);
    assert_int_equal(ttl_at(said, START), 3);
    assert_int_equal(ttl_at(said, START + 1), 3);
    assert_int_equal(ttl_at(said, START + SECOND - 1), 3);
    assert_int_equal(ttl_at(said, START + SECOND), 2);
    assert_int_equal(ttl_at(said, START + 3 * SECOND - 1), 1);
    assert_false(said_holds(said, START + 3 * SECOND));
    assert_false(said_holds(said, START + 3 * SECOND + 1));
    assert_false(said_holds(said, UINT64_MAX));
  }
}

static void a_record_from_the_future_is_none(void **state)
{
  (void)state;
  assert_int_equal(said_store(&said_samples[0], START, 3 * SECOND), AIODNS_CACHE_STORED);
  assert_true(said_holds(&said_samples[0], START - AIODNS_CACHE_TICK_NS)); /* by a coarse clock */
  assert_false(said_holds(&said_samples[0], START - AIODNS_CACHE_TICK_NS - 1));
  assert_false(said_holds(&said_samples[0], 0));
}

static void no_record_lives_longer_than_it_may(void **state)
{
  static const uint64_t lives[] = {AIODNS_CACHE_LIFE_MAX_NS, AIODNS_CACHE_LIFE_MAX_NS + 1, UINT64_MAX};
  (void)state;
  for (unsigned i = 0; i < 3; i++) {
    uint64_t now = START + i * SECOND;
    assert_int_equal(said_store(&said_samples[0], now, lives[i]), AIODNS_CACHE_STORED);
    assert_true(said_holds(&said_samples[0], now + AIODNS_CACHE_LIFE_MAX_NS - 1));
    assert_false(said_holds(&said_samples[0], now + AIODNS_CACHE_LIFE_MAX_NS));
  }
}

/* DNS does not tell letters' case apart (RFC 4343); programs get back what they asked for. */
static void letter_case_is_the_programs_own(void **state)
{
  struct said said = {.text = "wWw.ExAmPlE",
                      .type = AIODNS_TYPE_A,
                      .outcome = AIODNS_ANSWER,
                      .names = 1,
                      .canonical = 1,
                      .addresses = 1};
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  static const char *const texts[] = {"www.example", "WWW.EXAMPLE", "www.EXAMPLE.", "w\\087w.Example"},
                           *const own[] = {"www.example", "WWW.EXAMPLE", "www.EXAMPLE", "wWw.Example"};
  (void)state;
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_STORED);
  for (unsigned i = 0; i < 4; i++) {
    struct said asked = said;
    asked.text = texts[i];
    assert_true(said_read(&asked, texts[i], START, &answer, &facts));
    assert_true(said_is(&said, own[i], &answer));
    assert_string_equal((const char *)answer.names.data, own[i]);
    assert_int_equal(strncmp(aiodns_answer_canonical(&answer), "N1.", 3), 0);
    aiodns_answer_done(&answer);
  }
  /* '@' and '`' differ as 'A' and 'a' do, and are no letters. */
  struct said other = said;
  said.text = "a\\@.example", other.text = "a`.example";
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_STORED);
  assert_false(said_holds(&other, START));
}

static void question_type_and_view_are_told_apart(void **state)
{
  struct said said = {.text = "www.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_NAME, .view = 5};
  (void)state;
  assert_int_equal(said_store(&said, START, SECOND), AIODNS_CACHE_STORED);
  for (int i = 0; i < 4; i++) {
    struct said other = said;
    if (i == 0)
      other.type = AIODNS_TYPE_AAAA;
    else if (i == 1)
      other.view = 6;
    else if (i == 2)
      other.text = "www.example.example";
    else
      other.text = "vww.example";
    assert_false(said_holds(&other, START));
  }
  assert_true(said_holds(&said, START));
}

/* Even the same hash does not make it the same question: not with any octet of the name changed. */
static void a_hash_proves_nothing(void **state)
{
  static const char texts[][12] = {"z.example", "b.fxample", "b.exbmple", "b.examqle", "b.examplf"};
  uint64_t buf[AIODNS_CACHE_SMALL / sizeof(uint64_t)];
  struct aiodns_slot *slot = (void *)buf;
  struct aiodns_name name;
  struct aiodns_question question;
  struct said one = said_samples[0];
  (void)state;
  one.text = "b.example";
  for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct said other = one;
    cachefile_begin(16, 16);
    assert_int_equal(said_store(&one, START, SECOND), AIODNS_CACHE_STORED);
    other.text = texts[i];
    said_question(&other, &name, &question);
    memcpy(slot, cachefile_slot((uint32_t)said_slot(&one)), AIODNS_CACHE_SMALL);
    slot->hash = aiodns_cache_hash(&cache, &question);
    uint32_t to = aiodns_cache_set(&cache, slot->hash, false);
    slot->checksum = aiodns_cache_checksum(&cache, to, slot);
    cachefile_put(to, 0, buf, sizeof buf);
    assert_true(aiodns_cache_copy(&cache, to, buf));
    assert_false(said_holds(&other, START));
    /* With its name it is the other's record. */
    memcpy(slot->payload, name.wire, name.len);
    slot->checksum = aiodns_cache_checksum(&cache, to, slot);
    cachefile_put(to, 0, buf, sizeof buf);
    assert_true(said_holds(&other, START));
  }
}

/* Names of a pattern spread over the sets, each type and each view for itself, and under each key otherwise.
 */
static void hashes_spread(void **state)
{
  enum { NAMES = 4096, SETS = 64, EACH = NAMES / SETS };
  unsigned same = 0;
  (void)state;
  cachefile_begin(SETS, 16);
  for (int kind = 0; kind < 4; kind++) {
    unsigned in_set[SETS] = {0}, of_way[AIODNS_CACHE_WAYS] = {0};
    for (unsigned i = 0; i < NAMES; i++) {
      char text[32];
      struct said said = {.text = text, .type = AIODNS_TYPE_A};
      struct aiodns_name name;
      struct aiodns_question question;
      snprintf(text, sizeof text, kind == 1 ? "a-longer-name%05u.example" : "h%u.example", i);
      said_question(&said, &name, &question);
      if (kind == 2)
        said_question(&said_samples[0], &name, &question), question.view = i;
      uint64_t first = aiodns_cache_hash(&cache, &question);
      cache.key[kind % 2]++;
      same += aiodns_cache_set(&cache, aiodns_cache_hash(&cache, &question), false) ==
              aiodns_cache_set(&cache, first, false);
      cache.key[kind % 2]--;
      if (kind == 3)
        question.type = AIODNS_TYPE_AAAA, same += aiodns_cache_hash(&cache, &question) == first;
      uint64_t hash = aiodns_cache_hash(&cache, &question);
      in_set[aiodns_cache_set(&cache, hash, false) / AIODNS_CACHE_WAYS]++;
      of_way[aiodns_cache_way(hash)]++;
    }
    /* Six standard deviations. */
    for (unsigned i = 0; i < SETS; i++)
      assert_in_range(in_set[i], EACH - 6 * 8, EACH + 6 * 8);
    for (unsigned i = 0; i < AIODNS_CACHE_WAYS; i++)
      assert_in_range(of_way[i], NAMES / AIODNS_CACHE_WAYS - 140, NAMES / AIODNS_CACHE_WAYS + 140);
  }
  assert_in_range(same, 4 * EACH - 6 * 16, 4 * EACH + 6 * 16);
}

/* A slot of another number, or of a file with another key, is signed for that place alone. */
static void a_record_is_good_in_its_place_only(void **state)
{
  uint8_t slot[AIODNS_CACHE_SMALL];
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  (void)state;
  assert_int_equal(said_store(&said_samples[0], START, SECOND), AIODNS_CACHE_STORED);
  uint32_t number = (uint32_t)said_slot(&said_samples[0]);
  memcpy(slot, cachefile_slot(number), sizeof slot);
  cachefile_put(number ^ 1, 0, slot, sizeof slot);
  assert_false(aiodns_cache_copy(&cache, number ^ 1, buf));
  assert_true(aiodns_cache_copy(&cache, number, buf));
  cache.key[1]++;
  assert_false(aiodns_cache_copy(&cache, number, buf));
}

static void an_answer_of_another_family_is_not_filled(void **state)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  (void)state;
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(said_store(&said_samples[i], START, SECOND), AIODNS_CACHE_STORED);
    said_wish(&said_samples[i], said_samples[i].text, START, &name, &wish);
    for (uint8_t len = 0; len <= 16; len = len ? len * 2 : 4) {
      struct aiodns_answer answer[2];
      struct aiodns_record_facts facts[2] = {{.stored_ns = 1}};
      aiodns_answer_init(&answer[0], len);
      bool right = len == (i ? 16 : 4);
      assert_int_equal(aiodns_cache_read(&cache, &wish, answer, facts), right);
      assert_int_equal(facts[0].stored_ns, right ? START : 0);
      assert_int_equal(answer[0].outcome, right ? AIODNS_ANSWER : AIODNS_PENDING);
      aiodns_answer_done(&answer[0]);
    }
  }
}

/* ---- The header ---- */

static enum aiodns_cache_check attach(const void *header, size_t size)
{
  static uint8_t file[1 << 17];
  struct aiodns_cache ret = {.base = file};
  memset(file, 0, sizeof file);
  memcpy(file, header, sizeof(struct aiodns_cache_header));
  const uint8_t *at = unit_on_cliff(file, (size + 7) / 8 * 8); /* as in a map its words are aligned */
  enum aiodns_cache_check check = aiodns_cache_attach(&ret, at, size, cache_boot);
  assert_ptr_equal(ret.base, check == AIODNS_CACHE_GOOD ? at : file);
  return check;
}

static struct aiodns_cache_header header_of(uint32_t small_sets, uint32_t large_sets)
{
  const uint64_t key[2] = {1, 2};
  struct aiodns_cache_header header;
  aiodns_cache_header_make(&header, small_sets, large_sets, key, cache_boot);
  return header;
}

static void a_good_header_is_taken(void **state)
{
  struct aiodns_cache_header header = header_of(2, 2);
  (void)state;
  assert_int_equal(attach(&header, header.size), AIODNS_CACHE_GOOD);
}

static void each_wrong_header_is_refused_for_its_reason(void **state)
{
  static const uint8_t other_boot[AIODNS_CACHE_BOOT_LEN] = {1};
  static const uint32_t sets[][2] = {{0, 1}, {1, 1},       {2, 0},       {3, 1},
                                     {4, 3}, {1 << 21, 1}, {2, 1 << 21}, {1U << 31, 1U << 31}};
  struct aiodns_cache_header good = header_of(2, 1), header = good;
  const uint64_t key[2] = {1, 2};
  (void)state;
  for (size_t size = 0; size < AIODNS_CACHE_PAGE; size += 63)
    if (size >= sizeof header)
      assert_int_equal(attach(&header, size), AIODNS_CACHE_WRONG_SIZE);
  assert_int_equal(attach(&header, header.size - 1), AIODNS_CACHE_WRONG_SIZE);
  assert_int_equal(attach(&header, header.size + 1), AIODNS_CACHE_WRONG_SIZE);
  header.magic[0] ^= 1;
  assert_int_equal(attach(&header, header.size), AIODNS_CACHE_NO_MAGIC);
  header = good, header.layout++;
  assert_int_equal(attach(&header, header.size), AIODNS_CACHE_OTHER_LAYOUT);
  aiodns_cache_header_make(&header, 2, 1, key, other_boot);
  assert_int_equal(attach(&header, header.size), AIODNS_CACHE_OTHER_BOOT);
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    header = header_of(sets[i][0], sets[i][1]);
    assert_int_equal(attach(&header, good.size), AIODNS_CACHE_BROKEN);
  }
  header = header_of(4, 1);
  assert_int_equal(attach(&header, good.size), AIODNS_CACHE_WRONG_SIZE);
}

static void any_changed_octet_of_a_header_is_seen(void **state)
{
  (void)state;
  for (size_t at = 0; at < sizeof(struct aiodns_cache_header); at++)
    for (unsigned bit = 0; bit < 8; bit++) {
      struct aiodns_cache_header header = header_of(2, 1);
      ((uint8_t *)&header)[at] ^= (uint8_t)(1u << bit);
      assert_int_not_equal(attach(&header, aiodns_cache_size(2, 1)), AIODNS_CACHE_GOOD);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_stored_is_read, begin, finish),
      cmocka_unit_test_setup_teardown(any_number_of_addresses, begin, finish),
      cmocka_unit_test_setup_teardown(what_is_too_large_is_not_stored, begin, finish),
      cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_told, begin, finish),
      cmocka_unit_test_setup_teardown(time_goes_down_and_ends_at_the_nanosecond, begin, finish),
      cmocka_unit_test_setup_teardown(a_record_from_the_future_is_none, begin, finish),
      cmocka_unit_test_setup_teardown(no_record_lives_longer_than_it_may, begin, finish),
      cmocka_unit_test_setup_teardown(letter_case_is_the_programs_own, begin, finish),
      cmocka_unit_test_setup_teardown(question_type_and_view_are_told_apart, begin, finish),
      cmocka_unit_test_setup_teardown(a_hash_proves_nothing, begin, finish),
      cmocka_unit_test_setup_teardown(hashes_spread, begin, finish),
      cmocka_unit_test_setup_teardown(a_record_is_good_in_its_place_only, begin, finish),
      cmocka_unit_test_setup_teardown(an_answer_of_another_family_is_not_filled, begin, finish),
      cmocka_unit_test(a_good_header_is_taken),
      cmocka_unit_test(each_wrong_header_is_refused_for_its_reason),
      cmocka_unit_test(any_changed_octet_of_a_header_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
