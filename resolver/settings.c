#include "settings.h"

#include "kernel.h"
#include "lines.h"
#include "settings_value.h"

#include <assert.h>
#include <string.h>

enum {
  DATAGRAMS_MAX = 16, /* that one query may cost: a server counts each time it stands in a step */
};

/* What was expected in the place of an error.  The numbers in them are the limits', as asserted below. */
static const char expected_file[] = "expected a file that can be read",
                  expected_regular[] = "expected a regular file",
                  expected_small[] = "expected a file of at most 1 MiB",
                  expected_text[] = "expected text without control characters",
                  expected_keyword[] =
                      "expected one of attempt, deadline, parallel-search, serve-stale, 0x20, domain, "
                      "hosts-file, block-file, block, allow, block-answer, cache-size, host-cache, min-ttl, "
                      "max-ttl, max-negative-ttl",
                  expected_end[] = "expected nothing more in this line",
                  expected_wait[] = "expected a time from 10ms to 60s",
                  expected_deadline[] = "expected a time from 100ms to 300s",
                  expected_stale[] = "expected off, on, or a time such as 6h",
                  expected_stale_range[] = "expected a time from 1s to 7d, in whole seconds",
                  expected_switch[] = "expected on or off", expected_letters[] = "expected auto, on or off",
                  expected_steps[] = "expected at most 8 lines of attempt",
                  expected_a_server[] = "expected at least one server behind the time",
                  expected_servers[] = "expected at most 3 different servers in the file",
                  expected_datagrams[] = "expected at most 16 servers in all lines of attempt together",
                  expected_once[] = "expected each server once in a line",
                  expected_domain_server[] = "expected at least one server behind the name",
                  expected_domain_servers[] = "expected at most 3 servers for a domain",
                  expected_domain_once[] = "expected one line for each domain",
                  expected_pattern[] = "expected the path of a file, such as /etc/hosts.d/*.hosts",
                  expected_rule[] = "expected a name, or *. and a name",
                  expected_allow[] = "expected a name; what is below it is allowed with it",
                  expected_room[] =
                      "expected less: domain, hosts-file, block-file, block and allow lines have "
                      "4084 octets of room together; longer lists of names belong into a "
                      "block-file",
                  expected_block_answer[] = "expected nxdomain, nodata or null",
                  expected_cache_size[] = "expected a size from 256K to 1G",
                  expected_host_cache[] = "expected shared or private",
                  expected_min_ttl[] = "expected a time from 0 to 1h, in whole seconds",
                  expected_max_ttl[] = "expected a time from 1s to 1d, in whole seconds",
                  expected_max_negative_ttl[] = "expected a time from 0 to 1d, in whole seconds",
                  expected_ttls[] = "expected no more than max-ttl";

static_assert(AIODNS_SETTINGS_FILE_MAX == 1 << 20, "expected_small");
static_assert(AIODNS_KEYWORDS == 16, "expected_keyword");
static_assert(AIODNS_SETTINGS_STEP_MIN_MS == 10 && AIODNS_SETTINGS_STEP_MAX_MS == 60000, "expected_wait");
static_assert(AIODNS_SETTINGS_DEADLINE_MIN_MS == 100 && AIODNS_SETTINGS_DEADLINE_MAX_MS == 300000,
              "expected_deadline");
static_assert(AIODNS_SETTINGS_STALE_MAX_S == 7 * 86400, "expected_stale_range");
static_assert(AIODNS_STEPS_MAX == 8, "expected_steps");
static_assert(AIODNS_SERVERS_MAX == 3, "expected_servers");
static_assert(DATAGRAMS_MAX == 16, "expected_datagrams");
static_assert(AIODNS_SERVERS_MAX == 3, "expected_domain_servers");
static_assert(AIODNS_ITEMS_ROOM == 4084, "expected_room");
static_assert(AIODNS_SETTINGS_CACHE_MIN == 256 << 10 && AIODNS_SETTINGS_CACHE_MAX == 1 << 30,
              "expected_cache_size");
