/*
 * Slots that no writer has written whole: damaged, cut, made by hand, torn between two records.  What is read
 * of them is nothing, or exactly what was stored.
 *
 * All happens in the last slot of a small file that stands on a cliff, so that reading beyond it is seen.
 * What no test of one thread shows is a writer that comes between the copy of a slot and the second look at
 * its time: that look is for mixes that somebody contrived to have the right sum, and none is known here.
 */
#include "cachefile.h"
#include "unit.h"

#include <string.h>

enum { SMALL_SETS = 2, LAST = (SMALL_SETS + 1) * AIODNS_CACHE_WAYS - 1 };

/* The sum of a record goes as far as its length says, which may be wild. */
union record {
  struct aiodns_slot slot;
  uint8_t octets[sizeof(struct aiodns_slot) + UINT16_MAX + AIODNS_CACHE_BLOCK];
};

static size_t len_of(const union record *record)
{
  return aiodns_cache_record_len(record->slot.payload_len);
}

static void sign(union record *record)
{
  record->slot.checksum = aiodns_cache_checksum(&cache, LAST, &record->slot);
}

/* The record that a writer would write, but for the last slot. */
static void make(const struct said *said, uint64_t now_ns, union record *ret)
{
  memset(ret, 0, sizeof *ret);
  assert_int_equal(said_store(said, now_ns, 100 * SECOND), AIODNS_CACHE_STORED);
  uint32_t number = (uint32_t)said_slot(said);
  memcpy(ret, cachefile_slot(number), aiodns_cache_slot_size(&cache, number));
  sign(ret);
}

/* The file from here on: empty, to be changed at will.  Returns its last slot. */
static uint8_t *on_cliff(void)
{
  size_t size = (size_t)aiodns_cache_size(SMALL_SETS, 1);
  uint8_t *base = unit_on_cliff(cache.base, size);
  memset(base + AIODNS_CACHE_PAGE, 0, size - AIODNS_CACHE_PAGE);
  cache.base = base;
  return base + size - AIODNS_CACHE_LARGE;
}

/* One sample alone in the file, in its last slot. */
static uint8_t *begin_with(const struct said *said, union record *ret)
{
  cachefile_begin(SMALL_SETS, 1);
  make(said, START, ret);
  uint8_t *slot = on_cliff();
  memcpy(slot, ret, len_of(ret));
  assert_true(said_holds(said, START));
  return slot;
}

static int finish(void **state)
{
  (void)state;
  cachefile_done();
  return 0;
}

/* ---- Damage ---- */

static void any_changed_octet_is_seen(void **state)
{
  static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xff};
  static union record record;
  (void)state;
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    uint8_t *slot = begin_with(&said_samples[i], &record);
    for (size_t at = 0; at < AIODNS_CACHE_LARGE; at++)
      for (size_t n = 0; n < sizeof changes; n++) {
        slot[at] ^= changes[n];
        assert_int_equal(said_holds(&said_samples[i], START), at >= len_of(&record));
        slot[at] ^= changes[n];
      }
    assert_true(said_holds(&said_samples[i], START));
  }
}

static void a_cut_record_is_none(void **state)
{
  static union record record;
  (void)state;
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    uint8_t *slot = begin_with(&said_samples[i], &record);
    for (size_t cut = len_of(&record); cut-- > 0;) {
      bool lost = slot[cut] != 0;
      slot[cut] = 0;
      if (lost)
        assert_false(said_holds(&said_samples[i], START));
      else
        said_holds(&said_samples[i], START);
    }
  }
}

static void another_length_is_none(void **state)
{
  static union record record;
  (void)state;
  for (unsigned i = 0; i < SAID_SAMPLES; i++) {
    uint8_t *slot = begin_with(&said_samples[i], &record);
    struct aiodns_slot head = record.slot;
    for (unsigned len = 0; len <= UINT16_MAX; len += len < 4200 ? 1 : 251) {
      head.payload_len = (uint16_t)len;
      memcpy(slot, &head, sizeof head);
      assert_int_equal(said_holds(&said_samples[i], START), len == record.slot.payload_len);
    }
  }
}

