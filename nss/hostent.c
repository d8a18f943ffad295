#include "hostent.h"

/* ---- gaih_addrtuple ---- */

/* Adds a tuple for each address behind *tail; returns the new tail. */
static struct gaih_addrtuple **put_answer(struct aiodns_buffer *buffer, const struct aiodns_answer *answer,
                                          struct gaih_addrtuple **tail)
{
  const char *canonical = aiodns_answer_canonical(answer);
  char *name = aiodns_buffer_copy(buffer, canonical, strlen(canonical) + 1, 1);

  for (unsigned i = 0; i < answer->address_count; i++) {
    struct gaih_addrtuple *tuple = aiodns_buffer_take(buffer, sizeof *tuple, _Alignof(struct gaih_addrtuple));
    if (!tuple)
      break;
    *tuple = (struct gaih_addrtuple){.name = name, .family = answer->address_len == 4 ? AF_INET : AF_INET6};
    memcpy(tuple->addr, answer->addresses.data + (size_t)i * answer->address_len, answer->address_len);
    *tail = tuple;
    tail = &tuple->next;
  }
  return tail;
}

bool aiodns_hostent_put_tuples(struct aiodns_buffer *buffer, const struct aiodns_result *result,
                               struct gaih_addrtuple **pat)
{
  struct gaih_addrtuple *head = NULL, **tail = &head;

  for (unsigned k = 0; k < 2; k++) {
    const struct aiodns_answer *answer = &result->answer[result->first ^ k];
    if (answer->outcome == AIODNS_ANSWER)
      tail = put_answer(buffer, answer, tail);
  }
  if (buffer->failed || !head)
    return false;
  if (*pat)
    **pat = *head;
  else
    *pat = head;
  return true;
}

/* ---- hostent ---- */

/* The canonical name, and all others as aliases. */
static void put_names(struct aiodns_buffer *buffer, const struct aiodns_answer *answer, struct hostent *host)
{
  const char *text = (const char *)answer->names.data, *canonical = aiodns_answer_canonical(answer);
  char **alias = aiodns_buffer_take(buffer, answer->name_count * sizeof *alias, _Alignof(char *));

  host->h_aliases = alias;
  for (unsigned i = 0; i < answer->name_count; i++, text += strlen(text) + 1) {
    char *copy = aiodns_buffer_copy(buffer, text, strlen(text) + 1, 1);
    if (buffer->failed)
      return;
    if (text == canonical)
      host->h_name = copy;
    else
      *alias++ = copy;
  }
  if (alias)
    *alias = NULL;
}

static void put_addresses(struct aiodns_buffer *buffer, const void *addresses, size_t count, size_t len,
                          struct hostent *host)
{
  char **list = aiodns_buffer_take(buffer, (count + 1) * sizeof *list, _Alignof(char *));
  char *copy = aiodns_buffer_copy(buffer, addresses, count * len, _Alignof(struct in6_addr));

  if (buffer->failed)
    return;
  for (size_t i = 0; i < count; i++)
    list[i] = copy + i * len;
  list[count] = NULL;
  host->h_addrtype = len == 4 ? AF_INET : AF_INET6;
  host->h_length = (int)len;
  host->h_addr_list = list;
}

bool aiodns_hostent_put(struct aiodns_buffer *buffer, const struct aiodns_result *result,
                        struct hostent *host)
{
  const struct aiodns_answer *answer = &result->answer[0];
  struct hostent made = {0};

  put_addresses(buffer, answer->addresses.data, answer->address_count, answer->address_len, &made);
  put_names(buffer, answer, &made);
  if (buffer->failed)
    return false;
  *host = made;
  return true;
}

bool aiodns_hostent_put_reverse(struct aiodns_buffer *buffer, const struct aiodns_result *result, int family,
                                const void *address, struct hostent *host)
{
  struct hostent made = {0};

  put_addresses(buffer, address, 1, family == AF_INET ? 4 : 16, &made);
  put_names(buffer, &result->answer[0], &made);
  if (buffer->failed)
    return false;
  *host = made;
  return true;
}

/* ---- sortlist ---- */

/* Where an address stands in the list: addresses in no net of it come last. */
static unsigned rank_of(const struct __res_state *state, const char *address)
{
  struct in_addr in;
  unsigned rank = 0;

  memcpy(&in, address, sizeof in);
  while (rank < state->nsort &&
         state->sort_list[rank].addr.s_addr != (in.s_addr & state->sort_list[rank].mask))
    rank++;
  return rank;
}

void aiodns_hostent_sort(struct hostent *host, const struct __res_state *state)
{
  char **list = host->h_addr_list;

  if (!(state->options & RES_INIT) || state->nsort == 0)
    return;
  for (size_t i = 1; list[i]; i++) { /* insertion: stable */
    char *address = list[i];
    unsigned rank = rank_of(state, address);
    size_t at = i;
    for (; at > 0 && rank_of(state, list[at - 1]) > rank; at--)
      list[at] = list[at - 1];
    list[at] = address;
  }
}
