#include "command.h"
#include "config_items.h"
#include "filestate.h"
#include "hosts.h"
#include "settings.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char doc[] =
    "Reads " AIODNS_SETTINGS_PATH
    ", or FILE in its place, and the hosts files and block lists that it names. "
    "Each error is a line on stderr; what is in force is written as lines of such a file and of resolv.conf, "
    "each with where it comes from, and for each file how many names it has. The exit status is 0 if there "
    "is no error, else 1.\v"
    "A file with an error changes nothing: every process goes on with the last good one that it has read, or "
    "with resolv.conf and the `domain' lines alone. A hosts file or block list that cannot be read is passed "
    "over.";

struct config {
  const char *path;
  char *printable; /* the path */
  bool named;      /* it is not the file that counts */
  struct aiodns_settings settings;
  struct aiodns_items items;
  unsigned item_line[AIODNS_ITEMS_MAX];
  struct aiodns_settings_place place[AIODNS_KEYWORDS];
  struct aiodns_conf conf;
};

/* ---- What was asked for ---- */

static error_t parse_word(int key, char *word, struct argp_state *state)
{
  struct config *config = state->input;

  switch (key) {
  case '?':
    state->name =
        (char[]){"aiodns config"}; /* only now, since complaints begin with the program's name alone */
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return 0;
  case ARGP_KEY_ARG:
    if (config->named) {
      char *printable = command_printable(word);
      argp_error(state, "one word too many: %s", printable);
      free(printable);
    }
    config->path = word;
    config->named = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void parse(int argc, char **argv, struct config *ret)
{
  static char program[] = "aiodns";
  static const struct argp_option options[] = {
      {.name = "help", .key = '?', .doc = "Say how to call it", .group = -1}, {0}};
  const struct argp argp = {.options = options, .parser = parse_word, .args_doc = "[FILE]", .doc = doc};

  ret->path = AIODNS_SETTINGS_PATH;
  argv[0] = program;
  if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, ret) != 0)
    command_die("cannot read the command line");
  ret->printable = command_printable(ret->path);
}

/* ---- What is wrong ---- */

/* As compilers do, so that editors find the place. */
static void print_error(void *context, const struct aiodns_settings_error *error)
{
  const struct config *config = context;

  if (error->at.line == 0) {
    fprintf(stderr, "%s: %s\n", config->printable, errno ? strerror(errno) : error->expected);
    return;
  }
  char *word = command_printable(error->word);
  fprintf(stderr, "%s:%u:%u: %s%s%s\n", config->printable, error->at.line, error->at.column, word,
          *word ? ": " : "", error->expected);
  free(word);
}

/* False where there are errors, or no file that was named. */
static bool read_settings(struct config *config)
{
  errno = 0;
  switch (aiodns_settings_read_items(&config->settings, &config->items, config->item_line, config->path,
                                     config->place, print_error, config)) {
  case AIODNS_SETTINGS_GOOD:
    return true;
  case AIODNS_SETTINGS_ABSENT:
    if (config->named)
      command_say("there is no %s", config->printable);
    return !config->named;
  case AIODNS_SETTINGS_BAD:
    break;
  }
  if (config->named)
    command_say("as " AIODNS_SETTINGS_PATH
                " it would change nothing: a process would go on with the last good "
                "configuration that it has read, a new one with resolv.conf alone");
  else
    command_say(
        "nothing in %s counts: a process goes on with the last good configuration that it has read, a "
        "new one with resolv.conf alone",
        config->printable);
  if (config->items.len > 0)
    command_say("but names of its `domain' lines are asked of no other servers than those");
  return false; /* *config is as for a new process */
}

/* ---- What is in force ---- */

static const char *time_text(uint64_t ms, char buf[COMMAND_NUMBER_MAX])
{
  static const struct {
    const char *text;
    uint32_t ms;
  } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
  size_t i = 0;

  while (ms % units[i].ms != 0)
    i++;
  snprintf(buf, COMMAND_NUMBER_MAX, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].text);
  return buf;
}

static void print_server(const struct aiodns_server *server)
{
  char *text = command_server(server);

  printf(" %s", text);
  free(text);
}

/* Ends a line of what that keyword says. */
static void print_source(const struct config *config, enum aiodns_keyword keyword, const char *otherwise)
{
  if (config->settings.said >> keyword & 1)
    printf(" # %s:%u\n", config->printable, config->place[keyword].line);
  else
    printf(" # %s\n", otherwise);
}

static void print_attempts(const struct config *config)
{
  const struct aiodns_conf *conf = &config->conf;
  char buf[COMMAND_NUMBER_MAX];

  for (unsigned i = 0; i < conf->schedule.step_count; i++) {
    const struct aiodns_step *step = &conf->schedule.step[i];
    printf("attempt %s", time_text(step->wait_ms, buf));
    for (unsigned k = 0; k < conf->server_count; k++)
      if (step->servers >> k & 1)
        print_server(&conf->server[k]);
    if (i == 0)
      print_source(config, AIODNS_KEYWORD_ATTEMPT, "");
    else
      printf(" # %s\n", config->printable);
  }
}

