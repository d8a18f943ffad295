#include "wire.h"

#include "message.h"

#include <string.h>

static unsigned u16(const uint8_t *at)
{
  return (unsigned)at[0] << 8 | at[1];
}

bool sim_query_parse(struct sim_query *ret, const uint8_t *msg, size_t len)
{
  size_t at = 12, out = 0;

  if (len < 12 || (msg[2] & 0xfe) || u16(msg + 4) != 1 || u16(msg + 6) || u16(msg + 8) || u16(msg + 10) > 1)
    return false;
  ret->id = (uint16_t)u16(msg);
  ret->edns = u16(msg + 10) == 1;
  ret->lower = true;
  ret->has_cookie = false;
  while (at < len && msg[at]) {
    size_t label = msg[at++];
    if (label > 63 || at + label >= len)
      return false;
    if (out)
      ret->name[out++] = '.';
    for (size_t i = 0; i < label; i++) {
      ret->name[out++] = (char)msg[at + i];
      if (msg[at + i] >= 'A' && msg[at + i] <= 'Z')
        ret->lower = false;
    }
    at += label;
  }
  ret->name[out] = '\0';
  at++;
  if (at + 4 > len || at - 12 > AIODNS_NAME_MAX || u16(msg + at + 2) != 1)
    return false;
  ret->type = (uint16_t)u16(msg + at);
  at += 4;
  ret->question_len = (unsigned)(at - 12);
  memcpy(ret->question, msg + 12, ret->question_len);
  if (ret->edns) {
    static const uint8_t opt[] = {0, 0, 41, AIODNS_UDP_MAX >> 8, AIODNS_UDP_MAX & 255, 0, 0, 0, 0, 0};
    static const uint8_t option[] = {12, 0, 10, 0, 8};
    if (len - at <= sizeof opt || memcmp(msg + at, opt, sizeof opt) != 0)
      return false;
    at += sizeof opt;
    ret->has_cookie = msg[at] != 0;
    if (ret->has_cookie) {
      if (len - at != sizeof option + sizeof ret->cookie || memcmp(msg + at, option, sizeof option) != 0)
        return false;
      memcpy(ret->cookie, msg + at + sizeof option, sizeof ret->cookie);
      at += sizeof option + sizeof ret->cookie;
    } else {
      at++;
    }
  }
  return at == len;
}

void sim_message_put(struct sim_message *m, const uint8_t *data, size_t len)
{
  if (len > 0)
    memcpy(m->data + m->len, data, len);
  m->len += len;
}

void sim_message_cookie(struct sim_message *m, const struct sim_query *query)
{
  const uint8_t option[] = {0, 10, 0, 16}, servers[8] = {1, 0, 0, 0, 0x5e, 0x7e, 0xc0, 0xde};
  uint8_t data[sizeof option + 16];

  memcpy(data, option, sizeof option);
  memcpy(data + sizeof option, query->cookie, 8);
  memcpy(data + sizeof option + 8, servers, 8);
  sim_message_record(m, 3, 0, 41, 0, data, sizeof data);
}

static void put16(struct sim_message *m, unsigned value)
{
  m->data[m->len++] = (uint8_t)(value >> 8);
  m->data[m->len++] = (uint8_t)value;
}

void sim_message_start(struct sim_message *m, uint16_t id, unsigned flags, const uint8_t *question,
                       unsigned question_len)
{
  m->len = 0;
  put16(m, id);
  put16(m, flags);
  put16(m, question_len > 0);
  put16(m, 0);
  put16(m, 0);
  put16(m, 0);
  sim_message_put(m, question, question_len);
  m->answers_at = m->len;
}

void sim_message_count(struct sim_message *m, unsigned section, int change)
{
  uint8_t *at = m->data + 4 + 2 * section;
  unsigned count = u16(at) + (unsigned)change;
  at[0] = (uint8_t)(count >> 8);
  at[1] = (uint8_t)count;
}

void sim_message_record(struct sim_message *m, unsigned section, size_t owner_at, uint16_t type,
                        uint32_t ttl_s, const uint8_t *data, size_t len)
{
  if (owner_at)
    put16(m, 0xc000 | (unsigned)owner_at);
  else
    m->data[m->len++] = 0;
  put16(m, type);
  put16(m, 1);
  put16(m, ttl_s >> 16);
  put16(m, ttl_s & 0xffff);
  put16(m, (unsigned)len);
  if (data)
    sim_message_put(m, data, len);
  sim_message_count(m, section, 1);
}

void sim_message_name(struct sim_message *m, const char *text)
{
  while (*text) {
    size_t label = strcspn(text, ".");
    m->data[m->len++] = (uint8_t)label;
    sim_message_put(m, (const uint8_t *)text, label);
    text += label + (text[label] == '.');
  }
  m->data[m->len++] = 0;
}

void sim_message_close(struct sim_message *m, size_t rdata_at)
{
  size_t len = m->len - rdata_at;
  m->data[rdata_at - 2] = (uint8_t)(len >> 8);
  m->data[rdata_at - 1] = (uint8_t)len;
}
