"""The command line. Each command loads only what it needs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from safetynet import __version__
from safetynet.app.wire_arguments import add_keys, add_nats
from safetynet.base.errors import ErrorKind, SafetyNetError
from safetynet.base.lean import without

EXIT = {ErrorKind.INVALID: 2, ErrorKind.NOT_FOUND: 2}
UNUSED = ("aiohttp", "rich")
"""Optional extras of nats-py (a WebSocket transport) and structlog (colours): processes start without."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 where it failed, 2 where it was asked wrongly."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except SafetyNetError as error:
        print(f"safetynet: {error} [{error.code}]", file=sys.stderr)
        return EXIT.get(error.kind, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read, like ``head``, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="safetynet",
        description="Smart City Safety Net (스마트도시 안전망): an emergency call comes in, and within "
        "a second the right people see the scene, with a record nobody can quietly change.",
    )
    parser.add_argument("--version", action="version", version=f"safetynet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        _add_demo,
        _add_rehearse,
        _add_see,
        _add_city,
        _add_check,
        _add_ledger,
        _add_destroy,
        _add_mending,
        _add_replay,
        _add_nodes,
        add_keys,
        add_nats,
        _add_openapi,
    ):
        add(commands)
    return parser


type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="run the whole embedded city and its console on this machine",
        description="Builds a city at the first start, then runs hub, 25 districts and the simulation. "
        "Prints the console's address when it serves. Ctrl-C ends everything.",
    )
    _add_place(demo)
    demo.add_argument("--port", type=int, default=8600, help="console's port (default 8600)")
    demo.add_argument("--ucp-port", type=int, default=8619, help="TCP frames' port (default 8619)")
    demo.add_argument("--at", metavar="TIME", help="the simulation's time, ISO 8601 (default: now)")
    demo.set_defaults(run=_demo)


def _add_rehearse(commands: Commands) -> None:
    rehearse = commands.add_parser(
        "rehearse",
        help="stage incidents in the living city and judge what responders get to see",
        description="Starts the embedded city, or uses a running one (--hub, --sim), stages incidents "
        "through the TCP frame and HTTP, decodes the video as a responder would, and judges it.",
    )
    _add_place(rehearse)
    rehearse.add_argument("--incidents", type=int, default=40, metavar="N", help="how many")
    rehearse.add_argument("--seed", type=int, default=7, metavar="S", help="of places and kinds")
    rehearse.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    rehearse.add_argument("--hub", metavar="URL", help="hub of a running city")
    rehearse.add_argument("--sim", metavar="URL", help="simulation's control of a running city")
    rehearse.set_defaults(run=_rehearse)


def _add_see(commands: Commands) -> None:
    see = commands.add_parser(
        "see",
        help="which cameras show a place, and why the others do not",
        description="Chooses views of a place as a hub would, opens nothing, and explains itself.",
    )
    see.add_argument(
        "lon", type=float, metavar="LON", nargs="?", help="degrees; longitude comes first"
    )
    see.add_argument("lat", type=float, metavar="LAT", nargs="?")
    see.add_argument(
        "--address", metavar="RANGE", help="instead: road-name addresses, like '충정로 10~36'"
    )
    see.add_argument("--speed", type=float, metavar="MPS", help="it moves, metres per second")
    see.add_argument("--heading", type=float, metavar="DEG", help="compass, of what moves")
    see.add_argument("--ahead", type=float, metavar="S", help="how far ahead to cover (default 20)")
    see.add_argument(
        "--error",
        type=float,
        default=0.0,
        metavar="M",
        help="radius that holds the place with 95 %%",
    )
    see.add_argument(
        "--target", choices=("person", "vehicle", "crowd", "fire"), default="person", help="default: person"
    )  # fmt: skip
    see.add_argument(
        "--quality",
        type=float,
        default=20.0,
        metavar="PX",
        help="pixels per metre asked (default 20)",
    )
    see.add_argument("--night", action="store_true", help="by night")
    see.add_argument("--count", type=int, default=4, metavar="N", help="views at most (default 4)")
    see.add_argument("--why", action="store_true", help="also the cameras passed over, and why")
    see.add_argument(
        "--real", action="store_true", help="a direction that was only assumed counts as unknown"
    )
    see.add_argument("--png", type=Path, metavar="FILE", help="draw the place and its views")
    _add_place(see)
    see.set_defaults(run=_see)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--city", type=Path, metavar="BUNDLE", help="a city bundle (default: a synthetic Seoul)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="where state lives (default: a state folder)"
    )
    parser.add_argument("--scale", type=float, default=0.1, help="of the city built (default 0.1)")


