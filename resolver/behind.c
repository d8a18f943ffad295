#include "behind.h"

#include "filestate.h"
#include "thread.h"

#include <string.h>

struct table {
  uint64_t state; /* of the file; 0: one that cannot be relied on */
  uint64_t knows;
};

_Static_assert(sizeof(struct table) % sizeof(aiodns_word) == 0, "copied by words");

static AIODNS_SHARED_WORDS(struct table) shared;

/* Where moment->behind says what is known. */
enum { ENDS = 1, KNOWS };

/*
 * Those for multicast DNS know names below .local, and addresses; `resolve` what servers know, and what
 * 127.0.0.53 knows with it; `myhostname` names that are left to it anyway (special.h).
 */
static bool knows_our_names_alone(const char *name)
{
  static const char *const names[] = {"aiodns", "dns", "files", "resolve", "myhostname"};

  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i]) == 0)
      return true;
  return strncmp(name, "mdns", 4) == 0;
}

enum aiodns_behind aiodns_behind_of(const struct aiodns_nsswitch_service *service)
{
  if (!knows_our_names_alone(service->name))
    return AIODNS_BEHIND_KNOWS;
  if (!(service->returns & AIODNS_NSSWITCH_NOTFOUND))
    return AIODNS_BEHIND_PASSES;
  /* Which says UNAVAIL of such names; and there may be no resolved. */
  if (strncmp(service->name, "mdns", 4) == 0 || strcmp(service->name, "resolve") == 0)
    return AIODNS_BEHIND_PASSES;
  return AIODNS_BEHIND_ENDS;
}

/* What the present line says. */
static enum aiodns_nsswitch read_line(struct aiodns_lines *lines, bool *ret_knows)
{
  struct aiodns_nsswitch_service service;
  enum aiodns_nsswitch found;
  bool behind = false, reached = false, knows = false;

  while ((found = aiodns_nsswitch_service(lines, &service)) == AIODNS_NSSWITCH_SERVICE) {
    if (!behind && strcmp(service.name, "aiodns") == 0) {
      behind = true;
      reached = !(service.returns & AIODNS_NSSWITCH_UNAVAIL);
    } else if (reached) {
      enum aiodns_behind becomes = aiodns_behind_of(&service);
      knows |= becomes == AIODNS_BEHIND_KNOWS;
      reached = becomes != AIODNS_BEHIND_ENDS;
    }
  }
  *ret_knows = knows;
  return found;
}

bool aiodns_behind_read(const char *path)
{
  struct aiodns_lines lines;
  bool knows = false, says;
  unsigned number = 0;

  if (!aiodns_lines_open(&lines, path))
    return false;
  while (aiodns_nsswitch_next(&lines, &number)) {
    enum aiodns_nsswitch found = read_line(&lines, &says);
    if (found != AIODNS_NSSWITCH_CUT)
      knows = says;
    if (found == AIODNS_NSSWITCH_BAD) {
      knows = false;
      break;
    }
  }
  aiodns_lines_close(&lines);
  return knows;
}

/* Where the file cannot be looked at, in a sandbox, say, what was known stays so. */
static bool find(uint64_t state)
{
  struct table table;
  bool known = aiodns_words_read(&shared.sequence, shared.word, &table, sizeof table);

  if (state == AIODNS_FILESTATE_ABSENT)
    return false;
  if (known && (table.state == state || state == AIODNS_FILESTATE_UNKNOWN))
    return table.knows;
  if (state == AIODNS_FILESTATE_UNKNOWN)
    return false;
  table.state = aiodns_filestate_reliable(AIODNS_NSSWITCH_PATH, state);
  table.knows = aiodns_behind_read(AIODNS_NSSWITCH_PATH);
  aiodns_words_write(&shared.sequence, shared.word, &table, sizeof table);
  return table.knows;
}

bool aiodns_behind_knows(struct aiodns_moment *moment)
{
  uint64_t state;

  if (moment->behind == 0) {
    if (!aiodns_filestate_at(AIODNS_NSSWITCH_PATH, &state))
      state = AIODNS_FILESTATE_UNKNOWN;
    moment->behind = find(state) ? KNOWS : ENDS;
    aiodns_moment_put(moment);
  }
  return moment->behind == KNOWS;
}
