#include "unit.h"

#include "search.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef RES_NOTLDQUERY
#define RES_NOTLDQUERY 0x01000000
#endif

enum {
  ASKED_MAX = 300,
  LIST_MAX = MAXDNSRCH,
};

/* What is searched, and by which rules. */
struct query {
  const char *name;
  unsigned ndots;
  unsigned options; /* of RES_DEFNAMES, RES_DNSRCH, RES_NOTLDQUERY */
  const char *list[LIST_MAX + 1];
};

/* Which names were asked, each with a last dot and a space behind it, and how it ended. */
struct course {
  char asked[8192];
  enum aiodns_outcome verdict;
};

/* How the candidate of this name (in text, without a last dot) that comes `nth` ends. */
typedef struct aiodns_verdict outcome_fn(const char *candidate, unsigned nth, const void *context);

static void add_asked(struct course *course, const char *name)
{
  size_t len = strlen(course->asked);
  snprintf(course->asked + len, sizeof course->asked - len, "%s%s ", name, strcmp(name, ".") ? "." : "");
}

/* The code under test. */
static void run(const struct query *query, aiodns_search_more *more, void *source, bool as_is,
                outcome_fn *outcome, const void *context, struct course *ret)
{
  struct aiodns_conf conf = {
      .ndots = (uint8_t)query->ndots,
      .search = query->list,
      .search_single = query->options & RES_DEFNAMES,
      .search_dotted = query->options & RES_DNSRCH,
      .no_tld_query = query->options & RES_NOTLDQUERY,
  };
  struct aiodns_search search;
  struct aiodns_name name, candidate;

  while (query->list[conf.search_count])
    conf.search_count++;
  assert_true(aiodns_name_from_text(&name, query->name));
  aiodns_search_init(&search, &conf, more, source, query->name, &name, as_is);
  ret->asked[0] = '\0';
  for (unsigned nth = 0; aiodns_search_next(&search, &candidate); nth++) {
    char text[AIODNS_NAME_TEXT_MAX];
    assert_true(nth < ASKED_MAX);
    aiodns_name_to_text(&candidate, text);
    add_asked(ret, text);
    struct aiodns_verdict verdict = outcome(text, nth, context);
    if (verdict.outcome == AIODNS_ANSWER) {
      ret->verdict = AIODNS_ANSWER;
      return;
    }
    aiodns_search_report(&search, verdict);
  }
  ret->verdict = aiodns_search_verdict(&search);
}

/* An answer, an alias without data, or nobody to ask. */
static bool ends_all(struct aiodns_verdict verdict)
{
  return verdict.outcome == AIODNS_ANSWER || verdict.aliased ||
         (verdict.outcome == AIODNS_FAILED && verdict.failure == AIODNS_FAILURE_UNREACHABLE && !verdict.half);
}

