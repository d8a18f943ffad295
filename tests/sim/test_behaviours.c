/* What servers do that no standard asks of them, and when exactly the machine gets over it. */
#include "message.h"
#include "scenario.h"

/* It must end so, this long after its start, by these steps. */
static void run_until(enum aiodns_outcome outcome, int64_t end_us, const char *expected)
{
  run();
  log_is(expected);
  assert_int_equal(world.lookup.outcome, outcome);
  assert_int_equal(world.end_us - world.start_us, end_us);
}

/* ---- Letter case ---- */

static void folding_server_is_asked_by_tcp(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 30 * MS, "0 open 0, 10 tcp open 0, 30 close 0, 30 tcp close 0");
}

static void folding_server_whose_tcp_closes(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  world.server[0].tcp = SIM_TCP_CLOSES;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 40 * MS,
            "0 open 0, 10 tcp open 0, 30 close 0, 30 open 0, 30 tcp close 0, 40 close 0");
}

/* What a wildcard behind it in the search list would say is not asked for. */
static void case_sensitive_server_and_a_wildcard_in_the_search_list(void **state)
{
  (void)state;
  world.server[0].letters = SIM_SENSITIVE;
  strcpy(world.list_text[0], "wild.test");
  world.list_count = world.conf.search_count = 1;
  world.conf.ndots = 0; /* as Docker writes it */
  given("database");
  world.candidate[1].kind = SIM_DATA;
  run_until(
      AIODNS_ANSWER, 40 * MS,
      "0 open 0, 10 close 0, 10 plain open 0, 20 plain close 0, 20 plain tcp open 0, 40 plain tcp close 0");
  for (unsigned i = 0; i < world.log_len; i++)
    assert_int_equal(world.log[i].candidate, 0);
}

static bool mixed_case(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  (void)w;
  (void)channel;
  return !query->lower;
}

static void server_that_drops_mixed_case(void **state)
{
  (void)state;
  world.on_query = mixed_case;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 620 * MS,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 620 close 0, 620 plain tcp close 0");
}

static void server_that_drops_mixed_case_and_has_no_tcp(void **state)
{
  (void)state;
  world.on_query = mixed_case;
  world.server[0].tcp = SIM_TCP_REFUSED;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 620 * MS,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 610 close 0, 610 plain open 0, 610 "
            "plain tcp close 0, 620 plain close 0");
}

/* ---- EDNS ---- */

static void server_that_drops_edns(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_DROPPED;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 620 * MS,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 620 close 0, 620 plain tcp close 0");
}

static void server_that_drops_edns_beside_another(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_DROPPED;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 210 * MS, "0 open 0, 200 open 1, 210 close 0, 210 close 1");
}

/* ---- Replies without the question, which no server of the world sends by itself ---- */

static void send_unasked(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  static const uint8_t record[] = {0, AIODNS_TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 66};
  static struct sim_message m;
  static uint8_t stream[2 + 512];
  struct sim_about about = {.malformed = true};

  sim_message_start(&m, query->id, SIM_FLAG_QR | SIM_FLAG_RA, query->question, 0);
  sim_message_name(&m, query->name);
  sim_message_put(&m, record, sizeof record);
  sim_message_count(&m, 1, 1);
  if (!w->socket[channel].tcp) {
    sim_push(w, w->now_us + 10 * MS, SIM_DATAGRAM, channel, m.data, m.len, about);
    return;
  }
  stream[0] = (uint8_t)(m.len >> 8);
  stream[1] = (uint8_t)m.len;
  memcpy(stream + 2, m.data, m.len);
  sim_push(w, w->now_us + 20 * MS, SIM_OCTETS_COME, channel, stream, 2 + m.len, about);
}

static bool unasked(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  if (w->socket[channel].server != 0)
    return false;
  send_unasked(w, channel, query);
  return true;
}

static bool unasked_by_tcp(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  return w->socket[channel].tcp && unasked(w, channel, query);
}

static void reply_without_the_question_is_waited_past(void **state)
{
  (void)state;
  world.on_query = unasked;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 210 * MS, "0 open 0, 200 open 1, 210 close 0, 210 close 1");
}

static void reply_without_the_question_is_none(void **state)
{
  (void)state;
  world.on_query = unasked;
  world.conf.timeout_ms = 1000;
  given("Name.example.");
  run_until(AIODNS_FAILED, 2 * S,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 1400 send 0, 2000 close 0, 2000 plain "
            "tcp close 0");
}

