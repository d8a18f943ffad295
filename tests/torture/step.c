/*
 * torture-step [--all]: a process that stores, or reads, stepped through it instruction by instruction.
 *
 *   stopped  at each instruction of a writer, between opening and closing the file, others read and store
 *   killed   after instruction k of a writer, for every k with --all; without, for as many as a budget allows
 *   raced    at instruction k of a reader the record is replaced by another one; and so contrived that the
 * old one's head and the new one's end have the right sum
 */
#include "check.h"
#include "ground.h"
#include "record.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define START (1000 * SECOND)

enum { WHICH = 4, STEPS_MAX = 1000000, BUDGET = 60000 /* steps of one run through all k */ };

static struct aiodns_cache cache;
static int file;
static char path[64]; /* of the file, too */
static uint64_t now_ns = START;

/* ---- A process that is stepped ---- */

struct tracee {
  pid_t pid;
  int status; /* once it has ended */
};

static struct tracee trace(int (*work)(const void *), const void *argument)
{
  struct tracee tracee = {.pid = fork()};
  int status;

  CHECK(tracee.pid >= 0);
  if (tracee.pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
      _exit(CHECK_SKIPPED);
    raise(SIGSTOP);
    _exit(work(argument));
  }
  CHECK(waitpid(tracee.pid, &status, 0) == tracee.pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SKIPPED) {
    puts("no process may be traced here");
    exit(CHECK_SKIPPED);
  }
  CHECK(WIFSTOPPED(status));
  CHECK(ptrace(PTRACE_SETOPTIONS, tracee.pid, NULL, PTRACE_O_EXITKILL) == 0);
  return tracee;
}

/* One instruction; false: it has ended. */
static bool step(struct tracee *tracee)
{
  CHECK(ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, NULL) == 0);
  CHECK(waitpid(tracee->pid, &tracee->status, 0) == tracee->pid);
  if (!WIFSTOPPED(tracee->status))
    return false;
  CHECK(WSTOPSIG(tracee->status) == SIGTRAP);
  return true;
}

static void end_by_kill(struct tracee *tracee)
{
  CHECK(kill(tracee->pid, SIGKILL) == 0);
  CHECK(waitpid(tracee->pid, &tracee->status, 0) == tracee->pid);
  CHECK(WIFSIGNALED(tracee->status) && WTERMSIG(tracee->status) == SIGKILL);
}

static int let_go(struct tracee *tracee)
{
  CHECK(ptrace(PTRACE_CONT, tracee->pid, NULL, NULL) == 0);
  CHECK(waitpid(tracee->pid, &tracee->status, 0) == tracee->pid);
  CHECK(WIFEXITED(tracee->status));
  return WEXITSTATUS(tracee->status);
}

/* ---- Writers ---- */

struct change {
  const char *name;
  enum record_kind from, to;
  bool in_place; /* by one pwrite(2): there is no moment without a record */
};

static const struct change changes[] = {
    {"a small record by a small one", RECORD_SMALL, RECORD_SMALL, true},
    {"a huge record by a huge one", RECORD_HUGE, RECORD_HUGE, true},
    {"a small record by a huge one", RECORD_SMALL, RECORD_HUGE, false},
    {"a huge record by a small one", RECORD_HUGE, RECORD_SMALL, false},
    {"a small record by nothing found", RECORD_SMALL, RECORD_NEGATIVE, true},
};
enum { CHANGES = sizeof changes / sizeof *changes, OLD = 100, NEW = 1000, OTHER = 2000 };

static int store_as_program(const void *argument)
{
  const struct record *record = argument;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  bool stored = fd >= 0 && record_put(record, &cache, fd, now_ns);

  close(fd);
  return stored ? 0 : 1;
}

struct seen {
  unsigned none, old, fresh, other;
};

static void look(const struct change *change, struct seen *seen)
{
  uint32_t salt = 0;

  switch (record_read(&cache, WHICH, now_ns, &salt)) {
  case RECORD_NONE:
    CHECK(!change->in_place);
    seen->none++;
    break;
  case RECORD_WHOLE:
    CHECK(salt == record_salt(change->from, OLD) || salt == record_salt(change->to, NEW) || salt >= OTHER);
    if (salt < NEW)
      seen->old++;
    else if (salt < OTHER)
      seen->fresh++;
    else
      seen->other++;
    break;
  case RECORD_MIX:
    FAIL("a mix");
  }
}

