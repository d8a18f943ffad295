#include "record.h"

#include "check.h"

#define LIFE (3600 * SECOND)

static uint32_t mix(uint32_t salt, unsigned which, unsigned i)
{
  uint32_t z = (salt * 31 + which) * 0x9e3779b1U + i * 0x85ebca6bU;
  z = (z ^ z >> 15) * 0x2c1b3c6dU;
  return z ^ z >> 13;
}

enum record_kind record_kind_of(uint32_t salt)
{
  uint32_t roll = mix(salt, 0, 0) % 16;
  return roll == 0 ? RECORD_HUGE : roll < 5 ? RECORD_LARGE : roll < 13 ? RECORD_SMALL : RECORD_NEGATIVE;
}

uint32_t record_salt(enum record_kind kind, uint32_t from)
{
  while (record_kind_of(from) != kind)
    from++;
  return from;
}

static uint16_t type_of(unsigned which)
{
  static const uint16_t types[] = {AIODNS_TYPE_AAAA, AIODNS_TYPE_A, AIODNS_TYPE_AAAA, AIODNS_TYPE_PTR};
  return types[which % 4];
}

static uint8_t address_len_of(uint16_t type)
{
  return type == AIODNS_TYPE_A ? 4 : type == AIODNS_TYPE_AAAA ? 16 : 0;
}

static void add_names(struct record *record, unsigned which, unsigned count, unsigned canonical)
{
  char text[64];

  for (unsigned i = 1; i <= count; i++) {
    int len = snprintf(text, sizeof text, "N%u.%08x.example", i, mix(record->salt, which, 1000 + i));
    CHECK(aiodns_answer_add_name(&record->answer, text, (size_t)len, i == canonical));
  }
}

static void add_addresses(struct record *record, unsigned which, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    uint32_t words[4];
    for (unsigned k = 0; k < 4; k++)
      words[k] = mix(record->salt, which, i * 4 + k);
    CHECK(aiodns_answer_add_address(&record->answer, words));
  }
}

static void make_answer(struct record *record, unsigned which)
{
  enum record_kind kind = which == QUESTION_HUGE ? RECORD_HUGE : record_kind_of(record->salt);
  bool pointer = record->question.type == AIODNS_TYPE_PTR;
  uint32_t roll = mix(record->salt, which, 2000);

  aiodns_answer_init(&record->answer, address_len_of(record->question.type));
  record->answer.outcome = AIODNS_ANSWER;
  if (kind == RECORD_NEGATIVE) {
    record->answer.outcome = roll % 2 ? AIODNS_NO_NAME : AIODNS_NO_DATA;
    return;
  }
  unsigned few = record->question.type == AIODNS_TYPE_A ? 28 : 6; /* that fit beside two names */
  unsigned names = kind == RECORD_HUGE ? 4 : roll % 3;
  unsigned addresses = kind == RECORD_HUGE    ? 200
                       : kind == RECORD_LARGE ? 60 + roll / 3 % 60
                                              : 1 + roll / 3 % few;
  if (pointer) {
    names = kind == RECORD_HUGE ? 150 : kind == RECORD_LARGE ? 10 + roll % 40 : 1 + roll % 3;
    addresses = 0;
  } else {
    CHECK(aiodns_answer_add_name(&record->answer, record->text, strlen(record->text), names == 0));
  }
  add_names(record, which, names, names);
  add_addresses(record, which, addresses);
}

static void ask_for(struct record *record, unsigned which)
{
  snprintf(record->text, sizeof record->text, "Q%u.Torture.Example", which);
  CHECK(aiodns_name_from_text(&record->name, record->text));
  record->question =
      (struct aiodns_question){.name = &record->name, .type = type_of(which), .view = which % 2 + 1};
}

void record_make(struct record *record, unsigned which, uint32_t salt)
{
  ask_for(record, which);
  record->salt = salt;
  record->flags = mix(salt, which, 3000) % 2 ? AIODNS_RECORD_ALIASED : 0;
  make_answer(record, which);
}

void record_done(struct record *record)
{
  aiodns_answer_done(&record->answer);
}

bool record_put(const struct record *record, const struct aiodns_cache *cache, int fd, uint64_t now_ns)
{
  enum aiodns_cache_stored stored = aiodns_cache_store(cache, fd, &record->question, &record->answer,
                                                       record->flags, now_ns, LIFE + record->salt);
  return stored == AIODNS_CACHE_STORED || stored == AIODNS_CACHE_STORED_EVICTING;
}

bool record_store(const struct aiodns_cache *cache, int fd, unsigned which, uint32_t salt, uint64_t now_ns)
{
  struct record record = {0};

  record_make(&record, which, salt);
  bool stored = record_put(&record, cache, fd, now_ns);
  record_done(&record);
  return stored;
}

bool record_ask(const struct aiodns_cache *cache, const struct record *record, uint64_t now_ns,
                struct aiodns_answer *ret, struct aiodns_record_facts *ret_facts)
{
  struct aiodns_cache_wish wish = {.name = &record->name,
                                   .view = record->question.view,
                                   .now_ns = now_ns,
                                   .began_ns = now_ns,
                                   .type = {record->question.type},
                                   .wanted = 1};

  aiodns_answer_init(ret, address_len_of(record->question.type));
  return aiodns_cache_read(cache, &wish, ret, ret_facts) == 1;
}

static bool same_octets(const struct aiodns_store *a, const struct aiodns_store *b)
{
  return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool is_record(const struct record *record, const struct aiodns_answer *answer,
                      const struct aiodns_record_facts *facts, uint64_t now_ns)
{
  const struct aiodns_answer *other = &record->answer;
  /* What was stored behind the reader's look at the clock has its whole life. */
  uint64_t since_ns = now_ns > facts->stored_ns ? now_ns : facts->stored_ns;

  return answer->outcome == other->outcome && answer->name_count == other->name_count &&
         answer->address_count == other->address_count && answer->address_len == other->address_len &&
         answer->canonical_offset == other->canonical_offset && same_octets(&answer->names, &other->names) &&
         same_octets(&answer->addresses, &other->addresses) && facts->flags == record->flags &&
         answer->ttl_s == (facts->expires_ns - since_ns + SECOND - 1) / SECOND;
}

enum record_seen record_read(const struct aiodns_cache *cache, unsigned which, uint64_t now_ns,
                             uint32_t *ret_salt)
{
  struct record record = {0};
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  enum record_seen seen = RECORD_NONE;

  ask_for(&record, which);
  if (record_ask(cache, &record, now_ns, &answer, &facts)) {
    uint64_t salt = facts.expires_ns - facts.stored_ns - LIFE;
    record_make(&record, which, (uint32_t)salt);
    seen = salt <= UINT32_MAX && is_record(&record, &answer, &facts, now_ns) ? RECORD_WHOLE : RECORD_MIX;
    record_done(&record);
    *ret_salt = (uint32_t)salt;
    if (seen == RECORD_MIX)
      dprintf(STDERR_FILENO,
              "a mix: question %u, salt %llu by its life, outcome %d, %u names, %u addresses\n", which,
              (unsigned long long)salt, (int)answer.outcome, answer.name_count, answer.address_count);
  } else {
    CHECK(answer.outcome == AIODNS_PENDING && answer.names.len == 0 && answer.addresses.len == 0);
  }
  aiodns_answer_done(&answer);
  return seen;
}
