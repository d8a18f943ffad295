/*
 * What one thread, or one processor's word, is to those who share memory without locks.
 */
#ifndef AIODNS_THREAD_H
#define AIODNS_THREAD_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The calling thread, by what it alone has at this address; never 0. No system call. */
static inline uintptr_t aiodns_thread_self(void)
{
  return (uintptr_t)&errno;
}

/*
 * pthread_atfork(3) without its part that is linked into each object, which on Debian is not marked for CET
 * and would unmark the module; that part only adds which object the handlers go with when it is unloaded, and
 * ours never is.  0, or ENOMEM.
 */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);

static inline int aiodns_thread_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
  return __register_atfork(prepare, parent, child, NULL);
}

/* A number below `count` for a thread, spread well. */
static inline unsigned aiodns_thread_spread(uintptr_t thread, unsigned count)
{
  return (unsigned)(((uint64_t)thread * 0x9e3779b97f4a7c15u) >> 32) % count;
}

/* What every processor loads and stores at once; 64 bits would need a lock where words are shorter. */
typedef unsigned long __attribute__((may_alias)) aiodns_word;

/*
 * Some words that one thread writes and others read, by a sequence that is odd while they are written.  A
 * reader that meets a writer learns nothing; a writer that never comes back (a fork() in another thread, a
 * jump out of a signal handler) leaves words that nobody reads any more.
 */
#define AIODNS_SHARED_WORDS(type)                                                                            \
  struct {                                                                                                   \
    _Atomic uint32_t sequence;                                                                               \
    aiodns_word word[sizeof(type) / sizeof(aiodns_word)];                                                    \
  }

/* False: somebody is writing, or nobody has written yet. `len` is a multiple of a word. */
static inline bool aiodns_words_read(const _Atomic uint32_t *sequence, const aiodns_word *word, void *to,
                                     size_t len)
{
  aiodns_word *copy = to;
  uint32_t before = atomic_load_explicit(sequence, memory_order_acquire);

  if (before % 2 == 1 || before == 0)
    return false;
  /* Every load is an acquire: the sequence is looked at again behind all of them. */
  for (size_t i = 0; i < len / sizeof *word; i++)
    copy[i] = __atomic_load_n(&word[i], __ATOMIC_ACQUIRE);
  return atomic_load_explicit(sequence, memory_order_relaxed) == before;
}

/* False: another thread is at it, or was when it died. */
static inline bool aiodns_words_write(_Atomic uint32_t *sequence, aiodns_word *word, const void *from,
                                      size_t len)
{
  const aiodns_word *copy = from;
  uint32_t before = atomic_load_explicit(sequence, memory_order_relaxed);

  if (before % 2 == 1 || !atomic_compare_exchange_strong_explicit(sequence, &before, before + 1,
                                                                  memory_order_acquire, memory_order_relaxed))
    return false;
  /* Release: whoever sees one of these sees the odd sequence before it. */
  for (size_t i = 0; i < len / sizeof *word; i++)
    __atomic_store_n(&word[i], copy[i], __ATOMIC_RELEASE);
  uint32_t after = before + 2;
  atomic_store_explicit(sequence, after ? after : 2, memory_order_release);
  return true;
}

#endif
