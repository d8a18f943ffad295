/*
 * aiodns-tour: what the module does, shown on a handful of lookups that need no network.
 *
 * `./run` starts it where nsswitch.conf(5) leads to the module.  Every lookup goes through glibc and the
 * module, through glibc's own services, and through the core; the tour knows what is right, and its exit
 * status says whether all was.
 */
#include "lookup.h"
#include "place.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  REPEAT = 21, /* lookups that a time is the median of */
  ROUNDS = 5,  /* such medians, of which the least is shown: both sides take turns, and a busy moment harms
                  neither */
};

static const char hosts[] = "127.0.0.1 localhost\n"
                            "::1 localhost\n"
                            "192.0.2.50 router.home router\n";
static const char resolv_conf[] = "nameserver " TOUR_SERVER "\n"
                                  "search branch.example office.example\n";
static const char resolv_conf_dead[] = "nameserver " TOUR_DEAD_SERVER "\n"
                                       "nameserver " TOUR_SERVER "\n";

struct row {
  const char *shows;
  struct tour_lookup lookup;
  const char *glibc; /* the services it is compared with */
  /* What is right. */
  const char *answer, *by;
  uint32_t ttl_s;
};

static const struct row rows[] = {
    {"an IPv4 address", {"www.example", AF_INET, false}, "dns", "192.0.2.10", TOUR_SERVER, 300},
    {"both families", {"dual.example", AF_UNSPEC, false}, "dns", "192.0.2.20 2001:db8::20", TOUR_SERVER, 600},
    {"an alias (CNAME)",
     {"shop.example", AF_UNSPEC, true},
     "dns",
     "web.example 192.0.2.30",
     TOUR_SERVER,
     120},
    {"by search list", {"printer", AF_UNSPEC, false}, "dns", "192.0.2.40", TOUR_SERVER, 900},
    {"from /etc/hosts", {"router.home", AF_UNSPEC, false}, "files dns", "192.0.2.50", "hosts", 0},
    {"no such name", {"nobody.example", AF_UNSPEC, false}, "dns", "no such name", TOUR_SERVER, 60},
    {"a reverse lookup", {"192.0.2.20", AF_UNSPEC, false}, "dns", "dual.example", TOUR_SERVER, 1800},
};
static const struct row row_dead = {
    "dead 1st server", {"late.example", AF_INET, false}, "dns", "192.0.2.60", TOUR_SERVER, 240};

static const char *time_text(int64_t ns, char *buf, size_t room)
{
  if (ns < 10000000)
    snprintf(buf, room, "%" PRId64 " us", ns / 1000);
  else if (ns < 1000000000)
    snprintf(buf, room, "%" PRId64 " ms", ns / 1000000);
  else
    snprintf(buf, room, "%.1f s", (double)ns / 1e9);
  return buf;
}

static bool check(bool right, const char *what, const char *found, const char *wanted)
{
  if (!right)
    printf("    WRONG: %s is `%s`, and should be `%s`\n", what, found, wanted);
  return right;
}

static bool check_text(const char *what, const char *found, const char *wanted)
{
  return check(strcmp(found, wanted) == 0, what, found, wanted);
}

static void print_head(void)
{
  printf("%-16s %-14s %-23s %-9s %6s %8s   glibc's own\n", "", "asked", "answer", "from", "TTL", "aiodns");
}

/* One line of the table, and one for each thing in it that is wrong; false if any is. */
static bool print_row(const struct row *row, const struct tour_answer *ours, const struct tour_answer *glibc,
                      const struct tour_origin *origin)
{
  char ttl[16], ttl_right[16], our_time[32], glibc_time[32];
  bool same = strcmp(ours->text, glibc->text) == 0;

  snprintf(ttl, sizeof ttl, "%" PRIu32 " s", origin->ttl_s);
  snprintf(ttl_right, sizeof ttl_right, "%" PRIu32 " s", row->ttl_s);
  printf("%-16s %-14s %-23s %-9s %6s %8s %8s  %s\n", row->shows, row->lookup.asked, ours->text, origin->by,
         ttl, time_text(ours->time_ns, our_time, sizeof our_time),
         time_text(glibc->time_ns, glibc_time, sizeof glibc_time), same ? "same" : "differs");
  bool right = check_text("the answer", ours->text, row->answer);
  right &= check_text("glibc's own answer", glibc->text, row->answer);
  right &= check_text("who answered", origin->by, row->by);
  right &= check_text("the TTL", ttl, ttl_right);
  right &= check(*ours->module, "the module", "not loaded", "loaded");
  (void)fflush(stdout);
  return right;
}

