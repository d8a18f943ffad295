/*
 * compare [--seed N] [--cases N] [--workers N] [--failures N] [--module DIR] [--rule NAME] [--case K]: asks
 * aiodns and glibc's dns service the same lookups, in worlds made from the seed, and compares what programs
 * get.  Differences that are intended are counted by the name of their rule (model.h), and shown if it is the
 * one named; any other fails, and so many end the run.  --case repeats one case and shows what was asked;
 * --rules lists the names.
 *
 * compare --hosts [--shared] [--split] [...]: aiodns and glibc's files service, in hosts files made from the
 * seed, with nothing behind them.
 */
#include "client.h"
#include "hosts_client.h"
#include "hosts_server.h"
#include "hosts_worker.h"
#include "space.h"
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  SKIPPED = 77, /* SKIP_RETURN_CODE in CMakeLists.txt */
  WORKERS_MAX = 1000,
  WORKERS = 48, /* they wait most of the time */
  WORKERS_HOSTS = 4,
  CASES = 10000,
  CASES_HOSTS = 2000,
};

static uint64_t number(const char *text)
{
  char *end;
  unsigned long long value = text ? strtoull(text, &end, 0) : 0;

  if (!text || *text == '\0' || *end != '\0') {
    fprintf(stderr, "compare: a number is wanted, not \"%s\"\n", text ? text : "");
    exit(2);
  }
  return value;
}

static void print_tally(const struct plan *plan, struct tally *tally)
{
  uint64_t intended = 0;

  printf("seed %llu: %llu cases, %llu lookups\n", (unsigned long long)plan->seed,
         (unsigned long long)(plan->end - plan->first), (unsigned long long)tally->lookups);
  for (unsigned rule = 0; rule < RULES; rule++) {
    intended += tally->intended[rule];
    if (tally->intended[rule] > 0)
      printf("%9llu %s\n", (unsigned long long)tally->intended[rule], rule_name[rule]);
  }
  printf("%9llu differ as intended, %llu agreed at a later try, %u differ otherwise\n",
         (unsigned long long)intended, (unsigned long long)tally->unsteady, tally->failures);
}

static bool run(const struct plan *plan, unsigned workers, struct tally *tally)
{
  bool well = true;

  fflush(NULL);
  for (unsigned i = 0; i < workers; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      (plan->hosts ? hosts_worker_main : worker_main)(i, plan, tally);
    }
    if (pid < 0) {
      perror("compare: fork");
      tally->failures += plan->failures; /* the others stop */
      well = false;
      break;
    }
  }
  for (int status; waitpid(0, &status, 0) > 0;) /* of this group: the server is in another one */
    well &= status == 0;
  return well && tally->failures == 0;
}

static bool *flag_of(struct plan *plan, const char *option)
{
  if (strcmp(option, "--shared") == 0)
    return &plan->shared;
  return strcmp(option, "--split") == 0 ? &plan->split : NULL;
}

static void read_options(char **argument, struct plan *plan, unsigned *workers)
{
  for (; *argument; argument += 2) {
    const char *option = argument[0], *value = argument[1];
    bool *flag = flag_of(plan, option);
    if (flag) {
      *flag = true;
      argument--;
      continue;
    }
    if (value && strcmp(option, "--rule") == 0) {
      plan->rule = value;
    } else if (value && strcmp(option, "--module") == 0) {
      plan->module_dir = value;
    } else if (strcmp(option, "--seed") == 0) {
      plan->seed = number(value);
    } else if (strcmp(option, "--cases") == 0) {
      plan->end = number(value);
    } else if (strcmp(option, "--workers") == 0) {
      *workers = (unsigned)number(value);
    } else if (strcmp(option, "--failures") == 0) {
      plan->failures = (unsigned)number(value);
    } else if (strcmp(option, "--case") == 0) {
      plan->first = number(value);
      plan->trace = true;
    } else {
      fprintf(stderr, "compare: no option \"%s\"\n", option);
      exit(2);
    }
  }
  if (plan->trace) {
    plan->end = plan->first + 1;
    *workers = 1;
  }
}

static void print_rules(void)
{
  for (unsigned rule = 0; rule < RULES; rule++)
    puts(rule_name[rule]);
}

int main(int argc, char **argv)
{
  struct plan plan = {.seed = 1, .end = CASES, .failures = 5, .module_dir = COMPARE_MODULE_DIR};
  unsigned workers = WORKERS;
  const char *seed = getenv("AIODNS_SEED");

  if (argc == 4 && strcmp(argv[1], "--client") == 0) {
    client_main(argv[2], (int)number(argv[3]));
    return 0;
  }
  if (argc == 4 && strcmp(argv[1], HOSTS_CLIENT_OPTION) == 0) {
    hosts_client_main(argv[2], (int)number(argv[3]));
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--rules") == 0) {
    print_rules();
    return 0;
  }
  if (seed && *seed)
    plan.seed = number(seed);
  plan.hosts = argc > 1 && strcmp(argv[1], "--hosts") == 0;
  if (plan.hosts) {
    plan.end = CASES_HOSTS;
    workers = WORKERS_HOSTS;
  }
  read_options(argv + 1 + plan.hosts, &plan, &workers);
  struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (tally == MAP_FAILED || workers == 0 || workers > WORKERS_MAX) {
    fprintf(stderr, "compare: 1 to %d workers\n", WORKERS_MAX);
    return 2;
  }
  if (!space_enter())
    return SKIPPED;
  pid_t server = plan.hosts ? hosts_server_start() : 0;
  tally->next = plan.first;
  bool well = server >= 0 && run(&plan, workers, tally);
  if (server > 0)
    hosts_server_stop(server);
  print_tally(&plan, tally);
  return well ? 0 : 1;
}
