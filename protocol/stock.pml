/* The stock protocol of orders of several items, under an inventory that can only be overwritten.

   What the model stands for, and how to read a counterexample: README.md beside this file.

   A Server takes the stock of one order, or gives the stock back; the Settler is the worker. Each
   write of the store and of the inventory is one step, and between two steps anything may happen:
   a crash, the end of a lease, the arrival of a request. The macros below choose what is searched.

   BASKET0 …    the items of each order, a bit for each item: {x,y} is 3, {y,z} is 6
   START        each item's stock at the beginning
   CANCELS      order 0 is cancelled at any time after its completion, by a process of its own
   CRASHES      how many crashes may happen, of anybody
   EARLY        how many leases may end while their holder lives: the holder is paused
   REFUSALS     how many first overwrites may be refused before they are sent: the inventory is away
   RESERVES     a commit of several items may reserve its leases before it reads the stocks
   TRIES        how often a creator tries to get its leases before it gives up; else without end
   LATE         a request may arrive after its lease has ended: the hole that the contract leaves
   GUARDED      an overwrite is refused where the stock is not the stock that was read (If-Match)

   Each of these leaves out a part of the protocol:
   NO_DECISION              the primary is taken without the intent
   NO_FENCE                 a lease is taken without a comparison of its fence
   NO_FENCE_AT_WITHDRAWAL   an intent is withdrawn, and the primary's fence stays
   NO_RECORD                an order is abandoned, and the primary's lease does not say so
   NO_MOVE                  an undecided secondary is withdrawn, and the primary's fence stays
   NO_KEPT_FENCE            whoever takes an open intent over records the new fence in the intent
   NO_COMPARISON            a secondary is released, wherever the secondary points
   NO_ORDERS                whoever takes an open intent over looks at the stocks alone
   ORDERS_FIRST             … reads the orders before the stocks
   EARLY_RELEASE            the leases are released before the order is saved
   ONE_AHEAD                a reservation points one fence ahead: at the fence that it already has
*/

#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef ORDERS
#define ORDERS 2
#endif
#ifndef BASKET0
#define BASKET0 3
#endif
#ifndef BASKET1
#define BASKET1 3
#endif
#ifndef BASKET2
#define BASKET2 1
#endif
#ifndef START
#define START 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef REFUSALS
#define REFUSALS 0
#endif

#define NOBODY 0
#define SETTLER (ORDERS + 1)
#define CANCELLER (ORDERS + 2)

#define bit(item) (1 << (item))
#define has(items, item) ((items) & bit(item))
#define basket(order) ((order) == 0 -> BASKET0 : ((order) == 1 -> BASKET1 : BASKET2))
#define lowest(items) ((items) & 1 -> 0 : ((items) & 2 -> 1 : 2))
#define highest(items) ((items) & 4 -> 2 : ((items) & 2 -> 1 : 0))
#define primary(order) highest(basket(order))
#define secondaries(order) (basket(order) & ~bit(primary(order)))
#if ITEMS > 2
#define any(items, what) \
    (has(items, 0) && what(0) || has(items, 1) && what(1) || has(items, 2) && what(2))
#else
#define any(items, what) (has(items, 0) && what(0) || has(items, 1) && what(1))
#endif

mtype = { PENDING, COMPLETED, FAILED, CANCELLING, CANCELLED }

/* What is open on a lease. */
#define NOTHING 0
#define POINTER 1
#define INTENT 2
#define ABANDONMENT 3

/* The store: an order is a document, and so is a lease with what is open on the lease. */
mtype status[ORDERS] = PENDING;
byte fence[ITEMS];
byte holder[ITEMS];
byte open[ITEMS];
byte about[ITEMS];              /* an intent's or abandonment's order; a pointer's primary … */
byte mark[ITEMS];               /* … and the fence with which the primary decides or decided. */
bool gives_back[ITEMS];         /* The intent is to give the order's stock back … */
byte before[ITEMS * ITEMS];     /* … and the stock of each item before the overwrite. */

