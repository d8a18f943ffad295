/* glibc between a program and the module: what becomes of the module's word. The same for both services. */
#include "model.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

void found_fail(struct found *found, enum nss_status status, int h_error, int error)
{
  result_clear(&found->data);
  found->status = status;
  found->h_error = h_error;
  found->error = error;
}

bool embedded_address(const struct address *given, struct address *ret)
{
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, zero[16] = {0}, loopback[16] = {[15] = 1};
  const uint8_t *octets = given->octets;

  *ret = *given;
  if (given->family == AF_INET)
    return true;
  if (memcmp(octets, zero, 16) == 0)
    return false;
  if (memcmp(octets, mapped, 12) == 0 ||
      (memcmp(octets, zero, 12) == 0 && memcmp(octets, loopback, 16) != 0)) {
    *ret = (struct address){.family = AF_INET};
    memcpy(ret->octets, octets + 12, 4);
  }
  return true;
}

static unsigned rank_of(const struct world *world, const struct address *address)
{
  unsigned rank = 0;
  while (rank < world->net_count &&
         (address->octets[2] < world->net[rank].from || address->octets[2] > world->net[rank].to))
    rank++;
  return rank;
}

void sort_addresses(const struct world *world, struct result *result, unsigned count)
{
  struct address *list = result->address;

  for (unsigned i = 1; i < result->address_count && i < count; i++) {
    struct address address = list[i];
    unsigned at = i, rank = rank_of(world, &address);
    for (; at > 0 && rank_of(world, &list[at - 1]) > rank; at--)
      list[at] = list[at - 1];
    list[at] = address;
  }
}

const char *find_alias(const struct world *world, const char *name)
{
  for (unsigned i = 0; i < world->alias_count; i++)
    if (same_text(world->alias[i].name, name))
      return world->alias[i].target;
  return NULL;
}

/* ---- getaddrinfo() ---- */

static int no_data_of(const struct found *found)
{
  if (found->status == NSS_STATUS_SUCCESS)
    return 0;
  return found->h_error == TRY_AGAIN ? EAI_AGAIN : found->h_error == NO_DATA;
}

static void add_addresses(struct result *result, const struct found *found, bool mapped)
{
  for (unsigned i = 0; i < found->data.address_count; i++) {
    const struct address *address = &found->data.address[i];
    if (mapped && address->family == AF_INET) {
      uint8_t octets[16] = {[10] = 0xff, [11] = 0xff};
      memcpy(octets + 12, address->octets, 4);
      result_add_address(result, AF_INET6, octets);
    } else {
      result_add_address(result, address->family, address->octets);
    }
  }
}

static void finish(struct result *result, int no_data, int no_inet6_data)
{
  result->found = result->address_count > 0;
  if (result->found)
    return;
  result->name[0] = '\0';
  if (no_data == 0 || no_inet6_data == 0)
    result->error = EAI_NONAME;
  else
    result->error = no_data == EAI_AGAIN && no_inet6_data == EAI_AGAIN ? EAI_AGAIN : EAI_NODATA;
}

/* gethostbyname2_r: the way of AF_INET without AI_CANONNAME. */
static void simple_family(const struct found *found, struct result *ret)
{
  if (found->status == NSS_STATUS_SUCCESS) {
    add_addresses(ret, found, false);
    ret->found = true;
  } else if (found->h_error == NO_DATA) {
    ret->error = EAI_NODATA;
  } else if (found->status == NSS_STATUS_NOTFOUND ||
             (found->status == NSS_STATUS_UNAVAIL && found->error == 0)) {
    ret->error = EAI_NONAME;
  } else {
    ret->error = found->h_error == TRY_AGAIN ? EAI_AGAIN : EAI_NODATA;
  }
}

static void take_name(struct result *result, const struct found *found)
{
  if (found->status == NSS_STATUS_SUCCESS && result->name[0] == '\0')
    memcpy(result->name, found->data.name, sizeof result->name);
}

static void predict_getaddrinfo(const struct model *model, const struct world *world,
                                const struct lookup *lookup, const char *name, struct result *ret,
                                struct notes *notes)
{
  static struct found found;
  bool canon = lookup->flags & AI_CANONNAME;
  int no_data, no_inet6_data;

