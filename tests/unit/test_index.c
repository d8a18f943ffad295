#include "file.h"
#include "unit.h"

#include "index_build.h"
#include "index_layout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t key[2] = {0x0123456789abcdef, 0xfedcba9876543210};
static const uint8_t boot[AIODNS_CACHE_BOOT_LEN] = {'t', 'h', 'i', 's', ' ', 'i', 's', ' ',
                                                    't', 'h', 'e', ' ', 'b', 'o', 'o', 't'};

/* ---- System calls as the linker's --wrap gives them to the core ---- */

static int maps_left = -1;
static bool no_remap;
static int64_t mapped, mapped_most;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static void count_mapped(long number, const long arg[6], long ret)
{
  if (ret == -1)
    return;
  mapped += number == SYS_munmap ? -arg[1] : number == SYS_mremap ? arg[2] - arg[1] : arg[1];
  mapped_most = mapped > mapped_most ? mapped : mapped_most;
}

long __wrap_syscall(long number, ...)
{
#ifdef SYS_mmap2
  const long mmap_number = SYS_mmap2;
#else
  const long mmap_number = SYS_mmap;
#endif
  long arg[6];
  va_list args;
  va_start(args, number);
  for (int i = 0; i < 6; i++)
    arg[i] = va_arg(args, long); // NOLINT(clang-analyzer-valist.Uninitialized): begun above
  va_end(args);
  bool maps = number == mmap_number || number == SYS_mremap;
  if (maps && (maps_left == 0 || (no_remap && number == SYS_mremap))) {
    errno = number == SYS_mremap && no_remap ? EPERM : ENOMEM;
    return -1;
  }
  maps_left -= maps && maps_left > 0;
  long ret = __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
  if (maps || number == SYS_munmap)
    count_mapped(number, arg, ret);
  return ret;
}

/* ---- Building ---- */

static struct aiodns_index_draft *draft;
static struct aiodns_index index_;
static uint8_t *octets; /* in a block of their very size */
static uint64_t size;

static int finish(void **state)
{
  (void)state;
  maps_left = -1;
  no_remap = false;
  aiodns_index_draft_free(draft);
  draft = NULL;
  free(octets);
  octets = NULL;
  file_done();
  int64_t still = mapped;
  mapped = mapped_most = 0;
  return still != 0;
}

static void begin(void)
{
  finish(NULL);
  draft = aiodns_index_draft_new(key);
  assert_non_null(draft);
}

static void add_hosts(const char *text, size_t len)
{
  struct aiodns_lines lines;
  assert_true(aiodns_lines_open(&lines, file_of(text, len)));
  while (aiodns_lines_next(&lines))
    aiodns_index_add_hosts_line(draft, &lines);
  aiodns_lines_close(&lines);
}

static void end_with(uint32_t flags)
{
  const void *whole = aiodns_index_finish(draft, flags, boot, &size);
  assert_non_null(whole);
  octets = malloc((size_t)size);
  assert_non_null(octets);
  memcpy(octets, whole, (size_t)size);
  assert_int_equal(aiodns_index_attach(&index_, octets, size, boot), AIODNS_CACHE_GOOD);
}

static void hosts_of(const char *text)
{
  begin();
  add_hosts(text, strlen(text));
  end_with(0);
}

/* All lines of a walk, with their ends. */
static const char *lines_of(struct aiodns_index_lines *walk)
{
  static char all[8192];
  size_t at = 0;
  const char *text;
  uint32_t len;
  while (aiodns_index_line(&index_, walk, &text, &len)) {
    assert_true((const uint8_t *)text >= index_.base &&
                (const uint8_t *)text + len <= index_.base + index_.size);
    assert_true(len > 0 && text[len - 1] == '\n' && at + len < sizeof all);
    memcpy(all + at, text, len);
    at += len;
  }
  assert_false(aiodns_index_line(&index_, walk, &text, &len));
  all[at] = '\0';
  return all;
}

static void assert_name(const char *name, const char *lines)
{
  struct aiodns_index_lines walk;
  aiodns_index_name(&index_, name, strlen(name), &walk);
  assert_string_equal(lines_of(&walk), lines);
}

static void assert_address(int family, const char *text, const char *lines)
{
  struct aiodns_index_lines walk;
  uint8_t address[16];
  assert_int_equal(inet_pton(family, text, address), 1);
  aiodns_index_address(&index_, address, family == AF_INET ? 4 : 16, &walk);
  assert_string_equal(lines_of(&walk), lines);
}

static struct aiodns_name name_of(const char *text)
{
  struct aiodns_name name;
  memset(&name, 0xee, sizeof name); /* behind its end stands anything */
  assert_true(aiodns_name_from_text(&name, text));
  return name;
}

static void add_rule(const char *text, unsigned is)
{
  struct aiodns_rule rule = {.is = (uint8_t)is, .name = name_of(text)};
  aiodns_index_add_rule(draft, &rule);
}

static unsigned rules_say(const char *text)
{
  struct aiodns_name name = name_of(text);
  return aiodns_index_rules(&index_, &name);
}

enum {
  ITSELF = AIODNS_RULE_ITSELF,
  BELOW = AIODNS_RULE_BELOW,
  ALLOW = AIODNS_RULE_ALLOW,
  BLOCKED = AIODNS_RULE_ITSELF,
};

/* ---- Hosts files ---- */