static void reply_without_the_question_by_tcp(void **state)
{
  (void)state;
  world.on_query = unasked_by_tcp;
  world.server[0].truncates = true;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 220 * MS,
            "0 open 0, 10 close 0, 10 tcp open 0, 210 open 1, 220 tcp close 0, 220 close 1");
}

/* ---- Replies from another address or port: the kernel keeps them from a connected socket ---- */

static bool by_udp(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  (void)query;
  return !w->socket[channel].tcp;
}

static bool by_udp_of_the_first(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  return w->socket[channel].server == 0 && by_udp(w, channel, query);
}

static void datagrams_from_elsewhere_lead_to_tcp(void **state)
{
  (void)state;
  world.on_query = by_udp;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 620 * MS,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 620 close 0, 620 plain tcp close 0");
}

static void datagrams_from_elsewhere_beside_another(void **state)
{
  (void)state;
  world.on_query = by_udp_of_the_first;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 210 * MS, "0 open 0, 200 open 1, 210 close 0, 210 close 1");
}

/* ---- Everything truncated ---- */

static void server_that_truncates_everything(void **state)
{
  (void)state;
  world.server[0].truncates = true;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 30 * MS, "0 open 0, 10 close 0, 10 tcp open 0, 30 tcp close 0");
}

static void truncating(enum sim_tcp tcp, int64_t end_us, const char *expected)
{
  world.server[0].truncates = true;
  world.server[0].tcp = tcp;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, end_us, expected);
}

static void truncating_server_without_tcp(void **state)
{
  (void)state;
  truncating(SIM_TCP_REFUSED, 30 * MS,
             "0 open 0, 10 close 0, 10 tcp open 0, 20 tcp close 0, 20 open 1, 30 close 1");
}

static void truncating_server_whose_tcp_closes(void **state)
{
  (void)state;
  truncating(SIM_TCP_CLOSES, 40 * MS,
             "0 open 0, 10 close 0, 10 tcp open 0, 30 tcp close 0, 30 open 1, 40 close 1");
}

static void truncating_server_whose_tcp_is_silent(void **state)
{
  (void)state;
  truncating(SIM_TCP_SILENT, 220 * MS,
             "0 open 0, 10 close 0, 10 tcp open 0, 210 open 1, 220 tcp close 0, 220 close 1");
}

/* An error is no reason to wait for the deadline. */
static void truncating_server_whose_tcp_closes_alone(void **state)
{
  (void)state;
  world.server[0].truncates = true;
  world.server[0].tcp = SIM_TCP_CLOSES;
  given("Name.example.");
  run_until(AIODNS_FAILED, 60 * MS,
            "0 open 0, 10 close 0, 10 tcp open 0, 30 open 0, 30 tcp close 0, 40 close 0, 40 tcp open 0, 60 "
            "tcp close 0");
}

/* ---- Streams ---- */

static void in_pieces(enum sim_segments how, int64_t end_us, const char *expected)
{
  world.server[0].truncates = true;
  world.server[0].segments = how;
  given("Name.example.");
  run_until(AIODNS_ANSWER, end_us, expected);
}

static void length_in_two_pieces(void **state)
{
  (void)state;
  in_pieces(SIM_LENGTH_IN_TWO, 31 * MS, "0 open 0, 10 close 0, 10 tcp open 0, 31 tcp close 0");
}

static void two_replies_in_one_segment(void **state)
{
  (void)state;
  in_pieces(SIM_TWO_IN_ONE, 30 * MS, "0 open 0, 10 close 0, 10 tcp open 0, 30 tcp close 0");
}

static int64_t rest_us; /* when what a stalled stream still has comes; 0: never */

/* The answer by TCP stops behind its header. */
static bool stalls(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  static struct sim_message m;
  static uint8_t stream[2 + SIM_MESSAGE_MAX];
  enum { PART = 14 };

  if (!w->socket[channel].tcp || w->socket[channel].server != 0)
    return false;
  struct sim_about about = sim_server_reply(w, 0, query, true, &m);
  stream[0] = (uint8_t)(m.len >> 8);
  stream[1] = (uint8_t)m.len;
  memcpy(stream + 2, m.data, m.len);
  sim_push(w, w->now_us + 20 * MS, SIM_OCTETS_COME, channel, stream, PART, (struct sim_about){0});
  if (rest_us > 0)
    sim_push(w, w->now_us + rest_us, SIM_OCTETS_COME, channel, stream + PART, 2 + m.len - PART, about);
  return true;
}

