/*
 * Records all of whose octets follow from a question's number and a salt, which is also in their life: a mix
 * of any two shows.  Nothing here needs more than the cache's own files, so that a 32-bit program can have
 * it.
 */
#ifndef AIODNS_TORTURE_RECORD_H
#define AIODNS_TORTURE_RECORD_H

#include "cache_write.h"

#define SECOND ((uint64_t)1000000000)

enum {
  QUESTIONS = 64,
  QUESTION_HUGE = 0, /* its records are huge, whatever the salt */
};

enum record_kind {
  RECORD_HUGE, /* 200 addresses, of IPv6 for most questions, and a chain of names */
  RECORD_LARGE,
  RECORD_SMALL,
  RECORD_NEGATIVE, /* no such name, or no data; the life of a failure is not the caller's to choose */
};

enum record_kind record_kind_of(uint32_t salt);

/* The first salt from this one on whose records are of that kind. */
uint32_t record_salt(enum record_kind kind, uint32_t from);

struct record {
  uint32_t salt;
  char text[32]; /* the question, as a program gives it */
  struct aiodns_name name;
  struct aiodns_question question;
  struct aiodns_answer answer;
  uint8_t flags;
};

/* It points into itself. */
void record_make(struct record *record, unsigned which, uint32_t salt);
void record_done(struct record *record);

/* False: errno says why. */
bool record_put(const struct record *record, const struct aiodns_cache *cache, int fd, uint64_t now_ns);

/* Both at once. */
bool record_store(const struct aiodns_cache *cache, int fd, unsigned which, uint32_t salt, uint64_t now_ns);

enum record_seen { RECORD_NONE, RECORD_WHOLE, RECORD_MIX };

/* What the cache says to this question; *ret_salt is for a whole one. A mix is printed. */
enum record_seen record_read(const struct aiodns_cache *cache, unsigned which, uint64_t now_ns,
                             uint32_t *ret_salt);

/* The question, and what the cache says; the answer has to be done with. */
bool record_ask(const struct aiodns_cache *cache, const struct record *record, uint64_t now_ns,
                struct aiodns_answer *ret, struct aiodns_record_facts *ret_facts);

#endif
