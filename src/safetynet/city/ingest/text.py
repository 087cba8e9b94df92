"""Opening files of open data: compression, encodings, headers."""

import csv
import gzip
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetynet.base.errors import InvalidError

_ENCODINGS = ("utf-8-sig", "cp949")
HEADER_ROWS = 4
"""A header is looked for in the first rows only."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A CSV file: normalised column names, and rows with their line numbers."""

    file: str
    columns: tuple[str, ...]
    rows: list[tuple[int, list[str]]]

    def find_column(self, *names: str) -> int | None:
        """Index of the first of these columns that the table has."""
        for name in names:
            if name in self.columns:
                return self.columns.index(name)
        return None


def read_bytes(path: Path) -> bytes:
    """The file's content, unpacked where its name says gzip."""
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as e:
        raise wrong(path.name, "it is named .gz but is not a gzip file") from e


def read_json(path: Path) -> dict[str, Any]:
    """A GeoJSON feature collection."""
    try:
        document = json.loads(read_bytes(path))
    except ValueError as e:
        raise wrong(path.name, "it is not JSON") from e
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise wrong(path.name, "it is not a GeoJSON feature collection")
    return document


def read_table(path: Path) -> Table:
    """A CSV in UTF-8, with or without BOM, or CP949; the header may stand under a title or have two lines."""
    return parse_table(path.name, read_bytes(path))


def parse_table(file: str, data: bytes) -> Table:
    """The same, from bytes."""
    text = _decode(file, data)
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as e:
        raise wrong(file, "it is not a CSV") from e
    if not any(lines):
        raise wrong(file, "it is empty")
    head = max(range(min(HEADER_ROWS, len(lines))), key=lambda i: (_header_merit(lines[i]), -i))
    columns = tuple(normalise(c) for c in lines[head])
    rows = [(n, row) for n, row in enumerate(lines[head + 1 :], head + 2) if any(row)]
    return Table(file=file, columns=columns, rows=rows)


def normalise(column: str) -> str:
    """A column's name as it is compared: without spaces, BOM and middle dots, lower case."""
    return "".join(column.split()).strip("\ufeff").replace("ㆍ", "").replace("·", "").lower()


def wrong(file: str, what: str) -> InvalidError:
    """The error for a file that is not what it claims to be."""
    return InvalidError("city.not_what_it_claims", f"{file}: {what}", file=file)


_KNOWN = (
    "위도",
    "경도",
    "lat",
    "lon",
    "lng",
    "latitude",
    "longitude",
    "카메라대수",
    "camera_count",
)


def _header_merit(row: list[str]) -> int:
    names = {normalise(c) for c in row}
    known = sum(any(k in n for n in names) for k in _KNOWN)
    return 10 * known + sum(
        1 for n in names if n and not n.replace(".", "").replace(",", "").isdigit()
    )


def _decode(file: str, data: bytes) -> str:
    if b"\0" in data[:4096]:
        raise wrong(file, "it is named as text but is binary")
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise wrong(file, "its text is neither UTF-8 nor CP949")