/* The inventory, and what is on its way there: 0 is nothing, else the new stock and one. */
byte stock[ITEMS] = START;
byte on_its_way[ITEMS];
byte expected[ITEMS];
byte sent_for[ITEMS];
#ifdef LATE
byte waits_for[ITEMS];          /* the process that waits for the answer */
/* Held up somewhere until nobody waits for the answer any more, and the lease is over. */
byte late, late_item, late_expected, late_for;
#endif

/* What happened, for the checks alone. */
byte crashes, early, refusals;
bool wrote[ORDERS];
byte took[ORDERS];              /* the items that have changed an odd number of times for it */

/* A process may crash before each of its writes, and while a request of its own is on its way. A
   crash between two reads leaves what a crash before the next write leaves. A process that stops
   because an answer of the store or of the inventory is unknown leaves what a crash leaves. */
#define STEP if :: crashes < CRASHES -> crashes++; goto gone :: true fi
#define AWAIT(arrival) \
    if :: arrival :: atomic { !(arrival) && crashes < CRASHES -> crashes++; goto gone } fi

/* A lease ends when its holder has crashed, or is paused for too long; but never under a request
   that was sent while the lease was held, unless LATE holds the request up. Whoever sees a lease
   held waits and does nothing else, so the lease of a crashed process may as well end at once. */
#define under(item, lease) (on_its_way[item] && primary(sent_for[item]) == (lease))
#if ITEMS > 2
#define is_free(lease) \
    (holder[lease] == NOBODY && !under(0, lease) && !under(1, lease) && !under(2, lease))
#else
#define is_free(lease) (holder[lease] == NOBODY && !under(0, lease) && !under(1, lease))
#endif

#ifdef NO_FENCE
#define can_take(lease, at_fence) is_free(lease)
#else
#define can_take(lease, at_fence) (is_free(lease) && fence[lease] == (at_fence))
#endif

/* ``found``: what was found open. ``first``, ``mark_seen``: its primary and its mark. ``order``,
   ``gives``, ``read``: of an intent the order, the direction, and the stock of each item before.
   ``seen``: the primary's fence as it was seen; while the primary is ours, our fence. */
#define LOCALS \
    byte at, todo, taken, strange, looked[ITEMS], read[ITEMS]; \
    byte found, first, mark_seen, order, seen; \
    bool gives, got, waiting

/* What a process no longer needs would only tell equal states apart. */
inline forget() {
    at = 0; todo = 0; taken = 0; strange = 0;
    found = NOTHING; first = 0; mark_seen = 0; order = 0; seen = 0;
    gives = false; got = false; waiting = false;
    looked[0] = 0; looked[1] = 0; read[0] = 0; read[1] = 0;
#if ITEMS > 2
    looked[2] = 0; read[2] = 0
#endif
}

inline begin_with(items) { at = lowest(items) }

inline go_on_with(items) {
    at++;
    do
    :: at < ITEMS && !has(items, at) -> at++
    :: else -> break
    od
}

/* One of the items that are left, whichever: the writes of one round trip have no order. */
inline pick() {
    if
    :: has(todo, 0) -> at = 0
    :: has(todo, 1) -> at = 1
#if ITEMS > 2
    :: has(todo, 2) -> at = 2
#endif
    fi;
    todo = todo & ~bit(at)
}

/* Leave every lease that is ours to its end. */
inline let_go() {
#ifdef LATE
    if :: waits_for[0] == me -> waits_for[0] = NOBODY :: else fi;
    if :: waits_for[1] == me -> waits_for[1] = NOBODY :: else fi;
#endif
    if :: holder[0] == me -> holder[0] = NOBODY :: else fi;
    if :: holder[1] == me -> holder[1] = NOBODY :: else fi;
#if ITEMS > 2
    if :: holder[2] == me -> holder[2] = NOBODY :: else fi
#endif
}

inline clear(lease) {
    open[lease] = NOTHING; about[lease] = 0; mark[lease] = 0; gives_back[lease] = false;
    before[(lease) * ITEMS] = 0; before[(lease) * ITEMS + 1] = 0;
#if ITEMS > 2
    before[(lease) * ITEMS + 2] = 0;
#endif
}

