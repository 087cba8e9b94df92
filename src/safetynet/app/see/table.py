"""A choice as text: the chosen views, and the cameras passed over."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from safetynet.app.see.where import where_text
from safetynet.app.see.words import number, percent, words_of
from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind, City
from safetynet.sight.handover import HandOver
from safetynet.sight.model import Aim, Choice, ChosenView


def choice_text(choice: Choice, city: City, *, why: bool, took_ms: float) -> str:
    """Everything that ``safetynet see`` prints."""
    parts = [head_text(choice, city, took_ms)]
    if choice.views:
        parts.append(views_text(choice, city))
    if why:
        parts.append(passed_text(choice, city))
    return "\n\n".join(parts)


def head_text(choice: Choice, city: City, took_ms: float) -> str:
    """What was asked, and how well it is answered."""
    asked = choice.request
    light = "by night" if asked.night else "by day"
    views = f"{len(choice.views)} view{'' if len(choice.views) == 1 else 's'}"
    chance = f", {percent(choice.chance)} that one of them shows it" if choice.chance else ""
    if not choice.views:
        views = f"No camera within {number(asked.radius_m)} m shows it"
    return (
        f"{city.title_en} {city.title_ko}, version {city.version}\n"
        f"{asked.target.value} {where_text(asked.place)}, {number(asked.min_px_per_m)} px/m asked, {light}\n"
        f"{views}{chance}; chosen in {took_ms:.2f} ms"
    )


def views_text(choice: Choice, city: City) -> str:
    """The chosen views as a table, each with its reasons below."""
    rows = [
        [">#", "camera", "owner", ">away", ">seen", ">px/m", "aim", ">slew", ">plays in", ">chance", "why"]
    ]  # fmt: skip
    for rank, view in enumerate(choice.views, start=1):
        rows.append(
            [
                str(rank),
                view.camera,
                view.owner,
                f"{number(view.distance_m)} m",
                percent(view.share_seen),
                number(view.px_per_m),
                aim_text(view, city),
                f"{view.slew_s:.1f} s",
                f"{view.plays_in_s:.1f} s",
                percent(view.chance),
                words_of(view.reasons),
            ]
        )
    return table(rows)


def hand_over_text(plan: HandOver) -> str:
    """Of what moves: when each view loses it, and when to ask anew."""
    until = (
        "shows it to the end"
        if s is None
        else f"loses it after {s:.1f} s"
        if s
        else "hardly shows it"
        for s in plan.until_s
    )
    views = " · ".join(f"{rank} {text}" for rank, text in enumerate(until, start=1))
    leaves = (
        "not within the look ahead" if plan.leaves_s is None else f"after {plan.leaves_s:.1f} s"
    )
    return f"Out of all views: {leaves}; ask anew after {plan.ask_s:.1f} s\n{views}".rstrip()


def aim_text(view: ChosenView, city: City) -> str:
    """Where a view looks: a PTZ's aim with what it gives up, or a fixed camera's pose."""
    if view.aim is None:
        return f"fixed {aim_words(pose_of(city, view.camera))}"
    lost = f", gives up {number(view.gives_up_m)} m" if view.gives_up_m >= 0.5 else ""
    return f"PTZ {aim_words(view.aim)}{lost}"


def aim_words(aim: Aim) -> str:
    """Direction, tilt and field: ``312° ↓12° ↔31°``."""
    up = aim.tilt_deg < 0
    tilt = f"{'↑' if up else '↓'}{number(abs(aim.tilt_deg))}°"
    return f"{number(aim.azimuth_deg % 360)}° {tilt} ↔{number(aim.hfov_deg)}°"


def pose_of(city: City, camera: CameraId) -> Aim:
    """Where a camera looks when nobody turns it."""
    c, row = city.cameras, city.cameras.id.index(camera)
    return Aim(
        azimuth_deg=float(c.azimuth_deg[row]),
        tilt_deg=float(c.tilt_deg[row]),
        hfov_deg=float(c.hfov_deg[row]),
    )


def kind_of(city: City, camera: CameraId) -> str:
    """``fixed`` or ``PTZ``."""
    ptz = city.cameras.kind[city.cameras.id.index(camera)] == CameraKind.PTZ
    return "PTZ" if ptz else "fixed"


def passed_text(choice: Choice, city: City) -> str:
    """The cameras passed over, nearest first, with the reasons."""
    if not choice.passed_over:
        return "No nearer camera was passed over."
    rows = [["camera", "owner", ">away", "kind", "why not"]]
    for one in sorted(choice.passed_over, key=lambda p: (p.distance_m, p.camera)):
        kind = kind_of(city, one.camera)
        away = f"{number(one.distance_m)} m"
        rows.append([one.camera, one.owner, away, kind, words_of(one.reasons)])
    return f"Passed over, nearest first:\n{table(rows)}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns set to their widest cell; heads that begin with ``>`` are set flush right."""
    right = [head.startswith(">") for head in rows[0]]
    rows = [[head.removeprefix(">") for head in rows[0]], *rows[1:]]
    widths = np.max([[_width(cell) for cell in row] for row in rows], axis=0).tolist()

    def line(row: Sequence[str]) -> str:
        cells = [
            " " * (w - _width(c)) + c if r else c + " " * (w - _width(c))
            for c, w, r in zip(row, widths, right, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in rows)


def _width(text: str) -> int:
    """Cells that a text takes on a terminal: a Korean letter takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
