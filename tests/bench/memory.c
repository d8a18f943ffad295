#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mapping_kind { OTHER, MODULE, HEAP };

struct mapping {
  uintptr_t begin, end;
  bool file, shared;
  enum mapping_kind kind;
};

static bool is_ours(const char *path)
{
  return strstr(path, "/libnss_aiodns.so.2") || strncmp(path, "/run/aiodns/", 12) == 0 ||
         strncmp(path, "/run/user/", 10) == 0 || strncmp(path, "/dev/shm/aiodns.", 16) == 0;
}

/* The first line of a mapping; false: it is another one.  *mapping is the one before, then this one. */
static bool read_mapping(const char *line, struct mapping *mapping)
{
  uintptr_t begin, end;
  char may[5]; /* as in `rw-p` */
  int path = 0;

  if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &begin, &end, may, &path) != 3 ||
      path == 0)
    return false;
  bool file = line[path] == '/', nameless = line[path] == '\0';
  bool follows = nameless && mapping->kind == MODULE && begin == mapping->end;
  enum mapping_kind kind = OTHER;
  if ((file && is_ours(line + path)) || follows)
    kind = MODULE;
  else if (nameless || strncmp(line + path, "[heap]", 6) == 0)
    kind = HEAP;
  *mapping = (struct mapping){begin, end, file, strchr(may, 's') != NULL, kind};
  return true;
}

/* Of the mapping, by a line such as `Private_Dirty:        12 kB`. */
static int64_t read_private(const char *line, const struct mapping *mapping)
{
  int64_t kib;

  if (mapping->shared)
    return 0;
  if (sscanf(line, "Private_Dirty: %" SCNd64, &kib) == 1 ||
      (!mapping->file && sscanf(line, "Private_Clean: %" SCNd64, &kib) == 1))
    return kib * 1024;
  return 0;
}

bool bench_memory_read(struct bench_memory *ret)
{
  struct mapping mapping = {0};
  char *line = NULL;
  size_t room = 0;
  FILE *smaps = fopen("/proc/self/smaps", "re");

  *ret = (struct bench_memory){0};
  while (smaps && getline(&line, &room, smaps) > 0) {
    if (read_mapping(line, &mapping))
      continue;
    int64_t octets = read_private(line, &mapping);
    ret->whole += octets;
    ret->module += mapping.kind == MODULE ? octets : 0;
    ret->heap += mapping.kind == HEAP ? octets : 0;
  }
  free(line);
  if (smaps)
    (void)fclose(smaps);
  return ret->whole > 0;
}
