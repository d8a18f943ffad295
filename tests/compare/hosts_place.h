/*
 * Where the files of a worker are.  Each case has a folder, with what each of the two programs is to see as
 * its /etc/hosts.  All of a block are written at once, and then waited for, so that their change is not so
 * fresh any more that aiodns would not remember what it has read.
 *
 *   /etc/hosts -> /etc/view/now/hosts     /etc/view is the program's own folder: /etc/ours or /etc/theirs
 *   /etc/ours/now -> /etc/case/N/ours     the file, or its first piece
 *   /etc/case/N/ours/more/I.hosts         further pieces, which aiodns is told to read as well
 */
#ifndef COMPARE_HOSTS_PLACE_H
#define COMPARE_HOSTS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

enum { HOSTS_PLACES = 32 };

/* `shared`: with a place for what processes share, an index among it. */
void hosts_place_make(bool shared, bool split);

/* The file of case N, for both; for aiodns in so many pieces. */
void hosts_place_write(unsigned number, const char *text, size_t len, unsigned pieces);
/* For glibc another one. */
void hosts_place_write_theirs(unsigned number, const char *text, size_t len);

/* Until what was written last has settled. */
void hosts_place_settle(void);
void hosts_place_show(unsigned number);

#endif