static void a_name_has_its_lines_in_order(void **state)
{
  (void)state;
  hosts_of("192.0.2.1\thost.example  host www # web\n# 192.0.2.9 host\n192.0.2.2 other\n2001:db8::1 host\n"
           "192.0.2.3 HOST");
  assert_name("host", "192.0.2.1 host.example host www\n2001:db8::1 host\n192.0.2.3 HOST\n");
  assert_name("HosT", "192.0.2.1 host.example host www\n2001:db8::1 host\n192.0.2.3 HOST\n");
  assert_name("host.example", "192.0.2.1 host.example host www\n");
  assert_name("www", "192.0.2.1 host.example host www\n");
  assert_name("other", "192.0.2.2 other\n");
  assert_name("web", "");
  assert_name("hos", "");
  assert_name("hostx", "");
  assert_name("host.exampl", "");
  assert_name("192.0.2.1", "");
  assert_name("", "");
}

static void a_line_with_a_name_twice_is_there_once(void **state)
{
  (void)state;
  hosts_of("192.0.2.1 a b A a\n192.0.2.2 b a\n192.0.2.2 a\n");
  assert_name("a", "192.0.2.1 a b A a\n192.0.2.2 b a\n192.0.2.2 a\n");
  assert_name("b", "192.0.2.1 a b A a\n192.0.2.2 b a\n");
}

static void malformed_lines_are_left_out(void **state)
{
  (void)state;
  hosts_of("# 1.2.3.4 a\n\n1.2.3.4\n1.2.3 b\n1.2.3.4.5 b\n0x1.2.3.4 b\n1.2.3.4%lo b\n:: c\nb 1.2.3.4\n"
           "1.2.3.4#b\n1.2.3.5 d#b\n01.2.3.4 b\n fe80::1%lo b\n\v1.2.3.6\f e\r\n");
  assert_name("b", "");
  assert_name("a", "");
  assert_name("1.2.3.4", "");
  assert_name("c", ":: c\n");
  assert_name("d", "1.2.3.5 d\n");
  assert_name("e", "1.2.3.6 e\n");
  hosts_of("");
  assert_name("a", "");
  assert_address(AF_INET, "1.2.3.4", "");
  hosts_of("1.2.3.4 # no name\n");
  assert_name("a", "");
  assert_address(AF_INET, "1.2.3.4", "");
}

static void an_address_has_its_first_line_with_names(void **state)
{
  char text[64 + AIODNS_NAME_TEXT_MAX];
  (void)state;
  hosts_of("192.0.2.1\n192.0.2.1 # none\n192.0.2.1 first\n192.0.2.1 second\n2001:db8::1 six\n"
           "2001:db8:0::1 seven\n0.0.0.0 none\n:: none6\n32.1.13.184 like\n");
  assert_address(AF_INET, "192.0.2.1", "192.0.2.1 first\n");
  assert_address(AF_INET6, "2001:db8::1", "2001:db8::1 six\n");
  assert_address(AF_INET, "0.0.0.0", "0.0.0.0 none\n");
  assert_address(AF_INET6, "::", ":: none6\n");
  assert_address(AF_INET, "32.1.13.184", "32.1.13.184 like\n");
  assert_address(AF_INET, "192.0.2.2", "");
  assert_address(AF_INET6, "::192.0.2.1", "");
  assert_address(AF_INET6, "::ffff:192.0.2.1", "");
  /* A name that is too long is none. */
  int len = snprintf(text, sizeof text, "192.0.2.1 ");
  memset(text + len, 'a', AIODNS_NAME_TEXT_MAX);
  snprintf(text + len + AIODNS_NAME_TEXT_MAX, 32, "\n192.0.2.1 good\n");
  hosts_of(text);
  assert_address(AF_INET, "192.0.2.1", "192.0.2.1 good\n");
  struct aiodns_index_lines walk;
  aiodns_index_address(&index_, "12345", 5, &walk);
  assert_string_equal(lines_of(&walk), "");
}

static void ipv4_takes_mapped_addresses_and_the_loopback_of_ipv6(void **state)
{
  (void)state;
  hosts_of("::ffff:192.0.2.1 mapped\n::1 six\n192.0.2.1 four\n127.0.0.1 localhost\n::ffff:0.0.0.1 low\n"
           "::192.0.2.2 compatible\n");
  assert_address(AF_INET, "192.0.2.1", "::ffff:192.0.2.1 mapped\n");
  assert_address(AF_INET6, "::ffff:192.0.2.1", "::ffff:192.0.2.1 mapped\n");
  assert_address(AF_INET, "127.0.0.1", "::1 six\n");
  assert_address(AF_INET6, "::1", "::1 six\n");
  assert_address(AF_INET, "0.0.0.1", "::ffff:0.0.0.1 low\n");
  assert_address(AF_INET, "192.0.2.2", "");
  assert_address(AF_INET6, "::192.0.2.2", "::192.0.2.2 compatible\n");
}

static void names_that_are_not_ascii_have_no_key(void **state)
{
  (void)state;
  hosts_of("192.0.2.1 m\xc3\xbcller host\n192.0.2.2 longer-than-a-word-\xff\n192.0.2.3 \xdfhort\n");
  assert_name("m\xc3\xbcller", "");
  assert_name("host", "192.0.2.1 m\xc3\xbcller host\n");
  assert_name("longer-than-a-word-\xff", "");
  assert_name("longer-than-a-word-", "");
  assert_name("\xdfhort", "");
  assert_address(AF_INET, "192.0.2.2", "192.0.2.2 longer-than-a-word-\xff\n");
}

