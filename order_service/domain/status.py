"""An order's status, and its phase: what the status and the order's marks mean together."""

from enum import StrEnum
from typing import Self


class OrderStatus(StrEnum):
    PENDING = "PENDING"
    RESERVED = "RESERVED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class OrderPhase(StrEnum):
    """What an order's status and marks mean together.

    ================  =====================  ==========================  ===========================
    phase             status                 marks                       the order waits for
    ================  =====================  ==========================  ===========================
    TAKING            PENDING                                            its goods
    TAKING_STUCK      PENDING                stuck                       evidence, or a person
    GIVEN_UP          PENDING                given_up_at                 the return of what it took
    GIVEN_UP_STUCK    PENDING                given_up_at, stuck          evidence, or a person
    HELD              RESERVED                                           no stock; to be confirmed
    EXPIRING          RESERVED               hold.expired_at             the return of its goods
    EXPIRING_STUCK    RESERVED               hold.expired_at, stuck      evidence, or a person
    COMPLETED         COMPLETED                                          nothing
    CANCELLING        COMPLETED or RESERVED  cancel_requested_at         the return of its goods
    CANCELLING_STUCK  COMPLETED or RESERVED  cancel_requested_at, stuck  evidence, or a person
    CANCELLED         CANCELLED                                          nothing
    EXPIRED           EXPIRED                                            nothing
    FAILED            FAILED                                             nothing
    ================  =====================  ==========================  ===========================

    A mark that no row of the order's status names changes nothing: ``given_up_at`` stays on a
    failed order, ``cancel_requested_at`` on a cancelled order.

    ``takes``: the order waits to take its goods, stuck or not. ``is_given_up``: the order waits to
    fail. ``is_settled``: the order waits for no stock.
    """

    TAKING = "TAKING", "takes"
    TAKING_STUCK = "TAKING_STUCK", "takes"
    GIVEN_UP = "GIVEN_UP", "is_given_up"
    GIVEN_UP_STUCK = "GIVEN_UP_STUCK", "is_given_up"
    HELD = "HELD", "is_settled"
    EXPIRING = "EXPIRING", ""
    EXPIRING_STUCK = "EXPIRING_STUCK", ""
    COMPLETED = "COMPLETED", "is_settled"
    CANCELLING = "CANCELLING", ""
    CANCELLING_STUCK = "CANCELLING_STUCK", ""
    CANCELLED = "CANCELLED", "is_settled"
    EXPIRED = "EXPIRED", "is_settled"
    FAILED = "FAILED", "is_settled"

    takes: bool
    is_given_up: bool
    is_settled: bool

    def __new__(cls, value: str, kind: str) -> Self:
        # Plain attributes: a phase is asked many times in the life of a request.
        phase = str.__new__(cls, value)
        phase._value_ = value
        phase.takes = kind == "takes"
        phase.is_given_up = kind == "is_given_up"
        phase.is_settled = kind == "is_settled"
        return phase
