/*
 * The entry points that glibc looks up in libnss_aiodns.so.2.  Each resolves with the core, copies the result
 * into the caller's buffer, cleans up, and writes *errnop and *h_errnop last: they are errno and h_errno
 * themselves, which every library call changes.
 */
#include "hostent.h"
#include "stash.h"
#include "status.h"

#include <errno.h>
#include <pthread.h>
#include <resolv.h>

#define AIODNS_EXPORT __attribute__((visibility("default")))

/* What every entry point begins and ends with. */
struct call {
  int *errnop, *h_errnop;
  int entry_errno;
  int cancel_state;
  struct aiodns_stash_key key;
  struct aiodns_result result;
};

static void call_begin(struct call *call, int *errnop, int *h_errnop)
{
  call->errnop = errnop;
  call->h_errnop = h_errnop;
  call->entry_errno = errno;
  /* A thread that is cancelled in here would leave sockets behind. */
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
}

static enum nss_status call_end(struct call *call, struct aiodns_status status)
{
  int *errnop = call->errnop, *h_errnop = call->h_errnop;

  pthread_setcancelstate(call->cancel_state, NULL);
  *errnop = status.error ? status.error : call->entry_errno;
  /* Python's gethostbyaddr() and others hand glibc a variable of their own and then read h_errno, which
   * nss_dns sets. */
  h_errno = status.h_error;
  *h_errnop = status.h_error;
  return status.status;
}

/* Called by hand, not through glibc's lookup functions: nobody has made `_res` ready. */
static void resolve_with_own_state(struct aiodns_result *result, const char *name, int family,
                                   const void *address)
{
  struct __res_state state = {0};

  if (res_ninit(&state) != 0) {
    aiodns_result_fail(result, errno);
    return; /* nor res_nclose(): it would close descriptor 0 */
  }
  if (name)
    aiodns_resolve_name(result, &state, name, family);
  else
    aiodns_resolve_address(result, &state, family, address);
  res_nclose(&state);
}

/* By name, or by address where that is NULL. */
static void resolve(struct call *call, const char *name, int family, const void *address)
{
  const struct __res_state *state = __res_state();

  call->key = (struct aiodns_stash_key){.name = name, .address = address, .family = family};
  if (aiodns_stash_take(&call->result, &call->key))
    return;
  if (!(state->options & RES_INIT))
    resolve_with_own_state(&call->result, name, family, address);
  else if (name)
    aiodns_resolve_name(&call->result, state, name, family);
  else
    aiodns_resolve_address(&call->result, state, family, address);
}

/* The caller's buffer is; it will come again with a larger one. */
static struct aiodns_status too_small(struct call *call)
{
  aiodns_stash_keep(&call->result, &call->key);
  return aiodns_status_too_small();
}

static void put_ttl(int32_t *ttlp, const struct aiodns_result *result)
{
  if (ttlp)
    *ttlp = (int32_t)aiodns_result_ttl_s(result); /* at most INT32_MAX: RFC 2181 section 8 */
}

AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                                                           char *buffer, size_t buflen, int *errnop,
                                                           int *h_errnop, int32_t *ttlp);
AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyname3_r(const char *name, int family, struct hostent *host,
                                                           char *buffer, size_t buflen, int *errnop,
                                                           int *h_errnop, int32_t *ttlp, char **canonp);
AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                                           char *buffer, size_t buflen, int *errnop,
                                                           int *h_errnop);
AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyname_r(const char *name, struct hostent *host,
                                                          char *buffer, size_t buflen, int *errnop,
                                                          int *h_errnop);
AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyaddr2_r(const void *address, socklen_t len, int family,
                                                           struct hostent *host, char *buffer, size_t buflen,
                                                           int *errnop, int *h_errnop, int32_t *ttlp);
AIODNS_EXPORT enum nss_status _nss_aiodns_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                                          struct hostent *host, char *buffer, size_t buflen,
                                                          int *errnop, int *h_errnop);

enum nss_status _nss_aiodns_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat, char *buffer,
                                             size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp)
{
  struct call call;

  call_begin(&call, errnop, h_errnop);
  resolve(&call, name, AF_UNSPEC, NULL);
  struct aiodns_status status = aiodns_status_of(call.result.outcome, call.result.error);
  if (call.result.outcome == AIODNS_ANSWER) {
    struct aiodns_buffer room = {.at = buffer, .left = buflen};
    if (aiodns_hostent_put_tuples(&room, &call.result, pat))
      put_ttl(ttlp, &call.result);
    else
      status = too_small(&call);
  }
  aiodns_result_done(&call.result);
  return call_end(&call, status);
}

enum nss_status _nss_aiodns_gethostbyname3_r(const char *name, int family, struct hostent *host, char *buffer,
                                             size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp,
                                             char **canonp)
{
  struct call call;

  call_begin(&call, errnop, h_errnop);
  if (family != AF_INET && family != AF_INET6)
    return call_end(&call, aiodns_status_bad_family());
  resolve(&call, name, family, NULL);
  struct aiodns_status status = aiodns_status_of(call.result.outcome, call.result.error);
  if (call.result.outcome == AIODNS_ANSWER) {
    struct aiodns_buffer room = {.at = buffer, .left = buflen};
    if (aiodns_hostent_put(&room, &call.result, host)) {
      if (family == AF_INET)
        aiodns_hostent_sort(host, __res_state());
      put_ttl(ttlp, &call.result);
      if (canonp)
        *canonp = host->h_name;
    } else {
      status = too_small(&call);
    }
  }
  aiodns_result_done(&call.result);
  return call_end(&call, status);
}

/* getaddrinfo calls this one through the type of 3_r: what it passes beyond these arguments is not there. */
enum nss_status _nss_aiodns_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer,
                                             size_t buflen, int *errnop, int *h_errnop)
{
  return _nss_aiodns_gethostbyname3_r(name, family, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

enum nss_status _nss_aiodns_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                                            size_t buflen, int *errnop, int *h_errnop)
{
  return _nss_aiodns_gethostbyname3_r(name, AF_INET, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

enum nss_status _nss_aiodns_gethostbyaddr2_r(const void *address, socklen_t len, int family,
                                             struct hostent *host, char *buffer, size_t buflen, int *errnop,
                                             int *h_errnop, int32_t *ttlp)
{
  struct call call;

  call_begin(&call, errnop, h_errnop);
  if (!(family == AF_INET && len == 4) && !(family == AF_INET6 && len == 16))
    return call_end(&call, aiodns_status_bad_family());
  resolve(&call, NULL, family, address);
  struct aiodns_status status = aiodns_status_of(call.result.outcome, call.result.error);
  if (call.result.outcome == AIODNS_ANSWER) {
    struct aiodns_buffer room = {.at = buffer, .left = buflen};
    bool mapped = family == AF_INET6 && call.result.source != AIODNS_SOURCE_HOSTS &&
                  aiodns_resolve_embeds_ipv4(address);
    /* As in nss_dns the answer is then about the IPv4 address. */
    if (mapped ? aiodns_hostent_put_reverse(&room, &call.result, AF_INET, (const char *)address + 12, host)
               : aiodns_hostent_put_reverse(&room, &call.result, family, address, host))
      put_ttl(ttlp, &call.result);
    else
      status = too_small(&call);
  }
  aiodns_result_done(&call.result);
  return call_end(&call, status);
}

enum nss_status _nss_aiodns_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                            struct hostent *host, char *buffer, size_t buflen, int *errnop,
                                            int *h_errnop)
{
  return _nss_aiodns_gethostbyaddr2_r(address, len, family, host, buffer, buflen, errnop, h_errnop, NULL);
}
