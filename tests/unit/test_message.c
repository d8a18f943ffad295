#include "unit.h"
#include "wire.h"

#include "message.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

enum { ID = 0x1234 };

static const uint8_t no_flip[AIODNS_FLIP_LEN];
static const uint8_t own_cookie[AIODNS_COOKIE_LEN] = {0xc0, 0x0c, 1, 2,
                                                      3,    4,    5, 6}; /* a pointer, to who misreads it */

static struct aiodns_name from_text(const char *text)
{
  struct aiodns_name name;
  if (!aiodns_name_from_text(&name, text))
    fail_msg("refused: %s", text);
  return name;
}

static struct aiodns_form form_of(const struct aiodns_name *name, const uint8_t *flip)
{
  return (struct aiodns_form){
      .name = name, .flip = flip, .type = AIODNS_TYPE_A, .id = ID, .edns = true, .recursion_desired = true};
}

static bool is_letter(uint8_t c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A reply with one address to what this form sends. */
static size_t reply_to(const struct aiodns_form *form, uint8_t *buf)
{
  struct wire wire;
  size_t len = aiodns_message_query(form, buf);
  wire_init(&wire, form->id, WIRE_QR | WIRE_RD | WIRE_RA);
  wire_octets(&wire, buf + WIRE_QUESTION, form->name->len + 4U);
  wire.data[5] = 1;
  wire_a(&wire, "@12", 300, 1);
  assert_true(len >= wire.len - 16);
  memcpy(buf, wire.data, wire.len);
  return wire.len;
}

static enum aiodns_match match(const struct aiodns_form *form, const uint8_t *msg, size_t len, bool any_case)
{
  return aiodns_message_match(form, unit_on_cliff(msg, len), len, any_case);
}

static void a_query_has_the_octets_of_the_rfcs(void **state)
{
  static const uint8_t expected[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\1"
                                    "\3wWw\7examPle\3com\0\0\x1c\0\1"
                                    "\0\0\x29\x04\xd0\0\0\0\0\0"; /* and its NUL: RDLENGTH is 0 */
  uint8_t buf[AIODNS_QUERY_MAX], flip[AIODNS_FLIP_LEN] = {1 << 2, 1 << 1};
  struct aiodns_name name = from_text("www.example.com");
  struct aiodns_form form = form_of(&name, flip);
  (void)state;
  form.type = AIODNS_TYPE_AAAA;
  assert_int_equal(aiodns_message_query(&form, buf), sizeof expected);
  assert_memory_equal(buf, expected, sizeof expected);
}

static void a_query_with_a_cookie_has_the_octets_of_the_rfcs(void **state)
{
  static const uint8_t expected[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\1"
                                    "\3www\3com\0\0\1\0\1"
                                    "\0\0\x29\x04\xd0\0\0\0\0\0\x0c" /* RFC 7873 section 4: */
                                    "\0\x0a\0\x08\xc0\x0c\1\2\3\4\5\6";
  enum { LEN = sizeof expected - 1, OPT_LEN = 11 + 4 + AIODNS_COOKIE_LEN };
  uint8_t buf[AIODNS_QUERY_MAX];
  struct aiodns_name name = from_text("www.com");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  form.cookie = own_cookie;
  assert_int_equal(aiodns_message_query(&form, buf), LEN);
  assert_memory_equal(buf, expected, LEN);
  form.edns = false; /* there is no place for it then */
  assert_int_equal(aiodns_message_query(&form, buf), LEN - OPT_LEN);
  assert_int_equal(buf[11], 0);
  assert_memory_equal(buf + 12, expected + 12, LEN - OPT_LEN - 12);
}

static void a_plain_query_is_in_lower_case_without_edns(void **state)
{
  static const uint8_t expected[] =
      "\x12\x34\0\x20\0\1\0\0\0\0\0\0\3www\3com\0\0\1\0"; /* and its NUL: ...\0\1 */
  uint8_t buf[AIODNS_QUERY_MAX], flip[AIODNS_FLIP_LEN];
  struct aiodns_name name = from_text("wWw.COM");
  struct aiodns_form form = form_of(&name, flip);
  (void)state;
  memset(flip, 0xff, sizeof flip);
  form.lower = form.authentic_data = true;
  form.edns = false;
  form.recursion_desired = false;
  assert_int_equal(aiodns_message_query(&form, buf), sizeof expected);
  assert_memory_equal(buf, expected, sizeof expected - 1);
  assert_int_equal(buf[sizeof expected - 1], 1);
}

static void the_longest_query_fits_its_buffer(void **state)
{
  char text[254];
  uint8_t flip[AIODNS_FLIP_LEN], *buf = malloc(AIODNS_QUERY_MAX);
  (void)state;
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = i % 64 == 63 ? '.' : 'x';
  text[253] = '\0';
  memset(flip, 0xff, sizeof flip);
  struct aiodns_name name = from_text(text);
  struct aiodns_form form = form_of(&name, flip);
  assert_int_equal(name.len, AIODNS_NAME_MAX);
  form.cookie = flip;
  assert_int_equal(aiodns_message_query(&form, buf), AIODNS_QUERY_MAX);
  for (size_t i = 0; i < 253; i++)
    if (text[i] == 'x')
      assert_int_equal(buf[WIRE_QUESTION + 1 + i], 'X');
  free(buf);
}

static void queries_are_what_libresolv_reads(void **state)
{
  (void)state;
  for (int run = 0; run < 2000; run++) {
    uint8_t buf[AIODNS_QUERY_MAX], flip[AIODNS_FLIP_LEN];
    char text[NS_MAXDNAME];
    struct aiodns_name name = from_text("Sub-Domain_7.Example\\.z.[@`{.org");
    for (size_t i = 0; i < sizeof flip; i++)
      flip[i] = (uint8_t)unit_random(256);
    struct aiodns_form form = form_of(&name, flip);
    form.id = (uint16_t)unit_random(65536);
    form.lower = unit_random(2);
    form.edns = unit_random(2);
    form.recursion_desired = unit_random(2);
    form.authentic_data = unit_random(2);
    form.type = unit_random(2) ? AIODNS_TYPE_A : AIODNS_TYPE_PTR;
    form.cookie = unit_random(2) ? own_cookie : NULL;
    size_t len = aiodns_message_query(&form, buf);

    ns_msg msg;
    ns_rr rr;
    assert_int_equal(ns_initparse(buf, (int)len, &msg), 0);
    assert_int_equal(ns_msg_id(msg), form.id);
    assert_int_equal(ns_msg_getflag(msg, ns_f_qr), 0);
    assert_int_equal(ns_msg_getflag(msg, ns_f_opcode), ns_o_query);
    assert_int_equal(ns_msg_getflag(msg, ns_f_rd), form.recursion_desired);
    assert_int_equal(ns_msg_getflag(msg, ns_f_ad), form.authentic_data);
    assert_int_equal(ns_msg_getflag(msg, ns_f_cd), 0);
    assert_int_equal(ns_msg_getflag(msg, ns_f_tc), 0);
    assert_int_equal(ns_msg_count(msg, ns_s_qd), 1);
    assert_int_equal(ns_msg_count(msg, ns_s_an), 0);
    assert_int_equal(ns_msg_count(msg, ns_s_ns), 0);
    assert_int_equal(ns_msg_count(msg, ns_s_ar), form.edns);
    assert_int_equal(ns_parserr(&msg, ns_s_qd, 0, &rr), 0);
    assert_int_equal(ns_rr_type(rr), form.type);
    assert_int_equal(ns_rr_class(rr), ns_c_in);
    aiodns_name_to_text(&name, text);
    assert_int_equal(strcasecmp(ns_rr_name(rr), text), 0);
    for (size_t i = 0; i < name.len; i++) {
      uint8_t sent = buf[WIRE_QUESTION + i], given = name.wire[i];
      bool flipped = is_letter(given) && (form.lower ? given < 'a' : flip[i / 8] >> (i % 8) & 1);
      assert_int_equal(sent, flipped ? given ^ 0x20 : given);
    }
    if (form.edns) {
      assert_int_equal(ns_parserr(&msg, ns_s_ar, 0, &rr), 0);
      assert_string_equal(ns_rr_name(rr), ".");
      assert_int_equal(ns_rr_type(rr), ns_t_opt);
      assert_int_equal(ns_rr_class(rr), 1232); /* UDP payload size */
      assert_int_equal(ns_rr_ttl(rr), 0);      /* version 0, no DO */
      assert_int_equal(ns_rr_rdlen(rr), form.cookie ? 4 + sizeof own_cookie : 0);
    }
  }
}

static void a_query_is_no_reply_to_itself(void **state)
{
  uint8_t buf[AIODNS_QUERY_MAX];
  struct aiodns_name name = from_text("www.example.com");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  size_t len = aiodns_message_query(&form, buf);
  assert_int_equal(match(&form, buf, len, true), AIODNS_MATCH_NONE);
}

/* For each case of flip: what a change of one bit must make of a good reply. */
static void flip_every_bit(const char *text, const uint8_t *flip, bool plain, bool any_case)
{
  uint8_t buf[600];
  struct aiodns_name name = from_text(text);
  struct aiodns_form form = form_of(&name, flip);
  form.lower = plain;
  form.edns = !plain;
  size_t len = reply_to(&form, buf);
  size_t question_end = WIRE_QUESTION + (size_t)name.len + 4;
  assert_int_equal(match(&form, buf, len, any_case), AIODNS_MATCH_REPLY);
  for (size_t bit = 0; bit < question_end * 8; bit++) {
    size_t at = bit / 8;
    uint8_t mask = (uint8_t)(1 << bit % 8);
    enum aiodns_match expected = AIODNS_MATCH_NONE;
    if ((at == 2 && mask < 0x08) || at == 3 || (at >= 6 && at < WIRE_QUESTION))
      expected = AIODNS_MATCH_REPLY; /* AA, TC, RD, RA, Z, AD, CD, RCODE, and the counts behind QDCOUNT */
    else if (at >= WIRE_QUESTION && at < question_end - 4 && mask == 0x20 && is_letter(buf[at]))
      expected = any_case || plain ? AIODNS_MATCH_REPLY : AIODNS_MATCH_CASE;
    buf[at] ^= mask;
    enum aiodns_match got = match(&form, buf, len, any_case);
    if (got != expected)
      fail_msg("%s: bit %#x of octet %zu: %d, not %d", text, mask, at, got, expected);
    buf[at] ^= mask;
  }
}

static void a_reply_matches_with_no_bit_of_id_opcode_or_question_changed(void **state)
{
  static const char *const names[] = {"www.example.com", "A-b_c.XYZ",
                                      "a\\.b.\\064\\096\\091\\123.\\000\\255z", "."};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    for (int run = 0; run < 20; run++) {
      uint8_t flip[AIODNS_FLIP_LEN] = {0};
      for (size_t k = 0; run > 0 && k < sizeof flip; k++)
        flip[k] = (uint8_t)unit_random(256);
      flip_every_bit(names[i], flip, false, false);
      flip_every_bit(names[i], flip, false, true);
      flip_every_bit(names[i], flip, true, false);
    }
}

static void several_letters_in_the_wrong_case_are_one_case_mismatch(void **state)
{
  uint8_t buf[600];
  struct aiodns_name name = from_text("www.example.com");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  size_t len = reply_to(&form, buf);
  for (size_t i = 0; i < name.len; i++)
    if (is_letter(buf[WIRE_QUESTION + i]))
      buf[WIRE_QUESTION + i] ^= 0x20;
  assert_int_equal(match(&form, buf, len, false), AIODNS_MATCH_CASE);
  assert_int_equal(match(&form, buf, len, true), AIODNS_MATCH_REPLY);
  buf[WIRE_QUESTION + 1] = 'x';
  assert_int_equal(match(&form, buf, len, false), AIODNS_MATCH_NONE);
  assert_int_equal(match(&form, buf, len, true), AIODNS_MATCH_NONE);
}

static void a_reply_cut_within_its_question_matches_nothing(void **state)
{
  uint8_t buf[600];
  struct aiodns_name name = from_text("www.example.com");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  size_t len = reply_to(&form, buf), question_end = WIRE_QUESTION + name.len + 4U;
  for (size_t cut = 0; cut <= len; cut++)
    assert_int_equal(match(&form, buf, cut, false),
                     cut < question_end ? AIODNS_MATCH_NONE : AIODNS_MATCH_REPLY);
}

static void a_question_that_is_compressed_is_not_ours(void **state)
{
  struct wire wire;
  struct aiodns_name name = from_text("a.");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  wire_init(&wire, ID, WIRE_QR);
  wire_question(&wire, "a.@4", ns_t_a);
  assert_int_equal(match(&form, wire.data, wire.len, true), AIODNS_MATCH_NONE);
}

static void a_bare_header_matches_as_an_error_only(void **state)
{
  struct wire wire;
  struct aiodns_name name = from_text("www.example.com");
  struct aiodns_form form = form_of(&name, no_flip);
  (void)state;
  for (unsigned rcode = 0; rcode < 16; rcode++) {
    wire_init(&wire, ID, WIRE_QR | rcode);
    enum aiodns_match expected = rcode == 0 || rcode == 3 ? AIODNS_MATCH_NONE : AIODNS_MATCH_BARE;
    assert_int_equal(match(&form, wire.data, wire.len, false), expected);
    assert_int_equal(match(&form, wire.data, wire.len, true), expected);
    if (expected == AIODNS_MATCH_BARE)
      assert_int_equal(aiodns_message_header(unit_on_cliff(wire.data, 12), 12).rcode, rcode);
    wire_u8(&wire, 0);
    assert_int_equal(match(&form, wire.data, wire.len, false), AIODNS_MATCH_NONE);
    wire_init(&wire, ID + 1, WIRE_QR | rcode);
    assert_int_equal(match(&form, wire.data, wire.len, false), AIODNS_MATCH_NONE);
    wire_init(&wire, ID, rcode);
    assert_int_equal(match(&form, wire.data, wire.len, false), AIODNS_MATCH_NONE);
    wire_init(&wire, ID, WIRE_QR | rcode);
    wire.data[5] = 1; /* one question, says the header, and there is none */
    assert_int_equal(match(&form, wire.data, wire.len, false), AIODNS_MATCH_NONE);
  }
}

static void replies_without_answer_authority_and_recursion_are_lame(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 32; i++) {
    struct wire wire;
    bool aa = i & 1, ra = i & 2, answer = i & 4, servfail = i & 8, tc = i & 16;
    wire_init(&wire, ID,
              WIRE_QR | (aa ? WIRE_AA : 0) | (ra ? WIRE_RA : 0) | (servfail ? 2 : 0) | (tc ? WIRE_TC : 0));
    wire_question(&wire, "www.example.com", ns_t_a);
    if (answer)
      wire_a(&wire, "@12", 1, 1);
    struct aiodns_header header = aiodns_message_header(unit_on_cliff(wire.data, wire.len), wire.len);
    assert_int_equal(header.lame, !aa && !ra && !answer && !servfail);
    assert_int_equal(header.truncated, tc);
    assert_int_equal(header.rcode, servfail ? 2 : 0);
  }
}

/* Middleboxes clear flags; a referral has no SOA. */
static void no_data_with_an_soa_is_not_lame(void **state)
{
  struct wire wire;
  (void)state;
  for (int soa = 0; soa < 2; soa++) {
    wire_init(&wire, ID, WIRE_QR);
    wire_question(&wire, "www.example.com", ns_t_a);
    wire_begin(&wire, WIRE_AUTHORITY, "example.com", soa ? ns_t_soa : ns_t_ns, ns_c_in, 60);
    wire_end(&wire);
    assert_int_equal(aiodns_message_header(unit_on_cliff(wire.data, wire.len), wire.len).lame, !soa);
  }
}

static void put_opt(struct wire *wire, unsigned upper_rcode)
{
  wire_begin(wire, WIRE_ADDITIONAL, "", ns_t_opt, 1232, (uint32_t)upper_rcode << 24 | 0x8000);
  wire_end(wire);
}

static unsigned rcode_of(const struct wire *wire)
{
  return aiodns_message_header(unit_on_cliff(wire->data, wire->len), wire->len).rcode;
}

static void an_error_that_only_edns_tells_is_no_empty_answer(void **state)
{
  struct wire wire;
  (void)state; /* RFC 6891 section 6.1.3 */
  for (unsigned upper = 0; upper < 256; upper++) {
    wire_init(&wire, ID, WIRE_QR | WIRE_RA);
    wire_question(&wire, "www.example.com", ns_t_a);
    wire_soa(&wire, WIRE_AUTHORITY, "example.com", 1, 1);
    put_opt(&wire, upper);
    assert_int_equal(rcode_of(&wire), upper << 4);
    for (size_t len = WIRE_QUESTION; len < wire.len; len++) { /* cut short: no OPT to be seen */
      struct aiodns_header header = aiodns_message_header(unit_on_cliff(wire.data, len), len);
      assert_int_equal(header.rcode, 0);
    }
  }
  /* An answer is an answer, and an error in the header one already. */
  wire_init(&wire, ID, WIRE_QR | WIRE_RA);
  wire_question(&wire, "www.example.com", ns_t_a);
  wire_a(&wire, "@12", 1, 1);
  put_opt(&wire, 1);
  assert_int_equal(rcode_of(&wire), 0);
  wire_init(&wire, ID, WIRE_QR | WIRE_RA | AIODNS_RCODE_SERVFAIL);
  wire_question(&wire, "www.example.com", ns_t_a);
  put_opt(&wire, 1);
  assert_int_equal(rcode_of(&wire), AIODNS_RCODE_SERVFAIL);
}

static void restoring_gives_the_question_the_programs_letters(void **state)
{
  uint8_t buf[600], before[600], flip[AIODNS_FLIP_LEN];
  struct aiodns_name name = from_text("Www.eXample.cOm");
  struct aiodns_form form = form_of(&name, flip);
  (void)state;
  memset(flip, 0xff, sizeof flip);
  size_t len = reply_to(&form, buf);
  memcpy(before, buf, len);
  assert_memory_not_equal(buf + WIRE_QUESTION, name.wire, name.len);
  aiodns_message_restore_case(&form, buf, len);
  assert_memory_equal(buf + WIRE_QUESTION, name.wire, name.len);
  assert_memory_equal(buf, before, WIRE_QUESTION);
  assert_memory_equal(buf + WIRE_QUESTION + name.len, before + WIRE_QUESTION + name.len,
                      len - WIRE_QUESTION - name.len);
}

static void records_of_other_classes_are_passed_over(void **state)
{
  struct wire wire;
  struct aiodns_record record;
  (void)state;
  wire_init(&wire, ID, WIRE_QR);
  wire_question(&wire, "a.example", ns_t_a);
  wire_begin(&wire, WIRE_ANSWER, "@12", ns_t_a, ns_c_chaos, 5);
  wire_u32(&wire, 1);
  wire_end(&wire);
  wire_a(&wire, "@12", 7, 9);
  wire_begin(&wire, WIRE_ANSWER, "@12", ns_t_a, ns_c_any, 5);
  wire_u32(&wire, 1);
  wire_end(&wire);
  struct aiodns_records records = aiodns_records_of(unit_on_cliff(wire.data, wire.len), wire.len);
  assert_int_equal(records.answers, 3);
  assert_true(aiodns_records_next(&records, &records.answers, &record));
  assert_int_equal(record.type, AIODNS_TYPE_A);
  assert_int_equal(record.ttl, 7);
  assert_memory_equal(aiodns_cursor_take(&record.data, 4), "\xc0\0\2\x09", 4);
  assert_null(aiodns_cursor_take(&record.data, 1)); /* RDLENGTH bounds it */
  assert_false(aiodns_records_next(&records, &records.answers, &record));
  assert_false(records.cursor.bad);
}

static void a_record_that_is_cut_short_is_none(void **state)
{
  struct wire wire;
  struct aiodns_record record;
  (void)state;
  wire_init(&wire, ID, WIRE_QR);
  wire_question(&wire, "a.example", ns_t_a);
  size_t start = wire.len;
  wire_a(&wire, "@12", 7, 9);
  for (size_t len = start; len <= wire.len; len++) {
    struct aiodns_records records = aiodns_records_of(unit_on_cliff(wire.data, len), len);
    assert_int_equal(aiodns_records_next(&records, &records.answers, &record), len == wire.len);
    assert_int_equal(records.cursor.bad, len < wire.len);
  }
}

static void ttls_of_2_to_the_31_and_above_count_as_0(void **state)
{
  static const struct {
    uint32_t ttl, expected;
  } rows[] = {{0, 0}, {1, 1}, {INT32_MAX, INT32_MAX}, {0x80000000, 0}, {0x80000001, 0}, {UINT32_MAX, 0}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct wire wire;
    struct aiodns_record record;
    wire_init(&wire, ID, WIRE_QR);
    wire_a(&wire, "a", rows[i].ttl, 1);
    struct aiodns_records records = aiodns_records_of(wire.data, wire.len);
    assert_true(aiodns_records_next(&records, &records.answers, &record));
    assert_int_equal(record.ttl, rows[i].expected);
  }
}

static void a_message_is_well_formed_while_its_answer_section_is_whole(void **state)
{
  struct wire wire;
  (void)state;
  wire_init(&wire, ID, WIRE_QR);
  wire_question(&wire, "www.example.com", ns_t_a);
  wire_target(&wire, "@12", ns_t_cname, 60, "host.@16");
  wire_a(&wire, "host.example.com", 60, 1);
  size_t answer_end = wire.len;
  wire_soa(&wire, WIRE_AUTHORITY, "example.com", 60, 60);
  for (size_t len = 0; len <= wire.len; len++)
    assert_int_equal(aiodns_records_well_formed(aiodns_records_of(unit_on_cliff(wire.data, len), len)),
                     len >= answer_end);
  wire.data[7]++; /* one more than there is: the SOA is read as an answer, and that is whole */
  assert_true(aiodns_records_well_formed(aiodns_records_of(wire.data, wire.len)));
  wire.data[7]++;
  assert_false(aiodns_records_well_formed(aiodns_records_of(wire.data, wire.len)));
  wire.data[6] = wire.data[7] = 0xff;
  assert_false(aiodns_records_well_formed(aiodns_records_of(wire.data, wire.len)));
}

static const char asked[] = "www.example.com";

static void begin_negative(struct wire *wire)
{
  wire_init(wire, ID, WIRE_QR | WIRE_RA | 3);
  wire_question(wire, asked, ns_t_a);
}

/* -1: no SOA. */
static int64_t negative_ttl(const struct wire *wire)
{
  struct aiodns_name name = from_text(asked);
  uint32_t ttl_s = 0xdeadbeef;
  if (aiodns_message_negative_ttl(unit_on_cliff(wire->data, wire->len), wire->len, &name, &ttl_s))
    return ttl_s;
  assert_int_equal(ttl_s, 0xdeadbeef);
  return -1;
}

static void a_negative_ttl_is_the_lesser_of_ttl_and_minimum(void **state)
{
  static const struct {
    uint32_t ttl, minimum, expected;
  } rows[] = {{300, 60, 60},       {60, 300, 60},           {60, 60, 60}, {0, 60, 0}, {60, 0, 0},
              {0x80000000, 60, 0}, {3600, UINT32_MAX, 3600}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct wire wire;
    begin_negative(&wire);
    wire_soa(&wire, WIRE_AUTHORITY, "example.com", rows[i].ttl, rows[i].minimum);
    assert_int_equal(negative_ttl(&wire), rows[i].expected);
  }
}

static void a_negative_ttl_comes_from_an_soa_that_encloses_the_name(void **state)
{
  static const struct {
    const char *owner;
    bool encloses;
  } rows[] = {{"www.example.com", true},
              {"EXAMPLE.com", true},
              {"com", true},
              {"", true},
              {"example.org", false},
              {"w.example.com", false},
              {"a.www.example.com", false},
              {"ample.com", false}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct wire wire;
    begin_negative(&wire);
    wire_soa(&wire, WIRE_AUTHORITY, rows[i].owner, 30, 40);
    assert_int_equal(negative_ttl(&wire), rows[i].encloses ? 30 : -1);
    /* The first that does counts. */
    wire_soa(&wire, WIRE_AUTHORITY, "com", 10, 10);
    assert_int_equal(negative_ttl(&wire), rows[i].encloses ? 30 : 10);
  }
}

static void a_negative_ttl_comes_from_the_authority_section_alone(void **state)
{
  struct wire wire;
  (void)state;
  begin_negative(&wire);
  assert_int_equal(negative_ttl(&wire), -1);
  wire_soa(&wire, WIRE_ANSWER, "example.com", 10, 10);
  assert_int_equal(negative_ttl(&wire), -1);
  wire_begin(&wire, WIRE_AUTHORITY, "example.com", ns_t_ns, ns_c_in, 20);
  wire_name(&wire, "ns.example.com");
  wire_end(&wire);
  assert_int_equal(negative_ttl(&wire), -1);
  wire_soa(&wire, WIRE_AUTHORITY, "example.com", 30, 30);
  assert_int_equal(negative_ttl(&wire), 30);
  begin_negative(&wire);
  wire_soa(&wire, WIRE_ADDITIONAL, "example.com", 10, 10);
  assert_int_equal(negative_ttl(&wire), -1);
}

static void a_negative_ttl_comes_from_no_broken_soa(void **state)
{
  struct wire wire;
  (void)state;
  begin_negative(&wire);
  wire_begin(&wire, WIRE_AUTHORITY, "example.com", ns_t_soa, ns_c_in, 10);
  wire_name(&wire, "ns.example.com");
  wire_name(&wire, "hostmaster.example.com");
  for (int i = 0; i < 4; i++)
    wire_u32(&wire, 1); /* and no MINIMUM */
  wire_end(&wire);
  assert_int_equal(negative_ttl(&wire), -1);
  wire_soa(&wire, WIRE_AUTHORITY, "example.com", 30, 30);
  assert_int_equal(negative_ttl(&wire), 30);

  begin_negative(&wire);
  wire_soa(&wire, WIRE_AUTHORITY, "example.com", 30, 30);
  for (size_t len = 0; len < wire.len; len++) {
    struct wire cut;
    wire_init(&cut, 0, 0);
    memcpy(cut.data, wire.data, len);
    cut.len = len;
    assert_int_equal(negative_ttl(&cut), -1);
  }
}

/* ---- Cookies ---- */

static struct aiodns_name cookie_name;

static struct aiodns_form cookie_form(void)
{
  cookie_name = from_text("www.example.com");
  struct aiodns_form form = form_of(&cookie_name, no_flip);
  form.cookie = own_cookie;
  return form;
}

static enum aiodns_cookie cookie_of(const struct wire *wire)
{
  struct aiodns_form form = cookie_form();
  return aiodns_message_cookie(&form, unit_on_cliff(wire->data, wire->len), wire->len);
}

static void begin_reply(struct wire *wire)
{
  wire_init(wire, ID, WIRE_QR | WIRE_RA);
  wire_question(wire, "www.example.com", ns_t_a);
}

static void begin_opt(struct wire *wire)
{
  wire_begin(wire, WIRE_ADDITIONAL, "", ns_t_opt, 1232, 0);
}

static void put_option(struct wire *wire, unsigned option, const void *octets, size_t len)
{
  wire_u16(wire, option);
  wire_u16(wire, (unsigned)len);
  wire_octets(wire, octets, len);
}

enum { COOKIE = 10 };

/* A reply whose OPT record has one cookie, of so many octets. */
static struct wire with_cookie(const uint8_t *octets, size_t len)
{
  struct wire wire;
  begin_reply(&wire);
  begin_opt(&wire);
  put_option(&wire, COOKIE, octets, len);
  wire_end(&wire);
  return wire;
}

static void a_cookie_is_right_with_all_its_octets_alone(void **state)
{
  uint8_t octets[40];
  (void)state;
  memset(octets, 0x5e, sizeof octets);
  memcpy(octets, own_cookie, sizeof own_cookie);
  for (size_t len = 0; len <= sizeof octets; len++) { /* the server's own is behind it */
    struct wire wire = with_cookie(octets, len);
    assert_int_equal(cookie_of(&wire), len < sizeof own_cookie ? AIODNS_COOKIE_WRONG : AIODNS_COOKIE_RIGHT);
  }
  for (size_t bit = 0; bit < 8 * sizeof octets; bit++) {
    octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    struct wire wire = with_cookie(octets, sizeof octets);
    assert_int_equal(cookie_of(&wire),
                     bit < 8 * sizeof own_cookie ? AIODNS_COOKIE_WRONG : AIODNS_COOKIE_RIGHT);
    octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
}

static void a_reply_without_the_option_has_no_cookie(void **state)
{
  struct wire wire;
  (void)state;
  begin_reply(&wire);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  wire_a(&wire, "@12", 1, 1);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  begin_opt(&wire);
  wire_end(&wire);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  begin_reply(&wire);
  begin_opt(&wire);
  put_option(&wire, COOKIE + 1, own_cookie, sizeof own_cookie);
  put_option(&wire, COOKIE << 8, own_cookie, sizeof own_cookie);
  wire_end(&wire);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  /* The octets of an option are one only in an OPT record. */
  begin_reply(&wire);
  wire_begin(&wire, WIRE_ADDITIONAL, "", ns_t_txt, ns_c_in, 0);
  put_option(&wire, COOKIE, own_cookie, sizeof own_cookie);
  wire_end(&wire);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
}

static void a_query_without_a_cookie_gets_none(void **state)
{
  struct wire wire = with_cookie(own_cookie, sizeof own_cookie);
  struct aiodns_form form = cookie_form();
  (void)state;
  assert_int_equal(aiodns_message_cookie(&form, wire.data, wire.len), AIODNS_COOKIE_RIGHT);
  form.edns = false;
  assert_int_equal(aiodns_message_cookie(&form, wire.data, wire.len), AIODNS_COOKIE_NONE);
  form.edns = true;
  form.cookie = NULL;
  assert_int_equal(aiodns_message_cookie(&form, wire.data, wire.len), AIODNS_COOKIE_NONE);
}

static void a_cookie_is_found_behind_other_options(void **state)
{
  static const uint8_t other[300] = {0, COOKIE, 0, AIODNS_COOKIE_LEN};
  (void)state;
  for (size_t len = 0; len <= sizeof other; len += 60) {
    struct wire wire;
    begin_reply(&wire);
    begin_opt(&wire);
    for (unsigned option = 8; option <= 12; option++)
      if (option != COOKIE)
        put_option(&wire, option, other, len);
    put_option(&wire, COOKIE, own_cookie, sizeof own_cookie);
    put_option(&wire, 15, other, len);
    wire_end(&wire);
    assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_RIGHT);
  }
}

/* RFC 7873 section 5.3 knows one alone; a second one cannot mend the first. */
static void the_first_of_two_cookies_counts(void **state)
{
  static const uint8_t wrong[AIODNS_COOKIE_LEN];
  (void)state;
  for (unsigned wrong_first = 0; wrong_first < 2; wrong_first++) {
    struct wire wire;
    begin_reply(&wire);
    begin_opt(&wire);
    put_option(&wire, COOKIE, wrong_first ? wrong : own_cookie, AIODNS_COOKIE_LEN);
    put_option(&wire, COOKIE, wrong_first ? own_cookie : wrong, AIODNS_COOKIE_LEN);
    wire_end(&wire);
    assert_int_equal(cookie_of(&wire), wrong_first ? AIODNS_COOKIE_WRONG : AIODNS_COOKIE_RIGHT);
  }
}

/* Wherever the message ends, and whatever the record says of its length. */
static void a_cookie_that_is_cut_off_is_none(void **state)
{
  struct wire wire = with_cookie(own_cookie, sizeof own_cookie);
  size_t whole = wire.len, rdlength = wire.rdlength;
  (void)state;
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_RIGHT);
  for (wire.len = WIRE_QUESTION; wire.len < whole; wire.len++)
    assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  wire.len = whole;
  for (unsigned said = 0; said < 256; said++) {
    wire.data[rdlength + 1] = (uint8_t)said;
    assert_int_equal(cookie_of(&wire),
                     said == 4 + AIODNS_COOKIE_LEN ? AIODNS_COOKIE_RIGHT : AIODNS_COOKIE_NONE);
  }
  wire.data[rdlength + 1] = 4 + AIODNS_COOKIE_LEN;
  for (unsigned said = 0; said < 256; said++) { /* the option's own length */
    wire.data[rdlength + 5] = (uint8_t)said;
    enum aiodns_cookie expected = said < AIODNS_COOKIE_LEN    ? AIODNS_COOKIE_WRONG
                                  : said == AIODNS_COOKIE_LEN ? AIODNS_COOKIE_RIGHT
                                                              : AIODNS_COOKIE_NONE;
    assert_int_equal(cookie_of(&wire), expected);
  }
}

/* Behind records of every section, whose owners are pointers, names, or both. */
static void a_cookie_is_found_behind_other_records(void **state)
{
  static const char *const owners[] = {"@12", "www.example.com", "", "mail.@16"};
  (void)state;
  for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++) {
    struct wire wire;
    begin_reply(&wire);
    for (unsigned n = 0; n < 20; n++)
      wire_a(&wire, owners[i], 60, n);
    wire_soa(&wire, WIRE_AUTHORITY, owners[i], 60, 60);
    wire_begin(&wire, WIRE_ADDITIONAL, owners[i], ns_t_txt, ns_c_in, 60);
    wire_octets(&wire, "\3abc", 4);
    wire_end(&wire);
    begin_opt(&wire);
    put_option(&wire, COOKIE, own_cookie, sizeof own_cookie);
    wire_end(&wire);
    wire_begin(&wire, WIRE_ADDITIONAL, owners[i], ns_t_txt, ns_c_in, 60);
    wire_end(&wire);
    assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_RIGHT);
    wire.data[11] = 0; /* ARCOUNT: what is behind the other sections is nothing */
    assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  }
}

