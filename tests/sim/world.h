/*
 * The third driver of the lookup machine: a network and a clock that are made up, everything from one seed.
 * It performs the machine's tasks, delivers what the simulated servers and the attacker send, moves the clock
 * from event to event, and looks after every step whether the machine kept what its headers promise.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "lookup.h"
#include "rng.h"
#include "server.h"

#include <stdarg.h>
#include <stdio.h>

enum {
  SIM_SERVERS_MAX = AIODNS_SERVERS_MAX,
  SIM_LIST_MAX = 10, /* search entries, the tail that `_res` has no room for counted */
  SIM_EVENTS_MAX = 65536,
  SIM_STEPS_MAX = 5000, /* at one instant of virtual time */
  SIM_LOG_MAX = 256,

  /* What the design promises, not what the core's headers say of it today. */
  SIM_DATAGRAMS_MAX = 16, /* a query, for each name it asks */
  SIM_CNAMES_MAX = 16,
  SIM_FIRST_WAIT_US = 200000,
  SIM_PATIENCE_US = 900000, /* from the candidate's start, with one family answered */
  SIM_GRACE_US = 300000,    /* for the other one, at the least */
  SIM_CONFIRM_US = 900000,  /* for confirming NXDOMAIN, or four times what it had taken */
};

enum sim_event_kind {
  SIM_DATAGRAM,
  SIM_OCTETS_COME, /* a piece of a stream */
  SIM_CONNECTED,
  SIM_REFUSED, /* ICMP, RST or the stream's end */
  SIM_FORGED,  /* the attacker's turn; the datagram is made when it arrives */
};

struct sim_event {
  int64_t at_us;
  uint32_t order; /* of two at the same time the one made first comes first */
  enum sim_event_kind kind;
  uint8_t channel;
  uint32_t socket;    /* serial number */
  uint32_t data, len; /* in the world's octets */
  struct sim_about about;
};

struct sim_socket {
  bool open, tcp;
  uint32_t serial;
  uint8_t server;
  uint8_t payload[AIODNS_PAYLOAD_MAX];
  size_t payload_len;
  struct sim_query query;
  uint8_t candidate, hop;
};

/* What the driver did, for scenarios that assert the sequence. */
struct sim_logged {
  int64_t at_us;
  enum aiodns_task_kind kind;
  uint8_t channel, server;
  bool tcp, plain;
  uint16_t type;
  uint8_t candidate, hop;
};

struct sim_attack {
  uint16_t forgeries; /* datagrams to each UDP socket, at the most */
  int64_t within_us;  /* of the query's leaving */
  bool bare_errors;   /* with the right ID */
  bool right_id;      /* with wrong letter case */
};

struct sim_world {
  uint64_t seed;
  struct rng net, entropy, attacker;
  int64_t now_us, start_us, end_us;

  /* The script. */
  struct aiodns_conf conf;
  struct sim_server server[SIM_SERVERS_MAX];
  struct sim_attack attack;
  char list_text[SIM_LIST_MAX][80];
  const char *list[SIM_LIST_MAX];
  unsigned list_count; /* conf.search_count of them are in `_res` */
  char given[SIM_TEXT_MAX];
  bool as_is, ptr;
  int family;
  uint16_t late_replies;  /* per mille of replies to closed sockets that reach the next one */
  int64_t late_us;        /* how much too late the driver may wake up */
  size_t room;            /* of the driver's buffer for datagrams */
  int64_t entropy_left;   /* octets; -1: no end */
  int64_t abandon_us;     /* when the driver gives up; -1: never */
  uint16_t send_failures; /* per mille */
  /* A scenario's own: called for each query that leaves; true: the server does not see it. */
  bool (*on_query)(struct sim_world *world, unsigned channel, const struct sim_query *query);
  unsigned on_query_calls;

  struct sim_candidate candidate[SIM_CANDIDATES_MAX];
  unsigned candidate_count;

