#!/bin/bash
# Builds the container image with buildah, on a Debian made by debootstrap, and runs the tests of
# tests/image in it. No container engine and no image registry is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

SUITE=bookworm
PACKAGES=python3,python3-venv,ca-certificates
BASE_TAR=${XDG_CACHE_HOME:-$HOME/.cache}/order-service/image-base-$SUITE.tar
BASE_IMAGE=localhost/order-service-base

fail() {
    printf 'make test-image: %s\n' "$*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "it makes a root file system, so it needs root: sudo make test-image"
missing=()
for program in buildah debootstrap; do
    command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] || fail "${missing[*]} is missing; on Debian: apt-get install ${missing[*]}"

mkdir -p .data/logs "$(dirname "$BASE_TAR")"
log=$PWD/.data/logs/image.log
: >"$log"
work=$(mktemp -d "$PWD/.data/image.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The first line that speaks of an error says more than the last, which only says where it was.
quietly() {
    "$@" >>"$log" 2>&1 ||
        fail "$1 failed: $(grep -m 1 -E '^(E|ERROR|Error):' "$log" || tail -n 1 "$log") (all of it: $log)"
}

if [ ! -f "$BASE_TAR" ]; then
    echo "[1/3] Making a base system with debootstrap (once, about a minute)"
    quietly debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$work/root"
    # Moved into its place when whole, so that a run that was cut short leaves no broken one.
    quietly tar --create --file="$work/base.tar" --directory="$work/root" \
        --exclude='./dev/*' --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' .
    mv "$work/base.tar" "$BASE_TAR.$$" && mv "$BASE_TAR.$$" "$BASE_TAR"
    rm -rf "$work/root"
fi

# Storage of its own, so that nothing of this machine's is touched and nothing stays behind.
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)

echo "[2/3] Building the images"
base=$("${buildah[@]}" from scratch)
quietly "${buildah[@]}" add "$base" "$BASE_TAR" /
quietly "${buildah[@]}" commit --rm "$base" "$BASE_IMAGE"
for target in service inventory; do
    quietly "${buildah[@]}" bud --isolation chroot --network host --format docker \
        --volume /etc/ssl/certs:/etc/ssl/certs:ro --build-arg BASE_IMAGE="$BASE_IMAGE" \
        --file docker/Dockerfile --target "$target" --tag "localhost/$target" .
done

echo "[3/3] Running the service from them"
IMAGE_STORAGE=$work .venv/bin/python -m pytest --exitfirst tests/image
