#include "command.h"
#include "doctor.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What nsswitch.conf(5) can make depend on a service's result. */
enum status { STATUS_SUCCESS, STATUS_NOTFOUND, STATUS_UNAVAIL, STATUS_TRYAGAIN, STATUSES };

static const char *const status_name[STATUSES] = {"SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"};

enum { SERVICES_MAX = 32, NAME_MAX_LEN = 63, WORD_MAX = 32 };

struct service {
  char name[NAME_MAX_LEN + 1];
  bool returns[STATUSES]; /* the services behind it are not asked */
};

struct services {
  unsigned count;
  struct service service[SERVICES_MAX];
};

static const char advice[] = "hosts: files aiodns [!UNAVAIL=return] dns";

static void skip_blanks(const char **at)
{
  while (isspace((unsigned char)**at))
    ++*at;
}

/* Letters; returns how many there were. */
static size_t read_word(const char **at, char ret[WORD_MAX])
{
  size_t len = 0;

  for (; isalpha((unsigned char)**at) && len < WORD_MAX - 1; ++*at)
    ret[len++] = **at;
  ret[len] = '\0';
  return len;
}

/* One STATUS=ACTION; false for a mistake. */
static bool read_action(const char **at, bool returns[STATUSES])
{
  char name[WORD_MAX], action[WORD_MAX];
  bool inverted = **at == '!';

  *at += inverted;
  if (read_word(at, name) == 0)
    return false;
  skip_blanks(at);
  if (*(*at)++ != '=')
    return false;
  skip_blanks(at);
  if (read_word(at, action) == 0)
    return false;
  for (unsigned i = 0; i < STATUSES; i++)
    if ((strcasecmp(name, status_name[i]) == 0) != inverted)
      returns[i] = strcasecmp(action, "return") == 0;
  skip_blanks(at);
  return true;
}

/* `service [STATUS=ACTION ...] service ...`, to its end; false for a mistake. */
static bool read_services(const char *at, struct services *ret)
{
  ret->count = 0;
  for (skip_blanks(&at); *at; skip_blanks(&at)) {
    if (*at == '[' || ret->count == SERVICES_MAX)
      return false;
    struct service *service = &ret->service[ret->count++];
    size_t len = strcspn(at, " \t\n\v\f\r[");
    *service = (struct service){.returns = {[STATUS_SUCCESS] = true}};
    memcpy(service->name, at, len < NAME_MAX_LEN ? len : NAME_MAX_LEN);
    at += len;
    skip_blanks(&at);
    if (*at != '[')
      continue;
    at++;
    for (skip_blanks(&at); *at != ']';)
      if (!*at || !read_action(&at, service->returns))
        return false;
    at++;
  }
  return true;
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

static bool ends_with_not_found(const struct service *service)
{
  /* Those for multicast DNS say so of the names below .local only. */
  return service->returns[STATUS_NOTFOUND] && strncmp(service->name, "mdns", 4) != 0;
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
  const struct service *service = &services->service[own];
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
  else if (service->returns[STATUS_UNAVAIL])
    doctor_finding(doctor, DOCTOR_WARNING, place,
                   "aiodns leaves names to the services behind it, and these are not asked: write `aiodns "
                   "[!UNAVAIL=return]'");
  else if (!service->returns[STATUS_NOTFOUND] || !service->returns[STATUS_TRYAGAIN] ||
           !service->returns[STATUS_SUCCESS])
    doctor_finding(doctor, DOCTOR_WARNING, place,
                   "names that aiodns has not found are asked for a second time by the services behind it: "
                   "write `aiodns [!UNAVAIL=return]'");
  if (doctor->worst == DOCTOR_OK)
    doctor_finding(doctor, DOCTOR_OK, place, "the hosts line names aiodns, and rightly");
  if (worst > doctor->worst)
    doctor->worst = worst;
  free(place);
}

/* What follows `hosts:`, or NULL. */
static const char *hosts_line(char *line)
{
  static const char name[] = "hosts";
  const char *at = line;

  line[strcspn(line, "#")] = '\0';
  skip_blanks(&at);
  if (strncmp(at, name, sizeof name - 1) != 0)
    return NULL;
  at += sizeof name - 1;
  skip_blanks(&at);
  return *at == ':' ? at + 1 : NULL;
}

void doctor_nsswitch(struct doctor *doctor, const char *path)
{
  FILE *file = fopen(path, "re");
  char *line = NULL;
  size_t room = 0;
  unsigned number = 0, found = 0;
  struct services services, read;

  if (!file) {
    doctor_finding(doctor, DOCTOR_ERROR, path, "cannot be read: %s: it needs a line `%s'", strerror(errno),
                   advice);
    return;
  }
  while (getline(&line, &room, file) >= 0) {
    number++;
    const char *text = hosts_line(line);
    if (!text)
      continue;
    if (read_services(text, &read)) { /* the last one counts */
      services = read;
      found = number;
      continue;
    }
    doctor_finding(doctor, DOCTOR_ERROR, path, "line %u: the hosts line cannot be read: write `%s'", number,
                   advice);
    found = 0;
    break;
  }
  if (found)
    judge(doctor, path, found, &services);
  else if (feof(file))
    doctor_finding(doctor, DOCTOR_ERROR, path, "has no hosts line: it needs `%s'", advice);
  free(line);
  (void)fclose(file);
}
