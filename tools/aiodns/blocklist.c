#include "blocklists.h"

#include "settings_value.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t blocklist_interrupted;

/* ---- What was asked for ---- */

struct call {
  const char *directory, *name; /* name NULL: it was not said */
  bool json;
  uint64_t jitter_ms;
  struct blocklist_request request;
  char **words; /* behind the action */
  unsigned count;
};

enum {
  OPTION_DIRECTORY = 'd',
  OPTION_FORCE = 'f',
  OPTION_JSON = 'j',
  OPTION_NAME = 'n',
  OPTION_JITTER = 0x100,
  OPTION_TIMEOUT,
};

static int add(const struct call *call);
static int remove_lists(const struct call *call);
static int list(const struct call *call);
static int update(const struct call *call);

static const struct action {
  const char *name;
  int (*run)(const struct call *call);
  int options[4]; /* beside --directory and --help */
  unsigned words_min, words_max;
  const char *words, *sentence, *doc;
} actions[] = {
    {"add",
     add,
     {OPTION_NAME, OPTION_TIMEOUT},
     1,
     1,
     "URL|FILE|NAME",
     "Download a list, and keep it",
     "Downloads a block list and keeps it, under NAME or what the URL is called.  A NAME is that of a "
     "well-known "
     "list in " AIODNS_BLOCKLISTS " or " BLOCKLIST_CATALOG "."},
    {"remove",
     remove_lists,
     {0},
     1,
     UINT32_MAX,
     "NAME...",
     "Remove lists",
     "Removes lists, and what is known of them."},
    {"list",
     list,
     {OPTION_JSON},
     0,
     0,
     NULL,
     "Which lists there are, and how old they are",
     "Shows the lists, how many rules they have, and when it was last made sure that they are up to date."},
    {"update",
     update,
     {OPTION_FORCE, OPTION_JITTER, OPTION_TIMEOUT},
     0,
     UINT32_MAX,
     "[NAME...]",
     "Bring lists up to date",
     "Brings all lists up to date, or those that are named: each at most once a day.  A list of which what "
     "came is "
     "not to be used stays as it is."},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

static const struct argp_option all_options[] = {
    {.name = "directory",
     .key = OPTION_DIRECTORY,
     .arg = "DIR",
     .doc = "Where lists are kept, in place of " BLOCKLIST_DIRECTORY},
    {.name = "name", .key = OPTION_NAME, .arg = "NAME", .doc = "What the list is to be called"},
    {.name = "force",
     .key = OPTION_FORCE,
     .doc = "Ask again within a day, and take a list that has shrunk by more than half"},
    {.name = "jitter",
     .key = OPTION_JITTER,
     .arg = "TIME",
     .doc = "First wait for a part of TIME, on each machine another one (for timers)"},
    {.name = "timeout", .key = OPTION_TIMEOUT, .arg = "TIME", .doc = "How long a download may take (10m)"},
    {.name = "json", .key = OPTION_JSON, .doc = "Write JSON"},
};

enum { OPTIONS = sizeof all_options / sizeof *all_options };

struct parsing {
  const struct action *action;
  char name[64]; /* what complaints and help begin with */
  struct call *call;
};

static void bad_usage(const struct argp_state *state, const char *what, const char *word)
{
  char *printable = command_printable(word);

  argp_error(state, "%s: %s", what, printable);
  free(printable);
}

static uint64_t time_of(const struct argp_state *state, const char *word)
{
  uint64_t ms = 0;

  if (aiodns_settings_time(word, strlen(word), &ms))
    bad_usage(state, "expected a time, such as 90s, 30m or 2h", word);
  if (ms > (uint64_t)INT32_MAX)
    bad_usage(state, "expected a time of at most 24d", word);
  return ms;
}

static error_t parse_action_word(int key, char *word, struct argp_state *state)
{
  struct parsing *parsing = state->input;
  struct call *call = parsing->call;

  switch (key) {
  case '?':
    state->name = parsing->name; /* only now, since complaints begin with the program's name alone */
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return 0;
  case OPTION_DIRECTORY:
    if (!*word)
      bad_usage(state, "expected a folder", word);
    call->directory = word;
    return 0;
  case OPTION_NAME:
    if (!blocklist_name_is_good(word))
      bad_usage(state, "expected a name of at most 64 letters, digits, '.', '_' and '-'", word);
    call->name = word;
    return 0;
  case OPTION_FORCE:
    call->request.force = true;
    return 0;
  case OPTION_JSON:
    call->json = true;
    return 0;
  case OPTION_JITTER:
    call->jitter_ms = time_of(state, word);
    return 0;
  case OPTION_TIMEOUT:
    call->request.timeout_ms = time_of(state, word);
    if (call->request.timeout_ms < 1000) /* 0 would mean none to curl */
      bad_usage(state, "expected a time of at least 1s", word);
    return 0;
  case ARGP_KEY_ARG:
    if (call->count == parsing->action->words_max)
      bad_usage(state, "one word too many", word);
    call->words[call->count++] = word;
    return 0;
  case ARGP_KEY_END:
    if (call->count < parsing->action->words_min)
      argp_error(state, "which one?");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void parse_action(const struct action *action, int argc, char **argv, struct call *ret)
{
  static char program[] = "aiodns";
  struct argp_option options[OPTIONS + 2] = {
      {.name = "help", .key = '?', .doc = "Say how to call it", .group = -1}};
  struct parsing parsing = {.action = action, .call = ret};
  unsigned count = 1;

  for (unsigned i = 0; i < OPTIONS; i++) {
    bool takes = all_options[i].key == OPTION_DIRECTORY;
    for (unsigned k = 0; k < sizeof action->options / sizeof *action->options; k++)
      takes |= action->options[k] == all_options[i].key;
    if (takes)
      options[count++] = all_options[i];
  }
  *ret = (struct call){.directory = BLOCKLIST_DIRECTORY,
                       .request.timeout_ms = (uint64_t)BLOCKLIST_TIMEOUT_S * 1000,
                       .words = command_allocate(NULL, ((size_t)argc + 1) * sizeof *ret->words)};
  snprintf(parsing.name, sizeof parsing.name, "aiodns blocklist %s", action->name);
  argv[0] = program;
  const struct argp argp = {
      .options = options, .parser = parse_action_word, .args_doc = action->words, .doc = action->doc};
  if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parsing) != 0)
    command_die("cannot read the command line");
}

/* ---- Being asked to end ---- */

static void note_signal(int number)
{
  blocklist_interrupted = number;
}

/* A download is given up then, and nothing of it stays; a second signal counts as for any program. */
static void catch_signals(void)
{
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};

  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction old;
    if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
      (void)sigaction(numbers[i], &action, NULL);
  }
  /* A server that goes away is no reason to die; what reads our stdout is seen at the end. */
  action = (struct sigaction){.sa_handler = SIG_IGN};
  (void)sigaction(SIGPIPE, &action, NULL);
}

