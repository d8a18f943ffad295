#include "mounts.h"
#include "unit.h"

#include "kernel.h"
#include "tier.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  USER = 12345,
  OTHER = 12346,
  STRANGER = 65534, /* the overflow uid */
  SMALL_SETS = 16,
  LARGE_SETS = 2,
  LATER_S = 60,
};

#define HOST_FOLDER   "/run/aiodns"
#define HOST_CACHE    "/run/aiodns/cache.1"
#define HOST_CLAIMS   "/run/aiodns/claims.1"
#define HOST_COUNTERS "/run/aiodns/counters.1"
#define SHARED_CACHE  "/dev/shm/aiodns.0.1"
#define USERS_HOME    "/run/user/12345"
#define USERS_FOLDER  "/run/user/12345/aiodns"
#define USERS_SHARED  "/dev/shm/aiodns.12345.1"

static struct aiodns_tier tier;
static struct aiodns_tier_id id;
static struct aiodns_tier_map map;
static uint64_t size;
static int fd;

/* Seconds by which CLOCK_REALTIME is ahead, as the code under test sees it. */
static time_t ahead_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
  int result = __real_clock_gettime(clock, ret);
  if (clock == CLOCK_REALTIME)
    ret->tv_sec += ahead_s;
  return result;
}

static int setup(void **state)
{
  (void)state;
  umask(022);
  ahead_s = 0;
  mounts_fresh();
  return 0;
}

/* Exactly this mode. */
static void folder(const char *path, uint32_t owner, unsigned mode)
{
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(chown(path, owner, owner), 0);
  assert_int_equal(chmod(path, mode), 0);
}

static void file(const char *path, uint32_t owner, unsigned mode, const void *data, size_t len)
{
  int made = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(made >= 0);
  assert_int_equal(write(made, data, len), len);
  assert_int_equal(fchown(made, owner, owner), 0);
  assert_int_equal(fchmod(made, mode), 0);
  close(made);
}

static struct stat stat_of(const char *path)
{
  struct stat st;
  assert_int_equal(lstat(path, &st), 0);
  return st;
}

static enum aiodns_tier_verdict find(enum aiodns_tier_kind kind, bool make)
{
  return aiodns_tier_find(&tier, kind, kind == AIODNS_TIER_USER ? USER : 0, make);
}

static enum aiodns_tier_verdict open_file(enum aiodns_tier_file which)
{
  enum aiodns_tier_verdict verdict = aiodns_tier_open(&tier, which, O_RDONLY, &fd, &id, &size);
  if (verdict == AIODNS_TIER_GOOD)
    close(fd);
  return verdict;
}

/* The host tier with its folder, and no file yet. */
static void with_folder(void)
{
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_GOOD);
}

static void with_cache(void)
{
  with_folder();
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
}

/* ---- Folders ---- */

static void folder_of_the_host_is_made_when_wanted(void **state)
{
  (void)state;
  assert_int_equal(find(AIODNS_TIER_HOST, false), AIODNS_TIER_NO_FOLDER);
  assert_string_equal(tier.folder, HOST_FOLDER);
  umask(0777);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_GOOD);
  assert_int_equal(stat_of(HOST_FOLDER).st_mode, S_IFDIR | 0755);
  assert_int_equal(find(AIODNS_TIER_HOST, false), AIODNS_TIER_GOOD);
  assert_false(tier.shared_folder);
}

static void what_is_wrong_with_the_hosts_folder_is_told(void **state)
{
  (void)state;
  file(HOST_FOLDER, 0, 0644, "", 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_KIND);
  unlink(HOST_FOLDER);
  folder("/run/elsewhere", 0, 0755);
  assert_int_equal(symlink("/run/elsewhere", HOST_FOLDER), 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_KIND);
  unlink(HOST_FOLDER);
  folder(HOST_FOLDER, USER, 0755);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_OWNER);
  assert_int_equal(chown(HOST_FOLDER, 0, 0), 0);
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(chmod(HOST_FOLDER, i ? 0775 : 01757), 0);
    assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_WRITABLE);
  }
  assert_int_equal(chmod(HOST_FOLDER, 0700), 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_GOOD);
}

