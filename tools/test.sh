#!/bin/sh
# The whole test suite: Python (real servers, a real browser where there is one), then the console's.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -m pytest "$@"
.venv/bin/python tools/build_console.py --test
