#!/bin/sh
# Installs what the tests drive, where that is possible without asking: Debian or Ubuntu, as root. With `prometheus` only
# what the metrics are tested against.
set -eu
missing=
command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1 || missing="$missing prometheus"
if [ "${1:-}" != prometheus ]; then
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
# A sound card for Firefox, which makes no sound without one.
command -v pulseaudio >/dev/null 2>&1 || missing="$missing pulseaudio"
# `unshare` is part of every Debian, but not of every image of it.
command -v unshare >/dev/null 2>&1 || missing="$missing util-linux"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "plenum: installing$missing for the tests"
    apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
else
    echo "plenum: the tests need$missing; please install it" >&2
    exit 1
fi
