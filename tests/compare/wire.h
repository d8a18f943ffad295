/* Messages as the servers here read and write them; shares no code with the module. */
#ifndef COMPARE_WIRE_H
#define COMPARE_WIRE_H

#include "world.h"

enum { MESSAGE_MAX = 65535, HEADER_LEN = 12 };

/* A query as it came: the question as octets, for the reply to echo. */
struct query {
  struct question question;
  const uint8_t *message;
  size_t len, question_len;
};

/* False for what neither service sends; *message must outlive the query. */
bool wire_parse(struct query *ret, const uint8_t *message, size_t len, bool tcp);

/* Writes the reply to `buf`, which has room for MESSAGE_MAX octets. Returns its length. */
size_t wire_reply(const struct query *query, const struct reply *reply, uint8_t *buf);

/* Writes one of enum junk in the same way. */
size_t wire_junk(const struct query *query, enum junk junk, uint8_t *buf);

#endif