static void stalling(int64_t until_us)
{
  world.on_query = stalls;
  world.server[0].truncates = true;
  rest_us = until_us;
}

static void stalled_stream_beside_another_server(void **state)
{
  (void)state;
  stalling(0);
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 220 * MS,
            "0 open 0, 10 close 0, 10 tcp open 0, 210 open 1, 220 tcp close 0, 220 close 1");
}

static void stalled_stream_ends_at_the_deadline(void **state)
{
  (void)state;
  stalling(0);
  given("Name.example.");
  run_until(AIODNS_FAILED, 10 * S, "0 open 0, 10 close 0, 10 tcp open 0, 10000 tcp close 0");
}

static void stalled_stream_goes_on(void **state)
{
  (void)state;
  stalling(3 * S);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 3 * S + 10 * MS, "0 open 0, 10 close 0, 10 tcp open 0, 3010 tcp close 0");
}

/* While another server is asked already. */
static void stalled_stream_goes_on_before_another_answers(void **state)
{
  (void)state;
  stalling(250 * MS);
  world.server[1].path[0].delay_us = 100 * MS;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 260 * MS,
            "0 open 0, 10 close 0, 10 tcp open 0, 210 open 1, 260 tcp close 0, 260 close 1");
}

/* ---- Cookies, and what is known of a server (servers.h) ---- */

enum { QUERIES_MAX = 16 };

static struct {
  bool tcp, cookie, edns, lower;
} asked[QUERIES_MAX];
static unsigned asked_count, shown;

static void take_shown(void *source, const struct aiodns_observed observed[AIODNS_SERVERS_MAX])
{
  (void)source;
  shown |= observed[0].shown;
}

/* In what follows every query is written down; what comes of it is the server's business. */
static bool write_down(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  if (asked_count < QUERIES_MAX) {
    asked[asked_count].tcp = w->socket[channel].tcp;
    asked[asked_count].cookie = query->has_cookie;
    asked[asked_count].edns = query->edns;
    asked[asked_count].lower = query->lower;
  }
  asked_count++;
  w->lookup.sources.cache.learn = take_shown;
  return false;
}

static void known(unsigned what)
{
  asked_count = shown = 0;
  world.on_query = write_down;
  world.conf.learns = true;
  world.conf.server[0].known = (uint8_t)what;
  given("Name.example.");
}

/* What left, in order: u(dp) or t(cp), c(ookie), e(dns), m(ixed case). */
static void asked_is(const char *expected)
{
  char text[8 * QUERIES_MAX] = "";
  size_t len = 0;

  assert_true(asked_count <= QUERIES_MAX);
  for (unsigned i = 0; i < asked_count; i++)
    len +=
        (size_t)snprintf(text + len, sizeof text - len, "%s%s%s%s%s", i ? " " : "", asked[i].tcp ? "t" : "u",
                         asked[i].cookie ? "c" : "", asked[i].edns ? "e" : "", asked[i].lower ? "" : "m");
  assert_string_equal(text, expected);
}

/* But that it stands random letters, as most do. */
static void shown_is(unsigned expected)
{
  assert_int_equal(shown & ~(unsigned)AIODNS_SHOWN_ECHOES, expected);
}

static void cookie_that_comes_back(void **state)
{
  (void)state;
  static const unsigned before[] = {0, AIODNS_KNOWN_COOKIES};
  for (unsigned i = 0; i < 2; i++) {
    sim_world_init(&world, 1);
    world.server[0].cookies = true;
    known(before[i]);
    run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
    asked_is("ucem");
    shown_is(AIODNS_SHOWN_COOKIE);
  }
}

/* Which shows nothing: so do most servers. */
static void cookie_that_does_not_come_back(void **state)
{
  (void)state;
  known(0);
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("ucem");
  shown_is(0);
}

static void nobody_is_asked_for_cookies_where_nothing_can_be_kept(void **state)
{
  (void)state;
  world.server[0].cookies = true;
  known(0);
  world.conf.learns = false;
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("uem");
  shown_is(0);
}

