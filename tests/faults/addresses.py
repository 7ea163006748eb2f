"""The addresses of the inventory's name, for the processes under test: what a look-up answers is
what the test has put down last."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devstack.ports import LOOPBACK

NAME = "inventory.test"


class AddressBook:
    """The test's side. Without any put down, the name is this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = path.with_suffix(".asked")

    def put_down(self, addresses: list[tuple[str, int]]) -> None:
        """``asked`` is there once somebody has looked the name up since."""
        self.asked.unlink(missing_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(addresses), encoding="utf-8")
        unfinished.rename(self.path)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """One at which nobody answers: more wait there than may, and nobody lets them in."""
    with socket.create_server((LOOPBACK, 0), backlog=0) as listening:
        address: tuple[str, int] = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield address
        for each in waiting:
            each.close()


def obey(path: Path) -> None:
    """In a process under test: look the name up in the book."""
    book, look_up = AddressBook(path), socket.getaddrinfo

    def found(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        if host != NAME:
            return look_up(host, port, *more, **others)
        try:
            addresses = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            addresses = [(LOOPBACK, port)]
        book.asked.touch()
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, tuple(address)) for address in addresses]

    socket.getaddrinfo = found
