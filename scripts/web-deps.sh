#!/bin/sh
# Installs the web client's dependencies, only when its lock file changed since the last time.
set -eu
cd "$(dirname "$0")/../web"
stamp=node_modules/.plenum-lock
cmp -s package-lock.json "$stamp" && exit 0
${NPM:-npm} ci --no-audit --no-fund
cp package-lock.json "$stamp"
