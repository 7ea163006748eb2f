"""Which services are measured at which works, in what order, and with what settings."""

import argparse
from collections.abc import Iterator, Sequence

from bench.works import WORKS, Work

Step = tuple[int, Work, str]
# The spread of fewer rounds says little.
_LEAST_ROUNDS = 3


def arguments(given: Sequence[str], description: str) -> argparse.Namespace:
    """Exits with the reason for an option that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=description)
    parser.add_argument("--works", default=",".join(WORKS), help="with commas between: %(default)s")
    parser.add_argument("--rounds", type=_whole, default=5)
    parser.add_argument("--seconds", type=_whole, default=8, help="of each measurement")
    parser.add_argument("--warm-up", type=_whole, default=3, help="seconds before each measurement")
    parser.add_argument("--no-list", action="store_true", help="leave the list of orders out")
    parsed = parser.parse_args(given)
    parsed.works = parsed.works.split(",")
    for name in set(parsed.works) - set(WORKS):
        parser.error(f"there is no work {name!r}: {', '.join(WORKS)}")
    return parsed


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def lists(options: argparse.Namespace) -> bool:
    """Whether to measure the list, which takes minutes: not in a run of some works alone."""
    return not options.no_list and set(options.works) == set(WORKS)


def is_whole(options: argparse.Namespace) -> bool:
    """Whether the run measures every work and the list, in enough rounds."""
    return lists(options) and options.rounds >= _LEAST_ROUNDS


def steps(chosen: Sequence[str], rounds: int) -> Iterator[Step]:
    """Round, work, service. The first service at a work is the last in the next round."""
    for number in range(rounds):
        for name, work in WORKS.items():
            if name in chosen:
                turn = number % len(work.services)
                turns = [*work.services[turn:], *work.services[:turn]]
                yield from ((number, work, service) for service in turns)
        if "conditional" in chosen and "create" not in chosen:
            # The figure that the conditional contract is compared with.
            yield number, WORKS["create"], "express"
