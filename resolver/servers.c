#include "servers.h"

#include <string.h>

enum {
  PROBE_AGAIN_MAX_S = 30,
  FAR_EVERY = 8,            /* probes */
  SAMPLE_MAX_US = 10000000, /* of a round trip; keeps sums of four within 32 bits */
  SLACK_US = 10000,         /* a round trip may be so far from what is known, and be one */
  WORTH_STORING_US = 1000,  /* a change, */
  WORTH_STORING_PART = 64,  /* and such a part of what was known */
};

/* ---- The record ---- */

static uint32_t read_32(const uint8_t *octets)
{
  uint32_t value;
  memcpy(&value, octets, sizeof value);
  return value;
}

void aiodns_servers_read(struct aiodns_server_facts *ret, const uint8_t *octets)
{
  uint32_t round_trip_us = read_32(octets), spread_us = read_32(octets + 4);

  ret->round_trip_us = round_trip_us < SAMPLE_MAX_US ? round_trip_us : SAMPLE_MAX_US;
  ret->spread_us = spread_us < SAMPLE_MAX_US ? spread_us : SAMPLE_MAX_US;
  ret->probe_s = read_32(octets + 8);
  ret->down = octets[12] != 0;
  ret->probes = octets[13];
  ret->errors = octets[14] < AIODNS_SERVERS_ERRORS ? octets[14] : AIODNS_SERVERS_ERRORS;
  ret->known = octets[15];
  ret->known_s = read_32(octets + 16);
  ret->tcp_s = read_32(octets + 20);
  ret->guessed_s = read_32(octets + 24);
  ret->near_misses = octets[28];
  ret->helped = octets[29];
  ret->unanswered = octets[30];
}

void aiodns_servers_write(const struct aiodns_server_facts *facts, uint8_t *octets)
{
  memcpy(octets, &facts->round_trip_us, 4);
  memcpy(octets + 4, &facts->spread_us, 4);
  memcpy(octets + 8, &facts->probe_s, 4);
  octets[12] = facts->down;
  octets[13] = facts->probes;
  octets[14] = facts->errors;
  octets[15] = facts->known;
  memcpy(octets + 16, &facts->known_s, 4);
  memcpy(octets + 20, &facts->tcp_s, 4);
  memcpy(octets + 24, &facts->guessed_s, 4);
  octets[28] = facts->near_misses;
  octets[29] = facts->helped;
  octets[30] = facts->unanswered;
  octets[31] = 0;
}

/* ---- What it means for a lookup ---- */

static uint32_t seconds(uint64_t ns)
{
  return (uint32_t)(ns / 1000000000);
}

static uint32_t late_after_us(const struct aiodns_server_facts *facts)
{
  uint32_t spread_us = 4 * facts->spread_us, late_us;

  if (facts->round_trip_us + spread_us == 0)
    return 0;
  /* RFC 6298 section 2.3, the G: the steadiest server's answers still wait for processors on both sides. */
  if (facts->round_trip_us > 0 && spread_us < AIODNS_LATE_SPREAD_US)
    spread_us = AIODNS_LATE_SPREAD_US;
  late_us = facts->round_trip_us + spread_us;
  return late_us < AIODNS_LATE_MIN_US   ? AIODNS_LATE_MIN_US
         : late_us > AIODNS_LATE_MAX_US ? AIODNS_LATE_MAX_US
                                        : late_us;
}

/* When a server that is down is asked again: 1, 2, 4 to 30 s after it was last. */
static uint32_t next_probe_s(const struct aiodns_server_facts *facts, uint32_t now_s)
{
  uint32_t pause_s = facts->probes < 6 ? 1u << (facts->probes ? facts->probes - 1 : 0) : PROBE_AGAIN_MAX_S;
  return now_s + (pause_s < PROBE_AGAIN_MAX_S ? pause_s : PROBE_AGAIN_MAX_S);
}

/* A time that nobody sets, in a record of nobody's making, is one that has come. */
static bool is_due(const struct aiodns_server_facts *facts, uint32_t now_s)
{
  return facts->down && (now_s >= facts->probe_s || facts->probe_s - now_s > PROBE_AGAIN_MAX_S);
}

/* A time in a record may be anything: one that is further away than any is set has gone by. */
static bool is_ahead(uint32_t until_s, uint32_t now_s, uint32_t most_s)
{
  return until_s > now_s && until_s - now_s <= most_s;
}

static uint8_t known_of(const struct aiodns_server_facts *facts, uint32_t now_s)
{
  unsigned known = is_ahead(facts->known_s, now_s, AIODNS_SERVERS_KNOWN_S) ? facts->known : 0;

  known &= AIODNS_KNOWN_TCP - 1u;
  if (is_ahead(facts->tcp_s, now_s, AIODNS_SERVERS_TCP_ONLY_S))
    known |= AIODNS_KNOWN_TCP;
  return (uint8_t)known;
}

