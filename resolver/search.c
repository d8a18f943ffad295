#include "search.h"

#include <string.h>

void aiodns_search_init(struct aiodns_search *search, const struct aiodns_conf *conf,
                        aiodns_search_more *more, void *source, const char *text,
                        const struct aiodns_name *name, bool as_is)
{
  unsigned dots = 0;
  size_t len = strlen(text);

  for (size_t i = 0; i < len; i++)
    dots += text[i] == '.';
  memset(search, 0, offsetof(struct aiodns_search, given));
  search->conf = conf;
  search->more = more;
  search->source = source;
  memcpy(&search->given, name, 1 + (size_t)name->len);
  search->dotted = dots > 0;
  search->absolute = as_is || (len > 0 && text[len - 1] == '.');
  search->many_dots = dots >= conf->ndots;
}

/* The domain at search->index, if the list has so many. */
static bool list_entry(struct aiodns_search *search, char *buf, const char **ret)
{
  if (search->index < search->conf->search_count) {
    *ret = search->conf->search[search->index];
    return true;
  }
  *ret = buf;
  return search->more && search->more(search->source, search->conf, search->index, buf);
}

/* The next candidate from the list; names that would be too long, or no host names, are passed over. */
static bool next_from_list(struct aiodns_search *search, struct aiodns_name *ret)
{
  char buf[AIODNS_NAME_TEXT_MAX];
  const char *domain;

  while (search->index < UINT8_MAX && list_entry(search, buf, &domain)) {
    struct aiodns_name suffix;
    search->index++;
    if (!search->conf->search_dotted) /* RES_DNSRCH is off: the first entry alone */
      search->step = AIODNS_SEARCH_AS_IS_LAST;
    search->searched = true;
    domain += *domain == '.'; /* ".example" is taken for "example", and "." is the root */
    memcpy(ret, &search->given, 1 + (size_t)search->given.len);
    if (aiodns_name_from_text(&suffix, *domain ? domain : ".")) {
      if (suffix.len == 1)
        search->as_is_tried = true;
      if (aiodns_name_append(ret, &suffix) && aiodns_name_is_host_part(&suffix))
        return true;
    }
    if (search->step != AIODNS_SEARCH_LIST)
      break;
  }
  search->step = AIODNS_SEARCH_AS_IS_LAST;
  return false;
}

bool aiodns_search_next(struct aiodns_search *search, struct aiodns_name *ret)
{
  if (search->step == AIODNS_SEARCH_AS_IS_FIRST) {
    bool goes_on = search->dotted ? search->conf->search_dotted : search->conf->search_single;
    search->step = search->absolute ? AIODNS_SEARCH_END
                   : goes_on        ? AIODNS_SEARCH_LIST
                                    : AIODNS_SEARCH_AS_IS_LAST;
    if (search->absolute || search->many_dots) {
      search->as_is_tried = true;
      memcpy(ret, &search->given, 1 + (size_t)search->given.len);
      return true;
    }
  }
  search->listed = search->step == AIODNS_SEARCH_LIST && next_from_list(search, ret);
  if (search->listed)
    return true;
  if (search->step != AIODNS_SEARCH_AS_IS_LAST)
    return false;
  search->step = AIODNS_SEARCH_END;
  if (search->as_is_tried || (!search->dotted && search->searched && search->conf->no_tld_query))
    return false;
  search->as_is_tried = true;
  memcpy(ret, &search->given, 1 + (size_t)search->given.len);
  return true;
}

bool aiodns_search_has_more(const struct aiodns_search *search)
{
  static const struct aiodns_verdict silent = {.outcome = AIODNS_FAILED, .failure = AIODNS_FAILURE_SILENT};
  struct aiodns_search copy;
  struct aiodns_name next;

  if (search->as_is_tried && search->index >= search->conf->search_count)
    return false;
  copy = *search;
  copy.more = NULL; /* whoever has a longer list than _res shows has an entry in _res behind this one, too */
  aiodns_search_report(&copy, silent);
  return aiodns_search_next(&copy, &next);
}

