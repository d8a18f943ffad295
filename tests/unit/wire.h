/* Builds DNS messages octet by octet, well formed or not, and without the code under test. */
#ifndef AIODNS_WIRE_H
#define AIODNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum { WIRE_MAX = 65535, WIRE_QUESTION = 12 };

enum wire_section { WIRE_ANSWER = 6, WIRE_AUTHORITY = 8, WIRE_ADDITIONAL = 10 }; /* where its count stands */

struct wire {
  size_t len;
  size_t rdlength; /* where the record being built has its RDLENGTH; 0: none */
  uint8_t data[WIRE_MAX];
};

enum {
  WIRE_QR = 0x8000,
  WIRE_AA = 0x0400,
  WIRE_TC = 0x0200,
  WIRE_RD = 0x0100,
  WIRE_RA = 0x0080,
  WIRE_AD = 0x0020
};

void wire_init(struct wire *wire, uint16_t id, unsigned flags);
void wire_u8(struct wire *wire, unsigned value);
void wire_u16(struct wire *wire, unsigned value);
void wire_u32(struct wire *wire, uint32_t value);
void wire_octets(struct wire *wire, const void *octets, size_t len);

/* "www.example.com", "" for the root; no escapes.  "@12" is a pointer to offset 12, "www.@12" a label before
 * one. */
void wire_name(struct wire *wire, const char *name);

void wire_question(struct wire *wire, const char *name, unsigned type);

/* Up to RDLENGTH; what is put until wire_end() is RDATA. */
void wire_begin(struct wire *wire, enum wire_section section, const char *owner, unsigned type,
                unsigned class, uint32_t ttl);
void wire_end(struct wire *wire);

/* Whole records of class IN; `a` is 4 octets 192.0.2.x, `aaaa` 2001:db8::x. */
void wire_a(struct wire *wire, const char *owner, uint32_t ttl, unsigned x);
void wire_aaaa(struct wire *wire, const char *owner, uint32_t ttl, unsigned x);
void wire_target(struct wire *wire, const char *owner, unsigned type, uint32_t ttl, const char *target);
void wire_soa(struct wire *wire, enum wire_section section, const char *owner, uint32_t ttl,
              uint32_t minimum);

#endif