bool aiodns_servers_apply(struct aiodns_servers *servers, struct aiodns_conf *conf, uint64_t now_ns)
{
  struct aiodns_server server[AIODNS_SERVERS_MAX];
  unsigned up = 0, at = 0;
  bool probing = false, reorder;

  for (unsigned i = 0; i < conf->server_count; i++) {
    server[i] = conf->server[i];
    server[i].late_us = late_after_us(&servers->server[i]);
    server[i].known = known_of(&servers->server[i], seconds(now_ns));
    up += !servers->server[i].down;
  }
  reorder = up > 0 && up < conf->server_count && conf->schedule.step_count == 0;
  conf->up_count = (uint8_t)(reorder ? up : 0);
  for (unsigned last = 0; last < 2; last++)
    for (unsigned i = 0; i < conf->server_count; i++) {
      struct aiodns_server_facts *facts = &servers->server[i];
      if ((reorder && facts->down) != last)
        continue;
      if (last && !probing && is_due(facts, seconds(now_ns))) {
        probing = true;
        if (facts->probes < UINT8_MAX)
          facts->probes++;
        facts->probe_s = next_probe_s(facts, seconds(now_ns));
        server[i].probe_ms = facts->probes % FAR_EVERY ? AIODNS_LINGER_MS : AIODNS_LINGER_FAR_MS;
      }
      conf->server[at++] = server[i];
    }
  return probing;
}

/* ---- Learning ---- */

static uint32_t distance(uint32_t a, uint32_t b)
{
  return a > b ? a - b : b - a;
}

/* RFC 6298 section 2. */
static void smooth(struct aiodns_server_facts *facts, int64_t round_trip_us)
{
  uint32_t sample_us = round_trip_us < SAMPLE_MAX_US ? (uint32_t)round_trip_us : SAMPLE_MAX_US;

  if (facts->round_trip_us == 0) {
    facts->round_trip_us = sample_us;
    facts->spread_us = sample_us / 2;
    return;
  }
  facts->spread_us = (3 * facts->spread_us + distance(facts->round_trip_us, sample_us)) / 4;
  facts->round_trip_us = (uint32_t)((7 * (uint64_t)facts->round_trip_us + sample_us) / 8);
}

static void take_sample(struct aiodns_server_facts *facts, const struct aiodns_observed *observed)
{
  int64_t off_us = observed->round_trip_us - facts->round_trip_us;

  if (observed->longest_us == observed->round_trip_us) {
    smooth(facts, observed->round_trip_us);
  } else if (facts->round_trip_us == 0) {
    facts->spread_us = facts->spread_us ? 2 * facts->spread_us : AIODNS_FIRST_WAIT_US / 2;
    if (facts->spread_us > AIODNS_LATE_MAX_US / 4)
      facts->spread_us = AIODNS_LATE_MAX_US / 4;
  } else if (off_us > 4 * (int64_t)facts->spread_us + SLACK_US || -off_us > SLACK_US) {
    smooth(facts, observed->longest_us);
  }
}

static bool differs_much(uint32_t before, uint32_t now)
{
  return distance(before, now) > WORTH_STORING_US && distance(before, now) > before / WORTH_STORING_PART;
}

/* What is not stored is forgotten: a slow drift is made of samples that each are worth storing. */
static bool differs(const struct aiodns_server_facts *before, const struct aiodns_server_facts *now)
{
  return before->down != now->down || before->errors != now->errors || before->probe_s != now->probe_s ||
         before->known != now->known || before->known_s != now->known_s || before->tcp_s != now->tcp_s ||
         before->near_misses != now->near_misses || before->guessed_s != now->guessed_s ||
         before->helped != now->helped || before->unanswered != now->unanswered ||
         (before->round_trip_us == 0) != (now->round_trip_us == 0) ||
         differs_much(before->round_trip_us, now->round_trip_us) ||
         differs_much(before->spread_us, now->spread_us);
}

/* ---- How it is to be asked ---- */

/* For an hour at most: what comes later ends with what was there. */
static void is_known(struct aiodns_server_facts *facts, unsigned what, uint32_t now_s)
{
  facts->known = (uint8_t)(known_of(facts, now_s) & (AIODNS_KNOWN_TCP - 1u));
  if (facts->known == 0)
    facts->known_s = now_s + AIODNS_SERVERS_KNOWN_S;
  facts->known |= (uint8_t)what;
  if (facts->known & AIODNS_KNOWN_NO_COOKIES)
    facts->known &= (uint8_t)~AIODNS_KNOWN_COOKIES;
}

static void by_tcp(struct aiodns_server_facts *facts, uint32_t now_s, uint32_t for_s)
{
  if (!is_ahead(facts->tcp_s, now_s + for_s, AIODNS_SERVERS_TCP_ONLY_S))
    facts->tcp_s = now_s + for_s;
}

