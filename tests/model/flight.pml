/*
 * Single flight: lookups that miss the same question at the same time.  Whoever locks the question's byte of
 * the claims file asks the servers, the others wait for its answer.  README.md says which function is which
 * part of this.
 *
 * N         processes
 * LOOKUPS   how many lookups each of them makes, one after the other
 * PATIENCE  how often a lookup waits before it gives up; 0: it waits for ever
 * KILLS     so many processes may be killed at any point: 0, 1 or 2
 * STOPS     so many may be stopped at any point, for ever: 0 or 1
 * FORKS     in so many another thread may fork: 0 or 1
 * FAILURES  the answer may fail to be stored
 * ZERO      the answer's TTL may be 0
 * OLD_MAP   who waits does not look for a file that was made or replaced meanwhile, as the record's was
 * BELLS     a pause ends by its bell alone; else at any moment, as if by the clock or the bell
 * LATE_SLEEP with BELLS: something may come between the claim that was not to be had and the sleep
 *
 * CLAIM_x is a property that is looked at only where it is asked for.  The other names break the protocol.
 */
#define FREE 100
#define ORPHAN 101 /* held by the copy of a descriptor that only a child has open */
#define NONE 102

#ifndef LOOKUPS
#define LOOKUPS 1
#endif

/* The byte's lock belongs to an open file description: of process `lock`, or ORPHAN. */
byte lock = FREE;
bool descriptor[N];
byte child = NONE; /* whose open file description a child has a copy of */

bool gone[N], asleep[N], over[N];

/* The record of the question in the cache, and a bit for each lookup that began before it was stored. */
bool record, zero;
byte early;
byte pending[N]; /* the same for an answer that is about to be stored */

bool leading[N], shy[N];

#ifdef BELLS
bool sleeping[N];
#define to_ring rings = true
#else
#define to_ring skip
#endif

/* What only the properties know. */
byte asked;
bool spent[N];
byte serial, begun[N];
bool two_leaders, asked_unheld, asked_again, asked_in_vain, waited_again, too_late;

#ifdef ZERO
#define stored_one serial++
#else
#define stored_one skip
#endif

#ifdef OLD_MAP
bool mapped[N]; /* the file that the record is in */
#define acceptable(i) (record && mapped[i])
#elif defined(TTL0_ANY)
#define acceptable(i) (record)
#else
#define acceptable(i) (record && (!zero || (early & (1 << i))))
#endif

#ifdef BELLS
#define wakes(i) d_step { sleeping[i] -> sleeping[i] = false }

/* Of those who sleep any one wakes up: that more than one do helps nobody who would not wake up anyway. */
inline do_ring()
{
  if
  :: rings ->
    if
    :: wakes(0)
    :: wakes(1)
#if N > 2
    :: wakes(2)
#endif
#if N > 3
    :: wakes(3)
#endif
    :: else
    fi
  :: else
  fi;
  rings = false
}
#endif

/* The last copy of an open file description is closed: its lock is gone. */
inline close_own(i)
{
  d_step {
    leading[i] = false;
    descriptor[i] = false;
    if
    :: lock == i && child == i -> lock = ORPHAN; child = ORPHAN
    :: lock == i && child != i -> lock = FREE
    :: lock != i && child == i -> child = NONE
    :: else
    fi
  }
}

inline take(i)
{
  d_step {
    too_late = too_late || (zero && serial == begun[i]);
    assert(!too_late)
  }
}

inline ask(i)
{
  d_step {
    asked_unheld = asked_unheld || (!leading[i] && !shy[i]);
    assert(!asked_unheld);
#ifdef CLAIM_ONCE
    asked++;
    asked_again = asked_again || (asked > 1 && !zero);
    assert(!asked_again);
    asked_in_vain = asked_in_vain || acceptable(i);
    assert(!asked_in_vain);
#endif
    skip
  }
}

inline store(i)
{
#ifdef ZERO
  /* The record's time of storing is decided before it is written. */
  pending[i] = 255;
#endif
  if
  :: d_step { record = true; zero = false; early = 0; pending[i] = 0; stored_one }
#ifdef ZERO
  :: d_step { record = true; zero = true; early = pending[i]; pending[i] = 0; stored_one }
#endif
#ifdef FAILURES
  :: pending[i] = 0 /* nothing is stored */
#endif
  fi
}

