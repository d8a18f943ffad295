#include "file.h"
#include "unit.h"

#include "blocklist.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct aiodns_blocklist list;
static struct aiodns_rule rule;
static char rules[1 << 16]; /* of the last file, as text: "BITS name, BITS name" */

static int finish(void **state)
{
  (void)state;
  file_done();
  return 0;
}

static void add_rule(void)
{
  char name[AIODNS_NAME_TEXT_MAX];
  size_t len = strlen(rules);

  aiodns_name_to_text(&rule.name, name);
  assert_true(len + strlen(name) + 8 < sizeof rules);
  snprintf(rules + len, sizeof rules - len, "%s%u %s", len ? ", " : "", rule.is, name);
}

static void read_octets(const void *octets, size_t len)
{
  rules[0] = '\0';
  assert_true(aiodns_blocklist_open(&list, file_of(octets, len)));
  while (aiodns_blocklist_next(&list, &rule))
    add_rule();
  assert_false(aiodns_blocklist_next(&list, &rule)); /* stays at the end */
  assert_false(list.lines.failed);
  aiodns_blocklist_close(&list);
}

static void read_text(const char *text)
{
  read_octets(text, strlen(text));
}

/* One line, alone: its rules, how many names were skipped, whether it was empty, or not understood. */
struct line {
  const char *text, *rules;
  unsigned skipped, empty, bad;
};

static void assert_line(const struct line *line)
{
  read_text(line->text);
  if (strcmp(rules, line->rules) != 0 || list.counts.skipped != line->skipped || list.counts.lines != 1 ||
      list.counts.empty != line->empty || list.counts.not_understood != line->bad)
    fail_msg("%s: %s; %u lines, %u skipped, %u empty, %u not understood", line->text, rules,
             (unsigned)list.counts.lines, (unsigned)list.counts.skipped, (unsigned)list.counts.empty,
             (unsigned)list.counts.not_understood);
}

#define RULES(text, rules)                                                                                   \
  {                                                                                                          \
    text, rules, 0, 0, 0                                                                                     \
  }
#define SKIPS(text, skipped)                                                                                 \
  {                                                                                                          \
    text, "", skipped, 0, 0                                                                                  \
  }
#define EMPTY(text)                                                                                          \
  {                                                                                                          \
    text, "", 0, 1, 0                                                                                        \
  }
#define BAD(text)                                                                                            \
  {                                                                                                          \
    text, "", 0, 0, 1                                                                                        \
  }
#define PARTLY(text, rules)                                                                                  \
  {                                                                                                          \
    text, rules, 0, 0, 1                                                                                     \
  }

#define ASSERT_LINES(lines)                                                                                  \
  for (size_t i = 0; i < sizeof(lines) / sizeof((lines)[0]); i++)                                            \
  assert_line(&(lines)[i])

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"
/* 253 characters, and the longest one label can be. */
#define LONGEST A63 "." A63 "." A63 "." A60 "a"