/* res_search(3) and resolv.conf(5), written down a second time. */
static void reference(const struct query *query, outcome_fn *outcome, const void *context, struct course *ret)
{
  unsigned dots = 0, nth = 0;
  bool absolute = query->name[strlen(query->name) - 1] == '.';
  bool as_is_tried = false, root_listed = false, searched = false, got_no_data = false, got_servfail = false;
  struct aiodns_verdict first = {.outcome = AIODNS_PENDING}, last = {.outcome = AIODNS_NO_NAME};
  char given[256], candidate[600];

  for (const char *p = query->name; *p; p++)
    dots += *p == '.';
  snprintf(given, sizeof given, "%s", query->name);
  if (absolute && given[1])
    given[strlen(given) - 1] = '\0';
  ret->asked[0] = '\0';

  if (dots >= query->ndots || absolute) {
    add_asked(ret, given);
    first = last = outcome(given, nth++, context);
    as_is_tried = true;
    ret->verdict = first.outcome;
    /* libresolv asks the list as well, to no other end than this: no server is reachable then either. */
    if (ends_all(first) || absolute)
      return;
  }
  if (dots ? query->options & RES_DNSRCH : query->options & RES_DEFNAMES) {
    for (unsigned i = 0; query->list[i]; i++) {
      const char *domain = query->list[i];
      searched = true;
      domain += *domain == '.';
      if (*domain)
        snprintf(candidate, sizeof candidate, "%s.%s", given, domain);
      else
        snprintf(candidate, sizeof candidate, "%s", given);
      if (candidate[strlen(candidate) - 1] == '.')
        candidate[strlen(candidate) - 1] = '\0';
      root_listed |= *domain == '\0';
      add_asked(ret, candidate);
      last = outcome(candidate, nth++, context);
      ret->verdict = last.outcome;
      if (ends_all(last))
        return;
      got_no_data |= last.outcome == AIODNS_NO_DATA;
      if (last.outcome == AIODNS_FAILED && (last.failure == AIODNS_FAILURE_SERVFAIL || last.half))
        got_servfail = true;
      else if (last.outcome == AIODNS_FAILED)
        break;
      if (!(query->options & RES_DNSRCH))
        break;
    }
  }
  if ((dots || !searched || !(query->options & RES_NOTLDQUERY)) && !as_is_tried && !root_listed) {
    add_asked(ret, given);
    last = outcome(given, nth++, context);
    ret->verdict = last.outcome;
    if (ends_all(last))
      return;
  }
  ret->verdict = first.outcome != AIODNS_PENDING ? first.outcome
                 : got_no_data                   ? AIODNS_NO_DATA
                 : got_servfail                  ? AIODNS_FAILED
                                                 : last.outcome;
}

/*
 * Outcomes by letter: N NXDOMAIN, D no data, C no data behind a CNAME, S SERVFAIL, T silence, U nobody
 * reachable, H nobody reachable for one family and no data for the other, F a failure behind a CNAME, A
 * answer.
 */
static struct aiodns_verdict by_letter(char letter)
{
  switch (letter) {
  case 'N':
    return (struct aiodns_verdict){.outcome = AIODNS_NO_NAME};
  case 'D':
    return (struct aiodns_verdict){.outcome = AIODNS_NO_DATA};
  case 'C':
    return (struct aiodns_verdict){.outcome = AIODNS_NO_DATA, .aliased = true};
  case 'H':
    return (struct aiodns_verdict){
        .outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_UNREACHABLE, .half = true};
  case 'F':
    return (struct aiodns_verdict){
        .outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_SERVFAIL, .half = true, .aliased = true};
  case 'S':
    return (struct aiodns_verdict){.outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_SERVFAIL};
  case 'T':
    return (struct aiodns_verdict){.outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_SILENT};
  case 'U':
    return (struct aiodns_verdict){.outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_UNREACHABLE};
  case 'A':
    return (struct aiodns_verdict){.outcome = AIODNS_ANSWER};
  case 'L':
    return (struct aiodns_verdict){.outcome = AIODNS_LOCAL};
  case 'X':
    return (struct aiodns_verdict){.outcome = AIODNS_UNUSABLE};
  default:
    fail_msg("no outcome: %c", letter);
    return (struct aiodns_verdict){.outcome = AIODNS_PENDING};
  }
}

/* The nth candidate has the nth letter; asking more often than there are letters fails the test. */
static struct aiodns_verdict in_turn(const char *candidate, unsigned nth, const void *context)
{
  const char *letters = context;
  if (nth >= strlen(letters))
    fail_msg("asked beyond the end: %s", candidate);
  return by_letter(letters[nth]);
}

enum { USUAL = RES_DEFNAMES | RES_DNSRCH };

