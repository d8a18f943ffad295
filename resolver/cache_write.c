#include "cache_write.h"

#include "kernel.h"

#include <errno.h>
#include <stdlib.h>
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

  if (payload_len > room - sizeof *slot)
    return false;
  *slot = (struct aiodns_slot){
      .view = question->view,
      .payload_len = (uint16_t)payload_len,
      .type = question->type,
      .outcome = (uint8_t)answer->outcome,
      .flags = flags & (AIODNS_RECORD_ALIASED | AIODNS_RECORD_SERVFAIL | AIODNS_RECORD_STALE),
      .name_len = question->name->len,
      .names_len = (uint16_t)names_len,
      .name_count = (uint16_t)name_count,
      .canonical = answered ? canonical_of(answer, names, name_count) : 0,
      .address_count = answered ? answer->address_count : 0,
  };
  put_lower(question->name, slot->payload);
  memcpy(slot->payload + slot->name_len, names, names_len);
  memcpy(slot->payload + slot->name_len + names_len, answer->addresses.data, addresses_len);
  memset(slot->payload + payload_len, 0, aiodns_cache_record_len(payload_len) - sizeof *slot - payload_len);
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
  return head->hash != 0 && head->stored_ns <= now_ns &&
         now_ns < aiodns_slot_end_ns(head, AIODNS_CACHE_STALE_MAX_NS);
}

/* What was wanted again ages an eighth as quickly as the rest, and so goes too, once nobody asks for it. */
static uint64_t age(const struct aiodns_slot *head, uint64_t now_ns)
{
  return (now_ns - head->stored_ns) >> (head->wanted ? 3 : 0);
}

/* Of two records, whether the first is to go before the second.  Of those without a record, neither. */
static bool goes_before(const struct aiodns_slot *a, const struct aiodns_slot *b, uint64_t now_ns)
{
  bool alive = is_alive(a, now_ns), other = is_alive(b, now_ns);

  if (alive != other)
    return !alive;
  if (alive)
    return age(a, now_ns) > age(b, now_ns);
  return a->hash == 0 && b->hash != 0;
}

struct place {
  uint32_t number;
  bool same;                 /* a record of the same question stands there */
  struct aiodns_slot victim; /* the head of what stands there */
};

/*
 * Which slot of its set the record takes; tells it whether it was wanted before.  The slot that readers look
 * at first is taken if it is as good as any.
 */
static void choose(const struct aiodns_cache *cache, struct aiodns_slot *slot, bool large, uint64_t now_ns,
                   struct place *ret)
{
  uint32_t first = aiodns_cache_set(cache, slot->hash, large), way = aiodns_cache_way(slot->hash);
  struct aiodns_slot head;

  ret->same = false;
  for (uint32_t i = 0; i < AIODNS_CACHE_WAYS; i++, way = (way + 1) % AIODNS_CACHE_WAYS) {
    read_head(cache, first + way, &head);
    bool same = head.hash == slot->hash;
    slot->wanted |= same || head.displaced == slot->hash;
    if (i == 0 || same || (!ret->same && goes_before(&head, &ret->victim, now_ns))) {
      ret->same |= same;
      ret->victim = head;
      ret->number = first + way;
    }
  }
}

/* ---- Its time ---- */

/* A failure that comes again within so long is the same failure. */
#define FAILED_AGAIN_NS ((uint64_t)10 * 1000000000)

/* How long the record lives: RFC 9520 section 3.2 wants failures to be kept for longer each time. */
static uint64_t life_of(const struct aiodns_slot *slot, const struct place *place, uint64_t now_ns,
                        uint64_t life_ns)
{
  const struct aiodns_slot *last = &place->victim;
  uint64_t last_ns = last->expires_ns - last->stored_ns;

  if (slot->outcome != AIODNS_FAILED)
    return life_ns < AIODNS_CACHE_LIFE_MAX_NS ? life_ns : AIODNS_CACHE_LIFE_MAX_NS;
  if (place->same && last->outcome == AIODNS_FAILED && last->stored_ns <= now_ns &&
      last_ns <= AIODNS_CACHE_FAILED_MAX_NS &&
      (now_ns < last->expires_ns || now_ns - last->expires_ns < FAILED_AGAIN_NS) && life_ns < 2 * last_ns)
    life_ns = 2 * last_ns;
  return life_ns < AIODNS_CACHE_FAILED_MAX_NS ? life_ns : AIODNS_CACHE_FAILED_MAX_NS;
}

