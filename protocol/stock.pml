/* The stock protocol of orders over several items, under an inventory that can only be overwritten.

   What it stands for, and how to read a counterexample: README.md beside this file.

   Each server of an API is a Creator with one order; the worker is the Settler. Stores' writes and the
   inventory's are atomic steps; between two of them anything may happen: a crash, a lease that ends, a
   request that arrives. The macros below choose what is checked; check.sh runs them all.

   BASKETS      the items of each order, a bit for an item: {x,y} is 3, {y,z} is 6
   START        each item's stock
   CRASHES      how many crashes may happen, of anybody, at any step
   EARLY        how many leases may end while their holder still lives (it was paused)
   REFUSALS     how many overwrites may be refused before they are sent (the inventory is away)
   LATE         requests may arrive after their lease has ended: the hole that the contract leaves
   GUARDED      an overwrite is refused where the stock is not the one that was read (If-Match)
   NO_DECISION  without the deciding write: each item's intent is carried out by itself
   NO_FENCE     leases are taken without comparing the fence that was seen
   NO_FENCE_AT_END   giving a lease back leaves its fence where it was
   NO_ABANDONMENT    an abandonment is not recorded on the lease
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
#define CRASHES 1
#endif
#ifndef EARLY
#define EARLY 1
#endif
#ifndef REFUSALS
#define REFUSALS 0
#endif

#define NOBODY 0
#define SETTLER (ORDERS + 1)
#define GONE (ORDERS + 2)      /* a lease whose holder does nothing under it any more */
#define has(basket, item) ((basket) & (1 << (item)))

mtype = { PENDING, COMPLETED, FAILED }

/* The store: an order, and a lease with its intent, are one document each. */
mtype status[ORDERS] = PENDING;
byte basket[ORDERS];
byte fence[ITEMS];
byte holder[ITEMS];
bool intended[ITEMS];           /* the lease has an open intent … */
byte served[ITEMS];             /* … for this order … */
byte before[ITEMS];             /* … from this stock … */
byte after[ITEMS];              /* … to that one … */
byte decides[ITEMS];            /* … which the lease of this item decides … */
byte undecided_fence[ITEMS];    /* … unless that lease's fence has moved on from here. */
bool abandons[ITEMS];           /* Or the open intent is to fail the order, and no overwrite at all. */

/* The inventory, and what is on its way to it: 0 is nothing, else the new stock and one. */
byte stock[ITEMS] = START;
byte on_its_way[ITEMS];
byte expects[ITEMS];
#ifdef LATE
/* Held up somewhere until after its sender is gone: the new stock and one, and what it expects. */
byte late, late_expects;
#endif

/* What happened, for the checks alone. */
byte crashes, early, refusals;
bool wrote[ORDERS];
bool refused[ORDERS];

/* Before each step of a process it may crash. */
#define STEP if :: crashes < CRASHES -> crashes++; goto gone :: skip fi

inline primary_of(wanted, highest) {
    atomic {
        highest = ITEMS - 1;
        do
        :: !has(wanted, highest) -> highest--
        :: else -> break
        od
    }
}

/* What a process no longer needs would only tell equal states apart. */
inline forget() {
    atomic {
        seen = 0; order = 0; rests_on = 0; found_at = 0; got = false; is_free = false; first = 0;
        at = 0;
        do
        :: at < ITEMS -> held[at] = 0; at++
        :: else -> break
        od;
        at = 0
    }
}

/* Whatever lease is ours is left to its end. */
inline let_go() {
    atomic {
        at = 0;
        do
        :: at < ITEMS ->
            if
            :: holder[at] == me -> holder[at] = GONE
            :: else
            fi;
            at++
        :: else -> break
        od
    }
}

/* Take the lease of an item that was seen free at the fence given. Never waits. */
inline take(which, at_fence, success) {
    atomic {
        if
#ifdef NO_FENCE
        :: holder[which] == NOBODY ->
#else
        :: holder[which] == NOBODY && fence[which] == at_fence ->
#endif
            fence[which]++; holder[which] = me; success = true
        :: else -> success = false
        fi
    }
}

/* Clear the intent and give the lease back, unless somebody else has taken it since. The fence moves
   on, so that who saw the intent open can't take the lease as if it still were. */
