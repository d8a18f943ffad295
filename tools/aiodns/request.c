#include "command.h"

#include <argp.h>
#include <stdlib.h>

struct parsing {
  unsigned takes;
  char name[64];
  struct command_request *request;
};

static void bad_usage(const struct argp_state *state, const char *what, const char *word)
{
  char *printable = command_printable(word);

  argp_error(state, "%s: %s", what, printable);
  free(printable);
}

static error_t parse_word(int key, char *word, struct argp_state *state)
{
  struct parsing *parsing = state->input;

  switch (key) {
  case '?':
    /* Only now, since complaints begin with the program's name alone. */
    state->name = parsing->name;
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return 0;
  case 'j':
    parsing->request->json = true;
    return 0;
  case 'a':
    parsing->request->all = true;
    return 0;
  case ARGP_KEY_ARG:
    if (!(parsing->takes & COMMAND_TAKES_NAME) || parsing->request->named)
      bad_usage(state, "one word too many", word);
    if (!aiodns_name_from_text(&parsing->request->name, word))
      bad_usage(state, "not a domain name", word);
    parsing->request->named = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

void command_parse(int argc, char **argv, unsigned takes, const char *doc, struct command_request *ret)
{
  static char program[] = "aiodns";
  struct argp_option options[4] = {{.name = "help", .key = '?', .doc = "Say how to call it", .group = -1}};
  unsigned count = 1;
  struct parsing parsing = {.takes = takes, .request = ret};

  *ret = (struct command_request){0};
  if (takes & COMMAND_TAKES_ALL)
    options[count++] = (struct argp_option){.name = "all", .key = 'a', .doc = "Show expired records, too"};
  if (takes & COMMAND_TAKES_JSON)
    options[count] = (struct argp_option){.name = "json", .key = 'j', .doc = "Write JSON"};
  snprintf(parsing.name, sizeof parsing.name, "%s %s", program, argv[0]);
  argv[0] = program;
  const struct argp argp = {
      .options = options,
      .parser = parse_word,
      .args_doc = takes & COMMAND_TAKES_NAME ? "[NAME]" : NULL,
      .doc = doc,
  };
  if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parsing) != 0)
    command_die("cannot read the command line");
}
