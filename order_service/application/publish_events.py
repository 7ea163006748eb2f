"""Relay the outbox: publish every unpublished event, then take it out of its order."""

from order_service.application.ports import EventPublisher, LeaseStore, Outbox

# Orders whose events one round publishes.
AT_ONCE = 200
RELAY_LEASE = "event-relay"


class PublishEvents:
    def __init__(self, outbox: Outbox, publisher: EventPublisher, leases: LeaseStore) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._leases = leases

    def __call__(self) -> int:
        """One round; answers how many events were published.

        One relay at a time holds the lease, so that several workers don't publish double.
        """
        seen = self._leases.look(RELAY_LEASE)
        if seen.held or not self._outbox.unpublished(1):
            return 0
        lease = self._leases.acquire(seen, None)
        if lease is None:
            return 0
        try:
            events = [event for order in self._outbox.unpublished(AT_ONCE) for event in order]
            published = self._publisher.publish(events)
            self._outbox.mark_published(published)
            return len(published)
        finally:
            self._leases.release(lease)
