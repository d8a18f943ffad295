#include "file.h"
#include "unit.h"

#include "kernel.h"
#include "left.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_one(void)
{
  int fd = open(file_of("x", 1), O_RDWR | O_CLOEXEC);
  assert_true(fd > STDERR_FILENO);
  return fd;
}

static bool is_open(int fd)
{
  return fcntl(fd, F_GETFD) >= 0;
}

static void note_file(int place, int fd)
{
  struct aiodns_kernel_file file = {0};
  assert_int_equal(aiodns_kernel_stat(fd, "", &file), 0);
  aiodns_left_know(file.device, file.inode);
  aiodns_left_note_file(place, fd, file.device, file.inode);
}

/* Whether a child has the descriptor. */
static bool child_has(int fd)
{
  int status;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    _exit(is_open(fd));
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void what_was_noted_is_closed_by_the_next_lookup(void **state)
{
  (void)state;
  int fd[3] = {open_one(), -1, open_one()};
  aiodns_left_note(AIODNS_LEFT_NONE, fd, 3);
  aiodns_left_close();
  assert_false(is_open(fd[0]));
  assert_false(is_open(fd[2]));
  aiodns_left_close(); /* nothing is left */
}

static void what_came_back_is_not_closed(void **state)
{
  (void)state;
  int fd = open_one();
  int place = aiodns_left_note(AIODNS_LEFT_NONE, &fd, 1);
  aiodns_left_forget(place);
  aiodns_left_close();
  assert_true(is_open(fd));
  close(fd);
}

/* The program has closed it, and opened another file that got its number. */
static void what_has_become_the_programs_is_not_touched(void **state)
{
  (void)state;
  int fd = open_one();
  aiodns_left_note(AIODNS_LEFT_NONE, &fd, 1);
  close(fd);
  int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_int_equal(own, fd);
  aiodns_left_close();
  assert_true(is_open(own));
  close(own);
}

static void *close_in_a_thread(void *unused)
{
  aiodns_left_close();
  return unused;
}

static void another_thread_closes_nothing(void **state)
{
  (void)state;
  pthread_t thread;
  int fd = open_one();
  aiodns_left_note(AIODNS_LEFT_NONE, &fd, 1);
  assert_int_equal(pthread_create(&thread, NULL, close_in_a_thread, NULL), 0);
  pthread_join(thread, NULL);
  assert_true(is_open(fd));
  aiodns_left_close();
  assert_false(is_open(fd));
}

static void places_are_bounded(void **state)
{
  (void)state;
  int place[AIODNS_LEFT_PLACES];
  for (unsigned i = 0; i < AIODNS_LEFT_PLACES; i++) {
    place[i] = aiodns_left_reserve();
    assert_int_not_equal(place[i], AIODNS_LEFT_NONE);
    for (unsigned k = 0; k < i; k++)
      assert_int_not_equal(place[k], place[i]);
  }
  int fd = open_one();
  assert_int_equal(aiodns_left_reserve(), AIODNS_LEFT_NONE);
  assert_int_equal(aiodns_left_note(AIODNS_LEFT_NONE, &fd, 1), AIODNS_LEFT_NONE);
  aiodns_left_forget(AIODNS_LEFT_NONE);
  aiodns_left_forget(place[AIODNS_LEFT_LONG_PLACES]);
  assert_int_equal(aiodns_left_note(AIODNS_LEFT_NONE, &fd, 1), AIODNS_LEFT_NONE);
  assert_int_equal(aiodns_left_reserve(), place[AIODNS_LEFT_LONG_PLACES]);
  aiodns_left_forget(place[7]);
  assert_int_equal(aiodns_left_reserve(), place[7]);
  aiodns_left_close(); /* all are given back */
  for (unsigned i = 0; i < AIODNS_LEFT_PLACES; i++)
    assert_int_not_equal(aiodns_left_reserve(), AIODNS_LEFT_NONE);
  aiodns_left_close();
  close(fd);
}

/* A thread that has opened a file for writing, noted it or not, while the main thread forks. */
struct writer {
  bool note;
  int fd, place;
  pthread_barrier_t opened, forked;
};

static void *writing_thread(void *argument)
{
  struct writer *writer = argument;
  struct aiodns_kernel_file file;

  writer->place = aiodns_left_reserve();
  writer->fd = open(file_of("x", 1), O_RDWR | O_CLOEXEC);
  if (aiodns_kernel_stat(writer->fd, "", &file) == 0)
    aiodns_left_know(file.device, file.inode);
  if (writer->note)
    note_file(writer->place, writer->fd);
  pthread_barrier_wait(&writer->opened);
  pthread_barrier_wait(&writer->forked);
  return NULL;
}

static void child_of_another_thread_has_no_writer(void **state)
{
  (void)state;
  for (int note = 0; note < 2; note++) {
    struct writer writer = {.note = note};
    pthread_t thread;
    pthread_barrier_init(&writer.opened, NULL, 2);
    pthread_barrier_init(&writer.forked, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, writing_thread, &writer), 0);
    pthread_barrier_wait(&writer.opened);
    assert_int_not_equal(writer.place, AIODNS_LEFT_NONE);
    assert_false(child_has(writer.fd));
    assert_true(is_open(writer.fd)); /* the parent still has it */
    pthread_barrier_wait(&writer.forked);
    pthread_join(thread, NULL);
    close(writer.fd);
    aiodns_left_forget(writer.place);
  }
}

static void child_keeps_what_the_program_has_open(void **state)
{
  (void)state;
  int own = open("/dev/null", O_RDWR | O_CLOEXEC);
  int place = aiodns_left_reserve();
  int fd = open_one();
  note_file(place, fd);
  assert_true(child_has(own));
  aiodns_left_close();
  assert_false(is_open(fd));
  assert_true(is_open(own));
  close(own);
}

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_noted_is_closed_by_the_next_lookup),
      cmocka_unit_test(what_came_back_is_not_closed),
      cmocka_unit_test(what_has_become_the_programs_is_not_touched),
      cmocka_unit_test(another_thread_closes_nothing),
      cmocka_unit_test(places_are_bounded),
      cmocka_unit_test(child_of_another_thread_has_no_writer),
      cmocka_unit_test(child_keeps_what_the_program_has_open),
  };
  return cmocka_run_group_tests(tests, NULL, finish);
}