static const struct row {
  const char *outcomes;
  const char *asked;
  enum aiodns_outcome verdict;
  struct query query;
} rows[] = {
    /* No dot, ndots 1: the list, then the name as it is. */
    {"A", "h.a. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"NA", "h.a. h.b. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"NNA", "h.a. h.b. h. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"NNN", "h.a. h.b. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a", "b"}}},
    {"N", "h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {NULL}}},
    {"NNNNNNN",
     "h.a. h.b. h.c. h.d. h.e. h.f. h. ",
     AIODNS_NO_NAME,
     {"h", 1, USUAL, {"a", "b", "c", "d", "e", "f"}}},
    /* No data, and errors, in the list. */
    {"DA", "h.a. h.b. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"DNN", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"NDN", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"NND", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"SA", "h.a. h.b. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"SNN", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"NSN", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"NNS", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"SDN", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"DSN", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"DNS", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"SND", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    /* An alias is an answer, if an empty one; half an answer is none that ends anything. */
    {"C", "h.a. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"NC", "h.a. h.b. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"NC", "h.x. h.x.a. ", AIODNS_NO_DATA, {"h.x", 1, USUAL, {"a", "b"}}},
    {"SC", "h.a. h.b. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"NF", "h.a. h.b. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"NF", "h.x. h.x.a. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    {"HA", "h.a. h.b. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"HNN", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"HNN", "h.x. h.x.a. h.x.b. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    /* Silence ends the list, but not the name as it is; nobody reachable ends all. */
    {"TA", "h.a. h. ", AIODNS_ANSWER, {"h", 1, USUAL, {"a", "b"}}},
    {"TN", "h.a. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a", "b"}}},
    {"NTN", "h.a. h.b. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a", "b", "c"}}},
    {"DTN", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b", "c"}}},
    {"STN", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b", "c"}}},
    {"TT", "h.a. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"DNT", "h.a. h.b. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "b"}}},
    {"U", "h.a. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"DU", "h.a. h.b. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    {"DNU", "h.a. h.b. h. ", AIODNS_FAILED, {"h", 1, USUAL, {"a", "b"}}},
    /* A dot, or as many as ndots: as it is first, and that verdict counts. */
    {"A", "h.x. ", AIODNS_ANSWER, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NA", "h.x. h.x.a. ", AIODNS_ANSWER, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NNN", "h.x. h.x.a. h.x.b. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NDN", "h.x. h.x.a. h.x.b. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {"a", "b"}}},
    {"DNN", "h.x. h.x.a. h.x.b. ", AIODNS_NO_DATA, {"h.x", 1, USUAL, {"a", "b"}}},
    {"SNN", "h.x. h.x.a. h.x.b. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NSD", "h.x. h.x.a. h.x.b. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {"a", "b"}}},
    {"TNA", "h.x. h.x.a. h.x.b. ", AIODNS_ANSWER, {"h.x", 1, USUAL, {"a", "b"}}},
    {"TNN", "h.x. h.x.a. h.x.b. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NT", "h.x. h.x.a. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {"a", "b"}}},
    {"U", "h.x. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    {"NU", "h.x. h.x.a. ", AIODNS_FAILED, {"h.x", 1, USUAL, {"a", "b"}}},
    {"N", "h.x. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {NULL}}},
    {"NN", "h. h.a. ", AIODNS_NO_NAME, {"h", 0, USUAL, {"a"}}},
    {"DN", "h. h.a. ", AIODNS_NO_DATA, {"h", 0, USUAL, {"a"}}},
    {"NN", "h.x.a. h.x. ", AIODNS_NO_NAME, {"h.x", 2, USUAL, {"a"}}},
    {"NN", "h.x.y. h.x.y.a. ", AIODNS_NO_NAME, {"h.x.y", 2, USUAL, {"a"}}},
    {"NN", "h.x.y.z.a. h.x.y.z. ", AIODNS_NO_NAME, {"h.x.y.z", 15, USUAL, {"a"}}},
    /* A last dot: as it is, and nothing else. */
    {"N", "h. ", AIODNS_NO_NAME, {"h.", 1, USUAL, {"a", "b"}}},
    {"D", "h.x. ", AIODNS_NO_DATA, {"h.x.", 5, USUAL, {"a", "b"}}},
    {"S", "h. ", AIODNS_FAILED, {"h.", 5, USUAL, {"a"}}},
    {"T", "h. ", AIODNS_FAILED, {"h.", 1, USUAL, {"a"}}},
    {"A", "h. ", AIODNS_ANSWER, {"h.", 1, USUAL, {"a"}}},
    {"N", ". ", AIODNS_NO_NAME, {".", 1, USUAL, {"a"}}},
    /* The root in the list is the name as it is, and not asked a second time. */
    {"NN", "h. h.a. ", AIODNS_NO_NAME, {"h", 1, USUAL, {".", "a"}}},
    {"NN", "h.a. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a", "."}}},
    {"DN", "h.a. h. ", AIODNS_NO_DATA, {"h", 1, USUAL, {"a", "."}}},
    {"TN", "h.a. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a", "."}}},
    {"NNN", "h.x. h.x. h.x.a. ", AIODNS_NO_NAME, {"h.x", 1, USUAL, {".", "a"}}},
    /* Dots around a domain of the list change nothing. */
    {"NN", "h.a. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {"a."}}},
    {"NN", "h.a.b. h. ", AIODNS_NO_NAME, {"h", 1, USUAL, {".a.b"}}},
    /* RES_DEFNAMES and RES_DNSRCH. */
    {"N", "h. ", AIODNS_NO_NAME, {"h", 1, 0, {"a", "b"}}},
    {"N", "h. ", AIODNS_NO_NAME, {"h", 1, RES_DNSRCH, {"a", "b"}}},
    {"NN", "h.a. h. ", AIODNS_NO_NAME, {"h", 1, RES_DEFNAMES, {"a", "b"}}},
    {"DN", "h.a. h. ", AIODNS_NO_DATA, {"h", 1, RES_DEFNAMES, {"a", "b"}}},
    {"N", "h.x. ", AIODNS_NO_NAME, {"h.x", 1, RES_DEFNAMES, {"a", "b"}}},
    {"N", "h.x. ", AIODNS_NO_NAME, {"h.x", 2, RES_DEFNAMES, {"a", "b"}}},
    {"NNN", "h.x. h.x.a. h.x.b. ", AIODNS_NO_NAME, {"h.x", 1, RES_DNSRCH, {"a", "b"}}},
    /* no-tld-query: a name without a dot that was searched is not asked as it is. */
    {"NN", "h.a. h.b. ", AIODNS_NO_NAME, {"h", 1, USUAL | RES_NOTLDQUERY, {"a", "b"}}},
    {"NN", "h.x.a. h.x. ", AIODNS_NO_NAME, {"h.x", 2, USUAL | RES_NOTLDQUERY, {"a"}}},
    {"N", "h. ", AIODNS_NO_NAME, {"h", 1, USUAL | RES_NOTLDQUERY, {NULL}}},
    {"N", "h. ", AIODNS_NO_NAME, {"h", 1, RES_NOTLDQUERY, {"a"}}},
    {"T", "h.a. ", AIODNS_FAILED, {"h", 1, USUAL | RES_NOTLDQUERY, {"a", "b"}}},
    {"N", "h. ", AIODNS_NO_NAME, {"h.", 1, USUAL | RES_NOTLDQUERY, {"a"}}},
    {"NN", "h. h.a. ", AIODNS_NO_NAME, {"h", 0, USUAL | RES_NOTLDQUERY, {"a"}}},
};

static void names_are_asked_in_the_order_of_the_table(void **state)
{
  unsigned wrong = 0;
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct row *row = &rows[i];
    struct course course;
    run(&row->query, NULL, NULL, false, in_turn, row->outcomes, &course);
    if (strcmp(course.asked, row->asked) == 0 && course.verdict == row->verdict)
      continue;
    print_error("row %zu, %s, %s: asked %sand not %s, verdict %d, not %d\n", i, row->query.name,
                row->outcomes, course.asked, row->asked, course.verdict, row->verdict);
    wrong++;
  }
  assert_int_equal(wrong, 0);
}

static void the_reference_agrees_with_the_table(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct course course;
    reference(&rows[i].query, in_turn, rows[i].outcomes, &course);
    assert_string_equal(course.asked, rows[i].asked);
    assert_int_equal(course.verdict, rows[i].verdict);
  }
}

/* The same name ends the same way each time it is asked, as with real servers. */
struct dice {
  uint32_t seed;
  const char *letters;
};

static char letter_of(const struct dice *dice, const char *candidate)
{
  uint32_t hash = dice->seed;
  for (; *candidate; candidate++)
    hash = (hash ^ (uint8_t)*candidate) * 16777619;
  return dice->letters[(hash >> 12) % strlen(dice->letters)];
}

static struct aiodns_verdict by_name(const char *candidate, unsigned nth, const void *context)
{
  (void)nth;
  return by_letter(letter_of(context, candidate));
}

static void random_query(struct query *query, struct dice *dice, const char *letters)
{
  static const char *const names[] = {"h", "h.", "h.x", "h.x.", "h.x.y", "h.x.y.z", "long-name.x"};
  static const char *const domains[] = {"a",          "b", "corp.test",   "dot.test.",
                                        ".lead.test", ".", "deep.er.test"};
  static const unsigned options[] = {RES_DEFNAMES, RES_DNSRCH, RES_NOTLDQUERY};
  unsigned count = unit_random(LIST_MAX + 1);
  memset(query, 0, sizeof *query);
  query->name = names[unit_random(sizeof names / sizeof *names)];
  query->ndots = unit_random(4);
  query->options = USUAL;
  for (size_t i = 0; i < 3; i++)
    if (unit_random(4) == 0)
      query->options ^= options[i];
  for (unsigned i = 0; i < count; i++)
    query->list[i] = domains[unit_random(sizeof domains / sizeof *domains)];
  *dice = (struct dice){.seed = unit_random(UINT32_MAX), .letters = letters};
}

static void assert_same_course(const struct query *query, const struct course *a, const struct course *b)
{
  if (strcmp(a->asked, b->asked) == 0 && a->verdict == b->verdict)
    return;
  print_error("%s, ndots %u, options %#x, list:", query->name, query->ndots, query->options);
  for (unsigned i = 0; query->list[i]; i++)
    print_error(" %s", query->list[i]);
  fail_msg("\nasked %s verdict %d\n  not %s verdict %d", a->asked, a->verdict, b->asked, b->verdict);
}

static void random_searches_go_as_the_reference_says(void **state)
{
  (void)state;
  for (int i = 0; i < 100000; i++) {
    struct query query;
    struct dice dice;
    struct course ours, expected;
    random_query(&query, &dice, i % 3 ? "NNNNDDSSTUA" : "NNDS");
    run(&query, NULL, NULL, false, by_name, &dice, &ours);
    reference(&query, by_name, &dice, &expected);
    assert_same_course(&query, &ours, &expected);
  }
}

/* A name server on loopback that answers as the dice fall, and keeps a list of the names. */
struct server {
  int fd;
  struct sockaddr_in address;
  pthread_mutex_t lock;
  struct dice dice;
  struct course course;
};

static void *serve(void *argument)
{
  struct server *server = argument;
  for (;;) {
    uint8_t msg[512 + 16];
    char name[NS_MAXDNAME];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(server->fd, msg, 512, 0, (struct sockaddr *)&from, &from_len);
    if (len < 12)
      return NULL; /* the test says that it is over */
    int name_len = dn_expand(msg, msg + len, msg + 12, name, sizeof name);
    if (name_len < 0)
      return NULL;
    len = 12 + name_len + 4;
    pthread_mutex_lock(&server->lock);
    add_asked(&server->course, *name ? name : ".");
    char letter = letter_of(&server->dice, *name ? name : ".");
    pthread_mutex_unlock(&server->lock);
    msg[2] |= 0x80;
    msg[3] = (uint8_t)(0x80 | (letter == 'N' ? 3 : letter == 'S' ? 2 : 0));
    memset(msg + 6, 0, 6);
    if (letter == 'A') {
      msg[7] = 1;
      memcpy(msg + len, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1", 16);
      len += 16;
    }
    sendto(server->fd, msg, (size_t)len, 0, (struct sockaddr *)&from, from_len);
  }
}

static void search_by_libresolv(struct __res_state *resolver, const struct query *query, struct course *ret)
{
  unsigned char answer[1024];
  char list[LIST_MAX][64];
  resolver->ndots = query->ndots & 15;
  resolver->options &= ~(unsigned long)(USUAL | RES_NOTLDQUERY);
  resolver->options |= query->options;
  memset(resolver->dnsrch, 0, sizeof resolver->dnsrch);
  for (unsigned i = 0; query->list[i]; i++) {
    snprintf(list[i], sizeof list[i], "%s", query->list[i]);
    resolver->dnsrch[i] = list[i];
  }
  if (res_nsearch(resolver, query->name, ns_c_in, ns_t_a, answer, sizeof answer) > 0)
    ret->verdict = AIODNS_ANSWER;
  else
    ret->verdict = resolver->res_h_errno == HOST_NOT_FOUND ? AIODNS_NO_NAME
                   : resolver->res_h_errno == NO_DATA      ? AIODNS_NO_DATA
                   : resolver->res_h_errno == TRY_AGAIN    ? AIODNS_FAILED
                                                           : AIODNS_PENDING;
  memset(resolver->dnsrch, 0, sizeof resolver->dnsrch);
}

static void random_searches_go_as_libresolv_goes(void **state)
{
  struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};
  struct __res_state resolver = {0};
  socklen_t len = sizeof server.address;
  pthread_t thread;
  (void)state;

  server.address.sin_family = AF_INET;
  server.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&server.address, len) ||
      getsockname(server.fd, (struct sockaddr *)&server.address, &len)) {
    print_message("no loopback here\n");
    skip();
  }
  assert_int_equal(res_ninit(&resolver), 0);
  resolver.nscount = 1;
  resolver.nsaddr_list[0] = server.address;
  resolver.retry = 1;
  resolver.retrans = 30; /* nothing is lost, and a slow machine asks nothing twice */
  resolver.options = RES_INIT | RES_RECURSE | RES_NOALIASES;
  assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);

  for (int i = 0; i < 3000; i++) {
    struct query query;
    struct dice dice;
    struct course ours, theirs, expected;
    random_query(&query, &dice, i % 2 ? "NNNNDDSA" : "NNDS");
    pthread_mutex_lock(&server.lock);
    server.dice = dice;
    server.course.asked[0] = '\0';
    pthread_mutex_unlock(&server.lock);
    search_by_libresolv(&resolver, &query, &theirs);
    pthread_mutex_lock(&server.lock);
    strcpy(theirs.asked, server.course.asked);
    pthread_mutex_unlock(&server.lock);
    reference(&query, by_name, &dice, &expected);
    assert_same_course(&query, &expected, &theirs); /* else all the other tests here prove nothing */
    run(&query, NULL, NULL, false, by_name, &dice, &ours);
    assert_same_course(&query, &ours, &theirs);
  }
  assert_int_equal(sendto(server.fd, "", 0, 0, (struct sockaddr *)&server.address, len), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  res_nclose(&resolver);
  close(server.fd);
}

