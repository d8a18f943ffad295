/* Checks that end the process, whatever the build. */
#ifndef AIODNS_TORTURE_CHECK_H
#define AIODNS_TORTURE_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHECK_SKIPPED = 77 }; /* SKIP_RETURN_CODE in CMakeLists.txt */

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define FAIL(what)       check_failed(__FILE__, __LINE__, what)

/* Not exit(3): a child has its parent's buffers. */
static inline _Noreturn void check_failed(const char *file, int line, const char *condition)
{
  dprintf(STDERR_FILENO, "%s:%d: not so: %s (errno: %s)\n", file, line, condition, strerror(errno));
  _exit(1);
}

#endif
