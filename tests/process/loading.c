/*
 * loading MODE [PATH]: the module loaded in unusual ways, or by a program that is unusual itself.
 */
#include "module.h"
#include "plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE     "one.test"
#define ONE_HAS "198.18.0.1 2001:db8::1"

enum { CYCLES = 200 };

static char buffer[BUFFER_LEN];

static void check_by_hand(const struct module *module)
{
  static const char *const lookup[][2] = {
      {"gai", ONE},
      {"gai4", ONE},
      {"gai6", ONE},
      {"byname", ONE},
      {"byaddr", "198.18.1.1"},
      {"byaddr", "2001:db8:1::1"},
  };

  for (size_t i = 0; i < sizeof lookup / sizeof lookup[0]; i++) {
    char got[OUTCOME_MAX];
    put_outcome(call_by_hand(module, lookup[i][0], lookup[i][1], buffer, sizeof buffer), got);
    CHECK(strcmp(got, "SUCCESS 0 0") == 0, "%s %s: %s", lookup[i][0], lookup[i][1], got);
  }
}

/* The lines of the memory map that are the module's. */
static unsigned mappings(void)
{
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[8192];
  unsigned count = 0;

  CHECK(maps, "no /proc");
  while (fgets(line, sizeof line, maps))
    count += strstr(line, "libnss_aiodns") != NULL;
  fclose(maps);
  return count;
}

/* Before glibc loads it, and after; the module's own symbols come first to it then. */
static void test_deepbind(void)
{
  struct module module;

  module_load(&module, MODULE, RTLD_DEEPBIND);
  check_by_hand(&module);
  CHECK_ASK("gai", ONE, ONE_HAS);
  CHECK_ASK("byaddr", "198.18.1.1", ONE);
  check_by_hand(&module);
}

/* glibc loads the module for a plugin whose own symbols, and those of what it needs, come first to it. */
static void test_plugin(const char *path)
{
  __typeof__(plugin_ask) *ask_plugin;
  void *plugin = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);

  CHECK(plugin, "%s", dlerror());
  *(void **)&ask_plugin = dlsym(plugin, "plugin_ask");
  CHECK(ask_plugin, "%s", dlerror());
  for (int i = 0; i < 3; i++) {
    ask_plugin("gai", ONE, ONE_HAS);
    ask_plugin("byname", "servfail.test.", "TRY_AGAIN EAGAIN");
    ask_plugin("byaddr", "198.18.1.1", ONE);
    CHECK_ASK("gai", ONE, ONE_HAS);
  }
  CHECK(dlclose(plugin) == 0, "dlclose");
  CHECK_ASK("gai", ONE, ONE_HAS);
}

static void test_cycles(void)
{
  struct module module;

  module_load(&module, MODULE, 0);
  unsigned before = mappings();
  CHECK(before > 0, "not mapped");
  for (int i = 0; i < CYCLES; i++) {
    CHECK(dlclose(module.handle) == 0, "dlclose");
    module_load(&module, MODULE, i % 2 ? RTLD_GLOBAL : RTLD_LOCAL);
    if (i % 20 == 0)
      check_by_hand(&module);
  }
  CHECK(mappings() == before, "%u mappings, before it were %u", mappings(), before);
  CHECK_ASK("gai", ONE, ONE_HAS);
}

static void *closing_thread(void *handle)
{
  for (int i = 0; i < CYCLES; i++) {
    CHECK(dlclose(handle) == 0, "dlclose");
    handle = dlopen(MODULE, RTLD_NOW);
    CHECK(handle, "%s", dlerror());
  }
  return handle;
}

/* One thread takes it away while another is inside. */
static void test_closed_inside(void)
{
  struct module module;
  pthread_t thread;

  module_load(&module, MODULE, 0);
  CHECK(pthread_create(&thread, NULL, closing_thread, module.handle) == 0, "pthread_create");
  for (int i = 0; i < 10; i++)
    check_by_hand(&module);
  pthread_join(thread, NULL);
  CHECK_ASK("gai", ONE, ONE_HAS);
}

static void test_copies(const char *path)
{
  struct module module, copy;

  module_load(&module, MODULE, 0);
  module_load(&copy, path, RTLD_GLOBAL);
  CHECK(module.byname4 != copy.byname4, "%s is no copy", path);
  check_by_hand(&module);
  check_by_hand(&copy);
  dlclose(copy.handle);
  check_by_hand(&module);
  CHECK_ASK("gai", ONE, ONE_HAS);
}

/* With a C library of its own: what it keeps by thread is another one's. */
static void test_namespace(void)
{
  static const char entry[] = "_nss_aiodns_gethostbyname4_r";
  struct gaih_addrtuple *list = NULL;
  struct module module = {0};
  int error = 0, h_error = 0;
  void *handle = dlmopen(LM_ID_NEWLM, MODULE, RTLD_NOW);

  CHECK(handle, "%s", dlerror());
  *(void **)&module.byname4 = dlsym(handle, entry);
  CHECK(module.byname4, "%s", entry);
  int status = module.byname4(ONE, &list, buffer, sizeof buffer, &error, &h_error, NULL);
  CHECK(status == NSS_STATUS_SUCCESS, "%d %d %d", status, error, h_error);
  CHECK_ASK("gai", ONE, ONE_HAS);
}

int main(int argc, char **argv)
{
  CHECK(argc >= 2, "no mode");
  if (strcmp(argv[1], "deepbind") == 0)
    test_deepbind();
  else if (strcmp(argv[1], "cycles") == 0)
    test_cycles();
  else if (strcmp(argv[1], "closed-inside") == 0)
    test_closed_inside();
  else if (strcmp(argv[1], "copies") == 0 && argc == 3)
    test_copies(argv[2]);
  else if (strcmp(argv[1], "plugin") == 0 && argc == 3)
    test_plugin(argv[2]);
  else if (strcmp(argv[1], "namespace") == 0)
    test_namespace();
  else
    CHECK(false, "no such mode: %s", argv[1]);
  return 0;
}
