#include "message.h"
#include "world.h"

#include <string.h>

enum { UDP_WITHOUT_EDNS = 512, LOST_SEGMENT_US = 1000000 };

static int64_t one_way(struct rng *rng, const struct sim_path *path)
{
  return path->delay_us + (path->spread_us ? (int64_t)rng_below(rng, (uint32_t)path->spread_us) : 0);
}

static const struct sim_path *path_of(const struct sim_server *server, uint16_t type)
{
  return &server->path[type == AIODNS_TYPE_AAAA];
}

/* ---- What it says ---- */

static void put_soa(struct sim_message *m)
{
  uint8_t rdata[22] = {0, 0}; /* MNAME and RNAME: the root */
  rdata[21] = 60;             /* MINIMUM */
  sim_message_record(m, 2, 0, AIODNS_TYPE_SOA, 900, rdata, sizeof rdata);
}

/* CNAMEs from `hop` on, at most server->step of them; returns the hop reached and the place of its name. */
static unsigned put_chain(struct sim_message *m, const struct sim_server *server,
                          const struct sim_candidate *c, unsigned hop, size_t *name_at)
{
  unsigned last = c->kind == SIM_LOOP ? c->hops + 1u : c->hops;
  char text[SIM_TEXT_MAX + 200];

  for (unsigned k = 0; k < server->step && hop < last; k++, hop++) {
    sim_message_record(m, 1, *name_at, AIODNS_TYPE_CNAME, c->ttl_s[hop], NULL, 0);
    size_t rdata_at = m->len;
    if (hop + 1 > c->hops) {
      sim_message_name(m, c->text);
    } else if (c->nested) {
      int len = snprintf(text, sizeof text, "Hop-%u", hop + 1);
      uint8_t label = (uint8_t)len;
      sim_message_put(m, &label, 1);
      sim_message_put(m, (const uint8_t *)text, label);
      const uint8_t pointer[2] = {(uint8_t)(0xc0 | *name_at >> 8), (uint8_t)*name_at};
      sim_message_put(m, pointer, 2);
    } else {
      sim_hop_text(c, hop + 1, text);
      sim_message_name(m, text);
    }
    sim_message_close(m, rdata_at);
    *name_at = rdata_at;
  }
  return hop;
}

static void put_data(struct sim_message *m, const struct sim_candidate *c, uint16_t type, size_t name_at)
{
  char text[SIM_TEXT_MAX];
  uint8_t address[16];

  for (unsigned i = 0; i < sim_count(c, type); i++) {
    if (type == AIODNS_TYPE_PTR) {
      sim_message_record(m, 1, name_at, type, c->ttl_s[c->hops], NULL, 0);
      size_t rdata_at = m->len;
      sim_ptr_text(c, i, text);
      sim_message_name(m, text);
      sim_message_close(m, rdata_at);
    } else {
      unsigned len = sim_address(c, type, i, address);
      sim_message_record(m, 1, name_at, type, c->ttl_s[c->hops], address, len);
    }
  }
}

/* The answer, authority and RCODE of a truthful server. */
static enum sim_word put_truth(struct sim_message *m, const struct sim_server *server,
                               const struct sim_candidate *c, uint16_t type, unsigned hop)
{
  size_t name_at = SIM_QUESTION_AT;
  unsigned from = hop;

  if (c->kind == SIM_BROKEN) {
    m->data[3] |= AIODNS_RCODE_SERVFAIL;
    return SIM_SAYS_SERVFAIL;
  }
  hop = put_chain(m, server, c, hop, &name_at);
  if (c->kind == SIM_LOOP || hop < c->hops)
    return SIM_SAYS_ALIAS;
  if (sim_count(c, type) > 0) {
    put_data(m, c, type, name_at);
    return SIM_SAYS_ANSWER;
  }
  if (server->soa)
    put_soa(m);
  if (c->kind == SIM_NXDOMAIN) {
    m->data[3] |= AIODNS_RCODE_NXDOMAIN;
    return server->soa || hop > from ? SIM_SAYS_NO_NAME : SIM_SAYS_DOUBT;
  }
  return server->soa || hop == from ? SIM_SAYS_NO_DATA : SIM_SAYS_ALIAS;
}

