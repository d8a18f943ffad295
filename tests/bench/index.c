/*
 * aiodns-index: what an index of hosts files and block lists costs: its octets, its making, its lookups.
 *
 *     aiodns-index [--quick] [--once hit|miss|ancestor]
 *
 * Names are made up, of usual lengths.  --once asks 1,000,000 times for one kind of rule, so that a profiler
 * sees nothing else.
 */
#include "index_build.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t key[2] = {0x0123456789abcdef, 0xfedcba9876543210};
static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {1};
static const void *volatile sink;

static double now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint32_t random_below(uint32_t n)
{
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((state >> 32) * n >> 32);
}

/* Of all memory of this process that is its own, in KiB. */
static long peak_kib(void)
{
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss;
}

/* The i-th name: two to four labels, 14 to 30 characters; those from 2^30 on are on no list. */
static int name_of(char text[64], uint32_t i)
{
  static const char *const words[] = {"track", "ads",  "metrics", "pixel",
                                      "cdn",   "stat", "click",   "analytics"};
  static const char *const tops[] = {"com", "net", "org", "example", "co.uk", "io", "de", "info"};
  uint64_t mixed = i * 0x9e3779b97f4a7c15u;
  return snprintf(text, 64, "%s%s%s%x.%s", mixed >> 63 ? "www." : "", words[mixed >> 58 & 7],
                  mixed >> 55 & 1 ? "-" : ".", i, tops[mixed >> 50 & 7]);
}

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static void attach(struct aiodns_index_draft *draft, struct aiodns_index *ret)
{
  uint64_t size;
  const void *whole = aiodns_index_finish(draft, 0, boot, &size);
  if (!whole || aiodns_index_attach(ret, whole, size, boot) != AIODNS_CACHE_GOOD)
    die("no index");
}

/* ---- Rules ---- */

enum { ASKED = 4096, ROUNDS = 250 };

static double ns_a_rule(const struct aiodns_index *index, const struct aiodns_name *asked, unsigned count,
                        unsigned expected)
{
  double best = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    unsigned said = 0;
    double began = now_ns();
    for (unsigned i = 0; i < count; i++)
      said += aiodns_index_rules(index, &asked[i]) != 0;
    double took = (now_ns() - began) / count;
    best = took < best ? took : best;
    if (said != expected * count)
      die("a wrong word");
  }
  return best;
}

static void ask_rules(const struct aiodns_index *index, uint32_t rules, const char *once)
{
  static const char *const kinds[] = {"hit", "ancestor", "miss"};
  static struct aiodns_name asked[ASKED];
  char text[80];
  for (unsigned kind = 0; kind < 3; kind++) {
    if (once && strcmp(once, kinds[kind]) != 0)
      continue;
    for (unsigned i = 0; i < ASKED; i++) {
      size_t len = kind == 1 ? (size_t)sprintf(text, "sub.") : 0;
      name_of(text + len, (random_below(rules / 2) * 2 + (kind == 1)) + (kind == 2 ? 1u << 30 : 0));
      if (!aiodns_name_from_text(&asked[i], text))
        die(text);
    }
    double hot = ns_a_rule(index, asked, 64, kind < 2), all = ns_a_rule(index, asked, ASKED, kind < 2);
    printf("  %-10s %6.1f ns, of 64 names  %6.1f ns, of %d names\n", kinds[kind], hot, all, ASKED);
  }
}

/* Even ones are for themselves, odd ones for what is below them. */
static void bench_rules(uint32_t rules, const char *once)
{
  struct aiodns_index index;
  struct aiodns_rule *rule = malloc((size_t)rules * sizeof *rule);
  uint64_t octets = 0;
  char text[64];

  if (!rule)
    die("no memory");
  for (uint32_t i = 0; i < rules; i++) {
    name_of(text, i);
    if (!aiodns_name_from_text(&rule[i].name, text))
      die(text);
    rule[i].is = i % 2 ? AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW : AIODNS_RULE_ITSELF;
    octets += rule[i].name.len;
  }
  long before = peak_kib();
  double began = now_ns();
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  for (uint32_t i = 0; i < rules; i++)
    aiodns_index_add_rule(draft, &rule[i]);
  double added = now_ns();
  attach(draft, &index);
  double ended = now_ns();
  if (!once) {
    printf("%u rules: added in %.1f ms, finished in %.1f ms; %.1f octets a rule on the wire and %.2f more; "
           "memory at most %.2f of the index\n",
           rules, (added - began) / 1e6, (ended - added) / 1e6, (double)octets / rules,
           ((double)index.size - (double)octets) / rules,
           (double)(peak_kib() - before) * 1024 / (double)index.size);
    if (aiodns_index_rule_count(&index) != rules)
      die("a rule is missing");
  }
  ask_rules(&index, rules, once);
  aiodns_index_draft_free(draft);
  free(rule);
}