/* As if the signal had ended us; else lookups are to know of what has changed, were it of some lists alone.
 */
static int end(int status)
{
  if (blocklist_interrupted) {
    (void)fflush(stdout);
    (void)raise(blocklist_interrupted);
  }
  command_index_renew();
  return status;
}

/* ---- add ---- */

static int add(const struct call *call)
{
  struct blocklist_store store;
  struct blocklist_source source;
  int status = COMMAND_FAILED;

  if (!blocklist_source_find(call->words[0], &source))
    return COMMAND_FAILED;
  catch_signals();
  if (blocklist_store_open(&store, call->directory, true)) {
    status = blocklist_add_source(&store, &source, call->name, &call->request);
    blocklist_store_close(&store);
  }
  blocklist_source_done(&source);
  return end(status);
}

/* ---- remove ---- */

static int remove_lists(const struct call *call)
{
  struct blocklist_store store;
  int status = COMMAND_GOOD;

  catch_signals();
  if (!blocklist_store_open(&store, call->directory, true))
    return end(COMMAND_FAILED);
  for (unsigned i = 0; i < call->count && !blocklist_interrupted; i++) {
    char *printable = command_printable(call->words[i]);
    bool was_there = false;
    if (!blocklist_store_remove(&store, call->words[i], &was_there)) {
      command_say("%s: cannot remove it: %s", printable, strerror(errno));
      status = COMMAND_FAILED;
    } else if (!was_there) {
      command_say("%s: there is no such list", printable);
      status = COMMAND_FAILED;
    } else {
      printf("%s: removed\n", printable);
    }
    free(printable);
  }
  blocklist_store_close(&store);
  return end(status);
}

