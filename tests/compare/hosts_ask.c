#include "hosts_client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ROOM_MAX = 1 << 24, ODD_TTL = 12345 };

/* A buffer of the caller's, full of what a module should not take for its own. */
struct buffer {
  char *memory, *at;
  size_t room;
};

static void make_buffer(struct buffer *buffer, const struct hosts_question *question, size_t room)
{
  free(buffer->memory);
  buffer->memory = malloc(room + 2);
  if (!buffer->memory)
    abort();
  memset(buffer->memory, 0xa5, room + 2);
  buffer->at = buffer->memory + question->odd_buffer;
  buffer->room = room;
}

static bool is_inside(const struct buffer *buffer, const void *object, size_t len)
{
  const char *at = object;

  return !buffer || (at >= buffer->at && at + len <= buffer->at + buffer->room);
}

static void put_octets(FILE *out, const char *what, int family, const void *octets)
{
  char text[INET6_ADDRSTRLEN];

  fprintf(out, "%s %s\n", what, inet_ntop(family, octets, text, sizeof text));
}

static void put_inside(FILE *out, const struct buffer *buffer, const void *object, size_t len)
{
  if (!is_inside(buffer, object, len))
    (void)fputs("OUTSIDE of the buffer\n", out);
}

/* glibc's own lists, of names that are addresses, are where the caller's buffer begins, odd or not. */
static char *entry_of(char *const *list, size_t i)
{
  char *entry;

  memcpy(&entry, (const char *)list + i * sizeof entry, sizeof entry);
  return entry;
}

/* `buffer`: NULL, where it is glibc's own. */
static void put_hostent(FILE *out, const struct hostent *host, const struct buffer *buffer)
{
  const char *entry;

  fprintf(out, "name %s\n", host->h_name);
  put_inside(out, buffer, host->h_name, strlen(host->h_name) + 1);
  for (size_t i = 0; (entry = entry_of(host->h_aliases, i)) != NULL; i++) {
    fprintf(out, "alias %s\n", entry);
    put_inside(out, buffer, entry, strlen(entry) + 1);
  }
  fprintf(out, "family %d, length %d\n", host->h_addrtype, host->h_length);
  for (size_t i = 0; (entry = entry_of(host->h_addr_list, i)) != NULL; i++) {
    put_octets(out, "address", host->h_addrtype, entry);
    put_inside(out, buffer, entry, (size_t)host->h_length);
  }
}

/* ---- What programs call ---- */

static void ask_getaddrinfo(const struct hosts_question *question, FILE *out)
{
  struct addrinfo hints = {
      .ai_family = question->family, .ai_flags = question->flags, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  int error = getaddrinfo(question->name, NULL, &hints, &list);

  fprintf(out, "returns %s\n", error ? gai_strerror(error) : "0");
  for (const struct addrinfo *entry = error ? NULL : list; entry; entry = entry->ai_next) {
    struct sockaddr_in6 in6 = {0};
    struct sockaddr_in in = {0};
    if (entry->ai_canonname)
      fprintf(out, "name %s\n", entry->ai_canonname);
    if (entry->ai_family == AF_INET) {
      memcpy(&in, entry->ai_addr, sizeof in);
      put_octets(out, "address", AF_INET, &in.sin_addr);
    } else {
      memcpy(&in6, entry->ai_addr, sizeof in6);
      put_octets(out, "address", AF_INET6, &in6.sin6_addr);
      if (in6.sin6_scope_id)
        fprintf(out, "scope %u\n", in6.sin6_scope_id);
    }
  }
  if (!error)
    freeaddrinfo(list);
}

static socklen_t address_len(const struct hosts_question *question)
{
  return question->family == AF_INET ? 4 : 16;
}

static void ask_static(const struct hosts_question *question, FILE *out)
{
  struct hostent *host;

  h_errno = ODD_TTL;
  if (question->call == HOSTS_BYNAME)
    host = gethostbyname(question->name);
  else if (question->call == HOSTS_BYNAME2)
    host = gethostbyname2(question->name, question->family);
  else
    host = gethostbyaddr(question->octets, address_len(question), question->family);
  if (host)
    put_hostent(out, host, NULL);
  else
    fprintf(out, "h_errno %d\n", h_errno);
}

static void ask_reentrant(const struct hosts_question *question, FILE *out)
{
  size_t room = question->room;
  struct buffer buffer = {0};
  struct hostent host, *found;
  int status, error;

  do {
    make_buffer(&buffer, question, room);
    found = NULL;
    error = ODD_TTL;
    if (question->call == HOSTS_BYNAME_R)
      status = gethostbyname_r(question->name, &host, buffer.at, room, &found, &error);
    else if (question->call == HOSTS_BYNAME2_R)
      status = gethostbyname2_r(question->name, question->family, &host, buffer.at, room, &found, &error);
    else
      status = gethostbyaddr_r(question->octets, address_len(question), question->family, &host, buffer.at,
                               room, &found, &error);
    if (status == ERANGE && (error != NETDB_INTERNAL || found))
      fprintf(out, "ERANGE with h_errno %d%s\n", error, found ? " and a result" : "");
    room = 2 * room + 1;
  } while (status == ERANGE && room < ROOM_MAX);
  fprintf(out, "returns %d\n", status);
  if (found)
    put_hostent(out, found, &buffer);
  else
    fprintf(out, "h_errno %d\n", error);
  free(buffer.memory);
}

static void ask_nameinfo(const struct hosts_question *question, FILE *out)
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = question->scope};
  char host[NI_MAXHOST] = "";
  int error;

  memcpy(&in.sin_addr, question->octets, 4);
  memcpy(&in6.sin6_addr, question->octets, 16);
  if (question->family == AF_INET)
    error = getnameinfo((struct sockaddr *)&in, sizeof in, host, sizeof host, NULL, 0, question->flags);
  else
    error = getnameinfo((struct sockaddr *)&in6, sizeof in6, host, sizeof host, NULL, 0, question->flags);
  fprintf(out, "returns %s\n", error ? gai_strerror(error) : "0");
  if (!error)
    fprintf(out, "name %s\n", host);
}

