#include "random.h"

#include "kernel.h"

enum {
  GRND_DO_NOT_WAIT = 0x0001,  /* GRND_NONBLOCK of <sys/random.h>, whose getrandom() is not used */
  GRND_READY_OR_NOT = 0x0004, /* GRND_INSECURE, Linux 5.6: never waits */
};

static bool read_urandom(void *buf, size_t len)
{
  int fd = aiodns_kernel_open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return false;
  ssize_t got = aiodns_kernel_read(fd, buf, len);
  aiodns_kernel_close(fd);
  return got == (ssize_t)len;
}

bool aiodns_random_fill(void *buf, size_t len)
{
  /* Before the kernel's generator is ready, early at boot, waiting would hang the boot. */
  return aiodns_kernel_random(buf, len, GRND_DO_NOT_WAIT) == (ssize_t)len ||
         aiodns_kernel_random(buf, len, GRND_READY_OR_NOT) == (ssize_t)len || read_urandom(buf, len);
}
