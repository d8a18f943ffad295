#include "unit.h"

#include "items.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct aiodns_items items;

static int begin(void **state)
{
  (void)state;
  memset(&items, 0, sizeof items);
  return 0;
}

static struct aiodns_name name_of(const char *text)
{
  struct aiodns_name name;
  memset(&name, 0x5a, sizeof name);
  assert_true(aiodns_name_from_text(&name, text));
  return name;
}

static struct aiodns_server server_of(uint32_t address)
{
  struct aiodns_server server;
  memset(&server, 0, sizeof server);
  server.address.in.sin_family = AF_INET;
  server.address.in.sin_port = htons(53);
  server.address.in.sin_addr.s_addr = htonl(address);
  server.address_len = sizeof server.address.in;
  return server;
}

/* Its servers are first, first + 1, ... */
static bool add_domain(const char *name, uint8_t servers, uint32_t first)
{
  struct aiodns_domain domain = {.name = name_of(name), .server_count = servers};
  for (uint8_t i = 0; i < servers; i++)
    domain.server[i] = server_of(first + i);
  return aiodns_items_add_domain(&items, &domain);
}

static bool add_rule(const char *name, unsigned is)
{
  struct aiodns_rule rule = {.is = (uint8_t)is, .name = name_of(name)};
  return aiodns_items_add_rule(&items, &rule);
}

enum {
  ITSELF = AIODNS_RULE_ITSELF,
  WIDE = AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW,
  BELOW = AIODNS_RULE_BELOW,
  ALLOW = AIODNS_RULE_ITSELF | AIODNS_RULE_BELOW | AIODNS_RULE_ALLOW,
};

/* ---- Adding ---- */

static void what_is_added_comes_out_in_order(void **state)
{
  struct aiodns_domain domain;
  struct aiodns_rule rule;
  struct aiodns_item item;
  uint32_t at = 0;
  (void)state;
  assert_false(aiodns_items_next(&items, &at, &item));
  assert_true(add_domain("corp.example", 2, 7));
  assert_true(aiodns_items_add_pattern(&items, AIODNS_ITEM_HOSTS_FILE, "/etc/hosts.d/*"));
  assert_true(add_rule("a.test", WIDE));
  assert_true(aiodns_items_add_pattern(&items, AIODNS_ITEM_BLOCK_FILE, "/a"));
  assert_true(add_domain("none.example", 0, 0));

  assert_true(aiodns_items_next(&items, &at, &item));
  assert_int_equal(item.kind, AIODNS_ITEM_DOMAIN);
  assert_true(aiodns_items_domain(&item, &domain));
  struct aiodns_name corp = name_of("corp.example");
  assert_true(aiodns_name_equal(&domain.name, &corp));
  assert_int_equal(domain.server_count, 2);
  struct aiodns_server second = server_of(8);
  assert_memory_equal(&domain.server[1], &second, sizeof second);
  assert_false(aiodns_items_rule(&item, &rule));

  assert_true(aiodns_items_next(&items, &at, &item));
  assert_int_equal(item.kind, AIODNS_ITEM_HOSTS_FILE);
  assert_string_equal((const char *)item.data, "/etc/hosts.d/*");
  assert_int_equal(item.len, sizeof "/etc/hosts.d/*");
  assert_false(aiodns_items_rule(&item, &rule));
  assert_false(aiodns_items_domain(&item, &domain));

  assert_true(aiodns_items_next(&items, &at, &item));
  assert_true(aiodns_items_rule(&item, &rule));
  struct aiodns_name a = name_of("a.test");
  assert_true(aiodns_name_equal(&rule.name, &a));
  assert_int_equal(rule.is, WIDE);
  assert_false(aiodns_items_domain(&item, &domain));

  assert_true(aiodns_items_next(&items, &at, &item));
  assert_int_equal(item.kind, AIODNS_ITEM_BLOCK_FILE);
  assert_string_equal((const char *)item.data, "/a");

  assert_true(aiodns_items_next(&items, &at, &item));
  assert_true(aiodns_items_domain(&item, &domain));
  assert_int_equal(domain.server_count, 0);
  assert_false(aiodns_items_next(&items, &at, &item));
  assert_int_equal(at, items.len);
}

