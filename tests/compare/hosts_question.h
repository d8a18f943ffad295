/* What is asked of a hosts file: the calls that programs make, and the functions of the module itself. */
#ifndef COMPARE_HOSTS_QUESTION_H
#define COMPARE_HOSTS_QUESTION_H

#include "hosts_file.h"

#include <stdint.h>

enum hosts_call {
  HOSTS_GETADDRINFO,
  HOSTS_BYNAME,    /* gethostbyname() */
  HOSTS_BYNAME2,   /* gethostbyname2() */
  HOSTS_BYNAME_R,  /* gethostbyname_r() */
  HOSTS_BYNAME2_R, /* gethostbyname2_r() */
  HOSTS_BYADDR,    /* gethostbyaddr() */
  HOSTS_BYADDR_R,  /* gethostbyaddr_r() */
  HOSTS_NAMEINFO,  /* getnameinfo() */
  /* Of the module: with `ttlp` and `canonp`, as nscd has them, and without. */
  HOSTS_MODULE_2,
  HOSTS_MODULE_3,
  HOSTS_MODULE_4,
  HOSTS_MODULE_ADDRESS,
  HOSTS_CALLS,
};

struct hosts_question {
  enum hosts_call call;
  int family, flags;
  uint32_t room;   /* of the first buffer: made larger as long as it is too small */
  bool odd_buffer; /* its address is */
  bool more;       /* MODULE_3: ttlp and canonp; MODULE_4: ttlp and a tuple of the caller's */
  uint8_t octets[16];
  uint32_t scope;
  char name[1100]; /* longer ones are no names, whoever is asked */
};

void hosts_question_generate(struct hosts_question *ret, struct rng *rng, const struct hosts_file *file);
bool hosts_question_is_reverse(const struct hosts_question *question);
void hosts_question_print(const struct hosts_question *question, FILE *out);

#endif
