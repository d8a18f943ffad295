#include "ours_question.h"

#include <ctype.h>
#include <netdb.h>
#include <resolv.h>
#include <string.h>
#include <sys/socket.h>

enum { HOPS_MAX = 16 }; /* that cost a question */

/* ---- One server ---- */

enum heard { HEARD_REPLY, HEARD_ERROR, HEARD_SERVFAIL, HEARD_NOTHING, HEARD_REFUSAL };

static bool is_lame(const struct reply *reply)
{
  return reply->rcode == RCODE_NOERROR && reply->count == 0 && !reply->authoritative && !reply->recursive &&
         !reply->soa;
}

/* In which letters, and whether with EDNS. */
enum form { FORM_MIXED, FORM_LOWER, FORM_PLAIN };

static void put_question(const struct walk *walk, const struct asked *asked, unsigned s, enum form form,
                         bool tcp, struct reply *ret)
{
  static struct question question;

  question.type = asked->type;
  question.edns = form != FORM_PLAIN;
  question.tcp = tcp;
  lower_text(question.name, asked->name);
  /* The letters are drawn anew each time: some are capital letters, as good as always. */
  if (form == FORM_MIXED)
    for (char *at = question.name; *at; at++)
      if (*at >= 'a' && *at <= 'z') {
        *at = (char)(*at - 'a' + 'A');
        break;
      }
  world_reply(walk->world, s, &question, ret);
}

static bool has_tcp(const struct dns_server *server)
{
  return server->reach == REACH_BOTH;
}

static enum heard judge(const struct walk *walk, const struct reply *reply)
{
  walk->notes->rule[RULE_REFERRAL] |= is_lame(reply);
  if (reply->rcode == RCODE_SERVFAIL)
    return HEARD_SERVFAIL;
  return (reply->rcode != RCODE_NOERROR && reply->rcode != RCODE_NXDOMAIN) || is_lame(reply) ? HEARD_ERROR
                                                                                             : HEARD_REPLY;
}

/* In lower case: by TCP, by UDP where that is refused; a probe by UDP alone. */
static enum heard ask_lower(const struct walk *walk, const struct asked *asked, unsigned s, enum form form,
                            bool probe, struct reply *ret)
{
  const struct dns_server *server = &walk->world->server[s];
  bool tcp = has_tcp(server) && (!probe || walk->world->options.use_vc);

  if (!tcp && (server->reach == REACH_NOTHING || walk->world->options.use_vc))
    return HEARD_REFUSAL;
  put_question(walk, asked, s, form, tcp, ret);
  if (ret->silent && tcp) /* it hangs up */
    put_question(walk, asked, s, form, tcp = false, ret);
  if (ret->silent)
    return HEARD_NOTHING;
  if (ret->truncated && !probe)
    return HEARD_ERROR;
  return judge(walk, ret);
}

static enum heard ask_server(const struct walk *walk, struct asked *asked, unsigned s, struct reply *ret)
{
  const struct dns_server *server = &walk->world->server[s];
  bool use_vc = walk->world->options.use_vc;

  asked->plain = walk->plain;
  if (walk->plain)
    return ask_lower(walk, asked, s, FORM_PLAIN, false, ret);
  if (server->reach == REACH_NOTHING || (use_vc && !has_tcp(server)))
    return HEARD_REFUSAL;
  put_question(walk, asked, s, FORM_MIXED, use_vc, ret);
  if (ret->silent)
    return use_vc ? HEARD_REFUSAL : HEARD_NOTHING;
  if (!use_vc && !ret->bare && ret->lower) {
    put_question(walk, asked, s, has_tcp(server) ? FORM_MIXED : FORM_LOWER, has_tcp(server), ret);
    if (ret->truncated)
      return HEARD_ERROR;
    asked->plain = !has_tcp(server);
  } else if (!use_vc && ret->truncated) {
    walk->notes->rule[RULE_TCP_SILENT] |= !has_tcp(server);
    if (!has_tcp(server))
      return HEARD_ERROR;
    put_question(walk, asked, s, FORM_MIXED, true, ret);
  }
  if (ret->rcode == RCODE_FORMERR || ret->rcode == RCODE_NOTIMP) {
    asked->plain = true;
    enum heard plain = ask_lower(walk, asked, s, FORM_PLAIN, false, ret);
    walk->notes->rule[RULE_EDNS] |= plain == HEARD_REPLY;
    return plain == HEARD_REFUSAL ? HEARD_ERROR : plain;
  }
  return judge(walk, ret);
}

/* ---- Messages ---- */

/* Labels at the front of an alias's target that are the question's have its letters. */
static void restore_letters(const char *question, char *target)
{
  size_t same = 0;

  for (size_t i = 0; tolower((unsigned char)question[i]) == tolower((unsigned char)target[i]); i++) {
    if (question[i] == '.' || question[i] == '\0')
      same = i;
    if (question[i] == '\0')
      break;
  }
  if (question[same] == '.' || question[same] == '\0')
    memcpy(target, question, same);
}

