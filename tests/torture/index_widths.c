/*
 * The index is the same file whoever makes it: this makes one, lets PROGRAM, which is
 * this for processors with words of another width, make one, too, compares them, and lets PROGRAM read it.
 *
 *     torture-index PROGRAM FILE
 *     torture-index --make FILE
 *     torture-index --read FILE
 */
#include "index_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAMES = 20000 };

static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {7};

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static void must(bool holds, const char *what)
{
  if (!holds) {
    fprintf(stderr, "%s\n", what);
    exit(1);
  }
}

static void name_of(unsigned i, char text[64], struct aiodns_name *ret)
{
  snprintf(text, 64, "name-%u.domain%u.example", i, i % 97);
  must(aiodns_name_from_text(ret, text), text);
}

static void put(const char *path, const void *octets, uint64_t size)
{
  FILE *file = fopen(path, "we");
  if (!file || fwrite(octets, 1, (size_t)size, file) != size || fclose(file) != 0)
    die(path);
}

/* The lines come from a file that is in the place of the one to be made. */
static void put_hosts(const char *path)
{
  char text[64];
  struct aiodns_name name;
  FILE *file = fopen(path, "we");
  if (!file)
    die(path);
  for (unsigned i = 0; i < NAMES; i++) {
    name_of(i, text, &name);
    fprintf(file, i % 3 ? "10.0.%u.%u %s all\n" : "2001:db8::%x:%x %s six\n", i >> 8, i & 255, text);
  }
  if (fclose(file) != 0)
    die(path);
}

static void make(const char *path)
{
  const uint64_t key[2] = {11, 13};
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  struct aiodns_lines lines;
  struct aiodns_rule rule;
  char text[64];
  uint64_t size;

  put_hosts(path);
  if (!draft || !aiodns_lines_open(&lines, path))
    die(path);
  aiodns_index_add_source(draft, AIODNS_INDEX_HOSTS, "/etc/hosts", 17);
  while (aiodns_lines_next(&lines))
    aiodns_index_add_hosts_line(draft, &lines);
  aiodns_lines_close(&lines);
  for (unsigned i = 0; i < NAMES; i++) {
    name_of(i, text, &rule.name);
    rule.is = (uint8_t)(i % 7 + 1);
    aiodns_index_add_rule(draft, &rule);
  }
  const void *whole = aiodns_index_finish(draft, 0, boot, &size);
  if (!whole)
    die("no index");
  put(path, whole, size);
  aiodns_index_draft_free(draft);
}

static void *take(const char *path, size_t *ret_size)
{
  FILE *file = fopen(path, "re");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    die(path);
  long size = ftell(file);
  void *octets = malloc((size_t)size);
  rewind(file);
  if (!octets || fread(octets, 1, (size_t)size, file) != (size_t)size)
    die(path);
  must(fclose(file) == 0, path);
  *ret_size = (size_t)size;
  return octets;
}

static void look_up(const char *path)
{
  struct aiodns_index index;
  struct aiodns_index_lines walk;
  struct aiodns_name name;
  char text[64];
  const char *line;
  uint32_t len;
  size_t size;
  void *octets = take(path, &size);

  must(aiodns_index_attach(&index, octets, size, boot) == AIODNS_CACHE_GOOD, "not attached");
  for (unsigned i = 0; i < NAMES; i++) {
    name_of(i, text, &name);
    unsigned is = i % 7 + 1;
    must(aiodns_index_rules(&index, &name) ==
             (is & AIODNS_RULE_ALLOW ? AIODNS_RULE_ALLOW : is & AIODNS_RULE_ITSELF),
         text);
    aiodns_index_name(&index, text, strlen(text), &walk);
    must(aiodns_index_line(&index, &walk, &line, &len) && memmem(line, len, text, strlen(text)), text);
    must(!aiodns_index_line(&index, &walk, &line, &len), text);
  }
  free(octets);
}

static void run(const char *program, const char *what, const char *path)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    execl(program, program, what, path, (char *)NULL);
    _exit(127);
  }
  must(child > 0 && waitpid(child, &status, 0) == child && status == 0, program);
}

static void compare(const char *program, const char *path)
{
  size_t size, other_size;

  make(path);
  run(program, "--read", path);
  void *octets = take(path, &size);
  run(program, "--make", path);
  look_up(path);
  void *other = take(path, &other_size);
  must(size == other_size && memcmp(octets, other, size) == 0, "not the same octets");
  printf("%zu octets, the same\n", size);
  free(octets);
  free(other);
}

int main(int argc, char **argv)
{
  if (argc != 3)
    return 2;
  if (strcmp(argv[1], "--make") == 0)
    make(argv[2]);
  else if (strcmp(argv[1], "--read") == 0)
    look_up(argv[2]);
  else
    compare(argv[1], argv[2]);
  return 0;
}
