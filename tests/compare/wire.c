#include "wire.h"

#include <ctype.h>
#include <resolv.h>
#include <string.h>

enum {
  FLAG_QR = 0x8000,
  FLAG_AA = 0x0400,
  FLAG_TC = 0x0200,
  FLAG_RD = 0x0100,
  FLAG_RA = 0x0080,
};

static unsigned get16(const uint8_t *at)
{
  return (unsigned)at[0] << 8 | at[1];
}

bool wire_parse(struct query *ret, const uint8_t *message, size_t len, bool tcp)
{
  uint8_t name[NS_MAXCDNAME];

  if (len < HEADER_LEN || (message[2] & 0xf8) || get16(message + 4) != 1)
    return false;
  int name_len = ns_name_unpack(message, message + len, message + HEADER_LEN, name, sizeof name);
  if (name_len < 0 || ns_name_ntop(name, ret->question.name, sizeof ret->question.name) < 0)
    return false;
  ret->question_len = (size_t)name_len + 4;
  if (HEADER_LEN + ret->question_len > len)
    return false;
  ret->question.type = (uint16_t)get16(message + HEADER_LEN + name_len);
  ret->question.edns = get16(message + 10) > 0;
  ret->question.tcp = tcp;
  ret->message = message;
  ret->len = len;
  return true;
}

struct out {
  uint8_t *data;
  size_t len;
};

static void put16(struct out *out, unsigned value)
{
  out->data[out->len++] = (uint8_t)(value >> 8);
  out->data[out->len++] = (uint8_t)value;
}

static void put32(struct out *out, uint32_t value)
{
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

static void put(struct out *out, const uint8_t *data, size_t len)
{
  memcpy(out->data + out->len, data, len);
  out->len += len;
}

static void put_name(struct out *out, const char *text)
{
  uint8_t name[NS_MAXCDNAME];

  if (ns_name_pton(text, name, sizeof name) < 0) {
    out->data[out->len++] = 0;
    return;
  }
  for (const uint8_t *label = name; *label; label += 1 + *label)
    put(out, label, 1 + (size_t)*label);
  out->data[out->len++] = 0;
}

/* The end that the target shares with the question is a pointer to that. */
static void put_target(struct out *out, const struct query *query, const struct reply *reply,
                       const char *text)
{
  const char *question = query->question.name;
  size_t front = strlen(text) - strlen(question);
  char head[NS_MAXDNAME];

  if (!reply->compresses || strlen(text) <= strlen(question) || !within_text(text, question) ||
      strcmp(question, ".") == 0) {
    put_name(out, text);
    return;
  }
  snprintf(head, sizeof head, "%.*s", (int)front, text);
  put_name(out, head);
  out->len--;
  put16(out, 0xc000 | HEADER_LEN);
}

static void put_in_capitals(struct out *out, const char *text)
{
  char capitals[NS_MAXDNAME];
  size_t i = 0;

  for (; text[i]; i++)
    capitals[i] = (char)toupper((unsigned char)text[i]);
  capitals[i] = '\0';
  put_name(out, capitals);
}

static void put_record(struct out *out, const struct query *query, const struct reply *reply,
                       const struct record *record)
{
  if (reply->shouts)
    put_in_capitals(out, record->owner ? record->owner : query->question.name);
  else if (record->owner)
    put_target(out, query, reply, record->owner);
  else
    put16(out, 0xc000 | HEADER_LEN);
  put16(out, record->type);
  put16(out, record->class);
  put32(out, record->ttl);
  size_t length_at = out->len;
  put16(out, record->data_len);
  if (!record->target) {
    put(out, record->data, record->data_len);
    return;
  }
  put_target(out, query, reply, record->target);
  size_t len = out->len - length_at - 2;
  out->data[length_at] = (uint8_t)(len >> 8);
  out->data[length_at + 1] = (uint8_t)len;
}

static void put_soa(struct out *out, const char *owner)
{
  put_name(out, owner);
  put16(out, ns_t_soa);
  put16(out, CLASS_IN);
  put32(out, 300);
  put16(out, 22);
  put16(out, 0); /* MNAME and RNAME: the root */
  for (unsigned i = 0; i < 5; i++)
    put32(out, 300);
}

static void put_opt(struct out *out)
{
  out->data[out->len++] = 0;
  put16(out, ns_t_opt);
  put16(out, 1232);
  put32(out, 0);
  put16(out, 0);
}

static struct out start(const struct query *query, unsigned flags, uint8_t *buf)
{
  struct out out = {buf, 0};

  put16(&out, get16(query->message));
  put16(&out, FLAG_QR | flags);
  for (unsigned i = 0; i < 4; i++)
    put16(&out, 0);
  return out;
}

static void put_question(struct out *out, const struct query *query, bool lower)
{
  uint8_t *at = out->data + out->len;

  put(out, query->message + HEADER_LEN, query->question_len);
  out->data[5] = 1;
  for (size_t i = 0; lower && i < query->question_len - 4; i++)
    if (at[i] >= 'A' && at[i] <= 'Z') /* never an octet of length: those are at most 63 */
      at[i] |= 0x20;
}

size_t wire_reply(const struct query *query, const struct reply *reply, uint8_t *buf)
{
  unsigned flags = reply->rcode | (get16(query->message + 2) & FLAG_RD);

  flags |= reply->authoritative ? FLAG_AA : 0;
  flags |= reply->recursive ? FLAG_RA : 0;
  flags |= reply->truncated ? FLAG_TC : 0;
  struct out out = start(query, flags, buf);
  if (reply->bare)
    return out.len;
  put_question(&out, query, reply->lower);
  for (unsigned i = 0; i < reply->count; i++)
    put_record(&out, query, reply, &reply->record[i]);
  buf[6] = (uint8_t)(reply->count >> 8);
  buf[7] = (uint8_t)reply->count;
  if (reply->soa) {
    put_soa(&out, reply->soa);
    buf[9] = 1;
  }
  if (reply->opt) {
    put_opt(&out);
    buf[11] = 1;
  }
  return out.len;
}

size_t wire_junk(const struct query *query, enum junk junk, uint8_t *buf)
{
  static const uint8_t address[] = {0xc0, HEADER_LEN, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 66};
  struct out out = start(query, FLAG_RA, buf);

  switch (junk) {
  case JUNK_SHORT:
    return 5;
  case JUNK_ID:
    put_question(&out, query, false);
    buf[1] ^= 1;
    break;
  case JUNK_NAME:
    put_question(&out, query, false);
    buf[HEADER_LEN + query->question_len - 3] ^= 16; /* another type: the name may be the root */
    if (buf[HEADER_LEN] > 0)
      buf[HEADER_LEN + 1] ^= 2;
    break;
  }
  put(&out, address, sizeof address);
  buf[7] = 1;
  return out.len;
}
