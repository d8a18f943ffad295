#include "world.h"

#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Setting up ---- */

void sim_world_init(struct sim_world *world, uint64_t seed)
{
  uint8_t *octets = world->octets;
  uint32_t room = world->octets_room;

  memset(world, 0, offsetof(struct sim_world, event));
  world->event_count = world->event_order = world->octets_len = world->log_len = 0;
  world->octets = octets;
  world->octets_room = room;
  world->trace = world->failed = false;
  world->complaint[0] = '\0';

  struct rng rng = {seed};
  world->seed = seed;
  world->net = rng_split(&rng);
  world->entropy = rng_split(&rng);
  world->attacker = rng_split(&rng);
  world->start_us = world->now_us = 1000000;
  world->conf = (struct aiodns_conf){
      .ndots = 1,
      .attempts = 2,
      .timeout_ms = 5000,
      .recursion_desired = true,
      .search_single = true,
      .search_dotted = true,
      .search = world->list,
  };
  for (unsigned s = 0; s < SIM_SERVERS_MAX; s++) {
    world->server[s] = (struct sim_server){.soa = true, .step = UINT8_MAX};
    for (unsigned f = 0; f < 2; f++)
      world->server[s].path[f] = (struct sim_path){.delay_us = 5000};
  }
  for (unsigned i = 0; i < SIM_LIST_MAX; i++)
    world->list[i] = world->list_text[i];
  strcpy(world->given, "Name.example.");
  world->family = AF_INET;
  world->room = AIODNS_UDP_MAX;
  world->entropy_left = world->abandon_us = -1;
  sim_world_servers(world, 1);
}

void sim_world_done(struct sim_world *world)
{
  free(world->octets);
  world->octets = NULL;
  world->octets_room = world->octets_len = 0;
}

void sim_world_servers(struct sim_world *world, unsigned count)
{
  world->conf.server_count = (uint8_t)count;
  for (unsigned s = 0; s < count; s++) {
    struct aiodns_server *server = &world->conf.server[s];
    memset(server, 0, sizeof *server);
    if (s == 2) { /* the last of three by IPv6 */
      server->address.in6.sin6_family = AF_INET6;
      server->address.in6.sin6_port = htons(53);
      server->address.in6.sin6_addr.s6_addr[0] = world->server[s].loopback ? 0 : 0xfd;
      server->address.in6.sin6_addr.s6_addr[15] = 1;
      server->address_len = sizeof server->address.in6;
    } else {
      server->address.in.sin_family = AF_INET;
      server->address.in.sin_port = htons(53);
      server->address.in.sin_addr.s_addr = htonl(world->server[s].docker     ? 0x7f00000b
                                                 : world->server[s].loopback ? 0x7f000001 + s
                                                                             : 0xc0000201 + s);
      server->address_len = sizeof server->address.in;
    }
  }
}

void sim_world_name(struct sim_world *world)
{
  memset(world->candidate, 0, sizeof world->candidate);
  world->candidate_count = sim_candidates(world->candidate, &world->conf, world->list, world->list_count,
                                          world->given, world->as_is || world->ptr);
  for (unsigned i = 0; i < world->candidate_count; i++) {
    struct sim_candidate *c = &world->candidate[i];
    for (unsigned hop = 0; hop <= SIM_HOPS_MAX; hop++)
      c->ttl_s[hop] = 300;
    c->fact[0].start_us = c->fact[1].start_us = -1;
  }
}

void sim_complain(struct sim_world *world, const char *format, ...)
{
  va_list args;
  if (world->failed)
    return;
  world->failed = true;
  va_start(args, format);
  vsnprintf(world->complaint, sizeof world->complaint, format, args);
  va_end(args);
}

