#include "command.h"
#include "doctor.h"

#include "behind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SERVICES_MAX = 32 };

struct services {
  unsigned count;
  struct aiodns_nsswitch_service service[SERVICES_MAX];
};

static const char advice[] = "hosts: files aiodns [!UNAVAIL=return] dns";

/* The rest of a line; how it ends. */
static enum aiodns_nsswitch read_services(struct aiodns_lines *lines, struct services *ret)
{
  enum aiodns_nsswitch found;

  ret->count = 0;
  while ((found = aiodns_nsswitch_service(lines, &ret->service[ret->count])) == AIODNS_NSSWITCH_SERVICE)
    if (++ret->count == SERVICES_MAX)
      return AIODNS_NSSWITCH_BAD;
  return found;
}

static int find(const struct services *services, const char *name)
{
  for (unsigned i = 0; i < services->count; i++)
    if (strcmp(services->service[i].name, name) == 0)
      return (int)i;
  return -1;
}

/* Services that answer for all names, so that nobody behind them is asked about those that exist. */
static int find_rival(const struct services *services)
{
  int dns = find(services, "dns"), resolve = find(services, "resolve");
  return dns < 0 || (resolve >= 0 && resolve < dns) ? resolve : dns;
}

static bool ends_with_not_found(const struct aiodns_nsswitch_service *service)
{
  /* Those for multicast DNS say so of the names below .local only. */
  return service->returns & AIODNS_NSSWITCH_NOTFOUND && strncmp(service->name, "mdns", 4) != 0;
}

/* The services that may know names without dots, as far as they are asked. */
static void judge_behind(struct doctor *doctor, const char *place, const struct services *services, int own)
{
  const char *ends = NULL;

  for (unsigned i = (unsigned)own + 1; i < services->count; i++) {
    const struct aiodns_nsswitch_service *service = &services->service[i];
    enum aiodns_behind becomes = aiodns_behind_of(service);
    if (becomes == AIODNS_BEHIND_KNOWS && ends)
      doctor_finding(
          doctor, DOCTOR_WARNING, place,
          "`%s' is not asked for names that the servers do not know: `%s' before it ends lookups with "
          "[NOTFOUND=return]",
          service->name, ends);
    else if (becomes == AIODNS_BEHIND_KNOWS && service->name[0] != '#')
      doctor_finding(
          doctor, DOCTOR_OK, place,
          "names without dots that the servers do not know go on to `%s'; for its names with dots it "
          "has to stand before aiodns",
          service->name);
    if (!ends && becomes != AIODNS_BEHIND_PASSES && service->returns & AIODNS_NSSWITCH_NOTFOUND)
      ends = service->name;
  }
}

static void judge_comment(struct doctor *doctor, const char *place, const struct services *services)
{
  for (unsigned i = 0; i < services->count; i++)
    if (services->service[i].name[0] == '#') {
      doctor_finding(doctor, DOCTOR_WARNING, place,
                     "`%s' begins no comment there: the C library takes what follows for services",
                     services->service[i].name);
      return;
    }
}

static void judge(struct doctor *doctor, const char *path, unsigned line, const struct services *services)
{
  int own = find(services, "aiodns"), rival = find_rival(services);
  char *place = NULL;

  if (asprintf(&place, "%s:%u", path, line) < 0)
    command_die("out of memory");
  if (own < 0) {
    doctor_finding(doctor, DOCTOR_ERROR, place, "the hosts line does not name aiodns: write `%s'", advice);
    free(place);
    return;
  }
  const struct aiodns_nsswitch_service *service = &services->service[own];
  enum doctor_level worst = doctor->worst;
  doctor->worst = DOCTOR_OK;
  if (rival >= 0 && rival < own)
    doctor_finding(doctor, DOCTOR_WARNING, place, "`%s' stands before aiodns and is asked first: write `%s'",
                   services->service[rival].name, advice);
  for (int i = 0; i < own; i++)
    if (i != rival && ends_with_not_found(&services->service[i]))
      doctor_finding(
          doctor, DOCTOR_WARNING, place,
          "behind `%s' no name that it does not have gets to aiodns: take its [NOTFOUND=return] out",
          services->service[i].name);
  if (own == (int)services->count - 1)
    ; /* nobody is behind it */
  else if (service->returns & AIODNS_NSSWITCH_UNAVAIL)
    doctor_finding(doctor, DOCTOR_WARNING, place,
                   "aiodns leaves names to the services behind it, and these are not asked: write `aiodns "
                   "[!UNAVAIL=return]'");
  else if (service->returns != (AIODNS_NSSWITCH_ALL & ~AIODNS_NSSWITCH_UNAVAIL))
    doctor_finding(doctor, DOCTOR_WARNING, place,
                   "names that aiodns has not found are asked for a second time by the services behind it: "
                   "write `aiodns [!UNAVAIL=return]'");
  else
    judge_behind(doctor, place, services, own);
  judge_comment(doctor, place, services);
  if (doctor->worst == DOCTOR_OK)
    doctor_finding(doctor, DOCTOR_OK, place, "the hosts line names aiodns, and rightly");
  if (worst > doctor->worst)
    doctor->worst = worst;
  free(place);
}

/* Where lookups find the line; `number` of it is 0 if there is none. */
struct found {
  struct services services;
  unsigned number;
};

/* False: there is a mistake, in the line whose number ret->number is. */
static bool read_file(struct doctor *doctor, const char *path, struct aiodns_lines *lines, struct found *ret)
{
  struct services read;

  ret->number = 0;
  for (unsigned at = 0; aiodns_nsswitch_next(lines, &at);) {
    switch (read_services(lines, &read)) {
    case AIODNS_NSSWITCH_CUT:
      doctor_finding(doctor, DOCTOR_ERROR, path,
                     "line %u: no newline is at its end, so that the C library passes the hosts line over",
                     at);
      continue;
    case AIODNS_NSSWITCH_END:
      break;
    default:
      ret->number = at;
      return false;
    }
    ret->services = read; /* the last one counts */
    ret->number = at;
  }
  return true;
}

void doctor_nsswitch(struct doctor *doctor, const char *path)
{
  struct aiodns_lines lines;
  struct found found;

  if (!aiodns_lines_open(&lines, path)) {
    doctor_finding(doctor, DOCTOR_ERROR, path, "cannot be read: %s: it needs a line `%s'", strerror(errno),
                   advice);
    return;
  }
  if (!read_file(doctor, path, &lines, &found))
    doctor_finding(doctor, DOCTOR_ERROR, path, "line %u: the hosts line cannot be read: write `%s'",
                   found.number, advice);
  else if (found.number)
    judge(doctor, path, found.number, &found.services);
  else
    doctor_finding(doctor, DOCTOR_ERROR, path, "has no hosts line: it needs `%s'", advice);
  aiodns_lines_close(&lines);
}
