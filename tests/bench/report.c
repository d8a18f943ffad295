#include "report.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool first_row, in_cache;
static unsigned met, missed, not_measured;

void bench_report_begin(bool json, const char *module)
{
  struct utsname system;

  if (uname(&system) != 0)
    return;
  if (json)
    printf("{\"module\": \"%s\", \"linux\": \"%s\", \"glibc\": \"%s\", \"processors\": %ld, \"rows\": [",
           module, system.release, gnu_get_libc_version(), sysconf(_SC_NPROCESSORS_ONLN));
  else
    printf("%s\nLinux %s, glibc %s, %ld processors. Times in us: medians; CPU: user and system of the client "
           "alone.\n"
           "calls: system calls of the whole lookup, glibc's own included.\n",
           module, system.release, gnu_get_libc_version(), sysconf(_SC_NPROCESSORS_ONLN));
  first_row = true;
}

void bench_report_pair(bool json, const char *const hosts[BENCH_SIDES])
{
  if (json)
    return;
  printf("\nours: %s; glibc: %s\n", hosts[BENCH_OURS], hosts[BENCH_GLIBC]);
  printf("%-8s %-24s %8s %8s %13s  %8s %8s %6s  %6s %6s\n", "", "", "ours", "glibc", "ratio", "CPU ours",
         "glibc", "ratio", "calls", "glibc");
}

static void print_calls(double calls)
{
  if (calls < 0)
    printf(" %6s", "-");
  else
    printf(" %6.4g", calls);
}

static void print_json(const char *const hosts[BENCH_SIDES], const struct bench_result *r)
{
  printf("%s\n  {\"row\": \"%s\", \"hosts\": [\"%s\", \"%s\"], \"lookups\": %zu, \"us\": [%.2f, %.2f], "
         "\"ratio\": %.4f, \"spread\": %.4f, \"cpu_us\": [%.2f, %.2f], \"cpu_ratio\": %.4f, ",
         first_row ? "" : ",", r->name, hosts[BENCH_OURS], hosts[BENCH_GLIBC], r->count, r->us[BENCH_OURS],
         r->us[BENCH_GLIBC], r->ratio, r->spread, r->cpu_us[BENCH_OURS], r->cpu_us[BENCH_GLIBC],
         r->cpu_ratio);
  if (r->calls[BENCH_OURS] < 0 || r->calls[BENCH_GLIBC] < 0)
    printf("\"calls\": null}");
  else
    printf("\"calls\": [%.4g, %.4g]}", r->calls[BENCH_OURS], r->calls[BENCH_GLIBC]);
}

void bench_report_row(bool json, const char *const hosts[BENCH_SIDES], const struct bench_result *r)
{
  if (json) {
    print_json(hosts, r);
  } else {
    printf("%-8s %-24s %8.2f %8.2f %6.3f +-%5.3f  %8.2f %8.2f %6.3f ", r->name, r->shows, r->us[BENCH_OURS],
           r->us[BENCH_GLIBC], r->ratio, r->spread, r->cpu_us[BENCH_OURS], r->cpu_us[BENCH_GLIBC],
           r->cpu_ratio);
    print_calls(r->calls[BENCH_OURS]);
    print_calls(r->calls[BENCH_GLIBC]);
    printf("\n");
  }
  first_row = false;
  (void)fflush(stdout); /* not what a child has to print */
}

void bench_report_cache(bool json)
{
  in_cache = true;
  first_row = true;
  if (json) {
    printf("\n], \"cache\": [");
    return;
  }
  printf("\nthe cache: hits beside a module that knows its answers by heart (null), beside files and dns; "
         "misses "
         "beside dns\n");
  printf("%-13s %-24s %9s %9s %-5s %-8s %7s %7s  %-8s %s\n", "", "", "ours", "other", "", "against", "value",
         "", "bound", "met");
}

static void format_bound(const struct bench_judged *j, char *buf, size_t room)
{
  static const char *const sign[] = {[BENCH_AT_MOST] = "<=", [BENCH_BELOW] = "<", [BENCH_AT_LEAST] = ">="};

  snprintf(buf, room, "%s %.4g", sign[j->limit], j->bound);
}

static void print_judged_json(const struct bench_judged *j, const char *bound)
{
  printf("%s\n  {\"row\": \"%s\", \"against\": \"%s\", \"bound\": \"%s\", ", first_row ? "" : ",", j->name,
         j->against, bound);
  if (j->missing)
    printf("\"met\": null, \"note\": \"%s\"}", j->missing);
  else
    printf(
        "\"unit\": \"%s\", \"ours\": %.4f, \"other\": %.4f, \"value\": %.4f, \"spread\": %.4f, \"met\": %s, "
        "\"note\": \"%s\"}",
        j->unit, j->ours, j->other, j->value, j->spread, j->met ? "true" : "false", j->note);
}

static void print_judged(const struct bench_judged *j, const char *bound)
{
  char spread[16] = "";

  if (j->missing) {
    printf("%-13s %-24s %9s %9s %-5s %-8s %15s  %-8s not measured: %s\n", j->name, j->shows, "-", "-", "",
           j->against, "-", bound, j->missing);
    return;
  }
  if (j->spread > 0)
    snprintf(spread, sizeof spread, "+-%.3f", j->spread);
  printf("%-13s %-24s %9.3f %9.3f %-5s %-8s %7.3f %7s  %-8s %s%s%s\n", j->name, j->shows, j->ours, j->other,
         j->unit, j->against, j->value, spread, bound, j->met ? "yes" : "no", *j->note ? ": " : "", j->note);
}

void bench_report_judged(bool json, const struct bench_judged *j)
{
  char bound[32];

  format_bound(j, bound, sizeof bound);
  if (json)
    print_judged_json(j, bound);
  else
    print_judged(j, bound);
  ++*(j->missing ? &not_measured : j->met ? &met : &missed);
  first_row = false;
  (void)fflush(stdout);
}

void bench_report_end(bool json)
{
  if (json)
    printf("\n]}\n");
  else if (in_cache)
    printf("%u bounds are met, %u are not, %u were not measured.\n", met, missed, not_measured);
}
