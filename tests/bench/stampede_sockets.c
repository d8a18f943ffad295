#include "stampede_sockets.h"

#include "loss_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  DNS_PORT = 53,
  PORTS = 65536,
  ASKING_MAX = 4096, /* more would be 4 for each thread */
};

/*
 * Whose port it is, and since when at the earliest: a port is used again, and what the server has had from it
 * before was another socket's.  That one was open until its reply came, in a sample of its own.
 */
static struct {
  uint64_t inode;
  int64_t since_us;
} owner[PORTS];

void stampede_sockets_begin(struct stampede_sockets *sockets)
{
  memset(owner, 0, sizeof owner);
  *sockets = (struct stampede_sockets){.last_us = bench_now_ns() / 1000};
}

/* The inodes of those that have asked. */
static unsigned read_asking(const struct stampede_sockets *sockets, uint64_t ret[ASKING_MAX])
{
  char line[256];
  unsigned port, peer, count = 0;
  uint64_t inode;
  FILE *udp = fopen("/proc/net/udp", "re");

  while (udp && count < ASKING_MAX && fgets(line, sizeof line, udp)) {
    if (sscanf(line, "%*u: %*x:%x %*x:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64, &port, &peer, &inode) !=
            3 ||
        peer != DNS_PORT || port >= PORTS)
      continue;
    if (owner[port].inode != inode) {
      owner[port].inode = inode;
      owner[port].since_us = sockets->last_us;
    }
    if (loss_server_port_us((uint16_t)port) >= owner[port].since_us)
      ret[count++] = inode;
  }
  if (udp)
    (void)fclose(udp);
  return count;
}

static int compare(const void *left, const void *right)
{
  uint64_t a, b;

  memcpy(&a, left, sizeof a);
  memcpy(&b, right, sizeof b);
  return (a > b) - (a < b);
}

/* How many of them, in order, the process has open. */
static unsigned count_of(pid_t pid, const uint64_t inodes[], unsigned inode_count)
{
  char path[64], link[64];
  unsigned count = 0;
  uint64_t inode;

  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *folder = opendir(path);
  for (const struct dirent *entry; folder && (entry = readdir(folder));) {
    ssize_t len = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
    if (len < 0)
      continue;
    link[len] = '\0';
    if (sscanf(link, "socket:[%" SCNu64, &inode) == 1)
      count += bsearch(&inode, inodes, inode_count, sizeof inode, compare) != NULL;
  }
  if (folder)
    closedir(folder);
  return count;
}

void stampede_sockets_look(struct stampede_sockets *sockets, const struct stampede_run *run)
{
  uint64_t inodes[ASKING_MAX];
  int64_t now_us = bench_now_ns() / 1000;

  unsigned count = read_asking(sockets, inodes);
  sockets->last_us = now_us;
  if (count > sockets->most)
    sockets->most = count;
  qsort(inodes, count, sizeof inodes[0], compare);
  for (unsigned i = 0; i < run->size.processes && count > sockets->most_of_one; i++) {
    unsigned of_one = count_of(run->pid[i], inodes, count);
    if (of_one > sockets->most_of_one)
      sockets->most_of_one = of_one;
  }
}
