#include "blocklist.h"

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
static void pass_word(struct aiodns_blocklist *list)
{
  char b[2];
  aiodns_lines_word(&list->lines, '#', b, sizeof b);
}

static bool slide(struct aiodns_blocklist *list, size_t keep)
{
  struct aiodns_lines *lines = &list->lines;
  size_t kept = lines->len - keep;

  if (keep > 0)
    memmove(lines->buf, lines->buf + keep, kept);
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

/* ---- Names and words ---- */

/* isspace(3)'s in the C locale. */
static bool is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_space(const char *text, const char *end)
{
  while (text < end && is_space(*text))
    text++;
  return text;
}

static const char *word_end(const char *text, const char *end)
{
  while (text < end && !is_space(*text))
    text++;
  return text;
}

/* Whether nothing follows that counts. */
static bool is_over(const char *text, const char *end)
{
  const char *word = skip_space(text, end);
  return word == end || (word > text && (*word == '#' || *word == ';'));
}

/* In any letter case; `word` is lower case. */
static bool is_word(const char *text, const char *end, const char *word)
{
  while (text < end && *word && aiodns_name_lower((uint8_t)*text) == (uint8_t)*word)
    text++, word++;
  return text == end && *word == '\0';
}

enum { PART = 1, UPPER = 'a' - 'A' };
static const uint8_t class[256] = {
    ['-'] = PART, ['0' ... '9'] = PART, ['A' ... 'Z'] = PART | UPPER, ['_'] = PART, ['a' ... 'z'] = PART,
};

/*
 * Reads a name of letters, digits, '-' and '_' straight into wire form, in lower case.  Returns what is
 * behind it and its last dot; NULL where there is none, or where it is not right.
 */
static inline const char *take_name(struct aiodns_name *ret, const char *text, const char *end)
{
  size_t label = 0; /* where the present label's length goes */
  size_t room = (size_t)(end - text), i;

  if (room > AIODNS_NAME_MAX - 2)
    room = AIODNS_NAME_MAX - 2;
  for (i = 0;; i++) {
    uint8_t kind = i < room ? class[(uint8_t)text[i]] : 0;
    if (kind) {
      ret->wire[i + 1] = (uint8_t)((uint8_t)text[i] | (kind & UPPER));
      continue;
    }
    if (i == label || i - label > AIODNS_LABEL_MAX)
      return NULL;
    ret->wire[label] = (uint8_t)(i - label);
    bool dot = text + i < end && text[i] == '.';
    label = i + 1;
    if (dot && text + label < end && class[(uint8_t)text[label]] && i < AIODNS_NAME_MAX - 2)
      continue;
    if (!dot && text + i < end && class[(uint8_t)text[i]])
      return NULL; /* too long */
    ret->wire[label] = 0;
    ret->len = (uint8_t)(label + 1);
    return text + i + dot;
  }
}

static const uint8_t *last_label(const struct aiodns_name *name)
{
  const uint8_t *label = name->wire;

  while (label[1 + *label])
    label += 1 + *label;
  return label;
}

/* Whether the last label is of digits alone. */
static bool is_numeric(const struct aiodns_name *name)
{
  const uint8_t *end = name->wire + name->len - 1;

  if (end[-1] > '9')
    return false; /* a letter, as in nearly all */
  for (const uint8_t *c = last_label(name) + 1; c < end; c++)
    if (*c < '0' || *c > '9')
      return false;
  return true;
}

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
    if (aiodns_name_from_text(&other, texts[i]) && aiodns_name_equal(name, &other))
      return true;
  return false;
}

/* ---- One kind of line after the other ---- */

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
    *scope = '\0';
  if (inet_pton(AF_INET6, copy, address) != 1)
    return -1;
  return !scope && (memcmp(address, none, 16) == 0 || memcmp(address, loopback, 16) == 0) ? BLOCKS : 0;
}

