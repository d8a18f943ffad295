#include "space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS4 "192.0.2.10" /* AI_ADDRCONFIG counts no loopback addresses */
#define ADDRESS6 "2001:db8:ffff::10"

/* <linux/ipv6.h> does not go with <net/if.h>. */
struct in6_request {
  struct in6_addr address;
  uint32_t prefix_len;
  int index;
};

static bool write_line(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0)
    close(fd);
  return done;
}

static bool become_root(void)
{
  char uid[64], gid[64];

  if (geteuid() == 0)
    return true;
  snprintf(uid, sizeof uid, "0 %u 1", geteuid());
  snprintf(gid, sizeof gid, "0 %u 1", getegid());
  return unshare(CLONE_NEWUSER) == 0 && write_line("/proc/self/setgroups", "deny") &&
         write_line("/proc/self/uid_map", uid) && write_line("/proc/self/gid_map", gid);
}

static bool add_address4(int fd)
{
  struct ifreq request = {.ifr_name = "lo:1"};
  struct sockaddr_in in = {.sin_family = AF_INET};

  inet_pton(AF_INET, ADDRESS4, &in.sin_addr);
  memcpy(&request.ifr_addr, &in, sizeof in);
  return ioctl(fd, SIOCSIFADDR, &request) == 0;
}

static bool add_address6(void)
{
  struct in6_request request = {.prefix_len = 128, .index = (int)if_nametoindex("lo")};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return true; /* a machine without IPv6 compares as well */
  inet_pton(AF_INET6, ADDRESS6, &request.address);
  bool done = ioctl(fd, SIOCSIFADDR, &request) == 0;
  close(fd);
  return done;
}

static bool bring_loopback_up(void)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0 && add_address4(fd) && add_address6();

  if (fd >= 0)
    close(fd);
  return done;
}

/*
 * What one lookup has learnt must not answer the next, and nobody's cache is to be read: nothing can be kept
 * where caches are.
 */
static bool cover_caches(void)
{
  static const char *const path[] = {"/run", "/dev/shm"};
  bool done = true;

  for (size_t i = 0; i < sizeof path / sizeof *path; i++)
    done = done && (mount("tmpfs", path[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=0755") == 0 ||
                    errno == ENOENT);
  return done;
}

bool space_enter(void)
{
  /* A host name without a dot: it would give a search list. */
  static const char name[] = "compare";

  if (become_root() && unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS) == 0 &&
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && cover_caches() &&
      sethostname(name, strlen(name)) == 0 && bring_loopback_up())
    return true;
  printf("no namespaces of our own here: %s\n", strerror(errno));
  return false;
}

void space_enter_own_etc(void)
{
  if (unshare(CLONE_NEWNS) == 0 && mount("tmpfs", "/etc", "tmpfs", 0, "mode=0755,size=64m") == 0)
    return;
  perror("compare: /etc");
  exit(1);
}
