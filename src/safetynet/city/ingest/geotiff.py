"""Reading one band of heights from a GeoTIFF (OGC 19-008r4). Worker only: Pillow, pyproj.

Read are strips and tiles of whole numbers and float32, plain or packed as libtiff packs them, placed
by scale and tie point or by a matrix, in a coordinate system that is named by its EPSG code.
"""

import io
import re
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from PIL.Image import DecompressionBombError, DecompressionBombWarning
from PIL.TiffImagePlugin import TiffImageFile
from pyproj.exceptions import CRSError

from safetynet.base.geo import Floats
from safetynet.city.ingest.text import read_bytes, wrong
from safetynet.city.model import Heights

MOST_CELLS = 150_000_000
LOWEST_M, HIGHEST_M = -500.0, 9000.0
"""A height outside stands for no data, whether the file says so or not."""
_PIXEL_SCALE, _TIE_POINT, _MATRIX, _KEYS, _METADATA, _NO_DATA = (
    33550, 33922, 34264, 34735, 42112, 42113,
)  # fmt: skip
_SAMPLE_FORMAT = 339
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_READABLE = {
    ("L", _UNSIGNED),
    ("I;16", _UNSIGNED),
    ("I;16B", _UNSIGNED),
    ("I", _SIGNED),
    ("F", _FLOAT),
}
_MODEL, _RASTER, _GEOGRAPHIC, _PROJECTED, _VERTICAL_UNITS = 1024, 1025, 2048, 3072, 4099
_IS_POINT, _METRE = 2, 9001
_OWN_SYSTEM = 32767


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Heights with their place on the earth."""

    heights: Heights
    """(rows, cols) metres; NaN where there is no data."""
    system: str
    """``EPSG:`` and a number."""
    to_pixel: Floats
    """(2, 3) affine from x, y, 1 in ``system`` to column, row; whole numbers are middles of cells."""
    from_lonlat: pyproj.Transformer

    def locate(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Column and row of positions in degrees, with fractions; infinite where there is none."""
        x, y = self.from_lonlat.transform(lon, lat)
        a = self.to_pixel
        return a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]


def read_geotiff(path: Path) -> Raster:
    """The raster of a file; InvalidError where it is not what its name claims."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Pillow warns of broken tags
        warnings.simplefilter("ignore", DecompressionBombWarning)  # the bound is our own
        try:
            return _read(path.name, TiffImageFile(io.BytesIO(read_bytes(path))))
        except (SyntaxError, OSError, ValueError, TypeError, KeyError, struct.error) as e:
            raise wrong(path.name, f"it is not a GeoTIFF of whole numbers or float32 ({e})") from e
        except (UserWarning, DecompressionBombError) as e:
            raise wrong(path.name, f"it is a broken TIFF ({e})") from e


def _read(file: str, image: TiffImageFile) -> Raster:
    tags: dict[int, Any] = dict(image.tag_v2)
    if _KEYS not in tags:
        raise wrong(file, "it is a TIFF without GeoKeys: nothing says where on the earth it lies")
    if image.width * image.height > MOST_CELLS:
        raise wrong(file, f"it has more than {MOST_CELLS:,} cells; cells of 10 m are fine enough")
    keys = _read_keys(tags[_KEYS])
    system, from_lonlat = _read_system(file, keys)
    if keys.get(_VERTICAL_UNITS, _METRE) != _METRE:
        raise wrong(file, "its heights are not in metres")
    return Raster(
        heights=_read_heights(file, image, tags),
        system=system,
        to_pixel=_read_place(file, tags, is_point=keys.get(_RASTER) == _IS_POINT),
        from_lonlat=from_lonlat,
    )


def _read_keys(directory: tuple[int, ...]) -> dict[int, int]:
    """The keys that are short numbers: all that place a raster whose system has an EPSG code."""
    entries = np.array(directory[4 : 4 + 4 * directory[3]], np.int64).reshape(-1, 4)
    return {key: value for key, at, _, value in entries.tolist() if at == 0}


def _read_system(file: str, keys: dict[int, int]) -> tuple[str, pyproj.Transformer]:
    code = keys.get(_PROJECTED if keys.get(_MODEL) == 1 else _GEOGRAPHIC, _OWN_SYSTEM)
    if code in (0, _OWN_SYSTEM):
        raise wrong(file, "its coordinate system is not named by an EPSG code")
    system = f"EPSG:{code}"
    try:
        return system, _transformer(system)
    except CRSError as e:
        raise wrong(file, f"its coordinate system {system} is not known") from e


@lru_cache(maxsize=8)
def _transformer(system: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True)


def _read_place(file: str, tags: dict[int, Any], *, is_point: bool) -> Floats:
    """The inverse of the placement: (2, 3) from coordinates to middles of cells."""
    if _MATRIX in tags:
        m = np.array(tags[_MATRIX], np.float64).reshape(4, 4)
        forward = m[:2, [0, 1, 3]]
    elif _PIXEL_SCALE in tags and _TIE_POINT in tags:
        sx, sy = tags[_PIXEL_SCALE][:2]
        col, row, _, x, y, _ = tags[_TIE_POINT][:6]
        forward = np.array([[sx, 0.0, x - col * sx], [0.0, -sy, y + row * sy]])
    else:
        raise wrong(file, "it has neither scale and tie point nor a matrix to place it")
    if not abs(np.linalg.det(forward[:, :2])) > 0:
        raise wrong(file, "its cells have no size")
    inverse = np.linalg.inv(forward[:, :2])
    shift = -inverse @ forward[:, 2] - (0.0 if is_point else 0.5)
    return np.column_stack([inverse, shift])


def _read_heights(file: str, image: TiffImageFile, tags: dict[int, Any]) -> Heights:
    kind = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    if len(image.getbands()) != 1 or len(kind) != 1 or (image.mode, kind[0]) not in _READABLE:
        raise wrong(file, f"it is not one band of heights (mode {image.mode})")
    if re.search(r'role="(scale|offset)"', str(tags.get(_METADATA, ""))):
        raise wrong(file, "its heights are scaled; unscale them first")
    heights = np.asarray(image).astype(np.float32)
    heights[~((heights >= LOWEST_M) & (heights <= HIGHEST_M))] = np.nan
    none = float(str(tags.get(_NO_DATA, "nan")).strip("\0 "))
    if LOWEST_M <= none <= HIGHEST_M:
        heights[heights == np.float32(none)] = np.nan
    return heights
