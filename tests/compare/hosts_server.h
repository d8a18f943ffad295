/* A server that knows no name: so what hosts files do not have is nowhere, as it is for nss_files. */
#ifndef COMPARE_HOSTS_SERVER_H
#define COMPARE_HOSTS_SERVER_H

#include <sys/types.h>

#define HOSTS_SERVER "127.0.0.1"

/* A process of its own, in a group of its own, which ends with this one. -1, with a message: there can be
 * none. */
pid_t hosts_server_start(void);
void hosts_server_stop(pid_t pid);

#endif
