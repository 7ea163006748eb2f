"""The lock of the event relay: a lease as items have it, under a name that no item has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore

_NAME: Final = "event-relay"


class MongoRelayLock:
    """See RelayLock. ``seconds``: longer than one round of the relay may take."""

    def __init__(self, database: Database, owner: str, seconds: float) -> None:
        self._leases = MongoLeaseStore(database, owner, seconds)

    @contextmanager
    def held(self) -> Iterator[bool]:
        [seen] = self._leases.look([_NAME])
        lease = None if seen.held else self._leases.acquire(seen, None)
        try:
            yield lease is not None
        finally:
            if lease is not None:
                self._leases.release([lease])