static void nothing_is_added_where_there_is_no_room(void **state)
{
  struct aiodns_items before;
  char pattern[AIODNS_ITEMS_ROOM];
  (void)state;
  memset(pattern, 'a', sizeof pattern);
  pattern[0] = '/';
  pattern[AIODNS_ITEMS_ROOM - 3 - 7 - 1] = '\0';
  assert_true(aiodns_items_add_pattern(&items, AIODNS_ITEM_HOSTS_FILE, pattern));
  assert_int_equal(items.len, AIODNS_ITEMS_ROOM - 7);
  before = items;
  assert_false(add_rule("ab", ITSELF)); /* 3 and 1 and 4 octets */
  assert_false(add_domain("a", 1, 1));
  assert_false(aiodns_items_add_pattern(&items, AIODNS_ITEM_BLOCK_FILE, "/abc"));
  assert_memory_equal(&items, &before, sizeof items);
  assert_true(add_rule("a", ITSELF)); /* which is what is left */
  assert_int_equal(items.len, AIODNS_ITEMS_ROOM);
  assert_false(aiodns_items_add_pattern(&items, AIODNS_ITEM_BLOCK_FILE, ""));
  struct aiodns_name a = name_of("a");
  assert_int_equal(aiodns_items_rules(&items, &a), AIODNS_RULE_ITSELF);
}

static void no_more_of_them_fit_than_is_said(void **state)
{
  unsigned count = 0;
  (void)state;
  while (aiodns_items_add_pattern(&items, AIODNS_ITEM_HOSTS_FILE, "/a"))
    count++;
  assert_int_equal(count, AIODNS_ITEMS_MAX);
  begin(NULL);
  for (count = 0; add_rule("a", ITSELF);)
    count++;
  assert_in_range(count, 1, AIODNS_ITEMS_MAX);
}

/* They are copied between threads; half a copy is never used, but nothing may depend on that. */
static void any_octets_are_read_within_their_room(void **state)
{
  struct aiodns_domain domain;
  struct aiodns_item item;
  struct aiodns_name name = name_of("a.b.test");
  struct aiodns_rule rule;
  static_assert(AIODNS_ITEMS_ROOM % 4 == 0, "filled by four");
  (void)state;
  for (int round = 0; round < 20000; round++) {
    memset(&items, 0, sizeof items);
    items.len = unit_random(2) ? unit_random(64) : AIODNS_ITEMS_ROOM - unit_random(8) + unit_random(16);
    for (uint32_t i = 0; i < AIODNS_ITEMS_ROOM; i += 4) {
      uint32_t four = unit_random(UINT32_MAX) & (round % 2 ? 0x07070707 : UINT32_MAX);
      memcpy(items.octets + i, &four, sizeof four);
    }
    struct aiodns_items *tight = (void *)unit_on_cliff(&items, sizeof items);
    uint32_t at = 0, before = 0;
    for (; aiodns_items_next(tight, &at, &item); before = at) {
      assert_in_range(at, before + 3, AIODNS_ITEMS_ROOM);
      assert_true(item.data >= tight->octets && item.data + item.len <= tight->octets + AIODNS_ITEMS_ROOM);
      if (aiodns_items_domain(&item, &domain))
        assert_in_range(domain.server_count, 0, AIODNS_SERVERS_MAX);
      if (aiodns_items_rule(&item, &rule))
        assert_in_range(rule.name.len, 1, AIODNS_NAME_MAX);
    }
    aiodns_items_domain_of(tight, &name, &domain);
    assert_in_range(aiodns_items_rules(tight, &name), 0, AIODNS_RULE_ALLOW);
  }
}

