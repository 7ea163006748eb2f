"""Relay the outbox: publish every unpublished event, then take it out of its order."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from order_service.domain.events import OrderEvent

# Orders whose events one round publishes.
AT_ONCE = 200


class Outbox(Protocol):
    """The unpublished events, which live in their orders' own documents."""

    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        """The events of up to ``limit`` orders, oldest first, in order for each order."""
        ...

    def mark_published(self, events: Iterable[OrderEvent]) -> None: ...


class EventPublisher(Protocol):
    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        """Answers those whose delivery the broker confirmed; the others stay unpublished."""
        ...


class RelayLock(Protocol):
    """One relay at a time, among all workers, so that two don't publish the same events."""

    def held(self) -> AbstractContextManager[bool]:
        """Whether the lock is this relay's, for the length of the block. Raises StoreUnavailable.

        It ends by itself some time after a process that died with it.
        """
        ...


class PublishEvents:
    def __init__(self, outbox: Outbox, publisher: EventPublisher, lock: RelayLock) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._lock = lock

    def __call__(self) -> int:
        """One round; answers how many events were published."""
        if not self._outbox.unpublished(1):
            return 0
        with self._lock.held() as is_ours:
            return self._publish() if is_ours else 0

    def _publish(self) -> int:
        events = [event for order in self._outbox.unpublished(AT_ONCE) for event in order]
        published = self._publisher.publish(events)
        self._outbox.mark_published(published)
        return len(published)
