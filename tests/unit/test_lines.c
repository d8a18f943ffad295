#include "file.h"
#include "unit.h"

#include "lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct aiodns_lines lines;
static void open_text(const char *text)
{
  assert_true(aiodns_lines_open(&lines, file_of(text, strlen(text))));
}

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

static void assert_word(char comment, const char *expected)
{
  char word[64];
  assert_int_equal(aiodns_lines_word(&lines, comment, word, sizeof word), strlen(expected));
  assert_string_equal(word, expected);
}

static void words_are_what_white_space_separates(void **state)
{
  (void)state;
  open_text("one two\n \t\v\f\rthree\t\tfour \r\n\n  \nfive");
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "one");
  assert_word(0, "two");
  assert_word(0, "");
  assert_word(0, "");
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "three");
  assert_word(0, "four");
  assert_word(0, "");
  assert_true(aiodns_lines_next(&lines)); /* empty */
  assert_word(0, "");
  assert_true(aiodns_lines_next(&lines)); /* blank */
  assert_word(0, "");
  assert_true(aiodns_lines_next(&lines)); /* without an end */
  assert_word(0, "five");
  assert_word(0, "");
  assert_false(aiodns_lines_next(&lines));
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

static void an_empty_file_has_no_line(void **state)
{
  (void)state;
  open_text("");
  assert_false(aiodns_lines_next(&lines));
  assert_int_equal(aiodns_lines_peek(&lines), -1);
  assert_word(0, "");
  aiodns_lines_close(&lines);
}

static void a_comment_ends_the_words_wherever_it_begins(void **state)
{
  (void)state;
  open_text("one two#three four\n#five\nsix # seven\na;b\n");
  assert_true(aiodns_lines_next(&lines));
  assert_word('#', "one");
  assert_word('#', "two");
  assert_word('#', "");
  assert_word('#', "");
  assert_true(aiodns_lines_next(&lines));
  assert_word('#', "");
  assert_true(aiodns_lines_next(&lines));
  assert_word('#', "six");
  assert_word('#', "");
  assert_true(aiodns_lines_next(&lines));
  assert_word('#', "a;b");
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

static void without_a_comment_character_there_is_no_comment(void **state)
{
  (void)state;
  open_text("one#two\n");
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "one#two");
  aiodns_lines_close(&lines);
}

static void a_nul_ends_the_words_of_its_line_alone(void **state)
{
  static const char text[] = "one tw\0o three\nfour\n";
  (void)state;
  assert_true(aiodns_lines_open(&lines, file_of(text, sizeof text - 1)));
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "one");
  assert_word(0, "tw");
  assert_word(0, "");
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "four");
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

static void a_word_that_does_not_fit_is_cut_and_counted_whole(void **state)
{
  char word[6];
  (void)state;
  open_text("1234 12345 123456 x\n");
  assert_true(aiodns_lines_next(&lines));
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), 4);
  assert_string_equal(word, "1234");
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), 5);
  assert_string_equal(word, "12345");
  memset(word, '!', sizeof word);
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), 6);
  assert_string_equal(word, "12345");
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), 1);
  assert_string_equal(word, "x");
  aiodns_lines_close(&lines);
}

static void peeking_takes_nothing(void **state)
{
  (void)state;
  open_text("\xff b\n");
  assert_int_equal(aiodns_lines_peek(&lines), -1); /* before the first line */
  assert_true(aiodns_lines_next(&lines));
  assert_int_equal(aiodns_lines_peek(&lines), 0xff);
  assert_int_equal(aiodns_lines_peek(&lines), 0xff);
  assert_word(0, "\xff");
  assert_int_equal(aiodns_lines_peek(&lines), ' ');
  assert_word(0, "b");
  assert_int_equal(aiodns_lines_peek(&lines), -1);
  assert_false(aiodns_lines_next(&lines));
  assert_int_equal(aiodns_lines_peek(&lines), -1);
  aiodns_lines_close(&lines);
}

static void a_line_without_its_newline_is_told(void **state)
{
  (void)state;
  open_text("one two\nthree\n\nfour");
  assert_true(aiodns_lines_next(&lines));
  aiodns_lines_take(&lines);
  assert_word(0, "ne");
  assert_true(aiodns_lines_finish(&lines));
  assert_int_equal(aiodns_lines_peek(&lines), -1);
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "three");
  assert_true(aiodns_lines_finish(&lines));
  assert_true(aiodns_lines_next(&lines));
  assert_true(aiodns_lines_finish(&lines));
  assert_true(aiodns_lines_next(&lines));
  assert_word(0, "four");
  assert_false(aiodns_lines_finish(&lines));
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

