#include "hosts_question.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

bool hosts_question_is_reverse(const struct hosts_question *question)
{
  switch (question->call) {
  case HOSTS_BYADDR:
  case HOSTS_BYADDR_R:
  case HOSTS_NAMEINFO:
  case HOSTS_MODULE_ADDRESS:
    return true;
  default:
    return false;
  }
}

/* ---- At random ---- */

/* Those of mDNS (RFC 6762): where hosts does not have them aiodns leaves them to the service behind it. */
static bool is_local(const char *name)
{
  static const char local[] = ".local";
  size_t len = strlen(name), label = sizeof local - 1;

  len -= len > 0 && name[len - 1] == '.';
  return len >= label && strncasecmp(name + len - label, local, label) == 0;
}

static void choose_name(struct hosts_question *ret, struct rng *rng, const struct hosts_file *file)
{
  char *name = ret->name;

  if (file->names > 0 && rng_chance(rng, 400))
    snprintf(name, sizeof ret->name, "%s", file->name[rng_below(rng, file->names)]);
  else if (rng_chance(rng, 50) || !hosts_file_word(file, rng, name, sizeof ret->name - 1))
    snprintf(name, sizeof ret->name, "%s", rng_chance(rng, 800) ? "nothing.test" : "");
  size_t len = strlen(name);
  if (is_local(name))
    snprintf(name, sizeof ret->name, "here.test");
  else if (rng_chance(rng, 100) && len + 1 < sizeof ret->name)
    name[len] = '.'; /* the rest is zeros */
  if (rng_chance(rng, 150))
    for (; *name; name++)
      *name = (char)(rng_chance(rng, 500) ? toupper((unsigned char)*name) : tolower((unsigned char)*name));
}

static bool parse(struct hosts_question *ret, const char *text)
{
  ret->family = AF_INET;
  if (inet_pton(AF_INET, text, ret->octets) == 1)
    return true;
  ret->family = AF_INET6;
  return inet_pton(AF_INET6, text, ret->octets) == 1;
}

/* The other family's notation of the same address, where there is one. */
static void translate(struct hosts_question *ret)
{
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

  if (ret->family == AF_INET) {
    memcpy(ret->octets + 12, ret->octets, 4);
    memcpy(ret->octets, mapped, 12);
    ret->family = AF_INET6;
  } else if (memcmp(ret->octets, mapped, 12) == 0) {
    memcpy(ret->octets, ret->octets + 12, 4);
    ret->family = AF_INET;
  }
}

/* The same for addresses; an IPv4 address may stand in the end of an IPv6 one. */
static bool is_link_local(const struct hosts_question *question)
{
  const uint8_t *octets = question->octets;

  if (question->family == AF_INET6 && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80)
    return true;
  octets += question->family == AF_INET6 ? 12 : 0;
  return octets[0] == 169 && octets[1] == 254;
}

static void choose_address(struct hosts_question *ret, struct rng *rng, const struct hosts_file *file)
{
  char text[HOSTS_ADDRESS_MAX];
  bool found = false;

  for (unsigned tries = 0; tries < 4 && !found; tries++)
    if (rng_chance(rng, 500))
      found = parse(ret, file->address[rng_below(rng, file->addresses)]);
    else
      found = hosts_file_word(file, rng, text, sizeof text) && parse(ret, text);
  if (!found || is_link_local(ret))
    parse(ret, rng_chance(rng, 500) ? "192.0.2.200" : "2001:db8::200");
  if (rng_chance(rng, 100))
    translate(ret);
  if (ret->family == AF_INET6 && rng_chance(rng, 100))
    ret->scope = 1; /* of the loopback interface, the only one there is */
}

static int choose_flags(struct rng *rng)
{
  static const int flags[] = {AI_CANONNAME,  AI_V4MAPPED,   AI_V4MAPPED | AI_ALL,
                              AI_ALL,        AI_ADDRCONFIG, AI_CANONNAME | AI_V4MAPPED,
                              AI_NUMERICHOST};

  return rng_chance(rng, 400) ? 0 : flags[rng_below(rng, (uint32_t)(sizeof flags / sizeof *flags))];
}

