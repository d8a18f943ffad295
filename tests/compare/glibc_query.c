/* Of glibc 2.36: resolv/res_query.c and res_send.c. */
#include "glibc_query.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

enum turn { TURN_NEXT, TURN_TCP, TURN_DONE };

static bool is_error(const struct reply *reply)
{
  return reply->rcode == RCODE_SERVFAIL || reply->rcode == RCODE_NOTIMP || reply->rcode == RCODE_REFUSED;
}

static bool is_failure(const struct reply *reply)
{
  return reply->rcode != RCODE_NOERROR && reply->rcode != RCODE_NXDOMAIN;
}

static bool is_referral(const struct reply *reply)
{
  return reply->rcode == RCODE_NOERROR && reply->count == 0 && !reply->authoritative && !reply->recursive &&
         !reply->opt;
}

static void ask(const struct world *world, unsigned s, struct heard *heard, unsigned i, bool tcp)
{
  static struct question question;

  question.type = heard->type[i];
  question.edns = heard->edns;
  question.tcp = tcp;
  memcpy(question.name, heard->name, strlen(heard->name) + 1);
  world_reply(world, s, &question, &heard->reply[i]);
}

/* Whether EDNS is what the server refused. */
static bool is_for_edns(const struct world *world, unsigned s, const struct heard *heard, unsigned i)
{
  static struct heard plain;
  uint8_t rcode = heard->reply[i].rcode;

  if (!heard->edns || (rcode != RCODE_FORMERR && rcode != RCODE_NOTIMP))
    return false;
  plain.name = heard->name;
  plain.type[i] = heard->type[i];
  ask(world, s, &plain, i, false);
  return plain.reply[i].rcode != rcode;
}

static enum turn ask_udp(const struct world *world, unsigned s, struct heard *heard, struct notes *notes)
{
  bool single = world->options.single_request || world->options.single_request_reopen;
  bool erred = false;

  heard->present[0] = heard->present[1] = false;
  if (world->server[s].reach == REACH_NOTHING)
    return TURN_NEXT;
  for (unsigned i = 0; i < heard->count; i++) {
    struct reply *reply = &heard->reply[i];
    ask(world, s, heard, i, false);
    heard->somewhere = true;
    if (reply->silent)
      reply->junk = 0; /* nothing at all */
    if (reply->junk & (JUNK_ID | JUNK_NAME))
      heard->question = !(reply->junk & JUNK_NAME);
    if (reply->junk & JUNK_SHORT) {
      notes->rule[RULE_SHORT_DATAGRAM] = true;
      heard->rcode = i == 0 ? RCODE_NOERROR : heard->rcode;
      return TURN_NEXT;
    }
    if (reply->silent || (reply->bare && !is_error(reply))) {
      notes->rule[RULE_FAMILY_FAILED] |= heard->count == 2;
      notes->rule[RULE_EDNS] |= reply->bare;
      if (i == 0 && reply->bare)
        heard->rcode = reply->rcode; /* it is passed over, but lies in the buffer */
      return i == 1 && !erred ? TURN_DONE : TURN_NEXT;
    }
    if (i == 0) {
      heard->rcode = reply->rcode;
      heard->question |= !reply->bare; /* else what stood behind the header before */
    }
    if (is_error(reply) || is_referral(reply)) {
      notes->rule[RULE_REFERRAL] |= is_referral(reply);
      notes->rule[RULE_EDNS] |= is_for_edns(world, s, heard, i);
      if (heard->count == 2)
        notes->rule[RULE_FAMILY_REFUSED] = true;
      if (i == 1)
        return erred ? TURN_NEXT : TURN_DONE;
      if (heard->count == 1 || single)
        return TURN_NEXT;
      erred = true;
      continue;
    }
    if (reply->truncated)
      return TURN_TCP;
    heard->present[i] = true;
  }
  return TURN_DONE;
}

static enum turn ask_tcp(const struct world *world, unsigned s, struct heard *heard)
{
  enum reach reach = world->server[s].reach;

