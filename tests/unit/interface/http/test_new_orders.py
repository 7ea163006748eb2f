"""What the body of a request for a new order may say, and when two bodies ask for the same."""

import hashlib
import json
from typing import Any

import pytest

from order_service.application.callers import ANYBODY, Caller
from order_service.application.orders.create import CreateOrderCommand
from order_service.domain.errors import InvalidValue
from order_service.domain.line import MAX_LINES, MAX_QUANTITY, Line
from order_service.domain.marks import IdempotencyKey
from order_service.interface.http.new_orders import CreateOrderBody
from order_service.interface.http.samples import BODIES

ITEM, OTHER, THIRD = "a1" * 12, "b2" * 12, "c3" * 12
SHORT_FORM = {"itemId": ITEM, "quantity": 1}
UNUSUAL = {
    "a line end": "two\nlines",
    "NUL": "a\0b",
    "from right to left": "\N{RIGHT-TO-LEFT OVERRIDE}",
    "the longest": "\N{SNOWMAN}" * 500,
    "none": "",
}


def line(item: str = ITEM, quantity: Any = 1) -> dict[str, Any]:
    return {"itemId": item, "quantity": quantity}


def refusal(body: dict[str, Any]) -> InvalidValue:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse(body)
    return invalid.value


def bad_fields(body: dict[str, Any]) -> list[str]:
    return [field for field, _ in refusal(body).problems]


def command_of(body: dict[str, Any]) -> CreateOrderCommand:
    return CreateOrderBody.parse(body).command(ANYBODY, None)


# --- the short form


@pytest.mark.parametrize("quantity", [1, 2, MAX_QUANTITY])
def test_the_short_form_of_a_body_is_an_item_and_a_whole_number(quantity: int) -> None:
    body = {"itemId": ITEM.upper(), "quantity": quantity, "more": []}
    assert command_of(body) == CreateOrderCommand([Line(ITEM, quantity)])


@pytest.mark.parametrize("quantity", [True, False, "1", 1.0, 1.5, 0, -1, MAX_QUANTITY + 1, None])
def test_a_quantity_is_taken_strictly(quantity: Any) -> None:
    assert bad_fields(line(quantity=quantity)) == ["quantity"]
    assert bad_fields({"items": [line(), line(OTHER, quantity)]}) == ["items[1].quantity"]


@pytest.mark.parametrize(
    "item", ["", "a" * 23, "a" * 25, "g" * 24, " " + "a" * 23, ITEM + "\n", 1, b"a" * 24, None]
)
def test_an_item_is_24_hexadecimal_digits(item: Any) -> None:
    assert bad_fields(line(item)) == ["itemId"]
    assert bad_fields({"items": [line(), line(item)]}) == ["items[1].itemId"]


def test_every_bad_field_of_the_short_form_is_named_at_once() -> None:
    refused = refusal({})
    assert [field for field, _ in refused.problems] == ["itemId", "quantity"]
    assert "itemId: " in refused.message
    assert "quantity: " in refused.message


def test_a_refusal_of_an_orders_body_does_not_repeat_the_values() -> None:
    odd = "<script>"
    texts = {"reference": odd + "\n", "metadata": {"name": odd * 99}}
    for body in (line(odd, odd) | texts, {"items": [line(odd, odd), odd], **texts}):
        refused = refusal(body)
        assert odd not in json.dumps([refused.message, refused.problems])


# --- baskets


def test_the_lines_of_a_basket_stay_in_their_order() -> None:
    body = {"items": [line(THIRD, 2), line(ITEM.upper(), 3), line(OTHER, MAX_QUANTITY - 5)]}
    assert command_of(body).lines == [Line(THIRD, 2), Line(ITEM, 3), Line(OTHER, MAX_QUANTITY - 5)]


def test_a_basket_may_have_as_many_lines_as_an_order_can_have_and_no_more() -> None:
    lines = [line(f"{number:024x}") for number in range(MAX_LINES + 1)]
    assert len(command_of({"items": lines[:MAX_LINES]}).lines) == MAX_LINES
    assert bad_fields({"items": lines}) == ["items"]


@pytest.mark.parametrize("items", [[], None, {}, "a text", 1, line(), [None] * 30_000])
def test_items_that_are_no_list_of_lines_are_refused_as_a_whole(items: Any) -> None:
    assert bad_fields({"items": items}) == ["items"]


@pytest.mark.parametrize("other", [None, 1, "a text", [], [line()], True])
def test_a_line_that_is_no_object_is_named_by_its_place(other: Any) -> None:
    refused = refusal({"items": [line(), other, line(OTHER), other]})
    assert refused.problems == (
        ("items[1]", "must be an object"),
        ("items[3]", "must be an object"),
    )


@pytest.mark.parametrize("value", [None, ITEM, 1])
@pytest.mark.parametrize("names", [["itemId"], ["quantity"], ["itemId", "quantity"]])
def test_both_forms_at_once_are_refused(names: list[str], value: Any) -> None:
    assert bad_fields({"items": [line()], **dict.fromkeys(names, value)}) == names


