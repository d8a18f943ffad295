#include "alloc.h"
#include "unit.h"
#include "wire.h"

#include "reply.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ID = 1, NO_ERROR = WIRE_QR | WIRE_RD | WIRE_RA, NO_NAME = NO_ERROR | 3 };

/* What one question has read so far.  Large, so one for all tests. */
static struct {
  struct aiodns_chain chain;
  struct aiodns_answer answer;
} got;
static struct wire wire;

static struct aiodns_name from_text(const char *text)
{
  struct aiodns_name name;
  if (!aiodns_name_from_text(&name, text))
    fail_msg("refused: %s", text);
  return name;
}

/* A question, and the head of a reply to it. */
static void ask(const char *text, unsigned type, unsigned flags)
{
  struct aiodns_name name = from_text(text);
  aiodns_chain_init(&got.chain, &name, (uint16_t)type);
  aiodns_answer_init(&got.answer, type == ns_t_a ? 4 : type == ns_t_aaaa ? 16 : 0);
  wire_init(&wire, ID, flags);
  wire_question(&wire, text, type);
}

/* The head of the reply to the question that the chain has come to. */
static void ask_on(const char *text, unsigned flags)
{
  wire_init(&wire, ID, flags);
  wire_question(&wire, text, got.chain.type);
}

static enum aiodns_reading read_cut(size_t len)
{
  return aiodns_reply_read(&got.chain, unit_on_cliff(wire.data, len), len, &got.answer);
}

static enum aiodns_reading read_all(void)
{
  return read_cut(wire.len);
}

static int finish(void **state)
{
  (void)state;
  alloc_fail_after(-1);
  aiodns_answer_done(&got.answer);
  return alloc_live();
}

static void assert_names(unsigned count, const char *const *names)
{
  const char *at = (const char *)got.answer.names.data;
  assert_int_equal(got.answer.name_count, count);
  for (unsigned i = 0; i < count; i++, at += strlen(at) + 1)
    assert_string_equal(at, names[i]);
}

#define NAMES(...)                                                                                           \
  assert_names(sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *), (const char *const[]){__VA_ARGS__})

static void assert_canonical(const char *name)
{
  assert_non_null(aiodns_answer_canonical(&got.answer));
  assert_string_equal(aiodns_answer_canonical(&got.answer), name);
}

/* The addresses 192.0.2.x. */
static void assert_a(unsigned count, const unsigned *x)
{
  assert_int_equal(got.answer.address_count, count);
  for (unsigned i = 0; i < count; i++) {
    const uint8_t expected[4] = {192, 0, (uint8_t)(2 + x[i] / 256), (uint8_t)x[i]};
    assert_memory_equal(got.answer.addresses.data + 4 * i, expected, 4);
  }
}

#define ADDRESSES(...)                                                                                       \
  assert_a(sizeof(const unsigned[]){__VA_ARGS__} / sizeof(unsigned), (const unsigned[]){__VA_ARGS__})

static void addresses_come_in_the_order_of_the_message(void **state)
{
  (void)state;
  ask("www.example.com", ns_t_a, NO_ERROR);
  wire_a(&wire, "@12", 300, 7);
  wire_a(&wire, "WWW.example.com", 200, 3);
  wire_a(&wire, "www.@16", 400, 5);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(7, 3, 5);
  NAMES("www.example.com");
  assert_canonical("www.example.com");
  assert_int_equal(got.answer.ttl_s, 200);
}

