/*
 * torture-hostile: files that are no cache, or whose slots are nobody's records, and writers that may not
 * write all of a record.  torture-hostile --full: a file system without room.
 */
#include "check.h"
#include "ground.h"
#include "record.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define NOW (1000 * SECOND)

enum { SMALL_SETS = 2, LARGE_SETS = 1, WHICH = 1, HEADER = sizeof(struct aiodns_cache_header) };

static uint64_t random_word(void)
{
  static uint64_t state = 1;

  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1d;
}

static void fill_randomly(void *buf, size_t len)
{
  uint8_t *at = buf;

  for (size_t i = 0; i < len; i++)
    at[i] = (uint8_t)(random_word() >> 56);
}

/* ---- Headers ---- */

static size_t size;
static uint8_t *good; /* the octets of a cache */
static uint8_t *file; /* the same, to be spoilt */

static enum aiodns_cache_check attach(size_t len)
{
  struct aiodns_cache cache, untouched;

  memset(&cache, 0x55, sizeof cache);
  memcpy(&untouched, &cache, sizeof cache);
  enum aiodns_cache_check got = aiodns_cache_attach(&cache, file, len, ground_boot);
  CHECK((memcmp(&cache, &untouched, sizeof cache) == 0) == (got != AIODNS_CACHE_GOOD));
  return got;
}

static void refuse_what_is_no_cache(void)
{
  for (int i = 0; i < 200; i++) {
    fill_randomly(file, size);
    CHECK(attach(size) == AIODNS_CACHE_NO_MAGIC);
  }
  memset(file, 0xff, size);
  CHECK(attach(size) == AIODNS_CACHE_NO_MAGIC);
  memset(file, 0, size);
  CHECK(attach(size) == AIODNS_CACHE_NO_MAGIC);
}

static void refuse_wrong_sizes(void)
{
  static const size_t shorter[] = {0, 1, HEADER - 1, HEADER, AIODNS_CACHE_PAGE - 1};

  memcpy(file, good, size);
  for (size_t i = 0; i < sizeof shorter / sizeof *shorter; i++)
    CHECK(attach(shorter[i]) == AIODNS_CACHE_WRONG_SIZE);
  for (size_t len = AIODNS_CACHE_PAGE; len < size; len++)
    CHECK(attach(len) == AIODNS_CACHE_WRONG_SIZE);
  CHECK(attach(size) == AIODNS_CACHE_GOOD);
  CHECK(attach(size + 1) == AIODNS_CACHE_WRONG_SIZE);
  CHECK(attach(2 * size) == AIODNS_CACHE_WRONG_SIZE);
}

/* What a header is called whose first wrong octet is this one. */
static enum aiodns_cache_check verdict_at(size_t at)
{
  return at < offsetof(struct aiodns_cache_header, layout) ? AIODNS_CACHE_NO_MAGIC
         : at < offsetof(struct aiodns_cache_header, page) ? AIODNS_CACHE_OTHER_LAYOUT
                                                           : AIODNS_CACHE_BROKEN;
}

static void refuse_broken_headers(void)
{
  for (size_t bit = 0; bit < (size_t)HEADER * 8; bit++) {
    memcpy(file, good, size);
    file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    CHECK(attach(size) == verdict_at(bit / 8));
  }
  for (size_t len = 0; len < HEADER; len++) { /* no more than this was written */
    size_t at = len;
    memcpy(file, good, size);
    memset(file + len, 0, HEADER - len);
    while (at < HEADER && good[at] == 0)
      at++;
    CHECK(attach(size) == (at == HEADER ? AIODNS_CACHE_GOOD : verdict_at(at)));
  }
}

static void refuse_other_caches(void)
{
  uint8_t boot[AIODNS_CACHE_BOOT_LEN];
  const uint64_t key[2] = {1, 2};
  struct aiodns_cache_header header;

  memcpy(boot, ground_boot, sizeof boot);
  boot[0]++;
  memcpy(file, good, size);
  aiodns_cache_header_make(&header, SMALL_SETS, LARGE_SETS, key, boot);
  memcpy(file, &header, sizeof header);
  CHECK(attach(size) == AIODNS_CACHE_OTHER_BOOT);
  header.layout++;
  memcpy(file, &header, sizeof header);
  CHECK(attach(size) == AIODNS_CACHE_OTHER_LAYOUT);
  /* Numbers that no file has, under a right sum. */
  static const uint32_t sets[][2] = {{0, 1}, {1, 1},        {3, 1},        {2, 0},
                                     {2, 3}, {2, 1u << 21}, {1u << 21, 1}, {1u << 31, 1u << 31}};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    aiodns_cache_header_make(&header, sets[i][0], sets[i][1], key, ground_boot);
    memcpy(file, &header, sizeof header);
    CHECK(attach(size) == AIODNS_CACHE_BROKEN);
    CHECK(attach((size_t)header.size < size ? (size_t)header.size : size) != AIODNS_CACHE_GOOD);
  }
}

