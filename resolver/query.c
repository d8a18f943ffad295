#include "special.h"
#include "turn.h"

#include <errno.h>

/* ---- Tasks ---- */

/* As it left first; what is sent again may lack the cookie. */
static struct aiodns_form form_of(const struct aiodns_query *query, const struct aiodns_channel *channel)
{
  return (struct aiodns_form){
      .name = &query->chain.name,
      .flip = channel->flip,
      .type = query->chain.type,
      .id = channel->id,
      .lower = channel->plain,
      .edns = channel->edns,
      .cookie = channel->has_cookie ? channel->cookie : NULL,
      .recursion_desired = query->conf->recursion_desired,
      .authentic_data = query->conf->trust_ad,
  };
}

size_t aiodns_query_payload(const struct aiodns_query *query, unsigned channel, uint8_t *buf)
{
  struct aiodns_form form = form_of(query, &query->channel[channel]);
  size_t prefix = aiodns_channel_is_tcp(channel) ? 2 : 0;

  /* It may be the cookie that is not answered. */
  if (query->channel[channel].again &&
      !aiodns_turn_knows(query, aiodns_channel_server(channel), AIODNS_KNOWN_COOKIES))
    form.cookie = NULL;
  size_t len = aiodns_message_query(&form, buf + prefix);
  if (prefix) {
    buf[0] = (uint8_t)(len >> 8);
    buf[1] = (uint8_t)len;
  }
  return prefix + len;
}

bool aiodns_query_listens(const struct aiodns_query *query, unsigned channel)
{
  return aiodns_channel_listens(&query->channel[channel]);
}

bool aiodns_query_task(struct aiodns_query *query, struct aiodns_task *ret)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++) {
    struct aiodns_channel *channel = &query->channel[c];
    switch (channel->state) {
    case AIODNS_CHANNEL_IDLE:
    case AIODNS_CHANNEL_WAITING:
      continue;
    case AIODNS_CHANNEL_CLOSING:
      channel->state = AIODNS_CHANNEL_IDLE;
      ret->kind = AIODNS_TASK_CLOSE;
      break;
    case AIODNS_CHANNEL_REOPENING:
      channel->state = AIODNS_CHANNEL_OPENING;
      ret->kind = AIODNS_TASK_CLOSE;
      break;
    case AIODNS_CHANNEL_OPENING:
      channel->state = AIODNS_CHANNEL_WAITING;
      ret->kind = AIODNS_TASK_OPEN;
      break;
    case AIODNS_CHANNEL_RESENDING:
      channel->state = AIODNS_CHANNEL_WAITING;
      ret->kind = AIODNS_TASK_SEND;
      break;
    }
    ret->channel = (uint8_t)c;
    ret->tcp = aiodns_channel_is_tcp(c);
    ret->server = &query->conf->server[aiodns_channel_server(c)];
    return true;
  }
  return false;
}

/* ---- What it shows of the servers ---- */

/* Only datagrams tell how far a server is. */
static void note_answered(struct aiodns_query *query, unsigned c, int64_t now_us)
{
  const struct aiodns_channel *channel = &query->channel[c];
  unsigned s = aiodns_channel_server(c);
  struct aiodns_observed *observed = &query->observed[s];

  observed->answered = true;
  if (aiodns_channel_is_tcp(c))
    return;
  observed->round_trip_us = now_us > channel->sent_us ? now_us - channel->sent_us : 1;
  observed->longest_us = channel->again ? now_us - query->server[s].asked_us : observed->round_trip_us;
}

/* 0: it cannot be told. */
static int64_t round_trip_of(const struct aiodns_channel *channel, int64_t now_us)
{
  return channel->again ? 0 : now_us - channel->sent_us;
}

static void note_shown(struct aiodns_query *query, unsigned s, unsigned what)
{
  query->observed[s].shown |= (uint8_t)what;
}

