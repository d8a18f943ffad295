/*
 * One question (name and type) put to the servers: a state machine without descriptors, clock or entropy of
 * its own.
 *
 * It owns two channels a server, one UDP and one TCP.  A channel is what the driver keeps a socket for; the
 * machine says by tasks what is to be done with it, and is told what happened.  All times are microseconds of
 * one monotonic clock.
 *
 * Invariants:
 *  - Only a reply that matched (message.h), on a channel that the machine wants open, can end a query well.
 *  - A bad datagram is dropped and waiting goes on; an ICMP error starts the next server and closes nothing,
 * except from loopback, where nobody else can have sent it.
 *  - At most AIODNS_SENDS_MAX datagrams leave for each name of a chain, and a server is not asked again after
 * `attempts` failures.
 *  - A query that is not DONE has a time (aiodns_query_due) at which it does something by itself.
 */
#ifndef AIODNS_QUERY_H
#define AIODNS_QUERY_H

#include "conf.h"
#include "entropy.h"
#include "reply.h"
#include "servers.h"
#include "stream.h"

#include <errno.h>

enum {
  AIODNS_QUERY_CHANNELS = 2 * AIODNS_SERVERS_MAX,
  AIODNS_SENDS_MAX = 16, /* datagrams a query */
  AIODNS_LEAST_WAIT_US = 50000,
  AIODNS_PLAIN_WAIT_US = 200000, /* the least that TCP gets before UDP is tried in plain */
  AIODNS_SILENT_SENDS = 2,       /* datagrams without any answer before TCP is tried beside UDP */
  AIODNS_DEAF_SENDS = 5,    /* datagrams without any answer, by TCP neither, before it is lower case by UDP */
  AIODNS_DEAF_US = 2000000, /* and at least so long: the new socket drops replies that are under way */
  AIODNS_PAYLOAD_MAX = 2 + AIODNS_QUERY_MAX,
  AIODNS_LINGER_US = 100000, /* for a reply behind an ICMP error, when there is nobody else to ask */
};

enum aiodns_channel_state {
  AIODNS_CHANNEL_IDLE,      /* no socket */
  AIODNS_CHANNEL_OPENING,   /* no socket yet: to be opened, and the query sent */
  AIODNS_CHANNEL_WAITING,   /* a socket; the query was sent, the reply is welcome */
  AIODNS_CHANNEL_RESENDING, /* as WAITING, and the same query is to be sent once more */
  AIODNS_CHANNEL_CLOSING,   /* a socket, to be closed */
  AIODNS_CHANNEL_REOPENING, /* a socket, to be closed, and another to be opened */
};

struct aiodns_channel {
  enum aiodns_channel_state state;
  bool plain;      /* the query is in lower case */
  bool edns;       /* it has an OPT record */
  bool has_cookie; /* and a cookie in it, */
  bool as_given;   /* the query is in the program's letters, or in lower case */
  bool connected;  /* TCP: somebody is there */
  uint16_t id;
  uint8_t flip[AIODNS_FLIP_LEN];
  uint8_t cookie[AIODNS_COOKIE_LEN]; /* this one */
  bool again;                        /* it was sent more than once: no round trip can be told for sure */
  int64_t sent_us;                   /* when it was sent last */
  struct aiodns_stream stream;
};

/* How a server is being asked in this query. */
enum aiodns_stage {
  AIODNS_STAGE_UDP,       /* as usual */
  AIODNS_STAGE_TCP,       /* the same query by TCP */
  AIODNS_STAGE_PLAIN_TCP, /* lower case and no EDNS, by TCP */
  AIODNS_STAGE_PLAIN_UDP, /* the same by UDP: TCP was refused or kept silent */
  /*
   * Lower case by UDP, behind an error: another error is the server's word, and anything else is asked for
   * again by TCP, since it is easier to forge.
   */
  AIODNS_STAGE_DOUBT,
};

