#include "command.h"
#include "doctor.h"
#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 };

static const struct {
  enum aiodns_tier_file file;
  const char *name;
} helpers[] = {{AIODNS_TIER_CLAIMS, "claims"}, {AIODNS_TIER_COUNTERS, "counters"}};

static const char *kind_text(mode_t mode)
{
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a file";
  case S_IFDIR:
    return "a folder";
  case S_IFLNK:
    return "a symbolic link";
  case S_IFIFO:
    return "a FIFO";
  case S_IFSOCK:
    return "a socket";
  default:
    return "a device";
  }
}

/* What is there under a name, not where it leads to. */
static void found_text(const char *path, char ret[TEXT_MAX])
{
  char number[COMMAND_NUMBER_MAX];
  struct stat st;

  if (lstat(path, &st) != 0)
    snprintf(ret, TEXT_MAX, "nothing (%s)", strerror(errno));
  else if (S_ISDIR(st.st_mode))
    snprintf(ret, TEXT_MAX, "a folder, owner %u, mode %04o", (unsigned)st.st_uid, st.st_mode & 07777);
  else
    snprintf(ret, TEXT_MAX, "%s, owner %u, mode %04o, links %lu, size %s", kind_text(st.st_mode),
             (unsigned)st.st_uid, st.st_mode & 07777, (unsigned long)st.st_nlink,
             command_number((uint64_t)st.st_size, number));
}

/* ---- Folders ---- */

/* Below /run/user the folders are the user's, all others root's. */
static uint32_t folder_owner(const struct command_tier *tier, const char *path)
{
  return strncmp(path, "/run/user/", 10) == 0 ? tier->tier.uid : 0;
}

static bool folder_is_good(const struct command_tier *tier, const char *path)
{
  bool shared = tier->tier.shared_folder && strcmp(path, tier->tier.folder) == 0;
  struct stat st;

  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == folder_owner(tier, path) &&
         (!(st.st_mode & 022) || (shared && st.st_mode & S_ISVTX));
}

/* The first folder on the way that is not as it should be, or the last. */
static void find_bad_folder(const struct command_tier *tier, char ret[AIODNS_TIER_PATH_MAX])
{
  const char *folder = tier->tier.folder;

  memcpy(ret, "/", 2);
  for (size_t len = 1; folder_is_good(tier, ret) && folder[len];) {
    len += strcspn(folder + len, "/");
    memcpy(ret, folder, len);
    ret[len] = '\0';
    len += folder[len] == '/';
  }
}

static bool is_stranger(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0 && st.st_uid == aiodns_self_overflow_uid();
}

static void report_bad_folder(struct doctor *doctor, const struct command_tier *tier, const char *about,
                              enum aiodns_tier_verdict verdict)
{
  char path[AIODNS_TIER_PATH_MAX], found[TEXT_MAX], todo[TEXT_MAX];

  find_bad_folder(tier, path);
  found_text(path, found);
  if (verdict == AIODNS_TIER_FOLDER_OWNER && is_stranger(path))
    snprintf(todo, sizeof todo, "nothing, in a user namespace that does not map its owner");
  else if (verdict == AIODNS_TIER_FOLDER_OWNER)
    snprintf(todo, sizeof todo, "chown %u %s", folder_owner(tier, path), path);
  else if (verdict == AIODNS_TIER_FOLDER_WRITABLE)
    snprintf(todo, sizeof todo, "chmod go-w %s", path);
  else if (verdict == AIODNS_TIER_NOT_TMPFS)
    snprintf(todo, sizeof todo, "mount a tmpfs on %s", path);
  else
    snprintf(todo, sizeof todo, "put a folder in its place");
  doctor_finding(doctor, DOCTOR_ERROR, about,
                 "not used: %s; %s: found %s; expected a folder on tmpfs, owner %u, that others may not "
                 "write%s; to do: %s",
                 aiodns_tier_explain(verdict), path, found, folder_owner(tier, path),
                 tier->tier.shared_folder ? " (or mode 1777)" : "", todo);
}

/* ---- Files ---- */

