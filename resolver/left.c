#include "left.h"

#include "kernel.h"
#include "lookup.h"

#include <errno.h>
#include <stdatomic.h>

struct place {
  _Atomic uintptr_t owner; /* whose; 0: nobody's. All else here is the owner's alone */
  unsigned count;
  struct {
    int fd;
    uint64_t inode;
  } socket[AIODNS_LOOKUP_CHANNELS];
};

static struct place place[AIODNS_LEFT_PLACES];
/* How many are taken; more than 0 for ever where their thread has ended, or lives in the parent of a fork. */
static _Atomic unsigned taken;

/* The thread, by what it alone has at this address. */
static uintptr_t self(void)
{
  return (uintptr_t)&errno;
}

/* Whether it is a socket, and which one. */
static bool socket_inode(int fd, uint64_t *ret)
{
  struct aiodns_kernel_file file;

  if (aiodns_kernel_stat(fd, "", &file) != 0 || !S_ISSOCK(file.mode))
    return false;
  *ret = file.inode;
  return true;
}

static void close_all(struct place *of)
{
  uint64_t inode;

  for (unsigned i = 0; i < of->count; i++)
    if (socket_inode(of->socket[i].fd, &inode) && inode == of->socket[i].inode)
      aiodns_kernel_close(of->socket[i].fd);
  of->count = 0;
}

static void give_back(struct place *of)
{
  atomic_store_explicit(&of->owner, 0, memory_order_release);
  atomic_fetch_sub_explicit(&taken, 1, memory_order_relaxed);
}

void aiodns_left_close(void)
{
  if (atomic_load_explicit(&taken, memory_order_relaxed) == 0)
    return;
  for (unsigned i = 0; i < AIODNS_LEFT_PLACES; i++) {
    if (atomic_load_explicit(&place[i].owner, memory_order_acquire) != self())
      continue;
    close_all(&place[i]);
    give_back(&place[i]);
  }
}

static int take_place(void)
{
  for (int i = 0; i < AIODNS_LEFT_PLACES; i++) {
    uintptr_t nobody = 0;
    /* First, so that whoever jumps out of here leaves nothing that is not counted. */
    atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    if (atomic_compare_exchange_strong_explicit(&place[i].owner, &nobody, self(), memory_order_acquire,
                                                memory_order_relaxed)) {
      return i;
    }
    atomic_fetch_sub_explicit(&taken, 1, memory_order_relaxed);
  }
  return AIODNS_LEFT_NONE;
}

int aiodns_left_note(int at, const int *fd, unsigned count)
{
  if (at == AIODNS_LEFT_NONE)
    at = take_place();
  if (at == AIODNS_LEFT_NONE)
    return at;
  struct place *of = &place[at];
  of->count = 0; /* a jump out of here leaves a short list, never a wrong one */
  for (unsigned i = 0; i < count; i++)
    if (fd[i] >= 0 && socket_inode(fd[i], &of->socket[of->count].inode)) {
      of->socket[of->count].fd = fd[i];
      atomic_signal_fence(memory_order_release);
      of->count++;
    }
  return at;
}

void aiodns_left_forget(int at)
{
  if (at == AIODNS_LEFT_NONE)
    return;
  place[at].count = 0;
  give_back(&place[at]);
}
