"""Redis: GEOSEARCH for the nearest four."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from bench.measure.servers import NotHereError, find_program, program, wait_for
from bench.measure.times import IN_SERVER, SOCKET, Row, Times, time_each, times_row
from bench.sight.places import Places

from safetynet.app.ports import find_free_ports
from safetynet.base.geo import Floats, LonLat
from safetynet.city.model import City

KEY = "cameras"
BLOCK = 2000
RADIUS_M = 500
"""Redis must be told how far to look; ours looks as far."""
OFF_M, OFF_SHARE = 1.0, 0.005
"""Redis rounds positions to half a metre and measures on a sphere."""


@contextmanager
def open_redis(city: City) -> Iterator["Redis"]:
    """A server with every camera, without persistence; raises ``NotHereError``."""
    try:
        import redis
    except ImportError as error:
        raise NotHereError("no redis-py: make bench-sight installs it") from error
    server = find_program("redis-server")
    (port,) = find_free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder)
        with program(server, "--port", str(port), *options), redis.Redis(port=port) as client:

            def ping() -> bool | None:
                try:
                    return bool(client.ping())
                except redis.ConnectionError:
                    return None

            wait_for(ping)
            yield Redis(client, city)


class Redis:
    """A connected server that holds the cameras."""

    def __init__(self, client: Any, city: City) -> None:
        self._client = client
        lon, lat = city.plane.to_lonlat(city.cameras.x, city.cameras.y)
        rows = list(zip(lon.tolist(), lat.tolist(), range(len(lon)), strict=True))
        for first in range(0, len(rows), BLOCK):
            client.geoadd(KEY, [value for row in rows[first : first + BLOCK] for value in row])
        self.version = f"Redis {client.info('server')['redis_version']}"

    def measure(self, places: Places, nearest_m: Floats, warm_up: int) -> dict[str, Row]:
        """Over a socket, and what the server says of the command alone."""
        self._check(places, nearest_m)
        times = time_each(self._ask, places.lonlat, warm_up)
        return {
            "redis_geosearch4_in_server": times_row(
                Times(self._log(places), []), IN_SERVER, "its SLOWLOG"
            ),
            "redis_geosearch4": times_row(times, SOCKET),
        }

    def _ask(self, at: LonLat, **more: bool) -> list[Any]:
        found: list[Any] = self._client.geosearch(
            KEY,
            longitude=at.lon,
            latitude=at.lat,
            radius=RADIUS_M,
            unit="m",
            sort="ASC",
            count=4,
            **more,
        )
        return found

    def _log(self, places: Places) -> list[float]:
        self._client.config_set("slowlog-max-len", len(places))
        self._client.config_set("slowlog-log-slower-than", 0)
        for at in places.lonlat:
            self._ask(at)
        self._client.config_set("slowlog-log-slower-than", -1)
        log = self._client.slowlog_get(len(places))
        return [e["duration"] / 1000 for e in log if e["command"].startswith(b"GEOSEARCH")]

    def _check(self, places: Places, nearest_m: Floats) -> None:
        for at, exact in zip(places.lonlat, nearest_m, strict=True):
            found = [away for _, away in self._ask(at, withdist=True)]
            wanted = exact[exact < RADIUS_M - OFF_M]
            if not np.allclose(found[: len(wanted)], wanted, rtol=OFF_SHARE, atol=OFF_M):
                raise AssertionError(f"Redis answers {found}, exact is {exact}")
