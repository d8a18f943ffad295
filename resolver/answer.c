#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void aiodns_answer_init(struct aiodns_answer *answer, uint8_t address_len)
{
  answer->outcome = AIODNS_PENDING;
  answer->error = 0;
  answer->ttl_s = 0;
  answer->address_count = answer->name_count = 0;
  answer->address_len = address_len;
  answer->canonical_offset = 0;
  answer->names = (struct aiodns_store){.room = AIODNS_INLINE_NAMES};
  answer->names.data = answer->names.inside = answer->inside_names;
  answer->addresses = (struct aiodns_store){.room = AIODNS_INLINE_ADDRESSES};
  answer->addresses.data = answer->addresses.inside = answer->inside_addresses;
}

static void store_done(struct aiodns_store *store)
{
  if (store->data != store->inside)
    free(store->data);
  store->data = store->inside;
}

void aiodns_answer_done(struct aiodns_answer *answer)
{
  store_done(&answer->names);
  store_done(&answer->addresses);
}

static void store_moved(struct aiodns_store *store, uint8_t *inside)
{
  if (store->data == store->inside)
    store->data = inside;
  store->inside = inside;
}

void aiodns_answer_move(struct aiodns_answer *ret, struct aiodns_answer *answer)
{
  *ret = *answer;
  store_moved(&ret->names, ret->inside_names);
  store_moved(&ret->addresses, ret->inside_addresses);
  aiodns_answer_init(answer, ret->address_len);
}

/* Room for `len` more octets at the end, or NULL.  What is stored comes from one message or file of bounded
 * size. */
static uint8_t *store_grow(struct aiodns_store *store, size_t len)
{
  if (len > store->room - store->len) {
    size_t room = (size_t)store->room * 2 > store->len + len ? (size_t)store->room * 2 : store->len + len;
    uint8_t *data = room <= INT32_MAX ? malloc(room) : NULL;
    if (!data)
      return NULL;
    memcpy(data, store->data, store->len);
    store_done(store);
    store->data = data;
    store->room = (uint32_t)room;
  }
  uint8_t *at = store->data + store->len;
  store->len += (uint32_t)len;
  return at;
}

static bool out_of_memory(struct aiodns_answer *answer)
{
  answer->outcome = AIODNS_LOCAL;
  answer->error = ENOMEM;
  return false;
}

bool aiodns_answer_add_name(struct aiodns_answer *answer, const char *text, size_t len, bool canonical)
{
  uint8_t *at = answer->name_count < UINT16_MAX ? store_grow(&answer->names, len + 1) : NULL;
  if (!at)
    return out_of_memory(answer);
  memcpy(at, text, len);
  at[len] = '\0';
  answer->name_count++;
  if (canonical)
    answer->canonical_offset = answer->names.len - (uint32_t)len - 1;
  return true;
}

bool aiodns_answer_add_address(struct aiodns_answer *answer, const void *address)
{
  uint8_t *at =
      answer->address_count < UINT16_MAX ? store_grow(&answer->addresses, answer->address_len) : NULL;
  if (!at)
    return out_of_memory(answer);
  memcpy(at, address, answer->address_len);
  answer->address_count++;
  return true;
}

const char *aiodns_answer_canonical(const struct aiodns_answer *answer)
{
  return answer->name_count ? (const char *)answer->names.data + answer->canonical_offset : NULL;
}

bool aiodns_answer_has_name(const struct aiodns_answer *answer, const char *text)
{
  const char *name = (const char *)answer->names.data;
  for (unsigned i = 0; i < answer->name_count; i++, name += strlen(name) + 1)
    if (strcasecmp(name, text) == 0)
      return true;
  return false;
}
