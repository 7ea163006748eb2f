"""An order's status, and its phase: what the status and the order's marks mean together."""

from enum import StrEnum


class OrderStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class OrderPhase(StrEnum):
    """What an order's status and marks mean together.

    ================  =========  ==========================  ============================
    phase             status     marks                       the order waits for
    ================  =========  ==========================  ============================
    TAKING            PENDING                                its goods
    TAKING_STUCK      PENDING    stuck                       evidence, or a person
    GIVEN_UP          PENDING    given_up_at                 the return of what it took
    GIVEN_UP_STUCK    PENDING    given_up_at, stuck          evidence, or a person
    COMPLETED         COMPLETED                              nothing
    CANCELLING        COMPLETED  cancel_requested_at         the return of its goods
    CANCELLING_STUCK  COMPLETED  cancel_requested_at, stuck  evidence, or a person
    CANCELLED         CANCELLED                              nothing
    FAILED            FAILED                                 nothing
    ================  =========  ==========================  ============================

    A mark that no row of the order's status names changes nothing: ``given_up_at`` stays on a
    failed order, ``cancel_requested_at`` on a cancelled order.
    """

    TAKING = "TAKING"
    TAKING_STUCK = "TAKING_STUCK"
    GIVEN_UP = "GIVEN_UP"
    GIVEN_UP_STUCK = "GIVEN_UP_STUCK"
    COMPLETED = "COMPLETED"
    CANCELLING = "CANCELLING"
    CANCELLING_STUCK = "CANCELLING_STUCK"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def is_settled(self) -> bool:
        """Whether the order waits for nothing."""
        return self in (OrderPhase.COMPLETED, OrderPhase.CANCELLED, OrderPhase.FAILED)

    @property
    def takes(self) -> bool:
        """Whether the order waits to take its goods, stuck or not."""
        return self in (OrderPhase.TAKING, OrderPhase.TAKING_STUCK)

    @property
    def is_given_up(self) -> bool:
        return self in (OrderPhase.GIVEN_UP, OrderPhase.GIVEN_UP_STUCK)

    @property
    def is_stuck(self) -> bool:
        return self in (
            OrderPhase.TAKING_STUCK,
            OrderPhase.GIVEN_UP_STUCK,
            OrderPhase.CANCELLING_STUCK,
        )
