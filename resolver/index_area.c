#include "index_area.h"

#include "kernel.h"

enum { AREA_FIRST = 1 << 16 }; /* a page is too small for its system call */

void *aiodns_area_map(uint64_t len)
{
  if (len > SIZE_MAX) {
    errno = ENOMEM;
    return NULL;
  }
  void *base = aiodns_kernel_map(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return base == MAP_FAILED ? NULL : base;
}

void aiodns_area_unmap(void *base, uint64_t len)
{
  int error = errno;

  if (base)
    aiodns_kernel_unmap(base, len);
  errno = error;
}

void aiodns_area_done(struct aiodns_area *area)
{
  aiodns_area_unmap(area->base, area->room);
  *area = (struct aiodns_area){0};
}

/* Moved by the kernel, page by page; where it may not do that, by copying. */
static void *move(const struct aiodns_area *area, uint64_t room)
{
  void *base = room > SIZE_MAX ? MAP_FAILED : aiodns_kernel_remap(area->base, area->room, room);

  if (base != MAP_FAILED)
    return base;
  base = aiodns_area_map(room);
  if (base) {
    memcpy(base, area->base, (size_t)area->len);
    aiodns_area_unmap(area->base, area->room);
  }
  return base;
}

bool aiodns_area_reserve(struct aiodns_area *area, uint64_t more)
{
  if (area->room - area->len >= more)
    return true;
  if (more > UINT32_MAX - area->len) {
    errno = EFBIG;
    return false;
  }
  uint64_t room = area->room + area->room / 2;
  room = room < area->len + more ? area->len + more : room;
  room = (room + AREA_FIRST - 1) / AREA_FIRST * AREA_FIRST;
  void *base = area->base ? move(area, room) : aiodns_area_map(room);
  if (!base)
    return false;
  area->base = base;
  area->room = room;
  return true;
}
