/* One situation each: what exactly the machine does in it, by the virtual clock. */
#include "message.h"
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>

static void listed(const char *first, const char *second)
{
  strcpy(world.list_text[0], first);
  strcpy(world.list_text[1], second);
  world.list_count = world.conf.search_count = 2;
}

static void both_families(struct sim_server *server, enum sim_fate fate)
{
  server->path[0].fate = server->path[1].fate = fate;
}

/* Runs it; it must end so, and at this time after its start. */
static void run_until(enum aiodns_outcome outcome, int64_t end_us)
{
  run();
  assert_int_equal(world.lookup.outcome, outcome);
  assert_int_equal(world.end_us - world.start_us, end_us);
}

/* How often this was done, and when first. */
static unsigned logged(enum aiodns_task_kind kind, unsigned server, bool tcp, int64_t *ret_first_us)
{
  unsigned count = 0;
  for (unsigned i = world.log_len; i-- > 0;) {
    const struct sim_logged *log = &world.log[i];
    if (log->kind == kind && log->server == server && log->tcp == tcp) {
      count++;
      *ret_first_us = log->at_us - world.start_us;
    }
  }
  return count;
}

/* ---- Servers that are not there ---- */

static void healthy_server_takes_one_round_trip(void **state)
{
  (void)state;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 10 * MS);
  log_is("0 open 0, 10 close 0");
}

static void dead_first_server_costs_the_first_wait(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_SILENT);
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, SIM_FIRST_WAIT_US + 10 * MS);
  log_is("0 open 0, 200 open 1, 210 close 0, 210 close 1");
}

static void late_first_server_is_still_welcome(void **state)
{
  (void)state;
  world.server[0].path[0].delay_us = 102 * MS;
  both_families(&world.server[1], SIM_SILENT);
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 204 * MS);
  log_is("0 open 0, 200 open 1, 204 close 0, 204 close 1");
}

static void refused_on_loopback_ends_at_once(void **state)
{
  (void)state;
  world.server[0].loopback = true;
  both_families(&world.server[0], SIM_UNREACHABLE);
  world.server[0].path[0].delay_us = 20;
  sim_world_servers(&world, 1);
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_FAILED);
  assert_true(world.end_us - world.start_us < 50 * MS);
  assert_int_equal(world.datagrams, world.conf.attempts);
}

static void silent_servers_fail_at_the_deadline(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_SILENT);
  given("Name.example.");
  run_until(AIODNS_FAILED, 10 * S);
}

static void sixteen_datagrams_at_the_most(void **state)
{
  (void)state;
  world.conf.timeout_ms = 30000;
  world.conf.attempts = 5;
  for (unsigned s = 0; s < 3; s++)
    both_families(&world.server[s], SIM_SILENT);
  sim_world_servers(&world, 3);
  given("Name.example.");
  run_until(AIODNS_FAILED, 150 * S);
  assert_int_equal(world.datagrams, SIM_DATAGRAMS_MAX);
}

static void silent_family_does_not_spoil_the_other(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.server[0].path[1].fate = SIM_SILENT;
  given("Name.example.");
  run_until(AIODNS_ANSWER, SIM_PATIENCE_US);
  assert_int_equal(world.answer[0].outcome, AIODNS_ANSWER);
  assert_int_equal(world.answer[1].outcome, AIODNS_FAILED);
}

static void failing_family_does_not_spoil_the_other(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.server[0].path[1].fate = SIM_ERROR;
  world.server[0].path[1].rcode = AIODNS_RCODE_SERVFAIL;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_true(world.end_us - world.start_us < 100 * MS);
}

/* The second question begins when the first has ended, and so does what it may take. */
static void single_request_over_a_slow_link_gets_both(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.conf.single_request = true;
  world.server[0].path[0].delay_us = world.server[0].path[1].delay_us = 350 * MS;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(world.answer[0].outcome, AIODNS_ANSWER);
  assert_int_equal(world.answer[1].outcome, AIODNS_ANSWER);
}

