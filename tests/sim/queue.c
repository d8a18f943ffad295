#include "world.h"

#include <stdlib.h>
#include <string.h>

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
  return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
  struct sim_event c = *a;
  *a = *b;
  *b = c;
}

static uint32_t keep(struct sim_world *world, const uint8_t *data, size_t len)
{
  if (len > world->octets_room - world->octets_len) {
    size_t room = 2 * (size_t)world->octets_room + len + 65536;
    uint8_t *octets = realloc(world->octets, room);
    if (!octets)
      abort();
    world->octets = octets;
    world->octets_room = (uint32_t)room;
  }
  uint32_t at = world->octets_len;
  if (len > 0)
    memcpy(world->octets + at, data, len);
  world->octets_len += (uint32_t)len;
  return at;
}

void sim_push(struct sim_world *world, int64_t at_us, enum sim_event_kind kind, unsigned channel,
              const uint8_t *data, size_t len, struct sim_about about)
{
  struct sim_event *heap = world->event;
  uint32_t i = world->event_count;

  if (i == SIM_EVENTS_MAX) {
    sim_complain(world, "more than %d events under way", SIM_EVENTS_MAX);
    return;
  }
  world->event_count++;
  heap[i] = (struct sim_event){
      .at_us = at_us,
      .order = world->event_order++,
      .kind = kind,
      .channel = (uint8_t)channel,
      .socket = world->socket[channel].serial,
      .data = keep(world, data, len),
      .len = (uint32_t)len,
      .about = about,
  };
  for (; i > 0 && earlier(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
    swap(&heap[i], &heap[(i - 1) / 2]);
}

struct sim_event sim_pop(struct sim_world *world)
{
  struct sim_event *heap = world->event, first = heap[0];
  uint32_t count = --world->event_count;

  heap[0] = heap[count];
  for (uint32_t i = 0;;) {
    uint32_t least = i;
    for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
      if (earlier(&heap[child], &heap[least]))
        least = child;
    if (least == i)
      return first;
    swap(&heap[i], &heap[least]);
    i = least;
  }
}
