"""``orders`` as operators meet it: orders that are held, that expire, and that expired."""

from datetime import timedelta

import pytest
from click.testing import Result

from order_service.domain.hold import Hold
from order_service.domain.marks import Decision
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.interface.cli import parameters
from order_service.interface.cli.showing import iso
from tests.orders import (
    CALLER,
    ITEM,
    basket,
    confirmed,
    expired,
    expiring,
    held,
    in_every_state,
    moved_at,
    pending,
    stuck,
)
from tests.unit.fakes import FakeClock
from tests.unit.interface.cli.shop import Shop

NOW = FakeClock().now()
AGO = NOW - timedelta(hours=3)


def over(order: Order | None = None) -> Order:
    """A hold that was over 2 h 59 min ago, and that nobody has expired."""
    return moved_at(order or pending(at=AGO, hold=Hold(60)), AGO)


def settle(shop: Shop, order: Order, outcome: str, *words: str) -> Result:
    shop.have(order)
    return shop.run("settle", order.id, "--as", outcome, "--reason", "I counted.", "--yes", *words)


# --- list, show


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("to be held", "PENDING to be held"),
        ("held", "RESERVED held until 2026-01-02 03:05:07 UTC"),
        ("extended", "RESERVED held until 2026-01-02 03:05:45 UTC"),
        ("confirmed", "COMPLETED"),
        ("held, to be cancelled", "RESERVED to be cancelled"),
        ("expiring", "RESERVED to expire"),
        ("stuck in its expiry", "RESERVED stuck"),
        ("expired", "EXPIRED"),
    ],
)
def test_orders_list_and_show_say_what_became_of_a_hold(shop: Shop, state: str, says: str) -> None:
    order = shop.have(in_every_state()[state])
    [_, row] = shop.run("list").stdout.splitlines()
    status, *remark = says.split(maxsplit=1)
    assert row.split()[4] == status
    assert row.rsplit("  ", 1)[1] == (remark[0] if remark else ITEM)
    assert shop.run("show", order.id).stdout.splitlines()[0].split() == [order.id, *says.split()]


def test_orders_list_can_be_narrowed_to_held_or_to_expired_orders(shop: Shop) -> None:
    orders = {"reserved": shop.have(held()), "expired": shop.have(expired())}
    for status, order in orders.items():
        assert [each["_id"] for each in shop.json("list", "--status", status)] == [order.id]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("to be held", "for 1 min, from when the stock is taken"),
        ("failed, though to be held", "for 1 min, never begun"),
        ("held", "until 2026-01-02 03:05:07 UTC"),
        ("confirmed", "until 2026-01-02 03:05:07 UTC, confirmed on 2026-01-02 03:04:09 UTC"),
        (
            "confirmed and cancelled",
            "until 2026-01-02 03:05:07 UTC, confirmed on 2026-01-02 03:04:09 UTC",
        ),
        (
            "held, to be cancelled",
            "until 2026-01-02 03:05:07 UTC, cancelled on 2026-01-02 03:04:10 UTC",
        ),
        ("expired", "until 2026-01-02 03:05:07 UTC, expiry recorded on 2026-01-02 03:05:07 UTC"),
    ],
)
def test_orders_show_says_until_when_an_order_is_held_and_how_the_hold_ended(
    shop: Shop, state: str, said: str
) -> None:
    order = shop.have(in_every_state()[state])
    assert f"  hold        {said}\n" in shop.run("show", order.id).stdout


def test_the_json_of_an_order_has_its_hold(shop: Shop) -> None:
    orders = {name: shop.have(in_every_state()[name]) for name in ("held", "confirmed", "expired")}
    shown = {name: shop.json("show", order.id) for name, order in orders.items()}
    holds = {
        name: {"seconds": 60, "expiresAt": iso(order.hold.expires_at)}
        for name, order in orders.items()
        if order.hold
    }
    nothing = {"slot": None, "confirmedAt": None, "expiredAt": None}
    assert shown["held"]["hold"] == nothing | holds["held"] | {"slot": 3}
    at = "2026-01-02T03:04:09.678Z"
    assert shown["confirmed"]["hold"] == nothing | holds["confirmed"] | {"confirmedAt": at}
    at = "2026-01-02T03:05:07.678Z"
    assert shown["expired"]["hold"] == nothing | holds["expired"] | {"expiredAt": at}
    expires = {name: each["expiresAt"] for name, each in shown.items()}
    assert expires == {"held": at, "confirmed": None, "expired": None}
    assert shop.json("show", shop.have(pending()).id)["hold"] is None


