#!/bin/sh
# Serves the page with hot reload at http://localhost:5173 and the server behind it, which is built anew and started
# again when its code changes. Ctrl-C ends both. ARGS are the server's flags.
set -u
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
# A second's pause between two looks: shorter than it takes to change windows.
pause=1
address=${PLENUM_HTTP_ADDRESS:-127.0.0.1:4000}
# The server takes every PLENUM_* variable for a setting, and this one is the page's.
url=${PLENUM_URL:-http://$address}
unset PLENUM_URL

state=$(mktemp -d)
server=
page=

stop() {
    trap - INT TERM EXIT
    for pid in $server $page; do kill "$pid" 2>/dev/null; done
    for pid in $server $page; do wait "$pid" 2>/dev/null; done
    rm -rf "$state"
    exit 0
}
trap stop INT TERM EXIT

# What the server is made of.
changed() {
    find src Cargo.toml Cargo.lock build.rs plenum.toml -newer "$1" -type f 2>/dev/null | head -n 1
}

stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

# The old server goes on while the new one is built, and after a build that failed. It runs a copy, so that the
# compiler may write the binary anew.
rebuild() {
    : >"$state/built"
    $cargo build --locked || return 0
    stop_server
    cp "${CARGO_TARGET_DIR:-target}/debug/plenum" "$state/plenum"
    # shellcheck disable=SC2086
    "$state/plenum" --http-address="$address" ${ARGS:-} &
    server=$!
}

rebuild
# Without npm between them, so that a signal reaches Vite itself.
(cd web && PLENUM_URL=$url exec node node_modules/vite/bin/vite.js --clearScreen false) &
page=$!
while kill -0 "$page" 2>/dev/null; do
    sleep "$pause"
    if [ -n "$(changed "$state/built")" ]; then
        echo "plenum: the code changed"
        rebuild
    fi
done