proctype Lookup(byte me)
{
  byte lookups, waits, r;
  bool got;
#ifdef BELLS
  bool rings;
#endif
  {
    do
    :: lookups == LOOKUPS -> break
    :: else ->
      d_step {
        lookups++;
        waits = 0;
        early = early & ~(1 << me);
        for (r : 0 .. N - 1) {
          pending[r] = pending[r] & ~(1 << me)
        }
        r = 0;
#ifdef ZERO
        begun[me] = serial
#endif
#ifdef OLD_MAP
        mapped[me] = record
#endif
      }
      /* The first look. */
      do
      :: acceptable(me) -> take(me); break
      :: else ->
        d_step {
          descriptor[me] = true;
          if
          :: lock == FREE ->
            lock = me;
            got = true;
            shy[me] = false;
            for (r : 0 .. N - 1) {
              two_leaders = two_leaders || leading[r]
            }
            r = 0;
            assert(!two_leaders);
            leading[me] = true;
#ifndef LEADER_RINGS_NOT
            to_ring
#endif
          :: else ->
            got = false;
#if defined(BELLS) && !defined(LATE_SLEEP)
            sleeping[me] = true
#endif
          fi
        }
        if
        :: got ->
#ifndef NO_LOOK_WITH_LOCK
          if
          :: acceptable(me) -> take(me); break
          :: else
          fi;
#endif
          ask(me);
#ifdef RELEASE_FIRST
          close_own(me);
#endif
          store(me);
          break
        :: else ->
#ifdef ASKS_AT_ONCE
          ask(me);
          store(me);
          break
#endif
          if
#ifndef NO_MEMORY
          :: shy[me] -> ask(me); store(me); break
#endif
#if PATIENCE
          /* No more patience; sometimes earlier, since the deadline has a share in it. */
          :: !shy[me] && waits > 0 ->
            d_step {
              if
              :: lock < N ->
                waited_again = waited_again || (asleep[lock] && spent[me]);
                assert(!waited_again);
                spent[me] = spent[me] || asleep[lock]
              :: else
              fi;
              shy[me] = true
            }
            ask(me);
            store(me);
#ifdef NO_MEMORY
            shy[me] = false;
#endif
            break
          :: !shy[me] && waits < PATIENCE -> waits++
#elif defined(BELLS)
          :: else ->
#ifdef LATE_SLEEP
            sleeping[me] = true;
#endif
            !sleeping[me];
#ifndef WOKEN_RINGS_NOT
            to_ring
#endif
#else
          :: else -> skip
#endif
          fi
        fi
      od;
      atomic { got = false; waits = 0 };
#ifdef RINGS_FIRST
      do_ring();
#endif
      close_own(me);
#if defined(BELLS) && !defined(RINGS_FIRST)
      do_ring()
#endif
    od;
#ifdef CLAIM_ONCE
    assert(asked > 0);
#endif
    over[me] = true
  } unless {
    gone[me]
  }
  d_step { over[me] = true; lookups = 0; waits = 0; got = false }
}

/* A process is killed, and the kernel closes what it has open. */
proctype Kill(byte victim)
{
  if
  :: atomic {
       !over[victim] -> gone[victim] = true;
#ifdef LOCK_OUTLIVES
       leading[victim] = false
#else
       close_own(victim)
#endif
     }
  :: skip
  fi
}

/* It is stopped, and keeps what it has open. */
proctype Stop(byte victim)
{
  if
  :: d_step { !over[victim] -> gone[victim] = true; asleep[victim] = true }
  :: skip
  fi
}

/* A fork elsewhere in the process; the handler in the child closes the copy. */
proctype Child()
{
  byte parent;
  if
  :: d_step { descriptor[0] -> child = 0 }
  :: d_step { descriptor[1] -> child = 1 }
#if N > 2
  :: d_step { descriptor[2] -> child = 2 }
#endif
  :: goto none
  fi;
#ifndef CHILD_KEEPS
  d_step {
#ifdef CHILD_UNLOCKS
    /* Not only closed: F_UNLCK takes the lock from the parent, too. */
    if
    :: lock == child -> lock = FREE
    :: else
    fi;
#endif
    if
    :: lock == ORPHAN -> lock = FREE
    :: else
    fi;
    child = NONE
  }
#endif
none:
  skip
}

init
{
  byte i;
  atomic {
    for (i : 0 .. N - 1) {
      run Lookup(i)
    }
    i = 0;
    /* They are all alike: it does not matter which of them it is. */
#if KILLS
    run Kill(0);
#endif
#if KILLS > 1
    run Kill(1);
#endif
#if STOPS
    run Stop(N - 1);
#endif
#if FORKS
    run Child();
#endif
    skip
  }
}

#if N == 2
#define all_over (over[0] && over[1])
#elif N == 3
#define all_over (over[0] && over[1] && over[2])
#else
#define all_over (over[0] && over[1] && over[2] && over[3])
#endif

/* Everybody comes to an end who is not gone. */
ltl ends { <> all_over }