static void dots_are_counted_in_the_text_as_the_program_gave_it(void **state)
{
  static const struct query query = {"h\\.x", 1, USUAL, {"a"}};
  struct course course;
  (void)state;
  run(&query, NULL, NULL, false, in_turn, "NN", &course);
  assert_string_equal(course.asked, "h\\.x. h\\.x.a. ");
}

static void as_is_goes_through_no_list(void **state)
{
  static const struct query query = {"h", 1, USUAL, {"a", "b"}};
  struct course course;
  (void)state;
  run(&query, NULL, NULL, true, in_turn, "D", &course);
  assert_string_equal(course.asked, "h. ");
  assert_int_equal(course.verdict, AIODNS_NO_DATA);
}

static void what_this_process_lacks_ends_the_search(void **state)
{
  static const struct query query = {"h", 1, USUAL, {"a", "b", "c"}};
  struct course course;
  (void)state;
  run(&query, NULL, NULL, false, in_turn, "DL", &course);
  assert_string_equal(course.asked, "h.a. h.b. ");
  assert_int_equal(course.verdict, AIODNS_LOCAL);
  run(&query, NULL, NULL, false, in_turn, "X", &course);
  assert_string_equal(course.asked, "h.a. ");
  assert_int_equal(course.verdict, AIODNS_UNUSABLE);
}

