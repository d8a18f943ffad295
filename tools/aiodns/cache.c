#include "command.h"
#include "records.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char doc[] =
    "Lists the records of the caches that may be read: those of NAME and what is below it, or all. Sorted by "
    "name from its end, so that names of one domain stand together.\v"
    "A record is used only by programs with the same view: network namespace, name servers and options.";

/* One line of the list. */
struct row {
  const struct command_tier *tier;
  struct aiodns_name name;
  char *name_text, *outcome; /* printable */
  uint16_t type;
  bool valid, stale;
  uint64_t view, ttl_s, age_s;
  json_t *json;
};

struct list {
  const struct command_request *request;
  const struct command_tier *tier; /* the one that is read */
  uint64_t now_ns;
  struct row *rows;
  size_t count, room;
};

static const char *type_text(uint16_t type, char buf[COMMAND_NUMBER_MAX])
{
  switch (type) {
  case AIODNS_TYPE_A:
    return "A";
  case AIODNS_TYPE_AAAA:
    return "AAAA";
  case AIODNS_TYPE_PTR:
    return "PTR";
  default:
    snprintf(buf, COMMAND_NUMBER_MAX, "TYPE%u", type); /* RFC 3597 section 5 */
    return buf;
  }
}

static const char *outcome_text(enum aiodns_outcome outcome)
{
  switch (outcome) {
  case AIODNS_ANSWER:
    return "answer";
  case AIODNS_NO_NAME:
    return "no such name";
  case AIODNS_NO_DATA:
    return "no data";
  default:
    return "failed";
  }
}

/* ---- An answer in words ---- */

/* Adds a word behind a blank; takes `text` over and returns it anew. */
static char *add_word(char *text, const char *word)
{
  size_t len = strlen(text);

  text = command_allocate(text, len + strlen(word) + 2);
  if (len > 0)
    text[len++] = ' ';
  memcpy(text + len, word, strlen(word) + 1);
  return text;
}

static char *add_addresses(const struct aiodns_answer *answer, char *text, json_t *json)
{
  const uint8_t *at = answer->addresses.data;
  char address[INET6_ADDRSTRLEN];
  json_t *array = json ? json_array() : NULL;

  for (unsigned i = 0; i < answer->address_count; i++, at += answer->address_len) {
    if (!inet_ntop(answer->address_len == 4 ? AF_INET : AF_INET6, at, address, sizeof address))
      continue;
    text = add_word(text, address);
    if (array)
      command_json_put(array, NULL, json_string(address));
  }
  if (array)
    command_json_put(json, "addresses", array);
  return text;
}

/* Of a PTR record all names, of others the one that it is an alias of. */
static char *add_names(const struct command_record *record, const char *own, char *text, json_t *json)
{
  const char *at = (const char *)record->answer.names.data;
  const char *canonical = aiodns_answer_canonical(&record->answer);
  json_t *array = json ? json_array() : NULL;

  for (unsigned i = 0; i < record->answer.name_count; i++, at += strlen(at) + 1) {
    char *name = command_printable(at);
    if (strcasecmp(name, own) != 0) {
      if (record->type == AIODNS_TYPE_PTR)
        text = add_word(text, name);
      if (array)
        command_json_put(array, NULL, json_string(name));
    }
    free(name);
  }
  if (array)
    command_json_put(json, "names", array);
  if (!canonical)
    return text;
  char *name = command_printable(canonical);
  if (record->type != AIODNS_TYPE_PTR && strcasecmp(name, own) != 0) {
    text = add_word(add_word(text, "alias of"), name);
    if (json)
      command_json_put(json, "canonical", json_string(name));
  }
  free(name);
  return text;
}

static void describe(const struct command_record *record, struct row *row)
{
  if (row->json)
    command_json_put(row->json, "outcome", json_string(outcome_text(record->answer.outcome)));
  row->outcome = command_printable("");
  if (record->answer.outcome != AIODNS_ANSWER) {
    row->outcome = add_word(row->outcome, outcome_text(record->answer.outcome));
    return;
  }
  row->outcome = add_addresses(&record->answer, row->outcome, row->json);
  row->outcome = add_names(record, row->name_text, row->outcome, row->json);
}

/* ---- The list ---- */

static void describe_in_json(struct row *row)
{
  char type[COMMAND_NUMBER_MAX], view[COMMAND_NUMBER_MAX];

  snprintf(view, sizeof view, "%016" PRIx64, row->view);
  row->json = json_object();
  command_json_put(row->json, "name", json_string(row->name_text));
  command_json_put(row->json, "type", json_string(type_text(row->type, type)));
  command_json_put(row->json, "tier", json_string(command_tier_name(row->tier)));
  command_json_put(row->json, "view", json_string(view));
  command_json_put(row->json, "expired", json_boolean(!row->valid));
  if (row->stale)
    command_json_put(row->json, "stale", json_true());
  command_json_put(row->json, "ttl_s", command_json_count(row->ttl_s));
  command_json_put(row->json, "age_s", command_json_count(row->age_s));
}

