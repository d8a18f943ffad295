#include "wire.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

void wire_u8(struct wire *wire, unsigned value)
{
  if (wire->len >= WIRE_MAX)
    abort();
  wire->data[wire->len++] = (uint8_t)value;
}

void wire_u16(struct wire *wire, unsigned value)
{
  wire_u8(wire, value >> 8 & 255);
  wire_u8(wire, value & 255);
}

void wire_u32(struct wire *wire, uint32_t value)
{
  wire_u16(wire, value >> 16);
  wire_u16(wire, value & 65535);
}

void wire_octets(struct wire *wire, const void *octets, size_t len)
{
  const uint8_t *at = octets;
  for (size_t i = 0; i < len; i++)
    wire_u8(wire, at[i]);
}

void wire_init(struct wire *wire, uint16_t id, unsigned flags)
{
  wire->len = wire->rdlength = 0;
  wire_u16(wire, id);
  wire_u16(wire, flags);
  for (int i = 0; i < 4; i++)
    wire_u16(wire, 0);
}

void wire_name(struct wire *wire, const char *name)
{
  while (*name && *name != '@') {
    size_t len = strcspn(name, ".");
    wire_u8(wire, (unsigned)len);
    wire_octets(wire, name, len);
    name += len + (name[len] == '.');
  }
  if (*name == '@')
    wire_u16(wire, 0xc000U | (unsigned)atoi(name + 1));
  else
    wire_u8(wire, 0);
}

static void count(struct wire *wire, size_t at)
{
  unsigned n = (unsigned)(wire->data[at] << 8 | wire->data[at + 1]) + 1;
  wire->data[at] = (uint8_t)(n >> 8);
  wire->data[at + 1] = (uint8_t)n;
}

void wire_question(struct wire *wire, const char *name, unsigned type)
{
  count(wire, 4);
  wire_name(wire, name);
  wire_u16(wire, type);
  wire_u16(wire, ns_c_in);
}

void wire_begin(struct wire *wire, enum wire_section section, const char *owner, unsigned type,
                unsigned class, uint32_t ttl)
{
  count(wire, section);
  wire_name(wire, owner);
  wire_u16(wire, type);
  wire_u16(wire, class);
  wire_u32(wire, ttl);
  wire->rdlength = wire->len;
  wire_u16(wire, 0);
}

void wire_end(struct wire *wire)
{
  size_t len = wire->len - wire->rdlength - 2;
  wire->data[wire->rdlength] = (uint8_t)(len >> 8);
  wire->data[wire->rdlength + 1] = (uint8_t)len;
}

void wire_a(struct wire *wire, const char *owner, uint32_t ttl, unsigned x)
{
  wire_begin(wire, WIRE_ANSWER, owner, ns_t_a, ns_c_in, ttl);
  wire_u16(wire, 0xc000);
  wire_u16(wire, 0x0200 + x); /* x above 255 runs on into 192.0.3.0 */
  wire_end(wire);
}

void wire_aaaa(struct wire *wire, const char *owner, uint32_t ttl, unsigned x)
{
  wire_begin(wire, WIRE_ANSWER, owner, ns_t_aaaa, ns_c_in, ttl);
  wire_u32(wire, 0x20010db8);
  wire_u32(wire, 0);
  wire_u32(wire, 0);
  wire_u32(wire, x);
  wire_end(wire);
}

void wire_target(struct wire *wire, const char *owner, unsigned type, uint32_t ttl, const char *target)
{
  wire_begin(wire, WIRE_ANSWER, owner, type, ns_c_in, ttl);
  wire_name(wire, target);
  wire_end(wire);
}

void wire_soa(struct wire *wire, enum wire_section section, const char *owner, uint32_t ttl, uint32_t minimum)
{
  wire_begin(wire, section, owner, ns_t_soa, ns_c_in, ttl);
  wire_name(wire, "ns.example.net");
  wire_name(wire, "hostmaster.example.net");
  for (uint32_t i = 1; i <= 4; i++)
    wire_u32(wire, i * 1000); /* SERIAL, REFRESH, RETRY, EXPIRE */
  wire_u32(wire, minimum);
  wire_end(wire);
}