static void learn_guesses(struct aiodns_server_facts *facts, unsigned near_misses, uint32_t now_s)
{
  if (near_misses == 0)
    return;
  if (facts->near_misses == 0 || now_s < facts->guessed_s || now_s - facts->guessed_s >= AIODNS_GUESSING_S) {
    facts->near_misses = 0;
    facts->guessed_s = now_s;
  }
  near_misses += facts->near_misses;
  if (near_misses < AIODNS_NEAR_MISSES_MAX) {
    facts->near_misses = (uint8_t)near_misses;
  } else {
    facts->near_misses = 0;
    by_tcp(facts, now_s, AIODNS_GUESSING_S);
  }
}

/* `edns`: without it alone. */
static void learn_helped(struct aiodns_server_facts *facts, bool edns, uint32_t now_s)
{
  unsigned known = known_of(facts, now_s);
  unsigned letters = known & AIODNS_KNOWN_ECHOES ? 0 : AIODNS_KNOWN_NO_LETTERS;
  unsigned options = known & AIODNS_KNOWN_COOKIES ? AIODNS_KNOWN_NO_COOKIES : AIODNS_KNOWN_NO_EDNS;

  if (++facts->helped == AIODNS_SERVERS_HELPED)
    is_known(facts, letters | (edns ? options : 0), now_s);
  if (facts->helped >= AIODNS_SERVERS_TCP_ONLY) {
    facts->helped = 0;
    if (edns)
      by_tcp(facts, now_s, AIODNS_SERVERS_TCP_ONLY_S);
  }
}

static void learn_ways(struct aiodns_server_facts *facts, const struct aiodns_observed *observed,
                       uint32_t now_s)
{
  unsigned shown = observed->shown;

  if (shown & AIODNS_SHOWN_FOLDS)
    is_known(facts, AIODNS_KNOWN_NO_LETTERS, now_s);
  if (shown & AIODNS_SHOWN_NO_EDNS)
    is_known(facts, AIODNS_KNOWN_NO_EDNS, now_s);
  /* A forwarder that passes them on, say, and has answers of its own. */
  if (shown & AIODNS_SHOWN_COOKIELESS)
    is_known(facts, AIODNS_KNOWN_NO_COOKIES, now_s);
  else if (shown & AIODNS_SHOWN_COOKIE)
    is_known(facts, AIODNS_KNOWN_COOKIES, now_s);
  if (shown & AIODNS_SHOWN_ECHOES)
    is_known(facts, AIODNS_KNOWN_ECHOES, now_s);
  if (shown & AIODNS_SHOWN_HELPED)
    learn_helped(facts, shown & AIODNS_SHOWN_HELPED_EDNS, now_s);
  else if (observed->round_trip_us > 0)
    facts->helped = 0;
  if (shown & AIODNS_SHOWN_UNANSWERED && ++facts->unanswered >= AIODNS_SERVERS_HELPED) {
    facts->unanswered = 0;
    is_known(facts, AIODNS_KNOWN_NO_COOKIES, now_s);
  } else if (observed->round_trip_us > 0 && !(shown & AIODNS_SHOWN_UNANSWERED)) {
    facts->unanswered = 0;
  }
}

static void goes_down(struct aiodns_server_facts *facts, uint64_t now_ns)
{
  if (facts->down)
    return;
  facts->down = true;
  facts->probes = 0;
  facts->probe_s = seconds(now_ns); /* beside the next lookup: what was lost may have been a datagram */
}

static void learn(struct aiodns_server_facts *facts, const struct aiodns_observed *observed,
                  bool others_answered, uint64_t now_ns)
{
  learn_guesses(facts, observed->near_misses, seconds(now_ns));
  learn_ways(facts, observed, seconds(now_ns));
  if (observed->answered) {
    facts->down = false;
    facts->errors = facts->probes = 0;
    if (observed->round_trip_us > 0)
      take_sample(facts, observed);
  } else if (others_answered && observed->erred) {
    if (facts->errors < AIODNS_SERVERS_ERRORS)
      facts->errors++;
    if (facts->errors == AIODNS_SERVERS_ERRORS)
      goes_down(facts, now_ns);
  } else if (others_answered && observed->silent) {
    goes_down(facts, now_ns);
  }
}

bool aiodns_servers_learn(struct aiodns_servers *servers, const struct aiodns_conf *conf,
                          const struct aiodns_observed observed[AIODNS_SERVERS_MAX], uint64_t now_ns)
{
  unsigned answered = 0;
  bool changed = false;

  for (unsigned i = 0; i < conf->server_count; i++)
    answered += observed[i].answered;
  for (unsigned i = 0; i < conf->server_count; i++) {
    struct aiodns_server_facts *facts = &servers->server[conf->server[i].place], before = *facts;
    learn(facts, &observed[i], answered > 0, now_ns);
    changed |= differs(&before, facts);
  }
  return changed;
}
