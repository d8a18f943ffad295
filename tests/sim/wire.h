/* DNS messages as the simulated servers and the attacker read and write them; shares no code with the core.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "truth.h"

enum { SIM_MESSAGE_MAX = 16384 };

/* A query as it left the machine. */
struct sim_query {
  uint16_t id, type;
  bool edns, lower; /* lower: no capital letter in the name */
  bool has_cookie;
  uint8_t cookie[8];
  char name[SIM_TEXT_MAX];
  uint8_t question[AIODNS_NAME_MAX + 4]; /* as sent */
  unsigned question_len;
};

/* False for what no correct client sends. */
bool sim_query_parse(struct sim_query *ret, const uint8_t *msg, size_t len);

struct sim_message {
  uint8_t data[SIM_MESSAGE_MAX];
  size_t len;
  size_t answers_at; /* where the answer section begins */
};

enum {
  SIM_FLAG_QR = 0x8000,
  SIM_FLAG_AA = 0x0400,
  SIM_FLAG_TC = 0x0200,
  SIM_FLAG_RA = 0x0080,
};

/* Header and question; `question_len` may be 0 for a bare header. */
void sim_message_start(struct sim_message *m, uint16_t id, unsigned flags, const uint8_t *question,
                       unsigned question_len);

/* Adds one to a count of the header: 0 QDCOUNT, 1 ANCOUNT, 2 NSCOUNT, 3 ARCOUNT. */
void sim_message_count(struct sim_message *m, unsigned section, int change);

/* Owner as an offset into the message, 0 for the root; `data` NULL leaves the RDATA to the caller. */
void sim_message_record(struct sim_message *m, unsigned section, size_t owner_at, uint16_t type,
                        uint32_t ttl_s, const uint8_t *data, size_t len);

/* Adds octets at the end; with a record they belong to its RDATA once sim_message_close() has set the length.
 */
void sim_message_put(struct sim_message *m, const uint8_t *data, size_t len);
void sim_message_name(struct sim_message *m, const char *text);
void sim_message_close(struct sim_message *m, size_t rdata_at);

enum { SIM_COOKIE_LEN = 11 + 4 + 16 };

/* An OPT record of SIM_COOKIE_LEN octets with the query's cookie and one of the server's own (RFC 7873
 * section 5.2.3). */
void sim_message_cookie(struct sim_message *m, const struct sim_query *query);

enum { SIM_QUESTION_AT = 12 };

#endif
