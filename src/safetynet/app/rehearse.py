"""``safetynet rehearse``: the whole path, staged, watched and judged."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from safetynet.app.demo import default_data, find_bundle, say, unless_ended, warm_sight
from safetynet.app.embedded import EmbeddedCity
from safetynet.app.orphan import wait_for_end
from safetynet.base.clock import SystemClock
from safetynet.base.errors import InvalidError
from safetynet.base.log import configure_logging
from safetynet.city.bundle import load_city

if TYPE_CHECKING:
    from safetynet.sim.rehearsal.score import Trial

JOIN_EVERY_S = 0.2
"""A rehearsal needs all districts; nobody watches them join."""


def run_rehearsal(
    *,
    city: Path | None,
    data: Path | None,
    scale: float,
    incidents: int,
    seed: int,
    json_file: Path | None,
    hub: str | None,
    sim: str | None,
) -> int:
    """Print the table; 0 where every report was accepted and nothing failed, else 1."""
    configure_logging(node="rehearse", level="warning")
    if incidents < 1:
        raise InvalidError("rehearse.incidents", "at least one incident", incidents=incidents)
    if (hub is None) != (sim is None):
        raise InvalidError("rehearse.running", "--hub and --sim go together")
    where = data or default_data().with_name("rehearsal")
    return asyncio.run(_rehearse(city, where, scale, incidents, seed, json_file, hub, sim))


async def _rehearse(
    city: Path | None,
    data: Path,
    scale: float,
    incidents: int,
    seed: int,
    json_file: Path | None,
    hub: str | None,
    sim: str | None,
) -> int:
    ending = asyncio.create_task(wait_for_end())
    bundle = await unless_ended(ending, find_bundle(city, data, scale))
    if bundle is None:
        return 130
    if hub is not None and sim is not None:
        code = await unless_ended(ending, _judge(bundle, hub, sim, incidents, seed, json_file))
        return 130 if code is None else code
    embedded = EmbeddedCity(bundle, data, http_port=0, ucp_port=0, join_every_s=JOIN_EVERY_S)
    try:
        await unless_ended(ending, warm_sight())
        say("rehearse: starting the embedded city")
        await unless_ended(ending, embedded.start())
        say("rehearse: waiting for all districts")
        await unless_ended(ending, embedded.wait_joined())
        a = embedded.addresses
        code = await unless_ended(
            ending, _judge(bundle, a.hub_url, a.sim_url, incidents, seed, json_file)
        )
    finally:
        await embedded.stop()
    return 130 if code is None else code


async def _judge(
    bundle: Path, hub: str, sim: str, incidents: int, seed: int, json_file: Path | None
) -> int:
    from safetynet.sim.rehearsal.run import rehearse
    from safetynet.sim.rehearsal.score import figures_json, render_table

    done = 0

    def count(trial: "Trial") -> None:
        nonlocal done
        done += 1
        say(f"rehearse: {done}/{incidents} {trial.summary}")

    result = await rehearse(
        hub,
        sim,
        await asyncio.to_thread(load_city, bundle),
        incidents=incidents,
        seed=seed,
        clock=SystemClock(),
        on_trial=count,
    )
    print(render_table(result))
    if json_file is not None:
        await asyncio.to_thread(json_file.write_bytes, figures_json(result))
    clean = result.score.errors == 0 and result.score.accepted == incidents
    return 0 if clean else 1