static_assert(AIODNS_SETTINGS_MIN_TTL_MAX_S == 3600 && AIODNS_TTL_MAX_S == 86400, "expected_max_ttl");

/* A file being read. */
struct parsing {
  struct aiodns_lines lines;
  struct aiodns_settings *ret;
  struct aiodns_items *items;
  unsigned item_count;
  unsigned *item_line;                 /* or NULL */
  struct aiodns_settings_place *place; /* or NULL */
  aiodns_settings_report *report;      /* or NULL */
  void *context;
  bool bad;
  int error; /* errno of what could not be found out, or 0 */
  unsigned line;
  unsigned column; /* of the word, or behind the line's last one; from 1 */
  unsigned behind; /* the column behind it */
  unsigned datagrams;
  struct aiodns_settings_place min_ttl; /* where it is said */
  size_t len;                           /* of the word; 0: the line has no more */
  char word[AIODNS_SETTINGS_WORD_ROOM]; /* cut, where it is longer */
};

/* ---- Words, and what is wrong with them ---- */

/* White space aside, which is isspace(3)'s in the C locale as in lines.h. */
static bool is_control(int c)
{
  return (c < ' ' && (c < '\t' || c > '\r')) || c == 0x7f;
}

static bool has_control(const char *text)
{
  while (*text && !is_control((unsigned char)*text))
    text++;
  return *text;
}

static void fail_at(struct parsing *parsing, unsigned column, const char *word, const char *expected)
{
  struct aiodns_settings_error error = {.at = {parsing->line, column}, .expected = expected};

  parsing->bad = true;
  if (!parsing->report)
    return;
  for (size_t i = 0; i < sizeof error.word - 1 && word[i]; i++)
    error.word[i] = word[i];
  parsing->report(parsing->context, &error);
}

/* The word is wrong; that it has a control character comes before any other reason. */
static void fail(struct parsing *parsing, const char *expected)
{
  fail_at(parsing, parsing->column, parsing->word, has_control(parsing->word) ? expected_text : expected);
}

static unsigned column_now(const struct parsing *parsing)
{
  const struct aiodns_lines *lines = &parsing->lines;
  return (unsigned)(lines->base + (off_t)lines->pos - lines->line_start) + 1;
}

static bool next_word(struct parsing *parsing)
{
  parsing->len = aiodns_lines_word(&parsing->lines, '#', parsing->word, sizeof parsing->word);
  if (parsing->len == 0) {
    parsing->column = parsing->behind;
    return false;
  }
  parsing->behind = column_now(parsing);
  parsing->column = parsing->behind - (unsigned)parsing->len;
  return true;
}

/* The word is this one, all of it. */
static bool is(const struct parsing *parsing, const char *text)
{
  return parsing->len < sizeof parsing->word && strcmp(parsing->word, text) == 0;
}

/* A comment, or what is not read for an error before it: text it must be. */
static void end_line(struct parsing *parsing)
{
  struct aiodns_lines *lines = &parsing->lines;
  int c;

  while ((c = aiodns_lines_peek(lines)) >= 0 && !is_control(c))
    lines->pos++;
  if (c >= 0)
    fail_at(parsing, column_now(parsing), (char[]){(char)c, '\0'}, expected_text);
  else if (lines->pos < lines->len &&
           lines->buf[lines->pos] == '\0') /* which ends the words of a line, too */
    fail_at(parsing, column_now(parsing), "", expected_text);
}

/* ---- Keywords ---- */

static void read_time(struct parsing *parsing, uint32_t least_ms, uint32_t most_ms,
                      const char *expected_range, uint32_t *ret_ms)
{
  uint64_t ms;
  const char *expected = aiodns_settings_time(parsing->word, parsing->len, &ms);

  if (!expected && (ms < least_ms || ms > most_ms))
    expected = expected_range;
  if (expected)
    fail(parsing, expected);
  else
    *ret_ms = (uint32_t)ms;
}