/* Goes to the next word of a line of hosts(5), which may be longer than the buffer; false: none is left. */
static bool next_host(struct aiodns_blocklist *list)
{
  struct aiodns_lines *lines = &list->lines;

  for (;;) {
    const char *end = lines->buf + list->stop, *word = skip_space(lines->buf + lines->pos, end);
    lines->pos = (size_t)(word - lines->buf);
    if (!lines->in_line || list->stop - lines->pos >= WORD_MAX)
      return word < end && *word != '#' && *word != ';';
    read_on(list);
  }
}

/* One more name of a line of hosts(5), at lines.pos. */
static bool next_of_hosts(struct aiodns_blocklist *list, struct aiodns_rule *ret)
{
  struct aiodns_lines *lines = &list->lines;

  while (next_host(list)) {
    const char *end = lines->buf + list->stop, *word = lines->buf + lines->pos;
    const char *behind = take_name(&ret->name, word, end), *next = behind ? behind : word;
    while (next < end && !is_space(*next) && *next != '#')
      next++;
    lines->pos = (size_t)(next - lines->buf);
    list->has_names = true;
    if (next == end && lines->in_line)
      pass_word(list); /* as long as that it is no name */
    else if (behind == next &&
             (is_boilerplate(&ret->name) || (next - word == 7 && memcmp(word, "0.0.0.0", 7) == 0)))
      list->counts.skipped++;
    else if (behind == next && list->scope && !is_numeric(&ret->name))
      return give(list, ret, list->scope);
    else
      note_bad(list);
  }
  list->form = SINGLE;
  if (!list->has_names || (lines->in_line && lines->pos == list->stop))
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

  while (lines->pos < list->stop) {
    const char *text = lines->buf + lines->pos, *end = memchr(text, '/', list->stop - lines->pos);
    if (!end)
      end = lines->buf + list->stop;
    lines->pos = (size_t)(end - lines->buf) + 1;
    if (take_name(&ret->name, text + (*text == '.'), end) == end && !is_numeric(&ret->name))
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
  const char *word = word_end(equals, end), *slash = memrchr(equals, '/', (size_t)(word - equals));
  bool address = is_word(text, equals, "address");

  if ((!address && !is_word(text, equals, "local") && !is_word(text, equals, "server")) ||
      !is_over(word, end) || !slash || slash < equals + 3 || equals[1] != '/')
    return refuse(list);
  if (word > slash + 1 &&
      !(address && (is_word(slash + 1, word, "#") || scope_of(slash + 1, word) == BLOCKS)))
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
    if (!is_word(word, text, "important") && !is_word(word, text, "all"))
      return NULL;
  }
  return text;
}

/* `text` is behind the two bars. */
static bool read_adblock(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                         const char *end, unsigned scope)
{
  const char *behind = take_name(&ret->name, text, end);

  if (!behind || behind == end || *behind != '^' || is_numeric(&ret->name))
    return refuse(list);
  behind++;
  if (behind < end && *behind == '|')
    behind++;
  behind = skip_modifiers(behind, end);
  return behind && is_over(behind, end) ? give(list, ret, scope) : refuse(list);
}

/* ---- Response policy zones ---- */

/* The words of a record: `;` ends them. */
struct record {
  const char *word, *behind; /* the present one */
  const char *end;           /* of the line */
};

static bool next_word(struct record *record)
{
  record->word = skip_space(record->behind, record->end);
  record->behind = record->word;
  while (record->behind < record->end && !is_space(*record->behind) && *record->behind != ';')
    record->behind++;
  return record->behind > record->word;
}

static bool is(const struct record *record, const char *word)
{
  return is_word(record->word, record->behind, word);
}

/* 3600, or 1h30m. */
static bool is_ttl(const struct record *record)
{
  const char *text = record->word;

  if (text == record->behind || *text < '0' || *text > '9')
    return false;
  while (text < record->behind && memchr("0123456789smhdwSMHDW", *text, 20))
    text++;
  return text == record->behind;
}

