/*
 * What scenarios share: each has a calm world of its own, changes it, and says how the lookup of one name
 * must go in it.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "world.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000000 };

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct sim_world world;

static int setup(void **state)
{
  (void)state;
  sim_world_init(&world, 1);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  sim_world_done(&world);
  return 0;
}

/* The name's only candidate, or the first: it has one address of each family.  Others do not exist. */
static struct sim_candidate *given(const char *name)
{
  strcpy(world.given, name);
  sim_world_name(&world);
  for (unsigned i = 0; i < world.candidate_count; i++) {
    world.candidate[i].kind = i == 0 ? SIM_DATA : SIM_NXDOMAIN;
    world.candidate[i].count[0] = world.candidate[i].count[1] = 1;
  }
  return &world.candidate[0];
}

static void run(void)
{
  sim_world_run(&world);
  sim_world_forget(&world);
  if (world.failed)
    fail_msg("%s", world.complaint);
}

/* The steps of the run, each with its time in milliseconds and the number of its server. */
static void log_is(const char *expected)
{
  static const char *const verb[] = {"open", "send", "close"};
  char text[8192] = "";
  size_t len = 0;

  for (unsigned i = 0; i < world.log_len && len < sizeof text - 100; i++) {
    const struct sim_logged *log = &world.log[i];
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld %s%s%s %u", i ? ", " : "",
                            (long long)(log->at_us - world.start_us) / MS, log->plain ? "plain " : "",
                            log->tcp ? "tcp " : "", verb[log->kind], log->server);
  }
  assert_string_equal(text, expected);
}

#endif