inline give_back(which, at_fence, success) {
    atomic {
        if
        :: fence[which] == at_fence ->
#ifndef NO_FENCE_AT_END
            fence[which]++;
#endif
            holder[which] = NOBODY;
            intended[which] = false; abandons[which] = false; success = true
        :: else -> success = false
        fi
    }
}

/* Send an overwrite while the lease is ours by our own clock, and wait until it has arrived. */
inline overwrite(which, at_fence, whose_order, success) {
    atomic {
        if
        :: holder[which] == me && fence[which] == at_fence ->
            on_its_way[which] = after[which] + 1; expects[which] = before[which];
            wrote[whose_order] = true; success = true
        :: else -> success = false
        fi
    }
    if
    :: success -> STEP; on_its_way[which] == 0
    :: else
    fi
}

inline settle_as(whose_order, outcome) {
    atomic {
        if
        :: status[whose_order] == PENDING -> status[whose_order] = outcome
        :: else -> skip
        fi
    }
}

#ifdef NO_DECISION
#define DECIDED true
#else
#define DECIDED (intended[first] && !abandons[first] && served[first] == order && decides[first] == first)
#endif

/* Fail an order whose deduction was never sent, so that nobody can send it any more: the lease that
   would decide it is taken, with the word that the order is to fail. A word of which nothing was
   recorded could be forgotten by a slow process, while the order is served after all. */
inline abandon(which, at_fence, whose_order) {
    atomic {
        if
        :: holder[which] == NOBODY && fence[which] == at_fence ->
            fence[which]++; holder[which] = me; got = true;
#ifndef NO_ABANDONMENT
            intended[which] = true; abandons[which] = true; served[which] = whose_order;
            decides[which] = which
#endif
        :: else -> got = false
        fi
    }
    if
    :: got -> STEP; settle_as(whose_order, FAILED); STEP; give_back(which, at_fence + 1, got)
    :: else
    fi
}

/* The item's lease was seen free with an open intent: one try to finish what it is part of. */
inline settle(found) {
    d_step {
        found_at = fence[found]; order = served[found]; first = decides[found];
        rests_on = undecided_fence[found]
    }
    if
    :: abandons[found] -> abandon(found, found_at, order)
    :: !abandons[found] && DECIDED -> roll_forward()
    :: !abandons[found] && !DECIDED ->
        /* First nobody may decide it any more: the fence that its decision rests on moves on. */
        d_step { seen = fence[first]; is_free = (seen == rests_on && holder[first] == NOBODY && !intended[first]) }
        if
        :: is_free -> STEP; take(first, seen, got);
            if
            :: got -> STEP; give_back(first, seen + 1, got)
            :: else
            fi
        :: else
        fi;
        d_step {
            is_free = (holder[found] == NOBODY && fence[found] == found_at
                && fence[first] != rests_on && !DECIDED)
        }
        if
        :: is_free -> STEP; take(found, found_at, got);
            if
            :: got -> STEP; give_back(found, found_at + 1, got)
            :: else
            fi
        :: else
        fi
    fi
}

/* Decided: whoever finds it takes the primary's lease, then those of the others whose intents are
   open still, overwrites what is not overwritten yet, and gives the primary back last. */
inline roll_forward() {
    d_step { seen = fence[first]; is_free = (holder[first] == NOBODY && DECIDED) }
    got = false;
    if
    :: is_free -> STEP; take(first, seen, got)
    :: else
    fi;
    if
    :: got ->
        held[first] = seen + 1; at = 0;
        do
        :: at < ITEMS && got ->
            if
            :: at != first && intended[at] && served[at] == order ->
                STEP; atomic { holder[at] == NOBODY -> seen = fence[at];
                    is_free = (intended[at] && served[at] == order) }
                if
                :: is_free -> take(at, seen, got); held[at] = seen + 1
                :: else -> held[at] = 0
                fi
            :: at != first && !(intended[at] && served[at] == order) -> held[at] = 0
            :: at == first
            fi;
            if
            :: got && held[at] ->
                STEP;
                /* Read once. Nobody else writes these stocks, so while the lease is ours the evidence
                   tells; when it is not, the overwrite is not sent. */
                atomic {
                    seen = stock[at];
                    assert(seen == before[at] || seen == after[at]
                        || holder[at] != me || fence[at] != held[at])
                };
                if
                :: seen != after[at] -> STEP; overwrite(at, held[at], order, got)
                :: else
                fi
            :: else
            fi;
            at++
        :: else -> break
        od;
        if
        :: got -> STEP; settle_as(order, COMPLETED); give_all_back()
        :: else -> let_go()
        fi
    :: else
    fi
}

