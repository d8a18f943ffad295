/*
 * What the keyed hashes of the cache and of the index are made of: see cache_sum.c for what they are worth.
 */
#ifndef AIODNS_HASH_H
#define AIODNS_HASH_H

#include <stdint.h>

/* Both halves of a product of 128 bits, one on the other. */
static inline uint64_t aiodns_hash_multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
  __extension__ typedef unsigned __int128 uint128;
  uint128 product = (uint128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
  uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;
  return (other << 32 | (uint32_t)low) ^ (a1 * b1 + (middle >> 32) + (other >> 32));
#endif
}

/* aiodns_name_lower() of eight octets at once. */
static inline uint64_t aiodns_hash_lower(uint64_t word)
{
  const uint64_t each = 0x0101010101010101;
  uint64_t low = word & 0x7f * each;
  /* The top bit of each octet: it is at least 'A'; it is beyond 'Z'; it is no ASCII. */
  uint64_t from_a = low + (0x80 - 'A') * each, beyond_z = low + (0x7f - 'Z') * each;
  return word | (((from_a ^ beyond_z) & ~word & 0x80 * each) >> 2);
}

#endif
