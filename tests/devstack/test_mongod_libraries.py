"""The embedded MongoDB starts on a machine with nothing but Python, which has no libcurl."""

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest

from devstack import mongod_libraries
from devstack.errors import Unavailable
from devstack.mongod import Mongod

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere mongod needs no libcurl")


@pytest.fixture
def bare_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongod_libraries, "_system_has_it", lambda: False)


@pytest.mark.usefixtures("bare_system")
def test_mongodb_runs_on_the_libcurl_of_a_wheel(tmp_path: Path) -> None:
    with Mongod(tmp_path) as mongo:
        assert "pycurl.libs/libcurl" in Path(f"/proc/{mongo.pid}/maps").read_text()
        mongo.kill()
        mongo.start()
        assert mongo.is_primary()


@pytest.mark.usefixtures("bare_system")
def test_without_any_libcurl_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(mongod_libraries, "distribution", not_installed)
    with pytest.raises(Unavailable, match="apt-get install libcurl4"):
        mongod_libraries.environment(tmp_path)


def test_a_system_that_has_libcurl_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongod_libraries, "_system_has_it", lambda: True)
    mongod_libraries.environment(tmp_path)
    assert list(tmp_path.iterdir()) == []