/* The first host name. */
static void add_ptr(struct asked *asked, const struct reply *reply, const struct record *record)
{
  char text[NS_MAXDNAME];

  if (asked->data.alias_count > 0 || !res_hnok(record->target))
    return;
  record_target(reply, record, asked->name, text);
  result_add_alias(&asked->data, text);
}

/* Takes what the message has for asked->name; returns the CNAME there, if that is all. */
static const struct record *read_owner(struct asked *asked, const struct reply *reply, const char *question)
{
  const struct record *alias = NULL;

  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    if (record->class != CLASS_IN || !same_text(record->owner ? record->owner : question, asked->name))
      continue;
    if (record->type == ns_t_cname && !alias)
      alias = record;
    if (record->type != asked->type || reply->rcode == RCODE_NXDOMAIN)
      continue;
    if (asked->type == ns_t_ptr)
      add_ptr(asked, reply, record);
    else if (record->data_len == (asked->type == ns_t_a ? 4 : 16))
      result_add_address(&asked->data, asked->type == ns_t_a ? AF_INET : AF_INET6, record->data);
  }
  asked->data.found = asked->type == ns_t_ptr ? asked->data.alias_count > 0 : asked->data.address_count > 0;
  return asked->data.found ? NULL : alias;
}

enum reading { READ_END, READ_ONWARD, READ_LOOP };

static enum reading read_reply(struct asked *asked, const struct reply *reply)
{
  char question[NS_MAXDNAME];
  const struct record *alias;
  unsigned links = 0;

  strcpy(question, asked->name);
  if (asked->type != ns_t_ptr && asked->data.alias_count == 0)
    result_add_alias(&asked->data, asked->name);
  for (; (alias = read_owner(asked, reply, question)); links++) {
    if (links == reply->count)
      return READ_LOOP;
    asked->aliased = true;
    record_target(reply, alias, question, asked->name);
    restore_letters(question, asked->name);
    if (asked->type != ns_t_ptr && res_hnok(asked->name))
      result_add_alias(&asked->data, asked->name);
  }
  asked->outcome = asked->data.found ? ANSWER : reply->rcode == RCODE_NXDOMAIN ? NO_NAME : NOTHING;
  bool soa = reply->soa && within_text(asked->name, reply->soa);
  if (links == 0 || asked->outcome != NOTHING || soa)
    return READ_END;
  return asked->hops++ < HOPS_MAX ? READ_ONWARD : READ_LOOP;
}

/* ---- One question ---- */

/* From this server on, or of it alone; leaves the outcome. */
static void ask_servers(struct walk *walk, struct asked *asked, unsigned first, bool alone, bool probe)
{
  static struct reply reply;
  unsigned count = walk->world->server_count;

  asked->outcome = FAILED;
  for (unsigned i = 0; i < (alone ? 1 : count); i++) {
    unsigned s = (first + i) % count;
    enum heard heard =
        probe ? ask_lower(walk, asked, s, FORM_PLAIN, true, &reply) : ask_server(walk, asked, s, &reply);
    asked->heard |= heard != HEARD_REFUSAL && heard != HEARD_NOTHING;
    if (heard != HEARD_REFUSAL && asked->failure < UNANSWERED)
      asked->failure = UNANSWERED;
    if (heard == HEARD_SERVFAIL)
      asked->failure = BROKEN;
    if (heard != HEARD_REPLY) {
      asked->erred |= heard != HEARD_NOTHING;
      continue;
    }
    if (probe && reply.truncated) {
      asked->outcome = NOTHING;
      return;
    }
    asked->server = (int)s;
    switch (read_reply(asked, &reply)) {
    case READ_END:
      return;
    case READ_LOOP:
      walk->notes->rule[RULE_CHAIN_LOOP] = true;
      asked->failure = BROKEN;
      asked->outcome = FAILED;
      asked->server = -1;
      return;
    case READ_ONWARD:
      walk->notes->rule[RULE_CHAIN_ONWARD] = true;
      asked->server = -1;
      ask_servers(walk, asked, s, alone, probe);
      return;
    }
  }
}

static void start(struct asked *asked, const char *name)
{
  snprintf(asked->name, sizeof asked->name, "%s", name);
  asked->failure = UNREACHED;
  asked->heard = asked->erred = asked->aliased = false;
  asked->server = -1;
  asked->hops = 0;
  result_clear(&asked->data);
}

void question_ask(struct walk *walk, struct asked *asked, const char *name, unsigned first_server)
{
  start(asked, name);
  ask_servers(walk, asked, first_server, false, false);
}

void question_probe(struct walk *walk, struct asked *asked, const char *name, unsigned server)
{
  start(asked, name);
  ask_servers(walk, asked, server, true, true);
}
