"""Leases on single documents. Only the store's clock ($$NOW) says when one ends."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from bson import ObjectId
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from order_service.application.stock.lease import Lease, Primary
from order_service.domain.errors import StoreUnavailable
from order_service.domain.moves import Intent
from order_service.infrastructure.mongo.combining import Combined
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    collection_of,
    duplicates,
    store_errors,
)
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.indexes import UniqueIndexes
from order_service.infrastructure.mongo.lease_documents import (
    HELD,
    OF_THE_HOLDER,
    LeaseDocument,
    read_lease,
    renew_until,
    write_purpose,
)
from order_service.infrastructure.mongo.order_indexes import ONE_ORDER_FOR_EACH_KEY


class LeaseListener(Protocol):
    def looked(self, item_ids: Sequence[str], asked_at: float, held: bool) -> None:
        """This thread looked at the items' leases, of which one is held or none; ``asked_at`` in
        monotonic seconds."""
        ...

    def lost(self) -> None:
        """Somebody else was faster to take a lease that this thread had seen free."""
        ...


class _Taking(NamedTuple):
    """``again``: by the lease's holder."""

    id: ObjectId
    seen: Lease
    intent: Intent | None = None
    primary: Primary | None = None
    again: bool = False


class MongoLeaseStore:
    """``owner`` names this process to people; ``seconds`` is how long a lease is. What is asked of
    it at the same time goes to the store together."""

    def __init__(
        self,
        database: Database,
        owner: str,
        seconds: float,
        listener: LeaseListener | None = None,
    ) -> None:
        self._leases = collection_of(database, LeaseDocument)
        # What a lease guards is an order's.
        self._orders_indexes = UniqueIndexes(database, OrderDocument, ONE_ORDER_FOR_EACH_KEY)
        self._owner = owner
        self._listener = listener
        self._seconds = seconds
        # An expression.
        self._end = {"$add": ["$$NOW", int(seconds * 1000)]}
        # Local reads: a stale one is harmless, because acquiring compares the fence.
        local = ReadConcern("local")
        self._look = Combined(partial(_look_at_all, self._leases, local))
        self._take = Combined(self._take_all)
        self._release = Combined(partial(_release_all, self._leases))

    def look(self, item_ids: Sequence[str]) -> list[Lease]:
        asked_at = time.monotonic()
        leases = self._look(item_ids)
        if self._listener is not None:
            held = any(lease.held for lease in leases)
            self._listener.looked(item_ids, asked_at, held)
        return leases

    def look_durably(self, item_id: str) -> Lease:
        with store_errors():
            [[lease]] = _look_at_all(self._leases, ReadConcern("majority"), [[item_id]])
        return lease

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        [lease] = self._acquire([_Taking(ObjectId(), seen, intent=intent)])
        return lease

    def acquire_again(self, held: Lease, intent: Intent) -> Lease | None:
        [lease] = self._acquire([_Taking(ObjectId(), held, intent=intent, again=True)])
        return lease

    def acquire_all(self, seen: Sequence[Lease], primary: Primary) -> list[Lease | None]:
        return self._acquire([_Taking(ObjectId(), each, primary=primary) for each in seen])

    def _acquire(self, takings: Sequence[_Taking]) -> list[Lease | None]:
        """Either all are of one acquisition, or there is only one."""
        taken = self._take(takings)
        if not all(taken) and self._listener is not None:
            self._listener.lost()
        return [
            Lease(seen.item_id, seen.fence + 1, True, intent, primary) if is_taken else None
            for (_, seen, intent, primary, _), is_taken in zip(takings, taken, strict=True)
        ]

    def renew(self, lease: Lease) -> bool:
        with store_errors():
            mine = {"_id": lease.item_id, "fence": lease.fence}
            renewed = [{"$set": renew_until(self._end)}]
            return bool(self._leases.update_one(mine, renewed).matched_count)

    def clear(self, lease: Lease) -> bool:
        with store_errors():
            # The fence moves on, or whoever saw the intent open could take the lease with it still.
            withdrawn = _give_back(lease, lease.fence + 1)
            return bool(self._leases.bulk_write([withdrawn]).matched_count)

    def release(self, leases: Sequence[Lease]) -> None:
        if leases:
            with suppress(StoreUnavailable):
                self._release(leases)

    def _take_all(self, asked: Sequence[Sequence[_Taking]]) -> list[list[bool]]:
        self._orders_indexes.require()
        takings = [taking for each in asked for taking in each]
        taken = iter(self._taken(takings))
        return [[next(taken) for _ in each] for each in asked]

    def _taken(self, takings: Sequence[_Taking]) -> list[bool]:
        began, updates = time.monotonic(), [self._update(taking) for taking in takings]
        try:
            result = self._leases.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # Somebody else was faster to make one that nobody held before.
            duplicates(error)
        else:
            if result.matched_count + result.upserted_count == len(takings):
                return [True] * len(takings)
        taken = _which_are_taken(self._leases, takings)
        if not all(taken) and time.monotonic() - began >= self._seconds:
            # A lease that was taken may have ended since, and been taken by somebody else.
            raise StoreUnavailable("The store took too long to tell which leases were taken.")
        return taken

    def _update(self, taking: _Taking) -> UpdateOne:
        seen = taking.seen
        taken = {
            "fence": seen.fence + 1,
            "owner": self._owner,
            "taking": taking.id,
            **write_purpose(taking.intent, taking.primary, self._end),
        }
        if seen.fence == 0:
            new = {"_id": seen.item_id, "fence": {"$exists": False}}
            return UpdateOne(new, [{"$set": taken}], upsert=True)
        wanted = {"_id": seen.item_id, "fence": seen.fence}
        if not taking.again:
            wanted["$expr"] = {"$not": [HELD]}
        return UpdateOne(wanted, [{"$set": taken}])


def _look_at_all(
    leases: Documents, concern: ReadConcern, asked: Sequence[Sequence[str]]
) -> list[list[Lease]]:
    wanted = {"_id": {"$in": list({item_id for each in asked for item_id in each})}}
    seen = leases.with_options(read_concern=concern).find(
        wanted, {"fence": 1, "intent": 1, "primary": 1, "held": HELD}
    )
    found = {each["_id"]: each for each in seen}
    return [[read_lease(item_id, found.get(item_id)) for item_id in each] for each in asked]


def _which_are_taken(leases: Documents, takings: Sequence[_Taking]) -> list[bool]:
    wanted = {
        "_id": {"$in": [taking.seen.item_id for taking in takings]},
        "taking": {"$in": [taking.id for taking in takings]},
    }
    taken = {lease["taking"] for lease in leases.find(wanted, ["taking"])}
    return [taking.id in taken for taking in takings]


def _release_all(leases: Documents, released: Sequence[Sequence[Lease]]) -> list[None]:
    updates = [_give_back(lease, lease.fence) for each in released for lease in each]
    leases.with_options(write_concern=WriteConcern(w=1)).bulk_write(updates, ordered=False)
    return [None] * len(released)


def _give_back(lease: Lease, fence: int) -> UpdateOne:
    return UpdateOne(
        {"_id": lease.item_id, "fence": lease.fence},
        {
            "$set": {"fence": fence},
            "$unset": dict.fromkeys(OF_THE_HOLDER, ""),
        },
    )