static void ipv6_addresses_have_16_octets(void **state)
{
  (void)state;
  ask("www.example.com", ns_t_aaaa, NO_ERROR);
  wire_a(&wire, "@12", 1, 7); /* of the other type: passed over, and its TTL too */
  wire_aaaa(&wire, "@12", 300, 9);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  assert_int_equal(got.answer.address_count, 1);
  assert_memory_equal(got.answer.addresses.data, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
  assert_int_equal(got.answer.ttl_s, 300);
}

static void a_chain_is_followed_in_order(void **state)
{
  (void)state;
  ask("www.example.com", ns_t_a, NO_ERROR);
  wire_target(&wire, "@12", ns_t_cname, 300, "b.example.net");
  wire_target(&wire, "b.example.net", ns_t_cname, 60, "c.example.org");
  wire_a(&wire, "c.example.org", 3600, 1);
  wire_a(&wire, "c.example.org", 120, 2);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(1, 2);
  NAMES("www.example.com", "b.example.net", "c.example.org");
  assert_canonical("c.example.org");
  assert_int_equal(got.answer.ttl_s, 60); /* the least along the chain */
}

static void a_chain_is_followed_in_any_order(void **state)
{
  /* RFC 1034 does not order the records, and some servers rotate them all. */
  static const int orders[][4] = {{3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}, {3, 0, 1, 2}, {2, 1, 0, 3}};
  (void)state;
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    ask("a.example", ns_t_a, NO_ERROR);
    for (int k = 0; k < 4; k++)
      switch (orders[i][k]) {
      case 0:
        wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
        break;
      case 1:
        wire_target(&wire, "b.example", ns_t_cname, 80, "c.example");
        break;
      case 2:
        wire_target(&wire, "c.example", ns_t_cname, 70, "d.example");
        break;
      default:
        wire_a(&wire, "d.example", 100, 4);
      }
    assert_int_equal(read_all(), AIODNS_READ_ANSWER);
    ADDRESSES(4);
    NAMES("a.example", "b.example", "c.example", "d.example");
    assert_canonical("d.example");
    assert_int_equal(got.answer.ttl_s, 70);
    assert_int_equal(finish(state), 0);
  }
}

static void records_off_the_chain_do_not_count(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_a(&wire, "evil.example", 1, 66);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
  wire_a(&wire, "sub.b.example", 1, 67);
  wire_a(&wire, "example", 1, 68);
  wire_target(&wire, "z.example", ns_t_cname, 1, "y.example");
  wire_a(&wire, "b.example", 80, 4);
  wire_begin(&wire, WIRE_ADDITIONAL, "b.example", ns_t_a, ns_c_in, 1);
  wire_u32(&wire, 0x0a000001);
  wire_end(&wire);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(4);
  NAMES("a.example", "b.example");
  assert_int_equal(got.answer.ttl_s, 80);
}

static void addresses_in_the_authority_section_do_not_count(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_begin(&wire, WIRE_AUTHORITY, "a.example", ns_t_a, ns_c_in, 1);
  wire_u32(&wire, 0x0a000001);
  wire_end(&wire);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.address_count, 0);
}

static void a_chain_goes_on_in_further_messages(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
  wire_target(&wire, "b.example", ns_t_cname, 500, "c.example");
  assert_int_equal(read_all(), AIODNS_READ_CHAIN);
  struct aiodns_name expected = from_text("c.example");
  assert_true(aiodns_name_equal(&got.chain.name, &expected));
  assert_int_equal(got.answer.address_count, 0);

  ask_on("c.example", NO_ERROR);
  wire_target(&wire, "c.example", ns_t_cname, 200, "d.example");
  assert_int_equal(read_all(), AIODNS_READ_CHAIN);

  ask_on("d.example", NO_ERROR);
  wire_a(&wire, "d.example", 100, 1);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(1);
  NAMES("a.example", "b.example", "c.example", "d.example");
  assert_canonical("d.example");
  assert_int_equal(got.answer.ttl_s, 90);
}

static void the_least_ttl_may_be_that_of_the_first_message(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 5, "b.example");
  assert_int_equal(read_all(), AIODNS_READ_CHAIN);
  ask_on("b.example", NO_NAME);
  wire_soa(&wire, WIRE_AUTHORITY, "example", 300, 300);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 5);
}

static void chains_that_go_round_end(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
  wire_target(&wire, "b.example", ns_t_cname, 90, "A.example");
  assert_int_equal(read_all(), AIODNS_READ_LOOP);
  assert_int_equal(got.answer.address_count, 0);
  assert_int_equal(finish(state), 0);

  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 90, "@12");
  assert_int_equal(read_all(), AIODNS_READ_LOOP);
}

static void chains_that_go_round_over_messages_end(void **state)
{
  int messages = 0;
  enum aiodns_reading reading;
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  do {
    const char *owner = messages % 2 ? "b.example" : "a.example",
               *target = messages % 2 ? "a.example" : "b.example";
    ask_on(owner, NO_ERROR);
    wire_target(&wire, owner, ns_t_cname, 90, target);
    reading = read_all();
  } while (reading == AIODNS_READ_CHAIN && ++messages < 100);
  assert_int_equal(reading, AIODNS_READ_LOOP);
  assert_int_equal(messages, AIODNS_CHAIN_MAX);
}