static void an_item_of_nothing_is_no_domain_and_no_rule(void **state)
{
  struct aiodns_domain domain;
  struct aiodns_rule rule;
  struct aiodns_item item;
  (void)state;
  items.len = AIODNS_ITEMS_ROOM; /* its data would begin behind the room */
  uint8_t *octets = items.octets;
  for (uint32_t at = 0; at + 3 <= AIODNS_ITEMS_ROOM - 3; at += 3)
    octets[at] = AIODNS_ITEM_BLOCK_FILE;
  octets[AIODNS_ITEMS_ROOM - 4] = AIODNS_ITEM_DOMAIN;
  static_assert((AIODNS_ITEMS_ROOM - 4) % 3 == 0, "where the last one stands");
  octets[AIODNS_ITEMS_ROOM - 3] = 1; /* and one of a single octet: three servers that are not there */
  octets[AIODNS_ITEMS_ROOM - 1] = 3;
  struct aiodns_items *tight = (void *)unit_on_cliff(&items, sizeof items);
  uint32_t at = 0;
  unsigned last = 0;
  while (aiodns_items_next(tight, &at, &item)) {
    assert_false(aiodns_items_domain(&item, &domain));
    assert_false(aiodns_items_rule(&item, &rule));
    last = item.kind;
  }
  assert_int_equal(last, AIODNS_ITEM_DOMAIN);
  assert_int_equal(at, AIODNS_ITEMS_ROOM);
  struct aiodns_item none = {.kind = AIODNS_ITEM_DOMAIN, .data = (uint8_t *)tight + sizeof *tight, .len = 0};
  assert_false(aiodns_items_domain(&none, &domain));
  none.kind = AIODNS_ITEM_RULE;
  assert_false(aiodns_items_rule(&none, &rule));
}

/* ---- Domains ---- */

static void assert_domain(const char *text, const char *expected)
{
  struct aiodns_name name = name_of(text);
  struct aiodns_domain domain;
  bool found = aiodns_items_domain_of(&items, &name, &domain);
  char got[AIODNS_NAME_TEXT_MAX] = "none";
  if (found)
    aiodns_name_to_text(&domain.name, got);
  if (strcmp(got, expected ? expected : "none") != 0)
    fail_msg("%s is in %s, not in %s", text, got, expected ? expected : "none");
}

static void the_longest_domain_is_taken_whatever_their_order(void **state)
{
  static const char *domains[] = {"example", "corp.example", "deep.corp.example", "other.example", "test"};
  static const struct {
    const char *name, *domain;
  } rows[] = {{"example", "example"},
              {"www.example", "example"},
              {"corp.example", "corp.example"},
              {"CORP.Example", "corp.example"},
              {"a.b.corp.EXAMPLE", "corp.example"},
              {"deep.corp.example", "deep.corp.example"},
              {"a.deep.corp.example", "deep.corp.example"},
              {"xdeep.corp.example", "corp.example"},
              {"xcorp.example", "example"},
              {"xother.example", "example"},
              {"a.test", "test"},
              {"xtest", NULL},
              {"test.invalid", NULL},
              {"example.com", NULL}};
  (void)state;
  for (unsigned first = 0; first < 5; first++)
    for (unsigned step = 1; step < 5; step++) {
      begin(NULL);
      for (unsigned i = 0; i < 5; i++)
        assert_true(add_domain(domains[(first + i * step) % 5], 1, i + 1));
      assert_true(add_rule("www.deep.corp.example", WIDE)); /* of another kind */
      for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_domain(rows[i].name, rows[i].domain);
      assert_domain("www.deep.corp.example", "deep.corp.example");
    }
}

static void a_domain_has_its_servers(void **state)
{
  struct aiodns_name name = name_of("a.b.test");
  struct aiodns_domain domain;
  (void)state;
  assert_false(aiodns_items_domain_of(&items, &name, &domain));
  assert_true(add_domain("test", 1, 1));
  assert_true(add_domain("b.test", 3, 10));
  assert_true(add_domain("c.test", 2, 20));
  assert_true(aiodns_items_domain_of(&items, &name, &domain));
  assert_int_equal(domain.server_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    struct aiodns_server server = server_of(10 + i);
    assert_memory_equal(&domain.server[i], &server, sizeof server);
  }
}

/* ---- Rules ---- */