  /* The run. */
  struct aiodns_lookup lookup;
  struct aiodns_answer answer[AIODNS_LOOKUP_QUERIES];
  struct sim_socket socket[AIODNS_LOOKUP_CHANNELS];
  int64_t took_us;  /* the last round whose NXDOMAIN was to be confirmed */
  int64_t round_us; /* when the round that is on began, of which candidate */
  unsigned round_candidate;
  uint32_t sockets_opened, sockets_closed, serial, datagrams, connections, forged, delivered;
  int64_t instant_us;
  unsigned steps; /* at this instant */
  bool entropy_failed, abandoned;
  struct sim_event event[SIM_EVENTS_MAX]; /* a heap */
  uint32_t event_count, event_order;
  uint8_t *octets;
  uint32_t octets_len, octets_room;
  struct sim_logged log[SIM_LOG_MAX];
  unsigned log_len;

  bool trace, failed;
  char complaint[1024]; /* the first */
};

/* A calm world: one healthy server, `conf` as without resolv.conf, nothing asked yet.  Keeps the octets'
 * room. */
void sim_world_init(struct sim_world *world, uint64_t seed);
void sim_world_done(struct sim_world *world);

/* Sets the addresses of the servers from what `server` says of them. */
void sim_world_servers(struct sim_world *world, unsigned count);

/* Fills in the candidates, without data, from given, list, conf. */
void sim_world_name(struct sim_world *world);

/* Runs the lookup to its end.  The answers stay until sim_world_forget(). */
void sim_world_run(struct sim_world *world);
void sim_world_forget(struct sim_world *world);

void sim_push(struct sim_world *world, int64_t at_us, enum sim_event_kind kind, unsigned channel,
              const uint8_t *data, size_t len, struct sim_about about);

/* The event that comes next; there is one. */
struct sim_event sim_pop(struct sim_world *world);

/* A violation; the first is kept. */
void sim_complain(struct sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the attacker sends to this channel now: its octets, or false for nothing. */
bool sim_attack_forge(struct sim_world *world, unsigned channel, struct sim_message *ret);
void sim_attack_plan(struct sim_world *world, unsigned channel);

/* Whether the machine would have to believe this message on this channel: what nobody may guess. */
bool sim_matches(const struct sim_socket *socket, const uint8_t *msg, size_t len);

/* Whether an address is the attacker's. */
bool sim_is_marked(const uint8_t *address, unsigned len);

/* Another round for the candidate begins: what is to be said about the one before. */
void sim_judge_round(struct sim_world *world, const struct sim_candidate *c);

/* How long NXDOMAIN may be being confirmed. */
/* Until when the other family is waited for, once this one has ended well. */
static inline int64_t sim_grace_us(const struct sim_world *world, const struct sim_candidate *c,
                                   const struct sim_fact *fact)
{
  int64_t took_us = fact->settled_us - c->fact[0].start_us;
  if (!world->conf.single_request || fact != &c->fact[0])
    return fact->settled_us + SIM_GRACE_US;
  return fact->settled_us + (2 * took_us > SIM_PATIENCE_US ? 2 * took_us : SIM_PATIENCE_US);
}

static inline int64_t sim_confirm_us(const struct sim_candidate *c)
{
  return 4 * c->took_us > SIM_CONFIRM_US ? 4 * c->took_us : SIM_CONFIRM_US;
}

/* Everything that can be said about the run once it has ended: sets `failed`. */
void sim_judge(struct sim_world *world);

/* Behaviours that the core is known not to get over; each would make sim_judge() complain. */
enum {
  /*
   * "No data" for letters that a server does not know is believed today, though lower case would have got
   * the address.
   */
  SIM_MISREAD_NO_DATA_IS_LEFT_OUT = 1,
};

/* A world at random from its seed. */
void sim_generate(struct sim_world *world, uint64_t seed);
void sim_describe(const struct sim_world *world, FILE *out);

enum { SIM_BEHAVIOURS = 41 };

/* What servers and network do that is not as usual, by name; and which of it is in a world, 1 << index. */
extern const char *const sim_behaviour[SIM_BEHAVIOURS];
uint64_t sim_behaviours(const struct sim_world *world);
bool sim_is_alone(uint64_t behaviours, unsigned which);
bool sim_is_left_out(unsigned which);

#endif
