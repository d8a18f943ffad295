#include "lines.h"

#include "kernel.h"

#include <errno.h>
#include <string.h>

static void begin(struct aiodns_lines *lines)
{
  lines->base = lines->line_start = 0;
  lines->pos = lines->len = 0;
  lines->in_line = lines->ended = lines->failed = false;
}

bool aiodns_lines_open(struct aiodns_lines *lines, const char *path)
{
  do
    lines->fd = aiodns_kernel_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (lines->fd < 0 && errno == EINTR); /* of a network file system */
  begin(lines);
  return lines->fd >= 0;
}

void aiodns_lines_of_text(struct aiodns_lines *lines, const char *text, size_t len)
{
  lines->fd = -1;
  lines->text = text;
  lines->text_len = len;
  begin(lines);
}

void aiodns_lines_close(struct aiodns_lines *lines)
{
  aiodns_kernel_close(lines->fd);
}

/* From offset `base` on. */
static ssize_t read_piece(struct aiodns_lines *lines)
{
  ssize_t got;

  if (lines->fd < 0) {
    size_t left = lines->text_len - (size_t)lines->base;
    size_t len = left < sizeof lines->buf ? left : sizeof lines->buf;
    memcpy(lines->buf, lines->text + lines->base, len);
    return (ssize_t)len;
  }
  do
    got = aiodns_kernel_read(lines->fd, lines->buf, sizeof lines->buf);
  while (got < 0 && errno == EINTR);
  return got;
}

/* Replaces the buffer, all of which was taken, by what follows; false at the end or on an error. */
static bool refill(struct aiodns_lines *lines)
{
  if (lines->ended) /* the buffer stays: its lines may be gone back to */
    return false;
  lines->base += (off_t)lines->len;
  lines->pos = lines->len = 0;
  lines->failed |= lines->base >= AIODNS_LINES_FILE_MAX;
  if (lines->failed)
    return false;
  ssize_t got = read_piece(lines);
  lines->ended = got < (ssize_t)sizeof lines->buf; /* of a file, only the end comes short */
  lines->failed = got < 0;
  if (got <= 0)
    return false;
  lines->len = (size_t)got;
  return true;
}

static bool available(struct aiodns_lines *lines)
{
  return lines->pos < lines->len || refill(lines);
}

int aiodns_lines_peek(struct aiodns_lines *lines)
{
  if (!lines->in_line || !available(lines))
    return -1;
  int c = (unsigned char)lines->buf[lines->pos];
  return c == '\n' || c == '\0' ? -1 : c;
}

void aiodns_lines_take(struct aiodns_lines *lines)
{
  lines->pos++;
}

bool aiodns_lines_finish(struct aiodns_lines *lines)
{
  while (lines->in_line && available(lines)) {
    const char *end = memchr(lines->buf + lines->pos, '\n', lines->len - lines->pos);
    lines->in_line = !end;
    lines->pos = end ? (size_t)(end - lines->buf) + 1 : lines->len;
  }
  return !lines->in_line;
}

bool aiodns_lines_next(struct aiodns_lines *lines)
{
  aiodns_lines_finish(lines);
  lines->in_line = available(lines);
  lines->line_start = lines->base + (off_t)lines->pos;
  return lines->in_line;
}

/* Whether c ends a line's words (its newline, a NUL), or is white space, or begins a comment. */
static bool ends_word(char c, char comment)
{
  return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0' || (comment && c == comment);
}

static void skip_space(struct aiodns_lines *lines)
{
  int c;
  while ((c = aiodns_lines_peek(lines)) >= 0 && (c == ' ' || (c >= '\t' && c <= '\r')))
    lines->pos++;
}

size_t aiodns_lines_word(struct aiodns_lines *lines, char comment, char *buf, size_t room)
{
  size_t len = 0;

  skip_space(lines);
  while (lines->in_line && available(lines)) {
    size_t end = lines->pos;
    while (end < lines->len && !ends_word(lines->buf[end], comment))
      end++;
    size_t span = end - lines->pos;
    if (len < room - 1)
      memcpy(buf + len, lines->buf + lines->pos, span < room - 1 - len ? span : room - 1 - len);
    len += span;
    lines->pos = end;
    if (end < lines->len)
      break;
  }
  buf[len < room ? len : room - 1] = '\0';
  return len;
}

void aiodns_lines_again(struct aiodns_lines *lines)
{
  lines->in_line = true;
  if (lines->line_start >= lines->base) {
    lines->pos = (size_t)(lines->line_start - lines->base);
    return;
  }
  /* What cannot be gone back in (a pipe) ends here. */
  lines->pos = lines->len = 0;
  lines->base = lines->line_start;
  lines->ended = false;
  if (lines->fd >= 0 && aiodns_kernel_seek(lines->fd, (int32_t)lines->line_start) < 0)
    lines->base = AIODNS_LINES_FILE_MAX;
}

bool aiodns_lines_rewind(struct aiodns_lines *lines)
{
  lines->line_start = 0;
  aiodns_lines_again(lines);
  lines->in_line = false;
  return lines->base == 0;
}
