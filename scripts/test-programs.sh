#!/bin/sh
# Runs the tests that drive programs in Python against the development build, in an environment of their own. Where
# there is no Python or PyPI cannot be reached, it says so and passes: no test of Plenum itself is lost by that.
set -eu
cd "$(dirname "$0")/.."
environment=${CARGO_TARGET_DIR:-target}/python
requirements=tests/python/requirements.txt

skip() {
    echo "plenum: the tests of programs in Python are skipped: $1"
    exit 0
}

command -v python3 >/dev/null 2>&1 || skip "there is no python3"
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
    rm -rf "$environment"
    python3 -m venv "$environment" || skip "python3 has no venv (on Debian: apt-get install python3-venv)"
    # Wheels only: to build one would need compilers and libraries that nothing else here needs.
    "$environment/bin/pip" install -q --disable-pip-version-check --only-binary=:all: -r "$requirements" ||
        skip "the packages in $requirements could not be installed: PyPI is out of reach, or has no wheels for this machine"
    cp "$requirements" "$environment/"
fi
exec "$environment/bin/python" -W ignore -m unittest discover -s tests/python -v
