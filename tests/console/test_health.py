"""How it is: the verdict, the parts, what waits, and the last hour."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.console.accessible import assert_accessible
from tests.console.looking import Look, screenshot
from tests.console.shop import Shop
from tests.waiting import until

_UNAVAILABLE = r"console, error: .* 503 "
_STATUS = "**/api/status"
_LETTERS = "**/api/dead-letters?*"
_READINGS = {
    "The parts": _STATUS,
    "Orders that wait too long": "**/api/stuck-orders?*",
    "The last hour": "**/api/status/last-hour",
    "Dead letters": _LETTERS,
}


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def verdict(page: Page) -> Locator:
    return page.locator("h1 + div")


def look_with(look: Look, answers: Mapping[str, Any]) -> Page:
    """The view, where these readings are answered so: with JSON, or with the problem of a 503."""
    page = look("#/orders")
    for path, answer in answers.items():
        page.route(path, _answering(answer))
    page.get_by_role("link", name="How it is").click()
    return page


def _answering(answer: Any) -> Callable[[Route], None]:
    status = 503 if "code" in answer else 200
    return lambda route: route.fulfill(status=status, json=answer)


def listed(number: int = 0, **more: Any) -> dict[str, Any]:
    """An answer with so many dead letters."""
    letter = {
        "_id": "stock-updates-dlt/0/0",
        "original": {"topic": "stock-updates", "partition": 0, "offset": 0},
        "buriedAt": None,
        "code": "not_json",
        "reason": "It is no JSON.",
        "replays": 0,
        "logged": False,
        "whole": True,
    }
    letters = [letter | {"_id": f"stock-updates-dlt/0/{offset}"} for offset in range(number)]
    return {"deadLetters": letters, "more": False, "complete": True} | more


def told(shop: Shop, **changes: Any) -> Any:
    """The real status, with these members of it changed."""
    return shop.ask("GET", "/api/status").json() | changes


def away(status: Any, name: str, **more: Any) -> dict[str, Any]:
    """The dependencies without that one."""
    gone = {"status": "unavailable", "detail": "It refuses.", "since": status["at"]} | more
    return status["dependencies"] | {name: status["dependencies"][name] | gone}


# --- the verdict


def test_all_is_well_where_nothing_is_wrong(look: Look) -> None:
    page = look_with(look, {_LETTERS: listed()})
    expect(verdict(page)).to_have_text("All is well.")
    expect(panel(page, "Orders that wait too long")).to_contain_text("No order is stuck")
    parts = panel(page, "The parts")
    for text in ("store, required", "inventory, not required", "alive", "consumer works"):
        expect(parts).to_contain_text(text)
    assert_accessible(page)
    screenshot(page, "health")


def test_not_all_is_well_before_everything_was_asked(look: Look) -> None:
    page = look("#/orders")
    held: list[Route] = []
    page.route(_LETTERS, lambda route: held.append(route))
    page.get_by_role("link", name="How it is").click()
    expect(panel(page, "The parts")).to_contain_text("alive")
    expect(panel(page, "Orders that wait too long")).to_contain_text("No order is stuck")
    expect(verdict(page)).to_have_text("Looking whether all is well …")
    held[0].fulfill(json=listed())
    expect(verdict(page)).to_have_text("All is well.")


def test_the_worst_is_said_first(look: Look, shop: Shop) -> None:
    status = told(shop, workers=[])
    status["dependencies"] = away(status, "inventory")
    status["backlog"] |= {"ordersStuck": 2, "oldestUnpublishedSeconds": 61.5}
    page = look_with(look, {_STATUS: status, _LETTERS: listed(3)})
    expect(verdict(page).locator("p")).to_contain_text("No worker runs")
    expect(verdict(page).locator("li")).to_have_text(
        [
            "2 orders are stuck, and may need a person.",
            "The inventory is unavailable. It refuses.",
            "The oldest event is not published yet. It has waited for 1 minute 1 second.",
            "3 dead letters wait for somebody.",
        ]
    )
    expect(panel(page, "The parts")).to_contain_text("No worker has been seen in the last hour.")


def test_what_hinders_nobody_is_no_alarm(look: Look, shop: Shop) -> None:
    [worker] = told(shop)["workers"]
    gone = worker | {"id": "gone:1:a", "alive": False, "seenAt": worker["startedAt"]}
    page = look_with(look, {_STATUS: told(shop, workers=[worker, gone]), _LETTERS: listed(1)})
    expect(verdict(page)).to_contain_text("Everything works, and something is left to look at:")
    expect(verdict(page)).to_contain_text(
        "1 worker ended in the last hour without an orderly stop, and no other took the place."
    )
    expect(verdict(page)).to_contain_text("1 dead letter waits for somebody.")
    expect(page.locator(".worker").filter(has_text="gone:1:a")).not_to_contain_text(
        "consumer works"
    )


def test_a_worker_that_died_is_no_trouble_once_another_took_its_place(
    look: Look, shop: Shop
) -> None:
    [worker] = told(shop)["workers"]
    gone = worker | {"id": "gone:1:a", "alive": False, "seenAt": "2026-01-01T00:00:00.000Z"}
    status = told(shop, workers=[worker, gone])
    page = look_with(look, {_STATUS: status, _LETTERS: listed()})
    expect(verdict(page)).to_have_text("All is well.")
    # One that dies again and again took the place of one.
    again = told(shop, workers=[worker, gone, gone | {"id": "gone:2:b"}])
    page = look_with(look, {_STATUS: again, _LETTERS: listed()})
    expect(verdict(page)).to_contain_text("1 worker ended in the last hour")


def test_parts_of_a_worker_that_fail_for_one_reason_are_named_together(
    look: Look, shop: Shop
) -> None:
    status = told(shop)
    [worker] = status["workers"]
    gone = {"status": "unavailable", "detail": "No answer.", "since": status["at"]}
    worker["dependencies"] |= {"consumer": gone, "kafka": gone, "relay": {"status": "unavailable"}}
    page = look_with(look, {_STATUS: status, _LETTERS: listed()})
    name = f"Worker {worker['id']}"
    worst = f"{name}: its consumer and kafka do not work. No answer."
    expect(verdict(page).locator("p")).to_have_text(worst)
    expect(verdict(page).locator("li")).to_have_text([f"{name}: its relay does not work."])
    expect(panel(page, "The parts")).to_contain_text("kafka does not work")


def test_while_the_store_is_away_nobody_knows_of_workers_and_of_what_waits(
    look: Look, shop: Shop
) -> None:
    look.allows(_UNAVAILABLE)
    status = told(shop, workers=None, backlog=None)
    status["dependencies"] = away(status, "store", detail="No primary.")
    problem = {"code": "store_unavailable", "detail": "The store does not answer."}
    page = look_with(
        look, {_STATUS: status, _READINGS["Orders that wait too long"]: problem, _LETTERS: problem}
    )
    first = "The store is unavailable: nothing works without it. No primary."
    expect(verdict(page).locator("p")).to_have_text(first)
    expect(panel(page, "The parts")).to_contain_text("Nobody knows of the workers")
    expect(panel(page, "What waits")).to_contain_text("Nobody knows while the store is away.")


def test_a_service_that_does_not_answer_any_more_is_not_called_well(look: Look) -> None:
    look.allows(_UNAVAILABLE)
    page = look_with(look, {_LETTERS: listed()})
    expect(verdict(page)).to_have_text("All is well.")
    page.route(_STATUS, lambda route: route.fulfill(status=503, json={"detail": "Going away."}))
    expect(verdict(page)).to_contain_text("Nobody can tell how it is")
    parts = panel(page, "The parts")
    expect(parts.get_by_role("alert")).to_contain_text("Going away.")
    expect(parts).to_contain_text("What stands below is as it was at")
    expect(parts).to_contain_text("alive")


def test_a_token_that_may_not_ask_is_not_told_that_nobody_can_tell(look: Look, shop: Shop) -> None:
    look.allows(r"console, error: .* 403 ")
    page = look("#/health", token=shop.token("bob", "orders:read orders:write stock:read"))
    expect(verdict(page)).to_have_text(
        "You can't be told how it is: The token lacks the scope orders:admin."
    )
    expect(page.get_by_text("What stands below")).to_have_count(0)


@pytest.mark.parametrize("name", list(_READINGS))
def test_each_part_of_the_view_fails_by_itself(look: Look, name: str) -> None:
    look.allows(_UNAVAILABLE)
    problem = {"code": "broker_unavailable", "detail": "It does not answer."}
    page = look_with(look, {_LETTERS: listed(), _READINGS[name]: problem})
    whole = {
        "The parts": "consumer works",
        "Orders that wait too long": "No order is stuck",
        "The last hour": "How long creating an order takes",
        "Dead letters": "There are no dead letters.",
    }
    expect(panel(page, name).get_by_role("alert")).to_contain_text("It does not answer.")
    for other in whole.keys() - {name}:
        expect(panel(page, other)).to_contain_text(whole[other])
        expect(panel(page, other).get_by_role("alert")).to_have_count(0)


def test_the_keyboards_place_and_what_is_open_stay_while_the_parts_are_read_anew(
    look: Look,
) -> None:
    page = look("#/health")
    summary = page.get_by_text("Its partitions")
    summary.focus()
    page.keyboard.press("Enter")
    partitions = page.get_by_role("table", name="Partitions of worker")
    expect(partitions).to_be_visible()
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/api/status"))
    expect(partitions).to_be_visible()
    expect(summary).to_be_focused()


# --- the last hour


def test_the_last_hour_is_drawn_from_what_the_service_counted(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    for _ in range(3):
        shop.place(item)
    # A process tells every 15 seconds, and the slot under way is not drawn yet.
    until(lambda: _ended(shop), "a slot with orders that is over", 60)
    page = look("#/health")
    rates = page.get_by_role("figure", name="Orders a second")
    expect(rates).to_contain_text("sold: ")
    latencies = page.get_by_role("figure", name="How long creating")
    expect(latencies).to_contain_text("half are faster (p50)")


def _ended(shop: Shop) -> bool:
    hour = shop.ask("GET", "/api/status/last-hour").json()
    slots = [each["at"] for each in hour["slots"] if each["orders"].get("completed")]
    length = timedelta(seconds=hour["slotSeconds"])
    now = datetime.fromisoformat(hour["to"])
    return any(datetime.fromisoformat(at) + length <= now for at in slots)


def test_a_gap_is_a_zero_of_the_rates_and_a_break_of_the_latencies(look: Look) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    slots = [
        {
            "at": _iso(began + timedelta(seconds=15 * place)),
            "orders": {"completed": 3, "insufficient_stock": 30, "abandoned": 15},
            "creates": {"count": 4, "p50": 0.01, "p99": 0.5},
        }
        for place in (1, 2, 5, 6)
    ]
    hour = {"from": _iso(began), "to": _iso(began + timedelta(hours=1)), "slotSeconds": 15}
    page = look_with(look, {"**/api/status/last-hour": hour | {"slots": slots}})
    rates = page.get_by_role("figure", name="Orders a second")
    expect(rates.get_by_role("listitem")).to_have_text(
        ["sold", "refused: too little stock", "failed"]
    )
    expect(rates).to_contain_text("sold: 240 values, at first 0 a second")
    expect(rates).to_contain_text("most 0.2 a second")
    latencies = page.get_by_role("figure", name="How long creating")
    expect(latencies).to_contain_text("4 values, at first 10 ms")
    for figure, runs in ((rates, 1), (latencies, 2)):
        path = figure.locator(".plot path.series").first.get_attribute("d") or ""
        assert path.count("M") == runs


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("slots", [[], [{"at": "2026-01-01T00:00:00Z", "orders": {}}]])
def test_an_hour_in_which_nothing_happened_says_so(look: Look, slots: list[Any]) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    hour = {"from": _iso(began), "to": _iso(began + timedelta(hours=1)), "slotSeconds": 15}
    none = {"count": 0, "p50": None, "p99": None}
    hour["slots"] = [each | {"creates": none} for each in slots]
    page = look_with(look, {"**/api/status/last-hour": hour})
    expect(panel(page, "The last hour")).to_contain_text("No order came to anything")
    expect(panel(page, "The last hour")).to_contain_text("Nobody asked for an order")
