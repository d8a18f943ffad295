/*
 * An allocator over the buffer that the caller of an NSS module gives.  Its failure sticks: after the first
 * piece that does not fit all further ones are NULL, so that one look at `failed` at the end is enough.  The
 * buffer may begin at any address; each piece is aligned by itself.
 */
#ifndef AIODNS_NSS_BUFFER_H
#define AIODNS_NSS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct aiodns_buffer {
  char *at;
  size_t left;
  bool failed;
};

/* `align` is a power of two. */
static inline void *aiodns_buffer_take(struct aiodns_buffer *buffer, size_t size, size_t align)
{
  size_t padding = -(uintptr_t)buffer->at & (align - 1);

  if (buffer->failed || padding > buffer->left || size > buffer->left - padding) {
    buffer->failed = true;
    return NULL;
  }
  char *piece = buffer->at + padding;
  buffer->at = piece + size;
  buffer->left -= padding + size;
  return piece;
}

static inline void *aiodns_buffer_copy(struct aiodns_buffer *buffer, const void *data, size_t size,
                                       size_t align)
{
  void *piece = aiodns_buffer_take(buffer, size, align);
  return piece ? memcpy(piece, data, size) : NULL;
}

#endif
