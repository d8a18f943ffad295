#include "hosts_place.h"

#include "filestate.h"
#include "hosts_server.h"
#include "space.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_US = 2000, FOLDER_ROOM = 64, PATH_ROOM = 128 };

static int64_t written_ns; /* the last one */

static void check(bool well, const char *what)
{
  if (well)
    return;
  fprintf(stderr, "compare: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void write_file(const char *path, const char *text, size_t len)
{
  FILE *file = fopen(path, "we");

  check(file && fwrite(text, 1, len, file) == len, path);
  check(fclose(file) == 0, path);
}

static void make_folder(const char *path)
{
  check(mkdir(path, 0755) == 0 || errno == EEXIST, path);
}

void hosts_place_make(bool shared, bool split)
{
  static const char host_conf[] = "multi on\n", resolv_conf[] = "nameserver " HOSTS_SERVER "\n",
                    aiodns_conf[] = "hosts-file /etc/view/now/more/*.hosts\n";
  static const char *const folders[] = {"/etc/view", "/etc/ours", "/etc/theirs", "/etc/case"};

  space_enter_own_etc();
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    make_folder(folders[i]);
  write_file("/etc/host.conf", host_conf, sizeof host_conf - 1);
  write_file("/etc/resolv.conf", resolv_conf, sizeof resolv_conf - 1);
  if (split)
    write_file("/etc/aiodns.conf", aiodns_conf, sizeof aiodns_conf - 1);
  check(symlink("/etc/view/now/hosts", "/etc/hosts") == 0, "/etc/hosts");
  if (shared)
    check(mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") == 0, "/run");
}

static void clear(const char *folder)
{
  char pattern[PATH_ROOM];
  glob_t found = {0};

  snprintf(pattern, sizeof pattern, "%s/*", folder);
  if (glob(pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++)
      check(unlink(found.gl_pathv[i]) == 0, found.gl_pathv[i]);
  globfree(&found);
}

/* Behind a newline, or the end. */
static size_t cut(const char *text, size_t len, size_t about)
{
  const char *newline = memchr(text + about, '\n', len - about);

  return newline ? (size_t)(newline - text) + 1 : len;
}

static void write_ours(const char *folder, const char *text, size_t len, unsigned pieces)
{
  char path[PATH_ROOM];
  size_t begin = 0;

  for (unsigned i = 0; i < pieces; i++) {
    size_t about = len / pieces * (i + 1);
    size_t end = i + 1 == pieces ? len : cut(text, len, about < begin ? begin : about);
    if (i == 0)
      snprintf(path, sizeof path, "%s/hosts", folder);
    else
      snprintf(path, sizeof path, "%s/more/%u.hosts", folder, i);
    write_file(path, text + begin, end - begin);
    begin = end;
  }
}

static void path_of(unsigned number, const char *what, char buf[FOLDER_ROOM])
{
  snprintf(buf, FOLDER_ROOM, "/etc/case/%u%s", number, what);
}

void hosts_place_write_theirs(unsigned number, const char *text, size_t len)
{
  char path[FOLDER_ROOM];

  path_of(number, "", path);
  make_folder(path);
  path_of(number, "/theirs", path);
  make_folder(path);
  path_of(number, "/theirs/hosts", path);
  write_file(path, text, len);
}

void hosts_place_write(unsigned number, const char *text, size_t len, unsigned pieces)
{
  char path[FOLDER_ROOM];
  struct timespec now;

  hosts_place_write_theirs(number, text, len);
  path_of(number, "/ours", path);
  make_folder(path);
  path_of(number, "/ours/more", path);
  make_folder(path);
  clear(path);
  path_of(number, "/ours", path);
  write_ours(path, text, len, pieces);
  clock_gettime(CLOCK_REALTIME, &now); /* later than the file's own time, which is of the last tick */
  written_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void hosts_place_settle(void)
{
  struct timespec now;

  for (;;) {
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - written_ns >= AIODNS_FILESTATE_SETTLE_NS)
      return;
    usleep(PAUSE_US);
  }
}

static void lead(const char *from, unsigned number, const char *what)
{
  char path[FOLDER_ROOM];
  const char *new = "/etc/new";

  path_of(number, what, path);
  (void)unlink(new);
  check(symlink(path, new) == 0 && rename(new, from) == 0, from);
}

void hosts_place_show(unsigned number)
{
  lead("/etc/ours/now", number, "/ours");
  lead("/etc/theirs/now", number, "/theirs");
}