static void what_is_wrong_with_run_is_told(void **state)
{
  (void)state;
  folder(HOST_FOLDER, 0, 0755);
  assert_int_equal(chmod("/run", 01777), 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_WRITABLE);
  assert_int_equal(chmod("/run", 0755), 0);
  assert_int_equal(chown("/run", USER, 0), 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_OWNER);
}

static void where_run_is_no_tmpfs_the_host_has_files_in_dev_shm(void **state)
{
  (void)state;
  mounts_cover("/run", "ramfs", "mode=0755");
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_GOOD);
  assert_true(tier.shared_folder);
  assert_string_equal(tier.folder, "/dev/shm");
  assert_int_equal(access(HOST_FOLDER, F_OK), -1);
}

static void what_is_wrong_with_dev_shm_is_told(void **state)
{
  (void)state;
  mounts_cover("/run", "ramfs", "mode=0755");
  assert_int_equal(chmod("/dev/shm", 0777), 0); /* anybody could rename what is root's */
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_WRITABLE);
  assert_int_equal(chmod("/dev/shm", 01777), 0);
  assert_int_equal(chown("/dev/shm", USER, 0), 0);
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_FOLDER_OWNER);
  mounts_cover("/dev/shm", "ramfs", "mode=1777");
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_NOT_TMPFS);
}

static int find_as_user(void)
{
  enum aiodns_tier_verdict verdict = find(AIODNS_TIER_USER, true);
  return (int)verdict | (tier.shared_folder ? 128 : 0);
}

static void users_folder_is_made_by_the_user(void **state)
{
  (void)state;
  folder("/run/user", 0, 0755);
  folder(USERS_HOME, USER, 0700);
  umask(0377);
  assert_int_equal(mounts_as_user(USER, find_as_user), AIODNS_TIER_GOOD);
  assert_int_equal(stat_of(USERS_FOLDER).st_mode, S_IFDIR | 0700);
  assert_int_equal(stat_of(USERS_FOLDER).st_uid, USER);
  assert_int_equal(find(AIODNS_TIER_USER, false), AIODNS_TIER_GOOD);
  assert_string_equal(tier.folder, USERS_FOLDER);
  assert_int_equal(tier.uid, USER);
}

static void what_is_wrong_with_the_users_folder_is_told(void **state)
{
  (void)state;
  folder("/run/user", 0, 0755);
  folder(USERS_HOME, USER, 0700);
  folder(USERS_FOLDER, OTHER, 0700);
  assert_int_equal(find(AIODNS_TIER_USER, true), AIODNS_TIER_FOLDER_OWNER);
  assert_int_equal(chown(USERS_FOLDER, USER, USER), 0);
  assert_int_equal(chmod(USERS_FOLDER, 0720), 0);
  assert_int_equal(find(AIODNS_TIER_USER, true), AIODNS_TIER_FOLDER_WRITABLE);
  assert_int_equal(rmdir(USERS_FOLDER), 0);
  assert_int_equal(symlink("/run", USERS_FOLDER), 0);
  assert_int_equal(find(AIODNS_TIER_USER, true), AIODNS_TIER_FOLDER_KIND);
}

/* A folder of the user that is not the user's own counts as none. */
static void user_without_a_home_in_run_has_files_in_dev_shm(void **state)
{
  (void)state;
  enum { SHARED = AIODNS_TIER_GOOD | 128 };
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
  folder("/run/user", 0, 0755);
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
  folder(USERS_HOME, OTHER, 0755);
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
  assert_int_equal(chown(USERS_HOME, USER, USER), 0);
  assert_int_equal(chmod(USERS_HOME, 0777), 0);
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
  assert_int_equal(rmdir(USERS_HOME), 0);
  assert_int_equal(symlink("/run", USERS_HOME), 0);
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
  unlink(USERS_HOME);
  folder(USERS_HOME, USER, 0700);
  mounts_cover(USERS_HOME, "ramfs", "mode=0700");
  assert_int_equal(chown(USERS_HOME, USER, USER), 0);
  assert_int_equal(mounts_as_user(USER, find_as_user), SHARED);
}

