/* The lower half of the model of nss_dns: one name put to the servers, by res_query() and res_send(). */
#ifndef COMPARE_GLIBC_QUERY_H
#define COMPARE_GLIBC_QUERY_H

#include "model.h"

enum { QUESTIONS = 2 };

/* What res_send() leaves: replies in the order in which they came. */
struct heard {
  unsigned count;
  const char *name;
  uint16_t type[QUESTIONS];
  bool present[QUESTIONS];
  struct reply reply[QUESTIONS];
  bool edns, tcp;
  bool somewhere; /* "gotsomewhere" */
  int tcp_error;  /* "terrno" */
  bool question;  /* the one that was asked stands in the buffer of the first answer */
  uint8_t rcode;  /* in the buffer of the first answer, whoever wrote it */
  int error;      /* errno, in the end */
};

/* Asks for heard->type[]. Returns 0, or h_errno; heard->error is errno then. */
int glibc_query(const struct world *world, const char *name, struct heard *heard, struct notes *notes);

#endif
