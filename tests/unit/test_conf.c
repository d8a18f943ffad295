#include "unit.h"

#include "conf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_TLD_QUERY = 0x01000000, TRUST_AD = 0x04000000, NO_AAAA = 0x08000000 };

/* As after res_ninit, by hand. */
static struct __res_state by_hand(void)
{
  struct __res_state state;
  memset(&state, 0, sizeof state);
  state.options = RES_INIT;
  state.nscount = 1;
  state.ndots = 1;
  state.retry = 2;
  state.retrans = 5;
  state.nsaddr_list[0].sin_family = AF_INET;
  state.nsaddr_list[0].sin_port = htons(53);
  state.nsaddr_list[0].sin_addr.s_addr = htonl(0xc0000201);
  return state;
}

static struct sockaddr_in6 ipv6(const char *text, uint16_t port, uint32_t scope)
{
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
  assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return address;
}

/* What an environment leads to: in a process of its own, since glibc reads it once in a process. */
struct outcome {
  struct aiodns_conf conf; /* without its list */
  char search[MAXDNSRCH][32];
  unsigned long options;
  bool usable;
};

static void in_environment(const char *domains, const char *options, struct outcome *ret)
{
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct __res_state resolver;
    static struct outcome outcome;
    memset(&resolver, 0, sizeof resolver);
    setenv("LOCALDOMAIN", domains, 1);
    setenv("RES_OPTIONS", options, 1);
    if (res_ninit(&resolver))
      _exit(1);
    outcome.usable = aiodns_conf_from_state(&outcome.conf, &resolver);
    outcome.options = resolver.options;
    for (unsigned i = 0; i < outcome.conf.search_count; i++)
      strncpy(outcome.search[i], outcome.conf.search[i], sizeof outcome.search[i] - 1);
    res_nclose(&resolver);
    _exit(write(ends[1], &outcome, sizeof outcome) != sizeof outcome); /* less than a pipe holds */
  }
  close(ends[1]);
  assert_int_equal(read(ends[0], ret, sizeof *ret), sizeof *ret);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_true(ret->usable);
}

static void options_come_from_the_environment_through_res_ninit(void **state)
{
  struct outcome got;
  (void)state;
  in_environment("one.test two.test",
                 "ndots:3 timeout:7 attempts:4 rotate use-vc single-request trust-ad no-tld-query no-aaaa",
                 &got);
  assert_int_equal(got.conf.ndots, 3);
  assert_int_equal(got.conf.timeout_ms, 7000);
  assert_int_equal(got.conf.attempts, 4);
  assert_true(got.conf.rotate);
  assert_true(got.conf.use_vc);
  assert_true(got.conf.single_request);
  assert_true(got.conf.trust_ad);
  assert_true(got.conf.no_tld_query);
  assert_int_equal(got.conf.no_aaaa, (got.options & NO_AAAA) != 0); /* known from glibc 2.36 on */
  assert_true(got.conf.recursion_desired);
  assert_true(got.conf.search_single);
  assert_true(got.conf.search_dotted);
  assert_int_equal(got.conf.search_count, 2);
  assert_string_equal(got.search[0], "one.test");
  assert_string_equal(got.search[1], "two.test");
  assert_in_range(got.conf.server_count, 1, MAXNS);
}

static void glibc_caps_what_the_environment_asks_for(void **state)
{
  struct outcome got;
  (void)state;
  in_environment("a b c d e f g h", "ndots:99 timeout:99 attempts:99", &got);
  assert_int_equal(got.conf.ndots, 15);
  assert_int_equal(got.conf.timeout_ms, 30000);
  assert_int_equal(got.conf.attempts, 5);
  assert_int_equal(got.conf.search_count, 6);
  assert_string_equal(got.search[5], "f");
}