static void every_file_has_its_name(void **state)
{
  (void)state;
  static const struct {
    struct aiodns_tier tier;
    const char *cache, *claims, *counters;
  } rows[] = {
      {{AIODNS_TIER_HOST, 0, false, HOST_FOLDER}, HOST_CACHE, HOST_CLAIMS, HOST_COUNTERS},
      {{AIODNS_TIER_HOST, 0, true, "/dev/shm"},
       SHARED_CACHE,
       "/dev/shm/aiodns.0.claims.1",
       "/dev/shm/aiodns.0.counters.1"},
      {{AIODNS_TIER_USER, USER, false, USERS_FOLDER},
       USERS_FOLDER "/cache.1",
       USERS_FOLDER "/claims.1",
       USERS_FOLDER "/counters.1"},
      {{AIODNS_TIER_USER, UINT32_MAX - 1, true, "/dev/shm"},
       "/dev/shm/aiodns.4294967294.1",
       "/dev/shm/aiodns.4294967294.claims.1",
       "/dev/shm/aiodns.4294967294.counters.1"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char path[AIODNS_TIER_PATH_MAX];
    aiodns_tier_path(&rows[i].tier, AIODNS_TIER_CACHE, path);
    assert_string_equal(path, rows[i].cache);
    aiodns_tier_path(&rows[i].tier, AIODNS_TIER_CLAIMS, path);
    assert_string_equal(path, rows[i].claims);
    aiodns_tier_path(&rows[i].tier, AIODNS_TIER_COUNTERS, path);
    assert_string_equal(path, rows[i].counters);
  }
}

/* ---- Files ---- */

static void what_is_no_file_is_not_opened(void **state)
{
  (void)state;
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = HOST_CACHE};
  with_folder();
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_NO_FILE);
  assert_int_equal(mkfifo(HOST_CACHE, 0644), 0); /* without a writer: opening it must not wait */
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_KIND);
  unlink(HOST_CACHE);
  assert_int_equal(mkdir(HOST_CACHE, 0644), 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_KIND);
  assert_int_equal(aiodns_tier_open(&tier, AIODNS_TIER_CACHE, O_RDWR, &fd, &id, &size),
                   AIODNS_TIER_FILE_KIND);
  rmdir(HOST_CACHE);
  file("/run/other", 0, 0644, "", 0);
  assert_int_equal(symlink("/run/other", HOST_CACHE), 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_KIND);
  unlink(HOST_CACHE);
  int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(bound, (struct sockaddr *)&name, sizeof name), 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_KIND);
  close(bound);
  unlink(HOST_CACHE);
  if (mknod(HOST_CACHE, S_IFCHR | 0644, makedev(1, 3)) == 0) /* /dev/null */
    assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_KIND);
}

/* Whether it is good depends on whose it is, its mode and where it is. */
static void only_the_right_owner_and_mode_are_good(void **state)
{
  (void)state;
  static const struct {
    const char *path;
    enum aiodns_tier_kind kind;
    enum aiodns_tier_file file;
    uint32_t owner;
    unsigned mode;
    enum aiodns_tier_verdict verdict;
  } rows[] = {
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, 0, 0644, AIODNS_TIER_GOOD},
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, 0, 0600, AIODNS_TIER_GOOD},     /* private */
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, OTHER, 0644, AIODNS_TIER_GOOD}, /* a daemon's */
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, STRANGER, 0644, AIODNS_TIER_FILE_OWNER},
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, 0, 0666, AIODNS_TIER_FILE_MODE},
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, 0, 0640, AIODNS_TIER_FILE_MODE},
      {HOST_CACHE, AIODNS_TIER_HOST, AIODNS_TIER_CACHE, 0, 04644, AIODNS_TIER_FILE_MODE},
      {HOST_CLAIMS, AIODNS_TIER_HOST, AIODNS_TIER_CLAIMS, 0, 0600, AIODNS_TIER_GOOD},
      {HOST_CLAIMS, AIODNS_TIER_HOST, AIODNS_TIER_CLAIMS, 0, 0644, AIODNS_TIER_FILE_MODE},
      {HOST_CLAIMS, AIODNS_TIER_HOST, AIODNS_TIER_CLAIMS, OTHER, 0600, AIODNS_TIER_FILE_OWNER},
      {HOST_COUNTERS, AIODNS_TIER_HOST, AIODNS_TIER_COUNTERS, 0, 0644, AIODNS_TIER_GOOD},
      {HOST_COUNTERS, AIODNS_TIER_HOST, AIODNS_TIER_COUNTERS, OTHER, 0644, AIODNS_TIER_FILE_OWNER},
      {USERS_SHARED, AIODNS_TIER_USER, AIODNS_TIER_CACHE, USER, 0600, AIODNS_TIER_GOOD},
      {USERS_SHARED, AIODNS_TIER_USER, AIODNS_TIER_CACHE, USER, 0644, AIODNS_TIER_FILE_MODE},
      {USERS_SHARED, AIODNS_TIER_USER, AIODNS_TIER_CACHE, USER, 0400, AIODNS_TIER_FILE_MODE},
      {USERS_SHARED, AIODNS_TIER_USER, AIODNS_TIER_CACHE, OTHER, 0600, AIODNS_TIER_FILE_OWNER},
      {USERS_SHARED, AIODNS_TIER_USER, AIODNS_TIER_CACHE, 0, 0600, AIODNS_TIER_FILE_OWNER},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    mounts_fresh();
    assert_int_equal(find(rows[i].kind, true), AIODNS_TIER_GOOD);
    file(rows[i].path, rows[i].owner, rows[i].mode, "", 0);
    if (open_file(rows[i].file) != rows[i].verdict)
      fail_msg("%s of %u, mode %o: verdict %d", rows[i].path, rows[i].owner, rows[i].mode,
               open_file(rows[i].file));
  }
}

