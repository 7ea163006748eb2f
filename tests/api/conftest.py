"""A service that is open, and one that asks for tokens, on the same parts."""

from collections.abc import Iterator

import pytest

from tests.api.issuer import Issuer
from tests.system import Parts, System

ONE_PROCESS = {"WEB_WORKERS": "1"}


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def open_system(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(parts, tmp_path_factory.mktemp("open"), ONE_PROCESS, workers=0) as system:
        yield system


@pytest.fixture(scope="session")
def guarded_system(
    parts: Parts, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("guarded")
    with System(parts, folder, ONE_PROCESS | issuer.settings(folder), workers=0) as system:
        yield system


# Far more than a test sends, so that the limit's headers come and nobody is turned away.
_COUNTED = {"RATE_LIMIT_WRITES": "100000 per hour"}
_HOLDS = ONE_PROCESS | {
    "MAX_HOLD_SECONDS": "3600",
    "MAX_HOLDS_PER_CALLER": "2",
    "CACHE_TTL_SECONDS": "0",
}


@pytest.fixture(scope="session")
def shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An open service that holds orders for an hour at most, with a worker that expires them."""
    with System(parts, tmp_path_factory.mktemp("shop"), _HOLDS) as system:
        yield system


@pytest.fixture(scope="session")
def guarded_shop(
    parts: Parts, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """The same for bearers of tokens, each of whom may hold two orders at a time."""
    folder = tmp_path_factory.mktemp("guarded-shop")
    with System(parts, folder, _HOLDS | _COUNTED | issuer.settings(folder)) as system:
        yield system
