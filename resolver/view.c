#include "view.h"

#include "kernel.h"

#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

static uint64_t mix_octets(uint64_t hash, const void *data, size_t len)
{
  const uint8_t *octet = data;
  uint64_t word;

  for (; len >= sizeof word; octet += sizeof word, len -= sizeof word) {
    memcpy(&word, octet, sizeof word);
    hash = mix(hash, word);
  }
  if (len > 0) {
    word = 0;
    memcpy(&word, octet, len);
    hash = mix(hash, word);
  }
  return hash;
}

static uint64_t not_0(uint64_t hash)
{
  return hash ? hash : 1;
}

static uint64_t mix_server(uint64_t hash, const struct aiodns_server *server)
{
  if (server->address.any.sa_family == AF_INET)
    return mix(hash, (uint64_t)server->address.in.sin_addr.s_addr << 32 | server->address.in.sin_port);
  const struct sockaddr_in6 *in6 = &server->address.in6;
  hash = mix_octets(hash, &in6->sin6_addr, sizeof in6->sin6_addr);
  return mix(hash, (uint64_t)in6->sin6_scope_id << 32 | 1u << 16 | in6->sin6_port);
}

uint64_t aiodns_view_of_conf(const struct aiodns_conf *conf)
{
  uint64_t hash = mix(conf->server_count, (unsigned)conf->no_aaaa | (unsigned)conf->trust_ad << 1 |
                                              (unsigned)conf->recursion_desired << 2 |
                                              (unsigned)conf->ignore_truncation << 3);

  for (unsigned i = 0; i < conf->server_count; i++)
    hash = mix_server(hash, &conf->server[i]);
  return not_0(hash);
}

/* By an inode number, which is used again when its namespace is gone. */
static bool old_namespace(uint64_t *ret)
{
  struct aiodns_kernel_file file;

  if (aiodns_kernel_stat(AT_FDCWD, "/proc/thread-self/ns/net", &file) != 0)
    return false;
  *ret = file.inode;
  return true;
}

/* An address without the port: that is another one each time. */
uint64_t aiodns_view_origin(int fd)
{
  struct aiodns_server from = {0};
  uint64_t namespace;

  from.address_len = sizeof from.address;
  if ((aiodns_kernel_namespace_of(fd, &namespace) != 0 && !old_namespace(&namespace)) ||
      aiodns_kernel_socket_name(fd, &from.address.any, &from.address_len) != 0)
    return 0;
  if (from.address.any.sa_family == AF_INET)
    from.address.in.sin_port = 0;
  else
    from.address.in6.sin6_port = 0;
  return not_0(mix_server(mix(0, namespace), &from));
}

/* Of a server that nothing can be sent to, the namespace alone. */
static uint64_t namespace_alone(int fd)
{
  uint64_t namespace;
  return aiodns_kernel_namespace_of(fd, &namespace) == 0 || old_namespace(&namespace) ? namespace : 0;
}

bool aiodns_view_look(struct aiodns_view *ret, const struct aiodns_conf *conf, uint64_t conf_key)
{
  uint64_t key = conf_key;

  for (unsigned i = 0; i < conf->server_count; i++) {
    const struct aiodns_server *server = &conf->server[i];
    int fd = aiodns_kernel_above_standard(
        aiodns_kernel_socket(server->address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC));
    ret->origin[i] = 0;
    if (fd < 0 && errno != EAFNOSUPPORT) /* a kernel without IPv6 reaches no IPv6 server */
      return false;
    if (fd < 0)
      continue;
    bool reached = aiodns_kernel_connect(fd, &server->address.any, server->address_len) == 0;
    uint64_t seen = reached ? aiodns_view_origin(fd) : namespace_alone(fd);
    aiodns_kernel_close(fd);
    if (seen == 0)
      return false;
    ret->origin[i] = reached ? seen : 0;
    key = mix(key, seen);
  }
  ret->key = not_0(key);
  return true;
}
