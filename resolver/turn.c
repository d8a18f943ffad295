#include "turn.h"

static int64_t at_least(int64_t value, int64_t least)
{
  return value > least ? value : least;
}

/* ---- Channels, and the end ---- */

static void channel_close(struct aiodns_query *query, unsigned c)
{
  struct aiodns_channel *channel = &query->channel[c];
  channel->state = aiodns_channel_has_socket(channel) ? AIODNS_CHANNEL_CLOSING : AIODNS_CHANNEL_IDLE;
  aiodns_stream_next(&channel->stream);
}

void aiodns_turn_close_all(struct aiodns_query *query)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++)
    channel_close(query, c);
}

void aiodns_turn_finish(struct aiodns_query *query, enum aiodns_outcome outcome)
{
  query->answer->outcome = outcome;
  query->done = true;
  aiodns_turn_close_all(query);
}

void aiodns_turn_fail(struct aiodns_query *query)
{
  bool heard = query->got_reply || query->was_silent;

  if (query->local_error && (!heard || query->lacked_tcp)) {
    query->answer->error = query->local_error;
    aiodns_turn_finish(query, AIODNS_LOCAL);
  } else if (query->not_permitted && !heard) {
    aiodns_turn_finish(query, AIODNS_UNUSABLE);
  } else {
    aiodns_turn_finish(query, AIODNS_FAILED);
  }
}

/* Whether a query is in lower case: because it is to be, or because this server is known. */
static bool is_lower(const struct aiodns_query *query, unsigned s, bool plain)
{
  return plain || (query->conf->letters == AIODNS_LETTERS_AUTO &&
                   aiodns_turn_knows(query, s, AIODNS_KNOWN_NO_LETTERS));
}

/* Whoever only folds the letters is asked in lower case for as much as before. */
static bool has_edns(const struct aiodns_query *query, unsigned s, bool plain)
{
  return !aiodns_turn_knows(query, s, AIODNS_KNOWN_NO_EDNS) &&
         (!plain || query->server[s].cause == AIODNS_CAUSE_CASE);
}

/* A server that does not stand them must be found out once, not by each process. */
static bool has_cookie(const struct aiodns_query *query, unsigned s, bool tcp)
{
  return !aiodns_server_is_loopback(&query->conf->server[s]) &&
         !aiodns_turn_knows(query, s, AIODNS_KNOWN_NO_COOKIES) &&
         ((query->conf->learns && !tcp) || aiodns_turn_knows(query, s, AIODNS_KNOWN_COOKIES));
}

/* A new socket, a new ID, new letter case, a new cookie. */
static void channel_open(struct aiodns_query *query, unsigned c, bool plain, int64_t now_us)
{
  struct aiodns_channel *channel = &query->channel[c];
  unsigned s = aiodns_channel_server(c);
  enum aiodns_letters letters = query->conf->letters;
  bool lower = is_lower(query, s, plain), edns = has_edns(query, s, plain);
  bool as_given = lower || letters == AIODNS_LETTERS_OFF ||
                  (letters == AIODNS_LETTERS_AUTO && aiodns_server_is_docker(&query->conf->server[s]));
  size_t flip_len = as_given ? 0 : ((size_t)query->chain.name.len + 7) / 8;
  size_t cookie_len = edns && has_cookie(query, s, aiodns_channel_is_tcp(c)) ? AIODNS_COOKIE_LEN : 0;
  uint8_t random[2 + AIODNS_COOKIE_LEN + AIODNS_FLIP_LEN];

  if (!aiodns_entropy_take(query->entropy, random, 2 + cookie_len + flip_len)) {
    query->not_permitted = true;
    query->got_reply = query->was_silent = false;
    aiodns_turn_fail(query);
    return;
  }
  channel_close(query, c);
  channel->id = (uint16_t)(random[0] << 8 | random[1]);
  memset(channel->flip, 0, sizeof channel->flip);
  memcpy(channel->cookie, random + 2, cookie_len);
  memcpy(channel->flip, random + 2 + cookie_len, flip_len);
  channel->plain = lower;
  channel->as_given = as_given;
  channel->edns = edns;
  channel->has_cookie = cookie_len > 0;
  channel->connected = false;
  channel->sent_us = now_us;
  channel->again = false;
  channel->state = aiodns_channel_has_socket(channel) ? AIODNS_CHANNEL_REOPENING : AIODNS_CHANNEL_OPENING;
}

/* ---- Whose turn it is ---- */

