#!/bin/sh
# Makes .venv: the pinned packages of requirements-dev.txt and this project, editable.
# Does nothing when .venv is up to date. Every failure is one line that names the remedy.
# CHECK=no leaves out whether the packages fit together, for `make requirements`, which mends that.
set -eu
cd "$(dirname "$0")/.."
# What is installed depends on the clone alone: with these pip leaves out what is somewhere else
# already, puts packages elsewhere, or takes other ones.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_NO_BINARY \
    PIP_DRY_RUN

LOG=.data/logs/install.log
EXIT_CODE=.data/logs/install.exit
PACKAGES_STAMP=.venv/.packages
PROJECT_STAMP=.venv/.project

# Said first, because a full disk shows in many ways.
short_of_room() {
    for folder in . "${TMPDIR:-/tmp}"; do
        free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
        if [ "$free" -lt 300 ]; then
            echo "Only $free MB are left on the disk of $(cd "$folder" && pwd): make room for 900 MB. "
            return
        fi
    done
}

fail() {
    printf 'make install: %s%s\n' "$(short_of_room)" "$*" >&2
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
    kept=$(.venv/bin/python -c 'import sys; print(sys._base_executable)' 2>/dev/null) || kept=
    for candidate in "$kept" python3 python3.14 python3.13 python3.12 python3.11; do
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

# A .venv carries absolute paths, so a moved folder needs a new one; so do other pins, because what
# is no longer pinned would stay.
usable() {
    up_to_date "$PACKAGES_STAMP" requirements-dev.txt && new_enough .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null &&
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
        echo "$code" 2>/dev/null >"$EXIT_CODE" || :
    } | show_progress "$total"
    [ "$(cat "$EXIT_CODE")" = 0 ] || explain
}

# pip breaks an error into several lines, the first of which names no package, and says in a warning
# long before it that the network was the cause.
explain() {
    error=$(awk '
        /^ERROR/ { if (found++) exit; sub(/^ERROR: */, ""); printf "%s", $0; next }
        found && /^[ \t]/ { gsub(/[ \t]+/, " "); printf "%s", $0; next }
        found { exit }' "$LOG")
    network=$(sed -n "s/.*connection broken by '//p" "$LOG" | tail -n 1 |
        sed "s/': [^ ]*\$//; s/.*: //; s/[]()\"']*\$//")
    case "$(cat "$LOG")" in
    *"No space left"*) fail "pip found the disk full. Repeat it when there are 900 MB of room." ;;
    *HASHES*) remedy="What came is not what is pinned: use another index or network" ;;
    *"connection broken"*) fail "the package index can't be reached: $network. Check the network, the proxy and pip's settings, then repeat." ;;
    *"No matching distribution"*) remedy="Try another index, or another Python: make install PYTHON=python3.12" ;;
    *) remedy="Mend that" ;;
    esac
    fail "pip failed: ${error:-$(tail -n 1 "$LOG")} (all of it: $LOG). $remedy, then repeat."
}

check() {
    .venv/bin/python -m pip check --disable-pip-version-check >"$LOG" 2>&1 ||
        fail "the pinned packages do not fit together: $(grep -m 1 requirement "$LOG" || head -n 1 "$LOG") Pin them again: make requirements"
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
    [ "${CHECK:-}" = no ] && exit
    check
    stamp_of setup.cfg pyproject.toml >"$PROJECT_STAMP"
fi