static void host_cache_in_dev_shm_is_roots_alone(void **state)
{
  (void)state;
  mounts_cover("/run", "ramfs", "mode=0755");
  assert_int_equal(find(AIODNS_TIER_HOST, true), AIODNS_TIER_GOOD);
  file(SHARED_CACHE, OTHER, 0644, "", 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_OWNER);
  assert_int_equal(chown(SHARED_CACHE, 0, 0), 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_GOOD);
}

static void file_with_two_names_is_refused(void **state)
{
  (void)state;
  with_cache();
  assert_int_equal(link(HOST_CACHE, "/run/other"), 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_FILE_LINKS);
  unlink("/run/other");
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_GOOD);
}

static void file_on_a_disk_is_refused(void **state)
{
  (void)state;
  with_folder();
  mounts_cover(HOST_FOLDER, "ramfs", "mode=0755");
  file(HOST_CACHE, 0, 0644, "", 0);
  assert_int_equal(open_file(AIODNS_TIER_CACHE), AIODNS_TIER_NOT_TMPFS);
}

static void descriptors_stand_above_the_standard_streams(void **state)
{
  (void)state;
  int saved[3];
  enum aiodns_tier_verdict verdict[2];
  int got[2] = {-1, -1};
  with_cache();
  fflush(stdout);
  for (int i = 0; i < 3; i++) {
    saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    close(i);
  }
  verdict[0] = aiodns_tier_open(&tier, AIODNS_TIER_CACHE, O_RDWR, &got[0], &id, &size);
  verdict[1] = aiodns_tier_open_or_make(&tier, AIODNS_TIER_CLAIMS, 0, &got[1], &id);
  for (int i = 0; i < 3; i++)
    if (saved[i] >= 0) {
      dup2(saved[i], i);
      close(saved[i]);
    }
  for (int i = 0; i < 2; i++) {
    assert_int_equal(verdict[i], AIODNS_TIER_GOOD);
    assert_true(got[i] > STDERR_FILENO);
    assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
    close(got[i]);
  }
}

/* ---- The cache ---- */

static void new_cache_is_whole_and_allocated(void **state)
{
  (void)state;
  umask(0777);
  with_cache();
  struct stat st = stat_of(HOST_CACHE);
  assert_int_equal(st.st_mode, S_IFREG | 0644);
  assert_int_equal(st.st_size, aiodns_cache_size(SMALL_SETS, LARGE_SETS));
  assert_true(st.st_blocks * 512 >= st.st_size);
  assert_int_equal(access(HOST_CACHE ".new", F_OK), -1);
  assert_int_equal(aiodns_tier_map(&tier, NULL, &map), AIODNS_TIER_GOOD);
  assert_int_equal(map.size, st.st_size);
  assert_int_equal(map.id.inode, st.st_ino);
  assert_int_equal(map.cache.small_sets, SMALL_SETS);
  assert_int_equal(map.cache.large_sets, LARGE_SETS);
  assert_int_not_equal(map.cache.key[0], 0);
  munmap((void *)(uintptr_t)map.cache.base, map.size);
}