static void a_file_of_random_octets_holds_nothing(void **state)
{
  (void)state;
  cachefile_begin(SMALL_SETS, 1);
  on_cliff();
  uint8_t *base = (uint8_t *)(uintptr_t)cache.base;
  for (int round = 0; round < 50; round++) {
    for (size_t at = AIODNS_CACHE_PAGE; at < aiodns_cache_size(SMALL_SETS, 1); at++)
      base[at] = (uint8_t)unit_random(256);
    for (unsigned i = 0; i < SAID_SAMPLES; i++) {
      struct aiodns_name name;
      struct aiodns_question question;
      assert_false(said_holds(&said_samples[i], START));
      /* With the right hash each slot of its sets is looked at closer. */
      said_question(&said_samples[i], &name, &question);
      uint64_t hash = aiodns_cache_hash(&cache, &question);
      for (int large = 0; large < 2; large++)
        for (uint32_t way = 0; way < AIODNS_CACHE_WAYS; way++)
          memcpy(base + aiodns_cache_offset(&cache, aiodns_cache_set(&cache, hash, large) + way) +
                     offsetof(struct aiodns_slot, hash),
                 &hash, sizeof hash);
      assert_false(said_holds(&said_samples[i], START));
    }
  }
}

/* ---- Made by hand, and rightly signed ---- */

