/*
 * The inner half of a query (query.h), used by query.c alone: which server is asked next, and in which way.
 * query.c says what arrived; this half decides what follows from it.
 */
#ifndef AIODNS_TURN_H
#define AIODNS_TURN_H

#include "query.h"

/* ---- Channels: an even number is a server's UDP, the odd one behind it its TCP ---- */

/* Those behind it belong to servers that the configuration does not have. */
static inline unsigned aiodns_channel_count(const struct aiodns_query *query)
{
  return query->conf->server_count * 2u;
}

static inline bool aiodns_channel_is_tcp(unsigned channel)
{
  return channel % 2 == 1;
}

static inline unsigned aiodns_channel_server(unsigned channel)
{
  return channel / 2;
}

static inline unsigned aiodns_channel_udp(unsigned server)
{
  return server * 2;
}

static inline unsigned aiodns_channel_tcp(unsigned server)
{
  return server * 2 + 1;
}

static inline bool aiodns_channel_has_socket(const struct aiodns_channel *channel)
{
  return channel->state != AIODNS_CHANNEL_IDLE && channel->state != AIODNS_CHANNEL_OPENING;
}

/* Whether what arrives there is looked at. */
static inline bool aiodns_channel_listens(const struct aiodns_channel *channel)
{
  return channel->state == AIODNS_CHANNEL_WAITING || channel->state == AIODNS_CHANNEL_RESENDING;
}

static inline bool aiodns_turn_knows(const struct aiodns_query *query, unsigned s, enum aiodns_known what)
{
  return query->conf->server[s].known & what;
}

/* ---- The end ---- */

void aiodns_turn_close_all(struct aiodns_query *query);

void aiodns_turn_finish(struct aiodns_query *query, enum aiodns_outcome outcome);

/* Nobody is left to answer: ends the query with what that is to be called. */
void aiodns_turn_fail(struct aiodns_query *query);

/* ---- Whose turn it is ---- */

/* Nothing is known of any server's part in this question yet. */
void aiodns_turn_reset(struct aiodns_query *query);

/* The next turn is first_server's, or the first step's of a schedule that asks it. */
void aiodns_turn_first(struct aiodns_query *query);

/* How long this server's answer is waited for before the next one is asked, in the first round. */
int64_t aiodns_turn_wait_us(const struct aiodns_query *query, unsigned s);

/* Asks the server that is to be probed, whosever turn it is. */
void aiodns_turn_probe(struct aiodns_query *query, int64_t now_us);

/* Turns to the next server that has not been given up; lingers or fails where there is none. */
void aiodns_turn_next(struct aiodns_query *query, int64_t now_us);

/* The next server's turn comes now, not when the wait is over. */
void aiodns_turn_next_at_once(struct aiodns_query *query, int64_t now_us);

/* Whether a reply may still come from somebody. */
bool aiodns_turn_anyone_left(const struct aiodns_query *query);

/* Whether somebody who has been asked, and has not refused, has not answered. */
bool aiodns_turn_anyone_silent(const struct aiodns_query *query);

/* ---- What becomes of one server ---- */

/* It has answered with an error, or cannot be reached. */
void aiodns_turn_server_failed(struct aiodns_query *query, unsigned s, int64_t now_us);

/* As _server_failed, but its error may be about the letter case: its next turn will tell. */
void aiodns_turn_server_doubted(struct aiodns_query *query, unsigned s, int64_t now_us);

/* The same query by TCP. */
void aiodns_turn_go_tcp(struct aiodns_query *query, unsigned s, enum aiodns_cause cause, int64_t now_us);

/*
 * It has answered, but perhaps not what it would answer to a query in lower case and, where `cause` is ERROR,
 * without EDNS: that by TCP.  `bare`: whoever guesses port and ID can say so, and the true reply is still
 * waited for.
 */
void aiodns_turn_go_plain(struct aiodns_query *query, unsigned s, enum aiodns_cause cause, bool bare,
                          int64_t now_us);

/* Somebody is guessing at its datagram socket: another one, or none. */
void aiodns_turn_leave_socket(struct aiodns_query *query, unsigned s, int64_t now_us);

/* The datagram in lower case and without EDNS was answered, but cut off: TCP alone can help. */
void aiodns_turn_truncated_plain(struct aiodns_query *query, unsigned s, int64_t now_us);

/* Its TCP was refused or closed, or made no sense. */
void aiodns_turn_tcp_failed(struct aiodns_query *query, unsigned s, int64_t now_us);

#endif