static void refuse(void)
{
  int fd = ground_make(SMALL_SETS, LARGE_SETS);

  size = (size_t)aiodns_cache_size(SMALL_SETS, LARGE_SETS);
  good = malloc(size);
  file = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(good && file != MAP_FAILED && pread(fd, good, size, 0) == (ssize_t)size);
  refuse_what_is_no_cache();
  refuse_wrong_sizes();
  refuse_broken_headers();
  refuse_other_caches();
  munmap(file, 2 * size);
  free(good);
  close(fd);
  puts("random octets, wrong sizes, broken headers, other layouts and boots: refused as what they are");
}

/* ---- Slots ---- */

/* A page that nobody may read follows the file. */
static struct aiodns_cache map_before_nothing(int fd)
{
  size_t len = (size_t)aiodns_cache_size(SMALL_SETS, LARGE_SETS);
  uint8_t *base = mmap(NULL, len + AIODNS_CACHE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  CHECK(base != MAP_FAILED);
  return ground_map(fd, base);
}

enum manner { RANDOM, RANDOM_LENGTHS, RIGHT_HEAD, RIGHT_SUM, ONES, MANNERS };

/* A slot that leads readers on, further each time. */
static void make_slot(const struct aiodns_cache *cache, uint32_t number, enum manner manner,
                      const struct record *record, uint64_t *buf)
{
  struct aiodns_slot *slot = (void *)buf;
  size_t len = aiodns_cache_slot_size(cache, number);

  fill_randomly(slot, len);
  if (manner == ONES)
    memset(slot, 0xff, len);
  slot->hash = aiodns_cache_hash(cache, &record->question);
  if (manner == RANDOM || manner == ONES)
    return;
  slot->payload_len = (uint16_t)(random_word() % (len - sizeof *slot + 1));
  slot->stored_ns = NOW - SECOND;
  slot->expires_ns = NOW + SECOND;
  slot->view = record->question.view;
  slot->type = record->question.type;
  if (manner == RANDOM_LENGTHS)
    return;
  slot->flags = 0;
  slot->outcome = (uint8_t)(random_word() % 6);
  slot->name_len = record->name.len;
  slot->canonical = slot->name_count = (uint16_t)(random_word() % 4);
  slot->names_len = (uint16_t)(slot->name_count * 16);
  slot->address_count = (uint16_t)(random_word() % 8);
  for (size_t i = 0; i < record->name.len; i++)
    slot->payload[i] = aiodns_name_lower(record->name.wire[i]);
  for (size_t i = record->name.len; i < (size_t)record->name.len + slot->names_len; i++)
    slot->payload[i] = random_word() % 16 ? 'x' : '\0';
  if (random_word() % 4)
    slot->payload_len = (uint16_t)(slot->name_len + slot->names_len + slot->address_count * 4);
  if (manner != RIGHT_SUM)
    return;
  size_t end = aiodns_cache_record_len(slot->payload_len) - sizeof *slot;
  memset(slot->payload + slot->payload_len, 0, end - slot->payload_len);
  slot->checksum = aiodns_cache_checksum(cache, number, slot);
}

static bool read_spoilt(const struct aiodns_cache *cache, const struct record *record)
{
  struct aiodns_answer answer;
  struct aiodns_record_facts facts;
  bool found = record_ask(cache, record, NOW, &answer, &facts);

  if (found)
    CHECK(answer.addresses.len == answer.address_count * 4u && answer.outcome > AIODNS_PENDING);
  else
    CHECK(answer.names.len == 0 && answer.addresses.len == 0);
  aiodns_answer_done(&answer);
  return found;
}

static void miss_what_is_no_record(void)
{
  static const char *const name[] = {"random slots", "random lengths", "right heads", "right sums", "ones"};
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)];
  int fd = ground_make(SMALL_SETS, LARGE_SETS);
  struct aiodns_cache cache = map_before_nothing(fd);
  struct record record = {0};

  record_make(&record, WHICH, 0);
  for (unsigned manner = 0; manner < MANNERS; manner++) {
    unsigned found = 0, rounds = 2000;
    for (unsigned i = 0; i < rounds; i++) {
      for (uint32_t number = 0; number < aiodns_cache_slots(&cache); number++) {
        size_t len = aiodns_cache_slot_size(&cache, number);
        make_slot(&cache, number, (enum manner)manner, &record, buf);
        CHECK(pwrite(fd, buf, len, (off_t)aiodns_cache_offset(&cache, number)) == (ssize_t)len);
      }
      found += read_spoilt(&cache, &record);
    }
    CHECK(manner == RIGHT_SUM ? found > 0 : found == 0);
    printf("%s: %u files read, something found in %u\n", name[manner], rounds, found);
  }
  /* And it is as good as new for writers. */
  CHECK(record_store(&cache, fd, WHICH, 1, NOW));
  uint32_t salt = 0;
  CHECK(record_read(&cache, WHICH, NOW, &salt) == RECORD_WHOLE && salt == 1);
  record_done(&record);
  close(fd);
}

/* ---- Limits ---- */

static void limit(rlim_t most)
{
  struct rlimit limits;

  CHECK(getrlimit(RLIMIT_FSIZE, &limits) == 0);
  limits.rlim_cur = most < limits.rlim_max ? most : limits.rlim_max;
  CHECK(setrlimit(RLIMIT_FSIZE, &limits) == 0);
}