static void take(const struct command_record *record, void *context)
{
  struct list *list = context;
  char text[AIODNS_NAME_TEXT_MAX];

  if ((!record->valid && !list->request->all) || record->type == AIODNS_TYPE_SERVERS)
    return;
  if (list->request->named && !aiodns_name_within(&record->name, &list->request->name))
    return;
  if (list->count == list->room) {
    list->room = list->room ? list->room * 2 : 256;
    list->rows = command_allocate(list->rows, list->room * sizeof *list->rows);
  }
  struct row *row = &list->rows[list->count++];
  aiodns_name_to_text(&record->name, text);
  *row = (struct row){
      .tier = list->tier,
      .name = record->name,
      .name_text = command_printable(*text ? text : "."),
      .type = record->type,
      .valid = record->valid,
      .stale = record->stale,
      .view = record->view,
      .ttl_s = record->valid ? record->answer.ttl_s : 0,
      .age_s = record->stored_ns < list->now_ns ? (list->now_ns - record->stored_ns) / 1000000000 : 0,
  };
  if (list->request->json)
    describe_in_json(row);
  describe(record, row);
}

/* Where each label begins; returns how many there are. */
static unsigned labels_of(const struct aiodns_name *name, uint8_t ret[AIODNS_NAME_MAX])
{
  unsigned count = 0;

  for (unsigned at = 0; at < name->len && name->wire[at] > 0; at += name->wire[at] + 1u)
    ret[count++] = (uint8_t)at;
  return count;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
  for (unsigned i = 1; i <= a[0] && i <= b[0]; i++) {
    int difference = aiodns_name_lower(a[i]) - aiodns_name_lower(b[i]);
    if (difference)
      return difference;
  }
  return a[0] - b[0];
}

/* RFC 4034 section 6.1. */
static int compare_names(const struct aiodns_name *a, const struct aiodns_name *b)
{
  uint8_t labels_a[AIODNS_NAME_MAX], labels_b[AIODNS_NAME_MAX];
  unsigned left_a = labels_of(a, labels_a), left_b = labels_of(b, labels_b);

  while (left_a > 0 && left_b > 0) {
    int difference = compare_labels(&a->wire[labels_a[--left_a]], &b->wire[labels_b[--left_b]]);
    if (difference)
      return difference;
  }
  return (left_a > left_b) - (left_a < left_b);
}

static int compare_rows(const void *one, const void *other)
{
  const struct row *a = one, *b = other;
  int difference = compare_names(&a->name, &b->name);

  if (difference == 0)
    difference = a->type - b->type;
  if (difference == 0)
    difference = (a->tier->tier.kind > b->tier->tier.kind) - (a->tier->tier.kind < b->tier->tier.kind);
  return difference ? difference : (a->view > b->view) - (a->view < b->view);
}

static void print_in_words(const struct list *list)
{
  char type[COMMAND_NUMBER_MAX], ttl[COMMAND_NUMBER_MAX], age[COMMAND_NUMBER_MAX];
  int width = 4;

  if (list->count == 0)
    return;
  for (size_t i = 0; i < list->count; i++) {
    size_t len = strlen(list->rows[i].name_text);
    if ((int)len > width && len <= 48) /* a longer one moves its own line only */
      width = (int)len;
  }
  printf("%-*s %-4s %8s %8s %-4s %-16s  %s\n", width, "NAME", "TYPE", "TTL", "AGE", "TIER", "VIEW", "ANSWER");
  for (size_t i = 0; i < list->count; i++) {
    const struct row *row = &list->rows[i];
    printf("%-*s %-4s %8s %8s %-4s %016" PRIx64 "  %s\n", width, row->name_text, type_text(row->type, type),
           !row->valid  ? "expired"
           : row->stale ? "stale"
                        : command_duration(row->ttl_s, ttl),
           command_duration(row->age_s, age), command_tier_name(row->tier), row->view, row->outcome);
  }
}

/* One list of all, and why tiers are missing from it. */
static void print_in_json(struct list *list, json_t *errors)
{
  json_t *object = json_object(), *records = json_array();

  for (size_t i = 0; i < list->count; i++) {
    command_json_put(records, NULL, list->rows[i].json);
    list->rows[i].json = NULL;
  }
  command_json_put(object, "records", records);
  command_json_put(object, "errors", errors);
  command_json_print(object);
}

static void release(struct list *list)
{
  for (size_t i = 0; i < list->count; i++) {
    free(list->rows[i].name_text);
    free(list->rows[i].outcome);
  }
  free(list->rows);
}

int command_cache(int argc, char **argv)
{
  struct command_request request;
  struct command_tiers tiers;
  int status = COMMAND_GOOD;

  command_parse(argc, argv, COMMAND_TAKES_JSON | COMMAND_TAKES_ALL | COMMAND_TAKES_NAME, doc, &request);
  struct list list = {.request = &request, .now_ns = command_now_ns()};
  json_t *errors = request.json ? json_array() : NULL;
  command_tiers(&tiers);
  for (unsigned i = 0; i < tiers.count; i++) {
    struct aiodns_tier_map map;
    int error;
    list.tier = &tiers.tier[i];
    enum aiodns_tier_verdict verdict = command_tier_map(list.tier, &map, &error);
    if (verdict == AIODNS_TIER_GOOD) {
      command_records_each(&map.cache, list.now_ns, take, &list);
      command_tier_unmap(&map);
    } else if (!command_tier_is_absent(verdict)) {
      if (!command_tier_is_closed(list.tier, verdict, error))
        status = COMMAND_FAILED;
      char *reason = command_tier_reason(list.tier, AIODNS_TIER_CACHE, verdict, error);
      if (errors)
        command_json_put(errors, NULL, json_string(reason));
      command_say("%s", reason);
      free(reason);
    }
  }
  if (list.count > 0)
    qsort(list.rows, list.count, sizeof *list.rows, compare_rows);
  if (errors)
    print_in_json(&list, errors);
  else
    print_in_words(&list);
  release(&list);
  return status;
}
