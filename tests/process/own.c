/*
 * own LOOKUP...: lookups in a program with network code of its own, whose functions are called as those of
 * the C library, of its resolver or of the module.  ISO C and, without its headers, POSIX leave the names to
 * it; to the module they are none of its business.  A LOOKUP is three arguments: how and name as for ask(),
 * and what glibc then gives.
 *
 * The linker exports them all, as it does what a shared library defines or needs, so that they come before
 * everybody else's.
 */
#include "module.h"

/* By their names in the object file: the headers have other types for them. */
#define DEFINE(name)                                                                                         \
  __attribute__((visibility("default"))) void own_##name(void) __asm__(#name);                               \
  void own_##name(void)                                                                                      \
  {                                                                                                          \
    fail(__FILE__, __LINE__, #name, "the program's own function was called");                                \
  }

/* The resolver's. */
DEFINE(res_send)
DEFINE(res_query)
DEFINE(res_search)
DEFINE(res_nquery)
DEFINE(res_nsend)
DEFINE(res_ninit)
DEFINE(res_nclose)
DEFINE(res_mkquery)
DEFINE(ns_initparse)
DEFINE(ns_parserr)
DEFINE(ns_name_uncompress)
DEFINE(dn_comp)
DEFINE(dn_expand)
DEFINE(dn_skipname)

/* The module's own. */
DEFINE(aiodns_answer_init)
DEFINE(aiodns_conf_from_state)
DEFINE(aiodns_drive)
DEFINE(aiodns_hostent_put)
DEFINE(aiodns_hosts_by_name)
DEFINE(aiodns_lookup_init)
DEFINE(aiodns_lookup_start)
DEFINE(aiodns_message_query)
DEFINE(aiodns_name_from_text)
DEFINE(aiodns_query_start)
DEFINE(aiodns_reply_read)
DEFINE(aiodns_resolve_name)
DEFINE(aiodns_search_next)
DEFINE(aiodns_status_of)
DEFINE(_nss_aiodns_gethostbyname2_r)
DEFINE(_nss_aiodns_gethostbyname3_r)

#ifdef OWN_SYSTEM
/* The C library's, but for those that module.c needs itself. */
DEFINE(socket)
DEFINE(connect)
DEFINE(send)
DEFINE(sendto)
DEFINE(recv)
DEFINE(recvfrom)
DEFINE(poll)
DEFINE(__poll_chk)
DEFINE(getrandom)
DEFINE(gethostname)
DEFINE(open)
DEFINE(open64)
DEFINE(read)
DEFINE(lseek64)
DEFINE(fcntl)
DEFINE(fcntl64)
#endif

int main(int argc, char **argv)
{
  CHECK(argc > 1 && argc % 3 == 1, "%d arguments", argc - 1);
  for (int i = 1; i < argc; i += 3)
    CHECK_ASK(argv[i], argv[i + 1], argv[i + 2]);
  return 0;
}
