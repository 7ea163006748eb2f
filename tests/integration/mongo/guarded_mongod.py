"""A MongoDB that asks who it is, and that can be told to fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient

from devstack.mongod import Mongod

# Where it stops in the middle of making an index.
HALFWAY = "hangAfterSettingUpIndexBuild"
USER, PASSWORD = "keeper", "p@ss/wörd"


class GuardedMongod(Mongod):
    """A standalone server, whose one user may do everything until others are made."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, replica_set_size=0)
        self.start()
        with self.client() as client:
            made = {"createUser": USER, "pwd": PASSWORD, "roles": ["root"]}
            client.admin.command(made)

    def _command(self) -> list[str]:
        return [*super()._command(), "--auth", "--setParameter", "enableTestCommands=1"]

    def uri_of(self, user: str = USER, password: str = PASSWORD) -> str:
        return f"mongodb://{user}:{quote(password, safe='')}@{self.address}/?authSource=admin"

    def keeper(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.uri_of(), serverSelectionTimeoutMS=5000)

    def make_user(self, name: str, password: str, roles: list[Any]) -> str:
        """Its URI."""
        with self.keeper() as keeper:
            keeper.admin.command({"createUser": name, "pwd": password, "roles": roles})
        return self.uri_of(name, password)

    @contextmanager
    def failing(self, point: str, data: dict[str, Any] | None = None) -> Iterator[None]:
        """At this fail point, until the end."""
        with self.keeper() as keeper:
            told = {"configureFailPoint": point, "mode": "alwaysOn", "data": data or {}}
            keeper.admin.command(told)
            try:
                yield
            finally:
                keeper.admin.command({"configureFailPoint": point, "mode": "off"})

    @contextmanager
    def answering(self, code: int, *commands: str) -> Iterator[None]:
        """Commands of that name with this error."""
        data = {"errorCode": code, "failCommands": list(commands), "failInternalCommands": False}
        with self.failing("failCommand", data):
            yield
