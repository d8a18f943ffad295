#include "reply.h"

#include <string.h>

void aiodns_chain_init(struct aiodns_chain *chain, const struct aiodns_name *name, uint16_t type)
{
  memcpy(&chain->name, name, 1 + (size_t)name->len);
  chain->type = type;
  chain->hops = 0;
  chain->ttl_s = UINT32_MAX;
}

static bool add_name(struct aiodns_answer *answer, const struct aiodns_name *name, bool canonical)
{
  char text[AIODNS_NAME_TEXT_MAX];
  size_t len = aiodns_name_to_text(name, text);
  return aiodns_answer_add_name(answer, text, len, canonical);
}

static void lower_ttl(struct aiodns_chain *chain, uint32_t ttl_s)
{
  if (ttl_s < chain->ttl_s)
    chain->ttl_s = ttl_s;
}

/* A PTR target that is no host name is not shown to programs (CVE-2026-4438). */
static bool add_ptr(struct aiodns_answer *answer, struct aiodns_cursor data)
{
  struct aiodns_name target;
  aiodns_name_read(&data, &target);
  if (!aiodns_name_is_host(&target))
    return true;
  return add_name(answer, &target, answer->name_count == 0);
}

/* The message is well formed: the data is of the type's length. */
static bool add_data(struct aiodns_answer *answer, uint16_t type, const struct aiodns_cursor *data)
{
  return type == AIODNS_TYPE_PTR ? add_ptr(answer, *data)
                                 : aiodns_answer_add_address(answer, data->data + data->pos);
}

static bool has_data(const struct aiodns_answer *answer)
{
  return answer->address_len ? answer->address_count > 0 : answer->name_count > 0;
}

/* What the answer section has for chain->name: adds its data, or finds the CNAME's target.  False: out of
 * memory. */
static bool read_owner(struct aiodns_chain *chain, const uint8_t *msg, size_t len,
                       struct aiodns_answer *answer, struct aiodns_name *ret_target)
{
  struct aiodns_records records = aiodns_records_of(msg, len);
  struct aiodns_record record;
  uint32_t cname_ttl_s = 0;

  ret_target->len = 0;
  while (aiodns_records_next(&records, &records.answers, &record)) {
    if (record.type == chain->type && aiodns_name_equal(&record.owner, &chain->name)) {
      if (!add_data(answer, record.type, &record.data))
        return false;
      lower_ttl(chain, record.ttl);
    } else if (record.type == AIODNS_TYPE_CNAME && ret_target->len == 0 &&
               aiodns_name_equal(&record.owner, &chain->name)) {
      aiodns_name_read(&record.data, ret_target);
      cname_ttl_s = record.ttl;
    }
  }
  if (has_data(answer))
    ret_target->len = 0;
  else if (ret_target->len)
    lower_ttl(chain, cname_ttl_s);
  return true;
}

enum aiodns_reading aiodns_reply_read(struct aiodns_chain *chain, const uint8_t *msg, size_t len,
                                      struct aiodns_answer *answer)
{
  bool ptr = chain->type == AIODNS_TYPE_PTR;
  bool followed = false;
  uint32_t negative_ttl_s;

  if (!aiodns_message_well_formed(msg, len))
    return AIODNS_READ_BAD;
  if (!ptr && answer->name_count == 0 && !add_name(answer, &chain->name, true))
    return AIODNS_READ_LOCAL;
  for (;;) {
    struct aiodns_name target;
    if (!read_owner(chain, msg, len, answer, &target))
      return AIODNS_READ_LOCAL;
    if (has_data(answer)) {
      answer->ttl_s = chain->ttl_s;
      return AIODNS_READ_ANSWER;
    }
    if (target.len == 0)
      break;
    if (chain->hops == AIODNS_CHAIN_MAX)
      return AIODNS_READ_LOOP;
    chain->hops++;
    followed = true;
    memcpy(&chain->name, &target, 1 + (size_t)target.len);
    /* As in glibc the chain may lead through names that are no host names; programs are not shown those. */
    if (!ptr && aiodns_name_is_host(&target) && !add_name(answer, &target, true))
      return AIODNS_READ_LOCAL;
  }
  bool nxdomain = aiodns_message_header(msg, len).rcode == AIODNS_RCODE_NXDOMAIN;
  bool soa = aiodns_message_negative_ttl(msg, len, &chain->name, &negative_ttl_s);
  if (followed && !soa && !nxdomain)
    return AIODNS_READ_CHAIN;
  if (soa)
    lower_ttl(chain, negative_ttl_s);
  answer->ttl_s = soa ? chain->ttl_s : 0;
  return AIODNS_READ_NEGATIVE;
}
