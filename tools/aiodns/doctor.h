/* What `aiodns doctor` finds: each finding is one line, and the worst of them decides the exit status. */
#ifndef COMMAND_DOCTOR_H
#define COMMAND_DOCTOR_H

#include "tiers.h"

#include <jansson.h>

enum doctor_level {
  DOCTOR_OK,
  DOCTOR_WARNING, /* lookups go on, not as well or not as fast as they could */
  DOCTOR_ERROR,   /* something does not do what it was installed for */
};

struct doctor {
  json_t *findings; /* NULL: they are printed as lines */
  json_t *tiers;    /* for JSON, and else NULL */
  enum doctor_level worst;
};

void doctor_finding(struct doctor *doctor, enum doctor_level level, const char *about, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* The tier's folder and files. */
void doctor_tier(struct doctor *doctor, const struct command_tier *tier);

/* The line of hosts in the file at `path`, which is nsswitch.conf(5). */
void doctor_nsswitch(struct doctor *doctor, const char *path);

#endif
