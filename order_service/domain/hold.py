"""A hold: an order's stock is taken, and given back unless the order is confirmed in time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self


@dataclass(frozen=True, slots=True)
class Hold:
    """``seconds``: how long the order was to be held, from when its stock was taken.

    ``slot``: which of the holds that its customer may have at a time the order is, while the order
    may still hold stock; None where holds are not counted. ``expires_at``: None until the stock is
    taken. ``expired_at``: when the expiry was recorded. ``confirmed_at``: when the order was sold.
    """

    seconds: int
    slot: int | None = None
    expires_at: datetime | None = None
    expired_at: datetime | None = None
    confirmed_at: datetime | None = None

    def begin(self, at: datetime) -> Self:
        return replace(self, expires_at=self.end_from(at))

    def end_from(self, at: datetime) -> datetime:
        """When a hold that began at ``at`` ends."""
        return at + timedelta(seconds=self.seconds)

    def let_go(self) -> Self:
        """The order holds no stock any more that it may give back."""
        return replace(self, slot=None)
