"""How the loops are compiled, and where the compiled code is kept."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numba
from numba import config

_HERE = Path(__file__).parent


def _keep_compiled_code() -> None:
    """Keep machine code beside the sources, or in the user's cache where that is read-only.

    The folder's name is a digest of all loops: Numba notices a change in the file of a function,
    but not in the file of another one that it calls.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    sources = sorted(_HERE.glob("*.py"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]
    folder = _HERE / "__pycache__"
    if not os.access(folder if folder.exists() else _HERE, os.W_OK):
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(home) / "safetynet"
    config.CACHE_DIR = str(folder / f"loops-{digest}")  # type: ignore[attr-defined]  # made at import


def compiled[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first use, without the interpreter's lock; kept on disk."""
    made: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(loop)
    return made


def inner[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """The same for a function that only compiled ones call: without a door for the interpreter,
    which takes as long to compile as the function itself."""
    made: Callable[P, R] = numba.njit(  # type: ignore[call-overload]  # its hints lack the wrappers
        cache=True,
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(loop)
    return made


_keep_compiled_code()