inline remember(lease) {
    found = open[lease];
    if
    :: found == NOTHING
    :: found == POINTER -> first = about[lease]; mark_seen = mark[lease]
    :: else ->
        first = lease; mark_seen = mark[lease]; order = about[lease]; gives = gives_back[lease];
        read[0] = before[(lease) * ITEMS]; read[1] = before[(lease) * ITEMS + 1];
#if ITEMS > 2
        read[2] = before[(lease) * ITEMS + 2]
#endif
    fi
}

/* Wait until each lease is free, and finish what is found open. */
inline look_at(items) {
    do
    :: atomic { at < ITEMS && is_free(at) ->
        looked[at] = fence[at]; remember(at);
        if
        :: found == NOTHING -> go_on_with(items)
        :: else -> break
        fi }
    :: at == ITEMS -> break
    od;
    if
    :: found != NOTHING -> settle(at); goto look
    :: else
    fi
}

inline put_on_primary(opens, its_mark) {
    fence[first]++; holder[first] = me; seen = fence[first]; clear(first);
    if
    :: opens != NOTHING ->
        open[first] = opens; about[first] = order; mark[first] = its_mark; gives_back[first] = gives
    :: else
    fi;
    if
    :: opens == INTENT ->
        before[first * ITEMS] = read[0]; before[first * ITEMS + 1] = read[1];
#if ITEMS > 2
        before[first * ITEMS + 2] = read[2]
#endif
    :: else
    fi
}

/* Take the primary that was seen free, with what is to be open on the primary. */
inline take_primary(opens, its_mark) {
    atomic {
        STEP; got = can_take(first, seen);
        if
        :: got -> put_on_primary(opens, its_mark)
        :: else
        fi
    }
}

/* Clear what is open on the primary and give the lease back, unless somebody else has taken it. */
inline release_primary() {
    if
    :: fence[first] == seen -> holder[first] = NOBODY; clear(first)
    :: else
    fi
}

/* The same as long as nothing was sent. The fence moves on: else whoever has seen the intent open
   could take the lease with the intent still. */
inline withdraw_primary() {
    got = (fence[first] == seen);
    if
    :: got ->
#ifndef NO_FENCE_AT_WITHDRAWAL
        fence[first]++;
#endif
        holder[first] = NOBODY; clear(first)
    :: else
    fi
}

#ifdef NO_COMPARISON
#define still_points(lease) true
#else
#define still_points(lease) \
    (open[lease] == POINTER && about[lease] == first && mark[lease] == mark_seen)
#endif

inline release_secondary(lease) {
    if
    :: still_points(lease) -> holder[lease] = NOBODY; clear(lease)
    :: else
    fi
}

inline withdraw_secondary(lease) {
    if
    :: still_points(lease) -> fence[lease]++; holder[lease] = NOBODY; clear(lease)
    :: else
    fi
}

/* Leases of a commit, in any order. */
inline give_back(leases) {
    todo = leases;
    do
    :: atomic { todo -> STEP; pick();
        if
        :: at == first -> release_primary()
        :: else -> release_secondary(at)
        fi }
    :: !todo -> break
    od
}

#define after(value) (gives -> (value) + 1 : (value) - 1)
#define travels(item) on_its_way[item]

/* Send an overwrite, if the primary is ours by our own clock. */
inline send(item) {
    got = (holder[first] == me && fence[first] == seen);
    if
    :: got ->
        on_its_way[item] = after(read[item]) + 1; sent_for[item] = order;
#ifdef GUARDED
        expected[item] = read[item];
#endif
#ifdef LATE
        waits_for[item] = me;
#endif
        wrote[order] = true
    :: else
    fi
}

/* Send one after the other and don't wait for the answers. */
inline send_all(otherwise) {
    do
    :: atomic { todo && !any(todo, travels) -> STEP; pick(); send(at); at = 0;
        if
        :: got
        :: else -> goto otherwise
        fi }
    :: !todo -> break
    od
}

#define waits(order, gives) (status[order] == (gives -> CANCELLING : PENDING))

inline save() {
    atomic {
        STEP;
        if
        :: waits(order, gives) -> status[order] = (gives -> CANCELLED : COMPLETED)
        :: else
        fi
    }
}

inline fail(which) {
    atomic {
        STEP;
        if
        :: status[which] == PENDING -> status[which] = FAILED
        :: else
        fi
    }
}

