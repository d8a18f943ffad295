/* Runs a fuzz target over files and folders of files, without a fuzzer: replay PATH... */
#include "fuzz.h"

#include <fts.h>
#include <stdio.h>

static int run(const char *path)
{
  FILE *file = fopen(path, "re");
  long size = -1;
  if (file && fseek(file, 0, SEEK_END) == 0)
    size = ftell(file);
  if (size < 0) {
    perror(path);
    if (file)
      fclose(file);
    return 1;
  }
  rewind(file);
  uint8_t *data = malloc((size_t)size + !size);
  int bad = !data || fread(data, 1, (size_t)size, file) != (size_t)size;
  fclose(file);
  if (bad)
    perror(path);
  else
    LLVMFuzzerTestOneInput(data, (size_t)size);
  free(data);
  return bad;
}

int main(int argc, char **argv)
{
  unsigned files = 0, bad = 0;
  if (argc < 2)
    return 2;
  FTS *tree = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
  for (FTSENT *entry; tree && (entry = fts_read(tree)) != NULL;)
    if (entry->fts_info == FTS_F) {
      files++;
      bad += (unsigned)run(entry->fts_accpath);
    }
  if (tree)
    fts_close(tree);
  printf("%u files, %u unread\n", files, bad);
  return files == 0 || bad > 0;
}
