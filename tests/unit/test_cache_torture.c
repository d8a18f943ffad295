/*
 * Processes that store into one small file and are killed at any moment, while others read it.  Every octet
 * of a record follows from its name and a number in its first address, so that any mix of two shows.
 */
#include "cachefile.h"
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 4, READERS = 2, TEXTS = 50 };

struct board {
  _Atomic bool over;
  _Atomic uint32_t salt;
  _Atomic uint64_t hits, misses, stores, wrong;
};

static struct board *board; /* of all processes */

static uint64_t boot_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* What was stored for a question under this number: of every size, small and large. */
static struct said said_of(char *text, size_t room, unsigned which, uint32_t salt)
{
  struct said said = {.text = text,
                      .type = which % 2 ? AIODNS_TYPE_A : AIODNS_TYPE_AAAA,
                      .outcome = AIODNS_ANSWER,
                      .names = (uint8_t)(salt % 3),
                      .flags = (uint8_t)(salt % 2),
                      .canonical = (uint8_t)(salt % 3),
                      .addresses = (uint16_t)(1 + (salt / 7 % 4 ? salt % 10 : salt % 200)),
                      .salt = salt};
  snprintf(text, room, "n%u.example", which);
  return said;
}

static void store_one(uint32_t salt)
{
  char text[32];
  struct said said = said_of(text, sizeof text, salt * 0x9e3779b1U % TEXTS, salt);
  if (said_store(&said, boot_ns(), salt % 5 ? 60 * SECOND : SECOND / 1000) > AIODNS_CACHE_STORED_EVICTING)
    atomic_fetch_add(&board->wrong, 1);
  atomic_fetch_add(&board->stores, 1);
}

static void read_one(unsigned which)
{
  char text[32];
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  struct said said = said_of(text, sizeof text, which % TEXTS, 0);
  if (said_read(&said, said.text, boot_ns(), &answer, &facts)) {
    said = said_of(text, sizeof text, which % TEXTS, said_salt(&answer));
    if (!said_is(&said, said.text, &answer) || facts.flags != said.flags)
      atomic_fetch_add(&board->wrong, 1);
    atomic_fetch_add(&board->hits, 1);
  } else {
    atomic_fetch_add(&board->misses, 1);
  }
  aiodns_answer_done(&answer);
}

static void *write_until_over(void *none)
{
  (void)none;
  while (!atomic_load(&board->over))
    store_one(atomic_fetch_add(&board->salt, 1));
  return NULL;
}

static void *read_until_over(void *none)
{
  (void)none;
  for (unsigned which = 0; !atomic_load(&board->over); which++)
    read_one(which);
  return NULL;
}

static pid_t start(void *(*work)(void *))
{
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    alarm(60); /* should the test itself be killed */
    work(NULL);
    _exit(0);
  }
  return pid;
}

static int begin(void **state)
{
  (void)state;
  cachefile_begin(2, 2);
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(board != MAP_FAILED);
  return 0;
}

static int finish(void **state)
{
  (void)state;
  munmap(board, sizeof *board);
  cachefile_done();
  return 0;
}

static void check(unsigned kills)
{
  print_message("%llu stores, %u writers killed, %llu hits, %llu misses, %llu wrong\n",
                (unsigned long long)board->stores, kills, (unsigned long long)board->hits,
                (unsigned long long)board->misses, (unsigned long long)board->wrong);
  assert_int_equal(board->wrong, 0);
  assert_true(board->hits > 0 && board->stores > 0);
}

/* Nobody waits for anybody: the end is a number of kills, and between two of them each writer stores. */
static void killed_writers_leave_whole_records(void **state)
{
  enum { KILLS = 100, STORES_BETWEEN = 100 };
  pid_t writers[WRITERS], readers[READERS];
  (void)state;
  for (int i = 0; i < WRITERS; i++)
    writers[i] = start(write_until_over);
  for (int i = 0; i < READERS; i++)
    readers[i] = start(read_until_over);
  for (unsigned kills = 0; kills < KILLS; kills++) {
    uint64_t enough = atomic_load(&board->stores) + unit_random(STORES_BETWEEN);
    while (atomic_load(&board->stores) < enough)
      read_one(unit_random(TEXTS));
    int which = (int)unit_random(WRITERS), status;
    assert_int_equal(kill(writers[which], SIGKILL), 0);
    assert_int_equal(waitpid(writers[which], &status, 0), writers[which]);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    writers[which] = start(write_until_over);
  }
  atomic_store(&board->over, true);
  for (int i = 0; i < WRITERS + READERS; i++) {
    pid_t pid = i < WRITERS ? writers[i] : readers[i - WRITERS];
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
  }
  check(KILLS);
}

/* The same with threads, for ThreadSanitizer: nothing but the file is shared. */
static void threads_share_nothing_but_the_file(void **state)
{
  enum { STORES = 30000 };
  pthread_t threads[WRITERS + READERS];
  (void)state;
  for (int i = 0; i < WRITERS + READERS; i++)
    assert_int_equal(
        pthread_create(&threads[i], NULL, i < WRITERS ? write_until_over : read_until_over, NULL), 0);
  while (atomic_load(&board->stores) < STORES)
    read_one((unsigned)atomic_load(&board->hits));
  atomic_store(&board->over, true);
  for (int i = 0; i < WRITERS + READERS; i++)
    pthread_join(threads[i], NULL);
  check(0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(killed_writers_leave_whole_records, begin, finish),
      cmocka_unit_test_setup_teardown(threads_share_nothing_but_the_file, begin, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
