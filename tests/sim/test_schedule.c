/* Schedules: the `attempt` lines of aiodns.conf(5), which go exactly as written. */
#include "scenario.h"

enum { RCODE_NOTAUTH = 9 }; /* an error that says nothing of letters */

/* Steps of so many milliseconds for servers 0, 1 and 2 as bits, until a step of 0. */
static void schedule(const uint32_t step[][2])
{
  struct aiodns_schedule *schedule = &world.conf.schedule;

  for (schedule->step_count = 0; step[schedule->step_count][0] > 0; schedule->step_count++)
    schedule->step[schedule->step_count] = (struct aiodns_step){.wait_ms = step[schedule->step_count][0],
                                                                .servers = step[schedule->step_count][1]};
}

static void fate(unsigned s, enum sim_fate fate)
{
  world.server[s].path[0].fate = world.server[s].path[1].fate = fate;
}

static void error(unsigned s, uint8_t rcode)
{
  fate(s, SIM_ERROR);
  world.server[s].path[0].rcode = world.server[s].path[1].rcode = rcode;
}

static void delay(unsigned s, int64_t one_way_us)
{
  world.server[s].path[0].delay_us = world.server[s].path[1].delay_us = one_way_us;
}

/* Three servers 5, 10 and 15 ms away. */
static void three(void)
{
  for (unsigned s = 0; s < 3; s++)
    delay(s, (s + 1) * 5 * MS);
  sim_world_servers(&world, 3);
  given("name.example.");
}

static void ends(enum aiodns_outcome outcome, const char *log)
{
  run();
  assert_int_equal(world.lookup.outcome, outcome);
  log_is(log);
}

static void servers_of_a_step_are_asked_at_once(void **state)
{
  (void)state;
  three();
  schedule((const uint32_t[][2]){{300, 6}, {1000, 1}, {0}});
  ends(AIODNS_ANSWER, "0 open 1, 0 open 2, 20 close 1, 20 close 2");
}

static void first_reply_that_can_be_used_wins(void **state)
{
  (void)state;
  three();
  error(0, AIODNS_RCODE_REFUSED);
  fate(1, SIM_SILENT);
  schedule((const uint32_t[][2]){{300, 7}, {0}});
  /* Its error may be about the letter case: it is asked again in lower case, and nobody waits for that. */
  ends(AIODNS_ANSWER,
       "0 open 0, 0 open 1, 0 open 2, 10 close 0, 10 open 0, 20 close 0, 30 close 1, 30 close 2");
}

static void next_step_comes_when_it_is_written(void **state)
{
  (void)state;
  three();
  fate(0, SIM_SILENT);
  schedule((const uint32_t[][2]){{40, 1}, {1000, 2}, {0}});
  ends(AIODNS_ANSWER, "0 open 0, 40 open 1, 60 close 0, 60 close 1");
}

static void late_reply_still_counts(void **state)
{
  (void)state;
  three();
  delay(0, 25 * MS);
  fate(1, SIM_SILENT);
  schedule((const uint32_t[][2]){{40, 1}, {1000, 2}, {0}});
  ends(AIODNS_ANSWER, "0 open 0, 40 open 1, 50 close 0, 50 close 1");
}

static void server_of_several_steps_is_sent_to_again(void **state)
{
  (void)state;
  three();
  for (unsigned s = 0; s < 3; s++)
    fate(s, SIM_SILENT);
  schedule((const uint32_t[][2]){{40, 1}, {50, 3}, {60, 1}, {0}});
  ends(AIODNS_FAILED,
       "0 open 0, 40 send 0, 40 open 1, 90 send 0, 90 plain tcp open 0, 150 close 0, 150 plain tcp close 0, "
       "150 close 1");
}

static void it_ends_with_the_last_step(void **state)
{
  (void)state;
  three();
  for (unsigned s = 0; s < 3; s++)
    fate(s, SIM_SILENT);
  schedule((const uint32_t[][2]){{300, 1}, {200, 6}, {0}});
  ends(AIODNS_FAILED, "0 open 0, 300 open 1, 300 open 2, 500 close 0, 500 close 1, 500 close 2");
}

static void errors_of_all_bring_the_next_step_at_once(void **state)
{
  (void)state;
  three();
  error(0, RCODE_NOTAUTH);
  error(1, RCODE_NOTAUTH);
  schedule((const uint32_t[][2]){{300, 3}, {1000, 4}, {0}});
  ends(AIODNS_ANSWER, "0 open 0, 0 open 1, 10 close 0, 20 close 1, 20 open 2, 50 close 2");
}

