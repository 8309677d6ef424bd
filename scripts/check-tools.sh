#!/bin/sh
# Says in one sentence which tool is missing or too old, before a build says it in a hundred lines.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "plenum: $1" >&2
    exit 1
}

# True when dotted version $1 is at least $2.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

need_rust=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
command -v cargo >/dev/null 2>&1 || fail "Rust $need_rust or newer is needed, but there is no cargo here: see https://rustup.rs"
command -v rustc >/dev/null 2>&1 || fail "Rust $need_rust or newer is needed, but there is no rustc here: see https://rustup.rs"
have_rust=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
at_least "$have_rust" "$need_rust" || fail "Rust $need_rust or newer is needed, but this is Rust $have_rust: run 'rustup update'"

if [ -f web/package.json ]; then
    # What package.json says under engines.
    need_node=20.19
    command -v node >/dev/null 2>&1 || fail "Node $need_node or newer is needed to build the web client, but there is no node here: see https://nodejs.org"
    command -v npm >/dev/null 2>&1 || fail "npm is needed to build the web client, but there is no npm here: it comes with Node, see https://nodejs.org"
    have_node=$(node --version | sed 's/^v//')
    at_least "$have_node" "$need_node" || fail "Node $need_node or newer is needed to build the web client, but this is Node $have_node: see https://nodejs.org"
fi