static void strict_error_wants_both_families(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.server[0].path[1].fate = SIM_ERROR;
  world.server[0].path[1].rcode = AIODNS_RCODE_SERVFAIL;
  given("Name.example.");
  world.conf.strict_error = true;
  sim_world_run(&world); /* the oracle does not know this option */
  sim_world_forget(&world);
  assert_int_equal(world.lookup.outcome, AIODNS_FAILED);
}

static void dead_first_server_costs_a_search_list_one_wait(void **state)
{
  (void)state;
  listed("a.test", "b.test");
  both_families(&world.server[0], SIM_SILENT);
  sim_world_servers(&world, 2);
  given("name");
  world.candidate[0].kind = world.candidate[1].kind = SIM_NXDOMAIN;
  world.candidate[2].kind = SIM_DATA;
  run_until(AIODNS_ANSWER, SIM_FIRST_WAIT_US + 50 * MS);
}

static void single_request_asks_one_after_the_other(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.conf.single_request = true;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 20 * MS);
  log_is("0 open 0, 10 close 0, 10 open 0, 20 close 0");
}

static void no_aaaa_tells_no_data_from_no_name(void **state)
{
  (void)state;
  world.family = AF_INET6;
  world.conf.no_aaaa = true;
  given("Name.example.");
  run_until(AIODNS_NO_DATA, 10 * MS);
}

/* ---- Errors ---- */

static void icmp_from_elsewhere_closes_nothing(void **state)
{
  (void)state;
  world.conf.attempts = 1;
  world.server[0].stray_icmp = 1000;
  world.server[0].stray_icmp_us = 1;
  world.server[0].path[0].delay_us = 20 * MS;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 40 * MS);
  log_is("0 open 0, 40 close 0");
}

static void icmp_starts_the_next_server(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_UNREACHABLE);
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 20 * MS);
  log_is("0 open 0, 10 open 1, 20 close 0, 20 close 1");
}

/* One server's errors must not make another one look deaf, and drop the reply that is on its way from there.
 */
static void icmp_does_not_make_another_server_deaf(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.conf.attempts = 5;
  world.server[0].path[0].delay_us = 100;
  world.server[0].path[1].delay_us = 300 * MS;
  both_families(&world.server[1], SIM_UNREACHABLE);
  world.server[1].stray_icmp = 1000;
  world.server[1].stray_icmp_us = 1;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run();
  assert_int_equal(world.answer[1].outcome, AIODNS_ANSWER);
  assert_int_equal(world.end_us - world.start_us, 600 * MS);
}

/* UDP stays open beside TCP where only the letter case was wrong; an error for it says nothing of TCP. */
static bool icmp_after_15_ms(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  (void)query;
  if (w->on_query_calls++ == 0)
    sim_push(w, w->now_us + 15 * MS, SIM_REFUSED, channel, NULL, 0, (struct sim_about){0});
  return false;
}

static void icmp_does_not_close_tcp(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  world.on_query = icmp_after_15_ms;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 30 * MS);
  log_is("0 open 0, 10 tcp open 0, 30 close 0, 30 tcp close 0");
}

static void servfail_asks_the_next_server_at_once(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_ERROR);
  world.server[0].path[0].rcode = AIODNS_RCODE_SERVFAIL;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 20 * MS);
  log_is("0 open 0, 10 close 0, 10 open 1, 20 close 1");
}

static void referral_asks_the_next_server_at_once(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_LAME);
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 20 * MS);
}

static void formerr_to_edns_is_asked_without(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_FORMERR_BARE;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 30 * MS);
  /* Its error is a header alone, which may be forged: the socket stays open for the true reply. */
  log_is("0 open 0, 10 plain tcp open 0, 30 close 0, 30 plain tcp close 0");
}

/* Folded letters alone leave EDNS in the question; an error then takes it out, too, and not again and again.
 */
static void folded_letters_and_formerr_and_no_tcp(void **state)
{
  (void)state;
  world.server[0].letters = SIM_LOWERS;
  world.server[0].edns = SIM_EDNS_FORMERR_BARE;
  world.server[0].tcp = SIM_TCP_REFUSED;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_in_range(world.datagrams, 2, 4);
}