static void put_times(struct aiodns_slot *slot, const struct place *place, uint64_t now_ns, uint64_t life_ns)
{
  uint64_t last_ns = place->victim.stored_ns;

  /* Of two records of a slot, one after the other, the second has a later time; one from the future was never
   * a record. */
  slot->stored_ns = last_ns >= now_ns && last_ns - now_ns < 1000000 ? last_ns + 1 : now_ns;
  if (slot->flags & AIODNS_RECORD_STALE) {
    slot->expires_ns = now_ns - life_ns;
    return;
  }
  life_ns = life_of(slot, place, now_ns, life_ns);
  if (life_ns == 0) {
    slot->flags |= AIODNS_RECORD_ONCE;
    life_ns = AIODNS_CACHE_ONCE_NS;
  }
  slot->expires_ns = slot->stored_ns + life_ns;
}

/* ---- Writing it ---- */

static bool write_octets(const struct aiodns_cache *cache, int fd, uint32_t number, const void *octets,
                         size_t len)
{
  ssize_t written = aiodns_kernel_pwrite(fd, octets, len, aiodns_cache_offset(cache, number));
  if (written >= 0 && written < (ssize_t)len)
    errno = ENOSPC;
  return written == (ssize_t)len;
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
    if (head.hash == hash && number != but && !write_octets(cache, fd, number, &nothing, sizeof nothing))
      return false;
  }
  return true;
}

/* `slot` has room for `room` octets, those of a slot. */
static enum aiodns_cache_stored store(const struct aiodns_cache *cache, int fd, struct aiodns_slot *slot,
                                      size_t room, const struct aiodns_question *question,
                                      const struct aiodns_answer *answer, uint8_t flags, uint64_t now_ns,
                                      uint64_t life_ns)
{
  struct place place;

  if (!make(slot, room, question, answer, flags))
    return AIODNS_CACHE_TOO_LARGE;
  size_t len = aiodns_cache_record_len(slot->payload_len);
  bool large = len > AIODNS_CACHE_SMALL;
  slot->hash = aiodns_cache_hash(cache, question);
  choose(cache, slot, large, now_ns, &place);
  bool evicting = !place.same && is_alive(&place.victim, now_ns);
  slot->displaced = evicting ? place.victim.hash : place.victim.displaced;
  put_times(slot, &place, now_ns, life_ns);
  slot->checksum = aiodns_cache_checksum(cache, place.number, slot);
  if (!forget(cache, fd, slot->hash, !large, -1) || !forget(cache, fd, slot->hash, large, place.number))
    return AIODNS_CACHE_NOT_WRITTEN;
  if (!write_octets(cache, fd, place.number, slot, len))
    return AIODNS_CACHE_NOT_WRITTEN;
  return evicting ? AIODNS_CACHE_STORED_EVICTING : AIODNS_CACHE_STORED;
}

/* Nearly all, in little stack. */
static __attribute__((noinline)) enum aiodns_cache_stored
store_small(const struct aiodns_cache *cache, int fd, const struct aiodns_question *question,
            const struct aiodns_answer *answer, uint8_t flags, uint64_t now_ns, uint64_t life_ns)
{
  uint64_t buf[AIODNS_CACHE_SMALL / sizeof(uint64_t)];
  return store(cache, fd, (void *)buf, sizeof buf, question, answer, flags, now_ns, life_ns);
}

static __attribute__((noinline)) enum aiodns_cache_stored
store_large(const struct aiodns_cache *cache, int fd, const struct aiodns_question *question,
            const struct aiodns_answer *answer, uint8_t flags, uint64_t now_ns, uint64_t life_ns)
{
  void *buf = malloc(AIODNS_CACHE_LARGE); /* as a long answer itself: a lookup has no such stack left */

  if (!buf)
    return AIODNS_CACHE_NOT_WRITTEN;
  enum aiodns_cache_stored stored =
      store(cache, fd, buf, AIODNS_CACHE_LARGE, question, answer, flags, now_ns, life_ns);
  free(buf);
  return stored;
}

enum aiodns_cache_stored aiodns_cache_store(const struct aiodns_cache *cache, int fd,
                                            const struct aiodns_question *question,
                                            const struct aiodns_answer *answer, uint8_t flags,
                                            uint64_t now_ns, uint64_t life_ns)
{
  enum aiodns_cache_stored stored = store_small(cache, fd, question, answer, flags, now_ns, life_ns);

  if (stored != AIODNS_CACHE_TOO_LARGE)
    return stored;
  return store_large(cache, fd, question, answer, flags, now_ns, life_ns);
}

bool aiodns_cache_erase(const struct aiodns_cache *cache, int fd, uint32_t number)
{
  static const uint8_t nothing[AIODNS_CACHE_LARGE];
  return write_octets(cache, fd, number, nothing, aiodns_cache_slot_size(cache, number));
}
