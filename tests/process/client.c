/*
 * client: does what its standard input says, a line each, and answers with a line.
 *
 *   HOW NAME      a lookup, as for ask()
 *   chroot FOLDER
 *   hostaliases FILE   sets the variable of that name
 *
 * A lookup that hangs ends it.
 */
#include "module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HUNG_S = 60 };

int main(void)
{
  static char line[4096], how[64], what[1024], text[TEXT_MAX];

  while (fgets(line, sizeof line, stdin)) {
    CHECK(sscanf(line, "%63s %1023s", how, what) == 2, "%s", line);
    alarm(HUNG_S);
    if (strcmp(how, "hostaliases") == 0)
      snprintf(text, sizeof text, "%s", setenv("HOSTALIASES", what, 1) == 0 ? "done" : "failed");
    else if (strcmp(how, "chroot") == 0)
      snprintf(text, sizeof text, "%s", chroot(what) == 0 && chdir("/") == 0 ? "done" : "failed");
    else
      ask(how, what, text);
    puts(text);
    fflush(stdout);
    alarm(0);
  }
  return 0;
}