/* Nothing a client may believe, each in another way. */
static void spoil(struct sim_message *m, unsigned how)
{
  bool answers = m->data[7] > 0;
  bool cname = answers && m->data[m->answers_at + 3] == AIODNS_TYPE_CNAME;
  switch (answers ? how % 8 : how % 4) {
  case 0: /* more answers than there are records */
    sim_message_count(m, 1, 9);
    break;
  case 1: /* not a reply */
    m->data[2] &= 0x7f;
    break;
  case 2: /* another OPCODE */
    m->data[2] |= 0x10;
    break;
  case 3: /* two questions */
    sim_message_count(m, 0, 1);
    break;
  case 4: /* cut off in the first record */
    m->len = m->answers_at + 11;
    break;
  case 5: /* an owner that points to itself */
    m->data[m->answers_at] = (uint8_t)(0xc0 | m->answers_at >> 8);
    m->data[m->answers_at + 1] = (uint8_t)m->answers_at;
    break;
  default: /* one octet too few of a name; an address would merely be passed over */
    if (!cname) {
      m->data[m->answers_at + 10] = 0xff; /* RDLENGTH beyond the end */
      break;
    }
    sim_message_count(m, 1, 1 - m->data[7]);
    m->len = m->answers_at + 12 + m->data[m->answers_at + 11] - 1u;
    m->data[m->answers_at + 11]--;
    for (unsigned i = 8; i < 12; i++)
      m->data[i] = 0;
    break;
  }
}

void sim_server_unasked(struct sim_message *m, const struct sim_query *query, unsigned flags)
{
  static const uint8_t address4[] = {0, AIODNS_TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 66};
  static const uint8_t address6[] = {0,    AIODNS_TYPE_AAAA,
                                     0,    1,
                                     0,    0,
                                     0,    60,
                                     0,    16,
                                     0x20, 0x01,
                                     0x0d, 0xb8,
                                     0x0b, 0xad,
                                     0,    0,
                                     0,    0,
                                     0,    0,
                                     0,    0,
                                     0,    66};
  static const uint8_t name[] = {0, AIODNS_TYPE_PTR, 0, 1, 0, 0, 0, 60, 0, 6, 4, 'e', 'v', 'i', 'l', 0};

  sim_message_start(m, query->id, flags, NULL, 0);
  sim_message_name(m, query->name);
  if (query->type == AIODNS_TYPE_A)
    sim_message_put(m, address4, sizeof address4);
  else if (query->type == AIODNS_TYPE_AAAA)
    sim_message_put(m, address6, sizeof address6);
  else
    sim_message_put(m, name, sizeof name);
  sim_message_count(m, 1, 1);
}

bool sim_server_reads(const struct sim_server *server, const struct sim_query *query,
                      const struct sim_candidate *c, unsigned hop)
{
  char text[SIM_TEXT_MAX + 200];

  if (server->letters != SIM_SENSITIVE || query->lower)
    return true;
  sim_hop_text(c, hop, text);
  return strcmp(query->name, text) == 0; /* by chance, but for Docker's */
}

static enum sim_word put_misread(struct sim_message *m, enum sim_misread misread)
{
  switch (misread) {
  case SIM_MISREAD_SERVFAIL:
    m->data[3] |= AIODNS_RCODE_SERVFAIL;
    return SIM_SAYS_SERVFAIL;
  case SIM_MISREAD_REFUSED:
    m->data[3] |= AIODNS_RCODE_REFUSED;
    return SIM_SAYS_ERROR;
  case SIM_MISREAD_FORMERR:
    m->data[3] |= AIODNS_RCODE_FORMERR;
    return SIM_SAYS_ERROR;
  case SIM_MISREAD_NO_DATA:
    return SIM_SAYS_BLANK;
  case SIM_MISREAD_NXDOMAIN_SOA:
    put_soa(m);
    break;
  default:
    break;
  }
  m->data[3] |= AIODNS_RCODE_NXDOMAIN;
  return SIM_SAYS_DOUBT;
}

