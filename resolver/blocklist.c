#include "blocklist.h"

#include "blocklist_text.h"
#include "kernel.h"

#include <arpa/inet.h>
#include <string.h>

/* What the current line is, if more rules may come of it. */
enum form { SINGLE, HOSTS, DNSMASQ };

enum {
  BLOCKS = AIODNS_RULE_ITSELF,
  BLOCKS_ALL = AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW,
  /* In the buffer before a word is read, if the line has as much: more is no name, nor an address. */
  WORD_MAX = AIODNS_NAME_TEXT_MAX,
};

/* ---- Lines ---- */

/*
 * The buffer slides: what is from `keep` on goes to its front, and more of the file behind it; so a line is
 * in one piece wherever a buffer ends.  False if nothing came.
 */
static bool slide(struct aiodns_blocklist *list, size_t keep)
{
  struct aiodns_lines *lines = &list->lines;
  size_t kept = lines->len - keep;

  if (keep > 0)
    memmove(lines->buf, lines->buf + (lines->len - kept), kept);
  lines->base += (off_t)keep;
  lines->pos -= keep;
  lines->len = kept;
  list->stop -= keep;
  list->next -= keep;
  while (lines->len < sizeof lines->buf && !lines->ended && !lines->failed) {
    ssize_t got = -1;
    if (lines->base + (off_t)lines->len < AIODNS_LINES_FILE_MAX)
      do
        got = aiodns_kernel_read(lines->fd, lines->buf + lines->len, sizeof lines->buf - lines->len);
      while (got < 0 && errno == EINTR);
    lines->failed = got < 0;
    lines->ended = got == 0;
    lines->len += got > 0 ? (size_t)got : 0;
  }
  return lines->len > kept;
}

/* Looks for the line's end from `from` on; without one the text there is goes to the buffer's end. */
static void find_end(struct aiodns_blocklist *list, size_t from)
{
  struct aiodns_lines *lines = &list->lines;
  const char *end = memchr(lines->buf + from, '\n', lines->len - from);

  list->stop = end ? (size_t)(end - lines->buf) : lines->len;
  list->next = end ? list->stop + 1 : lines->len;
  lines->in_line = !end;
}

/* The rest of a line that is longer than the buffer. */
static void pass_line(struct aiodns_blocklist *list)
{
  while (list->lines.in_line && slide(list, list->lines.pos = list->lines.len))
    find_end(list, 0);
}

/* The next line: from lines.pos to list->stop, all of it unless lines.in_line. */
static bool take_line(struct aiodns_blocklist *list)
{
  struct aiodns_lines *lines = &list->lines;

  pass_line(list);
  lines->pos = list->next;
  find_end(list, lines->pos);
  while (lines->in_line && lines->len - lines->pos < sizeof lines->buf) {
    size_t seen = lines->len - lines->pos;
    if (slide(list, lines->pos)) {
      find_end(list, seen);
      continue;
    }
    if (lines->failed || seen == 0) /* half a name is none */
      return false;
    lines->in_line = false; /* the last one, without an end */
  }
  if (list->counts.lines++ == 0 && lines->len >= 3 && memcmp(lines->buf, "\xef\xbb\xbf", 3) == 0)
    lines->pos = 3; /* a byte order mark */
  lines->line_start = lines->base + (off_t)lines->pos;
  list->bad = list->has_names = false;
  return true;
}

/* The line's beginning, as long as it is in the buffer. */
static void keep_first_text(struct aiodns_blocklist *list)
{
  struct aiodns_lines *lines = &list->lines;
  size_t len = list->next, room = sizeof list->counts.first_text - 1;

  if (lines->line_start < lines->base)
    return;
  const char *text = lines->buf + (lines->line_start - lines->base);
  len -= (size_t)(text - lines->buf);
  while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
    len--;
  if (len > room)
    len = room;
  memcpy(list->counts.first_text, text, len);
  list->counts.first_text[len] = '\0';
}

/* Something in the line was not understood. */
static void note_bad(struct aiodns_blocklist *list)
{
  struct aiodns_blocklist_counts *counts = &list->counts;

  if (list->bad)
    return;
  list->bad = true;
  if (counts->not_understood++ > 0)
    return;
  keep_first_text(list);
  counts->first_line = counts->lines;
}

