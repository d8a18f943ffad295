/*
 * torture [--seconds N] [--partner PROGRAM]: processes that store into one small file and read it on all
 * processors, while writers are killed, stopped, and continued or killed later, and the file is replaced by a
 * newer one under the readers.  Every octet of a record follows from its question and its salt.
 *
 * The partner is the same program with words of another width: half of the processes are its.  Each salt
 * says by its lowest bit who stored it.
 */
#include "check.h"
#include "ground.h"
#include "record.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
  SMALL_SETS = 4, /* few enough for records to drive each other out */
  LARGE_SETS = 2,
  READERS = 64,
  WRITERS = 64,
  BOARD_FD = 100, /* the same in every process; the file's is the first one's, which replaces it */
  FILE_FD = 101,
  GENERATIONS = 1 << 16,
  IMAGE_STORES = 500,
  WIDTH = sizeof(long) == 8 ? 0 : 1,
};

/* What all processes share. */
struct board {
  _Atomic uint32_t over, salt, files, unused;
  _Atomic uint64_t stores, refused, mixes, misses;
  _Atomic uint64_t whole[2][2]; /* by the reader's width and the writer's */
  _Atomic uint64_t read_by[READERS], mapped_by[READERS];
};
_Static_assert(sizeof(struct board) == 8 * (2 + 4 + 4 + 2 * READERS), "the same in every process");

static struct board *board;
static pid_t owner; /* whose FILE_FD is the newest file */

static uint32_t roll(uint32_t *state, uint32_t below)
{
  *state = *state * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)*state * below >> 32);
}

/* Three times out of four the one whose records take longest to write and to copy. */
static unsigned question(uint32_t *state)
{
  return roll(state, 4) ? QUESTION_HUGE : roll(state, QUESTIONS);
}

/* ---- Writers ---- */

static uint32_t new_salt(void)
{
  return atomic_fetch_add(&board->salt, 1) << 1 | WIDTH;
}

static bool write_one(const struct aiodns_cache *cache, int fd, uint32_t *state)
{
  static struct record ready[8]; /* making them takes longer than storing them */
  unsigned which = question(state);

  if (which != QUESTION_HUGE)
    return record_store(cache, fd, which, new_salt(), ground_now_ns());
  struct record *record = &ready[roll(state, sizeof ready / sizeof *ready)];
  if (record->name.len == 0)
    record_make(record, which, new_salt());
  return record_put(record, cache, fd, ground_now_ns());
}

static void write_until_over(void)
{
  struct aiodns_cache cache = {0};
  ino_t mapped = 0;
  uint32_t state = (uint32_t)getpid();

  while (!atomic_load(&board->over)) {
    struct stat status;
    int fd = ground_open(owner, FILE_FD, O_RDWR);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    if (!mapped || status.st_ino != mapped)
      cache = ground_map(fd, mapped ? (void *)(uintptr_t)cache.base : NULL);
    mapped = status.st_ino;
    bool stored = write_one(&cache, fd, &state);
    atomic_fetch_add(stored ? &board->stores : &board->refused, 1);
    close(fd);
  }
}

/* ---- Readers ---- */

struct reader {
  unsigned number, next;
  ino_t mapped;
};

static struct aiodns_cache generation[GENERATIONS];
static _Atomic unsigned newest;

static void count(enum record_seen seen, uint32_t salt, unsigned number)
{
  switch (seen) {
  case RECORD_NONE:
    atomic_fetch_add_explicit(&board->misses, 1, memory_order_relaxed);
    break;
  case RECORD_WHOLE:
    atomic_fetch_add_explicit(&board->whole[WIDTH][salt & 1], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&board->read_by[number], 1, memory_order_relaxed);
    break;
  case RECORD_MIX:
    atomic_fetch_add(&board->mixes, 1);
    break;
  }
}

static void *read_until_over(void *argument)
{
  const struct reader *reader = argument;
  uint32_t state = reader->number, salt = 0;

  while (!atomic_load(&board->over)) {
    const struct aiodns_cache *cache = &generation[atomic_load(&newest)];
    count(record_read(cache, question(&state), ground_now_ns(), &salt), salt, reader->number);
  }
  return NULL;
}

