/*
 * Lookups of two questions each, as of A and AAAA: both are claimed, the first one first, and who gets a claim
 * asks.  What a lookup waits for it may never wait for in a circle.  There is no patience here, and nobody is
 * killed: what ends, ends because the claims do.
 *
 * Claims are made in one order, and none while an earlier one is waited for; both are kept until both questions
 * are answered.
 *
 * EACH         an answer is stored, and its claim given back, as soon as it is there
 * ALL_AT_ONCE  both questions are claimed, whether the first claim is waited for or not
 * OWN_ORDER    one of the lookups has them the other way round
 *
 * The last two break the protocol; EACH would mend both.
 */
#define N 3
#define QUESTIONS 2
#define FREE 100

#define MINE 1
#define WAITS 2
#define KNOWN 3

byte lock[QUESTIONS] = FREE;
bool record[QUESTIONS];
bool over[N];

inline claim(q)
{
  d_step {
    if
    :: record[q] -> has[q] = KNOWN
    :: !record[q] && lock[q] == FREE -> lock[q] = me; has[q] = MINE
    :: !record[q] && lock[q] != FREE -> has[q] = WAITS
    fi
  }
}

inline keep(q)
{
  d_step {
    if
    :: has[q] == MINE -> record[q] = true; lock[q] = FREE; has[q] = KNOWN
    :: else
    fi
  }
}

#ifndef OWN_ORDER
#define first 0
#define second 1
#endif

/* is_behind_a_wait() */
#ifdef ALL_AT_ONCE
#define is_behind(q) false
#else
#define is_behind(q) (q == second && has[first] == WAITS)
#endif

inline claim_in_order(q)
{
  if
  :: is_behind(q) -> has[q] = WAITS
  :: else -> claim(q)
  fi
}

/* What is waited for may be known by now, behind another wait, too. */
inline look_again(q)
{
  if
  :: has[q] == WAITS && record[q] -> has[q] = KNOWN
  :: has[q] == WAITS && !record[q] -> claim_in_order(q)
  :: else
  fi
}

proctype Lookup(byte me)
{
  byte has[QUESTIONS];

#ifdef OWN_ORDER
  byte first, second;

  d_step { first = (me == 0 -> 1 : 0); second = 1 - first };
#endif
  claim_in_order(first);
  claim_in_order(second);
  /* The servers answer what is asked; the rest is looked for again and again. */
  do
  :: has[0] == WAITS || has[1] == WAITS ->
#ifdef EACH
    keep(0);
    keep(1);
#endif
    look_again(first);
    look_again(second)
  :: else -> break
  od;
  keep(0);
  keep(1);
  over[me] = true
}

init
{
  atomic {
    run Lookup(0);
    run Lookup(1);
    run Lookup(2)
  }
}

ltl ends { <> (over[0] && over[1] && over[2]) }