static bool is_same(const struct aiodns_server *a, const struct aiodns_server *b)
{
  const struct sockaddr_in *a4 = &a->address.in, *b4 = &b->address.in;
  const struct sockaddr_in6 *a6 = &a->address.in6, *b6 = &b->address.in6;

  if (a->address.any.sa_family != b->address.any.sa_family)
    return false;
  if (a->address.any.sa_family == AF_INET)
    return a4->sin_addr.s_addr == b4->sin_addr.s_addr && a4->sin_port == b4->sin_port;
  return IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr) && a6->sin6_port == b6->sin6_port &&
         a6->sin6_scope_id == b6->sin6_scope_id;
}

/* The server's index among those of the file, where it is put if it is new; or what was expected. */
static const char *place_server(struct aiodns_settings *ret, struct aiodns_server *server,
                                unsigned *ret_index)
{
  for (*ret_index = 0; *ret_index < ret->server_count; ++*ret_index)
    if (is_same(&ret->server[*ret_index], server))
      return NULL;
  if (ret->server_count == AIODNS_SERVERS_MAX)
    return expected_servers;
  server->place = ret->server_count;
  memcpy(&ret->server[ret->server_count++], server, sizeof *server); /* with what is between the fields */
  return NULL;
}

static void read_server(struct parsing *parsing, struct aiodns_step *step)
{
  struct aiodns_server server;
  unsigned index = 0;

  const char *expected = has_control(parsing->word)
                             ? expected_text
                             : aiodns_settings_server(parsing->word, parsing->len, &server, &parsing->error);
  if (!expected)
    expected = place_server(parsing->ret, &server, &index);
  if (!expected && step->servers & 1u << index)
    expected = expected_once;
  if (!expected && ++parsing->datagrams > DATAGRAMS_MAX)
    expected = expected_datagrams;
  if (expected)
    fail(parsing, expected);
  else
    step->servers |= 1u << index;
}

static void read_attempt(struct parsing *parsing)
{
  struct aiodns_schedule *schedule = &parsing->ret->schedule;
  struct aiodns_step step = {0};

  if (schedule->step_count == AIODNS_STEPS_MAX)
    fail(parsing, expected_steps);
  if (!next_word(parsing)) {
    fail(parsing, aiodns_settings_expected_time);
    return;
  }
  read_time(parsing, AIODNS_SETTINGS_STEP_MIN_MS, AIODNS_SETTINGS_STEP_MAX_MS, expected_wait, &step.wait_ms);
  if (!next_word(parsing)) {
    fail(parsing, expected_a_server);
    return;
  }
  do
    read_server(parsing, &step);
  while (next_word(parsing));
  if (schedule->step_count < AIODNS_STEPS_MAX)
    schedule->step[schedule->step_count++] = step;
}

static void read_deadline(struct parsing *parsing)
{
  next_word(parsing);
  read_time(parsing, AIODNS_SETTINGS_DEADLINE_MIN_MS, AIODNS_SETTINGS_DEADLINE_MAX_MS, expected_deadline,
            &parsing->ret->deadline_ms);
}

static void read_parallel_search(struct parsing *parsing)
{
  next_word(parsing);
  parsing->ret->parallel_search = is(parsing, "on");
  if (!parsing->ret->parallel_search && !is(parsing, "off"))
    fail(parsing, expected_switch);
}

static void read_serve_stale(struct parsing *parsing)
{
  uint64_t ms = 0;

  next_word(parsing);
  if (is(parsing, "off")) {
    parsing->ret->serve_stale_s = 0;
    return;
  }
  if (is(parsing, "on")) {
    parsing->ret->serve_stale_s = AIODNS_SETTINGS_STALE_ON_S;
    return;
  }
  const char *expected = aiodns_settings_time(parsing->word, parsing->len, &ms);
  if (!expected && (ms < 1000 || ms % 1000 || ms / 1000 > AIODNS_SETTINGS_STALE_MAX_S))
    expected = expected_stale_range;
  if (expected)
    fail(parsing, expected == aiodns_settings_expected_time ? expected_stale : expected);
  else
    parsing->ret->serve_stale_s = (uint32_t)(ms / 1000);
}

