"""What the worker's health says of a part."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """``since``: when the part began to fail, as far as this process knows."""

    detail: str
    since: datetime


# The problem of each part, by the part's name; None for a part without a problem.
Problems = dict[str, Problem | None]