/* Another writer and another reader, who do not wait for anybody. */
static void go_on_beside(enum record_kind kind, unsigned which, uint32_t number)
{
  uint32_t salt = record_salt(kind, OTHER + number), got = 0;

  now_ns += 1000;
  CHECK(record_store(&cache, file, which, salt, now_ns));
  now_ns += 1000;
  CHECK(record_read(&cache, which, now_ns, &got) == RECORD_WHOLE && got == salt);
}

/* The old record stands, and the process that brings the new one has been started. */
static struct tracee begin(const struct change *change, struct record *record)
{
  now_ns += SECOND;
  CHECK(record_store(&cache, file, WHICH, record_salt(change->from, OLD), now_ns));
  now_ns += SECOND;
  record_make(record, WHICH, record_salt(change->to, NEW));
  return trace(store_as_program, record);
}

/* Returns the number of its instructions. */
static unsigned stop_at_each(const struct change *change, bool beside)
{
  struct record record = {0};
  struct seen seen = {0};
  unsigned steps = 0;
  struct tracee tracee = begin(change, &record);

  for (; step(&tracee); steps++) {
    CHECK(steps < STEPS_MAX);
    look(change, &seen);
    if (beside && steps % 3 == 0)
      go_on_beside(change->from, WHICH, steps);
    if (beside && steps % 5 == 0)
      go_on_beside(change->to, WHICH + 1, steps);
  }
  CHECK(WIFEXITED(tracee.status) && WEXITSTATUS(tracee.status) == 0);
  CHECK(beside ? seen.other > 0 : seen.old > 0 && seen.fresh > 0);
  record_done(&record);
  printf("%s%s: stopped at %u instructions; seen: %u old, %u new, %u of others, %u none\n", change->name,
         beside ? ", others storing beside" : "", steps, seen.old, seen.fresh, seen.other, seen.none);
  return steps;
}

/* From one k to the next, where all of them need steps * steps / 2. */
static unsigned stride_of(unsigned steps, unsigned budget)
{
  uint64_t all = (uint64_t)steps * steps / 2;
  return budget > 0 ? (unsigned)(all / budget) + 1 : 1;
}

static void kill_after_each(const struct change *change, unsigned steps, unsigned budget)
{
  struct record record = {0};
  struct seen seen = {0};
  unsigned stride = stride_of(steps, budget), kills = 0;

  for (unsigned k = 0; k < steps; k += stride, kills++) {
    struct tracee tracee = begin(change, &record);
    for (unsigned i = 0; i < k; i++)
      CHECK(step(&tracee));
    end_by_kill(&tracee);
    record_done(&record);
    look(change, &seen);
    go_on_beside(change->to, WHICH, k);
  }
  CHECK(seen.old > 0);
  CHECK(seen.fresh > 0 || stride > 1);
  printf("%s: killed after %u of %u instructions; seen: %u old, %u new, %u none\n", change->name, kills,
         steps, seen.old, seen.fresh, seen.none);
}

/* ---- Readers ---- */

enum { RACED = 1, ADDRESSES = 30, ROOM = AIODNS_CACHE_LARGE / sizeof(uint64_t) };

struct pair {
  uint32_t number;
  size_t len;
  uint64_t before[ROOM], after[ROOM]; /* the slot with either record */
};

static void put(const struct pair *pair, const uint64_t *slot)
{
  CHECK(pwrite(file, slot, pair->len, (off_t)aiodns_cache_offset(&cache, pair->number)) ==
        (ssize_t)pair->len);
}

enum answer { ANSWER_NONE, ANSWER_BEFORE, ANSWER_AFTER, ANSWER_MIX };

static bool is_slot(const uint64_t *buf, const struct aiodns_answer *answer,
                    const struct aiodns_record_facts *facts)
{
  const struct aiodns_slot *slot = (const void *)buf;
  size_t at = (size_t)slot->name_len + slot->names_len;

  return facts->stored_ns == slot->stored_ns && facts->expires_ns == slot->expires_ns &&
         answer->addresses.len == slot->payload_len - at &&
         memcmp(answer->addresses.data, slot->payload + at, answer->addresses.len) == 0;
}

static struct record wanted; /* its question */

static int read_as_program(const void *argument)
{
  const struct pair *pair = argument;
  struct aiodns_record_facts facts;
  struct aiodns_answer answer;

  if (!record_ask(&cache, &wanted, now_ns, &answer, &facts))
    return ANSWER_NONE;
  return is_slot(pair->before, &answer, &facts)  ? ANSWER_BEFORE
         : is_slot(pair->after, &answer, &facts) ? ANSWER_AFTER
                                                 : ANSWER_MIX;
}