/* What the way in which it had to be asked says of a server that has answered by TCP. */
static void note_way(struct aiodns_query *query, unsigned s)
{
  const struct aiodns_attempted *server = &query->server[s];

  if (server->wrong_cookie)
    note_shown(query, s, AIODNS_SHOWN_UNANSWERED);
  if (server->stage == AIODNS_STAGE_TCP || server->cause == AIODNS_CAUSE_NEAR_MISS)
    return;
  if (server->cause == AIODNS_CAUSE_SILENCE)
    note_shown(query, s, AIODNS_SHOWN_HELPED | AIODNS_SHOWN_HELPED_EDNS);
  else if (server->cause != AIODNS_CAUSE_ERROR || aiodns_turn_knows(query, s, AIODNS_KNOWN_NO_EDNS))
    note_shown(query, s, AIODNS_SHOWN_HELPED);
  else if (!server->bare_error)
    note_shown(query, s, AIODNS_SHOWN_NO_EDNS);
}

static void note_erred(struct aiodns_query *query, unsigned s)
{
  query->observed[s].erred = true;
}

/* Those that another one has overtaken. */
static void note_silent(struct aiodns_query *query, int64_t now_us)
{
  for (unsigned s = 0; s < query->conf->server_count; s++) {
    const struct aiodns_attempted *server = &query->server[s];
    if (server->stage == AIODNS_STAGE_UDP && server->sends > 0 && server->failures == 0 &&
        !server->icmp_refused && now_us - server->asked_us >= aiodns_turn_wait_us(query, s))
      query->observed[s].silent = true;
  }
}

/* ---- What arrives ---- */

/* Whether the query left with capital letters, and chance had a say in which. */
static bool is_mixed(const struct aiodns_query *query, const struct aiodns_channel *channel)
{
  struct aiodns_form form = form_of(query, channel);
  return !channel->as_given && aiodns_message_is_mixed(&form);
}

/* Only CNAMEs so far: the same server is asked for where they lead. */
static void follow_chain(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  aiodns_turn_close_all(query);
  aiodns_turn_reset(query);
  query->first_server = (uint8_t)s;
  query->sends = 0;
  query->lingering = false;
  aiodns_turn_first(query);
  aiodns_turn_next(query, now_us);
}

static void go_where_it_leads(struct aiodns_query *query, unsigned s, int64_t now_us)
{
  const struct aiodns_conf *conf = query->conf;

  switch (conf->follow ? conf->follow(conf->follow_source, &query->chain.name) : AIODNS_FOLLOW_ASK) {
  case AIODNS_FOLLOW_ASK:
    follow_chain(query, s, now_us);
    break;
  case AIODNS_FOLLOW_BLOCKED: /* whose names, not addresses, say what becomes of it */
    query->blocked = true;
    query->answered_by = (int16_t)s;
    aiodns_turn_finish(query, AIODNS_ANSWER);
    break;
  case AIODNS_FOLLOW_ELSEWHERE:
    query->got_servfail = true;
    aiodns_turn_finish(query, AIODNS_FAILED);
    break;
  }
}

static void read_reply(struct aiodns_query *query, unsigned c, uint8_t *msg, size_t len, bool nxdomain,
                       int64_t now_us)
{
  const struct aiodns_channel *channel = &query->channel[c];
  int64_t round_trip_us = round_trip_of(channel, now_us);

  switch (aiodns_reply_read(&query->chain, msg, len, query->answer)) {
  case AIODNS_READ_ANSWER:
    if (aiodns_channel_is_tcp(c))
      note_way(query, aiodns_channel_server(c));
    else if (is_mixed(query, channel))
      note_shown(query, aiodns_channel_server(c), AIODNS_SHOWN_ECHOES);
    note_answered(query, c, now_us);
    note_silent(query, now_us);
    query->round_trip_us = round_trip_us;
    query->answered_by = (int16_t)aiodns_channel_server(c);
    aiodns_turn_finish(query, AIODNS_ANSWER);
    break;
  case AIODNS_READ_NEGATIVE:
    note_answered(query, c, now_us);
    note_silent(query, now_us);
    query->round_trip_us = round_trip_us;
    query->answered_by = (int16_t)aiodns_channel_server(c);
    query->answered_plain = !is_mixed(query, channel);
    query->took_us = now_us - query->started_us;
    aiodns_turn_finish(query, nxdomain ? AIODNS_NO_NAME : AIODNS_NO_DATA);
    break;
  case AIODNS_READ_CHAIN:
    if (aiodns_special_of(&query->chain.name) != AIODNS_SPECIAL_NONE)
      aiodns_turn_finish(query, AIODNS_NO_NAME); /* no server is asked about those, by whatever way */
    else
      go_where_it_leads(query, aiodns_channel_server(c), now_us);
    break;
  case AIODNS_READ_LOOP:
    query->got_servfail = true; /* what a recursive server that follows the chain itself would say */
    aiodns_turn_finish(query, AIODNS_FAILED);
    break;
  case AIODNS_READ_BAD:
    if (aiodns_channel_is_tcp(c))
      aiodns_turn_tcp_failed(query, aiodns_channel_server(c), now_us);
    break;
  case AIODNS_READ_LOCAL:
    aiodns_turn_finish(query, AIODNS_LOCAL);
    break;
  }
}