static void a_header_that_counts_what_is_not_there_has_no_cookie(void **state)
{
  struct wire wire;
  (void)state;
  begin_reply(&wire);
  memset(wire.data + 6, 0xff, 6);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
  wire_a(&wire, "@12", 1, 1);
  memset(wire.data + 6, 0xff, 6);
  assert_int_equal(cookie_of(&wire), AIODNS_COOKIE_NONE);
}

/* Any octets behind the header; the reader stays within the message, which the cliff sees to. */
static void a_cookie_of_any_octets_is_right_only_if_it_is_there(void **state)
{
  (void)state;
  for (unsigned run = 0; run < 20000; run++) {
    struct wire wire = with_cookie(own_cookie, sizeof own_cookie);
    for (unsigned i = 0; i < 1 + run % 4; i++)
      wire.data[unit_random((unsigned)wire.len)] = (uint8_t)unit_random(256);
    enum aiodns_cookie got = cookie_of(&wire);
    if (memcmp(wire.data + wire.len - AIODNS_COOKIE_LEN, own_cookie, AIODNS_COOKIE_LEN) != 0)
      assert_int_not_equal(got, AIODNS_COOKIE_RIGHT);
  }
}

/* RFC 7873 section 8: its lower four bits, which are YXRRSET's, stand in the header. */
static void badcookie_is_read_from_header_and_opt(void **state)
{
  struct wire wire;
  (void)state;
  for (unsigned upper = 0; upper < 256; upper++) {
    wire_init(&wire, ID, WIRE_QR | WIRE_RA | 7);
    wire_question(&wire, "www.example.com", ns_t_a);
    put_opt(&wire, upper);
    assert_int_equal(rcode_of(&wire), upper << 4 | 7);
  }
  assert_int_equal(AIODNS_RCODE_BADCOOKIE, 1 << 4 | 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_query_has_the_octets_of_the_rfcs),
      cmocka_unit_test(a_query_with_a_cookie_has_the_octets_of_the_rfcs),
      cmocka_unit_test(a_plain_query_is_in_lower_case_without_edns),
      cmocka_unit_test(the_longest_query_fits_its_buffer),
      cmocka_unit_test(queries_are_what_libresolv_reads),
      cmocka_unit_test(a_query_is_no_reply_to_itself),
      cmocka_unit_test(a_reply_matches_with_no_bit_of_id_opcode_or_question_changed),
      cmocka_unit_test(several_letters_in_the_wrong_case_are_one_case_mismatch),
      cmocka_unit_test(a_reply_cut_within_its_question_matches_nothing),
      cmocka_unit_test(a_question_that_is_compressed_is_not_ours),
      cmocka_unit_test(a_bare_header_matches_as_an_error_only),
      cmocka_unit_test(replies_without_answer_authority_and_recursion_are_lame),
      cmocka_unit_test(no_data_with_an_soa_is_not_lame),
      cmocka_unit_test(an_error_that_only_edns_tells_is_no_empty_answer),
      cmocka_unit_test(restoring_gives_the_question_the_programs_letters),
      cmocka_unit_test(records_of_other_classes_are_passed_over),
      cmocka_unit_test(a_record_that_is_cut_short_is_none),
      cmocka_unit_test(ttls_of_2_to_the_31_and_above_count_as_0),
      cmocka_unit_test(a_message_is_well_formed_while_its_answer_section_is_whole),
      cmocka_unit_test(a_negative_ttl_is_the_lesser_of_ttl_and_minimum),
      cmocka_unit_test(a_negative_ttl_comes_from_an_soa_that_encloses_the_name),
      cmocka_unit_test(a_negative_ttl_comes_from_the_authority_section_alone),
      cmocka_unit_test(a_negative_ttl_comes_from_no_broken_soa),
      cmocka_unit_test(a_cookie_is_right_with_all_its_octets_alone),
      cmocka_unit_test(a_reply_without_the_option_has_no_cookie),
      cmocka_unit_test(a_query_without_a_cookie_gets_none),
      cmocka_unit_test(a_cookie_is_found_behind_other_options),
      cmocka_unit_test(the_first_of_two_cookies_counts),
      cmocka_unit_test(a_cookie_that_is_cut_off_is_none),
      cmocka_unit_test(a_cookie_is_found_behind_other_records),
      cmocka_unit_test(a_header_that_counts_what_is_not_there_has_no_cookie),
      cmocka_unit_test(a_cookie_of_any_octets_is_right_only_if_it_is_there),
      cmocka_unit_test(badcookie_is_read_from_header_and_opt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
