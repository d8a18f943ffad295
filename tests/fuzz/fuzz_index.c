/*
 * The index, by the first octet: 'd': its octets, behind a header that is signed for them; 'r': rules and
 * questions, against a matcher that looks at each rule; 'h': a hosts file, against reading its lines.
 */
#include "fuzz.h"
#include "index_build.h"
#include "index_layout.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint64_t key[2] = {1, 2};
static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {3};

/* What was built, in a block of its very size. */
static uint8_t *finish(struct aiodns_index_draft *draft, struct aiodns_index *ret)
{
  uint64_t size;
  const void *whole = aiodns_index_finish(draft, 0, boot, &size);
  must(whole != NULL);
  uint8_t *octets = malloc((size_t)size);
  must(octets != NULL);
  memcpy(octets, whole, (size_t)size);
  aiodns_index_draft_free(draft);
  must(aiodns_index_attach(ret, octets, size, boot) == AIODNS_CACHE_GOOD);
  return octets;
}

/* ---- Octets ---- */

/* The lengths of the parts come first, then what is in them. */
static void make_header(const uint8_t *data, size_t len, struct aiodns_index_header *header)
{
  uint64_t end = sizeof *header;

  *header = (struct aiodns_index_header){.layout = AIODNS_INDEX_LAYOUT, .key = {key[0], key[1]}};
  memcpy(header->magic, AIODNS_INDEX_MAGIC, sizeof header->magic);
  memcpy(header->boot, boot, sizeof boot);
  for (size_t i = 0; i < AIODNS_INDEX_PARTS; i++) {
    bool table = i == AIODNS_INDEX_PART_NAMES || i == AIODNS_INDEX_PART_ADDRESSES ||
                 i == AIODNS_INDEX_PART_RULES_TABLE;
    uint32_t octet = i < len ? data[i] : 0, part = table ? octet % 8 * 64 : octet * 4;
    header->part[i] = (struct aiodns_index_span){(uint32_t)aiodns_index_align(end), part};
    end = aiodns_index_align(end) + part;
  }
  header->size = aiodns_index_align(end);
  header->source_count = header->part[0].len / (uint32_t)sizeof(struct aiodns_index_source_entry);
  header->rule_count = 1;
  header->rule_labels = UINT64_MAX;
  header->checksum = aiodns_index_header_sum(header);
}

static void walk_lines(const struct aiodns_index *index, struct aiodns_index_lines *walk)
{
  unsigned count = 0;
  const char *text;
  uint32_t len;

  while (aiodns_index_line(index, walk, &text, &len)) {
    must((const uint8_t *)text >= index->base && len > 0 &&
         (const uint8_t *)text + len <= index->base + index->size && text[len - 1] == '\n');
    must(++count <= AIODNS_INDEX_LINES_MAX);
  }
}

enum { NAMES = 4 };
static const char *const names[NAMES] = {"a", "host", "host.example", "a.long.name.of.example"};

static void look_up(const struct aiodns_index *index)
{
  struct aiodns_index_lines walk;
  enum aiodns_index_kind kind;
  struct aiodns_name name;
  char path[64];
  uint64_t state;

  for (size_t i = 0; i < NAMES; i++) {
    aiodns_index_name(index, names[i], strlen(names[i]), &walk);
    walk_lines(index, &walk);
    must(aiodns_name_from_text(&name, names[i]));
    unsigned said = aiodns_index_rules(index, &name);
    must(said == 0 || said == AIODNS_RULE_ITSELF || said == AIODNS_RULE_ALLOW);
  }
  aiodns_index_address(index, &in6addr_loopback, 16, &walk);
  walk_lines(index, &walk);
  aiodns_index_address(index, "\x7f\0\0\1", 4, &walk);
  walk_lines(index, &walk);
  for (uint32_t i = 0; i <= index->source_count; i++)
    must(!aiodns_index_source(index, i, &kind, &state, path, sizeof path) ||
         (i < index->source_count && kind <= AIODNS_INDEX_BLOCKS && strlen(path) < sizeof path));
}