/* A chain of `hops` CNAMEs with an address at its end. */
static enum aiodns_reading read_chain(unsigned hops)
{
  char owner[32] = "n0.example", target[32];
  ask(owner, ns_t_a, NO_ERROR);
  for (unsigned i = 1; i <= hops; i++) {
    snprintf(target, sizeof target, "n%u.example", i);
    wire_target(&wire, owner, ns_t_cname, 90, target);
    strcpy(owner, target);
  }
  wire_a(&wire, owner, 90, 1);
  return read_all();
}

static void a_chain_inside_a_message_may_be_long(void **state)
{
  (void)state;
  assert_int_equal(read_chain(AIODNS_CHAIN_MAX), AIODNS_READ_ANSWER);
  assert_int_equal(got.answer.name_count, AIODNS_CHAIN_MAX + 1);
  assert_canonical("n16.example");
  assert_int_equal(finish(state), 0);
  assert_int_equal(read_chain(200), AIODNS_READ_ANSWER);
  assert_canonical("n200.example");
  assert_int_equal(finish(state), 0);
  /* What no server means: reading it would take longer the longer it is, squared. */
  assert_int_equal(read_chain(1000), AIODNS_READ_LOOP);
}

static void a_cname_to_no_host_name_is_followed_and_not_shown(void **state)
{
  static const char *const targets[] = {"-bad.example", "b c.example", "b!.example", "caf\xc3\xa9.example"};
  (void)state;
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    ask("a.example", ns_t_a, NO_ERROR);
    wire_target(&wire, "a.example", ns_t_cname, 90, targets[i]);
    wire_a(&wire, targets[i], 90, 1);
    assert_int_equal(read_all(), AIODNS_READ_ANSWER);
    ADDRESSES(1);
    NAMES("a.example");
    assert_canonical("a.example");
    assert_int_equal(finish(state), 0);
  }
}

static void a_second_cname_of_a_name_does_not_count(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
  wire_target(&wire, "a.example", ns_t_cname, 10, "c.example");
  wire_a(&wire, "c.example", 90, 3);
  wire_a(&wire, "b.example", 90, 2);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(2);
  NAMES("a.example", "b.example");
}

static void data_beside_a_cname_wins(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 10, "b.example");
  wire_a(&wire, "a.example", 90, 1);
  wire_a(&wire, "b.example", 90, 2);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(1);
  NAMES("a.example");
}

static void a_target_of_the_wrong_form_is_bad(void **state)
{
  static const struct {
    size_t len;
    const char *octets;
  } rdata[] = {{0, ""},     {2, "\1b"},    {3, "\xff\1\0"}, {2, "\xc3\xff"},
               {1, "\xc0"}, {4, "\x40xy"}, {4, "\1b\0x"},   {3, "\xc0\x0c\0"}};
  (void)state;
  for (size_t i = 0; i < 2 * sizeof rdata / sizeof *rdata; i++) {
    bool ptr = i % 2;
    ask("a.example", ptr ? ns_t_ptr : ns_t_a, NO_ERROR);
    wire_begin(&wire, WIRE_ANSWER, "a.example", ptr ? ns_t_ptr : ns_t_cname, ns_c_in, 90);
    wire_octets(&wire, rdata[i / 2].octets, rdata[i / 2].len);
    wire_end(&wire);
    wire_a(&wire, "b", 90, 1);
    assert_int_equal(read_all(), AIODNS_READ_BAD);
    assert_int_equal(got.answer.address_count, 0);
    assert_int_equal(got.answer.name_count, 0);
  }
}

static void an_address_of_the_wrong_length_is_none(void **state)
{
  static const struct {
    unsigned type, len;
  } rows[] = {{ns_t_a, 4}, {ns_t_aaaa, 16}};
  (void)state;
  for (size_t i = 0; i < 2; i++)
    for (unsigned len = 0; len <= 20; len++)
      for (int beside = 0; beside < 2; beside++) {
        ask("a.example", rows[i].type, NO_ERROR);
        if (beside) /* a bad one takes nothing from a good one */
          (rows[i].type == ns_t_a ? wire_a : wire_aaaa)(&wire, "@12", 90, 1);
        wire_begin(&wire, WIRE_ANSWER, "a.example", rows[i].type, ns_c_in, 90);
        for (unsigned k = 0; k < len; k++)
          wire_u8(&wire, 1);
        wire_end(&wire);
        bool good = len == rows[i].len;
        assert_int_equal(read_all(), good || beside ? AIODNS_READ_ANSWER : AIODNS_READ_NEGATIVE);
        assert_int_equal(got.answer.address_count, good + beside);
        assert_int_equal(finish(state), 0);
      }
}

