/* A lookup as programs do them, and what comes of it. */
#ifndef COMPARE_LOOKUP_H
#define COMPARE_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum call {
  CALL_GETADDRINFO,
  CALL_BYNAME,    /* gethostbyname() */
  CALL_BYNAME_R,  /* gethostbyname_r() */
  CALL_BYNAME2,   /* gethostbyname2() */
  CALL_BYNAME2_R, /* gethostbyname2_r() */
  CALL_BYADDR,    /* gethostbyaddr() */
  CALL_BYADDR_R,  /* gethostbyaddr_r() */
  CALL_NAMEINFO,  /* getnameinfo() with NI_NAMEREQD */
  CALLS,
};

enum {
  GIVEN_MAX = 1280, /* longer names than any that can be asked */
  ALIASES_MAX = 40,
  ADDRESSES_MAX = 240,
  HOST_NAME_MAX_LEN = 260,
};

struct address {
  int family;
  uint8_t octets[16];
};

struct lookup {
  enum call call;
  int family, flags;
  struct address address; /* of the last three calls */
  char name[GIVEN_MAX];   /* of the others */
};

struct result {
  bool found;
  int error;  /* EAI_*, or h_errno where the call has one */
  int status; /* what the _r forms return */
  char name[HOST_NAME_MAX_LEN];
  unsigned alias_count, address_count;
  char alias[ALIASES_MAX][HOST_NAME_MAX_LEN];
  struct address address[ADDRESSES_MAX];
};

void lookup_do(const struct lookup *lookup, struct result *ret);
void lookup_print(const struct lookup *lookup, FILE *out);

bool call_is_reverse(enum call call);
bool call_is_reentrant(enum call call);

void result_clear(struct result *result);
void result_add_alias(struct result *result, const char *name);
void result_add_address(struct result *result, int family, const void *octets);
void result_print(const struct lookup *lookup, const struct result *result, FILE *out);

/* `in_order`: addresses as well; else they are compared as a set in which an address may stand twice. */
bool result_same(const struct result *a, const struct result *b, bool in_order);

#endif