/* In each bucket all places are for this hash. */
static void lead(uint8_t *octets, const struct aiodns_index_span *table, uint32_t hash)
{
  for (uint32_t at = 0; at < table->len; at += (uint32_t)sizeof(struct aiodns_index_bucket))
    memset(octets + table->offset + at + offsetof(struct aiodns_index_bucket, tag), aiodns_index_tag(hash),
           AIODNS_INDEX_WAYS);
}

static void lead_to(uint8_t *octets, const struct aiodns_index_header *header, const char *text)
{
  struct aiodns_index_folded folded;
  struct aiodns_name name;
  uint8_t labels[AIODNS_NAME_MAX];
  uint64_t state = aiodns_index_begin(key, 0);

  must(aiodns_name_from_text(&name, text));
  aiodns_index_fold(&name, &folded);
  for (const uint8_t *label = aiodns_index_labels(&name, labels); label-- > labels;)
    state = aiodns_index_hash_label(key, state, folded.wire + *label, 1 + (size_t)folded.wire[*label]);
  lead(octets, &header->part[AIODNS_INDEX_PART_RULES_TABLE], aiodns_index_end(key, state));
  lead(octets, &header->part[AIODNS_INDEX_PART_NAMES], aiodns_index_hash_text(key, text, strlen(text)));
  lead(octets, &header->part[AIODNS_INDEX_PART_ADDRESSES],
       aiodns_index_hash_address(key, &in6addr_loopback, 16));
}

static void octets_of(const uint8_t *data, size_t len)
{
  struct aiodns_index_header header;
  struct aiodns_index index;

  make_header(data, len, &header);
  size_t rest = len > AIODNS_INDEX_PARTS ? len - AIODNS_INDEX_PARTS : 0,
         room = (size_t)header.size - header.part[0].offset;
  uint8_t *octets = calloc(1, (size_t)header.size);
  must(octets != NULL);
  memcpy(octets, &header, sizeof header);
  if (rest > 0)
    memcpy(octets + header.part[0].offset, data + AIODNS_INDEX_PARTS, rest < room ? rest : room);
  must(aiodns_index_attach(&index, octets, header.size, boot) == AIODNS_CACHE_GOOD);
  look_up(&index);
  for (size_t i = 0; i < NAMES; i++) {
    lead_to(octets, &header, names[i]);
    look_up(&index);
  }
  free(octets);
}

/* ---- Rules ---- */

/* An octet that says how many labels, and one for each: its letter and how often that comes. */
static bool read_name(const uint8_t **data, const uint8_t *end, struct aiodns_name *ret)
{
  if (*data == end)
    return false;
  unsigned labels = 1 + *(*data)++ % 5, at = 0;
  for (; labels > 0 && *data < end; labels--, (*data)++) {
    uint8_t len = (uint8_t)(1 + (**data >> 5) * 6);
    ret->wire[at++] = len;
    for (; len > 0; len--)
      ret->wire[at++] = (uint8_t) "abAB-\0\xe4z"[**data & 7];
  }
  ret->wire[at] = 0;
  ret->len = (uint8_t)(at + 1);
  return at > 0;
}

static unsigned brute(const struct aiodns_rule *rules, size_t count, const struct aiodns_name *name)
{
  unsigned blocked = 0;

  for (size_t i = 0; i < count; i++) {
    if (!aiodns_name_within(name, &rules[i].name))
      continue;
    if (rules[i].is & AIODNS_RULE_ALLOW)
      return AIODNS_RULE_ALLOW;
    if (rules[i].is & (aiodns_name_equal(name, &rules[i].name) ? AIODNS_RULE_ITSELF : AIODNS_RULE_BELOW))
      blocked = AIODNS_RULE_ITSELF;
  }
  return blocked;
}

