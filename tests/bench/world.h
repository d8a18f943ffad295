/*
 * What a client is in: a mount namespace of its own with a hosts line in nsswitch.conf(5), and, where that is
 * wanted, with other files in /etc and with a cache.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <stdbool.h>

struct bench_world {
  unsigned number;         /* of its files in /etc: each world has another */
  const char *hosts;       /* the services of the hosts line */
  const char *etc_hosts;   /* /etc/hosts; NULL: the one of all */
  const char *resolv_conf; /* NULL: the one of all */
  bool cache;              /* an empty /run and /dev/shm that can be written; else they cannot */
};

/* Writes the files of a world; those of all may be written at any time.  False, with a message, on failure.
 */
bool bench_world_write(const struct bench_world *world);

/* Puts this process into a world whose files were written; false and errno on failure. */
bool bench_world_enter(const struct bench_world *world);

/* The hosts line of the world that this process, or the one it was forked from, has entered. */
const char *bench_world_hosts(void);

#endif
