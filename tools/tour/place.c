#include "place.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * In the private mount namespace a folder in memory covers /sys: that is everywhere, and nobody's checkout is
 * in it.  The new /etc is made in there, of links to all that the real one has, so that it does not matter
 * whether the real hosts and resolv.conf exist, or are links to somewhere.
 */
#define COVERED "/sys"
#define OLD_ETC COVERED "/etc.old"
#define NEW_ETC COVERED "/etc"

/* Besides loopback's, since AI_ADDRCONFIG does not count those. */
#define ADDRESS_IPV4 "192.0.2.1"
#define ADDRESS_IPV6 "2001:db8::1"

/* As in <linux/ipv6.h>, which does not go together with <netinet/in.h> everywhere. */
struct ipv6_request {
  struct in6_addr address;
  uint32_t prefix_len;
  int index;
};

static bool failed(const char *what)
{
  fprintf(stderr, "%s: cannot %s: %s\n", program_invocation_short_name, what, strerror(errno));
  return false;
}

static bool raise_loopback(int fd)
{
  struct ifreq request = {.ifr_name = "lo"};

  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
    return false;
  request.ifr_flags |= IFF_UP;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

static bool add_ipv4(int fd)
{
  struct ifreq request = {.ifr_name = "lo:1"}; /* a label: the kernel adds it beside 127.0.0.1 */
  struct sockaddr_in address = {.sin_family = AF_INET};

  if (inet_pton(AF_INET, ADDRESS_IPV4, &address.sin_addr) != 1)
    return false;
  memcpy(&request.ifr_addr, &address, sizeof address);
  return ioctl(fd, SIOCSIFADDR, &request) == 0;
}

/* A kernel without IPv6 can take the tour as well: names still have IPv6 addresses. */
static void add_ipv6(void)
{
  struct ipv6_request request = {.prefix_len = 64, .index = (int)if_nametoindex("lo")};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return;
  if (inet_pton(AF_INET6, ADDRESS_IPV6, &request.address) == 1)
    (void)ioctl(fd, SIOCSIFADDR, &request);
  close(fd);
}

static bool make_network(void)
{
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return failed("open a socket");
  bool done = raise_loopback(fd) && add_ipv4(fd);
  if (!done)
    failed("set up the loopback interface");
  close(fd);
  add_ipv6();
  return done;
}

static bool write_file(const char *path, const char *text)
{
  size_t len = strlen(text);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

  if (fd < 0)
    return failed(path);
  bool done = write(fd, text, len) == (ssize_t)len;
  if (!done)
    failed(path);
  close(fd);
  return done;
}

/* One entry of /etc, where it stands now; links are followed, since relative ones would mean something else
 * there. */
static bool link_entry(int etc, const char *name)
{
  char path[PATH_MAX], real[PATH_MAX], from[PATH_MAX];
  struct stat st;

  if (snprintf(path, sizeof path, "/etc/%s", name) >= (int)sizeof path ||
      snprintf(real, sizeof real, "%s/%s", OLD_ETC, name) >= (int)sizeof real ||
      snprintf(from, sizeof from, "%s/%s", NEW_ETC, name) >= (int)sizeof from ||
      fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return true; /* too long, or gone by now */
  if (S_ISLNK(st.st_mode) && !realpath(path, real))
    return true; /* leads nowhere */
  return symlink(real, from) == 0;
}

static bool link_entries(void)
{
  DIR *etc = opendir("/etc");
  bool done = true;

  if (!etc)
    return false;
  for (const struct dirent *entry; done && (entry = readdir(etc));) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "hosts") != 0 &&
        strcmp(name, "resolv.conf") != 0)
      done = link_entry(dirfd(etc), name);
  }
  int error = errno;
  closedir(etc);
  errno = error;
  return done;
}

static bool make_etc(const char *hosts, const char *resolv_conf)
{
  if (mount("aiodns", COVERED, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") != 0)
    return failed("mount a folder in memory over " COVERED);
  if (mkdir(OLD_ETC, 0755) != 0 || mkdir(NEW_ETC, 0755) != 0 ||
      mount("/etc", OLD_ETC, "none", MS_BIND | MS_REC, NULL) != 0 || !link_entries())
    return failed("make a private /etc");
  if (!write_file(NEW_ETC "/hosts", hosts) || !write_file(NEW_ETC "/resolv.conf", resolv_conf))
    return false;
  if (mount(NEW_ETC, "/etc", "none", MS_BIND, NULL) != 0)
    return failed("mount a private /etc");
  return true;
}

/* An ordinary user may make namespaces in a user namespace only; it keeps its id in there. */
static bool enter_user_namespace(void)
{
  char map[64];
  unsigned uid = geteuid(), gid = getegid();

  if (unshare(CLONE_NEWUSER) != 0)
    return failed("make a user namespace");
  snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
  if (!write_file("/proc/self/uid_map", map) || !write_file("/proc/self/setgroups", "deny"))
    return false;
  snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
  return write_file("/proc/self/gid_map", map);
}

/* nscd would answer before any service is asked. */
static bool cover_nscd(void)
{
  if (access("/run/nscd", F_OK) == 0 && mount("aiodns", "/run/nscd", "tmpfs", 0, "mode=0755") != 0)
    return failed("cover nscd");
  return true;
}

bool tour_place_enter(const char *hosts, const char *resolv_conf)
{
  umask(022);
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 &&
      (errno != EPERM || !enter_user_namespace() || unshare(CLONE_NEWNS | CLONE_NEWNET) != 0))
    return failed("make a network of its own");
  /* Until this is done mounts would show up on the machine itself. */
  if (mount("none", "/", "none", MS_PRIVATE | MS_REC, NULL) != 0)
    return failed("make its mounts private");
  return make_network() && make_etc(hosts, resolv_conf) && cover_nscd();
}

static bool cover(const char *path, unsigned long flags, const char *mode)
{
  if (mount("aiodns", path, "tmpfs", MS_NOSUID | MS_NODEV | flags, mode) != 0 && errno != ENOENT)
    return failed(path);
  return true;
}

bool tour_place_cover(bool writable)
{
  unsigned long flags = writable ? 0 : MS_RDONLY;

  return cover("/run", flags, "mode=0755") && cover("/dev/shm", flags, "mode=1777");
}

bool tour_place_write(const char *name, const char *text)
{
  char path[PATH_MAX];

  if (snprintf(path, sizeof path, "/etc/%s", name) >= (int)sizeof path)
    return false;
  if (unlink(path) != 0 && errno != ENOENT) /* it may be a link to the machine's own file */
    return failed(path);
  return write_file(path, text);
}
