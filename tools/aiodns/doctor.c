#include "doctor.h"

#include "command.h"
#include "settings.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char doc[] =
    "Looks at all that host name resolution through aiodns stands on: the caches that this process would "
    "use, "
    "/etc/nsswitch.conf, /etc/aiodns.conf, the module, /proc. Each line of what it says begins with ok, "
    "warning or error; the "
    "exit status is 0 if all are ok, else 1.\v"
    "What it says holds for whoever calls it: root and users have caches of their own.";

static const char module[] = "libnss_aiodns.so.2", entry[] = "_nss_aiodns_gethostbyname4_r";

static const char *level_text(enum doctor_level level)
{
  return level == DOCTOR_OK ? "ok" : level == DOCTOR_WARNING ? "warning" : "error";
}

void doctor_finding(struct doctor *doctor, enum doctor_level level, const char *about, const char *format,
                    ...)
{
  va_list args;
  char *text = NULL;

  va_start(args, format);
  int len = vasprintf(&text, format, args);
  va_end(args);
  if (len < 0)
    command_die("out of memory");
  char *printable = command_printable(text);
  if (level > doctor->worst)
    doctor->worst = level;
  if (doctor->findings) {
    json_t *finding = json_object();
    command_json_put(finding, "level", json_string(level_text(level)));
    command_json_put(finding, "about", json_string(about));
    command_json_put(finding, "text", json_string(printable));
    command_json_put(doctor->findings, NULL, finding);
  } else {
    printf("%s: %s: %s\n", level_text(level), about, printable);
  }
  free(printable);
  free(text);
}

static void look_at_self(struct doctor *doctor, const struct command_tiers *tiers)
{
  switch (tiers->self) {
  case AIODNS_SELF_ROOT:
    doctor_finding(doctor, DOCTOR_OK, "process", "root: reads and writes the host tier");
    return;
  case AIODNS_SELF_USER:
    doctor_finding(doctor, DOCTOR_OK, "process", "user %u: reads the host tier and its own, writes its own",
                   tiers->uid);
    return;
  case AIODNS_SELF_MIXED:
    doctor_finding(
        doctor, DOCTOR_WARNING, "process",
        "neither root nor one plain user (user %u, group %u; IDs that differ, capabilities, group 0 "
        "or the overflow uid): reads the host tier, writes none; run this as whom it is about",
        (unsigned)geteuid(), (unsigned)getegid());
  }
}

/* Keeps the first. */
static void note_error(void *context, const struct aiodns_settings_error *error)
{
  struct aiodns_settings_error *first = context;

  if (!first->expected)
    *first = *error;
}

static void look_at_settings(struct doctor *doctor)
{
  static const char path[] = AIODNS_SETTINGS_PATH;
  static struct aiodns_items items;
  struct aiodns_settings settings;
  struct aiodns_settings_error first = {0};

  switch (aiodns_settings_read(&settings, &items, path, NULL, note_error, &first)) {
  case AIODNS_SETTINGS_ABSENT: /* as on most hosts */
    return;
  case AIODNS_SETTINGS_GOOD:
    doctor_finding(doctor, DOCTOR_OK, path, "it has no errors");
    return;
  case AIODNS_SETTINGS_BAD:
    if (first.at.line > 0)
      doctor_finding(
          doctor, DOCTOR_ERROR, path,
          "line %u, column %u: %s%s%s: until this is put right nothing in it counts but its domains; `aiodns "
          "config' shows all that is wrong",
          first.at.line, first.at.column, first.word, *first.word ? ": " : "", first.expected);
    else
      doctor_finding(doctor, DOCTOR_ERROR, path, "%s: nothing in it counts",
                     errno ? strerror(errno) : first.expected);
  }
}

static void look_at_module(struct doctor *doctor)
{
  Dl_info info;
  void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);

  if (!library) {
    doctor_finding(doctor, DOCTOR_ERROR, "module",
                   "cannot be loaded: %s: install it where ld.so.conf(5) looks, and run ldconfig", dlerror());
    return;
  }
  void *symbol = dlsym(library, entry);
  if (!symbol)
    doctor_finding(doctor, DOCTOR_ERROR, "module", "%s has no %s: it is something else of this name", module,
                   entry);
  else
    doctor_finding(doctor, DOCTOR_OK, "module", "%s can be loaded",
                   dladdr(symbol, &info) && info.dli_fname ? info.dli_fname : module);
  dlclose(library);
}

static void look_at_proc(struct doctor *doctor, const char *path, const char *what)
{
  char text[64];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd >= 0 ? read(fd, text, sizeof text) : -1;
  int error = errno;

  if (fd >= 0)
    close(fd);
  if (len > 0)
    doctor_finding(doctor, DOCTOR_OK, what, "%s can be read", path);
  else
    doctor_finding(doctor, DOCTOR_ERROR, what, "%s cannot be read: %s: mount proc on /proc", path,
                   len < 0 ? strerror(error) : "it is empty");
}

int command_doctor(int argc, char **argv)
{
  struct command_request request;
  struct command_tiers tiers;
  struct doctor doctor = {0};

  command_parse(argc, argv, COMMAND_TAKES_JSON, doc, &request);
  if (request.json) {
    doctor.findings = json_array();
    doctor.tiers = json_array();
  }
  command_tiers(&tiers);
  look_at_self(&doctor, &tiers);
  for (unsigned i = 0; i < tiers.count; i++)
    doctor_tier(&doctor, &tiers.tier[i]);
  doctor_nsswitch(&doctor, "/etc/nsswitch.conf");
  look_at_settings(&doctor);
  look_at_module(&doctor);
  look_at_proc(&doctor, "/proc/sys/kernel/overflowuid", "/proc");
  look_at_proc(&doctor, "/proc/sys/kernel/random/boot_id", "boot ID");
  if (request.json) {
    json_t *object = json_object();
    command_json_put(object, "status", json_string(level_text(doctor.worst)));
    command_json_put(object, "findings", doctor.findings);
    command_json_put(object, "tiers", doctor.tiers);
    command_json_print(object);
  }
  return doctor.worst == DOCTOR_OK ? COMMAND_GOOD : COMMAND_FAILED;
}
