/*
 * The two programs that every worker asks for lookups: each lives through many cases, and knows one service
 * alone.
 */
#ifndef COMPARE_CLIENT_H
#define COMPARE_CLIENT_H

#include "world.h"

#include <sys/types.h>

#define CLIENT_ALIASES_PATH "/etc/aliases.compare"

struct client {
  pid_t pid;
  int fd;
};

/* Starts the program anew with "--client SERVICE FD"; *module_dir is where the loader looks first. */
struct client client_start(const char *service, const char *module_dir);
void client_stop(struct client *client);

void client_send(const struct client *client, const struct world *world, const struct lookup *lookup);

/* What it got; to be called once its descriptor is readable. False: it has died. */
bool client_receive(const struct client *client, struct result *ret);

/* The other side. Returns when nobody asks any more. */
void client_main(const char *service, int fd);

#endif
