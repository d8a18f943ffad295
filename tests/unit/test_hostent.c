#include "unit.h"

#include "hostent.h"

#include <arpa/inet.h>
#include <string.h>

enum { ROOM = 4096 };

/* One IPv4 address and two IPv6 ones behind a CNAME. */
static void make_result(struct aiodns_result *result)
{
  static const uint8_t ipv4[4] = {192, 0, 2, 1};
  memset(result, 0, sizeof *result);
  aiodns_answer_init(&result->answer[0], 4);
  aiodns_answer_init(&result->answer[1], 16);
  for (int i = 0; i < 2; i++) {
    result->answer[i].outcome = AIODNS_ANSWER;
    assert_true(aiodns_answer_add_name(&result->answer[i], "www.example", 11, true));
    assert_true(aiodns_answer_add_name(&result->answer[i], "host.example", 12, true));
  }
  assert_true(aiodns_answer_add_address(&result->answer[0], ipv4));
  for (uint8_t i = 1; i <= 2; i++) {
    const uint8_t ipv6[16] = {0x20, 1, 0xd, 0xb8, [15] = i};
    assert_true(aiodns_answer_add_address(&result->answer[1], ipv6));
  }
}

/* What each kind of result looks like once it is in a buffer; false: it did not fit. */
typedef bool put_and_check(struct aiodns_buffer *buffer, struct aiodns_result *result);

static bool put_tuples(struct aiodns_buffer *buffer, struct aiodns_result *result)
{
  struct gaih_addrtuple *pat = NULL;
  if (!aiodns_hostent_put_tuples(buffer, result, &pat)) {
    assert_null(pat);
    return false;
  }
  static const int families[] = {AF_INET, AF_INET6, AF_INET6};
  unsigned count = 0;
  for (const struct gaih_addrtuple *tuple = pat; tuple; tuple = tuple->next, count++) {
    assert_true(count < 3);
    assert_string_equal(tuple->name, "host.example");
    assert_int_equal(tuple->family, families[count]);
    assert_int_equal(tuple->scopeid, 0);
  }
  assert_int_equal(count, 3);
  assert_int_equal(ntohl(pat->addr[0]), 0xc0000201);
  return true;
}

static bool put_hostent(struct aiodns_buffer *buffer, struct aiodns_result *result)
{
  struct hostent host, before;
  memset(&host, 0x5a, sizeof host);
  before = host;
  if (!aiodns_hostent_put(buffer, result, &host)) {
    assert_memory_equal(&host, &before, sizeof host);
    return false;
  }
  assert_string_equal(host.h_name, "host.example");
  assert_string_equal(host.h_aliases[0], "www.example");
  assert_null(host.h_aliases[1]);
  assert_int_equal(host.h_addrtype, AF_INET);
  assert_int_equal(host.h_length, 4);
  assert_memory_equal(host.h_addr_list[0], "\xc0\0\2\1", 4);
  assert_null(host.h_addr_list[1]);
  return true;
}

static bool put_reverse(struct aiodns_buffer *buffer, struct aiodns_result *result)
{
  struct hostent host;
  struct in6_addr address = IN6ADDR_LOOPBACK_INIT;
  if (!aiodns_hostent_put_reverse(buffer, result, AF_INET6, &address, &host))
    return false;
  assert_string_equal(host.h_name, "host.example");
  assert_int_equal(host.h_length, 16);
  assert_memory_equal(host.h_addr_list[0], &address, 16);
  return true;
}

/* The end of the buffer is the end of what may be written: the allocator's page ends there. */
static void every_length_at_every_alignment_either_fits_or_is_refused(void **state)
{
  (void)state;
  static put_and_check *const kinds[] = {put_tuples, put_hostent, put_reverse};
  static const uint8_t zeros[ROOM];
  struct aiodns_result result;
  make_result(&result);

  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (size_t shift = 0; shift < 16; shift++) {
      bool fitted = false;
      for (size_t len = 0; len < 512; len++) {
        /* Its last octet stands before a page that faults; its first moves with the length. */
        char *end = (char *)unit_on_cliff(zeros, ROOM) + ROOM;
        struct aiodns_buffer buffer = {.at = end - len - shift, .left = len};
        memset(end - len - shift, 0x5a, len + shift);
        bool fits = kinds[k](&buffer, &result);
        assert_true(fits || !fitted); /* what fits does so in any larger buffer */
        fitted = fits;
        for (size_t i = 1; i <= shift; i++)
          assert_int_equal(end[-(ptrdiff_t)i], 0x5a);
      }
      assert_true(fitted);
    }
  aiodns_result_done(&result);
}

