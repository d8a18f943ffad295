/*
 * The cache file: its layout, and what may be read from it.  Written by cache_write.c; this half,
 * cache_sum.c and cache_read.c never change it.
 *
 * A file is one page of header, then small sets, then large sets.  A set is AIODNS_CACHE_WAYS slots of one
 * size; a slot holds one record, the answer to one question, whole, and never crosses a page.  There are no
 * chains, no index and no locks; a record's place follows from a keyed hash of its question.
 *
 * Invariants:
 * - A record is written by one pwrite(2) of its octets.  A writer that is killed or stopped leaves the old
 * record, the new one, or a mix that no reader accepts.
 * - A reader copies a slot and believes the copy only: its checksum, keyed by the file's random key and the
 * slot's number, must be right, and the slot's time of storing must still be the same afterwards.  The second
 * look is for a mix that somebody contrived: the key is no secret to those who may read the file, and octets
 * of answers are anybody's choice, but not two equal times in nanoseconds.
 * - The key is the one of struct aiodns_cache, never one in the mapped pages: while a reader is at work
 * another file of the same size may be mapped in the place of this one, and then nothing is found.
 * - Nothing in the file is assumed well formed, not even behind a right checksum: each length is looked at
 * before it is used.
 * - The question stands in the record whole and is compared; hashes only say where to look.
 * - Every word has a fixed width, so that 32-bit and 64-bit processes of one machine share a file.
 * - A record of TTL 0 is for those who were already waiting for it: it stands for a second, and is no answer
 * to a lookup that began after it was stored.
 * - What has expired stays where it is until its slot is wanted.  A wish may ask for it (RFC 8767), for so
 * long behind its expiry.  Once it was given because all servers failed it is stored again as it was, with
 * AIODNS_RECORD_STALE: then it holds for AIODNS_CACHE_STALE_NS more, for those that want such records at all,
 * and its expiry stays what it was, so that its age still counts from there.
 *
 * Costs: a hit is one hash and, for each way until it is found, a load of one word; then a copy of the
 * record. No system call.
 */
#ifndef AIODNS_CACHE_H
#define AIODNS_CACHE_H

#include "answer.h"
#include "message.h"

enum {
  AIODNS_CACHE_LAYOUT = 1, /* the number at the end of a file's name */
  AIODNS_CACHE_PAGE = 4096,
  AIODNS_CACHE_SMALL = 256,  /* octets of a slot: a name of usual length, 32 addresses of IPv4 */
  AIODNS_CACHE_LARGE = 4096, /* 200 addresses of IPv6 with a chain of names */
  AIODNS_CACHE_WAYS = 8,
  AIODNS_CACHE_BLOCK = 32,         /* records are written, copied and summed in blocks */
  AIODNS_CACHE_SETS_MAX = 1 << 20, /* of each size; a power of two always */
  AIODNS_CACHE_SMALL_SETS_MIN = 2, /* a page of them, or the large slots would cross pages */
  AIODNS_CACHE_BOOT_LEN = 16,
};

/* No record lives longer: a time beyond it is no time at all (RFC 2181 section 8 allows 68 years). */
#define AIODNS_CACHE_LIFE_MAX_NS ((uint64_t)86400 * 1000000000)

/* How long a record of TTL 0 stands, for those who wait. */
#define AIODNS_CACHE_ONCE_NS ((uint64_t)1000000000)

/* What was given beyond its time holds for so long (RFC 8767 section 4), then servers are asked again. */
#define AIODNS_CACHE_STALE_NS ((uint64_t)30 * 1000000000)

/* And never longer behind its expiry than that, whatever the wish. */
#define AIODNS_CACHE_STALE_MAX_NS ((uint64_t)7 * 86400 * 1000000000)

/* How far the time of a reader may be behind that of a writer: it may have it from a coarse clock. */
#define AIODNS_CACHE_TICK_NS ((uint64_t)10000000)

struct aiodns_cache_header {
  char magic[8]; /* AIODNS_CACHE_MAGIC */
  uint32_t layout, page;
  uint32_t small_sets, large_sets;
  uint64_t size; /* of the whole file, octets */
  uint64_t key[2];
  uint8_t boot[AIODNS_CACHE_BOOT_LEN]; /* the times in it are of this boot */
  uint64_t checksum;                   /* of all before it */
};

#define AIODNS_CACHE_MAGIC "aiodns\r\n"

