#include "worker.h"

#include "client.h"
#include "server.h"
#include "space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  TRIES = 3, /* of a lookup that differs: on a busy machine a reply can be late for one of the two */
  STUCK_MS = 120000,
};

struct worker {
  const struct plan *plan;
  struct tally *tally;
  uint64_t number; /* of the case that is on */
  struct servers servers;
  struct client ours, theirs;
};

static void write_file(const char *path, const char *content)
{
  const char *new = "/etc/new";
  FILE *file = fopen(new, "we");

  if (!file || fputs(content, file) < 0 || fclose(file) != 0 || rename(new, path) != 0) {
    fprintf(stderr, "compare: %s: %s\n", path, strerror(errno));
    exit(1);
  }
}

static void set_up(const struct worker *worker, const struct world *world)
{
  char text[sizeof world->resolv_conf + 256];
  int len = 0;

  for (unsigned s = 0; s < world->server_count; s++) {
    char address[INET_ADDRSTRLEN];
    servers_address(worker->servers.worker, world->server[s].reach, s, address);
    len += snprintf(text + len, sizeof text - (size_t)len, "nameserver %s\n", address);
  }
  snprintf(text + len, sizeof text - (size_t)len, "%s", world->resolv_conf);
  write_file("/etc/resolv.conf", text);
  if (world->alias_count > 0)
    write_file(CLIENT_ALIASES_PATH, world->host_aliases);
}

/* The case cannot be finished. */
static void give_up(const struct worker *worker, const struct lookup *lookup, const char *what)
{
  fprintf(stderr, "compare: case %llu of seed %llu: %s: ", (unsigned long long)worker->number,
          (unsigned long long)worker->plan->seed, what);
  lookup_print(lookup, stderr);
  fputc('\n', stderr);
  exit(1);
}

/* Asks one or both; a result that is not wanted may be NULL. */
static void ask(struct worker *worker, const struct lookup *lookup, struct result *ours,
                struct result *theirs)
{
  bool ours_due = ours, theirs_due = theirs;

  if (ours_due)
    client_send(&worker->ours, worker->servers.world, lookup);
  if (theirs_due)
    client_send(&worker->theirs, worker->servers.world, lookup);
  while (ours_due || theirs_due) {
    struct pollfd ready[SOCKETS_MAX + 2] = {{.fd = ours_due ? worker->ours.fd : -1, .events = POLLIN},
                                            {.fd = theirs_due ? worker->theirs.fd : -1, .events = POLLIN}};
    unsigned count = servers_watch(&worker->servers, ready, 2);
    int found = poll(ready, count, STUCK_MS);
    if (found == 0)
      give_up(worker, lookup, ours_due ? "aiodns does not return" : "glibc does not return");
    servers_serve(&worker->servers, ready + 2, found > 0 ? count - 2 : 0);
    if (found > 0 && ready[0].revents) {
      if (!client_receive(&worker->ours, ours))
        give_up(worker, lookup, "aiodns died");
      ours_due = false;
    }
    if (found > 0 && ready[1].revents) {
      if (!client_receive(&worker->theirs, theirs))
        give_up(worker, lookup, "glibc died");
      theirs_due = false;
    }
  }
}

/* One service after the other, so that it can be seen who asked what. */
static void show(struct worker *worker, const struct lookup *lookup, FILE *out)
{
  const struct world *world = worker->servers.world;
  static struct result ours, theirs;
  char address[INET_ADDRSTRLEN];

  fprintf(out, "case %llu of seed %llu:\n", (unsigned long long)worker->number,
          (unsigned long long)worker->plan->seed);
  for (unsigned s = 0; s < world->server_count; s++) {
    servers_address(worker->servers.worker, world->server[s].reach, s, address);
    fprintf(out, "  | nameserver %s\n", address);
  }
  for (const char *line = world->resolv_conf; *line; line += strcspn(line, "\n") + 1)
    fprintf(out, "  | %.*s\n", (int)strcspn(line, "\n"), line);
  if (world->local_domain[0])
    fprintf(out, "  LOCALDOMAIN=\"%s\"\n", world->local_domain);
  if (world->res_options[0])
    fprintf(out, "  RES_OPTIONS=\"%s\"\n", world->res_options);
  for (unsigned i = 0; i < world->alias_count; i++)
    fprintf(out, "  HOSTALIASES: %s %s\n", world->alias[i].name, world->alias[i].target);
  worker->servers.trace = out;
  fputs("  aiodns asks:\n", out);
  ask(worker, lookup, &ours, NULL);
  fputs("  glibc asks:\n", out);
  ask(worker, lookup, NULL, &theirs);
  worker->servers.trace = NULL;
  judge_explain(world, lookup, &ours, &theirs, out);
}

/* In one piece, whatever the other workers write. */
static void report(struct worker *worker, const struct lookup *lookup)
{
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);

  if (!out)
    abort();
  show(worker, lookup, out);
  if (!worker->plan->trace)
    fprintf(out, "  again: compare --seed %llu --case %llu\n\n", (unsigned long long)worker->plan->seed,
            (unsigned long long)worker->number);
  fclose(out);
  for (size_t at = 0; at < len;) {
    ssize_t written = write(STDOUT_FILENO, text + at, len - at);
    if (written <= 0)
      break;
    at += (size_t)written;
  }
  free(text);
}

static void compare(struct worker *worker, const struct lookup *lookup)
{
  static struct result ours, theirs;
  enum verdict verdict = VERDICT_WRONG;
  enum rule rule = RULES;
  unsigned tries = 0;

  while (verdict == VERDICT_WRONG && tries++ < TRIES) {
    ask(worker, lookup, &ours, &theirs);
    verdict = judge(worker->servers.world, lookup, &ours, &theirs, &rule);
  }
  worker->tally->lookups++;
  worker->tally->unsteady += tries > 1 && verdict != VERDICT_WRONG;
  if (verdict == VERDICT_INTENDED)
    worker->tally->intended[rule]++;
  if (verdict == VERDICT_WRONG)
    worker->tally->failures++;
  bool wanted =
      verdict == VERDICT_INTENDED && worker->plan->rule && strcmp(worker->plan->rule, rule_name[rule]) == 0;
  if (verdict == VERDICT_WRONG || worker->plan->trace || wanted)
    report(worker, lookup);
}

void worker_main(unsigned number, const struct plan *plan, struct tally *tally)
{
  static struct worker worker;
  static struct world world;

  worker.plan = plan;
  worker.tally = tally;
  space_enter_own_etc();
  write_file("/etc/hosts", "");
  write_file("/etc/host.conf", "multi on\n");
  write_file("/etc/resolv.conf", "");
  servers_open(&worker.servers, number);
  worker.ours = client_start("aiodns", plan->module_dir);
  worker.theirs = client_start("dns", plan->module_dir);
  for (;;) {
    uint64_t next = tally->next++;
    if (next >= plan->end || tally->failures >= plan->failures)
      break;
    world_generate(&world, plan->seed, next);
    worker.number = next;
    worker.servers.world = &world;
    set_up(&worker, &world);
    for (unsigned i = 0; i < world.lookup_count; i++)
      compare(&worker, &world.lookup[i]);
  }
  client_stop(&worker.ours);
  client_stop(&worker.theirs);
  exit(0);
}