  if (reach == REACH_UDP || reach == REACH_NOTHING) {
    heard->tcp_error = ECONNREFUSED;
    return TURN_NEXT;
  }
  heard->tcp_error = 0;
  if (reach == REACH_HANGS_UP)
    return TURN_NEXT;
  for (unsigned i = 0; i < heard->count; i++) {
    ask(world, s, heard, i, true);
    heard->present[i] = !heard->reply[i].silent;
    if (heard->reply[i].silent)
      return TURN_NEXT;
  }
  heard->rcode = heard->reply[0].rcode;
  heard->question = !heard->reply[0].bare;
  return TURN_DONE;
}

/* res_send(). False: no server had an answer. */
static bool ask_servers(const struct world *world, struct heard *heard, struct notes *notes)
{
  heard->tcp = world->options.use_vc;
  heard->somewhere = false;
  heard->tcp_error = ETIMEDOUT;
  heard->rcode = RCODE_NOERROR;
  heard->question = false;
  for (unsigned try = 0; try < world->options.attempts; try++)
    for (unsigned s = 0; s < world->server_count; s++) {
      enum turn turn = heard->tcp ? TURN_TCP : ask_udp(world, s, heard, notes);
      if (turn == TURN_TCP) {
        heard->tcp = true;
        try = world->options.attempts;
        turn = ask_tcp(world, s, heard);
        notes->rule[RULE_TCP_SILENT] |= turn == TURN_NEXT;
      }
      heard->error = 0;
      if (turn == TURN_DONE)
        return true;
    }
  heard->error = heard->tcp ? heard->tcp_error : heard->somewhere ? ETIMEDOUT : ECONNREFUSED;
  return false;
}

static bool is_empty(const struct reply *reply)
{
  return reply->rcode != RCODE_NOERROR || reply->count == 0;
}

int glibc_query(const struct world *world, const char *name, struct heard *heard, struct notes *notes)
{
  static char text[NS_MAXDNAME];
  bool hidden = world->options.no_aaaa && heard->count == 1 && heard->type[0] == ns_t_aaaa;

  heard->rcode = RCODE_NOERROR;
  if (!wire_text(name, text)) {
    heard->error = EMSGSIZE;
    notes->rule[RULE_LONG_CANDIDATE] = true;
    return NO_RECOVERY;
  }
  heard->name = text;
  heard->edns = world->options.edns0 && !hidden;
  if (hidden)
    heard->type[0] = ns_t_a;
  bool done = ask_servers(world, heard, notes);
  if (hidden) {
    heard->type[0] = ns_t_aaaa;
    heard->reply[0].count = 0;
  }
  if (!done && hidden && !heard->question) { /* glibc then goes on with what is in the buffer, if anything */
    notes->rule[RULE_NO_AAAA] = true;
    heard->present[0] = true;
    heard->reply[0].rcode = heard->rcode;
  } else if (!done) {
    return TRY_AGAIN;
  }
  const struct reply *first = &heard->reply[heard->present[0] ? 0 : 1];
  const struct reply *second = &heard->reply[heard->present[1] ? 1 : 0];
  if (!is_empty(first) || !is_empty(second)) {
    notes->rule[RULE_FAMILY_REFUSED] |= is_failure(first) || is_failure(second);
    return 0;
  }
  if (first->rcode != second->rcode)
    notes->rule[RULE_FAMILY_REFUSED] = true;
  switch (first->rcode == RCODE_NOERROR ? second->rcode : first->rcode) {
  case RCODE_NXDOMAIN:
    return HOST_NOT_FOUND;
  case RCODE_SERVFAIL:
    notes->rule[RULE_OTHER_RCODE] = true;
    return TRY_AGAIN;
  case RCODE_NOERROR:
    return NO_DATA;
  default:
    notes->rule[RULE_OTHER_RCODE] = true;
    return NO_RECOVERY;
  }
}
