#!/usr/bin/env bash
# A Janus on core 0, its front and `plenum load` on core 1:
#
#     [EVENT_LOOPS=1] benches/peers/janus/run.sh ADDRESS webinar --steady --sound=false --subscribers 100
#
# ADDRESS is one of this machine that is not loopback's, which Janus offers no candidates of. Before: `apt install janus`,
# `npm ci --prefix benches/peers/janus`, `cargo build --release`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
address=${1:?the address, then the flags of plenum load}
shift
plenum=${PLENUM:-$here/../../../target/release/plenum}
configs=$(mktemp -d)
janus= front=
trap 'kill $janus $front 2>/dev/null; wait; rm -r "$configs"' EXIT

sed "s#CONFIGS#$configs#; s#EVENT_LOOPS#${EVENT_LOOPS:-0}#; /^\#/d" "$here/janus.jcfg" > "$configs/janus.jcfg"
cp "$here/janus.transport.websockets.jcfg" "$configs"
ulimit -n 20000

taskset -c 0 janus -F "$configs" -C "$configs/janus.jcfg" > "$configs/janus.log" 2>&1 &
janus=$!
for _ in $(seq 50); do
    (: < /dev/tcp/127.0.0.1/8188) 2>/dev/null && break
    sleep 0.1
done
taskset -c 1 node "$here/front.mjs" "$address" 4800 &
front=$!
for _ in $(seq 50); do
    (: < "/dev/tcp/$address/4800") 2>/dev/null && break
    sleep 0.1
done
taskset -c 1 "$plenum" load "$@" --own-sockets --protocol whip,whep --server "http://$address:4800" --server-pid "$janus"