/* RFC 6891 section 6.1.3: the lower four bits are in the header. */
static void put_edns_error(struct sim_message *m, const struct sim_query *query, enum sim_edns edns,
                           unsigned flags)
{
  bool bare = edns == SIM_EDNS_FORMERR_BARE || edns == SIM_EDNS_NOTIMP_BARE || edns == SIM_EDNS_BADVERS_BARE;
  bool version = edns == SIM_EDNS_BADVERS || edns == SIM_EDNS_BADVERS_BARE;
  bool unknown = edns == SIM_EDNS_NOTIMP || edns == SIM_EDNS_NOTIMP_BARE;

  if (!version)
    flags |= unknown ? AIODNS_RCODE_NOTIMP : AIODNS_RCODE_FORMERR;
  sim_message_start(m, query->id, flags, query->question, bare ? 0 : query->question_len);
  if (version)
    sim_message_record(m, 3, 0, AIODNS_TYPE_OPT, 1u << 24, NULL, 0);
}

static void lower_question(struct sim_message *m)
{
  for (size_t i = SIM_QUESTION_AT; i + 4 < m->answers_at; i++)
    if (m->data[i] >= 'A' && m->data[i] <= 'Z')
      m->data[i] |= 0x20;
}

struct sim_about sim_server_reply(const struct sim_world *world, unsigned s, const struct sim_query *query,
                                  bool tcp, struct sim_message *ret)
{
  const struct sim_server *server = &world->server[s];
  const struct sim_path *path = path_of(server, query->type);
  struct sim_about about = {.word = SIM_SAYS_ERROR, .exact = query->lower || server->letters != SIM_LOWERS};
  unsigned flags = SIM_FLAG_QR | 0x0100 | (server->authoritative ? SIM_FLAG_AA : SIM_FLAG_RA);
  unsigned index = 0, hop = 0;
  bool known = sim_find(world->candidate, world->candidate_count, query->name, &index, &hop);
  bool bare = path->fate == SIM_ERROR && path->bare;

  about.candidate = (uint8_t)index;
  if (path->fate == SIM_UNASKED || (query->edns && server->edns == SIM_EDNS_BADVERS_BARE)) {
    if (path->fate == SIM_UNASKED)
      sim_server_unasked(ret, query, flags);
    else
      put_edns_error(ret, query, server->edns, flags);
    about.word = SIM_SAYS_NOTHING;
    about.malformed = true;
    return about;
  }
  if (query->edns && server->edns >= SIM_EDNS_FORMERR && path->fate != SIM_LAME) {
    put_edns_error(ret, query, server->edns, flags);
    bare = ret->len == SIM_QUESTION_AT;
  } else if (path->fate == SIM_ERROR) {
    sim_message_start(ret, query->id, flags | path->rcode, query->question, bare ? 0 : query->question_len);
    about.word = path->rcode == AIODNS_RCODE_SERVFAIL ? SIM_SAYS_SERVFAIL : SIM_SAYS_ERROR;
  } else if (path->fate == SIM_LAME || !known) {
    static const uint8_t ns[] = {1, 'a', 0};
    bare = false;
    sim_message_start(ret, query->id, SIM_FLAG_QR | 0x0100, query->question, query->question_len);
    sim_message_record(ret, 2, 0, 2, 3600, ns, sizeof ns);
  } else {
    bare = false;
    sim_message_start(ret, query->id, flags, query->question, query->question_len);
    const struct sim_candidate *c = &world->candidate[index];
    about.word = sim_server_reads(server, query, c, hop) ? put_truth(ret, server, c, query->type, hop)
                                                         : put_misread(ret, server->misread);
  }
  about.rcode = ret->data[3] & 15;
  if (bare)
    about.exact = true;
  if (server->letters == SIM_LOWERS && !bare)
    lower_question(ret);
  if (path->fate == SIM_MALFORMED && about.word != SIM_SAYS_ERROR && about.word != SIM_SAYS_SERVFAIL) {
    spoil(ret, (unsigned)(query->id));
    about.word = SIM_SAYS_NOTHING;
    about.malformed = true;
  }
  size_t limit = query->edns ? AIODNS_UDP_MAX : UDP_WITHOUT_EDNS;
  if (query->has_cookie && server->cookies && !bare && !about.malformed)
    sim_message_cookie(ret, query);
  if (!tcp && !bare && (server->truncates || (ret->len > limit && !server->oversize))) {
    /* What stands in it is a part of the truth, and not to be taken for all of it. */
    ret->data[2] |= SIM_FLAG_TC >> 8;
    if (query->id % 2 || path->fate == SIM_MALFORMED || ret->len > limit) {
      ret->len = ret->answers_at;
      memset(ret->data + 6, 0, 6);
    }
    about.truncated = true;
  }
  return about;
}