/* ---- The module itself ---- */

static void *function_of(const char *service, const char *name)
{
  char library[64], symbol[64];

  snprintf(library, sizeof library, "libnss_%s.so.2", service);
  snprintf(symbol, sizeof symbol, "_nss_%s_%s", service, name);
  void *handle = dlopen(library, RTLD_NOW);
  /* glibc's `files` is in libc itself. */
  void *function = handle ? dlsym(handle, symbol) : NULL;
  return function ? function : dlsym(RTLD_DEFAULT, symbol);
}

struct module_call {
  struct buffer buffer;
  struct hostent host;
  struct gaih_addrtuple tuple, *tuples;
  char *canonical;
  int32_t ttl;
  int error, h_error;
};

static enum nss_status call_module(const struct hosts_question *question, void *function,
                                   struct module_call *c)
{
  enum nss_status (*by_name2)(const char *, int, struct hostent *, char *, size_t, int *, int *);
  enum nss_status (*by_name3)(const char *, int, struct hostent *, char *, size_t, int *, int *, int32_t *,
                              char **);
  enum nss_status (*by_name4)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *,
                              int32_t *);
  enum nss_status (*by_address)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *);
  char *at = c->buffer.at;
  size_t room = c->buffer.room;

  switch (question->call) {
  case HOSTS_MODULE_2:
    *(void **)&by_name2 = function;
    return by_name2(question->name, question->family, &c->host, at, room, &c->error, &c->h_error);
  case HOSTS_MODULE_3:
    *(void **)&by_name3 = function;
    return by_name3(question->name, question->family, &c->host, at, room, &c->error, &c->h_error,
                    question->more ? &c->ttl : NULL, question->more ? &c->canonical : NULL);
  case HOSTS_MODULE_4:
    *(void **)&by_name4 = function;
    c->tuples = question->more ? &c->tuple : NULL;
    return by_name4(question->name, &c->tuples, at, room, &c->error, &c->h_error,
                    question->more ? &c->ttl : NULL);
  default:
    *(void **)&by_address = function;
    return by_address(question->octets, address_len(question), question->family, &c->host, at, room,
                      &c->error, &c->h_error);
  }
}

static void put_tuples(FILE *out, const struct module_call *c)
{
  for (const struct gaih_addrtuple *tuple = c->tuples; tuple; tuple = tuple->next) {
    if (tuple == c->tuples) /* the others' are not looked at */
      fprintf(out, "name %s\n", tuple->name);
    put_octets(out, "address", tuple->family, tuple->addr);
    if (tuple->scopeid)
      fprintf(out, "scope %u\n", tuple->scopeid);
    if (tuple != &c->tuple)
      put_inside(out, &c->buffer, tuple, sizeof *tuple);
  }
}

static void ask_module(const struct hosts_question *question, const char *service, FILE *out)
{
  static const char *const names[HOSTS_CALLS] = {[HOSTS_MODULE_2] = "gethostbyname2_r",
                                                 [HOSTS_MODULE_3] = "gethostbyname3_r",
                                                 [HOSTS_MODULE_4] = "gethostbyname4_r",
                                                 [HOSTS_MODULE_ADDRESS] = "gethostbyaddr_r"};
  void *function = function_of(service, names[question->call]);
  struct module_call c = {.buffer = {0}};
  size_t room = question->room;
  enum nss_status status;

  if (!function) {
    (void)fputs("there is no such function\n", out);
    return;
  }
  do {
    make_buffer(&c.buffer, question, room);
    c.ttl = INT32_MAX;
    c.canonical = NULL;
    c.error = c.h_error = ODD_TTL;
    status = call_module(question, function, &c);
    room = 2 * room + 1;
  } while (status == NSS_STATUS_TRYAGAIN && c.error == ERANGE && c.h_error == NETDB_INTERNAL &&
           room < ROOM_MAX);
  fprintf(out, "status %d\n", status);
  if (status != NSS_STATUS_SUCCESS)
    fprintf(out, "h_errno %d\n", c.h_error);
  else if (question->call == HOSTS_MODULE_4)
    put_tuples(out, &c);
  else
    put_hostent(out, &c.host, &c.buffer);
  if (status == NSS_STATUS_SUCCESS && question->call == HOSTS_MODULE_3 && question->more)
    fprintf(out, "canonical %s\n", c.canonical ? c.canonical : "(null)");
  if (status == NSS_STATUS_SUCCESS && question->more &&
      (question->call == HOSTS_MODULE_3 || question->call == HOSTS_MODULE_4))
    fprintf(out, "ttl %d\n", c.ttl);
  free(c.buffer.memory);
}

void hosts_ask(const struct hosts_question *question, const char *service, FILE *out)
{
  switch (question->call) {
  case HOSTS_GETADDRINFO:
    ask_getaddrinfo(question, out);
    break;
  case HOSTS_BYNAME:
  case HOSTS_BYNAME2:
  case HOSTS_BYADDR:
    ask_static(question, out);
    break;
  case HOSTS_BYNAME_R:
  case HOSTS_BYNAME2_R:
  case HOSTS_BYADDR_R:
    ask_reentrant(question, out);
    break;
  case HOSTS_NAMEINFO:
    ask_nameinfo(question, out);
    break;
  default:
    ask_module(question, service, out);
    break;
  }
}
