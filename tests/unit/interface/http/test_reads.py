"""GET /api/orders/<id>: one path, whether tokens are asked for or not."""

from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.domain.errors import OrderNotFound, StoreUnavailable
from order_service.domain.order import Order
from order_service.interface.http.app import create_app
from tests.orders import completed
from tests.use_cases import only

ORDER = completed(id="b" * 24)
PATH = f"/api/orders/{ORDER.id}"
READER = Caller("alice", frozenset({Scope.ORDERS_READ}))
TOKEN = {"Authorization": "Bearer -"}


def client_of(get_order: Mock, authenticate: Authenticate | None = None) -> FlaskClient:
    return create_app(only(get_order=get_order), authenticate).test_client()


@pytest.mark.parametrize(("authenticate", "whose"), [(None, None), (lambda _: READER, "alice")])
def test_reading_an_order_tells_the_use_case_whose_order_it_must_be(
    authenticate: Authenticate | None, whose: str | None
) -> None:
    get_order = Mock(return_value=ORDER)
    answer = client_of(get_order, authenticate).get(PATH, headers=TOKEN)
    assert (answer.status_code, answer.get_json()["order"]["_id"]) == (200, ORDER.id)
    assert get_order.call_args_list == [((ORDER.id, whose),)]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ORDER, 200),
        (OrderNotFound(ORDER.id), 404),
        (StoreUnavailable("No primary."), 503),
        (RuntimeError("a defect"), 500),
    ],
    ids=lambda given: type(given).__name__,
)
def test_reading_an_order_answers_each_outcome_with_its_status(
    outcome: Order | Exception, status: int
) -> None:
    answer = client_of(Mock(side_effect=[outcome])).get(PATH)
    assert answer.status_code == status
