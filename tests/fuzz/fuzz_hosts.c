/* A hosts file, searched for `host` and for some addresses. */
#include "fuzz.h"
#include "hosts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* The same twice: read, and then with what was learnt. */
static void by_name(struct aiodns_hosts *hosts, int family)
{
  struct aiodns_answer answer[2];
  unsigned first = 2;
  aiodns_answer_init(&answer[0], family == AF_INET6 ? 16 : 4);
  aiodns_answer_init(&answer[1], 16);
  unsigned count = aiodns_hosts_by_name(hosts, "host", family, answer, &first, &(uint64_t){0});
  must(count == (unsigned)(answer[0].address_count + answer[1].address_count));
  must(count == 0 || (first < 2 && answer[first].outcome == AIODNS_ANSWER));
  must(count == 0 || aiodns_filter_ask(&hosts->filter, hosts->path, aiodns_filter_hash_name("Host", 4),
                                       &(uint64_t){0}) != AIODNS_FILTER_LACKS);
  for (int i = 0; i < 2; i++) {
    must((answer[i].outcome == AIODNS_ANSWER) == (answer[i].address_count > 0));
    must(answer[i].address_count == 0 || aiodns_answer_has_name(&answer[i], "HOST"));
    aiodns_answer_done(&answer[i]);
  }
}

static void by_address(struct aiodns_hosts *hosts, int family, const void *address, size_t len)
{
  struct aiodns_answer answer;
  aiodns_answer_init(&answer, 0);
  bool found = aiodns_hosts_by_address(hosts, family, address, &answer, &(uint64_t){0});
  must(!found || aiodns_answer_canonical(&answer));
  must(!found || aiodns_filter_ask(&hosts->filter, hosts->path, aiodns_filter_hash_address(address, len),
                                   &(uint64_t){0}) != AIODNS_FILTER_LACKS);
  aiodns_answer_done(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static struct aiodns_hosts hosts;
  char path[64];
  int fd = memfd_create("hosts", MFD_CLOEXEC);
  must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  hosts = (struct aiodns_hosts)AIODNS_HOSTS_AT(path);
  hosts.filter.settle_ns = INT64_MIN / 2; /* nobody changes it */
  for (int twice = 0; twice < 2; twice++) {
    by_name(&hosts, AF_INET);
    by_name(&hosts, AF_INET6);
    by_name(&hosts, AF_UNSPEC);
    by_address(&hosts, AF_INET6, &in6addr_loopback, 16);
    by_address(&hosts, AF_INET, "\x7f\0\0\1", 4);
  }
  close(fd);
  return 0;
}
