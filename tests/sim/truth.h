/* What the simulated DNS holds: for each candidate of the search list what a truthful server says about it.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "conf.h"
#include "name.h"

enum {
  SIM_CANDIDATES_MAX = 16,
  SIM_TEXT_MAX = 512, /* of a name; candidates that are too long for the wire are built, too */
  SIM_HOPS_MAX = 20,  /* CNAMEs: some more than are followed */
  SIM_ADDRESSES_MAX = 150,
};

enum sim_kind {
  SIM_NXDOMAIN,
  SIM_NODATA,
  SIM_DATA,
  SIM_BROKEN, /* every server says SERVFAIL */
  SIM_LOOP,   /* the last CNAME leads back to the name */
};

/* Where a candidate stands in res_search()'s order. */
enum sim_role {
  SIM_AS_IS_FIRST,
  SIM_AS_IS_ONLY,
  SIM_LISTED,
  SIM_AS_IS_LAST,
};

/*
 * A candidate that nobody seems to know is asked again in lower case, for one family; and if that finds it,
 * in lower case for all.
 */
enum sim_round {
  SIM_NOT_ASKED,
  SIM_FIRST_ROUND,
  SIM_CONFIRMING,
  SIM_LOWER_CASE,
};

/* What the driver saw of one question (A or AAAA or PTR) of one candidate, in the round that is on or was the
 * last. */
struct sim_fact {
  bool perhaps;     /* a reply to the probe that was cut off, and malformed behind that */
  int64_t start_us; /* of the first OPEN; -1: none */
  int64_t settled_us;
  unsigned settled; /* enum sim_word: a complete reply reached a channel that listened; 0: none did */
  unsigned hinted;  /* the same, of a reply that may be asked for again, or be believed */
  uint8_t erred;    /* servers that said SERVFAIL or REFUSED, 1 << index */
  unsigned opens, opened, lacks, denials, refusals;
  bool matched; /* a reply to the question arrived, whatever it said */
  bool servfail;
  char asked[SIM_TEXT_MAX]; /* the last name asked, and how many datagrams for it */
  unsigned datagrams;
};

struct sim_candidate {
  char text[SIM_TEXT_MAX]; /* letter case as the program must see it */
  enum sim_role role;
  enum sim_kind kind;
  bool root; /* listed, by a root in the list: the name as it is */
  uint8_t index;
  uint8_t hops;
  bool nested;                      /* targets are below the name and compressed onto it */
  uint16_t count[2];                /* addresses: A (or PTR targets), AAAA */
  uint32_t ttl_s[SIM_HOPS_MAX + 1]; /* of each hop's record, the addresses at the last */
  enum sim_round round;
  uint16_t probe_type;     /* what was asked to confirm NXDOMAIN */
  int64_t took_us;         /* the first round, if NXDOMAIN was to be confirmed then */
  int64_t began_us;        /* the first round */
  bool lower;              /* the round is one in lower case and without EDNS */
  struct sim_fact fact[2]; /* by query of the lookup */
};

/* The name behind `hop` CNAMEs. */
void sim_hop_text(const struct sim_candidate *c, unsigned hop, char *buf);

/* Address `i` of the type, as it goes over the wire; returns its length. */
unsigned sim_address(const struct sim_candidate *c, uint16_t type, unsigned i, uint8_t *buf);

/* Target `i` of a PTR record. */
void sim_ptr_text(const struct sim_candidate *c, unsigned i, char *buf);

/* How many records of the type there are. */
unsigned sim_count(const struct sim_candidate *c, uint16_t type);

uint32_t sim_ttl(const struct sim_candidate *c);

/* The candidate and hop that a name stands for, in any letter case. */
bool sim_find(const struct sim_candidate *c, unsigned count, const char *text, unsigned *ret_index,
              unsigned *ret_hop);

/*
 * The candidates in the order in which glibc's __res_context_search() asks for them; written from its
 * documentation, not from the core.  Sets text, role and index; returns how many.
 */
unsigned sim_candidates(struct sim_candidate *ret, const struct aiodns_conf *conf, const char *const *list,
                        unsigned list_count, const char *given, bool as_is);

#endif
