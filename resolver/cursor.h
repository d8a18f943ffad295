/*
 * A reader over octets from outside.  Its error sticks: a read that would leave the message gives 0 and sets
 * `bad`, and so do all reads after it, so that a parser is a straight line with one look at `bad` at its end.
 */
#ifndef AIODNS_CURSOR_H
#define AIODNS_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aiodns_cursor {
  const uint8_t *data; /* borrowed for the cursor's life */
  size_t len;
  size_t pos; /* never beyond len */
  bool bad;
};

static inline struct aiodns_cursor aiodns_cursor_at(const uint8_t *data, size_t len, size_t pos)
{
  return (struct aiodns_cursor){.data = data, .len = len, .pos = pos <= len ? pos : len, .bad = pos > len};
}

/* The next n octets, or NULL once the cursor is bad. */
static inline const uint8_t *aiodns_cursor_take(struct aiodns_cursor *c, size_t n)
{
  if (c->bad || n > c->len - c->pos) {
    c->bad = true;
    return NULL;
  }
  const uint8_t *at = c->data + c->pos;
  c->pos += n;
  return at;
}

static inline uint8_t aiodns_cursor_u8(struct aiodns_cursor *c)
{
  const uint8_t *at = aiodns_cursor_take(c, 1);
  return at ? at[0] : 0;
}

static inline uint16_t aiodns_cursor_u16(struct aiodns_cursor *c)
{
  const uint8_t *at = aiodns_cursor_take(c, 2);
  return at ? (uint16_t)((unsigned)at[0] << 8 | at[1]) : 0;
}

static inline uint32_t aiodns_cursor_u32(struct aiodns_cursor *c)
{
  const uint8_t *at = aiodns_cursor_take(c, 4);
  return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

#endif
