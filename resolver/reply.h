/*
 * What a matched reply says about the name that was asked: addresses at the end of a CNAME chain, PTR
 * targets, a negative answer, or a chain that goes on elsewhere.  Only the answer section counts, and one SOA
 * for the negative TTL.
 */
#ifndef AIODNS_REPLY_H
#define AIODNS_REPLY_H

#include "answer.h"
#include "message.h"

enum {
  /* CNAMEs whose target is asked for in another message. BIND stops at 16, glibc does not ask at all. */
  AIODNS_CHAIN_MAX = 16,
  /* Records looked at for the chain inside one message: as many CNAMEs as a datagram holds, squared. */
  AIODNS_CHAIN_RECORDS_MAX = 1 << 16,
};

enum aiodns_reading {
  AIODNS_READ_ANSWER,   /* the answer is complete */
  AIODNS_READ_NEGATIVE, /* no such name or no such data */
  AIODNS_READ_CHAIN,    /* the chain leaves this message: its last name has to be asked */
  AIODNS_READ_LOOP,     /* the chain has no end, or more links than any that is meant */
  AIODNS_READ_BAD,      /* malformed: not a reply */
  AIODNS_READ_LOCAL,    /* out of memory; the answer says so */
};

struct aiodns_chain {
  struct aiodns_name name; /* asked now; behind a CNAME: the last target */
  uint16_t type;
  uint8_t hops;
  bool aliased;   /* some CNAME was followed, in whichever message */
  uint32_t ttl_s; /* the least so far; UINT32_MAX at the start */
};

void aiodns_chain_init(struct aiodns_chain *chain, const struct aiodns_name *name, uint16_t type);

/*
 * Reads a message that matched and has RCODE NOERROR or NXDOMAIN.  Adds names and addresses to *answer and
 * follows the chain.
 */
enum aiodns_reading aiodns_reply_read(struct aiodns_chain *chain, const uint8_t *msg, size_t len,
                                      struct aiodns_answer *answer);

#endif
