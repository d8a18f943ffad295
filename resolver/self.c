#include "self.h"

#include "kernel.h"

#include <stdatomic.h>
#include <sys/auxv.h>

enum { NOBODY = 65534 }; /* DEFAULT_OVERFLOWUID of Linux */

/* One number of a file below /proc. */
static bool read_number(const char *path, uint32_t *ret)
{
  char text[16];
  uint64_t number = 0;
  int fd = aiodns_kernel_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  ssize_t len = fd >= 0 ? aiodns_kernel_read(fd, text, sizeof text) : -1;

  if (fd >= 0)
    aiodns_kernel_close(fd);
  for (ssize_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++)
    number = number * 10 + (uint64_t)(text[i] - '0');
  *ret = (uint32_t)number;
  return len > 0 && text[0] >= '0' && text[0] <= '9' && number <= UINT32_MAX;
}

uint32_t aiodns_self_overflow_uid(void)
{
  static _Atomic uint32_t known; /* 0, which it cannot be: not read yet. Nobody changes it under way */
  uint32_t uid = atomic_load_explicit(&known, memory_order_relaxed);

  if (uid == 0) {
    if (!read_number("/proc/sys/kernel/overflowuid", &uid) || uid == 0)
      uid = NOBODY;
    atomic_store_explicit(&known, uid, memory_order_relaxed);
  }
  return uid;
}

/* AT_SECURE, which never changes: somebody else's program, perhaps. */
static bool is_secure(void)
{
  static _Atomic unsigned known; /* 0: not asked yet; else the answer and 1 */
  unsigned answer = atomic_load_explicit(&known, memory_order_relaxed);

  if (answer == 0) {
    answer = 1 + (getauxval(AT_SECURE) != 0);
    atomic_store_explicit(&known, answer, memory_order_relaxed);
  }
  return answer != 1;
}

static bool all_are(const uint32_t id[3], uint32_t value)
{
  return id[0] == value && id[1] == value && id[2] == value;
}

enum aiodns_self aiodns_self_now(uint32_t *ret_uid)
{
  uint32_t user[3], group[3];

  *ret_uid = 0;
  if (is_secure() || aiodns_kernel_users(user) != 0 || aiodns_kernel_groups(group) != 0)
    return AIODNS_SELF_MIXED;
  if (!all_are(user, user[0]) || !all_are(group, group[0]))
    return AIODNS_SELF_MIXED;
  if (user[0] == 0)
    return group[0] == 0 ? AIODNS_SELF_ROOT : AIODNS_SELF_MIXED;
  if (group[0] == 0 || user[0] == NOBODY || user[0] == aiodns_self_overflow_uid() ||
      aiodns_kernel_has_capability())
    return AIODNS_SELF_MIXED;
  *ret_uid = user[0];
  return AIODNS_SELF_USER;
}
