/* The lower half of the model of the module: one question put to the servers, and where its CNAMEs lead. */
#ifndef COMPARE_OURS_QUESTION_H
#define COMPARE_OURS_QUESTION_H

#include "model.h"

enum outcome { ANSWER, NO_NAME, NOTHING, FAILED };

enum failure { UNREACHED, UNANSWERED, BROKEN };

/* One question, over all of its names, and what came of it. */
struct asked {
  uint16_t type;
  enum outcome outcome;
  enum failure failure;
  bool plain;             /* the reply that ended it was to a query in lower case */
  bool heard;             /* some reply, whatever it said */
  int server;             /* whose reply ended it; -1: none */
  bool erred;             /* a server before that one said anything but nothing */
  bool aliased;           /* a CNAME was followed */
  char name[NS_MAXDNAME]; /* the last of the chain */
  unsigned hops;
  struct result data; /* names as aliases, the last one the canonical name */
};

/* A lookup of one name, over the candidates of the search list. */
struct walk {
  const struct world *world;
  struct notes *notes;
  bool hide;             /* no-aaaa: A is asked for AAAA, and an answer is no data */
  bool plain;            /* lower case and no EDNS, since a server errs on letter case */
  unsigned first_server; /* of the next candidate */
  unsigned count;
  struct asked asked[2];
};

/* asked->type is set; all else is written. */
void question_ask(struct walk *walk, struct asked *asked, const char *name, unsigned first_server);

/* Of this server alone, in lower case by UDP: whether an NXDOMAIN stands. */
void question_probe(struct walk *walk, struct asked *asked, const char *name, unsigned server);

#endif
