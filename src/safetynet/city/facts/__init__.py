"""Official facts that come with the program, with their sources (see README.md)."""

import csv
from importlib.resources import files

import msgspec

from safetynet.base.ids import NodeId

OFFICIAL_TOTAL = 77_032
"""Cameras in Seoul by the table of 31 July 2021."""


class DistrictFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the official table."""

    code: str
    node: NodeId
    name_ko: str
    name_en: str
    official_cameras: int


def list_district_facts() -> tuple[DistrictFact, ...]:
    """The 25 districts of Seoul in the order of their codes."""
    text = (files(__name__) / "seoul_districts.csv").read_text(encoding="utf-8")
    return tuple(
        msgspec.convert(row, DistrictFact, strict=False) for row in csv.DictReader(text.split("\n"))
    )
