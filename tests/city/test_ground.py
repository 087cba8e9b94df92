"""Heights of the ground from GeoTIFFs: placed by any known system, without gaps, refused where unclear.

The files are written by tifffile, another implementation than the one that reads them.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, Plane
from safetynet.city.borders import Borders
from safetynet.city.ingest.folder import read_folder
from safetynet.city.ingest.geotiff import read_geotiff
from safetynet.city.ingest.ground import fill_gaps, make_ground, plan_grid, sample_raster
from safetynet.city.model import Ground

BOX = (-1000.0, -800.0, 1200.0, 900.0)
"""Metres on the city's plane."""


def slope(x: Floats, y: Floats) -> Floats:
    """A hillside: what every file of this module says, at metres on the city's plane."""
    return 120.0 + 0.03 * x - 0.05 * y


def nothing(step: str) -> None:
    """Nobody watches a test's progress."""


def write_dem(
    path: Path,
    plane: Plane,
    *,
    epsg: int = 4326,
    cell_m: float = 30.0,
    half_m: float = 3000.0,
    is_point: bool = False,
    matrix: bool = False,
    dtype: str = "float32",
    no_data: float | None = None,
    keys: list[tuple[int, int]] | None = None,
    **how: Any,
) -> Path:
    """A GeoTIFF of ``slope`` around the origin of the plane, north up."""
    geographic = pyproj.CRS(epsg).is_geographic
    to = pyproj.Transformer.from_crs("EPSG:4326", epsg, always_xy=True)
    x0, y0 = to.transform(plane.origin.lon, plane.origin.lat)
    cell = cell_m / 100_000 if geographic else cell_m
    n = int(2 * half_m / cell_m)
    west, north = x0 - n / 2 * cell, y0 + n / 2 * cell
    middle = np.arange(n) + (0.0 if is_point else 0.5)
    x, y = np.meshgrid(west + middle * cell, north - middle * cell)
    lon, lat = to.transform(x, y, direction="INVERSE")
    heights = slope(*plane.to_xy(lon, lat))
    heights = (heights if "float" in dtype else np.rint(heights)).astype(dtype)
    if no_data is not None:
        heights[: n // 2] = no_data
    entries = keys or [
        (1024, 2 if geographic else 1),
        (1025, 2 if is_point else 1),
        (2048 if geographic else 3072, epsg),
    ]
    directory = [1, 1, 0, len(entries), *(v for k, value in entries for v in (k, 0, 1, value))]
    tags: list[Any] = [(34735, "H", len(directory), directory, True)]
    if matrix:
        m = [cell, 0, 0, west, 0, -cell, 0, north, 0, 0, 0, 0, 0, 0, 0, 1]
        tags.append((34264, "d", 16, m, True))
    else:
        tags.append((33550, "d", 3, (cell, cell, 0.0), True))
        tags.append((33922, "d", 6, (0.0, 0.0, 0.0, west, north, 0.0), True))
    if no_data is not None:
        tags.append((42113, "s", 0, f"{no_data:g}", True))
    tifffile.imwrite(path, heights, extratags=tags, photometric="minisblack", **how)
    return path


def ground_of(path: Path, plane: Plane) -> Ground:
    grid = plan_grid(BOX, plane)
    return make_ground(grid, sample_raster(read_geotiff(path), grid))


def assert_is_the_slope(ground: Ground, within_m: float = 0.05) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1400, 1600, 500), rng.uniform(-1200, 1300, 500)
    np.testing.assert_allclose(ground.height_at(x, y), slope(x, y), atol=within_m)


@pytest.mark.parametrize(
    "how",
    [
        {"epsg": 4326},
        {"epsg": 5186},
        {"epsg": 5179, "matrix": True},
        {"epsg": 32652, "is_point": True},
        {"epsg": 4326, "is_point": True, "cell_m": 90.0},
        {"epsg": 5186, "cell_m": 3.0},
        {"epsg": 5186, "compression": "zlib", "tile": (64, 64)},
        {"epsg": 5186, "bigtiff": True},
        {"epsg": 5186, "byteorder": ">"},
    ],
    ids=str,
)
def test_the_ground_is_as_high_as_the_file_says(
    tmp_path: Path, plane: Plane, how: dict[str, Any]
) -> None:
    ground = ground_of(write_dem(tmp_path / "dem.tif", plane, **how), plane)
    assert ground.step_m == 10
    assert ground.heights.dtype == np.float32
    assert_is_the_slope(ground)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "uint8"])
def test_whole_metres_are_read_as_well(tmp_path: Path, plane: Plane, dtype: str) -> None:
    path = write_dem(tmp_path / "dem.tif", plane, dtype=dtype, epsg=5186, half_m=1650)
    assert_is_the_slope(ground_of(path, plane), within_m=0.55)


def test_lzw_with_a_predictor_is_read(tmp_path: Path, plane: Plane) -> None:
    plain = write_dem(tmp_path / "plain.tif", plane)
    with Image.open(plain) as image:
        tags = ImageFileDirectory_v2()
        for tag in (33550, 33922, 34735):
            tags[tag] = image.tag_v2[tag]  # type: ignore[attr-defined]  # a TIFF's image has it
        tags[317] = 3
        image.save(tmp_path / "packed.tif", tiffinfo=tags, compression="tiff_lzw")
    assert_is_the_slope(ground_of(tmp_path / "packed.tif", plane))