static void long_names_are_kept_up_to_the_longest(void **state)
{
  char name[AIODNS_NAME_TEXT_MAX + 1], text[2 * sizeof name + 64], line[sizeof text];
  (void)state;
  for (size_t len = 1; len < AIODNS_NAME_TEXT_MAX; len = len < 40 ? len + 1 : len * 2 - 3) {
    memset(name, 'Q', len);
    name[len] = '\0';
    snprintf(text, sizeof text, "192.0.2.1 %s x\n", name);
    snprintf(line, sizeof line, "192.0.2.1 %s x\n", name);
    hosts_of(text);
    name[len / 2] = 'q';
    assert_name(name, line);
    name[len / 2] = 'r';
    assert_name(name, "");
    memset(name, 'q', len + 1);
    name[len + 1] = '\0';
    assert_name(name, "");
  }
  memset(name, 'a', AIODNS_NAME_TEXT_MAX);
  name[AIODNS_NAME_TEXT_MAX] = '\0';
  snprintf(text, sizeof text, "192.0.2.1 %s host %s\n", name, name + 1);
  snprintf(line, sizeof line, "192.0.2.1 host %s\n", name + 1);
  hosts_of(text);
  assert_name(name, "");
  assert_name(name + 1, line);
  assert_name("host", line);
}

static void letters_alone_are_folded(void **state)
{
  (void)state;
  hosts_of("192.0.2.1 a_b[c]@z-AZ09 @[\n");
  assert_name("A_B[C]@Z-az09", "192.0.2.1 a_b[c]@z-AZ09 @[\n");
  assert_name("a\x7f"
              "b[c]@z-az09",
              "");
  assert_name("a_b{c}@z-az09", "");
  assert_name("a_b[c]`z-az09", "");
  assert_name("@[", "192.0.2.1 a_b[c]@z-AZ09 @[\n");
  assert_name("`{", "");
}

static void a_name_may_stand_on_any_number_of_lines(void **state)
{
  enum { LINES = 100000, ROOM = 40 };
  char *text = malloc((size_t)LINES * ROOM), line[ROOM];
  size_t at = 0;
  (void)state;
  assert_non_null(text);
  for (unsigned i = 0; i < LINES; i++)
    at += (size_t)snprintf(text + at, ROOM, "10.%u.%u.%u many n%u\n0.0.0.0 z\n", i >> 16, i >> 8 & 255,
                           i & 255, i % 1000);
  begin();
  add_hosts(text, at);
  end_with(0);
  free(text);
  struct aiodns_index_lines walk;
  const char *got;
  uint32_t len, count = 0;
  aiodns_index_name(&index_, "many", 4, &walk);
  for (; aiodns_index_line(&index_, &walk, &got, &len); count++) {
    snprintf(line, sizeof line, "10.%u.%u.%u many n%u\n", count >> 16, count >> 8 & 255, count & 255,
             count % 1000);
    assert_true(len == strlen(line) && memcmp(got, line, len) == 0);
  }
  assert_int_equal(count, AIODNS_INDEX_LINES_MAX);
  aiodns_index_name(&index_, "n7", 2, &walk);
  for (count = 0; aiodns_index_line(&index_, &walk, &got, &len); count++)
    assert_true(memmem(got, len, " n7\n", 4) != NULL);
  assert_int_equal(count, LINES / 1000);
  assert_address(AF_INET, "0.0.0.0", "0.0.0.0 z\n");
  /* Its keys' entries, and no more. */
  assert_true(size < at + (uint64_t)LINES * (3 * 12 + 12 + 8 + 4 + 7 + 4));
}

static void a_line_may_have_any_number_of_names(void **state)
{
  enum { NAMES = 100000, ROOM = 10 };
  char *text = malloc((size_t)NAMES * ROOM + ROOM), name[ROOM];
  size_t at = (size_t)sprintf(text, "192.0.2.1");
  (void)state;
  for (unsigned i = 0; i < NAMES; i++)
    at += (size_t)sprintf(text + at, " n%u", i);
  text[at++] = '\n';
  begin();
  add_hosts(text, at);
  end_with(0);
  for (unsigned i = 0; i < NAMES; i += 7) {
    struct aiodns_index_lines walk;
    const char *got;
    uint32_t len;
    int name_len = snprintf(name, sizeof name, "N%u", i);
    aiodns_index_name(&index_, name, (size_t)name_len, &walk);
    assert_true(aiodns_index_line(&index_, &walk, &got, &len));
    assert_true(len == at && memcmp(got, text, at) == 0);
    assert_false(aiodns_index_line(&index_, &walk, &got, &len));
  }
  free(text);
}

/* The lines of a file made at random, found as by reading it. */
static void random_files_are_found_line_by_line(void **state)
{
  enum { LINES = 300, NAMES = 60 };
  static char line[LINES][128], expected[LINES * 128], text[LINES * 128];
  (void)state;
  for (int round = 0; round < 50; round++) {
    unsigned lines = 1 + unit_random(LINES);
    size_t at = 0;
    for (unsigned i = 0; i < lines; i++) {
      size_t len = (size_t)snprintf(line[i], sizeof line[i], "192.0.2.%u", unit_random(20));
      for (unsigned names = 1 + unit_random(4); names > 0; names--)
        len += (size_t)snprintf(line[i] + len, sizeof line[i] - len,
                                unit_random(2) ? " name%u.example" : " %u", unit_random(NAMES));
      at += (size_t)snprintf(text + at, sizeof text - at, "%.126s\n", line[i]);
    }
    hosts_of(text);
    for (unsigned n = 0; n < 2 * NAMES; n++) {
      char name[32], word[40];
      snprintf(name, sizeof name, n % 2 ? "name%u.example" : "%u", n / 2);
      snprintf(word, sizeof word, " %s ", name);
      size_t end = 0;
      expected[0] = '\0';
      for (unsigned i = 0; i < lines; i++) {
        char padded[130];
        snprintf(padded, sizeof padded, "%.127s ", line[i]);
        if (strstr(padded, word))
          end += (size_t)snprintf(expected + end, sizeof expected - end, "%s\n", line[i]);
      }
      assert_name(name, expected);
    }
  }
}