static bool is_folder(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void report_bad_file(struct doctor *doctor, const struct command_tier *tier, const char *about,
                            enum aiodns_tier_file file, enum aiodns_tier_verdict verdict)
{
  bool cache = file == AIODNS_TIER_CACHE, host = tier->tier.kind == AIODNS_TIER_HOST;
  const char *mode = host && file != AIODNS_TIER_CLAIMS ? "0644 or 0600" : "0600";
  const char *who = geteuid() == 0 ? "" : host ? "as root, " : "as its owner or root, ";
  char path[AIODNS_TIER_PATH_MAX], found[TEXT_MAX];

  aiodns_tier_path(&tier->tier, file, path);
  found_text(path, found);
  doctor_finding(doctor, cache ? DOCTOR_ERROR : DOCTOR_WARNING, about,
                 "not used: %s; %s: found %s; expected a file on tmpfs, owner %u, mode %s, links 1%s; to do: "
                 "%srm %s%s, and a lookup makes it anew",
                 aiodns_tier_explain(verdict), path, found, tier->tier.uid, mode,
                 cache ? ", made by this version since the last boot" : "", who, is_folder(path) ? "-r " : "",
                 path);
}

/* errno says more than any verdict. */
static void report_error(struct doctor *doctor, const struct command_tier *tier, const char *about,
                         enum aiodns_tier_file file, int error)
{
  char path[AIODNS_TIER_PATH_MAX], found[TEXT_MAX];
  struct stat st;

  aiodns_tier_path(&tier->tier, file, path);
  if (error == EACCES && !tier->writes && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
      (st.st_mode & 07777) == 0600) {
    doctor_finding(doctor, DOCTOR_OK, about, "%s is private (mode 0600): not read by this user", path);
    return;
  }
  found_text(path, found);
  doctor_finding(doctor, DOCTOR_ERROR, about, "not used: %s: %s; found %s", path, strerror(error), found);
}

static void report_absent(struct doctor *doctor, const struct command_tier *tier, const char *about,
                          enum aiodns_tier_verdict verdict)
{
  char path[AIODNS_TIER_PATH_MAX], parent[AIODNS_TIER_PATH_MAX];

  aiodns_tier_path(&tier->tier, AIODNS_TIER_CACHE, path);
  /* The folder that something has to be made in. */
  memcpy(parent, tier->tier.folder, sizeof parent);
  if (verdict == AIODNS_TIER_NO_FOLDER) {
    if (tier->tier.shared_folder) {
      doctor_finding(doctor, DOCTOR_WARNING, about,
                     "not used: there is no %s: lookups go on without this tier; to do: mount a tmpfs there "
                     "with mode 1777",
                     parent);
      return;
    }
    *strrchr(parent, '/') = '\0';
  }
  if (tier->writes && access(parent, W_OK | X_OK) != 0)
    doctor_finding(
        doctor, DOCTOR_WARNING, about,
        "not used: there is no %s, and it cannot be made in %s: %s: lookups go on without this tier", path,
        parent, strerror(errno));
  else
    doctor_finding(doctor, DOCTOR_OK, about, "there is no %s yet: the first lookup by %s makes it", path,
                   tier->tier.kind == AIODNS_TIER_HOST ? "root" : "this user");
}

/* Any verdict but GOOD. */
static void report(struct doctor *doctor, const struct command_tier *tier, const char *about,
                   enum aiodns_tier_file file, enum aiodns_tier_verdict verdict, int error)
{
  switch (verdict) {
  case AIODNS_TIER_NO_FOLDER:
  case AIODNS_TIER_NO_FILE:
    if (file == AIODNS_TIER_CACHE)
      report_absent(doctor, tier, about, verdict);
    break;
  case AIODNS_TIER_FOLDER_KIND:
  case AIODNS_TIER_FOLDER_OWNER:
  case AIODNS_TIER_FOLDER_WRITABLE:
    report_bad_folder(doctor, tier, about, verdict);
    break;
  case AIODNS_TIER_NOT_TMPFS:
    if (tier->folder != AIODNS_TIER_GOOD)
      report_bad_folder(doctor, tier, about, verdict);
    else
      report_bad_file(doctor, tier, about, file, verdict);
    break;
  case AIODNS_TIER_NO_BOOT:
    doctor_finding(doctor, DOCTOR_ERROR, about, "not used: %s; to do: mount proc on /proc",
                   aiodns_tier_explain(verdict));
    break;
  case AIODNS_TIER_ERROR:
    report_error(doctor, tier, about, file, error);
    break;
  default:
    report_bad_file(doctor, tier, about, file, verdict);
  }
}

/* ---- A tier ---- */

struct numbers {
  uint64_t valid, expired;
};

static void count(const struct command_record *record, void *context)
{
  struct numbers *numbers = context;

  if (record->valid)
    numbers->valid++;
  else
    numbers->expired++;
}

static void report_good(struct doctor *doctor, const struct command_tier *tier, const char *about,
                        const struct aiodns_tier_map *map, json_t *json)
{
  char path[AIODNS_TIER_PATH_MAX], text[4][COMMAND_NUMBER_MAX];
  uint32_t slots = aiodns_cache_slots(&map->cache);
  struct numbers numbers = {0};

  aiodns_tier_path(&tier->tier, AIODNS_TIER_CACHE, path);
  command_records_each(&map->cache, command_now_ns(), count, &numbers);
  doctor_finding(doctor, DOCTOR_OK, about, "%s: %s: %s octets, %s valid and %s expired records, room for %s",
                 path, tier->writes ? "read and written" : "read", command_number(map->size, text[0]),
                 command_number(numbers.valid, text[1]), command_number(numbers.expired, text[2]),
                 command_number(slots, text[3]));
  if (json) {
    command_json_put(json, "size", command_json_count(map->size));
    command_json_put(json, "slots", command_json_count(slots));
    command_json_put(json, "valid", command_json_count(numbers.valid));
    command_json_put(json, "expired", command_json_count(numbers.expired));
  }
}

/* What only those have who write: claims, counters, and the cache opened for it. */
static void look_at_writing(struct doctor *doctor, const struct command_tier *tier, bool has_cache)
{
  struct aiodns_tier_id id;
  uint64_t size;
  char about[COMMAND_NUMBER_MAX], path[AIODNS_TIER_PATH_MAX];
  int fd;

  if (has_cache) {
    enum aiodns_tier_verdict verdict =
        aiodns_tier_open(&tier->tier, AIODNS_TIER_CACHE, O_RDWR, &fd, &id, &size);
    int error = errno;
    snprintf(about, sizeof about, "%s tier", command_tier_name(tier));
    aiodns_tier_path(&tier->tier, AIODNS_TIER_CACHE, path);
    if (verdict == AIODNS_TIER_GOOD)
      close(fd);
    else
      doctor_finding(doctor, DOCTOR_WARNING, about, "%s can be read and not written: %s", path,
                     verdict == AIODNS_TIER_ERROR ? strerror(error) : aiodns_tier_explain(verdict));
  }
  for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++) {
    snprintf(about, sizeof about, "%s tier's %s", command_tier_name(tier), helpers[i].name);
    errno = 0;
    enum aiodns_tier_verdict verdict =
        aiodns_tier_open(&tier->tier, helpers[i].file, O_RDWR, &fd, &id, &size);
    if (verdict == AIODNS_TIER_GOOD)
      close(fd);
    else
      report(doctor, tier, about, helpers[i].file, verdict, errno);
  }
}

