#include "mounts.h"

#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COVERED_MAX = 16, PATH_ROOM = 64 };

static char covered[COVERED_MAX][PATH_ROOM];
static unsigned count;

static bool cannot(const char *what)
{
  printf("skipped: %s: %s\n", what, strerror(errno));
  return false;
}

bool mounts_begin(void)
{
  struct stat root, run, shared;

  if (geteuid() != 0) {
    puts("skipped: only root has mounts of its own on /run");
    return false;
  }
  if (stat("/", &root) != 0 || stat("/run", &run) != 0 || stat("/dev/shm", &shared) != 0)
    return cannot("no /run or /dev/shm here");
  if (root.st_uid != 0) {
    puts("skipped: / is not root's, as in a user namespace");
    return false;
  }
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return cannot("no mount namespace of our own");
  if (mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0)
    return cannot("no mounts in it");
  umount("/run");
  return true;
}

void mounts_cover(const char *folder, const char *kind, const char *options)
{
  assert_true(count < COVERED_MAX);
  assert_int_equal(mount(kind, folder, kind, 0, options), 0);
  snprintf(covered[count++], PATH_ROOM, "%s", folder);
}

void mounts_fresh(void)
{
  while (count > 0)
    assert_int_equal(umount2(covered[--count], MNT_DETACH), 0);
  mounts_cover("/run", "tmpfs", "mode=0755,size=64m");
  mounts_cover("/dev/shm", "tmpfs", "mode=1777,size=64m");
}

int mounts_as_user(uint32_t uid, int (*body)(void))
{
  int status;
  pid_t child = fork();

  assert_true(child >= 0);
  if (child == 0) {
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
      _exit(255);
    _exit(body());
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}
