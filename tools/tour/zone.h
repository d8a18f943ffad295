/*
 * What the tour's and the benchmark's DNS server knows, and how it says so: from a query to the reply,
 * without system calls. Names below `example` and addresses for documentation (RFC 2606, 5737, 3849) only.
 */
#ifndef TOUR_ZONE_H
#define TOUR_ZONE_H

#include <stddef.h>
#include <stdint.h>

enum {
  TOUR_MESSAGE_MAX = 540, /* octets, of queries and replies: with EDNS its largest one is beyond 512 */
};

/* Writes the reply to a query into buf, which has room for TOUR_MESSAGE_MAX; its length, or 0 where none is
 * due. */
size_t tour_zone_reply(const uint8_t *query, size_t len, uint8_t *buf);

#endif
