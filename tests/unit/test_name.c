#include "unit.h"

#include "name.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

enum { RANDOM_RUNS = 200000 };

static struct aiodns_name from_text(const char *text)
{
  struct aiodns_name name;
  if (!aiodns_name_from_text(&name, text))
    fail_msg("refused: %s", text);
  return name;
}

static bool accepts(const char *text)
{
  struct aiodns_name name;
  return aiodns_name_from_text(&name, text);
}

static void assert_text(const char *given, const char *expected)
{
  char buf[AIODNS_NAME_TEXT_MAX];
  struct aiodns_name name = from_text(given);
  assert_int_equal(aiodns_name_to_text(&name, buf), strlen(expected));
  assert_string_equal(buf, expected);
}

static void assert_same_name(const struct aiodns_name *a, const struct aiodns_name *b)
{
  assert_int_equal(a->len, b->len);
  assert_memory_equal(a->wire, b->wire, a->len);
}

/* A well-formed name of random length, mostly of what a name really has, sometimes of any octets. */
static struct aiodns_name random_name(void)
{
  static const char usual[] = "abcxyzABCXYZ0189-_";
  struct aiodns_name name;
  size_t len = 0, room = unit_random(AIODNS_NAME_MAX);
  bool odd = unit_random(2);
  uint32_t longest = unit_random(2) ? 5 : AIODNS_LABEL_MAX;

  while (len + 2 <= room) {
    uint32_t label = 1 + unit_random(longest);
    if (len + 1 + label > room)
      break;
    name.wire[len++] = (uint8_t)label;
    while (label--)
      name.wire[len++] = (uint8_t)(odd ? (int)unit_random(256) : usual[unit_random(sizeof usual - 1)]);
  }
  name.wire[len++] = 0;
  name.len = (uint8_t)len;
  return name;
}

static void text_keeps_its_letter_case_and_loses_its_last_dot(void **state)
{
  (void)state;
  assert_text("www.Example.COM", "www.Example.COM");
  assert_text("www.example.com.", "www.example.com");
  assert_text("localhost", "localhost");
  assert_text(".", ".");
}

static void escapes_are_one_octet_and_come_back_as_needed(void **state)
{
  (void)state;
  assert_text("a\\.b.c", "a\\.b.c");
  assert_text("\\097bc", "abc");
  assert_text("\\046", "\\.");
  assert_text("\\000\\255", "\\000\\255");
  assert_text("a b", "a\\032b");
  assert_text("\\a", "a");
  assert_text("a\"b(c)d;e@f$g\\\\h", "a\\\"b\\(c\\)d\\;e\\@f\\$g\\\\h");
  assert_text("tab\there\x7f", "tab\\009here\\127");
  struct aiodns_name name = from_text("a\\.b");
  assert_int_equal(name.len, 5);
  assert_memory_equal(name.wire, "\3a.b", 5);
}

