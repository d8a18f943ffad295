/* A world in words: all of it for one lookup, and what its servers do for the count over many. */
#include "world.h"

#include <string.h>

/* ---- What is not as usual in a world ---- */

enum {
  OF_FATE = 0,
  OF_LETTERS = OF_FATE + SIM_FATES - 1,
  OF_MISREAD = OF_LETTERS + 1,
  OF_DOCKER = OF_MISREAD + SIM_MISREADS,
  OF_EDNS,
  OF_TCP = OF_EDNS + SIM_EDNS_KINDS - 1,
  OF_SEGMENTS = OF_TCP + SIM_TCPS - 1,
  OF_OTHERS = OF_SEGMENTS + SIM_SEGMENTS - 1,
};

const char *const sim_behaviour[SIM_BEHAVIOURS] = {
    /* OF_FATE */ "silent",
    "unreachable (ICMP, RST)",
    "an error for all",
    "lame",
    "malformed",
    "data without the question",
    /* OF_LETTERS */ "folds letter case",
    /* OF_MISREAD */ "other letters: NXDOMAIN",
    "other letters: NXDOMAIN with SOA",
    "other letters: SERVFAIL",
    "other letters: REFUSED",
    "other letters: FORMERR",
    "other letters: silence",
    "other letters: no data",
    "Docker's",
    /* OF_EDNS */ "EDNS: silence",
    "EDNS: BADVERS, no question",
    "EDNS: FORMERR",
    "EDNS: FORMERR, header alone",
    "EDNS: NOTIMP",
    "EDNS: NOTIMP, header alone",
    "EDNS: BADVERS",
    /* OF_TCP */ "TCP: refused",
    "TCP: nobody there",
    "TCP: closed at once",
    "TCP: closed midway",
    "TCP: stalls",
    "TCP: stalls and goes on",
    /* OF_SEGMENTS */ "stream: length in two pieces",
    "stream: octet by octet",
    "stream: two replies in a segment",
    /* OF_OTHERS */ "truncates everything",
    "datagrams too large",
    "negative answers without SOA",
    "ICMP from elsewhere",
    "UDP: silent or from elsewhere",
    "loss",
    "copies",
    "order changes",
    "no socket to be had",
    "forgeries",
};

static uint64_t one(unsigned first, unsigned value)
{
  return value > 0 ? UINT64_C(1) << (first + value - 1) : 0;
}

static uint64_t path_behaviours(const struct sim_path *path)
{
  return one(OF_FATE, path->fate) | one(OF_OTHERS + 5, path->loss_to || path->loss_from) |
         one(OF_OTHERS + 6, path->duplicates > 0) | one(OF_OTHERS + 7, path->spread_us > 0);
}

static uint64_t behaviours(const struct sim_server *server)
{
  bool misreads = server->letters == SIM_SENSITIVE && !server->docker;

  return path_behaviours(&server->path[0]) | path_behaviours(&server->path[1]) |
         one(OF_LETTERS, server->letters == SIM_LOWERS) |
         one(OF_MISREAD, misreads ? server->misread + 1 : 0) | one(OF_DOCKER, server->docker) |
         one(OF_EDNS, server->edns) | one(OF_TCP, server->tcp) | one(OF_SEGMENTS, server->segments) |
         one(OF_OTHERS, server->truncates) | one(OF_OTHERS + 1, server->oversize) |
         one(OF_OTHERS + 2, !server->soa) | one(OF_OTHERS + 3, server->stray_icmp > 0) |
         one(OF_OTHERS + 4, server->udp_silent) | one(OF_OTHERS + 8, server->open_failures > 0);
}

uint64_t sim_behaviours(const struct sim_world *world)
{
  uint64_t ret = one(OF_OTHERS + 9, world->attack.forgeries > 0);

  for (unsigned s = 0; s < world->conf.server_count; s++)
    ret |= behaviours(&world->server[s]);
  return ret;
}

