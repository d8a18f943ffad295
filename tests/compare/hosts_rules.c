#include "hosts_rules.h"

#include "name.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* What is done to files. */
enum {
  NO_NAME = 1,
  LONG_NAME = 2,
  SPECIAL = 4, /* in place of all else; or behind it, one family alone: */
  SPECIAL_IPV4 = 8,
  SPECIAL_IPV6 = SPECIAL | SPECIAL_IPV4,
  MAPPED = 16,
  FILES = 32, /* all of the above */
};

/* What answers may differ in. */
enum {
  ANY_TTL = 1,
  FAMILIES = 2, /* the order of addresses, but for those of one family */
  ALIAS_ONCE = 4,
  ANSWERS = 8,   /* all of the above */
  ANY_ORDER = 8, /* with FAMILIES: of all addresses */
};

/* ---- Words of a line, as both read them ---- */

static bool is_blank(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

struct words {
  const char *at, *end; /* of the line, before what ends its words: a comment, a NUL */
};

static struct words words_of(const char *line, size_t len)
{
  const char *end = line;

  while (end < line + len && *end != '\n' && *end != '#' && *end != '\0')
    end++;
  return (struct words){line, end};
}

static size_t next_word(struct words *words, const char **ret)
{
  while (words->at < words->end && is_blank(*words->at))
    words->at++;
  *ret = words->at;
  while (words->at < words->end && !is_blank(*words->at))
    words->at++;
  return (size_t)(words->at - *ret);
}

/* ---- Files rewritten ---- */

struct draft {
  char *text;
  size_t len;
};

static void put(struct draft *draft, const char *text, size_t len)
{
  memcpy(draft->text + draft->len, text, len);
  draft->len += len;
}

/* The lines of an IPv4 address are those of the same address, mapped. */
struct mapping {
  const uint8_t *ipv4; /* NULL: of none */
  char text[INET6_ADDRSTRLEN];
};

static bool is_mapped(const struct mapping *mapping, const char *word, size_t word_len)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr in6;
  struct in_addr in;

  if (!mapping->ipv4 || word_len >= sizeof text)
    return false;
  memcpy(text, word, word_len);
  text[word_len] = '\0';
  if (inet_pton(AF_INET, text, &in) != 1) {
    if (inet_pton(AF_INET6, text, &in6) != 1 || (!IN6_IS_ADDR_V4MAPPED(&in6) && !IN6_IS_ADDR_LOOPBACK(&in6)))
      return false;
    in.s_addr = htonl(INADDR_LOOPBACK);
    if (IN6_IS_ADDR_V4MAPPED(&in6))
      memcpy(&in, in6.s6_addr + 12, sizeof in);
  }
  return memcmp(&in, mapping->ipv4, sizeof in) == 0;
}

static void rewrite_line(struct draft *draft, const char *line, size_t len, unsigned file,
                         const struct mapping *mapping)
{
  struct words words = words_of(line, len);
  const char *word;
  size_t word_len, start = draft->len;
  unsigned count = 0;

  while ((word_len = next_word(&words, &word)) > 0) {
    if (file & LONG_NAME && count > 0 && word_len >= AIODNS_NAME_TEXT_MAX)
      continue;
    if (count == 0 && is_mapped(mapping, word, word_len)) {
      word = mapping->text;
      word_len = strlen(word);
    }
    if (count++ > 0)
      put(draft, " ", 1);
    put(draft, word, word_len);
  }
  if (file & NO_NAME && count < 2)
    draft->len = start;
  else
    put(draft, "\n", 1);
}

static void rewrite(struct draft *draft, const char *text, size_t len, unsigned file,
                    const struct mapping *mapping)
{
  while (len > 0) {
    const char *newline = memchr(text, '\n', len);
    size_t line = newline ? (size_t)(newline - text) + 1 : len;
    rewrite_line(draft, text, line, file, mapping);
    text += line;
    len -= line;
  }
}

/* What aiodns knows by itself: names in localhost have the loopback addresses (RFC 6761, section 6.3). */
static bool is_localhost(const char *name)
{
  static const char localhost[] = "localhost";
  size_t len = strlen(name), label = sizeof localhost - 1;

  len -= len > 0 && name[len - 1] == '.';
  return len >= label && strncasecmp(name + len - label, localhost, label) == 0 &&
         (len == label || name[len - label - 1] == '.');
}

static void put_line(struct draft *draft, const char *address, const char *name)
{
  put(draft, address, strlen(address));
  put(draft, " ", 1);
  put(draft, name, strlen(name));
  put(draft, "\n", 1);
}

