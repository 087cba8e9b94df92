"""Reading a bundle's vector tiles. Lean: only the standard library's SQLite."""

import sqlite3
from pathlib import Path

from safetynet.base.errors import NotFoundError

MIN_ZOOM, MAX_ZOOM = 9, 14
"""At 14 a tile's unit is half a metre, so viewers enlarge these tiles for the zooms beyond."""


class MapTiles:
    """The tiles of one bundle; each is a gzip-compressed Mapbox Vector Tile 2.1."""

    def __init__(self, path: Path) -> None:
        """Open ``map.mbtiles`` for reading; NotFoundError where there is none."""
        if not path.is_file():
            raise NotFoundError("city.no_tiles", "the bundle has no map tiles", file=str(path))
        self._db = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )

    def get_tile(self, z: int, x: int, y: int) -> bytes | None:
        """The tile in XYZ numbering (y from the north); None where nothing is drawn.

        MBTiles stores rows in TMS numbering, y from the south; that is turned round here.
        """
        if not (0 <= z <= 30 and 0 <= y < 1 << z):
            return None
        row = self._db.execute(
            "SELECT tile_data FROM tiles WHERE zoom_level=? AND tile_column=? AND tile_row=?",
            (z, x, (1 << z) - 1 - y),
        ).fetchone()
        return bytes(row[0]) if row else None

    def get_metadata(self) -> dict[str, str]:
        """The MBTiles metadata: name, bounds, minzoom, maxzoom, vector layers …"""
        return dict(self._db.execute("SELECT name, value FROM metadata"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