static void each_option_is_its_own_bit(void **state)
{
  static const struct {
    unsigned long bit;
    size_t offset;
  } rows[] = {
      {RES_ROTATE, offsetof(struct aiodns_conf, rotate)},
      {RES_USEVC, offsetof(struct aiodns_conf, use_vc)},
      {RES_SNGLKUP, offsetof(struct aiodns_conf, single_request)},
      {NO_AAAA, offsetof(struct aiodns_conf, no_aaaa)},
      {TRUST_AD, offsetof(struct aiodns_conf, trust_ad)},
      {RES_RECURSE, offsetof(struct aiodns_conf, recursion_desired)},
      {RES_IGNTC, offsetof(struct aiodns_conf, ignore_truncation)},
      {RES_DEFNAMES, offsetof(struct aiodns_conf, search_single)},
      {RES_DNSRCH, offsetof(struct aiodns_conf, search_dotted)},
      {NO_TLD_QUERY, offsetof(struct aiodns_conf, no_tld_query)},
      {0x10000000 /* RES_STRICTERR */, offsetof(struct aiodns_conf, strict_error)},
  };
  (void)state;
  for (size_t i = 0; i <= sizeof rows / sizeof *rows; i++)
    for (int inverted = 0; inverted < 2; inverted++) {
      struct __res_state resolver = by_hand();
      struct aiodns_conf conf;
      unsigned long bit = i < sizeof rows / sizeof *rows ? rows[i].bit : 0;
      resolver.options |= inverted ? 0xffffffffUL & ~bit : bit;
      assert_true(aiodns_conf_from_state(&conf, &resolver));
      for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        bool got = *(const bool *)((const char *)&conf + rows[k].offset);
        assert_int_equal(got, (k == i) != inverted);
      }
    }
}

static void a_state_that_was_not_initialised_is_refused(void **state)
{
  struct __res_state resolver = by_hand();
  struct aiodns_conf conf;
  (void)state;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  resolver.options = RES_DEFAULT & ~(unsigned long)RES_INIT;
  assert_false(aiodns_conf_from_state(&conf, &resolver));
}

static void a_state_without_servers_is_refused(void **state)
{
  struct __res_state resolver = by_hand();
  struct aiodns_conf conf;
  (void)state;
  resolver.nscount = 0;
  assert_false(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server_count, 0);
  resolver.nscount = -1;
  assert_false(aiodns_conf_from_state(&conf, &resolver));
}

static void servers_keep_their_order_address_and_port(void **state)
{
  struct __res_state resolver = by_hand();
  struct sockaddr_in6 in6 = ipv6("fe80::53", 5353, 7);
  struct aiodns_conf conf;
  (void)state;
  resolver.nscount = 3;
  resolver.nsaddr_list[0].sin_port = htons(1053);
  resolver._u._ext.nsaddrs[1] = &in6;
  resolver.nsaddr_list[2] = resolver.nsaddr_list[0];
  resolver.nsaddr_list[2].sin_addr.s_addr = htonl(0xc0000203);
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server_count, 3);
  assert_int_equal(conf.server[0].address_len, sizeof(struct sockaddr_in));
  assert_memory_equal(&conf.server[0].address.in, &resolver.nsaddr_list[0], sizeof(struct sockaddr_in));
  assert_int_equal(conf.server[1].address_len, sizeof(struct sockaddr_in6));
  assert_int_equal(conf.server[1].address.any.sa_family, AF_INET6);
  assert_memory_equal(&conf.server[1].address.in6, &in6, sizeof in6);
  assert_int_equal(conf.server[2].address.in.sin_addr.s_addr, htonl(0xc0000203));
}

static void ipv6_servers_alone_are_enough_and_nscount_of_the_extension_is_not_looked_at(void **state)
{
  struct __res_state resolver = by_hand();
  struct sockaddr_in6 in6 = ipv6("2001:db8::53", 53, 0);
  struct aiodns_conf conf;
  (void)state;
  resolver.nsaddr_list[0].sin_family = 0;
  resolver._u._ext.nsaddrs[0] = &in6;
  resolver._u._ext.nscount = 0; /* until glibc's own dns has sent */
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server_count, 1);
  assert_memory_equal(&conf.server[0].address.in6, &in6, sizeof in6);
}

static void an_ipv4_server_wins_over_what_stands_beside_it(void **state)
{
  struct __res_state resolver = by_hand();
  struct sockaddr_in6 in6 = ipv6("2001:db8::53", 53, 0);
  struct aiodns_conf conf;
  (void)state;
  resolver._u._ext.nsaddrs[0] = &in6;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server[0].address.any.sa_family, AF_INET);
}