static void what_a_rule_says(void **state)
{
  static const struct {
    unsigned is, says;
    const char *name;
  } rows[] = {{ITSELF, AIODNS_RULE_ITSELF, "b.test"},
              {ITSELF, AIODNS_RULE_ITSELF, "B.TEST"},
              {ITSELF, 0, "a.b.test"},
              {ITSELF, 0, "test"},
              {ITSELF, 0, "ab.test"},
              {WIDE, AIODNS_RULE_ITSELF, "b.test"},
              {WIDE, AIODNS_RULE_ITSELF, "A.b.test"},
              {WIDE, AIODNS_RULE_ITSELF, "a.a.b.test"},
              {WIDE, 0, "ab.test"},
              {WIDE, 0, "test"},
              {BELOW, 0, "b.test"},
              {BELOW, AIODNS_RULE_ITSELF, "a.b.test"},
              {ALLOW, AIODNS_RULE_ALLOW, "b.test"},
              {ALLOW, AIODNS_RULE_ALLOW, "a.b.test"},
              {ALLOW, 0, "ab.test"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct aiodns_rule rule = {.is = (uint8_t)rows[i].is, .name = name_of("b.test")};
    struct aiodns_name name = name_of(rows[i].name);
    if (aiodns_rule_says(&rule, &name) != rows[i].says)
      fail_msg("%u of %s: %u", rows[i].is, rows[i].name, aiodns_rule_says(&rule, &name));
  }
}

static void what_is_allowed_is_not_blocked(void **state)
{
  static const struct {
    const char *name;
    unsigned says;
  } rows[] = {{"test", AIODNS_RULE_ITSELF},
              {"bad.test", AIODNS_RULE_ITSELF},
              {"good.test", AIODNS_RULE_ALLOW},
              {"a.good.test", AIODNS_RULE_ALLOW},
              {"notgood.test", AIODNS_RULE_ITSELF},
              {"one.example", AIODNS_RULE_ITSELF},
              {"a.one.example", 0},
              {"example", 0},
              {"free.example", AIODNS_RULE_ALLOW}};
  (void)state;
  for (int turned = 0; turned < 2; turned++) {
    begin(NULL);
    if (turned)
      assert_true(add_rule("good.test", ALLOW));
    assert_true(add_rule("test", WIDE));
    assert_true(add_domain("test", 1, 1));
    assert_true(add_rule("a.good.test", ITSELF));
    assert_true(add_rule("one.example", ITSELF));
    assert_true(add_rule("free.example", ALLOW));
    if (!turned)
      assert_true(add_rule("good.test", ALLOW));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      struct aiodns_name name = name_of(rows[i].name);
      if (aiodns_items_rules(&items, &name) != rows[i].says)
        fail_msg("%s: %u", rows[i].name, aiodns_items_rules(&items, &name));
    }
  }
}

static void of_two_words_the_one_that_counts(void **state)
{
  (void)state;
  assert_int_equal(aiodns_rules_join(0, 0), 0);
  assert_int_equal(aiodns_rules_join(AIODNS_RULE_ITSELF, 0), AIODNS_RULE_ITSELF);
  assert_int_equal(aiodns_rules_join(0, AIODNS_RULE_ITSELF), AIODNS_RULE_ITSELF);
  assert_int_equal(aiodns_rules_join(AIODNS_RULE_ALLOW, AIODNS_RULE_ITSELF), AIODNS_RULE_ALLOW);
  assert_int_equal(aiodns_rules_join(AIODNS_RULE_ITSELF, AIODNS_RULE_ALLOW), AIODNS_RULE_ALLOW);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(what_is_added_comes_out_in_order, begin),
      cmocka_unit_test_setup(nothing_is_added_where_there_is_no_room, begin),
      cmocka_unit_test_setup(no_more_of_them_fit_than_is_said, begin),
      cmocka_unit_test_setup(any_octets_are_read_within_their_room, begin),
      cmocka_unit_test_setup(an_item_of_nothing_is_no_domain_and_no_rule, begin),
      cmocka_unit_test_setup(the_longest_domain_is_taken_whatever_their_order, begin),
      cmocka_unit_test_setup(a_domain_has_its_servers, begin),
      cmocka_unit_test_setup(what_a_rule_says, begin),
      cmocka_unit_test_setup(what_is_allowed_is_not_blocked, begin),
      cmocka_unit_test_setup(of_two_words_the_one_that_counts, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
