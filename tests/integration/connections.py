"""Connections of the service to databases of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from order_service.infrastructure.mongo.connection import Database, connect
from order_service.settings import Settings


def store_settings(uri: str, **settings: Any) -> Settings:
    """Those of a database of its own."""
    given = {"mongo_database": f"test-{uuid4().hex[:12]}", "store_timeout": 9, **settings}
    return Settings(mongo_uri=uri, **given)


@contextmanager
def connected(
    uri: str, options: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Database]:
    """A database of its own, as the service connects to it."""
    with opened(store_settings(uri, **settings), options) as database:
        yield database


@contextmanager
def opened(settings: Settings, options: dict[str, Any] | None = None) -> Iterator[Database]:
    database = connect(settings, **(options or {}))
    try:
        yield database
    finally:
        database.client.close()