def test_the_json_of_an_order_that_is_to_be_cancelled_says_who_asked_for_that(shop: Shop) -> None:
    order = shop.have(held().request_cancel(NOW, CALLER))
    asked = {"actor": "caller", "by": "somebody"}
    assert shop.json("show", order.id)["cancelRequestedBy"] == asked


# --- stuck


def test_orders_stuck_lists_overdue_holds_apart_and_says_why_and_what_can_be_done(
    shop: Shop,
) -> None:
    one, several = shop.have(over()), shop.have(over(basket(at=AGO, hold=Hold(90))))
    shop.have(held())
    shop.have(confirmed())
    said = shop.run("stuck").stdout
    assert said.startswith("2 holds are over, and not expired yet\n")
    for line in (
        "no worker runs, or the inventory can't be reached",
        "the worker gives the stock back, and each order becomes EXPIRED",
        "until then the orders can still be confirmed, extended or cancelled",
        f"{one.id}  over for 2 h 59 min, with 3 of item {ITEM}\n",
        f"{several.id}  over for 2 h 58 min, with 6 units of 3 items\n",
    ):
        assert line in said
    assert said.endswith("\n0 orders stuck, 0 overdue; 2 holds overdue.\n")


def test_the_json_of_orders_stuck_has_overdue_holds_with_their_age(shop: Shop) -> None:
    order = shop.have(over())
    found = shop.json("stuck")
    assert (found["stuck"], found["overdue"]) == ([], [])
    [hold] = found["holds"]
    assert (hold["_id"], hold["status"]) == (order.id, "RESERVED")
    assert hold["overdueForSeconds"] == 3 * 3600 - 60


def test_a_hold_that_was_over_just_now_is_not_overdue(shop: Shop) -> None:
    begun = NOW - timedelta(seconds=65)
    shop.have(moved_at(pending(at=begun, hold=Hold(60)), begun))
    assert shop.run("stuck").stdout == "No order is stuck, and none is overdue.\n"


def test_orders_stuck_says_what_an_expiry_waits_for(shop: Shop) -> None:
    order = shop.have(over().expire(AGO + timedelta(seconds=90)))
    said = shop.run("stuck").stdout
    waits = f"waits for 2 h 58 min to give back 3 of item {ITEM}"
    assert f"{order.id}  overdue, {waits}\n" in said
    assert said.endswith("0 orders stuck, 1 overdue; 0 holds overdue.\n")


@pytest.mark.parametrize(
    ("order", "then"),
    [
        (stuck(expiring()), "becomes EXPIRED"),
        (stuck(pending(hold=Hold(900))), "becomes RESERVED, for 15 min from then"),
    ],
    ids=["expiring", "taking"],
)
def test_orders_stuck_says_what_the_log_would_make_of_an_order_with_a_hold(
    shop: Shop, order: Order, then: str
) -> None:
    shop.have(order)
    said = shop.run("stuck").stdout
    assert f"then     the order {then}, without a person's word\n" in said


# --- settle


def _partly_back() -> Order:
    """The last of three lines is in doubt, and the others are back."""
    return stuck(held_basket().expire(NOW + timedelta(days=9)))


def held_basket() -> Order:
    return moved_at(basket(hold=Hold(60)), NOW)


_DROPPED = "stays RESERVED until 2026-01-02 03:05:07 UTC, and can be confirmed or cancelled again"


