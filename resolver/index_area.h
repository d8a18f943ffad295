/*
 * Memory of an index that is being built: from mmap(2), and given back to it, since it is somebody else's
 * process whose heap would be left larger.
 */
#ifndef AIODNS_INDEX_AREA_H
#define AIODNS_INDEX_AREA_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Zeros; NULL: errno. */
void *aiodns_area_map(uint64_t len);

/* Of what _map() returned, NULL included; errno stays. */
void aiodns_area_unmap(void *base, uint64_t len);

/* Octets that become more; never 4 GiB. */
struct aiodns_area {
  uint8_t *base;
  uint64_t len, room;
};

/* Room for `more` octets behind those that are there; false: errno. */
bool aiodns_area_reserve(struct aiodns_area *area, uint64_t more);

/* There has to be room. */
static inline void aiodns_area_put(struct aiodns_area *area, const void *octets, size_t len)
{
  memcpy(area->base + area->len, octets, len);
  area->len += len;
}

void aiodns_area_done(struct aiodns_area *area);

#endif
