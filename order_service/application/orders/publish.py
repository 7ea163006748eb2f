"""Relay the outbox: publish every unpublished event, then remove the event from its order."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from order_service.domain.events import OrderEvent

# One round publishes the events of at most this many orders.
AT_ONCE = 200


class Outbox(Protocol):
    """The unpublished events, which live in their orders' own documents."""

    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        """A list of events, in order, for each of up to ``limit`` orders, oldest order first."""
        ...

    def mark_published(self, events: Iterable[OrderEvent]) -> None: ...


class EventPublisher(Protocol):
    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        """Returns the events that the broker confirmed; the other events stay unpublished."""
        ...


class RelayLock(Protocol):
    """One relay at a time, among all workers, so that no two relays publish the same events."""

    def held(self) -> AbstractContextManager[bool]:
        """Yields whether this relay holds the lock during the block. Raises StoreUnavailable.

        The lock of a process that died expires by itself.
        """
        ...


class PublishEvents:
    def __init__(self, outbox: Outbox, publisher: EventPublisher, lock: RelayLock) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._lock = lock

    def __call__(self) -> int:
        """Publish one round of events; return how many were published."""
        if not self._outbox.unpublished(1):
            return 0
        with self._lock.held() as is_ours:
            return self._publish() if is_ours else 0

    def _publish(self) -> int:
        events = [event for order in self._outbox.unpublished(AT_ONCE) for event in order]
        published = self._publisher.publish(events)
        self._outbox.mark_published(published)
        return len(published)