/* Whether the commit that a lease points at is decided: the primary holds the commit's intent. An
   intent of one item, and an abandonment, is nobody's to point at: its mark is 0. */
#define decided (open[first] == INTENT && mark[first] == mark_seen)

/* The item's lease was seen free, and something is open on the lease: one try to finish that. */
inline settle(item) {
    if
    :: found != POINTER -> seen = looked[item]
    :: atomic { found == POINTER && decided && is_free(first) ->
        seen = fence[first]; remember(first) }
    :: atomic { found == POINTER && !decided && (is_free(first) || fence[first] >= mark_seen) ->
        seen = fence[first] }
    fi;
    if
    :: found == POINTER -> withdraw_undecided(item)
    :: else -> take_over()
    fi
}

/* First nobody may decide it any more; only then the secondary is free for others. */
inline withdraw_undecided(item) {
#ifndef NO_MOVE
    if
    :: seen < mark_seen ->
        take_primary(NOTHING, 0);
        if
        :: got -> atomic { STEP; withdraw_primary() }
        :: else -> goto look
        fi
    :: else
    fi;
#endif
    atomic { STEP; withdraw_secondary(item) }
}

/* Only the primary is taken: its lease guards every item of the intent. The mark stays as it is,
   because the secondaries point at the mark. */
inline take_over() {
#ifdef NO_KEPT_FENCE
    take_primary(found, seen + 1);
#else
    take_primary(found, mark_seen);
#endif
    if
    :: !got -> goto look
    :: got && found == ABANDONMENT -> fail(order); atomic { STEP; release_primary() }
    :: got && found == INTENT -> roll_forward()
    fi
}

/* The stocks are read first and the order after them. A holder that was paused past its lease may
   save the order and release the secondaries meanwhile, if it had sent every overwrite in time. So
   where the order still waits, every stock was guarded when it was read; and where a stock still
   waits as well, that holder sends nothing any more, and saves nothing. */
inline roll_forward() {
#ifdef ORDERS_FIRST
    waiting = waits(order, gives);
#endif
    begin_with(basket(order));
    do
    :: atomic { at < ITEMS ->
        if
        :: stock[at] == after(read[at])
        :: stock[at] == read[at] -> todo = todo | bit(at)
        :: else -> strange = strange | bit(at)
        fi;
        go_on_with(basket(order)) }
    :: at == ITEMS -> break
    od;
    atomic {
#ifndef ORDERS_FIRST
        waiting = waits(order, gives);
#endif
#ifdef NO_ORDERS
        waiting = true; strange = 0;
#endif
        /* The evidence decides. */
        assert(!waiting || !strange);
        todo = (waiting -> todo : 0); strange = 0; waiting = false; at = 0
    }
    send_all(look);
    AWAIT(!any(basket(order), travels));
    finish()
}

inline finish() {
#ifdef EARLY_RELEASE
    give_back(basket(order)); save()
#else
    save(); give_back(basket(order))
#endif
}

#define is_short(item) read[item] == 0

/* The order is loaded and every stock is read, after the leases were seen free or were reserved.
   Where an item is short, the order is refused here. */
inline plan() {
    atomic {
        order = mine; gives = cancels; waiting = waits(mine, cancels); begin_with(basket(mine))
    }
    do
    :: atomic { waiting && at < ITEMS -> read[at] = stock[at]; go_on_with(basket(mine)) }
    :: atomic { !waiting || at == ITEMS -> at = 0; break }
    od;
    if
    :: waiting && !cancels && any(basket(mine), is_short) -> strange = true; fail(mine)
    :: else
    fi
}

inline take_secondary(lease) {
    fence[lease]++; holder[lease] = me; clear(lease);
    open[lease] = POINTER; about[lease] = first; mark[lease] = mark_seen
}

inline decide() {
#ifdef NO_DECISION
    take_primary(NOTHING, 0)
#else
    take_primary(INTENT, mark_seen)
#endif
}

