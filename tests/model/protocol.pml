/* protocol.pml: the shared log, leadership, decisions and the DNS fence, as in docs/ARCHITECTURE.md.
 *
 * Every replica folds one log, so what a replica that folded p records knows is state p of that log; the
 * model keeps one state per position. Appends are delayed (a slot of the net), duplicated (copies) and lost.
 * A pause is a process that is not scheduled; a crash forgets everything but the journal (the position).
 * Each NO_..., and FENCE_LAST, removes one rule: spin then finds a violation. `check` gives REPLICAS; PUSHERS,
 * those of them that may push to the DNS server; POSITIONS, records after which the log is full; YIELDS. */
#define SLOTS  2 /* appends on their way at once */
#define NOBODY 9
mtype = { CLAIM, HEARTBEAT, DECIDE, OPERATOR };
typedef record { mtype kind; byte who, epoch, names, base, generation, words, seq, copies; bool yield };
record net[SLOTS];

/* The state after the first p records; record 0 is GENESIS, which sets generation 1. */
typedef state {
    byte epoch;      /* 0 until the first claim */
    byte leader;     /* of the epoch */
    byte newest;     /* position of the leader's newest record */
    byte generation; /* of the plan */
    byte effective;  /* generation that may be acted on: a late decision waits for a later leader record */
    byte decisive;   /* position of the newest accepted CLAIM, OPERATOR or DECIDE */
    byte words;      /* operators' words heard so far */
    bool yields      /* the leader's newest HEARTBEAT: any claim may end its epoch */
};
state at[POSITIONS + 1];
byte length = 1;
byte leader_of[POSITIONS + 1]; /* oracle: who led an epoch */
byte highest[REPLICAS];        /* sequence seen of each writer, for the log as it is now */
bool word_heard;               /* once per request id */

/* One DNS server. Chunk 0 changes in every plan, chunk 1 in every second one. */
byte fence = 1, chunk0 = 1, chunk1 = 0;
bool done = true;
#define CHUNK1(g) ((g) - (g) % 2)

byte crashes = 1, words = 1, giving_up = 1, duplicates = 1, yields = YIELDS; /* how often at most */
byte started; /* replicas are alike: they write for the first time in the order of their numbers */

inline copy_state() {
    at[length + 1].epoch = at[length].epoch; at[length + 1].leader = at[length].leader;
    at[length + 1].newest = at[length].newest; at[length + 1].decisive = at[length].decisive;
    at[length + 1].generation = at[length].generation; at[length + 1].words = at[length].words;
    at[length + 1].effective = at[length].effective; at[length + 1].yields = at[length].yields
}

#ifdef NO_CLAIM_CHECK
#define CLAIM_COUNTS(r) true
#else
#define CLAIM_COUNTS(r) (r.epoch == at[length].epoch && (r.names == at[length].newest || at[length].yields))
#endif
#define FROM_LEADER(r) (r.epoch == at[length].epoch && r.who == at[length].leader)
#ifdef NO_BASE_CHECK
#define DECIDE_COUNTS(r) FROM_LEADER(r)
#else
#define DECIDE_COUNTS(r) (FROM_LEADER(r) && r.base > at[length].decisive)
#endif

/* Kafka appends the record; the fold judges it. */
inline append(r) {
    copy_state();
    if
    :: r.seq <= highest[r.who] -> skip /* duplicate, or behind a higher sequence of its writer */
    :: else ->
        highest[r.who] = r.seq;
        if
        :: r.kind == CLAIM && CLAIM_COUNTS(r) ->
            assert(leader_of[r.epoch + 1] == NOBODY); /* one accepted leader per epoch */
            leader_of[r.epoch + 1] = r.who;
            at[length + 1].epoch = r.epoch + 1;
            at[length + 1].leader = r.who;
            at[length + 1].newest = length; at[length + 1].decisive = length;
            at[length + 1].yields = false; at[length + 1].effective = at[length].generation
        :: r.kind == HEARTBEAT && FROM_LEADER(r) ->
            at[length + 1].newest = length; at[length + 1].yields = r.yield;
            at[length + 1].effective = at[length].generation
        :: r.kind == DECIDE && DECIDE_COUNTS(r) ->
            assert(r.generation == at[length].generation + 1); /* one decision per generation */
            assert(r.words == at[length].words); /* it was decided knowing every word before it */
            at[length + 1].generation = r.generation;
            at[length + 1].newest = length; at[length + 1].decisive = length;
            if
            :: at[length + 1].effective = r.generation         /* read in time */
            :: at[length + 1].effective = at[length].generation /* late: only what came before it */
            fi
        :: r.kind == OPERATOR && !word_heard ->
            word_heard = true;
            at[length + 1].words = at[length].words + 1;
            at[length + 1].decisive = length
        :: else -> skip /* void */
        fi
    fi;
    length++
}

