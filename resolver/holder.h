/*
 * One thread at a time, without waiting: who does not get it goes on without.  A holder that dies, or jumps
 * out of what it does, is succeeded.
 */
#ifndef AIODNS_HOLDER_H
#define AIODNS_HOLDER_H

#include "kernel.h"

#include <stdatomic.h>

/* A thread's ID; 0: nobody's. */
typedef _Atomic int32_t aiodns_holder;

/* False: another thread of this process has it, and lives; or that cannot be told. */
static inline bool aiodns_hold(aiodns_holder *holder)
{
  int32_t self = aiodns_kernel_thread_id(), other = 0;

  if (self <= 0)
    return false;
  if (atomic_compare_exchange_strong(holder, &other, self) || other == self)
    return true; /* its own: it has jumped out of here */
  return aiodns_kernel_thread_is_gone(other) && atomic_compare_exchange_strong(holder, &other, self);
}

static inline void aiodns_let_go(aiodns_holder *holder)
{
  atomic_store(holder, 0);
}

#endif
