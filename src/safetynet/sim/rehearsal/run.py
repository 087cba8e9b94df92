"""A rehearsal: stage, watch, judge, close, next."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import msgspec
import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.city.model import City
from safetynet.sim.judge import Judge
from safetynet.sim.rehearsal.nearest import find_camera, turn, watch_stream
from safetynet.sim.rehearsal.responder import Followed, Responder, open_responder
from safetynet.sim.rehearsal.scenario import Planned, plan_incidents
from safetynet.sim.rehearsal.score import LIMIT_S, VIEWS, Result, Trial, score_trials
from safetynet.sim.world import Thing

log = structlog.get_logger()
_SPARE_S = 0.5
"""Watched longer than the limit by this, so that a late view is told from a dead one."""
_HEAR_S = 10.0


class _Staged(msgspec.Struct, frozen=True):
    id: str
    signature: int
    sender: str
    key: str
    reported: bool = True
    text: str = ""


async def rehearse(
    hub_url: str,
    sim_control_url: str,
    city: City,
    *,
    incidents: int,
    seed: int,
    clock: Clock,
    ucp_address: str | None = None,
    at_once: int = 1,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Result:
    """Stage ``incidents`` incidents by seed and judge what a responder sees of each.

    ``at_once`` (1 or 2) incidents run beside each other. Where ``ucp_address`` (``host:port``) is given,
    the simulation's callers are first told to report to this hub. Raises ``UnavailableError`` where the hub
    does not answer; anything that goes wrong with one incident is counted in its trial.
    """
    judge = Judge(city)
    room = asyncio.Semaphore(min(max(at_once, 1), 2))
    planned = plan_incidents(city, incidents, seed)
    timeout = httpx.Timeout(_HEAR_S + 30)
    async with (
        httpx.AsyncClient(trust_env=False, timeout=timeout) as http,
        open_responder(hub_url, clock) as responder,
    ):
        if ucp_address is not None:
            await _introduce(http, sim_control_url, hub_url, ucp_address)
        stage = _Stage(http, sim_control_url.rstrip("/"), city, judge, responder, clock)

        async def one(plan: Planned) -> Trial:
            async with room:
                trial = await stage.run(plan)
                on_trial(trial)
                return trial

        trials = await asyncio.gather(*(one(plan) for plan in planned))
    return Result(city=city.name, seed=seed, score=score_trials(trials, seed), trials=tuple(trials))


async def _introduce(
    http: httpx.AsyncClient, control_url: str, hub_url: str, ucp_address: str
) -> None:
    hub = {"http_report_url": f"{hub_url.rstrip('/')}/api/reports", "ucp": ucp_address}
    try:
        answer = await http.put(f"{control_url.rstrip('/')}/hub", json=hub)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError("sim.unreachable", "the simulation does not answer") from error


class _Stage:
    """Where one incident after the other is tried."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        control_url: str,
        city: City,
        judge: Judge,
        responder: Responder,
        clock: Clock,
    ) -> None:
        self._http = http
        self._control_url = control_url
        self._city = city
        self._judge = judge
        self._responder = responder
        self._clock = clock

    async def run(self, plan: Planned) -> Trial:
        """Stage one incident, watch ours, then the nearest, then search; and end it."""
        order = {"kind": plan.kind, "lon": plan.lon, "lat": plan.lat, "via": plan.via}
        try:
            answer = await self._http.post(f"{self._control_url}/stage", json=order)
            answer.raise_for_status()
            staged = msgspec.json.decode(answer.content, type=_Staged)
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            return Trial(planned=plan, accepted=False, errors=(f"stage: {_say(error)}",))
        try:
            return await self._measure(plan, staged)
        finally:
            await self._end(staged)

    async def _measure(self, plan: Planned, staged: _Staged) -> Trial:
        if not staged.reported:
            return Trial(planned=plan, accepted=False, errors=(f"report: {staged.text}",))
        errors: list[str] = []
        ours: tuple[float | None, ...] = ()
        still: float | None = None
        try:
            async with asyncio.timeout(_HEAR_S):
                followed = await self._responder.find(staged.sender, staged.key)
            ours, still = await self._ours(followed, staged, errors)
        except TimeoutError:
            errors.append("live: the hub never told of the incident")
        nearest = await self._nearest(plan, staged, errors)
        best = await asyncio.to_thread(self._judge.visible_views, self._thing(plan, staged))
        return Trial(
            planned=plan,
            accepted=True,
            ours_s=ours,
            nearest_s=nearest,
            best=tuple(shown.camera for shown in best),
            still_s=still,
            errors=tuple(errors),
        )

    async def _ours(
        self, followed: Followed, staged: _Staged, errors: list[str]
    ) -> tuple[tuple[float | None, ...], float | None]:
        followed.signature.set_result(staged.signature)
        end = followed.received_at + timedelta(seconds=LIMIT_S + _SPARE_S)
        while (left_s := (end - self._clock.now()).total_seconds()) > 0:
            if len(followed.views) >= VIEWS and all(
                v.eyes_at and v.still_at for v in followed.views.values()
            ):
                break
            followed.changed.clear()
            try:
                async with asyncio.timeout(left_s):
                    await followed.changed.wait()
            except TimeoutError:
                break
        followed.end()
        views = sorted(followed.views.values(), key=lambda v: v.rank)
        errors += [f"view: {v.error}" for v in views if v.error]

        def since(at: datetime | None) -> float | None:
            return None if at is None else (at - followed.received_at).total_seconds()

        stills = [s for v in views if (s := since(v.still_at)) is not None]
        by_rank = {v.rank: since(v.eyes_at) for v in views}
        ranks = range(1, max(by_rank, default=0) + 1)
        return tuple(by_rank.get(rank) for rank in ranks), min(stills, default=None)

    async def _nearest(
        self, plan: Planned, staged: _Staged, errors: list[str]
    ) -> tuple[float | None, ...]:
        start = self._clock.now()

        async def one(rank: int) -> float | None:
            camera, pose = chosen[rank]
            try:
                sim = await find_camera(self._http, self._control_url, camera)
                if sim.ptz:
                    row = self._city.cameras.id.index(camera)
                    home = float(self._city.cameras.azimuth_deg[row])
                    await turn(self._http, sim, home, float(self._city.cameras.hfov_deg[row]), pose)
            except httpx.HTTPError as error:
                errors.append(f"nearest: {_say(error)}")
                return None
            seen = await watch_stream(sim.rtsp, staged.signature, self._clock, LIMIT_S)
            return None if seen is None else (seen - start).total_seconds()

        chosen = self._judge.nearest_views(plan.kind, plan.x, plan.y, VIEWS)
        return tuple(await asyncio.gather(*(one(rank) for rank in range(len(chosen)))))

    def _thing(self, plan: Planned, staged: _Staged) -> Thing:
        return Thing(
            id=staged.id,
            kind=plan.kind,
            x=plan.x,
            y=plan.y,
            signature=staged.signature,
            since=self._clock.now(),
        )

    async def _end(self, staged: _Staged) -> None:
        try:
            await self._http.delete(f"{self._control_url}/stage/{staged.id}")
        except httpx.HTTPError as error:
            log.warning("rehearsal.not_ended", staged=staged.id, reason=_say(error))


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
