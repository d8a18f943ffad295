/* Worlds at random. One in three is calm: there the oracle allows the truth only. */
#include "world.h"

#include <errno.h>
#include <string.h>

enum mood { CALM, ONE_FAULT, ROUGH, MOODS };

static int64_t spread(struct rng *rng)
{
  static const int64_t scale_us[] = {200, 2000, 20000, 60000, 200000, 600000};
  return scale_us[rng_below(rng, 6)];
}

static void make_path(struct rng *rng, struct sim_path *path)
{
  int64_t scale_us = spread(rng);
  path->delay_us = 50 + (int64_t)rng_below(rng, (uint32_t)scale_us);
  path->spread_us = rng_below(rng, 2) ? (int64_t)rng_below(rng, (uint32_t)scale_us) : 0;
}

static void make_fate(struct rng *rng, struct sim_path *path)
{
  static const uint8_t rcode[] = {1, 2, 2, 4, 5, 5};
  path->fate = (enum sim_fate)(1 + rng_below(rng, SIM_FATES - 1));
  path->rcode = rcode[rng_below(rng, sizeof rcode)];
  path->bare = rng_chance(rng, 300);
}

static void make_letters(struct rng *rng, struct sim_server *server)
{
  unsigned misreads = SIM_MISREADS - (server->docker ? 0 : SIM_MISREAD_NO_DATA_IS_LEFT_OUT);
  server->letters = rng_below(rng, 4) ? SIM_SENSITIVE : SIM_LOWERS;
  server->misread = (enum sim_misread)rng_below(rng, misreads);
}

static void make_open_error(struct rng *rng, struct sim_server *server)
{
  static const int error[] = {EMFILE, ENOBUFS, EACCES, ENETUNREACH, EPERM, EAFNOSUPPORT};
  server->open_error = error[rng_below(rng, 6)];
  server->open_failures = rng_below(rng, 2) ? 1000 : (uint16_t)rng_below(rng, 1000);
}

static void make_tcp(struct rng *rng, struct sim_server *server)
{
  server->tcp = (enum sim_tcp)rng_below(rng, SIM_TCPS);
  server->pause_us = 1 + (int64_t)rng_below(rng, rng_below(rng, 2) ? 6000000 : 100000);
  if (rng_chance(rng, 300)) /* where it matters at once */
    server->truncates = true;
}

/* One thing that is wrong with this server. */
static void make_fault(struct rng *rng, struct sim_server *server)
{
  unsigned family = rng_below(rng, 3); /* 2: both */
  struct sim_path *path = &server->path[family & 1];

  switch (rng_below(rng, 16)) {
  case 14:
  case 0:
    make_fate(rng, path);
    break;
  case 1:
    path->loss_to = (uint16_t)rng_below(rng, 600);
    path->loss_from = (uint16_t)rng_below(rng, 600);
    break;
  case 2:
    path->duplicates = 500;
    path->spread_us = rng_below(rng, 2) ? 50000 : path->spread_us;
    break;
  case 3:
  case 4:
    make_letters(rng, server);
    break;
  case 15:
  case 5:
    server->edns = (enum sim_edns)(1 + rng_below(rng, SIM_EDNS_KINDS - 1));
    break;
  case 6:
    server->truncates = true;
    break;
  case 7:
    server->oversize = true;
    break;
  case 8:
  case 9:
    make_tcp(rng, server);
    break;
  case 10:
    server->soa = false;
    break;
  case 11:
    server->stray_icmp = (uint16_t)rng_below(rng, 1000);
    server->stray_icmp_us = 1 + (int64_t)rng_below(rng, 100000);
    break;
  case 12:
    server->udp_silent = true;
    break;
  default:
    make_open_error(rng, server);
    break;
  }
  if (family == 2)
    server->path[1] = server->path[0];
}

/* Docker's own is asked in the letters of the program, which it knows: no fault. */
static void make_docker(struct rng *rng, struct sim_server *server)
{
  server->docker = server->loopback = true;
  make_letters(rng, server);
}