static const struct said addresses = {.text = "www.example",
                                      .type = AIODNS_TYPE_A,
                                      .outcome = AIODNS_ANSWER,
                                      .names = 2,
                                      .canonical = 1,
                                      .addresses = 3},
                         pointer = {.text = "1.2.0.192.in-addr.arpa",
                                    .type = AIODNS_TYPE_PTR,
                                    .outcome = AIODNS_ANSWER,
                                    .names = 2,
                                    .canonical = 1},
                         nothing = {.text = "none.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_NAME};

/* Signs what was changed and reads it. */
static bool holds_signed(const struct said *said, union record *record, uint8_t *slot, uint64_t now_ns)
{
  sign(record);
  memcpy(slot, record, AIODNS_CACHE_LARGE);
  return said_holds(said, now_ns);
}

#define FIELD(name) offsetof(struct aiodns_slot, name), sizeof((struct aiodns_slot *)0)->name

static void wild_fields_are_refused(void **state)
{
  static const struct {
    const struct said *said;
    size_t at, len;
    uint64_t value;
  } wild[] = {
      {&addresses, FIELD(payload_len), 0},
      {&addresses, FIELD(payload_len), 12},
      {&addresses, FIELD(payload_len), AIODNS_CACHE_LARGE - sizeof(struct aiodns_slot)},
      {&addresses, FIELD(payload_len), AIODNS_CACHE_LARGE - sizeof(struct aiodns_slot) + 1},
      {&addresses, FIELD(payload_len), UINT16_MAX},
      {&addresses, FIELD(type), AIODNS_TYPE_AAAA},
      {&addresses, FIELD(type), AIODNS_TYPE_PTR},
      {&addresses, FIELD(outcome), AIODNS_PENDING},
      {&addresses, FIELD(outcome), AIODNS_NO_NAME},
      {&addresses, FIELD(outcome), AIODNS_NO_DATA},
      {&addresses, FIELD(outcome), AIODNS_FAILED},
      {&addresses, FIELD(outcome), AIODNS_LOCAL},
      {&addresses, FIELD(outcome), 255},
      {&addresses, FIELD(flags), AIODNS_RECORD_FLAGS + 1},
      {&addresses, FIELD(flags), AIODNS_RECORD_ONCE}, /* and it lives for longer than a second */
      {&addresses, FIELD(flags), 255},
      {&addresses, FIELD(flags), AIODNS_RECORD_STALE}, /* and it expires only after it was stored */
      {&addresses, FIELD(name_len), 0},
      {&addresses, FIELD(name_len), 255},
      {&addresses, FIELD(names_len), 0},
      {&addresses, FIELD(names_len), 1},
      {&addresses, FIELD(names_len), UINT16_MAX},
      {&addresses, FIELD(name_count), 0},
      {&addresses, FIELD(name_count), 1},
      {&addresses, FIELD(name_count), 3},
      {&addresses, FIELD(name_count), UINT16_MAX},
      {&addresses, FIELD(canonical), 3},
      {&addresses, FIELD(canonical), UINT16_MAX},
      {&addresses, FIELD(address_count), 0},
      {&addresses, FIELD(address_count), 2},
      {&addresses, FIELD(address_count), UINT16_MAX},
      {&addresses, FIELD(hash), 0},
      {&addresses, FIELD(hash), 1},
      {&addresses, FIELD(view), 1},
      {&addresses, FIELD(expires_ns), START},
      {&addresses, FIELD(expires_ns), START - 1},
      {&addresses, FIELD(expires_ns), START + AIODNS_CACHE_LIFE_MAX_NS + 1},
      {&addresses, FIELD(expires_ns), UINT64_MAX},
      {&addresses, FIELD(stored_ns), START + AIODNS_CACHE_TICK_NS + 1},
      {&addresses, FIELD(stored_ns), UINT64_MAX},
      {&pointer, FIELD(address_count), 1},
      {&pointer, FIELD(address_count), UINT16_MAX},
      {&pointer, FIELD(name_count), 0},
      {&pointer, FIELD(name_count), 5},
      {&pointer, FIELD(type), AIODNS_TYPE_A},
      {&nothing, FIELD(outcome), AIODNS_ANSWER},
      {&nothing, FIELD(name_count), 1},
      {&nothing, FIELD(address_count), 1},
  };
  static union record record;
  (void)state;
  for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
    uint8_t *slot = begin_with(wild[i].said, &record);
    uint64_t value = wild[i].value;
    assert_true(holds_signed(wild[i].said, &record, slot, START));
    assert_true(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || wild[i].len <= sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value <<= 64 - 8 * wild[i].len;
#endif
    memcpy(record.octets + wild[i].at, &value, wild[i].len);
    if (holds_signed(wild[i].said, &record, slot, START))
      fail_msg("case %zu", i);
  }
}

/* What was given beyond its time: whose times are those of a writer, that is. */
#define LATER (START + AIODNS_CACHE_STALE_MAX_NS)

static void wild_times_of_what_has_expired_are_refused(void **state)
{
  static const struct {
    uint64_t expires_ns;
    uint8_t flags, outcome;
    bool good;
  } rows[] = {
      {LATER, AIODNS_RECORD_STALE, AIODNS_NO_NAME, true},
      {LATER - SECOND, AIODNS_RECORD_STALE, AIODNS_NO_DATA, true},
      {LATER - SECOND, AIODNS_RECORD_STALE, AIODNS_FAILED, false},
      {LATER - SECOND, AIODNS_RECORD_STALE | AIODNS_RECORD_ONCE, AIODNS_NO_NAME, false},
      {LATER + 1, AIODNS_RECORD_STALE, AIODNS_NO_NAME, false},
      {LATER + SECOND, AIODNS_RECORD_STALE, AIODNS_NO_NAME, false},
      {LATER - AIODNS_CACHE_STALE_MAX_NS, AIODNS_RECORD_STALE, AIODNS_NO_NAME, true},
      {LATER - AIODNS_CACHE_STALE_MAX_NS - 1, AIODNS_RECORD_STALE, AIODNS_NO_NAME, false},
      {UINT64_MAX, AIODNS_RECORD_STALE, AIODNS_NO_NAME, false},
      {LATER - SECOND, 0, AIODNS_NO_NAME, false},
  };
  static union record record;
  uint64_t buf[AIODNS_CACHE_SMALL / sizeof(uint64_t)];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t *slot = begin_with(&nothing, &record);
    uint32_t number = (uint32_t)said_slot(&nothing);
    record.slot.stored_ns = LATER;
    record.slot.expires_ns = rows[i].expires_ns;
    record.slot.flags = rows[i].flags;
    record.slot.outcome = rows[i].outcome;
    sign(&record);
    memcpy(slot, &record, AIODNS_CACHE_LARGE);
    if (aiodns_cache_copy(&cache, number, buf) != rows[i].good)
      fail_msg("case %zu", i);
  }
}