/* A longer list than _res shows: entries `shown` to `whole` - 1 are d<index>. */
struct longer {
  unsigned shown, whole, calls;
};

static bool more(void *source, const struct aiodns_conf *conf, unsigned index, char *buf)
{
  struct longer *longer = source;
  longer->calls++;
  assert_int_equal(conf->search_count, longer->shown);
  assert_true(index >= longer->shown);
  if (index >= longer->whole)
    return false;
  snprintf(buf, AIODNS_NAME_TEXT_MAX, "d%u", index);
  return true;
}

static void the_rest_of_a_long_list_follows_what_res_shows(void **state)
{
  static const struct query query = {"h", 1, USUAL, {"a", "b"}};
  struct longer longer = {.shown = 2, .whole = 4};
  struct course course;
  (void)state;
  run(&query, more, &longer, false, in_turn, "NDNNN", &course);
  assert_string_equal(course.asked, "h.a. h.b. h.d2. h.d3. h. ");
  assert_int_equal(course.verdict, AIODNS_NO_DATA);
}

static void the_rest_is_not_looked_for_before_it_is_needed(void **state)
{
  static const struct query query = {"h", 1, USUAL, {"a", "b"}}, absolute = {"h.", 1, USUAL, {"a", "b"}},
                            first = {"h", 1, RES_DEFNAMES, {"a", "b"}}, none = {"h", 1, 0, {"a", "b"}};
  struct longer longer = {.shown = 2, .whole = 4};
  struct course course;
  (void)state;
  run(&query, more, &longer, false, in_turn, "NA", &course);
  run(&query, more, &longer, false, in_turn, "NTN", &course);
  run(&query, more, &longer, false, in_turn, "U", &course);
  run(&absolute, more, &longer, false, in_turn, "N", &course);
  run(&first, more, &longer, false, in_turn, "NN", &course);
  run(&none, more, &longer, false, in_turn, "N", &course);
  assert_int_equal(longer.calls, 0);
}