static void formerr_to_edns_and_no_tcp(void **state)
{
  (void)state;
  world.server[0].edns = SIM_EDNS_FORMERR;
  world.server[0].tcp = SIM_TCP_REFUSED;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 30 * MS);
  log_is(
      "0 open 0, 10 close 0, 10 plain tcp open 0, 20 plain open 0, 20 plain tcp close 0, 30 plain close 0");
}

/* It is asked once in either way; then it is the next one's turn, however many attempts are left. */
static void server_that_knows_no_query_holds_up_nobody(void **state)
{
  (void)state;
  world.conf.attempts = 5;
  both_families(&world.server[0], SIM_ERROR);
  world.server[0].path[0].rcode = AIODNS_RCODE_NOTIMP;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 40 * MS);
  log_is("0 open 0, 10 close 0, 10 plain tcp open 0, 30 plain tcp close 0, 30 open 1, 40 close 1");
}

static void nxdomain_is_probed_in_lower_case_and_believed(void **state)
{
  (void)state;
  given("Name.example.")->kind = SIM_NXDOMAIN;
  run_until(AIODNS_NO_NAME, 20 * MS);
  log_is("0 open 0, 10 close 0, 10 plain open 0, 20 plain close 0");
}

/* Nor is what the probe got, which is easier to forge: TCP has the last word. */
static void case_sensitive_server_is_not_believed(void **state)
{
  (void)state;
  world.server[0].letters = SIM_SENSITIVE;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 40 * MS);
  log_is(
      "0 open 0, 10 close 0, 10 plain open 0, 20 plain close 0, 20 plain tcp open 0, 40 plain tcp close 0");
}

/* The server is alive, whatever an ICMP error said before: it gets its lower-case try. */
static void case_sensitive_server_behind_icmp(void **state)
{
  (void)state;
  world.conf.attempts = 1;
  world.server[0].letters = SIM_SENSITIVE;
  world.server[0].tcp = SIM_TCP_SILENT;
  world.server[0].stray_icmp = 1000;
  world.server[0].stray_icmp_us = 1;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
}

/* ---- Long answers ---- */

static void truncated_answer_is_asked_by_tcp(void **state)
{
  (void)state;
  given("Name.example.")->count[0] = 150;
  run_until(AIODNS_ANSWER, 30 * MS);
  log_is("0 open 0, 10 close 0, 10 tcp open 0, 30 tcp close 0");
}

static void oversize_datagram_is_asked_by_tcp(void **state)
{
  (void)state;
  world.server[0].oversize = true;
  world.server[0].segments = SIM_TWO_IN_ONE;
  given("Name.example.")->count[0] = 150;
  run_until(AIODNS_ANSWER, 30 * MS);
  log_is("0 open 0, 10 close 0, 10 tcp open 0, 30 tcp close 0");
}

static void tcp_octet_by_octet(void **state)
{
  (void)state;
  world.conf.use_vc = true;
  world.server[0].segments = SIM_OCTETS;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_int_equal(world.datagrams, 0);
}

static void tcp_closed_midway_asks_the_next_server(void **state)
{
  (void)state;
  world.conf.use_vc = true;
  world.server[0].tcp = SIM_TCP_CLOSES_MIDWAY;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_true(world.end_us - world.start_us < 50 * MS);
}

/* The plain datagram is cut off, too, while TCP is only slow. */
static void truncation_does_not_close_slow_tcp(void **state)
{
  (void)state;
  world.conf.attempts = 1;
  world.server[0].letters = SIM_LOWERS;
  world.server[0].truncates = true;
  world.server[0].path[0].delay_us = 190 * MS;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 6 * 190 * MS);
}

/* ---- Aliases ---- */

static void cname_across_messages(void **state)
{
  (void)state;
  world.server[0].step = 1;
  struct sim_candidate *c = given("Name.example.");
  c->hops = 3;
  c->nested = true;
  run_until(AIODNS_ANSWER, 30 * MS); /* the judge compares the names */
  assert_int_equal(world.datagrams, 3);
}

