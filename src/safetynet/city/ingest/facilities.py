"""Facilities of the emergency services and of public safety, known by their columns. Worker only."""

from collections.abc import Callable

import msgspec
import numpy as np

from safetynet.base.geo import LonLat
from safetynet.base.ids import NodeId
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.points import Point, has_position, read_points
from safetynet.city.ingest.repair import Reason
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table
from safetynet.city.model import Facility


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How to know a kind of facility by the columns of its table, and what to read from it."""

    kind: str
    needs: tuple[str, ...]
    name: tuple[str, ...]
    state: str = ""
    out_of_service: tuple[str, ...] = ()
    """Beginnings or ends of the state that mean: not in service."""
    ends: tuple[str, ...] = ()
    """Where columns say too little: how most names end."""


FAMILIES = (
    Family(kind="hydrant", needs=("용수형식", "용수구분"), name=("용수구분",), state="사용구분", out_of_service=("고장(사용불)", "임시폐전")),
    Family(kind="fire_box", needs=("비상소화장치일련번호",), name=("비상소화장치일련번호",), state="삭제여부", out_of_service=("Y",)),
    Family(kind="bell", needs=("안전비상벨관리번호",), name=("설치위치", "안전비상벨관리번호")),
    Family(kind="bell", needs=("mng_no", "link_mth"), name=("instl_pstn", "mng_no")),
    Family(kind="shelter", needs=("시설명", "최대수용인원"), name=("시설명",), state="운영상태", out_of_service=("사용중지", "일시중지")),
    Family(kind="shelter", needs=("피난처id", "시설명"), name=("시설명",)),
    Family(kind="fire_station", needs=("서센터명", "유형구분명"), name=("서센터명",)),
    Family(kind="fire_centre", needs=("119안전센터명",), name=("119안전센터명",)),
    Family(kind="aed", needs=("상세위치", "설치위치"), name=("설치위치", "상세위치")),
    Family(kind="police", needs=("name",), name=("name",), ends=("파출소", "지구대", "경찰서", "치안센터", "순찰대")),
    Family(kind="hospital", needs=("사업장명",), name=("사업장명",), ends=("병원", "의료원", "의원", "메디컬센터")),
)  # fmt: skip


def find_family(table: Table) -> Family | None:
    """The kind of facility that the table lists; None where it is none we know."""
    if not has_position(table):
        return None
    return next((f for f in FAMILIES if _fits(f, table)), None)


def read_facilities(table: Table, family: Family, tally: Tally, frame: Frame) -> list[Facility]:
    """The facilities of a table."""
    points = read_points(table, tally, frame)
    kind_of = _kind_reader(table, family)
    name_at = [i for i in (table.find_column(n) for n in family.name) if i is not None]
    state_at = table.find_column(family.state)
    found = [
        Facility(
            kind=kind_of(p),
            name=next(
                (p.row[i].strip() for i in name_at if i < len(p.row) and p.row[i].strip()), ""
            ),
            at=LonLat(round(p.lon, 7), round(p.lat, 7)),
            district=node,
            in_service=state_at is None or p.row[state_at].strip() not in family.out_of_service,
        )
        for p, node in zip(points, _owners(points, frame), strict=True)
    ]
    tally.yields = len(found)
    return found


def merge_facilities(lists: list[tuple[Tally, list[Facility]]]) -> tuple[Facility, ...]:
    """All facilities; one of the same kind and name within some 100 m of an earlier one is the same."""
    joined: dict[tuple[str, str, float, float], Facility] = {}
    for tally, facilities in lists:
        known = set(joined)
        for f in facilities:
            key = (f.kind, f.name, round(f.at.lon, 3), round(f.at.lat, 3))
            if f.kind in ("fire_station", "fire_centre", "police", "hospital") and key in known:
                tally.merge(Reason.OTHER_LIST, 0, f.name)
                tally.yields -= 1
                continue
            if key in joined:  # two devices of one name side by side: both stay
                key = (*key[:2], f.at.lon, len(joined) + 1000.0)
            joined[key] = f
    return tuple(joined.values())


def _fits(family: Family, table: Table) -> bool:
    if not all(n in table.columns for n in family.needs):
        return False
    if not family.ends:
        return True
    at = table.columns.index(family.needs[0])
    names = [row[at].strip() for _, row in table.rows[:200] if at < len(row)]
    ending = sum(any(e in n for e in family.ends) for n in names)
    return bool(names) and ending > 0.6 * len(names)


def _kind_reader(table: Table, family: Family) -> Callable[[Point], str]:
    at = table.find_column("유형구분명") if family.kind == "fire_station" else None

    def read(point: Point) -> str:
        if at is None or point.row[at].strip() == "소방서":
            return family.kind
        return "fire_centre"

    return read


def _owners(points: list[Point], frame: Frame) -> list[NodeId | None]:
    """The district where each point lies, whatever its row declares."""
    if not points:
        return []
    lon, lat = np.array([(p.lon, p.lat) for p in points]).T
    found = frame.borders.locate(*frame.plane.to_xy(lon, lat)).tolist()
    return [frame.borders.facts[i].node if i >= 0 else None for i in found]
