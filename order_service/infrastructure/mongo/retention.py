"""How long the stock-change log keeps an entry: MongoDB deletes it by an index that expires."""

from datetime import timedelta
from typing import Any, Final

from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors
from order_service.infrastructure.mongo.index_building import SILENT, Report, create
from order_service.infrastructure.mongo.indexes import Index
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

_SECONDS_A_DAY: Final = 86_400
_AFTER: Final = "expireAfterSeconds"


def keep_stock_changes(database: Database, days: int | None, report: Report = SILENT) -> None:
    """Delete entries ``days`` after they were logged; 0 keeps them for ever, None changes nothing.

    Raises StoreUnavailable.
    """
    there = _seconds(database)
    if there is not None:
        # If it is still being made, it can't be changed before that has ended.
        create(_expiry(database, there), report)
    if days is None:
        asked = "STOCK_CHANGE_RETENTION_DAYS is not set, so that stays as it is"
        report.done(f"Stock changes are kept {_days(there)}: {asked}.")
        return
    wanted = days * _SECONDS_A_DAY or None
    done = _made(database, there, wanted, report)
    report.done(
        f"Index {_expiry(database, 0).full_name}: {done}. Stock changes are kept {_days(wanted)}."
    )


def _made(database: Database, there: int | None, wanted: int | None, report: Report) -> str:
    """What was done."""
    if wanted == there:
        return "there" if there else "not asked for"
    if there is None:
        create(_expiry(database, wanted or 0), report)
        return "made"
    index = _expiry(database, there)
    with store_errors():
        if wanted is None:
            index.collection.drop_index(index.name)
            return f"dropped, which kept them {_days(there)}"
        change: dict[str, Any] = {"name": index.name, _AFTER: wanted}
        database.command("collMod", index.collection.name, index=change)
    return f"changed from {_days(there)} to {_days(wanted)}"


def log_kept(database: Database) -> timedelta | None:
    """As the store has it; None for ever. Raises StoreUnavailable."""
    seconds = _seconds(database)
    return None if seconds is None else timedelta(seconds=seconds)


def _expiry(database: Database, seconds: int) -> Index:
    log = collection_of(database, StockChangeDocument)
    return Index(log, "expiry", [("createdAt", 1)], {_AFTER: seconds})


def _seconds(database: Database) -> int | None:
    with store_errors():
        there = _expiry(database, 0).collection.index_information().get("expiry", {})
    return int(there[_AFTER]) if _AFTER in there else None


def _days(seconds: int | None) -> str:
    if seconds is None:
        return "for ever"
    days = seconds / _SECONDS_A_DAY
    return "1 day" if days == 1 else f"{days:g} days"
