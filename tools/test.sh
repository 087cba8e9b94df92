#!/bin/sh
# The whole test suite: the console's, then Python's (real servers, a real browser where there is one).
# Both run to their end; the exit status says whether both passed.
set -u
cd "$(dirname "$0")/.."
status=0
.venv/bin/python tools/build_console.py --test || status=$?
.venv/bin/python -m pytest "$@" || status=$?
exit "$status"
