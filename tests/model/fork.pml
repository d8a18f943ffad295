/*
 * Children must not get a descriptor that can write: threads that open a file, write and close it, threads
 * that call fork(), and the rest of the program, which opens files of its own.  README.md says which function
 * is which part of this.
 *
 * fork(2) is two steps, and other threads run between them: the kernel copies the descriptors first and the
 * memory later.  What the child knows is younger than what it has.
 *
 * A descriptor is a number and what it is open as; a new one is the lowest that is free.
 *
 * STOPS      every thread may be stopped between two of its steps, for ever; threads that end are counted
 * ALONE      one thread forks, not two, and the rest of the program does nothing
 * SIGNAL     a fork more is made by a signal handler that interrupts the first writer, at that point of it:
 *            AT_OPENED, AT_NOTED or AT_CLOSED
 * NEW_FILE   which file it is becomes known when it is noted, not before it is opened, and paths say nothing
 *
 * CLAIM_x is a property that is looked at only where it is asked for.  The other names break the protocol.
 */
#define WRITERS 2
#define NUMBERS 2 /* of descriptors; also: none */

/* What a number is open as. */
#define CLOSED 0
#define OURS 1
#define THEIRS 2

/* Where in a writer the signal comes. */
#define AT_OPENED 1
#define AT_NOTED 2
#define AT_CLOSED 3

byte table[NUMBERS];
bool place[WRITERS]; /* whether it is in use */
byte noted[WRITERS] = NUMBERS;
bool suspicion;
#ifdef FLAG
bool forking;
#define announce forking = true
#define withdraw forking = false
#else
byte forking;
#define announce forking++
#define withdraw forking--
#endif

byte over; /* STOPS: threads that have come to their end, or were stopped */

bool leaked, foreign, written_foreign, shut;

#ifdef STOPS
#define may_stop       \
  if                   \
  :: skip              \
  :: goto stopped_here \
  fi
#define finish over++
#else
#define may_stop skip
#define finish skip
#endif

#ifdef NEW_FILE
bool known;
#else
#define known true
#endif

/* The program's own files are told from ours by what they are. */
#ifdef NO_IDENTITY
#define is_ours(number) (childs[number] != CLOSED)
#else
#define is_ours(number) (childs[number] == OURS && known)
#endif

/* As if nothing were ever open without a note. */
#ifdef TRUSTS_MEMORY
#define note_at_once noted[me] = number
#else
#define note_at_once skip
#endif

/* `own`: the place of the forking thread itself; WRITERS: it has none. */
#define has_noted(own, number) (own < WRITERS && noted[own % WRITERS] == number)
#ifdef CLOSES_OWN
#define is_spared(own, number) false
#else
#define is_spared(own, number) has_noted(own, number)
#endif

/* before_fork(), and the first of fork(2)'s two steps. */
inline fork_descriptors(own)
{
#ifndef LOOKS_BEFORE
  announce;
#endif
#ifdef WAITS
  !place[0] || own == 0;
  !place[1] || own == 1;
#else
  if
  :: own != 0 && place[0] -> suspicion = true
  :: else
  fi;
  if
  :: own != 1 && place[1] -> suspicion = true
  :: else
  fi;
#endif
#ifdef LOOKS_BEFORE
  announce;
#endif
  d_step {
    for (n : 0 .. NUMBERS - 1) {
      childs[n] = table[n]
    }
    n = 0
  }
}

/* The second one and, in the child, its handler: nobody else runs there. */
inline fork_memory(own, opened)
{
  d_step {
#ifndef NO_CLEANING
    for (n : 0 .. NUMBERS - 1) {
      if
#ifdef TRUSTS_MEMORY
      :: (place[0] && noted[0] == n && own != 0) || (place[1] && noted[1] == n && own != 1) ->
#elif defined(SPARES_PLACE)
      /* What another place has noted is closed, whoever has noted it, too. */
      :: is_ours(n) && ((suspicion && !is_spared(own, n)) || (place[0] && noted[0] == n && own != 0) ||
                        (place[1] && noted[1] == n && own != 1)) ->
#else
      :: is_ours(n) && !is_spared(own, n) &&
         (suspicion || (place[0] && noted[0] == n && own != 0) || (place[1] && noted[1] == n && own != 1)) ->
#endif
        foreign = foreign || childs[n] == THEIRS;
        if
        :: is_ours(n) -> childs[n] = CLOSED
        :: else
        fi
      :: else
      fi
    }
#endif
    assert(!foreign);
    for (n : 0 .. NUMBERS - 1) {
#ifdef CLAIM_OWN
      leaked = leaked || childs[n] == OURS;
#else
      /* The forking thread's own stays: it may go on with it. */
      leaked = leaked || (childs[n] == OURS && opened != n);
#endif
      assert(!leaked)
    }
    /* Only the thread that forked lives on; behind this the child's own lookups write again. */
#ifdef KEEPS_FORKING
    shut = forking > 0;
#endif
    assert(!shut);
    n = 0
  }
}