/* ---- How it gets there ---- */

/* Queries that get no reply at all. */
static bool drops(const struct sim_world *world, const struct sim_server *server,
                  const struct sim_query *query)
{
  unsigned index, hop;

  if (path_of(server, query->type)->fate == SIM_SILENT || (query->has_cookie && server->drops_cookies))
    return true;
  return server->misread == SIM_MISREAD_SILENT &&
         sim_find(world->candidate, world->candidate_count, query->name, &index, &hop) &&
         !sim_server_reads(server, query, &world->candidate[index], hop);
}

static void reply_udp(struct sim_world *world, unsigned channel, const struct sim_query *query)
{
  static struct sim_message m;
  struct rng *rng = &world->net;
  unsigned s = world->socket[channel].server;
  const struct sim_server *server = &world->server[s];
  const struct sim_path *path = path_of(server, query->type);
  int64_t there_us = world->now_us + one_way(rng, path);

  if (rng_chance(rng, path->loss_to) || drops(world, server, query))
    return;
  if (path->fate == SIM_UNREACHABLE) {
    if (!rng_chance(rng, path->loss_from))
      sim_push(world, there_us + one_way(rng, path), SIM_REFUSED, channel, NULL, 0, (struct sim_about){0});
    return;
  }
  if (server->udp_silent || (query->edns && server->edns == SIM_EDNS_DROPPED))
    return;
  struct sim_about about = sim_server_reply(world, s, query, false, &m);
  unsigned copies = rng_chance(rng, path->duplicates) ? 1 + rng_below(rng, 3) : 1;
  for (unsigned i = 0; i < copies; i++)
    if (!rng_chance(rng, path->loss_from))
      sim_push(world, there_us + one_way(rng, path), SIM_DATAGRAM, channel, m.data, m.len, about);
}

/* A lost segment is sent again: it comes late. */
static int64_t tcp_way(struct rng *rng, const struct sim_path *path)
{
  int64_t way_us = one_way(rng, path);
  for (unsigned i = 0; i < 3 && rng_chance(rng, path->loss_to); i++)
    way_us += LOST_SEGMENT_US << i;
  return way_us;
}

/* The message, or the part of it that arrives, in the pieces in which it arrives.  Returns when the last
 * came. */
static int64_t push_pieces(struct sim_world *world, unsigned channel, const uint8_t *data, size_t len,
                           int64_t at_us, enum sim_segments how, struct sim_about about)
{
  size_t first = how == SIM_LENGTH_IN_TWO || how == SIM_OCTETS ? 1 : len;
  size_t rest = how == SIM_OCTETS ? 1 : len;

  for (size_t at = 0, piece = first; at < len; at += piece, piece = rest) {
    if (piece > len - at)
      piece = len - at;
    bool last = at + piece == len;
    struct sim_about nothing = {0};
    sim_push(world, at_us, SIM_OCTETS_COME, channel, data + at, piece, last ? about : nothing);
    if (!last)
      at_us += how == SIM_OCTETS ? 2 : 1000;
  }
  return at_us;
}