@pytest.mark.parametrize(
    ("order", "outcome", "by_word", "phase"),
    [
        (stuck(expiring()), "completed", "the order becomes EXPIRED", "EXPIRED"),
        (
            *(stuck(expiring()), "failed"),
            f"the worker has yet to give back 3 of item {ITEM}, and then the order becomes EXPIRED",
            "EXPIRING",
        ),
        (
            *(_partly_back(), "failed"),
            f"the worker has yet to give back 2 of item {'c' * 24}, and then the order becomes "
            "EXPIRED",
            "EXPIRING",
        ),
        (
            *(stuck(held().request_cancel(NOW, CALLER)), "completed"),
            *("the order becomes CANCELLED", "CANCELLED"),
        ),
        (stuck(held().request_cancel(NOW, CALLER)), "failed", f"the order {_DROPPED}", "HELD"),
        (
            *(stuck(pending(hold=Hold(900))), "completed"),
            *("the order becomes RESERVED, for 15 min from then", "HELD"),
        ),
        (stuck(pending(hold=Hold(900))), "failed", "the order becomes FAILED", "FAILED"),
    ],
)
def test_orders_settle_says_what_a_word_makes_of_an_order_with_a_hold(
    shop: Shop, order: Order, outcome: str, by_word: str, phase: str
) -> None:
    result = settle(shop, order, outcome)
    assert result.exit_code == 0
    assert f"By your word {by_word}. The command moves no stock" in result.stdout
    settled = shop.stored(order)
    assert settled.phase is OrderPhase(phase)
    waits = "" if settled.phase.is_settled else f": {by_word}"
    assert result.stdout.endswith(f"Order {order.id} is {settled.status}{waits}.\n")


def test_orders_settle_says_of_a_held_order_that_it_waits_to_be_confirmed(shop: Shop) -> None:
    order = held()
    result = settle(shop, order, "failed")
    assert (result.exit_code, result.stdout) == (1, "")
    waits = "it is held until 2026-01-02 03:05:07 UTC, and expires unless it is confirmed."
    assert result.stderr == f"Order {order.id} is RESERVED and not stuck: {waits}\n"


def test_orders_settle_keeps_the_name_of_who_settled(shop: Shop) -> None:
    order = stuck(expiring())
    settle(shop, order, "failed", "--by", " J\xf6rg of the night shift ")
    decision = shop.stored(order).decision
    assert decision is not None
    assert decision.by == "J\xf6rg of the night shift"
    shown = shop.json("show", order.id)
    assert shown["decision"]["by"] == decision.by
    assert (shown["history"][-1]["actor"], shown["history"][-1]["by"]) == ("operator", decision.by)
    said = 'FAILED on 2026-01-02 03:05:07 UTC by "J\xf6rg of the night shift": I counted.\n'
    assert said in shop.run("show", order.id).stdout


def test_orders_settle_without_a_name_takes_that_of_the_user(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    order = stuck(expiring())
    settle(shop, order, "failed")
    decision = shop.stored(order).decision
    assert decision is not None
    assert decision.by == "root"


@pytest.mark.parametrize("error", [KeyError("uid not found: 4711"), OSError("No username")])
def test_orders_settle_for_a_user_without_a_name_asks_for_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(parameters, "getuser", nameless)
    order = stuck(expiring())
    result = settle(shop, order, "failed")
    assert (result.exit_code, shop.stored(order).decision) == (2, None)
    assert result.stderr.endswith("This host knows no name for you: give --by NAME.\n")
    assert settle(shop, order, "failed", "--by", "alice").exit_code == 0


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[2Jb", "a\u202eb"])
def test_orders_settle_takes_only_a_name_that_can_be_read(shop: Shop, name: str) -> None:
    order = stuck(expiring())
    result = settle(shop, order, "failed", "--by", name)
    assert (result.exit_code, shop.stored(order).decision) == (2, None)
    rule = "The name after --by has not 1 to 100 printable characters: give --by NAME."
    assert result.stderr.endswith(f"{rule}\n")
    assert name.strip() == "" or name not in result.stderr


def test_a_hold_whose_expiry_a_person_decided_is_no_longer_stuck(shop: Shop) -> None:
    word = Decision(OrderStatus.FAILED, "I looked.", NOW, by="root")
    shop.have(stuck(over().expire(AGO + timedelta(seconds=90))).decide(word))
    assert "0 orders stuck, 1 overdue" in shop.run("stuck").stdout