static void data_of_other_types_and_classes_may_have_any_form(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_begin(&wire, WIRE_ANSWER, "a.example", ns_t_rrsig, ns_c_in, 90);
  wire_u8(&wire, 1);
  wire_end(&wire);
  wire_begin(&wire, WIRE_ANSWER, "a.example", ns_t_a, ns_c_chaos, 90);
  wire_u8(&wire, 1);
  wire_end(&wire);
  wire_a(&wire, "@12", 90, 1);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  ADDRESSES(1);
}

static void a_message_cut_within_its_answers_is_bad(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example");
  wire_a(&wire, "b.example", 90, 1);
  for (size_t len = 0; len < wire.len; len++) {
    assert_int_equal(read_cut(len), AIODNS_READ_BAD);
    assert_int_equal(got.answer.address_count, 0);
    assert_int_equal(got.answer.name_count, 0);
  }
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
}

static void rdlength_beyond_the_message_is_bad(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_a(&wire, "a.example", 90, 1);
  wire.data[wire.rdlength + 1] = 5;
  assert_int_equal(read_all(), AIODNS_READ_BAD);
  wire.data[wire.rdlength] = 0xff;
  assert_int_equal(read_all(), AIODNS_READ_BAD);
}

static void a_ttl_of_2_to_the_31_counts_as_0(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_a(&wire, "a.example", 0x80000000, 1);
  wire_a(&wire, "a.example", 300, 2);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  assert_int_equal(got.answer.ttl_s, 0);
}

static void the_first_ptr_target_is_the_name(void **state)
{
  (void)state;
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  wire_target(&wire, "@12", ns_t_ptr, 300, "one.example");
  wire_target(&wire, "@12", ns_t_ptr, 200, "Two.example");
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  NAMES("one.example");
  assert_canonical("one.example");
  assert_int_equal(got.answer.ttl_s, 200);
  assert_int_equal(got.answer.address_count, 0);
}

static void ptr_targets_that_are_no_host_names_are_not_shown(void **state)
{
  (void)state;
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  wire_target(&wire, "@12", ns_t_ptr, 300, "$(reboot).example");
  wire_target(&wire, "@12", ns_t_ptr, 300, "good.example");
  wire_target(&wire, "@12", ns_t_ptr, 300, "-f");
  wire_begin(&wire, WIRE_ANSWER, "@12", ns_t_ptr, ns_c_in, 300); /* "bad\.example" */
  wire_octets(&wire,
              "\x0b"
              "bad.example",
              13);
  wire_end(&wire);
  wire_begin(&wire, WIRE_ANSWER, "@12", ns_t_ptr, ns_c_in, 300);
  wire_octets(&wire, "\5ab\ncd", 7);
  wire_end(&wire);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  NAMES("good.example");
  assert_canonical("good.example");
}

static void no_ptr_target_that_is_a_host_name_is_no_answer(void **state)
{
  (void)state;
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  wire_target(&wire, "@12", ns_t_ptr, 300, "a b.example");
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.name_count, 0);
  assert_null(aiodns_answer_canonical(&got.answer));
}

static void ptr_chains_go_through_names_that_are_no_host_names(void **state)
{
  (void)state; /* RFC 2317 section 4 */
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  wire_target(&wire, "@12", ns_t_cname, 300, "1.0/25.2.0.192.in-addr.arpa");
  wire_target(&wire, "1.0/25.2.0.192.in-addr.arpa", ns_t_ptr, 100, "one.example");
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  NAMES("one.example"); /* the aliases of an address are its other names, not the chain's */
  assert_int_equal(got.answer.ttl_s, 100);
}

static void negative_answers_hold_as_long_as_their_soa_says(void **state)
{
  (void)state;
  for (int nxdomain = 0; nxdomain < 2; nxdomain++) {
    ask("a.example", ns_t_a, nxdomain ? NO_NAME : NO_ERROR);
    wire_soa(&wire, WIRE_AUTHORITY, "example", 300, 60);
    assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
    assert_int_equal(got.answer.ttl_s, 60);
    assert_int_equal(got.answer.address_count, 0);
    assert_int_equal(finish(state), 0);
  }
}