static void who_erred_is_asked_again_where_it_is_written(void **state)
{
  (void)state;
  three();
  world.conf.attempts = 1;
  error(0, RCODE_NOTAUTH);
  fate(1, SIM_SILENT); /* nobody may know better than who is asked */
  fate(2, SIM_SILENT);
  schedule((const uint32_t[][2]){{300, 1}, {300, 1}, {300, 1}, {0}});
  ends(AIODNS_FAILED, "0 open 0, 10 close 0, 10 open 0, 20 close 0, 20 open 0, 30 close 0");
}

static void icmp_brings_the_next_step(void **state)
{
  (void)state;
  three();
  fate(0, SIM_UNREACHABLE);
  fate(1, SIM_SILENT);
  fate(2, SIM_SILENT);
  schedule((const uint32_t[][2]){{300, 1}, {100, 2}, {0}});
  ends(AIODNS_FAILED, "0 open 0, 10 open 1, 110 close 0, 110 close 1");
}

static void refused_by_all_ends_soon(void **state)
{
  (void)state;
  three();
  for (unsigned s = 0; s < 3; s++)
    fate(s, SIM_UNREACHABLE);
  schedule((const uint32_t[][2]){{3000, 7}, {0}});
  ends(AIODNS_FAILED, "0 open 0, 0 open 1, 0 open 2, 130 close 0, 130 close 1, 130 close 2");
}

static void server_that_compares_letters_gets_its_lower_case(void **state)
{
  (void)state;
  three();
  given("name-of-a-container.example.");
  world.server[0].letters = SIM_SENSITIVE;
  world.server[0].misread = SIM_MISREAD_SERVFAIL;
  world.server[0].tcp = SIM_TCP_REFUSED;
  schedule((const uint32_t[][2]){{2000, 1}, {0}});
  ends(AIODNS_ANSWER,
       "0 open 0, 10 close 0, 10 open 0, 20 close 0, 20 tcp open 0, 30 open 0, 30 tcp close 0, 40 close 0");
}

static void truncated_reply_has_time_for_tcp(void **state)
{
  (void)state;
  three();
  world.server[1].truncates = true;
  delay(1, 30 * MS);
  schedule((const uint32_t[][2]){{70, 2}, {0}});
  ends(AIODNS_ANSWER, "0 open 1, 60 close 1, 60 tcp open 1, 180 tcp close 1");
}

static void folded_letters_without_tcp_prolong_the_step(void **state)
{
  (void)state;
  three();
  world.server[0].letters = SIM_LOWERS;
  world.server[0].tcp = SIM_TCP_SILENT;
  schedule((const uint32_t[][2]){{50, 1}, {0}});
  ends(AIODNS_ANSWER, "0 open 0, 10 tcp open 0, 210 close 0, 210 open 0, 220 close 0, 220 tcp close 0");
}

static void chain_goes_on_with_the_step_that_answered(void **state)
{
  (void)state;
  three();
  fate(0, SIM_SILENT);
  struct sim_candidate *c = given("name.example.");
  c->hops = 2;
  world.server[1].step = 1;
  schedule((const uint32_t[][2]){{40, 1}, {1000, 2}, {0}});
  run();
  assert_int_equal(world.lookup.outcome, AIODNS_ANSWER);
  int64_t first_us = -1;
  unsigned opened = 0;
  for (unsigned i = 0; i < world.log_len; i++)
    if (world.log[i].kind == AIODNS_TASK_OPEN && world.log[i].server == 0) {
      opened++;
      first_us = world.log[i].at_us - world.start_us;
    }
  assert_int_equal(opened, 1);
  assert_int_equal(first_us, 0);
}

static void known_facts_change_nothing(void **state)
{
  (void)state;
  three();
  world.conf.up_count = 0;
  world.conf.server[0].late_us = 10;
  fate(0, SIM_SILENT);
  schedule((const uint32_t[][2]){{77, 1}, {1000, 4}, {0}});
  ends(AIODNS_ANSWER, "0 open 0, 77 open 2, 107 close 0, 107 close 2");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      SCENARIO(servers_of_a_step_are_asked_at_once),
      SCENARIO(first_reply_that_can_be_used_wins),
      SCENARIO(next_step_comes_when_it_is_written),
      SCENARIO(late_reply_still_counts),
      SCENARIO(server_of_several_steps_is_sent_to_again),
      SCENARIO(it_ends_with_the_last_step),
      SCENARIO(errors_of_all_bring_the_next_step_at_once),
      SCENARIO(who_erred_is_asked_again_where_it_is_written),
      SCENARIO(icmp_brings_the_next_step),
      SCENARIO(refused_by_all_ends_soon),
      SCENARIO(server_that_compares_letters_gets_its_lower_case),
      SCENARIO(truncated_reply_has_time_for_tcp),
      SCENARIO(folded_letters_without_tcp_prolong_the_step),
      SCENARIO(chain_goes_on_with_the_step_that_answered),
      SCENARIO(known_facts_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
