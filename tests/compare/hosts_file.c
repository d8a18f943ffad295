#include "hosts_file.h"

#include <ctype.h>
#include <string.h>

enum {
  LINE_ROOM = 1 << 14, /* as long as the longest line can get */
  LONG_NAME_MAX = 4000,
};

/* ---- Pools ---- */

static const char *const plain_addresses[] = {
    "127.0.0.1", "127.0.1.1", "0.0.0.0", "255.255.255.255", "10.0.0.1", "169.254.1.1", "::1", "::", "fe80::1",
    "ff02::1", "2001:db8::a", "2001:DB8::A", "2001:0db8:0000:0000:0000:0000:0000:000a", "2001:db8:0:0::a",
    /* IPv4 in IPv6 */
    "::ffff:192.0.2.1", "::FFFF:192.0.2.2", "::ffff:c000:201", "0:0:0:0:0:ffff:192.0.2.3", "::192.0.2.1",
    "64:ff9b::192.0.2.1", "::ffff:127.0.0.1", "::ffff:0:0", "2002:c000:201::1", "0:0:0:0:0:0:0:1"};

static const char *const odd_addresses[] = {
    "fe80::1%lo", "fe80::1%1", "fe80::1%", "2001:db8::a%lo", "::1%lo", "192.0.2.1%lo",
    /* Notations that inet_aton(3) knows, and inet_pton(3) does not. */
    "127.1", "192.0.513", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "010.0.0.1", "192.000.002.001",
    "192.0.2.01", "0", "00",
    /* Malformed. */
    "192.0.2", "192.0.2.", "192.0.2.1.", "192.0.2.256", "192.0.2.300", "1.2.3.4.5", "192.0.2.1/24", ".1.2.3",
    "192..0.2", "-1.2.3.4", "+1.2.3.4", "1.2.3.4x", "192.0.2.0000000001", "12345::", "g::1", ":::1",
    "1::2::3", "::1::", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "::1.2.3.256", "[::1]",
    "::ffff:192.0.2.01", "2001:db8::00001", "nonsense",
    "0:0:0:0:0:0:0:0000000000000000000000000000000000000000001", "\\", "*"};

static const char *const odd_names[] = {"localhost",
                                        "LOCALHOST",
                                        "localhost.localdomain",
                                        "ip6-localhost",
                                        "x.localhost",
                                        "x.invalid",
                                        "x.onion",
                                        "broadcasthost",
                                        "192.0.2.7",
                                        "1.2.3",
                                        "127.1",
                                        "0x7f.1",
                                        "7",
                                        "::1",
                                        "2001:db8::a",
                                        "fe80::1%lo",
                                        ".",
                                        "..",
                                        "...",
                                        "a..b",
                                        ".lead.test",
                                        "-lead.test",
                                        "trail-.test",
                                        "under_score.test",
                                        "bad!name",
                                        "*",
                                        "*.test",
                                        "a/b",
                                        "\\",
                                        "\\046.test",
                                        "a\\.b.test",
                                        "\"quoted\"",
                                        "xn--bcher-kva.test",
                                        "b\303\274cher.test",
                                        "B\303\234CHER.test",
                                        "h\xf6st.test",
                                        "H\xd6ST.test",
                                        "\xff",
                                        "\x01",
                                        "a\x7f",
                                        "\xc2\xa0",
                                        "a\xc2\x85",
                                        "name:80",
                                        "%lo",
                                        "user@host.test",
                                        "[h1.test]",
                                        "h1.test,h2.test",
                                        "h1.test;h2.test",
                                        "!h1.test"};

static void fill(char *buf, size_t len, char with)
{
  memset(buf, with, len);
  buf[len] = '\0';
}

/* Labels as long as they may be, `len` octets in all. */
static void long_name(char *buf, size_t len)
{
  enum { LABEL = 63 };

  fill(buf, len, 'n');
  for (size_t at = LABEL; at + 1 < len; at += LABEL + 1)
    buf[at] = '.';
}

static void change_case(struct rng *rng, char *name)
{
  for (; *name; name++)
    if (rng_chance(rng, 500))
      *name = (char)(isupper((unsigned char)*name) ? tolower((unsigned char)*name)
                                                   : toupper((unsigned char)*name));
}

/* What has to do with one that is there already. */
static void vary_name(struct rng *rng, const char *name, char buf[HOSTS_NAME_MAX])
{
  enum { SHORT = HOSTS_NAME_MAX - 16 };
  int len = (int)strnlen(name, SHORT);

  switch (rng_below(rng, 5)) {
  case 0:
    snprintf(buf, HOSTS_NAME_MAX, "%.*s.", len, name);
    break;
  case 1:
    snprintf(buf, HOSTS_NAME_MAX, "x%.*s", len, name);
    break;
  case 2:
    snprintf(buf, HOSTS_NAME_MAX, "%.*s", (int)rng_below(rng, (uint32_t)len + 1), name);
    break;
  default:
    snprintf(buf, HOSTS_NAME_MAX, "%.*s", len, name);
    change_case(rng, buf);
    break;
  }
}