static void rules_of(const uint8_t *data, size_t len)
{
  static struct aiodns_rule rules[256];
  const uint8_t *end = data + len;
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  struct aiodns_index index;
  struct aiodns_name name;
  size_t count = 0;

  must(draft != NULL);
  for (; count < 256 && data < end && *data != 0; count++) {
    rules[count].is = *data++ & 7;
    if (!read_name(&data, end, &rules[count].name))
      break;
    aiodns_index_add_rule(draft, &rules[count]);
  }
  uint8_t *octets = finish(draft, &index);
  must(aiodns_index_rule_count(&index) <= count);
  for (size_t i = 0; i < count; i++)
    must(aiodns_index_rules(&index, &rules[i].name) == brute(rules, count, &rules[i].name));
  while (read_name(&data, end, &name))
    must(aiodns_index_rules(&index, &name) == brute(rules, count, &name));
  free(octets);
}

/* ---- Hosts files ---- */

/* The lines that have a name, as hosts.c reads them. */
static bool next_with(struct aiodns_lines *lines, const char *name, char *ret_text, size_t room)
{
  char word[AIODNS_NAME_TEXT_MAX];
  uint8_t address[16];

  while (aiodns_lines_next(lines)) {
    size_t len = aiodns_lines_word(lines, '#', word, sizeof word), at = len;
    bool found = false;
    if (len == 0 || len >= sizeof word ||
        (inet_pton(AF_INET, word, address) != 1 && inet_pton(AF_INET6, word, address) != 1))
      continue;
    memcpy(ret_text, word, len);
    while ((len = aiodns_lines_word(lines, '#', word, sizeof word)) > 0) {
      if (len >= sizeof word)
        continue;
      must(at + len + 2 < room);
      ret_text[at++] = ' ';
      memcpy(ret_text + at, word, len);
      at += len;
      found |= strcasecmp(word, name) == 0;
    }
    ret_text[at] = '\n';
    ret_text[at + 1] = '\0';
    if (found)
      return true;
  }
  return false;
}

static void compare_name(const struct aiodns_index *index, const char *path, const char *name)
{
  static char expected[1 << 16];
  struct aiodns_index_lines walk;
  struct aiodns_lines lines;
  const char *text;
  uint32_t len;

  must(aiodns_lines_open(&lines, path));
  aiodns_index_name(index, name, strlen(name), &walk);
  while (next_with(&lines, name, expected, sizeof expected)) {
    must(aiodns_index_line(index, &walk, &text, &len));
    must(len == strlen(expected) && memcmp(text, expected, len) == 0);
  }
  must(!aiodns_index_line(index, &walk, &text, &len));
  aiodns_lines_close(&lines);
}

static void compare_names(const struct aiodns_index *index, const char *path)
{
  char word[AIODNS_NAME_TEXT_MAX];
  struct aiodns_lines lines;
  unsigned left = 50;
  size_t len;

  must(aiodns_lines_open(&lines, path));
  while (left > 0 && aiodns_lines_next(&lines))
    while (left > 0 && (len = aiodns_lines_word(&lines, '#', word, sizeof word)) > 0) {
      bool ascii = len < sizeof word;
      for (size_t i = 0; i < len && ascii; i++)
        ascii = (uint8_t)word[i] < 0x80;
      if (ascii)
        compare_name(index, path, word);
      left--;
    }
  aiodns_lines_close(&lines);
}

static void hosts_of(const uint8_t *data, size_t len)
{
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  struct aiodns_index index;
  struct aiodns_lines lines;
  char path[64];
  int fd = memfd_create("hosts", MFD_CLOEXEC);

  must(draft != NULL && fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  must(aiodns_lines_open(&lines, path));
  while (aiodns_lines_next(&lines))
    aiodns_index_add_hosts_line(draft, &lines);
  aiodns_lines_close(&lines);
  uint8_t *octets = finish(draft, &index);
  compare_names(&index, path);
  look_up(&index);
  free(octets);
  close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  if (len == 0 || len > 1 << 15)
    return 0;
  if (data[0] == 'd')
    octets_of(data + 1, len - 1);
  else if (data[0] == 'r')
    rules_of(data + 1, len - 1);
  else
    hosts_of(data + 1, len - 1);
  return 0;
}