/* Each socket is good for so many guesses. */
static void near_miss(struct aiodns_query *query, unsigned c, int64_t now_us)
{
  unsigned s = aiodns_channel_server(c);
  struct aiodns_attempted *server = &query->server[s];
  if (!aiodns_channel_is_tcp(c) && query->guesses < UINT16_MAX)
    query->guesses++;
  if (!aiodns_channel_is_tcp(c) && query->observed[s].near_misses < UINT8_MAX)
    query->observed[s].near_misses++;
  if (aiodns_channel_is_tcp(c) || ++server->near_misses < AIODNS_NEAR_MISSES_MAX)
    return;
  server->near_misses = 0;
  aiodns_turn_leave_socket(query, s, now_us);
}

/* Whether what a reply says of the cookie, or does not say, makes it anybody's. */
static bool is_cookie_wrong(struct aiodns_query *query, unsigned c, const struct aiodns_form *form,
                            const uint8_t *msg, size_t len)
{
  unsigned s = aiodns_channel_server(c);
  bool known = aiodns_turn_knows(query, s, AIODNS_KNOWN_COOKIES), tcp = aiodns_channel_is_tcp(c);

  if (!form->cookie)
    return false;
  switch (aiodns_message_cookie(form, msg, len)) {
  case AIODNS_COOKIE_RIGHT:
    note_shown(query, s, AIODNS_SHOWN_COOKIE);
    return false;
  case AIODNS_COOKIE_WRONG:
    if (tcp)
      note_shown(query, s, AIODNS_SHOWN_COOKIELESS);
    else
      query->server[s].wrong_cookie = true;
    return !tcp;
  case AIODNS_COOKIE_NONE:
    break;
  }
  if (known && tcp)
    note_shown(query, s, AIODNS_SHOWN_COOKIELESS);
  else if (query->channel[c].again && !known)
    note_shown(query, s, AIODNS_SHOWN_UNANSWERED);
  enum aiodns_stage stage = query->server[s].stage;
  return known && !tcp && stage != AIODNS_STAGE_PLAIN_UDP && stage != AIODNS_STAGE_DOUBT;
}

