#include "command.h"
#include "in_force.h"
#include "memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char doc[] =
    "Shows what is known of each name server, in the order in which the next lookup asks them: how long its "
    "answers take, whether it is down, and how it is to be asked.\v"
    "It is what the lookups of the last hour have shown, in this network and of whoever calls it: root and "
    "users have caches of their own.";

enum { PROBE_MAX_S = 30 /* no probe is ever set further ahead (servers.h) */ };

static const struct way {
  enum aiodns_known known;
  const char *text, *key;
} ways[] = {
    {AIODNS_KNOWN_NO_LETTERS, "without random letter case", "without_0x20"},
    {AIODNS_KNOWN_ECHOES, "with random letter case", "with_0x20"},
    {AIODNS_KNOWN_NO_EDNS, "without EDNS", "without_edns"},
    {AIODNS_KNOWN_COOKIES, "with cookies", "with_cookies"},
    {AIODNS_KNOWN_NO_COOKIES, "without cookies", "without_cookies"},
};

enum { WAYS = sizeof ways / sizeof *ways };

/* 0 is what is not known. */
struct row {
  char *server;
  unsigned place; /* in resolv.conf, from 1 */
  uint32_t round_trip_us, late_us;
  bool down, probed; /* probed: beside other lookups, from probe_in_s on */
  uint32_t probe_in_s, tcp_for_s;
  unsigned known;
};

/* ---- What is known ---- */

static uint32_t late_us(const struct aiodns_conf *conf, const struct aiodns_server *server)
{
  uint64_t longest_us = (uint64_t)conf->timeout_ms * 1000;

  if (conf->schedule.step_count > 0) /* which says when the next one is asked */
    return 0;
  return server->late_us < longest_us ? server->late_us : (uint32_t)longest_us;
}

static void fill(struct row *row, const struct aiodns_conf *conf, const struct aiodns_server *server,
                 const struct aiodns_server_facts *facts, uint32_t now_s)
{
  uint32_t probe_in_s = facts->probe_s > now_s ? facts->probe_s - now_s : 0;

  row->server = command_server(server);
  row->place = server->place + 1u;
  row->round_trip_us = facts->round_trip_us;
  row->late_us = late_us(conf, server);
  row->down = facts->down;
  row->probed = facts->down && conf->up_count > 0;
  row->probe_in_s = probe_in_s <= PROBE_MAX_S ? probe_in_s : 0;
  row->known = server->known;
  if (row->known & AIODNS_KNOWN_NO_LETTERS) /* which is what counts */
    row->known &= ~(unsigned)AIODNS_KNOWN_ECHOES;
  row->tcp_for_s = server->known & AIODNS_KNOWN_TCP ? facts->tcp_s - now_s : 0;
}

static unsigned look(struct row rows[AIODNS_SERVERS_MAX])
{
  struct __res_state state = {0};
  struct aiodns_conf conf;
  struct aiodns_moment moment;
  struct aiodns_servers servers, applied;
  unsigned count = 0;

  if (res_ninit(&state) == 0 && aiodns_conf_from_state(&conf, &state)) {
    aiodns_moment_get(&moment);
    aiodns_in_force_look(&moment);
    aiodns_in_force_apply(&moment, &conf);
    aiodns_memory_known(&conf, &servers);
    uint64_t now_ns = aiodns_moment_boot_ns();
    /* Which sets the time of the next probe, so in a copy that nobody keeps. */
    applied = servers;
    aiodns_servers_apply(&applied, &conf, now_ns);
    for (; count < conf.server_count; count++)
      fill(&rows[count], &conf, &conf.server[count], &servers.server[conf.server[count].place],
           (uint32_t)(now_ns / 1000000000));
  }
  res_nclose(&state);
  return count;
}

/* ---- In words ---- */

static const char *time_text(uint32_t us, char buf[COMMAND_NUMBER_MAX])
{
  if (us < 1000)
    snprintf(buf, COMMAND_NUMBER_MAX, "%u us", us);
  else if (us < 9950)
    snprintf(buf, COMMAND_NUMBER_MAX, "%.1f ms", us / 1000.0);
  else
    snprintf(buf, COMMAND_NUMBER_MAX, "%u ms", (us + 500) / 1000);
  return buf;
}

/* *between, the first time blanks, is what stands before it. */
static void __attribute__((format(printf, 2, 3))) say(const char **between, const char *format, ...)
{
  va_list args;

  (void)fputs(*between, stdout);
  *between = "; ";
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
}

static void say_times(const struct row *row, const char **between)
{
  char buf[COMMAND_NUMBER_MAX];

  if (row->down && !row->probed)
    say(between, "down, asked in its turn all the same");
  else if (row->down && row->probe_in_s == 0)
    say(between, "down, asked again beside the next lookup");
  else if (row->down)
    say(between, "down, asked again in %u s", row->probe_in_s);
  if (row->down)
    return;
  if (row->round_trip_us > 0)
    say(between, "answers in %s", time_text(row->round_trip_us, buf));
  if (row->round_trip_us > 0 && row->late_us > 0)
    *between = ", ";
  if (row->late_us > 0)
    say(between, "late after %s", time_text(row->late_us, buf));
}

static void print_in_words(const struct row *row, int width)
{
  static const char blanks[] = "  ";
  const char *between = blanks;

  printf("%-*s", width, row->server);
  say_times(row, &between);
  for (unsigned i = 0; i < WAYS; i++)
    if (row->known & ways[i].known)
      say(&between, "%s", ways[i].text);
  if (row->tcp_for_s > 0)
    say(&between, "by TCP for %u s", row->tcp_for_s);
  if (between == blanks)
    say(&between, "nothing known yet");
  putchar('\n');
}

/* ---- In JSON ---- */

static json_t *count_or_null(bool is_known, uint32_t count)
{
  return is_known ? command_json_count(count) : json_null();
}

static json_t *in_json(const struct row *row)
{
  json_t *object = json_object(), *known = json_array();

  for (unsigned i = 0; i < WAYS; i++)
    if (row->known & ways[i].known)
      command_json_put(known, NULL, json_string(ways[i].key));
  command_json_put(object, "server", json_string(row->server));
  command_json_put(object, "place", command_json_count(row->place));
  command_json_put(object, "round_trip_us", count_or_null(row->round_trip_us > 0, row->round_trip_us));
  command_json_put(object, "late_us", count_or_null(row->late_us > 0, row->late_us));
  command_json_put(object, "down", json_boolean(row->down));
  command_json_put(object, "probe_in_s", count_or_null(row->probed, row->probe_in_s));
  command_json_put(object, "known", known);
  command_json_put(object, "tcp_for_s", count_or_null(row->tcp_for_s > 0, row->tcp_for_s));
  return object;
}

int command_servers(int argc, char **argv)
{
  struct command_request request;
  struct row rows[AIODNS_SERVERS_MAX];
  int width = 0;

  command_parse(argc, argv, COMMAND_TAKES_JSON, doc, &request);
  unsigned count = look(rows);
  json_t *array = json_array();
  for (unsigned i = 0; i < count; i++) {
    int len = (int)strlen(rows[i].server);
    width = len > width ? len : width;
    command_json_put(array, NULL, in_json(&rows[i]));
  }
  for (unsigned i = 0; i < count && !request.json; i++)
    print_in_words(&rows[i], width);
  if (request.json)
    command_json_print(array);
  else
    json_decref(array);
  for (unsigned i = 0; i < count; i++)
    free(rows[i].server);
  if (count == 0)
    command_say("resolv.conf names no server that can be used");
  return count > 0 ? COMMAND_GOOD : COMMAND_FAILED;
}