int64_t aiodns_turn_wait_us(const struct aiodns_query *query, unsigned s)
{
  int64_t late_us = query->conf->server[s].late_us, longest_us = (int64_t)query->conf->timeout_ms * 1000;

  if (late_us == 0)
    late_us = AIODNS_FIRST_WAIT_US < query->wait_us ? AIODNS_FIRST_WAIT_US : query->wait_us;
  return late_us < longest_us ? late_us : longest_us;
}

void aiodns_turn_first(struct aiodns_query *query)
{
  const struct aiodns_schedule *schedule = &query->conf->schedule;

  query->attempt = 0;
  while (query->attempt + 1u < schedule->step_count &&
         !(schedule->step[query->attempt].servers >> query->first_server & 1))
    query->attempt++;
}

static void reset_stage(struct aiodns_query *query, unsigned s)
{
  struct aiodns_attempted *server = &query->server[s];
  bool use_vc = query->conf->use_vc;

  server->cause = AIODNS_CAUSE_CONFIGURED;
  if (query->manner == AIODNS_MANNER_PROBE && !use_vc) {
    server->stage = AIODNS_STAGE_PLAIN_UDP;
  } else if (query->manner != AIODNS_MANNER_MIXED) {
    server->stage = AIODNS_STAGE_PLAIN_TCP;
  } else if (use_vc) {
    server->stage = AIODNS_STAGE_TCP;
  } else if (aiodns_turn_knows(query, s, AIODNS_KNOWN_TCP)) {
    server->stage = AIODNS_STAGE_TCP;
    server->cause = AIODNS_CAUSE_NEAR_MISS;
  } else {
    server->stage = AIODNS_STAGE_UDP;
    server->cause = AIODNS_CAUSE_NONE;
  }
}

void aiodns_turn_reset(struct aiodns_query *query)
{
  for (unsigned s = 0; s < query->conf->server_count; s++) {
    query->server[s] = (struct aiodns_attempted){0};
    reset_stage(query, s);
  }
}

/* Sends a datagram, on the socket that there is or a new one; nothing once all that may be sent are. */
static void send_udp(struct aiodns_query *query, unsigned s, bool plain, int64_t now_us)
{
  struct aiodns_channel *channel = &query->channel[aiodns_channel_udp(s)];
  if (query->sends == AIODNS_SENDS_MAX)
    return;
  query->sends++;
  if (query->server[s].sends++ == 0)
    query->server[s].asked_us = now_us;
  if (!aiodns_channel_listens(channel) || channel->plain != is_lower(query, s, plain) ||
      channel->edns != has_edns(query, s, plain)) {
    channel_open(query, aiodns_channel_udp(s), plain, now_us);
  } else {
    channel->state = AIODNS_CHANNEL_RESENDING;
    channel->sent_us = now_us;
    channel->again = true;
  }
}

/* A probe is for one server, whatever is written. */
static bool has_schedule(const struct aiodns_query *query)
{
  return query->conf->schedule.step_count > 0 && query->manner != AIODNS_MANNER_PROBE;
}

static bool is_idle(const struct aiodns_query *query, unsigned c)
{
  return query->channel[c].state == AIODNS_CHANNEL_IDLE || query->channel[c].state == AIODNS_CHANNEL_CLOSING;
}

/* Lets the next turn be this server's, at this time. */
static void turn_to(struct aiodns_query *query, unsigned s, int64_t when_us)
{
  unsigned count = query->conf->server_count;

  if (has_schedule(query)) { /* the step lasts longer for it */
    query->next_us = at_least(query->next_us, when_us);
    return;
  }
  if (query->attempt > 0 && (query->first_server + query->attempt - 1u) % count == s)
    query->attempt--; /* its turn goes on: nobody is passed over, and the waits do not grow */
  while ((query->first_server + query->attempt) % count != s)
    query->attempt++;
  query->next_us = when_us;
}

/* Its TCP has had its chance: in lower case by UDP, too, unless that is not wanted at all. */
static void plain_udp(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  if (query->conf->use_vc)
    return;
  query->server[s].stage = AIODNS_STAGE_PLAIN_UDP;
  send_udp(query, s, true, now_us);
}

/* Its old port was closed, since somebody is guessing there. */
static void from_new_port(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  query->server[s].stage = AIODNS_STAGE_UDP;
  send_udp(query, s, false, now_us);
}

/* Its TCP comes to nothing, and UDP may do. */
static void without_tcp(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  if (query->server[s].cause == AIODNS_CAUSE_NEAR_MISS)
    from_new_port(query, s, now_us);
  else
    plain_udp(query, s, now_us);
}

