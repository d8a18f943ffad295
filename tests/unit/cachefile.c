#include "cachefile.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 1 << 16 }; /* the largest page there is */

struct aiodns_cache cache;
int cache_fd = -1;
const uint8_t cache_boot[AIODNS_CACHE_BOOT_LEN] = {0xb0, 0x07, [15] = 1};

static uint8_t *ground;
static size_t ground_len;

void cachefile_done(void)
{
  if (cache_fd >= 0)
    close(cache_fd);
  if (ground)
    munmap(ground, ground_len);
  cache_fd = -1;
  ground = NULL;
}

void cachefile_begin(uint32_t small_sets, uint32_t large_sets)
{
  struct aiodns_cache_header header;
  const uint64_t key[2] = {0x0123456789abcdef, 0xfedcba9876543210};
  size_t size = (size_t)aiodns_cache_size(small_sets, large_sets);

  cachefile_done();
  cache_fd = memfd_create("cache", MFD_CLOEXEC);
  assert_true(cache_fd >= 0);
  assert_int_equal(ftruncate(cache_fd, (off_t)size), 0);
  aiodns_cache_header_make(&header, small_sets, large_sets, key, cache_boot);
  assert_int_equal(pwrite(cache_fd, &header, sizeof header, 0), sizeof header);
  ground_len = size + PAGE;
  ground = mmap(NULL, ground_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(ground != MAP_FAILED);
  assert_true(mmap(ground, size, PROT_READ, MAP_SHARED | MAP_FIXED, cache_fd, 0) == ground);
  assert_int_equal(aiodns_cache_attach(&cache, ground, size, cache_boot), AIODNS_CACHE_GOOD);
}

void cachefile_put(uint32_t number, size_t at, const void *octets, size_t len)
{
  assert_true(at + len <= aiodns_cache_slot_size(&cache, number));
  assert_int_equal(pwrite(cache_fd, octets, len, (off_t)(aiodns_cache_offset(&cache, number) + at)), len);
}

const void *cachefile_slot(uint32_t number)
{
  return cache.base + aiodns_cache_offset(&cache, number);
}

/* ---- Answers ---- */

#define L63      "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"
#define L61      "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1"
#define NAME_255 L63 "." L63 "." L63 "." L61

const struct said said_samples[] = {
    {.text = "a.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER, .addresses = 1, .salt = 1},
    {.text = "a.example", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_ANSWER, .addresses = 1, .salt = 2},
    {.text = "a.example",
     .type = AIODNS_TYPE_A,
     .outcome = AIODNS_ANSWER,
     .addresses = 2,
     .salt = 3,
     .view = 1},
    {.text = "b.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER, .addresses = 200, .salt = 4},
    {.text = "b.example", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_ANSWER, .addresses = 200, .salt = 5},
    {.text = "c.example",
     .type = AIODNS_TYPE_A,
     .outcome = AIODNS_ANSWER,
     .flags = AIODNS_RECORD_ALIASED,
     .names = 1,
     .canonical = 1,
     .addresses = 3,
     .salt = 6},
    {.text = "c.example",
     .type = AIODNS_TYPE_AAAA,
     .outcome = AIODNS_ANSWER,
     .flags = AIODNS_RECORD_ALIASED,
     .names = 9,
     .canonical = 9,
     .addresses = 8,
     .salt = 7},
    {.text = "d.example",
     .type = AIODNS_TYPE_A,
     .outcome = AIODNS_ANSWER,
     .names = 3,
     .canonical = 2,
     .addresses = 1},
    {.text = "d.example", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_ANSWER, .names = 2, .addresses = 1},
    {.text = "1.2.0.192.in-addr.arpa",
     .type = AIODNS_TYPE_PTR,
     .outcome = AIODNS_ANSWER,
     .names = 1,
     .canonical = 1,
     .salt = 8},
    {.text = "2.2.0.192.in-addr.arpa",
     .type = AIODNS_TYPE_PTR,
     .outcome = AIODNS_ANSWER,
     .names = 40,
     .canonical = 1,
     .salt = 9},
    {.text = "3.2.0.192.in-addr.arpa",
     .type = AIODNS_TYPE_PTR,
     .outcome = AIODNS_ANSWER,
     .names = 3,
     .canonical = 3,
     .name_len = 1024},
    {.text = "none.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_NAME},
    {.text = "none.example",
     .type = AIODNS_TYPE_AAAA,
     .outcome = AIODNS_NO_NAME,
     .flags = AIODNS_RECORD_ALIASED},
    {.text = "empty.example", .type = AIODNS_TYPE_AAAA, .outcome = AIODNS_NO_DATA},
    {.text = "failed.example", .type = AIODNS_TYPE_A, .outcome = AIODNS_FAILED},
    {.text = "4.2.0.192.in-addr.arpa", .type = AIODNS_TYPE_PTR, .outcome = AIODNS_NO_NAME},
    {.text = ".", .type = AIODNS_TYPE_A, .outcome = AIODNS_NO_DATA},
    {.text = NAME_255, .type = AIODNS_TYPE_A, .outcome = AIODNS_ANSWER, .addresses = 1, .salt = 10},
    {.text = NAME_255,
     .type = AIODNS_TYPE_AAAA,
     .outcome = AIODNS_ANSWER,
     .names = 1,
     .canonical = 1,
     .addresses = 200,
     .name_len = 255},
};
_Static_assert(sizeof said_samples / sizeof said_samples[0] == SAID_SAMPLES, "all of them");

static uint8_t address_len_of(uint16_t type)
{
  return type == AIODNS_TYPE_A ? 4 : type == AIODNS_TYPE_AAAA ? 16 : 0;
}

static uint8_t octet_of(uint32_t salt, unsigned which, unsigned i)
{
  uint32_t z = (salt * 31 + which) * 0x9e3779b1U + i * 0x85ebca6bU;
  z = (z ^ z >> 15) * 0x2c1b3c6dU;
  return (uint8_t)(z >> 24);
}

static void put_address(const struct said *said, unsigned which, struct aiodns_answer *answer)
{
  uint8_t octets[16];
  for (unsigned i = 0; i < sizeof octets; i++)
    octets[i] = octet_of(said->salt, which, i);
  if (which == 0)
    memcpy(octets, &said->salt, sizeof said->salt);
  assert_true(aiodns_answer_add_address(answer, octets));
}

static void put_name(const struct said *said, unsigned which, struct aiodns_answer *answer)
{
  char text[1100];
  int len = snprintf(text, sizeof text, "N%u.%u.example", which, said->salt);
  for (; len < said->name_len; len++)
    text[len] = (char)('a' + octet_of(said->salt, which, (unsigned)len) % 26);
  assert_true(aiodns_answer_add_name(answer, text, (size_t)len, said->canonical == which));
}

void said_answer(const struct said *said, const char *text, struct aiodns_answer *ret)
{
  aiodns_answer_init(ret, address_len_of(said->type));
  ret->outcome = (enum aiodns_outcome)said->outcome;
  if (said->outcome != AIODNS_ANSWER)
    return;
  if (said->type != AIODNS_TYPE_PTR)
    assert_true(aiodns_answer_add_name(ret, text, strlen(text), said->canonical == 0));
  for (unsigned which = 1; which <= said->names; which++)
    put_name(said, which, ret);
  for (unsigned which = 0; which < said->addresses; which++)
    put_address(said, which, ret);
}

static bool same_octets(const struct aiodns_store *a, const struct aiodns_store *b)
{
  return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool said_is(const struct said *said, const char *text, const struct aiodns_answer *answer)
{
  struct aiodns_answer other;
  said_answer(said, text, &other);
  bool same = answer->outcome == other.outcome && answer->name_count == other.name_count &&
              answer->address_count == other.address_count && answer->address_len == other.address_len &&
              answer->canonical_offset == other.canonical_offset &&
              same_octets(&answer->names, &other.names) && same_octets(&answer->addresses, &other.addresses);
  aiodns_answer_done(&other);
  return same;
}

uint32_t said_salt(const struct aiodns_answer *answer)
{
  uint32_t salt;
  assert_true(answer->addresses.len >= sizeof salt);
  memcpy(&salt, answer->addresses.data, sizeof salt);
  return salt;
}

/* ---- In the file ---- */

void said_question(const struct said *said, struct aiodns_name *name, struct aiodns_question *ret)
{
  assert_true(aiodns_name_from_text(name, said->text));
  *ret = (struct aiodns_question){.name = name, .type = said->type, .view = said->view};
}

enum aiodns_cache_stored said_store(const struct said *said, uint64_t now_ns, uint64_t life_ns)
{
  struct aiodns_answer answer;
  struct aiodns_name name;
  struct aiodns_question question;
  said_question(said, &name, &question);
  said_answer(said, said->text, &answer);
  enum aiodns_cache_stored stored =
      aiodns_cache_store(&cache, cache_fd, &question, &answer, said->flags, now_ns, life_ns);
  aiodns_answer_done(&answer);
  return stored;
}

static void copy_answer(const struct aiodns_answer *from, struct aiodns_answer *ret)
{
  const char *name = (const char *)from->names.data;
  const uint8_t *address = from->addresses.data;
  aiodns_answer_init(ret, from->address_len);
  for (unsigned i = 0; i < from->name_count; i++, name += strlen(name) + 1)
    assert_true(aiodns_answer_add_name(ret, name, strlen(name), name == aiodns_answer_canonical(from)));
  for (unsigned i = 0; i < from->address_count; i++, address += from->address_len)
    assert_true(aiodns_answer_add_address(ret, address));
  assert_int_equal(ret->names.len, from->names.len);
  assert_int_equal(ret->addresses.len, from->addresses.len);
  ret->outcome = from->outcome;
  ret->ttl_s = from->ttl_s;
}

void said_wish(const struct said *said, const char *text, uint64_t now_ns, struct aiodns_name *name,
               struct aiodns_cache_wish *ret)
{
  assert_true(aiodns_name_from_text(name, text));
  *ret = (struct aiodns_cache_wish){.name = name,
                                    .view = said->view,
                                    .now_ns = now_ns,
                                    .began_ns = now_ns,
                                    .type = {said->type},
                                    .wanted = 1};
}

bool said_read_wish(const struct aiodns_cache_wish *wish, struct aiodns_answer *ret,
                    struct aiodns_record_facts *facts)
{
  struct aiodns_answer answer[2];
  struct aiodns_record_facts both[2];
  struct aiodns_answer untouched;
  aiodns_answer_init(&answer[0], address_len_of(wish->type[0]));
  memset(&answer[1], 0x55, sizeof answer[1]);
  memset(both, 0x55, sizeof both);
  memcpy(&untouched, &answer[1], sizeof untouched);
  assert_int_equal(wish->wanted, 1);
  unsigned found = aiodns_cache_read(&cache, wish, answer, both);
  assert_true(found == 0 || found == 1);
  assert_memory_equal(&answer[1], &untouched, sizeof untouched);
  assert_int_equal(both[1].stored_ns, 0x5555555555555555);
  *facts = both[0];
  copy_answer(&answer[0], ret);
  aiodns_answer_done(&answer[0]);
  if (!found) {
    assert_int_equal(ret->outcome, AIODNS_PENDING);
    assert_int_equal(ret->names.len + ret->addresses.len + ret->name_count + ret->address_count, 0);
    assert_int_equal(facts->flags + facts->stored_ns + facts->expires_ns, 0);
  } else {
    assert_false(facts->expired);
  }
  return found;
}

bool said_read(const struct said *said, const char *text, uint64_t now_ns, struct aiodns_answer *ret,
               struct aiodns_record_facts *facts)
{
  struct aiodns_name name;
  struct aiodns_cache_wish wish;
  said_wish(said, text, now_ns, &name, &wish);
  return said_read_wish(&wish, ret, facts);
}

bool said_holds(const struct said *said, uint64_t now_ns)
{
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  bool found = said_read(said, said->text, now_ns, &answer, &facts);
  if (found) {
    assert_true(said_is(said, said->text, &answer));
    assert_int_equal(facts.flags, said->flags);
  }
  aiodns_answer_done(&answer);
  return found;
}

int64_t said_slot(const struct said *said)
{
  struct aiodns_name name;
  struct aiodns_question question;
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)] = {0};
  const struct aiodns_slot *slot = (const void *)buf;
  said_question(said, &name, &question);
  uint64_t hash = aiodns_cache_hash(&cache, &question);
  for (int large = 0; large < 2; large++) {
    uint32_t first = aiodns_cache_set(&cache, hash, large);
    for (uint32_t way = 0; way < AIODNS_CACHE_WAYS; way++)
      if (aiodns_cache_copy(&cache, first + way, buf) && slot->hash == hash)
        return first + way;
  }
  return -1;
}
