#include "unit.h"

#include "special.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void special_names_are_told_by_their_last_label(void **state)
{
  static const struct {
    const char *name;
    enum aiodns_special expected;
  } rows[] = {
      {"localhost", AIODNS_SPECIAL_LOCALHOST},
      {"LocalHost.", AIODNS_SPECIAL_LOCALHOST},
      {"a.b.localhost", AIODNS_SPECIAL_LOCALHOST},
      {"localhost.localdomain", AIODNS_SPECIAL_NONE},
      {"localhost.example", AIODNS_SPECIAL_NONE},
      {"notlocalhost", AIODNS_SPECIAL_NONE},
      {"localhos", AIODNS_SPECIAL_NONE},
      {"localhostx", AIODNS_SPECIAL_NONE},
      {"a\\.localhost", AIODNS_SPECIAL_NONE}, /* one label */
      {"invalid", AIODNS_SPECIAL_NOWHERE},
      {"a.INVALID", AIODNS_SPECIAL_NOWHERE},
      {"invalid.example", AIODNS_SPECIAL_NONE},
      {"onion", AIODNS_SPECIAL_NOWHERE},
      {"x.y.onion.", AIODNS_SPECIAL_NOWHERE},
      {"local", AIODNS_SPECIAL_NONE}, /* the label alone is a name for the search list */
      {"printer.local", AIODNS_SPECIAL_NOT_MINE},
      {"a.printer.LOCAL.", AIODNS_SPECIAL_NOT_MINE},
      {"local.example", AIODNS_SPECIAL_NONE},
      {"_gateway", AIODNS_SPECIAL_NOT_MINE},
      {"_GATEWAY", AIODNS_SPECIAL_NOT_MINE},
      {"_outbound", AIODNS_SPECIAL_NOT_MINE},
      {"a._gateway", AIODNS_SPECIAL_NONE},
      {"_outbound.example", AIODNS_SPECIAL_NONE},
      {"gateway", AIODNS_SPECIAL_NONE},
      {"www.example.com", AIODNS_SPECIAL_NONE},
      {"test", AIODNS_SPECIAL_NONE},
      {".", AIODNS_SPECIAL_NONE},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct aiodns_name name;
    assert_true(aiodns_name_from_text(&name, rows[i].name));
    if (aiodns_special_of(&name) != rows[i].expected)
      fail_msg("%s: %d", rows[i].name, aiodns_special_of(&name));
  }
}

static void link_local_addresses_are_told(void **state)
{
  static const struct {
    const char *address;
    bool is;
  } rows[] = {
      {"169.254.0.0", true},  {"169.254.255.255", true}, {"169.253.255.255", false}, {"169.255.0.0", false},
      {"254.169.1.1", false}, {"10.0.0.1", false},       {"fe80::", true},           {"fe80::1", true},
      {"febf::1", true},      {"fe7f::1", false},        {"fec0::1", false},         {"ff80::1", false},
      {"::1", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t address[16];
    int family = strchr(rows[i].address, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(family, rows[i].address, address), 1);
    if (aiodns_special_is_link_local(family, address) != rows[i].is)
      fail_msg("%s", rows[i].address);
  }
}

static void this_machines_own_name_is_told_whole_in_any_case(void **state)
{
  char own[256], other[260];
  (void)state;
  assert_int_equal(gethostname(own, sizeof own), 0);
  assert_true(aiodns_special_is_own(own));
  snprintf(other, sizeof other, "%s.", own);
  assert_true(aiodns_special_is_own(other));
  snprintf(other, sizeof other, "%s..", own);
  assert_false(aiodns_special_is_own(other));
  snprintf(other, sizeof other, "x%s", own);
  assert_false(aiodns_special_is_own(other));
  snprintf(other, sizeof other, "%s", own);
  other[strlen(other) - 1] = '\0';
  assert_false(aiodns_special_is_own(other));
  for (char *p = own; *p; p++)
    if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
      *p = (char)(*p ^ 0x20);
  assert_true(aiodns_special_is_own(own));
  assert_false(aiodns_special_is_own(""));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(special_names_are_told_by_their_last_label),
      cmocka_unit_test(link_local_addresses_are_told),
      cmocka_unit_test(this_machines_own_name_is_told_whole_in_any_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
