#include "left.h"

#include "kernel.h"
#include "paths.h"
#include "thread.h"

#include <string.h>

/* What a place holds. */
enum kind {
  KIND_SOCKETS, /* children may have them: they are close-on-exec, and of no use */
  KIND_WRITER,  /* a descriptor that can write, or is about to be opened */
};

struct open {
  int fd;
  uint64_t device, inode;
};

struct place {
  _Atomic uintptr_t owner; /* whose; 0: nobody's. All else here is the owner's alone, but for forks */
  _Atomic unsigned kind;
  unsigned count;
  struct open first;
};

static struct place place[AIODNS_LEFT_PLACES];
/* More than one descriptor, for a place whose number is small. */
static struct open more[AIODNS_LEFT_LONG_PLACES][AIODNS_LEFT_DESCRIPTORS - 1];
/* Places behind this one have never been taken. */
static _Atomic int reach;

enum {
  KNOWN_MAX = 8,    /* files: claims, cache and counters, and perhaps a newer cache or another user's */
  SCAN_MAX = 65536, /* descriptors that a child looks at */
  SCAN_GAP = 256,   /* numbers in a row that nothing has: the end */
};

/* The files that were noted last. */
static struct {
  _Atomic aiodns_word device, inode;
} known[KNOWN_MAX];
/* How many are taken; more than 0 for ever where their thread has ended. */
static _Atomic unsigned taken;

/* How many forks are under way; and SUSPICION: another thread may have a descriptor that can write. */
enum { SUSPICION = 1 << 30 };
static _Atomic unsigned forks;

static struct open *open_of(struct place *of, unsigned i)
{
  return i == 0 ? &of->first : &more[of - place][i - 1];
}

/* All but those that are spared. */
static void close_all(struct place *of, bool (*spared)(int fd))
{
  struct aiodns_kernel_file file;

  for (unsigned i = 0; i < of->count; i++) {
    const struct open *open = open_of(of, i);
    if (aiodns_kernel_stat(open->fd, "", &file) == 0 && file.inode == open->inode &&
        file.device == open->device && !(spared && spared(open->fd)))
      aiodns_kernel_close(open->fd);
  }
  of->count = 0;
}

static void give_back(struct place *of)
{
  atomic_store_explicit(&of->owner, 0, memory_order_release);
  atomic_fetch_sub(&taken, 1);
}

void aiodns_left_close(void)
{
  if (atomic_load_explicit(&taken, memory_order_relaxed) == 0)
    return;
  for (int i = 0; i < atomic_load(&reach); i++) {
    if (atomic_load_explicit(&place[i].owner, memory_order_acquire) != aiodns_thread_self())
      continue;
    close_all(&place[i], NULL);
    give_back(&place[i]);
  }
}

/* ---- fork(2) ---- */

/* Whether another thread may have one open. */
static bool someone_writes(void)
{
  for (int i = 0; i < atomic_load(&reach); i++) {
    uintptr_t owner = atomic_load(&place[i].owner);
    if (owner != 0 && owner != aiodns_thread_self() && atomic_load(&place[i].kind) != KIND_SOCKETS)
      return true;
  }
  return false;
}

/*
 * The kernel copies the descriptors first and the memory later, while other threads go on: what is noted in
 * the child's memory says nothing of its descriptors.  But whoever reserves a place from now on gives it
 * back, so that what is in use now is all that can be open then.
 */
static void before_fork(void)
{
  atomic_fetch_add(&forks, 1);
  if (someone_writes())
    atomic_fetch_or(&forks, SUSPICION);
}

/* The last one takes the suspicion with it, in one step with the count. */
static void after_fork_in_parent(void)
{
  unsigned old = atomic_load(&forks), new;

  do
    new = (old & ~(unsigned)SUSPICION) == 1 ? 0 : old - 1;
  while (!atomic_compare_exchange_weak(&forks, &old, new));
}

/* Whether a place of this thread has this number: an old note of another one's may have it, too. */
static bool is_own_number(int fd)
{
  for (int i = 0; i < atomic_load(&reach); i++)
    if (atomic_load(&place[i].owner) == aiodns_thread_self())
      for (unsigned k = 0; k < place[i].count; k++)
        if (open_of(&place[i], k)->fd == fd)
          return true;
  return false;
}