static void sixteen_cnames_are_followed(void **state)
{
  (void)state;
  given("Name.example.")->hops = SIM_CNAMES_MAX;
  run_until(AIODNS_ANSWER, 10 * MS);
}

static void a_long_chain_in_one_message_is_followed(void **state)
{
  (void)state;
  given("Name.example.")->hops = SIM_CNAMES_MAX + 2;
  run_until(AIODNS_ANSWER, 10 * MS);
}

static void a_chain_across_too_many_messages_is_none(void **state)
{
  (void)state;
  world.server[0].step = 1;
  given("Name.example.")->hops = SIM_CNAMES_MAX + 2;
  run_until(AIODNS_FAILED, 170 * MS);
}

/* It is silence that is bounded, not a list that servers work through slowly. */
static void answered_candidates_give_their_time_back(void **state)
{
  (void)state;
  world.conf.timeout_ms = 1000;
  world.conf.attempts = 1;
  world.server[0].path[0].delay_us = world.server[0].path[1].delay_us = 300 * MS;
  listed("a.test", "b.test");
  given("name");
  world.candidate[0].kind = world.candidate[1].kind = SIM_NXDOMAIN;
  world.candidate[2].kind = SIM_DATA;
  run_until(AIODNS_ANSWER,
            2600 *
                MS); /* beyond 1 s: either NXDOMAIN is probed, five round trips of 0.6 s with what overlaps */
}

static void cname_loop_fails(void **state)
{
  (void)state;
  world.server[0].step = 1;
  struct sim_candidate *c = given("Name.example.");
  c->kind = SIM_LOOP;
  c->hops = 1;
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_FAILED);
}

/* ---- Forgeries ---- */

static bool bad_datagram_first(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  static const uint8_t evil[4] = {203, 0, 113, 66};
  struct sim_message m;
  sim_message_start(&m, (uint16_t)(query->id ^ 1), SIM_FLAG_QR, query->question, query->question_len);
  sim_message_record(&m, 1, SIM_QUESTION_AT, AIODNS_TYPE_A, 60, evil, sizeof evil);
  sim_push(w, w->now_us + MS, SIM_DATAGRAM, channel, m.data, m.len, (struct sim_about){.malformed = true});
  return false;
}

static void bad_datagram_is_dropped_and_waiting_goes_on(void **state)
{
  (void)state;
  world.on_query = bad_datagram_first;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 10 * MS);
  log_is("0 open 0, 10 close 0");
}

static bool eight_bad_datagrams(struct sim_world *w, unsigned channel, const struct sim_query *query)
{
  bool tcp = w->socket[channel].tcp;
  for (unsigned i = 0; !tcp && w->on_query_calls == 0 && i < AIODNS_NEAR_MISSES_MAX; i++)
    bad_datagram_first(w, channel, query);
  w->on_query_calls++;
  return false;
}

static void eight_near_misses_are_asked_by_tcp(void **state)
{
  (void)state;
  world.on_query = eight_bad_datagrams;
  given("Name.example.");
  run_until(AIODNS_ANSWER, 21 * MS);
  log_is("0 open 0, 1 close 0, 1 tcp open 0, 21 tcp close 0");
}

/* Eight datagrams to the right port must not keep this machine from a server whose TCP is filtered. */
static void eight_near_misses_and_silent_tcp(void **state)
{
  (void)state;
  world.on_query = eight_bad_datagrams;
  world.server[0].tcp = SIM_TCP_SILENT;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  assert_true(world.end_us - world.start_us < S);
}

static void malformed_address_is_no_answer(void **state)
{
  (void)state;
  both_families(&world.server[0], SIM_MALFORMED);
  sim_world_servers(&world, 2);
  for (uint64_t seed = 1; seed <= 16; seed++) { /* the ID says in which way it is malformed */
    struct sim_server first = world.server[0];
    sim_world_init(&world, seed);
    world.server[0] = first;
    sim_world_servers(&world, 2);
    given("Name.example.");
    run_until(AIODNS_ANSWER, SIM_FIRST_WAIT_US + 10 * MS);
  }
}

