/*
 * What the subcommands of `aiodns` have in common: their table, how they are called, and what they print
 * with.
 *
 * A subcommand is one function in one file and one row in main.c.  It gets its own words, argv[0] being its
 * name, and returns the exit status: 0; 1 where something failed, which it has said by command_say().  Usage
 * errors exit with 2.  Whether stdout could be written is looked at behind it, by main.c.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "conf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { COMMAND_GOOD, COMMAND_FAILED, COMMAND_USAGE };

int command_stats(int argc, char **argv);
int command_cache(int argc, char **argv);
int command_flush(int argc, char **argv);
int command_config(int argc, char **argv);
int command_index(int argc, char **argv);
int command_servers(int argc, char **argv);
int command_blocklist(int argc, char **argv);
int command_doctor(int argc, char **argv);

/*
 * Makes the index anew where aiodns.conf names block lists, some of which have just changed; lookups would
 * only do that where it is short.  By root, and where it has a place; else lookups read the lists.  What is
 * wrong is said.
 */
void command_index_renew(void);

/* ---- What was asked for ---- */

enum {
  COMMAND_TAKES_JSON = 1, /* --json */
  COMMAND_TAKES_ALL = 2,  /* --all */
  COMMAND_TAKES_NAME = 4, /* one NAME, or none */
};

struct command_request {
  bool json, all, named;
  struct aiodns_name name;
};

/* Reads the words of a subcommand that needs no more than these.  Does not return from --help and errors. */
void command_parse(int argc, char **argv, unsigned takes, const char *doc, struct command_request *ret);

/* ---- Printing ---- */

/* One line on stderr: `aiodns: ...`. */
void command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the end of the program: for what nobody can go on after. */
void command_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void *command_allocate(void *old, size_t size);

/*
 * Text that may have come from the network, without an octet that a terminal would act on: what is no
 * printable ASCII is written as \DDD.  The caller frees it.
 */
char *command_printable(const char *text);

enum { COMMAND_NUMBER_MAX = 32 };

/* 1,234,567; and 4m59s.  They return buf. */
const char *command_number(uint64_t number, char buf[COMMAND_NUMBER_MAX]);
const char *command_duration(uint64_t seconds, char buf[COMMAND_NUMBER_MAX]);

/* ADDRESS[%INTERFACE][@PORT], as resolv.conf and aiodns.conf name a server. The caller frees it. */
char *command_server(const struct aiodns_server *server);

/* Puts `value`, which it takes over, into an object or an array (key NULL), or dies of lack of memory. */
void command_json_put(json_t *into, const char *key, json_t *value);
json_t *command_json_count(uint64_t number);

/* Prints the object or array and lets go of it. */
void command_json_print(json_t *object);

#endif