/* ---- Rules ---- */

static void a_rule_is_for_the_name_or_what_is_below(void **state)
{
  (void)state;
  begin();
  add_rule("exact.example", ITSELF);
  add_rule("below.example", BELOW);
  add_rule("both.example", ITSELF | BELOW);
  add_rule("com", BELOW);
  end_with(0);
  assert_int_equal(rules_say("exact.example"), BLOCKED);
  assert_int_equal(rules_say("EXACT.Example"), BLOCKED);
  assert_int_equal(rules_say("a.exact.example"), 0);
  assert_int_equal(rules_say("inexact.example"), 0);
  assert_int_equal(rules_say("below.example"), 0);
  assert_int_equal(rules_say("a.BELOW.example"), BLOCKED);
  assert_int_equal(rules_say("a.b.c.below.example"), BLOCKED);
  assert_int_equal(rules_say("abelow.example"), 0);
  assert_int_equal(rules_say("both.example"), BLOCKED);
  assert_int_equal(rules_say("a.both.example"), BLOCKED);
  assert_int_equal(rules_say("example"), 0);
  assert_int_equal(rules_say("com"), 0);
  assert_int_equal(rules_say("x.com"), BLOCKED);
  assert_int_equal(rules_say("."), 0);
  assert_int_equal(aiodns_index_rule_count(&index_), 4);
}

static void a_name_that_comes_again_keeps_what_both_say(void **state)
{
  (void)state;
  begin();
  add_rule("a.example", ITSELF);
  add_rule("A.EXAMPLE", BELOW);
  add_rule("b.example", BELOW);
  add_rule("b.example", ITSELF);
  add_rule("b.example", ITSELF);
  end_with(0);
  assert_int_equal(aiodns_index_rule_count(&index_), 2);
  assert_int_equal(rules_say("a.example"), BLOCKED);
  assert_int_equal(rules_say("x.a.example"), BLOCKED);
  assert_int_equal(rules_say("b.example"), BLOCKED);
  assert_int_equal(rules_say("x.b.example"), BLOCKED);
}

static void whatever_allows_wins(void **state)
{
  static const char *const depth[] = {"example", "b.example", "a.b.example", "x.a.b.example",
                                      "y.x.a.b.example"};
  enum { DEPTHS = sizeof depth / sizeof depth[0] };
  (void)state;
  for (unsigned allow = 0; allow < DEPTHS; allow++)
    for (unsigned block = 0; block < DEPTHS; block++)
      for (unsigned order = 0; order < 2; order++)
        for (unsigned is = ALLOW; is <= (ALLOW | BELOW | ITSELF); is++) {
          begin();
          if (order)
            add_rule(depth[allow], is);
          add_rule(depth[block], ITSELF | BELOW);
          if (!order)
            add_rule(depth[allow], is);
          end_with(0);
          for (unsigned i = 0; i < DEPTHS; i++)
            assert_int_equal(rules_say(depth[i]), i >= allow ? ALLOW : i >= block ? BLOCKED : 0);
          assert_int_equal(rules_say("other.example"), allow == 0 ? ALLOW : block == 0 ? BLOCKED : 0);
        }
}

static void only_depths_that_have_rules_are_looked_at(void **state)
{
  (void)state;
  begin();
  add_rule("a.b.c.d", BELOW);
  add_rule("e", ITSELF);
  add_rule("f.g", ALLOW);
  end_with(0);
  assert_true(index_.rule_labels == (1u << 4 | 1u << 2));
  assert_int_equal(rules_say("x.a.b.c.d"), BLOCKED);
  assert_int_equal(rules_say("x.y.z.a.b.c.d"), BLOCKED);
  assert_int_equal(rules_say("e"), BLOCKED);
  assert_int_equal(rules_say("x.e"), 0);
  /* Nothing of other depths is in the table, so nothing shows that they are left alone but this. */
  index_.rule_labels = 0;
  assert_int_equal(rules_say("x.a.b.c.d"), 0);
  assert_int_equal(rules_say("e"), BLOCKED);
}

static void the_longest_names_and_the_most_labels(void **state)
{
  char text[AIODNS_NAME_TEXT_MAX] = "";
  (void)state;
  begin();
  for (size_t i = 0; i < 127; i++)
    memcpy(text + 2 * i, i < 126 ? "a." : "a", 2);
  struct aiodns_name deep = name_of(text);
  assert_int_equal(deep.len, 255);
  add_rule(text + 6, BELOW); /* 124 labels */
  add_rule(text + 128, ITSELF);
  memset(text, 'B', 192);
  text[63] = text[127] = text[191] = '.';
  memset(text + 192, 'c', 61);
  text[192 + 61] = '\0';
  struct aiodns_name wide = name_of(text);
  assert_int_equal(wide.len, 255);
  add_rule(text, ITSELF);
  add_rule(text + 192, BELOW);
  end_with(0);
  assert_int_equal(aiodns_index_rules(&index_, &deep), BLOCKED);
  assert_int_equal(aiodns_index_rules(&index_, &wide), BLOCKED);
  text[192] = 'd';
  assert_int_equal(rules_say(text), 0);
  text[192] = 'c';
  text[0] = 'd';
  assert_int_equal(rules_say(text), BLOCKED);
  assert_int_equal(rules_say(text + 192), 0);
  /* 63 labels and more share a bit. */
  assert_true(index_.rule_labels == ((uint64_t)1 << 63 | 1u << 1));
}

