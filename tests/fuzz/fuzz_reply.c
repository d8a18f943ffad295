/* A message that may be a reply to the query for www.example.com, ID 0x1234, read for each type. */
#include "fuzz.h"
#include "reply.h"

#include <string.h>

static void read_as(uint16_t type, uint8_t address_len, bool plain, const uint8_t *data, size_t len)
{
  static const uint8_t flip[AIODNS_FLIP_LEN] = {0xa5, 0x5a};
  static const uint8_t cookie[AIODNS_COOKIE_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
  struct aiodns_name name;
  struct aiodns_chain chain;
  struct aiodns_answer answer;
  struct aiodns_form form = {.name = &name,
                             .flip = flip,
                             .type = type,
                             .id = 0x1234,
                             .lower = plain,
                             .edns = true,
                             .cookie = cookie};
  uint8_t *msg = malloc(len + !len);
  if (len > 0)
    memcpy(msg, data, len);
  must(aiodns_name_from_text(&name, "www.example.com"));
  aiodns_answer_init(&answer, address_len);
  aiodns_chain_init(&chain, &name, type);
  enum aiodns_match match = aiodns_message_match(&form, msg, len, false);
  must(match != AIODNS_MATCH_CASE || !plain);
  if (match == AIODNS_MATCH_REPLY || match == AIODNS_MATCH_CASE) {
    must(aiodns_message_match(&form, msg, len, true) == AIODNS_MATCH_REPLY);
    must(aiodns_message_header(msg, len).rcode < 4096);
    must(aiodns_message_cookie(&form, msg, len) <= AIODNS_COOKIE_WRONG);
    aiodns_message_restore_case(&form, msg, len);
  }
  enum aiodns_reading reading = aiodns_reply_read(&chain, msg, len, &answer);
  must(chain.hops <= AIODNS_CHAIN_MAX && chain.name.len > 0);
  must(answer.addresses.len == (uint32_t)answer.address_count * answer.address_len);
  if (reading == AIODNS_READ_ANSWER)
    must(aiodns_answer_canonical(&answer) && answer.ttl_s <= INT32_MAX &&
         (type == AIODNS_TYPE_PTR || answer.address_count));
  else if (reading == AIODNS_READ_NEGATIVE || reading == AIODNS_READ_CHAIN)
    must(answer.address_count == 0 && answer.ttl_s <= INT32_MAX);
  aiodns_answer_done(&answer);
  free(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  if (len > UINT16_MAX)
    return 0;
  for (int plain = 0; plain < 2; plain++) {
    read_as(AIODNS_TYPE_A, 4, plain, data, len);
    read_as(AIODNS_TYPE_AAAA, 16, plain, data, len);
    read_as(AIODNS_TYPE_PTR, 0, plain, data, len);
  }
  return 0;
}
