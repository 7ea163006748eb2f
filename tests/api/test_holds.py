"""Orders that are held until they are paid, as a client meets them over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.api.holding import cancelled, confirmed, expired, failed, held, pending, sold
from tests.e2e.answers import order_in, problem_in
from tests.system import System

NOBODY = "f" * 24
LONGEST = 3600
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def item(shop: System) -> str:
    """With a stock of 10."""
    return shop.add_item(stock=10)


# --- hold


def test_a_hold_takes_the_stock_and_shows_its_end(shop: System, item: str) -> None:
    answer = shop.hold(item, 900, quantity=3)
    assert answer.status_code == 201
    order = order_in(answer)
    assert (order["status"], order["totalPrice"], shop.stock(item)) == ("RESERVED", 29.97, 7)
    assert order_in(shop.get(order["_id"])) == order
    assert order["expiresAt"] > order["updatedAt"]


BAD_SECONDS: dict[str, bytes] = {
    "zero": b"0",
    "less than nothing": b"-1",
    "a fraction": b"1.5",
    "a float": b"60.0",
    "an exponent": b"6e1",
    "true": b"true",
    "a string": b'"60"',
    "null": b"null",
    "a list": b"[60]",
    "longer than the setting": b"3601",
    "longer than any setting": b"31536001",
    "64 bits": b"18446744073709551616",
    "4000 digits": b"9" * 4000,
}
FORMS = {
    "one item": b'{"itemId": "ITEM", "quantity": 1, "holdSeconds": SECONDS}',
    "a basket": b'{"items": [{"itemId": "ITEM", "quantity": 1}], "holdSeconds": SECONDS}',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seconds", BAD_SECONDS)
def test_hold_seconds_that_can_not_be_are_a_400_that_names_the_field_and_take_nothing(
    form: str, seconds: str, shop: System, item: str
) -> None:
    body = FORMS[form].replace(b"ITEM", item.encode()).replace(b"SECONDS", BAD_SECONDS[seconds])
    answer = shop.request("POST", "/api/orders", data=body, headers=JSON)
    problem = problem_in(answer, 400, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == ["holdSeconds"]
    assert len(answer.content) < 1000
    assert (shop.stock(item), shop.orders(item)) == (10, [])


def test_the_longest_hold_is_that_of_the_setting(shop: System, item: str) -> None:
    assert shop.hold(item, LONGEST).status_code == 201
    problem = problem_in(shop.hold(item, LONGEST + 1), 400, "invalid_request")
    assert problem["errors"] == [{"field": "holdSeconds", "reason": "must be 3600 at most"}]


# --- confirm and extend


def test_a_confirmation_sells_a_held_order_and_a_repeat_says_the_same(
    shop: System, item: str
) -> None:
    order_id = held(shop, item)
    first, again = shop.confirm(order_id), shop.confirm(order_id)
    assert (first.status_code, again.status_code) == (200, 200)
    order = order_in(first)
    assert (order["status"], "expiresAt" in order) == ("COMPLETED", False)
    assert again.content == first.content
    assert again.headers["ETag"] == first.headers["ETag"]
    assert shop.stock(item) == 9


def test_an_extension_counts_from_now_and_may_end_earlier(shop: System, item: str) -> None:
    order = order_in(shop.hold(item, 600))
    later, earlier = (order_in(shop.extend(order["_id"], each)) for each in (900, 60))
    assert earlier["expiresAt"] < order["expiresAt"] < later["expiresAt"]
    assert order_in(shop.get(order["_id"])) == earlier
    assert earlier["createdAt"] == order["createdAt"]


def test_an_order_is_never_held_longer_than_the_setting_from_its_creation(
    shop: System, item: str
) -> None:
    order_id = held(shop, item)
    for seconds in (LONGEST, LONGEST + 1, 31_536_000):
        problem = problem_in(shop.extend(order_id, seconds), 400, "invalid_request")
        [error] = problem["errors"]
        assert error["field"] == "holdSeconds"
        assert error["reason"].startswith("an order may be held for 3600 s from its creation")
    assert shop.extend(order_id, LONGEST - 100).status_code == 200


BAD_EXTENSIONS: dict[str, tuple[bytes, dict[str, str], int, str | None]] = {
    "nothing": (b"", JSON, 400, "body"),
    "no content type": (b'{"holdSeconds": 60}', {}, 415, None),
    "a form": (b"holdSeconds=60", {"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
    "coded": (b'{"holdSeconds": 60}', JSON | {"Content-Encoding": "gzip"}, 415, None),
    "no object": (b"60", JSON, 400, "body"),
    "null": (b"null", JSON, 400, "body"),
    "no number": (b'{"holdSeconds": NaN}', JSON, 400, "body"),
    "wide digits": ('{"holdSeconds": \uff16\uff10}'.encode(), JSON, 400, "body"),
    "5000 digits": (b'{"holdSeconds": ' + b"9" * 5000 + b"}", JSON, 400, "body"),
    "twice": (b'{"holdSeconds": 60, "holdSeconds": 61}', JSON, 400, "holdSeconds"),
    "no seconds": (b"{}", JSON, 400, "holdSeconds"),
    "too large": (b'{"holdSeconds": 60}'.ljust(70_000), JSON, 413, None),
    **{
        each: (b'{"holdSeconds": ' + seconds + b"}", JSON, 400, "holdSeconds")
        for each, seconds in BAD_SECONDS.items()
    },
}


@pytest.mark.parametrize("what", BAD_EXTENSIONS)
def test_a_bad_body_of_an_extension_is_refused_and_extends_nothing(
    what: str, shop: System, item: str
) -> None:
    body, headers, status, field = BAD_EXTENSIONS[what]
    created = shop.hold(item)
    path = f"/api/orders/{order_in(created)['_id']}/extend"
    answer = shop.request("POST", path, data=body, headers=headers)
    assert answer.status_code == status, answer.text
    if field is not None:
        problem = problem_in(answer, 400, "invalid_request")
        assert [each["field"] for each in problem["errors"]] == [field]
    assert shop.get(order_in(created)["_id"]).headers["ETag"] == created.headers["ETag"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": b"{", "headers": JSON},
        {"data": b"x" * 200_000},
        {"data": b"\xff", "headers": {"Content-Type": "text/plain", "Content-Encoding": "br"}},
    ],
    ids=["none", "no JSON", "200 kB", "no text"],
)
def test_a_confirmation_reads_no_body_whatever_it_is(
    body: dict[str, Any], shop: System, item: str
) -> None:
    assert shop.confirm(held(shop, item), **body).status_code == 200


@pytest.mark.parametrize("order_id", [NOBODY, "123", "z" * 24, "%00", "\N{SNOWMAN}", "a" * 3000])
def test_an_order_that_is_not_there_has_no_hold_and_no_history(order_id: str, shop: System) -> None:
    for answer in (shop.confirm(order_id), shop.extend(order_id, 60), shop.history(order_id)):
        problem_in(answer, 404, "order_not_found")


def test_an_orders_id_may_be_written_in_capitals_in_every_route(shop: System, item: str) -> None:
    order_id = held(shop, item).upper()
    for answer in (shop.extend(order_id, 60), shop.history(order_id), shop.confirm(order_id)):
        assert answer.status_code == 200


# --- what an order is that can't be confirmed, extended or cancelled any more

States = dict[str, tuple[Callable[[System, str], str], str, dict[str, str | None]]]
NO_MORE: States = {
    "sold at once": (
        sold,
        "COMPLETED",
        {"confirm": "not_held", "extend": "not_held", "cancel": None},
    ),
    "confirmed": (
        confirmed,
        "COMPLETED",
        {"confirm": None, "extend": "hold_confirmed", "cancel": None},
    ),
    "cancelled": (
        cancelled,
        "CANCELLED",
        {"confirm": "hold_cancelled", "extend": "hold_cancelled", "cancel": None},
    ),
    "expired": (
        expired,
        "EXPIRED",
        {"confirm": "hold_expired", "extend": "hold_expired", "cancel": "hold_expired"},
    ),
    "not decided yet": (
        pending,
        "PENDING",
        {"confirm": "illegal_move", "extend": "illegal_move", "cancel": "illegal_move"},
    ),
    "failed": (
        failed,
        "FAILED",
        {"confirm": "illegal_move", "extend": "illegal_move", "cancel": "illegal_move"},
    ),
}


@pytest.mark.parametrize("state", NO_MORE)
def test_an_order_that_is_not_held_any_more_says_what_it_is(
    state: str, shop: System, item: str
) -> None:
    make, status, codes = NO_MORE[state]
    order_id = make(shop, item)
    before = shop.get(order_id)
    answers = {
        "confirm": shop.confirm(order_id),
        "extend": shop.extend(order_id, 60),
        "cancel": shop.cancel(order_id),
    }
    for change, code in codes.items():
        if code is None:
            assert answers[change].status_code == 200
        else:
            problem = problem_in(answers[change], 409, code)
            assert problem["orderStatus"] == status
    if None not in codes.values():
        assert shop.get(order_id).headers["ETag"] == before.headers["ETag"]


# --- If-Match


@pytest.mark.parametrize("change", ["confirm", "extend", "cancel"])
def test_a_change_with_if_match_changes_that_version_alone(
    change: str, shop: System, item: str
) -> None:
    created = shop.hold(item)
    order_id, etag = order_in(created)["_id"], created.headers["ETag"]

    def ask(if_match: str) -> requests.Response:
        path = f"/api/orders/{order_id}/{change}"
        body = {"holdSeconds": 60}
        return shop.request("POST", path, json=body, headers={"If-Match": if_match})

    for other in (
        '"1"',
        '"999"',
        '"nonsense"',
        f"W/{etag}",
        f'{etag}, "1"',
        "\N{LATIN SMALL LETTER U WITH DIAERESIS}",
    ):
        problem = problem_in(ask(other), 412, "precondition_failed")
        assert f'"{problem["version"]}"' == etag
    assert shop.get(order_id).headers["ETag"] == etag
    assert ask(etag).status_code == 200
    assert shop.get(order_id).headers["ETag"] != etag


@pytest.mark.parametrize("change", ["confirm", "extend"])
def test_a_change_with_if_match_star_changes_any_version(
    change: str, shop: System, item: str
) -> None:
    path = f"/api/orders/{held(shop, item)}/{change}"
    body = {"holdSeconds": 60}
    answer = shop.request("POST", path, json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200


def test_a_confirmation_that_is_repeated_with_its_old_etag_is_still_a_200(
    shop: System, item: str
) -> None:
    created = shop.hold(item)
    order_id, old = order_in(created)["_id"], {"If-Match": created.headers["ETag"]}
    first, again = (shop.confirm(order_id, headers=old) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content


def test_an_extension_that_is_repeated_with_its_old_etag_is_a_412(shop: System, item: str) -> None:
    created = shop.hold(item)
    order_id, old = order_in(created)["_id"], {"If-Match": created.headers["ETag"]}
    first, again = (shop.extend(order_id, 60, headers=old) for _ in range(2))
    assert first.status_code == 200
    problem_in(again, 412, "precondition_failed")


# --- listed


@pytest.mark.parametrize(
    ("make", "status"), [(held, "RESERVED"), (expired, "EXPIRED"), (confirmed, "COMPLETED")]
)
def test_orders_are_listed_by_what_became_of_their_hold(
    make: Callable[[System, str], str], status: str, shop: System, item: str
) -> None:
    order_id = make(shop, item)
    for wanted in ("RESERVED", "EXPIRED", "COMPLETED"):
        found = shop.request("GET", "/api/orders", params={"itemId": item, "status": wanted})
        orders = found.json()["orders"]
        assert [order["_id"] for order in orders] == ([order_id] if wanted == status else [])
        assert all(("expiresAt" in order) == (wanted == "RESERVED") for order in orders)
