/* The two DNS servers of the tour and the benchmark, in a child process: one that answers by UDP and TCP, and
 * one that is dead. */
#ifndef TOUR_SERVER_H
#define TOUR_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#define TOUR_SERVER      "127.0.0.1"
#define TOUR_DEAD_SERVER "127.0.0.2" /* takes datagrams and is silent; refuses TCP */

/* Both are reachable once it returns.  The process, to be ended with tour_server_stop; -1 and errno on
 * failure. */
pid_t tour_server_start(void);

/* How many queries it has had since; only once it was started. */
uint32_t tour_server_asked(void);

void tour_server_stop(pid_t pid);

#endif
