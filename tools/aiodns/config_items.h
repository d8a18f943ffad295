/*
 * What `aiodns config` says of the items of a configuration file: domains, hosts files, block lists, names to
 * block and to allow; and of the files that they name.
 */
#ifndef COMMAND_CONFIG_ITEMS_H
#define COMMAND_CONFIG_ITEMS_H

#include "items.h"

/* A line of stdout for /etc/hosts. False: it cannot be read, which is said. */
bool config_print_hosts(void);

/*
 * A line of stdout for each item, with `file` and its line in item_line[], and for each file that it names.
 * False: a file cannot be read, which is said.
 */
bool config_print_items(const struct aiodns_items *items, const unsigned *item_line, const char *file);

/* Whether the index is of the files as they are; `needed`: lookups would make one. */
void config_print_index(bool needed);

#endif