static void read_0x20(struct parsing *parsing)
{
  next_word(parsing);
  if (is(parsing, "auto"))
    parsing->ret->letters = AIODNS_LETTERS_AUTO;
  else if (is(parsing, "on"))
    parsing->ret->letters = AIODNS_LETTERS_ON;
  else if (is(parsing, "off"))
    parsing->ret->letters = AIODNS_LETTERS_OFF;
  else
    fail(parsing, expected_letters);
}

/* An item was to be added. */
static bool note_item(struct parsing *parsing, bool added)
{
  if (added && parsing->item_line)
    parsing->item_line[parsing->item_count++] = parsing->line;
  return added;
}

/* The server's index in step or domain does not matter: they are few. */
static void read_domain_server(struct parsing *parsing, struct aiodns_domain *domain)
{
  struct aiodns_server server;
  const char *expected = has_control(parsing->word)
                             ? expected_text
                             : aiodns_settings_server(parsing->word, parsing->len, &server, &parsing->error);

  for (unsigned i = 0; i < domain->server_count && !expected; i++)
    if (is_same(&domain->server[i], &server))
      expected = expected_once;
  if (!expected && domain->server_count == AIODNS_SERVERS_MAX)
    expected = expected_domain_servers;
  if (expected) {
    fail(parsing, expected);
    return;
  }
  server.place = domain->server_count;
  memcpy(&domain->server[domain->server_count++], &server, sizeof server);
}

static bool is_domain_known(const struct aiodns_items *items, const struct aiodns_name *name)
{
  struct aiodns_domain other;
  return aiodns_items_domain_of(items, name, &other) && other.name.len == name->len;
}

static void read_domain(struct parsing *parsing)
{
  struct aiodns_domain domain = {.server_count = 0};

  next_word(parsing);
  const char *expected = aiodns_settings_name(parsing->word, parsing->len, &domain.name);
  if (!expected && is_domain_known(parsing->items, &domain.name))
    expected = expected_domain_once;
  bool good = !expected;
  if (!good)
    fail(parsing, expected);
  if (!next_word(parsing))
    fail(parsing, expected_domain_server);
  for (; parsing->len > 0; next_word(parsing))
    read_domain_server(parsing, &domain);
  if (good && !note_item(parsing, aiodns_items_add_domain(parsing->items, &domain)))
    fail(parsing, expected_room);
}

static void read_patterns(struct parsing *parsing, enum aiodns_item_kind kind)
{
  if (!next_word(parsing))
    fail(parsing, expected_pattern);
  for (; parsing->len > 0; next_word(parsing)) {
    const char *expected = aiodns_settings_pattern(parsing->word, parsing->len);
    if (!expected && !has_control(parsing->word) &&
        !note_item(parsing, aiodns_items_add_pattern(parsing->items, kind, parsing->word)))
      expected = expected_room;
    if (expected || has_control(parsing->word))
      fail(parsing, expected);
  }
}

static void read_hosts_file(struct parsing *parsing)
{
  read_patterns(parsing, AIODNS_ITEM_HOSTS_FILE);
}

static void read_block_file(struct parsing *parsing)
{
  read_patterns(parsing, AIODNS_ITEM_BLOCK_FILE);
}

/* Names to block or to allow; `below` is what `*.` in front of one adds. */
static void read_rules(struct parsing *parsing, uint8_t is, uint8_t below, const char *expected_something)
{
  if (!next_word(parsing))
    fail(parsing, expected_something);
  for (; parsing->len > 0; next_word(parsing)) {
    bool wide = parsing->word[0] == '*' && parsing->word[1] == '.';
    struct aiodns_rule rule = {.is = (uint8_t)(wide ? is | below : is)};
    const char *expected =
        wide && !below ? expected_something
                       : aiodns_settings_name(parsing->word + (wide ? 2 : 0), parsing->len, &rule.name);
    if (!expected && !note_item(parsing, aiodns_items_add_rule(parsing->items, &rule)))
      expected = expected_room;
    if (expected)
      fail(parsing, expected);
  }
}