/* ---- The search list ---- */

static void silent_candidates_share_the_deadline(void **state)
{
  (void)state;
  int64_t start_us[2] = {0, 0};
  world.conf.timeout_ms = 4000;
  world.conf.attempts = 1;
  both_families(&world.server[0], SIM_SILENT);
  listed("a.test", "b.test");
  given("Name.example");
  run_until(AIODNS_FAILED, 4 * S); /* a silent one ends the list: nothing is kept for the third */
  for (unsigned i = world.log_len; i-- > 0;)
    if (world.log[i].candidate < 2)
      start_us[world.log[i].candidate] = world.log[i].at_us - world.start_us;
  assert_int_equal(start_us[0], 0);
  assert_int_equal(start_us[1], 3 * S);
}

static void list_then_as_is(void **state)
{
  (void)state;
  listed("a.test", "b.test");
  given("name");
  world.candidate[0].kind = world.candidate[1].kind = SIM_NXDOMAIN;
  world.candidate[2].kind = SIM_DATA;
  run_until(AIODNS_ANSWER, 50 * MS); /* either NXDOMAIN is probed */
}

/* What the family that knows no EDNS got in lower case does not confirm the other one's NXDOMAIN in mixed
 * case. */
static void no_data_in_lower_case_confirms_no_nxdomain(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  world.server[0].edns = SIM_EDNS_FORMERR;
  world.server[1].letters = SIM_SENSITIVE;
  world.server[0].path[1].fate = SIM_SILENT;
  sim_world_servers(&world, 2);
  given("Name.example.")->kind = SIM_NODATA;
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_NO_DATA);
}

/* As res_search() has it: what a list entry's server failure hid is not "no data". */
static void server_failure_in_the_list_outweighs_no_data_as_is(void **state)
{
  (void)state;
  listed("a.test", "b.test");
  given("name");
  world.candidate[0].kind = SIM_BROKEN;
  world.candidate[1].kind = SIM_NXDOMAIN;
  world.candidate[2].kind = SIM_NODATA;
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_FAILED);
}

static void reply_to_the_candidate_before_is_dropped(void **state)
{
  (void)state;
  world.late_replies = 1000;
  world.server[0].path[0].duplicates = 1000;
  world.server[0].path[0].spread_us = 10 * MS;
  listed("a.test", "b.test");
  given("name");
  world.candidate[0].kind = SIM_NXDOMAIN;
  world.candidate[1].kind = SIM_DATA;
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
}

/* ---- This process ---- */

static void opening_fails(int error, enum aiodns_outcome outcome)
{
  world.server[0].open_failures = 1000;
  world.server[0].open_error = error;
  given("Name.example.");
  run_until(outcome, 0);
}

static void out_of_descriptors(void **state)
{
  (void)state;
  opening_fails(EMFILE, AIODNS_LOCAL);
  assert_int_equal(world.lookup.error, EMFILE);
}

static void sockets_not_permitted(void **state)
{
  (void)state;
  opening_fails(EACCES, AIODNS_UNUSABLE);
}

static void no_route(void **state)
{
  (void)state;
  opening_fails(ENETUNREACH, AIODNS_FAILED);
}

static void no_route_to_the_first_server(void **state)
{
  (void)state;
  world.server[0].open_failures = 1000;
  world.server[0].open_error = ENETUNREACH;
  sim_world_servers(&world, 2);
  given("Name.example.");
  run_until(AIODNS_ANSWER, 10 * MS);
}

static void no_random_numbers(void **state)
{
  (void)state;
  world.entropy_left = 0;
  given("Name.example.");
  run_until(AIODNS_UNUSABLE, 0);
  assert_int_equal(world.datagrams, 0);
}

static void abandoned_lookup_closes_its_sockets(void **state)
{
  (void)state;
  world.family = AF_UNSPEC;
  both_families(&world.server[0], SIM_SILENT);
  world.abandon_us = 100 * MS;
  given("Name.example.");
  run_until(AIODNS_LOCAL, 200 * MS);
  assert_int_equal(world.lookup.error, ENOMEM);
  assert_int_equal(world.sockets_closed, 2);
}

