#!/bin/sh
# Makes .venv: the pinned packages of requirements-dev.txt and this project, editable.
# Does nothing when .venv is up to date. Every failure is one line that names the remedy.
set -eu
cd "$(dirname "$0")/.."

LOG=.data/logs/install.log
EXIT_CODE=.data/logs/install.exit
PACKAGES_STAMP=.venv/.packages
PROJECT_STAMP=.venv/.project

fail() {
    printf 'make install: %s\n' "$*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python of version 3.11 or newer; give the path of one."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$(python3 -c 'import platform; print("python3 is " + platform.python_version())' 2>/dev/null) ||
        found="no python3 is on PATH"
    fail "Python 3.11 or newer is needed, and $found; install one, or name it: make install PYTHON=/path/to/python3.11"
}

stamp_of() {
    { .venv/bin/python -V && cat "$@"; } | cksum
}

up_to_date() {
    stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(stamp_of "$@")" ]
}

version_of() {
    "$1" -c 'import platform; print(platform.python_version())'
}

# A .venv carries absolute paths, so a moved folder needs a new one.
usable() {
    new_enough .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null &&
        grep -qF "$(pwd -P)/.venv/bin/python" .venv/bin/pip || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version_of .venv/bin/python)" = "$(version_of "$PYTHON")" ]
}

create() {
    python=$(find_python)
    version=$(version_of "$python")
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "the venv module of $python ($version) is missing; on Debian or Ubuntu: apt-get install python3-venv"
    echo "[1/3] Creating .venv with Python $version"
    "$python" -m venv --clear .venv >"$LOG" 2>&1 ||
        fail "could not create .venv: $(tail -n 1 "$LOG")"
}

# On a terminal one line counts the packages; elsewhere there is nothing to rewrite.
show_progress() {
    total=$1
    count=0
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$LOG"
        [ -t 1 ] || continue
        case $line in
        Collecting*)
            count=$((count + 1))
            name=${line#Collecting }
            printf '\r\033[K      %d of %d  %s' "$count" "$total" "${name%% *}"
            ;;
        "Installing collected"*) printf '\r\033[K      unpacking' ;;
        esac
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

# `pip | show_progress` would lose pip's exit code, and POSIX sh has no pipefail.
pip_install() {
    total=$1
    shift
    : >"$LOG"
    {
        code=0
        .venv/bin/python -m pip install --no-input --disable-pip-version-check \
            --progress-bar off "$@" 2>&1 || code=$?
        echo "$code" >"$EXIT_CODE"
    } | show_progress "$total"
    [ "$(cat "$EXIT_CODE")" = 0 ] ||
        fail "pip failed: $(grep -m 1 '^ERROR' "$LOG" || tail -n 1 "$LOG") (all of it: $LOG). Check the network, then repeat."
}

if ! { mkdir -p .data/logs && touch "$LOG"; } 2>/dev/null; then
    fail "cannot write to $(pwd): the folder is read-only for $(id -un); clone the project where you may write."
fi

# Two makes started at once would install into each other's .venv.
if command -v flock >/dev/null; then
    exec 9>.data/install.lock
    flock 9
fi

[ -z "${PYTHON:-}" ] || find_python >/dev/null
usable || create

if ! up_to_date "$PACKAGES_STAMP" requirements-dev.txt; then
    total=$(grep -c '^[a-z].*==' requirements-dev.txt)
    echo "[2/3] Installing $total pinned packages into .venv (the first time about 130 MB to download)"
    # Without a resolver, what is installed depends on the file alone and not on what was published
    # since: no release is looked for that the file does not pin, nor one to build another with.
    pip_install "$total" --no-deps --require-hashes --only-binary :all: -r requirements-dev.txt
    stamp_of requirements-dev.txt >"$PACKAGES_STAMP"
    rm -f "$PROJECT_STAMP"
fi

if ! up_to_date "$PROJECT_STAMP" setup.cfg pyproject.toml; then
    echo "[3/3] Installing the project itself, editable"
    pip_install 1 --no-deps --no-build-isolation --editable .
    stamp_of setup.cfg pyproject.toml >"$PROJECT_STAMP"
fi
