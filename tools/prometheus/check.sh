#!/bin/bash
# Holds operations/prometheus against Prometheus' own judgement: its rules, and its tests of them.
set -euo pipefail
cd "$(dirname "$0")/../../operations/prometheus"

if ! command -v promtool >/dev/null; then
    missing="promtool is missing (apt-get install prometheus)"
    [ "${CI:-}" = true ] || { echo "operations/prometheus was not checked: $missing" && exit; }
    echo "make operations: $missing" >&2
    exit 1
fi

# It checks the rules that it names as well.
promtool check config scrape.yml
promtool test rules alerts_test.yml