proctype Server(byte me, mine; bool cancels) {
    LOCALS;
#ifdef TRIES
    byte tries;
#endif

    if
    :: !cancels
    :: atomic { cancels && status[mine] == COMPLETED -> status[mine] = CANCELLING }
    :: cancels && status[mine] == FAILED -> goto over
    fi;
again:
#ifdef RESERVES
    if
    :: true
    :: secondaries(mine) -> goto reserve
    fi;
#endif
look:
    atomic { forget(); begin_with(basket(mine)) }
    look_at(basket(mine));
    plan();
    if
    :: !waiting || strange -> goto gone
    :: else
    fi;
    atomic {
        first = primary(mine); seen = looked[first]; looked[first] = 0;
        mark_seen = (secondaries(mine) -> seen + 1 : 0);
        at = 0; todo = secondaries(mine)
    }
    do
    :: atomic { todo -> STEP; pick();
        if
        :: can_take(at, looked[at]) -> take_secondary(at); taken = taken | bit(at)
        :: else
        fi;
        looked[at] = 0; at = 0 }
    :: !todo -> break
    od;
    if
    :: taken == secondaries(mine) -> decide()
    :: else -> got = false
    fi;
    if
    :: got -> goto carry_out
    :: else -> give_back(taken)
    fi;
    goto lost;
#ifdef RESERVES
reserve:
    /* From the highest on, the primary as a secondary of its own. Taking the primary once more
       decides: nobody else can have taken the primary without moving its fence. */
    atomic { forget(); first = primary(mine); at = first; todo = basket(mine) }
    do
    :: atomic { at < ITEMS && is_free(at) && open[at] == NOTHING ->
        STEP;
        if
#ifdef ONE_AHEAD
        :: at == first -> seen = fence[at] + 1; mark_seen = seen
#else
        :: at == first -> seen = fence[at] + 1; mark_seen = seen + 1
#endif
        :: else
        fi;
        take_secondary(at);
        taken = taken | bit(at); todo = todo & ~bit(at);
        at = (todo -> highest(todo) : ITEMS) }
    :: atomic { at < ITEMS && (!is_free(at) || open[at] != NOTHING) -> at = ITEMS }
    :: at == ITEMS -> break
    od;
    if
    :: todo -> give_back(taken); goto look
    :: else
    fi;
    plan();
    if
    :: !waiting || strange -> give_back(taken); goto gone
    :: else
    fi;
    atomic {
        STEP; got = (fence[first] == seen);
        if
        :: got -> put_on_primary(INTENT, mark_seen)
        :: else
        fi
    }
    if
    :: got -> goto carry_out
    :: else -> give_back(secondaries(mine))
    fi;
#endif
lost:
#ifdef TRIES
    tries++;
#endif
    if
#ifdef TRIES
    :: cancels || tries < TRIES -> goto again
#else
    :: goto again
#endif
    :: !cancels -> fail(mine); goto gone
    fi;
carry_out:
    atomic {
        if
        :: refusals < REFUSALS -> refusals++; got = false
        :: true -> STEP; send(lowest(basket(mine)))
        fi
    }
    if
    :: !got ->
        /* Nothing was sent: withdrawn at the primary first, or not at all. */
        atomic { STEP; withdraw_primary() }
        if
        :: got -> give_back(secondaries(mine)); goto lost
        :: else -> goto gone
        fi
    :: else
    fi;
    AWAIT(!travels(lowest(basket(mine))));
    /* The others side by side. From here on there is no way back: where one is not sent, whoever
       finds the intent goes on. */
    todo = basket(mine) & ~bit(lowest(basket(mine)));
    send_all(gone);
    AWAIT(!any(basket(mine), travels));
    finish();
gone:
    atomic {
        let_go(); forget();
        if
        /* Settlement goes on with a cancellation as anybody would. */
        :: cancels && waits(mine, cancels) -> goto look
        :: else
        fi
    }
over:
}

/* Finishes what is left behind, and fails an order whose deduction was never sent, so that nobody
   can send the deduction any more. */
