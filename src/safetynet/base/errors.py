"""The one error tree: a kind, a stable public code, typed fields."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What the asker can do about it."""

    INVALID = "invalid"
    """The input is wrong: mend it."""
    REFUSED = "refused"
    """The rules say no: asking again does not help."""
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    """Somebody needed for this is away: try again later."""
    BROKEN = "broken"
    """Our own promise does not hold: tell an operator."""


class SafetyNetError(Exception):
    """Every error of the product.

    ``code`` is stable and public (``grant.expired``); ``fields`` say where and what, and never
    hold personal data, tokens or plates.
    """

    kind = ErrorKind.BROKEN

    def __init__(self, code: str, message: str, **fields: str | int | float | None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields

    def __str__(self) -> str:
        where = ", ".join(f"{k}={v}" for k, v in self.fields.items())
        return f"{self.message} ({where})" if where else self.message


class InvalidError(SafetyNetError):
    """The input is wrong."""

    kind = ErrorKind.INVALID


class RefusedError(SafetyNetError):
    """A rule, a policy or a right says no."""

    kind = ErrorKind.REFUSED


class NotFoundError(SafetyNetError):
    """There is no such thing."""

    kind = ErrorKind.NOT_FOUND


class ConflictError(SafetyNetError):
    """It cannot be done in the present state."""

    kind = ErrorKind.CONFLICT


class UnavailableError(SafetyNetError):
    """Somebody needed for this does not answer."""

    kind = ErrorKind.UNAVAILABLE


class BrokenError(SafetyNetError):
    """A promise of our own does not hold."""

    kind = ErrorKind.BROKEN