/* Nobody has accepted its connection, or nothing has come by it for long. */
static bool is_deaf(const struct aiodns_channel *tcp, int64_t now_us)
{
  return !tcp->connected || now_us - tcp->sent_us >= AIODNS_DEAF_US;
}

/* It is this server's turn, for the first time or again. */
static void ask(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  struct aiodns_attempted *server = &query->server[s];
  unsigned tcp = aiodns_channel_tcp(s);

  switch (server->stage) {
  case AIODNS_STAGE_UDP:
    /* Nor has its TCP come to anything: as good as refused. */
    if (server->refuses_tcp ||
        (server->sends >= AIODNS_DEAF_SENDS && now_us - server->asked_us >= AIODNS_DEAF_US &&
         !query->channel[tcp].connected && !server->guessed_at)) {
      plain_udp(query, s, now_us);
      break;
    }
    send_udp(query, s, false, now_us);
    if (server->sends > AIODNS_SILENT_SENDS && server->cause != AIODNS_CAUSE_SILENCE && !query->done) {
      server->cause = AIODNS_CAUSE_SILENCE;
      channel_open(query, tcp, true, now_us);
    }
    break;
  case AIODNS_STAGE_TCP:
    if (is_idle(query, tcp))
      channel_open(query, tcp, false, now_us);
    else if (server->cause == AIODNS_CAUSE_CASE && is_deaf(&query->channel[tcp], now_us))
      plain_udp(query, s, now_us);
    else if (server->cause == AIODNS_CAUSE_NEAR_MISS)
      from_new_port(query, s, now_us); /* while TCP is waited for */
    break;
  case AIODNS_STAGE_PLAIN_TCP:
    if (is_idle(query, tcp)) {
      channel_open(query, tcp, true, now_us);
      turn_to(query, s, now_us + at_least(3 * query->round_trip_us, AIODNS_PLAIN_WAIT_US));
    } else if (is_deaf(&query->channel[tcp], now_us)) {
      without_tcp(query, s, now_us);
    }
    break;
  case AIODNS_STAGE_PLAIN_UDP:
  case AIODNS_STAGE_DOUBT:
    send_udp(query, s, true, now_us);
    break;
  }
}

static bool given_up(struct aiodns_query *query, unsigned s)
{
  struct aiodns_attempted *server = &query->server[s];
  /* The first error may be one of letter case alone, whatever `attempts` says. */
  unsigned most = server->cause == AIODNS_CAUSE_CASE && query->conf->attempts < 2 ? 2 : query->conf->attempts;

  if (server->icmp_refused && server->sends > server->icmp_sends) {
    server->icmp_sends = server->sends; /* nothing came back this time, not even an error */
    server->failures++;
  }
  return server->failures >= most;
}

bool aiodns_turn_anyone_left(const struct aiodns_query *query)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++)
    if (!is_idle(query, c))
      return true;
  return false;
}

bool aiodns_turn_anyone_silent(const struct aiodns_query *query)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++)
    if (aiodns_channel_listens(&query->channel[c]) && !query->server[aiodns_channel_server(c)].icmp_refused)
      return true;
  return false;
}

void aiodns_turn_probe(struct aiodns_query *query, int64_t now_us)
{
  for (unsigned s = 0; s < query->conf->server_count && !query->done; s++)
    if (query->conf->server[s].probe_ms > 0 && query->server[s].stage == AIODNS_STAGE_UDP &&
        query->server[s].sends == 0) {
      send_udp(query, s, false, now_us);
      /* It may be the cookies that it does not answer. */
      query->channel[aiodns_channel_udp(s)].has_cookie &= aiodns_turn_knows(query, s, AIODNS_KNOWN_COOKIES);
    }
}

/* Those that are connecting for too long are asked by UDP after all; whether there are any. */
static bool plain_for_unconnected(struct aiodns_query *query, int64_t now_us)
{
  bool found = false;

  for (unsigned s = 0; s < query->conf->server_count && !query->done; s++) {
    const struct aiodns_attempted *server = &query->server[s];
    const struct aiodns_channel *tcp = &query->channel[aiodns_channel_tcp(s)];
    bool by_udp = server->stage == AIODNS_STAGE_PLAIN_TCP || server->cause == AIODNS_CAUSE_CASE ||
                  server->cause == AIODNS_CAUSE_NEAR_MISS;
    if (!by_udp || query->conf->use_vc || !aiodns_channel_listens(tcp) || tcp->connected ||
        (server->stage != AIODNS_STAGE_TCP && server->stage != AIODNS_STAGE_PLAIN_TCP))
      continue;
    without_tcp(query, s, now_us);
    found = true;
  }
  return found;
}