static int create_as_user(void)
{
  if (find(AIODNS_TIER_USER, true) != AIODNS_TIER_GOOD)
    return 254;
  return (int)aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS);
}

static void users_cache_is_the_users_alone(void **state)
{
  (void)state;
  assert_int_equal(mounts_as_user(USER, create_as_user), AIODNS_TIER_GOOD);
  assert_int_equal(stat_of(USERS_SHARED).st_mode, S_IFREG | 0600);
  assert_int_equal(stat_of(USERS_SHARED).st_uid, USER);
}

static void newer_cache_takes_the_place_of_the_older_one(void **state)
{
  (void)state;
  struct aiodns_tier_map second, third;
  with_cache();
  assert_int_equal(aiodns_tier_map(&tier, NULL, &map), AIODNS_TIER_GOOD);
  unlink(HOST_CACHE);
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
  assert_int_equal(aiodns_tier_map(&tier, &map, &second), AIODNS_TIER_GOOD);
  assert_ptr_equal(second.cache.base, map.cache.base);
  assert_memory_not_equal(second.cache.key, map.cache.key, sizeof map.cache.key);
  unlink(HOST_CACHE);
  assert_int_equal(aiodns_tier_create(&tier, 2 * SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
  assert_int_equal(aiodns_tier_map(&tier, &second, &third), AIODNS_TIER_GOOD);
  assert_ptr_not_equal(third.cache.base, map.cache.base);
  munmap((void *)(uintptr_t)second.cache.base, second.size);
  munmap((void *)(uintptr_t)third.cache.base, third.size);
}

/* Changes one octet of the file, or its length. */
static void spoil(off_t at, uint8_t octet)
{
  int spoilt = open(HOST_CACHE, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(spoilt, &octet, 1, at), 1);
  close(spoilt);
}

/* What does not map leaves what is mapped as it is. */
static void is_refused(enum aiodns_tier_verdict wanted)
{
  struct aiodns_tier_map untouched;
  memset(&map, 0x5a, sizeof map);
  untouched = map;
  assert_int_equal(aiodns_tier_map(&tier, NULL, &map), wanted);
  assert_memory_equal(&map, &untouched, sizeof map);
  unlink(HOST_CACHE);
}

static void what_is_no_cache_is_not_mapped(void **state)
{
  (void)state;
  struct aiodns_cache_header header;
  static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = "another boot";
  static const uint64_t key[2] = {1, 2};
  static uint8_t page[AIODNS_CACHE_PAGE];

  with_folder();
  is_refused(AIODNS_TIER_NO_FILE);
  file(HOST_CACHE, 0, 0644, "", 0);
  is_refused(AIODNS_TIER_FILE_EMPTY);
  file(HOST_CACHE, 0, 0644, page, sizeof page - 1);
  is_refused(AIODNS_TIER_FILE_EMPTY);
  file(HOST_CACHE, 0, 0644, page, sizeof page);
  is_refused(AIODNS_TIER_NO_CACHE);
  with_cache();
  spoil(offsetof(struct aiodns_cache_header, layout), 99);
  is_refused(AIODNS_TIER_OTHER_LAYOUT);
  with_cache();
  spoil(offsetof(struct aiodns_cache_header, key), 99);
  spoil(offsetof(struct aiodns_cache_header, key) + 1, 98);
  is_refused(AIODNS_TIER_BROKEN);
  with_cache();
  assert_int_equal(truncate(HOST_CACHE, (off_t)aiodns_cache_size(SMALL_SETS, LARGE_SETS) + 1), 0);
  is_refused(AIODNS_TIER_WRONG_SIZE);
  with_cache();
  aiodns_cache_header_make(&header, SMALL_SETS, LARGE_SETS, key, boot);
  for (size_t i = 0; i < sizeof header; i++)
    spoil((off_t)i, ((const uint8_t *)&header)[i]);
  is_refused(AIODNS_TIER_OTHER_BOOT);
}

static void without_a_number_of_the_boot_there_is_no_cache(void **state)
{
  (void)state;
  with_cache();
  mounts_cover("/proc/sys/kernel/random", "tmpfs", NULL);
  is_refused(AIODNS_TIER_NO_BOOT);
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_ERROR);
  assert_int_equal(access(HOST_CACHE, F_OK), -1);
  assert_int_equal(access(HOST_CACHE ".new", F_OK), -1);
}

static void what_is_no_use_is_replaced(void **state)
{
  (void)state;
  with_folder();
  file(HOST_CACHE, 0, 0644, "rubbish", 7);
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
  assert_int_equal(stat_of(HOST_CACHE).st_size, aiodns_cache_size(SMALL_SETS, LARGE_SETS));
}

/* Two processes that both found none: the second one keeps the first one's. */
static void good_cache_is_not_replaced(void **state)
{
  (void)state;
  with_cache();
  ino_t first = stat_of(HOST_CACHE).st_ino;
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
  assert_int_equal(stat_of(HOST_CACHE).st_ino, first);
  assert_int_equal(access(HOST_CACHE ".new", F_OK), -1);
}

static void draft_of_another_process_is_left_to_it_for_a_while(void **state)
{
  (void)state;
  with_folder();
  file(HOST_CACHE ".new", 0, 0600, "", 0);
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_ERROR);
  assert_int_equal(errno, EEXIST);
  assert_int_equal(access(HOST_CACHE, F_OK), -1);
  ahead_s = LATER_S; /* whoever made it has died */
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
  unlink(HOST_CACHE);
  file(HOST_CACHE ".new", 0, 0600, "", 0);
  ahead_s = -LATER_S; /* the clock was put back since */
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_GOOD);
}