static void addresses_of_a_type_without_them_are_refused(void **state)
{
  static union record record;
  (void)state;
  uint8_t *slot = begin_with(&pointer, &record);
  record.slot.address_count = 1;
  for (unsigned len = 0; len <= 16; len++) {
    assert_false(holds_signed(&pointer, &record, slot, START));
    record.slot.payload_len++;
  }
}

static void names_that_do_not_end_are_refused(void **state)
{
  static union record record;
  (void)state;
  uint8_t *slot = begin_with(&pointer, &record);
  uint8_t *names = record.slot.payload + record.slot.name_len;
  size_t len = record.slot.names_len;
  for (size_t at = 0; at < len; at++) {
    uint8_t was = names[at];
    /* A NUL in a name makes one too many; what takes a NUL's place makes one too few. */
    names[at] = was ? 0 : 'x';
    assert_false(holds_signed(&pointer, &record, slot, START));
    names[at] = was;
  }
  assert_true(holds_signed(&pointer, &record, slot, START));
  memset(names, 0, len);
  record.slot.name_count = (uint16_t)len;
  assert_false(holds_signed(&pointer, &record, slot, START)); /* names without a letter */
  record.slot.name_count = 1;
  record.slot.names_len = AIODNS_NAME_TEXT_MAX + 1;
  record.slot.payload_len = (uint16_t)(record.slot.name_len + record.slot.names_len);
  memset(names, 'x', AIODNS_NAME_TEXT_MAX); /* one longer than any */
  assert_false(holds_signed(&pointer, &record, slot, START));
}

/* Whatever is signed and read holds together; most is refused. */
static void random_fields_do_no_harm(void **state)
{
  static const struct said *const said[] = {&addresses, &pointer, &nothing};
  static union record good[3], record;
  unsigned found = 0;
  uint8_t *slot = NULL;
  (void)state;
  for (int i = 0; i < 3; i++)
    slot = begin_with(said[i], &good[i]);
  for (int round = 0; round < 30000; round++) {
    const struct said *asked = said[round % 3];
    struct aiodns_answer answer;
    struct aiodns_record_facts facts;
    memcpy(&record, &good[round % 3], AIODNS_CACHE_LARGE);
    size_t from = offsetof(struct aiodns_slot, payload_len), to = sizeof record.slot + 60;
    for (unsigned changes = 1 + unit_random(3); changes > 0; changes--)
      record.octets[from + unit_random((uint32_t)(to - from))] =
          (uint8_t)(unit_random(2) ? unit_random(256) : unit_random(4));
    sign(&record);
    memcpy(slot, &record, AIODNS_CACHE_LARGE);
    if (said_read(asked, asked->text, START, &answer, &facts)) {
      found++;
      assert_int_equal(answer.addresses.len, answer.address_count * answer.address_len);
      assert_int_equal(answer.outcome == AIODNS_ANSWER, answer.names.len > 0);
      assert_true(answer.canonical_offset < answer.names.len || answer.name_count == 0);
    }
    aiodns_answer_done(&answer);
  }
  assert_in_range(found, 1, 29999);
}

/* ---- Torn ---- */

enum { TORN = 9 };

static union record torn[TORN];
static struct said torn_said[TORN];

