#include "hosts.h"

#include "lines.h"
#include "name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { NAMES_MAX = UINT16_MAX }; /* of one entry; further aliases are left out */

int aiodns_hosts_parse_address(const char *text, int family, uint8_t ret[16])
{
  if (family != AF_INET6 && inet_pton(AF_INET, text, ret) == 1)
    return AF_INET;
  if (inet_pton(AF_INET6, text, ret) != 1)
    return 0;
  if (family != AF_INET)
    return AF_INET6;
  struct in6_addr in6;
  memcpy(&in6, ret, sizeof in6);
  if (IN6_IS_ADDR_V4MAPPED(&in6))
    memmove(ret, ret + 12, 4);
  else if (IN6_IS_ADDR_LOOPBACK(&in6))
    memcpy(ret, &(struct in_addr){htonl(INADDR_LOOPBACK)}, 4);
  else
    return 0;
  return AF_INET;
}

/* A file being read, and what is learnt from it on the way out. */
struct reading {
  struct aiodns_lines lines;
  bool learns;
  struct aiodns_filter_draft draft;
};

/*
 * False where the file is known not to have what is looked for, or is not there; where it cannot be opened
 * for lack of something, the answer says so.
 */
static bool open_hosts(struct aiodns_hosts *hosts, uint64_t hash, struct reading *reading,
                       struct aiodns_answer *answer, uint64_t *state)
{
  enum aiodns_filter_word word = aiodns_filter_ask(&hosts->filter, hosts->path, hash, state);

  if (word == AIODNS_FILTER_LACKS)
    return false;
  if (aiodns_lines_open(&reading->lines, hosts->path)) {
    reading->learns = word == AIODNS_FILTER_UNKNOWN &&
                      aiodns_filter_begin(&hosts->filter, &reading->draft, reading->lines.fd);
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    answer->outcome = AIODNS_LOCAL;
    answer->error = errno;
  }
  return false;
}

/* Every address that a line could be looked for by, and all its names. */
static void learn_line(struct aiodns_lines *lines, struct aiodns_filter_draft *draft)
{
  char word[AIODNS_NAME_TEXT_MAX];
  uint8_t address[16];
  size_t len = aiodns_lines_word(lines, '#', word, sizeof word);

  if (len == 0 || len >= sizeof word)
    return;
  if (aiodns_hosts_parse_address(word, AF_INET, address))
    aiodns_filter_add(draft, aiodns_filter_hash_address(address, 4));
  if (aiodns_hosts_parse_address(word, AF_INET6, address))
    aiodns_filter_add(draft, aiodns_filter_hash_address(address, 16));
  while ((len = aiodns_lines_word(lines, '#', word, sizeof word)) > 0)
    if (len < sizeof word)
      aiodns_filter_add(draft, aiodns_filter_hash_name(word, len));
}

static void close_hosts(struct aiodns_hosts *hosts, struct reading *reading)
{
  if (reading->learns && aiodns_lines_rewind(&reading->lines)) {
    while (reading->draft.entries <= AIODNS_FILTER_ENTRIES_MAX && aiodns_lines_next(&reading->lines))
      learn_line(&reading->lines, &reading->draft);
    if (!reading->lines.failed)
      aiodns_filter_share(&hosts->filter, &reading->draft);
  }
  aiodns_lines_close(&reading->lines);
}

/* The address at the start of the next line that has one for this lookup; 0 at the end of the file. */
static int next_address(struct aiodns_lines *lines, int family, uint8_t ret[16])
{
  char text[INET6_ADDRSTRLEN + 1];

  while (aiodns_lines_next(lines)) {
    size_t len = aiodns_lines_word(lines, '#', text, sizeof text);
    int found = len > 0 && len < sizeof text ? aiodns_hosts_parse_address(text, family, ret) : 0;
    if (found)
      return found;
  }
  return 0;
}

static bool line_has(struct aiodns_lines *lines, const char *name, size_t name_len)
{
  char word[AIODNS_NAME_TEXT_MAX];
  size_t len;

  while ((len = aiodns_lines_word(lines, '#', word, sizeof word)) > 0)
    if (len == name_len && strcasecmp(word, name) == 0)
      return true;
  return false;
}

/* All names of the current line: the first is canonical, unless an earlier line gave one. */
static bool add_names(struct aiodns_lines *lines, struct aiodns_answer *answer)
{
  char word[AIODNS_NAME_TEXT_MAX];
  bool merging = answer->name_count > 0;
  size_t len;

  aiodns_lines_again(lines);
  aiodns_lines_word(lines, '#', word, sizeof word); /* the address */
  while (answer->name_count < NAMES_MAX && (len = aiodns_lines_word(lines, '#', word, sizeof word)) > 0) {
    if (len >= sizeof word || (merging && aiodns_answer_has_name(answer, word)))
      continue;
    if (!aiodns_answer_add_name(answer, word, len, answer->name_count == 0))
      return false;
  }
  return answer->name_count > 0;
}

bool aiodns_hosts_read_name(struct aiodns_lines *lines, const char *name, size_t name_len, int family,
                            struct aiodns_answer answer[2], struct aiodns_hosts_count *count)
{
  uint8_t address[16];
  int found;

  while ((found = next_address(lines, family, address)) != 0) {
    if (!line_has(lines, name, name_len))
      continue;
    unsigned index = family == AF_UNSPEC && found == AF_INET6;
    if (!add_names(lines, &answer[index]) || !aiodns_answer_add_address(&answer[index], address))
      return false; /* the answer says so */
    answer[index].outcome = AIODNS_ANSWER;
    if (count->lines++ == 0)
      count->first = index;
  }
  return true;
}

bool aiodns_hosts_read_address(struct aiodns_lines *lines, int family, const void *address,
                               struct aiodns_answer *answer)
{
  size_t len = family == AF_INET ? 4 : 16;
  uint8_t found[16];

  while (next_address(lines, family, found) != 0) {
    if (memcmp(found, address, len) != 0)
      continue;
    if (add_names(lines, answer))
      answer->outcome = AIODNS_ANSWER;
    if (answer->outcome != AIODNS_PENDING) /* or out of memory; else a line without a name */
      break;
  }
  return answer->outcome == AIODNS_ANSWER;
}

unsigned aiodns_hosts_by_name(struct aiodns_hosts *hosts, const char *name, int family,
                              struct aiodns_answer answer[2], unsigned *ret_first, uint64_t *state)
{
  struct reading reading;
  size_t name_len = strlen(name);
  struct aiodns_hosts_count count = {0, *ret_first};

  if (name_len >= AIODNS_NAME_TEXT_MAX ||
      !open_hosts(hosts, aiodns_filter_hash_name(name, name_len), &reading, &answer[0], state))
    return 0;
  aiodns_hosts_read_name(&reading.lines, name, name_len, family, answer, &count);
  close_hosts(hosts, &reading);
  *ret_first = count.first;
  return count.lines;
}

bool aiodns_hosts_by_address(struct aiodns_hosts *hosts, int family, const void *address,
                             struct aiodns_answer *answer, uint64_t *state)
{
  struct reading reading;
  size_t len = family == AF_INET ? 4 : 16;

  if (!open_hosts(hosts, aiodns_filter_hash_address(address, len), &reading, answer, state))
    return false;
  bool found = aiodns_hosts_read_address(&reading.lines, family, address, answer);
  close_hosts(hosts, &reading);
  return found;
}
