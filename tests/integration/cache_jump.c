/*
 * cache_jump NAME: looks NAME up until SIGALRM comes, jumps out of the lookup, says "jumped", then looks up
 * each name that it reads, and prints what getaddrinfo(3) returned.
 */
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static sigjmp_buf out;

static void jump(int signal)
{
  (void)signal;
  siglongjmp(out, 1);
}

static int look_up(const char *name)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int status = getaddrinfo(name, NULL, &hints, &found);

  if (status == 0)
    freeaddrinfo(found);
  return status;
}

int main(int argc, char **argv)
{
  char name[256];

  if (argc != 2 || signal(SIGALRM, jump) == SIG_ERR)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (sigsetjmp(out, 1) == 0) {
    printf("%d\n", look_up(argv[1]));
    return 1;
  }
  puts("jumped");
  while (fgets(name, sizeof name, stdin)) {
    name[strcspn(name, "\n")] = '\0';
    printf("%d\n", look_up(name));
  }
  return 0;
}
