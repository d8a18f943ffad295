#include "direct.h"

#include "client.h"
#include "world.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  WINDOW_NS = 4000000, /* that threads call for */
  BATCHES_MAX = 8192,  /* within that: of 32 calls they take 1 us and more */
  STRAY = 10,          /* times as long as most batches */
};

static void *find(void *library, const char *service, const char *call)
{
  char symbol[64];

  snprintf(symbol, sizeof symbol, "_nss_%s_%s", service, call);
  return dlsym(library, symbol);
}

bool bench_direct_open(struct bench_direct *ret, const struct bench_row *row)
{
  static void *by_4r, *by_2r; /* a process has one service */

  if (!by_4r) {
    char service[32], file[64];
    snprintf(service, sizeof service, "%.*s", (int)strcspn(bench_world_hosts(), " "), bench_world_hosts());
    snprintf(file, sizeof file, "libnss_%s.so.2", service);
    void *library = dlopen(file, RTLD_NOW);
    if (!library)
      return false;
    by_2r = find(library, service, "gethostbyname2_r");
    by_4r = find(library, service, "gethostbyname4_r");
  }
  memcpy(&ret->by_4r, &by_4r, sizeof by_4r); /* ISO C has no conversion from one kind to the other */
  memcpy(&ret->by_2r, &by_2r, sizeof by_2r);
  ret->row = row;
  ret->tuples = NULL;
  return by_4r && by_2r && ((_res.options & RES_INIT) || res_init() == 0);
}

bool bench_direct_call(struct bench_direct *direct, const char *asked)
{
  enum nss_status status;

  if (direct->row->call == BENCH_DIRECT_4R) {
    direct->tuples = NULL;
    status =
        direct->by_4r(asked, &direct->tuples, direct->buffer, sizeof direct->buffer, &errno, &h_errno, NULL);
  } else {
    status = direct->by_2r(asked, direct->row->family, &direct->host, direct->buffer, sizeof direct->buffer,
                           &errno, &h_errno);
  }
  return status == NSS_STATUS_SUCCESS;
}

static void append(char *text, int family, const void *data)
{
  char address[INET6_ADDRSTRLEN] = "?";
  size_t len = strlen(text);

  inet_ntop(family, data, address, sizeof address);
  snprintf(text + len, BENCH_TEXT_MAX - len, "%s%s", len ? " " : "", address);
}

void bench_direct_text(const struct bench_direct *direct, char *text)
{
  if (direct->row->call == BENCH_DIRECT_2R) {
    for (char **at = direct->host.h_addr_list; *at; at++)
      append(text, direct->host.h_addrtype, *at);
    return;
  }
  for (int pass = 0; pass < 2; pass++) /* IPv4 first */
    for (const struct gaih_addrtuple *at = direct->tuples; at; at = at->next)
      if ((at->family == AF_INET6) == pass)
        append(text, at->family, at->addr);
}

/* -- Threads */

struct caller {
  pthread_t thread;
  pthread_barrier_t *ready;
  const struct bench_row *row;
  int cpu;
  double rate; /* 0: something went wrong */
};

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* Batches that took far longer than most are left out: somebody else had the processor. */
static double rate_of(int64_t *time_ns, size_t count, unsigned batch)
{
  int64_t sum = 0;
  size_t kept = 0;

  qsort(time_ns, count, sizeof *time_ns, compare);
  while (kept < count && time_ns[kept] <= STRAY * time_ns[count / 2])
    sum += time_ns[kept++];
  return sum > 0 ? (double)kept * batch * 1e9 / (double)sum : 0;
}

static void *call_for_a_while(void *arg)
{
  struct caller *caller = arg;
  const unsigned batch = bench_row_batch(caller->row);
  struct bench_direct direct;
  int64_t time_ns[BATCHES_MAX];
  size_t count = 0;

  bool right = bench_pin(caller->cpu) && bench_direct_open(&direct, caller->row);
  if (right)
    right = bench_direct_call(&direct, caller->row->asked); /* what a thread's first call does is not meant */
  pthread_barrier_wait(caller->ready);
  int64_t begin = bench_now_ns(), now = begin;
  do {
    int64_t before = now;
    for (unsigned i = 0; i < batch && right; i++)
      right = bench_direct_call(&direct, caller->row->asked);
    now = bench_now_ns();
    time_ns[count++] = now - before;
  } while (right && count < BATCHES_MAX && now - begin < WINDOW_NS);
  caller->rate = right ? rate_of(time_ns, count, batch) : 0;
  return NULL;
}

bool bench_direct_threads(const struct bench_row *row, const int cpu[2], unsigned threads, double *ret_rate)
{
  struct caller caller[2];
  pthread_barrier_t ready;
  struct bench_direct direct;
  unsigned started = 0;
  bool right = true;

  if (!bench_direct_open(&direct, row) || pthread_barrier_init(&ready, NULL, threads) != 0)
    return false;
  for (unsigned i = 0; i < threads; i++, started++) {
    caller[i] = (struct caller){.ready = &ready, .row = row, .cpu = cpu[i]};
    if (pthread_create(&caller[i].thread, NULL, call_for_a_while, &caller[i]) != 0)
      return false; /* one that was started waits for good: the client is of no use any more */
  }
  *ret_rate = 0;
  for (unsigned i = 0; i < started; i++) {
    pthread_join(caller[i].thread, NULL);
    right &= caller[i].rate > 0;
    *ret_rate += caller[i].rate;
  }
  pthread_barrier_destroy(&ready);
  return right;
}
