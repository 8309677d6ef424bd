#!/bin/sh
# Runs every fuzz target for so many seconds. A finding ends it, with the path of the input that caused it.
set -eu
seconds=$1
cd "$(dirname "$0")/../fuzz"

missing=
cargo +nightly --version >/dev/null 2>&1 || missing="a nightly compiler (rustup toolchain install nightly)"
cargo fuzz --version >/dev/null 2>&1 || missing="${missing:+$missing and }cargo-fuzz (cargo install cargo-fuzz)"
if [ -n "$missing" ]; then
    echo "plenum: fuzzing needs $missing; cargo test replays the corpora without them" >&2
    exit 1
fi

for target in fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    echo "plenum: fuzzing $name for $seconds s"
    # New inputs go to a folder of their own: the corpus is written by hand.
    mkdir -p "target/found/$name"
    cargo +nightly fuzz run "$name" "target/found/$name" "corpus/$name" -- \
        -max_total_time="$seconds" -timeout=10 -max_len=4096 -print_final_stats=1
done
