#!/bin/bash
# Searches the model with Spin: what must hold, and that the checker finds what must not. Two
# searches run side by side, each in less than 3 GB. A row that ends otherwise than it should
# fails the run.
set -euo pipefail
cd "$(dirname "$0")"

for program in spin gcc; do
    command -v "$program" >/dev/null || {
        echo "make model: $program is missing; on Debian: apt-get install spin gcc" >&2
        exit 1
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=0
shown=0

# search EXPECTED WORDS FLAGS…  one row's search, in the current directory, which is the row's own
search() {
    local expected=$1 words=$2 began=$SECONDS found=sound optimize=-Og verdict=ok states depth
    shift 2
    local -a kind=(-DSAFETY) search=()
    # Where something is soon found, compiling takes longer than searching.
    [ "$expected" = counterexample ] && optimize=-O0
    [ "$expected" = "every run ends" ] && kind=(-DNP -DNOFAIR) && search=(-l)
    {
        spin "$@" -a stock.pml &&
            gcc "$optimize" "${kind[@]}" -DVECTORSZ=1024 -DMEMLIM=2900 -o pan pan.c &&
            ./pan "${search[@]}" -m20000 >out
    } >log 2>&1 || true
    if grep -qE 'assertion violated [a-z_]+ ' out; then
        found=counterexample
    elif ! grep -q 'errors: 0$' out ||
        grep -qE 'not completed$|max search depth|out of memory' out; then
        # A search that was cut short is no proof, and neither is an error of another kind.
        found="no proof"
    elif [ ${#search[@]} -gt 0 ]; then
        found="every run ends"
    fi
    states=$(awk '/states, stored/ { print $1; exit }' out)
    depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' out)
    [ "$found" = "$expected" ] || verdict=FAILED
    printf '%-66s %-14s %10s %6s %4d s  %s\n' "$words" "$found" "$states" "$depth" \
        $((SECONDS - began)) "$verdict"
    [ "$verdict" = ok ] || cat log out
}

row() {
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n; done
    show_finished
    local place=$work/$rows
    rows=$((rows + 1))
    mkdir "$place"
    cp stock.pml "$place"
    (cd "$place" && search "$@" >row 2>&1 && rm pan pan.* && touch finished) &
}

# In the order of the rows, as far as all before a row are finished.
show_finished() {
    while [ -e "$work/$shown/finished" ]; do
        cat "$work/$shown/row"
        shown=$((shown + 1))
    done
}

printf '%-66s %-14s %10s %6s\n' "" found states depth
row sound "{x,y} and {x,y}: a crash, and a lease that ends early" -DCRASHES=1 -DEARLY=1
row sound "{x,y} and {y,z}: a crash, and a lease that ends early" \
    -DITEMS=3 -DBASKET1=6 -DCRASHES=1 -DEARLY=1
row sound "{x,y} and {y}, two of each: a crash, and a lease that ends early" \
    -DBASKET1=2 -DSTART=2 -DCRASHES=1 -DEARLY=1
row sound "{x,y} and {x}, two of each: two leases that end early" -DBASKET1=1 -DSTART=2 -DEARLY=2
row sound "{x,y} and {x}: a crash, and a first overwrite that is refused" \
    -DBASKET1=1 -DCRASHES=1 -DREFUSALS=1
row sound "{x,y,z} and {x,y,z}: a crash" \
    -DITEMS=3 -DBASKET0=7 -DBASKET1=7 -DTRIES=2 -DCRASHES=1
row sound "{x} and {x}: a crash, and a lease that ends early" \
    -DBASKET0=1 -DBASKET1=1 -DCRASHES=1 -DEARLY=1
row sound "{x,y}, cancelled, and {x,y}: a crash" -DCANCELS -DCRASHES=1
row sound "{x,y}, cancelled, and {x}: a lease that ends early" -DCANCELS -DBASKET1=1 -DEARLY=1
row sound "{x}, cancelled, and {x,y}, two of each: a crash" \
    -DCANCELS -DBASKET0=1 -DSTART=2 -DCRASHES=1
row sound "{x,y} alone: two crashes, two leases that end early, a refusal" \
    -DORDERS=1 -DRESERVES -DCRASHES=2 -DEARLY=2 -DREFUSALS=1
row sound "{x,y}, reserving, and {x,y}: a crash" -DRESERVES -DTRIES=2 -DCRASHES=1
row sound "{x,y}, reserving, and {x}, two of each: a crash, an early end" \
    -DRESERVES -DBASKET1=1 -DSTART=2 -DCRASHES=1 -DEARLY=1
row "every run ends" "{x,y} and {x,y}: a crash" -DCRASHES=1
row "every run ends" "{x,y} and {y,z}: a crash" -DITEMS=3 -DBASKET1=6 -DCRASHES=1
row counterexample "{x,y} and {x}, two of each: a request that arrives after its lease" \
    -DLATE -DBASKET1=1 -DSTART=2 -DCRASHES=1
row sound "the same, with If-Match" -DLATE -DGUARDED -DBASKET1=1 -DSTART=2 -DCRASHES=1
row counterexample "without the deciding write" -DNO_DECISION -DCRASHES=1
row counterexample "without the comparison of the fence" -DNO_FENCE
row counterexample "without moving the fence on when an intent is withdrawn" \
    -DNO_FENCE_AT_WITHDRAWAL -DREFUSALS=1 -DEARLY=1
row counterexample "without a record of an abandonment" -DNO_RECORD -DEARLY=1
row counterexample "without moving the primary's fence before a secondary is withdrawn" \
    -DNO_MOVE -DBASKET1=1 -DSTART=2 -DEARLY=1
row counterexample "without keeping the intent's fence when the primary is taken over" \
    -DNO_KEPT_FENCE -DBASKET1=1 -DSTART=2 -DCRASHES=1
row counterexample "without comparing what a released secondary points at" \
    -DNO_COMPARISON -DBASKET1=1 -DSTART=2 -DEARLY=1
row counterexample "without the orders as evidence" \
    -DNO_ORDERS -DCANCELS -DBASKET0=1 -DSTART=2 -DCRASHES=1
row counterexample "with the orders read before the stocks" \
    -DORDERS_FIRST -DCANCELS -DBASKET1=1 -DEARLY=1
row counterexample "with the leases released before the orders are saved" \
    -DEARLY_RELEASE -DBASKET1=1 -DSTART=2 -DCRASHES=1
row counterexample "with a reservation that points one fence ahead" \
    -DRESERVES -DONE_AHEAD -DBASKET1=1 -DSTART=2 -DEARLY=1

wait
show_finished
if [ "$shown" -ne "$rows" ] || grep -q ' FAILED$' "$work"/*/row; then
    echo "make model: a row is not as it should be" >&2
    exit 1
fi
echo "make model: every row is as it should be, in $SECONDS s"
