/*
 * One slot of a cache file: writers that store records in it by one pwrite each, and a reader that has the
 * file mapped.  README.md says which function is which part of this.
 *
 * A word of the slot is the number of the record that it belongs to: 0 is what stood there at the start, r
 * what writer r stores.  So the checksum is an oracle: right exactly if all words are of one record.
 *
 * HALF       a writer that is killed or stopped inside the kernel's copy leaves what it has written so far
 * ASCENDING  the kernel's copy becomes visible from the first word to the last; else in any order
 * CONTRIVED  the oracle also accepts every mix of two records
 * SAME_TIME  records 1 and 2 were stored in the same nanosecond
 * TIME       times and expiries, and all words at once; else the time of a record is its number
 *
 * CLAIM_x is a property that is looked at only where it is asked for.  The other names break the protocol.
 */
#define WRITERS 2
#define RECORDS 3
#define WORDS 5

/* The words of a slot: aiodns_slot's checksum, stored_ns, all else of the head, and the payload. */
#define SUM 0
#define STORED 1
#define HEAD 2
#define PAYLOAD 3

/* Lengths of records, in words; a head of zeros, which forget() writes, is one whose hash is 0. */
#ifdef TIME
#define NOTHING 0
#else
#define NOTHING 3
#endif
#define SHORT 4
#define LONG 5

byte slot[WORDS];
byte length[RECORDS];
byte turn[RECORDS]; /* in which order the kernel let them write */
byte turns;
byte inode;      /* who is inside the kernel's write; 0: nobody */
bool over[RECORDS]; /* [0]: the reader's */
bool busy;       /* of the protocols with a lock that are wrong */

bool torn, behind, expired, half, twins;

#ifdef TIME
#define NOW_MAX 3
#define TRIES 1 /* each is the same to the times */
#define BUMP 1 /* put_times(): how far before its victim's time a clock may be, 1 ms */
#define TICK 1 /* AIODNS_CACHE_TICK_NS: how far behind a reader's clock may be */
byte now;
byte stored[RECORDS], expires[RECORDS], fetched[RECORDS], life[RECORDS];
#define time_of(r) stored[r]
#elif defined(SAME_TIME)
#define time_of(r) (r == 2 -> 1 : r)
#else
#define time_of(r) r
#endif

#ifndef TRIES
#define TRIES 2
#endif

/* At any point between two steps. */
#define may_be_gone \
  if                \
  :: skip           \
  :: goto gone      \
  fi

proctype Writer(byte me)
{
  byte at, left, victim;

#ifdef TIME
  fetched[me] = now;
  /* choose(): looks at a head as it stands, perhaps in the middle of another's write. */
  d_step {
    victim = slot[STORED];
    stored[me] = fetched[me];
    if
    :: stored[victim] >= fetched[me] && stored[victim] - fetched[me] < BUMP -> stored[me] = stored[victim] + 1
    :: else
    fi;
    expires[me] = stored[me] + life[me];
    victim = 0
  }
#endif
  may_be_gone;
#ifdef WRITER_LOCKS
  atomic { !busy -> busy = true };
  may_be_gone;
#endif
#ifdef READER_WAITS
  busy = true;
  may_be_gone;
#endif
#ifdef LATE_STAMP
  d_step { expires[me] = now + life[me] };
#endif

  /* write_slot(), inside the kernel: it is waited for, but it always ends. */
  d_step {
    inode == 0 -> inode = me;
#ifdef CLAIM_BEHIND
    turns++;
    turn[me] = turns;
#endif
    left = (1 << length[me]) - 1;
#ifdef CLAIM_DISTINCT
    twins = time_of(slot[STORED]) == time_of(me);
    assert(!twins)
#endif
  }
  do
  :: left == 0 -> break
#ifdef TIME
  :: d_step { left != 0 -> slot[SUM] = me; slot[STORED] = me; slot[HEAD] = me; left = 0 }
#elif defined(ASCENDING)
  :: d_step { left != 0 -> slot[at] = me; left = left & ~(1 << at); at++ }
#else
  :: d_step { left & 1 -> slot[0] = me; left = left & ~1 }
  :: d_step { left & 2 -> slot[1] = me; left = left & ~2 }
  :: d_step { left & 4 -> slot[2] = me; left = left & ~4 }
  :: d_step { left & 8 -> slot[3] = me; left = left & ~8 }
  :: d_step { left & 16 -> slot[4] = me; left = left & ~16 }
#endif
#ifdef HALF
  :: left != 0 -> break
#endif
  od;
  atomic {
    at = 0;
    left = 0;
#ifdef CLAIM_WHOLE
    do
    :: at < length[slot[HEAD]] -> half = half || slot[at] != slot[HEAD]; at++
    :: else -> break
    od;
    assert(!half);
    at = 0;
#endif
    inode = 0
  }
  busy = false;
gone:
  atomic { at = 0; left = 0; over[me] = true }
}

