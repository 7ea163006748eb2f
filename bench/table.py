"""The figures of a run as a table: medians over the rounds, errors and oversold units in all."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence

from bench.say import say
from bench.targets import Judged
from bench.works import WORKS, Measured

_HEADINGS = ("req/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "errors", "oversold")

# The share of all cores; any system uses less for itself.
_NOTICEABLE = 0.1


def show(results: Sequence[Measured]) -> None:
    """Prints a line for each service at each work."""
    say(
        "\n"
        + " " * 42
        + "".join(f"{each:>9}" for each in _HEADINGS)
        + "   MB of each process (+ worker)"
    )
    for name in WORKS:
        for service in dict.fromkeys(each.service for each in results if each.work == name):
            rows = [each for each in results if (each.work, each.service) == (name, service)]
            say(_line(rows))
            for remark in (_of_parts(rows), *_remarks(rows)):
                say(f"{'':30}{remark}")


def _line(rows: Sequence[Measured]) -> str:
    first = rows[0]
    roles = rows[-1].resident.values()
    memory = " + ".join(" ".join(f"{each / 1e6:.0f}" for each in sizes) for sizes in roles)
    figures = (
        f"{_median(rows, lambda row: row.rate):,.0f}",
        f"{_median(rows, lambda row: row.loaded.p50):.1f}",
        f"{_median(rows, lambda row: row.loaded.p95):.1f}",
        f"{_median(rows, lambda row: row.loaded.p99):.1f}",
        f"{_median(rows, lambda row: row.cpu):.3f}",
        f"{sum(row.errors for row in rows):,}",
        "-" if first.oversold is None else f"{sum(row.oversold or 0 for row in rows):,}",
    )
    title = f"{WORKS[first.work].title:30}{first.service:12}"
    return title + "".join(f"{each:>9}" for each in figures) + f"   {memory}"


def _median(rows: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return statistics.median(map(figure, rows))


def _of_parts(rows: Sequence[Measured]) -> str:
    def told(name: str) -> str:
        return f"{name} {_median(rows, lambda row: row.parts_cpu[name]):.3f}"

    return "CPU ms of " + ", ".join(map(told, rows[0].parts_cpu))


def _remarks(rows: Sequence[Measured]) -> list[str]:
    """The reasons to doubt a figure."""
    answered: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for row in rows:
        answered.update(row.loaded.answered)
        errors.update(row.loaded.errors)
    remarks = [f"{number:,} {kind} errors" for kind, number in errors.items() if number]
    remarks += [f"{number:,} answered {code}" for code, number in answered.items() if code != "201"]
    if any(row.loaded.exhausted for row in rows):
        remarks.append("too few orders: some were read twice")
    if not all(row.rested for row in rows):
        remarks.append("did not come to rest in time")
    if (others := max(row.others for row in rows)) > _NOTICEABLE:
        remarks.append(f"others used up to {others:.0%} of the machine")
    return remarks


def show_targets(verdicts: Sequence[Judged]) -> None:
    """The targets; each ratio is the median of the rounds' ratios, with their spread."""
    say(f"\n{'':42}{'median':>10}{'spread':>20}{'target':>10}")
    for each in verdicts:
        spread = f"{_short(each.low)} - {_short(each.high)}"
        verdict = {True: "met", False: "NOT MET", None: ""}[each.met]
        line = f"{each.title:42}{_short(each.median):>10}{spread:>20}{each.bound:>10}  {verdict}"
        say(line.rstrip())


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