static void entries_without_a_family_are_passed_over(void **state)
{
  struct __res_state resolver = by_hand();
  struct aiodns_conf conf;
  (void)state;
  resolver.nscount = 2;
  resolver.nsaddr_list[1] = resolver.nsaddr_list[0];
  resolver.nsaddr_list[0].sin_family = 0;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server_count, 1);
  assert_int_equal(conf.server[0].address.any.sa_family, AF_INET);
  resolver.nsaddr_list[1].sin_family = AF_UNIX;
  assert_false(aiodns_conf_from_state(&conf, &resolver));
}

static void more_servers_than_there_is_room_for_are_not_read(void **state)
{
  struct __res_state resolver = by_hand();
  struct aiodns_conf conf;
  (void)state;
  for (int i = 0; i < MAXNS; i++)
    resolver.nsaddr_list[i] = resolver.nsaddr_list[0];
  resolver.nscount = 1000;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.server_count, MAXNS);
}

static void times_and_attempts_are_bounded_whatever_a_program_sets(void **state)
{
  static const int values[] = {INT32_MIN, -1, 0, 1, 2, 5, 15, 16, 17, 255, 256, 299, 300, 301, INT32_MAX};
  (void)state;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    struct __res_state resolver = by_hand();
    struct aiodns_conf conf;
    resolver.retry = resolver.retrans = values[i];
    assert_true(aiodns_conf_from_state(&conf, &resolver));
    assert_in_range(conf.attempts, 1, 16);
    assert_in_range(conf.timeout_ms, 1000, 300000);
    if (values[i] >= 1 && values[i] <= 16)
      assert_int_equal(conf.attempts, values[i]);
    if (values[i] >= 1 && values[i] <= 300)
      assert_int_equal(conf.timeout_ms, values[i] * 1000);
  }
}

static void the_search_list_is_borrowed_and_ends_at_the_first_gap(void **state)
{
  struct __res_state resolver = by_hand();
  char one[] = "one.test", two[] = "two.test", four[] = "four.test";
  struct aiodns_conf conf;
  (void)state;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.search_count, 0);
  resolver.dnsrch[0] = one;
  resolver.dnsrch[1] = two;
  resolver.dnsrch[3] = four;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.search_count, 2);
  assert_ptr_equal(conf.search[1], two);
  for (int i = 0; i <= MAXDNSRCH; i++)
    resolver.dnsrch[i] = one;
  assert_true(aiodns_conf_from_state(&conf, &resolver));
  assert_int_equal(conf.search_count, MAXDNSRCH);
}

static void loopback_is_127_and_1(void **state)
{
  static const struct {
    const char *text;
    bool loopback;
  } rows[] = {{"127.0.0.1", true},
              {"127.0.0.53", true},
              {"127.255.255.255", true},
              {"126.255.255.255", false},
              {"128.0.0.1", false},
              {"1.0.0.127", false},
              {"::1", true},
              {"::2", false},
              {"fe80::1", false},
              {"1::", false}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct aiodns_server server = {.address_len = 0};
    if (inet_pton(AF_INET, rows[i].text, &server.address.in.sin_addr) == 1)
      server.address.in.sin_family = AF_INET;
    else
      server.address.in6 = ipv6(rows[i].text, 53, 0);
    assert_int_equal(aiodns_server_is_loopback(&server), rows[i].loopback);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_come_from_the_environment_through_res_ninit),
      cmocka_unit_test(glibc_caps_what_the_environment_asks_for),
      cmocka_unit_test(each_option_is_its_own_bit),
      cmocka_unit_test(a_state_that_was_not_initialised_is_refused),
      cmocka_unit_test(a_state_without_servers_is_refused),
      cmocka_unit_test(servers_keep_their_order_address_and_port),
      cmocka_unit_test(ipv6_servers_alone_are_enough_and_nscount_of_the_extension_is_not_looked_at),
      cmocka_unit_test(an_ipv4_server_wins_over_what_stands_beside_it),
      cmocka_unit_test(entries_without_a_family_are_passed_over),
      cmocka_unit_test(more_servers_than_there_is_room_for_are_not_read),
      cmocka_unit_test(times_and_attempts_are_bounded_whatever_a_program_sets),
      cmocka_unit_test(the_search_list_is_borrowed_and_ends_at_the_first_gap),
      cmocka_unit_test(loopback_is_127_and_1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
