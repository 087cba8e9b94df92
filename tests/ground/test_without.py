"""Foreign packages can be loaded without the extras that happen to be installed."""

import sys
from importlib.util import find_spec

import pytest

from safetynet.base.lean import without

EXTRA = "wave"  # of the standard library, loaded by nobody here


def test_what_is_left_out_cannot_be_imported_inside_and_can_afterwards() -> None:
    sys.modules.pop(EXTRA, None)
    with without(EXTRA), pytest.raises(ModuleNotFoundError):
        __import__(EXTRA)
    assert EXTRA not in sys.modules
    assert find_spec(EXTRA) is not None


def test_what_is_loaded_already_stays() -> None:
    with without("json"):
        import json
    assert sys.modules["json"] is json


def test_an_error_inside_leaves_nothing_behind() -> None:
    sys.modules.pop(EXTRA, None)
    with pytest.raises(ZeroDivisionError), without(EXTRA):
        raise ZeroDivisionError
    assert EXTRA not in sys.modules
