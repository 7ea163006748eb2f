#!/bin/bash
# Holds operations/systemd against systemd's own judgement. No systemd has to run.
set -euo pipefail
cd "$(dirname "$0")/../.."

# In tenths, of 100: a unit with nothing in it has 96.
MOST_EXPOSED=15

fail() {
    printf 'make operations: %s\n' "$*" >&2
    exit 1
}

if ! command -v systemd-analyze >/dev/null; then
    [ "${CI:-}" != true ] || fail "systemd-analyze is missing; on Debian: apt-get install systemd"
    echo "operations/systemd was not checked: systemd-analyze is missing (apt-get install systemd)"
    exit
fi

# Programs are looked for, and nobody has them in /opt.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
install -m 755 /dev/null "$work/bin/gunicorn"
install -m 755 /dev/null "$work/bin/order-service"
cp -r operations/systemd "$work/units"
sed -i "s|/opt/order-service/.venv/bin|$work/bin|" "$work"/units/*.service

# It warns of much, and ends with 0.
verify() {
    SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$@" 2>&1 || true
}

said=$(verify "$work"/units/*.service)
[ -z "$said" ] || fail "systemd-analyze verify says: $said"
for unit in "$work"/units/*.service; do
    systemd-analyze security --offline=true --no-pager --threshold="$MOST_EXPOSED" "$unit" |
        tail -n 1 || fail "$(basename "$unit") is exposed more than $MOST_EXPOSED tenths"
done

sed -i 's/^Restart=/Restrat=/' "$work/units/order-service-api.service"
verify "$work/units/order-service-api.service" | grep -q Restrat ||
    fail "systemd-analyze verify finds no mistake"
