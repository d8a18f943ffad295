/* The records of a cache, as `aiodns cache` lists them and `aiodns flush` and `aiodns doctor` count them. */
#ifndef COMMAND_RECORDS_H
#define COMMAND_RECORDS_H

#include "tiers.h"

struct command_record {
  uint32_t number; /* of its slot */
  bool valid;      /* it would be used: neither expired nor stored in a time to come */
  bool stale;      /* where expired answers are to be given at all: it has expired, and was given */
  uint16_t type;
  uint64_t view, stored_ns, expires_ns;
  struct aiodns_name name;
  struct aiodns_answer answer; /* of an expired one as it was */
};

typedef void command_record_visit(const struct command_record *record, void *context);

/* Visits all whole records, each for as long as the call; in the order of slots, which is none. */
void command_records_each(const struct aiodns_cache *cache, uint64_t now_ns, command_record_visit *visit,
                          void *context);

#endif
