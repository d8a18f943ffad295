/*
 * Somebody who sees nothing but knows the names, the servers, the moment and, by luck, the port; ID and
 * letter case he has to guess.  A guess that happens to be right in all is thrown away here: one in 65,536
 * and more is not what is tested.
 */
#include "message.h"
#include "world.h"

#include <string.h>

static const uint8_t marked4[3] = {203, 0, 113};
static const uint8_t marked6[6] = {0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad};

bool sim_is_marked(const uint8_t *address, unsigned len)
{
  return len == 4 ? memcmp(address, marked4, sizeof marked4) == 0
                  : memcmp(address, marked6, sizeof marked6) == 0;
}

bool sim_matches(const struct sim_socket *socket, const uint8_t *msg, size_t len)
{
  const struct sim_query *query = &socket->query;
  return len >= 12 && (msg[0] << 8 | msg[1]) == query->id;
}

void sim_attack_plan(struct sim_world *world, unsigned channel)
{
  const struct sim_attack *attack = &world->attack;
  unsigned count = attack->forgeries ? rng_below(&world->attacker, attack->forgeries + 1u) : 0;

  for (unsigned i = 0; i < count; i++) {
    int64_t after_us = (int64_t)rng_below(&world->attacker, (uint32_t)attack->within_us);
    sim_push(world, world->now_us + after_us, SIM_FORGED, channel, NULL, 0, (struct sim_about){0});
  }
}

/* Changes the case of some letters of the question, at least one; false where it has none. */
static bool change_case(struct rng *rng, struct sim_message *m)
{
  unsigned letters = 0, which;
  size_t end = m->answers_at - 4;

  for (size_t i = SIM_QUESTION_AT; i < end; i++)
    letters += (m->data[i] | 0x20) >= 'a' && (m->data[i] | 0x20) <= 'z';
  if (letters == 0)
    return false;
  which = rng_below(rng, letters);
  for (size_t i = SIM_QUESTION_AT; i < end; i++)
    if ((m->data[i] | 0x20) >= 'a' && (m->data[i] | 0x20) <= 'z' && (which-- == 0 || rng_chance(rng, 300)))
      m->data[i] ^= 0x20;
  return true;
}

static void put_marked(struct sim_message *m, uint16_t type)
{
  uint8_t address[16] = {0};
  if (type == AIODNS_TYPE_PTR) {
    static const uint8_t name[] = {4, 'e', 'v', 'i', 'l', 0};
    sim_message_record(m, 1, SIM_QUESTION_AT, type, 86400, name, sizeof name);
    return;
  }
  if (type == AIODNS_TYPE_A)
    memcpy(address, marked4, sizeof marked4);
  else
    memcpy(address, marked6, sizeof marked6);
  address[type == AIODNS_TYPE_A ? 3 : 15] = 66;
  sim_message_record(m, 1, SIM_QUESTION_AT, type, 86400, address, type == AIODNS_TYPE_A ? 4 : 16);
}

/* What it would like to be believed: an address, a name that leads elsewhere, or that there is nothing. */
static void put_lie(struct rng *rng, struct sim_message *m, uint16_t type)
{
  static const uint8_t soa[22] = {0};
  static const uint8_t evil[] = {4, 'e', 'v', 'i', 'l', 0};

  switch (rng_below(rng, 6)) {
  case 0:
    m->data[3] |= AIODNS_RCODE_NXDOMAIN;
    sim_message_record(m, 2, 0, AIODNS_TYPE_SOA, 86400, soa, sizeof soa);
    break;
  case 1:
    m->data[3] |= AIODNS_RCODE_SERVFAIL;
    break;
  case 2:
    m->data[2] |= SIM_FLAG_TC >> 8;
    break;
  case 3:
    sim_message_record(m, 1, SIM_QUESTION_AT, AIODNS_TYPE_CNAME, 86400, evil, sizeof evil);
    break;
  default:
    put_marked(m, type);
    break;
  }
}

bool sim_attack_forge(struct sim_world *world, unsigned channel, struct sim_message *ret)
{
  struct rng *rng = &world->attacker;
  const struct sim_query *query = &world->socket[channel].query;
  const struct sim_attack *attack = &world->attack;
  bool plain = query->lower;
  uint16_t id = (uint16_t)rng_next(rng);
  unsigned flags = SIM_FLAG_QR | SIM_FLAG_RA;
  uint8_t other[AIODNS_NAME_MAX + 4];

  if (id == query->id)
    id ^= 1;
  switch (rng_below(rng, 12)) {
  case 0: /* no message at all */
    ret->len = rng_below(rng, 12);
    for (size_t i = 0; i < ret->len; i++)
      ret->data[i] = (uint8_t)rng_next(rng);
    return true;
  case 1: /* the right ID, the wrong question */
    memcpy(other, query->question, query->question_len);
    other[query->question_len - 3] ^= 1;
    sim_message_start(ret, plain ? id : query->id, flags, other, query->question_len);
    put_lie(rng, ret, query->type);
    return true;
  case 2: /* the right ID, the wrong letter case */
    if (!attack->right_id || plain)
      return false;
    sim_message_start(ret, query->id, flags, query->question, query->question_len);
    put_lie(rng, ret, query->type);
    return change_case(rng, ret);
  case 3: /* an error that is a header alone */
    if (!attack->bare_errors || plain || rng_below(rng, 4))
      return false;
    sim_message_start(ret, query->id, flags | (1 + rng_below(rng, 5)), NULL, 0);
    return (ret->data[3] & 15) != AIODNS_RCODE_NXDOMAIN;
  case 4: /* larger than the buffer */
    sim_message_start(ret, id, flags, query->question, query->question_len);
    while (ret->len < 1500)
      put_marked(ret, query->type);
    return true;
  case 5: /* a header alone that is no error: no reply to anything */
    sim_message_start(ret, plain ? id : query->id, flags | (rng_below(rng, 2) ? AIODNS_RCODE_NXDOMAIN : 0),
                      NULL, 0);
    return true;
  case 6: /* no question */
    sim_server_unasked(ret, query, flags);
    return true;
  case 7:
    sim_message_start(ret, id, flags, query->question, query->question_len);
    put_lie(rng, ret, query->type);
    change_case(rng, ret);
    return true;
  default:
    sim_message_start(ret, id, flags, query->question, query->question_len);
    put_lie(rng, ret, query->type);
    return true;
  }
}
