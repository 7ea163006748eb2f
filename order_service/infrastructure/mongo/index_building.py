"""One index at a time: made however long it takes, with word of how far it is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import (
    Documents,
    as_long_as_it_takes,
    store_errors,
)
from order_service.infrastructure.mongo.doubles import Doubles
from order_service.infrastructure.mongo.indexes import Index

_CONFLICTS: Final = {85, 86}
# Seconds from one word of progress to the next.
LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """Called with one line each: what was done, and what is going on."""

    done: Callable[[str], None]
    going_on: Callable[[str], None]


SILENT: Final = Report(done=lambda line: None, going_on=lambda line: None)


def make(index: Index, report: Report, doubles: Doubles, resolve: bool) -> None:
    """Make it, or wait for the end of its making, whoever began that. Raises StoreUnavailable."""
    with store_errors():
        if index.is_there():
            report.done(f"Index {index.full_name}: there.")
            return
    try:
        create(index, report)
    except DuplicateKeyError as error:
        if not resolve:
            raise _doubled(index, report, doubles) from error
        for double in doubles(index):
            report.done(double.resolve())
        make(index, report, doubles, resolve=False)
    else:
        report.done(f"Index {index.full_name}: made.")


def create(index: Index, report: Report) -> None:
    """Raises StoreUnavailable, or DuplicateKeyError. A server that hears it again while it makes
    the index lets the second wait for the same end; and it goes on when nobody waits."""
    with as_long_as_it_takes(index.collection.database), _watched(index, report):
        try:
            index.collection.create_index(index.keys, name=index.name, **index.options)
        except OperationFailure as error:
            if error.code not in _CONFLICTS:
                raise
            raise _conflict(index) from error


def _conflict(index: Index) -> StoreUnavailable:
    """Nothing is dropped here: somebody may have had a reason to make it."""
    there = index.collection.index_information()
    alike = [name for name, found in there.items() if list(found["key"]) == index.keys]
    name = index.name if index.name in there else (alike or ["another name"])[0]
    collection = index.collection.name
    return StoreUnavailable(
        f"Index {index.full_name} can't be made: the database has a different one in its place, "
        f"{name}. Drop that one (in mongosh: db.{collection}.dropIndex({name!r})), then run "
        "`order-service migrate` again."
    )


def _doubled(index: Index, report: Report, doubles: Doubles) -> StoreUnavailable:
    found = [str(double) for double in doubles(index)]
    for line in found:
        report.going_on(line)
    return StoreUnavailable(
        f"Index {index.full_name} can't be made: {len(found)} of what may be there once is there "
        "several times, as named above. `order-service migrate --resolve-doubles` lets the oldest "
        "keep it, and tells what becomes of the others. Nothing was changed."
    )


@contextmanager
def _watched(index: Index, report: Report) -> Iterator[None]:
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(index, report, done), name="watch", daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _watch(index: Index, report: Report, done: threading.Event) -> None:
    while not done.wait(LOOK_EVERY):
        report.going_on(f"Index {index.full_name}: {_progress(index.collection)}.")


def _progress(collection: Documents) -> str:
    """By the server's word; it may not tell it to every user."""
    making = {"command.createIndexes": collection.name, "progress.total": {"$gt": 0}}
    admin = collection.database.client.get_database("admin", read_concern=ReadConcern("local"))
    try:
        found: list[Any] = list(admin.aggregate([{"$currentOp": {}}, {"$match": making}]))
    except PyMongoError:
        found = []
    if not found:
        return "the server is making it"
    step = found[0]["progress"]
    name = "sorting in" if "inserting" in found[0].get("msg", "") else "reading"
    return f"the server is {name} {step['done']:,} of {step['total']:,}"
