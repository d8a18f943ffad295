#include "truth.h"

#include "message.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void sim_hop_text(const struct sim_candidate *c, unsigned hop, char *buf)
{
  size_t at = 0;

  if (c->nested) {
    for (unsigned k = hop; k > 0; k--)
      at += (size_t)sprintf(buf + at, "Hop-%u.", k);
    memcpy(buf + at, c->text, strlen(c->text) + 1);
  } else if (hop == 0) {
    memcpy(buf, c->text, strlen(c->text) + 1);
  } else {
    sprintf(buf, "Hop-%u.C%u.Chain.Example", hop, c->index);
  }
}

unsigned sim_address(const struct sim_candidate *c, uint16_t type, unsigned i, uint8_t *buf)
{
  if (type == AIODNS_TYPE_A) {
    buf[0] = 10;
    buf[1] = (uint8_t)(c->index + 1);
    buf[2] = (uint8_t)(i >> 8);
    buf[3] = (uint8_t)i;
    return 4;
  }
  memset(buf, 0, 16);
  buf[0] = 0xfd;
  buf[7] = (uint8_t)(c->index + 1);
  buf[14] = (uint8_t)(i >> 8);
  buf[15] = (uint8_t)i;
  return 16;
}

void sim_ptr_text(const struct sim_candidate *c, unsigned i, char *buf)
{
  sprintf(buf, "Host-%u.c%u.Example", i, c->index);
}

unsigned sim_count(const struct sim_candidate *c, uint16_t type)
{
  return c->kind == SIM_DATA ? c->count[type == AIODNS_TYPE_AAAA] : 0;
}

uint32_t sim_ttl(const struct sim_candidate *c)
{
  uint32_t least = UINT32_MAX;
  for (unsigned hop = 0; hop <= c->hops; hop++)
    least = c->ttl_s[hop] < least ? c->ttl_s[hop] : least;
  return least;
}

bool sim_find(const struct sim_candidate *c, unsigned count, const char *text, unsigned *ret_index,
              unsigned *ret_hop)
{
  char hop_text[SIM_TEXT_MAX + 200];

  for (unsigned i = 0; i < count; i++)
    for (unsigned hop = 0; hop <= c[i].hops; hop++) {
      sim_hop_text(&c[i], hop, hop_text);
      if (strcasecmp(text, hop_text) == 0) {
        *ret_index = i;
        *ret_hop = hop;
        return true;
      }
    }
  return false;
}

static bool fits_the_wire(const char *text)
{
  return strlen(text) + 2 <= AIODNS_NAME_MAX;
}

static void add(struct sim_candidate *ret, unsigned *count, enum sim_role role, const char *given,
                const char *domain)
{
  struct sim_candidate *c = &ret[*count];
  size_t len = strlen(given);

  if (len > 1 && given[len - 1] == '.')
    len--;
  memcpy(c->text, given, len);
  c->text[len] = '\0';
  if (*domain) {
    c->text[len] = '.';
    memcpy(c->text + len + 1, domain, strlen(domain) + 1);
  }
  c->role = role;
  c->root = role == SIM_LISTED && !*domain;
  c->index = (uint8_t)*count;
  if (fits_the_wire(c->text))
    ++*count;
}

unsigned sim_candidates(struct sim_candidate *ret, const struct aiodns_conf *conf, const char *const *list,
                        unsigned list_count, const char *given, bool as_is)
{
  unsigned count = 0, dots = 0;
  bool tried_as_is = false, root_on_list = false, searched = false;

  for (const char *p = given; *p; p++)
    dots += *p == '.';
  if (as_is || given[strlen(given) - 1] == '.') {
    add(ret, &count, SIM_AS_IS_ONLY, given, "");
    return count;
  }
  if (dots >= conf->ndots) {
    add(ret, &count, SIM_AS_IS_FIRST, given, "");
    tried_as_is = true;
  }
  if (dots ? conf->search_dotted : conf->search_single) {
    for (unsigned i = 0; i < list_count; i++) {
      const char *domain = list[i][0] == '.' ? list[i] + 1 : list[i];
      searched = true;
      root_on_list |= *domain == '\0';
      add(ret, &count, SIM_LISTED, given, domain);
      if (!conf->search_dotted)
        break;
    }
  }
  if ((dots || !searched || !conf->no_tld_query) && !tried_as_is && !root_on_list)
    add(ret, &count, SIM_AS_IS_LAST, given, "");
  return count;
}
