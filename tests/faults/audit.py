"""What must hold after a fault, whatever it was."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from pymongo.errors import PyMongoError

from tests.faults.buyers import CUT, NOT_SENT, Buyers, Purchase
from tests.faults.order_events import Told, published
from tests.faults.rig import Rig
from tests.faults.stories import events_of, flaw_of, may_stand
from tests.faults.table import Row
from tests.system import lines_of
from tests.waiting import until

_SETTLE_WITHIN = 90
_HAVE_STOCK = {"COMPLETED", "RESERVED"}
Order = dict[str, Any]


class Audit:
    """Of ``items``: what stock each began with. ``others``: what other writers added to it."""

    def __init__(
        self,
        rig: Rig,
        buyers: Buyers,
        items: Mapping[str, int],
        others: Mapping[str, int] | None = None,
    ) -> None:
        self._rig = rig
        self._buyers = buyers
        self._items = items
        self._others = others or {}
        self.wrong: list[str] = []

    def run(self, fault: str, runs: int) -> Row:
        """The fault's row; ``wrong`` then says in words what does not hold."""
        until(self._nothing_waits, "every order settled or stuck, none held", _SETTLE_WITHIN, 0.1)
        self._orders = {str(order["_id"]): order for order in self._find()}
        orders = self._orders.values()
        self._by_key = {_key(order): order for order in self._orders.values() if _key(order)}
        purchases = self._buyers.purchases
        lost = sum(self._is_lost(purchase) for purchase in purchases)
        for purchase in purchases:
            self._check_refusals(purchase)
        self._check_unkeyed()
        surplus = [self._surplus(item) for item in self._items]
        events_doubled = self._check_events()
        # Last of all: a key that was forgotten makes another order when it is asked again.
        doubled = sum(self._is_doubled(purchase) for purchase in purchases)
        return Row(
            fault=f"{fault} ({self._rig.contract})",
            runs=runs,
            acknowledged=sum(purchase.acknowledged for purchase in purchases),
            held=sum("expiresAt" in order.get("hold", {}) for order in orders),
            expired=sum(order["status"] == "EXPIRED" for order in orders),
            lost=lost,
            doubled=doubled + sum(max(0, each) for each in surplus),
            oversold=sum(max(0, -each) for each in surplus),
            half_filled=sum(map(self._is_half_filled, orders)),
            unexplained=sum(map(self._is_unexplained, orders)),
            stuck=sum("stuck" in order for order in orders),
            events_doubled=events_doubled,
        )

    def _find(self, **condition: Any) -> list[Order]:
        items = {"itemId": {"$in": list(map(ObjectId, self._items))}}
        return list(self._rig.system.database["orders"].find({**items, **condition}))

    def _nothing_waits(self) -> bool:
        waits = [
            {"awaitingSince": {"$exists": True}, "stuck": {"$exists": False}},
            {"heldUntil": {"$exists": True}},
            {"outbox.0": {"$exists": True}},
        ]
        try:
            return not self._find(**{"$or": waits})
        except PyMongoError:
            return False

    def _stand(self, order_id: str | None) -> str:
        order = self._orders.get(order_id or "")
        return order["status"] if order else "missing"

    def _is_lost(self, purchase: Purchase) -> bool:
        if not purchase.acknowledged:
            return False
        assert purchase.final is not None
        stands = self._stand(purchase.final.order_id)
        if stands in may_stand(purchase, self._is_stuck(purchase)):
            return False
        self.wrong.append(f"{stands}, though answered: {purchase}")
        return True

    def _is_stuck(self, purchase: Purchase) -> bool:
        assert purchase.final is not None
        return "stuck" in self._orders.get(str(purchase.final.order_id), {})

    def _is_doubled(self, purchase: Purchase) -> bool:
        """Its key answers two ways, asked again too."""
        answers = [answer for answer in purchase.answers if answer.status in (201, 202, 400)]
        if purchase.key and answers:
            answers.append(self._buyers.again(purchase))
        kinds = {answer.status == 400 for answer in answers}
        if len({answer.order_id for answer in answers}) <= 1 and len(kinds) <= 1:
            return False
        self.wrong.append(f"two answers {answers} to {purchase}")
        return True

    def _check_refusals(self, purchase: Purchase) -> None:
        """An order that only ever met 503 (or nobody) took nothing."""
        met = {answer.status for answer in purchase.answers}
        if 500 in met.union(*({each.status for each in told} for told in purchase.later.values())):
            self.wrong.append(f"an internal error: {purchase}")
        order = self._by_key.get(purchase.key)
        if order is None:
            return
        if met <= {503, NOT_SENT} and order["status"] != "FAILED":
            self.wrong.append(f"{order['status']}, though refused: {purchase}")
        if 400 in met and order["status"] != "FAILED":
            self.wrong.append(f"{order['status']}, though turned down: {purchase}")

    def _check_unkeyed(self) -> None:
        """Who asked without a key can't be told apart, but counted."""
        taken = sum(
            _key(order) is None and order["status"] not in ("PENDING", "FAILED")
            for order in self._orders.values()
        )
        unkeyed = [purchase for purchase in self._buyers.purchases if purchase.key is None]
        most = sum(purchase.answers[0].status in (201, 202, CUT) for purchase in unkeyed)
        if taken > most:
            self.wrong.append(f"{taken} orders without a key took stock, at most {most} may have")

    def _surplus(self, item: str) -> int:
        """How much more stock is gone than was sold; negative is oversold."""
        stock = self._rig.system.stock(item)
        gone = self._items[item] + self._others.get(item, 0) - stock
        sold = [
            _sold(order, line)
            for order in self._orders.values()
            for line in lines_of(order)
            if str(line["itemId"]) == item
        ]
        least, most = sum(low for low, _ in sold), sum(high for _, high in sold)
        if least <= gone <= most:
            return 0
        self.wrong.append(f"item {item}: {gone} are gone, sold were {least} to {most}")
        return gone - most if gone > most else gone - least

    def _is_half_filled(self, order: Order) -> bool:
        """Whether an order that is settled has, by its own account, a part of its lines."""
        kept = ["taken" in line and "returned" not in line for line in lines_of(order)]
        if "awaitingSince" in order or set(kept) == {order["status"] in _HAVE_STOCK}:
            return False
        self.wrong.append(f"{order['status']}, with these lines kept: {kept}, is {order}")
        return True

    def _is_unexplained(self, order: Order) -> bool:
        flaw = flaw_of(order)
        if flaw is not None:
            self.wrong.append(f"the history does not explain {order['status']}: {flaw}")
        return flaw is not None

    def _check_events(self) -> int:
        told = published(self._rig.kafka.bootstrap, self._rig.topic)
        doubled = 0
        for order_id, order in self._orders.items():
            names = enumerate(events_of(order), 1)
            expected = [Told(f"{order_id}-{name}", number) for number, name in names]
            first_times = list(dict.fromkeys(told.get(order_id, [])))
            if first_times != expected:
                self.wrong.append(f"{order['status']} {order_id} was told as {first_times}")
            doubled += sum(times - 1 for times in Counter(told.get(order_id, [])).values())
        return doubled


def _sold(order: Order, line: Mapping[str, Any]) -> tuple[int, int]:
    """The units that the order has of the line: the least and the most that they may be."""
    stuck, quantity = order.get("stuck"), line["quantity"]
    if stuck and line["itemId"] in stuck["items"]:
        # What nobody can tell: whether it was taken, or given back.
        return 0, quantity
    has = "taken" in line and "returned" not in line if stuck else order["status"] in _HAVE_STOCK
    return (quantity, quantity) if has else (0, 0)


def _key(order: Order) -> str | None:
    key: str | None = order.get("idempotency", {}).get("key")
    return key
