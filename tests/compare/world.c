#include "world.h"

#include "rng.h"

#include <stdarg.h>
#include <string.h>

enum {
  CHAIN_MAX = 20, /* records in one message; more than either service follows */
  UDP_PLAIN_MAX = 512,
  UDP_EDNS_MAX = 1200, /* what glibc says it takes; ours says a little more */
};

enum kind { MISSING, EMPTY, DATA, ALIAS, LOOP, BROKEN };

/* What a view has at a name. */
struct truth {
  enum kind kind;
  unsigned addresses[2], pointers;
  bool onward; /* ALIAS: the target is for the client to ask for */
  bool soa, soa_elsewhere;
  uint16_t odd_type; /* this type gets `odd_rcode`, or nothing */
  uint8_t odd_rcode;
  bool odd_silence;
  bool denied;    /* NXDOMAIN beside data */
  unsigned stray; /* STRAYS: none */
  uint32_t ttl;
  char target[NS_MAXDNAME];
  struct rng rng; /* for addresses */
};

enum stray {
  STRAY_ADDRESS_FIRST,
  STRAY_ADDRESS_LAST,
  STRAY_TEXT,
  STRAY_FAMILY,
  STRAY_CLASS,
  STRAY_CNAME_FIRST,
  STRAY_CNAME_LAST,
  STRAY_SECOND_FIRST, /* CNAME of a name that has something else */
  STRAY_SECOND_LAST,
  STRAY_TWICE,
  STRAY_SHORT_DATA,
  STRAYS,
};

/* ---- What there is ---- */

static uint64_t hash(uint64_t seed, const char *name)
{
  uint64_t value = 0xcbf29ce484222325u ^ seed;
  for (; *name; name++)
    value = (value ^ (uint8_t)*name) * 0x100000001b3u;
  return value;
}

static void make_target(struct truth *truth, const char *name)
{
  struct rng *rng = &truth->rng;
  unsigned which = rng_below(rng, 12);
  char *target = truth->target;

  switch (rng_below(rng, 12)) {
  case 0: /* no host names, but names */
    snprintf(target, NS_MAXDNAME, "ba*d%u.test", which);
    return;
  case 1:
    snprintf(target, NS_MAXDNAME, "-dash%u.example", which);
    return;
  case 2:
    snprintf(target, NS_MAXDNAME, "under_score%u.test", which);
    return;
  case 3:
  case 4:
    if (strlen(name) < 100 && strcmp(name, ".") != 0) {
      snprintf(target, NS_MAXDNAME, "www%u.%s", which, name);
      return;
    }
    break;
  case 5:
    snprintf(target, NS_MAXDNAME, "Target%u.Mixed.Example", which);
    return;
  default:
    break;
  }
  snprintf(target, NS_MAXDNAME, "target%u.example", which);
}

static void look_up(const struct world *world, unsigned view, const char *name, struct truth *ret)
{
  struct rng *rng = &ret->rng;
  *rng = (struct rng){hash(world->seed + view, name)};
  unsigned roll = rng_below(rng, 1000);

  ret->kind = roll < world->missing                           ? MISSING
              : roll < world->missing + 80u                   ? EMPTY
              : roll < world->missing + 90u                   ? LOOP
              : roll < world->missing + 110u                  ? BROKEN
              : roll < world->missing + 110u + world->aliased ? ALIAS
                                                              : DATA;
  bool many = rng_chance(rng, 60);
  for (unsigned i = 0; i < 2; i++) {
    ret->addresses[i] = rng_chance(rng, 250) ? 0 : 1 + rng_below(rng, many ? 45 : 4);
    if (rng_chance(rng, 10))
      ret->addresses[i] = 75;
  }
  ret->pointers = rng_chance(rng, 800) ? 1 : rng_below(rng, 4);
  ret->onward = rng_chance(rng, 200);
  ret->soa = world->soa ? rng_chance(rng, 950) : rng_chance(rng, 300);
  ret->soa_elsewhere = rng_chance(rng, 20);
  ret->odd_type = 0;
  if (rng_chance(rng, world->odd_types)) {
    static const uint8_t rcode[] = {RCODE_NXDOMAIN, RCODE_SERVFAIL, RCODE_NOTIMP, RCODE_REFUSED,
                                    RCODE_FORMERR};
    ret->odd_type = rng_below(rng, 3) ? ns_t_aaaa : ns_t_a;
    ret->odd_rcode = rcode[rng_below(rng, sizeof rcode)];
  }
  ret->odd_silence = rng_chance(rng, 20);
  ret->stray = rng_chance(rng, world->strays) ? rng_below(rng, STRAYS) : STRAYS;
  ret->denied = rng_chance(rng, world->strays / 20);
  static const uint32_t ttl[] = {0, 1, 300, 86400, 0x7fffffff, 0x80000000, 0xffffffff};
  ret->ttl = ttl[rng_below(rng, 7)];
  make_target(ret, name);
}

