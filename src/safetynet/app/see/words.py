"""Reasons in English words, and as one letter where there is no room; the one place for both."""

import math
from collections.abc import Iterable

from safetynet.sight.model import Reason, ReasonCode

LETTER = {
    ReasonCode.BEHIND_BUILDING: "B",
    ReasonCode.FACES_AWAY: "A",
    ReasonCode.TOO_FAR: "F",
    ReasonCode.DEAD: "D",
    ReasonCode.FROZEN: "Z",
    ReasonCode.OBSTRUCTED: "O",
    ReasonCode.OWNER_AWAY: "W",
    ReasonCode.BUSY: "U",
    ReasonCode.STALE: "S",
    ReasonCode.DARK: "N",
    ReasonCode.MASKED: "M",
    ReasonCode.POSE_UNKNOWN: "P",
    ReasonCode.UNUSABLE: "X",
    ReasonCode.ADDS_NOTHING: "+",
}
"""One letter for each reason against; what the picture shows beside a camera."""

SHORT = {
    ReasonCode.BEHIND_BUILDING: "behind a building",
    ReasonCode.FACES_AWAY: "faces away",
    ReasonCode.TOO_FAR: "too far",
    ReasonCode.DEAD: "dead",
    ReasonCode.FROZEN: "picture frozen",
    ReasonCode.OBSTRUCTED: "lens obstructed",
    ReasonCode.OWNER_AWAY: "owner away",
    ReasonCode.BUSY: "in use",
    ReasonCode.STALE: "not heard of",
    ReasonCode.DARK: "too dark",
    ReasonCode.MASKED: "privacy zone",
    ReasonCode.POSE_UNKNOWN: "direction unknown",
    ReasonCode.UNUSABLE: "data unusable",
    ReasonCode.ADDS_NOTHING: "no better",
}
"""The same without numbers, for a legend."""


def words_of(reasons: Iterable[Reason]) -> str:
    """Several reasons as one line."""
    return " · ".join(reason_words(reason) for reason in reasons)


def reason_words(reason: Reason) -> str:
    """One reason as somebody would say it: ``faces away 120° (field ±35°)``."""
    value = reason.value
    match reason.code:
        case ReasonCode.LINE_OF_SIGHT:
            return "line of sight" if value is None else f"sees {percent(value)} of it"
        case ReasonCode.QUALITY:
            return _with(reason, "sharp enough", "{v} px/m")
        case ReasonCode.TURNS_TO:
            return _with(reason, "turns to it", "turns {v}°")
        case ReasonCode.SWEEPS:
            many = f"sweeps {reason.what} aims" if reason.what else "sweeps the place"
            return many if value is None else f"{many}, {span(value)}"
        case ReasonCode.OTHER_SIDE:
            return _with(reason, "from another side", "{v}° from the others")
        case ReasonCode.PLAYS_IN:
            return "plays at once" if value is None else f"plays in {value:.1f} s"
        case ReasonCode.CHECKED:
            return "checked" if value is None else f"checked {span(value)} ago"
        case ReasonCode.LEARNED:
            return _chance(reason, "direction learned")
        case ReasonCode.POSE_UNKNOWN:
            return _chance(reason, "direction unknown")
        case _:
            return _against(reason)


def _against(reason: Reason) -> str:
    value, limit = reason.value, reason.limit
    match reason.code:
        case ReasonCode.BEHIND_BUILDING:
            return f"behind building {reason.what}" if reason.what else "behind a building"
        case ReasonCode.FACES_AWAY:
            field = "" if limit is None else f" (field ±{number(limit)}°)"
            return _with(reason, "faces away", "faces away {v}°") + field
        case ReasonCode.TOO_FAR:
            unit = reason.unit or "px/m"
            if value is None or limit is None:
                return "too far"
            return f"{beside(value, limit)} {unit} {'>' if unit == 'm' else '<'} {number(limit)}"
        case ReasonCode.DARK:
            if value is None or limit is None:
                return "too dark"
            return f"dark: sees {number(limit)} m at night, {number(value)} m away"
        case ReasonCode.STALE:
            return "not heard of" if value is None else f"not heard of for {span(value)}"
        case ReasonCode.DEAD | ReasonCode.FROZEN | ReasonCode.OBSTRUCTED | ReasonCode.OWNER_AWAY:
            ill = SHORT[reason.code]
            return ill if value is None or reason.unit != "s" else f"{ill} for {span(value)}"
        case ReasonCode.BUSY:
            return "in use for another incident"
        case ReasonCode.MASKED:
            return "the place lies in its privacy zone"
        case ReasonCode.UNUSABLE:
            return f"its data are unusable: {reason.what}" if reason.what else SHORT[reason.code]
        case ReasonCode.ADDS_NOTHING:
            seen = "" if value is None else f", sees {percent(value)} of it"
            return f"no better than the chosen{seen}"
        case _:
            return reason.code.value


def number(value: float) -> str:
    """A measure with as many digits as matter: 8.4, 31, 1240."""
    if not math.isfinite(value):
        return "?"
    return f"{value:.1f}" if 0 < abs(value) < 9.95 else f"{value:.0f}"


def beside(value: float, limit: float) -> str:
    """A measure that misses a limit by little, with the digit that tells them apart."""
    told = number(value)
    return told if told != number(limit) else f"{value:.1f}"


def percent(share: float) -> str:
    """A share in per cent; ``<1%`` rather than a false nought, never a false hundred."""
    if 0 < share < 0.01:
        return "<1%"
    if 0.995 <= share < 0.9995:
        return "99%"
    return f"{share:.0%}"


def span(seconds: float) -> str:
    """A length of time: 42 s, 12 min, 3 h, 5 days."""
    if not math.isfinite(seconds):
        return "?"
    for limit, unit_s, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def _with(reason: Reason, plain: str, told: str) -> str:
    return plain if reason.value is None else told.format(v=number(reason.value))


def _chance(reason: Reason, plain: str) -> str:
    return plain if reason.value is None else f"{plain}, chance {percent(reason.value)}"
