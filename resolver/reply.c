#include "reply.h"

#include <string.h>

void aiodns_chain_init(struct aiodns_chain *chain, const struct aiodns_name *name, uint16_t type)
{
  memcpy(&chain->name, name, 1 + (size_t)name->len);
  chain->type = type;
  chain->hops = 0;
  chain->aliased = false;
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

/* As in glibc the first one counts; a target that is no host name is not shown to programs (CVE-2026-4438).
 */
static bool add_ptr(struct aiodns_answer *answer, struct aiodns_cursor data)
{
  struct aiodns_name target;
  aiodns_name_read(&data, &target);
  if (answer->name_count > 0 || !aiodns_name_is_host(&target))
    return true;
  return add_name(answer, &target, true);
}

/* As in glibc an address of a wrong length is passed over. */
static bool add_data(struct aiodns_answer *answer, uint16_t type, const struct aiodns_cursor *data)
{
  if (type == AIODNS_TYPE_PTR)
    return add_ptr(answer, *data);
  return data->len - data->pos != answer->address_len ||
         aiodns_answer_add_address(answer, data->data + data->pos);
}

static bool has_data(const struct aiodns_answer *answer)
{
  return answer->address_len ? answer->address_count > 0 : answer->name_count > 0;
}

/*
 * What the answer section has for chain->name: adds its data, unless the name is said not to exist all the
 * same, or finds the CNAME's target.  False: out of memory.
 */
static bool read_owner(struct aiodns_chain *chain, struct aiodns_records records, bool nxdomain,
                       struct aiodns_answer *answer, struct aiodns_name *ret_target)
{
  struct aiodns_record record;
  uint32_t cname_ttl_s = 0;

  ret_target->len = 0;
  while (aiodns_records_next(&records, &records.answers, &record)) {
    if (record.type == chain->type && aiodns_name_equal(&record.owner, &chain->name)) {
      if (nxdomain)
        continue;
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

/* Goes on to the target of a CNAME.  False: out of memory. */
static bool follow(struct aiodns_chain *chain, const struct aiodns_name *target, struct aiodns_answer *answer)
{
  memcpy(&chain->name, target, 1 + (size_t)target->len);
  chain->aliased = true;
  /* As in glibc the chain may lead through names that are no host names; programs are not shown those. */
  return chain->type == AIODNS_TYPE_PTR || !aiodns_name_is_host(target) || add_name(answer, target, true);
}

enum aiodns_reading aiodns_reply_read(struct aiodns_chain *chain, const uint8_t *msg, size_t len,
                                      struct aiodns_answer *answer)
{
  struct aiodns_records records = aiodns_records_of(msg, len);
  bool nxdomain;
  unsigned links = 0;
  uint32_t negative_ttl_s;

  if (!aiodns_records_well_formed(records))
    return AIODNS_READ_BAD;
  nxdomain = aiodns_message_is_nxdomain(msg);
  if (chain->type != AIODNS_TYPE_PTR && answer->name_count == 0 && !add_name(answer, &chain->name, true))
    return AIODNS_READ_LOCAL;
  for (;; links++) {
    struct aiodns_name target;
    if (!read_owner(chain, records, nxdomain, answer, &target))
      return AIODNS_READ_LOCAL;
    if (has_data(answer)) {
      answer->ttl_s = chain->ttl_s;
      return AIODNS_READ_ANSWER;
    }
    if (target.len == 0)
      break;
    /* More links than records: some were met twice. */
    if (links >= records.answers || links * (unsigned)records.answers > AIODNS_CHAIN_RECORDS_MAX)
      return AIODNS_READ_LOOP;
    if (!follow(chain, &target, answer))
      return AIODNS_READ_LOCAL;
  }
  bool soa = aiodns_message_negative_ttl(msg, len, &chain->name, &negative_ttl_s);
  if (links > 0 && !soa && !nxdomain) {
    if (chain->hops == AIODNS_CHAIN_MAX)
      return AIODNS_READ_LOOP;
    chain->hops++;
    return AIODNS_READ_CHAIN;
  }
  if (soa)
    lower_ttl(chain, negative_ttl_s);
  answer->ttl_s = soa ? chain->ttl_s : 0;
  return AIODNS_READ_NEGATIVE;
}
