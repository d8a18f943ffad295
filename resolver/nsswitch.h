/*
 * The `hosts` lines of nsswitch.conf(5), read as glibc 2.34 and later read them, which is not quite as the
 * manual page says: the last line counts; one without a newline at its end does not; the colon may be
 * missing; a `#` behind a line's begin is a service as any other word; and one line with a mistake spoils the
 * file.
 *
 * Nothing is allocated; each word costs its length.  The bound of all is that of lines.h.
 */
#ifndef AIODNS_NSSWITCH_H
#define AIODNS_NSSWITCH_H

#include "lines.h"

#define AIODNS_NSSWITCH_PATH "/etc/nsswitch.conf"

enum { AIODNS_NSSWITCH_NAME_MAX = 64 }; /* with its NUL; no module of a longer name matters */

/* Results of a service, as bits of `returns`. */
enum {
  AIODNS_NSSWITCH_SUCCESS = 1,
  AIODNS_NSSWITCH_NOTFOUND = 2,
  AIODNS_NSSWITCH_UNAVAIL = 4,
  AIODNS_NSSWITCH_TRYAGAIN = 8,
  AIODNS_NSSWITCH_ALL = 15,
};

struct aiodns_nsswitch_service {
  char name[AIODNS_NSSWITCH_NAME_MAX]; /* what does not fit is cut off */
  uint8_t returns;                     /* results after which the services behind it are not asked */
};

enum aiodns_nsswitch {
  AIODNS_NSSWITCH_SERVICE,
  AIODNS_NSSWITCH_END,   /* of the line */
  AIODNS_NSSWITCH_STRAY, /* as well; a `[` stands there, and glibc does not look at what follows */
  AIODNS_NSSWITCH_CUT,   /* as well; it has no newline, and does not count */
  AIODNS_NSSWITCH_BAD,   /* a mistake */
};

/* Goes to the first service of the next `hosts` line; false: there is none.  *number, which begins with 0,
 * becomes that of the line. */
bool aiodns_nsswitch_next(struct aiodns_lines *lines, unsigned *number);

/* The next service of that line; *ret is set where there is one. */
enum aiodns_nsswitch aiodns_nsswitch_service(struct aiodns_lines *lines, struct aiodns_nsswitch_service *ret);

#endif
