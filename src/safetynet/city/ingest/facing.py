"""What a list says of where cameras look (촬영방면정보). Pure: text in, compass directions out."""

import re
import unicodedata

import msgspec

_COMPASS = {
    "북": 0.0, "북동": 45.0, "동북": 45.0, "동": 90.0, "남동": 135.0, "동남": 135.0, "남": 180.0,
    "남서": 225.0, "서남": 225.0, "서": 270.0, "북서": 315.0, "서북": 315.0,
    "n": 0.0, "ne": 45.0, "e": 90.0, "se": 135.0, "s": 180.0, "sw": 225.0, "w": 270.0, "nw": 315.0,
}  # fmt: skip
_PAIRS = {"동서": ("동", "서"), "남북": ("남", "북")}
_SUFFIX = re.compile(r"(쪽|측|향|편)?(방향|방면|방)?$")
_BETWEEN = re.compile(r"[\s,/·ㆍ+&~]+|및|와|과")
_ALL_ROUND = re.compile(r"360|전방위|전방면|전방향|사방|동서남북|회전")
QUARTER_SD_DEG, EIGHTH_SD_DEG = 26.0, 13.0
"""Standard deviations of a direction that is anywhere in a sector of 90° or of 45°."""


class Facing(msgspec.Struct, frozen=True):
    """What the words say; without directions they say nothing that can be used."""

    directions_deg: tuple[float, ...] = ()
    """Compass, in the order of the words."""
    all_round: bool = False

    def sd_deg(self, direction_deg: float) -> float:
        """How far off a direction so named may be, as a standard deviation."""
        return QUARTER_SD_DEG if direction_deg % 90 == 0 else EIGHTH_SD_DEG


def read_facing(text: str) -> Facing:
    """Directions where every word is one of the compass; a name of a place is none."""
    words = [w for w in _BETWEEN.split(unicodedata.normalize("NFKC", text).strip().lower()) if w]
    if _ALL_ROUND.search("".join(words)):
        return Facing(all_round=True)
    bare = [_SUFFIX.sub("", word, count=1) for word in words]
    named = [part for word in bare if word for part in _PAIRS.get(word, (word,))]
    if not named or not all(word in _COMPASS for word in named):
        return Facing()
    return Facing(tuple(_COMPASS[word] for word in named))