static void a_negative_answer_without_an_enclosing_soa_is_not_kept(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_NAME);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 0);
  assert_int_equal(finish(state), 0);

  ask("a.example", ns_t_a, NO_NAME);
  wire_soa(&wire, WIRE_AUTHORITY, "example.org", 300, 60);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 0);
}

static void nxdomain_behind_a_cname_is_about_the_target(void **state)
{
  (void)state; /* RFC 6604 section 3 */
  ask("a.example", ns_t_a, NO_NAME);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.example.net");
  wire_soa(&wire, WIRE_AUTHORITY, "example.net", 60, 30);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 30);
  assert_int_equal(finish(state), 0);

  /* The SOA encloses the name that was asked, but not the one the chain leads to. */
  ask("a.example", ns_t_a, NO_NAME);
  wire_target(&wire, "a.example", ns_t_cname, 90, "b.other.net");
  wire_soa(&wire, WIRE_AUTHORITY, "example", 60, 30);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 0);
}

static void no_data_behind_a_cname_needs_an_soa(void **state)
{
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 20, "b.example.net");
  wire_soa(&wire, WIRE_AUTHORITY, "example.net", 60, 30);
  assert_int_equal(read_all(), AIODNS_READ_NEGATIVE);
  assert_int_equal(got.answer.ttl_s, 20); /* the CNAME's */
  assert_int_equal(finish(state), 0);

  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "a.example", ns_t_cname, 20, "b.example.net");
  wire_soa(&wire, WIRE_AUTHORITY, "example", 60, 30);
  assert_int_equal(read_all(), AIODNS_READ_CHAIN);
}

static void names_that_point_at_the_question_have_the_programs_letters(void **state)
{
  uint8_t flip[AIODNS_FLIP_LEN];
  uint8_t query[AIODNS_QUERY_MAX];
  struct aiodns_name name = from_text("www.Example.com");
  struct aiodns_form form = {.name = &name, .flip = flip, .type = ns_t_a, .id = ID};
  (void)state;
  memset(flip, 0xff, sizeof flip);
  ask("www.Example.com", ns_t_a, NO_ERROR);
  wire_target(&wire, "@12", ns_t_cname, 60, "host.@16");
  wire_a(&wire, "host.@16", 60, 1);
  /* The server copies the letters that were sent. */
  aiodns_message_query(&form, query);
  memcpy(wire.data + WIRE_QUESTION, query + WIRE_QUESTION, name.len);
  assert_memory_equal(wire.data + WIRE_QUESTION, "\3WWW\7eXAMPLE\3COM", 17);
  assert_int_equal(aiodns_message_match(&form, wire.data, wire.len, false), AIODNS_MATCH_REPLY);
  aiodns_message_restore_case(&form, wire.data, wire.len);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  NAMES("www.Example.com", "host.Example.com");
  ADDRESSES(1);
}

/* RFC 6672 section 3.1: the labels in front of the DNAME's owner are copied into the CNAME that is made for
 * it. */
static void a_target_made_from_the_question_has_the_programs_letters(void **state)
{
  uint8_t flip[AIODNS_FLIP_LEN];
  uint8_t query[AIODNS_QUERY_MAX];
  struct aiodns_name name = from_text("www.Sub.example.com");
  struct aiodns_form form = {.name = &name, .flip = flip, .type = ns_t_a, .id = ID};
  (void)state;
  memset(flip, 0xff, sizeof flip);
  ask("www.Sub.example.com", ns_t_a, NO_ERROR);
  wire_target(&wire, "@12", ns_t_cname, 60, "WWW.sUB.MOVED.example");
  wire_target(&wire, "WWW.sUB.MOVED.example", ns_t_cname, 60, "WWW.SUB.Zone");
  wire_a(&wire, "www.sub.zone", 60, 1);
  aiodns_message_query(&form, query);
  memcpy(wire.data + WIRE_QUESTION, query + WIRE_QUESTION, name.len);
  aiodns_message_restore_case(&form, wire.data, wire.len);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  /* In whose letters they were cached does not matter; behind the labels that are the same the zone's stay.
   */
  NAMES("www.Sub.example.com", "www.Sub.MOVED.example", "www.Sub.Zone");
  ADDRESSES(1);
}

