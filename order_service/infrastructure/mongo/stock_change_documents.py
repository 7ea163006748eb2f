"""A stock change as MongoDB holds it, and the mapping both ways: the only place that knows the
names."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import bson
from bson import DBRef, ObjectId
from bson.codec_options import CodecOptions
from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
    LongField,
    ObjectIdField,
    StringField,
)

from order_service.application.stock_log.changes import LoggedStockChange, StockChange

EVENT: Final = "STOCK_UPDATED"
_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class SourceDocument(EmbeddedDocument):
    topic = StringField()
    partition = LongField()
    offset = LongField()


class StockChangeDocument(Document):
    """``contradictory`` is there only when it is true.

    Ids grow with ``createdAt``, so each index that ends in the id serves newest-first pages.
    """

    id = ObjectIdField(primary_key=True)
    event = StringField()
    item_id = StringField(db_field="itemId")
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    change_type = StringField(db_field="changeType")
    change_amount = LongField(db_field="changeAmount")
    updated_at = DateTimeField(db_field="updatedAt")
    contradictory = BooleanField()
    payload = DictField()
    source = EmbeddedDocumentField(SourceDocument)
    created_at = DateTimeField(db_field="createdAt")

    meta = {  # noqa: RUF012  (MongoEngine's own shape)
        "collection": "stock_changes",
        "indexes": [
            {
                "name": "one_for_each_record",
                "fields": ["source.topic", "source.partition", "source.offset"],
                "unique": True,
            },
            {"name": "of_an_item", "fields": ["item_id", "change_type", "-id"]},
            {"name": "of_a_type", "fields": ["change_type", "-id"]},
        ],
    }


def to_document(change: StockChange, entry_id: ObjectId, created_at: datetime) -> dict[str, Any]:
    """A plain document, for a bulk write: MongoEngine would take most of its time."""
    document = {
        "_id": entry_id,
        "event": EVENT,
        "itemId": change.item_id,
        "previousStock": change.previous_stock,
        "newStock": change.new_stock,
        "changeType": change.change_type,
        "changeAmount": change.change_amount,
        "updatedAt": change.updated_at,
        "payload": change.payload,
        "source": {
            "topic": change.topic,
            "partition": change.partition,
            "offset": change.offset,
        },
        "createdAt": created_at,
    }
    if change.contradictory:
        document["contradictory"] = True
    return document


def decoded(raw: bytes) -> dict[str, Any]:
    """As it was stored. The driver takes objects with $ref and $id for references of its own."""
    document = bson.decode(raw, _CODEC)
    return cast(dict[str, Any], _plain(document)) if b"$ref\0" in raw else document


def _plain(value: Any) -> Any:
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def to_logged(document: Mapping[str, Any]) -> LoggedStockChange:
    source = document["source"]
    change = StockChange(
        topic=source["topic"],
        partition=source["partition"],
        offset=source["offset"],
        item_id=document["itemId"],
        previous_stock=document["previousStock"],
        new_stock=document["newStock"],
        change_type=document["changeType"],
        change_amount=document["changeAmount"],
        updated_at=document["updatedAt"],
        payload=document["payload"],
        contradictory=document.get("contradictory", False),
    )
    return LoggedStockChange(str(document["_id"]), change, document["createdAt"])