static unsigned count_steps(const struct pair *pair)
{
  unsigned steps = 0;
  struct tracee tracee = trace(read_as_program, pair);

  for (; step(&tracee); steps++)
    CHECK(steps < STEPS_MAX);
  return steps;
}

/* `late`: what those see who have read the first record when it is replaced. */
static void race_reader(const char *name, const struct pair *pair, enum answer late, unsigned budget)
{
  unsigned seen[4] = {0}, times = 0;

  put(pair, pair->before);
  unsigned steps = count_steps(pair), stride = stride_of(steps, budget);
  for (unsigned k = 0; k < steps; k += stride, times++) {
    put(pair, pair->before);
    struct tracee tracee = trace(read_as_program, pair);
    for (unsigned i = 0; i < k; i++)
      CHECK(step(&tracee));
    put(pair, pair->after);
    enum answer answer = (enum answer)let_go(&tracee);
    CHECK(answer == late || answer == ANSWER_AFTER || answer == ANSWER_NONE);
    seen[answer]++;
  }
  CHECK(seen[late] > 0 && seen[ANSWER_AFTER] > 0);
  printf("%s: replaced after %u of %u instructions of a reader, who saw %u before, %u after, %u none\n", name,
         times, steps, seen[ANSWER_BEFORE], seen[ANSWER_AFTER], seen[ANSWER_NONE]);
}

static void take(uint32_t salt, uint32_t *ret_number, uint64_t *slot)
{
  struct record record = {0};
  uint32_t count = aiodns_cache_slots(&cache);

  record_make(&record, RACED, salt);
  uint64_t hash = aiodns_cache_hash(&cache, &record.question);
  CHECK(record_put(&record, &cache, file, now_ns));
  record_done(&record);
  for (*ret_number = 0; *ret_number < count; ++*ret_number)
    if (aiodns_cache_copy(&cache, *ret_number, slot) &&
        ((const struct aiodns_slot *)(void *)slot)->hash == hash)
      return;
  FAIL("nowhere");
}

/* Of a small record, which is read in few instructions, with as many addresses as it can have. */
static uint32_t salt_of_many(uint32_t from)
{
  for (unsigned count = 0; count < 24; from++) {
    struct record record;
    record_make(&record, RACED, from = record_salt(RECORD_SMALL, from));
    count = record.answer.address_count;
    record_done(&record);
    if (count >= 24)
      break;
  }
  return from;
}

/* Two records that anybody might store, one after the other. */
static void make_plain(struct pair *pair)
{
  uint32_t number;

  take(salt_of_many(OLD), &pair->number, pair->before);
  now_ns += SECOND;
  take(salt_of_many(NEW), &number, pair->after);
  CHECK(number == pair->number);
  pair->len = aiodns_cache_slot_size(&cache, number);
  now_ns += SECOND;
}

/*
 * The sum in the first one's head is that of its head with the second one's addresses: a reader who has
 * loaded the head before the record is replaced, and the end after it, has a mix with the right sum.  Only
 * the time tells.
 */
static void make_contrived(struct pair *pair)
{
  struct aiodns_slot *before = (void *)pair->before, *after = (void *)pair->after;

  make_plain(pair);
  memcpy(pair->after, pair->before, sizeof pair->after);
  for (size_t i = before->payload_len - 32u; i < before->payload_len; i++)
    after->payload[i] ^= 0xff;
  before->checksum = aiodns_cache_checksum(&cache, pair->number, after);
  after->stored_ns += SECOND / 2;
  after->checksum = aiodns_cache_checksum(&cache, pair->number, after);
  CHECK(after->checksum != before->checksum);
}

/* They take turns: on two processors each would have to be woken up. */
static void stay_here(void)
{
  cpu_set_t set;

  CPU_ZERO(&set);
  CPU_SET((unsigned)sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
  static struct pair pair;
  unsigned budget = argc > 1 && strcmp(argv[1], "--all") == 0 ? 0 : BUDGET;

  setvbuf(stdout, NULL, _IOLBF, 0);
  stay_here();
  file = ground_make(2, 1);
  cache = ground_map(file, NULL);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  for (unsigned i = 0; i < CHANGES; i++) {
    unsigned steps = stop_at_each(&changes[i], false);
    stop_at_each(&changes[i], true);
    kill_after_each(&changes[i], steps, budget);
  }
  record_make(&wanted, RACED, 0);
  make_plain(&pair);
  race_reader("two records", &pair, ANSWER_BEFORE, 3 * budget);
  make_contrived(&pair);
  race_reader("a contrived sum", &pair, ANSWER_NONE, 3 * budget);
  return 0;
}
