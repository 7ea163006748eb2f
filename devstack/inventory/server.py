"""What gunicorn loads: the sample Inventory Service, set up from its environment."""

import os

from flask import Flask
from pymongo import MongoClient

from devstack.inventory.app import create_app
from devstack.inventory.publisher import StockPublisher
from devstack.inventory.store import Document, ItemStore


def app_from_environment() -> Flask:
    """Called in each worker, after the fork. Reads MONGO_URI and KAFKA_BROKER."""
    client: MongoClient[Document] = MongoClient(
        os.environ["MONGO_URI"], serverSelectionTimeoutMS=3000, appname="sample-inventory"
    )
    store = ItemStore(client, os.environ.get("INVENTORY_DATABASE", "inventory"))
    store.seed()
    topic = os.environ.get("INVENTORY_TOPIC", "stock_updates")
    return create_app(store, StockPublisher(os.environ["KAFKA_BROKER"], topic).publish)