bool sim_is_alone(uint64_t behaviours, unsigned which)
{
  /* How streams come, and how much delays differ, is drawn for all servers. */
  const uint64_t streams = ((UINT64_C(1) << (OF_OTHERS - OF_SEGMENTS)) - 1) << OF_SEGMENTS;
  const uint64_t usual = streams | one(OF_OTHERS + 7, 1);
  return (behaviours & ~usual & ~(UINT64_C(1) << which)) == 0;
}

bool sim_is_left_out(unsigned which)
{
  return SIM_MISREAD_NO_DATA_IS_LEFT_OUT && which == OF_MISREAD + SIM_MISREAD_NO_DATA;
}

/* ---- One world ---- */

void sim_describe(const struct sim_world *world, FILE *out)
{
  static const char *const kind[] = {"NXDOMAIN", "NODATA", "DATA", "BROKEN", "LOOP"};
  static const char *const role[] = {"as is, first", "as is, only", "listed", "as is, last"};
  static const char *const fate[] = {"healthy", "silent",    "unreachable", "error",
                                     "lame",    "malformed", "unasked"};
  const struct aiodns_conf *conf = &world->conf;

  fprintf(out, "%s (%s), timeout %u ms, attempts %u, ndots %u%s%s%s%s%s%s%s\n", world->given,
          world->ptr                  ? "PTR"
          : world->family == AF_INET  ? "A"
          : world->family == AF_INET6 ? "AAAA"
                                      : "A and AAAA",
          conf->timeout_ms, conf->attempts, conf->ndots, conf->rotate ? ", rotate" : "",
          conf->use_vc ? ", use-vc" : "", conf->single_request ? ", single-request" : "",
          conf->no_aaaa ? ", no-aaaa" : "", conf->no_tld_query ? ", no-tld-query" : "",
          conf->search_single ? "" : ", no DEFNAMES", conf->search_dotted ? "" : ", no DNSRCH");
  for (unsigned i = 0; i < world->candidate_count; i++) {
    const struct sim_candidate *c = &world->candidate[i];
    fprintf(out, "  name %u: %s (%s): %s, %u CNAMEs%s, %u and %u addresses\n", i, c->text, role[c->role],
            kind[c->kind], c->hops, c->nested ? " nested" : "", c->count[0], c->count[1]);
  }
  for (unsigned s = 0; s < conf->server_count; s++) {
    const struct sim_server *server = &world->server[s];
    fprintf(
        out,
        "  server %u:%s tcp %d in pieces %d, letters %d (%d), edns %d%s%s%s%s%s, %u CNAMEs a message, ICMP "
        "%u, pause %lld us, open %u%s%s\n",
        s,
        server->docker     ? " Docker,"
        : server->loopback ? " loopback,"
                           : "",
        server->tcp, server->segments, server->letters, server->misread, server->edns,
        server->udp_silent ? ", UDP silent" : "", server->truncates ? ", truncates" : "",
        server->oversize ? ", oversize" : "", server->soa ? "" : ", no SOA",
        server->authoritative ? ", authoritative" : "", server->step, server->stray_icmp,
        (long long)server->pause_us, server->open_failures, server->open_failures ? " " : "",
        server->open_failures ? strerrorname_np(server->open_error) : "");
    for (unsigned f = 0; f < 2; f++) {
      const struct sim_path *path = &server->path[f];
      fprintf(out, "    %s: %s (%u%s), lost %u and %u, doubled %u, one way %lld + %lld us\n",
              f ? "AAAA" : "A", fate[path->fate], path->rcode, path->bare ? " bare" : "", path->loss_to,
              path->loss_from, path->duplicates, (long long)path->delay_us, (long long)path->spread_us);
    }
  }
  if (world->attack.forgeries)
    fprintf(out, "  attacker: %u within %lld us%s%s\n", world->attack.forgeries,
            (long long)world->attack.within_us, world->attack.bare_errors ? ", bare errors" : "",
            world->attack.right_id ? ", right ID" : "");
  fprintf(out,
          "  driver: late %lld us, room %zu, entropy %lld, abandons at %lld, sends that fail %u, late "
          "replies %u\n",
          (long long)world->late_us, world->room, (long long)world->entropy_left,
          (long long)world->abandon_us, world->send_failures, world->late_replies);
}
