"""A MODEL of the procedure that the net replaces: telephone the district, ask, describe.

Nothing here is measured. Each parameter is named with where it comes from; those marked *assumed*
have no public figure.
"""

import msgspec
import numpy as np

PICK_UP_P90_S = 15.0
"""90 % of calls answered within 15 s: the goal of NENA's standard for emergency call centres."""
CAMERAS_PER_OPERATOR = 1000
"""One operator per about 1,000 cameras in Korean control centres (the rule says 50): public audits."""
ASK_MEDIAN_S = 30.0
"""Say who asks, why, and where. *Assumed*."""
FIND_MEDIAN_S = 60.0
"""Find a camera by its number among ``CAMERAS_PER_OPERATOR`` and turn it. *Assumed*; on 29 October
2022 in Itaewon it took 40 minutes, from the question at 22:30 to the camera at 23:10."""
DESCRIBE_MEDIAN_S = 20.0
"""Tell over the telephone what is seen. *Assumed*."""
SPREAD = 0.5
"""Standard deviation of the logarithm of each of the assumed times. *Assumed*."""
DRAWS = 20_000


class PhoneModel(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the report to a description by word of mouth, as the model has it."""

    median_s: float
    p95_s: float


def model_phone(seed: int) -> PhoneModel:
    """The model's times by ``DRAWS`` draws; equal seeds give equal answers."""
    rng = np.random.default_rng(seed)
    total = rng.exponential(PICK_UP_P90_S / np.log(10), DRAWS)
    for median_s in (ASK_MEDIAN_S, FIND_MEDIAN_S, DESCRIBE_MEDIAN_S):
        total += rng.lognormal(np.log(median_s), SPREAD, DRAWS)
    median, p95 = np.percentile(total, [50, 95])
    return PhoneModel(median_s=float(median), p95_s=float(p95))
