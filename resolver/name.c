#include "name.h"

#include <string.h>

/* What an octet of a name may be. */
enum {
  HOST = 1,  /* part of a host name: letters, digits, '-', '_' */
  PLAIN = 2, /* printable, and not one of "$().;@\\, which RFC 1035 section 5.1 and glibc escape */
};
static const uint8_t class[256] = {
    ['!'] = PLAIN,
    ['#'] = PLAIN,
    ['%' ... '\''] = PLAIN,
    ['*' ... ','] = PLAIN,
    ['-'] = PLAIN | HOST,
    ['/'] = PLAIN,
    ['0' ... '9'] = PLAIN | HOST,
    [':'] = PLAIN,
    ['<' ... '?'] = PLAIN,
    ['A' ... 'Z'] = PLAIN | HOST,
    ['['] = PLAIN,
    [']' ... '^'] = PLAIN,
    ['_'] = PLAIN | HOST,
    ['`'] = PLAIN,
    ['a' ... 'z'] = PLAIN | HOST,
    ['{' ... '~'] = PLAIN,
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* What the escape stands for whose backslash is in front of *text, which is moved past it.  -1 for a bad one.
 */
static int unescape(const char **text)
{
  const char *p = *text;
  if (!is_digit(*p)) {
    *text = p + 1;
    return *p ? (uint8_t)*p : -1;
  }
  if (!is_digit(p[1]) || !is_digit(p[2]))
    return -1;
  int value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
  *text = p + 3;
  return value <= 255 ? value : -1;
}

static bool from_any_text(struct aiodns_name *ret, const char *text)
{
  struct aiodns_name name;
  size_t len = 0; /* octets of the labels that are finished */

  if (text[0] == '.' && text[1] == '\0')
    text++; /* the root: no label at all */
  else if (*text == '\0')
    return false;
  while (*text) {
    uint8_t *label = name.wire + len;
    size_t label_len = 0,
           room = len + 2 < AIODNS_NAME_MAX ? AIODNS_NAME_MAX - 2 - len : 0; /* its length, the root */
    if (room > AIODNS_LABEL_MAX)
      room = AIODNS_LABEL_MAX;
    for (; *text && *text != '.'; label_len++) {
      int c = (uint8_t)*text++;
      if (c == '\\') {
        const char *rest = text;
        c = unescape(&rest);
        text = rest;
      }
      if (c < 0 || label_len == room)
        return false;
      label[1 + label_len] = (uint8_t)c;
    }
    if (label_len == 0)
      return false;
    label[0] = (uint8_t)label_len;
    len += 1 + label_len;
    if (*text == '.')
      text++;
  }
  name.wire[len] = 0;
  name.len = (uint8_t)(len + 1);
  memcpy(ret, &name, 1 + (size_t)name.len);
  return true;
}

/* Names of letters, digits, '-' and '_', as nearly all are; 0: it is none, or is not right. Else its length.
 */
static size_t from_plain_text(uint8_t wire[AIODNS_NAME_MAX], const char *text)
{
  size_t label = 0; /* where the present label's length goes */

  for (size_t i = 0; i < AIODNS_NAME_MAX - 2; i++) {
    uint8_t c = (uint8_t)text[i];
    if (class[c] & HOST) {
      wire[i + 1] = c;
      continue;
    }
    if ((c != '.' && c != '\0') || i == label || i - label > AIODNS_LABEL_MAX)
      return 0;
    wire[label] = (uint8_t)(i - label);
    label = i + 1;
    if (c == '\0' || text[label] == '\0') {
      wire[label] = 0;
      return label + 1;
    }
  }
  return 0;
}

bool aiodns_name_from_text(struct aiodns_name *ret, const char *text)
{
  uint8_t plain[AIODNS_NAME_MAX];
  size_t len = from_plain_text(plain, text);

  if (len == 0)
    return from_any_text(ret, text);
  memcpy(ret->wire, plain, len);
  ret->len = (uint8_t)len;
  return true;
}

static size_t put_label(uint8_t *at, const char *label)
{
  size_t len = strlen(label);
  at[0] = (uint8_t)len;
  memcpy(at + 1, label, len);
  return 1 + len;
}

static size_t put_decimal(uint8_t *at, uint8_t value)
{
  char text[4];
  size_t len = 0;
  if (value >= 100)
    text[len++] = (char)('0' + value / 100);
  if (value >= 10)
    text[len++] = (char)('0' + value / 10 % 10);
  text[len++] = (char)('0' + value % 10);
  text[len] = '\0';
  return put_label(at, text);
}

void aiodns_name_from_address(struct aiodns_name *ret, int family, const void *address)
{
  static const char hex[] = "0123456789abcdef";
  const uint8_t *octet = address;
  size_t len = 0;

  if (family == AF_INET) {
    for (int i = 3; i >= 0; i--)
      len += put_decimal(ret->wire + len, octet[i]);
    len += put_label(ret->wire + len, "in-addr");
  } else {
    for (int i = 15; i >= 0; i--) {
      const char nibble[2][2] = {{hex[octet[i] & 15], '\0'}, {hex[octet[i] >> 4], '\0'}};
      len += put_label(ret->wire + len, nibble[0]);
      len += put_label(ret->wire + len, nibble[1]);
    }
    len += put_label(ret->wire + len, "ip6");
  }
  len += put_label(ret->wire + len, "arpa");
  ret->wire[len] = 0;
  ret->len = (uint8_t)(len + 1);
}

/* Follows a name to its root, copying it where `wire` is not NULL; returns its length, or 0 and a bad cursor.
 */
static inline size_t walk(struct aiodns_cursor *c, uint8_t *wire)
{
  size_t pos = c->pos, end = 0; /* end: where the cursor goes on; 0 until the first pointer */
  size_t limit = pos;           /* pointers must go below this: each lowers it, so the loop ends */
  unsigned pointers = 0;
  size_t len = 0;

  while (!c->bad && pos < c->len) {
    uint8_t octet = c->data[pos];
    if (octet >= 0xc0) {
      if (pos + 2 > c->len)
        break;
      size_t target = (size_t)(octet & 0x3f) << 8 | c->data[pos + 1];
      if (target >= limit || ++pointers > AIODNS_POINTERS_MAX)
        break;
      if (!end)
        end = pos + 2;
      pos = limit = target;
      continue;
    }
    if (octet > AIODNS_LABEL_MAX || octet >= c->len - pos || len + 1 + octet > AIODNS_NAME_MAX)
      break;
    if (wire)
      memcpy(wire + len, c->data + pos, 1 + (size_t)octet);
    len += 1 + (size_t)octet;
    pos += 1 + (size_t)octet;
    if (octet == 0) {
      c->pos = end ? end : pos;
      return len;
    }
  }
  c->bad = true;
  return 0;
}

void aiodns_name_read(struct aiodns_cursor *c, struct aiodns_name *ret)
{
  ret->len = (uint8_t)walk(c, ret->wire);
}

void aiodns_name_check(struct aiodns_cursor *c)
{
  walk(c, NULL);
}

void aiodns_name_skip(struct aiodns_cursor *c)
{
  size_t start = c->pos;

  while (!c->bad && c->pos < c->len && c->pos - start < AIODNS_NAME_MAX) {
    uint8_t octet = c->data[c->pos];
    if (octet >= 0xc0) {
      aiodns_cursor_take(c, 2);
      return;
    }
    if (octet > AIODNS_LABEL_MAX)
      break;
    aiodns_cursor_take(c, 1 + (size_t)octet);
    if (octet == 0)
      return;
  }
  c->bad = true;
}

size_t aiodns_name_to_text(const struct aiodns_name *name, char *buf)
{
  size_t out = 0;

  for (size_t at = 0; at < name->len && name->wire[at]; at += 1 + (size_t)name->wire[at]) {
    if (out)
      buf[out++] = '.';
    for (size_t i = 1; i <= name->wire[at]; i++) {
      uint8_t c = name->wire[at + i];
      if (class[c] & PLAIN) {
        buf[out++] = (char)c;
      } else if (c <= 0x20 || c >= 0x7f) {
        buf[out++] = '\\';
        buf[out++] = (char)('0' + c / 100);
        buf[out++] = (char)('0' + c / 10 % 10);
        buf[out++] = (char)('0' + c % 10);
      } else {
        buf[out++] = '\\';
        buf[out++] = (char)c;
      }
    }
  }
  if (out == 0)
    buf[out++] = '.';
  buf[out] = '\0';
  return out;
}

bool aiodns_name_append(struct aiodns_name *name, const struct aiodns_name *suffix)
{
  size_t labels = (size_t)name->len - 1;
  if (labels + suffix->len > AIODNS_NAME_MAX)
    return false;
  memcpy(name->wire + labels, suffix->wire, suffix->len);
  name->len = (uint8_t)(labels + suffix->len);
  return true;
}

/* Octets of length are below 'A', so folding them with the rest changes nothing. */
static bool equal_octets(const uint8_t *a, const uint8_t *b, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (a[i] != b[i] && aiodns_name_lower(a[i]) != aiodns_name_lower(b[i]))
      return false;
  return true;
}

bool aiodns_name_equal(const struct aiodns_name *a, const struct aiodns_name *b)
{
  return a->len == b->len && equal_octets(a->wire, b->wire, a->len);
}

bool aiodns_name_within(const struct aiodns_name *name, const struct aiodns_name *top)
{
  size_t at = 0;
  while (at < name->len && (size_t)name->len - at > top->len)
    at += 1 + (size_t)name->wire[at];
  return at < name->len && (size_t)name->len - at == top->len &&
         equal_octets(name->wire + at, top->wire, top->len);
}

bool aiodns_name_is_host(const struct aiodns_name *name)
{
  return name->len > 0 && !(name->wire[0] > 0 && name->wire[1] == '-') && aiodns_name_is_host_part(name);
}

bool aiodns_name_is_host_part(const struct aiodns_name *name)
{
  for (size_t at = 0; name->wire[at]; at += 1 + (size_t)name->wire[at])
    for (size_t i = 1; i <= name->wire[at]; i++)
      if (!(class[name->wire[at + i]] & HOST))
        return false;
  return true;
}
