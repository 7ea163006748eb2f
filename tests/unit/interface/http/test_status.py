"""How the status of the whole service, and its last hour, are shown."""

from datetime import timedelta
from math import inf
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Caller, Scope
from order_service.application.overview.backlog import Backlog
from order_service.application.overview.read_last_hour import LastHour
from order_service.application.overview.read_status import Status
from order_service.application.overview.samples import Counted, Sample
from order_service.application.overview.workers import PartitionLag, SeenWorker
from order_service.application.readiness import DependencyState
from order_service.domain.errors import StoreUnavailable
from order_service.interface.http.app import create_app
from tests.orders import later
from tests.use_cases import only

WORKER = SeenWorker(
    "host:1:abc",
    "0.3.0",
    later(0),
    later(60),
    True,
    [
        DependencyState("kafka", True, "It is away.", later(30)),
        DependencyState("store", True, None),
    ],
    [PartitionLag("stock-updates", 3, 7)],
)
STATUS = Status(
    later(61),
    [DependencyState("inventory", False, "It is away.", later(30))],
    [WORKER],
    Backlog(1, 0, 2.5, 3, 4.5, 5, 6),
)
AWAY = Status(later(61), [DependencyState("store", True, "It is away.", later(30))], None, None)
HOUR = LastHour(
    later(0),
    later(3600),
    [
        Sample(later(15), Counted({"completed": 2}, {0.1: 0, 0.5: 10, inf: 0})),
        Sample(later(30), Counted({"expired": 1}, {})),
    ],
)
ADMIN = Caller("admin", frozenset({Scope.ORDERS_ADMIN}))
ALL_BUT_ADMIN = Caller("alice", frozenset(Scope) - {Scope.ORDERS_ADMIN})


def client(caller: Caller = ADMIN, **use_cases: Any) -> FlaskClient:
    return create_app(only(**use_cases), lambda _: caller).test_client()


def get(path: str, client: FlaskClient) -> Any:
    return client.get(path, headers={"Authorization": "Bearer x"})


def test_the_status_shows_dependencies_workers_and_backlog() -> None:
    answer = get("/api/status", client(read_status=lambda: STATUS))
    since = "2026-01-02T03:04:35.678Z"
    assert answer.status_code == 200
    assert answer.json == {
        "at": "2026-01-02T03:05:06.678Z",
        "dependencies": {
            "inventory": {
                "status": "unavailable",
                "required": False,
                "detail": "It is away.",
                "since": since,
            }
        },
        "workers": [
            {
                "id": "host:1:abc",
                "version": "0.3.0",
                "startedAt": "2026-01-02T03:04:05.678Z",
                "seenAt": "2026-01-02T03:05:05.678Z",
                "alive": True,
                "dependencies": {
                    "kafka": {"status": "unavailable", "detail": "It is away.", "since": since},
                    "store": {"status": "ok"},
                },
                "partitions": [{"topic": "stock-updates", "partition": 3, "lag": 7}],
            }
        ],
        "backlog": {
            "ordersPending": 1,
            "ordersStuck": 0,
            "oldestPendingSeconds": 2.5,
            "eventsUnpublished": 3,
            "oldestUnpublishedSeconds": 4.5,
            "ordersHeld": 5,
            "holdsOverdue": 6,
            "most": 10_000,
        },
    }


def test_while_the_store_is_away_the_status_is_200_without_workers_and_backlog() -> None:
    answer = get("/api/status", client(read_status=lambda: AWAY))
    assert answer.status_code == 200
    assert (answer.json["workers"], answer.json["backlog"]) == (None, None)
    assert answer.json["dependencies"]["store"]["status"] == "unavailable"


def test_the_last_hour_shows_each_slot_with_outcomes_and_the_percentiles_of_creates() -> None:
    answer = get("/api/status/last-hour", client(read_last_hour=lambda: HOUR))
    assert answer.status_code == 200
    assert answer.json == {
        "from": "2026-01-02T03:04:05.678Z",
        "to": "2026-01-02T04:04:05.678Z",
        "slotSeconds": 15,
        "slots": [
            {
                "at": "2026-01-02T03:04:20.678Z",
                "orders": {"completed": 2},
                "creates": {"count": 10, "p50": 0.3, "p99": 0.496},
            },
            {
                "at": "2026-01-02T03:04:35.678Z",
                "orders": {"expired": 1},
                "creates": {"count": 0, "p50": None, "p99": None},
            },
        ],
    }
    assert HOUR.ended - HOUR.began == timedelta(hours=1)


def test_the_last_hour_is_503_while_the_store_is_away() -> None:
    away = Mock(side_effect=StoreUnavailable("The order store can't be reached."))
    answer = get("/api/status/last-hour", client(read_last_hour=away))
    assert (answer.status_code, answer.json["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize("path", ["/api/status", "/api/status/last-hour"])
def test_only_an_admin_sees_the_status(path: str) -> None:
    answer = get(path, client(ALL_BUT_ADMIN))
    assert (answer.status_code, answer.json["code"]) == (403, "missing_scope")
