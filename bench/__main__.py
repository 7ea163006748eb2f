"""Ours beside its peers: one run, one table of ratios.

    make bench                                   everything; about half an hour
    make bench WORKS=create,hot ROUNDS=1 SECONDS=5

Every service is measured in turn, alone, on the same MongoDB, Kafka and inventory; rounds are
interleaved, and a ratio is always one of two figures of the same round.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.installed import installed
from bench.load import missing_programs
from bench.parts import Parts
from bench.preparation import Prepared
from bench.say import say
from bench.services import Recipe, Service, recipes
from bench.table import show
from bench.works import WORKS, Measured, Measuring, Work
from devstack.errors import DevstackError

_NEEDED = {
    "wrk": "apt-get install wrk",
    "node": "apt-get install nodejs npm (version 20 or newer)",
    "npm": "apt-get install npm",
}
# No service on two cores reads as many orders a second.
_MOST_READS = 6_000


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--works", default=",".join(WORKS), help="with commas between: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument("--warm-up", type=int, default=2, help="seconds before each measurement")
    parsed = parser.parse_args(given)
    parsed.works = parsed.works.split(",")
    for name in set(parsed.works) - set(WORKS):
        parser.error(f"there is no work {name!r}: {', '.join(WORKS)}")
    return parsed


def plan(chosen: Sequence[str], rounds: int) -> Iterator[tuple[int, Work, str]]:
    """Whoever is first at a work in one round is last in the next."""
    for number in range(rounds):
        for name, work in WORKS.items():
            if name in chosen:
                services = list(work.services)
                turn = number % len(services)
                yield from ((number, work, each) for each in services[turn:] + services[:turn])
        if "conditional" in chosen and "create" not in chosen:
            yield number, WORKS["create"], "express"


def run(options: argparse.Namespace) -> list[Measured]:
    steps = list(plan(options.works, options.rounds))
    services = sorted({service for _, _, service in steps})
    known = recipes(installed(services))
    reads = _MOST_READS * (options.seconds + options.warm_up) if "first" in options.works else 0
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Parts(Path(folder)) as parts:
        prepared = Prepared(parts, services, reads)
        migrate(parts, [known[name] for name in services])
        measuring = Measuring(parts, prepared, options.warm_up, options.seconds)
        for done, (number, work, name) in enumerate(steps, 1):
            measured = measuring.measure(work, known[name], number)
            results.append(measured)
            say(
                f"{done}/{len(steps)}  {work.title}, {name}: {measured.rate:,.0f}/s, "
                f"{measured.cpu:.3f} ms CPU"
            )
    return results


def migrate(parts: Parts, services: Sequence[Recipe]) -> None:
    for recipe in services:
        if recipe.worker:
            Service(recipe, parts).migrate()


def main(given: Sequence[str]) -> None:
    options = arguments(given)
    missing = missing_programs(_NEEDED)
    if missing:
        sys.exit("\n".join(missing))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = run(options)
    except DevstackError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    show(results)


if __name__ == "__main__":
    main(sys.argv[1:])
