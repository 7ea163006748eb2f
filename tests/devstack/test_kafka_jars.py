"""Kafka is what the checkout pins, jar for jar, whatever the repository it comes from says."""

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.errors import PartFailed, Unavailable
from devstack.kafka_jars import KAFKA_VERSION, Jar, differences, pinned_jars
from devstack.kafka_runtime import cache_dir, kafka_runtime

SPOILT = next(jar for jar in pinned_jars() if jar.artifact == "kafka-clients")


class MavenRepository:
    """On loopback, with the pinned jars and nothing else: no POM, no list of versions."""

    def __init__(self, folder: Path, libs: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        for jar in pinned_jars():
            self.place_of(jar).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(libs / jar.file_name, self.place_of(jar))
        handler = functools.partial(self._handler(), directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def place_of(self, jar: Jar) -> Path:
        folder = self.folder / jar.group.replace(".", "/") / jar.artifact / jar.version
        return folder / jar.file_name

    def _handler(self) -> type[http.server.SimpleHTTPRequestHandler]:
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                asked.append(self.path.rpartition("/")[2])

        return Handler


@pytest.fixture(scope="session")
def here() -> Path:
    """The jars that this machine has anyway."""
    return kafka_runtime().libs


@pytest.fixture
def repository(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MavenRepository]:
    repository = MavenRepository(tmp_path / "repository", here)
    port = repository.server.server_address[1]
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield repository
    repository.server.shutdown()
    repository.server.server_close()


def test_only_the_pinned_jars_are_downloaded(repository: MavenRepository) -> None:
    runtime = kafka_runtime()

    jars = {jar.file_name for jar in pinned_jars()}
    # jgo asks for the repository's own checksum as well.
    assert set(repository.asked) == jars | {f"{name}.sha1" for name in jars}
    assert {path.name for path in runtime.libs.iterdir()} == jars
    assert SPOILT.version == KAFKA_VERSION


def test_a_jar_of_another_content_is_named_and_no_jar_is_kept(
    repository: MavenRepository, tmp_path: Path
) -> None:
    with repository.place_of(SPOILT).open("ab") as jar:
        jar.write(b"another release under the same name")

    with pytest.raises(Unavailable, match=f"{SPOILT.file_name} has the SHA-256") as refused:
        kafka_runtime()

    assert "KAFKA_BROKER" in str(refused.value)
    assert [p for p in (tmp_path / "cache" / "order-service").iterdir() if p.is_dir()] == []


def test_a_jar_that_the_repository_lacks_is_named(repository: MavenRepository) -> None:
    repository.place_of(SPOILT).unlink()

    with pytest.raises(PartFailed, match=f"{SPOILT.artifact}:jar:{SPOILT.version} not found"):
        kafka_runtime()


def change(libs: Path) -> None:
    (libs / SPOILT.file_name).write_bytes(b"half of it")


def remove(libs: Path) -> None:
    (libs / SPOILT.file_name).unlink()


def add(libs: Path) -> None:
    (libs / "kafka-clients-99.jar").write_bytes(b"newer")


@pytest.mark.parametrize("spoil", [change, remove, add])
@pytest.mark.usefixtures("repository")
def test_a_kept_jar_that_differs_from_its_pin_is_fetched_again(
    spoil: Callable[[Path], None],
) -> None:
    runtime = kafka_runtime()
    spoil(runtime.libs)
    assert any(differences(runtime.libs))

    kafka_runtime()

    assert not any(differences(runtime.libs))


def test_without_a_writable_home_the_jars_are_kept_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc")
    assert cache_dir() == tmp_path / ".data" / "cache"
