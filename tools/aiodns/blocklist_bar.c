#include "blocklists.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
  BAR_EVERY_MS = 100,
  BAR_WIDTH_MIN = 40, /* a narrower terminal gets no bar: a line that wraps cannot be taken back */
  BAR_WIDTH_MAX = 100,
  BAR_NAME_WIDTH = 20,
  BAR_NUMBER_ROOM = 24,
};

static int64_t now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void blocklist_bar_begin(struct blocklist_bar *bar, const char *name)
{
  struct winsize size = {0};

  *bar = (struct blocklist_bar){.name = name};
  if (!isatty(STDERR_FILENO))
    return;
  bar->width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  if (bar->width > BAR_WIDTH_MAX)
    bar->width = BAR_WIDTH_MAX;
  if (bar->width < BAR_WIDTH_MIN)
    bar->width = 0;
}

/* `=====>    `, `room` characters; an arrow alone where it is not known how far there is to go */
static void fill(char *to, size_t room, uint64_t octets, uint64_t total)
{
  double part = total == 0 ? 0 : octets < total ? (double)octets / (double)total : 1;
  size_t done = (size_t)(part * (double)(room - 1));

  memset(to, ' ', room);
  memset(to, '=', done);
  to[done] = '>';
  to[room] = '\0';
}

void blocklist_bar_show(struct blocklist_bar *bar, uint64_t octets, uint64_t total)
{
  char arrow[BAR_WIDTH_MAX + 1], percent[BAR_NUMBER_ROOM] = "";
  int64_t now = bar->width > 0 ? now_ms() : 0;

  if (bar->width == 0 || octets == 0 || (bar->is_drawn && now - bar->drawn_ms < BAR_EVERY_MS))
    return;
  if (total > 0)
    snprintf(percent, sizeof percent, "%3.0f %%", (double)octets * 100 / (double)total);
  /* "\rNAME [ARROW] 100 % 1234.5 MB", and one column free, in which some terminals would begin a new line. */
  fill(arrow, bar->width - BAR_NAME_WIDTH - sizeof " [] 100 % 1234.5 MB", octets, total);
  (void)fflush(stdout);
  fprintf(stderr, "\r%-*.*s [%s] %5s %6.1f MB", BAR_NAME_WIDTH, BAR_NAME_WIDTH, bar->name, arrow, percent,
          (double)octets / 1e6);
  (void)fflush(stderr);
  bar->is_drawn = true;
  bar->drawn_ms = now;
}

void blocklist_bar_end(struct blocklist_bar *bar)
{
  if (bar->is_drawn)
    fprintf(stderr, "\r%*s\r", (int)bar->width - 1, "");
  bar->is_drawn = false;
}
