#include "stream.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX_LEN = 2 };

enum aiodns_stream_step aiodns_stream_feed(struct aiodns_stream *stream, const uint8_t **data, size_t *len)
{
  while (stream->have<PREFIX_LEN && * len> 0) {
    stream->len = (uint16_t)(stream->len << 8 | **data);
    stream->have++;
    ++*data;
    --*len;
  }
  if (stream->have < PREFIX_LEN)
    return AIODNS_STREAM_MORE;
  if (!stream->message) {
    stream->message = malloc(stream->len > 0 ? stream->len : 1);
    if (!stream->message)
      return AIODNS_STREAM_FAILED;
  }
  size_t missing = stream->len + (size_t)PREFIX_LEN - stream->have;
  size_t taken = *len < missing ? *len : missing;
  memcpy(stream->message + (stream->have - PREFIX_LEN), *data, taken);
  stream->have += (uint32_t)taken;
  *data += taken;
  *len -= taken;
  return taken == missing ? AIODNS_STREAM_MESSAGE : AIODNS_STREAM_MORE;
}

void aiodns_stream_next(struct aiodns_stream *stream)
{
  if (stream->message)
    free(stream->message);
  *stream = (struct aiodns_stream){0};
}
