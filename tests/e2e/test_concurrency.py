"""Many orders at once, through several processes: nothing is oversold, nothing is lost."""

from collections import Counter

import pytest

from tests.e2e.answers import problem_in
from tests.system import System
from tests.waiting import until


@pytest.mark.parametrize("contract", ["system", "conditional"])
def test_200_orders_at_once_on_a_stock_of_100_sell_exactly_100(
    contract: str, request: pytest.FixtureRequest
) -> None:
    system: System = request.getfixturevalue(contract)
    item = system.add_item(stock=100, price="0.10")

    answers = system.create_at_once(item, 200)

    assert Counter(answer.status_code for answer in answers) == {201: 100, 400: 100}
    for answer in answers:
        if answer.status_code == 400:
            problem = problem_in(answer, 400, "insufficient_stock")
            assert (problem["requested"], problem["available"]) == (1, 0)
    assert system.stock(item) == 0
    stored = system.orders(item)
    assert Counter(order["status"] for order in stored) == {"COMPLETED": 100, "FAILED": 100}
    acknowledged = {a.json()["order"]["_id"] for a in answers if a.status_code == 201}
    assert acknowledged == {str(o["_id"]) for o in stored if o["status"] == "COMPLETED"}
    # One overwrite may have served several orders, but what they took adds up.
    logged = until(lambda: whole_log(system, item, 100), "the log accounts for all of it")
    assert {entry["changeType"] for entry in logged} == {"reduced"}
    assert not any(entry["contradictory"] for entry in logged)


def whole_log(system: System, item: str, amount: int) -> list[dict[str, object]]:
    entries = system.stock_changes(item)
    return entries if sum(entry["changeAmount"] for entry in entries) >= amount else []


def test_orders_of_many_items_do_not_wait_for_each_other(system: System) -> None:
    items = [system.add_item(stock=5) for _ in range(8)]
    assert [system.create(item, 5).status_code for item in items] == [201] * 8
    assert [system.stock(item) for item in items] == [0] * 8
