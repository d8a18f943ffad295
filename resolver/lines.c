#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool aiodns_lines_open(struct aiodns_lines *lines, const char *path)
{
  lines->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  lines->base = lines->line_start = 0;
  lines->pos = lines->len = 0;
  lines->in_line = lines->ended = false;
  return lines->fd >= 0;
}

void aiodns_lines_close(struct aiodns_lines *lines)
{
  close(lines->fd);
}

/* Replaces the buffer, all of which was taken, by what follows; false at the end or on an error. */
static bool refill(struct aiodns_lines *lines)
{
  ssize_t got;

  lines->base += (off_t)lines->len;
  lines->pos = lines->len = 0;
  if (lines->ended || lines->base >= AIODNS_LINES_FILE_MAX)
    return false;
  do
    got = read(lines->fd, lines->buf, sizeof lines->buf);
  while (got < 0 && errno == EINTR);
  lines->ended = got < (ssize_t)sizeof lines->buf; /* of a file, only the end comes short */
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

bool aiodns_lines_next(struct aiodns_lines *lines)
{
  while (lines->in_line && available(lines)) {
    const char *end = memchr(lines->buf + lines->pos, '\n', lines->len - lines->pos);
    lines->in_line = !end;
    lines->pos = end ? (size_t)(end - lines->buf) + 1 : lines->len;
  }
  lines->in_line = available(lines);
  lines->line_start = lines->base + (off_t)lines->pos;
  return lines->in_line;
}

static bool is_space(int c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t aiodns_lines_word(struct aiodns_lines *lines, char comment, char *buf, size_t room)
{
  size_t len = 0;
  int c;

  while ((c = aiodns_lines_peek(lines)) >= 0 && is_space(c))
    lines->pos++;
  while ((c = aiodns_lines_peek(lines)) >= 0 && !is_space(c) && !(comment && c == comment)) {
    if (len < room - 1)
      buf[len] = (char)c;
    len++;
    lines->pos++;
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
  if (lseek(lines->fd, lines->line_start, SEEK_SET) < 0)
    lines->base = AIODNS_LINES_FILE_MAX;
}