/* ---- Hosts files ---- */

static void write_hosts(const char *path, uint32_t lines)
{
  FILE *file = fopen(path, "we");
  char text[64];
  if (!file)
    die(path);
  for (uint32_t i = 0; i < lines; i++) {
    name_of(text, i);
    fprintf(file, "10.%u.%u.%u %s\n", i >> 16 & 255, i >> 8 & 255, i & 255, text);
  }
  if (fclose(file) != 0)
    die(path);
}

/* `far`: of names that are not there. */
static double ns_a_name(const struct aiodns_index *index, uint32_t lines, unsigned count, bool far)
{
  static char text[ASKED][64];
  static size_t len[ASKED];
  double best = 1e9;
  for (unsigned i = 0; i < count; i++)
    len[i] = (size_t)name_of(text[i], random_below(lines) + (far ? 1u << 30 : 0));
  for (int round = 0; round < ROUNDS; round++) {
    unsigned found = 0;
    double began = now_ns();
    for (unsigned i = 0; i < count; i++) {
      struct aiodns_index_lines walk;
      const char *line;
      uint32_t line_len;
      aiodns_index_name(index, text[i], len[i], &walk);
      while (aiodns_index_line(index, &walk, &line, &line_len)) {
        sink = line;
        found++;
      }
    }
    double took = (now_ns() - began) / count;
    best = took < best ? took : best;
    if (found != (far ? 0 : count))
      die("a wrong number of lines");
  }
  return best;
}

static void bench_hosts(const char *path, uint32_t lines)
{
  struct aiodns_index index;
  struct aiodns_lines reading;
  write_hosts(path, lines);
  long before = peak_kib();
  double began = now_ns();
  struct aiodns_index_draft *draft = aiodns_index_draft_new(key);
  if (!aiodns_lines_open(&reading, path))
    die(path);
  off_t octets = lseek(reading.fd, 0, SEEK_END);
  lseek(reading.fd, 0, SEEK_SET);
  while (aiodns_lines_next(&reading))
    aiodns_index_add_hosts_line(draft, &reading);
  aiodns_lines_close(&reading);
  double added = now_ns();
  attach(draft, &index);
  double ended = now_ns();
  printf("%u lines: read in %.1f ms, finished in %.1f ms; %.1f octets a line in the file, %.1f in the index; "
         "memory at most %.2f of the index\n",
         lines, (added - began) / 1e6, (ended - added) / 1e6, (double)octets / lines,
         (double)index.size / lines, (double)(peak_kib() - before) * 1024 / (double)index.size);
  printf("  hit        %6.1f ns, of 10 names  %6.1f ns, of %d names\n", ns_a_name(&index, lines, 10, false),
         ns_a_name(&index, lines, ASKED, false), ASKED);
  printf("  miss       %6.1f ns, of 10 names  %6.1f ns, of %d names\n", ns_a_name(&index, lines, 10, true),
         ns_a_name(&index, lines, ASKED, true), ASKED);
  aiodns_index_draft_free(draft);
}

/* In a process of its own, so that its memory is its own. */
static void apart(void (*run)(uint32_t, const char *), uint32_t count, const char *with)
{
  int status;
  if (fflush(stdout) != 0)
    die("stdout");
  pid_t child = fork();
  if (child == 0) {
    run(count, with);
    _exit(fflush(stdout) != 0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    exit(1);
}

static void run_hosts(uint32_t lines, const char *path)
{
  bench_hosts(path, lines);
}

int main(int argc, char **argv)
{
  char path[] = "/tmp/aiodns-index.XXXXXX";
  bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;

  if (argc == 3 && strcmp(argv[1], "--once") == 0) {
    bench_rules(500000, argv[2]);
    return 0;
  }
  if (argc > 1 && !quick) {
    fprintf(stderr, "usage: aiodns-index [--quick] [--once hit|miss|ancestor]\n");
    return 2;
  }
  int fd = mkstemp(path);
  if (fd < 0)
    die(path);
  close(fd);
  apart(bench_rules, quick ? 5000 : 500000, NULL);
  for (unsigned i = 0; i < (quick ? 1 : 3); i++)
    apart(run_hosts, (const uint32_t[]){10, 100000, 1000000}[i], path);
  return unlink(path) != 0;
}