static void octets_of_any_kind(void **state)
{
  (void)state;
  begin();
  add_rule("\\000\\255\\128.example", ITSELF | BELOW);
  add_rule("a\\.b.example", ITSELF);
  end_with(0);
  assert_int_equal(rules_say("\\000\\255\\128.example"), BLOCKED);
  assert_int_equal(rules_say("x.\\000\\255\\128.EXAMPLE"), BLOCKED);
  assert_int_equal(rules_say("\\000\\255\\129.example"), 0);
  assert_int_equal(rules_say("a\\.B.example"), BLOCKED);
  assert_int_equal(rules_say("a.b.example"), 0);
}

static void what_is_no_rule_is_left_out(void **state)
{
  (void)state;
  begin();
  add_rule("a.example", 0);
  add_rule("b.example", 0x80 | 0x40 | 0x20 | 0x10 | 8);
  add_rule(".", ITSELF | BELOW);
  aiodns_index_add_rule(draft, &(struct aiodns_rule){.is = ITSELF});
  end_with(0);
  assert_int_equal(aiodns_index_rule_count(&index_), 0);
  assert_int_equal(rules_say("a.example"), 0);
  assert_int_equal(rules_say("."), 0);
}

/* ---- Rules against a matcher that looks at each of them ---- */

enum { KINDS = 6 };

/* Few words, so that names meet; few letters where `few`. */
static size_t random_name(char *text, bool many)
{
  unsigned labels = 1 + unit_random(5);
  size_t len = 0;

  for (unsigned i = 0; i < labels; i++)
    len += (size_t)sprintf(text + len, "%s%c%u", i > 0 ? "." : "", "ab"[unit_random(2)],
                           unit_random(many && i == 0 ? 1000000 : KINDS));
  return len;
}

static unsigned brute(const struct aiodns_rule *rules, size_t count, const struct aiodns_name *name)
{
  unsigned blocked = 0;

  for (size_t i = 0; i < count; i++) {
    if (!aiodns_name_within(name, &rules[i].name))
      continue;
    if (rules[i].is & ALLOW)
      return ALLOW;
    if (rules[i].is & (aiodns_name_equal(name, &rules[i].name) ? ITSELF : BELOW))
      blocked = BLOCKED;
  }
  return blocked;
}

static void compare_with_brute(size_t count, unsigned queries, unsigned allow_one_in)
{
  struct aiodns_rule *rules = malloc(count * sizeof *rules);
  char text[128];
  unsigned seen[8] = {0};

  assert_non_null(rules);
  begin();
  for (size_t i = 0; i < count; i++) {
    random_name(text, count > 1000);
    rules[i].name = name_of(text);
    rules[i].is = unit_random(allow_one_in) == 0 ? ALLOW : (uint8_t)(1 + unit_random(3));
    aiodns_index_add_rule(draft, &rules[i]);
  }
  end_with(0);
  for (unsigned i = 0; i < queries; i++) {
    struct aiodns_name name;
    if (unit_random(3) == 0) {
      name = rules[unit_random((uint32_t)count)].name;
    } else {
      random_name(text, count > 1000);
      name = name_of(text);
    }
    unsigned said = aiodns_index_rules(&index_, &name), expected = brute(rules, count, &name);
    assert_int_equal(said, expected);
    seen[said]++;
  }
  assert_true(count < 10 || (seen[0] > 0 && seen[BLOCKED] > 0));
  free(rules);
}

static void random_rules_are_as_brute_force_says(void **state)
{
  (void)state;
  for (int i = 0; i < 200; i++)
    compare_with_brute(1, 20, 4);
  for (int i = 0; i < 300; i++)
    compare_with_brute(10, 200, 10);
  for (int i = 0; i < 20; i++)
    compare_with_brute(100, 1000, 50);
}

static void a_hundred_thousand_rules_are_all_found(void **state)
{
  enum { RULES = 100000 };
  char text[64];
  uint64_t octets_of_names = 0;
  (void)state;
  begin();
  for (unsigned i = 0; i < RULES; i++) {
    int len = snprintf(text, sizeof text, "n%u.d%u.example", i, i % 1000);
    octets_of_names += (unsigned)len + 2;
    add_rule(text, i % 3 == 0 ? ALLOW : i % 3);
  }
  uint64_t about = aiodns_index_draft_size(draft);
  end_with(0);
  assert_true(size <= about + about / 8 && about <= size + size / 8);
  assert_true(size <= octets_of_names + (uint64_t)RULES * 7);
  assert_true(mapped_most <= 3 * (int64_t)size);
  assert_int_equal(aiodns_index_rule_count(&index_), RULES);
  for (unsigned i = 0; i < RULES; i++) {
    snprintf(text, sizeof text, "N%u.d%u.Example", i, i % 1000);
    assert_int_equal(rules_say(text), i % 3 == 0 ? ALLOW : i % 3 == 1 ? BLOCKED : 0);
    snprintf(text, sizeof text, "w.n%u.d%u.example", i, i % 1000);
    assert_int_equal(rules_say(text), i % 3 == 0 ? ALLOW : i % 3 == 2 ? BLOCKED : 0);
    snprintf(text, sizeof text, "n%u.d%u.example", i, i % 1000 + 1);
    assert_int_equal(rules_say(text), 0);
  }
  compare_with_brute(100000, 100, 1000);
}

