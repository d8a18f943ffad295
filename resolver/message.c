#include "message.h"

#include <endian.h>
#include <string.h>

enum {
  FLAG_QR = 0x80,
  FLAG_AA = 0x04,
  FLAG_TC = 0x02,
  FLAG_RD = 0x01,
  FLAG_RA = 0x80, /* from here on in the fourth octet */
  FLAG_AD = 0x20,
  RCODE_MASK = 0x0f,
  CLASS_IN = 1,
  OPTION_COOKIE = 10, /* RFC 7873 section 4 */
};

static uint8_t *put_u16(uint8_t *at, unsigned value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

static bool is_letter(uint8_t c)
{
  return (uint8_t)((c | 0x20) - 'a') < 26;
}

static bool is_lower(const struct aiodns_form *form)
{
  return form->lower;
}

static uint8_t sent_octet(const struct aiodns_form *form, size_t i)
{
  uint8_t c = form->name->wire[i];
  if (!is_letter(c))
    return c;
  return (uint8_t)(is_lower(form) ? c | 0x20 : c ^ (form->flip[i / 8] >> i % 8 & 1) << 5);
}

bool aiodns_message_is_mixed(const struct aiodns_form *form)
{
  for (size_t i = 0; i < form->name->len && !is_lower(form); i++)
    if (is_letter(form->name->wire[i]) && !(sent_octet(form, i) & 0x20))
      return true;
  return false;
}

enum { OCTETS = 8 }; /* taken at once */
static const uint64_t each = 0x0101010101010101;

/* 0x20 in octet i of memory for bit i. */
static uint64_t spread(uint8_t bits)
{
  uint64_t at = (bits * each) & 0x8040201008040201;
  return htole64((((at & 0x7f * each) + 0x7f * each) | at) >> 2 & 0x20 * each);
}

/* 0x20 in each octet that is a letter. */
static uint64_t letters(uint64_t octets)
{
  uint64_t low = (octets | 0x20 * each) & 0x7f * each;
  return ((low + (0x80 - 'a') * each) & ~(low + (0x7f - 'z') * each) & ~octets) >> 2 & 0x20 * each;
}

/*
 * The name as this query sends it.  Octets of length are at most 63: never letters.  Up to OCTETS - 1 more
 * may be written, but never beyond what a name of any length takes.
 */
static void put_sent_name(const struct aiodns_form *form, uint8_t at[AIODNS_NAME_MAX])
{
  size_t len = form->name->len, i = 0;

  for (; i < len && i + OCTETS <= AIODNS_NAME_MAX; i += OCTETS) {
    uint64_t octets;
    memcpy(&octets, form->name->wire + i, OCTETS);
    octets ^= (is_lower(form) ? ~octets : spread(form->flip[i / 8])) & letters(octets);
    memcpy(at + i, &octets, OCTETS);
  }
  for (; i < len; i++)
    at[i] = sent_octet(form, i);
}

size_t aiodns_message_query(const struct aiodns_form *form, uint8_t *buf)
{
  uint8_t *at = put_u16(buf, form->id);
  *at++ = form->recursion_desired ? FLAG_RD : 0;
  *at++ = form->authentic_data ? FLAG_AD : 0;
  at = put_u16(at, 1); /* QDCOUNT */
  at = put_u16(at, 0);
  at = put_u16(at, 0);
  at = put_u16(at, form->edns ? 1 : 0); /* ARCOUNT: the OPT record */
  put_sent_name(form, at);
  at += form->name->len;
  at = put_u16(at, form->type);
  at = put_u16(at, CLASS_IN);
  if (form->edns) { /* RFC 6891 section 6.1.2: root name, type, size, extended RCODE and flags, options */
    *at++ = 0;
    at = put_u16(at, AIODNS_TYPE_OPT);
    at = put_u16(at, AIODNS_UDP_MAX);
    at = put_u16(at, 0);
    at = put_u16(at, 0);
    at = put_u16(at, form->cookie ? 4 + AIODNS_COOKIE_LEN : 0);
  }
  if (form->edns && form->cookie) {
    at = put_u16(at, OPTION_COOKIE);
    at = put_u16(at, AIODNS_COOKIE_LEN);
    memcpy(at, form->cookie, AIODNS_COOKIE_LEN);
    at += AIODNS_COOKIE_LEN;
  }
  return (size_t)(at - buf);
}

/* Whether the question section at the cursor is the one that was asked; *exact: in letter case, too. */
static bool question_matches(const struct aiodns_form *form, struct aiodns_cursor *c, bool *exact)
{
  const uint8_t *name = aiodns_cursor_take(c, form->name->len);
  uint16_t type = aiodns_cursor_u16(c), class = aiodns_cursor_u16(c);
  if (c->bad || type != form->type || class != CLASS_IN)
    return false;
  uint8_t sent[AIODNS_NAME_MAX];
  put_sent_name(form, sent);
  *exact = memcmp(name, sent, form->name->len) == 0;
  for (size_t i = 0; !*exact && i < form->name->len; i++)
    if (name[i] != sent[i] && (!is_letter(sent[i]) || (name[i] ^ sent[i]) != 0x20))
      return false;
  return true;
}

enum aiodns_match aiodns_message_match(const struct aiodns_form *form, const uint8_t *msg, size_t len,
                                       bool any_case)
{
  if (len < AIODNS_HEADER_LEN || (msg[0] << 8 | msg[1]) != form->id || !(msg[2] & FLAG_QR) ||
      (msg[2] & 0x78) != 0) /* OPCODE */
    return AIODNS_MATCH_NONE;
  struct aiodns_cursor c = aiodns_cursor_at(msg, len, 4);
  uint16_t questions = aiodns_cursor_u16(&c);
  c.pos = AIODNS_HEADER_LEN;
  if (questions == 0 && len == AIODNS_HEADER_LEN) {
    uint8_t rcode = msg[3] & RCODE_MASK;
    bool error = rcode != AIODNS_RCODE_NOERROR && rcode != AIODNS_RCODE_NXDOMAIN;
    return error ? AIODNS_MATCH_BARE : AIODNS_MATCH_NONE;
  }
  bool exact = false;
  if (questions != 1 || !question_matches(form, &c, &exact))
    return AIODNS_MATCH_NONE;
  return exact || any_case || is_lower(form) ? AIODNS_MATCH_REPLY : AIODNS_MATCH_CASE;
}

/* Past the question section, with the counts of the sections behind it. */
struct aiodns_records aiodns_records_of(const uint8_t *msg, size_t len)
{
  struct aiodns_cursor c = aiodns_cursor_at(msg, len, 4);
  uint16_t questions = aiodns_cursor_u16(&c);
  struct aiodns_records records = {.answers = aiodns_cursor_u16(&c), .authorities = aiodns_cursor_u16(&c)};
  aiodns_cursor_u16(&c);
  if (questions == 1) {
    aiodns_name_skip(&c);
    aiodns_cursor_take(&c, 4);
  }
  records.cursor = c;
  return records;
}

/* Reads one record, whatever its class, which it returns. */
static uint16_t read_record(struct aiodns_cursor *c, struct aiodns_record *ret)
{
  aiodns_name_read(c, &ret->owner);
  ret->type = aiodns_cursor_u16(c);
  uint16_t class = aiodns_cursor_u16(c);
  ret->ttl = aiodns_cursor_u32(c);
  uint16_t rdlength = aiodns_cursor_u16(c);
  size_t start = c->pos;
  aiodns_cursor_take(c, rdlength);
  ret->data = aiodns_cursor_at(c->data, c->pos, start);
  return class;
}

/* The OPT record, and its data; false where there is none. */
static bool find_opt(const uint8_t *msg, size_t len, uint32_t *ret_ttl, struct aiodns_cursor *ret_data)
{
  struct aiodns_records records = aiodns_records_of(msg, len);
  struct aiodns_cursor *c = &records.cursor;
  unsigned additionals = (unsigned)msg[10] << 8 | msg[11];

  for (unsigned left = records.answers + records.authorities + additionals; left > 0 && additionals > 0;
       left--) {
    aiodns_name_skip(c);
    uint16_t type = aiodns_cursor_u16(c);
    aiodns_cursor_u16(c);
    *ret_ttl = aiodns_cursor_u32(c);
    uint16_t rdlength = aiodns_cursor_u16(c);
    size_t start = c->pos;
    aiodns_cursor_take(c, rdlength);
    if (c->bad)
      return false;
    if (type == AIODNS_TYPE_OPT) {
      *ret_data = aiodns_cursor_at(c->data, c->pos, start);
      return true;
    }
  }
  return false;
}

/* The upper eight bits of the RCODE, from the OPT record; 0 where there is none. */
static unsigned upper_rcode(const uint8_t *msg, size_t len)
{
  struct aiodns_cursor data;
  uint32_t ttl;

  return find_opt(msg, len, &ttl, &data) ? ttl >> 24 : 0;
}

enum aiodns_cookie aiodns_message_cookie(const struct aiodns_form *form, const uint8_t *msg, size_t len)
{
  struct aiodns_cursor data;
  uint32_t ttl;

  if (!form->edns || !form->cookie || !find_opt(msg, len, &ttl, &data))
    return AIODNS_COOKIE_NONE;
  while (data.pos < data.len) {
    uint16_t option = aiodns_cursor_u16(&data), option_len = aiodns_cursor_u16(&data);
    const uint8_t *octets = aiodns_cursor_take(&data, option_len);
    if (data.bad)
      return AIODNS_COOKIE_NONE;
    if (option == OPTION_COOKIE)
      return option_len >= AIODNS_COOKIE_LEN && memcmp(octets, form->cookie, AIODNS_COOKIE_LEN) == 0
                 ? AIODNS_COOKIE_RIGHT
                 : AIODNS_COOKIE_WRONG;
  }
  return AIODNS_COOKIE_NONE;
}

static bool has_soa(struct aiodns_records records)
{
  struct aiodns_record record;

  while (aiodns_records_next(&records, &records.answers, &record))
    ;
  while (aiodns_records_next(&records, &records.authorities, &record))
    if (record.type == AIODNS_TYPE_SOA)
      return true;
  return false;
}

struct aiodns_header aiodns_message_header(const uint8_t *msg, size_t len)
{
  unsigned rcode = msg[3] & RCODE_MASK;
  bool nothing = rcode == AIODNS_RCODE_NOERROR && (msg[6] | msg[7]) == 0; /* ANCOUNT */

  if (nothing || rcode == (AIODNS_RCODE_BADCOOKIE & RCODE_MASK))
    rcode |= upper_rcode(msg, len) << 4;
  return (struct aiodns_header){
      .rcode = (uint16_t)rcode,
      .truncated = msg[2] & FLAG_TC,
      /* A referral has no SOA (RFC 2308 section 2.2), whatever a middlebox did to the flags. */
      .lame = nothing && !(msg[2] & FLAG_AA) && !(msg[3] & FLAG_RA) && !has_soa(aiodns_records_of(msg, len)),
  };
}

bool aiodns_records_next(struct aiodns_records *records, uint16_t *left, struct aiodns_record *ret)
{
  struct aiodns_cursor *c = &records->cursor;

  while (*left > 0) {
    --*left;
    uint16_t class = read_record(c, ret);
    if (c->bad)
      return false;
    if (ret->ttl > INT32_MAX)
      ret->ttl = 0;
    if (class == CLASS_IN)
      return true;
  }
  return false;
}

static bool same_label(const uint8_t *a, const uint8_t *b)
{
  for (size_t i = 0; i <= a[0]; i++)
    if (aiodns_name_lower(a[i]) != aiodns_name_lower(b[i]))
      return false;
  return true;
}

/* Gives the labels at the front of a name that are those of the question the program's letters. */
static void restore_labels(const struct aiodns_name *name, uint8_t *at, size_t room)
{
  const uint8_t *own = name->wire;

  for (size_t i = 0; own[i] && i + 1 + own[i] <= room && same_label(own + i, at + i); i += 1 + (size_t)own[i])
    memcpy(at + i, own + i, 1 + (size_t)own[i]);
}

void aiodns_message_restore_case(const struct aiodns_form *form, uint8_t *msg, size_t len)
{
  /* Behind the question, which is the one that was asked. */
  struct aiodns_cursor c = aiodns_cursor_at(msg, len, AIODNS_HEADER_LEN + (size_t)form->name->len + 4);
  unsigned answers = (unsigned)msg[6] << 8 | msg[7];

  memcpy(msg + AIODNS_HEADER_LEN, form->name->wire, form->name->len);
  for (; answers > 0; answers--) {
    aiodns_name_skip(&c);
    uint16_t type = aiodns_cursor_u16(&c);
    aiodns_cursor_take(&c, 2 + 4); /* CLASS, TTL */
    uint16_t rdlength = aiodns_cursor_u16(&c);
    size_t data = c.pos;
    aiodns_cursor_take(&c, rdlength);
    if (c.bad || type == form->type) /* what is asked for stands behind the chain that leads to it */
      break;
    if (type == AIODNS_TYPE_CNAME)
      restore_labels(form->name, msg + data, rdlength);
  }
}

bool aiodns_records_well_formed(struct aiodns_records records)
{
  struct aiodns_cursor *c = &records.cursor;

  for (; records.answers > 0 && !c->bad; records.answers--) {
    aiodns_name_check(c);
    uint16_t type = aiodns_cursor_u16(c), class = aiodns_cursor_u16(c);
    aiodns_cursor_take(c, 4); /* TTL */
    uint16_t rdlength = aiodns_cursor_u16(c);
    struct aiodns_cursor data = aiodns_cursor_at(c->data, c->pos + (size_t)rdlength, c->pos);
    if (!aiodns_cursor_take(c, rdlength))
      break;
    if (class != CLASS_IN || (type != AIODNS_TYPE_CNAME && type != AIODNS_TYPE_PTR))
      continue;
    aiodns_name_check(&data);
    if (data.bad || data.pos != data.len) /* a name is all of it */
      return false;
  }
  return !c->bad;
}

bool aiodns_message_negative_ttl(const uint8_t *msg, size_t len, const struct aiodns_name *name,
                                 uint32_t *ret_s)
{
  struct aiodns_records records = aiodns_records_of(msg, len);
  struct aiodns_record record;

  while (aiodns_records_next(&records, &records.answers, &record))
    ;
  while (aiodns_records_next(&records, &records.authorities, &record)) {
    if (record.type != AIODNS_TYPE_SOA || !aiodns_name_within(name, &record.owner))
      continue;
    aiodns_name_skip(&record.data);       /* MNAME */
    aiodns_name_skip(&record.data);       /* RNAME */
    aiodns_cursor_take(&record.data, 16); /* SERIAL, REFRESH, RETRY, EXPIRE */
    uint32_t minimum = aiodns_cursor_u32(&record.data);
    if (record.data.bad)
      continue;
    *ret_s = record.ttl < minimum ? record.ttl : minimum;
    return true;
  }
  return false;
}
