/*
 * What a program is told: the one table that turns outcomes into the three values of an NSS module.  The
 * right-hand side follows what glibc makes of each (ARCHITECTURE.md, "What a program sees").
 */
#ifndef AIODNS_NSS_STATUS_H
#define AIODNS_NSS_STATUS_H

#include "outcome.h"

#include <nss.h>

struct aiodns_status {
  enum nss_status status;
  int error;   /* errno; 0: as it was when the module was called */
  int h_error; /* h_errno */
};

/* `error` is the errno of AIODNS_LOCAL. */
struct aiodns_status aiodns_status_of(enum aiodns_outcome outcome, int error);

/* The caller's buffer is too small: it will call again with a larger one. */
struct aiodns_status aiodns_status_too_small(void);

/* A family or an address length that this module does not know. */
struct aiodns_status aiodns_status_bad_family(void);

#endif
