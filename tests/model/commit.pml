/* The commit-and-ack protocol, for the model checker Spin. Run `make model`.

Two runs drain one durable queue of three events into two sinks. Spin explores all orders of their steps. Until `calm`,
any number of these faults happen, at any step:
- A run is killed, and starts again without memory. A run that ends between two batches has the same effect.
- A sink refuses an event for good. (A refusal that is retried changes no state.)
- A sink stores an event, but the answer is lost, and the write is retried.
- An ack is refused, or not answered, until the run gives up. Or it is accepted, the answer is lost, and it is retried.
- The server sends an unacked event again, as after an ack time-out. The ack of the earlier delivery is then late. Late
  and repeated acks are accepted or refused, also in calm.

Simplifications, and why they hide nothing:
- A call and its answer are one step per event. A kill between the two is a lost answer followed by a kill.
- A run commits one batch at a time. Two concurrent commits of one run do what two runs do.
- The sinks are written in any order. Oversize events, which are written to the archive first, are one of these orders.
- Two deliveries of an event in one batch are one. The engine writes them once; the second ack is a repeated one.

The mutants are bugs of the engine, or of the server. Each must violate an invariant, which check.sh names. */
#define ACK_BEFORE_QUEUE 1 /* The run acks before the queue has confirmed. */
#define ACK_REFUSED 2      /* The run acks what a sink has refused. */
#define WRITE_AGAIN 3      /* The run writes again what a sink has confirmed. */
#define SERVER_FORGETS 4   /* The server forgets an event when it sends it. */
#define SEND_ONCE 5        /* The server sends no event twice. */
#define NONE 0             /* The protocol itself. `spin -DMUTANT=NAME` selects another. */
#ifndef MUTANT
#define MUTANT NONE
#endif

/* A set of events is a byte with one bit for each. */
#define ALL 7
#define has(set, event) ((set) & (1 << (event)))
#define add(set, event) set = (set) | (1 << (event))
#define remove(set, event) set = (set) & ~(1 << (event))

#define ARCHIVE 0 /* The sinks. */
#define QUEUE 1
byte held = ALL; /* Events that the server keeps. */
byte acked;      /* Events whose ack the server has accepted. */
byte stored[2];  /* Events in each sink, in one copy or more. */
byte sent;       /* Events that the server has sent; recorded only for SEND_ONCE. */
bool calm;       /* Whether the faults have stopped. */

typedef RunState {
  byte batch;      /* Events received, before their commit. */
  byte pending[2]; /* Events that each sink has neither confirmed nor refused. */
  byte durable;    /* Events that no sink has refused, until they are acked or left. */
  byte allowed[2]; /* Events that may be stored: once per delivery, and once more per lost answer. */
}
RunState run_of[2];
#define my run_of[_pid]
#define committing(run) (run_of[run].pending[ARCHIVE] | run_of[run].pending[QUEUE] | run_of[run].durable)
#define in_a_run(event) has(run_of[0].batch | committing(0) | run_of[1].batch | committing(1), event)
#define in_the_other_run(event) has(run_of[1 - _pid].batch | committing(1 - _pid), event)

/* The invariants. The last one is about the end: once faults stop, every event is acked and in both sinks. */
#define ACKED_ONLY_WHEN_STORED ((acked & ~(stored[ARCHIVE] & stored[QUEUE])) == 0)
#define NOTHING_LOST ((held | acked) == ALL)
#define COPIES_EXPLAINED(sink, event) has(my.allowed[sink], event)
ltl arrives { [] (calm -> <> (acked == ALL && stored[ARCHIVE] == ALL && stored[QUEUE] == ALL)) }

inline receive(event) {
  d_step {
    has(held & ~sent & ~my.batch, event) && !committing(_pid) && (!calm || !in_a_run(event)) ->
    add(my.batch, event);
    if
    :: MUTANT == SERVER_FORGETS -> remove(held, event)
    :: MUTANT == SEND_ONCE -> add(sent, event)
    :: else
    fi;
    assert(NOTHING_LOST);
    printf("run %d receives event %d\n", _pid, event)
  }
}

inline begin_commit() {
  d_step {
    my.batch -> my.pending[ARCHIVE] = my.batch; my.pending[QUEUE] = my.batch;
    my.allowed[ARCHIVE] = my.batch; my.allowed[QUEUE] = my.batch;
    my.durable = my.batch; my.batch = 0;
    printf("run %d begins to commit\n", _pid)
  }
}

inline store(sink, event) {
  assert(COPIES_EXPLAINED(sink, event));
  remove(my.allowed[sink], event); add(stored[sink], event)
}

inline write(sink, event) {
  atomic {
    has(my.pending[sink], event) ->
    if
    :: store(sink, event);
       if
       :: MUTANT != WRITE_AGAIN -> remove(my.pending[sink], event)
       :: else
       fi;
       printf("run %d writes event %d to sink %d\n", _pid, event, sink)
    :: !calm -> store(sink, event); add(my.allowed[sink], event);
       printf("run %d writes event %d to sink %d, and the answer is lost\n", _pid, event, sink)
    :: !calm -> remove(my.pending[sink], event); remove(my.allowed[sink], event);
       if
       :: MUTANT != ACK_REFUSED -> remove(my.durable, event)
       :: else
       fi;
       printf("run %d: event %d is refused by sink %d\n", _pid, event, sink)
    fi
  }
}

inline accept(event) {
  if
  :: has(held, event) -> remove(held, event); add(acked, event)
  :: else
  fi;
  assert(ACKED_ONLY_WHEN_STORED); assert(NOTHING_LOST)
}

inline ack(event) {
  atomic {
    has(my.durable, event) && !my.pending[ARCHIVE] && (!my.pending[QUEUE] || MUTANT == ACK_BEFORE_QUEUE) ->
    if
    :: accept(event); remove(my.durable, event); printf("run %d acks event %d\n", _pid, event)
    :: !calm -> accept(event); printf("run %d acks event %d, and the answer is lost\n", _pid, event)
    :: !calm || in_the_other_run(event) || !has(held, event) -> remove(my.durable, event);
       printf("run %d: the ack of event %d is refused\n", _pid, event)
    fi
  }
}

inline kill() {
  d_step {
    !calm ->
    my.batch = 0; my.durable = 0;
    my.pending[ARCHIVE] = 0; my.pending[QUEUE] = 0;
    my.allowed[ARCHIVE] = 0; my.allowed[QUEUE] = 0;
    printf("run %d is killed\n", _pid)
  }
}

active [2] proctype Run() {
  do
  :: receive(0) :: write(ARCHIVE, 0) :: write(QUEUE, 0) :: ack(0)
  :: receive(1) :: write(ARCHIVE, 1) :: write(QUEUE, 1) :: ack(1)
  :: receive(2) :: write(ARCHIVE, 2) :: write(QUEUE, 2) :: ack(2)
  :: begin_commit() :: kill()
  od
}

active proctype Faults() { atomic { calm = true; printf("faults stop\n") } }
