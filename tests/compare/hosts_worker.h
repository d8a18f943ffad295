/* As worker.h has it, for hosts files: case after case of a file and what is asked of it. */
#ifndef COMPARE_HOSTS_WORKER_H
#define COMPARE_HOSTS_WORKER_H

#include "worker.h"

/* Until no case is left. Does not return. */
void hosts_worker_main(unsigned number, const struct plan *plan, struct tally *tally)
    __attribute__((noreturn));

#endif