/* after_fork_in_parent() */
inline take_back()
{
#ifdef CLEARS_LATER
  withdraw;
  if
  :: forking == 0 -> suspicion = false
  :: else
  fi
#else
  d_step {
    withdraw;
    if
#ifndef CLEARS_ALWAYS
    :: forking > 0
#endif
    :: else -> suspicion = false
    fi
  }
#endif
}

#ifdef SIGNAL
/* A handler forks and, in the child, opens what it can and comes back into the lookup. */
inline signal_at(point, opened)
{
  if
  :: me == 0 && SIGNAL == point ->
    fork_descriptors(0);
    fork_memory(0, opened);
    d_step {
      for (n : 0 .. NUMBERS - 1) {
        if
        :: childs[n] == CLOSED -> childs[n] = THEIRS
        :: else
        fi
      }
      n = 0;
      written_foreign = opened < NUMBERS && childs[opened % NUMBERS] == THEIRS;
      assert(!written_foreign);
      childs[0] = CLOSED;
      childs[1] = CLOSED
    }
    take_back()
  :: else
  fi
}
#else
#define signal_at(point, opened) skip
#endif

proctype Writer(byte me)
{
  byte number = NUMBERS;
#ifdef SIGNAL
  byte n;
  byte childs[NUMBERS];
#endif

  /* aiodns_left_reserve() */
#ifdef RESERVES_LATER
  if
  :: forking > 0 -> goto done
  :: else
  fi;
  place[me] = true;
#else
  place[me] = true;
  may_stop;
#ifndef NO_LOOK
  if
  :: forking > 0 -> place[me] = false; goto done
  :: else
  fi;
#endif
#endif
  may_stop;
  if
  :: d_step { table[0] == CLOSED -> table[0] = OURS; number = 0; note_at_once }
  :: d_step { table[0] != CLOSED && table[1] == CLOSED -> table[1] = OURS; number = 1; note_at_once }
  :: table[0] != CLOSED && table[1] != CLOSED -> place[me] = false; goto done
  fi;
  may_stop;
  signal_at(AT_OPENED, number);
  /* aiodns_left_note_file() */
#ifdef NEW_FILE
  known = true;
#endif
  noted[me] = number;
  may_stop;
  signal_at(AT_NOTED, number);
  /* pwrite() */
  d_step {
    written_foreign = table[number] != OURS;
    assert(!written_foreign)
  }
  may_stop;
  table[number] = CLOSED;
  may_stop;
  signal_at(AT_CLOSED, NUMBERS);
  /* aiodns_left_forget() */
  noted[me] = NUMBERS;
  place[me] = false;
stopped_here:
done:
  finish
}

proctype Fork()
{
  byte n;
  byte childs[NUMBERS];

  fork_descriptors(WRITERS);
  may_stop;
  fork_memory(WRITERS, NUMBERS);
  may_stop;
  d_step { childs[0] = CLOSED; childs[1] = CLOSED };
  take_back();
stopped_here:
  finish
}

#ifndef ALONE
/* The rest of the program. */
proctype Program()
{
  if
  :: d_step { table[0] == CLOSED -> table[0] = THEIRS }
    table[0] = CLOSED
  :: d_step { table[0] != CLOSED && table[1] == CLOSED -> table[1] = THEIRS }
    table[1] = CLOSED
  :: skip
  fi;
  finish
}
#endif

init
{
  atomic {
    run Writer(0);
    run Writer(1);
#ifndef ALONE
    run Fork();
    run Program();
#endif
    run Fork()
  }
}

/* Writers and forks end, whoever was stopped. */
#ifdef ALONE
ltl ends { <> (over == WRITERS + 1) }
#else
ltl ends { <> (over == WRITERS + 3) }
#endif
