"""The suite's results, a row for each fault."""

from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """``runs``: how often the fault was done. ``held`` of the orders were held, and ``expired`` of
    those expired. ``half_filled``: orders that ended with a part of their lines. ``stuck`` orders
    are reported, and wait for a person; ``events_doubled`` are events that were published once
    more. ``unexplained``: orders whose history does not lead to where they stand."""

    fault: str
    runs: int
    acknowledged: int
    held: int = 0
    expired: int = 0
    lost: int = 0
    doubled: int = 0
    oversold: int = 0
    half_filled: int = 0
    unexplained: int = 0
    stuck: int = 0
    events_doubled: int = 0


ROWS: list[Row] = []
NOTES: list[str] = []


def lines() -> list[str]:
    """The table as text."""
    names = [field.name.replace("_", " ") for field in fields(Row)]
    cells = [names, *([str(value) for value in astuple(row)] for row in ROWS)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in cells
    ] + NOTES
