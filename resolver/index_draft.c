#include "index_draft.h"

enum { KEYS_FIRST = 512 };

void aiodns_keys_done(struct aiodns_keys *keys)
{
  aiodns_area_unmap(keys->slot, (uint64_t)keys->places * sizeof *keys->slot);
  *keys = (struct aiodns_keys){0};
}

static struct aiodns_keys_slot *free_slot(const struct aiodns_keys *keys, uint32_t hash)
{
  uint32_t place = aiodns_index_place(hash, keys->places);

  while (keys->slot[place].at != 0)
    place = place + 1 < keys->places ? place + 1 : 0;
  return &keys->slot[place];
}

/* Three quarters may be in use, at the least one half is. */
bool aiodns_keys_reserve(struct aiodns_keys *keys)
{
  if (keys->count < keys->places / 4 * 3)
    return true;
  if (keys->places > UINT32_MAX / 2) {
    errno = EFBIG;
    return false;
  }
  struct aiodns_keys more = {.count = keys->count,
                             .places = keys->places == 0 ? KEYS_FIRST : keys->places / 2 * 3};
  more.slot = aiodns_area_map((uint64_t)more.places * sizeof *more.slot);
  if (!more.slot)
    return false;
  for (uint32_t i = 0; i < keys->places; i++)
    if (keys->slot[i].at != 0)
      *free_slot(&more, keys->slot[i].hash) = keys->slot[i];
  aiodns_area_unmap(keys->slot, (uint64_t)keys->places * sizeof *keys->slot);
  *keys = more;
  return true;
}

struct aiodns_index_draft *aiodns_index_draft_new(const uint64_t key[2])
{
  struct aiodns_index_draft *draft = aiodns_area_map(sizeof *draft);

  if (draft) {
    draft->key[0] = key[0] ^ 0x9e3779b97f4a7c15; /* zeros are no key, though they may come in */
    draft->key[1] = key[1] ^ 0xc2b2ae3d27d4eb4f;
  }
  return draft;
}

void aiodns_index_draft_drop(struct aiodns_index_draft *draft)
{
  aiodns_area_done(&draft->sources);
  aiodns_area_done(&draft->paths);
  aiodns_area_done(&draft->lines);
  aiodns_area_done(&draft->rules);
  aiodns_keys_done(&draft->names);
  aiodns_keys_done(&draft->addresses);
  aiodns_keys_done(&draft->rule_names);
}

void aiodns_index_draft_free(struct aiodns_index_draft *draft)
{
  if (!draft)
    return;
  aiodns_index_draft_drop(draft);
  aiodns_area_done(&draft->whole);
  aiodns_area_unmap(draft, sizeof *draft);
}

void aiodns_index_draft_fail(struct aiodns_index_draft *draft)
{
  draft->error = errno != 0 ? errno : ENOMEM;
  aiodns_index_draft_drop(draft);
}
