"""Eyes-On: who chooses the cameras that really see it? An open benchmark.

Run: ``python bench/eyes_on/run.py [--seeds N] [--incidents N] [--past N] [--jobs N] [--only WORD]``,
or with ``export``, ``witness`` or ``score`` for a chooser of your own (docs/guide/eyes-on.md).
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if str(_ROOT) not in sys.path:
    sys.path.insert(0, str(_ROOT))  # run as a file, from anywhere
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # each job has one core

import msgspec  # noqa: E402
from bench.eyes_on.ask import Key  # noqa: E402
from bench.eyes_on.files import export, open_scenario, read_answers, read_sheet  # noqa: E402
from bench.eyes_on.scenario import SPECS, find_spec  # noqa: E402
from bench.eyes_on.score import Table, list_gains, render_table, score_trials  # noqa: E402
from bench.eyes_on.stage import Done, Order, count_of, run_order  # noqa: E402
from bench.eyes_on.town import NEAR_SITE_M, Ground, load_ground  # noqa: E402
from bench.eyes_on.trial import Trial, try_one  # noqa: E402
from bench.eyes_on.witness import say  # noqa: E402

DATA = _ROOT.parent / "shared" / "data" / "seoul"
RESULT = _ROOT / "bench" / "results" / "eyes_on.json"
CITIES = _ROOT / "var" / "eyes_on"


def main() -> None:
    """Do what the command line says."""
    words = _words()
    args = words.parse_args()
    do = {"export": _export, "witness": _witness, "score": _score}.get(args.do, _whole)
    try:
        do(args)
    except (ValueError, KeyError, OSError) as error:
        words.exit(2, f"eyes-on: {error}\n")


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--incidents", type=int, default=100, help="per scenario and seed")
    words.add_argument("--past", type=int, default=1000, help="past incidents to learn from")
    words.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2))
    words.add_argument("--only", default="", help="scenarios whose names begin so")
    words.add_argument("--data", type=Path, default=DATA, help="open data of Seoul")
    words.add_argument("--cities", type=Path, default=CITIES, help="where built cities are kept")
    words.add_argument("--out", type=Path, default=RESULT)
    does = words.add_subparsers(dest="do")
    one = does.add_parser("export", help="write a scenario for a chooser of your own")
    one.add_argument("scenario")
    one.add_argument("folder", type=Path)
    one.add_argument("--seed", type=int, default=1)
    for name in ("witness", "score"):
        two = does.add_parser(name, help=f"{name} of answers to a scenario")
        two.add_argument("folder", type=Path)
        two.add_argument("answers", type=Path)
    return words


def _whole(args: argparse.Namespace) -> None:
    started = time.monotonic()
    orders = _orders(args)
    for one in {order.ground for order in orders}:
        load_ground(one, args.cities, args.data)
    trials: list[Trial] = []
    about: dict[Ground, list[Done]] = {}
    for order, done in _work(orders, args.jobs):
        trials += done.trials
        about.setdefault(order.ground, []).append(done)
        slowest = sorted(done.seconds.items(), key=lambda lap: -lap[1])[:3]
        laps = ", ".join(f"{name} {s:.0f} s" for name, s in slowest)
        print(f"# {order.ground} seed {order.seed}: {sum(done.seconds.values()):.0f} s ({laps})")
    order_of = {spec.name: i for i, spec in enumerate(SPECS)}
    trials.sort(key=lambda t: (order_of[t.scenario], t.seed))
    table = score_trials(trials)
    print(render_table(table, list_gains(table)))
    for ground, runs in sorted(about.items()):
        print(f"{ground}: {_say_ground(ground, runs)}")
    _write(args, table, time.monotonic() - started)


def _orders(args: argparse.Namespace) -> list[Order]:
    names = tuple(spec.name for spec in SPECS if spec.name.startswith(args.only))
    grounds = [g for g in Ground if any(find_spec(n).ground is g for n in names)]
    if Ground.SONGPA in grounds and not args.data.is_dir():
        print(f"no open data in {args.data}: the scenarios of Songpa are left out")
        grounds.remove(Ground.SONGPA)
    return [
        Order(
            ground=ground,
            seed=seed,
            incidents=args.incidents,
            past=args.past,
            scenarios=names,
            folder=args.cities,
            data=args.data,
        )
        for seed in range(1, args.seeds + 1)
        for ground in reversed(grounds)  # the longer ones first
    ]


def _work(orders: list[Order], jobs: int) -> Iterator[tuple[Order, Done]]:
    if jobs <= 1:
        yield from ((order, run_order(order)) for order in orders)
        return
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(run_order, order): order for order in orders}
        for future in as_completed(running):
            yield running[future], future.result()


def _say_ground(ground: Ground, done: list[Done]) -> str:
    cameras = f"{min(d.cameras for d in done)} to {max(d.cameras for d in done)} cameras in reach"
    if ground is Ground.SYNTHETIC:
        return f"{cameras}; incidents on all streets of 1.2 km squares over district borders"
    return (
        f"{cameras}; incidents on the {done[0].kept:.0%} of street length within {NEAR_SITE_M:.0f} m "
        "of a listed site"
    )


def _write(args: argparse.Namespace, table: Table, seconds: float) -> None:
    document = {
        "about": {
            "seeds": args.seeds,
            "incidents_per_seed": args.incidents,
            "past_incidents": args.past,
            "seconds": round(seconds),
        },
        "scenarios": table,
        "learning": list_gains(table),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    print(f"{seconds:.0f} s; written to {args.out}")


def _export(args: argparse.Namespace) -> None:
    spec = find_spec(args.scenario)
    count = count_of(spec, args.incidents)
    key = Key(scenario=spec.name, seed=args.seed, count=count, past_count=args.past)
    written = export(open_scenario(key, args.cities, args.data), args.folder)
    print(f"{len(written.cameras)} cameras, {len(written.incidents)} incidents in {args.folder}")


def _witness(args: argparse.Namespace) -> None:
    opened = open_scenario(read_sheet(args.folder), args.cities, args.data)
    _, answers = read_answers(args.answers, opened.past, opened.town)
    said = [
        word
        for one in opened.past.staged
        for word in say(opened.past, opened.eyes, one, answers.get(one.asked.id, ()))
    ]
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")


def _score(args: argparse.Namespace) -> None:
    opened = open_scenario(read_sheet(args.folder), args.cities, args.data)
    name, answers = read_answers(args.answers, opened.scenario, opened.town)
    trials = [
        trial
        for one in opened.scenario.staged
        for trial in try_one(
            opened.scenario, opened.eyes, one, {name: answers.get(one.asked.id, ())}
        )
    ]
    print(render_table(score_trials(trials), {}))


if __name__ == "__main__":
    main()
