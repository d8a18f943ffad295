/* A hosts file, searched for `host` and for some addresses. */
#include "fuzz.h"
#include "hosts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void by_name(const char *path, int family)
{
  struct aiodns_answer answer[2];
  unsigned first = 2;
  aiodns_answer_init(&answer[0], family == AF_INET6 ? 16 : 4);
  aiodns_answer_init(&answer[1], 16);
  unsigned count = aiodns_hosts_by_name(path, "host", family, answer, &first);
  must(count == (unsigned)(answer[0].address_count + answer[1].address_count));
  must(count == 0 || (first < 2 && answer[first].outcome == AIODNS_ANSWER));
  for (int i = 0; i < 2; i++) {
    must((answer[i].outcome == AIODNS_ANSWER) == (answer[i].address_count > 0));
    must(answer[i].address_count == 0 || aiodns_answer_has_name(&answer[i], "HOST"));
    aiodns_answer_done(&answer[i]);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  char path[64];
  struct aiodns_answer answer;
  int fd = memfd_create("hosts", MFD_CLOEXEC);
  must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  by_name(path, AF_INET);
  by_name(path, AF_INET6);
  by_name(path, AF_UNSPEC);
  for (int v6 = 0; v6 < 2; v6++) {
    aiodns_answer_init(&answer, 0);
    must(!aiodns_hosts_by_address(path, v6 ? AF_INET6 : AF_INET,
                                  v6 ? &in6addr_loopback : (const void *)"\x7f\0\0\1", &answer) ||
         aiodns_answer_canonical(&answer));
    aiodns_answer_done(&answer);
  }
  close(fd);
  return 0;
}
