"""Reasons in words, and the letters that stand for them."""

import re

import pytest

from safetynet.app.see.words import LETTER, SHORT, number, percent, reason_words, span, words_of
from safetynet.sight.model import Reason, ReasonCode

FOR = {
    ReasonCode.LINE_OF_SIGHT,
    ReasonCode.QUALITY,
    ReasonCode.TURNS_TO,
    ReasonCode.SWEEPS,
    ReasonCode.OTHER_SIDE,
    ReasonCode.PLAYS_IN,
    ReasonCode.CHECKED,
    ReasonCode.LEARNED,
}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason(ReasonCode.LINE_OF_SIGHT, 0.623, "share"), "sees 62% of it"),
        (Reason(ReasonCode.LINE_OF_SIGHT), "line of sight"),
        (Reason(ReasonCode.QUALITY, 84.2, "px/m", 20.0), "84 px/m"),
        (Reason(ReasonCode.TURNS_TO, 47.6, "deg"), "turns 48°"),
        (Reason(ReasonCode.SWEEPS, 4.2, "s", what="3"), "sweeps 3 aims, 4 s"),
        (Reason(ReasonCode.OTHER_SIDE, 110.4, "deg"), "110° from the others"),
        (Reason(ReasonCode.PLAYS_IN, 1.27, "s"), "plays in 1.3 s"),
        (Reason(ReasonCode.CHECKED, 190.0, "s"), "checked 3 min ago"),
        (Reason(ReasonCode.LEARNED, 0.71, "share"), "direction learned, chance 71%"),
        (Reason(ReasonCode.BEHIND_BUILDING, what="123"), "behind building 123"),
        (Reason(ReasonCode.BEHIND_BUILDING), "behind a building"),
        (Reason(ReasonCode.FACES_AWAY, 120.1, "deg", 35.0), "faces away 120° (field ±35°)"),
        (Reason(ReasonCode.TOO_FAR, 31.2, "px/m", 80.0), "31 px/m < 80"),
        (Reason(ReasonCode.TOO_FAR, 612.0, "m", 500.0), "612 m > 500"),
        (Reason(ReasonCode.TOO_FAR, 19.7, "px/m", 20.0), "19.7 px/m < 20"),
        (Reason(ReasonCode.DEAD, 720.0, "s"), "dead for 12 min"),
        (Reason(ReasonCode.DEAD), "dead"),
        (Reason(ReasonCode.STALE, 7200.0, "s"), "not heard of for 2 h"),
        (Reason(ReasonCode.DARK, 60.0, "m", 35.0), "dark: sees 35 m at night, 60 m away"),
        (Reason(ReasonCode.POSE_UNKNOWN, 0.004, "share"), "direction unknown, chance <1%"),
        (
            Reason(ReasonCode.ADDS_NOTHING, 0.99, "share"),
            "no better than the chosen, sees 99% of it",
        ),
    ],
)
def test_a_reason_is_said_with_its_figures(reason: Reason, words: str) -> None:
    assert reason_words(reason) == words


@pytest.mark.parametrize("code", ReasonCode)
@pytest.mark.parametrize("value", [None, 0.0, 0.5, 480.0, float("nan"), float("inf")])
def test_every_code_has_words_whatever_comes_with_it(code: ReasonCode, value: float | None) -> None:
    for limit in (None, 20.0):
        words = reason_words(Reason(code, value, None, limit))
        assert words
        assert not re.search(r"None|_", words)


def test_each_reason_against_has_its_own_letter() -> None:
    assert set(LETTER) == set(SHORT) == set(ReasonCode) - FOR
    assert len(set(LETTER.values())) == len(LETTER)
    assert all(len(letter) == 1 for letter in LETTER.values())


def test_several_reasons_are_one_line() -> None:
    both = (Reason(ReasonCode.BEHIND_BUILDING, what="7"), Reason(ReasonCode.BUSY))
    assert words_of(both) == "behind building 7 · in use for another incident"


def test_figures_have_as_many_digits_as_matter() -> None:
    assert [number(v) for v in (0.0, 8.36, 31.2, 1240.0, float("nan"))] == [
        "0", "8.4", "31", "1240", "?",
    ]  # fmt: skip
    assert [percent(v) for v in (0.0, 0.004, 0.5, 0.9951, 0.9999, 1.0)] == [
        "0%", "<1%", "50%", "99%", "100%", "100%",
    ]  # fmt: skip
    assert [span(v) for v in (3.2, 89, 600, 7200, 400_000)] == [
        "3 s", "89 s", "10 min", "2 h", "5 days",
    ]  # fmt: skip