void sim_trace(const struct sim_world *world, const char *format, ...)
{
  va_list args;
  if (!world->trace)
    return;
  printf("%10.3f ms  ", (double)(world->now_us - world->start_us) / 1000);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

/* ---- What the machine gets from outside ---- */

static bool random_octets(void *source, uint8_t *buf, size_t len)
{
  struct sim_world *world = source;
  if (world->entropy_left >= 0 && world->entropy_left < (int64_t)len) {
    world->entropy_failed = true;
    return false;
  }
  if (world->entropy_left >= 0)
    world->entropy_left -= (int64_t)len;
  for (size_t i = 0; i < len; i++)
    buf[i] = (uint8_t)rng_next(&world->entropy);
  return true;
}

static bool search_more(void *source, const struct aiodns_conf *conf, unsigned index, char *buf)
{
  const struct sim_world *world = source;
  if (conf != &world->conf || index < conf->search_count || index >= world->list_count)
    return false;
  strcpy(buf, world->list[index]);
  return true;
}

/* ---- Tasks ---- */

static struct sim_fact *fact_of(struct sim_world *world, unsigned channel)
{
  return &world->candidate[world->socket[channel].candidate].fact[channel / AIODNS_QUERY_CHANNELS];
}

static void count_datagram(struct sim_world *world, unsigned channel)
{
  struct sim_fact *fact = fact_of(world, channel);
  const struct sim_socket *socket = &world->socket[channel];

  world->datagrams++;
  if (strcasecmp(fact->asked, socket->query.name) != 0) {
    strcpy(fact->asked, socket->query.name);
    fact->datagrams = 0;
  }
  bool loop = world->candidate[socket->candidate].kind == SIM_LOOP; /* the same name is asked again */
  if (++fact->datagrams > SIM_DATAGRAMS_MAX && !loop)
    sim_complain(world, "%u datagrams for %s", fact->datagrams, fact->asked);
}

/* In the letters of the program, or of the CNAME that leads there. */
static bool is_as_given(const struct sim_world *world, const struct sim_query *query, unsigned index,
                        unsigned hop)
{
  char text[SIM_TEXT_MAX + 200];
  sim_hop_text(&world->candidate[index], hop, text);
  return strcmp(query->name, text) == 0;
}

static void check_query(struct sim_world *world, unsigned channel)
{
  struct sim_socket *socket = &world->socket[channel];
  const struct sim_query *query = &socket->query;
  const uint8_t *msg = socket->payload + (socket->tcp ? 2 : 0);
  size_t len = socket->payload_len - (socket->tcp ? 2 : 0);
  unsigned index, hop;

  if (socket->tcp &&
      (socket->payload_len < 2 || (size_t)(socket->payload[0] << 8 | socket->payload[1]) != len)) {
    sim_complain(world, "length in front of a TCP query is wrong");
  } else if (!sim_query_parse(&socket->query, msg, len)) {
    sim_complain(world, "malformed query");
  } else if (!sim_find(world->candidate, world->candidate_count, query->name, &index, &hop)) {
    sim_complain(world, "a query for %s, which nobody wants", query->name);
  } else if (!query->edns && !query->lower &&
             !(world->conf.server[socket->server].known & AIODNS_KNOWN_NO_EDNS)) {
    sim_complain(world, "a query without EDNS in mixed case");
  } else if (query->type != (world->lookup.probing ? world->lookup.probe_type
                                                   : world->lookup.type[channel / AIODNS_QUERY_CHANNELS])) {
    sim_complain(world, "a query of type %u", query->type);
  } else if (!(msg[2] & 1)) {
    sim_complain(world, "a query without RD");
  } else if (world->server[socket->server].docker && !query->lower &&
             !is_as_given(world, query, index, hop)) {
    sim_complain(world, "Docker's server is asked for %s", query->name);
  } else {
    socket->candidate = (uint8_t)index;
    socket->hop = (uint8_t)hop;
  }
}

/* The errno with which opening fails now, or 0. */
static int open_error(struct sim_world *world, unsigned s)
{
  const struct sim_server *server = &world->server[s];
  return rng_chance(&world->net, server->open_failures) ? server->open_error : 0;
}

static void note_unopened(struct sim_fact *fact, int error)
{
  if (error == EMFILE || error == ENOBUFS || error == ENOMEM)
    fact->lacks++;
  else if (error == EACCES || error == EPERM)
    fact->denials++;
}

/* The first OPEN of a round tells that it has begun. */
static void note_round(struct sim_world *world, unsigned index, bool lower)
{
  struct sim_candidate *c = &world->candidate[index];

  if (c->round != SIM_NOT_ASKED && world->round_candidate == index &&
      world->round_us == world->lookup.candidate_start_us)
    return;
  if (c->round != SIM_NOT_ASKED) {
    sim_judge_round(world, c);
    memset(c->fact, 0, sizeof c->fact);
    c->fact[0].start_us = c->fact[1].start_us = -1;
  }
  if (c->round == SIM_NOT_ASKED)
    c->began_us = world->now_us;
  if (c->round == SIM_LOWER_CASE)
    sim_complain(world, "a fourth round for %s", c->text);
  c->probe_type = world->lookup.probe_type;
  if (++c->round == SIM_CONFIRMING)
    c->took_us = world->took_us = world->lookup.candidate_start_us - world->round_us;
  c->lower = lower;
  world->round_candidate = index;
  world->round_us = world->lookup.candidate_start_us;
}

static void do_open(struct sim_world *world, const struct aiodns_task *task, unsigned s)
{
  struct sim_socket *socket = &world->socket[task->channel];

  if (socket->open)
    sim_complain(world, "OPEN of channel %u, which is open", task->channel);
  if (world->lookup.ended)
    sim_complain(world, "OPEN after the end");
  socket->tcp = task->tcp;
  socket->server = (uint8_t)s;
  socket->payload_len = aiodns_lookup_payload(&world->lookup, task->channel, socket->payload);
  check_query(world, task->channel);
  if (world->failed)
    return;
  note_round(world, socket->candidate, !socket->query.edns);
  struct sim_fact *fact = fact_of(world, task->channel);
  if (fact->start_us < 0)
    fact->start_us = world->now_us;
  fact->opens++;
  if (!task->tcp)
    count_datagram(world, task->channel);
  else
    world->connections++;
  int error = open_error(world, s);
  if (error) {
    sim_trace(world, "  not opened: %s", strerrorname_np(error));
    note_unopened(fact, error);
    aiodns_lookup_not_opened(&world->lookup, task->channel, error, world->now_us);
    return;
  }
  socket->open = true;
  socket->serial = ++world->serial;
  fact->opened++;
  world->sockets_opened++;
  sim_server_asked(world, task->channel, &socket->query);
  if (!task->tcp)
    sim_attack_plan(world, task->channel);
}

/* Whether `again`, of so many octets, is what was sent first, but perhaps for the cookie. */
static bool is_same_query(const struct sim_socket *socket, const uint8_t *again, size_t len)
{
  struct sim_query query;
  size_t shared = len < socket->payload_len ? len - 1 : len; /* all but the length of the options */

  return sim_query_parse(&query, again, len) && memcmp(again, socket->payload, shared) == 0 &&
         (len == socket->payload_len || !query.has_cookie);
}

static void do_send(struct sim_world *world, const struct aiodns_task *task)
{
  struct sim_socket *socket = &world->socket[task->channel];
  uint8_t payload[AIODNS_PAYLOAD_MAX];

  if (!socket->open || socket->tcp) {
    sim_complain(world, "SEND on channel %u, which has no UDP socket", task->channel);
    return;
  }
  size_t len = aiodns_lookup_payload(&world->lookup, task->channel, payload);
  if (!is_same_query(socket, payload, len))
    sim_complain(world, "another payload on the same socket");
  sim_query_parse(&socket->query, payload, len);
  count_datagram(world, task->channel);
  if (rng_chance(&world->net, world->send_failures)) {
    fact_of(world, task->channel)->refusals++;
    aiodns_lookup_refused(&world->lookup, task->channel, world->now_us);
    return;
  }
  sim_server_asked(world, task->channel, &socket->query);
}

static void do_task(struct sim_world *world, const struct aiodns_task *task)
{
  static const char *const verb[] = {"OPEN", "SEND", "CLOSE"};
  struct sim_socket *socket = &world->socket[task->channel];
  unsigned s = 0;

  while (s < world->conf.server_count && task->server != &world->conf.server[s])
    s++;
  if (s != task->channel % AIODNS_QUERY_CHANNELS / 2u || task->tcp != (task->channel % 2 == 1)) {
    sim_complain(world, "a task whose channel and server do not fit");
    return;
  }
  if (task->kind == AIODNS_TASK_CLOSE) {
    if (!socket->open)
      sim_complain(world, "CLOSE of channel %u, which is not open", task->channel);
    socket->open = false;
    world->sockets_closed++;
  } else if (task->kind == AIODNS_TASK_OPEN) {
    unsigned i = world->log_len; /* what opening leads to is logged behind it */
    if (i < SIM_LOG_MAX)
      world->log_len++;
    if (world->trace)
      sim_trace(world, "%s %s%u channel %u", verb[task->kind], task->tcp ? "tcp " : "", s, task->channel);
    do_open(world, task, s);
    if (i < SIM_LOG_MAX)
      world->log[i] = (struct sim_logged){world->now_us,      task->kind,        task->channel,
                                          (uint8_t)s,         task->tcp,         !socket->query.edns,
                                          socket->query.type, socket->candidate, socket->hop};
    if (world->trace)
      sim_trace(world, "  %s %u id %04x%s", socket->query.name, socket->query.type, socket->query.id,
                socket->query.edns ? "" : " plain");
    return;
  }
  sim_trace(world, "%s %s%u channel %u", verb[task->kind], task->tcp ? "tcp " : "", s, task->channel);
  if (world->log_len < SIM_LOG_MAX)
    world->log[world->log_len++] =
        (struct sim_logged){world->now_us,       task->kind,         task->channel,     (uint8_t)s, task->tcp,
                            !socket->query.edns, socket->query.type, socket->candidate, socket->hop};
  if (task->kind == AIODNS_TASK_SEND)
    do_send(world, task);
}

/* One step of the driver; false once too many were taken without the clock's moving. */
static bool step(struct sim_world *world)
{
  if (world->instant_us != world->now_us) {
    world->instant_us = world->now_us;
    world->steps = 0;
  }
  if (++world->steps > SIM_STEPS_MAX)
    sim_complain(world, "no progress: %d steps at one instant", SIM_STEPS_MAX);
  return !world->failed;
}

static void do_tasks(struct sim_world *world)
{
  struct aiodns_task task;
  while (step(world) && aiodns_lookup_task(&world->lookup, &task))
    do_task(world, &task);
}

/* ---- What arrives ---- */

/*
 * Behind SERVFAIL or REFUSED a server may be asked in lower case, and what it answers by UDP is then asked
 * for again by TCP; but the letters can be small by chance, and the answer is believed.  Both are right.
 */
static bool may_be_a_doubt(const struct sim_socket *socket, const struct sim_fact *fact)
{
  return !socket->tcp && socket->query.lower && socket->query.edns && fact->erred >> socket->server & 1;
}

static void note_error(struct sim_fact *fact, unsigned server, unsigned rcode)
{
  if (rcode == AIODNS_RCODE_SERVFAIL || rcode == AIODNS_RCODE_REFUSED)
    fact->erred |= (uint8_t)(1u << server);
}

static void note_message(struct sim_world *world, const struct sim_event *event)
{
  const struct sim_socket *socket = &world->socket[event->channel];
  const struct sim_about *about = &event->about;
  struct sim_fact *fact = fact_of(world, event->channel);
  bool plain = socket->query.lower;
  enum sim_word word = about->word;

  bool cut = !socket->tcp && (about->truncated || event->len > world->room);
  bool probed = cut && world->candidate[world->round_candidate].round == SIM_CONFIRMING;

  if ((about->malformed && !probed) || (!socket->tcp && !about->exact && !plain))
    return;
  fact->matched = true;
  if (cut) {
    bool error = word == SIM_SAYS_ERROR || word == SIM_SAYS_SERVFAIL;
    if (!probed || error || about->rcode != AIODNS_RCODE_NOERROR)
      return;
    fact->perhaps = true; /* enough to know that the name exists, if the question is still right */
    if (about->malformed)
      return;
    word = SIM_SAYS_NO_DATA;
  }
  if (word == SIM_SAYS_DOUBT && plain)
    word = SIM_SAYS_NO_NAME;
  note_error(fact, socket->server, about->rcode);
  bool settles = word == SIM_SAYS_ANSWER || word == SIM_SAYS_NO_NAME || word == SIM_SAYS_NO_DATA ||
                 word == SIM_SAYS_DOUBT || word == SIM_SAYS_BLANK;
  if (may_be_a_doubt(socket, fact)) {
    if (settles && fact->hinted == SIM_SAYS_NOTHING)
      fact->hinted = word;
    settles = false;
  }
  if (word == SIM_SAYS_SERVFAIL)
    fact->servfail = true;
  if (settles && fact->settled == SIM_SAYS_NOTHING) {
    fact->settled = word;
    fact->settled_us = world->now_us;
  }
}

/* An exact copy on the heap, so that a sanitizer sees every octet read beyond the end. */
static void receive(struct sim_world *world, unsigned channel, const uint8_t *data, size_t len)
{
  size_t room = len < world->room || world->socket[channel].tcp ? len : world->room;
  uint8_t *copy = malloc(room > 0 ? room : 1);
  if (!copy)
    abort();
  if (room > 0)
    memcpy(copy, data, room);
  aiodns_lookup_received(&world->lookup, channel, copy, len, world->socket[channel].tcp ? len : world->room,
                         world->now_us);
  free(copy);
  aiodns_lookup_elapsed(&world->lookup, world->now_us);
}

static void receive_forged(struct sim_world *world, unsigned channel)
{
  static struct sim_message m;
  if (!sim_attack_forge(world, channel, &m))
    return;
  if (aiodns_lookup_listens(&world->lookup, channel)) {
    world->forged++;
    struct sim_fact *fact = fact_of(world, channel);
    bool right_id = m.len >= 12 && (m.data[0] << 8 | m.data[1]) == world->socket[channel].query.id;
    unsigned rcode = m.data[3] & 15;
    if (right_id && m.len == 12 && rcode != AIODNS_RCODE_NOERROR && rcode != AIODNS_RCODE_NXDOMAIN) {
      fact->matched = true;
      fact->servfail |= rcode == AIODNS_RCODE_SERVFAIL;
      note_error(fact, world->socket[channel].server, rcode);
    }
  }
  receive(world, channel, m.data, m.len);
}

/* A reply to a socket that is gone goes to nobody, or to the next one at the same port. */
static bool is_late(struct sim_world *world, const struct sim_event *event)
{
  const struct sim_socket *socket = &world->socket[event->channel];
  if (socket->open && socket->serial == event->socket)
    return false;
  return event->kind != SIM_DATAGRAM || !socket->open || !rng_chance(&world->net, world->late_replies) ||
         sim_matches(socket, world->octets + event->data, event->len);
}

static void deliver(struct sim_world *world, const struct sim_event *event)
{
  static const char *const name[] = {"datagram", "octets", "connected", "refused", "forgery"};
  unsigned channel = event->channel;
  bool own = world->socket[channel].serial == event->socket;

  if (is_late(world, event))
    return;
  bool listens = aiodns_lookup_listens(&world->lookup, channel);
  sim_trace(world, "-> channel %u: %s of %u octets, says %d%s%s%s%s", channel, name[event->kind], event->len,
            event->about.word, event->about.truncated ? ", truncated" : "",
            event->about.exact ? ", exact" : "", event->about.malformed ? ", malformed" : "",
            listens ? "" : ", not listened to");
  world->delivered++;
  switch (event->kind) {
  case SIM_DATAGRAM:
  case SIM_OCTETS_COME:
    if (listens && own && (event->about.word != SIM_SAYS_NOTHING || event->about.malformed))
      note_message(world, event);
    receive(world, channel, world->octets + event->data, event->len);
    break;
  case SIM_CONNECTED:
    aiodns_lookup_connected(&world->lookup, channel);
    break;
  case SIM_REFUSED:
    if (listens)
      fact_of(world, channel)->refusals++;
    aiodns_lookup_refused(&world->lookup, channel, world->now_us);
    break;
  case SIM_FORGED:
    receive_forged(world, channel);
    break;
  }
}

/* ---- The run ---- */

static void look_up(struct sim_world *world)
{
  struct aiodns_sources sources = {.random = random_octets, .search_more = search_more, .source = world};
  struct aiodns_name name;

  if (!aiodns_name_from_text(&name, world->given)) {
    sim_complain(world, "the name %s is none", world->given);
    return;
  }
  if (world->ptr)
    aiodns_lookup_init_ptr(&world->lookup, &world->conf, &sources, &name, world->answer);
  else
    aiodns_lookup_init(&world->lookup, &world->conf, &sources, world->family, world->given, &name,
                       world->as_is, world->answer);
  aiodns_lookup_start(&world->lookup, world->now_us);
}

/* Moves the clock to what comes next, and does that. */
static void advance(struct sim_world *world)
{
  int64_t due_us = aiodns_lookup_due(&world->lookup);
  int64_t late_us = world->late_us > 0 ? (int64_t)rng_below(&world->net, (uint32_t)world->late_us) : 0;

  if (due_us <= world->now_us) {
    sim_complain(world, "due at %lld, which is past", (long long)(due_us - world->start_us));
    return;
  }
  if (world->abandon_us >= 0 && world->now_us - world->start_us >= world->abandon_us) {
    world->abandoned = true;
    aiodns_lookup_abandon(&world->lookup, ENOMEM);
  } else if (world->event_count > 0 && world->event[0].at_us <= due_us + late_us) {
    struct sim_event event = sim_pop(world);
    if (event.at_us > world->now_us)
      world->now_us = event.at_us;
    deliver(world, &event);
    while (!world->failed && world->event_count > 0 && world->event[0].at_us <= world->now_us &&
           rng_chance(&world->net, 300)) { /* several sockets at once are ready */
      event = sim_pop(world);
      deliver(world, &event);
    }
    if (aiodns_lookup_due(&world->lookup) <= world->now_us) /* it was for nobody */
      aiodns_lookup_elapsed(&world->lookup, world->now_us);
  } else if (due_us == INT64_MAX) {
    sim_complain(world, "waits for ever");
  } else {
    world->now_us = due_us + late_us;
    aiodns_lookup_elapsed(&world->lookup, world->now_us);
  }
}

void sim_world_run(struct sim_world *world)
{
  look_up(world);
  if (world->failed)
    return;
  do_tasks(world);
  while (!world->failed && !world->lookup.ended) {
    advance(world);
    do_tasks(world);
  }
  do_tasks(world);
  world->end_us = world->now_us;
  sim_trace(world, "ended: outcome %d", world->lookup.outcome);
  if (world->failed)
    return;
  for (unsigned c = 0; c < AIODNS_LOOKUP_CHANNELS; c++)
    if (world->socket[c].open)
      sim_complain(world, "channel %u is open after the end", c);
  if (world->sockets_opened != world->sockets_closed)
    sim_complain(world, "%u sockets opened, %u closed", world->sockets_opened, world->sockets_closed);
  sim_judge(world);
}

void sim_world_forget(struct sim_world *world)
{
  aiodns_lookup_done(&world->lookup);
  for (unsigned i = 0; i < AIODNS_LOOKUP_QUERIES; i++)
    aiodns_answer_done(&world->answer[i]);
}