/* Numbered names are the worst that a product has to do with, if the key is no good. */
static void any_key_will_do(void **state)
{
  enum { NAMES = 5000 };
  char text[64];
  (void)state;
  for (unsigned i = 0; i < 40; i++) {
    const uint64_t other[2] = {
        i < 3 ? (uint64_t)0 - i : (uint64_t)unit_random(UINT32_MAX) << 32 | unit_random(UINT32_MAX),
        i < 3 ? (uint64_t)0 - i : (uint64_t)unit_random(UINT32_MAX) << 32 | unit_random(UINT32_MAX)};
    begin();
    aiodns_index_draft_free(draft);
    draft = aiodns_index_draft_new(other);
    for (unsigned n = 0; n < NAMES; n++) {
      snprintf(text, sizeof text, i % 2 ? "n%u" : "%u.example", n);
      add_rule(text, ITSELF);
    }
    uint64_t about = aiodns_index_draft_size(draft);
    end_with(0);
    assert_true(size == about); /* no table had to grow */
    for (unsigned n = 0; n < NAMES; n++) {
      snprintf(text, sizeof text, i % 2 ? "n%u" : "%u.example", n);
      assert_int_equal(rules_say(text), BLOCKED);
    }
  }
}

/* ---- The file ---- */

static void sources_come_back(void **state)
{
  char path[PATH_MAX], longest[PATH_MAX];
  enum aiodns_index_kind kind;
  uint64_t states;
  (void)state;
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  begin();
  aiodns_index_add_source(draft, AIODNS_INDEX_SETTINGS, "/etc/aiodns.conf", 1);
  add_hosts("192.0.2.1 a\n", 12);
  aiodns_index_add_source(draft, AIODNS_INDEX_HOSTS, longest, UINT64_MAX);
  aiodns_index_add_source(draft, AIODNS_INDEX_BLOCKS, "", 3);
  end_with(0);
  assert_int_equal(index_.source_count, 3);
  assert_true(aiodns_index_source(&index_, 0, &kind, &states, path, sizeof path));
  assert_string_equal(path, "/etc/aiodns.conf");
  assert_true(kind == AIODNS_INDEX_SETTINGS && states == 1);
  assert_true(aiodns_index_source(&index_, 1, &kind, &states, path, sizeof path));
  assert_string_equal(path, longest);
  assert_true(kind == AIODNS_INDEX_HOSTS && states == UINT64_MAX);
  assert_false(aiodns_index_source(&index_, 1, &kind, &states, path, sizeof path - 1));
  assert_true(aiodns_index_source(&index_, 2, &kind, &states, path, sizeof path));
  assert_string_equal(path, "");
  assert_false(aiodns_index_source(&index_, 3, &kind, &states, path, sizeof path));
  assert_false(aiodns_index_source(&index_, UINT32_MAX, &kind, &states, path, sizeof path));
  assert_name("a", "192.0.2.1 a\n");
}

static void fill_some(void)
{
  static const char hosts[] = "192.0.2.1 host.example host\n2001:db8::1 host\n::1 localhost\n192.0.2.3 x\n";

  aiodns_index_add_source(draft, AIODNS_INDEX_HOSTS, "/etc/hosts", 7);
  add_hosts(hosts, sizeof hosts - 1);
  add_rule("blocked.example", ITSELF);
  add_rule("below.example", BELOW);
  add_rule("good.below.example", ALLOW);
}

static void left_out_are_all_but_the_sources(void **state)
{
  enum aiodns_index_kind kind;
  char path[PATH_MAX];
  uint64_t states;
  (void)state;
  begin();
  fill_some();
  end_with(AIODNS_INDEX_LEFT_OUT);
  assert_int_equal(index_.flags, AIODNS_INDEX_LEFT_OUT);
  assert_true(size < 1024);
  assert_name("host", "");
  assert_address(AF_INET6, "::1", "");
  assert_int_equal(rules_say("blocked.example"), 0);
  assert_int_equal(aiodns_index_rule_count(&index_), 0);
  assert_true(aiodns_index_source(&index_, 0, &kind, &states, path, sizeof path));
  assert_string_equal(path, "/etc/hosts");
}

/* A new sum, as if it were meant so. */
static void sign(uint8_t *at)
{
  struct aiodns_index_header header;
  memcpy(&header, at, sizeof header);
  header.checksum = aiodns_index_header_sum(&header);
  memcpy(at, &header, sizeof header);
}

static enum aiodns_cache_check attach_to(const void *at, uint64_t len)
{
  struct aiodns_index other = {.flags = 99};
  enum aiodns_cache_check verdict = aiodns_index_attach(&other, at, len, boot);
  assert_true((verdict == AIODNS_CACHE_GOOD) == (other.flags != 99));
  return verdict;
}

/* ---- Damage: whatever stands there, no read leaves the block, and each walk ends ---- */

static void walk_to_its_end(struct aiodns_index_lines *walk)
{
  const char *text;
  uint32_t len, count = 0;
  while (aiodns_index_line(&index_, walk, &text, &len)) {
    assert_true(++count <= AIODNS_INDEX_LINES_MAX);
    assert_true((const uint8_t *)text >= octets && len > 0 && (const uint8_t *)text + len <= octets + size);
    if (count > 100) /* it goes round in a ring */
      walk->left = walk->left > 10 ? 10 : walk->left;
  }
}

