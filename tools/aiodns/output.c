#include "command.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list args)
{
  char *text = NULL;

  (void)fflush(stdout); /* so that both come in order; the end of the program looks at errors */
  if (vasprintf(&text, format, args) < 0)
    return;
  fprintf(stderr, "aiodns: %s\n", text);
  free(text);
}

void command_say(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  say(format, args);
  va_end(args);
}

void command_die(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  say(format, args);
  va_end(args);
  exit(COMMAND_FAILED);
}

void *command_allocate(void *old, size_t size)
{
  void *memory = realloc(old, size);
  if (!memory)
    command_die("out of memory");
  return memory;
}

char *command_printable(const char *text)
{
  char *printable = command_allocate(NULL, strlen(text) * 4 + 1), *at = printable;

  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c >= 0x20 && c <= 0x7e)
      *at++ = (char)c;
    else
      at += sprintf(at, "\\%03u", c);
  }
  *at = '\0';
  return printable;
}

const char *command_number(uint64_t number, char buf[COMMAND_NUMBER_MAX])
{
  char digits[COMMAND_NUMBER_MAX], *at = buf;
  int len = snprintf(digits, sizeof digits, "%" PRIu64, number);

  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      *at++ = ',';
    *at++ = digits[i];
  }
  *at = '\0';
  return buf;
}

const char *command_duration(uint64_t seconds, char buf[COMMAND_NUMBER_MAX])
{
  if (seconds < 60)
    snprintf(buf, COMMAND_NUMBER_MAX, "%us", (unsigned)seconds);
  else if (seconds < 3600)
    snprintf(buf, COMMAND_NUMBER_MAX, "%um%02us", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
  else
    snprintf(buf, COMMAND_NUMBER_MAX, "%" PRIu64 "h%02um", seconds / 3600, (unsigned)(seconds / 60 % 60));
  return buf;
}

/* The interface's name, where it has one. */
static char *scope_text(unsigned scope)
{
  char name[IF_NAMESIZE], number[COMMAND_NUMBER_MAX];

  snprintf(number, sizeof number, "%u", scope);
  return command_printable(if_indextoname(scope, name) ? name : number);
}

char *command_server(const struct aiodns_server *server)
{
  const struct sockaddr_in *in = &server->address.in;
  const struct sockaddr_in6 *in6 = &server->address.in6;
  bool four = server->address.any.sa_family == AF_INET;
  char address[INET6_ADDRSTRLEN] = "", port[COMMAND_NUMBER_MAX] = "", *text = NULL, *scope = NULL;
  unsigned number = ntohs(four ? in->sin_port : in6->sin6_port);

  inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr,
            address, sizeof address);
  if (!four && in6->sin6_scope_id)
    scope = scope_text(in6->sin6_scope_id);
  if (number != NAMESERVER_PORT)
    snprintf(port, sizeof port, "@%u", number);
  if (asprintf(&text, "%s%s%s%s", address, scope ? "%" : "", scope ? scope : "", port) < 0)
    command_die("out of memory");
  free(scope);
  return text;
}

void command_json_put(json_t *into, const char *key, json_t *value)
{
  int result = key ? json_object_set_new(into, key, value) : json_array_append_new(into, value);
  if (result != 0)
    command_die("out of memory");
}

json_t *command_json_count(uint64_t number)
{
  return json_integer(number <= INT64_MAX ? (json_int_t)number : INT64_MAX);
}

void command_json_print(json_t *object)
{
  /* What cannot be written is noticed at the end, as with every other output. */
  if (json_dumpf(object, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 && !ferror(stdout))
    command_die("out of memory");
  putchar('\n');
  json_decref(object);
}
