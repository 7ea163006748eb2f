import json
import os
from contextlib import asynccontextmanager
from datetime import datetime, timezone

import httpx
from bson import ObjectId
from confluent_kafka import Producer
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from pymongo import AsyncMongoClient


@asynccontextmanager
async def lifespan(app):
    mongo = AsyncMongoClient(os.environ["MONGO_URI"])
    app.state.orders = mongo[os.environ["MONGO_DATABASE"]]["orders"]
    app.state.producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKER"]})
    app.state.inventory = httpx.AsyncClient(
        base_url=os.environ["INVENTORY_SERVICE_URL"], timeout=10, trust_env=False
    )
    await mongo.admin.command("ping")
    yield
    await app.state.inventory.aclose()
    app.state.producer.flush(5)
    await mongo.close()


app = FastAPI(lifespan=lifespan)


class NewOrder(BaseModel):
    itemId: str = Field(pattern="^[0-9a-f]{24}$")
    quantity: int = Field(ge=1)


def public(order):
    return {
        **order,
        "_id": str(order["_id"]),
        "itemId": str(order["itemId"]),
        "createdAt": order["createdAt"].isoformat(),
        "updatedAt": order["updatedAt"].isoformat(),
    }


async def get_item(item_id):
    response = await app.state.inventory.get(f"/api/items/stock/{item_id}")
    if response.status_code == 404:
        raise HTTPException(404, "Item not found")
    response.raise_for_status()
    return response.json()


@app.post("/api/orders/create", status_code=201)
async def create_order(new: NewOrder):
    stock = (await get_item(new.itemId))["stock"]
    if stock < new.quantity:
        raise HTTPException(400, "Insufficient stock")
    price = (await get_item(new.itemId))["price"]
    response = await app.state.inventory.patch(
        f"/api/items/update-stock/{new.itemId}", json={"stock": stock - new.quantity}
    )
    response.raise_for_status()

    now = datetime.now(timezone.utc)
    order = {
        "itemId": ObjectId(new.itemId),
        "quantity": new.quantity,
        "status": "COMPLETED",
        "totalPrice": price * new.quantity,
        "createdAt": now,
        "updatedAt": now,
    }
    await app.state.orders.insert_one(order)
    answer = public(order)
    event = json.dumps({"event": "ORDER_CREATED", "order": answer})
    app.state.producer.produce("order-events", event, answer["_id"])
    app.state.producer.poll(0)
    return {"message": "Order created", "order": answer}


@app.get("/api/orders/{order_id}")
async def get_order(order_id: str):
    order = None
    if ObjectId.is_valid(order_id):
        order = await app.state.orders.find_one({"_id": ObjectId(order_id)})
    if order is None:
        raise HTTPException(404, "Order not found")
    return {"order": public(order)}