/* ---- Messages ---- */

static const char *keep(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *keep(struct reply *reply, const char *format, ...)
{
  char *at = reply->pool + reply->pool_len;
  size_t room = sizeof reply->pool - reply->pool_len;
  va_list arguments;

  va_start(arguments, format);
  int len = vsnprintf(at, room, format, arguments);
  va_end(arguments);
  if (len < 0 || (size_t)len >= room)
    return "full.test";
  reply->pool_len += (size_t)len + 1;
  return at;
}

static struct record *add(struct reply *reply, const char *owner, unsigned type, uint32_t ttl)
{
  struct record *record = &reply->record[reply->count];
  if (reply->count < RECORDS_MAX - 1)
    reply->count++;
  *record = (struct record){.owner = owner, .type = (uint16_t)type, .class = CLASS_IN, .ttl = ttl};
  return record;
}

static void put_address(struct record *record, unsigned value)
{
  static const uint8_t prefix[2][8] = {{198, 18}, {0x20, 0x01, 0x0d, 0xb8}};
  unsigned which = record->type == ns_t_aaaa;

  record->data_len = which ? 16 : 4;
  memcpy(record->data, prefix[which], which ? 8 : 2);
  record->data[record->data_len - 2] = (uint8_t)(value >> 8);
  record->data[record->data_len - 1] = (uint8_t)value;
}

static void add_data(struct reply *reply, const char *owner, unsigned type, struct truth *truth)
{
  struct rng *rng = &truth->rng;
  static const char *const host[] = {"host%u.example", "Host%u.Example", "no*host%u.example",
                                     "h_%u.test",      "host%u.example", "sp\\032ace%u.test"};

  if (type == ns_t_a || type == ns_t_aaaa)
    for (unsigned i = 0; i < truth->addresses[type == ns_t_aaaa]; i++)
      put_address(add(reply, owner, type, truth->ttl), rng_below(rng, 65536));
  if (type == ns_t_ptr)
    for (unsigned i = 0; i < truth->pointers; i++) {
      char text[64];
      unsigned form = rng_below(rng, 12);
      snprintf(text, sizeof text, "host%u.example", rng_below(rng, 1000));
      if (form < 6) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, host[form], rng_below(rng, 1000));
#pragma GCC diagnostic pop
      }
      add(reply, owner, type, truth->ttl)->target = keep(reply, "%s", text);
    }
}

/* Where the negative answer for `name` says it comes from. */
static const char *soa_owner(struct reply *reply, const char *name, const struct truth *truth)
{
  const char *dot = strchr(name, '.');
  if (!truth->soa)
    return NULL;
  if (truth->soa_elsewhere)
    return "elsewhere.test";
  return dot && dot[1] && !strchr(name, '\\') ? keep(reply, "%s", dot + 1) : ".";
}

