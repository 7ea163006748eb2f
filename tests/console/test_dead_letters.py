"""Dead letters: by what is wrong with them, each to look at whole, and their replay."""

from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.console.accessible import assert_accessible
from tests.console.letters import bury, letters
from tests.console.looking import Look, screenshot
from tests.console.shop import Shop
from tests.waiting import until

_REFUSED = r"console, error: .* (404|503) "
_REPLAY = "**/api/dead-letters/replay"
_LIST = "**/api/dead-letters?*"


def _panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Dead letters")


def _outcome(page: Page) -> Locator:
    return _panel(page).get_by_role("status")


def _newest(shop: Shop, code: str = "not_json") -> Any:
    return letters(shop, code=code)[0]


def _named(letter: Any) -> str:
    original = letter["original"]
    return f"{original['topic']}/{original['partition']}/{original['offset']}"


def _row(page: Page, letter: Any) -> Locator:
    return _panel(page).get_by_role("row").filter(has_text=_named(letter)).first


def _look_at(look: Look, **answer: Any) -> Page:
    """The view, where the list is answered so."""
    given = {"deadLetters": [], "more": False, "complete": True} | answer
    page = look("#/orders")
    page.route(_LIST, lambda route: route.fulfill(json=given))
    page.get_by_role("link", name="How it is").click()
    return page


def _came_back(shop: Shop, value: str, times: int) -> Any:
    """The newest letter of that value that was replayed so often, or None."""
    found = [each for each in letters(shop, code="not_json") if each["value"] == value]
    return next((each for each in found if each["replays"] == times), None)


def _letter(offset: int = 0, **more: Any) -> dict[str, Any]:
    """As the API tells of one."""
    return {
        "_id": f"stock-updates-dlt/0/{offset}",
        "original": {"topic": "stock-updates", "partition": 0, "offset": 1000 + offset},
        "buriedAt": None,
        "producedAt": None,
        "code": "not_json",
        "reason": "<b>It</b> is no JSON.",
        "replays": 0,
        "logged": False,
        "whole": True,
    } | more


