/* A stream in pieces: each octet in front says how long the next piece is.  All octets come out again,
 * framed. */
#include "fuzz.h"
#include "stream.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct aiodns_stream stream = {0};
  uint8_t *whole = malloc(len + !len); /* what was fed so far */
  size_t fed = 0, framed = 0;          /* octets of it; those of complete messages */

  while (len > 0) {
    size_t piece = data[0] < len - 1 ? data[0] : len - 1, left = piece;
    const uint8_t *at = data + 1;
    memcpy(whole + fed, at, piece);
    while (left > 0) {
      size_t before = left;
      enum aiodns_stream_step step = aiodns_stream_feed(&stream, &at, &left);
      must(step != AIODNS_STREAM_FAILED && left < before && at + left == data + 1 + piece);
      fed += before - left;
      if (step == AIODNS_STREAM_MORE) {
        must(left == 0);
        continue;
      }
      must(stream.len == (whole[framed] << 8 | whole[framed + 1]) && framed + 2 + stream.len == fed);
      must(memcmp(stream.message, whole + framed + 2, stream.len) == 0);
      framed = fed;
      aiodns_stream_next(&stream);
    }
    data += 1 + piece;
    len -= 1 + piece;
  }
  aiodns_stream_next(&stream);
  free(whole);
  return 0;
}