/* Once more; *ret keeps the round that took the least time.  False: it died, or gave another answer than
 * before. */
static bool ask(const struct tour_lookup *lookup, const char *services, int round, struct tour_answer *ret)
{
  struct tour_answer answer;
  struct tour_asking asking = tour_lookup_start(lookup, services, REPEAT);

  bool right = tour_lookup_finish(&asking, &answer) && (round == 0 || strcmp(answer.text, ret->text) == 0);
  if (!right || round == 0 || answer.time_ns < ret->time_ns)
    *ret = answer;
  return right;
}

/* One after the other, so that neither disturbs the other's time. */
static bool show(const struct row *row)
{
  struct tour_answer ours, glibc;
  struct tour_origin origin;
  bool steady = true;

  for (int round = 0; round < ROUNDS && steady; round++) {
    steady = ask(&row->lookup, NULL, round, &ours);
    steady &= ask(&row->lookup, row->glibc, round, &glibc);
  }
  tour_lookup_origin(&row->lookup, &origin);
  /* Where answers differ the last one is shown; it may be the right one. */
  return print_row(row, &ours, &glibc, &origin) &&
         check(steady, "an answer", "another each time", "the same");
}

/* Both at once: one waits for seconds. */
static bool show_dead(void)
{
  struct tour_answer ours, glibc;
  struct tour_origin origin;
  char took[32];

  printf("\nNow the first of two servers is dead. This takes 5 seconds: glibc waits for its first server.\n");
  (void)fflush(stdout);
  if (!tour_place_write("resolv.conf", resolv_conf_dead))
    return false;
  struct tour_asking by_us = tour_lookup_start(&row_dead.lookup, NULL, 0);
  struct tour_asking by_glibc = tour_lookup_start(&row_dead.lookup, row_dead.glibc, 0);
  tour_lookup_origin(&row_dead.lookup, &origin);
  bool right = tour_lookup_finish(&by_us, &ours);
  right &= tour_lookup_finish(&by_glibc, &glibc);
  right &= print_row(&row_dead, &ours, &glibc, &origin);
  time_text(ours.time_ns, took, sizeof took);
  right &= check(ours.time_ns < glibc.time_ns, "the time", took, "less than glibc's");
  return right;
}

/* Whether lookups reach our module at all, and which file that is. */
static bool greet(void)
{
  struct tour_answer answer;
  struct tour_asking asking = tour_lookup_start(&rows[0].lookup, NULL, 0);

  if (!tour_lookup_finish(&asking, &answer)) {
    fprintf(stderr, "aiodns-tour: the first lookup did not come back: %s\n", answer.text);
    return false;
  }
  if (!*answer.module) {
    fprintf(stderr, "aiodns-tour: lookups here do not reach libnss_aiodns.so.2.\n"
                    "Start the tour as ./run without arguments.\n");
    return false;
  }
  printf("A tour of %s\n"
         "in a network of its own, in which a small DNS server listens at " TOUR_SERVER ". Each lookup goes\n"
         "through glibc to the module, and beside it to glibc's own dns (the one in /etc/hosts: files).\n"
         "Times are medians of %d lookups, the least of %d such.\n\n",
         answer.module, REPEAT, ROUNDS);
  return true;
}

static bool tour(void)
{
  bool right = true;

  if (!greet())
    return false;
  print_head();
  (void)fflush(stdout); /* not what a child has to print */
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    right &= show(&rows[i]);
  right &= show_dead();
  if (!right) {
    printf("\nNot all of that was as it should be.\n");
    return false;
  }
  printf(
      "\nAll of that was as it should be. Next: `./run curl https://www.debian.org`, or any other command,\n"
      "does its lookups in the same way on your real network. `./test` runs all tests.\n");
  return true;
}

int main(void)
{
  /* RES_OPTIONS, LOCALDOMAIN, HOSTALIASES and others change what lookups give. */
  clearenv();
  if (!tour_place_enter(hosts, resolv_conf)) {
    fprintf(stderr, "Start the tour as ./run without arguments.\n");
    return EXIT_FAILURE;
  }
  /* No cache: each of its lookups asks. */
  if (!tour_place_cover(false))
    return EXIT_FAILURE;
  pid_t server = tour_server_start();
  if (server < 0) {
    perror("aiodns-tour: cannot start its DNS server");
    return EXIT_FAILURE;
  }
  bool right = tour();
  tour_server_stop(server);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("aiodns-tour: cannot write");
    return EXIT_FAILURE;
  }
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
