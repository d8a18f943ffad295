#include "unit.h"

#include "status.h"

#include <errno.h>
#include <netdb.h>

static const enum aiodns_outcome outcomes[] = {
    AIODNS_PENDING, AIODNS_ANSWER, AIODNS_NO_NAME,  AIODNS_NO_DATA,
    AIODNS_FAILED,  AIODNS_LOCAL,  AIODNS_UNUSABLE, AIODNS_NOT_MINE,
};

static void is(struct aiodns_status status, enum nss_status wanted, int error, int h_error)
{
  assert_int_equal(status.status, wanted);
  assert_int_equal(status.error, error);
  assert_int_equal(status.h_error, h_error);
}

static void each_outcome_has_the_row_that_glibc_needs(void **state)
{
  (void)state;
  is(aiodns_status_of(AIODNS_ANSWER, 0), NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS);
  is(aiodns_status_of(AIODNS_NO_NAME, 0), NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND);
  is(aiodns_status_of(AIODNS_NO_DATA, 0), NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
  is(aiodns_status_of(AIODNS_FAILED, 0), NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN);
  is(aiodns_status_of(AIODNS_LOCAL, EMFILE), NSS_STATUS_TRYAGAIN, EMFILE, NETDB_INTERNAL);
  is(aiodns_status_of(AIODNS_UNUSABLE, 0), NSS_STATUS_UNAVAIL, EAGAIN, TRY_AGAIN);
  is(aiodns_status_of(AIODNS_NOT_MINE, 0), NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
  is(aiodns_status_too_small(), NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL);
}

/* getaddrinfo stops there and asks no further service. */
static void unavail_never_comes_with_netdb_internal(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
    for (int error = 0; error < 140; error++) {
      struct aiodns_status status = aiodns_status_of(outcomes[i], error);
      assert_false(status.status == NSS_STATUS_UNAVAIL && status.h_error == NETDB_INTERNAL);
      assert_true(status.status == NSS_STATUS_SUCCESS || status.error != 0);
    }
}

/* glibc would call again with a larger buffer, for ever. */
static void erange_means_the_buffer_alone(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
    for (int error = 0; error < 140; error++)
      assert_int_not_equal(aiodns_status_of(outcomes[i], error).error, ERANGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_outcome_has_the_row_that_glibc_needs),
      cmocka_unit_test(unavail_never_comes_with_netdb_internal),
      cmocka_unit_test(erange_means_the_buffer_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
