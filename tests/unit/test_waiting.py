"""Who waits in an API process's main loop, and who goes when they weigh too much."""

from types import SimpleNamespace
from typing import Any

import pytest

from order_service.interface.http.server.arriving import Arriving
from order_service.interface.http.server.connection import Connection
from order_service.interface.http.server.waiting import ARRIVING, WaitingRoom


class Poller:
    def register(self, *_: object) -> None: ...
    def unregister(self, _: object) -> None: ...


class Waiting(SimpleNamespace):
    """A connection, but for its socket."""

    __hash__ = object.__hash__
    holds = Connection.holds


@pytest.fixture
def room() -> WaitingRoom:
    poller: Any = Poller()
    return WaitingRoom(poller, lambda _: None)


def waiting(room: WaitingRoom, number: int) -> Any:
    """Of which that many bytes are here."""
    arriving = Arriving(bytearray(number))
    conn: Any = Waiting(arriving=arriving, unsent=b"", socket=None, watched=0, weight=0)
    room.hold(conn, ARRIVING, 10)
    return conn


def test_the_heaviest_waiting_connection_is_the_one_with_the_most_bytes(room: WaitingRoom) -> None:
    _, heavy, _ = (waiting(room, number) for number in (1, 3, 2))
    assert room.heaviest() is heavy
    assert room.weight == 6


def test_an_idle_connection_is_not_ended_for_the_weight_of_requests_under_way(
    room: WaitingRoom,
) -> None:
    served, _ = waiting(room, 100), waiting(room, 0)
    room.release(served)
    assert room.weight == 100
    assert room.heaviest() is None
