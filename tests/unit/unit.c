#include "unit.h"

#include <string.h>
#include <sys/mman.h>

uint32_t unit_random(uint32_t n)
{
  static uint64_t state;
  if (state == 0) {
    const char *seed = getenv("AIODNS_TEST_SEED");
    state = seed ? strtoull(seed, NULL, 0) : 20240229;
    print_message("AIODNS_TEST_SEED=%llu\n", (unsigned long long)state);
  }
  /* splitmix64 */
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

uint8_t *unit_on_cliff(const void *data, size_t len)
{
  enum { ROOM = 1 << 17, PAGE = 1 << 16 }; /* the largest page there is */
  static uint8_t *ground;
  if (!ground) {
    ground = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(ground != MAP_FAILED);
    assert_int_equal(mprotect(ground + ROOM, PAGE, PROT_NONE), 0);
  }
  assert_true(len <= ROOM);
  uint8_t *at = ground + ROOM - len;
  if (len > 0)
    memcpy(at, data, len);
  return at;
}