/* The primary last: with it goes the word that the others' intents are to be carried out. */
inline give_all_back() {
    at = 0;
    do
    :: at < ITEMS ->
        if
        :: at != first && held[at] -> STEP; give_back(at, held[at], got)
        :: else
        fi;
        at++
    :: else -> break
    od;
    STEP; give_back(first, held[first], got)
}

#define FOR_EACH_ITEM at = 0; do :: at < ITEMS ->
#define NEXT_ITEM at++ :: else -> break od

proctype Creator(byte me, mine) {
    byte at, seen, order, first, rests_on, found_at, looked[ITEMS], held[ITEMS];
    bool got, is_free;

look:
    atomic { forget(); primary_of(basket[mine], first) }
    /* Wait until each lease is free, and finish what is left open there. */
    FOR_EACH_ITEM
        if
        :: has(basket[mine], at) ->
            STEP; atomic { holder[at] == NOBODY -> looked[at] = fence[at]; is_free = !intended[at] }
            if
            :: is_free
            :: else -> settle(at); goto look
            fi
        :: else
        fi;
    NEXT_ITEM;
    STEP;
    if
    :: status[mine] != PENDING -> goto gone
    :: else
    fi;
    /* Read every stock before any lease is taken; ``held`` carries what was read till then. */
    FOR_EACH_ITEM
        if
        :: has(basket[mine], at) -> STEP; held[at] = stock[at]
        :: else
        fi;
    NEXT_ITEM;
    FOR_EACH_ITEM
        if
        :: has(basket[mine], at) && held[at] == 0 ->
            STEP; atomic {
                if
                :: status[mine] == PENDING -> status[mine] = FAILED; refused[mine] = true
                :: else -> skip
                fi
            }
            goto gone
        :: else
        fi;
    NEXT_ITEM;
    /* Ascending: the intents first, and the highest item's last, whose lease is the decision. */
    FOR_EACH_ITEM
        if
        :: has(basket[mine], at) ->
            STEP;
            atomic {
                if
#ifdef NO_FENCE
                :: holder[at] == NOBODY ->
#else
                :: holder[at] == NOBODY && fence[at] == looked[at] ->
#endif
                    fence[at]++; holder[at] = me; intended[at] = true; abandons[at] = false; served[at] = mine;
                    before[at] = held[at]; after[at] = held[at] - 1;
                    decides[at] = first; undecided_fence[at] = looked[first];
                    held[at] = fence[at]; got = true
                :: else -> got = false
                fi
            };
            if
            :: !got -> goto withdraw
            :: else
            fi
        :: else -> held[at] = 0
        fi;
    NEXT_ITEM;
    if
    :: refusals < REFUSALS ->
        /* The first overwrite was never sent: taken back at the primary first, or not at all. */
        refusals++;
        STEP; give_back(first, held[first], got);
        if
        :: got -> held[first] = 0; settle_as(mine, FAILED); at = first; goto withdraw
        :: else -> goto gone
        fi
    :: true
    fi;
    FOR_EACH_ITEM
        if
        :: held[at] -> STEP; overwrite(at, held[at], mine, got);
            if
            :: !got -> goto gone    /* the outcome is not known: settlement finds out */
            :: else
            fi
        :: else
        fi;
    NEXT_ITEM;
    order = mine;
    STEP; settle_as(mine, COMPLETED);
    give_all_back();
    goto gone;
withdraw:
    /* What was taken before the one that was not had: nothing of it is decided. */
    do
    :: at > 0 -> at--;
        if
        :: has(basket[mine], at) -> STEP; give_back(at, held[at], got)
        :: else
        fi
    :: else -> break
    od;
    goto look;
gone:
    atomic { let_go(); forget() }
}

/* Decides whatever its creator left behind: it rolls forward or withdraws what is open, and fails the
   order whose deduction nobody can send any more. */
