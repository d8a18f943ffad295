/*
 * That nothing in a query can be guessed better than by trying all: ID and letter case as the machine draws
 * them, and the port, which the kernel draws, over a million queries, and 300,000 for the port.
 *
 * A statistic is turned into the normal deviate that is as unlikely.  With good random numbers one of the
 * some 100 deviates goes beyond LIMIT once in 10^9 runs of the whole file.
 */
#include "unit.h"

#include "kernel.h"
#include "query.h"
#include "random.h"

#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
  LOOKUPS = 500000, /* each of A and AAAA, from one source, as lookup.c asks */
  LETTERS = 40,
  ID_BITS = 16,
  CELLS = 65536,
};

static const double LIMIT = 6.8;

/* 40 letters among what are none; its labels cross all boundaries of eight octets. */
static const char asked[] = "ab1cdefghijklm.n2opqr-stuvwxyzabcd.efg.hi-jk3lmn.0";

/* ---- Statistics ---- */

/* Of a chi-squared with this many degrees of freedom (Wilson and Hilferty). */
static double deviate_of(double chi_squared, double degrees)
{
  double spread = 2 / (9 * degrees);
  return (cbrt(chi_squared / degrees) - (1 - spread)) / sqrt(spread);
}

static double even_cells(const uint32_t *count, unsigned cells, uint64_t draws)
{
  double expected = (double)draws / cells, sum = 0;
  for (unsigned i = 0; i < cells; i++)
    sum += (count[i] - expected) * (count[i] - expected) / expected;
  return deviate_of(sum, cells - 1);
}

static double even_bit(uint64_t ones, uint64_t draws)
{
  return (2 * (double)ones - (double)draws) / sqrt((double)draws);
}

struct worst {
  double deviate;
  const char *of;
};

/* Too even is as bad as too uneven. */
static void note(struct worst *worst, double deviate, const char *of)
{
  if (fabs(deviate) >= fabs(worst->deviate))
    *worst = (struct worst){deviate, of};
}

/* ---- What a million queries look like ---- */

struct sample {
  unsigned id;
  uint64_t letters; /* bit i: the letter i is a capital */
};

static struct tally {
  uint64_t draws;
  uint32_t id[CELLS], step[CELLS], both[CELLS], letters[3][CELLS], mixed[CELLS];
  uint64_t id_bit[ID_BITS], letter_bit[LETTERS], letter_pair[LETTERS], id_repeated[ID_BITS];
} tally;

/* `other` is the one drawn before. */
static void add(struct sample one, struct sample other)
{
  uint64_t same = ~(one.letters ^ one.letters >> 1), same_id = ~(one.id ^ other.id);

  tally.draws++;
  tally.id[one.id]++;
  tally.step[(uint16_t)(one.id - other.id)]++;
  tally.both[(one.id & 0xff) << 8 | (other.id >> 8)]++;
  tally.letters[0][one.letters & 0xffff]++;
  tally.letters[1][one.letters >> 16 & 0xffff]++;
  tally.letters[2][(one.letters >> 32 & 0xff) << 8 | (other.letters & 0xff)]++;
  tally.mixed[(one.id >> 8) << 8 | (one.letters >> 4 & 0xff)]++;
  for (unsigned i = 0; i < ID_BITS; i++) {
    tally.id_bit[i] += one.id >> i & 1;
    tally.id_repeated[i] += same_id >> i & 1;
  }
  for (unsigned i = 0; i < LETTERS; i++) {
    tally.letter_bit[i] += one.letters >> i & 1;
    tally.letter_pair[i] += i + 1 < LETTERS && (same >> i & 1);
  }
}

static struct worst judge(void)
{
  struct worst worst = {0};
  uint64_t draws = tally.draws;

  note(&worst, even_cells(tally.id, CELLS, draws), "IDs");
  note(&worst, even_cells(tally.step, CELLS, draws), "from one ID to the next");
  note(&worst, even_cells(tally.both, CELLS, draws), "halves of two IDs");
  note(&worst, even_cells(tally.letters[0], CELLS, draws), "letters 0 to 15");
  note(&worst, even_cells(tally.letters[1], CELLS, draws), "letters 16 to 31");
  note(&worst, even_cells(tally.letters[2], CELLS, draws), "letters of two queries");
  note(&worst, even_cells(tally.mixed, CELLS, draws), "ID and letters");
  for (unsigned i = 0; i < ID_BITS; i++) {
    note(&worst, even_bit(tally.id_bit[i], draws), "a bit of the ID");
    note(&worst, even_bit(tally.id_repeated[i], draws), "a bit of two IDs");
  }
  for (unsigned i = 0; i < LETTERS; i++) {
    note(&worst, even_bit(tally.letter_bit[i], draws), "a letter");
    if (i + 1 < LETTERS)
      note(&worst, even_bit(tally.letter_pair[i], draws), "two letters");
  }
  return worst;
}

/* ---- Queries ---- */

static struct sample sample_of(const uint8_t *payload, const struct aiodns_name *name)
{
  struct sample ret = {.id = (unsigned)payload[0] << 8 | payload[1]};
  unsigned letter = 0;

