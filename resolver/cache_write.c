#include "cache_write.h"

#include "kernel.h"

#include <string.h>
#include <strings.h>

/* ---- The record ---- */

/* Whether the answer's first name is the question's own, which is not stored. */
static bool begins_with_question(const struct aiodns_question *question, const struct aiodns_answer *answer)
{
  struct aiodns_name first;
  return answer->name_count > 0 && question->type != AIODNS_TYPE_PTR &&
         aiodns_name_from_text(&first, (const char *)answer->names.data) &&
         aiodns_name_equal(&first, question->name);
}

static void put_lower(const struct aiodns_name *name, uint8_t *at)
{
  for (size_t i = 0; i < name->len; i++)
    at[i] = aiodns_name_lower(name->wire[i]);
}

/* Which of `count` names of the store is the canonical one, from 1; 0: none of them. */
static uint16_t canonical_of(const struct aiodns_answer *answer, const uint8_t *names, unsigned count)
{
  const uint8_t *at = names;

  for (unsigned i = 1; i <= count; i++, at += strlen((const char *)at) + 1)
    if (at == answer->names.data + answer->canonical_offset)
      return (uint16_t)i;
  return 0;
}

/* All but what its place decides.  False: no slot is that large. */
static bool make(struct aiodns_slot *slot, size_t room, const struct aiodns_question *question,
                 const struct aiodns_answer *answer, uint8_t flags)
{
  bool answered = answer->outcome == AIODNS_ANSWER;
  size_t own = begins_with_question(question, answer) ? strlen((const char *)answer->names.data) + 1 : 0;
  const uint8_t *names = answer->names.data + own;
  size_t names_len = answered ? answer->names.len - own : 0;
  size_t addresses_len = answered ? answer->addresses.len : 0;
  unsigned name_count = answered ? answer->name_count - (own > 0 ? 1u : 0u) : 0;
  size_t payload_len = question->name->len + names_len + addresses_len;

  if (sizeof *slot + payload_len > room || names_len > UINT16_MAX)
    return false;
  *slot = (struct aiodns_slot){
      .view = question->view,
      .payload_len = (uint16_t)payload_len,
      .type = question->type,
      .outcome = (uint8_t)answer->outcome,
      .flags = flags,
      .name_len = question->name->len,
      .names_len = (uint16_t)names_len,
      .name_count = (uint16_t)name_count,
      .canonical = answered ? canonical_of(answer, names, name_count) : 0,
      .address_count = answered ? answer->address_count : 0,
  };
  put_lower(question->name, slot->payload);
  memcpy(slot->payload + slot->name_len, names, names_len);
  memcpy(slot->payload + slot->name_len + names_len, answer->addresses.data, addresses_len);
  return true;
}

/* ---- Its place ---- */

/* As it stands: perhaps half of a new one, which costs a worse choice and no more. */
static void read_head(const struct aiodns_cache *cache, uint32_t number, struct aiodns_slot *ret)
{
  memcpy(ret, cache->base + aiodns_cache_offset(cache, number), sizeof *ret);
}

static bool is_alive(const struct aiodns_slot *head, uint64_t now_ns)
{
  return head->hash != 0 && head->stored_ns <= now_ns && now_ns < head->expires_ns;
}

/* What was wanted again ages an eighth as quickly as the rest, and so goes too, once nobody asks for it. */
static uint64_t age(const struct aiodns_slot *head, uint64_t now_ns)
{
  return (now_ns - head->stored_ns) >> (head->wanted ? 3 : 0);
}

/* Of two records, whether the first is to go before the second. */
static bool goes_before(const struct aiodns_slot *a, const struct aiodns_slot *b, uint64_t now_ns)
{
  bool alive = is_alive(a, now_ns), other = is_alive(b, now_ns);

  if (alive != other)
    return !alive;
  if (alive)
    return age(a, now_ns) > age(b, now_ns);
  return a->stored_ns < b->stored_ns;
}

/* Which slot of its set the record takes; tells it what it drives out, and whether it was wanted before. */
static uint32_t choose(const struct aiodns_cache *cache, struct aiodns_slot *slot, bool large,
                       uint64_t now_ns)
{
  uint32_t first = aiodns_cache_set(cache, slot->hash, large), best = first;
  struct aiodns_slot victim, head;

  read_head(cache, first, &victim);
  bool same = victim.hash == slot->hash;
  slot->wanted = same || victim.displaced == slot->hash;
  for (uint32_t number = first + 1; number < first + AIODNS_CACHE_WAYS; number++) {
    read_head(cache, number, &head);
    slot->wanted |= head.hash == slot->hash || head.displaced == slot->hash;
    if (head.hash == slot->hash || (!same && goes_before(&head, &victim, now_ns))) {
      same |= head.hash == slot->hash;
      victim = head;
      best = number;
    }
  }
  slot->displaced = !same && is_alive(&victim, now_ns) ? victim.hash : victim.displaced;
  /* No two records of a slot have the same time; one from the future was never a record. */
  slot->stored_ns = now_ns;
  if (victim.stored_ns >= now_ns && victim.stored_ns - now_ns < 1000000)
    slot->stored_ns = victim.stored_ns + 1;
  return best;
}

static bool write_slot(const struct aiodns_cache *cache, int fd, uint32_t number,
                       const struct aiodns_slot *slot)
{
  size_t len = sizeof *slot + slot->payload_len;
  return aiodns_kernel_pwrite(fd, slot, len, aiodns_cache_offset(cache, number)) == (ssize_t)len;
}

/*
 * Older records of the question must not outlive this one: one among the slots of the other size, and a
 * second one of its own set, where two processes stored at the same moment.  `but` is none of them.
 */
static bool forget(const struct aiodns_cache *cache, int fd, uint64_t hash, bool large, int64_t but)
{
  static const struct aiodns_slot nothing;
  uint32_t first = aiodns_cache_set(cache, hash, large);

  for (uint32_t number = first; number < first + AIODNS_CACHE_WAYS; number++) {
    struct aiodns_slot head;
    read_head(cache, number, &head);
    if (head.hash == hash && number != but && !write_slot(cache, fd, number, &nothing))
      return false;
  }
  return true;
}

enum aiodns_cache_stored aiodns_cache_store(const struct aiodns_cache *cache, int fd,
                                            const struct aiodns_question *question,
                                            const struct aiodns_answer *answer, uint8_t flags,
                                            uint64_t now_ns, uint64_t life_ns)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  struct aiodns_slot *slot = (void *)buf;

  if (!make(slot, sizeof buf, question, answer, flags))
    return AIODNS_CACHE_TOO_LARGE;
  bool large = sizeof *slot + slot->payload_len > AIODNS_CACHE_SMALL;
  slot->hash = aiodns_cache_hash(cache, question);
  uint32_t number = choose(cache, slot, large, now_ns);
  if (!forget(cache, fd, slot->hash, !large, -1) || !forget(cache, fd, slot->hash, large, number))
    return AIODNS_CACHE_NOT_WRITTEN;
  slot->expires_ns =
      slot->stored_ns + (life_ns < AIODNS_CACHE_LIFE_MAX_NS ? life_ns : AIODNS_CACHE_LIFE_MAX_NS);
  slot->checksum = aiodns_cache_checksum(cache, number, slot);
  return write_slot(cache, fd, number, slot) ? AIODNS_CACHE_STORED : AIODNS_CACHE_NOT_WRITTEN;
}