static bool begins_with(const char *text, const char *beginning)
{
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* By its path, where /proc knows that: a file that has just been made may not have been noted yet. */
static bool has_our_path(int fd)
{
  char link[32] = "/proc/self/fd/", path[256];
  size_t at = strlen(link), digits = 1;

  for (int rest = fd / 10; rest > 0; rest /= 10)
    digits++;
  for (size_t i = digits; i > 0; i--, fd /= 10)
    link[at + i - 1] = (char)('0' + fd % 10);
  ssize_t len = aiodns_kernel_read_link(link, path, sizeof path - 1);
  if (len <= 0)
    return false;
  path[len] = '\0';
  return begins_with(path, AIODNS_PATH_HOST "/") ||
         begins_with(path, AIODNS_PATH_SHARED AIODNS_PATH_SHARED_NAME) ||
         (begins_with(path, AIODNS_PATH_USERS "/") && strstr(path, AIODNS_PATH_USERS_FOLDER "/"));
}

static bool is_known(const struct aiodns_kernel_file *file)
{
  for (unsigned i = 0; i < KNOWN_MAX; i++)
    if (file->inode != 0 && atomic_load(&known[i].inode) == (aiodns_word)file->inode &&
        atomic_load(&known[i].device) == (aiodns_word)file->device)
      return true;
  return false;
}

/* Among all that are open.  A new descriptor is the lowest that was free, so that they are not far up. */
static void close_writers(void)
{
  struct aiodns_kernel_file file;

  for (int fd = STDERR_FILENO + 1, gap = 0; fd < SCAN_MAX && gap < SCAN_GAP; fd++) {
    if (aiodns_kernel_stat(fd, "", &file) != 0) {
      gap++;
      continue;
    }
    gap = 0;
    if (S_ISREG(file.mode) && !is_own_number(fd) &&
        (is_known(&file) || (aiodns_kernel_access_mode(fd) == O_RDWR && has_our_path(fd))))
      aiodns_kernel_close(fd);
  }
}

/* The other threads are not here, and what they have open in the parent is of no use. */
static void after_fork_in_child(void)
{
  unsigned own = 0;

  if (atomic_exchange(&forks, 0) & SUSPICION)
    close_writers();
  for (int i = 0; i < atomic_load(&reach); i++) {
    uintptr_t owner = atomic_load(&place[i].owner);
    /* A signal's handler may fork in the middle of a lookup, which then goes on in both. */
    if (owner == aiodns_thread_self())
      own++;
    if (owner == 0 || owner == aiodns_thread_self())
      continue;
    close_all(&place[i], is_own_number);
    atomic_store(&place[i].owner, 0);
  }
  atomic_store(&taken, own); /* counted anew: it was not copied at the same moment as the places */
}

/*
 * Whether the handlers are registered; libc's function is asked when we are loaded, when no other thread can
 * be here yet, and again where it had no memory.
 */
static bool handles_forks(void)
{
  static _Atomic unsigned state; /* 0: not asked; 1: some thread is at it; 2: registered */
  unsigned expected = 0;

  if (atomic_load_explicit(&state, memory_order_acquire) == 2)
    return true;
  if (!atomic_compare_exchange_strong(&state, &expected, 1))
    return expected == 2;
  bool done = aiodns_thread_at_fork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
  atomic_store_explicit(&state, done ? 2 : 0, memory_order_release);
  return done;
}

__attribute__((constructor)) static void register_at_load(void)
{
  handles_forks();
}

/* ---- Places ---- */

/* Before a place is taken: whoever looks for those that are must not stop short of it. */
static void reach_to(int end)
{
  int before = atomic_load(&reach);

  while (before < end && !atomic_compare_exchange_weak(&reach, &before, end))
    ;
}

static int take_place(enum kind kind)
{
  for (int i = 0; i < (kind == KIND_SOCKETS ? AIODNS_LEFT_LONG_PLACES : AIODNS_LEFT_PLACES); i++) {
    uintptr_t nobody = 0;
    if (atomic_load_explicit(&place[i].owner, memory_order_relaxed) != 0)
      continue;
    reach_to(i + 1);
    /* First, so that whoever jumps out of here leaves nothing that is not counted. */
    atomic_fetch_add(&taken, 1);
    if (atomic_compare_exchange_strong(&place[i].owner, &nobody, aiodns_thread_self())) {
      place[i].count = 0;
      atomic_store(&place[i].kind, kind);
      return i;
    }
    atomic_fetch_sub(&taken, 1);
  }
  return AIODNS_LEFT_NONE;
}

int aiodns_left_reserve(void)
{
  if (!handles_forks())
    return AIODNS_LEFT_NONE;
  int at = take_place(KIND_WRITER);
  /* Sequentially consistent with before_fork(): it sees the place, or we see the fork. */
  if (at != AIODNS_LEFT_NONE && atomic_load(&forks) > 0) {
    give_back(&place[at]);
    return AIODNS_LEFT_NONE;
  }
  return at;
}

static void add(struct place *of, int fd, uint64_t device, uint64_t inode)
{
  *open_of(of, of->count) = (struct open){.fd = fd, .device = device, .inode = inode};
  atomic_signal_fence(memory_order_release); /* a jump out of here leaves a short list, never a wrong one */
  of->count++;
}

void aiodns_left_know(uint64_t device, uint64_t inode)
{
  static _Atomic unsigned next;

  for (unsigned i = 0; i < KNOWN_MAX; i++)
    if (atomic_load_explicit(&known[i].inode, memory_order_relaxed) == (aiodns_word)inode &&
        atomic_load_explicit(&known[i].device, memory_order_relaxed) == (aiodns_word)device)
      return;
  unsigned i = atomic_fetch_add(&next, 1) % KNOWN_MAX;
  atomic_store(&known[i].device, (aiodns_word)device);
  atomic_store(&known[i].inode, (aiodns_word)inode);
}

void aiodns_left_note_file(int at, int fd, uint64_t device, uint64_t inode)
{
  aiodns_left_know(device, inode);
  add(&place[at], fd, device, inode);
}

int aiodns_left_note(int at, const int *fd, unsigned count)
{
  struct aiodns_kernel_file file;

  if (at == AIODNS_LEFT_NONE)
    at = take_place(KIND_SOCKETS);
  if (at == AIODNS_LEFT_NONE)
    return at;
  struct place *of = &place[at];
  of->count = 0;
  for (unsigned i = 0; i < count && i < AIODNS_LEFT_DESCRIPTORS; i++)
    if (fd[i] >= 0 && aiodns_kernel_stat(fd[i], "", &file) == 0)
      add(of, fd[i], file.device, file.inode);
  return at;
}

void aiodns_left_forget(int at)
{
  if (at == AIODNS_LEFT_NONE)
    return;
  place[at].count = 0;
  give_back(&place[at]);
}