static void add_chain(const struct world *world, unsigned view, const char *question, uint16_t type,
                      struct reply *reply)
{
  char name[NS_MAXDNAME];
  const char *owner = NULL;
  struct truth truth;

  lower_text(name, question);
  for (unsigned hop = 0; hop < CHAIN_MAX; hop++) {
    look_up(world, view, name, &truth);
    if (truth.kind == BROKEN || (hop == 0 && truth.odd_type == type)) {
      reply->rcode = truth.kind == BROKEN ? RCODE_SERVFAIL : truth.odd_rcode;
      reply->silent = truth.kind != BROKEN && truth.odd_silence;
      reply->count = 0;
      return;
    }
    if (truth.kind == MISSING)
      reply->rcode = RCODE_NXDOMAIN;
    if (truth.kind == DATA && truth.denied)
      reply->rcode = RCODE_NXDOMAIN;
    if (truth.kind == DATA)
      add_data(reply, owner, type, &truth);
    if (truth.kind != ALIAS && truth.kind != LOOP)
      break;
    const char *target = truth.kind == LOOP ? keep(reply, "%s", name) : keep(reply, "%s", truth.target);
    add(reply, owner, ns_t_cname, truth.ttl)->target = target;
    if (truth.kind == LOOP || truth.onward)
      return;
    owner = target;
    lower_text(name, target);
  }
  bool empty = reply->count == 0 || reply->record[reply->count - 1].type == ns_t_cname;
  if (empty)
    reply->soa = soa_owner(reply, name, &truth);
}

/* What makes it a stray; true: it comes first. */
static bool make_stray(struct record *record, enum stray stray, const struct reply *reply)
{
  switch (stray) {
  case STRAY_ADDRESS_FIRST:
  case STRAY_ADDRESS_LAST:
    record->owner = "stray.test";
    put_address(record, 0xffff);
    return stray == STRAY_ADDRESS_FIRST;
  case STRAY_TEXT:
    record->type = ns_t_txt;
    record->data_len = 2;
    record->data[0] = 1;
    return true;
  case STRAY_FAMILY:
    record->type = record->type == ns_t_a ? ns_t_aaaa : ns_t_a;
    put_address(record, 0xffff);
    return false;
  case STRAY_CLASS:
    put_address(record, 0xffff);
    record->class = CLASS_CH;
    return false;
  case STRAY_CNAME_FIRST:
  case STRAY_CNAME_LAST:
    record->owner = "stray.test";
    record->type = ns_t_cname;
    record->target = "astray.test";
    return stray == STRAY_CNAME_FIRST;
  case STRAY_SECOND_FIRST:
  case STRAY_SECOND_LAST:
    record->type = ns_t_cname;
    record->target = "second.test";
    return stray == STRAY_SECOND_FIRST;
  case STRAY_TWICE:
    *record = reply->record[0];
    return false;
  case STRAY_SHORT_DATA:
    put_address(record, 0xffff);
    record->data_len--;
    return true;
  case STRAYS:
    break;
  }
  return false;
}

/* A record that has no business in the answer section. */
static void add_stray(struct reply *reply, uint16_t type, const struct truth *truth)
{
  if (truth->stray == STRAYS || (reply->rcode != RCODE_NOERROR && reply->rcode != RCODE_NXDOMAIN))
    return;
  if (reply->count == 0 && truth->stray != STRAY_TEXT && truth->stray != STRAY_ADDRESS_LAST)
    return;
  struct record *record = add(reply, NULL, type == ns_t_ptr ? ns_t_a : type, 60);
  if (!make_stray(record, (enum stray)truth->stray, reply))
    return;
  struct record copy = *record;
  memmove(reply->record + 1, reply->record, (reply->count - 1) * sizeof *reply->record);
  reply->record[0] = copy;
}

