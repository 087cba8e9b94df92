"""The examples of the guides, run against a real hub: what they print is what the guide says."""

import asyncio
import os
import re
import shutil
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from safetynet.app.cli import main
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.app.settings import HubSettings, save_settings
from safetynet.base.clock import SystemClock
from safetynet.city.bundle import TILES, Manifest, write_city
from safetynet.city.draw import draw_tiles
from safetynet.city.synth import small_city
from tests.docs.pages import ROOT, Fence, list_fences
from tests.postgres import USER, running_server
from tests.support import eventually

GUIDES = ROOT / "docs" / "guide"
RUN_WITHIN_S = 60.0
RUNNABLE = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    http: int
    ucp: int
    data: Path


@asynccontextmanager
async def running_hub(folder: Path, **stores: str) -> AsyncIterator[Hub]:
    """A hub with its NATS server, as ``docs/guide/operate.md`` sets it up; ``stores`` as settings."""
    nats, leaf, http, ucp = find_free_ports(4)
    bundle = folder / "bundle"
    manifest = Manifest(
        name="small",
        title_ko="작은 도시",
        title_en="Small city",
        built_at=SystemClock().now(),
        seed=7,
        scale=1.0,
        sources=(),
    )
    city = write_city(small_city(), bundle, manifest)
    draw_tiles(city, bundle / TILES, lambda _: None)
    make_servers(folder, nats, leaf)
    settings = HubSettings(
        bundle=str(bundle),
        data=str(folder / "hub"),
        nats_url=f"tls://127.0.0.1:{nats}",
        keys=str(folder / "keys"),
        http_port=http,
        ucp_port=ucp,
    )
    save_settings(folder / "hub.json", msgspec.structs.replace(settings, **stores))
    command = [sys.executable, "-m", "safetynet.app.cli", "hub", "--config"]
    async with (
        _program(find_nats_server(), "--config", str(folder / "nats.conf")),
        _open(nats),
        _program(*command, str(folder / "hub.json")),
        _serving(http),
    ):
        yield Hub(http=http, ucp=ucp, data=folder / "hub")


def make_servers(folder: Path, clients: int, leafs: int) -> None:
    """Keys and the server's configuration, by the commands of the guide."""
    city, keys, conf = (str(folder / name) for name in ("city", "keys", "nats.conf"))
    listen = [f"--clients=127.0.0.1:{clients}", f"--leafs=127.0.0.1:{leafs}"]
    for command in (
        ["keys", "city", city],
        ["keys", "node", city, keys, "hub", "--host", "10.0.0.1"],
        ["nats", "hub", keys, "--city", city, *listen, "-o", conf],
    ):
        assert main(command) == 0


@asynccontextmanager
async def _program(*command: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)


@asynccontextmanager
async def _open(port: int) -> AsyncIterator[None]:
    async def look() -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True

    await eventually(look)
    yield


@asynccontextmanager
async def _serving(port: int) -> AsyncIterator[None]:
    def ask() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/settings", timeout=5) as answer:
            return bool(answer.status == 200)

    async def look() -> bool:
        return await asyncio.to_thread(ask)

    await eventually(look)
    yield


def examples(page: str) -> list[tuple[Fence, str | None]]:
    """Runnable blocks of a guide, each with the output that stands right after it."""
    fences = list_fences(GUIDES / page)
    after = [*fences[1:], Fence("", "")]
    return [
        (fence, following.text if following.language == "text" else None)
        for fence, following in zip(fences, after, strict=True)
        if fence.language in RUNNABLE
    ]


async def run_example(fence: Fence, environment: dict[str, str]) -> str:
    """Run one block in the repository; fails where it does."""
    text = fence.text.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    process = await asyncio.create_subprocess_exec(
        *RUNNABLE[fence.language],
        text,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_WITHIN_S):
        out, errors = await process.communicate()
    assert process.returncode == 0, f"{text}\n{errors.decode()}"
    return out.decode()


def fits(told: str, printed: str) -> bool:
    """True where the text has what the guide shows; ``…`` stands for anything."""
    words = " ".join(told.split())
    pattern = ".*".join(re.escape(part.strip()) for part in words.split("…"))
    return re.search(pattern, " ".join(printed.split())) is not None


def test_fitting_knows_what_is_missing() -> None:
    assert fits("0OK … ;", "0OK     ;\n")
    assert not fits("0OK … ;", "1busy     ;\n")


@pytest.mark.slow
async def test_the_examples_of_integrating(tmp_path: Path) -> None:
    if shutil.which("curl") is None and os.environ.get("CI") != "true":
        pytest.skip("needs curl, which is not here")
    async with running_hub(tmp_path) as hub:
        for fence, told in examples("integrate.md"):
            text = fence.text.replace("8619", str(hub.ucp)).replace("8600", str(hub.http))
            printed = await run_example(Fence(fence.language, text), {})
            assert told is not None, f"the guide shows no output of: {text}"
            assert fits(told, printed), printed


@pytest.mark.slow
async def test_the_examples_of_operating_and_recovering(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        report = next(f for f, _ in examples("integrate.md") if f.language == "python")
        await run_example(Fence("python", report.text.replace("8619", str(hub.ucp))), {})
    environment = {
        "DATA": str(hub.data),
        "BACKUP": str(tmp_path / "backup"),
        "KEYS": str(tmp_path / "etc"),
    }
    for fence, told in [*examples("operate.md"), *examples("recover.md")]:
        printed = await run_example(fence, environment)
        assert fits(told or "", printed), printed
    checked = await run_example(Fence("sh", '.venv/bin/safetynet check "$DATA"'), environment)
    assert "holds" in checked
    assert (tmp_path / "backup" / "keys.sqlite").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.postgres
async def test_the_examples_of_running_on_postgres(tmp_path: Path, postgres_bin: Path) -> None:
    with running_server(postgres_bin) as server:
        environment = {
            "PATH": f"{postgres_bin}:{os.environ['PATH']}",
            "PGHOST": str(server.folder),
            "PGUSER": USER,
            "URL": f"postgresql://safetynet@/hub?host={server.folder}",
            "BACKUP": str(tmp_path / "backup"),
        }
        (first, _), *rest = examples("postgres.md")
        await run_example(first, environment)
        keys = f"postgresql://safetynet@/hub_keys?host={server.folder}"
        async with running_hub(tmp_path, store_url=environment["URL"], keys_url=keys) as hub:
            report = next(f for f, _ in examples("integrate.md") if f.language == "python")
            report = Fence("python", report.text.replace("8619", str(hub.ucp)))
            assert "0OK" in await run_example(report, {})
            server.stop(signal.SIGKILL)
            assert "0OK" not in await run_example(report, {})
            server.start()
            assert "0OK" in await run_example(report, {})  # the hub is still the same process
            for fence, told in rest:
                printed = await run_example(fence, environment)
                assert fits(told or "", printed), printed
        assert not list(hub.data.rglob("*.sqlite"))
        restored = {"URL": environment["URL"].replace("/hub?", "/hub_restored?")}
        checked = await run_example(Fence("sh", '.venv/bin/safetynet check "$URL"'), restored)
        assert "holds" in checked
