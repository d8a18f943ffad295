#include "alloc.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

static int left = -1, live;
static bool once;

void alloc_fail_after(int successes)
{
  left = successes;
  once = false;
}

void alloc_fail_once_after(int successes)
{
  left = successes;
  once = true;
}

int alloc_live(void)
{
  return live;
}

void *__wrap_malloc(size_t size)
{
  if (left == 0) {
    left -= once;
    errno = ENOMEM;
    return NULL;
  }
  if (left > 0)
    left--;
  void *block = __real_malloc(size);
  live += block != NULL;
  return block;
}

void __wrap_free(void *block)
{
  live -= block != NULL;
  __real_free(block);
}