/* Whether the line is numbers between the parentheses of an SOA record. */
static bool is_of_soa(struct aiodns_blocklist *list, const char *text, const char *end)
{
  struct record record = {.behind = text, .end = end};
  bool open = true, numbers = true;

  while (open && numbers && next_word(&record)) {
    open = record.behind[-1] != ')';
    if (!open)
      record.behind--;
    numbers = record.behind == record.word || is_ttl(&record);
  }
  list->in_soa = open && numbers;
  if (open || !numbers)
    return numbers;
  record.behind++;
  return !next_word(&record);
}

/* Takes the labels of `suffix` off the end of `name`, which is not the suffix itself. */
static bool take_off(struct aiodns_name *name, const struct aiodns_name *suffix)
{
  if (suffix->len == 0 || name->len <= suffix->len || !aiodns_name_within(name, suffix))
    return false;
  name->len = (uint8_t)(name->len - suffix->len + 1);
  name->wire[name->len - 1] = 0;
  return true;
}

/* From a name as it stands in the zone to the one it is about. */
static bool make_relative(struct aiodns_blocklist *list, struct aiodns_name *name, bool absolute)
{
  if (!absolute)
    return list->inside.len == 0 || aiodns_name_append(name, &list->inside);
  take_off(name, &list->origin);
  return list->origin.len == 0 || !aiodns_name_equal(name, &list->origin);
}

static bool read_origin(struct aiodns_blocklist *list, const char *text, const char *end)
{
  struct record record = {.behind = text, .end = end};
  struct aiodns_name name;

  if (!next_word(&record))
    return refuse(list);
  if (is(&record, ".")) {
    list->origin.len = list->inside.len = 0;
    return !next_word(&record) ? is_empty(list) : refuse(list);
  }
  const char *behind = take_name(&name, record.word, record.behind);
  if (!behind || behind != record.behind)
    return refuse(list);
  bool absolute = behind[-1] == '.';
  if (next_word(&record) || (!absolute && !make_relative(list, &name, false)))
    return refuse(list);
  if (!absolute || take_off(&name, &list->origin)) {
    list->inside = name;
  } else {
    list->origin = name;
    list->inside.len = 0;
  }
  return is_empty(list);
}

/* What a zone has around its rules: SOA and NS.  `owner` is absolute, or NULL. */
static bool read_apex(struct aiodns_blocklist *list, struct record *record, const struct aiodns_name *owner)
{
  if (!is(record, "soa"))
    return is(record, "ns") ? is_empty(list) : refuse(list);
  if (owner) {
    list->origin = *owner;
    list->inside.len = 0;
  }
  while (next_word(record))
    for (const char *c = record->word; c < record->behind; c++)
      if (*c == '(' || *c == ')')
        list->in_soa = *c == '(';
  return is_empty(list);
}

/* Goes to the record's type. */
static bool find_type(struct record *record)
{
  for (int i = 0; i < 3 && next_word(record); i++) /* a TTL, a class, in either order */
    if (!is(record, "in") && !is_ttl(record))
      return true;
  return false;
}

/* rpz-ip and its like: a rule about addresses or servers. */
static bool is_trigger(const struct aiodns_name *name)
{
  const uint8_t *label = last_label(name);

  return *label > 4 && memcmp(label + 1, "rpz-", 4) == 0;
}

/* A rule about the name in `ret`; the record is at its type, CNAME. */
static bool read_policy(struct aiodns_blocklist *list, struct aiodns_rule *ret, struct record *record,
                        unsigned scope)
{
  next_word(record);
  if (is(record, "rpz-passthru."))
    scope |= AIODNS_RULE_ALLOW;
  else if (!is(record, ".") && !is(record, "*.") && !is(record, "rpz-drop."))
    return refuse(list);
  if (next_word(record) || is_trigger(&ret->name) || is_numeric(&ret->name))
    return refuse(list);
  return give(list, ret, scope);
}

/* A record of the name in `ret`, `behind` which more follows. */
static bool read_record(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *behind,
                        const char *end, unsigned scope)
{
  struct record record = {.behind = behind, .end = end};
  bool absolute = behind[-1] == '.';

  if (!find_type(&record))
    return refuse(list);
  if (!is(&record, "cname"))
    return read_apex(list, &record, absolute ? &ret->name : NULL);
  return make_relative(list, &ret->name, absolute) ? read_policy(list, ret, &record, scope) : refuse(list);
}