/* What a process has given up: zeros in its place, for those who are reading there. */
static void give_up(void *place)
{
  size_t size = (size_t)aiodns_cache_size(SMALL_SETS, LARGE_SETS);
  CHECK(mmap(place, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
}

/* A newer file in the place of the last one, or of zeros, while others are reading there. */
static void map_newest(struct reader *reader)
{
  struct stat status;
  int fd = ground_open(owner, FILE_FD, O_RDONLY);

  CHECK(fd >= 0 && fstat(fd, &status) == 0);
  if (status.st_ino != reader->mapped && reader->next < GENERATIONS) {
    void *over = reader->next > 0 ? (void *)(uintptr_t)generation[0].base : NULL;
    if (over && reader->next % 2)
      give_up(over);
    generation[reader->next] = ground_map(fd, over);
    atomic_store(&newest, reader->next++);
    reader->mapped = status.st_ino;
    atomic_fetch_add(&board->mapped_by[reader->number], 1);
  }
  close(fd);
}

static void *map_until_over(void *argument)
{
  for (uint32_t files = 0; !atomic_load(&board->over);) {
    syscall(SYS_futex, &board->files, FUTEX_WAIT, files, NULL, NULL, 0);
    files = atomic_load(&board->files);
    map_newest(argument);
  }
  return NULL;
}

static void read_as_process(unsigned number)
{
  void *(*const work[])(void *) = {map_until_over, read_until_over, read_until_over};
  struct reader reader = {.number = number};
  pthread_t threads[3];

  map_newest(&reader);
  for (unsigned i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, work[i], &reader) == 0);
  for (unsigned i = 0; i < 3; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- Files of either width ---- */

/* Always the same records at the same times. */
static void write_image(void)
{
  struct aiodns_cache cache = ground_map(FILE_FD, NULL);
  uint32_t state = 1;

  for (uint32_t salt = 0; salt < IMAGE_STORES; salt++)
    CHECK(record_store(&cache, FILE_FD, roll(&state, QUESTIONS), salt, SECOND * (1000 + salt)));
}

/* ---- Processes ---- */

static void become_worker(const char *work, unsigned number)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  owner = getppid();
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
  CHECK(board != MAP_FAILED);
  if (strcmp(work, "image") == 0)
    write_image();
  else if (strcmp(work, "write") == 0)
    write_until_over();
  else
    read_as_process(number);
}

static pid_t start(const char *program, const char *work, unsigned number)
{
  char text[16];
  pid_t pid = fork();

  CHECK(pid >= 0);
  if (pid == 0) {
    snprintf(text, sizeof text, "%u", number);
    execl(program, "torture", "--worker", work, text, NULL);
    FAIL("exec");
  }
  return pid;
}

static void expect_exit(pid_t pid)
{
  int status;

  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct run {
  const char *program[2]; /* both the same, where there is no partner */
  unsigned writers, readers;
  pid_t writer[WRITERS], reader[READERS];
  bool stopped[WRITERS];
  unsigned started, stopped_count, kills, kills_stopped, stops, replaced;
  uint32_t state;
};

static void begin_writer(struct run *run, unsigned i)
{
  run->writer[i] = start(run->program[run->started++ % 2], "write", i);
  run->stopped[i] = false;
}

static void kill_writer(struct run *run, unsigned i)
{
  int status;

  CHECK(kill(run->writer[i], SIGKILL) == 0);
  CHECK(waitpid(run->writer[i], &status, 0) == run->writer[i]);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  run->kills++;
  run->kills_stopped += run->stopped[i];
  run->stopped_count -= run->stopped[i];
  begin_writer(run, i);
}

static void stop_writer(struct run *run, unsigned i)
{
  int status;

  CHECK(kill(run->writer[i], SIGSTOP) == 0);
  CHECK(waitpid(run->writer[i], &status, WUNTRACED) == run->writer[i]);
  CHECK(WIFSTOPPED(status));
  run->stopped[i] = true;
  run->stopped_count++;
  run->stops++;
}

static void continue_writer(struct run *run, unsigned i)
{
  CHECK(kill(run->writer[i], SIGCONT) == 0);
  run->stopped[i] = false;
  run->stopped_count--;
}

static void wake_mappers(void)
{
  atomic_fetch_add(&board->files, 1);
  syscall(SYS_futex, &board->files, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* As tier.c does by rename(2): whoever has the old file goes on with it. */
static void replace_file(struct run *run)
{
  int fd = ground_make(SMALL_SETS, LARGE_SETS);

  CHECK(dup3(fd, FILE_FD, O_CLOEXEC) == FILE_FD);
  close(fd);
  wake_mappers();
  run->replaced++;
}

static void disturb(struct run *run)
{
  unsigned i = roll(&run->state, run->writers), what = roll(&run->state, 100);

  if (what < 5)
    replace_file(run);
  else if (run->stopped[i] && what < 50)
    continue_writer(run, i);
  else if (run->stopped[i] || what < 50)
    kill_writer(run, i);
  else if (run->stopped_count < run->writers / 2)
    stop_writer(run, i);
}

static int64_t now_s(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Those who are not stopped go on. */
static void await_stores(struct run *run)
{
  uint64_t enough = atomic_load(&board->stores) + roll(&run->state, 300);

  while (atomic_load(&board->stores) < enough && atomic_load(&board->refused) == 0)
    sched_yield();
}

static void finish(struct run *run)
{
  atomic_store(&board->over, 1);
  wake_mappers();
  for (unsigned i = 0; i < run->writers; i++) {
    if (run->stopped[i])
      continue_writer(run, i);
    expect_exit(run->writer[i]);
  }
  for (unsigned i = 0; i < run->readers; i++)
    expect_exit(run->reader[i]);
}

static void check(const struct run *run, bool widths)
{
  uint64_t whole = 0;

  for (unsigned i = 0; i < 4; i++)
    whole += board->whole[i / 2][i % 2];
  printf("%u writers, %u readers: %llu stores, %llu reads verified, %llu misses, %llu mixes; %u writers "
         "killed (%u "
         "of them stopped), %u stopped; %u files replaced\n",
         run->writers, run->readers, (unsigned long long)board->stores, (unsigned long long)whole,
         (unsigned long long)board->misses, (unsigned long long)board->mixes, run->kills, run->kills_stopped,
         run->stops, run->replaced);
  for (unsigned i = 0; widths && i < 4; i++) {
    printf("%llu records of %s-bit processes read by %s-bit ones\n",
           (unsigned long long)board->whole[i / 2][i % 2], i % 2 ? "32" : "64", i / 2 ? "32" : "64");
    CHECK(board->whole[i / 2][i % 2] > 0);
  }
  CHECK(board->mixes == 0 && board->refused == 0);
  CHECK(whole > 0 && run->kills > 0 && run->kills_stopped > 0 && run->stops > 0 && run->replaced > 0);
  for (unsigned i = 0; i < run->readers; i++)
    CHECK(board->read_by[i] > 0 && board->mapped_by[i] > 1);
}

static unsigned between(long least, long value, long most)
{
  return (unsigned)(value < least ? least : value > most ? most : value);
}

static void torture(struct run *run, int64_t seconds)
{
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  int64_t end = now_s() + seconds;

  run->writers = between(4, 2 * processors, WRITERS);
  run->readers = between(2, processors, READERS);
  replace_file(run);
  for (unsigned i = 0; i < run->writers; i++)
    begin_writer(run, i);
  for (unsigned i = 0; i < run->readers; i++)
    run->reader[i] = start(run->program[i % 2], "read", i);
  while (now_s() < end) {
    await_stores(run);
    disturb(run);
  }
  finish(run);
}

/* What each program makes of an empty file: the same, octet for octet. */
static void compare_images(const struct run *run)
{
  size_t size = (size_t)aiodns_cache_size(SMALL_SETS, LARGE_SETS);
  struct aiodns_cache image[2];
  unsigned found = 0;

  for (unsigned i = 0; i < 2; i++) {
    int fd = ground_make(SMALL_SETS, LARGE_SETS);
    if (i == 1) /* of the same key */
      CHECK(pwrite(fd, image[0].base, AIODNS_CACHE_PAGE, 0) == AIODNS_CACHE_PAGE);
    image[i] = ground_map(fd, NULL);
    CHECK(dup3(fd, FILE_FD, 0) == FILE_FD);
    close(fd);
    expect_exit(start(run->program[i], "image", 0));
  }
  for (unsigned which = 0; which < QUESTIONS; which++) {
    uint32_t salt;
    enum record_seen seen = record_read(&image[1], which, SECOND * (1000 + IMAGE_STORES), &salt);
    CHECK(seen != RECORD_MIX);
    found += seen == RECORD_WHOLE;
  }
  CHECK(memcmp(image[0].base, image[1].base, size) == 0);
  CHECK(found > QUESTIONS / 4);
  printf("%d stores by either: the same file, with %u of %d questions\n", IMAGE_STORES, found, QUESTIONS);
}

static void share_board(void)
{
  int fd = memfd_create("board", 0);

  CHECK(fd >= 0 && ftruncate(fd, sizeof *board) == 0 && dup2(fd, BOARD_FD) == BOARD_FD);
  close(fd);
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
  CHECK(board != MAP_FAILED);
}

int main(int argc, char **argv)
{
  static struct run run = {.program = {"/proc/self/exe", "/proc/self/exe"}};
  int64_t seconds = 10;
  bool widths = false;

  if (argc == 4 && strcmp(argv[1], "--worker") == 0) {
    become_worker(argv[2], (unsigned)atoi(argv[3]));
    return 0;
  }
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--seconds") == 0)
      seconds = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--partner") == 0) {
      run.program[1] = argv[i + 1];
      widths = true;
    }
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  run.state = (uint32_t)getpid();
  share_board();
  if (widths)
    compare_images(&run);
  torture(&run, seconds);
  check(&run, widths);
  return 0;
}