/* ---- list ---- */

static int list(const struct call *call)
{
  struct blocklist_store store;
  int status = COMMAND_FAILED;

  if (blocklist_store_open(&store, call->directory, false))
    status = blocklist_list(&store, call->json);
  blocklist_store_close(&store);
  return status;
}

/* ---- update ---- */

/*
 * A part of the time that is the same on this machine each time, so that the runs of a daily timer stay a day
 * apart, and another one on others, so that they do not all ask at once.
 */
static uint64_t part_of(uint64_t time_ms)
{
  uint64_t sum = 0xcbf29ce484222325;
  FILE *file = fopen("/etc/machine-id", "re");
  int c;
  bool has_id = false;

  while (file && (c = fgetc(file)) != EOF) {
    sum = (sum ^ (uint64_t)c) * 0x100000001b3;
    has_id = true;
  }
  if (file)
    (void)fclose(file);
  if (!has_id && getrandom(&sum, sizeof sum, 0) != (ssize_t)sizeof sum)
    sum = (uint64_t)getpid() * 0x100000001b3;
  sum = (sum ^ sum >> 29) * 0xd6e8feb86659fd93;
  return (sum ^ sum >> 32) % (time_ms + 1);
}

static void wait_jitter(uint64_t time_ms)
{
  uint64_t ms = part_of(time_ms);
  struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  char text[COMMAND_NUMBER_MAX];

  if (time_ms == 0)
    return;
  printf("waiting for %s\n", command_duration(ms / 1000, text));
  while (!blocklist_interrupted && clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
    continue;
}

static int update(const struct call *call)
{
  struct blocklist_store store;
  int status = COMMAND_FAILED;

  catch_signals();
  wait_jitter(call->jitter_ms);
  if (!blocklist_interrupted && blocklist_store_open(&store, call->directory, true)) {
    status = blocklist_update(&store, call->words, call->count, &call->request);
    blocklist_store_close(&store);
  }
  return end(status);
}

/* ---- The subcommand ---- */

struct choice {
  const struct action *action;
  int argc;
  char **argv;
};

static error_t parse_word(int key, char *word, struct argp_state *state)
{
  struct choice *choice = state->input;

  switch (key) {
  case '?':
    state->name = (char[]){"aiodns blocklist"}; /* only now, as above */
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return 0;
  case ARGP_KEY_ARG:
    for (unsigned i = 0; i < ACTIONS; i++)
      if (strcmp(actions[i].name, word) == 0)
        choice->action = &actions[i];
    if (!choice->action)
      bad_usage(state, "expected add, remove, list or update", word);
    /* All that follows is the action's. */
    choice->argc = state->argc - state->next + 1;
    choice->argv = &state->argv[state->next - 1];
    state->next = state->argc;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "which of add, remove, list and update?");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int command_blocklist(int argc, char **argv)
{
  static char program[] = "aiodns";
  struct argp_option options[ACTIONS + 3] = {
      {.name = "help", .key = '?', .doc = "Say how to call it", .group = -1},
      {.doc = "What to do:", .group = 1}};
  struct choice choice = {0};
  struct call call;

  for (unsigned i = 0; i < ACTIONS; i++)
    options[i + 2] = (struct argp_option){.name = actions[i].name,
                                          .flags = OPTION_DOC | OPTION_NO_USAGE,
                                          .doc = actions[i].sentence,
                                          .group = 1};
  const struct argp argp = {
      .options = options,
      .parser = parse_word,
      .args_doc = "add|remove|list|update [ARGUMENT...]",
      .doc = "Downloads block lists and keeps them up to date.\v"
             "`aiodns blocklist add --help' and so on say more about each.",
  };
  argv[0] = program;
  if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP, NULL, &choice) != 0 || !choice.action)
    return COMMAND_USAGE;
  parse_action(choice.action, choice.argc, choice.argv, &call);
  int status = choice.action->run(&call);
  free(call.words);
  return status;
}
