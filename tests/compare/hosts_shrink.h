/* A file that shows something, cut down to what shows it. */
#ifndef COMPARE_HOSTS_SHRINK_H
#define COMPARE_HOSTS_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

typedef bool hosts_shows(void *context, const char *text, size_t len);

/* In place; returns the new length.  `text` shows it, and each smaller one that is tried is asked for. */
size_t hosts_shrink(char *text, size_t len, unsigned tries, hosts_shows *shows, void *context);

#endif
