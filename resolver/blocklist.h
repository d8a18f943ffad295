/*
 * Block lists, line by line: which names a file says are to be blocked, or never to be.
 *
 * One reader for all formats that people have; each line is told by itself, so that files may mix them:
 *
 *   0.0.0.0 name...        hosts(5): also 127.0.0.1, ::, ::1, 0: the names themselves; boilerplate
 * (localhost, ip6-loopback, broadcasthost, 0.0.0.0, ...) is passed over name                   a name alone,
 * itself
 *   *.name   .name         the name and all below it
 *   ||name^                the same (Adblock); @@||name^ allows
 *   address=/name/...      the same (dnsmasq): several names; an empty address, `#`, 0.0.0.0, :: and
 * 127.0.0.1 alone; local=/name/, server=/name/ without a server name [TTL] [IN] CNAME .     a response policy
 * zone: itself; *.name is what is below alone.  `*.` and rpz-drop. block, too, rpz-passthru. allows; $TTL,
 * SOA, NS are passed over, $ORIGIN is taken off behind names that end with it
 *
 * `#` at a line's start or behind white space begins a comment everywhere; `!` and `;` do at a line's start;
 * so does a line in brackets ("[Adblock Plus]").  Lines may end with CR LF, the file may begin with a UTF-8
 * byte order mark.  Names are lower-cased; a name in UTF-8 is not understood: lists write A-labels (RFC
 * 5890).  What is none of these is not guessed at, but counted, with the place of the first.
 *
 * Reads through one buffer of fixed size (lines.h); no memory is allocated.
 */
#ifndef AIODNS_BLOCKLIST_H
#define AIODNS_BLOCKLIST_H

#include "lines.h"
#include "name.h"

/* What a rule is about, bits. */
enum {
  AIODNS_RULE_ITSELF = 1,
  AIODNS_RULE_BELOW = 2, /* every name below it */
  AIODNS_RULE_ALLOW = 4, /* never blocked, whoever says so */
};

struct aiodns_rule {
  uint8_t is;              /* bits of the above */
  struct aiodns_name name; /* in lower case; never the root */
};

struct aiodns_blocklist_counts {
  uint64_t lines;
  uint64_t rules;
  uint64_t empty;          /* lines: comments too, and what a format has around its rules */
  uint64_t skipped;        /* names: boilerplate */
  uint64_t not_understood; /* lines */
  uint64_t first_line;     /* of those the first, from 1; 0: none */
  char first_text[64];     /* its beginning, as it stands there, and a NUL */
};

struct aiodns_blocklist {
  struct aiodns_lines lines;
  struct aiodns_blocklist_counts counts;
  struct aiodns_name origin; /* of a response policy zone; len 0: none was said */
  uint8_t form;              /* private: what the current line is */
  uint8_t scope;             /* private: AIODNS_RULE_... of its names */
};

/* False where the file cannot be opened (errno); else _close() is due.  Never waits. */
bool aiodns_blocklist_open(struct aiodns_blocklist *list, const char *path);

/* The next rule; false at the end, or where the file cannot be read any more: lines.failed. */
bool aiodns_blocklist_next(struct aiodns_blocklist *list, struct aiodns_rule *ret);
void aiodns_blocklist_close(struct aiodns_blocklist *list);

#endif
