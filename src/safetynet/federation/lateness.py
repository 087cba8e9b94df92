"""How late words of another process come, without comparing any clock with another's."""

from collections import OrderedDict

REMEMBERED = 16
"""Generations whose fastest word is kept; the one heard longest ago is forgotten first."""
DRIFT = 0.0005
"""How far apart two monotonic clocks may run: seconds a second, beyond what quartz does."""


class Lateness:
    """Measures words of one asker by the fastest of them.

    The gap between an asker's monotonic clock and ours is unknown but constant; what a word's gap has
    more than the least gap was spent on its way. Wall clocks may jump as they like. The first word of a
    generation is taken to be in time: beats, each half second, make it soon the fastest one.
    """

    def __init__(self) -> None:
        self._least: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By generation the least gap, and when it was noted."""

    def note(self, generation: str, sent_s: float, now_s: float) -> float:
        """A word that its sender's clock says was sent then, heard now; seconds that it is late."""
        gap_s = now_s - sent_s
        least_s, noted_s = self._least.pop(generation, (gap_s, now_s))
        least_s = min(gap_s, least_s + (now_s - noted_s) * DRIFT)
        self._least[generation] = (least_s, now_s)
        if len(self._least) > REMEMBERED:
            self._least.popitem(last=False)
        return gap_s - least_s
