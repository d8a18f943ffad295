#include "status.h"

#include <errno.h>
#include <netdb.h>

struct aiodns_status aiodns_status_of(enum aiodns_outcome outcome, int error)
{
  switch (outcome) {
  case AIODNS_ANSWER:
    return (struct aiodns_status){NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS};
  case AIODNS_NO_NAME:
    return (struct aiodns_status){NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND};
  case AIODNS_NO_DATA:
    return (struct aiodns_status){NSS_STATUS_NOTFOUND, ENOENT, NO_DATA};
  case AIODNS_LOCAL:
    /* ERANGE would be taken for "buffer too small", and asked again for ever. */
    return (struct aiodns_status){NSS_STATUS_TRYAGAIN, error == 0 || error == ERANGE ? ENOMEM : error,
                                  NETDB_INTERNAL};
  /* Never UNAVAIL with NETDB_INTERNAL, at which getaddrinfo stops without asking the next service. */
  case AIODNS_UNUSABLE:
    return (struct aiodns_status){NSS_STATUS_UNAVAIL, EAGAIN, TRY_AGAIN};
  case AIODNS_NOT_MINE:
    return (struct aiodns_status){NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND};
  case AIODNS_FAILED:
  case AIODNS_PENDING:
    break;
  }
  return (struct aiodns_status){NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN};
}

struct aiodns_status aiodns_status_too_small(void)
{
  return (struct aiodns_status){NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL};
}

struct aiodns_status aiodns_status_bad_family(void)
{
  return (struct aiodns_status){NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA};
}