def _add_city(commands: Commands) -> None:
    city = commands.add_parser("city", help="build and describe city bundles")
    verbs = city.add_subparsers(title="verbs", required=True, metavar="VERB")
    build = verbs.add_parser(
        "build", help="build a bundle from open data, synthesising what is missing"
    )
    build.add_argument("name", metavar="NAME", help="seoul")
    build.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="open data")
    build.add_argument("-o", "--out", type=Path, required=True, metavar="BUNDLE")
    build.add_argument(
        "--cameras", type=int, metavar="N", help="total (default: the official 77,032)"
    )
    build.add_argument("--scale", type=float, default=1.0, metavar="S", help="share of the cameras")
    build.add_argument("--seed", type=int, default=1, metavar="N")
    build.set_defaults(run=_city_build)
    describe = verbs.add_parser("describe", help="what is inside, and how much of it is seen")
    describe.add_argument("bundle", type=Path, metavar="BUNDLE")
    describe.set_defaults(run=_city_describe)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help="verify the journals in node stores or exported files",
        description="Verifies every chain in the stores below a folder (or in one store, one file "
        "of entries, one a line, or one database) and that the folded state agrees. Exit status 1 "
        "where one is broken.",
    )
    check.add_argument(
        "place", metavar="PLACE", nargs="?", help="path or URL; default: the demo's state"
    )
    check.add_argument(
        "--all",
        action="store_true",
        help="PLACE is the hub's settings file: also ask every district, whether both ends agree",
    )
    check.set_defaults(run=_check)


def _add_ledger(commands: Commands) -> None:
    ledger = commands.add_parser(
        "ledger",
        help="print the ledger of personal video information (개인영상정보 관리대장)",
        description="Prints one line for each right to see that was given: what, for whom, why, by "
        "which law and until when; tab-separated. Its lines are the journal's own.",
    )
    ledger.add_argument(
        "store", metavar="STORE", nargs="?", help="a node's node.sqlite, or its store's URL"
    )
    ledger.add_argument("--limit", type=int, default=1000, metavar="N")
    ledger.set_defaults(run=_ledger)


def _add_destroy(commands: Commands) -> None:
    destroy = commands.add_parser(
        "destroy",
        help="destroy the sealed words of an incident that is over, for good",
        description="Has the running hub destroy the key of an incident's sealed words and raw reports, "
        "and prints what was destroyed. The journal keeps that and why it was done; nothing brings the "
        "words back, no backup either.",
    )
    destroy.add_argument("subject", metavar="INCIDENT", help="inc_…; or rep_… of an unread message")
    destroy.add_argument(
        "--because",
        required=True,
        choices=("retention_ended", "purpose_served", "subject_request", "person_found"),
    )
    destroy.add_argument(
        "--by", default="control", metavar="OFFICE", help="who decided; never a person's name"
    )
    destroy.add_argument("--hub", default="http://127.0.0.1:8600", metavar="URL")
    destroy.set_defaults(run=_destroy)


def _add_mending(commands: Commands) -> None:
    rebuild = commands.add_parser(
        "rebuild",
        help="fold the journals of stopped nodes again",
        description="Drops the rows that are folded from journals and makes them anew, from the newest "
        "snapshot that holds. Refused while a node runs on the store.",
    )
    _add_journals(rebuild)
    rebuild.add_argument(
        "--from-the-start", action="store_true", help="begin with entry 1, use no snapshot"
    )
    rebuild.set_defaults(run=_rebuild)
    snapshot = commands.add_parser(
        "snapshot",
        help="keep the folded rows as they are, to shorten a later rebuild",
        description="Nodes make snapshots by themselves; this makes one now. The node may run.",
    )
    _add_journals(snapshot)
    snapshot.set_defaults(run=_snapshot)
    reinstate = commands.add_parser(
        "reinstate",
        help="take a node's journal again whose chain was refused",
        description="An operator's decision about a copy in the store of a stopped node, the hub's as a "
        "rule. With --after the copy's later entries are moved to a file beside the store.",
    )
    reinstate.add_argument("place", metavar="STORE", help="a folder or a database's URL")
    reinstate.add_argument("node", metavar="NODE")
    reinstate.add_argument("--after", type=int, metavar="SEQ", help="the last entry both agree on")
    reinstate.set_defaults(run=_reinstate)


def _add_journals(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", metavar="STORE", nargs="?", help="a folder, a node.sqlite or a database's URL"
    )
    parser.add_argument("nodes", metavar="NODE", nargs="*", help="default: every journal in it")


