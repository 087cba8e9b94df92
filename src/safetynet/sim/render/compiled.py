"""How the judge's loops are compiled; their code is kept beside the sources, or in the user's cache."""

from collections.abc import Callable

import numba


def compiled[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first use, without the interpreter's lock; kept on disk."""
    made: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(loop)
    return made


def inner[**P, R](loop: Callable[P, R]) -> Callable[P, R]:
    """The same for a function that only a compiled one of its own file calls."""
    made: Callable[P, R] = numba.njit(nogil=True, error_model="numpy", inline="always")(loop)
    return made