static void full_file_system_leaves_nothing_behind(void **state)
{
  (void)state;
  with_folder();
  mounts_cover(HOST_FOLDER, "tmpfs", "mode=0755,size=16k");
  assert_int_equal(aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS), AIODNS_TIER_ERROR);
  assert_int_equal(errno, ENOSPC);
  assert_int_equal(access(HOST_CACHE ".new", F_OK), -1);
  assert_int_equal(access(HOST_CACHE, F_OK), -1);
}

/* SIGXFSZ would end the process. */
static void limit_of_file_sizes_is_respected(void **state)
{
  (void)state;
  struct rlimit before, low;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  with_folder();
  low = before;
  low.rlim_cur = 4095;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
  enum aiodns_tier_verdict cache = aiodns_tier_create(&tier, SMALL_SETS, LARGE_SETS);
  int error = errno;
  enum aiodns_tier_verdict counters = aiodns_tier_open_or_make(&tier, AIODNS_TIER_COUNTERS, 4096, &fd, &id);
  enum aiodns_tier_verdict claims = aiodns_tier_open_or_make(&tier, AIODNS_TIER_CLAIMS, 0, &fd, &id);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(cache, AIODNS_TIER_ERROR);
  assert_int_equal(error, EFBIG);
  assert_int_equal(access(HOST_CACHE ".new", F_OK), -1);
  assert_int_equal(counters, AIODNS_TIER_ERROR);
  assert_int_equal(claims, AIODNS_TIER_GOOD);
  close(fd);
}

/* ---- Claims and counters ---- */

static void claims_and_counters_are_made_once(void **state)
{
  (void)state;
  struct aiodns_tier_id again;
  umask(0777);
  with_folder();
  assert_int_equal(aiodns_tier_open_or_make(&tier, AIODNS_TIER_CLAIMS, 0, &fd, &id), AIODNS_TIER_GOOD);
  close(fd);
  assert_int_equal(stat_of(HOST_CLAIMS).st_mode, S_IFREG | 0600);
  assert_int_equal(aiodns_tier_open_or_make(&tier, AIODNS_TIER_CLAIMS, 0, &fd, &again), AIODNS_TIER_GOOD);
  close(fd);
  assert_int_equal(again.inode, id.inode);
  assert_int_equal(aiodns_tier_open_or_make(&tier, AIODNS_TIER_COUNTERS, 4096, &fd, &id), AIODNS_TIER_GOOD);
  assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
  close(fd);
  struct stat st = stat_of(HOST_COUNTERS);
  assert_int_equal(st.st_mode, S_IFREG | 0644);
  assert_int_equal(st.st_size, 4096);
  assert_int_equal(st.st_blocks * 512, 4096);
}