/* Why a server is no longer in the stage UDP. */
enum aiodns_cause {
  AIODNS_CAUSE_NONE,
  AIODNS_CAUSE_CONFIGURED, /* use-vc, or the whole question is put so */
  AIODNS_CAUSE_TRUNCATED,  /* TC, or larger than we said we take */
  AIODNS_CAUSE_CASE,       /* the letter case came back changed */
  AIODNS_CAUSE_NEAR_MISS,  /* somebody is guessing at this socket */
  AIODNS_CAUSE_ERROR,      /* FORMERR or NOTIMP: perhaps it knows no EDNS */
  AIODNS_CAUSE_SILENCE,    /* no answer to AIODNS_SILENT_SENDS datagrams */
};

struct aiodns_attempted {
  int64_t asked_us; /* when the first of `sends` left */
  enum aiodns_stage stage;
  enum aiodns_cause cause;
  uint8_t failures; /* errors received, refusals, local failures; not silence */
  uint8_t sends;    /* datagrams */
  uint8_t near_misses;
  bool guessed_at; /* AIODNS_NEAR_MISSES_MAX came: silence is no reason to give up the letter case any more */
  bool wrong_cookie; /* came by UDP */
  bool bare_error;   /* what led to lower case: anybody who guesses port and ID can say it */
  bool refuses_tcp;  /* which was tried beside UDP */
  bool icmp_refused;
  uint8_t icmp_sends; /* how many datagrams that error, or the silence after it, has answered */
};

/* In which way a question is put. */
enum aiodns_manner {
  AIODNS_MANNER_MIXED, /* as usual: random letter case */
  AIODNS_MANNER_PLAIN, /* lower case and no EDNS, by TCP, by UDP where that is refused */
  /*
   * Lower case by UDP, to learn whether an NXDOMAIN stands; no other answer is to be believed.  It is easier
   * to forge, but whoever does so can only make the question be put in plain.
   */
  AIODNS_MANNER_PROBE,
};

/* Why a query that FAILED did. */
enum aiodns_failure {
  AIODNS_FAILURE_UNREACHABLE, /* every server refused by ICMP, by a local rule, or without a route */
  AIODNS_FAILURE_SILENT,      /* no usable reply in time */
  AIODNS_FAILURE_SERVFAIL,    /* SERVFAIL was received */
};

struct aiodns_query {
  const struct aiodns_conf *conf;   /* borrowed */
  struct aiodns_entropy *entropy;   /* borrowed */
  struct aiodns_answer *answer;     /* borrowed; its outcome is PENDING until the query is DONE */
  struct aiodns_observed *observed; /* borrowed; by server, gets what this query shows of them */
  uint8_t first_server;
  /* Whose turn is next, counted from first_server over all rounds; of a schedule, the step. */
  uint16_t attempt;
  uint8_t sends;
  int64_t wait_us;             /* the longest before the next server, where nothing is known of this one */
  int64_t next_us;             /* when the next server's turn comes */
  int16_t answered_by;         /* the server whose reply ended it; -1: none did */
  int64_t round_trip_us;       /* the last one seen; 0: none yet. May be set before the start */
  int64_t started_us, took_us; /* until the reply that ended it */
  uint16_t guesses;            /* near misses in all, over every round */
  bool started, done;
  bool beside; /* its question goes to a server, too, that is to be probed */
  enum aiodns_manner manner;
  bool answered_plain; /* the reply that ended it was to a plain query */
  bool lingering;      /* every server has refused; a reply behind an ICMP error may still come */
  bool got_servfail, got_reply, was_silent;
  bool erred; /* some server has refused, or answered with an error */
  bool not_permitted;
  bool blocked;    /* it ended at a CNAME that leads to a blocked name */
  bool lacked_tcp; /* local_error kept a truncated reply from being asked for whole */
  int local_error; /* errno of a lack of descriptors or memory; 0: none */
  struct aiodns_attempted server[AIODNS_SERVERS_MAX];
  struct aiodns_channel channel[AIODNS_QUERY_CHANNELS]; /* those of no server are never looked at */
  struct aiodns_chain chain;                            /* made at the start; large */
};

