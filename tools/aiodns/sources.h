/*
 * The hosts files and block lists of this host, read as lookups read them: what each has, and whether the
 * index is of them as they are.
 */
#ifndef COMMAND_SOURCES_H
#define COMMAND_SOURCES_H

#include "index.h"
#include "items.h"

#include <stdbool.h>
#include <stdint.h>

/* What was found in one file. */
struct command_source {
  int error;               /* errno: why it could not be read, or only in part */
  uint64_t names;          /* of a hosts file; or the rules of a block list */
  uint64_t not_understood; /* lines, */
  uint64_t first_line;     /* of them the first; 0: none */
  char first_text[64];     /* its beginning */
};

/* Reads a hosts file, or a block list; false: ret->error. */
bool command_source_read(enum aiodns_item_kind kind, const char *path, struct command_source *ret);

enum command_index_state {
  COMMAND_INDEX_NONE,
  COMMAND_INDEX_OLD,
  COMMAND_INDEX_LEFT_OUT,
  COMMAND_INDEX_CURRENT
};

/* The index that lookups of this process would map; *ret is set unless there is none. */
enum command_index_state command_index_look(struct aiodns_index *ret);

/* 7 names, 1 name. */
void command_count(uint64_t count, const char *one, const char *many, char ret[64]);

#endif
