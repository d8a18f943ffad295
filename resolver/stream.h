/* The two-octet framing of DNS over TCP (RFC 1035 section 4.2.2), from pieces of any size. */
#ifndef AIODNS_STREAM_H
#define AIODNS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aiodns_stream {
  uint8_t *message; /* NULL until its length is known; the stream's own */
  uint32_t have;    /* octets so far, the two of the length counted */
  uint16_t len;     /* of the message */
};

enum aiodns_stream_step {
  AIODNS_STREAM_MORE,    /* all octets taken; the message is not complete */
  AIODNS_STREAM_MESSAGE, /* message[0..len) is complete, until aiodns_stream_next() */
  AIODNS_STREAM_FAILED,  /* no memory */
};

/* Takes octets from *data, moving both past what it took. */
enum aiodns_stream_step aiodns_stream_feed(struct aiodns_stream *stream, const uint8_t **data, size_t *len);

/* Forgets the message and frees it; another may follow. */
void aiodns_stream_next(struct aiodns_stream *stream);

#endif
