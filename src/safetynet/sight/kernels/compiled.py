"""How the loops are compiled, and where the compiled code is kept."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numba
from numba import config

_HERE = Path(__file__).parent
DIGEST = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(_HERE.glob("*.py")))).hexdigest()[
    :12
]
"""Of all loops: what they found before may be used again by the same ones."""


def _keep_compiled_code() -> None:
    """Keep machine code beside the sources, or in the user's cache where that is read-only.

    The folder's name is a digest of all loops: Numba notices a change in the file of a function,
    but not in the file of another one that it calls.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    folder = _HERE / "__pycache__"
    if not os.access(folder if folder.exists() else _HERE, os.W_OK):
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(home) / "safetynet"
    config.CACHE_DIR = str(folder / f"loops-{DIGEST}")  # type: ignore[attr-defined]  # made at import


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


def lean_door[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """As ``compiled``, for a function that makes no arrays; see ``lean``."""
    made: Callable[P, R] = numba.njit(  # type: ignore[call-overload]  # its hints lack the option
        cache=True, nogil=True, error_model="numpy", _nrt=False
    )(loop)
    return made


def lean[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """As ``inner``, for a function that makes no arrays: without a count of who holds those it is given. To
    count them at every call and look took much of a question's time."""
    made: Callable[P, R] = numba.njit(  # type: ignore[call-overload]  # its hints lack the options
        cache=True,
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
    )(loop)
    return made


_keep_compiled_code()