def test_items_that_are_null_are_refused_beside_the_short_form_too() -> None:
    assert bad_fields({**SHORT_FORM, "items": None}) == ["items", "itemId", "quantity"]


def test_an_item_that_is_in_a_basket_twice_is_named_with_both_places() -> None:
    body = {"items": [line(), line(OTHER), line(ITEM.upper()), line(OTHER), line()]}
    assert refusal(body).problems == (
        ("items[2].itemId", "is the item of items[0] too: add the quantities up"),
        ("items[3].itemId", "is the item of items[1] too: add the quantities up"),
        ("items[4].itemId", "is the item of items[0] too: add the quantities up"),
    )


@pytest.mark.parametrize("item", ["1", "", None, 1, [[]]])
def test_a_line_without_a_good_item_repeats_no_other_line(item: Any) -> None:
    lines = [line(item), {"quantity": 1}, line(item)]
    assert bad_fields({"items": lines}) == [f"items[{number}].itemId" for number in range(3)]


def test_quantities_that_are_too_many_in_all_are_refused_though_each_is_good() -> None:
    assert bad_fields({"items": [line(ITEM, MAX_QUANTITY), line(OTHER, 1)]}) == ["items"]


def test_every_bad_field_of_a_basket_is_named_at_once() -> None:
    body = {
        "itemId": ITEM,
        "items": [line(), line(OTHER, 0), {}, "no line", line(THIRD), line(), line("?", "?")],
        "reference": "",
        "metadata": {"good": "text", "bad": 1},
        "holdSeconds": 0,
    }
    assert set(bad_fields(body)) == {
        "itemId",
        "items[1].quantity",
        "items[2].itemId",
        "items[2].quantity",
        "items[3]",
        "items[5].itemId",
        "items[6].itemId",
        "items[6].quantity",
        "reference",
        "metadata.bad",
        "holdSeconds",
    }


# --- reference and metadata


@pytest.mark.parametrize("reference", ["1", "2026-000017", "Nr. 17 / ä", "\N{SNOWMAN}" * 64])
def test_a_reference_is_up_to_64_printable_characters(reference: str) -> None:
    assert command_of({**SHORT_FORM, "reference": reference}).reference == reference


@pytest.mark.parametrize(
    "reference",
    [
        *("", " ", "x" * 65, "a\nb", "a\tb", "a\0", "\x7f", "\ud800", "\N{RIGHT-TO-LEFT OVERRIDE}"),
        *(17, True, ["17"], {}),
    ],
)
@pytest.mark.parametrize("form", [SHORT_FORM, {"items": [SHORT_FORM]}])
def test_a_reference_of_anything_else_is_refused(form: dict[str, Any], reference: Any) -> None:
    assert bad_fields({**form, "reference": reference}) == ["reference"]


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_metadata_may_be_any_text(text: str) -> None:
    for metadata in ({"name": text}, {text[:40] or " ": "value"}):
        assert command_of({**SHORT_FORM, "metadata": metadata}).metadata == metadata


def test_metadata_are_up_to_20_texts() -> None:
    texts = {f"{number}": "" for number in range(21)}
    assert bad_fields({**SHORT_FORM, "metadata": texts}) == ["metadata"]
    del texts["0"]
    assert command_of({**SHORT_FORM, "metadata": texts}).metadata == texts


@pytest.mark.parametrize("metadata", ["text", [], [["name", "text"]], 1, True])
def test_metadata_that_are_no_object_are_refused(metadata: Any) -> None:
    assert bad_fields({**SHORT_FORM, "metadata": metadata}) == ["metadata"]


@pytest.mark.parametrize("text", [None, 1, True, [], {}, {"nested": "text"}, "x" * 501, "\ud800"])
def test_a_text_of_metadata_that_is_none_is_named(text: Any) -> None:
    body = {**SHORT_FORM, "metadata": {"good": "", "bad": text}}
    assert bad_fields(body) == ["metadata.bad"]


@pytest.mark.parametrize("name", ["", "x" * 41, "x" * 65_536, "\ud800", "[key]" * 9])
def test_a_bad_name_in_metadata_is_refused_and_repeated_in_part_alone(name: str) -> None:
    [(field, reason)] = refusal({**SHORT_FORM, "metadata": {name: "text"}}).problems
    assert field.startswith("metadata.")
    assert len(field) <= len("metadata.") + 40
    assert reason.startswith("the name: ")


def test_a_refusal_is_short_however_many_texts_are_bad() -> None:
    texts = dict.fromkeys(map(str, range(9000)))
    assert len(refusal({**SHORT_FORM, "metadata": texts}).message) < 100


