/* Worlds at random. Half of them have servers without a fault: there every difference is one of meaning. */
#include "world.h"

#include "rng.h"

#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

static void append(char *buf, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *buf, size_t room, const char *format, ...)
{
  size_t len = strlen(buf);
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(buf + len, room - len, format, arguments);
  va_end(arguments);
}

/* ---- Servers ---- */

static void make_fault(struct rng *rng, struct dns_server *server)
{
  static const uint8_t error[] = {RCODE_SERVFAIL, RCODE_SERVFAIL, RCODE_REFUSED, RCODE_NOTIMP, RCODE_FORMERR};

  switch (rng_below(rng, 11)) {
  case 0:
  case 1:
  case 2:
    server->fault = FAULT_ERROR;
    server->rcode = error[rng_below(rng, sizeof error)];
    server->bare = rng_chance(rng, 200) && server->rcode != RCODE_FORMERR;
    break;
  case 3:
    server->fault = FAULT_LAME;
    break;
  case 4:
    server->fault = FAULT_NO_EDNS;
    server->rcode = rng_below(rng, 2) ? RCODE_FORMERR : RCODE_NOTIMP;
    server->bare = rng_chance(rng, 300);
    break;
  case 5:
    server->reach = (enum reach)(1 + rng_below(rng, REACHES - 1));
    break;
  case 6:
    server->letters = LETTERS_LOWER;
    break;
  case 7:
    server->letters = LETTERS_SENSITIVE;
    break;
  case 8:
    server->truncates = true;
    break;
  case 9:
    server->junk_share = rng_chance(rng, 500) ? 1000 : 200;
    break;
  default:
    server->authoritative = false;
    server->recursive = false;
    break;
  }
}

static void make_servers(struct rng *rng, struct world *world)
{
  bool calm = rng_chance(rng, 500), views = rng_chance(rng, 100);

  world->server_count = 1 + (rng_below(rng, 2) ? rng_below(rng, SERVERS_MAX) : 0);
  for (unsigned s = 0; s < world->server_count; s++) {
    struct dns_server *server = &world->server[s];
    *server = (struct dns_server){
        .fault_share = rng_chance(rng, 600) ? 1000 : (uint16_t)rng_below(rng, 1000),
        .view = views ? (uint8_t)s : 0,
        .oversize = rng_chance(rng, 300),
        .opt = rng_chance(rng, 700),
        .compresses = rng_chance(rng, 500),
        .shouts = rng_chance(rng, 100),
        .authoritative = rng_chance(rng, 200),
        .recursive = rng_chance(rng, 950),
    };
    if (calm)
      continue;
    for (unsigned faults = rng_below(rng, 3); faults > 0; faults--)
      make_fault(rng, server);
  }
  if (world->options.rotate) /* then it must not matter who is asked */
    for (unsigned s = 1; s < world->server_count; s++)
      world->server[s] = world->server[0];
}

/* Silence costs glibc a second for each question: one lookup, one domain, one attempt. */
static void make_silence(struct rng *rng, struct world *world)
{
  struct dns_server *server = &world->server[rng_below(rng, world->server_count)];

  server->fault = FAULT_SILENT;
  server->fault_share = 1000;
  server->reach = REACH_UDP;
  server->letters = LETTERS_ECHO;
  if (world->options.rotate)
    for (unsigned s = 0; s < world->server_count; s++)
      world->server[s] = *server;
}

/* ---- resolv.conf ---- */