static void look_everything_up(void)
{
  static const char *const names[] = {"host.example", "host", "localhost", "x", "none"};
  static const char *const ruled[] = {"blocked.example", "a.below.example", "a.good.below.example",
                                      "none.example"};
  static const uint8_t addresses[][16] = {
      {192, 0, 2, 1}, {127, 0, 0, 1}, {[15] = 1}, {0x20, 1, 0xd, 0xb8, [15] = 1}};
  struct aiodns_index_lines walk;
  enum aiodns_index_kind kind;
  char path[PATH_MAX];
  uint64_t states;

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    aiodns_index_name(&index_, names[i], strlen(names[i]), &walk);
    walk_to_its_end(&walk);
  }
  for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
    for (size_t len = 4; len <= 16; len += 12) {
      aiodns_index_address(&index_, addresses[i], len, &walk);
      walk_to_its_end(&walk);
    }
  for (size_t i = 0; i < sizeof ruled / sizeof ruled[0]; i++)
    assert_in_set(rules_say(ruled[i]), ((const uintmax_t[]){0, BLOCKED, ALLOW}), 3);
  for (uint32_t i = 0; i < index_.source_count; i++)
    if (aiodns_index_source(&index_, i, &kind, &states, path, sizeof path))
      assert_true(strlen(path) < sizeof path);
}

static void what_is_no_whole_index_is_refused(void **state)
{
  struct aiodns_index other;
  uint8_t other_boot[AIODNS_CACHE_BOOT_LEN];
  unsigned broken = 0;
  (void)state;
  begin();
  fill_some();
  end_with(0);
  for (uint64_t len = 0; len < size; len++)
    assert_int_not_equal(attach_to(unit_on_cliff(octets, (size_t)len & ~(size_t)7), len & ~(uint64_t)7),
                         AIODNS_CACHE_GOOD);
  uint8_t *more = calloc(1, (size_t)size + 64);
  memcpy(more, octets, (size_t)size);
  assert_int_equal(attach_to(more, size + 64), AIODNS_CACHE_WRONG_SIZE);
  free(more);
  memcpy(other_boot, boot, sizeof boot);
  other_boot[15]++;
  assert_int_equal(aiodns_index_attach(&other, octets, size, other_boot), AIODNS_CACHE_OTHER_BOOT);
  octets[8]++;
  assert_int_equal(attach_to(octets, size), AIODNS_CACHE_OTHER_LAYOUT);
  octets[8]--;
  octets[0]++;
  assert_int_equal(attach_to(octets, size), AIODNS_CACHE_NO_MAGIC);
  octets[0]--;
  for (size_t bit = 0; bit < sizeof(struct aiodns_index_header) * 8; bit++) {
    octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_not_equal(attach_to(octets, size), AIODNS_CACHE_GOOD);
    octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_int_equal(attach_to(octets, size), AIODNS_CACHE_GOOD);
  /* Parts elsewhere or of other lengths, though signed. */
  for (size_t at = offsetof(struct aiodns_index_header, part);
       at < offsetof(struct aiodns_index_header, checksum); at += sizeof(uint32_t)) {
    static const uint32_t values[] = {0, 1, 64, 128, 0x7fffffff, 0xffffffc0, UINT32_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
      uint32_t old;
      memcpy(&old, octets + at, sizeof old);
      memcpy(octets + at, &values[i], sizeof old);
      sign(octets);
      enum aiodns_cache_check verdict = aiodns_index_attach(&index_, octets, size, boot);
      if (verdict == AIODNS_CACHE_GOOD) /* some zeros belong to a part now */
        look_everything_up();
      else
        assert_int_equal(verdict, AIODNS_CACHE_BROKEN);
      broken += verdict != AIODNS_CACHE_GOOD;
      memcpy(octets + at, &old, sizeof old);
    }
  }
  assert_true(broken >= 6 * 2 * AIODNS_INDEX_PARTS - 12);
  sign(octets);
  assert_int_equal(attach_to(octets, size), AIODNS_CACHE_GOOD);
}

static void damaged_octets_do_no_harm(void **state)
{
  static const uint8_t values[] = {0, 1, 0x3f, 0x7f, 0x80, 0xc0, 0xff};
  (void)state;
  begin();
  fill_some();
  end_with(0);
  for (size_t at = sizeof(struct aiodns_index_header); at < size; at++) {
    uint8_t old = octets[at];
    for (size_t i = 0; i < sizeof values; i++) {
      octets[at] = values[i];
      look_everything_up();
    }
    for (int bit = 0; bit < 8; bit++) {
      octets[at] = (uint8_t)(old ^ 1u << bit);
      look_everything_up();
    }
    octets[at] = old;
  }
  assert_name("host", "192.0.2.1 host.example host\n2001:db8::1 host\n");
}

static void random_octets_do_no_harm(void **state)
{
  static const uint32_t words[] = {0, 1, 4, 8, 12, 16, 64, UINT32_MAX, 0x80000000, 0xfffffff0};
  (void)state;
  begin();
  fill_some();
  end_with(0);
  uint8_t *whole = malloc((size_t)size);
  memcpy(whole, octets, (size_t)size);
  for (int round = 0; round < 20000; round++) {
    memcpy(octets, whole, (size_t)size);
    for (unsigned n = 1 + unit_random(round % 2 ? 400 : 12); n > 0; n--) {
      uint32_t at = (uint32_t)sizeof(struct aiodns_index_header) +
                    unit_random((uint32_t)(size - sizeof(struct aiodns_index_header) - 3));
      uint32_t word = unit_random(2) ? words[unit_random(10)] : unit_random((uint32_t)size);
      if (unit_random(2))
        octets[at] = (uint8_t)unit_random(256);
      else
        memcpy(octets + (at & ~3u), &word, sizeof word);
    }
    look_everything_up();
  }
  free(whole);
}

static void a_table_of_full_buckets_is_left_again(void **state)
{
  (void)state;
  begin();
  for (unsigned i = 0; i < 10000; i++) {
    char text[32];
    snprintf(text, sizeof text, "n%u.example", i);
    add_rule(text, ITSELF);
  }
  end_with(0);
  const struct aiodns_index_span *table = &index_.part[AIODNS_INDEX_PART_RULES_TABLE];
  memset(octets + table->offset, 0xff, table->len); /* each passed by all */
  assert_int_equal(rules_say("n1.example"), 0);
  memset(octets + table->offset, 0x01, table->len);
  assert_int_equal(rules_say("n1.example"), 0);
}

/* ---- Memory ---- */

static void memory_that_runs_out_is_told_at_the_end(void **state)
{
  char text[64];
  unsigned failures = 0;
  (void)state;
  for (int after = 0;; after++) {
    finish(NULL);
    maps_left = after;
    draft = aiodns_index_draft_new(key);
    if (!draft) {
      assert_int_equal(errno, ENOMEM);
      continue;
    }
    fill_some();
    for (unsigned i = 0; i < 20000; i++) {
      snprintf(text, sizeof text, "n%u.example", i);
      add_rule(text, ITSELF);
    }
    (void)aiodns_index_draft_size(draft);
    errno = 0;
    const void *whole = aiodns_index_finish(draft, 0, boot, &size);
    if (whole)
      break;
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(aiodns_index_finish(draft, 0, boot, &size));
    assert_int_equal(errno, ENOMEM);
    failures++;
    assert_true(after < 1000);
  }
  assert_true(failures > 10);
}

static void where_memory_cannot_be_moved_it_is_copied(void **state)
{
  char text[64];
  (void)state;
  begin();
  no_remap = true;
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(text, sizeof text, "n%u.example", i);
    add_rule(text, ITSELF);
  }
  end_with(0);
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(text, sizeof text, "n%u.example", i);
    assert_int_equal(rules_say(text), BLOCKED);
  }
}