/* `cut`: only the front of the datagram is at msg. */
static void handle(struct aiodns_query *query, unsigned c, uint8_t *msg, size_t len, bool cut, int64_t now_us)
{
  struct aiodns_channel *channel = &query->channel[c];
  struct aiodns_form form = form_of(query, channel);
  unsigned s = aiodns_channel_server(c);

  enum aiodns_match match = aiodns_message_match(&form, msg, len, aiodns_channel_is_tcp(c));
  if (match == AIODNS_MATCH_NONE) {
    near_miss(query, c, now_us);
    return;
  }
  /* What is cut off may have lost it, and is asked for by TCP all the same. */
  struct aiodns_header header = aiodns_message_header(msg, len);
  bool whole = !cut && (!header.truncated || query->conf->ignore_truncation);
  if (match == AIODNS_MATCH_REPLY && whole && is_cookie_wrong(query, c, &form, msg, len))
    match = AIODNS_MATCH_CASE;
  if (match == AIODNS_MATCH_CASE) {
    /* The first may be a server's that folds letters; who knows ID and port has no more guesses than others.
     */
    if (query->server[s].stage == AIODNS_STAGE_UDP)
      aiodns_turn_go_tcp(query, s, AIODNS_CAUSE_CASE, now_us);
    else
      near_miss(query, c, now_us);
    return;
  }
  query->got_reply = true;
  if (aiodns_channel_is_tcp(c) && is_mixed(query, channel) &&
      aiodns_message_match(&form, msg, len, false) == AIODNS_MATCH_CASE)
    note_shown(query, s, AIODNS_SHOWN_FOLDS);
  bool nxdomain = header.rcode == AIODNS_RCODE_NXDOMAIN;
  bool says = (header.rcode == AIODNS_RCODE_NOERROR && !header.lame) || nxdomain;
  if (query->server[s].stage == AIODNS_STAGE_DOUBT && says) {
    aiodns_turn_go_plain(query, s, AIODNS_CAUSE_CASE, false, now_us);
    return;
  }
  if (cut || (header.truncated && !aiodns_channel_is_tcp(c) && !query->conf->ignore_truncation)) {
    if (query->manner == AIODNS_MANNER_PROBE && header.rcode == AIODNS_RCODE_NOERROR && !header.lame) {
      aiodns_turn_finish(query, AIODNS_NO_DATA); /* there is something, whatever it is */
      return;
    }
    if (query->server[s].stage == AIODNS_STAGE_PLAIN_UDP || query->server[s].stage == AIODNS_STAGE_DOUBT) {
      aiodns_turn_truncated_plain(query, s, now_us);
      return;
    }
    aiodns_turn_go_tcp(query, s, AIODNS_CAUSE_TRUNCATED, now_us);
    return;
  }
  if (says) {
    aiodns_message_restore_case(&form, msg, len);
    read_reply(query, c, msg, len, nxdomain, now_us);
    return;
  }
  bool perhaps_edns = header.rcode == AIODNS_RCODE_FORMERR || header.rcode == AIODNS_RCODE_NOTIMP ||
                      header.rcode == AIODNS_RCODE_BADVERS;
  if (header.rcode == AIODNS_RCODE_BADCOOKIE && query->server[s].stage == AIODNS_STAGE_UDP) {
    aiodns_turn_go_tcp(query, s, AIODNS_CAUSE_TRUNCATED, now_us); /* there none is wanted */
    return;
  }
  if (perhaps_edns && (form.edns || is_mixed(query, channel))) {
    query->round_trip_us = round_trip_of(channel, now_us);
    aiodns_turn_go_plain(query, s, AIODNS_CAUSE_ERROR, match == AIODNS_MATCH_BARE, now_us);
    return;
  }
  query->got_servfail |= header.rcode == AIODNS_RCODE_SERVFAIL;
  note_erred(query, s);
  /* Podman's embedded server compares letters, too, and has this from upstream for what it does not know. */
  bool by_upstream = header.rcode == AIODNS_RCODE_SERVFAIL || header.rcode == AIODNS_RCODE_REFUSED;
  if (by_upstream && is_mixed(query, channel))
    aiodns_turn_server_doubted(query, s, now_us);
  else
    aiodns_turn_server_failed(query, s, now_us);
}

static void handle_stream(struct aiodns_query *query, unsigned c, const uint8_t *data, size_t len,
                          int64_t now_us)
{
  struct aiodns_channel *channel = &query->channel[c];

  while (len > 0 && aiodns_channel_listens(channel)) {
    switch (aiodns_stream_feed(&channel->stream, &data, &len)) {
    case AIODNS_STREAM_MORE:
      break;
    case AIODNS_STREAM_FAILED:
      query->answer->error = ENOMEM;
      aiodns_turn_finish(query, AIODNS_LOCAL);
      break;
    case AIODNS_STREAM_MESSAGE: {
      /* Taken out of the channel: handling the message may close that. */
      struct aiodns_stream stream = channel->stream;
      channel->stream = (struct aiodns_stream){0};
      handle(query, c, stream.message, stream.len, false, now_us);
      aiodns_stream_next(&stream);
      break;
    }
    }
  }
}

