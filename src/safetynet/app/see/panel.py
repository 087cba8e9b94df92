"""The column beside the map: what was asked, the views, the letters, the signs."""

from collections import Counter
from collections.abc import Callable

from safetynet.app.see.canvas import BOLD, Canvas, colour
from safetynet.app.see.table import aim_text
from safetynet.app.see.where import middle_of, where_text
from safetynet.app.see.words import LETTER, SHORT, number, percent, words_of
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import City, Origin
from safetynet.sight.model import Choice, ChosenView, Reason, ReasonCode

PANEL = 300.0
INNER = PANEL - 36
TEXT, DIM, FAINT, WARN = "#dfe7ee", "#93a3b1", "#6b7b89", "#f0b254"
RANKS = ("#6cb2f0", "#5fcfae", "#e0b860", "#b79cf0")
"""The console's colours of views, ``console/src/map/palette.ts``."""
SHOWN = 4
IN_COLUMNS = {ReasonCode.LINE_OF_SIGHT, ReasonCode.QUALITY, ReasonCode.PLAYS_IN}
"""Told as figures, not again as reasons."""

type Writing = list[Callable[[], None]]


def rank_colour(rank: int) -> str:
    """A view's colour, the same in the console."""
    return RANKS[(rank - 1) % len(RANKS)]


def draw_panel(canvas: Canvas, left: float, choice: Choice, city: City) -> Callable[[], None]:
    """Draw the column's shapes; what is returned writes its text, once shapes are settled."""
    words: Writing = []
    y = _write_head(canvas, words, left, choice, city)
    for rank, view in enumerate(choice.views[:SHOWN], start=1):
        y = _write_view(canvas, words, left, y, rank, view, city)
    more = len(choice.views) - SHOWN
    if more > 0:
        y += 12
        _put(canvas, words, left, y, f"and {more} more", 9, FAINT)
    y = _write_letters(canvas, words, left, y + 24, choice)
    _write_foot(canvas, words, left, city)

    def write() -> None:
        for word in words:
            word()

    return write


def _put(
    canvas: Canvas, words: Writing, x: float, y: float, text: str, size: float, ink: str,
    weight: int = 430, anchor: str = "ls",
) -> None:  # fmt: skip
    words.append(lambda: canvas.text((x, y), text, size, colour(ink), weight=weight, anchor=anchor))


def _write_head(canvas: Canvas, words: Writing, left: float, choice: Choice, city: City) -> float:
    asked = choice.request
    n = len(choice.views)
    title = f"{n} view{'' if n == 1 else 's'} that can show it" if n else "Nothing can show it"
    _put(canvas, words, left, 34, title, 16.5, TEXT, BOLD)
    light = "by night" if asked.night else "by day"
    lines = [
        _neighbourhood(canvas, choice, city),
        where_text(asked.place),
        f"{asked.target.value}, {number(asked.min_px_per_m)} px/m asked, {light}",
    ]
    if choice.chance:
        lines.append(f"{percent(choice.chance)} that one of them shows it")
    y = 34.0
    for line in (line for line in lines if line):
        y += 15
        _put(canvas, words, left, y, line, 10.6, DIM)
    return y + 10


def _neighbourhood(canvas: Canvas, choice: Choice, city: City) -> str:
    gazetteer, at = Gazetteer(city), middle_of(choice.request.place)
    dong, district = gazetteer.find_dong_at(at), gazetteer.find_district(at)
    if district is None:
        return ""
    if not canvas.speaks_korean:
        return f"{district.name_en}, {city.title_en}"
    town = f"{dong.name_ko} · " if dong else ""
    return f"{town}{district.name_ko} {district.name_en}"