/* At the most: a server that compresses needs less. */
static size_t size_of(const struct reply *reply, const char *question)
{
  size_t size =
      12 + strlen(question) + 6 + (reply->soa ? strlen(reply->soa) + 60 : 0) + (reply->opt ? 11 : 0);
  for (unsigned i = 0; i < reply->count; i++) {
    const struct record *record = &reply->record[i];
    size += 10 + strlen(record->owner ? record->owner : question) + 2 +
            (record->target ? strlen(record->target) + 2 : record->data_len);
  }
  return size;
}

static void backwards(struct reply *reply)
{
  for (unsigned i = 0; i < reply->count / 2; i++) {
    struct record record = reply->record[i];
    reply->record[i] = reply->record[reply->count - 1 - i];
    reply->record[reply->count - 1 - i] = record;
  }
}

/* False: the server does as it should for this question. */
static bool is_faulty(const struct dns_server *server, const struct question *question, struct rng *rng,
                      struct reply *ret)
{
  /* Of few letters all may be small by chance. */
  if (server->letters == LETTERS_SENSITIVE && has_capitals(question->name) && strlen(question->name) > 12) {
    ret->rcode = RCODE_NXDOMAIN;
    return true;
  }
  if (!rng_chance(rng, server->fault_share))
    return false;
  switch (server->fault) {
  case FAULT_NONE:
    return false;
  case FAULT_NO_EDNS:
    if (!question->edns)
      return false;
    ret->opt = false;
    /* fall through */
  case FAULT_ERROR:
    ret->rcode = server->rcode;
    ret->bare = server->bare;
    return true;
  case FAULT_LAME:
    ret->authoritative = ret->recursive = ret->opt = false;
    return true;
  case FAULT_SILENT:
    ret->silent = true;
    return true;
  }
  return false;
}

void world_reply(const struct world *world, unsigned s, const struct question *question, struct reply *ret)
{
  const struct dns_server *server = &world->server[s];
  char lower[NS_MAXDNAME];
  struct truth truth;

  lower_text(lower, question->name);
  struct rng rng = {hash(world->seed ^ (uint64_t)(server->view + 77) << 20, lower)};
  ret->silent = ret->truncated = ret->bare = false;
  ret->soa = NULL;
  ret->rcode = ret->junk = 0;
  ret->count = 0;
  ret->pool_len = 0;
  ret->authoritative = server->authoritative;
  ret->recursive = server->recursive;
  ret->opt = server->opt && question->edns;
  ret->lower = server->letters == LETTERS_LOWER;
  ret->compresses = server->compresses;
  ret->shouts = server->shouts;
  struct rng junk = rng_split(&rng); /* TCP has none: the rest must not depend on it */
  if (rng_chance(&junk, server->junk_share) && !question->tcp)
    ret->junk =
        world->options.no_aaaa || rng_chance(&junk, 850) ? (uint8_t)(1 + rng_below(&junk, 3)) : JUNK_SHORT;
  if (is_faulty(server, question, &rng, ret))
    return;
  add_chain(world, server->view, question->name, question->type, ret);
  if (ret->silent)
    return;
  if (world->backwards)
    backwards(ret);
  look_up(world, server->view, lower, &truth);
  add_stray(ret, question->type, &truth);
  size_t most = question->edns || server->oversize ? UDP_EDNS_MAX : UDP_PLAIN_MAX;
  if (!question->tcp && (server->truncates || size_of(ret, question->name) > most)) {
    ret->truncated = true;
    ret->count = ret->count > 8 ? 8 : ret->count / 2;
    ret->soa = NULL;
  }
}

void record_target(const struct reply *reply, const struct record *record, const char *echoed,
                   char buf[NS_MAXDNAME])
{
  size_t len = strlen(record->target), echoed_len = strlen(echoed);

  snprintf(buf, NS_MAXDNAME, "%s", record->target);
  if (reply->compresses && len > echoed_len && within_text(record->target, echoed) &&
      strcmp(echoed, ".") != 0)
    strcpy(buf + len - echoed_len, echoed);
}
