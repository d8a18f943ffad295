#include "blocklists.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What root downloads is downloaded by another process, which is nobody but that account and can do nothing
 * but write octets into a pipe: neither files nor folders are ever that account's, so that whoever takes it
 * over, by a mistake in what speaks TLS and HTTP, finds nothing that root would stumble over: no place for a
 * link, no lock, no file to be changed after it was looked at.
 */
#define ACCOUNT "_aiodns"

enum { BODY = STDOUT_FILENO, REPORT = STDERR_FILENO + 1 }; /* the descriptors of that process */

/* What it says at its end.  Believed as little as a server. */
struct report {
  uint32_t result, is_open_ended;
  char new_etag[BLOCKLIST_VALIDATOR_MAX + 1], new_last_modified[BLOCKLIST_VALIDATOR_MAX + 1];
  char reason[512];
};

_Static_assert(sizeof(struct report) <= 4096, "written at once, or not at all (pipe(7), PIPE_BUF)");

static enum blocklist_fetched fail(struct blocklist_fetch *fetch, const char *what, int error)
{
  snprintf(fetch->reason, sizeof fetch->reason, "%s: %s", what, strerror(error));
  return BLOCKLIST_FAILED;
}

/* ---- The process that downloads ---- */

static bool become(const struct passwd *account, pid_t parent)
{
  if (setgroups(0, NULL) != 0 || setresgid(account->pw_gid, account->pw_gid, account->pw_gid) != 0 ||
      setresuid(account->pw_uid, account->pw_uid, account->pw_uid) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return false;
  /* After that: a change of the user forgets it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
    return true;
  errno = ESRCH;
  return false;
}

static _Noreturn void download(const struct blocklist_fetch *wanted, const struct passwd *account,
                               pid_t parent, int body, int report_to)
{
  struct blocklist_fetch fetch = *wanted;
  struct report report = {0};

  /* Both are above the standard streams.  Of the rest, a lock would be held for as long as this lives. */
  if (dup2(body, BODY) < 0 || dup2(report_to, REPORT) < 0)
    _exit(COMMAND_FAILED);
  closefrom(REPORT + 1);
  fetch.fd = BODY;
  report.result =
      become(account, parent) ? blocklist_fetch(&fetch) : fail(&fetch, "cannot become " ACCOUNT, errno);
  report.is_open_ended = fetch.is_open_ended;
  memcpy(report.new_etag, fetch.new_etag, sizeof report.new_etag);
  memcpy(report.new_last_modified, fetch.new_last_modified, sizeof report.new_last_modified);
  memcpy(report.reason, fetch.reason, sizeof report.reason);
  close(BODY);
  _exit(write(REPORT, &report, sizeof report) == sizeof report ? COMMAND_GOOD : COMMAND_FAILED);
}

/* ---- The one that stores ---- */

static bool write_all(int fd, const char *octets, size_t len)
{
  while (len > 0) {
    ssize_t written = write(fd, octets, len);
    if (written < 0 && errno == EINTR && !blocklist_interrupted)
      continue;
    if (written < 0)
      return false;
    octets += written;
    len -= (size_t)written;
  }
  return true;
}

/* NULL, or why not all of it is stored. */
static const char *store(int from, int to)
{
  static char buf[65536];
  uint64_t size = 0;

  for (;;) {
    ssize_t got = read(from, buf, sizeof buf);
    if (blocklist_interrupted)
      return "it was interrupted";
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return strerror(errno);
    if (got == 0)
      return NULL;
    size += (uint64_t)got;
    if (size > BLOCKLIST_SIZE_MAX)
      return strerror(EFBIG);
    if (!write_all(to, buf, (size_t)got))
      return blocklist_interrupted ? "it was interrupted" : strerror(errno);
  }
}

static bool read_report(int fd, struct report *ret)
{
  ssize_t got;

  do
    got = read(fd, ret, sizeof *ret);
  while (got < 0 && errno == EINTR && !blocklist_interrupted);
  return got == sizeof *ret && ret->result <= BLOCKLIST_FAILED;
}

/* Printable ASCII, or nothing: it is written into a file, and sent back. */
static void take_value(char ret[BLOCKLIST_VALIDATOR_MAX + 1], const char from[BLOCKLIST_VALIDATOR_MAX + 1])
{
  size_t len = strnlen(from, BLOCKLIST_VALIDATOR_MAX);

  ret[0] = '\0';
  for (size_t i = 0; i < len; i++)
    if (from[i] < 0x20 || from[i] > 0x7e)
      return;
  memcpy(ret, from, len);
  ret[len] = '\0';
}

static enum blocklist_fetched take_report(struct blocklist_fetch *fetch, struct report *report)
{
  report->reason[sizeof report->reason - 1] = '\0';
  char *printable = command_printable(report->reason);
  snprintf(fetch->reason, sizeof fetch->reason, "%s", printable);
  free(printable);
  take_value(fetch->new_etag, report->new_etag);
  take_value(fetch->new_last_modified, report->new_last_modified);
  fetch->is_open_ended = report->is_open_ended != 0;
  return (enum blocklist_fetched)report->result;
}

static enum blocklist_fetched receive(struct blocklist_fetch *fetch, int body, int report_from)
{
  struct report report = {0};
  const char *wrong = store(body, fetch->fd);

  if (wrong && blocklist_interrupted)
    snprintf(fetch->reason, sizeof fetch->reason, "%s", wrong);
  else if (wrong)
    snprintf(fetch->reason, sizeof fetch->reason, "it cannot be written: %s", wrong);
  else if (read_report(report_from, &report))
    return take_report(fetch, &report);
  else
    snprintf(fetch->reason, sizeof fetch->reason, "the process that downloads it has ended");
  return BLOCKLIST_FAILED;
}

/* Whatever it still does is of no use. */
static void end(pid_t process)
{
  if (kill(process, SIGKILL) != 0)
    return;
  while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
    continue;
}

static enum blocklist_fetched fetch_as(struct blocklist_fetch *fetch, const struct passwd *account)
{
  int body[2], report[2];
  pid_t self = getpid();

  if (pipe2(body, O_CLOEXEC) != 0)
    return fail(fetch, "no pipe", errno);
  if (pipe2(report, O_CLOEXEC) != 0) {
    int error = errno;
    close(body[0]);
    close(body[1]);
    return fail(fetch, "no pipe", error);
  }
  (void)fflush(stdout); /* what it has of this is nobody's to write */
  pid_t process = fork();
  int error = errno;
  if (process == 0)
    download(fetch, account, self, body[1], report[1]);
  close(body[1]);
  close(report[1]);
  enum blocklist_fetched result =
      process < 0 ? fail(fetch, "no process", error) : receive(fetch, body[0], report[0]);
  close(body[0]);
  close(report[0]);
  if (process > 0)
    end(process);
  return result;
}

/* NULL: there is none, as where nobody has installed a package, or this process could not become it. */
static const struct passwd *account_for(const char *url)
{
  if (geteuid() != 0 ||
      strncmp(url, "file:", 5) == 0) /* a file may be root's alone, and speaks no protocol */
    return NULL;
  const struct passwd *account = getpwnam(ACCOUNT);
  return account && account->pw_uid != 0 && account->pw_gid != 0 ? account : NULL;
}

enum blocklist_fetched blocklist_fetch_apart(struct blocklist_fetch *fetch)
{
  const struct passwd *account = account_for(fetch->url);

  fetch->new_etag[0] = fetch->new_last_modified[0] = fetch->reason[0] = '\0';
  fetch->is_open_ended = false;
  return account ? fetch_as(fetch, account) : blocklist_fetch(fetch);
}
