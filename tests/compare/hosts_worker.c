#include "hosts_worker.h"

#include "hosts_client.h"
#include "hosts_place.h"
#include "hosts_rules.h"
#include "hosts_shrink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  BLOCK = 16,      /* cases whose files are written at once */
  SCRATCH = BLOCK, /* the places behind those: of files made smaller, and rewritten */
  QUESTIONS = 24,  /* of a file */
  QUESTIONS_LARGE = 10,
  SHRINK_TRIES = 600,
  PIECES_MAX = 4,
  SHOWN_MAX = 700, /* octets of an answer */
};

struct hosts_worker {
  const struct plan *plan;
  struct tally *tally;
  struct hosts_client ours, theirs;
  struct hosts_answer our_answer, their_answer;
  /* Of the case that is on: */
  struct hosts_file file;
  unsigned pieces, count;
  enum rule wanted; /* what a smaller file still has to show */
  struct hosts_question question[QUESTIONS];
};

/* ---- Cases ---- */

static void make_case(struct hosts_worker *worker, uint64_t number)
{
  struct rng rng = {worker->plan->seed};

  rng.state = rng_next(&rng) + number;
  struct rng of_file = rng_split(&rng), of_questions = rng_split(&rng);
  bool large = rng_chance(&rng, worker->plan->shared ? 200 : 15);
  worker->pieces = worker->plan->split ? 1 + rng_below(&rng, PIECES_MAX) : 1;
  hosts_file_generate(&worker->file, &of_file, large);
  worker->count = large ? QUESTIONS_LARGE : QUESTIONS;
  for (unsigned i = 0; i < worker->count; i++)
    hosts_question_generate(&worker->question[i], &of_questions, &worker->file);
}

/* ---- Asking ---- */

static void give_up(const struct hosts_question *question, const char *what)
{
  fprintf(stderr, "compare: %s died, or does not return, at ", what);
  hosts_question_print(question, stderr);
  (void)fputc('\n', stderr);
  exit(1);
}

static bool is_same(const struct hosts_answer *a, const struct hosts_answer *b)
{
  return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* glibc's answer to another file. */
static bool ask_glibc(void *context, const char *text, size_t len, const struct hosts_question *question,
                      struct hosts_answer *ret)
{
  struct hosts_worker *worker = context;

  hosts_place_write_theirs(SCRATCH + 1, text, len);
  hosts_place_show(SCRATCH + 1);
  return hosts_client_send(&worker->theirs, question, 1) && hosts_client_receive(&worker->theirs, ret);
}

/*
 * One question again, of another process and of a file that may have been made smaller: as the first one, and
 * as a later one, when aiodns knows the file.  Whether they differ, and that by the rule that is wanted:
 * none, but to show one.
 */
static bool differs(void *context, const char *text, size_t len)
{
  struct hosts_worker *worker = context;
  struct hosts_question questions[3];
  struct hosts_answer ours = {0}, theirs = {0};
  bool found = false;

  questions[0] = questions[1] = questions[2] = worker->question[0];
  questions[1].call = HOSTS_BYNAME_R;
  snprintf(questions[1].name, sizeof questions[1].name, "nothing.test");
  hosts_place_write(SCRATCH, text, len, worker->pieces);
  hosts_place_settle();
  hosts_place_show(SCRATCH);
  if (!hosts_client_send(&worker->ours, questions, 3) || !hosts_client_send(&worker->theirs, questions, 3))
    give_up(&questions[0], "one");
  for (unsigned i = 0; i < 3; i++) {
    if (!hosts_client_receive(&worker->ours, &ours) || !hosts_client_receive(&worker->theirs, &theirs))
      give_up(&questions[i], "one");
    if (i == 1 || found || is_same(&ours, &theirs))
      continue;
    /* The rule's own question may only be put when all of these are answered. */
    found = true;
    free(worker->our_answer.text);
    free(worker->their_answer.text);
    worker->our_answer = ours;
    worker->their_answer = theirs;
    ours = theirs = (struct hosts_answer){0};
  }
  free(ours.text);
  free(theirs.text);
  return found && hosts_rule_of(text, len, &questions[0], &worker->our_answer, &worker->their_answer,
                                ask_glibc, worker) == worker->wanted;
}

/* ---- Reports ---- */

static void print_answer(const char *who, const struct hosts_answer *answer, FILE *out)
{
  fprintf(out, "  %s:\n", who);
  hosts_text_print(answer->text, answer->len < SHOWN_MAX ? answer->len : SHOWN_MAX, out);
  if (answer->len > SHOWN_MAX)
    fprintf(out, "  ... %zu octets in all\n", answer->len);
}

static void print_case(const struct hosts_worker *worker, uint64_t number, const char *again, FILE *out)
{
  const struct plan *plan = worker->plan;

  fprintf(out, "case %llu of seed %llu", (unsigned long long)number, (unsigned long long)plan->seed);
  if (worker->pieces > 1)
    fprintf(out, ", in %u pieces for aiodns", worker->pieces);
  if (again)
    fprintf(out, "; again: compare --hosts%s%s --seed %llu --case %llu%s", plan->shared ? " --shared" : "",
            plan->split ? " --split" : "", (unsigned long long)plan->seed, (unsigned long long)number, again);
  (void)fputc('\n', out);
}

/* Changes the case. */
static void report(struct hosts_worker *worker, uint64_t number, const struct hosts_question *question,
                   const struct hosts_answer *ours, const struct hosts_answer *theirs)
{
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);

  if (!out)
    abort();
  print_case(worker, number, "", out);
  if (worker->wanted != RULES)
    fprintf(out, "  as intended: %s\n", rule_name[worker->wanted]);
  (void)fputs("  ", out);
  hosts_question_print(question, out);
  (void)fputc('\n', out);
  print_answer("aiodns", ours, out);
  print_answer("nss_files", theirs, out);
  worker->question[0] = *question;
  if (differs(worker, worker->file.text, worker->file.len)) {
    size_t small = hosts_shrink(worker->file.text, worker->file.len, SHRINK_TRIES, differs, worker);
    (void)differs(worker, worker->file.text, small);
    fprintf(out, "  it takes of the file:\n");
    hosts_text_print(worker->file.text, small, out);
    print_answer("aiodns then", &worker->our_answer, out);
    print_answer("nss_files then", &worker->their_answer, out);
  } else {
    (void)fputs("  asked alone both answer the same\n", out);
  }
  (void)fclose(out);
  (void)!write(STDOUT_FILENO, text, len); /* in one piece, whatever the other workers write */
  free(text);
}

