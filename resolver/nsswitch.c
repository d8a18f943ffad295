#include "nsswitch.h"

#include <string.h>
#include <strings.h>

enum { WORD_MAX = 10 }; /* a character more than the longest word that means something, and a NUL */

static bool is_blank(int c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct aiodns_lines *lines)
{
  while (is_blank(aiodns_lines_peek(lines)))
    aiodns_lines_take(lines);
}

/* What stands before a blank, the line's end, or one of `ends`: its length; the text is cut to fit. */
static size_t read_word(struct aiodns_lines *lines, const char *ends, char *buf, size_t room)
{
  size_t len = 0;

  for (int c; (c = aiodns_lines_peek(lines)) >= 0 && !is_blank(c) && !strchr(ends, c); len++) {
    if (len < room - 1)
      buf[len] = (char)c;
    aiodns_lines_take(lines);
  }
  buf[len < room ? len : room - 1] = '\0';
  return len;
}

bool aiodns_nsswitch_next(struct aiodns_lines *lines, unsigned *number)
{
  char word[WORD_MAX];

  while (aiodns_lines_next(lines)) {
    ++*number;
    skip_blanks(lines);
    read_word(lines, ":", word, sizeof word);
    if (strcmp(word, "hosts") != 0)
      continue;
    while (aiodns_lines_peek(lines) == ':' || is_blank(aiodns_lines_peek(lines)))
      aiodns_lines_take(lines);
    return true;
  }
  return false;
}

/* 0: it is no result of a service. */
static uint8_t result_of(const char *word)
{
  static const char *const names[] = {"SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"};

  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcasecmp(word, names[i]) == 0)
      return (uint8_t)(1u << i);
  return 0;
}

/* RESULT=ACTION, with the blanks behind it; false for a mistake. */
static bool read_action(struct aiodns_lines *lines, uint8_t *returns)
{
  char word[WORD_MAX];
  bool inverted = aiodns_lines_peek(lines) == '!';

  if (inverted)
    aiodns_lines_take(lines);
  read_word(lines, "=]", word, sizeof word);
  uint8_t results = result_of(word);
  skip_blanks(lines);
  if (results == 0 || aiodns_lines_peek(lines) != '=')
    return false;
  aiodns_lines_take(lines);
  skip_blanks(lines);
  read_word(lines, "=]", word, sizeof word);
  skip_blanks(lines);
  if (inverted)
    results ^= AIODNS_NSSWITCH_ALL;
  if (strcasecmp(word, "RETURN") == 0)
    *returns |= results;
  else if (strcasecmp(word, "CONTINUE") == 0 || strcasecmp(word, "MERGE") == 0)
    *returns &= (uint8_t)~results;
  else
    return false;
  return true;
}

/* Of a line that says `ends`; a line that does not count makes no mistakes either. */
static enum aiodns_nsswitch at_end(struct aiodns_lines *lines, enum aiodns_nsswitch ends)
{
  return aiodns_lines_finish(lines) ? ends : AIODNS_NSSWITCH_CUT;
}

enum aiodns_nsswitch aiodns_nsswitch_service(struct aiodns_lines *lines, struct aiodns_nsswitch_service *ret)
{
  skip_blanks(lines);
  if (read_word(lines, "[", ret->name, sizeof ret->name) == 0)
    return at_end(lines, aiodns_lines_peek(lines) < 0 ? AIODNS_NSSWITCH_END : AIODNS_NSSWITCH_STRAY);
  ret->returns = AIODNS_NSSWITCH_SUCCESS;
  skip_blanks(lines);
  if (aiodns_lines_peek(lines) != '[')
    return AIODNS_NSSWITCH_SERVICE;
  aiodns_lines_take(lines);
  skip_blanks(lines);
  do /* each takes a character at least, or is a mistake */
    if (!read_action(lines, &ret->returns))
      return at_end(lines, AIODNS_NSSWITCH_BAD);
  while (aiodns_lines_peek(lines) != ']');
  aiodns_lines_take(lines);
  return AIODNS_NSSWITCH_SERVICE;
}