static void put_localhost(struct draft *draft, struct hosts_question *question, unsigned how)
{
  char *name = question->name;
  size_t len = strlen(name);
  bool both = question->call == HOSTS_MODULE_4 || question->family == AF_UNSPEC;
  bool ipv4 =
      question->family == AF_INET || question->call == HOSTS_BYNAME || question->call == HOSTS_BYNAME_R;

  if (how == SPECIAL) {
    draft->len = 0;
    if (name[len - 1] == '.')
      name[len - 1] = '\0';
  }
  if (how != SPECIAL_IPV6)
    put_line(draft, "127.0.0.1", name);
  if (how == SPECIAL_IPV6 || (how == SPECIAL && (both || !ipv4))) /* else it would be another 127.0.0.1 */
    put_line(draft, "::1", name);
}

/* ---- Answers compared ---- */

/* Lines of an answer: `count` of them, each with its newline. */
struct lines {
  unsigned count;
  const char **at;
};

static size_t length(const char *line)
{
  return strcspn(line, "\n");
}

static int compare_lines(const void *a, const void *b)
{
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  size_t x_len = length(x), y_len = length(y);
  int order = strncasecmp(x, y, x_len < y_len ? x_len : y_len);

  return order ? order : (x_len > y_len) - (x_len < y_len);
}

static bool is_alias(const char *line)
{
  return strncmp(line, "alias ", 6) == 0;
}

static bool is_address(const char *line, bool ipv6)
{
  return strncmp(line, "address ", 8) == 0 && (memchr(line, ':', length(line)) != NULL) == ipv6;
}

/* Those that go together, in the order of the text. */
static bool take_if(const char *line, unsigned kind)
{
  switch (kind) {
  case 0:
    return !is_alias(line) && strncmp(line, "address ", 8) != 0;
  case 1:
    return is_address(line, false);
  case 2:
    return is_address(line, true);
  default:
    return is_alias(line);
  }
}

enum { ALIASES = 3, KINDS };

static bool is_address_kind(unsigned kind)
{
  return kind == 1 || kind == 2;
}

static void take(struct lines *ret, const struct hosts_answer *answer)
{
  ret->count = 0;
  ret->at = malloc((answer->len + 1) * sizeof *ret->at);
  if (!ret->at)
    abort();
  for (const char *line = answer->text; *line; line += length(line) + 1)
    ret->at[ret->count++] = line;
}

static void take_kind(struct lines *ret, const struct hosts_answer *answer, unsigned kind)
{
  unsigned kept = 0;

  take(ret, answer);
  for (unsigned i = 0; i < ret->count; i++)
    if (take_if(ret->at[i], kind))
      ret->at[kept++] = ret->at[i];
  ret->count = kept;
}

static void sort(struct lines *lines)
{
  qsort(lines->at, lines->count, sizeof *lines->at, compare_lines);
}

/* Each once, in one order. */
static void tidy(struct lines *lines)
{
  unsigned kept = 0;

  sort(lines);
  for (unsigned i = 0; i < lines->count; i++)
    if (i == 0 || compare_lines(&lines->at[i - 1], &lines->at[i]) != 0)
      lines->at[kept++] = lines->at[i];
  lines->count = kept;
}

static bool is_ttl(const char *line)
{
  return strncmp(line, "ttl ", 4) == 0;
}

/* `name`: an alias of glibc's that is the name in other letters. */
static bool same_lines(const struct lines *ours, const struct lines *theirs, const char *name, bool any_ttl)
{
  unsigned i = 0, k = 0;

  for (; i < ours->count || k < theirs->count; i++, k++) {
    if (i < ours->count && k < theirs->count &&
        (compare_lines(&ours->at[i], &theirs->at[k]) == 0 ||
         (any_ttl && is_ttl(ours->at[i]) && is_ttl(theirs->at[k]))))
      continue;
    if (!name || k == theirs->count || length(theirs->at[k]) != length(name) + 1 ||
        strncasecmp(theirs->at[k] + 6, name + 5, length(name) - 5) != 0)
      return false;
    i--; /* ours has none for this one of theirs */
  }
  return true;
}