def _replays(page: Page, *, report: Any) -> list[Any]:
    """The bodies of the replays that the page asks for, which are reported so."""
    bodies: list[Any] = []

    def replay(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        route.fulfill(json=_report(**report))

    page.route(_REPLAY, replay)
    return bodies


def _report(**more: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {
        each: [] for each in ("replayed", "looping", "cut", "failed", "missing")
    }
    return lists | {"logged": 0, "superseded": 0} | more


def _say_yes(page: Page, question: str) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(question)
    dialog.get_by_role("button", name="Yes, replay").click()
    expect(dialog).to_have_count(0)


# --- the list, and one letter whole


def test_dead_letters_are_shown_by_fault_and_as_text(look: Look, shop: Shop) -> None:
    payload = b"<script>document.body.remove()</script>"
    bury(shop, b'{"itemId": "x"}', payload)
    page = look("#/health")
    panel = _panel(page)
    expect(panel.get_by_role("heading", name="not json: ")).to_be_visible()
    expect(panel.get_by_role("heading", name="missing field: ")).to_be_visible()
    row = _row(page, _newest(shop))
    row.get_by_text("Look", exact=True).click()
    expect(row.get_by_role("region", name="The value")).to_have_text(payload.decode())
    for text in ("<b>key", "<i>h", "<b>x", f"{len(payload)} bytes", "not_json"):
        expect(row).to_contain_text(text)
    assert_accessible(page)
    screenshot(page, "dead-letters")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dead_letters_fit_a_phone(look: Look, shop: Shop, scheme: Any) -> None:
    bury(shop, b"x" * 3000)
    page = look("#/health", width=360, scheme=scheme)
    row = _row(page, _newest(shop))
    row.get_by_text("Look", exact=True).click()
    expect(row.get_by_role("region", name="The value")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert_accessible(page)
    screenshot(page, f"dead-letters-{scheme}-360")


def test_what_is_open_and_the_keyboards_place_stay_while_letters_come_in(
    look: Look, shop: Shop
) -> None:
    bury(shop, b"first")
    page = look("#/health")
    letter = _newest(shop)
    summary = _row(page, letter).get_by_text("Look", exact=True)
    summary.focus()
    page.keyboard.press("Enter")
    value = _row(page, letter).get_by_role("region", name="The value")
    expect(value).to_have_text("first")
    bury(shop, b"second")
    expect(_row(page, _newest(shop))).to_be_visible()
    expect(value).to_have_text("first")
    expect(summary).to_be_focused()


def test_a_letter_that_cannot_be_read_may_be_tried_again(look: Look) -> None:
    look.allows(_REFUSED)
    page = _look_at(look, deadLetters=[_letter()])
    problem = {"code": "broker_unavailable", "detail": "Kafka does not answer."}
    path = "**/api/dead-letters/stock-updates-dlt/0/0"
    page.route(path, lambda route: route.fulfill(status=503, json=problem))
    row = _row(page, _letter())
    row.get_by_text("Look", exact=True).click()
    expect(row.get_by_role("alert")).to_contain_text("Kafka does not answer.")
    whole = _letter(value=None, valueBytes=0, valueCut=False, key=None, headers=[])
    page.route(path, lambda route: route.fulfill(json={"deadLetter": whole}))
    row.get_by_role("button", name="Try again").click()
    expect(row).to_contain_text("It has no value.")


def test_a_value_that_is_cut_says_how_much_there_is(look: Look) -> None:
    page = _look_at(look, deadLetters=[_letter()])
    whole = _letter(value="abc", valueBytes=70_000, valueCut=True, key=None, headers=[])
    page.route("**/stock-updates-dlt/0/0", lambda route: route.fulfill(json={"deadLetter": whole}))
    row = _row(page, _letter())
    row.get_by_text("Look", exact=True).click()
    says = "The first 3 characters of its value, which has 70,000 bytes:"
    expect(row).to_contain_text(says)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({}, "There are no dead letters."),
        ({"complete": False}, "No dead letter was found so far. A request has not the time"),
        ({"deadLetters": [_letter()], "complete": False}, "There may be others. A request has not"),
        ({"deadLetters": [_letter()], "more": True}, "These are the newest 1; there are more."),
        ({"deadLetters": [_letter(logged=True)]}, "in the log by now"),
        ({"deadLetters": [_letter(replays=1)]}, "came back 1 time"),
        ({"deadLetters": [_letter(whole=False)]}, "cut: can't be replayed"),
        ({"deadLetters": [_letter()]}, "<b>It</b> is no JSON."),
    ],
)
def test_what_a_list_lacks_and_what_a_letter_is_are_said(
    look: Look, answer: Any, says: str
) -> None:
    page = _look_at(look, **answer)
    expect(_panel(page)).to_contain_text(says)


def test_letters_that_are_in_the_log_by_now_are_shown_on_demand(look: Look) -> None:
    page = look("#/orders")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        found = [_letter(logged=True)] if "waiting=false" in route.request.url else []
        route.fulfill(json={"deadLetters": found, "more": False, "complete": True})

    page.route(_LIST, answer)
    page.get_by_role("link", name="How it is").click()
    expect(_panel(page)).to_contain_text("There are no dead letters.")
    page.get_by_label("Waiting only").uncheck()
    expect(_row(page, _letter())).to_contain_text("in the log by now")
    page.get_by_label("Waiting only").check()
    expect(_panel(page)).to_contain_text("There are no dead letters.")
    assert "waiting=true" in asked[0]


# --- replay


def test_a_letter_is_replayed_after_a_question_and_the_report_is_in_words(
    look: Look, shop: Shop
) -> None:
    bury(shop, b"replayed once")
    page = look("#/health")
    letter = _newest(shop)
    replay = _row(page, letter).get_by_role("button", name="Replay")
    replay.click()
    page.get_by_role("button", name="No, leave it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(replay).to_be_focused()
    replay.click()
    _say_yes(page, "Replay 1 dead letter?")
    expect(_outcome(page)).to_contain_text("1 letter was sent again.")
    expect(_outcome(page)).to_be_focused()
    # It is as wrong as before, so it comes back, as a letter of its own.
    until(lambda: _came_back(shop, letter["value"], 1), "the letter that comes back")
    expect(_panel(page).get_by_text("came back 1 time").first).to_be_visible()


def test_those_chosen_are_replayed_and_then_all_of_a_fault(look: Look, shop: Shop) -> None:
    bury(shop, b"one", b"two", b"three")
    page = look("#/health")
    chosen = letters(shop, code="not_json")[:2]
    bodies = _replays(page, report={"logged": 1, "superseded": 1})
    group = _panel(page).locator(".group").filter(has_text="not json: ")
    for letter in chosen:
        group.get_by_label(f"Choose {_named(letter)}").first.check()
    group.get_by_role("button", name="Replay the 2 chosen").click()
    _say_yes(page, "Replay 2 dead letters?")
    expect(_outcome(page)).to_contain_text("1 letter is in the log already, and was left alone.")
    expect(_outcome(page)).to_contain_text("1 letter has a newer letter of the same record")
    number = len(letters(shop, code="not_json"))
    group.get_by_role("button", name=f"Replay all {number}").click()
    _say_yes(page, f"Replay {number} dead letters?")
    until(lambda: len(bodies) == 2, "both replays")
    assert set(bodies[0]["ids"]) <= set(bodies[1]["ids"])
    assert (len(bodies[0]["ids"]), len(bodies[1]["ids"])) == (2, number)
    assert not any(each["force"] for each in bodies)


def test_nothing_is_asked_where_none_is_chosen(look: Look) -> None:
    page = _look_at(look, deadLetters=[_letter()])
    # The button is not disabled, or it would lose the keyboard's place with the last choice.
    _panel(page).get_by_role("button", name="Replay the chosen").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_letter_that_comes_back_again_and_again_is_sent_only_by_force(
    look: Look, shop: Shop
) -> None:
    bury(shop, b"loops")
    letter = _newest(shop)
    for count in (1, 2, 3):
        ids = {"ids": [letter["_id"]]}
        shop.ask("POST", "/api/dead-letters/replay", json=ids).raise_for_status()
        letter = until(partial(_came_back, shop, "loops", count), "the letter that came back")
    page = look("#/health")
    row = _row(page, letter)
    expect(row).to_contain_text("came back 3 times")
    row.get_by_role("button", name="Replay").click()
    _say_yes(page, "Replay 1 dead letter?")
    says = "1 letter came back three times, and was not sent."
    expect(_outcome(page)).to_contain_text(says)
    expect(_outcome(page)).to_contain_text(letter["_id"])
    _outcome(page).get_by_role("button", name="Send them all the same").click()
    _say_yes(page, "Replay 1 dead letter all the same?")
    expect(_outcome(page)).to_contain_text("1 letter was sent again.")


def test_what_was_left_is_named_and_what_failed_can_be_replayed_again(look: Look) -> None:
    page = _look_at(look, deadLetters=[_letter(offset) for offset in range(4)])
    left = {
        "replayed": ["stock-updates-dlt/0/0"],
        "cut": ["stock-updates-dlt/0/1"],
        "failed": ["stock-updates-dlt/0/2"],
        "missing": ["stock-updates-dlt/0/3"],
    }
    bodies = _replays(page, report=left)
    _panel(page).get_by_role("button", name="Replay all 4").click()
    _say_yes(page, "Replay 4 dead letters?")
    for text in (
        "1 letter was sent again.",
        "1 letter has a part of its record alone",
        "1 letter was not sent, or Kafka did not confirm it.",
        "1 letter is not there any more.",
        *(left[each][0] for each in ("cut", "failed", "missing")),
    ):
        expect(_outcome(page)).to_contain_text(text)
    assert_accessible(page)
    _outcome(page).get_by_role("button", name="Replay them again").click()
    _say_yes(page, "Replay 1 dead letter?")
    assert bodies[1] == {"ids": left["failed"], "force": False}


def test_a_replay_that_kafka_does_not_answer_keeps_its_question(look: Look) -> None:
    look.allows(_REFUSED)
    page = _look_at(look, deadLetters=[_letter()])
    problem = {"code": "too_much_to_read", "detail": "There are more than a request can read."}
    page.route(_REPLAY, lambda route: route.fulfill(status=503, json=problem))
    _row(page, _letter()).get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Yes, replay").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("There are more than a request can read.")
    dialog.get_by_role("button", name="No, leave it").click()
    expect(_outcome(page)).to_be_empty()
