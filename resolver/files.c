#include "files.h"

#include "lines.h"

#include <stdlib.h>
#include <string.h>

/* Goes through the domains of one list as they come. */
struct prefix {
  const struct aiodns_conf *conf;
  unsigned wanted, count; /* index that is looked for; domains so far */
  bool differs;           /* from _res */
  bool found;
};

/* One domain; it goes to `buf` if it is the wanted one. */
static void see_domain(struct prefix *prefix, const char *domain, size_t len, char *buf)
{
  if (prefix->count < prefix->conf->search_count) {
    const char *known = prefix->conf->search[prefix->count];
    prefix->differs |= strlen(known) != len || memcmp(known, domain, len) != 0;
  }
  if (prefix->count == prefix->wanted && len < AIODNS_NAME_TEXT_MAX) {
    memcpy(buf, domain, len);
    buf[len] = '\0';
    prefix->found = true;
  }
  prefix->count++;
}

static void see_line(struct prefix *prefix, struct aiodns_lines *lines, char *buf)
{
  char word[AIODNS_NAME_TEXT_MAX];
  int first = aiodns_lines_peek(lines);
  size_t len;

  if (first != 's' && first != 'd')
    return;
  aiodns_lines_word(lines, 0, word, sizeof word);
  bool search = strcmp(word, "search") == 0;
  if (!search && strcmp(word, "domain") != 0)
    return;
  for (bool first_word = true; (len = aiodns_lines_word(lines, 0, word, sizeof word)) > 0;
       first_word = false) {
    if (first_word) /* the last line counts, unless it has no domain */
      *prefix = (struct prefix){.conf = prefix->conf, .wanted = prefix->wanted};
    else if (!search)
      break;
    see_domain(prefix, word, len, buf);
  }
}

bool aiodns_files_search_in(const char *path, const char *text, const struct aiodns_conf *conf,
                            unsigned index, char *buf)
{
  struct prefix prefix = {.conf = conf, .wanted = index};

  if (path) {
    struct aiodns_lines lines;
    if (!aiodns_lines_open(&lines, path))
      return false;
    while (aiodns_lines_next(&lines))
      see_line(&prefix, &lines, buf);
    aiodns_lines_close(&lines);
  } else {
    for (text += strspn(text, " \t"); *text && *text != '\n'; text += strspn(text, " \t")) {
      size_t len = strcspn(text, " \t\n");
      see_domain(&prefix, text, len, buf);
      text += len;
    }
  }
  return prefix.found && !prefix.differs && prefix.count > conf->search_count;
}

bool aiodns_files_search_more(void *source, const struct aiodns_conf *conf, unsigned index, char *buf)
{
  (void)source;
  const char *text = secure_getenv("LOCALDOMAIN");
  return aiodns_files_search_in(text ? NULL : AIODNS_RESOLV_CONF_PATH, text, conf, index, buf);
}

bool aiodns_files_alias(const char *name, char *buf, size_t room)
{
  const char *path = secure_getenv("HOSTALIASES");
  char word[AIODNS_NAME_TEXT_MAX];
  struct aiodns_name wanted, alias;
  struct aiodns_lines lines;
  size_t len = 0;

  if (!path || !aiodns_name_from_text(&wanted, name) || !aiodns_lines_open(&lines, path))
    return false;
  while (aiodns_lines_next(&lines)) {
    /* As in glibc a line that begins with a blank has no alias, and the first one that matches counts. */
    if (aiodns_lines_peek(&lines) == ' ' || aiodns_lines_peek(&lines) == '\t')
      continue;
    aiodns_lines_word(&lines, 0, word, sizeof word);
    if (!aiodns_name_from_text(&alias, word) || !aiodns_name_equal(&alias, &wanted))
      continue;
    len = aiodns_lines_word(&lines, 0, buf, room);
    break;
  }
  aiodns_lines_close(&lines);
  return len > 0 && len < room;
}