static bool same_of_kind(const struct hosts_answer *ours, const struct hosts_answer *theirs, unsigned kind,
                         unsigned allowed)
{
  bool any_alias = kind == ALIASES && allowed & ALIAS_ONCE;
  struct lines our, their;

  take_kind(&our, ours, kind);
  take_kind(&their, theirs, kind);
  if (any_alias) {
    tidy(&our);
    tidy(&their);
  } else if (is_address_kind(kind) && allowed & ANY_ORDER) {
    sort(&our);
    sort(&their);
  }
  bool same = same_lines(&our, &their, any_alias ? strstr(theirs->text, "name ") : NULL, allowed & ANY_TTL);
  free(our.at);
  free(their.at);
  return same;
}

/* But for what is allowed to differ. */
static bool agree(const struct hosts_answer *ours, const struct hosts_answer *theirs, unsigned allowed)
{
  struct lines our, their;

  take(&our, ours);
  take(&their, theirs);
  bool same = same_lines(&our, &their, NULL, allowed & ANY_TTL);
  free(our.at);
  free(their.at);
  if (same || (allowed & (ALIAS_ONCE | FAMILIES)) == 0)
    return same;
  for (unsigned kind = 0; kind < KINDS; kind++)
    if (!same_of_kind(ours, theirs, kind, allowed))
      return false;
  return true;
}

/* ---- Which of them ---- */

static enum rule first_of(unsigned file, unsigned allowed)
{
  if (file & SPECIAL_IPV6)
    return RULE_SPECIAL;
  if (file & MAPPED)
    return RULE_HOSTS_MAPPED;
  if (file & NO_NAME)
    return RULE_HOSTS_NO_NAME;
  if (file & LONG_NAME)
    return RULE_HOSTS_LONG_NAME;
  if (allowed & ALIAS_ONCE)
    return RULE_HOSTS_ALIAS_ONCE;
  return allowed & FAMILIES ? RULE_HOSTS_FAMILIES : RULE_HOSTS_TTL;
}

/*
 * getaddrinfo(3) compares addresses of one family by how much they have in common with this host's (rule 9 of
 * RFC 6724, section 6), others not, and IPv4-mapped ones rank as IPv4: so what comes of sorting both depends
 * on the order they were in.
 */
static unsigned order_of(const struct hosts_question *question, const struct hosts_answer *answer)
{
  return question->call == HOSTS_GETADDRINFO && question->family == AF_UNSPEC &&
                 strstr(answer->text, " ::ffff:")
             ? ANY_ORDER
             : 0;
}

static bool asks_for_mapped(const struct hosts_question *question)
{
  struct in6_addr in6;

  memcpy(&in6, question->octets, sizeof in6);
  return hosts_question_is_reverse(question) && question->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6);
}

/* glibc's answer to the file that some of them make of this one. */
static bool ask_rewritten(unsigned file, const char *text, size_t len, const struct hosts_question *question,
                          hosts_ask_glibc *ask, void *context, struct hosts_answer *ret)
{
  struct hosts_question rewritten = *question;
  struct mapping mapping = {.ipv4 = file & MAPPED ? question->octets + 12 : NULL};
  /* The shortest line of an address, "::1", may become one of 22 octets, and so each four of the file. */
  struct draft draft = {malloc(8 * len + 4 * sizeof question->name), 0};

  if (!draft.text)
    abort();
  inet_ntop(AF_INET6, question->octets, mapping.text, sizeof mapping.text);
  rewrite(&draft, text, len, file, &mapping);
  if (file & SPECIAL_IPV6)
    put_localhost(&draft, &rewritten, file & SPECIAL_IPV6);
  bool asked = ask(context, draft.text, draft.len, &rewritten, ret);
  free(draft.text);
  return asked;
}

enum rule hosts_rule_of(const char *text, size_t len, const struct hosts_question *question,
                        const struct hosts_answer *ours, const struct hosts_answer *theirs,
                        hosts_ask_glibc *ask, void *context)
{
  struct hosts_answer rewritten = {0};
  enum rule found = RULES;

  for (unsigned file = 0; file < FILES && found == RULES; file++) {
    const struct hosts_answer *answer = file ? &rewritten : theirs;
    if (file & SPECIAL_IPV6 && !is_localhost(question->name))
      continue;
    if (file & MAPPED && !asks_for_mapped(question))
      break;
    if (file && !ask_rewritten(file, text, len, question, ask, context, &rewritten))
      break;
    for (unsigned allowed = 0; allowed < ANSWERS && found == RULES; allowed++)
      if (agree(ours, answer, allowed | (allowed & FAMILIES ? order_of(question, answer) : 0)))
        found = first_of(file, allowed);
  }
  free(rewritten.text);
  return found;
}