void aiodns_query_received(struct aiodns_query *query, unsigned channel, uint8_t *data, size_t len,
                           size_t room, int64_t now_us)
{
  if (!aiodns_channel_listens(&query->channel[channel]))
    return;
  if (aiodns_channel_is_tcp(channel))
    handle_stream(query, channel, data, len, now_us);
  else
    handle(query, channel, data, len < room ? len : room, len > room, now_us);
}

void aiodns_query_connected(struct aiodns_query *query, unsigned channel)
{
  query->channel[channel].connected = true;
}

void aiodns_query_refused(struct aiodns_query *query, unsigned channel, int64_t now_us)
{
  unsigned s = aiodns_channel_server(channel);
  struct aiodns_attempted *server = &query->server[s];

  if (!aiodns_channel_listens(&query->channel[channel]))
    return;
  if (aiodns_channel_is_tcp(channel)) {
    aiodns_turn_tcp_failed(query, s, now_us);
  } else if (aiodns_server_is_loopback(&query->conf->server[s])) {
    note_erred(query, s);
    aiodns_turn_server_failed(query, s, now_us);
  } else if (server->stage != AIODNS_STAGE_TCP && server->stage != AIODNS_STAGE_PLAIN_TCP) {
    note_erred(query, s);
    server->icmp_refused = true;
    server->icmp_sends = server->sends;
    if (server->failures < query->conf->attempts)
      server->failures++;
    query->erred = true;
    aiodns_turn_next_at_once(query, now_us);
  }
}

