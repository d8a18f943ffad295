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
  must(settings->ttls.min_s <= settings->ttls.max_s && settings->ttls.max_s <= AIODNS_TTL_MAX_S);
  must(settings->ttls.max_s > 0 && settings->ttls.max_negative_s <= AIODNS_TTL_MAX_S);
  must(settings->cache_size == 0 || (settings->cache_size >= AIODNS_SETTINGS_CACHE_MIN &&
                                     settings->cache_size <= AIODNS_SETTINGS_CACHE_MAX));
  memset(&conf, 0, sizeof conf);
  aiodns_settings_apply(settings, &conf);
  must(conf.server_count == settings->server_count);
  for (unsigned i = 0; i < conf.server_count; i++)
    must(conf.server[i].place == i && ((conf.server[i].address.any.sa_family == AF_INET &&
                                        conf.server[i].address_len == sizeof(struct sockaddr_in)) ||
                                       (conf.server[i].address.any.sa_family == AF_INET6 &&
                                        conf.server[i].address_len == sizeof(struct sockaddr_in6))));
}

/* Of a bad file there are domains alone. */
static void look_items(const struct aiodns_items *items, bool good)
{
  struct aiodns_domain domain;
  struct aiodns_name name;
  struct aiodns_item item;
  uint32_t at = 0;

  must(aiodns_name_from_text(&name, "a.name"));
  while (aiodns_items_next(items, &at, &item)) {
    must(good || item.kind == AIODNS_ITEM_DOMAIN);
    if (item.kind == AIODNS_ITEM_HOSTS_FILE || item.kind == AIODNS_ITEM_BLOCK_FILE)
      must(item.data[0] == '/' && strlen((const char *)item.data) == item.len - 1);
  }
  must(at == items->len);
  if (aiodns_items_domain_of(items, &name, &domain))
    must(domain.server_count <= AIODNS_SERVERS_MAX && (!good || domain.server_count > 0) &&
         aiodns_name_within(&name, &domain.name));
  must(aiodns_items_rules(items, &name) <= AIODNS_RULE_ALLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct aiodns_settings settings, again;
  static struct aiodns_items items, items_again;
  struct aiodns_settings_place place[AIODNS_KEYWORDS];
  char path[64];
  int fd = memfd_create("settings", MFD_CLOEXEC);

  must(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  errors = 0;
  enum aiodns_settings_read result = aiodns_settings_read(&settings, &items, path, place, note, &errors);
  must(result == (errors ? AIODNS_SETTINGS_BAD : AIODNS_SETTINGS_GOOD));
  must(aiodns_settings_read(&again, &items_again, path, NULL, NULL, NULL) == result);
  must(memcmp(&settings, &again, sizeof settings) == 0);
  must(memcmp(&items, &items_again, sizeof items) == 0);
  look_items(&items, result == AIODNS_SETTINGS_GOOD);
  if (result == AIODNS_SETTINGS_GOOD) {
    for (unsigned i = 0; i < AIODNS_KEYWORDS; i++)
      must((place[i].line > 0) == (settings.said >> i & 1));
    look(&settings);
  }
  close(fd);
  return 0;
}
