/*
 * For programs that treat the module badly: its entry points by hand, lookups through glibc as text, and a
 * way to fail.  Names and addresses follow one scheme everywhere: a name with n addresses has 198.18.0.1 to
 * .n and 2001:db8::1 to ::n (n in hexadecimal).
 */
#ifndef AIODNS_TEST_MODULE_H
#define AIODNS_TEST_MODULE_H

#include <netdb.h>
#include <nss.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#define MODULE "libnss_aiodns.so.2"

/* Ends the process with status 1 and the message, unless `condition` holds. */
#define CHECK(condition, ...)                                                                                \
  do {                                                                                                       \
    if (!(condition))                                                                                        \
      fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                     \
  } while (0)

/* The same for a lookup through glibc: `wanted` is what ask() writes. */
#define CHECK_ASK(how, name, wanted) check_ask(__FILE__, __LINE__, how, name, wanted)

enum { TEXT_MAX = 32768, OUTCOME_MAX = 128, BUFFER_LEN = 65536 };

struct module {
  void *handle;
  enum nss_status (*byname4)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *, int32_t *);
  enum nss_status (*byname3)(const char *, int, struct hostent *, char *, size_t, int *, int *, int32_t *,
                             char **);
  enum nss_status (*byname2)(const char *, int, struct hostent *, char *, size_t, int *, int *);
  enum nss_status (*byname)(const char *, struct hostent *, char *, size_t, int *, int *);
  enum nss_status (*byaddr2)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *,
                             int32_t *);
  enum nss_status (*byaddr)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *);
};

void fail(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

/* Where fail() writes; standard error at first. */
extern int fail_fd;

void module_load(struct module *ret, const char *path, int flags);

/*
 * One lookup through glibc.  `how` is gai, gai4, gai6, byname or byname6 with a name, or canon, canon4 or
 * canon6, which want the canonical name, too; byaddr or nameinfo with an address in text.  Writes the
 * addresses in order of text, after "NAME: " where that was wanted, or the name, or an error as "EAI_AGAIN",
 * "EAI_SYSTEM EMFILE", "HOST_NOT_FOUND" or "TRY_AGAIN EAGAIN".
 */
void ask(const char *how, const char *name, char ret[TEXT_MAX]);
void check_ask(const char *file, int line, const char *how, const char *name, const char *wanted);

struct outcome {
  int status, error, h_error; /* error begins as 0, and stays so on success */
};

/* The same lookups by hand, with what `how` comes to in glibc, or nearly: every entry point has one. */
struct outcome call_by_hand(const struct module *module, const char *how, const char *name, char *buffer,
                            size_t len);

/* As "SUCCESS 0 0" or "TRYAGAIN EMFILE NETDB_INTERNAL". */
void put_outcome(struct outcome outcome, char ret[OUTCOME_MAX]);

/* The number of open descriptors. */
unsigned descriptors(void);
#define CHECK_DESCRIPTORS(wanted) check_descriptors(__FILE__, __LINE__, wanted)
void check_descriptors(const char *file, int line, unsigned wanted);

/*
 * What can write to a cache or its claims: descriptors, and mappings that are writable and shared, the
 * counters' among them.
 */
unsigned writers(void);

/* A soft limit; no more than the hard one. */
void limit(__rlimit_resource_t resource, rlim_t value);

/* The limit of descriptors that leaves `spare` to be opened. */
void leave_descriptors(unsigned spare);

#endif
