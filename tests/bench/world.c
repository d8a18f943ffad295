#include "world.h"

#include "place.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

static const char *entered;

static bool write_numbered(const struct bench_world *world, const char *name, const char *text)
{
  char numbered[32];

  snprintf(numbered, sizeof numbered, "%s.%u", name, world->number);
  return !text || tour_place_write(numbered, text);
}

static bool mount_numbered(const struct bench_world *world, const char *name, const char *text)
{
  char from[PATH_MAX], to[PATH_MAX];

  snprintf(from, sizeof from, "/etc/%s.%u", name, world->number);
  snprintf(to, sizeof to, "/etc/%s", name);
  return !text || mount(from, to, "none", MS_BIND, NULL) == 0;
}

bool bench_world_write(const struct bench_world *world)
{
  char text[256];

  snprintf(text, sizeof text, "passwd: files\ngroup: files\nservices: files\nhosts: %s\n", world->hosts);
  return write_numbered(world, "nsswitch.conf", text) && write_numbered(world, "hosts", world->etc_hosts) &&
         write_numbered(world, "resolv.conf", world->resolv_conf);
}

bool bench_world_enter(const struct bench_world *world)
{
  entered = world->hosts;
  return unshare(CLONE_NEWNS) == 0 && mount_numbered(world, "nsswitch.conf", world->hosts) &&
         mount_numbered(world, "hosts", world->etc_hosts) &&
         mount_numbered(world, "resolv.conf", world->resolv_conf) &&
         (!world->cache || tour_place_cover(true));
}

const char *bench_world_hosts(void)
{
  return entered;
}
