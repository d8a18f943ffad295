/* splitmix64: small, and the same on every machine, so that a printed seed is the same run everywhere. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
  uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
  uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* 0 to n - 1; n is small, so the bias of the multiplication does not matter here. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
  return (uint32_t)((rng_next(rng) >> 32) * n >> 32);
}

static inline bool rng_chance(struct rng *rng, uint32_t per_mille)
{
  return per_mille > 0 && rng_below(rng, 1000) < per_mille;
}

/* A second stream, so that a draw more in one place does not change all others. */
static inline struct rng rng_split(struct rng *rng)
{
  return (struct rng){rng_next(rng)};
}

#endif