struct aiodns_slot {
  uint64_t
      checksum; /* of the slot's number and all octets behind it, to the end of the record's last block */
  uint64_t stored_ns;  /* CLOCK_BOOTTIME; of two records, one after the other, not the same */
  uint64_t expires_ns; /* of AIODNS_RECORD_STALE: when it did, not after it was stored */
  uint64_t hash;       /* of the question, never 0; a slot that was never written is all 0 */
  uint64_t view;       /* whose answer it is: network, servers, options */
  uint64_t displaced;  /* the hash that this record drove out; 0: none */
  uint16_t payload_len;
  uint16_t type;
  uint8_t outcome; /* enum aiodns_outcome: ANSWER, NO_NAME, NO_DATA or FAILED */
  uint8_t flags;   /* AIODNS_RECORD_... */
  uint8_t wanted;  /* it was stored again after it had gone: it ages more slowly */
  uint8_t name_len;
  uint16_t names_len; /* octets of the names behind the question's, each with a NUL */
  uint16_t name_count;
  uint16_t canonical; /* which of them, from 1; 0: the question's own */
  uint16_t address_count;
  /* name_len octets of the question in lower case, the names, the addresses; zeros to the end of the block */
  uint8_t payload[];
};

_Static_assert(sizeof(struct aiodns_cache_header) == 72, "the same in every process");
_Static_assert(sizeof(struct aiodns_slot) == 64, "one line of a processor's cache");

enum {
  AIODNS_RECORD_ALIASED = 1,  /* a CNAME led to it */
  AIODNS_RECORD_ONCE = 2,     /* its TTL is 0 */
  AIODNS_RECORD_SERVFAIL = 4, /* of FAILED: a server said SERVFAIL, not another error */
  AIODNS_RECORD_STALE = 8,    /* it was given, and stored again, after it had expired */
  AIODNS_RECORD_FLAGS =
      AIODNS_RECORD_ALIASED | AIODNS_RECORD_ONCE | AIODNS_RECORD_SERVFAIL | AIODNS_RECORD_STALE,
};

/* A file that was found good, mapped to be read. */
struct aiodns_cache {
  const uint8_t *base;
  uint64_t key[2];
  uint32_t small_sets, large_sets;
};

struct aiodns_question {
  const struct aiodns_name *name; /* in any letter case */
  uint16_t type;
  uint64_t view;
};

/* What is looked for: one name, one or two types of records of it. */
struct aiodns_cache_wish {
  const struct aiodns_name *name; /* in any letter case; an answer's own name is in its letters */
  uint64_t view;
  uint64_t now_ns;   /* CLOCK_BOOTTIME, up to AIODNS_CACHE_TICK_NS ago */
  uint64_t began_ns; /* when the lookup began: a record of TTL 0 is only for those that began before */
  uint64_t stale_ns; /* for so long behind its expiry a record may still be given; 0: never */
  uint32_t turn;     /* which address comes first, modulo their number */
  uint16_t type[2];
  uint8_t wanted; /* bit i: type[i] is wanted */
  bool expired;   /* the servers have failed: what has expired is wanted, too */
};

/* What a record has beside the answer itself. */
struct aiodns_record_facts {
  uint8_t flags; /* with STALE where it was given beyond its time now */
  bool expired;  /* there is a record, but its time is over; all else but `lapsed` is 0 then */
  uint8_t
      lapsed;    /* enum aiodns_outcome of what has expired, but would be given if that were wanted; else 0 */
  uint32_t turn; /* of the wish */
  uint64_t stored_ns, checksum;
  uint64_t expires_ns;            /* until when it is given, to this wish */
  uint64_t lapsed_ns;             /* when it expired: of `lapsed`, and where that was given */
  const struct aiodns_slot *slot; /* where it is mapped */
};

/* The size of a file with so many sets. */
uint64_t aiodns_cache_size(uint32_t small_sets, uint32_t large_sets);

/* The header of a new file; `key` is random. */
void aiodns_cache_header_make(struct aiodns_cache_header *ret, uint32_t small_sets, uint32_t large_sets,
                              const uint64_t key[2], const uint8_t boot[AIODNS_CACHE_BOOT_LEN]);

enum aiodns_cache_check {
  AIODNS_CACHE_GOOD,
  AIODNS_CACHE_NO_MAGIC,
  AIODNS_CACHE_OTHER_LAYOUT,
  AIODNS_CACHE_OTHER_BOOT,
  AIODNS_CACHE_WRONG_SIZE,
  AIODNS_CACHE_BROKEN, /* its header's checksum or numbers are wrong */
};

/* Whether `size` octets mapped at `base` are a cache of this boot; *ret is changed only if they are. */
enum aiodns_cache_check aiodns_cache_attach(struct aiodns_cache *ret, const void *base, uint64_t size,
                                            const uint8_t boot[AIODNS_CACHE_BOOT_LEN]);