static void make_servers(struct rng *rng, struct sim_world *world, enum mood mood)
{
  unsigned count = 1 + rng_below(rng, SIM_SERVERS_MAX);
  int64_t calm_us = rng_below(rng, 2) ? 1000 : 20000;

  for (unsigned s = 0; s < count; s++) {
    struct sim_server *server = &world->server[s];
    server->loopback = rng_chance(rng, 300);
    if (s < 2 && rng_chance(rng, 100)) /* the third one has an IPv6 address */
      make_docker(rng, server);
    server->authoritative = rng_chance(rng, 300);
    server->segments = (enum sim_segments)rng_below(rng, SIM_SEGMENTS);
    server->step = rng_chance(rng, 700) ? UINT8_MAX : (uint8_t)(1 + rng_below(rng, 3));
    for (unsigned f = 0; f < 2; f++) {
      make_path(rng, &server->path[f]);
      if (mood == CALM)
        server->path[f] = (struct sim_path){.delay_us = 100 + (int64_t)rng_below(rng, (uint32_t)calm_us)};
    }
    unsigned faults = mood == ROUGH ? rng_below(rng, 6) : 0;
    while (faults-- > 0)
      make_fault(rng, server);
  }
  if (mood == ONE_FAULT)
    make_fault(rng, &world->server[rng_below(rng, count)]);
  sim_world_servers(world, count);
}

/* What may have been learnt of them, and need not be true. */
static void make_facts(struct rng *rng, struct sim_world *world)
{
  unsigned count = world->conf.server_count;

  world->conf.learns = rng_chance(rng, 500);
  for (unsigned s = 0; s < count; s++) {
    world->server[s].cookies = rng_chance(rng, 500);
    world->server[s].drops_cookies = !world->server[s].cookies && rng_chance(rng, 100);
    if (world->server[s].cookies && rng_chance(rng, 500)) /* one that no longer does is a scenario's */
      world->conf.server[s].known |= AIODNS_KNOWN_COOKIES;
    if (rng_chance(rng, 50))
      world->conf.server[s].known |= AIODNS_KNOWN_NO_COOKIES;
    if (world->server[s].tcp == SIM_TCP_OK && rng_chance(rng, 50))
      world->conf.server[s].known |= AIODNS_KNOWN_TCP;
  }
  if (!rng_chance(rng, 400))
    return;
  for (unsigned s = 0; s < count; s++)
    world->conf.server[s].late_us = rng_chance(rng, 700) ? 50000 + rng_below(rng, 150001) : 0;
  if (count == 1 || !rng_chance(rng, 500))
    return;
  world->conf.up_count = (uint8_t)(1 + rng_below(rng, count - 1));
  if (rng_chance(rng, 500))
    world->conf.server[world->conf.up_count].probe_ms = 1;
}

static void make_options(struct rng *rng, struct sim_world *world)
{
  struct aiodns_conf *conf = &world->conf;

  conf->attempts = (uint8_t)(1 + rng_below(rng, 5));
  conf->timeout_ms = 1000 * (1 + rng_below(rng, rng_below(rng, 2) ? 30 : 5));
  conf->ndots = rng_chance(rng, 600) ? 1 : (uint8_t)rng_below(rng, 16);
  conf->rotate = rng_chance(rng, 300);
  conf->use_vc = rng_chance(rng, 100);
  conf->single_request = rng_chance(rng, 200);
  conf->no_aaaa = rng_chance(rng, 100);
  conf->trust_ad = rng_chance(rng, 200);
  conf->no_tld_query = rng_chance(rng, 200);
  conf->search_single = rng_chance(rng, 900);
  conf->search_dotted = rng_chance(rng, 900);
}

static size_t put_label(struct rng *rng, char *buf, size_t len)
{
  static const char octet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  for (size_t i = 0; i < len; i++)
    buf[i] = octet[rng_below(rng, sizeof octet - 1)];
  return len;
}

static void make_name(struct rng *rng, struct sim_world *world)
{
  unsigned labels = 1 + rng_below(rng, 4);
  bool long_ones = rng_chance(rng, 30), digits = rng_chance(rng, 30);
  size_t len = 0;

  for (unsigned i = 0; i < labels; i++) {
    size_t label = long_ones ? 40 + rng_below(rng, 20) : 1 + rng_below(rng, 9);
    if (i)
      world->given[len++] = '.';
    len += put_label(rng, world->given + len, label);
    if (digits)
      memset(world->given + len - label, '7', label);
  }
  if (rng_chance(rng, 150))
    world->given[len++] = '.';
  world->given[len] = '\0';
  world->as_is = rng_chance(rng, 50);
}

