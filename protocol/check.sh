#!/bin/bash
# Checks the model with Spin: what must hold, and that the checker finds what must not.
# Every row of the table is a whole search; a row that ends otherwise than it should fails the run.
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
failed=0

# row EXPECTED WORDS FLAGS…
row() {
    local expected=$1 words=$2 began=$SECONDS found=sound out
    shift 2
    (
        cd "$work"
        cp "$OLDPWD/stock.pml" .
        spin "$@" -a stock.pml
        gcc -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=1024 -DMEMLIM=6000 -o pan pan.c
        ./pan -m500000 >out 2>&1
    ) >"$work/log" 2>&1 || true
    out=$work/out
    # A search that was cut short is no proof.
    if ! grep -q 'errors:' "$out" || grep -qE 'not completed$|max search depth|out of memory' "$out"; then
        found="cut short"
    fi
    grep -q 'assertion violated' "$out" && found=counterexample
    local states depth verdict=ok
    states=$(awk '/states, stored/ { print $1; exit }' "$out")
    depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' "$out")
    [ "$found" = "$expected" ] || { verdict=FAILED; failed=1; cat "$work/log" "$out" >&2; }
    printf '%-62s %-15s %12s %6s %4d s  %s\n' "$words" "$found" "$states" "$depth" \
        $((SECONDS - began)) "$verdict"
}

printf '%-62s %-15s %12s %6s %6s\n' "" found states depth ""
row sound "{x,y} and {x,y}: nothing goes wrong" -DCRASHES=0 -DEARLY=0
row sound "{x,y} and {x,y}: one crash at any step" -DCRASHES=1 -DEARLY=0
row sound "{x,y} and {y}: one crash at any step" -DCRASHES=1 -DEARLY=0 -DBASKET1=2
row sound "{x,y} and {x}: one crash at any step" -DCRASHES=1 -DEARLY=0 -DBASKET1=1
row sound "{x,y} and {y,z}: nothing goes wrong" -DITEMS=3 -DBASKET1=6 -DCRASHES=0 -DEARLY=0
row sound "{x} and {x}: a crash, and a lease that ends early" -DBASKET0=1 -DBASKET1=1
row sound "{x,y} alone: a crash, and a first overwrite that is refused" -DORDERS=1 -DREFUSALS=1
row counterexample "a request that arrives after its lease" -DLATE -DBASKET0=1 -DBASKET1=1 -DEARLY=0 -DSTART=2
row sound "the same, with If-Match" -DLATE -DGUARDED -DBASKET0=1 -DBASKET1=1 -DEARLY=0 -DSTART=2
row sound "{x,y} alone: two crashes, and a lease that ends early" -DORDERS=1 -DCRASHES=2
row counterexample "without the deciding write" -DNO_DECISION -DCRASHES=1 -DEARLY=0
row counterexample "without the fence" -DNO_FENCE -DCRASHES=0 -DEARLY=0
row counterexample "without moving the fence on when an intent is withdrawn" -DNO_FENCE_AT_END \
    -DREFUSALS=1 -DCRASHES=0 -DEARLY=1
row counterexample "without a record of an abandonment" -DNO_ABANDONMENT -DCRASHES=0 -DEARLY=1

[ "$failed" = 0 ] || { echo "make model: a row is not as it should be" >&2; exit 1; }
echo "make model: every row is as it should be"
