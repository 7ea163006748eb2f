"""This build beside an earlier one, in one run on the same parts.

    make bench-before BEFORE=v0.1.0                          create, and both kinds of reads
    make bench-before BEFORE=HEAD~20 WORKS=create ROUNDS=9   one work, more often

The builds take turns, and each ratio is of two figures of one round: a busy machine slows both
builds alike.
"""

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.parts import Parts
from bench.preparation import Prepared
from bench.say import say
from bench.services import Recipe, Service, earlier, recipes
from bench.works import WORKS, Measured, Measuring
from devstack.errors import DevstackError
from tests.system import CHECKOUT

_MOST_READS = 6_000


def main(given: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        keys = Path(folder) / "keys"
        before = _checked_out(options.before, Path(folder))
        builds = [recipes({}, keys)["ours"], earlier(before, keys)]
        try:
            with Parts(Path(folder)) as parts:
                results = _measure(builds, parts, options)
        except DevstackError as error:
            sys.exit(str(error))
        except KeyboardInterrupt:
            sys.exit("Stopped.")
    for name in options.works:
        _show(name, [each for each in results if each.work == name])


def _measure(builds: Sequence[Recipe], parts: Parts, options: argparse.Namespace) -> list[Measured]:
    reads = _MOST_READS * (options.seconds + options.warm_up) if "first" in options.works else 0
    prepared = Prepared(parts, [each.name for each in builds], reads)
    for build in builds:
        Service(build, parts).migrate()
    measuring = Measuring(parts, prepared, options.warm_up, options.seconds)
    results = []
    for number in range(options.rounds):
        for name in options.works:
            for build in builds if number % 2 else reversed(builds):
                results.append(each := measuring.measure(WORKS[name], build, number))
                say(f"round {number + 1}  {name}, {build.name}: {each.cpu:.3f} ms CPU a request")
    return results


def _show(work: str, results: Sequence[Measured]) -> None:
    rounds = {each.round for each in results}
    of = {(each.service, each.round): each for each in results}
    ratios = sorted(of["ours", n].cpu / of["before", n].cpu for n in rounds)
    rates = sorted(of["ours", n].rate / of["before", n].rate for n in rounds)
    largest = [max(max(of[name, n].resident["api"]) for n in rounds) for name in ("ours", "before")]
    say(
        f"{WORKS[work].title:28} CPU now / before {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}), rate {statistics.median(rates):.3f}, "
        f"largest API process {largest[0] / 1e6:.1f} MB (before {largest[1] / 1e6:.1f}), "
        f"errors {sum(each.errors for each in results)}"
    )


def _checked_out(revision: str, folder: Path) -> Path:
    found = subprocess.run(
        ["git", "archive", "--format=tar", revision], cwd=CHECKOUT, capture_output=True, check=False
    )
    if found.returncode:
        sys.exit(f"BEFORE={revision} can't be had: {found.stderr.decode().strip()}")
    target = folder / "before"
    target.mkdir()
    subprocess.run(["tar", "-x", "-C", str(target)], input=found.stdout, check=True)
    return target


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.before")
    parser.add_argument("--before", required=True, help="a revision of git")
    parser.add_argument("--works", default="create,first,read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    parser.add_argument("--warm-up", type=int, default=2)
    options = parser.parse_args(given)
    options.works = options.works.split(",")
    for name in set(options.works) - set(WORKS):
        parser.error(f"there is no work {name!r}: {', '.join(WORKS)}")
    return options


if __name__ == "__main__":
    main(sys.argv[1:])