static void read_block(struct parsing *parsing)
{
  read_rules(parsing, AIODNS_RULE_ITSELF, AIODNS_RULE_BELOW, expected_rule);
}

static void read_allow(struct parsing *parsing)
{
  read_rules(parsing, AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW, 0, expected_allow);
}

static void read_block_answer(struct parsing *parsing)
{
  next_word(parsing);
  if (is(parsing, "nxdomain"))
    parsing->ret->block_answer = AIODNS_BLOCK_NXDOMAIN;
  else if (is(parsing, "nodata"))
    parsing->ret->block_answer = AIODNS_BLOCK_NODATA;
  else if (is(parsing, "null"))
    parsing->ret->block_answer = AIODNS_BLOCK_NULL;
  else
    fail(parsing, expected_block_answer);
}

static void read_cache_size(struct parsing *parsing)
{
  uint64_t size = 0;

  next_word(parsing);
  const char *expected = aiodns_settings_size(parsing->word, parsing->len, &size);
  if (!expected && (size < AIODNS_SETTINGS_CACHE_MIN || size > AIODNS_SETTINGS_CACHE_MAX))
    expected = expected_cache_size;
  if (expected)
    fail(parsing, expected);
  else
    parsing->ret->cache_size = (uint32_t)size;
}

static void read_host_cache(struct parsing *parsing)
{
  next_word(parsing);
  parsing->ret->host_private = is(parsing, "private");
  if (!parsing->ret->host_private && !is(parsing, "shared"))
    fail(parsing, expected_host_cache);
}

/* In whole seconds; 0 needs no unit. */
static void read_ttl(struct parsing *parsing, uint32_t least_s, uint32_t most_s, const char *expected_range,
                     uint32_t *ret_s)
{
  uint64_t ms = 0;

  next_word(parsing);
  const char *expected = is(parsing, "0") ? NULL : aiodns_settings_time(parsing->word, parsing->len, &ms);
  if (!expected && (ms % 1000 || ms / 1000 < least_s || ms / 1000 > most_s))
    expected = expected_range;
  if (expected)
    fail(parsing, expected);
  else
    *ret_s = (uint32_t)(ms / 1000);
}

static void read_min_ttl(struct parsing *parsing)
{
  read_ttl(parsing, 0, AIODNS_SETTINGS_MIN_TTL_MAX_S, expected_min_ttl, &parsing->ret->ttls.min_s);
  parsing->min_ttl = (struct aiodns_settings_place){parsing->line, parsing->column};
}

static void read_max_ttl(struct parsing *parsing)
{
  read_ttl(parsing, 1, AIODNS_TTL_MAX_S, expected_max_ttl, &parsing->ret->ttls.max_s);
}

static void read_max_negative_ttl(struct parsing *parsing)
{
  read_ttl(parsing, 0, AIODNS_TTL_MAX_S, expected_max_negative_ttl, &parsing->ret->ttls.max_negative_s);
}

static const struct {
  char text[17];
  void (*read)(struct parsing *parsing); /* the word is the keyword; takes its values */
} keywords[AIODNS_KEYWORDS] = {
    [AIODNS_KEYWORD_ATTEMPT] = {"attempt", read_attempt},
    [AIODNS_KEYWORD_DEADLINE] = {"deadline", read_deadline},
    [AIODNS_KEYWORD_PARALLEL_SEARCH] = {"parallel-search", read_parallel_search},
    [AIODNS_KEYWORD_SERVE_STALE] = {"serve-stale", read_serve_stale},
    [AIODNS_KEYWORD_0X20] = {"0x20", read_0x20},
    [AIODNS_KEYWORD_DOMAIN] = {"domain", read_domain},
    [AIODNS_KEYWORD_HOSTS_FILE] = {"hosts-file", read_hosts_file},
    [AIODNS_KEYWORD_BLOCK_FILE] = {"block-file", read_block_file},
    [AIODNS_KEYWORD_BLOCK] = {"block", read_block},
    [AIODNS_KEYWORD_ALLOW] = {"allow", read_allow},
    [AIODNS_KEYWORD_BLOCK_ANSWER] = {"block-answer", read_block_answer},
    [AIODNS_KEYWORD_CACHE_SIZE] = {"cache-size", read_cache_size},
    [AIODNS_KEYWORD_HOST_CACHE] = {"host-cache", read_host_cache},
    [AIODNS_KEYWORD_MIN_TTL] = {"min-ttl", read_min_ttl},
    [AIODNS_KEYWORD_MAX_TTL] = {"max-ttl", read_max_ttl},
    [AIODNS_KEYWORD_MAX_NEGATIVE_TTL] = {"max-negative-ttl", read_max_negative_ttl},
};