  if (lookup->family == AF_UNSPEC) {
    model->both(world, name, &found, notes);
    add_addresses(ret, &found, false);
    take_name(ret, &found);
    no_data = no_inet6_data = no_data_of(&found);
  } else if (lookup->family == AF_INET && !canon) {
    model->one(world, name, AF_INET, true, &found, notes);
    simple_family(&found, ret);
    return;
  } else {
    model->one(world, name, lookup->family, !canon, &found, notes);
    add_addresses(ret, &found, false);
    take_name(ret, &found);
    no_data = no_inet6_data = no_data_of(&found);
    bool got = found.status == NSS_STATUS_SUCCESS;
    if (lookup->family == AF_INET6 && (lookup->flags & AI_V4MAPPED) && (!got || (lookup->flags & AI_ALL))) {
      model->one(world, name, AF_INET, !canon, &found, notes);
      add_addresses(ret, &found, true);
      take_name(ret, &found);
      no_data = no_data_of(&found);
    }
  }
  finish(ret, no_data, no_inet6_data);
  if (!canon)
    ret->name[0] = '\0';
}

/* ---- The others ---- */

static void predict_hostent(const struct found *found, enum call call, struct result *ret)
{
  if (found->status == NSS_STATUS_SUCCESS)
    *ret = found->data;
  ret->found = found->status == NSS_STATUS_SUCCESS;
  ret->error = ret->found ? 0 : found->h_error;
  ret->status = 0;
  if (ret->found || !call_is_reentrant(call) || found->status == NSS_STATUS_NOTFOUND)
    return;
  ret->status =
      found->status == NSS_STATUS_TRYAGAIN && found->h_error != NETDB_INTERNAL ? EAGAIN : found->error;
}

static void predict_nameinfo(const struct found *found, struct result *ret)
{
  ret->found = found->status == NSS_STATUS_SUCCESS;
  if (ret->found)
    memcpy(ret->name, found->data.name, sizeof ret->name);
  else
    ret->error = found->h_error == TRY_AGAIN ? EAI_AGAIN : EAI_NONAME;
}

/* Numbers never reach a module. What is meant as one and is none does, in some calls; no model is needed for
 * that. */
static bool is_numeric(const struct lookup *lookup)
{
  const char *name = lookup->name;
  uint8_t octets[16];
  struct in_addr in;

  if (lookup->call == CALL_GETADDRINFO)
    return (lookup->flags & AI_NUMERICHOST) || inet_pton(AF_INET6, name, octets) > 0 ||
           (inet_aton(name, &in) && !strchr(name, ' '));
  size_t len = strlen(name);
  bool dot = len > 0 && name[len - 1] == '.';
  bool digits = isdigit((unsigned char)name[0]) && strspn(name, "0123456789.") == len;
  return !dot && (digits || name[0] == ':' || strchr(name, ':'));
}

/* What AI_IDN makes of the names that are tried here. */
static const char *encoded(const struct lookup *lookup)
{
  static const struct {
    const char *given, *encoded;
  } name[] = {{"b\xc3\xbc"
               "cher.test",
               "xn--bcher-kva.test"},
              {"b\xc3\xbc"
               "cher",
               "xn--bcher-kva"},
              {"\xc3\xa9.test", "xn--9ca.test"}};

  if (lookup->call == CALL_GETADDRINFO && (lookup->flags & AI_IDN))
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
      if (strcmp(lookup->name, name[i].given) == 0)
        return name[i].encoded;
  return lookup->name;
}

bool model_predict(const struct model *model, const struct world *world, const struct lookup *lookup,
                   struct result *ret, struct notes *notes)
{
  static struct found found;

  result_clear(ret);
  if (call_is_reverse(lookup->call)) {
    model->reverse(world, &lookup->address, &found, notes);
    if (lookup->call == CALL_NAMEINFO)
      predict_nameinfo(&found, ret);
    else
      predict_hostent(&found, lookup->call, ret);
    return true;
  }
  if (is_numeric(lookup))
    return false;
  if (lookup->call == CALL_GETADDRINFO) {
    predict_getaddrinfo(model, world, lookup, encoded(lookup), ret, notes);
    return true;
  }
  bool by_family = lookup->call == CALL_BYNAME2 || lookup->call == CALL_BYNAME2_R;
  model->one(world, lookup->name, by_family ? lookup->family : AF_INET, true, &found, notes);
  predict_hostent(&found, lookup->call, ret);
  return true;
}
