/* An nsswitch.conf: each hosts line's services. */
#include "behind.h"
#include "fuzz.h"

#include <string.h>

static enum aiodns_nsswitch read_line(struct aiodns_lines *lines)
{
  struct aiodns_nsswitch_service service;
  enum aiodns_nsswitch found;

  while ((found = aiodns_nsswitch_service(lines, &service)) == AIODNS_NSSWITCH_SERVICE) {
    size_t len = strlen(service.name);
    must(len > 0 && len < sizeof service.name && strcspn(service.name, " \t\n\v\f\r[") == len);
    must((service.returns & ~AIODNS_NSSWITCH_ALL) == 0);
    must(aiodns_behind_of(&service) != AIODNS_BEHIND_ENDS || service.returns & AIODNS_NSSWITCH_NOTFOUND);
  }
  must(aiodns_lines_peek(lines) < 0); /* it has been gone through */
  return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static struct aiodns_lines lines;
  unsigned number = 0, before = 0;
  size_t newlines = 0;

  for (size_t i = 0; i < len; i++)
    newlines += data[i] == '\n';
  aiodns_lines_of_text(&lines, (const char *)data, len);
  while (aiodns_nsswitch_next(&lines, &number)) {
    must(number > before && number <= newlines + 1);
    must((read_line(&lines) == AIODNS_NSSWITCH_CUT) == (number == newlines + 1));
    before = number;
  }
  return 0;
}