def _add_replay(commands: Commands) -> None:
    replay = commands.add_parser(
        "replay",
        help="ask recorded decisions again, and say whether the answer is the same",
        description="Reads choices of views from a hub's store, asks each again in its own moment, and "
        "compares views, order, aims and reasons. Exit status 1 where one differs, or cannot be asked.",
    )
    replay.add_argument(
        "place", metavar="DATA", nargs="?", help="a hub's folder, store or URL; default: the demo's"
    )
    replay.add_argument("incident", metavar="INCIDENT", nargs="?", help="only this one's decisions")
    replay.add_argument("--city", type=Path, metavar="BUNDLE", help="the bundle that the hub used")
    replay.set_defaults(run=_replay)


def _add_nodes(commands: Commands) -> None:
    for name, help_ in (("hub", "run a hub"), ("district", "run one or several district nodes")):
        node = commands.add_parser(name, help=help_)
        node.add_argument("--config", type=Path, required=True, metavar="FILE", help="JSON or TOML")
        node.set_defaults(run=_hub if name == "hub" else _district)


def _add_openapi(commands: Commands) -> None:
    openapi = commands.add_parser("openapi", help="print the hub's OpenAPI document")
    openapi.set_defaults(run=_openapi)


def _demo(a: argparse.Namespace) -> int:
    with without(*UNUSED):
        from safetynet.app.demo import run_demo

    return run_demo(
        city=a.city, data=a.data, scale=a.scale, port=a.port, ucp_port=a.ucp_port, at=a.at
    )


def _rehearse(a: argparse.Namespace) -> int:
    from safetynet.app.rehearse import run_rehearsal

    return run_rehearsal(
        city=a.city,
        data=a.data,
        scale=a.scale,
        incidents=a.incidents,
        seed=a.seed,
        json_file=a.json,
        hub=a.hub,
        sim=a.sim,
    )


def _see(a: argparse.Namespace) -> int:
    from safetynet.app.see.command import run_see
    from safetynet.app.see.where import Asked
    from safetynet.base.geo import LonLat
    from safetynet.sight.model import TargetKind

    return run_see(
        place=Asked(
            at=None if a.lon is None or a.lat is None else LonLat(a.lon, a.lat),
            error_m=a.error,
            address=a.address,
            speed_mps=a.speed,
            heading_deg=a.heading,
            ahead_s=a.ahead,
        ),
        target=TargetKind(a.target),
        quality=a.quality,
        night=a.night,
        count=a.count,
        why=a.why,
        real=a.real,
        png=a.png,
        city=a.city,
        data=a.data,
        scale=a.scale,
    )


def _city_build(a: argparse.Namespace) -> int:
    from safetynet.app.city_command import build
    from safetynet.city.facts import OFFICIAL_TOTAL

    return build(
        a.name,
        out=a.out,
        folder=a.folder,
        scale=a.scale,
        cameras=OFFICIAL_TOTAL if a.cameras is None else a.cameras,
        seed=a.seed,
    )


def _city_describe(a: argparse.Namespace) -> int:
    from safetynet.app.city_command import describe

    return describe(a.bundle)


def _check(a: argparse.Namespace) -> int:
    if a.all:
        from safetynet.app.live_check import run_live_check

        return run_live_check(a.place)
    from safetynet.app.check import run_check

    return run_check(a.place)


def _ledger(a: argparse.Namespace) -> int:
    from safetynet.app.ledger_command import run_ledger

    return run_ledger(a.store, limit=a.limit)


def _destroy(a: argparse.Namespace) -> int:
    from safetynet.app.destroy_command import run_destroy

    return run_destroy(a.subject, because=a.because, by=a.by, hub=a.hub)


def _rebuild(a: argparse.Namespace) -> int:
    from safetynet.app.mend import run_rebuild

    return run_rebuild(a.place, a.nodes, whole=a.from_the_start)


def _snapshot(a: argparse.Namespace) -> int:
    from safetynet.app.mend import run_snapshot

    return run_snapshot(a.place, a.nodes)


def _reinstate(a: argparse.Namespace) -> int:
    from safetynet.app.mend import run_reinstate

    return run_reinstate(a.place, a.node, after=a.after)


def _replay(a: argparse.Namespace) -> int:
    from safetynet.app.replay.command import run_replay

    return run_replay(a.place, a.incident, city=a.city)


def _hub(a: argparse.Namespace) -> int:
    with without(*UNUSED):
        from safetynet.app.hub.process import main as run
        from safetynet.app.settings import HubSettings, load_settings

    run(load_settings(a.config, HubSettings))
    return 0


def _district(a: argparse.Namespace) -> int:
    with without(*UNUSED):
        from safetynet.app.district.process import main as run
        from safetynet.app.settings import DistrictProcessSettings, load_settings

    run(load_settings(a.config, DistrictProcessSettings))
    return 0


def _openapi(_: argparse.Namespace) -> int:
    from safetynet.web.openapi import openapi_text

    print(openapi_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
