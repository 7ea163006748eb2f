"""``reconcile`` as people and programs meet it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from order_service.interface.cli.reconcile import reconcile
from order_service.reconciliation.evidence import (
    SLACK,
    Held,
)
from order_service.reconciliation.reconcile import Reconcile, TimeLimits
from order_service.reconciliation.report import Finding, Kind
from order_service.reconciliation.sentences import sentence
from order_service.settings import SettingsError
from tests.unit.fakes import FakeClock
from tests.unit.reconciliation.books import DAY, ITEM, OTHER, FakeBooks


class Composition:
    def __init__(self, books: FakeBooks, log_kept: timedelta | None = None) -> None:
        self._books = books
        self._log_kept = log_kept

    def reconcile(self, grace: timedelta) -> Reconcile:
        return Reconcile(self._books, self._books, FakeClock(), TimeLimits(grace, self._log_kept))


class Unsettled:
    def reconcile(self, grace: timedelta) -> Reconcile:
        raise SettingsError("Bad setting: PORT: is no number.")


def run(composition: Any, *words: str) -> Result:
    result = CliRunner().invoke(reconcile, words, obj=composition)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def books() -> FakeBooks:
    books = FakeBooks()
    books.order(ITEM, 10, 7)
    books.order(ITEM, 7, 6)
    books.change(OTHER, 5, 55)
    return books


def test_reconcile_prints_a_row_for_each_item_with_its_numbers_side_by_side(
    books: FakeBooks,
) -> None:
    result = run(Composition(books))
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["ITEM", "TAKEN", "GIVEN", "BACK", "LOGGED", "BY", "OTHERS", "STOCK", "NOW"]
    assert rows[1] == [ITEM, "-4", "+0", "-4", "+0", "6", "agrees"]
    assert rows[2] == [OTHER, "0", "+0", "+50", "+50", "55", "agrees"]
    assert result.stdout.splitlines()[-1] == "2 items: all agrees."


def test_reconcile_of_no_items_agrees() -> None:
    result = run(Composition(FakeBooks()))
    assert (result.exit_code, result.stdout) == (0, "0 items: all agrees.\n")


def test_reconcile_prints_a_difference_as_a_sentence_below_its_item(books: FakeBooks) -> None:
    books.change(ITEM, 6, 50)
    order = books.order(ITEM, 6, 4, found=50)
    result = run(Composition(books))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[1].endswith("differs")
    assert lines[2].startswith(f"    ! Lost update: order {order} read 6 and wrote 4 over 50")
    assert lines[-1] == "2 items, of which 1 differs: 1 lost_update."


def test_reconcile_json_prints_one_document(books: FakeBooks) -> None:
    books.stocks[ITEM] = 99
    result = run(Composition(books), "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [report["agrees"] for report in document["items"]] == [False, True]
    [finding] = document["items"][0]["findings"]
    assert (finding["kind"], finding["differs"]) == ("stock_differs", True)
    assert (finding["expectedStock"], finding["foundStock"]) == (6, 99)
    assert "is 99" in finding["text"]
    assert document["items"][1]["log"]["byOthers"]["latest"][0]["newStock"] == 55
    assert document["summary"] == {
        "items": 2,
        "differing": 1,
        "differences": {"stock_differs": 1},
        "complete": True,
        "error": None,
    }


def test_reconcile_item_compares_that_item_alone(books: FakeBooks) -> None:
    document = json.loads(run(Composition(books), "--json", "--item", OTHER.upper()).stdout)
    assert [report["itemId"] for report in document["items"]] == [OTHER]


def test_reconcile_since_leaves_out_items_that_nothing_happened_to_since_then(
    books: FakeBooks,
) -> None:
    assert "0 items" in run(Composition(books), "--since", "2026-01-01").stdout
    document = json.loads(run(Composition(books), "--json", "--since", "2025-12-31").stdout)
    assert len(document["items"]) == 2
    assert document["since"] == "2025-12-31T00:00:00.000Z"


def test_reconcile_since_may_be_the_beginning_of_the_calendar(books: FakeBooks) -> None:
    result = run(Composition(books), "--json", "--since", "0001-01-01T00:00Z")
    assert len(json.loads(result.stdout)["items"]) == 2
    assert result.exit_code == 0, result.stderr


def test_reconcile_compares_nothing_from_before_the_log_begins(books: FakeBooks) -> None:
    kept = 30 * DAY
    document = json.loads(run(Composition(books, kept), "--json", "--since", "2001-01-01").stdout)
    kept_from = FakeClock().now() - kept + 2 * SLACK
    assert datetime.fromisoformat(document["since"]) == kept_from
    assert books.asked_since == [FakeClock().now() - kept] * 2


def test_a_store_that_goes_away_ends_reconciles_document_with_the_reason(books: FakeBooks) -> None:
    books.breaks_at = OTHER
    result = run(Composition(books))
    assert (result.exit_code, result.stderr) == (2, "The order store can't be reached.\n")
    result = run(Composition(books), "--json")
    assert result.exit_code == 2
    assert result.stderr == "The order store can't be reached.\n"
    document = json.loads(result.stdout)
    assert len(document["items"]) == 1
    assert document["summary"]["complete"] is False
    assert document["summary"]["error"]["code"] == "store_unavailable"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (
            Held(1, 3),
            "    - Held: 1 order holds 3 units of what was taken, to be confirmed or given",
        ),
        (
            Held(2, 1),
            "    - Held: 2 orders hold 1 unit of what was taken, to be confirmed or given",
        ),
    ],
)
def test_reconcile_names_the_units_that_are_held_and_agrees(
    books: FakeBooks, held: Held, said: str
) -> None:
    books.held = held
    result = run(Composition(books))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2] == f"{said} back."
    document = json.loads(run(Composition(books), "--json").stdout)
    held_of = [report["orders"]["held"] for report in document["items"]]
    assert held_of == [
        {"orders": held.orders, "units": held.units},
        {"orders": 0, "units": 0},
    ]


def test_reconcile_does_not_agree_while_an_order_is_stuck(books: FakeBooks) -> None:
    books.stuck = 2
    result = run(Composition(books))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[1].endswith("stuck")
    assert "2 orders that may or may not have moved the stock" in lines[2]
    assert "order-service orders stuck" in lines[2]
    assert lines[-1] == "2 items, of which 1 differs: 2 stuck_order."
    document = json.loads(run(Composition(books), "--json").stdout)
    assert [report["agrees"] for report in document["items"]] == [False, True]
    assert document["summary"]["differences"] == {"stuck_order": 2}


@pytest.mark.parametrize(
    "error",
    [
        RecursionError(),
        ValueError("NaN"),
        KeyError("x"),
        OSError(32, "Broken pipe"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_an_error_that_ends_reconcile_is_exit_code_2_and_no_difference(
    books: FakeBooks, error: BaseException, words: tuple[str, ...]
) -> None:
    books.breaks_at, books.error = OTHER, error
    result = run(Composition(books), *words)
    assert result.exit_code == 2
    assert result.stderr
    assert "all agrees" not in result.stdout
    if words and isinstance(error, Exception):
        summary = json.loads(result.stdout)["summary"]
        assert (summary["complete"], summary["error"]["code"]) == (False, "internal_error")


def test_each_line_that_reconcile_prints_is_printable(books: FakeBooks) -> None:
    books.told_changes[OTHER].append(
        replace(books.told_changes[OTHER][0], id="x\n\x1b[2J", previous_stock=1)
    )
    out = run(Composition(books)).stdout
    assert "\\n\\x1b[2J" in out
    assert all(line.isprintable() for line in out.splitlines())


def test_the_help_of_reconcile_tells_the_exit_codes() -> None:
    told = " ".join(run(Unsettled(), "--help").stdout.split())
    for code in (
        "0 when all agrees",
        "1 when something differs",
        "2 when it could not be found out",
    ):
        assert code in told


def test_a_bad_setting_ends_reconcile_with_one_line() -> None:
    result = run(Unsettled())
    assert (result.exit_code, result.stderr) == (2, "Bad setting: PORT: is no number.\n")


def test_reconcile_item_says_that_an_item_nobody_knows_is_unknown(books: FakeBooks) -> None:
    result = run(Composition(books), "--item", "c" * 24)
    assert result.exit_code == 2
    assert "has no item" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--item", "7"), "24 hexadecimal digits"),
        (("--since", "yesterday"), "neither a time like"),
        (("--grace", "-1"), "not in the range"),
        (("more",), "unexpected extra argument"),
    ],
)
def test_an_argument_of_reconcile_that_cannot_be_read_is_named(
    books: FakeBooks, words: tuple[str, ...], said: str
) -> None:
    result = run(Composition(books), *words)
    assert result.exit_code == 2
    assert said in result.stderr


# --- every finding in a sentence

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (
            Finding(Kind.LOST_UPDATE, ("o1",), ("c1",), 10, 4, 7, -3, AT),
            "Lost update: order o1 read 10 and wrote 7 over 4, so another writer's -6 is gone: "
            "stock change c1 (2026-01-02 03:04:05 UTC).",
        ),
        (
            Finding(Kind.OVERWRITTEN_AGAIN, ("o1",), ("c1",), 10, 4, 7, -3, AT),
            "Overwritten again: the stock went from 4 back to 7, which order o1 had written "
            "before: a request arrived late, or another writer meant this stock. A late request "
            "put the stock wrong by +3: see stock change c1 (2026-01-02 03:04:05 UTC).",
        ),
        (
            Finding(Kind.ORDER_WITHOUT_CHANGE, ("o1", "o2"), (), 10, None, 7, -3, AT),
            "Order without a change: orders o1, o2 moved the stock from 10 to 7, but neither the "
            "log nor the stock shows it (2026-01-02 03:04:05 UTC).",
        ),
        (
            Finding(Kind.ORDER_WITHOUT_CHANGE, ("o1",), asked=-3),
            "Order without a change: order o1 moved the stock by -3, and has no record of the "
            "change that did it.",
        ),
        (
            Finding(Kind.ORDERS_DO_NOT_ADD_UP, ("o1", "o2"), (), 10, None, 7, -4),
            "Orders do not add up: the stock went from 10 to 7 for orders o1, o2, which ask for -4 "
            "together.",
        ),
        (
            Finding(Kind.MISSING_CHANGE, (), ("c1", "c2"), 7, 50),
            "Missing change: the stock went from 7 (stock change c1) to 50 (before stock change "
            "c2) with no entry of it: an event was lost (see `order-service dead-letters list`), "
            "or one of two writers at once.",
        ),
        (
            Finding(Kind.STOCK_DIFFERS, (), ("c1",), 7, 50),
            "Stock differs: it was left at 7 by stock change c1, and is 50.",
        ),
        (
            Finding(Kind.STOCK_DIFFERS, (), (), 7, 50, unsure=True),
            "Stock differs: it was left at 7 by orders, and is 50. It is so new that the log may "
            "not have heard of it yet.",
        ),
        (
            Finding(Kind.NOT_LOGGED, tuple(f"o{n}" for n in range(8))),
            "The log has no entry of the changes by 8 orders, which the stock agrees with: o0, o1, "
            "o2, o3, o4 and 3 more.",
        ),
        (
            Finding(Kind.NOT_YET_LOGGED, ("o1", "o2")),
            "The log is behind: it has no entry yet of the changes by 2 orders: o1, o2. Is a "
            "worker running?",
        ),
        (
            Finding(Kind.SETTLED_BY_WORD, ("o1",)),
            "Settled by a person's word: order o1. The log has no such change.",
        ),
        (
            Finding(Kind.BROUGHT_BACK, ("o1", "o2"), asked=-3, others=-4),
            "Brought back from the events: orders o1, o2 moved the stock by -3 in all, and the "
            "changes that no other order made come to -4. Where the two differ, somebody else "
            "wrote the stock, or an order is lost. (Compare --since the backup.)",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Finding) else "",
)
def test_each_kind_of_finding_of_reconcile_is_a_sentence(finding: Finding, said: str) -> None:
    assert sentence(finding) == said
