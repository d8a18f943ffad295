/*
 * The two tiers of the cache: where their files are, whether they are to be believed, and how they are made.
 *
 *   tier   folder                                          believed
 *   host   /run/aiodns, or /dev/shm where /run is no       by its place: the folders above it are root's and
 *          tmpfs (as in many containers)                   nobody else may write them; /dev/shm: owner root
 *   user   /run/user/UID/aiodns where /run/user/UID is     owner UID
 *          the user's own, else /dev/shm
 *
 * A tier has three files: the cache (mapped by readers), the claims (locked by byte, never read) and the
 * counters (mapped by writers, never believed).  Names are cache.1, claims.1 and counters.1; in /dev/shm
 * aiodns.UID.1, aiodns.UID.claims.1 and aiodns.UID.counters.1, with 0 for the host tier.  The number is
 * AIODNS_CACHE_LAYOUT.  The host tier has a fourth one, the index of hosts files and block lists, index.1,
 * whose number is AIODNS_INDEX_LAYOUT, mapped by all and written by root alone.
 *
 * Invariants:
 * - Each folder from the root on is looked at, none may be a symbolic link; a file with O_NOFOLLOW,
 * O_NONBLOCK (a FIFO, or a lease on it, would hang us), O_CLOEXEC and O_NOCTTY, and then looked at: a regular
 * file on tmpfs, with one link, the right owner and exactly the right mode. The overflow uid's are never
 * believed.
 * - Nothing is created over an existing name but what its owner, this process's own user, left unusable.  A
 * new cache is made under another name, its size allocated, and renamed.
 * - No file is written beyond RLIMIT_FSIZE, which would kill the process.
 * - No state; paths follow from the uid, never from the environment.  Every descriptor is above 2.
 */
#ifndef AIODNS_TIER_H
#define AIODNS_TIER_H

#include "index.h"

enum aiodns_tier_kind { AIODNS_TIER_HOST, AIODNS_TIER_USER, AIODNS_TIER_KINDS };

enum aiodns_tier_file { AIODNS_TIER_CACHE, AIODNS_TIER_CLAIMS, AIODNS_TIER_COUNTERS, AIODNS_TIER_INDEX };

enum { AIODNS_TIER_PATH_MAX = 64 };

/* Why a tier, or one of its files, is not used. */
enum aiodns_tier_verdict {
  AIODNS_TIER_GOOD,
  AIODNS_TIER_NO_FOLDER,       /* there is none, and this process may not make it, or cannot */
  AIODNS_TIER_FOLDER_KIND,     /* something else has its name: a file, a symbolic link */
  AIODNS_TIER_FOLDER_OWNER,    /* somebody else's */
  AIODNS_TIER_FOLDER_WRITABLE, /* by others */
  AIODNS_TIER_NOT_TMPFS,       /* a file on a disk could raise SIGBUS, and outlives the boot */
  AIODNS_TIER_NO_FILE,         /* nobody has made it yet */
  AIODNS_TIER_FILE_KIND,       /* not a regular file: a symbolic link, a FIFO, a device, a folder */
  AIODNS_TIER_FILE_OWNER,
  AIODNS_TIER_FILE_MODE,
  AIODNS_TIER_FILE_LINKS, /* it has another name, perhaps where others can write */
  AIODNS_TIER_FILE_EMPTY, /* or shorter than a page: somebody is making it, or died of it */
  AIODNS_TIER_NO_CACHE,   /* it does not begin as a cache does */
  AIODNS_TIER_OTHER_LAYOUT,
  AIODNS_TIER_OTHER_BOOT,
  AIODNS_TIER_WRONG_SIZE,
  AIODNS_TIER_BROKEN,  /* its header */
  AIODNS_TIER_NO_BOOT, /* /proc/sys/kernel/random/boot_id cannot be read */
  AIODNS_TIER_ERROR,   /* a system call failed; errno says how */
};

