#!/bin/sh
# Compile every requirements file of one release: compile.sh <release> <python>. Called by `make upgrade`.
set -eu
release=$1
python=$2
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q pip-tools

# The outputs name no index and no folder of the machine they were made on.
compile() {
    file=$1
    shift
    echo "requirements/$release/$file.txt"
    CUSTOM_COMPILE_COMMAND="make upgrade" "$work/venv/bin/pip-compile" -q --upgrade --strip-extras --allow-unsafe \
        --annotation-style=line --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
        -c "requirements/constraints-$release.txt" "$@" \
        -o "requirements/$release/$file.txt" "requirements/$file.in"
}

compile dev
# What an LMS installs: pip takes no file that is not one of these (`pip install --require-hashes -r ...`).
compile base -c "requirements/$release/dev.txt" --generate-hashes
for file in test quality ci dist doc; do
    compile "$file" -c "requirements/$release/dev.txt"
done