static void print_servers(const struct aiodns_conf *conf)
{
  for (unsigned i = 0; i < conf->server_count; i++) {
    printf("nameserver");
    print_server(&conf->server[i]);
    printf(" # resolv.conf\n");
  }
  printf("options timeout:%u attempts:%u%s # resolv.conf\n", conf->timeout_ms / 1000, conf->attempts,
         conf->rotate ? " rotate" : "");
}

static void print_rest(const struct config *config)
{
  static const char *const letters[] = {
      [AIODNS_LETTERS_AUTO] = "auto", [AIODNS_LETTERS_ON] = "on", [AIODNS_LETTERS_OFF] = "off"};
  const struct aiodns_conf *conf = &config->conf;
  char buf[COMMAND_NUMBER_MAX], sum[64];

  snprintf(sum, sizeof sum, "the sum of %u attempts", conf->schedule.step_count);
  printf("deadline %s", time_text((uint64_t)aiodns_conf_deadline_us(conf) / 1000, buf));
  print_source(config, AIODNS_KEYWORD_DEADLINE, conf->deadline_ms > 0 ? sum : "resolv.conf");
  printf("parallel-search %s", conf->parallel_search ? "on" : "off");
  print_source(config, AIODNS_KEYWORD_PARALLEL_SEARCH, "default");
  printf("serve-stale %s",
         conf->serve_stale_s ? time_text((uint64_t)conf->serve_stale_s * 1000, buf) : "off");
  print_source(config, AIODNS_KEYWORD_SERVE_STALE, "default");
  printf("0x20 %s", letters[conf->letters]);
  print_source(config, AIODNS_KEYWORD_0X20, "default");
}

static const char *size_text(uint32_t size, char buf[COMMAND_NUMBER_MAX])
{
  static const char units[] = {'\0', 'K', 'M', 'G'};
  size_t i = 0;

  for (; size % 1024 == 0 && i < sizeof units - 1; i++)
    size /= 1024;
  snprintf(buf, COMMAND_NUMBER_MAX, "%u%.1s", size, &units[i]);
  return buf;
}

static void print_ttl(const struct config *config, enum aiodns_keyword keyword, const char *text, uint32_t s)
{
  char buf[COMMAND_NUMBER_MAX];

  printf("%s %s", text, s ? time_text((uint64_t)s * 1000, buf) : "0");
  print_source(config, keyword, "default");
}

static void print_cache(const struct config *config)
{
  static const char *const blocked[] = {
      [AIODNS_BLOCK_NXDOMAIN] = "nxdomain", [AIODNS_BLOCK_NODATA] = "nodata", [AIODNS_BLOCK_NULL] = "null"};
  const struct aiodns_conf *conf = &config->conf;
  char buf[COMMAND_NUMBER_MAX];

  printf("block-answer %s", blocked[conf->block_answer]);
  print_source(config, AIODNS_KEYWORD_BLOCK_ANSWER, "default");
  printf("cache-size %s", conf->cache_size ? size_text(conf->cache_size, buf) : "4M");
  print_source(config, AIODNS_KEYWORD_CACHE_SIZE, "default");
  printf("host-cache %s", conf->host_private ? "private" : "shared");
  print_source(config, AIODNS_KEYWORD_HOST_CACHE, "default");
  print_ttl(config, AIODNS_KEYWORD_MIN_TTL, "min-ttl", conf->ttls.min_s);
  print_ttl(config, AIODNS_KEYWORD_MAX_TTL, "max-ttl", conf->ttls.max_s);
  print_ttl(config, AIODNS_KEYWORD_MAX_NEGATIVE_TTL, "max-negative-ttl", conf->ttls.max_negative_s);
}

/* ---- Files ---- */

/* As lookups do (resolver/lists.c): a small hosts file alone is read in place. */
static bool needs_index(const struct config *config)
{
  enum { SMALL = 2048 };
  uint64_t state, size = 0;

  return config->settings.said & (1u << AIODNS_KEYWORD_HOSTS_FILE | 1u << AIODNS_KEYWORD_BLOCK_FILE) ||
         (aiodns_filestate_and_size(AIODNS_HOSTS_PATH, &state, &size) && size > SMALL);
}

/* False: a file cannot be read. */
static bool print_items(const struct config *config, bool good)
{
  bool hosts = config_print_hosts(), rest;

  rest = config_print_items(&config->items, config->item_line, config->printable);
  if (good && !config->named)
    config_print_index(needs_index(config));
  return hosts && rest;
}

int command_config(int argc, char **argv)
{
  static struct config config;
  struct __res_state state = {0};
  int status = COMMAND_GOOD;

  parse(argc, argv, &config);
  bool good = read_settings(&config);
  if (!good)
    status = COMMAND_FAILED;
  bool has_servers = res_ninit(&state) == 0 && aiodns_conf_from_state(&config.conf, &state);
  aiodns_settings_apply(&config.settings, &config.conf);
  if (config.conf.schedule.step_count > 0) {
    print_attempts(&config);
  } else if (has_servers) {
    print_servers(&config.conf);
  } else {
    command_say("resolv.conf names no server that can be used");
    status = COMMAND_FAILED;
  }
  print_rest(&config);
  print_cache(&config);
  if (!print_items(&config, good))
    status = COMMAND_FAILED;
  res_nclose(&state);
  free(config.printable);
  return status;
}
