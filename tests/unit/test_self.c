#include "mounts.h"
#include "unit.h"

#include "self.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 12345, OTHER = 12346, STRANGER = 65534 };

/* What a process is that has these IDs: real, effective and saved; -1: it ended otherwise. */
static int self_of(const uint32_t user[3], const uint32_t group[3], bool keeps_capabilities)
{
  int status;
  pid_t child = fork();

  assert_true(child >= 0);
  if (child == 0) {
    uint32_t uid;
    if (keeps_capabilities && prctl(PR_SET_KEEPCAPS, 1) != 0)
      _exit(100);
    if (setgroups(0, NULL) != 0 || setresgid(group[0], group[1], group[2]) != 0 ||
        setresuid(user[0], user[1], user[2]) != 0)
      _exit(100);
    enum aiodns_self self = aiodns_self_now(&uid);
    if (uid != (self == AIODNS_SELF_USER ? user[0] : 0))
      _exit(101);
    _exit((int)self);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ids_decide(void **state)
{
  (void)state;
  static const struct {
    uint32_t user[3], group[3];
    bool keeps_capabilities;
    enum aiodns_self self;
  } rows[] = {
      {{0, 0, 0}, {0, 0, 0}, false, AIODNS_SELF_ROOT},
      {{USER, USER, USER}, {USER, USER, USER}, false, AIODNS_SELF_USER},
      {{USER, USER, USER}, {OTHER, OTHER, OTHER}, false, AIODNS_SELF_USER},
      {{USER, USER, USER}, {USER, USER, USER}, true, AIODNS_SELF_MIXED},
      {{0, 0, 0}, {USER, USER, USER}, false, AIODNS_SELF_MIXED},
      {{0, 0, 0}, {0, USER, 0}, false, AIODNS_SELF_MIXED},
      {{USER, USER, USER}, {0, 0, 0}, false, AIODNS_SELF_MIXED},
      {{USER, 0, 0}, {0, 0, 0}, false, AIODNS_SELF_MIXED},
      {{0, USER, 0}, {0, 0, 0}, false, AIODNS_SELF_MIXED},
      {{USER, USER, 0}, {USER, USER, USER}, false, AIODNS_SELF_MIXED}, /* it could become root again */
      {{USER, USER, OTHER}, {USER, USER, USER}, false, AIODNS_SELF_MIXED},
      {{USER, USER, USER}, {USER, USER, OTHER}, false, AIODNS_SELF_MIXED},
      {{STRANGER, STRANGER, STRANGER}, {USER, USER, USER}, false, AIODNS_SELF_MIXED},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int got = self_of(rows[i].user, rows[i].group, rows[i].keeps_capabilities);
    if (got != (int)rows[i].self)
      fail_msg("row %zu: %d", i, got);
  }
}

static void strangers_have_a_number(void **state)
{
  (void)state;
  assert_int_not_equal(aiodns_self_overflow_uid(), 0);
  assert_int_equal(aiodns_self_overflow_uid(), aiodns_self_overflow_uid());
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_decide),
      cmocka_unit_test(strangers_have_a_number),
  };
  return mounts_begin() ? cmocka_run_group_tests(tests, NULL, NULL) : MOUNTS_SKIPPED;
}
