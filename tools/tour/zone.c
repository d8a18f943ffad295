#include "zone.h"

#include "message.h"

#include <arpa/inet.h>
#include <string.h>

enum {
  CLASS_IN = 1,
  FLAG_QR = 0x8000,
  FLAG_AA = 0x0400,
  FLAG_RD = 0x0100,
  FLAG_RA = 0x0080,
  OPCODE_MASK = 0x7800,
  QUESTION_POINTER = 0xc000 | AIODNS_HEADER_LEN,
  CHAIN_MAX = 4,       /* aliases followed; the zone has chains of one */
  NEGATIVE_TTL_S = 60, /* of the SOA, and its MINIMUM (RFC 2308) */
};

struct record {
  const char *owner; /* with `*.` in front: each name below it, whatever its labels */
  uint16_t type;
  uint8_t more; /* addresses that follow the one here */
  uint32_t ttl_s;
  const char *data; /* an address or a name */
};

static const struct record records[] = {
    {"www.example", AIODNS_TYPE_A, 0, 300, "192.0.2.10"},
    {"dual.example", AIODNS_TYPE_A, 0, 600, "192.0.2.20"},
    {"dual.example", AIODNS_TYPE_AAAA, 0, 600, "2001:db8::20"},
    {"shop.example", AIODNS_TYPE_CNAME, 0, 120, "web.example"},
    {"web.example", AIODNS_TYPE_A, 0, 3600, "192.0.2.30"},
    {"printer.office.example", AIODNS_TYPE_A, 0, 900, "192.0.2.40"},
    {"late.example", AIODNS_TYPE_A, 0, 240, "192.0.2.60"},
    {"many.example", AIODNS_TYPE_A, 29, 300, "192.0.2.100"},
    {"*.new.example", AIODNS_TYPE_A, 0, 300, "192.0.2.70"},
    {"*.new.example", AIODNS_TYPE_AAAA, 0, 300, "2001:db8::70"},
    {"20.2.0.192.in-addr.arpa", AIODNS_TYPE_PTR, 0, 1800, "dual.example"},
};
enum { RECORD_COUNT = sizeof records / sizeof records[0] };

static const char *const apexes[] = {"example", "2.0.192.in-addr.arpa"};

/* Writes octets; once they do not fit it is bad, and stays so. */
struct writer {
  uint8_t *data;
  size_t len;
  bool bad;
};

static void put(struct writer *w, const void *octets, size_t n)
{
  if (w->bad || n > TOUR_MESSAGE_MAX - w->len) {
    w->bad = true;
    return;
  }
  memcpy(w->data + w->len, octets, n);
  w->len += n;
}