static void two_hundred_addresses_are_all_there(void **state)
{
  (void)state;
  ask("many.example", ns_t_aaaa, NO_ERROR);
  for (unsigned i = 0; i < 200; i++)
    wire_aaaa(&wire, "@12", 1000 + i, i);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  assert_int_equal(got.answer.address_count, 200);
  for (unsigned i = 0; i < 200; i++)
    assert_int_equal(got.answer.addresses.data[16 * i + 15], i);
  assert_int_equal(got.answer.ttl_s, 1000);
}

static void a_message_of_64_kib_is_read_whole(void **state)
{
  unsigned count = 0;
  (void)state;
  ask("a", ns_t_a, NO_ERROR);
  while (wire.len + 16 <= WIRE_MAX)
    wire_a(&wire, "@12", 60, count++ % 65536);
  assert_true(count > 4000);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  assert_int_equal(got.answer.address_count, count);
  for (unsigned i = 0; i < count; i++)
    assert_int_equal(got.answer.addresses.data[4 * i + 3], i % 256);
}

static void a_message_of_64_kib_of_ptr_records_is_read_whole(void **state)
{
  unsigned count = 0;
  (void)state;
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  while (wire.len + 48 <= WIRE_MAX) {
    wire_target(&wire, "@12", ns_t_ptr, 60, "-a.@14");
    count++;
  }
  wire_target(&wire, "@12", ns_t_ptr, 60, "a.@14");
  assert_true(count > 3000);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  NAMES("a.2.0.192.in-addr.arpa");
}

static void names_of_full_length_fit(void **state)
{
  char text[254];
  (void)state;
  for (size_t i = 0; i < sizeof text - 1; i++)
    text[i] = i % 50 == 49 ? '.' : 'x';
  text[253] = '\0';
  ask(text, ns_t_a, NO_ERROR);
  text[0] = 'y';
  wire_target(&wire, "@12", ns_t_cname, 60, text);
  wire_a(&wire, text, 60, 1);
  assert_int_equal(read_all(), AIODNS_READ_ANSWER);
  assert_canonical(text);
  text[0] = 'x';
  assert_true(aiodns_answer_has_name(&got.answer, text));
}

static void no_memory_is_a_local_failure_and_leaks_nothing(void **state)
{
  int failures = 0;
  enum aiodns_reading reading = AIODNS_READ_LOCAL;
  (void)state;
  /* Grows the names several times, then the addresses: each growth fails once. */
  for (int successes = 0; reading == AIODNS_READ_LOCAL && successes < 100; successes++) {
    char owner[200] = "n", target[200];
    ask(owner, ns_t_a, NO_ERROR);
    for (unsigned i = 0; i < 12; i++) {
      snprintf(target, sizeof target, "%060u.%060u.example", i, i);
      wire_target(&wire, owner, ns_t_cname, 60, target);
      strcpy(owner, target);
    }
    for (unsigned i = 0; i < 200; i++)
      wire_a(&wire, owner, 60, i);
    alloc_fail_after(successes);
    reading = read_all();
    alloc_fail_after(-1);
    if (reading == AIODNS_READ_LOCAL) {
      failures++;
      assert_int_equal(got.answer.outcome, AIODNS_LOCAL);
      assert_int_equal(got.answer.error, ENOMEM);
    } else {
      assert_int_equal(reading, AIODNS_READ_ANSWER);
      assert_int_equal(got.answer.address_count, 200);
      assert_int_equal(got.answer.name_count, 13);
    }
    assert_int_equal(finish(state), 0);
  }
  assert_int_equal(reading, AIODNS_READ_ANSWER);
  assert_true(failures >= 3);
}

static void no_memory_for_ptr_names_is_a_local_failure(void **state)
{
  (void)state;
  ask("1.2.0.192.in-addr.arpa", ns_t_ptr, NO_ERROR);
  wire_target(&wire, "@12", ns_t_ptr, 60, "a-name-of-some-length.example");
  got.answer.names.room = 8; /* as if long ones were there already */
  alloc_fail_after(0);
  assert_int_equal(read_all(), AIODNS_READ_LOCAL);
  assert_int_equal(got.answer.error, ENOMEM);
}