static void a_tuple_of_the_callers_own_is_filled_in(void **state)
{
  (void)state;
  struct aiodns_result result;
  struct gaih_addrtuple own = {.family = -1}, *pat = &own;
  char room[ROOM];
  struct aiodns_buffer buffer = {.at = room, .left = sizeof room};

  make_result(&result);
  assert_true(aiodns_hostent_put_tuples(&buffer, &result, &pat));
  assert_ptr_equal(pat, &own);
  assert_int_equal(own.family, AF_INET);
  assert_string_equal(own.name, "host.example");
  assert_non_null(own.next);
  assert_int_equal(own.next->family, AF_INET6);
  assert_null(own.next->next->next);
  aiodns_result_done(&result);
}

static void the_family_that_came_first_in_hosts_stays_first(void **state)
{
  (void)state;
  struct aiodns_result result;
  struct gaih_addrtuple *pat = NULL;
  char room[ROOM];
  struct aiodns_buffer buffer = {.at = room, .left = sizeof room};

  make_result(&result);
  result.first = 1;
  assert_true(aiodns_hostent_put_tuples(&buffer, &result, &pat));
  assert_int_equal(pat->family, AF_INET6);
  assert_int_equal(pat->next->next->family, AF_INET);
  aiodns_result_done(&result);
}

static void a_family_that_failed_is_left_out(void **state)
{
  (void)state;
  struct aiodns_result result;
  struct gaih_addrtuple *pat = NULL;
  char room[ROOM];
  struct aiodns_buffer buffer = {.at = room, .left = sizeof room};

  make_result(&result);
  result.answer[1].outcome = AIODNS_FAILED;
  assert_true(aiodns_hostent_put_tuples(&buffer, &result, &pat));
  assert_int_equal(pat->family, AF_INET);
  assert_null(pat->next);
  aiodns_result_done(&result);
}

static void sortlist_moves_its_nets_to_the_front_and_keeps_the_rest(void **state)
{
  (void)state;
  static const char *const given[] = {"10.0.0.1", "192.0.2.5", "10.0.0.2", "198.51.100.1", "192.0.2.4"};
  static const char *const wanted[] = {"198.51.100.1", "192.0.2.5", "192.0.2.4", "10.0.0.1", "10.0.0.2"};
  struct __res_state res = {.options = RES_INIT, .nsort = 2};
  struct in_addr address[5];
  char *list[6] = {0};
  struct hostent host = {.h_addr_list = list};

  res.sort_list[0].addr.s_addr = inet_addr("198.51.100.0");
  res.sort_list[0].mask = inet_addr("255.255.255.0");
  res.sort_list[1].addr.s_addr = inet_addr("192.0.2.0");
  res.sort_list[1].mask = inet_addr("255.255.255.0");
  for (int i = 0; i < 5; i++) {
    address[i].s_addr = inet_addr(given[i]);
    list[i] = (char *)&address[i];
  }
  aiodns_hostent_sort(&host, &res);
  for (int i = 0; i < 5; i++) {
    struct in_addr in;
    memcpy(&in, list[i], sizeof in);
    assert_string_equal(inet_ntoa(in), wanted[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_length_at_every_alignment_either_fits_or_is_refused),
      cmocka_unit_test(a_tuple_of_the_callers_own_is_filled_in),
      cmocka_unit_test(the_family_that_came_first_in_hosts_stays_first),
      cmocka_unit_test(a_family_that_failed_is_left_out),
      cmocka_unit_test(sortlist_moves_its_nets_to_the_front_and_keeps_the_rest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