/* Whether a reply is to be expected, not only possible. */
static bool anyone_promising(const struct aiodns_query *query)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++)
    if (!is_idle(query, c) && !query->server[aiodns_channel_server(c)].icmp_refused)
      return true;
  return false;
}

/* As aiodns.conf(5) says: all servers of a step at once. */
static void next_step(struct aiodns_query *query, int64_t now_us)
{
  const struct aiodns_schedule *schedule = &query->conf->schedule;

  if (plain_for_unconnected(query, now_us)) {
    query->next_us = now_us + AIODNS_PLAIN_WAIT_US;
    return;
  }
  if (query->attempt < schedule->step_count) {
    const struct aiodns_step *step = &schedule->step[query->attempt++];
    query->next_us = now_us + (int64_t)step->wait_ms * 1000;
    for (unsigned s = 0; s < query->conf->server_count && !query->done; s++)
      if (step->servers >> s & 1)
        ask(query, s, now_us);
    if (!query->done && !aiodns_turn_anyone_left(query))
      query->next_us = now_us; /* all that may be sent has been */
  } else if (aiodns_turn_anyone_left(query) && !anyone_promising(query)) {
    query->lingering = true;
    query->next_us = now_us + AIODNS_LINGER_US;
  } else {
    aiodns_turn_fail(query);
  }
}

void aiodns_turn_next(struct aiodns_query *query, int64_t now_us)
{
  if (has_schedule(query)) {
    next_step(query, now_us);
    return;
  }
  /* A probe is for one server: the others may hold another view. */
  unsigned count = query->manner == AIODNS_MANNER_PROBE ? 1 : query->conf->server_count;
  int64_t longest_us = (int64_t)query->conf->timeout_ms * 1000;

  for (unsigned tried = 0; tried < count; tried++) {
    unsigned s = (query->first_server + query->attempt % count) % query->conf->server_count;
    unsigned round = query->attempt / count;
    query->attempt++;
    if (given_up(query, s))
      continue;
    int64_t wait_us = aiodns_turn_wait_us(query, s) << (round < 8 ? round : 8);
    query->next_us = now_us + (wait_us < longest_us ? wait_us : longest_us);
    ask(query, s, now_us);
    if (!query->done && !aiodns_turn_anyone_left(query))
      aiodns_turn_fail(query); /* all that may be sent has been */
    return;
  }
  if (aiodns_turn_anyone_left(query)) {
    query->lingering = true;
    query->next_us = now_us + AIODNS_LINGER_US;
  } else {
    aiodns_turn_fail(query);
  }
}

void aiodns_turn_next_at_once(struct aiodns_query *query, int64_t now_us)
{
  if (has_schedule(query) && anyone_promising(query))
    return; /* another one of its step */
  if (!query->lingering)
    query->next_us = now_us;
  else if (!aiodns_turn_anyone_left(query))
    aiodns_turn_fail(query);
}

/* `again`: in which stage its next turn is to find it; UDP: as it was in the beginning. */
static void server_failed(struct aiodns_query *query, unsigned s, enum aiodns_stage again, int64_t now_us)
{
  struct aiodns_attempted *server = &query->server[s];
  unsigned count = query->conf->server_count;

  if (query->manner == AIODNS_MANNER_PROBE) {
    aiodns_turn_fail(query);
    return;
  }
  server->failures++;
  query->erred = true;
  server->sends = server->icmp_sends = 0; /* it is anything but silent */
  channel_close(query, aiodns_channel_udp(s));
  channel_close(query, aiodns_channel_tcp(s));
  reset_stage(query, s);
  if (again == AIODNS_STAGE_DOUBT) {
    server->stage = server->stage == AIODNS_STAGE_UDP ? AIODNS_STAGE_DOUBT : AIODNS_STAGE_PLAIN_TCP;
    server->cause = AIODNS_CAUSE_CASE;
  }
  if (!has_schedule(query) && count > 1 && (query->first_server + query->attempt) % count == s)
    query->attempt++; /* its turn is over */
  aiodns_turn_next_at_once(query, now_us);
}

void aiodns_turn_server_failed(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  server_failed(query, s, AIODNS_STAGE_UDP, now_us);
}

void aiodns_turn_server_doubted(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  server_failed(query, s, AIODNS_STAGE_DOUBT, now_us);
  if (has_schedule(query) && !query->done) {
    ask(query, s, now_us); /* it may not have another turn */
    query->next_us = at_least(query->next_us, now_us + aiodns_turn_wait_us(query, s));
  }
}

/* ---- Other ways to ask the same server ---- */