static void show(const struct hosts_question *question, const struct hosts_answer *ours,
                 const struct hosts_answer *theirs)
{
  hosts_question_print(question, stdout);
  (void)fputc('\n', stdout);
  if (is_same(ours, theirs)) {
    print_answer("both", ours, stdout);
    return;
  }
  print_answer("aiodns", ours, stdout);
  print_answer("nss_files", theirs, stdout);
}

/* ---- The case that is on ---- */

struct difference {
  unsigned question;
  struct hosts_answer ours, theirs;
};

static void judge_one(struct hosts_worker *worker, uint64_t number, const struct difference *difference)
{
  struct hosts_question question = worker->question[difference->question];
  const struct plan *plan = worker->plan;
  enum rule rule = hosts_rule_of(worker->file.text, worker->file.len, &question, &difference->ours,
                                 &difference->theirs, ask_glibc, worker);

  if (rule != RULES)
    worker->tally->intended[rule]++;
  else
    worker->tally->failures++;
  worker->wanted = rule;
  if (rule == RULES ||
      (plan->rule && strcmp(plan->rule, rule_name[rule]) == 0 && worker->tally->shown++ < plan->failures))
    report(worker, number, &question, &difference->ours, &difference->theirs);
}

static void run_case(struct hosts_worker *worker, uint64_t number)
{
  static struct difference differences[QUESTIONS];
  unsigned count = 0;

  if (!hosts_client_send(&worker->ours, worker->question, worker->count) ||
      !hosts_client_send(&worker->theirs, worker->question, worker->count))
    give_up(&worker->question[0], "one");
  for (unsigned i = 0; i < worker->count; i++) {
    struct difference *here = &differences[count];
    here->question = i;
    if (!hosts_client_receive(&worker->ours, &here->ours))
      give_up(&worker->question[i], "aiodns");
    if (!hosts_client_receive(&worker->theirs, &here->theirs))
      give_up(&worker->question[i], "glibc");
    count += !is_same(&here->ours, &here->theirs);
    if (worker->plan->trace)
      show(&worker->question[i], &here->ours, &here->theirs);
  }
  worker->tally->lookups += worker->count;
  for (unsigned i = 0; i < count; i++) {
    judge_one(worker, number, &differences[i]);
    if (i + 1 < count)
      make_case(worker, number); /* a report has changed it */
  }
}

void hosts_worker_main(unsigned number, const struct plan *plan, struct tally *tally)
{
  static struct hosts_worker worker;

  (void)number;
  worker.plan = plan;
  worker.tally = tally;
  hosts_place_make(plan->shared, plan->split);
  worker.ours = hosts_client_start("aiodns", "/etc/ours", plan->module_dir);
  worker.theirs = hosts_client_start("files", "/etc/theirs", plan->module_dir);
  for (;;) {
    uint64_t first = atomic_fetch_add(&tally->next, BLOCK);
    uint64_t end = first + BLOCK < plan->end ? first + BLOCK : plan->end;
    if (first >= plan->end || tally->failures >= plan->failures)
      break;
    for (uint64_t i = first; i < end; i++) {
      make_case(&worker, i);
      hosts_place_write((unsigned)(i - first), worker.file.text, worker.file.len, worker.pieces);
    }
    hosts_place_settle();
    for (uint64_t i = first; i < end && tally->failures < plan->failures; i++) {
      make_case(&worker, i);
      if (plan->trace) {
        print_case(&worker, i, NULL, stdout);
        hosts_text_print(worker.file.text, worker.file.len, stdout);
      }
      hosts_place_show((unsigned)(i - first));
      run_case(&worker, i);
    }
  }
  hosts_client_stop(&worker.ours);
  hosts_client_stop(&worker.theirs);
  exit(0);
}