/* Those whose lines add up. */
static const uint32_t adds_up = 1u << AIODNS_KEYWORD_ATTEMPT | 1u << AIODNS_KEYWORD_DOMAIN |
                                1u << AIODNS_KEYWORD_HOSTS_FILE | 1u << AIODNS_KEYWORD_BLOCK_FILE |
                                1u << AIODNS_KEYWORD_BLOCK | 1u << AIODNS_KEYWORD_ALLOW;

static void note_keyword(struct parsing *parsing, enum aiodns_keyword keyword)
{
  bool first = !(parsing->ret->said & 1u << keyword);

  parsing->ret->said |= 1u << keyword;
  if (parsing->place && (first || !(adds_up >> keyword & 1)))
    parsing->place[keyword] = (struct aiodns_settings_place){parsing->line, parsing->column};
}

static void read_line(struct parsing *parsing)
{
  unsigned keyword = 0;

  if (!next_word(parsing))
    return;
  while (keyword < AIODNS_KEYWORDS && !is(parsing, keywords[keyword].text))
    keyword++;
  if (keyword == AIODNS_KEYWORDS) {
    fail(parsing, expected_keyword);
    return;
  }
  note_keyword(parsing, (enum aiodns_keyword)keyword);
  keywords[keyword].read(parsing);
  if (next_word(parsing))
    fail(parsing, expected_end);
}

/* ---- The file ---- */

void aiodns_settings_init(struct aiodns_settings *ret)
{
  memset(ret, 0, sizeof *ret);
  ret->letters = AIODNS_LETTERS_AUTO;
  ret->parallel_search = true;
  ret->ttls = (struct aiodns_ttls){.max_s = AIODNS_TTL_MAX_S, .max_negative_s = AIODNS_NEGATIVE_TTL_MAX_S};
}

/* Of a bad file. */
static void keep_domains(struct aiodns_settings *settings, struct aiodns_items *items, unsigned *item_line)
{
  struct aiodns_item item;
  uint32_t kept = 0, before = 0;
  unsigned line = 0, kept_line = 0;

  for (uint32_t at = 0; aiodns_items_next(items, &at, &item); before = at, line++) {
    if (item.kind != AIODNS_ITEM_DOMAIN)
      continue;
    memmove(items->octets + kept, items->octets + before, at - before);
    kept += at - before;
    if (item_line)
      item_line[kept_line++] = item_line[line];
  }
  items->len = kept;
  memset(items->octets + kept, 0, sizeof items->octets - kept);
  aiodns_settings_init(settings);
  settings->said = kept > 0 ? 1u << AIODNS_KEYWORD_DOMAIN : 0;
}

/* Of the file as a whole, at line 0. */
static enum aiodns_settings_read refuse(struct parsing *parsing, const char *expected, int error)
{
  parsing->line = 0;
  errno = error; /* for whom it is told */
  fail_at(parsing, 0, "", expected);
  errno = error;
  return AIODNS_SETTINGS_BAD;
}

/* NULL, or what was expected in its place; a device could be read for ever, a pipe not twice. */
static const char *look_at_file(int fd, int *ret_error)
{
  struct aiodns_kernel_file file;

  *ret_error = 0;
  if (aiodns_kernel_stat(fd, "", &file) != 0) {
    *ret_error = errno;
    return expected_file;
  }
  if (!S_ISREG(file.mode))
    return expected_regular;
  return file.size > AIODNS_SETTINGS_FILE_MAX ? expected_small : NULL;
}

