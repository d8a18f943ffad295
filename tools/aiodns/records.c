#include "records.h"

/* The record of a copied slot; false where what is behind the right checksum is none. */
static bool show(const struct aiodns_slot *copy, uint64_t now_ns, struct command_record *ret)
{
  uint64_t end_ns = aiodns_slot_end_ns(copy, AIODNS_CACHE_STALE_MAX_NS);

  ret->valid = copy->stored_ns <= now_ns && now_ns < end_ns;
  ret->stale = copy->flags & AIODNS_RECORD_STALE;
  ret->type = copy->type;
  ret->view = copy->view;
  ret->stored_ns = copy->stored_ns;
  ret->expires_ns = copy->expires_ns;
  return aiodns_cache_show(copy, ret->valid ? now_ns : end_ns - 1, &ret->answer, &ret->name);
}

/* Once more where it may just have been written. */
static bool copy_whole(const struct aiodns_cache *cache, uint32_t number, void *buf)
{
  for (int tries = 0; tries < 2; tries++)
    if (aiodns_cache_copy(cache, number, buf))
      return true;
  return false;
}

void command_records_each(const struct aiodns_cache *cache, uint64_t now_ns, command_record_visit *visit,
                          void *context)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  const struct aiodns_slot *copy = (const void *)buf;
  struct command_record record;

  for (uint32_t number = 0; number < aiodns_cache_slots(cache); number++) {
    if (!copy_whole(cache, number, buf) || !show(copy, now_ns, &record))
      continue;
    record.number = number;
    visit(&record, context);
    aiodns_answer_done(&record.answer);
  }
}