void doctor_tier(struct doctor *doctor, const struct command_tier *tier)
{
  struct aiodns_tier_map map;
  char about[COMMAND_NUMBER_MAX], path[AIODNS_TIER_PATH_MAX];
  int error;

  snprintf(about, sizeof about, "%s tier", command_tier_name(tier));
  aiodns_tier_path(&tier->tier, AIODNS_TIER_CACHE, path);
  enum aiodns_tier_verdict verdict = command_tier_map(tier, &map, &error);
  json_t *json = doctor->tiers ? json_object() : NULL;
  if (json) {
    command_json_put(json, "tier", json_string(command_tier_name(tier)));
    command_json_put(json, "path", json_string(path));
    command_json_put(json, "reads", json_boolean(verdict == AIODNS_TIER_GOOD));
    command_json_put(json, "writes", json_boolean(tier->writes && verdict == AIODNS_TIER_GOOD));
    command_json_put(json, "verdict", json_string(aiodns_tier_explain(verdict)));
  }
  if (verdict == AIODNS_TIER_GOOD) {
    report_good(doctor, tier, about, &map, json);
    command_tier_unmap(&map);
  } else {
    report(doctor, tier, about, AIODNS_TIER_CACHE, verdict, error);
  }
  if (tier->writes && tier->folder == AIODNS_TIER_GOOD)
    look_at_writing(doctor, tier, verdict == AIODNS_TIER_GOOD);
  if (json)
    command_json_put(doctor->tiers, NULL, json);
}
