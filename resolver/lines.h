/*
 * Words of the lines of a file, through one buffer of fixed size, whatever the length of a line or of the
 * file.  White space is isspace(3)'s in the C locale; a `#` (and for resolv.conf(5) `;` at a line's start) is
 * the reader's business.
 *
 * The descriptor lives from _open to _close, inside one call of ours: nothing stays open between lookups.
 */
#ifndef AIODNS_LINES_H
#define AIODNS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  AIODNS_LINES_BUFFER = 2048, /* on the stack */
  /* A device or a pipe in the file's place must end, too: 2^30 octets are 30 million lines of a hosts file.
   */
  AIODNS_LINES_FILE_MAX = 1 << 30,
};

struct aiodns_lines {
  int fd; /* -1: of text */
  const char *text;
  size_t text_len;
  off_t base;       /* offset in the file of buf[0] */
  off_t line_start; /* of the current line */
  size_t pos, len;
  bool in_line; /* the current line's end was not reached yet */
  bool ended;   /* nothing is left to read behind the buffer */
  bool failed;  /* reading ended with an error, or where no file is that long */
  char buf[AIODNS_LINES_BUFFER];
};

/* The same of text in memory, as if it were a file; there is nothing to close.  It is copied piece by piece:
 * what stands there may change meanwhile. */
void aiodns_lines_of_text(struct aiodns_lines *lines, const char *text, size_t len);

/* False where the file cannot be opened.  Never waits: not for a FIFO's other end either. */
bool aiodns_lines_open(struct aiodns_lines *lines, const char *path);
void aiodns_lines_close(struct aiodns_lines *lines);

/* Goes to the next line's first character; false at the end of the file, or where it cannot be read any more.
 */
bool aiodns_lines_next(struct aiodns_lines *lines);

/*
 * The next word of the current line, which ends at white space, at the line's end, or before `comment` (0:
 * none). Returns its length, and writes its first `room` - 1 characters and a NUL; 0: no word is left in this
 * line.
 */
size_t aiodns_lines_word(struct aiodns_lines *lines, char comment, char *buf, size_t room);

/* The next character of the line without taking it; -1 at its end.  As in glibc, a NUL ends a line's words,
 * too. */
int aiodns_lines_peek(struct aiodns_lines *lines);

/* Takes the character that was peeked at, which is not -1. */
void aiodns_lines_take(struct aiodns_lines *lines);

/* Goes to the end of the current line. Whether there is a newline, as not every last line has. */
bool aiodns_lines_finish(struct aiodns_lines *lines);

/* Goes back to the first character of the current line. */
void aiodns_lines_again(struct aiodns_lines *lines);

/* Goes back to before the first line; false where that cannot be. */
bool aiodns_lines_rewind(struct aiodns_lines *lines);

#endif
