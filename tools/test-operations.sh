#!/bin/bash
# Checks what is in operations/, and starts nothing of the service. All checks run, also after one
# has failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
failed=()

check() {
    printf '== %s\n' "$1"
    "${@:2}" || failed+=("$1")
}

check "Prometheus" tools/prometheus/check.sh
check "Kubernetes" tools/kubernetes/check.sh
check "systemd" tools/systemd/check.sh

if [ ${#failed[@]} -gt 0 ]; then
    printf 'make operations: failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
echo "make operations: all is well"