static void a_line_can_be_read_again(void **state)
{
  (void)state;
  open_text("one two\nthree four\nfive");
  assert_true(aiodns_lines_next(&lines));
  assert_true(aiodns_lines_next(&lines));
  for (int i = 0; i < 3; i++) {
    assert_word(0, "three");
    if (i == 1)
      assert_word(0, "four");
    aiodns_lines_again(&lines);
  }
  assert_true(aiodns_lines_next(&lines));
  for (int i = 0; i < 3; i++) {
    assert_word(0, "five");
    assert_word(0, ""); /* to the end of the file */
    aiodns_lines_again(&lines);
  }
  assert_word(0, "five");
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

/* Lines of any length around the buffer's, each read twice: nothing depends on where a buffer ends. */
static void lines_longer_than_the_buffer_are_whole(void **state)
{
  enum { LINES = 40, WORD = 7 };
  static char text[LINES * (2 * AIODNS_LINES_BUFFER + 300)];
  size_t words[LINES], len = 0;
  (void)state;
  for (int round = 0; round < 30; round++) {
    len = 0;
    for (unsigned i = 0; i < LINES; i++) {
      words[i] = unit_random(3) ? unit_random(30) : unit_random(2 * AIODNS_LINES_BUFFER / WORD);
      for (size_t k = 0; k < words[i]; k++)
        len += (size_t)sprintf(text + len, "%02u%04zu ", i, k);
      if (i < LINES - 1 || unit_random(2))
        text[len++] = '\n';
      else
        text[len++] = ' ';
    }
    assert_true(aiodns_lines_open(&lines, file_of(text, len)));
    for (unsigned i = 0; i < LINES; i++) {
      char expected[32];
      assert_true(aiodns_lines_next(&lines));
      for (int again = 0; again < 2; again++) {
        for (size_t k = 0; k < words[i]; k++) {
          snprintf(expected, sizeof expected, "%02u%04zu", i, k);
          assert_word('#', expected);
        }
        assert_word('#', "");
        if (again == 0)
          aiodns_lines_again(&lines);
      }
    }
    assert_false(aiodns_lines_next(&lines));
    aiodns_lines_close(&lines);
  }
}

static void lines_are_passed_over_whatever_their_length(void **state)
{
  static char text[5 * AIODNS_LINES_BUFFER];
  (void)state;
  for (size_t len = 0; len < 4 * AIODNS_LINES_BUFFER + 3; len += unit_random(3) ? 1021 : 1) {
    memset(text, 'x', len);
    strcpy(text + len, "\nlast\n");
    open_text(text);
    assert_true(aiodns_lines_next(&lines));
    assert_true(aiodns_lines_next(&lines));
    assert_word(0, "last");
    assert_false(aiodns_lines_next(&lines));
    aiodns_lines_close(&lines);
  }
}

static void what_cannot_be_opened_is_refused(void **state)
{
  (void)state;
  assert_false(aiodns_lines_open(&lines, "/nonexistent/file"));
}

static void a_folder_has_no_line(void **state)
{
  (void)state;
  if (!aiodns_lines_open(&lines, "/"))
    return;
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
}

static void a_fifo_without_a_writer_does_not_make_us_wait(void **state)
{
  char folder[] = "/tmp/unit-lines-XXXXXX", fifo[64];
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(fifo, sizeof fifo, "%s/fifo", folder);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  if (aiodns_lines_open(&lines, fifo)) {
    assert_false(aiodns_lines_next(&lines));
    aiodns_lines_close(&lines);
  }
  /* With one that writes nothing. */
  int writer = open(fifo, O_RDWR | O_CLOEXEC);
  assert_true(writer >= 0);
  if (aiodns_lines_open(&lines, fifo)) {
    assert_false(aiodns_lines_next(&lines));
    aiodns_lines_close(&lines);
  }
  close(writer);
  unlink(fifo);
  rmdir(folder);
}

static void a_line_of_a_pipe_that_is_gone_ends_the_file(void **state)
{
  static char text[AIODNS_LINES_BUFFER + 100];
  char path[64];
  int ends[2];
  (void)state;
  memset(text, 'x', sizeof text);
  text[sizeof text - 5] = '\n';
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  assert_int_equal(write(ends[1], text, sizeof text), sizeof text);
  close(ends[1]);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  assert_true(aiodns_lines_open(&lines, path));
  assert_true(aiodns_lines_next(&lines));
  char word[16];
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), sizeof text - 5);
  aiodns_lines_again(&lines);
  assert_int_equal(aiodns_lines_word(&lines, 0, word, sizeof word), 0);
  assert_false(aiodns_lines_next(&lines));
  aiodns_lines_close(&lines);
  close(ends[0]);
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(words_are_what_white_space_separates),
      TEST(an_empty_file_has_no_line),
      TEST(a_comment_ends_the_words_wherever_it_begins),
      TEST(without_a_comment_character_there_is_no_comment),
      TEST(a_nul_ends_the_words_of_its_line_alone),
      TEST(a_word_that_does_not_fit_is_cut_and_counted_whole),
      TEST(peeking_takes_nothing),
      TEST(a_line_without_its_newline_is_told),
      TEST(a_line_can_be_read_again),
      TEST(lines_longer_than_the_buffer_are_whole),
      TEST(lines_are_passed_over_whatever_their_length),
      TEST(what_cannot_be_opened_is_refused),
      TEST(a_folder_has_no_line),
      TEST(a_fifo_without_a_writer_does_not_make_us_wait),
      TEST(a_line_of_a_pipe_that_is_gone_ends_the_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