static void hosts_lines_block_the_names_themselves(void **state)
{
  static const struct line lines[] = {
      RULES("0.0.0.0 ads.example", "1 ads.example"),
      RULES("127.0.0.1 ads.example", "1 ads.example"),
      RULES(":: ads.example", "1 ads.example"),
      RULES("::1 ads.example", "1 ads.example"),
      RULES("0 ads.example", "1 ads.example"),
      RULES("0:0:0:0:0:0:0:0 ads.example", "1 ads.example"),
      RULES("0:0:0:0:0:0:0:1\tads.example", "1 ads.example"),
      RULES(" \t0.0.0.0 \t ads.example \t", "1 ads.example"),
      RULES("0.0.0.0 a.example b.example\tc.example", "1 a.example, 1 b.example, 1 c.example"),
      RULES("0.0.0.0 ads.example # 0.0.0.0 not.example", "1 ads.example"),
      RULES("0.0.0.0 ads.example #not.example", "1 ads.example"),
      RULES("0.0.0.0 ads.example#not.example not.example", "1 ads.example"),
      RULES("0.0.0.0 ads.example ; not.example", "1 ads.example"),
      RULES("0.0.0.0 ads.example\r", "1 ads.example"),
      RULES("0.0.0.0 ADS.Example.", "1 ads.example"),
      RULES("0.0.0.0 zip", "1 zip"),
      RULES("0.0.0.0 " LONGEST, "1 " LONGEST),
      PARTLY("0.0.0.0 " LONGEST "a ads.example", "1 ads.example"),
      PARTLY("0.0.0.0 a..example ads.example *.example", "1 ads.example"),
      PARTLY("0.0.0.0 1.2.3.4 ads.example", "1 ads.example"),
      PARTLY("0.0.0.0 b*d#c not.example", ""),
      BAD("0.0.0.0"),
      BAD("::1"),
      BAD("127.0.0.1 # nothing"),
      BAD("0.0.0.0#"),
      BAD("0.0.0.0 ."),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void other_addresses_block_nothing(void **state)
{
  static const struct line lines[] = {
      BAD("192.0.2.1 ads.example"),
      BAD("127.0.1.1 ads.example"),
      BAD("255.255.255.255 ads.example"),
      BAD("2001:db8::1 ads.example"),
      BAD("fe80::1%lo0 ads.example"),
      BAD("::1%lo0 ads.example"),
      BAD("::ffff:0.0.0.0 ads.example"),
      BAD("0.0.0.0. ads.example"),
      BAD("00.0.0.0 ads.example"),
      BAD("0.0.0 ads.example"),
      BAD("256.0.0.0 ads.example"),
      BAD(":::: ads.example"),
      BAD("192.0.2.1"),
      BAD("2001:db8::1"),
      BAD("192.0.2.0/24"),
      {"192.0.2.1 localhost ads.example", "", 1, 0, 1},
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void boilerplate_is_passed_over(void **state)
{
  static const struct line lines[] = {
      SKIPS("127.0.0.1 localhost", 1),
      SKIPS("127.0.0.1 localhost.localdomain", 1),
      SKIPS("127.0.0.1 local", 1),
      SKIPS("255.255.255.255 broadcasthost", 1),
      SKIPS("::1 localhost", 1),
      SKIPS("::1 ip6-localhost ip6-loopback", 2),
      SKIPS("fe80::1%lo0 localhost", 1),
      SKIPS("ff00::0 ip6-localnet", 1),
      SKIPS("ff00::0 ip6-mcastprefix", 1),
      SKIPS("ff02::1 ip6-allnodes", 1),
      SKIPS("ff02::2 ip6-allrouters # all of them", 1),
      SKIPS("ff02::3 ip6-allhosts", 1),
      SKIPS("0.0.0.0 0.0.0.0", 1),
      SKIPS("127.0.0.1 LocalHost LOCALHOST4.localdomain4 localhost6 localhost6.localdomain6 localhost4", 5),
      SKIPS("192.0.2.1 localhost.", 1),
      SKIPS("localhost", 1),
      SKIPS("localhost.localdomain # x", 1),
      {"127.0.0.1 localhost ads.example", "1 ads.example", 1, 0, 0},
      RULES("0.0.0.0 localhost5", "1 localhost5"),
      RULES("0.0.0.0 localhost.example", "1 localhost.example"),
      RULES("0.0.0.0 ip6-allnodez", "1 ip6-allnodez"),
      RULES("||local^", "3 local"), /* nobody writes that by the way */
      RULES("*.localhost", "3 localhost"),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void a_name_alone_is_itself_and_a_wildcard_all_below(void **state)
{
  static const struct line lines[] = {
      RULES("ads.example", "1 ads.example"),
      RULES("  ads.example\t", "1 ads.example"),
      RULES("ADS.eXample.\r", "1 ads.example"),
      RULES("ads.example # why", "1 ads.example"),
      RULES("ads.example #why", "1 ads.example"),
      RULES("ads.example ; why", "1 ads.example"),
      RULES("*.ads.example", "3 ads.example"),
      RULES("*.ADS.example. # why", "3 ads.example"),
      RULES(".ads.example", "3 ads.example"),
      RULES("*.zip", "3 zip"),
      RULES("zip", "1 zip"),
      RULES("_dmarc.under_score.example", "1 _dmarc.under_score.example"),
      RULES("-lead.trail-.example", "1 -lead.trail-.example"),
      RULES("123.456.example", "1 123.456.example"),
      RULES("1.2.3.4.example", "1 1.2.3.4.example"),
      RULES("xn--9t4b11yi5a.example", "1 xn--9t4b11yi5a.example"),
      RULES("cafe.example", "1 cafe.example"),
      RULES("0x7f.example", "1 0x7f.example"),
      RULES(LONGEST, "1 " LONGEST),
      RULES(LONGEST ".", "1 " LONGEST),
      BAD(LONGEST "a"),
      BAD(LONGEST ".a"),
      BAD(A63 "a.example"),
      BAD("."),
      BAD("*"),
      BAD("*."),
      BAD(".."),
      BAD("ads..example"),
      BAD("ads.example.."),
      BAD("*.*.example"),
      BAD("*..example"),
      BAD("ads.*.example"),
      BAD("ads*.example"),
      BAD("ads.example other.example"),
      BAD("ads.example! x"),
      BAD("ads.example#x"),
      BAD("ads.example;x"),
      BAD("http://ads.example/"),
      BAD("ads.example:80"),
      BAD("ads.example/path"),
      BAD("1.2.3.4"),
      BAD("256.256.256.256"),
      BAD("1.2.3"),
      BAD("1234"),
      BAD("ads.1"),
      BAD("*.1.2.3.4"),
      BAD("a.111111111111111111111111111111111111111111111111"), /* 48, whose length is a digit */
      BAD("b\xc3\xbc"
          "cher.example"),
      BAD("a\\.b.example"),
      BAD("<html>"),
      RULES("--", "1 --"), /* of what names are made of */
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void adblock_rules_are_of_all_below(void **state)
{
  static const struct line lines[] = {
      RULES("||ads.example^", "3 ads.example"),
      RULES("||ADS.example.^", "3 ads.example"),
      RULES("||ads.example^|", "3 ads.example"),
      RULES("@@||ads.example^", "7 ads.example"),
      RULES("@@||ads.example^|", "7 ads.example"),
      RULES("@@||ads.example^$important", "7 ads.example"),
      RULES("||ads.example^$important", "3 ads.example"),
      RULES("||ads.example^$all", "3 ads.example"),
      RULES("||ads.example^$all,important", "3 ads.example"),
      RULES("||ads.example^|$important", "3 ads.example"),
      RULES("||ads.example^ # why", "3 ads.example"),
      RULES("||zip^", "3 zip"),
      RULES("||" LONGEST "^", "3 " LONGEST),
      BAD("||ads.example"),
      BAD("||ads.example^$third-party"),
      BAD("||ads.example^$important,third-party"),
      BAD("||ads.example^$document"),
      BAD("||ads.example^$badfilter"),
      BAD("||ads.example^$"),
      BAD("||ads.example^$all,"),
      BAD("||ads.example^$all$important"),
      BAD("||ads.example^,all"),
      BAD("||ads.example^^"),
      BAD("||ads.example^x"),
      BAD("||ads.example^path"),
      BAD("||ads.example/path^"),
      BAD("||ads.*^"),
      BAD("||*.ads.example^"),
      BAD("||ads*.example^"),
      BAD("||.ads.example^"),
      BAD("||^"),
      BAD("||.^"),
      BAD("||"),
      BAD("|"),
      BAD("@@||"),
      BAD("@@"),
      BAD("|ads.example^"),
      BAD("@@ads.example"),
      BAD("||1.2.3.4^"),
      BAD("||ads.example:80^"),
      BAD("/ads[0-9]+/"),
      BAD("ads.example##.banner"),
      BAD("ads.example#@#.banner"),
      BAD("[$path=/x]ads.example##.banner"),
      EMPTY("##.banner"),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void dnsmasq_lines_are_of_all_below(void **state)
{
  static const struct line lines[] = {
      RULES("local=/ads.example/", "3 ads.example"),
      RULES("server=/ads.example/", "3 ads.example"),
      RULES("address=/ads.example/", "3 ads.example"),
      RULES("address=/ads.example/#", "3 ads.example"),
      RULES("address=/ads.example/0.0.0.0", "3 ads.example"),
      RULES("address=/ads.example/::", "3 ads.example"),
      RULES("address=/ads.example/127.0.0.1", "3 ads.example"),
      RULES("address=/ads.example/::1", "3 ads.example"),
      RULES("  local=/.ADS.example./ # why", "3 ads.example"),
      RULES("local=/a.example/b.example/c/", "3 a.example, 3 b.example, 3 c"),
      RULES("address=/a.example/b.example/0.0.0.0\r", "3 a.example, 3 b.example"),
      PARTLY("local=/a.example/b*d.example/c.example/", "3 a.example, 3 c.example"),
      PARTLY("local=/a.example//", "3 a.example"),
      PARTLY("local=//a.example/", "3 a.example"),
      PARTLY("address=/1.2.3.4/a.example/", "3 a.example"),
      BAD("address=/ads.example/192.0.2.1"),
      BAD("address=/a.example/b.example/192.0.2.1"),
      BAD("local=/ads.example/192.0.2.1"),
      BAD("server=/ads.example/#"),
      BAD("server=/ads.example/192.0.2.1#53"),
      BAD("server=192.0.2.1"),
      BAD("local=/ads.example"),
      BAD("local=ads.example/"),
      BAD("local=//"),
      BAD("local=/"),
      BAD("local="),
      BAD("local=/ads.example/ x"),
      BAD("local=/ads. example/"),
      BAD("local = /ads.example/"),
      BAD("address=/#/0.0.0.0"),
      BAD("address=/*ads.example/"),
      BAD("ipset=/ads.example/x"),
      BAD("bogus-nxdomain=192.0.2.1"),
      BAD("conf-dir=/etc/dnsmasq.d/"),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void records_of_a_policy_zone_say_which_names(void **state)
{
  static const struct line lines[] = {
      RULES("ads.example CNAME .", "1 ads.example"),
      RULES("*.ads.example CNAME .", "2 ads.example"),
      RULES("ADS.example\tcname\t.\r", "1 ads.example"),
      RULES("ads.example. CNAME .", "1 ads.example"),
      RULES("ads.example IN CNAME .", "1 ads.example"),
      RULES("ads.example 300 CNAME .", "1 ads.example"),
      RULES("ads.example 300 IN CNAME .", "1 ads.example"),
      RULES("ads.example IN 1h30m CNAME .", "1 ads.example"),
      RULES("ads.example CNAME . ; why", "1 ads.example"),
      RULES("ads.example CNAME .;why", "1 ads.example"),
      RULES("ads.example CNAME . # why", "1 ads.example"),
      RULES("ads.example CNAME *.", "1 ads.example"),
      RULES("ads.example CNAME rpz-drop.", "1 ads.example"),
      RULES("ads.example CNAME rpz-passthru.", "5 ads.example"),
      RULES("*.ads.example CNAME RPZ-Passthru.", "6 ads.example"),
      RULES("zip CNAME .", "1 zip"),
      BAD("ads.example CNAME rpz-tcp-only."),
      BAD("ads.example CNAME rpz-passthru"),
      BAD("ads.example CNAME walled.example."),
      BAD("ads.example CNAME"),
      BAD("ads.example CNAME . ."),
      BAD("ads.example IN IN IN CNAME ."),
      BAD("ads.example 3x CNAME ."),
      BAD("ads.example 300"),
      BAD("ads.example A 192.0.2.1"),
      BAD("ads.example TXT x"),
      BAD("@ CNAME ."),
      BAD("* CNAME ."),
      BAD(". CNAME ."),
      BAD("*. CNAME ."),
      BAD(".ads.example CNAME ."),
      BAD(" ads.example CNAME ."), /* that would be the type */
      BAD("  CNAME ."),
      BAD("32.1.2.0.192.rpz-ip CNAME ."),
      BAD("32.1.2.0.192.rpz-client-ip CNAME rpz-drop."),
      BAD("ns.example.rpz-nsdname CNAME ."),
      BAD("123 CNAME ."),
      BAD("$INCLUDE other"),
      BAD("$ORIGIN"),
      BAD("$ORIGIN a..b"),
      BAD("$ORIGIN a.example. x"),
      EMPTY("$TTL 300"),
      EMPTY("$ttl 1h ; x"),
      EMPTY("$ORIGIN rpz.example."),
      EMPTY("$ORIGIN ."),
      EMPTY("@ SOA localhost. root.localhost. 1 43200 3600 259200 300"),
      EMPTY("@ 300 IN SOA localhost. root.localhost. 1 43200 3600 259200 300"),
      EMPTY("  NS localhost."),
      EMPTY("\tIN NS localhost."),
      EMPTY("\tNS;"), /* as little as that is told apart */
      EMPTY("@ IN NS localhost."),
      EMPTY("rpz.example. 300 IN NS localhost."),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void the_zone_is_taken_off_absolute_names(void **state)
{
  (void)state;
  read_text(
      "$ORIGIN RPZ.example.\nads.example CNAME .\nads.example.rpz.Example. CNAME .\n*.x.rpz.example. CNAME "
      ".\n"
      "rpz.example. CNAME .\n*.rpz.example. CNAME .\nother.example. CNAME .\nads.rpz.example CNAME .\n");
  assert_string_equal(rules, "1 ads.example, 1 ads.example, 2 x, 1 other.example, 1 ads.rpz.example");
  assert_int_equal(list.counts.not_understood, 2);
  assert_int_equal(list.counts.empty, 1);
  /* As a transfer shows a zone. */
  read_text("rpz.example. 300 IN SOA ns. root. 1 2 3 4 5\nads.example.rpz.example. 300 IN CNAME .\n"
            "rpz.example. 300 IN SOA ns. root. 1 2 3 4 5\n");
  assert_string_equal(rules, "1 ads.example");
  assert_int_equal(list.counts.empty, 2);
  assert_int_equal(list.counts.not_understood, 0);
}

/* As a server writes a zone: each $ORIGIN is below the one before, or beside it. */
static void an_origin_inside_the_zone_is_part_of_the_names(void **state)
{
  (void)state;
  read_text("$ORIGIN rpz.example.\n$ORIGIN com.rpz.example.\nads CNAME .\n123 CNAME .\n* CNAME .\n@ CNAME "
            "rpz-passthru.\n"
            "$ORIGIN deep\nads CNAME .\n$ORIGIN rpz.example.\nads CNAME .\n@ CNAME .\n$ORIGIN "
            ".\nads.rpz.example. CNAME .\n");
  assert_string_equal(rules, "1 ads.com, 1 123.com, 2 com, 5 com, 1 ads.deep.com, 1 ads, 1 ads.rpz.example");
  assert_int_equal(list.counts.not_understood, 1);
  assert_int_equal(list.counts.first_line, 11);
  read_text("$ORIGIN " A63 "." A63 "." A63 "\n" A63 " CNAME .\na CNAME .\n");
  assert_string_equal(rules, "1 a." A63 "." A63 "." A63);
  assert_int_equal(list.counts.not_understood, 1);
}

static void the_numbers_of_an_soa_record_may_be_on_lines_of_their_own(void **state)
{
  (void)state;
  read_text("@ IN SOA ns. root. ( ; some\n\n ; serial\n 1763805600 ; serial\n  1h\n 2 3\n 4 )\nads.example "
            "CNAME .\n");
  assert_string_equal(rules, "1 ads.example");
  assert_int_equal(list.counts.empty, 7);
  assert_int_equal(list.counts.not_understood, 0);
  read_text("@ IN SOA ns. root. ( 1 2 3 4 5 )\n1763805600\n)\n"); /* closed */
  assert_int_equal(list.counts.not_understood, 2);
  read_text("@ IN SOA ns. root. (\n5)\n6\n");
  assert_int_equal(list.counts.not_understood, 1);
  assert_int_equal(list.counts.first_line, 3);
  read_text("@ IN SOA ns. root. (\nads.example\n7\n"); /* never closed: hides nothing */
  assert_string_equal(rules, "1 ads.example");
  assert_int_equal(list.counts.not_understood, 1);
  assert_int_equal(list.counts.first_line, 3);
  read_text("@ IN SOA ns. root. (\n1 ) x\n");
  assert_int_equal(list.counts.not_understood, 1);
}

static void comments_and_blank_lines_are_empty(void **state)
{
  static const struct line lines[] = {
      EMPTY("\n"),
      EMPTY("\r\n"),
      EMPTY(" \t\v\f\r\n"),
      EMPTY("#"),
      EMPTY("# x"),
      EMPTY("  #ads.example"),
      EMPTY("! Title: x"),
      EMPTY("!ads.example"),
      EMPTY("; x"),
      EMPTY(";ads.example"),
      EMPTY("[Adblock Plus]\r"),
      EMPTY("[Adblock Plus 2.0]"),
      EMPTY(" [x] "),
      EMPTY("#\xff\xfe"),
      BAD("[Adblock"),
      BAD("[x] # y"),
      BAD("Adblock]"),
      BAD("["),
  };
  (void)state;
  ASSERT_LINES(lines);
}

static void formats_may_be_mixed_and_all_is_counted(void **state)
{
  (void)state;
  read_text("# head\n127.0.0.1 localhost\n0.0.0.0 a.example "
            "b.example\r\n\nc.example\n*.d.example\n||e.example^\n@@||f.example^\n"
            "local=/g.example/h.example/\ni.example CNAME .\n||j.example^$third-party\n<html>\n0.0.0.0 "
            "k.example ??");
  assert_string_equal(rules, "1 a.example, 1 b.example, 1 c.example, 3 d.example, 3 e.example, 7 f.example, "
                             "3 g.example, 3 h.example, 1 i.example, 1 k.example");
  assert_int_equal(list.counts.lines, 13);
  assert_int_equal(list.counts.rules, 10);
  assert_int_equal(list.counts.empty, 2);
  assert_int_equal(list.counts.skipped, 1);
  assert_int_equal(list.counts.not_understood, 3);
  assert_int_equal(list.counts.first_line, 11);
  assert_string_equal(list.counts.first_text, "||j.example^$third-party");
}

static void an_empty_file_has_nothing(void **state)
{
  static const struct aiodns_blocklist_counts none;
  (void)state;
  read_text("");
  assert_memory_equal(&list.counts, &none, sizeof none);
  read_text("0.0.0.0 a.example\n? x\n"); /* and nothing is left over from the file before */
  read_text("");
  assert_memory_equal(&list.counts, &none, sizeof none);
}

static void the_first_line_that_is_not_understood_is_kept(void **state)
{
  char text[200];
  (void)state;
  read_text("# x\n \t? y \xff \r\n?? z\n");
  assert_int_equal(list.counts.first_line, 2);
  assert_string_equal(list.counts.first_text, " \t? y \xff ");
  assert_int_equal(list.counts.not_understood, 2);
  for (size_t len = 62; len <= 65; len++) { /* around the room for it */
    memset(text, '?', len);
    text[len] = '\0';
    read_text(text);
    assert_int_equal(strlen(list.counts.first_text), len < 63 ? len : 63);
  }
  read_text("a.example\n");
  assert_int_equal(list.counts.first_line, 0);
}

static void a_byte_order_mark_is_none_of_the_first_line(void **state)
{
  (void)state;
  read_text("\xef\xbb\xbf"
            "0.0.0.0 a.example\nb.example\n");
  assert_string_equal(rules, "1 a.example, 1 b.example");
  read_text("\xef\xbb\xbf");
  assert_int_equal(list.counts.empty, 1);
  read_text("\xef\xbb\xbf\n\xef\xbb\xbf"
            "a.example\n"); /* in front of the first alone */
  assert_int_equal(list.counts.not_understood, 1);
  assert_int_equal(list.counts.first_line, 2);
  read_text("\xef\xbb\xbf? x\n");
  assert_string_equal(list.counts.first_text, "? x");
  read_octets("\xff\xfe"
              "a\0\n\0b\0\n\0",
              10); /* UTF-16 is told, not taken for names of one letter */
  assert_string_equal(rules, "");
  assert_int_equal(list.counts.not_understood, 3);
}

static void a_nul_is_no_white_space(void **state)
{
  static const char zeros[5000];
  (void)state;
  read_octets("a.example\0b\n0.0.0.0 c.example\0 d.example\n||e.example^\0\n\0\n#\0\n", 58);
  assert_string_equal(rules, "1 d.example");
  assert_int_equal(list.counts.not_understood, 4);
  assert_int_equal(list.counts.empty, 1);
  assert_string_equal(list.counts.first_text, "a.example");
  read_octets(zeros, sizeof zeros); /* what a power cut leaves of a file */
  assert_int_equal(list.counts.lines, 1);
  assert_int_equal(list.counts.not_understood, 1);
}

/* Nothing depends on where a buffer ends. */
static void lines_are_whole_wherever_a_buffer_ends(void **state)
{
  static const char *const lines[] = {"0.0.0.0 one.example two.example # c\n",
                                      "*.three.example\r\n",
                                      "||four.example^$all\n",
                                      "local=/five.example/six.example/\n",
                                      "x CNAME .\n",
                                      "fe80::1%lo0 localhost\n",
                                      "[x]\n",
                                      "@@||seven.example^|"};
  static char text[AIODNS_LINES_BUFFER + 400];
  (void)state;
  for (size_t fill = AIODNS_LINES_BUFFER - 220; fill < AIODNS_LINES_BUFFER + 20; fill++) {
    size_t len = fill;
    memset(text, '#', fill);
    for (size_t at = 99; at < fill; at += 100)
      text[at] = '\n';
    text[len - 1] = '\n';
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
      len += (size_t)sprintf(text + len, "%s", lines[i]);
    read_octets(text, len);
    assert_string_equal(
        rules,
        "1 one.example, 1 two.example, 3 three.example, 3 four.example, 3 five.example, 3 six.example, "
        "1 x, 7 seven.example");
    assert_int_equal(list.counts.not_understood, 0);
    assert_int_equal(list.counts.skipped, 1);
  }
}

/* A line of any length with `what` in front, behind and between filling: each is one line, and the next is
 * the next. */
static void lines_of_any_length_end_where_they_end(void **state)
{
  static char text[3 * AIODNS_LINES_BUFFER + 100];
  (void)state;
  for (size_t len = 1; len<2 * AIODNS_LINES_BUFFER + 3; len += len> 2030 && len < 2070 ? 1 : 101) {
    for (int comment = 0; comment < 2; comment++) {
      memset(text, comment ? '#' : 'x', len);
      strcpy(text + len, "\nlast.example");
      read_text(text);
      assert_int_equal(list.counts.lines, 2);
      assert_int_equal(list.counts.empty, comment);
      assert_int_equal(list.counts.not_understood, !comment && len > AIODNS_LABEL_MAX);
      assert_non_null(strstr(rules, "1 last.example"));
    }
  }
}

static void one_line_of_hosts_may_have_any_number_of_names(void **state)
{
  static char text[60000], expected[60000];
  (void)state;
  for (unsigned pad = 0; pad < 40; pad++) {
    size_t len = (size_t)sprintf(text, "%*s0.0.0.0", (int)pad, ""), out = 0;
    for (unsigned i = 0; i < 1500; i++) {
      len += (size_t)sprintf(text + len, " host%u.example", i);
      out += (size_t)sprintf(expected + out, "%s1 host%u.example", i ? ", " : "", i);
    }
    sprintf(text + len, "%s\nlast.example\n", pad % 2 ? "" : " #c");
    sprintf(expected + out, ", 1 last.example");
    read_text(text);
    assert_string_equal(rules, expected);
    assert_int_equal(list.counts.lines, 2);
    assert_int_equal(list.counts.not_understood, 0);
  }
}

static void a_long_line_of_hosts_keeps_its_beginning_for_who_asks(void **state)
{
  static char text[3 * AIODNS_LINES_BUFFER];
  (void)state;
  for (size_t blanks = 1; blanks < 2 * AIODNS_LINES_BUFFER; blanks += 67) {
    sprintf(text, "a.example\n0.0.0.0 b.example%*s?? c.example\n? d\n", (int)blanks, "");
    read_text(text);
    assert_string_equal(rules, "1 a.example, 1 b.example, 1 c.example");
    assert_int_equal(list.counts.first_line, 2);
    assert_int_equal(strncmp(list.counts.first_text, "0.0.0.0 b.example ", 18), 0);
    assert_int_equal(list.counts.not_understood, 2);
  }
}

static void an_endless_word_is_no_name_and_ends_at_white_space(void **state)
{
  static char text[4 * AIODNS_LINES_BUFFER];
  (void)state;
  for (size_t len = 250; len < 3 * AIODNS_LINES_BUFFER; len += 83) {
    size_t at = (size_t)sprintf(text, "0.0.0.0 a.example ");
    memset(text + at, 'x', len);
    strcpy(text + at + len, " b.example#\nc.example");
    read_text(text);
    assert_string_equal(rules, "1 a.example, 1 b.example, 1 c.example");
    assert_int_equal(list.counts.lines, 2);
    assert_int_equal(list.counts.not_understood, 1);
  }
}

/* Any octets: what comes is a rule, and each line is counted once. */
static void any_octets_are_read_to_their_end(void **state)
{
  static const char pieces[][16] = {"0.0.0.0 ", "a", ".",        "\n", "\n", "example",  "||", "^",
                                    "local=/",  "/", " CNAME .", "*.", "#",  "$ORIGIN ", " ",  "\xef"};
  static char text[6000];
  (void)state;
  for (int round = 0; round < 2000; round++) {
    size_t len = 0, newlines = 0;
    for (uint32_t i = unit_random(400); i > 0; i--) {
      const char *piece = pieces[unit_random(16)];
      len += (size_t)sprintf(text + len, "%s", piece);
      if (unit_random(8) == 0)
        text[len++] = (char)unit_random(256);
    }
    for (size_t i = 0; i < len; i++)
      newlines += text[i] == '\n';
    read_octets(text, len);
    assert_int_equal(list.counts.lines, newlines + (len > 0 && text[len - 1] != '\n'));
    assert_true(list.counts.empty + list.counts.not_understood <= list.counts.lines);
    assert_true(list.counts.lines - list.counts.empty - list.counts.not_understood <=
                list.counts.rules + list.counts.skipped);
  }
}

static void what_cannot_be_read_is_told(void **state)
{
  (void)state;
  assert_false(aiodns_blocklist_open(&list, "/nonexistent/list"));
  if (aiodns_blocklist_open(&list, "/")) {
    assert_false(aiodns_blocklist_next(&list, &rule));
    assert_true(list.lines.failed);
    assert_false(aiodns_blocklist_next(&list, &rule));
    aiodns_blocklist_close(&list);
  }
}

static void a_fifo_does_not_make_us_wait(void **state)
{
  char folder[] = "/tmp/unit-blocklist-XXXXXX", fifo[64];
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(fifo, sizeof fifo, "%s/fifo", folder);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  if (aiodns_blocklist_open(&list, fifo)) {
    assert_false(aiodns_blocklist_next(&list, &rule));
    aiodns_blocklist_close(&list);
  }
  unlink(fifo);
  rmdir(folder);
}

/* What comes in pieces is read on: half a name at the end of a piece is none. */
static void a_pipe_is_read_up_to_what_is_there(void **state)
{
  char path[64];
  int ends[2];
  (void)state;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "a.example\nb.exam", 16), 16);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  assert_true(aiodns_blocklist_open(&list, path));
  rules[0] = '\0';
  while (aiodns_blocklist_next(&list, &rule))
    add_rule();
  assert_true(list.lines.failed); /* its writer is still there */
  assert_int_equal(strcmp(rules, "1 a.example") == 0 || rules[0] == '\0', 1);
  aiodns_blocklist_close(&list);
  close(ends[0]);
  close(ends[1]);
}

static void a_device_ends(void **state)
{
  (void)state;
  if (!aiodns_blocklist_open(&list, "/dev/zero"))
    skip();
  assert_false(aiodns_blocklist_next(&list, &rule));
  assert_true(list.lines.failed);
  assert_int_equal(list.counts.lines, 1);
  assert_int_equal(list.counts.not_understood, 1);
  aiodns_blocklist_close(&list);
}

#define TEST(name) cmocka_unit_test_teardown(name, finish)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(hosts_lines_block_the_names_themselves),
      TEST(other_addresses_block_nothing),
      TEST(boilerplate_is_passed_over),
      TEST(a_name_alone_is_itself_and_a_wildcard_all_below),
      TEST(adblock_rules_are_of_all_below),
      TEST(dnsmasq_lines_are_of_all_below),
      TEST(records_of_a_policy_zone_say_which_names),
      TEST(the_zone_is_taken_off_absolute_names),
      TEST(an_origin_inside_the_zone_is_part_of_the_names),
      TEST(the_numbers_of_an_soa_record_may_be_on_lines_of_their_own),
      TEST(comments_and_blank_lines_are_empty),
      TEST(formats_may_be_mixed_and_all_is_counted),
      TEST(an_empty_file_has_nothing),
      TEST(the_first_line_that_is_not_understood_is_kept),
      TEST(a_byte_order_mark_is_none_of_the_first_line),
      TEST(a_nul_is_no_white_space),
      TEST(lines_are_whole_wherever_a_buffer_ends),
      TEST(lines_of_any_length_end_where_they_end),
      TEST(one_line_of_hosts_may_have_any_number_of_names),
      TEST(a_long_line_of_hosts_keeps_its_beginning_for_who_asks),
      TEST(an_endless_word_is_no_name_and_ends_at_white_space),
      TEST(any_octets_are_read_to_their_end),
      TEST(what_cannot_be_read_is_told),
      TEST(a_fifo_does_not_make_us_wait),
      TEST(a_pipe_is_read_up_to_what_is_there),
      TEST(a_device_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