static void malformed_text_is_refused(void **state)
{
  static const char *const bad[] = {
      "",     "..",  ".a",    "a..",   "a..b",  ".a.b",  "\\",      "a\\", "a.\\",
      "\\25", "\\2", "\\2x5", "\\25x", "\\256", "\\999", "a.\\300", "...", "a\\1.b",
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (accepts(bad[i]))
      fail_msg("accepted: %s", bad[i]);
}

static void a_refused_text_leaves_the_name_as_it_was(void **state)
{
  char long_label[80] = "";
  struct aiodns_name name, before;
  (void)state;
  memset(long_label, 'x', 64);
  memset(&name, 0xa5, sizeof name);
  before = name;
  assert_false(aiodns_name_from_text(&name, "a.b..c"));
  assert_memory_equal(&name, &before, sizeof name);
  assert_false(aiodns_name_from_text(&name, long_label));
  assert_memory_equal(&name, &before, sizeof name);
  assert_false(aiodns_name_from_text(&name, "abc\\2"));
  assert_memory_equal(&name, &before, sizeof name);
}

static void a_label_has_at_most_63_octets(void **state)
{
  char text[300];
  (void)state;
  for (size_t len = 60; len <= 70; len++) {
    memset(text, 'x', len);
    strcpy(text + len, ".com");
    assert_int_equal(accepts(text), len <= 63);
    text[len] = '\0';
    assert_int_equal(accepts(text), len <= 63);
  }
  /* Escapes count as the octets that they stand for. */
  for (size_t len = 62; len <= 64; len++) {
    for (size_t i = 0; i < len; i++)
      memcpy(text + 4 * i, "\\120", 4);
    text[4 * len] = '\0';
    assert_int_equal(accepts(text), len <= 63);
  }
}

/* Labels of `label` octets up to `len` characters, the last one shorter. */
static void make_text(char *text, size_t len, size_t label)
{
  for (size_t i = 0; i < len; i++)
    text[i] = i % (label + 1) == label ? '.' : 'x';
  if (len && text[len - 1] == '.')
    text[len - 2] = '.', text[len - 1] = 'x', text[len - 3] = 'y'; /* keep the length, move the dot */
  text[len] = '\0';
}

static void a_name_has_at_most_255_octets_on_the_wire(void **state)
{
  char text[300];
  (void)state;
  for (size_t label = 3; label <= 63; label += 4)
    for (size_t len = 245; len <= 260; len++) {
      make_text(text, len, label);
      struct aiodns_name name;
      bool good = aiodns_name_from_text(&name, text);
      assert_int_equal(good, len <= 253); /* one octet more for the first label's length, one for the root */
      if (good)
        assert_int_equal(name.len, len + 2);
      strcat(text, ".");
      assert_int_equal(accepts(text), len <= 253);
    }
}

static void the_longest_text_fits_its_buffer(void **state)
{
  struct aiodns_name name;
  char *buf = malloc(AIODNS_NAME_TEXT_MAX); /* its own block: a sanitizer sees one octet too many */
  size_t len = 0;
  (void)state;
  for (unsigned label = 0; label < 4; label++) {
    uint8_t octets = label < 3 ? 63 : 61;
    name.wire[len++] = octets;
    memset(name.wire + len, 0xff, octets);
    len += octets;
  }
  name.wire[len++] = 0;
  assert_int_equal(len, AIODNS_NAME_MAX);
  name.len = (uint8_t)len;
  len = aiodns_name_to_text(&name, buf);
  assert_int_equal(len, 250 * 4 + 3);
  assert_int_equal(strlen(buf), len);
  struct aiodns_name back = from_text(buf);
  assert_same_name(&back, &name);
  free(buf);
}

/* Text that ends within an escape: libresolv drops the backslash, here it is an error. */
static bool ends_in_backslash(const char *text)
{
  bool escaped = false;
  for (; *text; text++)
    escaped = !escaped && *text == '\\';
  return escaped;
}

static void random_texts_are_read_as_libresolv_reads_them(void **state)
{
  static const char alphabet[] = "...\\\\01259abcXYZ-_ @\"\x01\xff";
  size_t accepted = 0;
  (void)state;
  for (int run = 0; run < RANDOM_RUNS; run++) {
    char text[320];
    uint8_t wire[NS_MAXCDNAME];
    struct aiodns_name name;
    size_t len = 1 + (run % 8 ? unit_random(12) : unit_random(300));
    bool plain = run % 16 == 0; /* long names would hardly ever be good ones */
    for (size_t i = 0; i < len; i++)
      text[i] = plain ? (unit_random(20) ? 'a' : '.') : alphabet[unit_random(sizeof alphabet - 1)];
    text[len] = '\0';
    bool ours = aiodns_name_from_text(&name, text);
    bool theirs = !ends_in_backslash(text) && ns_name_pton(text, wire, sizeof wire) >= 0;
    if (ours != theirs)
      fail_msg("%s: %s here, %s by ns_name_pton", text, ours ? "accepted" : "refused",
               theirs ? "accepted" : "refused");
    if (!ours)
      continue;
    accepted++;
    int wire_len = ns_name_skip(&(const uint8_t *){wire}, wire + sizeof wire) == 0 ? name.len : -1;
    assert_int_equal(wire_len, name.len);
    assert_memory_equal(name.wire, wire, name.len);
  }
  assert_true(accepted > RANDOM_RUNS / 20); /* else nothing was compared */
}

static void random_names_are_written_as_libresolv_writes_them_and_read_back(void **state)
{
  (void)state;
  for (int run = 0; run < RANDOM_RUNS / 4; run++) {
    struct aiodns_name name = random_name();
    char ours[AIODNS_NAME_TEXT_MAX], theirs[NS_MAXDNAME];
    size_t len = aiodns_name_to_text(&name, ours);
    assert_true(ns_name_ntop(name.wire, theirs, sizeof theirs) >= 0);
    assert_string_equal(ours, theirs);
    assert_int_equal(len, strlen(ours));
    struct aiodns_name back = from_text(ours);
    assert_same_name(&back, &name);
  }
}

static void every_octet_is_written_as_libresolv_writes_it(void **state)
{
  (void)state;
  for (unsigned octet = 0; octet < 256; octet++) {
    struct aiodns_name name = {.len = 3, .wire = {1, (uint8_t)octet, 0}};
    char ours[AIODNS_NAME_TEXT_MAX], theirs[NS_MAXDNAME];
    aiodns_name_to_text(&name, ours);
    assert_true(ns_name_ntop(name.wire, theirs, sizeof theirs) >= 0);
    assert_string_equal(ours, theirs);
  }
}

static void assert_reads(const void *data, size_t len, size_t pos, const char *text, size_t next)
{
  struct aiodns_cursor c = aiodns_cursor_at(unit_on_cliff(data, len), len, pos);
  struct aiodns_name name;
  char buf[AIODNS_NAME_TEXT_MAX];
  aiodns_name_read(&c, &name);
  assert_false(c.bad);
  aiodns_name_to_text(&name, buf);
  assert_string_equal(buf, text);
  assert_int_equal(c.pos, next);
}

static void assert_unreadable(const void *data, size_t len, size_t pos)
{
  struct aiodns_cursor c = aiodns_cursor_at(unit_on_cliff(data, len), len, pos);
  struct aiodns_name name;
  aiodns_name_read(&c, &name);
  assert_true(c.bad);
  assert_int_equal(name.len, 0);
  aiodns_name_read(&c, &name); /* the error sticks */
  assert_true(c.bad);
  assert_int_equal(name.len, 0);
  assert_int_equal(aiodns_cursor_u8(&c), 0);
}

#define OCTETS(string) string, sizeof string - 1

static void names_are_read_through_pointers_that_go_back(void **state)
{
  (void)state;
  assert_reads(OCTETS("\3www\7example\3com\0x"), 0, "www.example.com", 17);
  assert_reads(OCTETS("\0"), 0, ".", 1);
  assert_reads(OCTETS("\3com\0\7example\xc0\0"), 5, "example.com", 15);
  assert_reads(OCTETS("\3com\0\7example\xc0\0\3www\xc0\5"), 15, "www.example.com", 21);
  assert_reads(OCTETS("\3com\0\xc0\0"), 5, "com", 7);
  assert_reads(OCTETS("\3com\0\xc0\0\xc0\5"), 7, "com", 9);
  /* Into the header of a message: what stands there is read as labels, within the message. */
  assert_reads(OCTETS("\0\0\0\0\0\0\0\0\0\0\0\0\1a\xc0\4"), 12, "a", 16);
}

/* Else one message of 64 KiB, in which each name is thousands of pointers long, takes seconds to read. */
static void as_many_pointers_as_a_name_can_have_labels_are_followed(void **state)
{
  (void)state;
  for (unsigned count = AIODNS_POINTERS_MAX; count <= AIODNS_POINTERS_MAX + 1; count++) {
    uint8_t message[2 * (AIODNS_POINTERS_MAX + 1) + 1] = {
        0}; /* the root, then pointers, each to the one before */
    for (unsigned i = 0; i < count; i++) {
      message[1 + 2 * i] = 0xc0;
      message[2 + 2 * i] = (uint8_t)(i == 0 ? 0 : 2 * i - 1);
    }
    struct aiodns_cursor c = aiodns_cursor_at(message, 1 + 2 * count, 2 * count - 1);
    struct aiodns_name name;
    aiodns_name_read(&c, &name);
    assert_int_equal(c.bad, count > AIODNS_POINTERS_MAX);
  }
}

static void pointers_that_do_not_go_further_back_are_refused(void **state)
{
  (void)state;
  assert_unreadable(OCTETS("\xc0\0"), 0);                  /* at itself */
  assert_unreadable(OCTETS("\xc0\2\0"), 0);                /* forward */
  assert_unreadable(OCTETS("\1a\xc0\0"), 0);               /* at its own first label */
  assert_unreadable(OCTETS("\1a\xc0\2"), 0);               /* at itself, behind a label */
  assert_unreadable(OCTETS("\1a\xc0\4\1b\xc0\0"), 4);      /* two, round and round */
  assert_unreadable(OCTETS("\1a\0\1b\xc0\7\1c\xc0\3"), 7); /* back, then forward */
  assert_unreadable(OCTETS("\1a\xc3\xff"), 0);             /* beyond the end */
  assert_unreadable(OCTETS("\0\0\0\3abc\xc0\3"), 3);       /* at the label that it follows */
}

static void labels_of_unknown_kinds_are_refused(void **state)
{
  (void)state;
  for (unsigned first = 0x40; first < 0xc0; first++) {
    uint8_t data[300] = {(uint8_t)first, 0};
    assert_unreadable(data, sizeof data, 0);
  }
}

static void a_name_cut_short_is_refused_at_every_length(void **state)
{
  static const uint8_t whole[] = "\3www\7example\3com"; /* with the root's octet */
  static const uint8_t pointing[] = "\3com\0\3www\7example\xc0";
  (void)state;
  for (size_t len = 0; len < sizeof whole; len++)
    assert_unreadable(whole, len, 0);
  assert_reads(whole, sizeof whole, 0, "www.example.com", sizeof whole);
  for (size_t len = 5; len < sizeof pointing; len++)
    assert_unreadable(pointing, len, 5);
  assert_reads(pointing, sizeof pointing, 5, "www.example.com",
               sizeof pointing); /* the NUL ends the pointer */
}

static void a_read_name_has_at_most_255_octets(void **state)
{
  uint8_t data[400];
  (void)state;
  /* A first part in place of which a pointer stands in the second. */
  for (unsigned rest = 1; rest <= 63; rest++) {
    size_t len = 0;
    for (int i = 0; i < 3; i++) {
      data[len++] = 63;
      memset(data + len, 'x', 63);
      len += 63;
    }
    data[len++] = 0;
    size_t start = len;
    data[len++] = (uint8_t)rest;
    memset(data + len, 'y', rest);
    len += rest;
    data[len++] = 0xc0;
    data[len++] = 0;
    struct aiodns_cursor c = aiodns_cursor_at(unit_on_cliff(data, len), len, start);
    struct aiodns_name name;
    aiodns_name_read(&c, &name);
    bool fits = 193 + 1 + rest <= AIODNS_NAME_MAX;
    assert_int_equal(!c.bad, fits);
    assert_int_equal(name.len, fits ? 194 + rest : 0);
  }
}

/* Whether every pointer on the way of a name that libresolv can read goes further back than all before it. */
static bool goes_back(const uint8_t *data, size_t pos)
{
  size_t limit = pos;
  while (data[pos]) {
    if (data[pos] < 0xc0) {
      pos += 1U + data[pos];
      continue;
    }
    size_t target = (data[pos] & 0x3fU) << 8 | data[pos + 1];
    if (target >= limit)
      return false;
    pos = limit = target;
  }
  return true;
}

static void random_octets_are_read_as_libresolv_reads_them_or_refused(void **state)
{
  size_t good = 0, pointed = 0;
  (void)state;
  for (int run = 0; run < RANDOM_RUNS; run++) {
    enum { LEN_MAX = 64 };
    uint8_t data[LEN_MAX + 2 * AIODNS_NAME_MAX], wire[NS_MAXCDNAME];
    size_t len = 1 + unit_random(LEN_MAX), pos = unit_random((uint32_t)len);
    for (size_t i = 0; i < len; i++)
      data[i] = (uint8_t)(unit_random(3) ? unit_random(6) : unit_random(4) ? 0xc0 : unit_random(256));
    const uint8_t *at = unit_on_cliff(data, len);
    struct aiodns_cursor c = aiodns_cursor_at(at, len, pos);
    struct aiodns_name name;
    aiodns_name_read(&c, &name);
    /* libresolv gives up on a name with more octets than the message: it gets octets behind it that no name
     * can use. */
    memset(data + len, 0x80, sizeof data - len);
    int theirs = ns_name_unpack(data, data + sizeof data, data + pos, wire, sizeof wire);
    assert_int_equal(!c.bad, theirs >= 0 && goes_back(data, pos));
    if (c.bad)
      continue;
    good++;
    pointed += (size_t)theirs != name.len;
    assert_int_equal(c.pos - pos, theirs);
    assert_memory_equal(name.wire, wire, name.len);
    assert_int_equal(name.wire[name.len - 1], 0);
  }
  assert_true(good > RANDOM_RUNS / 20);
  assert_true(pointed > 1000);
}

static void a_suffix_is_added_as_long_as_255_octets_hold_it(void **state)
{
  char text[300];
  struct aiodns_name suffix = from_text("example.com"); /* 13 octets, the root's counted */
  (void)state;
  for (size_t len = 230; len <= 253; len++) {
    make_text(text, len, 40);
    struct aiodns_name name = from_text(text), before = name;
    bool added = aiodns_name_append(&name, &suffix);
    assert_int_equal(added, len + 1 + 13 <= AIODNS_NAME_MAX);
    strcat(text, ".example.com");
    if (added) {
      struct aiodns_name expected = from_text(text);
      assert_same_name(&name, &expected);
    } else {
      assert_same_name(&name, &before);
    }
  }
}

static void the_root_as_suffix_or_before_one_changes_nothing(void **state)
{
  struct aiodns_name root = from_text("."), name = from_text("a.b"), sum = name;
  (void)state;
  assert_true(aiodns_name_append(&sum, &root));
  assert_same_name(&sum, &name);
  sum = root;
  assert_true(aiodns_name_append(&sum, &name));
  assert_same_name(&sum, &name);
}

static void only_letters_are_compared_without_case(void **state)
{
  (void)state;
  for (unsigned a = 0; a < 256; a++)
    for (unsigned b = 0; b < 256; b++) {
      struct aiodns_name x = {.len = 3, .wire = {1, (uint8_t)a, 0}},
                         y = {.len = 3, .wire = {1, (uint8_t)b, 0}};
      bool letter = (a >= 'A' && a <= 'Z') || (a >= 'a' && a <= 'z');
      assert_int_equal(aiodns_name_equal(&x, &y), a == b || (letter && (a ^ b) == 0x20));
    }
}

static bool equal(const char *a, const char *b)
{
  struct aiodns_name x = from_text(a), y = from_text(b);
  return aiodns_name_equal(&x, &y);
}

static void labels_are_part_of_what_is_compared(void **state)
{
  (void)state;
  assert_true(equal("www.Example.COM", "WWW.example.com."));
  assert_false(equal("www.example.com", "www.example.co"));
  assert_false(equal("a.b", "a\\.b"));
  assert_false(equal("a.bc", "ab.c"));
  assert_true(equal(".", "."));
  assert_false(equal(".", "a"));
}

static bool within(const char *name, const char *top)
{
  struct aiodns_name x = from_text(name), y = from_text(top);
  return aiodns_name_within(&x, &y);
}

static void within_goes_by_whole_labels(void **state)
{
  (void)state;
  assert_true(within("example.com", "example.com"));
  assert_true(within("a.b.EXAMPLE.com", "example.COM"));
  assert_true(within("example.com", "."));
  assert_true(within(".", "."));
  assert_false(within(".", "com"));
  assert_false(within("com", "example.com"));
  assert_false(within("badexample.com", "example.com"));
  assert_false(within("example.com", "www.example.com"));
  assert_false(within("example.org", "com"));
  assert_false(within("a\\.com", "com"));
  /* The octets of "com." stand at the end of the first name, but within a label. */
  assert_false(within("a\\003com", "com"));
  struct aiodns_name none = {.len = 0, .wire = {1, 'a', 0}}, com = from_text("com");
  assert_false(aiodns_name_within(&none, &com));
  assert_false(aiodns_name_within(&none, &none));
}

static void random_texts_are_host_names_when_libresolv_says_so(void **state)
{
  static const char alphabet[] = "--__..aAzZ09mM@[`{/:\\ \x80\xe9!";
  size_t hosts = 0;
  (void)state;
  for (int run = 0; run < RANDOM_RUNS; run++) {
    char text[16];
    struct aiodns_name name;
    size_t len = 1 + unit_random(8);
    uint32_t choice = unit_random(2) ? 12 : sizeof alphabet - 1;
    for (size_t i = 0; i < len; i++)
      text[i] = alphabet[unit_random(choice)];
    text[len] = '\0';
    if (!aiodns_name_from_text(&name, text))
      continue;
    bool ours = aiodns_name_is_host(&name);
    if (ours != (res_hnok(text) != 0))
      fail_msg("%s: %s here, otherwise by res_hnok", text, ours ? "a host name" : "none");
    hosts += ours;
  }
  assert_true(hosts > RANDOM_RUNS / 20);
}

static void host_names_are_of_every_allowed_octet_and_no_other(void **state)
{
  (void)state;
  for (unsigned octet = 0; octet < 256; octet++) {
    struct aiodns_name name = {.len = 4, .wire = {2, 'a', (uint8_t)octet, 0}};
    bool allowed = octet < 128 && octet > 0 &&
                   strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", (int)octet);
    assert_int_equal(aiodns_name_is_host(&name), allowed);
  }
  struct aiodns_name none = {.len = 0}, root = from_text(".");
  assert_false(aiodns_name_is_host(&none));
  assert_int_equal(aiodns_name_is_host(&root), res_hnok("."));
}

static void assert_reverse(int family, const void *address, const char *expected)
{
  struct aiodns_name name, reference = from_text(expected);
  memset(&name, 0xa5, sizeof name);
  aiodns_name_from_address(&name, family, address);
  assert_same_name(&name, &reference);
}

static void addresses_have_their_reverse_names(void **state)
{
  struct in6_addr address;
  (void)state;
  assert_reverse(AF_INET, "\xc0\0\2\1", "1.2.0.192.in-addr.arpa");
  assert_reverse(AF_INET, "\0\0\0\0", "0.0.0.0.in-addr.arpa");
  assert_reverse(AF_INET, "\xff\x64\x0a\x63", "99.10.100.255.in-addr.arpa");
  assert_int_equal(inet_pton(AF_INET6, "2001:db8::567:89ab", &address), 1);
  assert_reverse(AF_INET6, &address, /* RFC 3596 section 2.5 has this form */
                 "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

static void random_addresses_have_their_reverse_names(void **state)
{
  (void)state;
  for (int run = 0; run < RANDOM_RUNS / 20; run++) {
    uint8_t octet[16];
    char text[128], *at = text;
    for (int i = 0; i < 16; i++)
      octet[i] = (uint8_t)unit_random(256);
    snprintf(text, sizeof text, "%u.%u.%u.%u.in-addr.arpa", octet[3], octet[2], octet[1], octet[0]);
    assert_reverse(AF_INET, octet, text);
    for (int i = 15; i >= 0; i--)
      at += sprintf(at, "%x.%x.", octet[i] & 15U, octet[i] >> 4U);
    strcpy(at, "ip6.arpa");
    assert_reverse(AF_INET6, octet, text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_keeps_its_letter_case_and_loses_its_last_dot),
      cmocka_unit_test(escapes_are_one_octet_and_come_back_as_needed),
      cmocka_unit_test(malformed_text_is_refused),
      cmocka_unit_test(a_refused_text_leaves_the_name_as_it_was),
      cmocka_unit_test(a_label_has_at_most_63_octets),
      cmocka_unit_test(a_name_has_at_most_255_octets_on_the_wire),
      cmocka_unit_test(the_longest_text_fits_its_buffer),
      cmocka_unit_test(random_texts_are_read_as_libresolv_reads_them),
      cmocka_unit_test(random_names_are_written_as_libresolv_writes_them_and_read_back),
      cmocka_unit_test(every_octet_is_written_as_libresolv_writes_it),
      cmocka_unit_test(names_are_read_through_pointers_that_go_back),
      cmocka_unit_test(as_many_pointers_as_a_name_can_have_labels_are_followed),
      cmocka_unit_test(pointers_that_do_not_go_further_back_are_refused),
      cmocka_unit_test(labels_of_unknown_kinds_are_refused),
      cmocka_unit_test(a_name_cut_short_is_refused_at_every_length),
      cmocka_unit_test(a_read_name_has_at_most_255_octets),
      cmocka_unit_test(random_octets_are_read_as_libresolv_reads_them_or_refused),
      cmocka_unit_test(a_suffix_is_added_as_long_as_255_octets_hold_it),
      cmocka_unit_test(the_root_as_suffix_or_before_one_changes_nothing),
      cmocka_unit_test(only_letters_are_compared_without_case),
      cmocka_unit_test(labels_are_part_of_what_is_compared),
      cmocka_unit_test(within_goes_by_whole_labels),
      cmocka_unit_test(random_texts_are_host_names_when_libresolv_says_so),
      cmocka_unit_test(host_names_are_of_every_allowed_octet_and_no_other),
      cmocka_unit_test(addresses_have_their_reverse_names),
      cmocka_unit_test(random_addresses_have_their_reverse_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