struct aiodns_tier {
  enum aiodns_tier_kind kind;
  uint32_t uid;                      /* of the user tier's user; 0 for the host tier */
  bool shared_folder;                /* in /dev/shm */
  char folder[AIODNS_TIER_PATH_MAX]; /* absolute */
};

/* Which file it is, for as long as somebody has it open or mapped. */
struct aiodns_tier_id {
  uint64_t device, inode;
};

/* A tier's cache, mapped to be read. */
struct aiodns_tier_map {
  struct aiodns_cache cache;
  uint64_t size;
  struct aiodns_tier_id id;
};

/*
 * Finds the tier's folder; `uid` is for the user tier.  With `make` a folder that is missing is made
 * (/run/aiodns, mode 0755; /run/user/UID/aiodns, 0700).  *ret gets the folder that was decided for, whatever
 * the verdict.
 */
enum aiodns_tier_verdict aiodns_tier_find(struct aiodns_tier *ret, enum aiodns_tier_kind kind, uint32_t uid,
                                          bool make);

/* The absolute path of one of its files. */
void aiodns_tier_path(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                      char ret[AIODNS_TIER_PATH_MAX]);

/*
 * Opens a file that is there, and looks at it; flags are O_RDONLY or O_RDWR.  *ret_fd is the caller's to
 * close with aiodns_kernel_close(), *ret_size its size.
 */
enum aiodns_tier_verdict aiodns_tier_open(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                          int flags, int *ret_fd, struct aiodns_tier_id *ret_id,
                                          uint64_t *ret_size);

/* Opens for writing the very file that `id` is; looked at it was when it was mapped. */
bool aiodns_tier_open_again(const char *path, struct aiodns_tier_id id, uint64_t size, int *ret_fd);

/*
 * Maps its cache, read-only, in place of `over` if that is not NULL and as large: at no moment is there no
 * memory at that place.  *ret is changed only if all is good; unmapping is up to the caller.
 */
enum aiodns_tier_verdict aiodns_tier_map(const struct aiodns_tier *tier, const struct aiodns_tier_map *over,
                                         struct aiodns_tier_map *ret);

/* The number of sets of a new cache: 8,192 small records and 512 large ones, 4 MiB. */
enum { AIODNS_TIER_SMALL_SETS = 1024, AIODNS_TIER_LARGE_SETS = 64 };

/*
 * Makes its cache anew: where none is, or where what is there is this user's own and no use.  Others go on
 * reading the old one until they look again.
 */
enum aiodns_tier_verdict aiodns_tier_create(const struct aiodns_tier *tier, uint32_t small_sets,
                                            uint32_t large_sets);

/* The same where there may be a good one, but of another size or mode; closed: its owner's alone to read. */
enum aiodns_tier_verdict aiodns_tier_recreate(const struct aiodns_tier *tier, uint32_t small_sets,
                                              uint32_t large_sets, bool closed);

/*
 * Makes a file whole, under another name first: `fill` writes to the new one, whose descriptor it gets, and
 * says whether that worked; then it gets its mode (0: as usual) and takes the place of what has its name. One
 * process at a time: others get AIODNS_TIER_ERROR with EEXIST, for 10 s at the most if that one has died of
 * it.
 */
enum aiodns_tier_verdict aiodns_tier_replace(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                             unsigned mode, bool (*fill)(int fd, void *context),
                                             void *context);

/* Random(4)'s number of this boot; false where it cannot be read. */
bool aiodns_tier_boot(uint8_t ret[AIODNS_CACHE_BOOT_LEN]);

/* Opens its claims or counters as O_RDWR, made where missing with `size` octets allocated. */
enum aiodns_tier_verdict aiodns_tier_open_or_make(const struct aiodns_tier *tier, enum aiodns_tier_file file,
                                                  uint64_t size, int *ret_fd, struct aiodns_tier_id *ret_id);

/* One sentence for people, without a full stop. */
const char *aiodns_tier_explain(enum aiodns_tier_verdict verdict);

#endif
