"""Questions that make sense, and what may be done for them."""

import math

from safetynet.base.errors import InvalidError
from safetynet.sight.kernels.tables import Target
from safetynet.sight.model import TARGET_SIZES, Moving, Place, Request

SWEEP_FROM_M = 25.0
"""A place that is known better than this is held, never swept; nor is what moves."""
_MAX_WHY_NOT = 1000
_MAX_COUNT = 64
_MAX_RADIUS_M = 5_000.0
_MAX_ERROR_M = 5_000.0


def check_request(request: Request) -> Target:
    """What a request looks for; raises ``InvalidError`` for numbers that make no sense."""
    if isinstance(request.place, Place):
        if not request.place.at.is_valid():
            raise InvalidError("sight.place", "The place is no position.")
        _check("error_m", request.place.error_m, 0, _MAX_ERROR_M)
    _check("min_px_per_m", request.min_px_per_m, 0, 100_000)
    _check("radius_m", request.radius_m, 1, _MAX_RADIUS_M)
    _check("count", request.count, 1, _MAX_COUNT)
    _check("why_not", request.why_not, 0, _MAX_WHY_NOT)
    size = TARGET_SIZES[request.target]
    return Target(size.height_m, size.width_m, float(request.min_px_per_m), request.night)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidError(
            f"sight.{name}", f"{name} must be from {least} to {most}.", least=least, most=most
        )


def may_sweep(request: Request, spread_m: float) -> bool:
    """Whether PTZ cameras may look at parts of the place in turn; ``spread_m`` from its middle."""
    return spread_m > SWEEP_FROM_M and not isinstance(request.place, Moving)
