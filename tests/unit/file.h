/* A file for the functions that take a path. */
#ifndef AIODNS_FILE_H
#define AIODNS_FILE_H

#include <stddef.h>

/* The path of a file with these octets, until the next call or file_done(). */
const char *file_of(const void *octets, size_t len);
void file_done(void);

#endif