inline forget(i) { /* an empty slot is all zero: fewer states that differ in nothing */
    net[i].kind = 0; net[i].who = 0; net[i].epoch = 0; net[i].names = 0; net[i].base = 0;
    net[i].generation = 0; net[i].words = 0; net[i].seq = 0; net[i].copies = 0; net[i].yield = false
}

/* The network and Kafka: a waiting append arrives, once or twice, or (the log is full before) never. */
active proctype bus() {
    byte s;
    do
    :: atomic { length < POSITIONS -> select(s : 0 .. SLOTS - 1);
        if
        :: net[s].copies > 0 ->
            append(net[s]);
            net[s].copies--;
            if :: net[s].copies == 0 -> forget(s) :: else fi
        :: else -> skip
        fi; s = 0 }
    :: length == POSITIONS -> break
    od;
    atomic { forget(0); forget(1) }
}

inline send(k, y) { /* into a free slot, if any; the record is what this replica knows at position p */
    if
    :: net[0].copies == 0 -> slot = 0
    :: net[0].copies > 0 && net[1].copies == 0 -> slot = 1
    fi;
    seq++;
    net[slot].kind = k; net[slot].who = me; net[slot].seq = seq; net[slot].base = p;
    net[slot].epoch = at[p].epoch; net[slot].names = at[p].newest;
    net[slot].generation = at[p].generation + 1; net[slot].words = at[p].words; net[slot].yield = y;
    if
    :: net[slot].copies = 1
    :: duplicates > 0 -> duplicates--; net[slot].copies = 2
    fi;
    if :: me == started -> started++ :: else fi;
    in_flight = true;
    slot = 0
}

#define MAY_SEND \
    (length < POSITIONS && !in_flight && me <= started && (net[0].copies == 0 || net[1].copies == 0))
#define G at[p].effective
#ifdef FENCE_LAST
#define FENCE_EXPECTED read
#else
#define FENCE_EXPECTED g
#endif
#ifdef NO_RETRY
#define BEGUN false /* what was begun and broke off is not begun again */
#else
#define BEGUN (fence == G && !done)
#endif

proctype replica(byte me) {
    byte p = 1, seq, slot; /* folded records */
    bool in_flight;
    byte phase, g, read;   /* of a push: 0 none, 1 fence read, 2 first chunk answered */
    bool diff;
    do
    :: atomic { p < length -> p++; if :: seq <= highest[me] -> in_flight = false :: else fi }
    :: atomic { MAY_SEND && at[p].leader != me -> send(CLAIM, false) }
    :: atomic { MAY_SEND && at[p].leader == me && !at[p].yields -> send(DECIDE, false) }
    :: atomic { MAY_SEND && at[p].leader == me -> send(HEARTBEAT, false) }
    :: atomic { yields > 0 && MAY_SEND && at[p].leader == me -> yields--; send(HEARTBEAT, true) }
    :: atomic { words > 0 && MAY_SEND -> words--; send(OPERATOR, false) }
    :: atomic { giving_up > 0 && in_flight -> giving_up--; in_flight = false } /* two leases passed */
    :: atomic { crashes > 0 -> crashes--; in_flight = false; phase = 0; g = 0; read = 0; diff = false }
    /* Anyone may push what is effective for it: a leader, one that was, or the IDC's own replica. */
    :: atomic { me < PUSHERS && phase == 0 && (fence < G || BEGUN) ->
        g = G; read = fence; diff = (done && fence + 1 == G); phase = 1 }
    :: atomic { phase == 1 ->
        if
        :: fence == read ->
            assert(chunk0 <= g); /* an older plan never overwrites a newer one */
            chunk0 = g;
#ifndef FENCE_LAST
            fence = g; done = false;
#endif
            phase = 2
        :: else -> phase = 0; g = 0; read = 0; diff = false /* refused: read again */
        fi }
    :: atomic { phase == 2 ->
        if
        :: fence == FENCE_EXPECTED ->
            assert(chunk1 <= CHUNK1(g));
            if :: diff && CHUNK1(g) != g -> skip :: else -> chunk1 = CHUNK1(g) fi;
            fence = g; done = true;
            assert(chunk0 == g && chunk1 == CHUNK1(g)) /* the done mark tells the truth */
        :: else -> skip
        fi;
        phase = 0; g = 0; read = 0; diff = false }
    :: length == POSITIONS && p == length && phase == 0 && (me >= PUSHERS || (fence >= G && done)) -> break
    od
}

init {
    byte i;
    atomic {
        at[1].leader = NOBODY; at[1].generation = 1; at[1].effective = 1;
        for (i : 0 .. POSITIONS) { leader_of[i] = NOBODY }
        for (i : 0 .. REPLICAS - 1) { run replica(i) }
    }
    /* Nothing can move any more: the server has reached what became effective, or something newer. */
    timeout -> assert(length == POSITIONS && (PUSHERS == 0 || (done && fence >= at[POSITIONS].effective)))
}