static void make_name(struct hosts_file *file, struct rng *rng)
{
  static const unsigned lens[] = {62, 63, 64, 65, 127, 128, 252, 253, 254, 255, 256, 257};
  char *buf = file->name[file->names];

  switch (rng_below(rng, 10)) {
  case 0:
  case 1:
    snprintf(buf, HOSTS_NAME_MAX, "%s",
             odd_names[rng_below(rng, (uint32_t)(sizeof odd_names / sizeof *odd_names))]);
    break;
  case 2:
  case 3:
  case 4:
    vary_name(rng, file->names > 0 ? file->name[rng_below(rng, file->names)] : "host.test", buf);
    break;
  case 5:
    if (rng_chance(rng, 500))
      long_name(buf, lens[rng_below(rng, (uint32_t)(sizeof lens / sizeof *lens))]);
    else
      snprintf(buf, HOSTS_NAME_MAX, "h%u", rng_below(rng, 20));
    break;
  default:
    snprintf(buf, HOSTS_NAME_MAX, "h%u.test", rng_below(rng, 20));
    break;
  }
  file->names += *buf != '\0';
}

static void make_address(struct hosts_file *file, struct rng *rng, unsigned odd_share)
{
  char *buf = file->address[file->addresses++];

  if (rng_chance(rng, odd_share))
    snprintf(buf, HOSTS_ADDRESS_MAX, "%s",
             odd_addresses[rng_below(rng, (uint32_t)(sizeof odd_addresses / sizeof *odd_addresses))]);
  else if (rng_chance(rng, 300))
    snprintf(buf, HOSTS_ADDRESS_MAX, "%s",
             plain_addresses[rng_below(rng, (uint32_t)(sizeof plain_addresses / sizeof *plain_addresses))]);
  else if (rng_chance(rng, 600))
    snprintf(buf, HOSTS_ADDRESS_MAX, "192.0.2.%u", rng_below(rng, 12));
  else
    snprintf(buf, HOSTS_ADDRESS_MAX, "2001:db8::%x", rng_below(rng, 12));
}

/* ---- Lines ---- */

struct line {
  size_t len;
  char text[LINE_ROOM];
};

static void put(struct line *line, const char *text, size_t len)
{
  if (len > LINE_ROOM - line->len)
    len = LINE_ROOM - line->len;
  memcpy(line->text + line->len, text, len);
  line->len += len;
}

static void put_text(struct line *line, const char *text)
{
  put(line, text, strlen(text));
}

static void put_blank(struct line *line, struct rng *rng)
{
  static const char *const blanks[] = {" ",      " ",  "\t", "\t", "  ",       " \t ",
                                       "\t\t\t", "\r", "\v", "\f", " \r\v\f\t"};

  put_text(line, blanks[rng_below(rng, (uint32_t)(sizeof blanks / sizeof *blanks))]);
}

static void put_comment(struct line *line, struct rng *rng, const struct hosts_file *file)
{
  put_text(line, "#");
  if (rng_chance(rng, 500))
    put_blank(line, rng);
  if (rng_chance(rng, 700) && file->names > 0)
    put_text(line, file->name[rng_below(rng, file->names)]);
  if (rng_chance(rng, 200))
    put_text(line, " # twice\t");
}

static void put_name(struct line *line, struct rng *rng, const struct hosts_file *file)
{
  char name[LONG_NAME_MAX + 1];

  if (rng_chance(rng, 5)) {
    long_name(name, 250 + rng_below(rng, LONG_NAME_MAX - 250));
    put_text(line, name);
  } else if (rng_chance(rng, 40)) {
    snprintf(name, sizeof name, "other%u.test", rng_below(rng, 100000));
    put_text(line, name);
  } else if (file->names > 0) {
    put_text(line, file->name[rng_below(rng, file->names)]);
  }
}

/* How careful the writer of this file was. */
struct manner {
  unsigned odd;   /* lines of 1,000 that nobody should write */
  bool crlf, one; /* one: every line has one name, and no more */
};

static unsigned name_count(struct rng *rng, const struct manner *manner)
{
  if (manner->one)
    return 1;
  if (rng_chance(rng, 4))
    return rng_below(rng, 400);
  return rng_chance(rng, manner->odd / 4) ? 0 : 1 + rng_below(rng, 4);
}

/* An octet that does not belong there, in some place. */
static void damage(struct line *line, struct rng *rng)
{
  static const char octets[] = {'\0', '\0', '\0', '#', ' ', '\r', '\x80', '%', '.', ':', '\x1b'};
  char octet = octets[rng_below(rng, sizeof octets)];

  if (line->len > 0)
    line->text[rng_below(rng, (uint32_t)line->len)] = octet;
}