static void server_known_to_return_cookies_is_asked_for_them_all_the_same(void **state)
{
  (void)state;
  world.server[0].cookies = true;
  known(AIODNS_KNOWN_COOKIES);
  world.conf.learns = false;
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("ucem");
}

static void server_of_loopback_is_not_asked_for_cookies(void **state)
{
  (void)state;
  world.server[0].loopback = world.server[0].cookies = true;
  sim_world_servers(&world, 1);
  known(AIODNS_KNOWN_COOKIES);
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("uem");
}

static void server_known_not_to_stand_cookies(void **state)
{
  (void)state;
  world.server[0].drops_cookies = true;
  known(AIODNS_KNOWN_NO_COOKIES);
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("uem");
  shown_is(0);
}

/* Its datagram might be anybody's; what TCP says is its own, and that it has none. */
static void server_that_returns_cookies_no_longer(void **state)
{
  (void)state;
  known(AIODNS_KNOWN_COOKIES);
  run_until(AIODNS_ANSWER, 30 * MS, "0 open 0, 10 tcp open 0, 30 close 0, 30 tcp close 0");
  asked_is("ucem tcem");
  shown_is(AIODNS_SHOWN_COOKIELESS);
}

/* Nor does it help to say it twice. */
static void two_replies_without_a_cookie(void **state)
{
  (void)state;
  for (unsigned seed = 1; seed <= 8; seed++) { /* the copies come closer or further apart */
    sim_world_init(&world, seed);
    world.server[0].path[0].duplicates = 1000;
    world.server[0].path[0].spread_us = 2 * MS;
    known(AIODNS_KNOWN_COOKIES);
    run();
    assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
    asked_is("ucem tcem");
    shown_is(AIODNS_SHOWN_COOKIELESS);
  }
}

static void server_that_returns_cookies_no_longer_and_has_no_tcp(void **state)
{
  (void)state;
  world.server[0].tcp = SIM_TCP_REFUSED;
  known(AIODNS_KNOWN_COOKIES);
  run_until(AIODNS_ANSWER, 30 * MS,
            "0 open 0, 10 tcp open 0, 20 close 0, 20 open 0, 20 tcp close 0, 30 close 0");
  asked_is("ucem tcem uce");
}

static bool forge_first; /* before the server's own reply; else beside its datagram, which is lost */

/* A reply that has all but the cookie: right ID, right port, right letters. */
static bool forges(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  static struct sim_message m;
  struct sim_query bare = *query;
  struct sim_about about;

  write_down(w, channel, query);
  if (w->socket[channel].tcp)
    return false;
  bare.has_cookie = false;
  about = sim_server_reply(w, 0, &bare, false, &m);
  m.data[m.len - 1] ^= 1; /* another address */
  if (world.conf.ignore_truncation)
    m.data[2] |= SIM_FLAG_TC >> 8;
  about.malformed = true; /* must not be believed, says the judge */
  sim_push(w, w->now_us + 5 * MS, SIM_DATAGRAM, channel, m.data, m.len, about);
  return !forge_first;
}

static void forged_reply_without_the_cookie(bool first, const char *steps, int64_t end_us)
{
  world.server[0].cookies = true;
  known(AIODNS_KNOWN_COOKIES);
  world.on_query = forges;
  forge_first = first;
  run_until(AIODNS_ANSWER, end_us, steps);
  shown_is(AIODNS_SHOWN_COOKIE);
}

static void forged_reply_before_the_one_with_the_cookie(void **state)
{
  (void)state;
  forged_reply_without_the_cookie(true, "0 open 0, 5 tcp open 0, 10 close 0, 10 tcp close 0", 10 * MS);
}

static void forged_reply_in_place_of_the_one_with_the_cookie(void **state)
{
  (void)state;
  forged_reply_without_the_cookie(false, "0 open 0, 5 tcp open 0, 25 close 0, 25 tcp close 0", 25 * MS);
}

/* Where TCP is not asked for what is missing, either. */
static void forged_reply_that_says_truncated_where_that_is_ignored(void **state)
{
  (void)state;
  world.conf.ignore_truncation = true;
  forged_reply_without_the_cookie(false, "0 open 0, 5 tcp open 0, 25 close 0, 25 tcp close 0", 25 * MS);
}

/* The first datagram is as good as lost. */
static void server_that_drops_cookies(void **state)
{
  (void)state;
  world.server[0].drops_cookies = true;
  known(0);
  run_until(AIODNS_ANSWER, 210 * MS, "0 open 0, 200 send 0, 210 close 0");
  asked_is("ucem uem");
  shown_is(AIODNS_SHOWN_UNANSWERED);
}

