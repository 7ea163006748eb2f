"""The sample Inventory Service's HTTP: both contracts, on one port."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import Flask, request
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from devstack.inventory.operations import Answer, Kind, NotEnough, Operations
from devstack.inventory.publisher import NotPublished, iso
from devstack.inventory.store import Document, ItemNotFound, ItemStore, StockChange

_MOST = 2**31 - 1
Publish = Callable[[StockChange], None]
Reply = tuple[Document, int]


class BadBody(Exception):
    """The text names the field, and the values it may have."""


def create_app(store: ItemStore, publish: Publish) -> Flask:
    app = Flask("sample-inventory")
    _add_error_answers(app)
    _add_items(app, store)
    _add_absolute_contract(app, store, publish)
    _add_conditional_contract(app, Operations(store), publish)
    return app


def _add_error_answers(app: Flask) -> None:
    def failed(error: Exception) -> Reply:
        app.logger.error("%s: %s", type(error).__name__, error)
        return {"message": str(error)}, 500

    app.register_error_handler(BadBody, lambda error: ({"message": str(error)}, 400))
    app.register_error_handler(ItemNotFound, lambda _: ({"message": "Item not found"}, 404))
    app.register_error_handler(NotEnough, lambda error: ({"stock": error.stock}, 409))
    app.register_error_handler(HTTPException, lambda e: ({"message": e.description}, e.code or 500))
    # The change is saved by then; a shop's own inventory answers 500 as well.
    app.register_error_handler(NotPublished, failed)
    app.register_error_handler(PyMongoError, failed)


def _add_items(app: Flask, store: ItemStore) -> None:
    @app.get("/health")
    def health() -> Reply:
        store.ping()
        return {"status": "ok"}, 200

    @app.get("/api/items")
    def items() -> Reply:
        return {"items": [_public(item) for item in store.all()]}, 200

    @app.post("/api/items/add")
    def add_item() -> Reply:
        body = _body()
        item = store.add(
            _text(body, "name"), _text(body, "description"), _price(body), _whole(body, "stock", 0)
        )
        return {"message": "Item added", "item": _public(item)}, 201


def _add_absolute_contract(app: Flask, store: ItemStore, publish: Publish) -> None:
    @app.get("/api/items/stock/<item_id>")
    def stock(item_id: str) -> Reply:
        item = store.get(item_id)
        return {name: item[name] for name in ("name", "description", "stock", "price")}, 200

    @app.patch("/api/items/update-stock/<item_id>")
    def update_stock(item_id: str) -> Reply:
        change = store.overwrite_stock(item_id, _whole(_body(), "stock", 0))
        if change.previous_stock != change.item["stock"]:
            publish(change)
        return {"message": "Stock updated", "item": _public(change.item)}, 200


def _add_conditional_contract(app: Flask, operations: Operations, publish: Publish) -> None:
    def apply(kind: Kind, item_id: str) -> Reply:
        body = _body()
        operation_id, quantity = _text(body, "operationId"), _whole(body, "quantity", 1)
        answer: Answer = operations.apply(kind, item_id, operation_id, quantity)
        if answer.change:
            publish(answer.change)
        return {"stock": answer.stock, "price": answer.price}, 200

    @app.post("/api/items/deduct-stock/<item_id>")
    def deduct_stock(item_id: str) -> Reply:
        return apply("deduct", item_id)

    @app.post("/api/items/restore-stock/<item_id>")
    def restore_stock(item_id: str) -> Reply:
        return apply("restore", item_id)


def _public(item: Document) -> Document:
    hidden = {"operations", "generation"}
    return {name: _plain(value) for name, value in item.items() if name not in hidden}


def _plain(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value)
    return iso(value) if isinstance(value, datetime) else value


def _body() -> Document:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadBody("The body must be a JSON object")
    return body


def _whole(body: Document, name: str, least: int) -> int:
    value = body.get(name)
    if type(value) is not int or not least <= value <= _MOST:
        raise BadBody(f"{name} must be a whole number from {least} to {_MOST}")
    return value


def _text(body: Document, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 200:
        raise BadBody(f"{name} must be a text of 1 to 200 characters")
    return value


def _price(body: Document) -> float:
    value: Any = body.get("price")
    # The comparison is false for NaN too, which Python's JSON lets in.
    if type(value) not in (int, float) or not 0 <= value <= _MOST:
        raise BadBody("price must be a number, 0 or more")
    return float(value)
