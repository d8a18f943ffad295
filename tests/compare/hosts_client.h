/*
 * The two programs that a worker asks of hosts files.  Each knows one service alone, has a folder of its own
 * as /etc/view, and answers each set of questions in a new process: one that has seen other files before may
 * believe what it knows of them for a moment.
 */
#ifndef COMPARE_HOSTS_CLIENT_H
#define COMPARE_HOSTS_CLIENT_H

#include "hosts_question.h"

#include <sys/types.h>

#define HOSTS_CLIENT_OPTION "--hosts-client"

struct hosts_client {
  pid_t pid;
  int fd;
};

/* What came of a question: all that a caller sees, as lines of text, and a NUL. */
struct hosts_answer {
  size_t len, room;
  char *text;
};

/* Starts the program anew with HOSTS_CLIENT_OPTION SERVICE FD; *module_dir is where the loader looks first.
 */
struct hosts_client hosts_client_start(const char *service, const char *view, const char *module_dir);
void hosts_client_stop(struct hosts_client *client);

/* Both are false if it has died; _receive once for each question. */
bool hosts_client_send(const struct hosts_client *client, const struct hosts_question *questions,
                       unsigned count);
bool hosts_client_receive(const struct hosts_client *client, struct hosts_answer *ret);

/* The other side. Returns when nobody asks any more. */
void hosts_client_main(const char *service, int fd);

/* Appends what comes of it. */
void hosts_ask(const struct hosts_question *question, const char *service, FILE *out);

#endif