/* More of a line that is longer than the buffer; what is in front of lines.pos goes. */
static void read_on(struct aiodns_blocklist *list)
{
  size_t seen = list->lines.len - list->lines.pos;

  if (list->counts.not_understood == 0)
    keep_first_text(list);
  if (slide(list, list->lines.pos)) {
    find_end(list, seen);
    return;
  }
  list->lines.in_line = false;
  if (list->lines.failed)
    list->lines.pos = list->stop; /* half a name is none */
}

/* ---- One kind of line after the other ---- */

static bool is_boilerplate(const struct aiodns_name *name)
{
  static const char *const texts[] = {
      "local",
      "localhost",
      "localhost.localdomain",
      "localhost4",
      "localhost4.localdomain4",
      "localhost6",
      "localhost6.localdomain6",
      "broadcasthost",
      "ip6-localhost",
      "ip6-loopback",
      "ip6-localnet",
      "ip6-mcastprefix",
      "ip6-allnodes",
      "ip6-allrouters",
      "ip6-allhosts",
  };
  struct aiodns_name other;

  if (name->len < 7 || (memcmp(name->wire + 1, "local", 5) != 0 && memcmp(name->wire + 1, "ip6-", 4) != 0 &&
                        memcmp(name->wire + 1, "broad", 5) != 0))
    return false;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (strlen(texts[i]) + 2 == name->len && aiodns_name_from_text(&other, texts[i]) &&
        aiodns_name_equal(name, &other))
      return true;
  return false;
}

static bool give(struct aiodns_blocklist *list, struct aiodns_rule *ret, unsigned is)
{
  ret->is = (uint8_t)is;
  list->counts.rules++;
  return true;
}

static bool refuse(struct aiodns_blocklist *list)
{
  note_bad(list);
  return false;
}

static bool is_empty(struct aiodns_blocklist *list)
{
  list->counts.empty++;
  return false;
}

/* What an address makes of the names behind it; -1: it is no address. */
static int scope_of(const char *text, const char *end)
{
  uint8_t address[16];
  char copy[INET6_ADDRSTRLEN + 16]; /* with a scope */
  static const uint8_t loopback[16] = {[15] = 1}, none[16];

  if ((size_t)(end - text) >= sizeof copy)
    return -1;
  memcpy(copy, text, (size_t)(end - text));
  copy[end - text] = '\0';
  if (strlen(copy) != (size_t)(end - text))
    return -1;
  if (strcmp(copy, "0") == 0)
    return BLOCKS;
  if (inet_pton(AF_INET, copy, address) == 1)
    return memcmp(address, none, 4) == 0 || memcmp(address, "\x7f\0\0\1", 4) == 0 ? BLOCKS : 0;
  char *scope = strchr(copy, '%');
  if (scope)
    *scope++ = '\0';
  if (inet_pton(AF_INET6, copy, address) != 1 || (scope && *scope == '\0'))
    return -1;
  return !scope && (memcmp(address, none, 16) == 0 || memcmp(address, loopback, 16) == 0) ? BLOCKS : 0;
}

/* Of a line of hosts(5): there a comment needs no white space in front. */
static bool ends_host(char c)
{
  return aiodns_text_is_space(c) || c == '#';
}

/* Goes to the next word of a line of hosts(5), which may be longer than the buffer; false: none is left. */
static bool next_host(struct aiodns_blocklist *list)
{
  struct aiodns_lines *lines = &list->lines;

  for (;;) {
    const char *end = lines->buf + list->stop, *word = aiodns_text_skip_space(lines->buf + lines->pos, end);
    lines->pos = (size_t)(word - lines->buf);
    if (!lines->in_line || list->stop - lines->pos >= WORD_MAX)
      return word < end && *word != '#' && *word != ';';
    read_on(list);
  }
}

/* Goes behind a word that is longer than what is in the buffer. */
static void pass_word(struct aiodns_blocklist *list)
{
  struct aiodns_lines *lines = &list->lines;

  note_bad(list);
  while (lines->in_line && lines->pos == list->stop) {
    read_on(list);
    while (lines->pos < list->stop && !ends_host(lines->buf[lines->pos]))
      lines->pos++;
  }
}