static void server_known_not_to_stand_mixed_letters(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  known(AIODNS_KNOWN_NO_LETTERS);
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("uce");
}

static void server_that_stands_random_letters_shows_so_by_udp(void **state)
{
  static const struct {
    unsigned known;
    bool folds, shows;
  } rows[] = {{0, false, true},
              {0, true, false},
              {AIODNS_KNOWN_NO_LETTERS, false, false},
              {AIODNS_KNOWN_TCP, false, false}};
  (void)state;
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    sim_world_init(&world, 1);
    world.server[0].letters = rows[i].folds ? SIM_LOWERS : SIM_ECHOES;
    known(rows[i].known);
    run();
    assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
    assert_int_equal((shown & AIODNS_SHOWN_ECHOES) != 0, rows[i].shows);
  }
}

/* What is set counts for more than what is known. */
static void letters_are_mixed_where_that_is_set(void **state)
{
  (void)state;
  world.conf.letters = AIODNS_LETTERS_ON;
  known(AIODNS_KNOWN_NO_LETTERS);
  run_until(AIODNS_ANSWER, 10 * MS, "0 open 0, 10 close 0");
  asked_is("ucem");
}

static void server_known_not_to_stand_edns(void **state)
{
  (void)state;
  static const enum sim_edns kinds[] = {SIM_EDNS_DROPPED, SIM_EDNS_BADVERS_BARE, SIM_EDNS_FORMERR};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    sim_world_init(&world, 1);
    world.server[0].edns = kinds[i];
    world.conf.letters = AIODNS_LETTERS_OFF;
    known(AIODNS_KNOWN_NO_EDNS | AIODNS_KNOWN_COOKIES); /* which have no place then, and are not missed */
    given("name.example.");
    run_until(AIODNS_ANSWER, 10 * MS, "0 plain open 0, 10 plain close 0");
    asked_is("u");
    shown_is(0);
  }
}

static void server_known_not_to_stand_edns_has_mixed_letters(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_FORMERR;
  known(AIODNS_KNOWN_NO_EDNS);
  run_until(AIODNS_ANSWER, 10 * MS,
            "0 plain open 0, 10 plain close 0"); /* as the log calls what has no EDNS */
  asked_is("um");
  assert_int_equal(shown, AIODNS_SHOWN_ECHOES);
}

static void server_known_to_stand_neither(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_DROPPED;
  world.server[0].letters = SIM_LOWERS;
  known(AIODNS_KNOWN_NO_EDNS | AIODNS_KNOWN_NO_LETTERS);
  run_until(AIODNS_ANSWER, 10 * MS, "0 plain open 0, 10 plain close 0");
  asked_is("u");
}

static void server_known_to_be_guessed_at(void **state)
{
  (void)state;
  known(AIODNS_KNOWN_TCP);
  run_until(AIODNS_ANSWER, 20 * MS, "0 tcp open 0, 20 tcp close 0");
  asked_is("tem");
}

static void server_known_to_be_guessed_at_refuses_tcp(void **state)
{
  (void)state;
  world.server[0].tcp = SIM_TCP_REFUSED;
  known(AIODNS_KNOWN_TCP);
  run_until(AIODNS_ANSWER, 20 * MS, "0 tcp open 0, 10 open 0, 10 tcp close 0, 20 close 0");
  asked_is("tem ucem");
}

static void server_known_to_be_guessed_at_has_silent_tcp(void **state)
{
  (void)state;
  world.server[0].tcp = SIM_TCP_SILENT;
  known(AIODNS_KNOWN_TCP);
  run_until(AIODNS_ANSWER, 210 * MS, "0 tcp open 0, 200 open 0, 210 close 0, 210 tcp close 0");
  asked_is("tem ucem");
}

static void server_that_folds_shows_so_by_tcp(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  known(0);
  run_until(AIODNS_ANSWER, 30 * MS, "0 open 0, 10 tcp open 0, 30 close 0, 30 tcp close 0");
  asked_is("ucem tem");
  shown_is(AIODNS_SHOWN_FOLDS);
}

