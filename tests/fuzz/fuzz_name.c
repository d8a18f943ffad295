/* Names from text, and from messages at an offset: what is accepted is well formed, and the same name as
 * text. */
#include "fuzz.h"
#include "name.h"

#include <string.h>

static void check(const struct aiodns_name *name)
{
  struct aiodns_name back;
  char *text = malloc(AIODNS_NAME_TEXT_MAX);
  size_t len = aiodns_name_to_text(name, text);
  must(len == strlen(text) && len < AIODNS_NAME_TEXT_MAX);
  must(aiodns_name_from_text(&back, text));
  must(back.len == name->len && memcmp(back.wire, name->wire, name->len) == 0);
  must(aiodns_name_equal(name, &back) && aiodns_name_within(name, &back));
  must(!aiodns_name_append(&back, name) || back.len == 2 * name->len - 1);
  (void)aiodns_name_is_host(name);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct aiodns_name name;
  char *text = malloc(len + 1);
  if (len > 0)
    memcpy(text, data, len);
  text[len] = '\0';
  if (aiodns_name_from_text(&name, text))
    check(&name);
  free(text);
  for (size_t pos = 0; pos < len && pos < 512; pos++) {
    struct aiodns_cursor c = aiodns_cursor_at(data, len, pos);
    aiodns_name_read(&c, &name);
    must(c.bad == (name.len == 0) && c.pos <= len);
    if (!c.bad)
      check(&name);
  }
  return 0;
}
