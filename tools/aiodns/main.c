/*
 * aiodns: what is in the caches, what they are good for, and whether all is as it should be.
 */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct subcommand {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *sentence;
} subcommands[] = {
    {"stats", command_stats, "How often the caches were asked, and how often they knew"},
    {"cache", command_cache, "What is in the caches"},
    {"flush", command_flush, "Empty the cache, or forget a name and what is below it"},
    {"config", command_config,
     "What is in force of /etc/aiodns.conf and resolv.conf, and what is wrong there"},
    {"index", command_index, "Make the index of hosts files and block lists now"},
    {"servers", command_servers, "What is known of each name server, in the order of asking"},
    {"blocklist", command_blocklist, "Download block lists, and keep them up to date"},
    {"doctor", command_doctor, "Whether everything is as it should be, and what to do if not"},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

struct call {
  const struct subcommand *subcommand;
  int argc;
  char **argv;
};

/* libc reads it, so it must not be hidden as all else is. */
__attribute__((visibility("default"))) const char *argp_program_version = "aiodns " AIODNS_VERSION;

static const struct subcommand *find(const char *name)
{
  for (size_t i = 0; i < SUBCOMMANDS; i++)
    if (strcmp(subcommands[i].name, name) == 0)
      return &subcommands[i];
  return NULL;
}

static error_t parse_word(int key, char *word, struct argp_state *state)
{
  struct call *call = state->input;

  switch (key) {
  case ARGP_KEY_ARG:
    call->subcommand = find(word);
    if (!call->subcommand) {
      char *printable = command_printable(word);
      argp_error(state, "no such subcommand: %s", printable);
      free(printable);
    }
    /* All that follows is the subcommand's. */
    call->argc = state->argc - state->next + 1;
    call->argv = &state->argv[state->next - 1];
    state->next = state->argc;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "which subcommand?");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* A file that is opened must not become what stdout or stderr writes to. */
static void fill_standard_descriptors(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      /* Opened the wrong way, so that using it is an error as it was before. */
      (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* At the very end, whatever ends it: output that was lost must not look like success. */
static void close_stdout(void)
{
  bool failed = ferror(stdout);

  errno = 0;
  if (fclose(stdout) == 0 && !failed)
    return;
  if (errno)
    command_say("write error: %s", strerror(errno));
  else
    command_say("write error");
  _exit(COMMAND_FAILED);
}

int main(int argc, char **argv)
{
  static char name[] = "aiodns";
  struct argp_option options[SUBCOMMANDS + 2] = {{.doc = "Subcommands:", .group = 1}};
  struct call call = {0};

  fill_standard_descriptors();
  if (atexit(close_stdout) != 0)
    return COMMAND_FAILED;
  argp_err_exit_status = COMMAND_USAGE;
  for (size_t i = 0; i < SUBCOMMANDS; i++)
    options[i + 1] = (struct argp_option){.name = subcommands[i].name,
                                          .flags = OPTION_DOC | OPTION_NO_USAGE,
                                          .doc = subcommands[i].sentence,
                                          .group = 1};
  const struct argp argp = {
      .options = options,
      .parser = parse_word,
      .args_doc = "SUBCOMMAND [ARGUMENT...]",
      .doc = "Looks at the caches of host name resolution, and after them.\v"
             "`aiodns SUBCOMMAND --help' says more about each.",
  };
  if (argc > 0)
    argv[0] = name; /* what complaints begin with, whatever the path */
  if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &call) != 0 || !call.subcommand)
    return COMMAND_USAGE;
  return call.subcommand->run(call.argc, call.argv);
}
