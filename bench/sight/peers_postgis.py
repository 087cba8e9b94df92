"""PostGIS: the nearest four, and the nearest twenty without those behind a footprint."""

import os
import pwd
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from bench.measure.servers import NotHereError, find_program, lesser_user, program, wait_for
from bench.measure.times import IN_SERVER, SOCKET, Row, Times, time_each, times_row
from bench.sight.places import Places

from safetynet.app.ports import find_free_ports
from safetynet.base.geo import Floats
from safetynet.city.model import Buildings, City

KEPT = "usr/lib/postgresql/*/bin/"
TUNED = {
    "autovacuum": "off",
    "fsync": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",  # plans once, not at each question
    "random_page_cost": "1.1",
    "shared_buffers": "512MB",  # all of it fits
}
TABLES = """
CREATE EXTENSION postgis;
CREATE TABLE camera (id int, geom geometry(Point));
CREATE TABLE building (geom geometry(Polygon))"""
INDEXES = """
CREATE INDEX ON camera USING gist (geom);
CREATE INDEX ON building USING gist (geom);
ANALYZE"""
NEAREST = """
SELECT id, geom <-> ST_MakePoint({x}, {y}) AS away_m
FROM camera ORDER BY geom <-> ST_MakePoint({x}, {y}) LIMIT 4"""
SIGHT = """
SELECT id, away_m FROM (
    SELECT id, geom, geom <-> ST_MakePoint({x}, {y}) AS away_m
    FROM camera ORDER BY geom <-> ST_MakePoint({x}, {y}) LIMIT 20
) near WHERE NOT EXISTS (
    SELECT FROM building
    WHERE ST_Intersects(building.geom, ST_MakeLine(near.geom, ST_MakePoint({x}, {y})))
) ORDER BY away_m"""
QUESTIONS = {"postgis_nearest4": NEAREST, "postgis_sight20": SIGHT}
LOOP = """
CREATE FUNCTION time_{name}(xs float8[], ys float8[]) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    found int[];
BEGIN
    FOR i IN 1..array_length(xs, 1) LOOP
        began := clock_timestamp();
        SELECT array_agg(id) INTO found FROM ({question}) asked;
        RETURN NEXT 1000 * extract(epoch FROM clock_timestamp() - began);
    END LOOP;
END $$"""
CHECKED = 20


@contextmanager
def open_postgis(city: City) -> Iterator["PostGis"]:
    """A server of its own with every camera and footprint; raises ``NotHereError``."""
    initdb, postgres = (find_program(name, KEPT + name) for name in ("initdb", "postgres"))
    user, (port,) = lesser_user(), find_free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = Path(folder) / "data"
        # Open to this machine for minutes, with synthetic data alone: no password.
        with program(initdb, "-D", data, "-A", "trust", "-U", "bench", user=user) as made:
            made.wait()
        tuned = [word for name, value in TUNED.items() for word in ("-c", f"{name}={value}")]
        own = ("-h", "127.0.0.1", "-p", str(port), "-k", "")
        with program(postgres, "-D", data, *own, *tuned, user=user):

            def connect() -> Any:
                try:
                    return psycopg.connect(
                        host="127.0.0.1",
                        port=port,
                        user="bench",
                        dbname="postgres",
                        autocommit=True,
                    )
                except psycopg.OperationalError:
                    return None

            with wait_for(connect) as client:
                yield PostGis(client, city)


class PostGis:
    """A connected server that holds the cameras and the footprints."""

    def __init__(self, client: Any, city: City) -> None:
        self._client, self._xy = client, np.column_stack([city.cameras.x, city.cameras.y])
        self._footprints = footprints(city.buildings)
        try:
            client.execute(TABLES)
        except psycopg.Error as error:
            raise NotHereError("no PostGIS (Debian: apt-get install postgresql-postgis)") from error
        cameras = _words(shapely.points(self._xy))
        self._copy("camera (id, geom)", enumerate(cameras))
        self._copy("building (geom)", ((word,) for word in _words(self._footprints)))
        client.execute(INDEXES)
        for name, question in QUESTIONS.items():
            client.execute(LOOP.format(name=name, question=question.format(x="xs[i]", y="ys[i]")))
        (server,) = client.execute("SHOW server_version").fetchone()
        (postgis,) = client.execute("SELECT postgis_lib_version()").fetchone()
        self.version = f"PostgreSQL {server.split()[0]}, PostGIS {postgis}"

    def measure(self, places: Places, nearest_m: Floats, warm_up: int) -> dict[str, Row]:
        """Each question over a socket, and in a loop within the server."""
        rows = {}
        for name, question in QUESTIONS.items():
            prepared = question.format(x="%(x)s", y="%(y)s")

            def ask(at: tuple[float, float], prepared: str = prepared) -> Any:
                words = {"x": at[0], "y": at[1]}
                return self._client.execute(prepared, words, prepare=True, binary=True).fetchall()

            found = [[away_m for _, away_m in ask(at)] for at in places.xy]
            exact = nearest_m if question is NEAREST else self._in_sight_m(places)
            if not all(map(np.allclose, found, exact)):
                raise AssertionError(f"PostGIS answers wrongly: {name}")
            xs, ys = (list(column) for column in zip(*places.xy, strict=True))
            inside = f"SELECT time_{name}(%s, %s)"
            self._client.execute(inside, (xs[:warm_up], ys[:warm_up]))
            times = [float(t) for (t,) in self._client.execute(inside, (xs, ys)).fetchall()]
            rows[f"{name}_in_server"] = times_row(
                Times(times, []), IN_SERVER, "PL/pgSQL's clock_timestamp()"
            )
            rows[name] = times_row(time_each(ask, places.xy, warm_up), SOCKET)
        return rows

    def _in_sight_m(self, places: Places) -> list[list[float]]:
        """The same answer for the first few places, without PostGIS."""
        tree = shapely.STRtree(self._footprints)
        answers = []
        for x, y in places.xy[:CHECKED]:
            away_m = np.hypot(self._xy[:, 0] - x, self._xy[:, 1] - y)
            near = np.argsort(away_m, kind="stable")[:20]
            lines = [shapely.LineString([self._xy[row], (x, y)]) for row in near]
            hidden = np.unique(tree.query(lines, predicate="intersects")[0])
            answers.append(np.delete(away_m[near], hidden).tolist())
        return answers

    def _copy(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._client.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def footprints(buildings: Buildings) -> Any:
    """The buildings as an array of polygons."""
    xy, offset = buildings.ring.xy, buildings.ring.offset.astype(np.int64)
    closed = np.insert(xy, offset[1:], xy[offset[:-1]], axis=0)  # each ring ends where it began
    ends = offset + np.arange(len(offset))
    polygons = (ends, np.arange(len(offset)))
    return shapely.from_ragged_array(shapely.GeometryType.POLYGON, closed, polygons)


def _words(shapes: Any) -> list[str]:
    words: list[str] = shapely.to_wkb(shapes, hex=True).tolist()
    return words