/* Up to six entries in `_res`, then a tail; the root only where the name is not tried as it is first. */
static void make_list(struct rng *rng, struct sim_world *world)
{
  unsigned count = rng_below(rng, 7), tail = count == 6 || rng_chance(rng, 100) ? rng_below(rng, 4) : 0;
  unsigned dots = 0, root = rng_chance(rng, 100) ? rng_below(rng, 8) : UINT8_MAX;

  for (const char *p = world->given; *p; p++)
    dots += *p == '.';
  for (unsigned i = 0; i < count + tail; i++) {
    char *text = world->list_text[i];
    if (i == root && dots < world->conf.ndots)
      strcpy(text, rng_below(rng, 2) ? "." : "");
    else {
      /* One draw a statement: arguments are evaluated in any order. */
      const char *dot = rng_chance(rng, 50) ? "." : "";
      const char *label = rng_below(rng, 2) ? "Search" : "s";
      const char *zone = rng_below(rng, 2) ? "Example.Net" : "test";
      sprintf(text, "%s%s%u.%s", dot, label, i, zone);
    }
  }
  world->list_count = count + tail;
  world->conf.search_count = (uint8_t)count;
}

static void make_truth(struct rng *rng, struct sim_world *world, struct sim_candidate *c)
{
  static const enum sim_kind kind[] = {SIM_NXDOMAIN, SIM_NXDOMAIN, SIM_NXDOMAIN, SIM_NODATA, SIM_DATA,
                                       SIM_DATA,     SIM_DATA,     SIM_DATA,     SIM_DATA,   SIM_DATA};
  c->kind = kind[rng_below(rng, 10)];
  if (rng_chance(rng, 30))
    c->kind = rng_below(rng, 2) ? SIM_BROKEN : SIM_LOOP;
  if (rng_chance(rng, 250))
    c->hops = (uint8_t)(1 + rng_below(rng, 4));
  if (rng_chance(rng, 10))
    c->hops = (uint8_t)(14 + rng_below(rng, 5)); /* about as many as are followed */
  c->nested = c->hops < 5 && strlen(c->text) < 200 && rng_below(rng, 2);
  if (c->kind == SIM_BROKEN)
    c->hops = 0;
  for (unsigned f = 0; f < 2; f++)
    c->count[f] = (uint16_t)(rng_chance(rng, 200) ? 0 : 1 + rng_below(rng, rng_chance(rng, 100) ? 150 : 4));
  if (world->ptr)
    c->count[0] = (uint16_t)rng_below(rng, 5);
  for (unsigned hop = 0; hop <= c->hops; hop++)
    c->ttl_s[hop] = rng_below(rng, rng_below(rng, 4) ? 86400 : 2);
}

static void make_driver(struct rng *rng, struct sim_world *world)
{
  world->late_us = rng_chance(rng, 200) ? 1 + (int64_t)rng_below(rng, 3000) : 0;
  world->room = rng_chance(rng, 800) ? AIODNS_UDP_MAX : 4096;
  if (rng_chance(rng, 10))
    world->entropy_left = rng_below(rng, 200);
  if (rng_chance(rng, 10))
    world->abandon_us = (int64_t)rng_below(rng, 500000);
  if (rng_chance(rng, 20))
    world->send_failures = (uint16_t)rng_below(rng, 1000);
}

static void make_attack(struct rng *rng, struct sim_world *world)
{
  world->attack.forgeries = (uint16_t)(1 + rng_below(rng, 40));
  world->attack.within_us = 1 + spread(rng);
  world->attack.bare_errors = rng_chance(rng, 300);
  world->attack.right_id = rng_chance(rng, 400);
}

void sim_generate(struct sim_world *world, uint64_t seed)
{
  struct rng rng = {~seed}, facts = {seed ^ UINT64_C(0x6661637473)};
  sim_world_init(world, seed);
  enum mood mood = (enum mood)rng_below(&rng, MOODS);

  make_options(&rng, world);
  make_servers(&rng, world, mood);
  make_facts(&facts, world);
  make_name(&rng, world);
  make_list(&rng, world);
  static const int family[] = {AF_INET, AF_INET6, AF_UNSPEC, AF_UNSPEC};
  world->family = family[rng_below(&rng, 4)];
  world->ptr = rng_chance(&rng, 50);
  sim_world_name(world);
  for (unsigned i = 0; i < world->candidate_count; i++)
    make_truth(&rng, world, &world->candidate[i]);
  if (mood != CALM) {
    make_driver(&rng, world);
    world->late_replies = rng_chance(&rng, 200) ? 500 : 0;
    if (rng_chance(&rng, mood == ROUGH ? 400 : 100))
      make_attack(&rng, world);
  }
}
