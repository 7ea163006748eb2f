"""The banner that a person sees once everything is ready."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from devstack.stack import Stack

_LABELS = {
    "INVENTORY_SERVICE_URL": "Inventory",
    "KAFKA_BROKER": "Kafka",
    "MONGO_URI": "MongoDB",
}

# A token of the development key set; another issuer's token goes in its place.
_TOKEN = "TOKEN=$(.venv/bin/order-service dev-token --sub alice)"  # noqa: S105
_FOR_THE_PAGE = ".venv/bin/order-service dev-token --sub me --scope 'orders:admin stock:read'"
_BEARER = '-H "Authorization: Bearer $TOKEN"'


@dataclass(frozen=True)
class Item:
    """A row of the banner's table."""

    item_id: str
    name: str
    stock: int
    price: float


def banner(stack: Stack, seconds: float) -> str:
    """Addresses, items, and lines that work when pasted."""
    items = _items(stack)
    blocks = [
        f"Ready after {seconds:.1f} s.",
        _addresses(stack),
        _table(items),
        _lines(stack, items),
    ]
    return "\n" + "\n\n".join([*(block for block in blocks if block), "Ctrl-C stops everything."])


def _addresses(stack: Stack) -> str:
    api = stack.configuration.api_url
    rows = [
        ("Page", f"{api}/", "(open it in a browser)"),
        ("API", api, f"(its documentation: {api}/docs)"),
    ]
    for setting, label in _LABELS.items():
        kind = "embedded" if setting in stack.embedded else f"from {setting}"
        if setting == "INVENTORY_SERVICE_URL":
            kind += f", contract: {stack.configuration.contract}"
        rows.append((label, _without_secrets(stack.addresses[setting]), f"({kind})"))
    rows.append(("Data", f"{stack.data_dir}/", f"(logs in {stack.data_dir / 'logs'}/)"))
    return "\n".join(f"  {label:<10} {value}  {note}".rstrip() for label, value, note in rows)


def _without_secrets(address: str) -> str:
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address
    return parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]).geturl()


def _items(stack: Stack) -> list[Item]:
    # Somebody else's inventory may have no list of its items.
    if "INVENTORY_SERVICE_URL" not in stack.embedded:
        return []
    url = f"{stack.addresses['INVENTORY_SERVICE_URL']}/api/items"
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - the URL is the embedded part's
        found: list[dict[str, Any]] = json.load(answer)["items"]
    return [Item(i["_id"], i["name"], i["stock"], i["price"]) for i in found]


def _table(items: list[Item]) -> str:
    if not items:
        return ""
    widest = max(len(item.name) for item in items)
    head = f"  {'Item':<24}  {'':<{widest}}  {'Stock':>7}  {'Price':>8}"
    rows = (
        f"  {item.item_id:<24}  {item.name:<{widest}}  {item.stock:>7}  {item.price:>8.2f}"
        for item in items
    )
    return "\n".join([head, *rows])


def _lines(stack: Stack, items: list[Item]) -> str:
    api = stack.configuration.api_url
    sold = [item.item_id for item in items if item.stock > 0]
    has_two = len(sold) > 1
    item_id, other_id = sold[:2] if has_two else ("ITEM_ID", "OTHER_ID")
    intro = "Try it:" if has_two else "Try it, with the ids of two items for ITEM_ID and OTHER_ID:"
    tokens = stack.configuration.asks_for_tokens
    curl = f"curl -s {_BEARER}" if tokens else "curl -s"
    post = f"{curl} {api}/api/orders/create -H 'Content-Type: application/json' -d"
    line = {"itemId": item_id, "quantity": 1}
    basket = {"items": [line, {"itemId": other_id, "quantity": 1}], "reference": "2026-17"}
    newest_id = """$(echo "$order" | sed 's/.*"_id": *"\\([^"]*\\)".*/\\1/')"""
    return "\n".join(
        [
            intro,
            *([f"  {_TOKEN}"] if tokens else []),
            f"  order=$({post} '{json.dumps(line)}'); echo \"$order\"",
            f"  {curl} {api}/api/orders/{newest_id}",
            f"  {post} '{json.dumps(basket)}'",
            f"  {curl} '{api}/api/stock-changes?itemId={item_id}'",
            *([f"  {_FOR_THE_PAGE}   # a token for the page"] if tokens else []),
        ]
    )