def _write_view(
    canvas: Canvas, words: Writing, left: float, y: float, rank: int, view: ChosenView, city: City
) -> float:
    y += 20
    canvas.circle((left + 8, y - 4), 8, colour(rank_colour(rank)))
    _put(canvas, words, left + 8, y - 4, str(rank), 10.5, "#080c11", BOLD, "mm")
    _put(canvas, words, left + 24, y, view.camera, 11.6, TEXT, BOLD)
    figures = f"{number(view.distance_m)} m · {number(view.px_per_m)} px/m"
    _put(canvas, words, left + INNER, y, figures, 10.3, DIM, anchor="rs")
    y += 14
    _put(canvas, words, left + 24, y, aim_text(view, city), 10.3, DIM)
    if view.chance:
        _put(canvas, words, left + INNER, y, percent(view.chance), 10.3, TEXT, BOLD, "rs")
    told = [f"sees {percent(view.share_seen)} of it"]
    rest = [r for r in view.reasons if r.code not in IN_COLUMNS]
    told += [words_of(rest)] if rest else []
    told += [f"plays in {view.plays_in_s:.1f} s"] if view.plays_in_s else []
    for line in canvas.wrap(" · ".join(told), 10.3, INNER - 24, 2):
        y += 13.5
        _put(canvas, words, left + 24, y, line, 10.3, DIM)
    return y + 5


def _write_letters(canvas: Canvas, words: Writing, left: float, y: float, choice: Choice) -> float:
    first: list[Reason] = [p.reasons[0] for p in choice.passed_over if p.reasons]
    count = Counter(reason.code for reason in first)
    if not count:
        return y
    _put(canvas, words, left, y, f"{len(first)} cameras passed over", 11.6, TEXT, BOLD)
    y += 5
    ordered = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    for k, (code, n) in enumerate(ordered[:8]):
        x, row = left + (k % 2) * (INNER / 2 + 4), y + 14.5 * (k // 2 + 1)
        letter, short = LETTER.get(code, "?"), SHORT.get(code, code.value)
        canvas.rectangle((x, row - 9, x + 12, row + 2.2), colour("#1c2833"), 3)
        _put(canvas, words, x + 6, row - 3.4, letter, 8.8, TEXT, BOLD, "mm")
        _put(canvas, words, x + 17, row, f"{short} {n}", 10, DIM)
    return y + 14.5 * ((len(ordered[:8]) + 1) // 2)


def _write_foot(canvas: Canvas, words: Writing, left: float, city: City) -> None:
    y = 560.0 - 52
    canvas.circle((left + 6, y - 3.4), 4.6, colour("#ff6b61", 0.35), colour("#ff6b61"), 0.9)
    _put(canvas, words, left + 17, y, "the place, and how sure it is", 10, DIM)
    y += 15
    canvas.rectangle((left, y - 8, left + 12, y + 1), colour("#d0675f"), 1.5)
    canvas.rectangle((left + 1.2, y - 6.8, left + 10.8, y - 0.2), colour("#4a2a2b"), 1)
    _put(canvas, words, left + 17, y, "hides it from a camera", 10, DIM)
    x = left + INNER / 2 + 4
    canvas.rectangle((x, y - 8, x + 12, y + 1), colour("#51687d"), 1.5)
    canvas.rectangle((x + 1.2, y - 6.8, x + 10.8, y - 0.2), colour("#2a3947"), 1)
    _put(canvas, words, x + 17, y, "ends a view", 10, DIM)
    y += 20
    notes = [city.title_en, *_doubts(city)]
    _put(canvas, words, left, y, " · ".join(notes), 9.4, WARN if len(notes) > 1 else FAINT)


def _doubts(city: City) -> list[str]:
    """What of the city is not as it is in the world."""
    origins = {
        "streets": city.streets.origin,
        "buildings": city.buildings.origin,
        "cameras": city.cameras.position_origin,
    }
    invented = [name for name, of in origins.items() if (of == Origin.SYNTHETIC).any()]
    doubts = [f"synthetic {', '.join(invented)}"] if invented else []
    if (city.cameras.pose_origin == Origin.ASSUMED).any():
        doubts.append("assumed directions")
    return doubts