void aiodns_search_report(struct aiodns_search *search, struct aiodns_verdict verdict)
{
  if (search->step == AIODNS_SEARCH_LIST && !search->listed)
    search->first_as_is = verdict;
  search->last = verdict;
  switch (verdict.outcome) {
  case AIODNS_NO_DATA:
    search->got_no_data |= search->listed;
    break;
  case AIODNS_NO_NAME:
    break;
  case AIODNS_FAILED:
    if (verdict.failure == AIODNS_FAILURE_SERVFAIL || verdict.half) {
      search->got_servfail |= search->listed;
    } else if (verdict.failure == AIODNS_FAILURE_UNREACHABLE) {
      search->step = AIODNS_SEARCH_END;
    } else if (search->step == AIODNS_SEARCH_LIST && search->listed) {
      search->step = AIODNS_SEARCH_AS_IS_LAST;
    }
    break;
  default: /* this process cannot ask: it will not be able to in a moment */
    search->step = AIODNS_SEARCH_END;
    break;
  }
  if (verdict.aliased) { /* as in glibc, for which an alias is an answer */
    search->found_alias = true;
    search->step = AIODNS_SEARCH_END;
  }
}

enum aiodns_outcome aiodns_search_verdict(const struct aiodns_search *search)
{
  enum aiodns_outcome last = search->last.outcome;

  if (last != AIODNS_NO_NAME && last != AIODNS_NO_DATA && last != AIODNS_FAILED && last != AIODNS_PENDING)
    return last;
  if (last == AIODNS_FAILED && search->last.failure == AIODNS_FAILURE_UNREACHABLE && !search->last.half)
    return AIODNS_FAILED;
  if (search->found_alias)
    return last;
  if (search->first_as_is.outcome != AIODNS_PENDING)
    return search->first_as_is.outcome;
  if (search->got_no_data)
    return AIODNS_NO_DATA;
  if (search->got_servfail)
    return AIODNS_FAILED;
  return last == AIODNS_PENDING ? AIODNS_NO_NAME : last;
}

/*
 * An answer before NXDOMAIN before a lack here before a failure before no data: the last is only a half-truth
 * where the other family is not known.
 */
static unsigned rank_of(const struct aiodns_conf *conf, enum aiodns_outcome outcome)
{
  static const uint8_t rank[] = {
      [AIODNS_PENDING] = 0, [AIODNS_NO_DATA] = 1, [AIODNS_UNUSABLE] = 2, [AIODNS_FAILED] = 3,
      [AIODNS_LOCAL] = 4,   [AIODNS_NO_NAME] = 5, [AIODNS_ANSWER] = 6,
  };
  bool strict = conf->strict_error && outcome == AIODNS_FAILED;
  return strict ? rank[AIODNS_ANSWER] + 1u : rank[outcome];
}

struct aiodns_verdict aiodns_search_judge(const struct aiodns_conf *conf,
                                          const struct aiodns_finding *finding, unsigned count,
                                          bool hide_data)
{
  struct aiodns_verdict verdict = {.outcome = AIODNS_PENDING};
  bool no_data = false, aliased = false;

  for (unsigned i = 0; i < count; i++) {
    enum aiodns_outcome outcome = finding[i].outcome;
    enum aiodns_failure failure = finding[i].failure;
    no_data |= outcome == AIODNS_NO_DATA;
    aliased |= finding[i].aliased;
    if (outcome == AIODNS_FAILED && verdict.outcome == AIODNS_FAILED) {
      if (failure > verdict.failure)
        verdict.failure = failure;
    } else if (rank_of(conf, outcome) > rank_of(conf, verdict.outcome)) {
      verdict = (struct aiodns_verdict){.outcome = outcome, .failure = failure};
    }
  }
  if (verdict.outcome == AIODNS_ANSWER && hide_data)
    verdict.outcome = AIODNS_NO_DATA;
  verdict.half = verdict.outcome == AIODNS_FAILED && no_data;
  verdict.aliased =
      aliased && !hide_data && (verdict.outcome == AIODNS_NO_DATA || verdict.outcome == AIODNS_FAILED);
  return verdict;
}
