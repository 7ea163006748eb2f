"""Orders of 100 lines with all their texts, and commits of 100 of them, on a real MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bson import ObjectId

from order_service.application.orders.list import OrderQuery
from order_service.application.stock.lease import Lease, Primary
from order_service.domain.line import MAX_LINES
from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from tests.orders import CALLER, intent_of, key, largest, later, moved_at, stuck

MANY = 100
LETTER = "\N{EYES}"


def place(number: int) -> Order:
    return largest(LETTER, customer_id="c" * 255, idempotency=key(f"key {number}"))


def test_a_hundred_of_the_largest_orders_are_added_moved_told_listed_and_given_back(
    database: Database,
) -> None:
    repository, outbox = MongoOrderRepository(database), MongoOutbox(database)
    with ThreadPoolExecutor(MANY) as threads:
        added = list(threads.map(repository.add, map(place, range(MANY))))
    done = [moved_at(order, later(1)) for order in added]
    saved = repository.save_all(done)
    assert saved == [order.saved() for order in done]
    told = {event.order_id: event for [event] in outbox.unpublished(MANY)}
    assert told == {order.id: order.new_events[0] for order in done}
    asked = repository.save_all([order.request_cancel(later(2), CALLER) for order in saved])
    back = repository.save_all([moved_at(order, later(3)) for order in asked])
    assert repository.get_many([order.id for order in added]) == back
    page = MongoOrderPages(database).page(OrderQuery(item_id=added[0].item_ids[-1], limit=MANY))
    assert page == sorted(back, key=lambda order: order.id, reverse=True)


def test_a_hundred_of_the_largest_orders_that_share_an_intent_are_stuck_and_read_back(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    added = [repository.add(place(number)) for number in range(MANY)]
    together = tuple(order.id for order in added)
    marked = []
    for order in map(stuck, added):
        assert order.stuck is not None
        assert order.stuck.intent is not None
        intent = replace(order.stuck.intent, order_ids=together)
        marked.append(replace(order, stuck=replace(order.stuck, intent=intent)))
    saved = repository.save_all(marked)
    assert len(saved) == MANY
    found = {order.id: order for order in repository.stuck(MANY)}
    assert [found[order.id] for order in saved] == saved


def test_the_leases_of_a_commit_of_100_items_for_100_orders_are_seen_as_they_were_taken(
    database: Database,
) -> None:
    leases, order = MongoLeaseStore(database, "one", 60), largest()
    together = tuple(str(ObjectId()) for _ in range(MANY))
    *others, last = leases.look(order.item_ids)
    primary = Primary(last.item_id, 1)
    got = leases.acquire_all(others, primary)
    assert got == [Lease(each.item_id, 1, True, None, primary) for each in others]
    intent = replace(intent_of(order), order_ids=together, fence=1)
    assert len(intent.overwrites) == MAX_LINES
    deciding = leases.acquire(last, intent)
    assert deciding == Lease(last.item_id, 1, True, intent)
    held = [lease for lease in (*got, deciding) if lease]
    assert leases.look(order.item_ids) == held
    leases.release(held)
    assert not any(lease.held or lease.is_open for lease in leases.look(order.item_ids))
