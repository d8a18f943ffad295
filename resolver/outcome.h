/* How a lookup can end: the closed list that every driver and every front translates from. */
#ifndef AIODNS_OUTCOME_H
#define AIODNS_OUTCOME_H

enum aiodns_outcome {
  AIODNS_PENDING,  /* not ended yet */
  AIODNS_ANSWER,   /* at least one record of the wanted type */
  AIODNS_NO_NAME,  /* NXDOMAIN: the name does not exist */
  AIODNS_NO_DATA,  /* the name exists, without a record of the wanted type */
  AIODNS_FAILED,   /* the servers were silent, unreachable, or answered with an error */
  AIODNS_LOCAL,    /* this process is out of descriptors or memory; an errno says which */
  AIODNS_UNUSABLE, /* this process may not have sockets or random numbers, or others may know more than
                      servers that failed */
  AIODNS_NOT_MINE, /* the name belongs to another service of nsswitch.conf(5) */
};

#endif
