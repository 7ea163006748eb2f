"""How long the stock-change log keeps an entry."""

from typing import Any, Final

from order_service.infrastructure.mongo.connection import database, store_errors
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

_INDEX: Final = "expiry"
_SECONDS_A_DAY: Final = 86_400


def keep_stock_changes(days: int) -> None:
    """MongoDB deletes entries ``days`` after they were logged; 0 keeps them for ever."""
    with store_errors():
        entries = StockChangeDocument._get_collection()
        there = entries.index_information().get(_INDEX)
        if days and there:
            _change(entries.name, days * _SECONDS_A_DAY)
        elif days:
            after = days * _SECONDS_A_DAY
            entries.create_index("createdAt", name=_INDEX, expireAfterSeconds=after)
        elif there:
            entries.drop_index(_INDEX)


def _change(collection: str, seconds: int) -> None:
    index: dict[str, Any] = {"name": _INDEX, "expireAfterSeconds": seconds}
    database().command("collMod", collection, index=index)