static void put_u16(struct writer *w, unsigned value)
{
  put(w, (const uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_u32(struct writer *w, uint32_t value)
{
  put_u16(w, value >> 16);
  put_u16(w, value & 0xffff);
}

static void put_name(struct writer *w, const char *text)
{
  struct aiodns_name name;

  if (aiodns_name_from_text(&name, text))
    put(w, name.wire, name.len);
  else
    w->bad = true;
}

/* The two octets of RDLENGTH, filled in once what follows them is written. */
static size_t length_begin(struct writer *w)
{
  put_u16(w, 0);
  return w->len;
}

static void length_end(struct writer *w, size_t begin)
{
  if (w->bad)
    return;
  w->data[begin - 2] = (uint8_t)((w->len - begin) >> 8);
  w->data[begin - 1] = (uint8_t)(w->len - begin);
}

/* `next`: how many addresses further than the record's own. */
static void put_record(struct writer *w, const struct record *record, bool is_question, unsigned next)
{
  uint8_t address[16];

  if (is_question)
    put_u16(w, QUESTION_POINTER); /* so that its letter case is the one that was asked */
  else
    put_name(w, record->owner);
  put_u16(w, record->type);
  put_u16(w, CLASS_IN);
  put_u32(w, record->ttl_s);
  size_t begin = length_begin(w);
  if (record->type == AIODNS_TYPE_A && inet_pton(AF_INET, record->data, address) == 1) {
    address[3] = (uint8_t)(address[3] + next);
    put(w, address, 4);
  } else if (record->type == AIODNS_TYPE_AAAA && inet_pton(AF_INET6, record->data, address) == 1) {
    put(w, address, 16);
  } else {
    put_name(w, record->data);
  }
  length_end(w, begin);
}

static void put_soa(struct writer *w, const char *apex)
{
  put_name(w, apex);
  put_u16(w, AIODNS_TYPE_SOA);
  put_u16(w, CLASS_IN);
  put_u32(w, NEGATIVE_TTL_S);
  size_t begin = length_begin(w);
  put_name(w, "ns.example");
  put_name(w, "hostmaster.example");
  put_u32(w, 1);              /* SERIAL */
  put_u32(w, 3600);           /* REFRESH */
  put_u32(w, 600);            /* RETRY */
  put_u32(w, 86400);          /* EXPIRE */
  put_u32(w, NEGATIVE_TTL_S); /* MINIMUM */
  length_end(w, begin);
}

static void put_opt(struct writer *w)
{
  put(w, "", 1); /* the root */
  put_u16(w, AIODNS_TYPE_OPT);
  put_u16(w, AIODNS_UDP_MAX);
  put_u32(w, 0);
  put_u16(w, 0);
}

static bool is_wildcard(size_t record)
{
  return records[record].owner[0] == '*';
}

/*
 * The owner in wire form, a wildcard's without its asterisk; made once: the benchmark wants replies within
 * microseconds.
 */
static const struct aiodns_name *owner_of(size_t record)
{
  static struct aiodns_name owner[RECORD_COUNT];

  if (owner[record].len == 0)
    (void)aiodns_name_from_text(&owner[record], records[record].owner + (is_wildcard(record) ? 2 : 0));
  return &owner[record];
}

static bool has_record(const struct aiodns_name *name, size_t record)
{
  bool equal = aiodns_name_equal(name, owner_of(record));

  return is_wildcard(record) ? !equal && aiodns_name_within(name, owner_of(record)) : equal;
}

/* The zone that the name is in; NULL for names that are none of ours. */
static const char *apex_of(const struct aiodns_name *name)
{
  struct aiodns_name apex;

  for (size_t i = 0; i < sizeof apexes / sizeof apexes[0]; i++)
    if (aiodns_name_from_text(&apex, apexes[i]) && aiodns_name_within(name, &apex))
      return apexes[i];
  return NULL;
}

/* A name exists that has records or names below it (RFC 8020). */
static bool exists(const struct aiodns_name *name)
{
  for (size_t i = 0; i < RECORD_COUNT; i++)
    if (aiodns_name_within(owner_of(i), name) || has_record(name, i))
      return true;
  return false;
}

struct question {
  struct aiodns_name name;
  uint16_t type, class;
  size_t end; /* where in the query it ends */
  bool edns;
};

/* False: it is no query that has one question. */
static bool read_question(struct question *ret, const uint8_t *query, size_t len)
{
  struct aiodns_cursor c = aiodns_cursor_at(query, len, 4);
  uint16_t questions = aiodns_cursor_u16(&c), answers = aiodns_cursor_u16(&c);
  uint16_t authorities = aiodns_cursor_u16(&c), additionals = aiodns_cursor_u16(&c);

  aiodns_name_read(&c, &ret->name);
  ret->type = aiodns_cursor_u16(&c);
  ret->class = aiodns_cursor_u16(&c);
  ret->end = c.pos;
  if (c.bad || questions != 1 || answers || authorities)
    return false;
  if (additionals) {
    bool root = aiodns_cursor_u8(&c) == 0;
    ret->edns = aiodns_cursor_u16(&c) == AIODNS_TYPE_OPT && root && !c.bad;
  } else {
    ret->edns = false;
  }
  return true;
}

/* The answer section, along aliases; *name is the last name of the chain then. */
static unsigned put_answers(struct writer *w, const struct question *question, struct aiodns_name *name,
                            bool *found)
{
  unsigned count = 0;

  *found = false;
  for (int links = 0; links <= CHAIN_MAX && !*found; links++) {
    const struct record *alias = NULL;
    bool is_question = aiodns_name_equal(name, &question->name);
    for (size_t i = 0; i < RECORD_COUNT; i++) {
      if (!has_record(name, i))
        continue;
      if (records[i].type == question->type) {
        for (unsigned next = 0; next <= records[i].more; next++, count++)
          put_record(w, &records[i], is_question, next);
        *found = true;
      } else if (records[i].type == AIODNS_TYPE_CNAME) {
        alias = &records[i];
      }
    }
    if (*found || !alias || !aiodns_name_from_text(name, alias->data))
      break;
    put_record(w, alias, is_question, 0);
    count++;
  }
  return count;
}

static void put_header(uint8_t *buf, const uint8_t *query, unsigned rcode, const unsigned count[4])
{
  unsigned asked = (unsigned)query[2] << 8 | query[3];
  struct writer w = {.data = buf};

  put(&w, query, 2); /* ID */
  put_u16(&w, FLAG_QR | FLAG_AA | FLAG_RA | (asked & (OPCODE_MASK | FLAG_RD)) | rcode);
  for (int i = 0; i < 4; i++)
    put_u16(&w, count[i]);
}

static size_t error_reply(uint8_t *buf, const uint8_t *query, unsigned rcode)
{
  put_header(buf, query, rcode, (const unsigned[4]){0});
  return AIODNS_HEADER_LEN;
}

size_t tour_zone_reply(const uint8_t *query, size_t len, uint8_t *buf)
{
  struct question question;
  struct writer w = {.data = buf, .len = AIODNS_HEADER_LEN};
  unsigned rcode = AIODNS_RCODE_NOERROR, count[4] = {1};
  bool found;

  if (len < AIODNS_HEADER_LEN || (query[2] & FLAG_QR >> 8))
    return 0;
  if (query[2] & OPCODE_MASK >> 8)
    return error_reply(buf, query, AIODNS_RCODE_NOTIMP);
  if (!read_question(&question, query, len))
    return error_reply(buf, query, AIODNS_RCODE_FORMERR);

  put(&w, query + AIODNS_HEADER_LEN, question.end - AIODNS_HEADER_LEN); /* as asked, letter case included */
  const char *apex = apex_of(&question.name);
  if (!apex || question.class != CLASS_IN) {
    rcode = AIODNS_RCODE_REFUSED;
  } else {
    struct aiodns_name name = question.name;
    count[1] = put_answers(&w, &question, &name, &found);
    if (!found) {
      put_soa(&w, apex);
      count[2] = 1;
      rcode = exists(&name) ? AIODNS_RCODE_NOERROR : AIODNS_RCODE_NXDOMAIN;
    }
  }
  if (question.edns) {
    put_opt(&w);
    count[3] = 1;
  }
  if (w.bad)
    return error_reply(buf, query, AIODNS_RCODE_SERVFAIL);
  put_header(buf, query, rcode, count);
  return w.len;
}
