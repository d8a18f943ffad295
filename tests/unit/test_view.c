#include "unit.h"

#include "view.h"

#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct aiodns_conf conf;

static void add_server(int family, const char *text, uint16_t port)
{
  struct aiodns_server *server = &conf.server[conf.server_count++];

  memset(server, 0, sizeof *server);
  if (family == AF_INET) {
    server->address.in.sin_family = AF_INET;
    server->address.in.sin_port = htons(port);
    server->address_len = sizeof server->address.in;
    assert_int_equal(inet_pton(AF_INET, text, &server->address.in.sin_addr), 1);
  } else {
    server->address.in6.sin6_family = AF_INET6;
    server->address.in6.sin6_port = htons(port);
    server->address_len = sizeof server->address.in6;
    assert_int_equal(inet_pton(AF_INET6, text, &server->address.in6.sin6_addr), 1);
  }
}

static int setup(void **state)
{
  (void)state;
  memset(&conf, 0, sizeof conf);
  conf.recursion_desired = true;
  add_server(AF_INET, "127.0.0.1", 53);
  return 0;
}

static uint64_t key(void)
{
  uint64_t got = aiodns_view_of_conf(&conf);
  assert_int_not_equal(got, 0);
  assert_int_equal(aiodns_view_of_conf(&conf), got);
  return got;
}

static void what_can_change_an_answer_is_part_of_it(void **state)
{
  (void)state;
  bool *const options[] = {&conf.no_aaaa, &conf.trust_ad, &conf.recursion_desired, &conf.ignore_truncation};
  uint64_t before = key();
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    *options[i] ^= true;
    assert_int_not_equal(key(), before);
    *options[i] ^= true;
    assert_int_equal(key(), before);
  }
}

static void what_changes_no_answer_is_not(void **state)
{
  (void)state;
  uint64_t before = key();
  conf.timeout_ms = 77;
  conf.attempts = 5;
  conf.ndots = 3;
  conf.rotate = conf.single_request = true;
  assert_int_equal(key(), before);
}

static void every_server_is_part_of_it(void **state)
{
  (void)state;
  uint64_t seen[8];
  unsigned count = 0;

  seen[count++] = key();
  conf.server[0].address.in.sin_port = htons(54);
  seen[count++] = key();
  conf.server_count = 0;
  add_server(AF_INET, "127.0.0.2", 53);
  seen[count++] = key();
  add_server(AF_INET, "127.0.0.1", 53);
  seen[count++] = key();
  conf.server_count = 0;
  add_server(AF_INET, "127.0.0.1", 53);
  add_server(AF_INET, "127.0.0.2", 53); /* the first one is asked first */
  seen[count++] = key();
  conf.server_count = 0;
  add_server(AF_INET6, "fe80::1", 53);
  seen[count++] = key();
  conf.server[0].address.in6.sin6_scope_id = 2;
  seen[count++] = key();
  conf.server_count = 0;
  add_server(AF_INET6, "::ffff:127.0.0.1", 53);
  seen[count++] = key();
  for (unsigned i = 0; i < count; i++)
    for (unsigned k = 0; k < i; k++)
      assert_int_not_equal(seen[i], seen[k]);
}

static void looking_again_shows_the_same(void **state)
{
  (void)state;
  struct aiodns_view first, second;
  assert_true(aiodns_view_look(&first, &conf, key()));
  assert_true(aiodns_view_look(&second, &conf, key()));
  assert_int_not_equal(first.key, 0);
  assert_int_equal(first.key, second.key);
  assert_int_equal(first.origin[0], second.origin[0]);
  assert_true(aiodns_view_look(&second, &conf, key() + 1));
  assert_int_not_equal(first.key, second.key);
}

/* A socket that comes from where the view says has its origin; another port is none of its business. */
static void origin_is_the_address_that_queries_leave_from(void **state)
{
  (void)state;
  struct aiodns_view view;
  struct sockaddr_in from = {.sin_family = AF_INET};
  assert_true(aiodns_view_look(&view, &conf, key()));
  for (unsigned i = 0; i < 2; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl(i ? 0x7f000009 : 0x7f000001);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, &conf.server[0].address.any, conf.server[0].address_len), 0);
    uint64_t origin = aiodns_view_origin(fd);
    assert_int_not_equal(origin, 0);
    assert_int_equal(origin == view.origin[0], i == 0);
    close(fd);
  }
  assert_int_equal(aiodns_view_origin(-1), 0);
}

/* Where there is a way to nothing, not even to loopback. */
static void another_namespace_is_another_view(void **state)
{
  (void)state;
  struct aiodns_view here;
  int status;
  assert_true(aiodns_view_look(&here, &conf, key()));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct aiodns_view there;
    if (unshare(CLONE_NEWNET) != 0)
      _exit(77);
    bool looked = aiodns_view_look(&there, &conf, aiodns_view_of_conf(&conf));
    _exit(!(looked && there.key != 0 && there.key != here.key && there.origin[0] == 0));
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77)
    skip();
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_can_change_an_answer_is_part_of_it, setup),
      cmocka_unit_test_setup(what_changes_no_answer_is_not, setup),
      cmocka_unit_test_setup(every_server_is_part_of_it, setup),
      cmocka_unit_test_setup(looking_again_shows_the_same, setup),
      cmocka_unit_test_setup(origin_is_the_address_that_queries_leave_from, setup),
      cmocka_unit_test_setup(another_namespace_is_another_view, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
