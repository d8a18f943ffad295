#include "sources.h"

#include "command.h"
#include "filestate.h"
#include "hosts.h"
#include "index_file.h"
#include "pattern.h"

#include <errno.h>
#include <sys/stat.h>

/* ---- Files ---- */

/* What a line of a hosts file has: -1 if it is not understood. */
static int names_of_line(struct aiodns_lines *lines)
{
  char word[AIODNS_NAME_TEXT_MAX];
  uint8_t address[16];
  int count = 0;
  size_t len = aiodns_lines_word(lines, '#', word, sizeof word);

  if (len == 0)
    return 0;
  if (len >= sizeof word || !aiodns_hosts_parse_address(word, AF_UNSPEC, address))
    return -1;
  while ((len = aiodns_lines_word(lines, '#', word, sizeof word)) > 0)
    count += len < sizeof word;
  return count > 0 ? count : -1;
}

static void keep_first_text(struct aiodns_lines *lines, struct command_source *source)
{
  size_t at = 0;

  aiodns_lines_again(lines);
  for (int c; at < sizeof source->first_text - 1 && (c = aiodns_lines_peek(lines)) >= 0; lines->pos++)
    source->first_text[at++] = (char)c;
  source->first_text[at] = '\0';
}

static bool read_hosts(const char *path, struct command_source *ret)
{
  struct aiodns_lines lines;
  uint64_t line = 0;

  if (!aiodns_lines_open(&lines, path))
    return false;
  while (aiodns_lines_next(&lines)) {
    int names = names_of_line(&lines);
    line++;
    if (names >= 0) {
      ret->names += (uint64_t)names;
    } else if (ret->not_understood++ == 0) {
      ret->first_line = line;
      keep_first_text(&lines, ret);
    }
  }
  aiodns_lines_close(&lines);
  errno = EIO; /* or larger than any such file */
  return !lines.failed;
}

static bool read_blocks(const char *path, struct command_source *ret)
{
  static struct aiodns_blocklist list;
  struct aiodns_rule rule;

  if (!aiodns_blocklist_open(&list, path))
    return false;
  while (aiodns_blocklist_next(&list, &rule))
    ;
  ret->names = list.counts.rules;
  ret->not_understood = list.counts.not_understood;
  ret->first_line = list.counts.first_line;
  if (ret->first_line)
    snprintf(ret->first_text, sizeof ret->first_text, "%s", list.counts.first_text);
  aiodns_blocklist_close(&list);
  errno = EIO;
  return !list.lines.failed;
}

bool command_source_read(enum aiodns_item_kind kind, const char *path, struct command_source *ret)
{
  struct stat file;

  *ret = (struct command_source){0};
  bool good = stat(path, &file) == 0;
  if (good && S_ISDIR(file.st_mode)) {
    errno = EISDIR;
    good = false;
  }
  if (good)
    good = kind == AIODNS_ITEM_BLOCK_FILE ? read_blocks(path, ret) : read_hosts(path, ret);
  ret->error = good ? 0 : errno;
  return good;
}

/* ---- The index ---- */

enum command_index_state command_index_look(struct aiodns_index *ret)
{
  uint32_t turn;

  aiodns_index_file_look();
  if (!aiodns_index_file_get(ret, &turn))
    return COMMAND_INDEX_NONE;
  if (!aiodns_index_is_current(ret, 0, NULL))
    return COMMAND_INDEX_OLD;
  return ret->flags & AIODNS_INDEX_LEFT_OUT ? COMMAND_INDEX_LEFT_OUT : COMMAND_INDEX_CURRENT;
}

void command_count(uint64_t count, const char *one, const char *many, char ret[64])
{
  char number[COMMAND_NUMBER_MAX];

  snprintf(ret, 64, "%.26s %.36s", command_number(count, number), count == 1 ? one : many);
}
