"""Where a record of a topic stands."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where a record was first delivered. The place is the record's identity in the stock-change
    log."""

    topic: str
    partition: int
    offset: int