static void make_line(struct line *line, struct rng *rng, const struct hosts_file *file,
                      const struct manner *manner)
{
  unsigned count = name_count(rng, manner);

  line->len = 0;
  if (rng_chance(rng, manner->odd / 2)) /* an empty line, or a comment alone */
    count = 0;
  else
    put_text(line, file->address[rng_below(rng, file->addresses)]);
  if (rng_chance(rng, manner->odd / 4)) { /* before the address */
    struct line before = {0};
    put_blank(&before, rng);
    put(&before, line->text, line->len);
    *line = before;
  }
  for (unsigned i = 0; i < count; i++) {
    if (rng_chance(rng, manner->odd / 10))
      put_comment(line, rng, file);
    put_blank(line, rng);
    put_name(line, rng, file);
  }
  if (rng_chance(rng, manner->odd / 4))
    put_blank(line, rng);
  if (rng_chance(rng, manner->odd / 3))
    put_comment(line, rng, file);
  if (rng_chance(rng, manner->odd / 6))
    damage(line, rng);
  put_text(line, manner->crlf ? "\r\n" : "\n");
}

/* ---- Files ---- */

static void append(struct hosts_file *file, const char *text, size_t len)
{
  if (len <= HOSTS_FILE_MAX - file->len) {
    memcpy(file->text + file->len, text, len);
    file->len += len;
  }
}

/* A line that counts for nothing, up to an offset. */
static void pad(struct hosts_file *file, struct rng *rng, size_t to)
{
  bool comment = rng_chance(rng, 500);

  for (size_t at = file->len; at < to && at < HOSTS_FILE_MAX; at++)
    file->text[at] = comment ? 'x' : '\t';
  if (to <= file->len || to > HOSTS_FILE_MAX)
    return;
  if (comment)
    file->text[file->len] = '#';
  file->text[to - 1] = '\n';
  file->len = to;
}

static unsigned line_count(struct rng *rng, bool large)
{
  if (large)
    return HOSTS_LINES_MAX / 5 + rng_below(rng, HOSTS_LINES_MAX * 4 / 5);
  if (rng_chance(rng, 20))
    return 0;
  if (rng_chance(rng, 400))
    return 1 + rng_below(rng, 4);
  return rng_chance(rng, 900) ? 1 + rng_below(rng, 40) : 1 + rng_below(rng, 500);
}

/* Where a reader's buffer may end. */
static size_t edge(struct rng *rng)
{
  static const size_t edges[] = {512, 1024, 2048, 4096, 8192};

  return edges[rng_below(rng, (uint32_t)(sizeof edges / sizeof *edges))];
}

void hosts_file_generate(struct hosts_file *ret, struct rng *rng, bool large)
{
  static struct line line;
  static const unsigned odd[] = {0, 40, 150, 400};
  struct manner manner = {
      .odd = odd[rng_below(rng, 4)], .crlf = rng_chance(rng, 80), .one = rng_chance(rng, 150)};
  unsigned lines = line_count(rng, large), names = 1 + rng_below(rng, HOSTS_NAMES);
  unsigned addresses = 1 + rng_below(rng, HOSTS_ADDRESSES), padded = rng_below(rng, lines + 1);
  bool pads = rng_chance(rng, 300), ends_at_edge = rng_chance(rng, 150);

  ret->len = 0;
  ret->names = ret->addresses = 0;
  for (unsigned i = 0; i < names; i++)
    make_name(ret, rng);
  for (unsigned i = 0; i < addresses; i++)
    make_address(ret, rng, manner.odd);
  for (unsigned i = 0; i < lines; i++) {
    make_line(&line, rng, ret, &manner);
    if (pads && i == padded) /* some part of this line will be the edge */
      pad(ret, rng, edge(rng) - rng_below(rng, (uint32_t)(line.len < 500 ? line.len : 500) + 2));
    append(ret, line.text, line.len);
  }
  if (ends_at_edge)
    pad(ret, rng, edge(rng) + rng_below(rng, 5) - 2);
  if (ret->len > 0 && rng_chance(rng, 150)) /* no newline at the end */
    ret->len--;
}

static bool is_blank(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

bool hosts_file_word(const struct hosts_file *file, struct rng *rng, char *buf, size_t room)
{
  bool up_to_comment = rng_chance(rng, 500);

  if (file->len == 0)
    return false;
  size_t at = rng_below(rng, (uint32_t)file->len), end;
  while (at > 0 && !is_blank(file->text[at - 1]))
    at--;
  for (end = at; end < file->len && !is_blank(file->text[end]); end++)
    if (up_to_comment && file->text[end] == '#')
      break;
  if (end == at || end - at >= room)
    return false;
  memcpy(buf, file->text + at, end - at);
  buf[end - at] = '\0';
  return true;
}

void hosts_text_escape(const char *text, size_t len, FILE *out)
{
  for (size_t i = 0; i < len; i++)
    if (text[i] == '\n')
      (void)fputs("\\n", out);
    else if (text[i] == '\\' || text[i] == '"')
      fprintf(out, "\\%c", text[i]);
    else if (isprint((unsigned char)text[i]))
      (void)fputc(text[i], out);
    else
      fprintf(out, "\\x%02x", (unsigned char)text[i]);
}

void hosts_text_print(const char *text, size_t len, FILE *out)
{
  while (len > 0) {
    const char *newline = memchr(text, '\n', len);
    size_t line = newline ? (size_t)(newline - text) + 1 : len;
    (void)fputs("  | ", out);
    hosts_text_escape(text, line, out);
    (void)fputc('\n', out);
    text += line;
    len -= line;
  }
}