/* One more name of a line of hosts(5), at lines.pos. */
static bool next_of_hosts(struct aiodns_blocklist *list, struct aiodns_rule *ret)
{
  struct aiodns_lines *lines = &list->lines;

  while (next_host(list)) {
    const char *end = lines->buf + list->stop, *word = lines->buf + lines->pos;
    const char *behind = aiodns_text_name(&ret->name, word, end), *next = behind ? behind : word;
    while (next < end && !ends_host(*next))
      next++;
    lines->pos = (size_t)(next - lines->buf);
    list->has_names = true;
    if (next == end && lines->in_line)
      pass_word(list); /* as long as that it is no name */
    else if (behind == next &&
             (is_boilerplate(&ret->name) || (next - word == 7 && memcmp(word, "0.0.0.0", 7) == 0)))
      list->counts.skipped++;
    else if (behind == next && list->scope && !aiodns_text_is_numeric(&ret->name))
      return give(list, ret, list->scope);
    else
      note_bad(list);
  }
  list->form = SINGLE;
  if (!list->has_names)
    note_bad(list);
  return false;
}

/* A line that begins with an address; `behind` is what follows it. */
static bool begin_hosts(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *behind,
                        unsigned scope)
{
  list->form = HOSTS;
  list->scope = (uint8_t)scope;
  list->lines.pos = (size_t)(behind - list->lines.buf);
  return next_of_hosts(list, ret);
}

/* One more name between slashes: at lines.pos, the last one ends at list->stop. */
static bool next_of_dnsmasq(struct aiodns_blocklist *list, struct aiodns_rule *ret)
{
  struct aiodns_lines *lines = &list->lines;

  while (lines->pos <= list->stop) {
    const char *text = lines->buf + lines->pos, *end = memchr(text, '/', list->stop - lines->pos);
    if (!end)
      end = lines->buf + list->stop;
    lines->pos = (size_t)(end - lines->buf) + 1;
    if (aiodns_text_name(&ret->name, text + (*text == '.'), end) == end &&
        !aiodns_text_is_numeric(&ret->name))
      return give(list, ret, BLOCKS_ALL);
    note_bad(list);
  }
  list->form = SINGLE;
  return false;
}

/* keyword=/name/.../what is said for it */
static bool begin_dnsmasq(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                          const char *equals, const char *end)
{
  const char *word = aiodns_text_word_end(equals, end),
             *slash = memrchr(equals, '/', (size_t)(word - equals));
  bool address = aiodns_text_is(text, equals, "address");

  if ((!address && !aiodns_text_is(text, equals, "local") && !aiodns_text_is(text, equals, "server")) ||
      !aiodns_text_is_over(word, end) || !slash || slash < equals + 3 || equals[1] != '/')
    return refuse(list);
  if (word > slash + 1 &&
      !(address && (aiodns_text_is(slash + 1, word, "#") || scope_of(slash + 1, word) == BLOCKS)))
    return refuse(list);
  list->form = DNSMASQ;
  list->lines.pos = (size_t)(equals + 2 - list->lines.buf);
  list->stop = (size_t)(slash - list->lines.buf);
  return next_of_dnsmasq(list, ret);
}

/* What is behind `$important`, `$all`, or both; NULL where there is anything else. */
static const char *skip_modifiers(const char *text, const char *end)
{
  for (char mark = '$'; text < end && *text == mark; mark = ',') {
    const char *word = ++text;
    while (text < end && *text >= 'a' && *text <= 'z')
      text++;
    if (!aiodns_text_is(word, text, "important") && !aiodns_text_is(word, text, "all"))
      return NULL;
  }
  return text;
}

/* `text` is behind the two bars. */
static bool read_adblock(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                         const char *end, unsigned scope)
{
  const char *behind = aiodns_text_name(&ret->name, text, end);

  if (!behind || behind == end || *behind != '^' || aiodns_text_is_numeric(&ret->name))
    return refuse(list);
  behind++;
  if (behind < end && *behind == '|')
    behind++;
  behind = skip_modifiers(behind, end);
  return behind && aiodns_text_is_over(behind, end) ? give(list, ret, scope) : refuse(list);
}

/* ---- Any line ---- */

/* A line of a zone; `behind` is what follows its name, or NULL where no name is first. */
static bool read_zone(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                      const char *end, const char *behind, bool indented)
{
  struct aiodns_blocklist_policy policy = {.name = &ret->name, .below = *text == '*'};
  enum aiodns_blocklist_line line =
      behind && !indented ? aiodns_blocklist_zone_record(&list->zone, behind, end, &policy)
                          : aiodns_blocklist_zone_read(&list->zone, text, end, indented, &policy);

  if (line == AIODNS_BLOCKLIST_LINE_BAD)
    return refuse(list);
  if (line == AIODNS_BLOCKLIST_LINE_EMPTY)
    return is_empty(list);
  return give(list, ret,
              (policy.below ? AIODNS_RULE_BELOW : AIODNS_RULE_ITSELF) |
                  (policy.allow ? AIODNS_RULE_ALLOW : 0));
}

