"""Ours beside its peers: one run, one table of ratios.

    make bench                                          everything, in about half an hour
    make bench WORKS=create,hot ROUNDS=1 SECONDS=5      a quick look

Every service is measured in turn, alone, on the same MongoDB, Kafka and inventory; rounds are
interleaved, and a ratio is always one of two figures of the same round.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from bench import machine, pages
from bench.installed import installed
from bench.parts import Parts
from bench.plan import Step, arguments, is_whole, lists, steps
from bench.preparation import Prepared
from bench.results import keep
from bench.say import say
from bench.services import Recipe, Service, recipes
from bench.table import show, show_targets
from bench.targets import judged
from bench.works import Measured, Measuring
from devstack.errors import DevstackError
from tests.system import CHECKOUT

# More reads of orders a second than any service makes on two cores.
_MOST_READS = 6_000
_BUSY = 0.5


def run(options: argparse.Namespace) -> None:
    # First, because it is the shorter one to fail.
    ratios = pages.measured() if lists(options) else None
    todo = list(steps(options.works, options.rounds))
    services = sorted({service for _, _, service in todo})
    made = installed(services)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Parts(Path(folder)) as parts:
        known = recipes(made, Path(folder) / "keys")
        described = {**machine.described(parts.mongod_version), "settings": vars(options)}
        chosen = {name: known[name] for name in services}
        results = measure(todo, chosen, parts, options)
    verdicts = judged(results, ratios)
    show(results)
    show_targets(verdicts)
    if ratios is None:
        say("The list of orders was left out: make bench-list, or everything without LIST=0.")
    kept = keep(described, results, verdicts, whole=is_whole(options))
    say(f"\nlatest.json and latest.svg are in {kept.relative_to(CHECKOUT)}")


def measure(
    todo: Sequence[Step], known: dict[str, Recipe], parts: Parts, options: argparse.Namespace
) -> list[Measured]:
    reads = _MOST_READS * (options.seconds + options.warm_up) if "first" in options.works else 0
    prepared = Prepared(parts, list(known), reads)
    for recipe in known.values():
        if recipe.worker:
            Service(recipe, parts).migrate()
    measuring = Measuring(parts, prepared, options.warm_up, options.seconds)
    results = []
    # Without a terminal tqdm draws no bar, and the lines are still written.
    for number, work, name in (bar := tqdm(todo, disable=None, unit="", leave=False)):
        bar.set_description(f"{work.name}, {name}")
        results.append(measured := measuring.measure(work, known[name], number))
        tqdm.write(_progress_line(measured, work.title, f"{len(results)}/{len(todo)}"), sys.stdout)
        sys.stdout.flush()
    return results


def _progress_line(measured: Measured, title: str, done: str) -> str:
    figures = f"{measured.rate:,.0f}/s, {measured.cpu:.3f} ms CPU a request"
    return f"{done:>7}  round {measured.round + 1}  {title}, {measured.service}: {figures}"


def _check_machine() -> None:
    if missing := machine.missing():
        sys.exit("\n".join(missing))
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > _BUSY:
        say(f"This machine is busy ({load:.0%} of its cores): the figures will say little.")


def main(given: Sequence[str]) -> None:
    options = arguments(given, str(__doc__).splitlines()[0])
    _check_machine()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(options)
    except DevstackError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")


if __name__ == "__main__":
    main(sys.argv[1:])
