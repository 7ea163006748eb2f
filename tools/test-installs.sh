#!/bin/bash
# Installs into an empty environment, in a fresh clone of what is committed, with every Python from
# 3.11 on that it finds: on PATH, among Debian's, and among pyenv's. One is enough.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

new_enough() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# One for each place that a Python really is at, so that its links on PATH count once.
pythons() {
    local python
    for python in python3 python3.{11..19} /usr/bin/python3 /usr/local/bin/python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
        python=$(command -v "$python") && new_enough "$python" &&
            "$python" -c 'import os, sys; print(os.path.realpath(sys.executable))'
    done | awk '!seen[$0]++'
}

# What the service and its command need is there, and all of it can be imported.
works() {
    make install PYTHON="$1" && .venv/bin/python -m pip check && .venv/bin/python -c 'import wsgi' &&
        .venv/bin/order-service --help >/dev/null
}

# Not by git clone, which refuses the checkout of another user, as root may have it here.
committed() {
    git -c safe.directory="$PWD" archive HEAD
}

mkdir -p .data
work=$(mktemp -d "$PWD/.data/installs.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
while read -r python; do
    printf '\n== %s: %s, pip %s\n' "$python" "$("$python" -V)" \
        "$("$python" -c 'import ensurepip; print(ensurepip.version())')"
    mkdir "$work/clone"
    if committed | tar --extract --directory="$work/clone" && (cd "$work/clone" && works "$python"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    rm -rf "$work/clone"
done < <(pythons)

printf '\nmake test-installs: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