@pytest.mark.parametrize(
    ("dtype", "no_data"), [("float32", -9999.0), ("int16", -32768), ("float32", 0.0)]
)
def test_no_data_is_no_height(tmp_path: Path, plane: Plane, dtype: str, no_data: float) -> None:
    path = write_dem(tmp_path / "dem.tif", plane, dtype=dtype, no_data=no_data)
    raster = read_geotiff(path)
    assert np.isnan(raster.heights[: len(raster.heights) // 2]).all()
    grid = plan_grid(BOX, plane)
    heights = sample_raster(raster, grid)
    assert np.isnan(heights[-1]).all()
    x = grid.x0 + 10.0 * np.arange(grid.cols)
    south = slope(x.astype(np.float64), np.full(grid.cols, grid.y0))
    np.testing.assert_allclose(heights[0].astype(np.float64), south, atol=0.55)
    filled = fill_gaps(heights)
    assert np.isfinite(filled).all()
    assert filled.min() >= np.nanmin(heights)
    assert filled.max() <= np.nanmax(heights)
    np.testing.assert_array_equal(filled[~np.isnan(heights)], heights[~np.isnan(heights)])


def test_heights_hold_between_nodes_and_end_at_the_edge() -> None:
    ground = Ground(x0=0.0, y0=0.0, step_m=10.0, heights=np.array([[0, 10], [20, 30]], np.float32))
    x, y = np.array([0.0, 5.0, 10.0, 5.0, -99.0, 99.0]), np.array([0.0, 0.0, 10.0, 5.0, 5.0, 99.0])
    assert ground.height_at(x, y).tolist() == [0.0, 5.0, 30.0, 15.0, 10.0, 30.0]
    assert float(ground.height_at(2.5, 10.0)) == 22.5


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([(1024, 1), (3072, 32767)], "EPSG"),
        ([(1024, 1)], "EPSG"),
        ([(1024, 1), (3072, 1)], "EPSG:1 "),
        ([(1024, 2), (2048, 4326), (4099, 9002)], "metres"),
    ],
)
def test_a_file_whose_place_or_unit_is_unclear_is_refused(
    tmp_path: Path, plane: Plane, keys: list[tuple[int, int]], words: str
) -> None:
    with pytest.raises(InvalidError, match=words):
        read_geotiff(write_dem(tmp_path / "dem.tif", plane, keys=keys))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a GeoTIFF"),
        (b"PNG", "not a GeoTIFF"),
        (b"II*\0\xff\xff\xff\xff", "TIFF"),
    ],
)
def test_a_file_that_is_no_tiff_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "dem.tif").write_bytes(data)
    with pytest.raises(InvalidError, match=words) as e:
        read_geotiff(tmp_path / "dem.tif")
    assert e.value.code == "city.not_what_it_claims"
    assert "dem.tif" in str(e.value)


def test_a_picture_without_a_place_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "photo.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(InvalidError, match="GeoKeys"):
        read_geotiff(tmp_path / "photo.tif")


@pytest.mark.parametrize("dtype", ["float64", "uint32", "int8"])
def test_numbers_of_another_kind_are_refused_by_name(
    tmp_path: Path, plane: Plane, dtype: str
) -> None:
    with pytest.raises(InvalidError, match=r"float32|one band"):
        read_geotiff(write_dem(tmp_path / "dem.tif", plane, dtype=dtype))


def test_a_cut_file_is_refused(tmp_path: Path, plane: Plane) -> None:
    whole = write_dem(tmp_path / "dem.tif", plane).read_bytes()
    for share in (0.02, 0.5, 0.97):
        (tmp_path / "cut.tif").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InvalidError):
            read_geotiff(tmp_path / "cut.tif")


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"bigtiff": True}], ids=str)
def test_broken_bytes_are_refused_or_read_but_never_escape(
    tmp_path: Path, plane: Plane, how: dict[str, Any]
) -> None:
    path = write_dem(tmp_path / "dem.tif", plane, epsg=5186, half_m=600, **how)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    grid = plan_grid(BOX, plane)
    rng = np.random.default_rng(3)
    outcomes = set()
    for k in range(40):
        broken = whole.copy()
        at = rng.integers(0, 700, rng.integers(1, 6))  # tags stand at one end of the file
        broken[at if k % 2 else len(broken) - 1 - at] = rng.integers(0, 256, len(at))
        path.write_bytes(broken.tobytes())
        try:
            heights = sample_raster(read_geotiff(path), grid)
        except InvalidError as e:
            outcomes.add(str(e.code))
        else:
            assert heights.shape == (grid.rows, grid.cols)
            outcomes.add("read")
    assert outcomes == {"read", "city.not_what_it_claims"}


def test_a_folder_with_heights_gives_ground_and_says_how_much(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    path = write_dem(tmp_path / "a.tif", plane)
    (tmp_path / "b.tiff.gz").write_bytes(gzip.compress(path.read_bytes()))
    _, inputs = read_folder(tmp_path, borders, plane, nothing)
    assert inputs.terrain is not None
    x = np.array([0.0, 900.0])
    np.testing.assert_allclose(inputs.terrain.height_at(x, x), slope(x, x), atol=0.05)
    assert np.isfinite(inputs.terrain.heights).all()
    first, second = inputs.report.sources
    assert (first.kind, first.kept, second.refused) == ("ground", 1, 1)
    assert first.yields > 100_000
    assert any("city's box" in w for w in inputs.report.warnings)


def test_heights_of_another_city_are_told_and_not_used(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    busan = Plane(type(plane.origin)(129.07, 35.18))
    write_dem(tmp_path / "busan.tif", busan)
    _, inputs = read_folder(tmp_path, borders, plane, nothing)
    assert inputs.terrain is None
    assert inputs.report.sources[0].refused == 1
    assert any("level" in w for w in inputs.report.warnings)
