/*
 * hosts(5) files at random: lines as people write them, as programs write them, and as nobody should.  Names
 * and addresses come from small pools, so that lines have much to do with each other.
 */
#ifndef COMPARE_HOSTS_FILE_H
#define COMPARE_HOSTS_FILE_H

#include "rng.h"

#include <stddef.h>
#include <stdio.h>

enum {
  HOSTS_FILE_MAX = 1 << 20,
  HOSTS_LINES_MAX = 5000,
  HOSTS_NAMES = 24,
  HOSTS_NAME_MAX = 300, /* of the pool; lines may have longer ones */
  HOSTS_ADDRESSES = 20,
  HOSTS_ADDRESS_MAX = 80,
};

struct hosts_file {
  size_t len;
  unsigned names, addresses; /* in the pools */
  char name[HOSTS_NAMES][HOSTS_NAME_MAX];
  char address[HOSTS_ADDRESSES][HOSTS_ADDRESS_MAX];
  char text[HOSTS_FILE_MAX];
};

/* `large`: of some thousand lines; else mostly of few. */
void hosts_file_generate(struct hosts_file *ret, struct rng *rng, bool large);

/* Some word of the text, or part of one, as a name to ask for; false: there is none that fits. */
bool hosts_file_word(const struct hosts_file *file, struct rng *rng, char *buf, size_t room);

/* The text as C has it in a string; _print: each line of it in a line of its own. */
void hosts_text_escape(const char *text, size_t len, FILE *out);
void hosts_text_print(const char *text, size_t len, FILE *out);

#endif
