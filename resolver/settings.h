/*
 * /etc/aiodns.conf (aiodns.conf(5)): what an administrator adds to resolv.conf(5).  A keyword and its values
 * a line, `#` begins a comment; a keyword that is said again replaces what it said before, but for those
 * whose lines add up: `attempt`, whose lines are steps in order, `domain`, `hosts-file`, `block-file`,
 * `block`, `allow`.
 *
 * Invariants: an absent or empty file changes nothing.  A file with any error changes nothing either: the
 * last good one of this process counts on, or resolv.conf alone; no lookup fails for it.  But where a process
 * has no last good one, the names of a bad file's `domain` lines are kept from other servers.
 */
#ifndef AIODNS_SETTINGS_H
#define AIODNS_SETTINGS_H

#include "items.h"

#define AIODNS_SETTINGS_PATH "/etc/aiodns.conf"

/* Which of them the file says; a bit of `said` each. */
enum aiodns_keyword {
  AIODNS_KEYWORD_ATTEMPT,         /* attempt TIME SERVER... */
  AIODNS_KEYWORD_DEADLINE,        /* deadline TIME */
  AIODNS_KEYWORD_PARALLEL_SEARCH, /* parallel-search on|off */
  AIODNS_KEYWORD_SERVE_STALE,     /* serve-stale off|on|TIME */
  AIODNS_KEYWORD_0X20,            /* 0x20 auto|on|off */
  AIODNS_KEYWORD_DOMAIN,          /* domain NAME SERVER... */
  AIODNS_KEYWORD_HOSTS_FILE,      /* hosts-file PATTERN... */
  AIODNS_KEYWORD_BLOCK_FILE,      /* block-file PATTERN... */
  AIODNS_KEYWORD_BLOCK,           /* block NAME|*.NAME... */
  AIODNS_KEYWORD_ALLOW,           /* allow NAME... */
  AIODNS_KEYWORD_BLOCK_ANSWER,    /* block-answer nxdomain|nodata|null */
  AIODNS_KEYWORD_CACHE_SIZE,      /* cache-size SIZE */
  AIODNS_KEYWORD_HOST_CACHE,      /* host-cache shared|private */
  AIODNS_KEYWORD_MIN_TTL,         /* min-ttl TIME */
  AIODNS_KEYWORD_MAX_TTL,         /* max-ttl TIME */
  AIODNS_KEYWORD_MAX_NEGATIVE_TTL /* max-negative-ttl TIME */
};

enum {
  AIODNS_KEYWORDS = AIODNS_KEYWORD_MAX_NEGATIVE_TTL + 1,
  AIODNS_SETTINGS_STALE_MAX_S = 7 * 86400,
  AIODNS_SETTINGS_STALE_ON_S = 86400, /* `serve-stale on` (RFC 8767 section 5: 1 to 3 days) */
  AIODNS_SETTINGS_STEP_MIN_MS = 10,
  AIODNS_SETTINGS_STEP_MAX_MS = 60000,
  AIODNS_SETTINGS_DEADLINE_MIN_MS = 100,
  AIODNS_SETTINGS_DEADLINE_MAX_MS = 300000,
  AIODNS_SETTINGS_FILE_MAX = 1 << 20,  /* octets */
  AIODNS_SETTINGS_CACHE_MIN = 1 << 18, /* octets */
  AIODNS_SETTINGS_CACHE_MAX = 1 << 30,
  AIODNS_SETTINGS_MIN_TTL_MAX_S = 3600,
};

struct aiodns_settings {
  struct aiodns_schedule schedule;                 /* conf.h; step_count 0: resolv.conf's servers */
  struct aiodns_server server[AIODNS_SERVERS_MAX]; /* those of its steps, each once, `place` its index */
  uint8_t server_count;
  uint8_t letters; /* enum aiodns_letters */
  bool parallel_search;
  uint8_t block_answer;   /* enum aiodns_block_answer */
  bool host_private;      /* the host tier's cache is root's alone to read */
  uint32_t said;          /* 1 << enum aiodns_keyword */
  uint32_t deadline_ms;   /* 0: not said */
  uint32_t serve_stale_s; /* how long behind its expiry an answer may still be given; 0: never */
  uint32_t cache_size;    /* octets of each tier's cache; 0: not said */
  struct aiodns_ttls ttls;
};

/* Where something is said: the line of a keyword that counts (of the first, where lines add up), or of an
 * error. */
struct aiodns_settings_place {
  unsigned line, column; /* from 1; column in octets */
};

/* One error: what stands there, cut to this room, and what was expected in its place: a static text. */
struct aiodns_settings_error {
  struct aiodns_settings_place at;
  char word[32];
  const char *expected;
};

/* Told of each error, in the file's order, of one at line 0 with errno as below; `context` is the caller's.
 */
typedef void aiodns_settings_report(void *context, const struct aiodns_settings_error *error);

/* Of what is in force, beside those bits: the file has an error, and this is the last good one's. */
#define AIODNS_SETTINGS_LAST_GOOD ((uint32_t)1 << 31)

/* What counts without a file; there are no items then. */
void aiodns_settings_init(struct aiodns_settings *ret);

enum aiodns_settings_read {
  AIODNS_SETTINGS_ABSENT, /* there is no such file: *ret is as after aiodns_settings_init */
  AIODNS_SETTINGS_GOOD,
  AIODNS_SETTINGS_BAD, /* it has an error, or cannot be read (errno), or is too large: all is as without a
                        * file, but for `domain` lines, of those whose name could be read the servers that
                        * could */
};

/*
 * Reads the file at `path`.  `place` (AIODNS_KEYWORDS elements; line 0: not said) and `report` may be NULL.
 * An unreadable file, a too large one, and what is no regular file are reported as an error at line 0.  No
 * memory is allocated.
 *
 * errno behind BAD: 0 where the file is at fault; else why it could not be read, or an interface that it
 * names not be found (ENODEV: there is none yet), which may be otherwise the next time without a change.
 *
 * All of *ret and *ret_items is written, what is between fields too, so that they may be compared as octets.
 */
enum aiodns_settings_read aiodns_settings_read(struct aiodns_settings *ret, struct aiodns_items *ret_items,
                                               const char *path, struct aiodns_settings_place *place,
                                               aiodns_settings_report *report, void *context);

/* The same; *item_line (AIODNS_ITEMS_MAX elements) gets for each item, in their order, the line that says it.
 */
enum aiodns_settings_read aiodns_settings_read_items(struct aiodns_settings *ret,
                                                     struct aiodns_items *ret_items, unsigned *item_line,
                                                     const char *path, struct aiodns_settings_place *place,
                                                     aiodns_settings_report *report, void *context);

/* What of it goes into a configuration that resolv.conf has filled: servers and order, time, letter case. */
void aiodns_settings_apply(const struct aiodns_settings *settings, struct aiodns_conf *conf);

#endif