/* By a rule over this process, a filter of system calls say.  EACCES may also be an ICMPv6 error. */
static inline bool aiodns_error_is_refusal(int error)
{
  return error == EPERM || error == ENOSYS;
}

enum aiodns_task_kind {
  AIODNS_TASK_OPEN, /* open a socket to task.server, connect it, send the channel's payload */
  AIODNS_TASK_SEND, /* send the channel's payload on its socket again */
  AIODNS_TASK_CLOSE,
};

struct aiodns_task {
  enum aiodns_task_kind kind;
  uint8_t channel;
  bool tcp;
  const struct aiodns_server *server;
};

/* `answer` is initialised, and lives as long as the query, as does `observed`. */
void aiodns_query_init(struct aiodns_query *query, const struct aiodns_conf *conf,
                       struct aiodns_entropy *entropy, struct aiodns_answer *answer,
                       struct aiodns_observed *observed);
void aiodns_query_done(struct aiodns_query *query);

/* Ready for another start, with an answer that was initialised anew; sockets still open are closed by task.
 */
void aiodns_query_renew(struct aiodns_query *query);

void aiodns_query_start(struct aiodns_query *query, const struct aiodns_name *name, uint16_t type,
                        uint8_t first_server, enum aiodns_manner manner, int64_t now_us);

/* The next thing the driver has to do; false: nothing.  Call it until then after every other call. */
bool aiodns_query_task(struct aiodns_query *query, struct aiodns_task *ret);

/* The octets to send on a channel, for TCP with their length in front; buf has room for AIODNS_PAYLOAD_MAX.
 */
size_t aiodns_query_payload(const struct aiodns_query *query, unsigned channel, uint8_t *buf);

/* Whether what arrives on the channel is still looked at. */
bool aiodns_query_listens(const struct aiodns_query *query, unsigned channel);

/* When the query wants aiodns_query_elapsed(); INT64_MAX once it is done or where it waits for replies alone.
 */
int64_t aiodns_query_due(const struct aiodns_query *query);
void aiodns_query_elapsed(struct aiodns_query *query, int64_t now_us);

/* A TCP connection stands: its server is slow at the worst, and not asked by UDP for that. */
void aiodns_query_connected(struct aiodns_query *query, unsigned channel);

/*
 * A datagram, or some octets of a stream.  `len` may be larger than `room`, the octets that are really at
 * data: the datagram did not fit.  The octets are changed.
 */
void aiodns_query_received(struct aiodns_query *query, unsigned channel, uint8_t *data, size_t len,
                           size_t room, int64_t now_us);

/* The answer is in query->answer already, out of a cache: there is nothing to ask. */
void aiodns_query_recalled(struct aiodns_query *query, bool aliased, bool servfail);

/*
 * The stream ended, or its connection was refused or reset; for UDP: an ICMP error, or SEND failed.  The
 * socket stays with the driver.
 */
void aiodns_query_refused(struct aiodns_query *query, unsigned channel, int64_t now_us);

/* OPEN could not be done, with this errno: there is no socket. */
void aiodns_query_not_opened(struct aiodns_query *query, unsigned channel, int error, int64_t now_us);

/* Ends it, if it has not ended, as failed. */
void aiodns_query_give_up(struct aiodns_query *query);

/* The other query of the lookup was answered in this time: wait no longer than such a server needs. */
void aiodns_query_hurry(struct aiodns_query *query, int64_t round_trip_us, int64_t now_us);

/*
 * Of a query that has ended, for this name at first: the server that it also went to, to learn whether that
 * is back.  Its channel; -1: there is none.
 */
int aiodns_query_probe_channel(const struct aiodns_query *query);

/* A datagram from there; it is nobody's answer any more. */
void aiodns_query_probed(struct aiodns_query *query, const struct aiodns_name *name, uint8_t *data,
                         size_t len);

enum aiodns_failure aiodns_query_failure(const struct aiodns_query *query);

#endif
