#!/bin/sh
# Runs every check, also after one has failed, and says at the end which ones did.
set -u
cd "$(dirname "$0")/.." || exit
PATH="$PWD/.venv/bin:$PATH"
failed=

check() {
    name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

compose_file() {
    if ! command -v docker-compose >/dev/null; then
        echo "docker-compose is needed to check docker/compose.yaml: apt-get install docker-compose" >&2
        return 1
    fi
    docker-compose --file docker/compose.yaml config --quiet && echo "docker/compose.yaml is valid"
}

shell_scripts() {
    shellcheck tools/*.sh tools/*/*.sh protocol/*.sh .ci/run && echo "the shell scripts have no findings"
}

dockerfile() {
    hadolint docker/Dockerfile && echo "docker/Dockerfile has no findings"
}

check "ruff check" ruff check .
check "ruff format" ruff format --check .
check "mypy" mypy order_service devstack wsgi.py
check "import-linter" lint-imports
check "oxlint" oxlint --deny-warnings order_service/interface/console/static
check "shellcheck" shell_scripts
check "hadolint" dockerfile
check "docker-compose" compose_file

if [ -n "$failed" ]; then
    printf '\nmake lint: failed: %s\n' "${failed#, }" >&2
    exit 1
fi
printf '\nmake lint: all is well\n'