static uint64_t place_of(const struct aiodns_cache *cache, unsigned which)
{
  uint64_t buf[AIODNS_CACHE_LARGE / sizeof(uint64_t)] = {0};
  const struct aiodns_slot *slot = (const void *)buf;
  struct record record = {0};

  record_make(&record, which, 0);
  uint64_t hash = aiodns_cache_hash(cache, &record.question);
  record_done(&record);
  for (uint32_t number = 0; number < aiodns_cache_slots(cache); number++)
    if (aiodns_cache_copy(cache, number, buf) && slot->hash == hash)
      return aiodns_cache_offset(cache, number);
  FAIL("nowhere");
}

/* A writer that may not write beyond any octet of the record: what stands there then is half of it. */
static void read_halves(enum record_kind kind)
{
  int fd = ground_make(SMALL_SETS, LARGE_SETS);
  struct aiodns_cache cache = ground_map(fd, NULL);
  uint32_t old = record_salt(kind, 100), new = record_salt(kind, 1000), salt = 0;
  unsigned seen[3] = {0}, stored = 0, halves = 0;
  uint64_t now_ns = NOW;

  CHECK(record_store(&cache, fd, WHICH, old, now_ns));
  uint64_t place = place_of(&cache, WHICH);
  for (uint64_t most = place; stored == 0; most++, halves++) {
    CHECK(record_store(&cache, fd, WHICH, old, now_ns += 1000));
    limit(most);
    bool done = record_store(&cache, fd, WHICH, new, now_ns += 1000);
    CHECK(done || errno == EFBIG || errno == ENOSPC);
    enum record_seen got = record_read(&cache, WHICH, now_ns, &salt); /* which no limit hinders */
    limit(RLIM_INFINITY);
    CHECK(got != RECORD_MIX && (got == RECORD_NONE || salt == old || salt == new));
    CHECK(!done || (got == RECORD_WHOLE && salt == new));
    CHECK(most > place || (got == RECORD_WHOLE && salt == old));
    stored += done;
    seen[got]++;
  }
  CHECK(seen[RECORD_NONE] > 0);
  printf("%u beginnings of a %s record written over another: %u whole, %u none\n", halves,
         kind == RECORD_SMALL ? "small" : "huge", seen[RECORD_WHOLE], seen[RECORD_NONE]);
  close(fd);
}

/* ---- A file system without room ---- */

static bool write_line(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

  close(fd);
  return done;
}

static bool become_root(void)
{
  char uid[64], gid[64];

  if (geteuid() == 0)
    return true;
  snprintf(uid, sizeof uid, "0 %u 1", geteuid());
  snprintf(gid, sizeof gid, "0 %u 1", getegid());
  return unshare(CLONE_NEWUSER) == 0 && write_line("/proc/self/setgroups", "deny") &&
         write_line("/proc/self/uid_map", uid) && write_line("/proc/self/gid_map", gid);
}

static bool enter_small_file_system(void)
{
  return become_root() && unshare(CLONE_NEWNS) == 0 &&
         mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tmpfs", "/tmp", "tmpfs", 0, "size=64k") == 0 && chdir("/tmp") == 0;
}

static int make_file(const char *name)
{
  int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  CHECK(fd >= 0);
  return fd;
}

/* What is allocated stays usable, and what cannot be is known before anybody maps it. */
static void fill_up(void)
{
  static const char octets[AIODNS_CACHE_PAGE] = {1};
  int fd = make_file("cache"), other = make_file("other"), large = make_file("large");
  unsigned whole = 0;

  ground_fill(fd, SMALL_SETS, LARGE_SETS);
  while (write(other, octets, sizeof octets) > 0)
    ;
  CHECK(errno == ENOSPC);
  CHECK(posix_fallocate(large, 0, (off_t)aiodns_cache_size(1024, 64)) == ENOSPC);
  struct aiodns_cache cache = ground_map(fd, NULL);
  for (uint32_t salt = 0; salt < 2000; salt++) {
    uint64_t now_ns = NOW + salt * SECOND;
    uint32_t got = 0;
    CHECK(record_store(&cache, fd, salt % QUESTIONS, salt, now_ns));
    CHECK(record_read(&cache, salt % QUESTIONS, now_ns, &got) == RECORD_WHOLE && got == salt);
    CHECK(record_read(&cache, (salt + 1) % QUESTIONS, now_ns, &got) != RECORD_MIX);
    whole++;
  }
  printf("a full tmpfs: %u records stored and read\n", whole);
}

int main(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGXFSZ, SIG_IGN);
  if (argc > 1 && strcmp(argv[1], "--full") == 0) {
    if (!enter_small_file_system()) {
      printf("no file system can be mounted here: %s\n", strerror(errno));
      return CHECK_SKIPPED;
    }
    fill_up();
    return 0;
  }
  refuse();
  miss_what_is_no_record();
  read_halves(RECORD_SMALL);
  read_halves(RECORD_HUGE);
  return 0;
}
