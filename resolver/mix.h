/* Spreads what is in a word over all of its bits; a bijection, no secret. */
#ifndef AIODNS_MIX_H
#define AIODNS_MIX_H

#include <stdint.h>

static inline uint64_t aiodns_mix(uint64_t word)
{
  word ^= word >> 32;
  word *= 0xd6e8feb86659fd93u;
  word ^= word >> 32;
  return word;
}

#endif
