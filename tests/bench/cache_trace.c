/*
 * The cache on traces of lookups whose names are Zipf distributed: its rate of hits beside a true LRU and a
 * plain FIFO of exactly as many records, and what a hit and a store cost.  The traces are the same each time.
 */
#include "cache_write.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOOKUPS = 1000000, NAMES = 100000, LARGE_SETS = 1, ROUNDS = 20000, BATCHES = 50, MOVE = 100000 };

static struct aiodns_name names[NAMES];
static uint32_t trace[LOOKUPS];

static void die(const char *what)
{
  perror(what);
  exit(1);
}

/* splitmix64 */
static uint64_t next_random(void)
{
  static uint64_t state = 20240229;
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/*
 * Name i is asked for in proportion to (i + 1)^-s.  Where they move, the names go round by a twentieth every
 * MOVE lookups: what was wanted is no longer.
 */
static void make_trace(double s, bool moving)
{
  static double up_to[NAMES];
  double sum = 0;
  for (int i = 0; i < NAMES; i++)
    up_to[i] = sum += pow(i + 1, -s);
  for (int i = 0; i < LOOKUPS; i++) {
    double at = (double)(next_random() >> 11) / (double)(UINT64_C(1) << 53) * sum;
    uint32_t low = 0, high = NAMES - 1;
    while (low < high) {
      uint32_t middle = (low + high) / 2;
      if (up_to[middle] > at)
        high = middle;
      else
        low = middle + 1;
    }
    trace[i] = moving ? (low + (uint32_t)(i / MOVE) * (NAMES / 20)) % NAMES : low;
  }
}

/* ---- Lists of as many records ---- */

struct list {
  uint32_t newer[NAMES + 1], older[NAMES + 1]; /* the last of each is the list's ends */
  bool in[NAMES];
};

static void unlink_name(struct list *list, uint32_t name)
{
  list->older[list->newer[name]] = list->older[name];
  list->newer[list->older[name]] = list->newer[name];
}

static void link_newest(struct list *list, uint32_t name)
{
  uint32_t newest = list->older[NAMES];
  list->older[name] = newest, list->newer[name] = NAMES;
  list->newer[newest] = name, list->older[NAMES] = name;
}

/* LRU moves to the front what is hit, FIFO does not. */
static double hit_rate_of_list(uint32_t records, bool lru)
{
  static struct list list;
  uint32_t held = 0, hits = 0;
  list.newer[NAMES] = list.older[NAMES] = NAMES;
  memset(list.in, 0, sizeof list.in);
  for (int i = 0; i < LOOKUPS; i++) {
    uint32_t name = trace[i];
    if (list.in[name]) {
      hits++;
      if (!lru)
        continue;
      unlink_name(&list, name);
    } else if (held == records) {
      uint32_t oldest = list.newer[NAMES];
      unlink_name(&list, oldest);
      list.in[oldest] = false;
    } else {
      held++;
    }
    list.in[name] = true;
    link_newest(&list, name);
  }
  return (double)hits / LOOKUPS;
}

/* ---- The cache ---- */

struct file {
  struct aiodns_cache cache;
  int fd;
  void *base;
  uint64_t size, now_ns;
};

static void open_file(struct file *file, uint32_t small_sets)
{
  struct aiodns_cache_header header;
  const uint64_t key[2] = {next_random(), next_random()};
  static const uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  aiodns_cache_header_make(&header, small_sets, LARGE_SETS, key, boot);
  file->size = header.size;
  file->now_ns = 1;
  file->fd = memfd_create("cache", MFD_CLOEXEC);
  if (file->fd < 0 || posix_fallocate(file->fd, 0, (off_t)file->size) != 0 ||
      pwrite(file->fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
    die("memfd");
  file->base = mmap(NULL, file->size, PROT_READ, MAP_SHARED | MAP_POPULATE, file->fd, 0);
  if (file->base == MAP_FAILED ||
      aiodns_cache_attach(&file->cache, file->base, file->size, boot) != AIODNS_CACHE_GOOD)
    die("mmap");
}

static void close_file(struct file *file)
{
  munmap(file->base, file->size);
  close(file->fd);
}

static bool look(struct file *file, uint32_t name)
{
  file->now_ns++;
  struct aiodns_cache_wish wish = {.name = &names[name],
                                   .now_ns = file->now_ns,
                                   .began_ns = file->now_ns,
                                   .type = {AIODNS_TYPE_A, AIODNS_TYPE_AAAA},
                                   .wanted = 1};
  struct aiodns_record_facts facts[2];
  struct aiodns_answer answer[2];
  aiodns_answer_init(&answer[0], 4);
  unsigned found = aiodns_cache_read(&file->cache, &wish, answer, facts);
  aiodns_answer_done(&answer[0]);
  return found;
}

static void put(struct file *file, uint32_t name)
{
  struct aiodns_question question = {.name = &names[name], .type = AIODNS_TYPE_A};
  struct aiodns_answer answer;
  aiodns_answer_init(&answer, 4);
  answer.outcome = AIODNS_ANSWER;
  if (!aiodns_answer_add_address(&answer, &name) ||
      aiodns_cache_store(&file->cache, file->fd, &question, &answer, 0, ++file->now_ns,
                         AIODNS_CACHE_LIFE_MAX_NS) > AIODNS_CACHE_STORED_EVICTING)
    die("store");
  aiodns_answer_done(&answer);
}

static double hit_rate_of_cache(uint32_t records)
{
  struct file file;
  uint32_t hits = 0;
  open_file(&file, records / AIODNS_CACHE_WAYS);
  for (int i = 0; i < LOOKUPS; i++) {
    if (look(&file, trace[i]))
      hits++;
    else
      put(&file, trace[i]);
  }
  close_file(&file);
  return (double)hits / LOOKUPS;
}

/* ---- Costs ---- */

static double now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The best of some batches: others use the machine, too. */
static void print_costs(void)
{
  enum { WARM = 64 };
  struct file file;
  uint32_t hits = 0;
  double read = INFINITY, store = INFINITY;
  open_file(&file, 64);
  for (uint32_t i = 0; i < WARM; i++)
    put(&file, i);
  for (int batch = 0; batch < BATCHES; batch++) {
    double begin = now_ns();
    for (uint32_t i = 0; i < ROUNDS; i++)
      hits += look(&file, i % WARM);
    read = fmin(read, (now_ns() - begin) / ROUNDS);
    begin = now_ns();
    for (uint32_t i = 0; i < ROUNDS / 10; i++)
      put(&file, i % WARM);
    store = fmin(store, (now_ns() - begin) / (ROUNDS / 10));
  }
  close_file(&file);
  printf("a hit %.0f ns (%.1f %% of them), a store %.0f ns\n", read, hits * 100.0 / ROUNDS / BATCHES, store);
}

int main(void)
{
  static const double exponents[] = {0.8, 1.0, 1.2};
  for (uint32_t i = 0; i < NAMES; i++) {
    char text[32];
    snprintf(text, sizeof text, "host%u.example.net", i);
    if (!aiodns_name_from_text(&names[i], text))
      return 1;
  }
  printf("records    s  names   cache     LRU    FIFO  cache/LRU\n");
  for (uint32_t records = 8192; records <= 16384; records *= 2)
    for (unsigned i = 0; i < 6; i++) {
      bool moving = i >= 3;
      make_trace(exponents[i % 3], moving);
      double cache = hit_rate_of_cache(records), lru = hit_rate_of_list(records, true);
      printf("%7u  %.1f  %-6s %.4f  %.4f  %.4f      %.3f\n", records, exponents[i % 3],
             moving ? "moving" : "stay", cache, lru, hit_rate_of_list(records, false), cache / lru);
    }
  print_costs();
  return 0;
}