  for (unsigned i = 0; i < name->len; i++) {
    uint8_t c = payload[AIODNS_HEADER_LEN + i];
    if ((uint8_t)((c | 0x20) - 'a') < 26)
      ret.letters |= (uint64_t) !(c & 0x20) << letter++;
  }
  assert_int_equal(letter, LETTERS);
  return ret;
}

/* What the first datagram of a query has, as the machine gives it to its driver. */
static struct sample put_query(const struct aiodns_conf *conf, struct aiodns_entropy *entropy,
                               const struct aiodns_name *name, uint16_t type)
{
  static struct aiodns_query query;
  struct aiodns_answer answer;
  struct aiodns_observed observed[AIODNS_SERVERS_MAX] = {0};
  struct aiodns_task task;
  uint8_t payload[AIODNS_PAYLOAD_MAX];

  aiodns_answer_init(&answer, type == AIODNS_TYPE_A ? 4 : 16);
  aiodns_query_init(&query, conf, entropy, &answer, observed);
  aiodns_query_start(&query, name, type, 0, AIODNS_MANNER_MIXED, 1000);
  assert_true(aiodns_query_task(&query, &task));
  assert_int_equal(task.kind, AIODNS_TASK_OPEN);
  size_t len = aiodns_query_payload(&query, task.channel, payload);
  assert_true(len > AIODNS_HEADER_LEN + (size_t)name->len);
  struct sample ret = sample_of(payload, name);
  aiodns_query_give_up(&query);
  while (aiodns_query_task(&query, &task))
    ;
  aiodns_query_done(&query);
  aiodns_answer_done(&answer);
  return ret;
}

/* The worst deviate of so many lookups from this source. */
static struct worst draw(bool (*fill)(void *, uint8_t *, size_t), unsigned lookups)
{
  struct aiodns_conf conf = {.server_count = 1, .attempts = 2, .timeout_ms = 5000, .recursion_desired = true};
  struct aiodns_name name;
  struct sample last = {0};
  bool first = true;