static void make_domain(struct rng *rng, char *buf, bool is_long)
{
  static const char *const plain[] = {"one.test",   "two.test", "Three.Example",
                                      "a.b.c.test", "com",      "under_score.test"};
  const char *before = rng_chance(rng, 40) ? "." : "", *after = rng_chance(rng, 60) ? "." : "";

  if (rng_chance(rng, 30)) {
    strcpy(buf, ".");
    return;
  }
  if (rng_chance(rng, 15)) { /* one that cannot be part of a name */
    strcpy(buf, rng_below(rng, 2) ? "no..name.test" : "bad*label.test");
    return;
  }
  if (is_long) {
    static const char label[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0";
    unsigned len = 20 + rng_below(rng, 43), more = rng_chance(rng, 200) ? 62 : rng_below(rng, 20);
    snprintf(buf, DOMAIN_TEXT_MAX, "%s%.*s.%.*s%stest%s", before, (int)len, label, (int)more, label,
             more ? "." : "", after);
    return;
  }
  snprintf(buf, DOMAIN_TEXT_MAX, "%s%s%s", before, plain[rng_below(rng, 6)], after);
}

static void make_list(struct rng *rng, struct world *world, unsigned most)
{
  unsigned count = rng_chance(rng, 200) ? rng_below(rng, DOMAINS_MAX + 1) : rng_below(rng, 4);
  count = count < most ? count : most;
  bool by_environment = rng_chance(rng, 60), is_long = rng_chance(rng, 100);
  char *text = by_environment ? world->local_domain : world->resolv_conf;
  size_t room = by_environment ? sizeof world->local_domain : sizeof world->resolv_conf;

  if (by_environment)
    append(world->resolv_conf, sizeof world->resolv_conf, "search unused.test\n");
  else if (count > 0)
    append(text, room, "search");
  world->domain_count = 0;
  for (unsigned i = 0; i < count; i++) {
    char *domain = world->domain[world->domain_count];
    make_domain(rng, domain, is_long);
    if (strlen(text) + strlen(domain) + 4 >= room) /* LOCALDOMAIN is short here */
      break;
    append(text, room, "%s%s", by_environment && i == 0 ? "" : rng_below(rng, 5) ? " " : "\t", domain);
    world->domain_count++;
  }
  if (count > 0 && !by_environment)
    append(text, room, "\n");
  if (by_environment && world->domain_count == 0)
    world->local_domain[0] = '\0';
  if (by_environment && world->domain_count == 0) {
    strcpy(world->domain[0], "unused.test");
    world->domain_count = 1;
  }
}

static void make_options(struct rng *rng, struct world *world, bool silence)
{
  struct options *options = &world->options;
  bool by_environment = rng_chance(rng, 50);
  char *text = by_environment ? world->res_options : world->resolv_conf;
  size_t room = by_environment ? sizeof world->res_options : sizeof world->resolv_conf;
  static const struct {
    size_t at;
    const char *name;
    uint16_t share;
  } flag[] = {
      {offsetof(struct options, rotate), "rotate", 80},
      {offsetof(struct options, edns0), "edns0", 300},
      {offsetof(struct options, single_request), "single-request", 100},
      {offsetof(struct options, single_request_reopen), "single-request-reopen", 60},
      {offsetof(struct options, no_aaaa), "no-aaaa", 60},
      {offsetof(struct options, use_vc), "use-vc", 50},
      {offsetof(struct options, no_tld_query), "no-tld-query", 100},
      {offsetof(struct options, trust_ad), "trust-ad", 100},
  };

  options->attempts = rng_chance(rng, 800) || silence ? 1 : 2;
  options->ndots = rng_chance(rng, 600) ? 1 : rng_below(rng, rng_below(rng, 2) ? 4 : 16);
  append(world->resolv_conf, sizeof world->resolv_conf, "options timeout:1\n");
  if (!by_environment)
    append(text, room, "options ");
  append(text, room, "attempts:%u", options->attempts);
  if (options->ndots != 1 || rng_below(rng, 2))
    append(text, room, " ndots:%u", options->ndots);
  for (size_t i = 0; i < sizeof flag / sizeof *flag; i++) {
    bool *value = (bool *)((char *)options + flag[i].at);
    *value = rng_chance(rng, flag[i].share);
    if (*value)
      append(text, room, " %s", flag[i].name);
  }
  if (!by_environment)
    append(text, room, "\n");
}

static void make_sort_list(struct rng *rng, struct world *world)
{
  if (!rng_chance(rng, 60))
    return;
  append(world->resolv_conf, sizeof world->resolv_conf, "sortlist");
  if (rng_below(rng, 2)) {
    world->net[world->net_count++] = (struct net){64, 95};
    append(world->resolv_conf, sizeof world->resolv_conf, " 198.18.64.0/255.255.224.0");
  }
  world->net[world->net_count++] = (struct net){128, 255};
  append(world->resolv_conf, sizeof world->resolv_conf, " 198.18.128.0/255.255.128.0\n");
}

static void make_aliases(struct rng *rng, struct world *world)
{
  static const char *const target[] = {"host.one.test", "Host.Two.test.", "mail", "other", "x.y.z.test"};
  world->alias_count = rng_chance(rng, 50) ? 1 + rng_below(rng, 2) : 0;
  for (unsigned i = 0; i < world->alias_count; i++) {
    struct alias *alias = &world->alias[i];
    strcpy(alias->name, i == 0 ? "www" : "mail");
    strcpy(alias->target, target[rng_below(rng, 5)]);
    append(world->host_aliases, sizeof world->host_aliases, "%s %s\n", alias->name, alias->target);
  }
}

/* ---- Lookups ---- */

static void put_random_label(struct rng *rng, char *buf, size_t room, unsigned len)
{
  static const char octet[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  for (unsigned i = 0; i < len; i++)
    append(buf, room, "%c", octet[rng_below(rng, i == 0 ? 26 : 38)]);
}

/* About as long as names may be, counted in labels of up to 63 octets. */
static void make_long_name(struct rng *rng, char *buf)
{
  unsigned left = rng_chance(rng, 700) ? 236 + rng_below(rng, 22) : 150 + rng_below(rng, 1000);

  while (left > 0) {
    unsigned label = left > 63 ? (rng_chance(rng, 30) ? 64 : 63 - rng_below(rng, 2)) : left;
    put_random_label(rng, buf, GIVEN_MAX, label);
    left -= label;
    if (left > 1) {
      append(buf, GIVEN_MAX, ".");
      left--;
    } else {
      left = 0;
    }
  }
}

static void make_odd_name(struct rng *rng, char *buf)
{
  static const char *const odd[] = {"",
                                    ".",
                                    "..",
                                    "a..b",
                                    ".a",
                                    "a..",
                                    "-a",
                                    "a-",
                                    "a_b",
                                    "_a._b.test",
                                    "a b",
                                    "a*b.test",
                                    "ex\\097mple",
                                    "a\\.b.test",
                                    "a\\b",
                                    "a\\",
                                    "a\\256",
                                    "\\032",
                                    "1.2.3.4",
                                    "1.2.3.4.",
                                    "1.2.3",
                                    "0x7f.1",
                                    "010.8.8.8",
                                    "1.2.3.256",
                                    "::1",
                                    "2001:db8::1",
                                    "::1.",
                                    "fe80::1%lo",
                                    "::ffff:1.2.3.4",
                                    "1234",
                                    "1234567890",
                                    "4294967296",
                                    "1.2.3.4 x",
                                    "deadbeef",
                                    "dead:beef",
                                    "face.test",
                                    "0xg",
                                    "255.255.255.255.255",
                                    "a\tb",
                                    "\xc3\xa9.test",
                                    "a@b.test",
                                    "a(b",
                                    "xn--bcher-kva.test",
                                    "a.-b.test",
                                    "1.2.3.4.5",
                                    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"};
  strcpy(buf, odd[rng_below(rng, sizeof odd / sizeof *odd)]);
}

static void make_given_name(struct rng *rng, struct lookup *lookup)
{
  static const char *const label[] = {"www", "mail", "host", "Host", "a", "db-1", "X", "under_score"};
  char *buf = lookup->name;
  unsigned roll = rng_below(rng, 100);

  if (roll < 4) {
    make_long_name(rng, buf);
  } else if (roll < 14) {
    make_odd_name(rng, buf);
  } else if (roll < 16) {
    strcpy(buf, rng_below(rng, 2) ? "b\xc3\xbc"
                                    "cher.test"
                                  : "b\xc3\xbc"
                                    "cher");
    lookup->flags |= AI_IDN;
  } else {
    unsigned labels = rng_chance(rng, 450) ? 1 : 1 + rng_below(rng, 5);
    for (unsigned i = 0; i < labels; i++) {
      append(buf, GIVEN_MAX, "%s", i ? "." : "");
      if (rng_chance(rng, 700))
        append(buf, GIVEN_MAX, "%s", label[rng_below(rng, 8)]);
      else
        put_random_label(rng, buf, GIVEN_MAX, 1 + (rng_chance(rng, 30) ? 62 : rng_below(rng, 8)));
    }
    if (rng_chance(rng, 300))
      append(buf, GIVEN_MAX, "%s", rng_below(rng, 2) ? ".one.test" : ".Example");
    if (rng_chance(rng, 100))
      append(buf, GIVEN_MAX, ".");
  }
}

static void make_given_address(struct rng *rng, struct address *address)
{
  static const uint8_t prefix4[] = {198, 51, 100}, prefix6[] = {0x20, 1, 0x0d, 0xb8};

  address->family = rng_below(rng, 2) ? AF_INET : AF_INET6;
  if (address->family == AF_INET) {
    memcpy(address->octets, prefix4, sizeof prefix4);
    address->octets[3] = (uint8_t)rng_below(rng, 256);
    return;
  }
  unsigned roll = rng_below(rng, 20);
  if (roll == 0) {
    address->octets[10] = address->octets[11] = 0xff; /* mapped */
  } else if (roll > 1) {                              /* else it begins with twelve zeros */
    memcpy(address->octets, prefix6, sizeof prefix6);
    if (rng_below(rng, 2))
      address->octets[9] = (uint8_t)rng_below(rng, 256);
  }
  address->octets[15] = (uint8_t)rng_below(rng, 256);
  address->octets[12] = roll < 2 ? 198 : 0;
}

static void make_lookup(struct rng *rng, struct lookup *lookup)
{
  static const int family[] = {AF_UNSPEC, AF_UNSPEC, AF_INET, AF_INET6};
  static const struct {
    int flag;
    uint16_t share;
  } flag[] = {{AI_CANONNAME, 400}, {AI_ADDRCONFIG, 200}, {AI_V4MAPPED, 200},
              {AI_ALL, 100},       {AI_NUMERICHOST, 20}, {AI_IDN, 50}};

  *lookup =
      (struct lookup){.call = rng_chance(rng, 600) ? CALL_GETADDRINFO : (enum call)rng_below(rng, CALLS)};
  lookup->family = family[rng_below(rng, 4)];
  if (call_is_reverse(lookup->call)) {
    make_given_address(rng, &lookup->address);
    return;
  }
  if (lookup->call != CALL_GETADDRINFO)
    lookup->family = rng_below(rng, 2) ? AF_INET : AF_INET6;
  for (size_t i = 0; i < sizeof flag / sizeof *flag; i++)
    if (rng_chance(rng, flag[i].share))
      lookup->flags |= flag[i].flag;
  make_given_name(rng, lookup);
}

void world_generate(struct world *world, uint64_t seed, uint64_t number)
{
  struct rng rng = {seed * 0x9e3779b97f4a7c15u + number};

  memset(world, 0, sizeof *world);
  world->seed = rng_next(&rng);
  world->missing = (uint16_t)(rng_chance(&rng, 300) ? 600 + rng_below(&rng, 250) : rng_below(&rng, 500));
  world->aliased = (uint16_t)rng_below(&rng, 200);
  world->strays = rng_chance(&rng, 200) ? 200 : 0;
  world->odd_types = rng_chance(&rng, 200) ? 100 : 0;
  world->soa = rng_chance(&rng, 850);
  world->backwards = rng_chance(&rng, 30);
  bool silence = rng_chance(&rng, 10);
  make_options(&rng, world, silence);
  make_list(&rng, world, silence ? 1 : DOMAINS_MAX);
  make_sort_list(&rng, world);
  make_aliases(&rng, world);
  make_servers(&rng, world);
  world->lookup_count = 2 + rng_below(&rng, LOOKUPS_MAX - 1);
  if (silence) {
    make_silence(&rng, world);
    world->lookup_count = 1;
  }
  for (unsigned i = 0; i < world->lookup_count; i++)
    make_lookup(&rng, &world->lookup[i]);
}