/* Answers to one question, and to others: of the same length, shorter, longer, with the same beginning. */
static uint8_t *begin_torn(void)
{
  static const struct {
    uint8_t outcome, names;
    uint16_t type, addresses;
    uint32_t salt;
  } samples[TORN] = {
      {AIODNS_ANSWER, 0, AIODNS_TYPE_A, 1, 1},    {AIODNS_ANSWER, 0, AIODNS_TYPE_A, 1, 2},
      {AIODNS_ANSWER, 0, AIODNS_TYPE_A, 20, 1},   {AIODNS_ANSWER, 3, AIODNS_TYPE_A, 5, 3},
      {AIODNS_ANSWER, 0, AIODNS_TYPE_AAAA, 2, 4}, {AIODNS_ANSWER, 1, AIODNS_TYPE_AAAA, 60, 5},
      {AIODNS_ANSWER, 2, AIODNS_TYPE_PTR, 0, 6},  {AIODNS_NO_NAME, 0, AIODNS_TYPE_A, 0, 0},
      {AIODNS_FAILED, 0, AIODNS_TYPE_AAAA, 0, 0},
  };
  cachefile_begin(SMALL_SETS, 1);
  for (unsigned i = 0; i < TORN; i++) {
    torn_said[i] = (struct said){.text = "www.example",
                                 .type = samples[i].type,
                                 .outcome = samples[i].outcome,
                                 .names = samples[i].names,
                                 .canonical = samples[i].names,
                                 .addresses = samples[i].addresses,
                                 .salt = samples[i].salt};
    make(&torn_said[i], START + i, &torn[i]);
  }
  return on_cliff();
}

/* The slot holds the old record, the new one, or none; said_holds() fails where it says anything else. */
static bool is_one_or_none(const uint8_t *slot, unsigned a, unsigned b)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  if (!aiodns_cache_copy(&cache, LAST, buf))
    return !said_holds(&torn_said[a], START + TORN) && !said_holds(&torn_said[b], START + TORN);
  unsigned which = memcmp(slot, &torn[a], len_of(&torn[a])) == 0 ? a : b;
  return memcmp(buf, &torn[which], len_of(&torn[which])) == 0 && said_holds(&torn_said[which], START + TORN);
}

static void a_torn_record_is_none(void **state)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  unsigned tries = 0, refused = 0;
  (void)state;
  uint8_t *slot = begin_torn();
  for (unsigned a = 0; a < TORN; a++)
    for (unsigned b = 0; b < TORN; b++) {
      /* The head of `a` grows at the cost of `b`: all pairs, so both directions. */
      memcpy(slot, &torn[b], AIODNS_CACHE_LARGE);
      size_t len = len_of(&torn[a]);
      for (size_t split = 0; split <= len; split++) {
        assert_true(is_one_or_none(slot, a, b));
        tries++;
        refused += !aiodns_cache_copy(&cache, LAST, buf);
        slot[split] = torn[a].octets[split];
      }
      assert_true(said_holds(&torn_said[a], START + TORN));
    }
  print_message("%u splits, %u refused\n", tries, refused);
  assert_in_range(refused, tries / 2, tries - 2 * TORN * TORN);
}

/* Words that arrive in any order, as a processor or a kernel may copy them. */
static void words_in_any_order_are_none(void **state)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  unsigned refused = 0;
  (void)state;
  uint8_t *slot = begin_torn();
  for (unsigned a = 0; a < TORN; a++)
    for (unsigned b = 0; b < TORN; b++)
      for (int round = 0; round < 300; round++) {
        unsigned of_a = 1 + unit_random(31);
        for (size_t at = 0; at < AIODNS_CACHE_LARGE; at += 8)
          memcpy(slot + at, torn[unit_random(32) < of_a ? a : b].octets + at, 8);
        assert_true(is_one_or_none(slot, a, b));
        refused += !aiodns_cache_copy(&cache, LAST, buf);
      }
  assert_in_range(refused, TORN * (TORN - 1) * 200, TORN * TORN * 300);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(any_changed_octet_is_seen, finish),
      cmocka_unit_test_teardown(a_cut_record_is_none, finish),
      cmocka_unit_test_teardown(another_length_is_none, finish),
      cmocka_unit_test_teardown(a_file_of_random_octets_holds_nothing, finish),
      cmocka_unit_test_teardown(wild_fields_are_refused, finish),
      cmocka_unit_test_teardown(wild_times_of_what_has_expired_are_refused, finish),
      cmocka_unit_test_teardown(addresses_of_a_type_without_them_are_refused, finish),
      cmocka_unit_test_teardown(names_that_do_not_end_are_refused, finish),
      cmocka_unit_test_teardown(random_fields_do_no_harm, finish),
      cmocka_unit_test_teardown(a_torn_record_is_none, finish),
      cmocka_unit_test_teardown(words_in_any_order_are_none, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