/* A record of `@` or `*`, which are about what $ORIGIN has in front of the zone; or of no name, which means
 * the one of the record before: SOA and NS can do without. */
static bool read_record_of(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                           const char *end)
{
  struct record record = {.behind = text, .end = end};
  bool named = *text == '@' || *text == '*';

  if (named)
    next_word(&record);
  if (record.behind > text + 1 || !find_type(&record))
    return refuse(list);
  if (!is(&record, "cname"))
    return read_apex(list, &record, NULL);
  if (!named || list->inside.len == 0)
    return refuse(list);
  ret->name = list->inside;
  return read_policy(list, ret, &record, *text == '@' ? AIODNS_RULE_ITSELF : AIODNS_RULE_BELOW);
}

/* ---- Any line ---- */

/* What begins with a `$`. */
static bool read_directive(struct aiodns_blocklist *list, const char *text, const char *end)
{
  const char *behind = word_end(text, end);

  if (is_word(text, behind, "$origin"))
    return read_origin(list, behind, end);
  return is_word(text, behind, "$ttl") ? is_empty(list) : refuse(list);
}

/* A name is first, or an address, or a keyword. */
static bool read_name(struct aiodns_blocklist *list, struct aiodns_rule *ret, const char *text,
                      const char *end, bool indented)
{
  bool star = text + 1 < end && text[0] == '*' && text[1] == '.', dot = *text == '.';
  const char *behind = take_name(&ret->name, text + (star ? 2 : 0) + dot, end);

  if (behind && is_over(behind, end) && !is_numeric(&ret->name)) {
    if (star || dot)
      return give(list, ret, BLOCKS_ALL);
    if (!is_boilerplate(&ret->name))
      return give(list, ret, BLOCKS);
    list->counts.skipped++;
    return false;
  }
  if (behind && behind < end && *behind == '=')
    return begin_dnsmasq(list, ret, text, behind, end);
  if (!behind || behind == end || !is_space(*behind) || dot)
    return refuse(list);
  if (indented)
    return read_record_of(list, ret, text,
                          end); /* a zone's line that begins with a blank leaves the name out */
  return read_record(list, ret, behind, end, star ? AIODNS_RULE_BELOW : AIODNS_RULE_ITSELF);
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
    behind = word_end(behind, end);
  if (behind == text || behind == end || !is_space(*behind))
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

  const char *text = skip_space(start, end);
  while (end > text && is_space(end[-1]))
    end--;
  if (text < end && (*text == '#' || *text == ';' || *text == '!'))
    return is_empty(list);
  if (text < end && has_address(text, end, &behind, &scope))
    return begin_hosts(list, ret, behind, (unsigned)scope);
  if (lines->in_line)
    return refuse(list);
  if (text == end || (*text == '[' && end[-1] == ']') || (list->in_soa && is_of_soa(list, text, end)))
    return is_empty(list);
  if (*text == '|' && end - text > 2 && text[1] == '|')
    return read_adblock(list, ret, text + 2, end, BLOCKS_ALL);
  if (*text == '@' && end - text > 4 && memcmp(text, "@@||", 4) == 0)
    return read_adblock(list, ret, text + 4, end, BLOCKS_ALL | AIODNS_RULE_ALLOW);
  if (*text == '$')
    return read_directive(list, text, end);
  if (*text == '@' || (*text == '*' && text + 1 < end && is_space(text[1])))
    return read_record_of(list, ret, text, end);
  return read_name(list, ret, text, end, text > start);
}

/* ---- The file ---- */

bool aiodns_blocklist_open(struct aiodns_blocklist *list, const char *path)
{
  list->counts = (struct aiodns_blocklist_counts){0};
  list->origin.len = list->inside.len = 0;
  list->stop = list->next = 0;
  list->form = SINGLE;
  list->in_soa = false;
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
