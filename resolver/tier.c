#include "tier.h"

#include "kernel.h"
#include "left.h"
#include "paths.h"
#include "random.h"
#include "self.h"

#include <errno.h>
#include <string.h>

enum {
  MODE_BITS = 07777,
  OTHERS_WRITE = 022,
  STICKY = 01000,
  ABANDONED_S = 10, /* a file that its maker has not finished for so long never will be */
  LOOK = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

static const char run[] = AIODNS_PATH_RUN, host_folder[] = AIODNS_PATH_HOST, users[] = AIODNS_PATH_USERS,
                  shared_memory[] = AIODNS_PATH_SHARED;

/* ---- Paths ---- */

/* Both put a NUL at the end, and return where it is; the longest path, of uid 4294967295, has 42 octets. */
static char *put_text(char *at, const char *text)
{
  size_t len = strlen(text);
  memcpy(at, text, len + 1);
  return at + len;
}

static char *put_number(char *at, uint32_t number)
{
  char digits[11];
  size_t i = sizeof digits;

  digits[--i] = '\0';
  do {
    digits[--i] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return put_text(at, digits + i);
}

/* ---- Folders ---- */

/* What a folder on the way to a tier may be. */
enum folder_rule {
  RULE_CLOSED, /* its owner's alone to write */
  RULE_STICKY, /* or everybody's, who cannot touch the files of others (chmod(2), S_ISVTX) */
};

/*
 * By its path, which is as good as by a descriptor if all folders above it have been looked at: nobody but
 * their owners can put another in its place.
 */
static enum aiodns_tier_verdict check_folder(const char *path, uint32_t owner, enum folder_rule rule)
{
  struct aiodns_kernel_file file;

  if (aiodns_kernel_stat_link(path, &file) != 0)
    return errno == ENOENT    ? AIODNS_TIER_NO_FOLDER
           : errno == ENOTDIR ? AIODNS_TIER_FOLDER_KIND
                              : AIODNS_TIER_ERROR;
  if (!S_ISDIR(file.mode))
    return AIODNS_TIER_FOLDER_KIND;
  if (file.owner != owner)
    return AIODNS_TIER_FOLDER_OWNER;
  if (file.mode & OTHERS_WRITE && !(rule == RULE_STICKY && file.mode & STICKY))
    return AIODNS_TIER_FOLDER_WRITABLE;
  return AIODNS_TIER_GOOD;
}

/* The root and, one below the other, those given up to NULL; root's, as all of them must be. */
static enum aiodns_tier_verdict check_root_folders(const char *const *path)
{
  enum aiodns_tier_verdict verdict = check_folder("/", 0, RULE_CLOSED);

  for (; verdict == AIODNS_TIER_GOOD && *path; path++)
    verdict = check_folder(*path, 0, RULE_CLOSED);
  return verdict;
}

/* The tier's own folder, the last step: made where it is missing, and allowed. */
static enum aiodns_tier_verdict check_own(const char *path, uint32_t owner, bool make, unsigned mode)
{
  enum aiodns_tier_verdict verdict = check_folder(path, owner, RULE_CLOSED);

  if (verdict != AIODNS_TIER_NO_FOLDER || !make || aiodns_kernel_make_folder(path, mode) != 0)
    return verdict == AIODNS_TIER_NO_FOLDER && make && errno == EEXIST
               ? check_folder(path, owner, RULE_CLOSED) /* somebody was faster */
               : verdict;
  aiodns_kernel_set_mode_at(path, mode); /* the umask may have taken from it */
  return check_folder(path, owner, RULE_CLOSED);
}

/* /dev/shm, for what has no folder of its own. */
static enum aiodns_tier_verdict find_shared(struct aiodns_tier *tier)
{
  static const char *const above[] = {"/dev", NULL};

  tier->shared_folder = true;
  memcpy(tier->folder, shared_memory, sizeof shared_memory);
  enum aiodns_tier_verdict verdict = check_root_folders(above);
  if (verdict == AIODNS_TIER_GOOD)
    verdict = check_folder(shared_memory, 0, RULE_STICKY);
  if (verdict == AIODNS_TIER_GOOD && !aiodns_kernel_has_tmpfs(shared_memory))
    verdict = AIODNS_TIER_NOT_TMPFS;
  return verdict;
}

static enum aiodns_tier_verdict find_host(struct aiodns_tier *tier, bool make)
{
  static const char *const above[] = {run, NULL};

  if (!aiodns_kernel_has_tmpfs(run)) /* as in many containers */
    return find_shared(tier);
  memcpy(tier->folder, host_folder, sizeof host_folder);
  enum aiodns_tier_verdict verdict = check_root_folders(above);
  return verdict == AIODNS_TIER_GOOD ? check_own(host_folder, 0, make, 0755) : verdict;
}

static enum aiodns_tier_verdict find_user(struct aiodns_tier *tier, bool make)
{
  static const char *const above[] = {run, users, NULL};
  char home[AIODNS_TIER_PATH_MAX];

  put_number(put_text(put_text(home, users), "/"), tier->uid);
  if (check_root_folders(above) != AIODNS_TIER_GOOD ||
      check_folder(home, tier->uid, RULE_CLOSED) != AIODNS_TIER_GOOD || !aiodns_kernel_has_tmpfs(home))
    return find_shared(tier);
  put_text(put_text(tier->folder, home), AIODNS_PATH_USERS_FOLDER);
  return check_own(tier->folder, tier->uid, make, 0700);
}

enum aiodns_tier_verdict aiodns_tier_find(struct aiodns_tier *ret, enum aiodns_tier_kind kind, uint32_t uid,
                                          bool make)
{
  *ret = (struct aiodns_tier){.kind = kind, .uid = kind == AIODNS_TIER_USER ? uid : 0};
  return kind == AIODNS_TIER_USER ? find_user(ret, make) : find_host(ret, make);
}

/* ---- Files ---- */

void aiodns_tier_path(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                      char ret[AIODNS_TIER_PATH_MAX])
{
  static const char *const name[] = {[AIODNS_TIER_CACHE] = "cache",
                                     [AIODNS_TIER_CLAIMS] = "claims",
                                     [AIODNS_TIER_COUNTERS] = "counters",
                                     [AIODNS_TIER_INDEX] = "index"};
  char *end = put_text(ret, tier->folder);

  if (tier->shared_folder)
    end = put_number(put_text(end, AIODNS_PATH_SHARED_NAME), tier->uid);
  if (!tier->shared_folder || file != AIODNS_TIER_CACHE)
    end = put_text(put_text(end, tier->shared_folder ? "." : "/"), name[file]);
  put_number(put_text(end, "."), file == AIODNS_TIER_INDEX ? AIODNS_INDEX_LAYOUT : AIODNS_CACHE_LAYOUT);
}

/* The claims are nobody else's to open: a lock by a reader would keep writers waiting. */
static unsigned mode_of(const struct aiodns_tier *tier, enum aiodns_tier_file file)
{
  return tier->kind == AIODNS_TIER_HOST && file != AIODNS_TIER_CLAIMS ? 0644 : 0600;
}

static enum aiodns_tier_verdict check_file(const struct aiodns_tier *tier, enum aiodns_tier_file which,
                                           const struct aiodns_kernel_file *file)
{
  /* In root's own folder the cache is believed by its place: it may be a daemon's. */
  bool by_place = tier->kind == AIODNS_TIER_HOST && !tier->shared_folder && which == AIODNS_TIER_CACHE;
  unsigned mode = file->mode & MODE_BITS;
  bool private_host = tier->kind == AIODNS_TIER_HOST && mode == 0600;

  if (!S_ISREG(file->mode))
    return AIODNS_TIER_FILE_KIND;
  if (by_place ? file->owner != 0 && file->owner == aiodns_self_overflow_uid() : file->owner != tier->uid)
    return AIODNS_TIER_FILE_OWNER;
  if (mode != mode_of(tier, which) && !private_host)
    return AIODNS_TIER_FILE_MODE;
  return file->links == 1 ? AIODNS_TIER_GOOD : AIODNS_TIER_FILE_LINKS;
}

static enum aiodns_tier_verdict verdict_of_file_error(int error)
{
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return AIODNS_TIER_NO_FILE;
  case ELOOP:  /* a symbolic link */
  case EISDIR: /* for writing */
  case ENXIO:  /* a socket */
  case ENODEV:
    return AIODNS_TIER_FILE_KIND;
  default:
    return AIODNS_TIER_ERROR;
  }
}

/* Looks at a file that has just been opened, and closes it unless it is good. */
static enum aiodns_tier_verdict accept_file(const struct aiodns_tier *tier, enum aiodns_tier_file which,
                                            int fd, struct aiodns_kernel_file *ret)
{
  enum aiodns_tier_verdict verdict =
      aiodns_kernel_stat(fd, "", ret) == 0 ? check_file(tier, which, ret) : AIODNS_TIER_ERROR;

  if (verdict == AIODNS_TIER_GOOD && which != AIODNS_TIER_CLAIMS && !aiodns_kernel_is_tmpfs(fd))
    verdict = AIODNS_TIER_NOT_TMPFS;
  if (verdict != AIODNS_TIER_GOOD) {
    int error = errno;
    aiodns_kernel_close(fd);
    errno = error;
  }
  return verdict;
}

enum aiodns_tier_verdict aiodns_tier_open(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                          int flags, int *ret_fd, struct aiodns_tier_id *ret_id,
                                          uint64_t *ret_size)
{
  char path[AIODNS_TIER_PATH_MAX];
  struct aiodns_kernel_file seen;

  aiodns_tier_path(tier, file, path);
  int fd = aiodns_kernel_above_standard(aiodns_kernel_open(path, flags | LOOK));
  if (fd < 0)
    return verdict_of_file_error(errno);
  enum aiodns_tier_verdict verdict = accept_file(tier, file, fd, &seen);
  if (verdict != AIODNS_TIER_GOOD)
    return verdict;
  *ret_fd = fd;
  *ret_id = (struct aiodns_tier_id){seen.device, seen.inode};
  *ret_size = seen.size;
  return AIODNS_TIER_GOOD;
}

bool aiodns_tier_open_again(const char *path, struct aiodns_tier_id id, uint64_t size, int *ret_fd)
{
  struct aiodns_kernel_file file;
  int fd = aiodns_kernel_above_standard(aiodns_kernel_open(path, O_RDWR | LOOK));

  if (fd < 0)
    return false;
  if (aiodns_kernel_stat(fd, "", &file) != 0 || file.inode != id.inode || file.device != id.device ||
      file.size != size || !S_ISREG(file.mode)) {
    aiodns_kernel_close(fd);
    return false;
  }
  *ret_fd = fd;
  return true;
}

/* ---- The cache ---- */

static int hex(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool aiodns_tier_boot(uint8_t ret[AIODNS_CACHE_BOOT_LEN])
{
  char text[64];
  unsigned digits = 0;
  int fd = aiodns_kernel_open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    return false;
  ssize_t len = aiodns_kernel_read(fd, text, sizeof text);
  aiodns_kernel_close(fd);
  memset(ret, 0, AIODNS_CACHE_BOOT_LEN);
  for (ssize_t i = 0; i < len && digits < 2 * AIODNS_CACHE_BOOT_LEN; i++) {
    if (hex(text[i]) < 0)
      continue;
    ret[digits / 2] = (uint8_t)(ret[digits / 2] << 4 | hex(text[i]));
    digits++;
  }
  return digits == 2 * AIODNS_CACHE_BOOT_LEN;
}

static enum aiodns_tier_verdict verdict_of_cache(enum aiodns_cache_check check)
{
  switch (check) {
  case AIODNS_CACHE_GOOD:
    return AIODNS_TIER_GOOD;
  case AIODNS_CACHE_NO_MAGIC:
    return AIODNS_TIER_NO_CACHE;
  case AIODNS_CACHE_OTHER_LAYOUT:
    return AIODNS_TIER_OTHER_LAYOUT;
  case AIODNS_CACHE_OTHER_BOOT:
    return AIODNS_TIER_OTHER_BOOT;
  case AIODNS_CACHE_WRONG_SIZE:
    return AIODNS_TIER_WRONG_SIZE;
  case AIODNS_CACHE_BROKEN:
    break;
  }
  return AIODNS_TIER_BROKEN;
}

/* Reads the header of a file of this size; ret->base is not its place. */
static enum aiodns_tier_verdict read_cache(int fd, uint64_t size, struct aiodns_cache *ret)
{
  uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  struct aiodns_cache_header header;

  if (size < AIODNS_CACHE_PAGE)
    return AIODNS_TIER_FILE_EMPTY;
  if (!aiodns_tier_boot(boot))
    return AIODNS_TIER_NO_BOOT;
  if (aiodns_kernel_read(fd, &header, sizeof header) != sizeof header)
    return AIODNS_TIER_ERROR;
  return verdict_of_cache(aiodns_cache_attach(ret, &header, size, boot));
}

/* The header is looked at before anything is mapped, so that a good map is never replaced by a bad one. */
static enum aiodns_tier_verdict map_file(int fd, void *over, struct aiodns_tier_map *ret)
{
  enum aiodns_tier_verdict verdict = read_cache(fd, ret->size, &ret->cache);

  if (verdict != AIODNS_TIER_GOOD)
    return verdict;
  void *base = aiodns_kernel_map(over, ret->size, PROT_READ, MAP_SHARED, fd);
  if (base == MAP_FAILED)
    return AIODNS_TIER_ERROR;
  ret->cache.base = base;
  return AIODNS_TIER_GOOD;
}

/* `like`: of this size, and of this mode; 0: of any. */
static bool has_good_cache(const struct aiodns_tier *tier, uint64_t like, unsigned mode)
{
  struct aiodns_kernel_file file;
  struct aiodns_tier_id id;
  struct aiodns_cache cache;
  uint64_t size = 0;
  int fd = -1;

  if (aiodns_tier_open(tier, AIODNS_TIER_CACHE, O_RDONLY, &fd, &id, &size) != AIODNS_TIER_GOOD)
    return false;
  bool good = read_cache(fd, size, &cache) == AIODNS_TIER_GOOD;
  if (good && like)
    good = size == like && aiodns_kernel_stat(fd, "", &file) == 0 && (file.mode & MODE_BITS) == mode;
  aiodns_kernel_close(fd);
  return good;
}

enum aiodns_tier_verdict aiodns_tier_map(const struct aiodns_tier *tier, const struct aiodns_tier_map *over,
                                         struct aiodns_tier_map *ret)
{
  struct aiodns_tier_map map = {0};
  int fd, place = aiodns_left_reserve();

  if (place == AIODNS_LEFT_NONE) {
    errno = EAGAIN;
    return AIODNS_TIER_ERROR;
  }
  enum aiodns_tier_verdict verdict =
      aiodns_tier_open(tier, AIODNS_TIER_CACHE, O_RDONLY, &fd, &map.id, &map.size);
  if (verdict == AIODNS_TIER_GOOD) {
    void *at = NULL;
    aiodns_left_note_file(place, fd, map.id.device, map.id.inode);
    if (over && over->size == map.size)
      memcpy(&at, &over->cache.base, sizeof at); /* const for all but the kernel */
    verdict = map_file(fd, at, &map);
    int error = errno;
    aiodns_kernel_close(fd);
    errno = error;
  }
  aiodns_left_forget(place);
  if (verdict == AIODNS_TIER_GOOD)
    *ret = map;
  return verdict;
}

/* A file under this name that nobody has finished. */
static void remove_abandoned(const char *path)
{
  struct aiodns_kernel_file file;

  if (aiodns_kernel_stat_link(path, &file) != 0)
    return;
  int64_t age_ns = (int64_t)aiodns_kernel_clock_ns(CLOCK_REALTIME) - file.changed_ns;
  if (age_ns < 0 || age_ns > aiodns_kernel_in_ns(ABANDONED_S, 0))
    aiodns_kernel_unlink(path);
}

enum aiodns_tier_verdict aiodns_tier_replace(const struct aiodns_tier *tier, enum aiodns_tier_file which,
                                             unsigned mode, bool (*fill)(int fd, void *context),
                                             void *context)
{
  char path[AIODNS_TIER_PATH_MAX], draft[AIODNS_TIER_PATH_MAX];
  struct aiodns_kernel_file file;

  aiodns_tier_path(tier, which, path);
  put_text(put_text(draft, path), ".new");
  remove_abandoned(draft);
  int place = aiodns_left_reserve();
  if (place == AIODNS_LEFT_NONE) {
    errno = EAGAIN;
    return AIODNS_TIER_ERROR;
  }
  int fd =
      aiodns_kernel_above_standard(aiodns_kernel_open_new(draft, O_RDWR | O_CREAT | O_EXCL | LOOK, 0600));
  if (fd < 0) {
    aiodns_left_forget(place);
    return AIODNS_TIER_ERROR;
  }
  if (aiodns_kernel_stat(fd, "", &file) == 0)
    aiodns_left_note_file(place, fd, file.device, file.inode);
  bool good = fill(fd, context) && aiodns_kernel_set_mode(fd, mode ? mode : mode_of(tier, which)) == 0 &&
              aiodns_kernel_rename(draft, path) == 0;
  int error = errno;
  aiodns_kernel_close(fd);
  aiodns_left_forget(place);
  if (!good)
    aiodns_kernel_unlink(draft);
  errno = error;
  return good ? AIODNS_TIER_GOOD : AIODNS_TIER_ERROR;
}

/* A new cache. */
struct making {
  const struct aiodns_tier *tier;
  uint32_t small_sets, large_sets;
  unsigned mode;
  bool exact; /* no other size or mode will do */
  bool made;  /* by somebody else meanwhile */
};

static bool fill_new(int fd, void *context)
{
  struct making *making = context;
  uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  struct aiodns_cache_header header;
  uint64_t key[2];

  /* Whoever had this name before may have made the cache. */
  making->made = has_good_cache(making->tier,
                                making->exact ? aiodns_cache_size(making->small_sets, making->large_sets) : 0,
                                making->mode);
  if (making->made || !aiodns_tier_boot(boot) || !aiodns_random_fill(key, sizeof key))
    return false;
  aiodns_cache_header_make(&header, making->small_sets, making->large_sets, key, boot);
  return aiodns_kernel_allocate(fd, header.size) == 0 &&
         aiodns_kernel_pwrite(fd, &header, sizeof header, 0) == sizeof header;
}

static enum aiodns_tier_verdict make_cache(struct making *making)
{
  if (aiodns_kernel_file_limit() < aiodns_cache_size(making->small_sets, making->large_sets)) {
    errno = EFBIG;
    return AIODNS_TIER_ERROR;
  }
  enum aiodns_tier_verdict verdict =
      aiodns_tier_replace(making->tier, AIODNS_TIER_CACHE, making->mode, fill_new, making);
  return making->made ? AIODNS_TIER_GOOD : verdict;
}

enum aiodns_tier_verdict aiodns_tier_create(const struct aiodns_tier *tier, uint32_t small_sets,
                                            uint32_t large_sets)
{
  struct making making = {.tier = tier, .small_sets = small_sets, .large_sets = large_sets};
  return make_cache(&making);
}

enum aiodns_tier_verdict aiodns_tier_recreate(const struct aiodns_tier *tier, uint32_t small_sets,
                                              uint32_t large_sets, bool closed)
{
  struct making making = {.tier = tier,
                          .small_sets = small_sets,
                          .large_sets = large_sets,
                          .mode = closed ? 0600 : mode_of(tier, AIODNS_TIER_CACHE),
                          .exact = true};
  return make_cache(&making);
}

/* ---- Claims and counters ---- */

/* Where nothing has that name. */
static enum aiodns_tier_verdict make_file(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                          int *ret_fd)
{
  char path[AIODNS_TIER_PATH_MAX];
  unsigned mode = mode_of(tier, file);

  aiodns_tier_path(tier, file, path);
  int fd = aiodns_kernel_above_standard(aiodns_kernel_open_new(path, O_RDWR | O_CREAT | O_EXCL | LOOK, mode));
  if (fd < 0)
    return AIODNS_TIER_ERROR;
  if (aiodns_kernel_set_mode(fd, mode) != 0) { /* the umask may have taken from it */
    aiodns_kernel_close(fd);
    return AIODNS_TIER_ERROR;
  }
  *ret_fd = fd;
  return AIODNS_TIER_GOOD;
}

enum aiodns_tier_verdict aiodns_tier_open_or_make(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                                  uint64_t size, int *ret_fd, struct aiodns_tier_id *ret_id)
{
  uint64_t has;
  enum aiodns_tier_verdict verdict = aiodns_tier_open(tier, file, O_RDWR, ret_fd, ret_id, &has);

  if (verdict == AIODNS_TIER_NO_FILE) {
    verdict = make_file(tier, file, ret_fd);
    if (verdict == AIODNS_TIER_GOOD)
      aiodns_kernel_close(*ret_fd);
    /* Somebody may have been faster; and what was made is looked at like everything. */
    if (verdict == AIODNS_TIER_GOOD || errno == EEXIST)
      verdict = aiodns_tier_open(tier, file, O_RDWR, ret_fd, ret_id, &has);
  }
  if (verdict != AIODNS_TIER_GOOD || has >= size)
    return verdict;
  if (aiodns_kernel_file_limit() >= size && aiodns_kernel_allocate(*ret_fd, size) == 0)
    return AIODNS_TIER_GOOD;
  int error = errno;
  aiodns_kernel_close(*ret_fd);
  errno = error;
  return AIODNS_TIER_ERROR;
}

/* ---- For people ---- */

const char *aiodns_tier_explain(enum aiodns_tier_verdict verdict)
{
  static const char *const text[] = {
      [AIODNS_TIER_GOOD] = "in use",
      [AIODNS_TIER_NO_FOLDER] = "its folder does not exist yet, and this process may not make it",
      [AIODNS_TIER_FOLDER_KIND] =
          "something that is no folder, perhaps a symbolic link, has the name of its folder",
      [AIODNS_TIER_FOLDER_OWNER] = "a folder on the way to it belongs to somebody else",
      [AIODNS_TIER_FOLDER_WRITABLE] = "others may write into a folder on the way to it",
      [AIODNS_TIER_NOT_TMPFS] = "it is not on tmpfs",
      [AIODNS_TIER_NO_FILE] = "there is no file yet",
      [AIODNS_TIER_FILE_KIND] = "it is no regular file",
      [AIODNS_TIER_FILE_OWNER] = "it belongs to somebody else",
      [AIODNS_TIER_FILE_MODE] = "its mode is wrong",
      [AIODNS_TIER_FILE_LINKS] = "it has more than one name (hard links), or none",
      [AIODNS_TIER_FILE_EMPTY] = "it is empty or too short: it is being made, or its maker was stopped",
      [AIODNS_TIER_NO_CACHE] = "it is no cache",
      [AIODNS_TIER_OTHER_LAYOUT] = "another version has made it",
      [AIODNS_TIER_OTHER_BOOT] = "it is from before the last boot",
      [AIODNS_TIER_WRONG_SIZE] = "its size is not what its header says",
      [AIODNS_TIER_BROKEN] = "its header is damaged",
      [AIODNS_TIER_NO_BOOT] =
          "/proc/sys/kernel/random/boot_id cannot be read, so that nobody can tell its age",
      [AIODNS_TIER_ERROR] = "a system call failed",
  };
  return text[verdict];
}