static void a_finished_draft_takes_no_more(void **state)
{
  (void)state;
  begin();
  fill_some();
  end_with(0);
  fill_some();
  assert_null(aiodns_index_finish(draft, 0, boot, &(uint64_t){0}));
  assert_int_equal(errno, EALREADY);
  aiodns_index_draft_free(NULL);
}

/* The same octets of the same names, in every process. */
static void the_file_is_the_same_everywhere(void **state)
{
  (void)state;
  begin();
  fill_some();
  end_with(0);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < size; i++)
    sum = sum * 31 + octets[i];
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    assert_int_equal(sum, 0xb18304bc53ccf5e5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_name_has_its_lines_in_order, finish),
      cmocka_unit_test_teardown(a_line_with_a_name_twice_is_there_once, finish),
      cmocka_unit_test_teardown(malformed_lines_are_left_out, finish),
      cmocka_unit_test_teardown(an_address_has_its_first_line_with_names, finish),
      cmocka_unit_test_teardown(ipv4_takes_mapped_addresses_and_the_loopback_of_ipv6, finish),
      cmocka_unit_test_teardown(names_that_are_not_ascii_have_no_key, finish),
      cmocka_unit_test_teardown(long_names_are_kept_up_to_the_longest, finish),
      cmocka_unit_test_teardown(letters_alone_are_folded, finish),
      cmocka_unit_test_teardown(a_name_may_stand_on_any_number_of_lines, finish),
      cmocka_unit_test_teardown(a_line_may_have_any_number_of_names, finish),
      cmocka_unit_test_teardown(random_files_are_found_line_by_line, finish),
      cmocka_unit_test_teardown(a_rule_is_for_the_name_or_what_is_below, finish),
      cmocka_unit_test_teardown(a_name_that_comes_again_keeps_what_both_say, finish),
      cmocka_unit_test_teardown(whatever_allows_wins, finish),
      cmocka_unit_test_teardown(only_depths_that_have_rules_are_looked_at, finish),
      cmocka_unit_test_teardown(the_longest_names_and_the_most_labels, finish),
      cmocka_unit_test_teardown(octets_of_any_kind, finish),
      cmocka_unit_test_teardown(what_is_no_rule_is_left_out, finish),
      cmocka_unit_test_teardown(random_rules_are_as_brute_force_says, finish),
      cmocka_unit_test_teardown(a_hundred_thousand_rules_are_all_found, finish),
      cmocka_unit_test_teardown(any_key_will_do, finish),
      cmocka_unit_test_teardown(sources_come_back, finish),
      cmocka_unit_test_teardown(left_out_are_all_but_the_sources, finish),
      cmocka_unit_test_teardown(what_is_no_whole_index_is_refused, finish),
      cmocka_unit_test_teardown(damaged_octets_do_no_harm, finish),
      cmocka_unit_test_teardown(random_octets_do_no_harm, finish),
      cmocka_unit_test_teardown(a_table_of_full_buckets_is_left_again, finish),
      cmocka_unit_test_teardown(memory_that_runs_out_is_told_at_the_end, finish),
      cmocka_unit_test_teardown(where_memory_cannot_be_moved_it_is_copied, finish),
      cmocka_unit_test_teardown(a_finished_draft_takes_no_more, finish),
      cmocka_unit_test_teardown(the_file_is_the_same_everywhere, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