static bool is_lack(int error)
{
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

void aiodns_query_not_opened(struct aiodns_query *query, unsigned channel, int error, int64_t now_us)
{
  query->channel[channel].state = AIODNS_CHANNEL_IDLE;
  if (query->done)
    return;
  if (is_lack(error)) {
    query->local_error = error;
    query->lacked_tcp |= aiodns_channel_is_tcp(channel) &&
                         query->server[aiodns_channel_server(channel)].cause == AIODNS_CAUSE_TRUNCATED;
  } else if (aiodns_error_is_refusal(error) || error == EACCES)
    query->not_permitted = true;
  if (aiodns_channel_is_tcp(channel))
    aiodns_turn_tcp_failed(query, aiodns_channel_server(channel), now_us);
  else
    aiodns_turn_server_failed(query, aiodns_channel_server(channel), now_us);
}

/* ---- Start, time and end ---- */

void aiodns_query_init(struct aiodns_query *query, const struct aiodns_conf *conf,
                       struct aiodns_entropy *entropy, struct aiodns_answer *answer,
                       struct aiodns_observed *observed)
{
  memset(query, 0,
         offsetof(struct aiodns_query, channel) + (size_t)2 * conf->server_count * sizeof query->channel[0]);
  query->conf = conf;
  query->entropy = entropy;
  query->answer = answer;
  query->observed = observed;
  query->answered_by = -1;
  query->chain.aliased = false;
}

void aiodns_query_renew(struct aiodns_query *query)
{
  aiodns_turn_close_all(query);
  query->attempt = query->sends = 0;
  query->started = query->done = query->lingering = false;
  query->got_servfail = query->got_reply = query->was_silent = query->beside = false;
  query->not_permitted = query->answered_plain = query->lacked_tcp = query->erred = query->blocked = false;
  query->local_error = 0;
  query->chain.aliased = false;
  query->answered_by = -1;
  query->round_trip_us = 0;
}

void aiodns_query_done(struct aiodns_query *query)
{
  for (unsigned c = 0; c < aiodns_channel_count(query); c++)
    aiodns_stream_next(&query->channel[c].stream);
}

/* To what a server with the known round trip needs. */
static void shorten_wait(struct aiodns_query *query)
{
  int64_t wait_us = 3 * query->round_trip_us;

  if (wait_us < AIODNS_LEAST_WAIT_US)
    wait_us = AIODNS_LEAST_WAIT_US;
  if (wait_us < query->wait_us)
    query->wait_us = wait_us;
}

void aiodns_query_start(struct aiodns_query *query, const struct aiodns_name *name, uint16_t type,
                        uint8_t first_server, enum aiodns_manner manner, int64_t now_us)
{
  query->started = true;
  query->started_us = now_us;
  query->manner = manner;
  query->first_server = first_server;
  query->wait_us = AIODNS_FIRST_WAIT_US;
  if (manner == AIODNS_MANNER_PROBE)
    shorten_wait(query);
  aiodns_turn_reset(query);
  if (manner == AIODNS_MANNER_PLAIN)
    aiodns_turn_first(query); /* it has just said something else */
  aiodns_chain_init(&query->chain, name, type);
  aiodns_turn_next(query, now_us);
  if (query->beside)
    aiodns_turn_probe(query, now_us);
}

int aiodns_query_probe_channel(const struct aiodns_query *query)
{
  for (unsigned s = 0; s < query->conf->server_count && query->beside; s++)
    if (query->conf->server[s].probe_ms > 0 && query->server[s].sends > 0 && query->server[s].failures == 0 &&
        query->answered_by != (int)s && query->server[s].stage == AIODNS_STAGE_UDP)
      return (int)aiodns_channel_udp(s);
  return -1;
}

void aiodns_query_probed(struct aiodns_query *query, const struct aiodns_name *name, uint8_t *data,
                         size_t len)
{
  unsigned c = (unsigned)aiodns_query_probe_channel(query), s = aiodns_channel_server(c);
  struct aiodns_form form = form_of(query, &query->channel[c]);

  form.name = name; /* the chain may have led elsewhere since */
  if (aiodns_message_match(&form, data, len, false) != AIODNS_MATCH_REPLY)
    return;
  struct aiodns_header header = aiodns_message_header(data, len);
  if ((header.rcode == AIODNS_RCODE_NOERROR && !header.lame) || header.rcode == AIODNS_RCODE_NXDOMAIN)
    query->observed[s].answered = true;
  else
    return;
  if (!form.cookie && query->conf->learns && !aiodns_turn_knows(query, s, AIODNS_KNOWN_NO_COOKIES))
    note_shown(query, s, AIODNS_SHOWN_UNANSWERED); /* with one it was silent */
}

void aiodns_query_recalled(struct aiodns_query *query, bool aliased, bool servfail)
{
  query->started = query->done = true;
  query->chain.aliased = aliased;
  query->got_servfail = servfail;
  query->got_reply = true;
  query->answered_plain = true; /* what is kept is beyond doubt */
}

int64_t aiodns_query_due(const struct aiodns_query *query)
{
  return query->started && !query->done ? query->next_us : INT64_MAX;
}

void aiodns_query_elapsed(struct aiodns_query *query, int64_t now_us)
{
  /* Each turn either waits or uses up a failure of some server, so this ends. */
  while (aiodns_query_due(query) <= now_us) {
    if (query->lingering) {
      aiodns_turn_fail(query);
      return;
    }
    if (aiodns_turn_anyone_silent(query))
      query->was_silent = true;
    aiodns_turn_next(query, now_us);
  }
}

void aiodns_query_give_up(struct aiodns_query *query)
{
  if (query->done)
    return;
  query->started = query->was_silent = true;
  aiodns_turn_fail(query);
}

void aiodns_query_hurry(struct aiodns_query *query, int64_t round_trip_us, int64_t now_us)
{
  if (!query->started || query->done || query->conf->schedule.step_count > 0)
    return;
  query->round_trip_us = round_trip_us;
  shorten_wait(query);
  /* By what is known of the server whose turn it is, where that is. */
  unsigned count = query->conf->server_count;
  int64_t wait_us = aiodns_turn_wait_us(query, (query->first_server + query->attempt + count - 1u) % count);
  if (query->next_us > now_us + wait_us)
    query->next_us = now_us + wait_us;
}

enum aiodns_failure aiodns_query_failure(const struct aiodns_query *query)
{
  if (query->got_servfail)
    return AIODNS_FAILURE_SERVFAIL;
  return query->got_reply || query->was_silent ? AIODNS_FAILURE_SILENT : AIODNS_FAILURE_UNREACHABLE;
}