static void reply_tcp(struct sim_world *world, unsigned channel, const struct sim_query *query)
{
  static struct sim_message m;
  static uint8_t stream[2 + SIM_MESSAGE_MAX + 2 + 12];
  struct rng *rng = &world->net;
  unsigned s = world->socket[channel].server;
  const struct sim_server *server = &world->server[s];
  const struct sim_path *path = path_of(server, query->type);
  struct sim_about nothing = {0};
  size_t len = 0;

  if (path->fate == SIM_SILENT || server->tcp == SIM_TCP_SILENT) /* no connection */
    return;
  int64_t at_us = world->now_us + tcp_way(rng, path) + tcp_way(rng, path);
  if (path->fate == SIM_UNREACHABLE || server->tcp == SIM_TCP_REFUSED) {
    sim_push(world, at_us, SIM_REFUSED, channel, NULL, 0, nothing);
    return;
  }
  sim_push(world, at_us, SIM_CONNECTED, channel, NULL, 0, nothing);
  at_us += tcp_way(rng, path) + tcp_way(rng, path);
  if (drops(world, server, query))
    return;
  if (server->tcp == SIM_TCP_CLOSES || (query->edns && server->edns == SIM_EDNS_DROPPED)) {
    sim_push(world, at_us, SIM_REFUSED, channel, NULL, 0, nothing);
    return;
  }
  struct sim_about about = sim_server_reply(world, s, query, true, &m);
  if (server->segments == SIM_TWO_IN_ONE) { /* a reply to somebody else */
    const uint8_t stranger[2 + 12] = {0, 12, m.data[0], (uint8_t)(m.data[1] ^ 1), 0x80, 0};
    memcpy(stream, stranger, sizeof stranger);
    len = sizeof stranger;
  }
  stream[len++] = (uint8_t)(m.len >> 8);
  stream[len++] = (uint8_t)m.len;
  memcpy(stream + len, m.data, m.len);
  len += m.len;
  if (server->tcp == SIM_TCP_CLOSES_MIDWAY) {
    at_us = push_pieces(world, channel, stream, 1 + rng_below(rng, (uint32_t)len - 1), at_us,
                        server->segments, nothing);
    sim_push(world, at_us + 1, SIM_REFUSED, channel, NULL, 0, nothing);
    return;
  }
  if (server->tcp == SIM_TCP_STALLS || server->tcp == SIM_TCP_PAUSES) {
    size_t part = rng_below(rng, (uint32_t)len);
    at_us = push_pieces(world, channel, stream, part, at_us, server->segments, nothing);
    if (server->tcp == SIM_TCP_STALLS)
      return;
    at_us += server->pause_us;
    memmove(stream, stream + part, len - part);
    len -= part;
  }
  at_us = push_pieces(world, channel, stream, len, at_us, server->segments, about);
  if (query->id % 4 == 0)
    sim_push(world, at_us + (query->id % 8 == 0), SIM_REFUSED, channel, NULL, 0, nothing);
}

void sim_server_asked(struct sim_world *world, unsigned channel, const struct sim_query *query)
{
  const struct sim_socket *socket = &world->socket[channel];
  const struct sim_server *server = &world->server[socket->server];

  if (world->on_query && world->on_query(world, channel, query))
    return;
  if (socket->tcp) {
    reply_tcp(world, channel, query);
    return;
  }
  reply_udp(world, channel, query);
  if (!server->loopback && rng_chance(&world->net, server->stray_icmp))
    sim_push(world, world->now_us + (int64_t)rng_below(&world->net, (uint32_t)server->stray_icmp_us + 1),
             SIM_REFUSED, channel, NULL, 0, (struct sim_about){0});
}