/* TCP beside UDP is for servers that say nothing, not for those that say SERVFAIL. */
static void failing_server_is_not_asked_by_tcp(void **state)
{
  (void)state;
  int64_t first_us;
  world.conf.attempts = 5;
  both_families(&world.server[0], SIM_ERROR);
  world.server[0].path[0].rcode = AIODNS_RCODE_SERVFAIL;
  given("Name.example.");
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_FAILED);
  assert_int_equal(logged(AIODNS_TASK_OPEN, 0, false, &first_us), 5);
  assert_int_equal(logged(AIODNS_TASK_OPEN, 0, true, &first_us), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      SCENARIO(healthy_server_takes_one_round_trip),
      SCENARIO(dead_first_server_costs_the_first_wait),
      SCENARIO(late_first_server_is_still_welcome),
      SCENARIO(refused_on_loopback_ends_at_once),
      SCENARIO(silent_servers_fail_at_the_deadline),
      SCENARIO(sixteen_datagrams_at_the_most),
      SCENARIO(silent_family_does_not_spoil_the_other),
      SCENARIO(failing_family_does_not_spoil_the_other),
      SCENARIO(single_request_over_a_slow_link_gets_both),
      SCENARIO(strict_error_wants_both_families),
      SCENARIO(dead_first_server_costs_a_search_list_one_wait),
      SCENARIO(single_request_asks_one_after_the_other),
      SCENARIO(no_aaaa_tells_no_data_from_no_name),
      SCENARIO(icmp_from_elsewhere_closes_nothing),
      SCENARIO(icmp_starts_the_next_server),
      SCENARIO(icmp_does_not_make_another_server_deaf),
      SCENARIO(icmp_does_not_close_tcp),
      SCENARIO(servfail_asks_the_next_server_at_once),
      SCENARIO(referral_asks_the_next_server_at_once),
      SCENARIO(formerr_to_edns_is_asked_without),
      SCENARIO(folded_letters_and_formerr_and_no_tcp),
      SCENARIO(formerr_to_edns_and_no_tcp),
      SCENARIO(server_that_knows_no_query_holds_up_nobody),
      SCENARIO(nxdomain_is_probed_in_lower_case_and_believed),
      SCENARIO(case_sensitive_server_is_not_believed),
      SCENARIO(case_sensitive_server_behind_icmp),
      SCENARIO(truncated_answer_is_asked_by_tcp),
      SCENARIO(oversize_datagram_is_asked_by_tcp),
      SCENARIO(tcp_octet_by_octet),
      SCENARIO(tcp_closed_midway_asks_the_next_server),
      SCENARIO(truncation_does_not_close_slow_tcp),
      SCENARIO(cname_across_messages),
      SCENARIO(sixteen_cnames_are_followed),
      SCENARIO(a_long_chain_in_one_message_is_followed),
      SCENARIO(a_chain_across_too_many_messages_is_none),
      SCENARIO(cname_loop_fails),
      SCENARIO(bad_datagram_is_dropped_and_waiting_goes_on),
      SCENARIO(eight_near_misses_are_asked_by_tcp),
      SCENARIO(eight_near_misses_and_silent_tcp),
      SCENARIO(malformed_address_is_no_answer),
      SCENARIO(silent_candidates_share_the_deadline),
      SCENARIO(answered_candidates_give_their_time_back),
      SCENARIO(list_then_as_is),
      SCENARIO(no_data_in_lower_case_confirms_no_nxdomain),
      SCENARIO(server_failure_in_the_list_outweighs_no_data_as_is),
      SCENARIO(reply_to_the_candidate_before_is_dropped),
      SCENARIO(out_of_descriptors),
      SCENARIO(sockets_not_permitted),
      SCENARIO(no_route),
      SCENARIO(no_route_to_the_first_server),
      SCENARIO(no_random_numbers),
      SCENARIO(abandoned_lookup_closes_its_sockets),
      SCENARIO(failing_server_is_not_asked_by_tcp),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