static struct aiodns_verdict never(const char *candidate, unsigned nth, const void *context)
{
  (void)candidate;
  (void)nth;
  (void)context;
  return by_letter('N');
}

static void a_list_without_end_ends(void **state)
{
  static const struct query query = {"h", 1, USUAL, {"a"}};
  struct longer longer = {.shown = 1, .whole = UINT32_MAX};
  struct course course;
  (void)state;
  run(&query, more, &longer, false, never, NULL, &course);
  assert_int_equal(course.verdict, AIODNS_NO_NAME);
  size_t len = strlen(course.asked);
  assert_string_equal(course.asked + len - 4, " h. "); /* the name as it is, still */
}

#define LABEL "0123456789012345678901234567890123456789012345678"
#define LONG  LABEL "." LABEL "." LABEL "." LABEL /* 199 */

static void candidates_that_are_no_names_are_passed_over(void **state)
{
  static const struct query too_long = {LONG, 5, USUAL, {LABEL "." LABEL, "a", LABEL "." LABEL}},
                            malformed = {"h", 1, USUAL, {"a..b", "c"}}, alone = {"h", 1, USUAL, {"a..b"}};
  struct course course;
  (void)state;
  run(&too_long, NULL, NULL, false, in_turn, "NN", &course);
  assert_string_equal(course.asked, LONG ".a. " LONG ". ");
  assert_int_equal(course.verdict, AIODNS_NO_NAME);
  run(&malformed, NULL, NULL, false, in_turn, "NN", &course);
  assert_string_equal(course.asked, "h.c. h. ");
  run(&alone, NULL, NULL, false, in_turn, "D", &course);
  assert_string_equal(course.asked, "h. ");
  assert_int_equal(course.verdict, AIODNS_NO_DATA);
}