@pytest.mark.parametrize("form", [SHORT_FORM, {"items": [SHORT_FORM]}])
@pytest.mark.parametrize("none", [{"reference": None}, {"metadata": None}, {"metadata": {}}])
def test_a_reference_and_metadata_may_be_empty(form: dict[str, Any], none: dict[str, Any]) -> None:
    assert command_of({**form, **none}) == CreateOrderCommand([Line(ITEM, 1)])


# --- holdSeconds

FORMS = [SHORT_FORM, {"items": [SHORT_FORM]}]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seconds", [1, 900, 31_536_000])
def test_an_order_may_be_held_for_a_whole_number_of_seconds(
    form: dict[str, Any], seconds: int
) -> None:
    assert command_of({**form, "holdSeconds": seconds}).hold_seconds == seconds
    assert command_of(form).hold_seconds is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "seconds",
    [0, -1, 1.5, 60.0, True, False, "60", "", None, [], [60], {}, 31_536_001, 2**63, 10**400],
    ids=lambda seconds: str(seconds)[:9] or "nothing",
)
def test_hold_seconds_of_anything_else_are_refused(form: dict[str, Any], seconds: Any) -> None:
    assert bad_fields({**form, "holdSeconds": seconds}) == ["holdSeconds"]


def test_a_null_for_hold_seconds_is_told_how_an_order_is_sold_at_once() -> None:
    [(_, reason)] = refusal({**SHORT_FORM, "holdSeconds": None}).problems
    assert reason == "must be a whole number; leave it out to sell the order at once"


# --- the command


def test_the_command_has_the_customer_and_the_key_with_the_bodys_fingerprint() -> None:
    body = CreateOrderBody.parse(SHORT_FORM)
    command = body.command(Caller("alice", frozenset()), "a key")
    assert command.customer_id == "alice"
    assert command.idempotency == IdempotencyKey("alice", "a key", body.fingerprint())


@pytest.mark.parametrize("sample", BODIES["CreateOrderBody"].values())
def test_the_bodies_that_the_document_shows_are_good(sample: dict[str, Any]) -> None:
    assert command_of(sample["value"]).lines


# --- fingerprints


def fingerprint(body: dict[str, Any]) -> str:
    return CreateOrderBody.parse(body).fingerprint()


def test_the_fingerprint_of_the_short_form_is_that_of_the_releases_before_baskets() -> None:
    stored = fingerprint(line(ITEM.upper(), 3))
    assert stored == hashlib.sha256(f"{ITEM} 3".encode()).hexdigest()
    assert stored == "20019336fdbed836c22dfc8b1dd335e536c43ef58ded5e8fa68bf4abdb1a112a"


MORE = {"reference": "17", "metadata": {"a": "1", "b": "2"}}
THE_SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (line(), {"items": [line()]}),
    (line(), {"items": [line(ITEM.upper())], "unknown": 1}),
    (line(), {**line(), "reference": None, "metadata": {}}),
    ({"items": [line(), line(OTHER, 2)]}, {"items": [line(OTHER, 2), line()]}),
    ({**line(), **MORE}, {"items": [line()], **MORE}),
    ({**line(), "holdSeconds": 60}, {"items": [line(ITEM.upper())], "holdSeconds": 60}),
    ({**line(), **MORE}, {**line(), **MORE, "metadata": {"b": "2", "a": "1"}}),
]
DIFFERENT: list[dict[str, Any]] = [
    line(),
    line(ITEM, 2),
    line(OTHER),
    {"items": [line(), line(OTHER)]},
    {"items": [line(ITEM, 2), line(OTHER)]},
    {"items": [line(), line(OTHER, 2)]},
    {"items": [line(), line(OTHER), line(THIRD)]},
    {**line(), "reference": "17"},
    {**line(), "reference": "18"},
    {**line(), "holdSeconds": 60},
    {**line(), "holdSeconds": 61},
    {**line(), "holdSeconds": 60, "reference": "17"},
    {**line(), "metadata": {"reference": "17"}},
    {**line(), "metadata": {"holdSeconds": "60"}},
    {**line(), "metadata": {"a": "1"}},
    {**line(), "metadata": {"a": "1", "b": "2"}},
    {**line(), "metadata": {"a": "2", "b": "1"}},
    {**line(), "metadata": {"a": "1, b: 2"}},
    {**line(), **MORE},
    {"items": [line(), line(OTHER)], **MORE},
]


@pytest.mark.parametrize(("one", "other"), THE_SAME)
def test_two_bodies_that_ask_for_the_same_order_have_one_fingerprint(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize("form", FORMS)
def test_the_fingerprint_of_an_order_that_is_sold_at_once_is_that_of_the_releases_before_holds(
    form: dict[str, Any],
) -> None:
    stored = "b3df9128a518839e3ba8561aa78a50efa96d61c834d5baef5e510f75322e1297"
    assert fingerprint({**form, **MORE}) == stored


def test_bodies_that_ask_for_different_orders_have_different_fingerprints() -> None:
    assert len({fingerprint(body) for body in DIFFERENT}) == len(DIFFERENT)
