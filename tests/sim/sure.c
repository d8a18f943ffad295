#include "sure.h"

#include "message.h"

#include <string.h>

enum { MS = 1000 };

/* What of a server matters to one question. */
struct way {
  const struct sim_server *server;
  const struct sim_path *path;
  int64_t round_trip_us; /* at the most */
  bool lower;            /* is asked in lower case and without EDNS from the first on */
  bool plain;            /* answers only what is in lower case and without EDNS, and an error to all else */
  bool mute;             /* the same, but nothing to all else */
  bool errs;             /* the same, but an error that does not tell why */
  bool lowers;
  bool cut, cut_plain; /* a datagram cannot hold the answer, with EDNS and without */
  unsigned messages;
};

static bool is_good(const struct sim_fact *fact)
{
  return fact->settled == SIM_SAYS_ANSWER || fact->settled == SIM_SAYS_NO_NAME ||
         fact->settled == SIM_SAYS_DOUBT;
}

static void make_query(struct sim_query *ret, const struct sim_candidate *c, unsigned hop, uint16_t type,
                       bool plain)
{
  static struct sim_message m;
  char text[SIM_TEXT_MAX + 200];

  sim_hop_text(c, hop, text);
  m.len = 0;
  sim_message_name(&m, text);
  *ret = (struct sim_query){.type = type, .edns = !plain, .lower = plain};
  memcpy(ret->name, text, strlen(text) + 1);
  memcpy(ret->question, m.data, m.len);
  ret->question_len = (unsigned)m.len + 4;
}

/* Follows the chain message by message, as a client does that the server answers. */
static void look_at(const struct sim_world *world, const struct sim_candidate *c, unsigned s, uint16_t type,
                    struct way *ret)
{
  static struct sim_message m;
  struct sim_query query;
  unsigned hop = 0;

  *ret = (struct way){.server = &world->server[s]};
  ret->path = &ret->server->path[type == AIODNS_TYPE_AAAA];
  ret->round_trip_us = 2 * (ret->path->delay_us + ret->path->spread_us);
  for (;;) {
    make_query(&query, c, hop, type, true);
    struct sim_about about = sim_server_reply(world, s, &query, true, &m);
    ret->messages++;
    size_t len = m.len + (ret->server->cookies ? SIM_COOKIE_LEN : 0);
    ret->cut |= ret->server->truncates || len > (ret->server->oversize ? world->room : AIODNS_UDP_MAX);
    ret->cut_plain |= ret->server->truncates || len > (ret->server->oversize ? world->room : 512);
    if (about.word != SIM_SAYS_ALIAS)
      break;
    hop = hop + ret->server->step < c->hops ? hop + ret->server->step : c->hops;
  }
  const struct sim_server *server = ret->server;
  bool misreads = server->letters == SIM_SENSITIVE && !server->docker;
  ret->lower = c->lower;
  ret->plain = server->edns >= SIM_EDNS_FORMERR || (misreads && server->misread == SIM_MISREAD_FORMERR);
  ret->mute = server->edns == SIM_EDNS_DROPPED || server->edns == SIM_EDNS_BADVERS_BARE ||
              (misreads && server->misread == SIM_MISREAD_SILENT) ||
              (server->udp_silent && !world->conf.use_vc);
  ret->errs = misreads && (server->misread == SIM_MISREAD_SERVFAIL || server->misread == SIM_MISREAD_REFUSED);
  ret->lowers = server->letters == SIM_LOWERS;
}

static bool is_direct(const struct sim_world *world, const struct way *way)
{
  return !way->lower && !way->plain && !way->mute && !way->errs && !way->lowers && !way->cut &&
         !world->conf.use_vc && world->attack.forgeries == 0;
}

/* Whether it answers at last, once it is asked and asked in all the ways that are due to it. */
static bool would_answer(const struct sim_world *world, const struct way *way, bool alone, bool confirming)
{
  bool late = way->server->tcp == SIM_TCP_PAUSES;
  bool tcp = way->server->tcp == SIM_TCP_OK || late;
  /* Whoever is there by TCP is waited for there, and UDP is no way out. */
  bool stalls = way->server->tcp == SIM_TCP_STALLS;
  bool direct = is_direct(world, way);
  unsigned known = world->conf.server[way->server - world->server].known;

  /* What is known of a server, rightly or not, may lead to TCP first; a cookie may cost the first datagram.
   */
  if (known & AIODNS_KNOWN_TCP || (known & AIODNS_KNOWN_COOKIES && !way->server->cookies) ||
      (way->server->drops_cookies && (world->conf.learns || known & AIODNS_KNOWN_COOKIES)))
    return false;
  if (way->path->fate != SIM_HEALTHY || way->path->loss_to || way->path->loss_from ||
      way->server->open_failures)
    return false;
  /* One such error may use up an attempt, and all attempts; then its reply has AIODNS_LINGER_US. */
  if (!way->server->loopback && way->server->stray_icmp && !world->conf.use_vc &&
      (world->attack.forgeries || way->mute || (late && !direct) ||
       8 * way->round_trip_us > AIODNS_LINGER_US - 10 * MS))
    return false;
  if (way->lower && way->server->udp_silent && confirming && !world->conf.use_vc) /* that goes by UDP */
    return false;
  if (way->lower)
    return tcp || (alone && (!stalls || confirming) && !way->server->udp_silent && !way->cut_plain &&
                   !world->conf.use_vc && !world->attack.forgeries);
  /*
   * The turn in lower case comes behind all others'.  An error that came by TCP is believed today, and so is
   * one that uses up the last attempt, behind ICMP errors perhaps.
   */
  if (way->errs &&
      (!alone || world->conf.attempts == 1 || (way->server->stray_icmp && !way->server->loopback) ||
       world->conf.use_vc || world->attack.forgeries))
    return false;
  /* Letters that were small by chance got TC, and others, by TCP, get nothing, or an error to believe. */
  if ((way->mute || way->errs) && way->cut && way->server->letters == SIM_SENSITIVE)
    return false;
  /* Messages that belong to no query are taken for guesses; enough of them lead elsewhere. */
  if (way->server->edns == SIM_EDNS_BADVERS_BARE && (way->path->duplicates || world->attack.forgeries))
    return false;
  if (way->mute)
    return alone && tcp && !world->conf.use_vc &&
           !(world->attack.forgeries && (world->attack.right_id || way->cut_plain));
  if (tcp || direct)
    return true;
  /* Others may have used up the datagrams for what it still needs. */
  if (world->conf.use_vc || !alone || stalls)
    return false;
  bool by_case = way->lowers || (world->attack.forgeries && world->attack.right_id);
  /* In lower case by UDP few guesses are allowed for: somebody who floods the right port can prevent the
   * answer. */
  return way->plain || by_case ? !way->cut_plain && !world->attack.forgeries : !way->cut;
}