static void claims_of_another_kind_are_not_replaced(void **state)
{
  (void)state;
  with_folder();
  assert_int_equal(mkfifo(HOST_CLAIMS, 0600), 0);
  assert_int_equal(aiodns_tier_open_or_make(&tier, AIODNS_TIER_CLAIMS, 0, &fd, &id), AIODNS_TIER_FILE_KIND);
  assert_true(S_ISFIFO(stat_of(HOST_CLAIMS).st_mode));
  file(HOST_COUNTERS, OTHER, 0644, "", 0);
  assert_int_equal(aiodns_tier_open_or_make(&tier, AIODNS_TIER_COUNTERS, 4096, &fd, &id),
                   AIODNS_TIER_FILE_OWNER);
  assert_int_equal(stat_of(HOST_COUNTERS).st_size, 0);
}

static void every_verdict_has_a_sentence(void **state)
{
  (void)state;
  for (int i = AIODNS_TIER_GOOD; i <= AIODNS_TIER_ERROR; i++) {
    const char *text = aiodns_tier_explain((enum aiodns_tier_verdict)i);
    assert_non_null(text);
    assert_true(strlen(text) > 5 && text[strlen(text) - 1] != '.');
    for (int k = AIODNS_TIER_GOOD; k < i; k++)
      assert_string_not_equal(text, aiodns_tier_explain((enum aiodns_tier_verdict)k));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(folder_of_the_host_is_made_when_wanted, setup),
      cmocka_unit_test_setup(what_is_wrong_with_the_hosts_folder_is_told, setup),
      cmocka_unit_test_setup(what_is_wrong_with_run_is_told, setup),
      cmocka_unit_test_setup(where_run_is_no_tmpfs_the_host_has_files_in_dev_shm, setup),
      cmocka_unit_test_setup(what_is_wrong_with_dev_shm_is_told, setup),
      cmocka_unit_test_setup(users_folder_is_made_by_the_user, setup),
      cmocka_unit_test_setup(what_is_wrong_with_the_users_folder_is_told, setup),
      cmocka_unit_test_setup(user_without_a_home_in_run_has_files_in_dev_shm, setup),
      cmocka_unit_test_setup(every_file_has_its_name, setup),
      cmocka_unit_test_setup(what_is_no_file_is_not_opened, setup),
      cmocka_unit_test_setup(only_the_right_owner_and_mode_are_good, setup),
      cmocka_unit_test_setup(host_cache_in_dev_shm_is_roots_alone, setup),
      cmocka_unit_test_setup(file_with_two_names_is_refused, setup),
      cmocka_unit_test_setup(file_on_a_disk_is_refused, setup),
      cmocka_unit_test_setup(descriptors_stand_above_the_standard_streams, setup),
      cmocka_unit_test_setup(new_cache_is_whole_and_allocated, setup),
      cmocka_unit_test_setup(users_cache_is_the_users_alone, setup),
      cmocka_unit_test_setup(newer_cache_takes_the_place_of_the_older_one, setup),
      cmocka_unit_test_setup(what_is_no_cache_is_not_mapped, setup),
      cmocka_unit_test_setup(without_a_number_of_the_boot_there_is_no_cache, setup),
      cmocka_unit_test_setup(what_is_no_use_is_replaced, setup),
      cmocka_unit_test_setup(good_cache_is_not_replaced, setup),
      cmocka_unit_test_setup(draft_of_another_process_is_left_to_it_for_a_while, setup),
      cmocka_unit_test_setup(full_file_system_leaves_nothing_behind, setup),
      cmocka_unit_test_setup(limit_of_file_sizes_is_respected, setup),
      cmocka_unit_test_setup(claims_and_counters_are_made_once, setup),
      cmocka_unit_test_setup(claims_of_another_kind_are_not_replaced, setup),
      cmocka_unit_test_setup(every_verdict_has_a_sentence, setup),
  };
  return mounts_begin() ? cmocka_run_group_tests(tests, NULL, NULL) : MOUNTS_SKIPPED;
}
