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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
