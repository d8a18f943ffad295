/*
 * client: does what its standard input says, a line each, and answers with a line.
 *
 *   HOW NAME      a lookup, as for ask()
 *   crowd NAME    lookups by "gai" in many threads at once: what they all get, or "different"
 *   chroot FOLDER
 *   hostaliases FILE   sets the variable of that name
 *   refuse CALLS  a filter of system calls as in filter.h, with EPERM
 *   spare COUNT   so many descriptors can be opened from now on
 *
 * A lookup that hangs ends it.
 */
#include "filter.h"
#include "module.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HUNG_S = 60, CROWD = 20 };

struct crowd {
  const char *name;
  char text[TEXT_MAX];
};

static void *crowd_thread(void *argument)
{
  struct crowd *one = argument;

  ask("gai", one->name, one->text);
  return NULL;
}

static void ask_in_a_crowd(const char *name, char ret[TEXT_MAX])
{
  struct crowd *crowd = calloc(CROWD, sizeof *crowd);
  pthread_t thread[CROWD];

  CHECK(crowd, "no memory");
  for (int i = 0; i < CROWD; i++) {
    crowd[i].name = name;
    CHECK(pthread_create(&thread[i], NULL, crowd_thread, &crowd[i]) == 0, "pthread_create");
  }
  for (int i = 0; i < CROWD; i++)
    pthread_join(thread[i], NULL);
  memcpy(ret, crowd[0].text, TEXT_MAX);
  for (int i = 1; i < CROWD; i++)
    if (strcmp(crowd[i].text, crowd[0].text) != 0)
      snprintf(ret, TEXT_MAX, "different");
  free(crowd);
}

static const char *done_if(bool done)
{
  return done ? "done" : "failed";
}

static void obey(const char *how, const char *what, char ret[TEXT_MAX])
{
  const char *answer = "done";

  if (strcmp(how, "crowd") == 0) {
    ask_in_a_crowd(what, ret);
    return;
  }
  if (strcmp(how, "hostaliases") == 0)
    answer = done_if(setenv("HOSTALIASES", what, 1) == 0);
  else if (strcmp(how, "chroot") == 0)
    answer = done_if(chroot(what) == 0 && chdir("/") == 0);
  else if (strcmp(how, "refuse") == 0)
    filter_refuse(what, EPERM);
  else if (strcmp(how, "spare") == 0)
    leave_descriptors((unsigned)atoi(what));
  else {
    ask(how, what, ret);
    return;
  }
  snprintf(ret, TEXT_MAX, "%s", answer);
}

int main(void)
{
  static char line[4096], how[64], what[1024], text[TEXT_MAX];

  while (fgets(line, sizeof line, stdin)) {
    CHECK(sscanf(line, "%63s %1023s", how, what) == 2, "%s", line);
    alarm(HUNG_S);
    obey(how, what, text);
    puts(text);
    fflush(stdout);
    alarm(0);
  }
  return 0;
}