/*
 * The records that answer the wish.  Returns which were found, as bits: answer[i] and facts[i] are filled for
 * those.  answer[i] is initialised by the caller, with its address_len, and gets outcome, ttl_s (what is
 * left; 0 for TTL 0), names and addresses.  Of the others that are wanted facts[i].expired says whether there
 * is a record that no longer counts, and answer[i] is as it was, or AIODNS_LOCAL where memory ran out.  What
 * is not wanted is not touched.
 *
 * With wish->expired an expired record is found, too, within wish->stale_ns: its ttl_s is 30 or what is left
 * until that limit.  FAILED and what had TTL 0 never are.
 */
unsigned aiodns_cache_read(const struct aiodns_cache *cache, const struct aiodns_cache_wish *wish,
                           struct aiodns_answer answer[2], struct aiodns_record_facts facts[2]);

/* ---- For those who look into a file ---- */

/* The number of all slots: small ones first, then large ones. */
uint32_t aiodns_cache_slots(const struct aiodns_cache *cache);
uint64_t aiodns_cache_offset(const struct aiodns_cache *cache, uint32_t number);
size_t aiodns_cache_slot_size(const struct aiodns_cache *cache, uint32_t number);

/*
 * Copies slot `number` to buf, aligned for a uint64_t and with room for its size, AIODNS_CACHE_LARGE at the
 * most, and looks at the copy; false where it holds no whole record.
 */
bool aiodns_cache_copy(const struct aiodns_cache *cache, uint32_t number, void *buf);

/*
 * What a copy says that was found good: its question's name, in lower case, and the answer, which is
 * initialised here; addresses in the order in which they were stored, ttl_s 0 where it is no longer valid.
 * False: its names are not well formed, or (AIODNS_LOCAL) memory ran out; there is nothing to be done with
 * then.
 */
bool aiodns_cache_show(const struct aiodns_slot *copy, uint64_t now_ns, struct aiodns_answer *answer,
                       struct aiodns_name *ret_name);

/* When the slot's record ends for a wish that takes what expired so long ago. */
static inline uint64_t aiodns_slot_end_ns(const struct aiodns_slot *slot, uint64_t stale_ns)
{
  if (!(slot->flags & AIODNS_RECORD_STALE))
    return slot->expires_ns;
  uint64_t again_ns = slot->stored_ns + AIODNS_CACHE_STALE_NS, limit_ns = slot->expires_ns + stale_ns;
  return again_ns < limit_ns ? again_ns : limit_ns;
}

/* ---- Places and sums ---- */

/* What the hashes of all types of a name share; the name is in lower case, with zeros behind it. */
struct aiodns_cache_asked {
  uint64_t view, state;
  size_t len;
  uint64_t words[AIODNS_NAME_MAX / 16 * 2 + 2];
};

void aiodns_cache_ask(const struct aiodns_cache *cache, const struct aiodns_name *name, uint64_t view,
                      struct aiodns_cache_asked *ret);
uint64_t aiodns_cache_asked_hash(const struct aiodns_cache *cache, const struct aiodns_cache_asked *asked,
                                 uint16_t type);
uint64_t aiodns_cache_hash(const struct aiodns_cache *cache, const struct aiodns_question *question);

/* A set of one size: its first slot's number, and which of its slots is looked at first. */
uint32_t aiodns_cache_set(const struct aiodns_cache *cache, uint64_t hash, bool large);
static inline uint32_t aiodns_cache_way(uint64_t hash)
{
  return (uint32_t)(hash >> 32) % AIODNS_CACHE_WAYS;
}

/* Octets of a record with so long a payload, to the end of its last block. */
static inline size_t aiodns_cache_record_len(size_t payload_len)
{
  return (sizeof(struct aiodns_slot) + payload_len + AIODNS_CACHE_BLOCK - 1) / AIODNS_CACHE_BLOCK *
         AIODNS_CACHE_BLOCK;
}

/* The sum of a record that is all zeros behind its payload. */
uint64_t aiodns_cache_checksum(const struct aiodns_cache *cache, uint32_t number,
                               const struct aiodns_slot *slot);

/*
 * The sum of `len` octets, whole blocks, with `first` in the place of the first word.  They may be changing
 * meanwhile: each word is loaded once, and stored to `copy`, from which alone it is to be used.
 */
uint64_t aiodns_cache_sum(const uint64_t key[2], uint64_t first, const void *octets, size_t len, void *copy);

/* One word that may be changing.  All that is loaded later is loaded behind it. */
uint64_t aiodns_cache_load(const uint64_t *word);

#endif