static enum aiodns_settings_read read_lines(struct parsing *parsing)
{
  struct aiodns_lines *lines = &parsing->lines;

  while (aiodns_lines_next(lines)) {
    if (lines->line_start >= AIODNS_SETTINGS_FILE_MAX) /* it has grown meanwhile */
      return refuse(parsing, expected_small, 0);
    parsing->line++;
    parsing->behind = 1;
    read_line(parsing);
    end_line(parsing);
  }
  if (lines->failed)
    return refuse(parsing, expected_file, EIO);
  if (!parsing->bad && parsing->ret->ttls.min_s > parsing->ret->ttls.max_s) { /* errors come in order */
    parsing->line = parsing->min_ttl.line;
    fail_at(parsing, parsing->min_ttl.column, "", expected_ttls);
  }
  errno = parsing->error;
  return parsing->bad ? AIODNS_SETTINGS_BAD : AIODNS_SETTINGS_GOOD;
}

enum aiodns_settings_read aiodns_settings_read(struct aiodns_settings *ret, struct aiodns_items *ret_items,
                                               const char *path, struct aiodns_settings_place *place,
                                               aiodns_settings_report *report, void *context)
{
  return aiodns_settings_read_items(ret, ret_items, NULL, path, place, report, context);
}

enum aiodns_settings_read aiodns_settings_read_items(struct aiodns_settings *ret,
                                                     struct aiodns_items *ret_items, unsigned *item_line,
                                                     const char *path, struct aiodns_settings_place *place,
                                                     aiodns_settings_report *report, void *context)
{
  struct parsing parsing; /* its buffer is not cleared for nothing */
  int error;

  parsing.ret = ret;
  parsing.items = ret_items;
  parsing.item_line = item_line;
  parsing.item_count = 0;
  parsing.place = place;
  parsing.report = report;
  parsing.context = context;
  parsing.bad = false;
  parsing.error = 0;
  parsing.line = parsing.datagrams = 0;
  aiodns_settings_init(ret);
  memset(ret_items, 0, sizeof *ret_items);
  if (place)
    memset(place, 0, AIODNS_KEYWORDS * sizeof *place);
  if (!aiodns_lines_open(&parsing.lines, path)) {
    if (errno == ENOENT || errno == ENOTDIR)
      return AIODNS_SETTINGS_ABSENT;
    return refuse(&parsing, expected_file, errno);
  }
  const char *expected = look_at_file(parsing.lines.fd, &error);
  enum aiodns_settings_read result = expected ? refuse(&parsing, expected, error) : read_lines(&parsing);
  error = errno;
  aiodns_lines_close(&parsing.lines);
  if (result == AIODNS_SETTINGS_BAD)
    keep_domains(ret, ret_items, item_line);
  errno = error;
  return result;
}

/* ---- What it does ---- */

void aiodns_settings_apply(const struct aiodns_settings *settings, struct aiodns_conf *conf)
{
  uint32_t sum_ms = 0; /* at most 8 minutes */

  conf->letters = settings->letters;
  conf->parallel_search = settings->parallel_search;
  conf->serve_stale_s = settings->serve_stale_s;
  conf->ttls = settings->ttls;
  conf->block_answer = settings->block_answer;
  conf->host_private = settings->host_private;
  conf->cache_size = settings->cache_size;
  conf->schedule.step_count = 0;
  if (settings->schedule.step_count > 0) {
    conf->schedule = settings->schedule;
    memcpy(conf->server, settings->server, sizeof conf->server); /* compared as octets: all of them */
    conf->server_count = settings->server_count;
    conf->up_count = 0;
    conf->rotate = false;
    for (unsigned i = 0; i < settings->schedule.step_count; i++)
      sum_ms += settings->schedule.step[i].wait_ms;
  }
  if (settings->deadline_ms > 0)
    conf->deadline_ms = settings->deadline_ms;
  else if ((int64_t)sum_ms * 1000 > aiodns_conf_deadline_us(conf))
    conf->deadline_ms = sum_ms; /* else the steps would not all have their turn */
}