static void without_res_dnsrch_the_first_domain_is_the_only_one_even_if_it_is_none(void **state)
{
  static const struct query malformed = {"h", 1, RES_DEFNAMES, {"a..b", "c"}},
                            too_long = {LABEL, 1, RES_DEFNAMES, {LONG ".example", "c"}};
  struct course course;
  (void)state;
  run(&too_long, NULL, NULL, false, in_turn, "N", &course);
  assert_string_equal(course.asked, LABEL ". ");
  run(&malformed, NULL, NULL, false, in_turn, "N", &course);
  assert_string_equal(course.asked, "h. ");
}

static void nothing_asked_is_no_such_name(void **state)
{
  static const struct query query = {"h", 1, USUAL | RES_NOTLDQUERY, {"a..b"}};
  struct course course;
  (void)state;
  run(&query, NULL, NULL, false, in_turn, "", &course);
  assert_string_equal(course.asked, "");
  assert_int_equal(course.verdict, AIODNS_NO_NAME);
}

/* Else no time would be kept for it, or some for nobody. */
static void it_is_foretold_whether_a_name_follows_silence(void **state)
{
  (void)state;
  for (int i = 0; i < 20000; i++) {
    struct query query;
    struct dice dice;
    struct aiodns_search search;
    struct aiodns_name name, candidate;
    random_query(&query, &dice, "N");
    struct aiodns_conf conf = {
        .ndots = (uint8_t)query.ndots,
        .search = query.list,
        .search_single = query.options & RES_DEFNAMES,
        .search_dotted = query.options & RES_DNSRCH,
        .no_tld_query = query.options & RES_NOTLDQUERY,
    };
    while (query.list[conf.search_count])
      conf.search_count++;
    assert_true(aiodns_name_from_text(&name, query.name));
    aiodns_search_init(&search, &conf, NULL, NULL, query.name, &name, false);
    while (aiodns_search_next(&search, &candidate)) {
      struct aiodns_search silent = search;
      struct aiodns_name next;
      aiodns_search_report(&silent, by_letter('T'));
      if (aiodns_search_next(&silent, &next) != aiodns_search_has_more(&search))
        fail_msg("%s, ndots %u, options %#x, list of %u, at %u: not foretold", query.name, query.ndots,
                 query.options, conf.search_count, search.index);
      aiodns_search_report(&search, by_letter("NDST"[unit_random(4)]));
    }
    assert_false(aiodns_search_has_more(&search));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_asked_in_the_order_of_the_table),
      cmocka_unit_test(the_reference_agrees_with_the_table),
      cmocka_unit_test(random_searches_go_as_the_reference_says),
      cmocka_unit_test(random_searches_go_as_libresolv_goes),
      cmocka_unit_test(dots_are_counted_in_the_text_as_the_program_gave_it),
      cmocka_unit_test(as_is_goes_through_no_list),
      cmocka_unit_test(what_this_process_lacks_ends_the_search),
      cmocka_unit_test(the_rest_of_a_long_list_follows_what_res_shows),
      cmocka_unit_test(the_rest_is_not_looked_for_before_it_is_needed),
      cmocka_unit_test(a_list_without_end_ends),
      cmocka_unit_test(candidates_that_are_no_names_are_passed_over),
      cmocka_unit_test(without_res_dnsrch_the_first_domain_is_the_only_one_even_if_it_is_none),
      cmocka_unit_test(nothing_asked_is_no_such_name),
      cmocka_unit_test(it_is_foretold_whether_a_name_follows_silence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
