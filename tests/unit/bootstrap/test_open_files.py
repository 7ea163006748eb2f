"""How many connections fit under the limit of open files."""

import resource
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from order_service.bootstrap import master, open_files
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.settings import Settings

SETTINGS = Settings(web_threads=32, mongo_pool_size=64)
BESIDE = open_files.files_beside_connections(SETTINGS)
SetLimit = Callable[[int, int], list[tuple[int, int]]]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> SetLimit:
    """The soft and the hard one; the answer is what was set."""

    def give(soft: int, hard: int) -> list[tuple[int, int]]:
        now = [(soft, hard)]
        monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
        monkeypatch.setattr(resource, "setrlimit", lambda _, new: now.append(new))
        return now

    return give


def test_the_soft_limit_of_open_files_is_raised_as_far_as_it_is_needed(limit: SetLimit) -> None:
    now = limit(256, 1 << 20)
    assert open_files.connections_that_fit(SETTINGS) == 1000
    assert now[-1] == (1000 + BESIDE, 1 << 20)
    assert open_files.shortage(SETTINGS, 1000) is None


@pytest.mark.parametrize(
    "limits", [(1 << 20, 1 << 20), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)]
)
def test_a_limit_of_open_files_that_suffices_stays(
    limits: tuple[int, int], limit: SetLimit
) -> None:
    now = limit(*limits)
    assert open_files.connections_that_fit(SETTINGS) == 1000
    assert now == [limits]


def test_a_hard_limit_of_open_files_that_is_lower_leaves_fewer_connections(limit: SetLimit) -> None:
    limit(512, 1024)
    assert open_files.connections_that_fit(SETTINGS) == 1024 - BESIDE
    assert open_files.shortage(SETTINGS, 1024 - BESIDE) is None


def test_every_connection_that_a_pool_may_keep_is_counted() -> None:
    kept = cast(Any, InventoryHttp(SETTINGS)._client._adapter)._pool.pool.maxsize
    assert SETTINGS.mongo_pool_size + kept < BESIDE


@pytest.mark.parametrize(("wanted", "taken"), [(20, 20), (500, 500), (5000, 1024 - BESIDE)])
def test_no_process_takes_more_connections_than_fit_whatever_the_command_line_says(
    wanted: int, taken: int, limit: SetLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(512, 1024)
    monkeypatch.setattr(master._Master, "settings", SETTINGS)
    monkeypatch.setattr(master._Master, "shared", Shared())
    server = SimpleNamespace(cfg=SimpleNamespace(worker_connections=wanted), WORKERS={})
    worker = SimpleNamespace()
    master.pre_fork(server, worker)
    assert worker.worker_connections == taken


def test_a_limit_of_open_files_that_is_too_low_names_the_settings_to_change(
    limit: SetLimit,
) -> None:
    limit(128, 128)
    connections = open_files.connections_that_fit(SETTINGS)
    assert connections == SETTINGS.web_threads
    told = open_files.shortage(SETTINGS, connections)
    assert told is not None
    for named in ("128 files", "WEB_THREADS=32", "MONGO_POOL_SIZE=64"):
        assert named in told