/* What no longer matters makes no states. */
#define forget_copy \
  copy[0] = 0;      \
  copy[1] = 0;      \
  copy[2] = 0;      \
  copy[3] = 0;      \
  copy[4] = 0

proctype Reader()
{
  byte copy[WORDS];
  byte at, count, tries, first, second, began;
  bool good;

#ifdef TIME
  byte real;
  /* The time of the tick. */
  atomic {
    real = now;
    if
    :: began = real
    :: real >= TICK -> began = real - TICK
    fi
  }
#endif
  /* find() */
  do
  :: tries == TRIES -> break
  :: else ->
#ifdef READER_WAITS
    !busy;
#endif
    /* copy_slot(): the length, then all words, acquired one by one; the length was loaded twice. */
    count = length[slot[HEAD]];
#ifdef TIME
    d_step { copy[SUM] = slot[SUM]; copy[STORED] = slot[STORED]; copy[HEAD] = slot[HEAD] }
#else
    do
    :: d_step { at < count -> copy[at] = slot[at]; at++ }
    :: else -> break
    od;
#endif
    atomic { good = length[copy[HEAD]] == count && count != NOTHING; count = 0; at = 0 };
#ifndef NO_SECOND_LOOK
    d_step {
      good = good && time_of(slot[STORED]) == time_of(copy[STORED])
    };
#endif
    /* The oracle. */
    d_step {
      first = copy[HEAD];
      second = first;
      at = 0;
      do
      :: at < length[copy[HEAD]] ->
#ifndef NO_SUM
        if
        :: copy[at] == first || copy[at] == second
#ifdef CONTRIVED
        :: copy[at] != first && second == first -> second = copy[at]
        :: copy[at] != first && second != first && copy[at] != second -> good = false
#else
        :: else -> good = false
#endif
        fi;
#endif
        at++
      :: else -> break
      od;
      at = 0;
      first = 0;
      second = 0
    };
    if
    :: good -> break
    :: else -> d_step { tries++; forget_copy }
    fi
  od;

  if
  :: good ->
#ifdef TWO_READS
    /* What is used is read again, in place of the copy that was verified. */
    do
    :: d_step { at < length[copy[HEAD]] -> copy[at] = slot[at]; at++ }
    :: else -> break
    od;
#endif
    atomic {
#ifdef TIME
      /* find(), is_for() */
#ifndef NO_EXPIRY
      good = stored[copy[STORED]] <= began + TICK && began < expires[copy[STORED]];
#endif
      /* Against the time of the answer itself; put_times() may have moved it by less than BUMP. */
      expired = good && real >= fetched[copy[STORED]] + life[copy[STORED]] + BUMP + TICK;
      assert(!expired);
#endif
      at = 0;
      do
      :: at < length[copy[HEAD]] ->
        torn = torn || copy[at] != copy[HEAD];
#ifdef CLAIM_BEHIND
        behind = behind || (at > STORED && turn[copy[at]] > turn[copy[STORED]]);
#endif
        at++
      :: else -> break
      od;
#ifdef MIX
      /* Whether this very mix is accepted: bit i says whether word i is the newer record's. */
      torn = copy[0] == (MIX & 1) && copy[1] == ((MIX >> 1) & 1) && copy[2] == ((MIX >> 2) & 1) &&
             copy[3] == ((MIX >> 3) & 1) && copy[4] == ((MIX >> 4) & 1);
      assert(!torn);
#elif defined(CLAIM_BEHIND)
      assert(!behind);
#else
      assert(!torn);
#endif
      forget_copy
    }
  :: else
  fi;
  over[0] = true
}

#ifdef TIME
proctype Clock()
{
  do
  :: now < NOW_MAX -> now++
  :: else -> break
  od
}
#endif

init
{
  byte r;
  atomic {
    for (r : 0 .. WRITERS) {
#ifdef TIME
      length[r] = PAYLOAD; /* what is behind the head has no part in this */
      life[r] = (r == 2 -> 2 : 1);
      expires[r] = life[r]
#else
      length[r] = LONG
#endif
    }
#if defined(HALF) && !defined(CONTRIVED)
    length[2] = SHORT;
#elif !defined(CONTRIVED) && !defined(TIME)
    if
    :: length[1] = SHORT
    :: length[1] = NOTHING
    fi;
    if
    :: length[2] = SHORT
    :: skip
    fi;
#endif
    r = 0;
#ifdef TIME
    run Clock();
#endif
    run Reader();
    run Writer(1);
#ifndef MIX
    run Writer(2)
#endif
  }
}

/* With `over` of all: the reader waits for no writer, and no writer for one that is gone. */
ltl ends { <> (over[0] && over[1] && over[2]) }