static void server_that_errs_on_edns_shows_so_by_tcp(void **state)
{
  (void)state;
  static const struct {
    enum sim_edns edns;
    unsigned shown; /* a header alone is anybody's */
  } rows[] = {{SIM_EDNS_FORMERR, AIODNS_SHOWN_NO_EDNS},
              {SIM_EDNS_NOTIMP, AIODNS_SHOWN_NO_EDNS},
              {SIM_EDNS_BADVERS, AIODNS_SHOWN_NO_EDNS},
              {SIM_EDNS_FORMERR_BARE, 0},
              {SIM_EDNS_NOTIMP_BARE, 0}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    sim_world_init(&world, 1);
    world.server[0].edns = rows[i].edns;
    known(0);
    run();
    assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
    asked_is("ucem t");
    shown_is(rows[i].shown);
  }
}

static void server_that_answers_lower_case_alone_shows_so(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_DROPPED;
  known(0);
  run_until(AIODNS_ANSWER, 620 * MS,
            "0 open 0, 200 send 0, 600 send 0, 600 plain tcp open 0, 620 close 0, 620 plain tcp close 0");
  asked_is("ucem uem uem t");
  shown_is(AIODNS_SHOWN_HELPED | AIODNS_SHOWN_HELPED_EDNS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      SCENARIO(folding_server_is_asked_by_tcp),
      SCENARIO(folding_server_whose_tcp_closes),
      SCENARIO(case_sensitive_server_and_a_wildcard_in_the_search_list),
      SCENARIO(server_that_drops_mixed_case),
      SCENARIO(server_that_drops_mixed_case_and_has_no_tcp),
      SCENARIO(server_that_drops_edns),
      SCENARIO(server_that_drops_edns_beside_another),
      SCENARIO(reply_without_the_question_is_waited_past),
      SCENARIO(reply_without_the_question_is_none),
      SCENARIO(reply_without_the_question_by_tcp),
      SCENARIO(datagrams_from_elsewhere_lead_to_tcp),
      SCENARIO(datagrams_from_elsewhere_beside_another),
      SCENARIO(server_that_truncates_everything),
      SCENARIO(truncating_server_without_tcp),
      SCENARIO(truncating_server_whose_tcp_closes),
      SCENARIO(truncating_server_whose_tcp_is_silent),
      SCENARIO(truncating_server_whose_tcp_closes_alone),
      SCENARIO(length_in_two_pieces),
      SCENARIO(two_replies_in_one_segment),
      SCENARIO(stalled_stream_beside_another_server),
      SCENARIO(stalled_stream_ends_at_the_deadline),
      SCENARIO(stalled_stream_goes_on),
      SCENARIO(stalled_stream_goes_on_before_another_answers),
      SCENARIO(cookie_that_comes_back),
      SCENARIO(cookie_that_does_not_come_back),
      SCENARIO(nobody_is_asked_for_cookies_where_nothing_can_be_kept),
      SCENARIO(server_known_to_return_cookies_is_asked_for_them_all_the_same),
      SCENARIO(server_of_loopback_is_not_asked_for_cookies),
      SCENARIO(server_known_not_to_stand_cookies),
      SCENARIO(server_that_returns_cookies_no_longer),
      SCENARIO(two_replies_without_a_cookie),
      SCENARIO(server_that_returns_cookies_no_longer_and_has_no_tcp),
      SCENARIO(forged_reply_before_the_one_with_the_cookie),
      SCENARIO(forged_reply_in_place_of_the_one_with_the_cookie),
      SCENARIO(forged_reply_that_says_truncated_where_that_is_ignored),
      SCENARIO(server_that_drops_cookies),
      SCENARIO(server_known_not_to_stand_mixed_letters),
      SCENARIO(server_that_stands_random_letters_shows_so_by_udp),
      SCENARIO(letters_are_mixed_where_that_is_set),
      SCENARIO(server_known_not_to_stand_edns),
      SCENARIO(server_known_not_to_stand_edns_has_mixed_letters),
      SCENARIO(server_known_to_stand_neither),
      SCENARIO(server_known_to_be_guessed_at),
      SCENARIO(server_known_to_be_guessed_at_refuses_tcp),
      SCENARIO(server_known_to_be_guessed_at_has_silent_tcp),
      SCENARIO(server_that_folds_shows_so_by_tcp),
      SCENARIO(server_that_errs_on_edns_shows_so_by_tcp),
      SCENARIO(server_that_answers_lower_case_alone_shows_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