static void assert_host_names(void)
{
  const char *text = (const char *)got.answer.names.data;
  for (unsigned i = 0; i < got.answer.name_count; i++, text += strlen(text) + 1) {
    struct aiodns_name name;
    assert_true(aiodns_name_from_text(&name, text) && aiodns_name_is_host(&name));
  }
}

/* Whatever is changed in a message, reading ends, stays inside it, and leaves an answer that holds together.
 */
static void no_changed_octet_leads_out_of_the_message(void **state)
{
  static const uint8_t values[] = {0, 1, 2, 11, 12, 63, 64, 0x80, 0xc0, 0xc1, 0xff};
  (void)state;
  ask("a.example", ns_t_a, NO_ERROR);
  wire_target(&wire, "@12", ns_t_cname, 90, "b.@14");
  wire_target(&wire, "b.@14", ns_t_cname, 90, "c.example.net");
  wire_a(&wire, "c.example.net", 90, 1);
  wire_soa(&wire, WIRE_AUTHORITY, "example.net", 60, 30);
  struct wire good = wire;
  for (size_t at = WIRE_ANSWER; at < good.len; at++)
    for (size_t i = 0; i < sizeof values; i++) {
      ask("a.example", ns_t_a, NO_ERROR);
      wire = good;
      wire.data[at] = values[i];
      switch (read_all()) {
      case AIODNS_READ_ANSWER:
        assert_in_range(got.answer.address_count, 1, 2);
        assert_int_equal(got.answer.addresses.len, 4 * got.answer.address_count);
        break;
      case AIODNS_READ_NEGATIVE:
      case AIODNS_READ_CHAIN:
        assert_int_equal(got.answer.address_count, 0);
        assert_in_range(got.answer.name_count, 1, 1 + 3);
        break;
      case AIODNS_READ_BAD:
        assert_int_equal(got.answer.name_count, 0);
        break;
      case AIODNS_READ_LOOP:
        break;
      default:
        fail();
      }
      assert_host_names();
      assert_int_equal(finish(state), 0);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(addresses_come_in_the_order_of_the_message),
      TEST(ipv6_addresses_have_16_octets),
      TEST(a_chain_is_followed_in_order),
      TEST(a_chain_is_followed_in_any_order),
      TEST(records_off_the_chain_do_not_count),
      TEST(addresses_in_the_authority_section_do_not_count),
      TEST(a_chain_goes_on_in_further_messages),
      TEST(the_least_ttl_may_be_that_of_the_first_message),
      TEST(chains_that_go_round_end),
      TEST(chains_that_go_round_over_messages_end),
      TEST(a_chain_inside_a_message_may_be_long),
      TEST(a_cname_to_no_host_name_is_followed_and_not_shown),
      TEST(a_second_cname_of_a_name_does_not_count),
      TEST(data_beside_a_cname_wins),
      TEST(a_target_of_the_wrong_form_is_bad),
      TEST(an_address_of_the_wrong_length_is_none),
      TEST(data_of_other_types_and_classes_may_have_any_form),
      TEST(a_message_cut_within_its_answers_is_bad),
      TEST(rdlength_beyond_the_message_is_bad),
      TEST(a_ttl_of_2_to_the_31_counts_as_0),
      TEST(the_first_ptr_target_is_the_name),
      TEST(ptr_targets_that_are_no_host_names_are_not_shown),
      TEST(no_ptr_target_that_is_a_host_name_is_no_answer),
      TEST(ptr_chains_go_through_names_that_are_no_host_names),
      TEST(negative_answers_hold_as_long_as_their_soa_says),
      TEST(a_negative_answer_without_an_enclosing_soa_is_not_kept),
      TEST(nxdomain_behind_a_cname_is_about_the_target),
      TEST(no_data_behind_a_cname_needs_an_soa),
      TEST(names_that_point_at_the_question_have_the_programs_letters),
      TEST(a_target_made_from_the_question_has_the_programs_letters),
      TEST(two_hundred_addresses_are_all_there),
      TEST(a_message_of_64_kib_is_read_whole),
      TEST(a_message_of_64_kib_of_ptr_records_is_read_whole),
      TEST(names_of_full_length_fit),
      TEST(no_memory_is_a_local_failure_and_leaks_nothing),
      TEST(no_memory_for_ptr_names_is_a_local_failure),
      TEST(no_changed_octet_leads_out_of_the_message),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
