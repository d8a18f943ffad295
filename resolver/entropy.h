/* Random octets for a lookup, drawn from a source that its driver gives, some at a time. */
#ifndef AIODNS_ENTROPY_H
#define AIODNS_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct aiodns_entropy {
  /* Fills buf whole; false where there are no random numbers to be had. */
  bool (*fill)(void *source, uint8_t *buf, size_t len);
  void *source;
  uint8_t left;
  /* A and AAAA of a usual name need 2 + 3 octets each.  Up to 32 take the kernel one block of its cipher. */
  uint8_t pool[32];
};

/* False where the source failed: nothing may be asked then. */
static inline bool aiodns_entropy_take(struct aiodns_entropy *entropy, uint8_t *buf, size_t len)
{
  if (len > sizeof entropy->pool)
    return entropy->fill(entropy->source, buf, len);
  if (len > entropy->left) {
    if (!entropy->fill(entropy->source, entropy->pool, sizeof entropy->pool))
      return false;
    entropy->left = sizeof entropy->pool;
  }
  entropy->left = (uint8_t)(entropy->left - len);
  memcpy(buf, entropy->pool + entropy->left, len);
  return true;
}

#endif