/* A name is first, or a keyword. */
static bool read_name(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                      const char *end, bool indented)
{
  bool star = text + 1 < end && text[0] == '*' && text[1] == '.', dot = *text == '.';
  const char *behind = aiodns_text_name(&ret->name, text + (star ? 2 : 0) + dot, end);

  if (behind && aiodns_text_is_over(behind, end) && !aiodns_text_is_numeric(&ret->name)) {
    if (star || dot)
      return give(list, ret, BLOCKS_ALL);
    if (!is_boilerplate(&ret->name))
      return give(list, ret, BLOCKS);
    list->counts.skipped++;
    return false;
  }
  if (behind && behind < end && *behind == '=')
    return begin_dnsmasq(list, ret, text, behind, end);
  if (behind && (behind == end || !(aiodns_text_is_space(*behind) || *behind == ';') || dot))
    return refuse(list);
  return read_zone(list, ret, text, end, behind, indented);
}

/* Whether the line begins with an address and more; *ret_behind is behind it, *ret_scope what it makes of the
 * names there.  Names begin alike, but what is none mostly ends the loops at once. */
static bool has_address(const char *text, const char *end, const char **ret_behind, int *ret_scope)
{
  const char *behind = text;

  while (behind < end && ((*behind >= '0' && *behind <= '9') || *behind == '.'))
    behind++;
  while (behind < end && behind - text < 4 && memchr("abcdefABCDEF0123456789", *behind, 22))
    behind++;
  if (behind < end && *behind == ':')
    behind = aiodns_text_word_end(behind, end);
  if (behind == text || behind == end || !aiodns_text_is_space(*behind))
    return false;
  *ret_behind = behind;
  if (behind - text == 7 && memcmp(text, "0.0.0.0", 7) == 0)
    *ret_scope = BLOCKS; /* as nearly all */
  else
    *ret_scope = scope_of(text, behind);
  return *ret_scope >= 0;
}

/* The line's first rule; false if it has none. */
static bool read_line(struct aiodns_blocklist *list, struct aiodns_rule *ret)
{
  struct aiodns_lines *lines = &list->lines;
  const char *start = lines->buf + lines->pos, *end = lines->buf + list->stop, *behind;
  int scope;

  const char *text = aiodns_text_skip_space(start, end);
  while (end > text && aiodns_text_is_space(end[-1]))
    end--;
  if (text < end && (*text == '#' || *text == ';' || *text == '!'))
    return is_empty(list);
  if (text < end && has_address(text, end, &behind, &scope))
    return begin_hosts(list, ret, behind, (unsigned)scope);
  if (lines->in_line)
    return refuse(list);
  if (text == end || (*text == '[' && end[-1] == ']') ||
      (list->zone.in_soa && aiodns_blocklist_zone_goes_on(&list->zone, text, end)))
    return is_empty(list);
  if (*text == '|' && end - text > 2 && text[1] == '|')
    return read_adblock(list, ret, text + 2, end, BLOCKS_ALL);
  if (*text == '@' && end - text > 4 && memcmp(text, "@@||", 4) == 0)
    return read_adblock(list, ret, text + 4, end, BLOCKS_ALL | AIODNS_RULE_ALLOW);
  return read_name(list, ret, text, end, text > start);
}

/* ---- The file ---- */

bool aiodns_blocklist_open(struct aiodns_blocklist *list, const char *path)
{
  list->counts = (struct aiodns_blocklist_counts){0};
  list->zone.origin.len = list->zone.inside.len = 0;
  list->stop = list->next = 0;
  list->form = SINGLE;
  list->zone.in_soa = false;
  return aiodns_lines_open(&list->lines, path);
}

void aiodns_blocklist_close(struct aiodns_blocklist *list)
{
  aiodns_lines_close(&list->lines);
}

bool aiodns_blocklist_next(struct aiodns_blocklist *list, struct aiodns_rule *ret)
{
  for (;;) {
    if (list->form == HOSTS) {
      if (next_of_hosts(list, ret))
        return true;
    } else if (list->form == DNSMASQ) {
      if (next_of_dnsmasq(list, ret))
        return true;
    } else if (!take_line(list)) {
      return false;
    } else if (read_line(list, ret)) {
      return true;
    }
  }
}
