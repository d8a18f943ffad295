/* A cache file that lives in memory, and answers all of whose octets follow from a few numbers. */
#ifndef AIODNS_CACHEFILE_H
#define AIODNS_CACHEFILE_H

#include "cache_write.h"

#define SECOND ((uint64_t)1000000000)
#define START  (1000 * SECOND) /* when most tests begin */

/* The file of the test: mapped to be read only, with a page behind it that cannot be read. */
extern struct aiodns_cache cache;
extern int cache_fd;
extern const uint8_t cache_boot[AIODNS_CACHE_BOOT_LEN];

/* A new and empty file in place of the last one. */
void cachefile_begin(uint32_t small_sets, uint32_t large_sets);
void cachefile_done(void);

/* Octets of a slot, written behind the cache's back; and the whole slot, to be read. */
void cachefile_put(uint32_t number, size_t at, const void *octets, size_t len);
const void *cachefile_slot(uint32_t number);

struct said {
  const char *text; /* the question, as a program gives it */
  uint16_t type;
  uint8_t outcome, flags;
  uint8_t names;     /* behind the question's own */
  uint8_t canonical; /* which of them, from 1; 0: the question's own */
  uint16_t addresses;
  uint16_t name_len; /* characters of each of the names; 0: as many as they need */
  uint64_t view;
  uint32_t salt; /* all octets follow from it; an answer with addresses begins with it */
};

/* One of every kind, all of different questions. */
enum { SAID_SAMPLES = 20 };
extern const struct said said_samples[];

/* The answer, for a program that gave the name as `text`. */
void said_answer(const struct said *said, const char *text, struct aiodns_answer *ret);

/* Whether it is that very answer, but for its time. */
bool said_is(const struct said *said, const char *text, const struct aiodns_answer *answer);

/* The number that the addresses of a patterned answer begin with. */
uint32_t said_salt(const struct aiodns_answer *answer);

enum aiodns_cache_stored said_store(const struct said *said, uint64_t now_ns, uint64_t life_ns);

/* Asks the question of `said`; the answer is initialised here, and has to be done with. */
bool said_read(const struct said *said, const char *text, uint64_t now_ns, struct aiodns_answer *ret,
               struct aiodns_record_facts *facts);

/* The wish for it, by a lookup that begins now under the name `text`; and what the cache says to such a wish.
 */
void said_wish(const struct said *said, const char *text, uint64_t now_ns, struct aiodns_name *name,
               struct aiodns_cache_wish *ret);
bool said_read_wish(const struct aiodns_cache_wish *wish, struct aiodns_answer *ret,
                    struct aiodns_record_facts *facts);

/* Whether the cache says exactly this; what else it might say is an error. */
bool said_holds(const struct said *said, uint64_t now_ns);

/* The slot where the record is, or -1. */
int64_t said_slot(const struct said *said);

void said_question(const struct said *said, struct aiodns_name *name, struct aiodns_question *ret);

#endif
