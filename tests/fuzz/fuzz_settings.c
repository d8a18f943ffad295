/* A configuration file: what is good is within its limits, what is bad says why, and where. */
#include "fuzz.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned errors;

static void note(void *context, const struct aiodns_settings_error *error)
{
  must(context == &errors);
  must(error->at.line > 0 && error->at.column > 0);
  must(memchr(error->word, '\0', sizeof error->word) != NULL);
  must(strncmp(error->expected, "expected ", 9) == 0);
  errors++;
}

static void look(const struct aiodns_settings *settings)
{
  struct aiodns_conf conf;
  unsigned datagrams = 0, all = (1u << settings->server_count) - 1;

  must(settings->server_count <= AIODNS_SERVERS_MAX && settings->schedule.step_count <= AIODNS_STEPS_MAX);
  for (unsigned i = 0; i < settings->schedule.step_count; i++) {
    const struct aiodns_step *step = &settings->schedule.step[i];
    must(step->wait_ms >= AIODNS_SETTINGS_STEP_MIN_MS && step->wait_ms <= AIODNS_SETTINGS_STEP_MAX_MS);
    must(step->servers != 0 && (step->servers & ~all) == 0);
    datagrams += (unsigned)__builtin_popcount(step->servers);
  }
  must(datagrams <= 16);
  must(settings->deadline_ms <= AIODNS_SETTINGS_DEADLINE_MAX_MS);
  must(settings->serve_stale_s <= AIODNS_SETTINGS_STALE_MAX_S);
  must(settings->letters <= AIODNS_LETTERS_OFF);
  memset(&conf, 0, sizeof conf);
  aiodns_settings_apply(settings, &conf);
  must(conf.server_count == settings->server_count);
  for (unsigned i = 0; i < conf.server_count; i++)
    must(conf.server[i].place == i && ((conf.server[i].address.any.sa_family == AF_INET &&
                                        conf.server[i].address_len == sizeof(struct sockaddr_in)) ||
                                       (conf.server[i].address.any.sa_family == AF_INET6 &&
                                        conf.server[i].address_len == sizeof(struct sockaddr_in6))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct aiodns_settings settings, again;
  struct aiodns_settings_place place[AIODNS_KEYWORDS];
  char path[64];
  int fd = memfd_create("settings", MFD_CLOEXEC);

  must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  errors = 0;
  enum aiodns_settings_read result = aiodns_settings_read(&settings, path, place, note, &errors);
  must(result == (errors ? AIODNS_SETTINGS_BAD : AIODNS_SETTINGS_GOOD));
  must(aiodns_settings_read(&again, path, NULL, NULL, NULL) == result);
  for (unsigned i = 0; i < AIODNS_KEYWORDS; i++)
    must((place[i].line > 0) == (settings.said >> i & 1));
  if (result == AIODNS_SETTINGS_GOOD) {
    must(memcmp(&settings, &again, sizeof settings) == 0);
    look(&settings);
  }
  close(fd);
  return 0;
}
