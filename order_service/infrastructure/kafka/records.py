"""A consumed record as this package uses it: a librdkafka message that carries no error."""

from dataclasses import dataclass
from typing import Protocol

from order_service.infrastructure.kafka.headers import Header


class Record(Protocol):
    """``timestamp``: its type, and ms since 1970. Headers are read by ``headers.read`` alone."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[Header] | None: ...
    def set_headers(self, value: list[Header]) -> None: ...
    def timestamp(self) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class LostRecord:
    """A record that librdkafka can't take out of its batch: only its place is known."""

    place: tuple[str, int, int]
    reason: str

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]

    def key(self) -> None:
        return None

    def value(self) -> None:
        return None

    def headers(self) -> None:
        return None

    def set_headers(self, value: list[Header]) -> None: ...

    def timestamp(self) -> tuple[int, int]:
        return 0, -1