proctype Settler(byte me) {
    byte at, seen, order, first, rests_on, found_at, whose, looked, held[ITEMS];
    bool got, is_free;

end_next:
    atomic { forget(); looked = 0; whose = 0 }
end_idle:
    if
    :: atomic { status[0] == PENDING -> whose = 0 }
    :: atomic { ORDERS > 1 && status[1 % ORDERS] == PENDING -> whose = 1 % ORDERS }
    :: atomic { ORDERS > 2 && status[2 % ORDERS] == PENDING -> whose = 2 % ORDERS }
    fi;
    FOR_EACH_ITEM
        if
        :: has(basket[whose], at) ->
            STEP; atomic { holder[at] == NOBODY -> looked = fence[at]; is_free = !intended[at] }
            if
            :: is_free
            :: else -> settle(at); goto end_next
            fi
        :: else
        fi;
    NEXT_ITEM;
    /* Loaded after the looks; ``looked`` is the primary's fence, for it is the last. */
    STEP;
    if
    :: status[whose] == PENDING ->
        primary_of(basket[whose], first);
        STEP; abandon(first, looked, whose)
    :: else
    fi;
    goto end_next;
gone:
    /* It is started again. */
    let_go();
    goto end_next
}

/* A lease ends when its holder is gone, and sometimes while the holder is merely slow; but never
   under a request that was sent while it was held, unless LATE holds that up somewhere else. */
#define may_end(item) (on_its_way[item] == 0)

active proctype Time() {
end:
    do
    :: atomic { holder[0] == GONE && may_end(0) -> holder[0] = NOBODY }
    :: atomic { holder[1] == GONE && may_end(1) -> holder[1] = NOBODY }
#if ITEMS > 2
    :: atomic { holder[2] == GONE && may_end(2) -> holder[2] = NOBODY }
#endif
    :: atomic { early < EARLY && holder[0] != NOBODY && holder[0] != GONE && may_end(0) -> early++; holder[0] = NOBODY }
    :: atomic { early < EARLY && holder[1] != NOBODY && holder[1] != GONE && may_end(1) -> early++; holder[1] = NOBODY }
#if ITEMS > 2
    :: atomic { early < EARLY && holder[2] != NOBODY && holder[2] != GONE && may_end(2) -> early++; holder[2] = NOBODY }
#endif
    od
}

inline arrive(which, value, expected) {
#ifdef GUARDED
    if
    :: stock[which] == expected -> stock[which] = value - 1
    :: else
    fi;
#else
    stock[which] = value - 1;
#endif
    value = 0
}

active proctype Network() {
end:
    do
    :: atomic { on_its_way[0] -> arrive(0, on_its_way[0], expects[0]) }
    :: atomic { on_its_way[1] -> arrive(1, on_its_way[1], expects[1]) }
#ifdef LATE
    :: atomic { on_its_way[0] && !late && holder[0] == GONE ->
        late = on_its_way[0]; late_expects = expects[0]; on_its_way[0] = 0 }
    :: atomic { late -> arrive(0, late, late_expects) }
#endif
#if ITEMS > 2
    :: atomic { on_its_way[2] -> arrive(2, on_its_way[2], expects[2]) }
#endif
    od
}

#define sold(item) ((status[0] == COMPLETED && has(basket[0], item)) \
    + (ORDERS > 1 && status[1 % ORDERS] == COMPLETED && has(basket[1 % ORDERS], item)) \
    + (ORDERS > 2 && status[2 % ORDERS] == COMPLETED && has(basket[2 % ORDERS], item)))
#define balanced(item) (stock[item] + sold(item) == START && !on_its_way[item])

init {
    byte each;
    atomic {
        basket[0] = BASKET0;
#if ORDERS > 1
        basket[1] = BASKET1;
#endif
#if ORDERS > 2
        basket[2] = BASKET2;
#endif
        each = 0;
        do
        :: each < ORDERS -> run Creator(each + 1, each); each++
        :: else -> break
        od;
        run Settler(SETTLER)
    }
    /* When nothing moves any more, everybody is well again: every order is decided, and the books
       balance item by item, which is neither oversold, nor half filled, nor counted twice. */
    timeout;
    each = 0;
    do
    :: each < ORDERS ->
        assert(status[each] != PENDING);
        assert(!(refused[each] && wrote[each]));
        each++
    :: else -> break
    od;
    assert(balanced(0));
    assert(balanced(1));
#if ITEMS > 2
    assert(balanced(2))
#endif
}