void hosts_question_generate(struct hosts_question *ret, struct rng *rng, const struct hosts_file *file)
{
  static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};

  memset(ret, 0, sizeof *ret);
  ret->call = rng_chance(rng, 250) ? HOSTS_GETADDRINFO : (enum hosts_call)rng_below(rng, HOSTS_CALLS);
  ret->family = families[ret->call == HOSTS_GETADDRINFO ? rng_below(rng, 3) : 1 + rng_below(rng, 2)];
  ret->room = rng_chance(rng, 500) ? 1024 : rng_below(rng, 2000);
  ret->odd_buffer = rng_chance(rng, 200);
  ret->more = rng_chance(rng, 500);
  if (ret->call == HOSTS_GETADDRINFO)
    ret->flags = choose_flags(rng);
  if (ret->call == HOSTS_NAMEINFO)
    ret->flags = rng_chance(rng, 300) ? NI_NAMEREQD | NI_NOFQDN : rng_chance(rng, 800) ? NI_NAMEREQD : 0;
  if (hosts_question_is_reverse(ret))
    choose_address(ret, rng, file);
  else
    choose_name(ret, rng, file);
  /* Of that one aiodns knows ::1 by itself, and no hosts file says it of AF_INET6 without saying 127.0.0.1,
   * too. */
  if (ret->flags & AI_ALL && ret->call == HOSTS_GETADDRINFO && strcasestr(ret->name, "localhost"))
    ret->flags = 0;
}

/* ---- As text ---- */

static void print_flags(const struct hosts_question *question, FILE *out)
{
  static const struct {
    int flag;
    const char *name;
  } address[] = {{AI_CANONNAME, "AI_CANONNAME"},
                 {AI_ADDRCONFIG, "AI_ADDRCONFIG"},
                 {AI_V4MAPPED, "AI_V4MAPPED"},
                 {AI_ALL, "AI_ALL"},
                 {AI_NUMERICHOST, "AI_NUMERICHOST"}},
    name[] = {{NI_NAMEREQD, "NI_NAMEREQD"}, {NI_NOFQDN, "NI_NOFQDN"}};

  if (question->call == HOSTS_GETADDRINFO)
    for (size_t i = 0; i < sizeof address / sizeof *address; i++)
      fprintf(out, "%s%s", question->flags & address[i].flag ? ", " : "",
              question->flags & address[i].flag ? address[i].name : "");
  if (question->call == HOSTS_NAMEINFO)
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
      fprintf(out, "%s%s", question->flags & name[i].flag ? ", " : "",
              question->flags & name[i].flag ? name[i].name : "");
}

void hosts_question_print(const struct hosts_question *question, FILE *out)
{
  static const char *const call[HOSTS_CALLS] = {[HOSTS_GETADDRINFO] = "getaddrinfo",
                                                [HOSTS_BYNAME] = "gethostbyname",
                                                [HOSTS_BYNAME2] = "gethostbyname2",
                                                [HOSTS_BYNAME_R] = "gethostbyname_r",
                                                [HOSTS_BYNAME2_R] = "gethostbyname2_r",
                                                [HOSTS_BYADDR] = "gethostbyaddr",
                                                [HOSTS_BYADDR_R] = "gethostbyaddr_r",
                                                [HOSTS_NAMEINFO] = "getnameinfo",
                                                [HOSTS_MODULE_2] = "_nss_..._gethostbyname2_r",
                                                [HOSTS_MODULE_3] = "_nss_..._gethostbyname3_r",
                                                [HOSTS_MODULE_4] = "_nss_..._gethostbyname4_r",
                                                [HOSTS_MODULE_ADDRESS] = "_nss_..._gethostbyaddr_r"};
  static const char *const families[] = {
      [AF_UNSPEC] = "AF_UNSPEC", [AF_INET] = "AF_INET", [AF_INET6] = "AF_INET6"};
  char text[INET6_ADDRSTRLEN];

  fprintf(out, "%s(", call[question->call]);
  if (hosts_question_is_reverse(question)) {
    fprintf(out, "%s", inet_ntop(question->family, question->octets, text, sizeof text));
    if (question->scope)
      fprintf(out, "%%%u", question->scope);
  } else {
    (void)fputc('"', out);
    hosts_text_escape(question->name, strlen(question->name), out);
    fprintf(out, "\", %s", families[question->family]);
  }
  print_flags(question, out);
  fprintf(out, "), room %u%s%s", question->room, question->odd_buffer ? ", at an odd address" : "",
          question->more ? ", with ttlp" : "");
}