  assert_true(aiodns_name_from_text(&name, asked));
  conf.server[0].address.in =
      (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
  conf.server[0].address_len = sizeof conf.server[0].address.in;
  memset(&tally, 0, sizeof tally);
  for (unsigned i = 0; i < lookups; i++) {
    struct aiodns_entropy entropy = {.fill = fill};
    for (unsigned family = 0; family < 2; family++) {
      struct sample next = put_query(&conf, &entropy, &name, family == 0 ? AIODNS_TYPE_A : AIODNS_TYPE_AAAA);
      if (!first)
        add(next, last);
      last = next;
      first = false;
    }
  }
  return judge();
}

static void assert_fair(struct worst worst)
{
  printf("worst deviate %.2f: %s\n", worst.deviate, worst.of);
  if (fabs(worst.deviate) > LIMIT)
    fail_msg("%s: a deviate of %.2f", worst.of, worst.deviate);
}

static void assert_caught(struct worst worst)
{
  printf("caught with a deviate of %.0f: %s\n", worst.deviate, worst.of);
  assert_true(fabs(worst.deviate) > 2 * LIMIT);
}

/* ---- Sources ---- */

static bool from_the_kernel(void *source, uint8_t *buf, size_t len)
{
  (void)source;
  return aiodns_random_fill(buf, len);
}

static uint64_t good_state;

/* Splitmix: the same each time, and good enough that only what is done to it is caught. */
static uint64_t good(void)
{
  uint64_t z = good_state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static bool from_good(void *source, uint8_t *buf, size_t len)
{
  (void)source;
  for (size_t i = 0; i < len; i++)
    buf[i] = (uint8_t)(good() >> 32);
  return true;
}

/* The machine draws from the end of what it got: there the last nine are for A, its ID first. */
static bool from_stuck_id(void *source, uint8_t *buf, size_t len)
{
  from_good(source, buf, len);
  buf[len - 9] |= 0x10;
  return true;
}

static bool from_stuck_letter(void *source, uint8_t *buf, size_t len)
{
  from_good(source, buf, len);
  buf[len - 7] &= 0xfd; /* of the name's first octets the second is a letter */
  return true;
}

static bool from_leaning(void *source, uint8_t *buf, size_t len)
{
  from_good(source, buf, len);
  for (size_t i = 0; i < len; i++)
    if (good() % 32 == 0) /* a bit is set in 51.6 % */
      buf[i] |= 1;
  return true;
}

static bool from_modulo(void *source, uint8_t *buf, size_t len)
{
  from_good(source, buf, len);
  for (size_t i = 0; i < len; i++)
    buf[i] = (uint8_t)(good() % 1000); /* 0 to 231 are more likely by a third */
  return true;
}

static bool from_repeating(void *source, uint8_t *buf, size_t len)
{
  static uint8_t last[32];
  if (good() % 16) {
    from_good(source, last, sizeof last);
  }
  memcpy(buf, last, len < sizeof last ? len : sizeof last);
  return true;
}

static bool from_counter(void *source, uint8_t *buf, size_t len)
{
  static uint64_t count;
  (void)source;
  for (size_t i = 0; i < len; i++)
    buf[i] = (uint8_t)((count++ * 0x9e3779b97f4a7c15) >> 40);
  return true;
}

static void id_and_letters_are_fair(void **state)
{
  (void)state;
  assert_fair(draw(from_the_kernel, LOOKUPS));
  assert_int_equal(tally.draws, 2 * LOOKUPS - 1);
}

static void a_fair_source_passes(void **state)
{
  (void)state;
  assert_fair(draw(from_good, LOOKUPS / 4));
}

static void an_unfair_source_is_caught(void **state)
{
  (void)state;
  assert_caught(draw(from_stuck_id, LOOKUPS / 10));
  assert_caught(draw(from_stuck_letter, LOOKUPS / 10));
  assert_caught(draw(from_leaning, LOOKUPS));
  assert_caught(draw(from_modulo, LOOKUPS));
  assert_caught(draw(from_repeating, LOOKUPS / 10));
  assert_caught(draw(from_counter, LOOKUPS / 10));
}

/* ---- Ports ---- */

enum {
  PORT_LOOKUPS = 150000, /* of two sockets each, open at the same time */
  PORT_BUCKETS = 3500,   /* so that each has seven ports or more of the usual range */
};

static struct ports {
  unsigned low, high;
  uint64_t draws;
  uint32_t count[CELLS], step[CELLS], parity[4];
} ports;

/* One in which nobody else has a port: what others hold would look like a gap. */
static bool have_network(void)
{
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
    return false;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
  close(fd);
  return up;
}

/* Of the namespace that this thread is in. */
static void read_range(void)
{
  FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
  assert_non_null(range);
  assert_int_equal(fscanf(range, "%u %u", &ports.low, &ports.high), 2);
  fclose(range);
  assert_in_range(ports.high - ports.low + 1, 4 * PORT_BUCKETS, CELLS);
}

static unsigned port_of(int fd)
{
  struct sockaddr_in own = {0};
  socklen_t len = sizeof own;
  assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
  return ntohs(own.sin_port);
}

/* As drive.c opens a channel; connecting sends nothing. */
static int open_like_a_channel(void)
{
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = aiodns_kernel_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(aiodns_kernel_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static void add_port(unsigned port, unsigned last)
{
  unsigned span = ports.high - ports.low + 1;
  assert_in_range(port, ports.low, ports.high);
  ports.draws++;
  ports.count[port - ports.low]++;
  ports.step[(port + span - last) % span]++;
  ports.parity[(port & 1) << 1 | (last & 1)]++;
}

/* A bucket has several ports, and is expected to be hit as often as it has ports. */
static double even_buckets(const uint32_t *count, unsigned span, uint64_t draws)
{
  double sum = 0;
  for (unsigned bucket = 0; bucket < PORT_BUCKETS; bucket++) {
    unsigned from = (unsigned)((uint64_t)span * bucket / PORT_BUCKETS);
    unsigned to = (unsigned)((uint64_t)span * (bucket + 1) / PORT_BUCKETS);
    double expected = (double)draws * (to - from) / span, got = 0;
    for (unsigned i = from; i < to; i++)
      got += count[i];
    sum += (got - expected) * (got - expected) / expected;
  }
  return deviate_of(sum, PORT_BUCKETS - 1);
}

static struct worst judge_ports(void)
{
  struct worst worst = {0};
  unsigned span = ports.high - ports.low + 1, odd = 0;

  for (unsigned port = ports.low; port <= ports.high; port++)
    odd += port & 1;
  note(&worst, even_cells(ports.count, span, ports.draws), "ports");
  note(&worst, even_buckets(ports.count, span, ports.draws), "buckets of ports");
  note(&worst, even_buckets(ports.step, span, ports.draws), "from one port to the next");
  if (2 * odd == span) {
    note(&worst, even_bit(ports.parity[2] + ports.parity[3], ports.draws), "odd ports");
    note(&worst, even_cells(ports.parity, 4, ports.draws), "odd and even after each other");
  }
  return worst;
}

static void ports_are_fair(void **state)
{
  (void)state;
  if (!have_network()) {
    puts("skipped: no network namespace of our own");
    skip();
  }
  memset(&ports, 0, sizeof ports);
  read_range();
  unsigned last = ports.low;
  for (unsigned i = 0; i < PORT_LOOKUPS; i++) {
    int fd[2] = {open_like_a_channel(), open_like_a_channel()};
    for (unsigned family = 0; family < 2; family++) {
      unsigned port = port_of(fd[family]);
      add_port(port, last); /* two that are open at once never have the same: too rarely to be seen here */
      last = port;
    }
    close(fd[0]);
    close(fd[1]);
  }
  assert_fair(judge_ports());
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(id_and_letters_are_fair),
      cmocka_unit_test(a_fair_source_passes),
      cmocka_unit_test(an_unfair_source_is_caught),
      cmocka_unit_test(ports_are_fair),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
