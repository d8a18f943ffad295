/*
 * A slot of the cache file, as it is and rightly signed, read for each type.  It is the last one, and the
 * file ends where its block ends.
 */
#include "cache.h"
#include "fuzz.h"

#include <string.h>

enum { SMALL_SETS = 2, LARGE_SETS = 1, LAST = (SMALL_SETS + LARGE_SETS) * AIODNS_CACHE_WAYS - 1 };

#define NOW ((uint64_t)200000 * 1000000000)
#define DAY ((uint64_t)86400 * 1000000000)

static struct aiodns_cache cache;

static uint8_t *slot(void)
{
  return (uint8_t *)(uintptr_t)cache.base + aiodns_cache_offset(&cache, LAST);
}

static void begin(void)
{
  static uint8_t *base;
  struct aiodns_cache_header header;
  const uint64_t key[2] = {1, 2};
  const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {3};
  if (!base) {
    aiodns_cache_header_make(&header, SMALL_SETS, LARGE_SETS, key, boot);
    base = calloc(1, (size_t)header.size);
    must(base != NULL);
    memcpy(base, &header, sizeof header);
    must(aiodns_cache_attach(&cache, base, header.size, boot) == AIODNS_CACHE_GOOD);
  }
  memset(slot(), 0, AIODNS_CACHE_LARGE);
}

/* As many names as it says, the canonical one among them. */
static void must_hold_together(const struct aiodns_answer *answer)
{
  unsigned names = 0;
  bool canonical = answer->name_count == 0;
  for (size_t at = 0; at < answer->names.len; names++) {
    canonical |= at == answer->canonical_offset;
    size_t len = strnlen((const char *)answer->names.data + at, answer->names.len - at);
    must(at + len < answer->names.len);
    at += len + 1;
  }
  must(canonical && names == answer->name_count);
  must(answer->addresses.len == (uint32_t)answer->address_count * answer->address_len);
  must((answer->outcome == AIODNS_ANSWER) == (names > 0));
  must((answer->outcome == AIODNS_ANSWER && answer->address_len > 0) == (answer->address_count > 0));
  must(answer->ttl_s <= 86400);
}

/* What is found is given now, and not for ever; beyond its time only to those that want that. */
static void must_hold_in_time(const struct aiodns_cache_wish *wish, const struct aiodns_answer *answer,
                              const struct aiodns_record_facts *facts)
{
  bool once = facts->flags & AIODNS_RECORD_ONCE, stale = facts->flags & AIODNS_RECORD_STALE;

  must(facts->stored_ns <= NOW + AIODNS_CACHE_TICK_NS && NOW < facts->expires_ns && !facts->expired);
  must(!(once && wish->began_ns > facts->stored_ns));
  must(once ? answer->ttl_s == 0 : answer->ttl_s > 0 || stale);
  must(!stale || (wish->stale_ns > 0 && answer->outcome != AIODNS_FAILED));
  must(!stale || facts->expires_ns <= NOW + AIODNS_CACHE_TICK_NS + AIODNS_CACHE_STALE_NS);
  must(facts->lapsed_ns == 0 || (stale && wish->expired && facts->lapsed_ns <= NOW));
}

static void look(const struct aiodns_question *question, uint8_t address_len, uint64_t began_ns,
                 uint32_t turn, uint64_t stale_ns, bool expired)
{
  struct aiodns_answer answer[2];
  struct aiodns_record_facts facts[2];
  struct aiodns_cache_wish wish = {.name = question->name,
                                   .view = question->view,
                                   .now_ns = NOW,
                                   .began_ns = began_ns,
                                   .stale_ns = stale_ns,
                                   .turn = turn,
                                   .expired = expired,
                                   .type = {question->type, question->type},
                                   .wanted = 3};
  aiodns_answer_init(&answer[0], address_len);
  aiodns_answer_init(&answer[1], address_len);
  unsigned found = aiodns_cache_read(&cache, &wish, answer, facts);
  must(found == 0 || found == 3);
  for (int i = 0; i < 2; i++) {
    if (found) {
      must_hold_together(&answer[i]);
      must_hold_in_time(&wish, &answer[i], &facts[i]);
    } else {
      must(answer[i].outcome == AIODNS_PENDING && answer[i].names.len == 0 && answer[i].addresses.len == 0);
    }
    aiodns_answer_done(&answer[i]);
  }
}

/* As the command does that lists a file. */
static void show(void)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  struct aiodns_answer answer;
  struct aiodns_name name;
  if (!aiodns_cache_copy(&cache, LAST, buf) || !aiodns_cache_show((const void *)buf, NOW, &answer, &name))
    return;
  char text[AIODNS_NAME_TEXT_MAX];
  struct aiodns_name other;
  aiodns_name_to_text(&name, text);
  must(aiodns_name_from_text(&other, text) && aiodns_name_equal(&name, &other));
  must_hold_together(&answer);
  aiodns_answer_done(&answer);
}

/* As if our own writer had written it for this question. */
static void sign(const struct aiodns_question *question)
{
  static uint64_t buf[(sizeof(struct aiodns_slot) + UINT16_MAX) / sizeof(uint64_t) + 1];
  struct aiodns_slot *record = (void *)buf;
  memcpy(record, slot(), AIODNS_CACHE_LARGE);
  record->hash = aiodns_cache_hash(&cache, question);
  record->checksum = aiodns_cache_checksum(&cache, LAST, record);
  memcpy(slot(), record, sizeof *record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static const struct {
    const char *name;
    uint16_t type;
    uint8_t address_len;
  } questions[] = {{"Host.Example", AIODNS_TYPE_A, 4},
                   {"host.example", AIODNS_TYPE_AAAA, 16},
                   {"1.2.0.192.in-addr.arpa", AIODNS_TYPE_PTR, 0}};
  begin();
  if (len > 0)
    memcpy(slot(), data, len < AIODNS_CACHE_LARGE ? len : AIODNS_CACHE_LARGE);
  for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
    struct aiodns_name name;
    must(aiodns_name_from_text(&name, questions[i].name));
    struct aiodns_question question = {.name = &name, .type = questions[i].type};
    uint8_t address_len = questions[i].address_len;
    look(&question, address_len, NOW, 0, 0, false);
    sign(&question);
    look(&question, address_len, NOW, 1, 0, false);
    look(&question, address_len, 0, UINT32_MAX, 0, false);
    look(&question, address_len, NOW, 2, DAY, false);
    look(&question, address_len, NOW, 3, DAY, true);
    show();
  }
  return 0;
}
