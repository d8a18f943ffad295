/*
 * Block lists, line by line: which names a file says are to be blocked, or never to be.
 *
 * One reader for all formats that people have; each line is told by itself, so that files may mix them:
 *
 * hosts(5)
 *     0.0.0.0 name...    also 127.0.0.1, ::, ::1, 0: the names themselves.  Boilerplate (localhost,
 *                        ip6-loopback, broadcasthost, 0.0.0.0, ...) is passed over, whatever its address;
 *                        any other name of another address is not understood.
 * names
 *     name               itself, but for boilerplate
 *     *.name  .name      the name and all below it
 * Adblock
 *     ||name^  ||name^|  the same; @@ in front allows.  $important and $all change nothing: here an allowed
 *                        name is never blocked, and a blocked one is blocked for all.  A rule with any other
 *                        modifier blocks less than the name, and is not understood.
 * dnsmasq(8)
 *     address=/name/...  the same; several names; behind them nothing, `#`, or an address as above
 *     local=/name/  server=/name/  the same; several names; behind them nothing
 * response policy zone
 *     name CNAME .       itself, and *.name what is below alone; also [TTL] [IN], `*.` and rpz-drop.;
 *                        rpz-passthru. allows.  $TTL, SOA and NS are passed over.  $ORIGIN, or SOA's absolute
 *                        name, is the zone, which is taken off absolute names.
 *
 * `#` and `;` at a line's start or behind white space begin a comment, in hosts(5) lines `#` does anywhere;
 * `!` does at a line's start; a line in brackets ("[Adblock Plus]") is one.  Lines may end with CR LF, the
 * file may begin with a UTF-8 byte order mark.
 *
 * Names are of letters, digits, `-` and `_`, in any order, with or without a last dot, and are lower-cased; a
 * name in UTF-8 is not understood: lists write A-labels (RFC 5890).  What ends with a label of digits alone
 * is an address, or part of one, and no name (RFC 1123 section 2.1).  The root is never a name.
 *
 * What is none of these is not guessed at, but counted, with the place of the first.  If a line has several
 * names, those that are understood count nevertheless.
 *
 * Reads through one buffer of fixed size (lines.h); no memory is allocated.  A line of its size or longer is
 * read if it is of hosts(5) or a comment, and has no more than 1,000 blanks in front.
 */
#ifndef AIODNS_BLOCKLIST_H
#define AIODNS_BLOCKLIST_H

#include "blocklist_zone.h"
#include "lines.h"

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

/* Each line is one of `empty` or `not_understood`, or has nothing but rules and skipped names. */
struct aiodns_blocklist_counts {
  uint64_t lines;
  uint64_t rules;
  uint64_t empty;          /* lines: comments too, and what a format has around its rules */
  uint64_t skipped;        /* names: boilerplate */
  uint64_t not_understood; /* lines, wholly or in part */
  uint64_t first_line;     /* of those the first, from 1; 0: none */
  char first_text[64];     /* its beginning, as it stands there, and a NUL; only if first_line is not 0 */
};

struct aiodns_blocklist {
  struct aiodns_lines lines; /* for others `fd` and `failed` alone */
  struct aiodns_blocklist_counts counts;
  /* The rest is private. */
  struct aiodns_blocklist_zone zone;
  size_t stop;   /* in the buffer, behind the current line's names */
  size_t next;   /* in the buffer, where the next line begins */
  uint8_t form;  /* of the current line, if it may have more rules */
  uint8_t scope; /* AIODNS_RULE_... of its names; 0: none of them is a rule */
  bool has_names;
  bool bad; /* and counted as such */
};

/* False where the file cannot be opened (errno); else _close() is due.  Never waits. */
bool aiodns_blocklist_open(struct aiodns_blocklist *list, const char *path);

/*
 * The next rule; false at the end, or where the file cannot be read any more: lines.failed.  The counts are
 * of what has been read so far.
 */
bool aiodns_blocklist_next(struct aiodns_blocklist *list, struct aiodns_rule *ret);
void aiodns_blocklist_close(struct aiodns_blocklist *list);

#endif
