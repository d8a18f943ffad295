#include "conf.h"

#include <string.h>

/* Newer than the oldest headers this is built with. */
#ifndef RES_NOTLDQUERY
#define RES_NOTLDQUERY 0x01000000
#endif
#ifndef RES_TRUSTAD
#define RES_TRUSTAD 0x04000000
#endif
#ifndef RES_STRICTERR
#define RES_STRICTERR 0x10000000
#endif
#ifndef RES_NOAAAA
#define RES_NOAAAA 0x08000000
#endif

/* An IPv4 server stands in nsaddr_list; where its family is 0 an IPv6 one may stand beside it, scope id
 * resolved. */
static bool copy_server(struct aiodns_server *ret, const struct __res_state *state, int i)
{
  if (state->nsaddr_list[i].sin_family == AF_INET) {
    ret->address.in = state->nsaddr_list[i];
    ret->address_len = sizeof ret->address.in;
    return true;
  }
  if (state->nsaddr_list[i].sin_family == 0 && state->_u._ext.nsaddrs[i]) {
    ret->address.in6 = *state->_u._ext.nsaddrs[i];
    ret->address_len = sizeof ret->address.in6;
    return true;
  }
  return false;
}

bool aiodns_conf_from_state(struct aiodns_conf *ret, const struct __res_state *state)
{
  unsigned long options = state->options;
  if (!(options & RES_INIT))
    return false;

  ret->server_count = 0;
  for (int i = 0; i < state->nscount && i < AIODNS_SERVERS_MAX; i++)
    if (copy_server(&ret->server[ret->server_count], state, i)) {
      struct aiodns_server *server = &ret->server[ret->server_count];
      server->place = ret->server_count++;
      server->probe_ms = 0;
      server->known = 0;
      server->late_us = 0;
    }
  ret->up_count = 0;
  ret->letters = AIODNS_LETTERS_AUTO;
  ret->parallel_search = true;
  ret->learns = false;
  ret->deadline_ms = ret->serve_stale_s = 0;
  ret->schedule.step_count = 0;
  ret->ttls = (struct aiodns_ttls){.max_s = AIODNS_TTL_MAX_S, .max_negative_s = AIODNS_NEGATIVE_TTL_MAX_S};
  ret->block_answer = AIODNS_BLOCK_NXDOMAIN;
  ret->host_private = false;
  ret->cache_size = 0;
  ret->follow = NULL;

  ret->ndots = (uint8_t)state->ndots;
  ret->attempts = state->retry > 0 ? (uint8_t)(state->retry < 16 ? state->retry : 16) : 1;
  ret->timeout_ms =
      state->retrans > 0 ? (uint32_t)(state->retrans < 300 ? state->retrans : 300) * 1000 : 1000;
  ret->rotate = options & RES_ROTATE;
  ret->use_vc = options & RES_USEVC;
  ret->single_request = options & RES_SNGLKUP;
  ret->no_aaaa = options & RES_NOAAAA;
  ret->trust_ad = options & RES_TRUSTAD;
  ret->recursion_desired = options & RES_RECURSE;
  ret->ignore_truncation = options & RES_IGNTC;
  ret->search_single = options & RES_DEFNAMES;
  ret->search_dotted = options & RES_DNSRCH;
  ret->no_tld_query = options & RES_NOTLDQUERY;
  ret->strict_error = options & RES_STRICTERR;

  ret->search = (const char *const *)state->dnsrch;
  ret->search_count = 0;
  while (ret->search_count < MAXDNSRCH && state->dnsrch[ret->search_count])
    ret->search_count++;
  return ret->server_count > 0;
}

bool aiodns_server_is_loopback(const struct aiodns_server *server)
{
  if (server->address.any.sa_family == AF_INET)
    return ntohl(server->address.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&server->address.in6.sin6_addr);
}

bool aiodns_server_is_docker(const struct aiodns_server *server)
{
  return server->address.any.sa_family == AF_INET &&
         server->address.in.sin_addr.s_addr == htonl(UINT32_C(0x7f00000b));
}
