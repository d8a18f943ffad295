/*
 * DNS messages (RFC 1035 section 4, RFC 6891): writing the query, deciding whether a datagram is the reply to
 * it, and reading the reply.  Stateless; nothing allocates; safe in any thread.
 */
#ifndef AIODNS_MESSAGE_H
#define AIODNS_MESSAGE_H

#include "name.h"

enum {
  AIODNS_TYPE_A = 1,
  AIODNS_TYPE_CNAME = 5,
  AIODNS_TYPE_SOA = 6,
  AIODNS_TYPE_PTR = 12,
  AIODNS_TYPE_SERVERS =
      65280, /* never asked: a record of the cache (servers.h). RFC 6895 section 3.1: private use */
  AIODNS_TYPE_AAAA = 28,
  AIODNS_TYPE_OPT = 41,
};

enum {
  AIODNS_RCODE_NOERROR = 0,
  AIODNS_RCODE_FORMERR = 1,
  AIODNS_RCODE_SERVFAIL = 2,
  AIODNS_RCODE_NXDOMAIN = 3,
  AIODNS_RCODE_NOTIMP = 4,
  AIODNS_RCODE_REFUSED = 5,
  AIODNS_RCODE_BADVERS = 16,   /* RFC 6891 section 9 */
  AIODNS_RCODE_BADCOOKIE = 23, /* RFC 7873 section 8 */
};

enum {
  AIODNS_HEADER_LEN = 12,
  AIODNS_UDP_MAX =
      1232, /* what EDNS(0) says we take: a datagram of this size is not fragmented on any usual path */
  AIODNS_FLIP_LEN = 32,  /* a bit for each octet of a name */
  AIODNS_COOKIE_LEN = 8, /* of a client's (RFC 7873 section 4) */
  AIODNS_QUERY_MAX = AIODNS_HEADER_LEN + AIODNS_NAME_MAX + 4 + 11 + 4 + AIODNS_COOKIE_LEN,
};

/* All that tells one query from another, so that the same octets can be made again. */
struct aiodns_form {
  const struct aiodns_name *name; /* letter case as the program gave it */
  const uint8_t *flip; /* AIODNS_FLIP_LEN octets; bit i: the letter at octet i has the other case */
  uint16_t type;
  uint16_t id;
  bool lower;             /* lower case: for servers that err on others */
  bool edns;              /* with an OPT record (RFC 6891) */
  const uint8_t *cookie;  /* AIODNS_COOKIE_LEN octets in it; NULL: none */
  bool recursion_desired; /* RD */
  bool authentic_data;    /* AD: `trust-ad` of resolv.conf(5) */
};

/* Writes the query; buf has room for AIODNS_QUERY_MAX. Returns its length. */
size_t aiodns_message_query(const struct aiodns_form *form, uint8_t *buf);

/* Whether its name leaves with capital letters. */
bool aiodns_message_is_mixed(const struct aiodns_form *form);

enum aiodns_match {
  AIODNS_MATCH_NONE,  /* no reply to this query: wrong ID or question, no reply at all, too short */
  AIODNS_MATCH_CASE,  /* all is right but the letter case */
  AIODNS_MATCH_BARE,  /* an error that is a header alone: ID right, no question to check */
  AIODNS_MATCH_REPLY, /* ID, question, and its exact letter case; for one in lower case any case */
};

/* `any_case`: the transport (TCP) already proves who wrote it, so letter case need not. */
enum aiodns_match aiodns_message_match(const struct aiodns_form *form, const uint8_t *msg, size_t len,
                                       bool any_case);

struct aiodns_header {
  uint16_t rcode; /* extended by EDNS (RFC 6891 section 6.1.3) where it would otherwise say "no data" */
  bool truncated;
  bool lame; /* no answer, no authority of its own, no recursion: a referral, or nothing */
};

/* Whether a message that is BARE or REPLY says NXDOMAIN: no code that EDNS extends does. */
static inline bool aiodns_message_is_nxdomain(const uint8_t *msg)
{
  return (msg[3] & 0x0f) == AIODNS_RCODE_NXDOMAIN;
}

/* For a message that is BARE or REPLY. */
struct aiodns_header aiodns_message_header(const uint8_t *msg, size_t len);

/*
 * Gives the question of a REPLY the letter case that the program gave, so that names compressed onto it show
 * that; and so the labels that a server has copied into a CNAME made for a DNAME (RFC 6672 section 3.1), from
 * this question or from one that it has cached.
 */
void aiodns_message_restore_case(const struct aiodns_form *form, uint8_t *msg, size_t len);

/* What a reply says of the cookie that its query had. */
enum aiodns_cookie {
  AIODNS_COOKIE_NONE,  /* nothing */
  AIODNS_COOKIE_RIGHT, /* the same */
  AIODNS_COOKIE_WRONG, /* another one, or what is none */
};

enum aiodns_cookie aiodns_message_cookie(const struct aiodns_form *form, const uint8_t *msg, size_t len);

/* A reader over the records of the answer section, then of the authority section. */
struct aiodns_records {
  struct aiodns_cursor cursor;
  uint16_t answers, authorities; /* left */
};

struct aiodns_record {
  struct aiodns_name owner;
  uint16_t type;
  uint32_t ttl; /* seconds; 2^31 and above count as 0 (RFC 2181 section 8) */
  struct aiodns_cursor
      data; /* bounded by RDLENGTH at its end, but names in it may point back into the message */
};

struct aiodns_records aiodns_records_of(const uint8_t *msg, size_t len);

/* The next record of class IN in the section; others are passed over.  False at the section's end or if it is
 * bad. */
bool aiodns_records_next(struct aiodns_records *records, uint16_t *left, struct aiodns_record *ret);

/* Whether the whole answer section can be read, the names in it included. */
bool aiodns_records_well_formed(struct aiodns_records records);

/*
 * How long a negative reply holds: the lesser of the SOA's TTL and its MINIMUM (RFC 2308 section 5), from the
 * first SOA in the authority section that encloses `name`.  False where there is none.
 */
bool aiodns_message_negative_ttl(const uint8_t *msg, size_t len, const struct aiodns_name *name,
                                 uint32_t *ret_s);

#endif
