"""What the leases hold open for an order."""

from order_service.application.stock.lease import Lease, LeaseStore
from order_service.domain.moves import Intent
from order_service.domain.order import Order


class LeasedIntents:
    def __init__(self, leases: LeaseStore) -> None:
        self._leases = leases

    def of(self, order: Order) -> Intent | None:
        """See OpenIntents. Raises StoreUnavailable."""
        for lease in self._leases.look(order.item_ids):
            intent = self._decided(lease)
            if intent is not None and order.id in intent.order_ids and not intent.abandons:
                return intent
        return None

    def _decided(self, lease: Lease) -> Intent | None:
        if lease.primary is None:
            return lease.intent
        intent = self._leases.look_durably(lease.primary.item_id).intent
        return intent if intent is not None and intent.fence == lease.primary.fence else None
