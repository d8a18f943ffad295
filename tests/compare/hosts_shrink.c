#include "hosts_shrink.h"

#include <stdlib.h>
#include <string.h>

struct shrinking {
  char *text, *trial;
  size_t len;
  unsigned tries;
  hosts_shows *shows;
  void *context;
};

static bool without(struct shrinking *shrinking, size_t begin, size_t end)
{
  size_t behind = shrinking->len - end;

  if (begin == end || shrinking->tries == 0)
    return false;
  shrinking->tries--;
  memcpy(shrinking->trial, shrinking->text, begin);
  memcpy(shrinking->trial + begin, shrinking->text + end, behind);
  if (!shrinking->shows(shrinking->context, shrinking->trial, begin + behind))
    return false;
  memcpy(shrinking->text, shrinking->trial, begin + behind);
  shrinking->len = begin + behind;
  return true;
}

static size_t end_of_line(const struct shrinking *shrinking, size_t at)
{
  const char *newline = memchr(shrinking->text + at, '\n', shrinking->len - at);

  return newline ? (size_t)(newline - shrinking->text) + 1 : shrinking->len;
}

static size_t lines_in(const struct shrinking *shrinking)
{
  size_t lines = 0;

  for (size_t at = 0; at < shrinking->len; at = end_of_line(shrinking, at))
    lines++;
  return lines;
}

/* All that can be missed, `count` lines, or octets, at a time. */
static void cut(struct shrinking *shrinking, bool by_lines, size_t count)
{
  for (size_t at = 0; at < shrinking->len;) {
    size_t end = at;
    if (by_lines)
      for (size_t i = 0; i < count && end < shrinking->len; i++)
        end = end_of_line(shrinking, end);
    else
      end = shrinking->len - at < count ? shrinking->len : at + count;
    if (!without(shrinking, at, end))
      at = end;
  }
}

size_t hosts_shrink(char *text, size_t len, unsigned tries, hosts_shows *shows, void *context)
{
  struct shrinking shrinking = {text, malloc(len), len, tries, shows, context};

  if (!shrinking.trial)
    return len;
  for (size_t count = lines_in(&shrinking) / 2; count > 0; count /= 2)
    cut(&shrinking, true, count);
  for (size_t count = shrinking.len / 2; count > 0; count /= 2)
    cut(&shrinking, false, count);
  free(shrinking.trial);
  return shrinking.len;
}