/* It has answered after all: an ICMP error that came before was not its own. */
static void forget_icmp(struct aiodns_query *query, unsigned s)
{
  struct aiodns_attempted *server = &query->server[s];

  query->lingering = false;
  if (server->icmp_refused && server->failures > 0)
    server->failures--;
  server->icmp_refused = false;
}

void aiodns_turn_go_tcp(struct aiodns_query *query, unsigned s, enum aiodns_cause cause, int64_t now_us)
{
  struct aiodns_attempted *server = &query->server[s];

  if (server->stage != AIODNS_STAGE_UDP)
    return;
  forget_icmp(query, s);
  server->stage = AIODNS_STAGE_TCP;
  server->cause = cause;
  if (cause != AIODNS_CAUSE_CASE) /* there the datagram may have been forged, and the true one still come */
    channel_close(query, aiodns_channel_udp(s));
  channel_open(query, aiodns_channel_tcp(s), false, now_us);
  query->next_us = at_least(query->next_us, now_us + aiodns_turn_wait_us(query, s));
}

void aiodns_turn_go_plain(struct aiodns_query *query, unsigned s, enum aiodns_cause cause, bool bare,
                          int64_t now_us)
{
  forget_icmp(query, s);
  query->server[s].stage = AIODNS_STAGE_PLAIN_TCP;
  query->server[s].cause = cause;
  query->server[s].bare_error = bare;
  if (!bare)
    channel_close(query, aiodns_channel_udp(s));
  channel_close(query, aiodns_channel_tcp(s));
  ask(query, s, now_us);
}

void aiodns_turn_leave_socket(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  struct aiodns_attempted *server = &query->server[s];

  server->guessed_at = true;
  if (server->stage == AIODNS_STAGE_UDP) {
    const struct aiodns_channel *tcp = &query->channel[aiodns_channel_tcp(s)];
    if (aiodns_channel_listens(tcp) && tcp->plain) { /* for its silence: there nobody guesses */
      server->stage = AIODNS_STAGE_PLAIN_TCP;
      server->cause = AIODNS_CAUSE_NEAR_MISS;
      channel_close(query, aiodns_channel_udp(s));
    } else if (server->cause != AIODNS_CAUSE_NEAR_MISS) {
      /* Once: then letter case must do, since a port that changes for ever gets no reply at all. */
      aiodns_turn_go_tcp(query, s, AIODNS_CAUSE_NEAR_MISS, now_us);
    }
    return;
  }
  if (query->manner == AIODNS_MANNER_PROBE) {
    aiodns_turn_finish(query, AIODNS_NO_DATA); /* who knows: TCP will tell */
    return;
  }
  /* In lower case the ID alone is left to guess; where its TCP is on the way, that decides. */
  channel_close(query, aiodns_channel_udp(s));
  if (is_idle(query, aiodns_channel_tcp(s)))
    aiodns_turn_server_failed(query, s, now_us);
}

void aiodns_turn_truncated_plain(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  if (aiodns_channel_listens(&query->channel[aiodns_channel_tcp(s)]))
    channel_close(query, aiodns_channel_udp(s)); /* TCP was slow, not refused: it has the whole answer */
  else
    aiodns_turn_server_failed(query, s, now_us);
}

void aiodns_turn_tcp_failed(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  struct aiodns_attempted *server = &query->server[s];
  int64_t took_us = now_us - query->channel[aiodns_channel_tcp(s)].sent_us;
  int64_t answer_us = query->channel[aiodns_channel_udp(s)].sent_us + took_us;

  channel_close(query, aiodns_channel_tcp(s));
  switch (server->stage) {
  case AIODNS_STAGE_PLAIN_UDP: /* already succeeded by UDP */
  case AIODNS_STAGE_DOUBT:     /* has none */
    break;
  case AIODNS_STAGE_UDP: /* tried beside UDP, for its silence */
    if (!server->guessed_at && answer_us > now_us) {
      server->refuses_tcp = true; /* so far away: the last datagram's answer may be under way */
      turn_to(query, s, answer_us);
    } else if (!server->guessed_at) {
      plain_udp(query, s, now_us);
    }
    break;
  case AIODNS_STAGE_PLAIN_TCP:
    without_tcp(query, s, now_us);
    break;
  case AIODNS_STAGE_TCP:
    if (server->cause == AIODNS_CAUSE_CASE) {
      plain_udp(query, s, now_us);
    } else if (server->cause == AIODNS_CAUSE_NEAR_MISS) {
      from_new_port(query, s, now_us);
    }
    break;
  }
  if (is_idle(query, aiodns_channel_udp(s)) && !query->done)
    aiodns_turn_server_failed(query, s, now_us);
}
