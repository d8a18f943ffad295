/*
 * What the lines of block lists (blocklist.h) are made of: white space, words, and names, each from `text` to
 * `end`, behind which nothing is read.
 */
#ifndef AIODNS_BLOCKLIST_TEXT_H
#define AIODNS_BLOCKLIST_TEXT_H

#include "name.h"

#include <stdbool.h>
#include <stddef.h>

/* isspace(3)'s in the C locale. */
static inline bool aiodns_text_is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline const char *aiodns_text_skip_space(const char *text, const char *end)
{
  while (text < end && aiodns_text_is_space(*text))
    text++;
  return text;
}

static inline const char *aiodns_text_word_end(const char *text, const char *end)
{
  while (text < end && !aiodns_text_is_space(*text))
    text++;
  return text;
}

/* Whether nothing follows that counts. */
static inline bool aiodns_text_is_over(const char *text, const char *end)
{
  const char *word = aiodns_text_skip_space(text, end);
  return word == end || (word > text && (*word == '#' || *word == ';'));
}

/* In any letter case; `word` is lower case. */
static inline bool aiodns_text_is(const char *text, const char *end, const char *word)
{
  while (text < end && *word && aiodns_name_lower((uint8_t)*text) == (uint8_t)*word)
    text++, word++;
  return text == end && *word == '\0';
}

/* What an octet of a name is: 0 for what ends it. */
enum { AIODNS_TEXT_PART = 1, AIODNS_TEXT_UPPER = 'a' - 'A' };
static const uint8_t aiodns_text_class[256] = {
    ['-'] = AIODNS_TEXT_PART,
    ['0' ... '9'] = AIODNS_TEXT_PART,
    ['A' ... 'Z'] = AIODNS_TEXT_PART | AIODNS_TEXT_UPPER,
    ['_'] = AIODNS_TEXT_PART,
    ['a' ... 'z'] = AIODNS_TEXT_PART,
};

/*
 * Reads a name of letters, digits, '-' and '_' straight into wire form, in lower case.  Returns what is
 * behind it and its last dot; NULL where there is none, or where it is not right.
 */
static inline const char *aiodns_text_name(struct aiodns_name *ret, const char *text, const char *end)
{
  size_t label = 0; /* where the present label's length goes */
  size_t room = (size_t)(end - text), i;

  if (room > AIODNS_NAME_MAX - 2)
    room = AIODNS_NAME_MAX - 2;
  for (i = 0;; i++) {
    uint8_t kind = i < room ? aiodns_text_class[(uint8_t)text[i]] : 0;
    if (kind) {
      ret->wire[i + 1] = (uint8_t)((uint8_t)text[i] | (kind & AIODNS_TEXT_UPPER));
      continue;
    }
    if (i == label || i - label > AIODNS_LABEL_MAX)
      return NULL;
    ret->wire[label] = (uint8_t)(i - label);
    bool dot = text + i < end && text[i] == '.';
    label = i + 1;
    if (dot && text + label < end && aiodns_text_class[(uint8_t)text[label]] && i < AIODNS_NAME_MAX - 2)
      continue;
    if (!dot && text + i < end && aiodns_text_class[(uint8_t)text[i]])
      return NULL; /* too long */
    ret->wire[label] = 0;
    ret->len = (uint8_t)(label + 1);
    return text + i + dot;
  }
}

static inline const uint8_t *aiodns_text_last_label(const struct aiodns_name *name)
{
  const uint8_t *label = name->wire;

  while (label[1 + *label])
    label += 1 + *label;
  return label;
}

/* Whether the last label is of digits alone. */
static inline bool aiodns_text_is_numeric(const struct aiodns_name *name)
{
  const uint8_t *end = name->wire + name->len - 1;

  if (end[-1] > '9')
    return false; /* a letter, as in nearly all */
  for (const uint8_t *c = aiodns_text_last_label(name) + 1; c < end; c++)
    if (*c < '0' || *c > '9')
      return false;
  return true;
}

#endif
