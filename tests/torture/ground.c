#include "ground.h"

#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

const uint8_t ground_boot[AIODNS_CACHE_BOOT_LEN] = {0xb0, 0x07, [15] = 2};

void ground_fill(int fd, uint32_t small_sets, uint32_t large_sets)
{
  struct aiodns_cache_header header;
  uint64_t key[2];

  CHECK(getrandom(key, sizeof key, 0) == sizeof key);
  CHECK(posix_fallocate(fd, 0, (off_t)aiodns_cache_size(small_sets, large_sets)) == 0);
  aiodns_cache_header_make(&header, small_sets, large_sets, key, ground_boot);
  CHECK(pwrite(fd, &header, sizeof header, 0) == sizeof header);
}

int ground_make(uint32_t small_sets, uint32_t large_sets)
{
  int fd = memfd_create("torture", MFD_CLOEXEC);

  CHECK(fd >= 0);
  ground_fill(fd, small_sets, large_sets);
  return fd;
}

struct aiodns_cache ground_map(int fd, void *over)
{
  struct aiodns_cache cache;
  struct stat status;

  CHECK(fstat(fd, &status) == 0);
  size_t size = (size_t)status.st_size;
  void *base = mmap(over, size, PROT_READ, MAP_SHARED | (over ? MAP_FIXED : 0), fd, 0);
  CHECK(base != MAP_FAILED);
  CHECK(aiodns_cache_attach(&cache, base, size, ground_boot) == AIODNS_CACHE_GOOD);
  return cache;
}

int ground_open(pid_t pid, int fd, int flags)
{
  char path[64];

  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
  return open(path, flags | O_CLOEXEC);
}

uint64_t ground_now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