proctype Settler(byte me) {
    LOCALS;
    byte mine;

look:
    atomic { forget(); mine = 0 }
end_idle:
    if
    :: atomic { status[0] == PENDING -> mine = 0; at = primary(mine) }
#if ORDERS > 1
    :: atomic { status[1] == PENDING -> mine = 1; at = primary(mine) }
#endif
#if ORDERS > 2
    :: atomic { status[2] == PENDING -> mine = 2; at = primary(mine) }
#endif
    fi;
    look_at(bit(primary(mine)));
    /* The order is loaded after the look. */
    atomic {
        if
        :: status[mine] != PENDING -> goto look
        :: else
        fi;
        order = mine; first = primary(mine); seen = looked[first]; looked[first] = 0; at = 0
    }
#ifdef NO_RECORD
    take_primary(NOTHING, 0);
#else
    take_primary(ABANDONMENT, 0);
#endif
    if
    :: got -> fail(mine); atomic { STEP; release_primary() }
    :: else
    fi;
    goto look;
gone:
    /* The worker is started again. */
    atomic { let_go(); goto look }
}

#define ends_early(lease) \
    early < EARLY && holder[lease] != NOBODY -> early++; holder[lease] = NOBODY

active proctype Time() {
end:
    do
    :: atomic { ends_early(0) }
    :: atomic { ends_early(1) }
#if ITEMS > 2
    :: atomic { ends_early(2) }
#endif
    od
}

/* Without cancellations a stock only falls, and so its value tells as much as its version would. */
inline overwrite(item, value, guard, whom) {
    if
#ifdef GUARDED
    :: stock[item] != guard
#endif
    :: stock[item] == value - 1
    :: else -> stock[item] = value - 1; took[whom] = took[whom] ^ bit(item)
    fi;
    value = 0; guard = 0; whom = 0
}

#ifdef LATE
#define arrives(item) on_its_way[item] -> \
    overwrite(item, on_its_way[item], expected[item], sent_for[item]); waits_for[item] = NOBODY
#else
#define arrives(item) on_its_way[item] -> \
    overwrite(item, on_its_way[item], expected[item], sent_for[item])
#endif
#define is_held_up(item) on_its_way[item] && waits_for[item] == NOBODY && !late -> \
    late = on_its_way[item]; late_item = item; late_expected = expected[item]; \
    late_for = sent_for[item]; \
    on_its_way[item] = 0; expected[item] = 0; sent_for[item] = 0

active proctype Network() {
end:
    do
    :: atomic { arrives(0) }
    :: atomic { arrives(1) }
#if ITEMS > 2
    :: atomic { arrives(2) }
#endif
#ifdef LATE
    :: atomic { is_held_up(0) }
    :: atomic { is_held_up(1) }
    :: atomic { late -> overwrite(late_item, late, late_expected, late_for); late_item = 0 }
#endif
    od
}

#define sold(item) ((status[0] == COMPLETED && has(BASKET0, item)) \
    + (ORDERS > 1 && status[1 % ORDERS] == COMPLETED && has(BASKET1, item)) \
    + (ORDERS > 2 && status[2 % ORDERS] == COMPLETED && has(BASKET2, item)))
#define is_out_of_balance(item) (stock[item] + sold(item) != START)
#define is_far(item) (fence[item] > 100)

/* When nothing moves any more, everybody is well again. */
init {
    byte each;
    bool all_decided = true, all_or_nothing = true, failed_untouched = true, books_balance = true;

    atomic {
        do
        :: each < ORDERS -> run Server(each + 1, each, false); each++
        :: else -> break
        od;
        each = 0;
        run Settler(SETTLER);
#ifdef CANCELS
        run Server(CANCELLER, 0, true)
#endif
    }
    timeout;
    d_step {
        do
        :: each < ORDERS ->
            all_decided = (all_decided && status[each] != PENDING && status[each] != CANCELLING);
            all_or_nothing = (all_or_nothing
                && took[each] == (status[each] == COMPLETED -> basket(each) : 0));
            failed_untouched = (failed_untouched && !(status[each] == FAILED && wrote[each]));
            each++
        :: else -> break
        od;
        books_balance = !any(bit(ITEMS) - 1, is_out_of_balance);
        assert(all_decided);
        assert(all_or_nothing);
        assert(failed_untouched);
        assert(books_balance);
        /* Else a byte could have overflowed. */
        assert(!any(bit(ITEMS) - 1, is_far))
    }
}