/* How long another server may hold up the turn of the one that would answer. */
static int64_t held_up_us(const struct sim_world *world, const struct way *way)
{
  bool mute = way->path->fate == SIM_SILENT || way->path->fate == SIM_UNREACHABLE;
  if (!way->lower && (mute || (way->path->fate == SIM_HEALTHY && is_direct(world, way))) &&
      !world->attack.forgeries)
    return SIM_FIRST_WAIT_US;
  return (way->lower ? 2000 * MS + 3 * world->took_us : 400 * MS) + 8 * way->round_trip_us;
}

/*
 * From the question's start to its answer, at the most.  Each message that is a part of a chain alone, from
 * whomever, starts all servers anew.
 */
static int64_t takes_us(const struct sim_world *world, const struct way *way, unsigned messages,
                        int64_t held_us)
{
  unsigned count = world->conf.server_count;
  int64_t each_us = 8 * way->round_trip_us;

  if (is_direct(world, way))
    each_us = way->round_trip_us;
  if (way->mute)
    each_us += 7 * SIM_FIRST_WAIT_US;
  if (way->server->tcp == SIM_TCP_SILENT) /* found out when its turn comes again */
    each_us += 4 * SIM_FIRST_WAIT_US * count + 3 * world->took_us + held_us;
  if (way->server->tcp == SIM_TCP_PAUSES && !is_direct(world, way))
    each_us += 3 * way->server->pause_us; /* of errors, too */
  if ((way->server->tcp == SIM_TCP_OK || way->server->tcp == SIM_TCP_PAUSES) && !is_direct(world, way))
    each_us += 3 * SIM_MESSAGE_MAX; /* its octets may come one by one */
  return messages * (held_us + each_us + 10 * world->late_us) + MS;
}

static int64_t latest_us(const struct sim_world *world, const struct sim_candidate *c, unsigned query)
{
  const struct sim_fact *fact = &c->fact[query], *other = &c->fact[1 - query];
  int64_t start_us = fact->start_us;
  if (other->start_us >= 0 && other->start_us < start_us)
    start_us = other->start_us;
  int64_t deadline_us = world->start_us + (int64_t)world->conf.timeout_ms * 1000 * world->conf.attempts;
  int64_t ret_us = start_us + (deadline_us - start_us) / 4 * 3;

  if (c->round == SIM_CONFIRMING) {
    int64_t until_us = start_us + sim_confirm_us(c);
    return until_us < deadline_us ? until_us : deadline_us;
  }
  if (is_good(other)) {
    int64_t patience_us = start_us + SIM_PATIENCE_US;
    int64_t grace_us = other->settled != SIM_SAYS_NOTHING ? sim_grace_us(world, c, other) : 0;
    int64_t until_us = patience_us > grace_us ? patience_us : grace_us;
    ret_us = until_us < ret_us ? until_us : ret_us;
  }
  if (other->hinted) {
    int64_t until_us = start_us + SIM_PATIENCE_US;
    ret_us = until_us < ret_us ? until_us : ret_us;
  }
  return ret_us;
}

bool sim_is_sure(const struct sim_world *world, const struct sim_candidate *c, unsigned query)
{
  struct way way[SIM_SERVERS_MAX];
  uint16_t type = c->round == SIM_CONFIRMING ? c->probe_type : world->lookup.type[query];
  unsigned count = world->conf.server_count;
  unsigned messages = 0;
  bool bare_errors = world->attack.forgeries && world->attack.bare_errors;
  /* The probe goes to one server, whichever said NXDOMAIN: then all have to be sure, else one will do. */
  bool confirming = c->round == SIM_CONFIRMING;

  if (c->kind == SIM_LOOP || c->kind == SIM_BROKEN || c->hops > SIM_CNAMES_MAX || bare_errors ||
      world->send_failures || world->entropy_failed || world->abandoned || world->on_query)
    return false;
  for (unsigned s = 0; s < count; s++) {
    look_at(world, c, s, type, &way[s]);
    messages = way[s].messages > messages ? way[s].messages : messages;
  }
  for (unsigned s = 0; s < count; s++) {
    int64_t held_us = 0;
    for (unsigned o = 0; o < count; o++)
      held_us += o == s ? 0 : held_up_us(world, &way[o]);
    bool sure =
        would_answer(world, &way[s], count == 1, confirming) &&
        c->fact[query].start_us + takes_us(world, &way[s], messages, held_us) <= latest_us(world, c, query);
    if (sure != confirming)
      return sure;
  }
  return confirming;
}
